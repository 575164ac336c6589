//! Passphrases: what one is, and where it may come from.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::error::KeyringError;

/// Longest passphrase, bytes.
pub const PASSPHRASE: usize = 1024;

/// A file that a passphrase seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedFile {
    /// The keyring of a node.
    Keyring,
    /// A backup of a keyring.
    Backup,
    /// The root key.
    Root,
}

impl SealedFile {
    /// The environment variable that may hold this file's passphrase. Each file has its own, so that one passphrase is not used for all
    /// of them by accident. An environment is readable by the same user's other processes; a file is better.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Keyring => "SUYUAN_PASSPHRASE",
            Self::Backup => "SUYUAN_BACKUP_PASSPHRASE",
            Self::Root => "SUYUAN_ROOT_PASSPHRASE",
        }
    }

    const fn prompt(self) -> &'static str {
        match self {
            Self::Keyring => "密钥环口令 Passphrase of the keyring: ",
            Self::Backup => "备份口令 Passphrase of the backup: ",
            Self::Root => "根密钥口令 Passphrase of the root key: ",
        }
    }
}

/// Where to look for a passphrase: the file if one is named, else the environment, else a prompt if standard input is a terminal.
#[derive(Clone, Copy, Debug)]
pub struct PassphraseSource<'a> {
    /// What the passphrase is for.
    pub seals: SealedFile,
    /// A file that holds the passphrase and at most one line end after it. Its mode is not judged: secret mounts of containers differ.
    pub file: Option<&'a Path>,
    /// Whether the passphrase is new, so that a prompt asks twice.
    pub new: bool,
}

/// A passphrase: text of 1 to [`PASSPHRASE`] bytes of UTF-8, taken as it is. Wiped when dropped.
#[derive(Clone)]
pub struct Passphrase(Option<Zeroizing<String>>);

impl Passphrase {
    /// The passphrase with this text.
    ///
    /// # Errors
    /// [`KeyringError::PassphraseUnusable`] when it is empty or too long.
    pub fn new(text: impl Into<Zeroizing<String>>) -> Result<Self, KeyringError> {
        let text = text.into();
        match text.len() {
            0 => Err(KeyringError::PassphraseUnusable("it is empty")),
            1..=PASSPHRASE => Ok(Self(Some(text))),
            _ => Err(KeyringError::PassphraseUnusable("it is longer than 1024 bytes")),
        }
    }

    /// No passphrase, for development. What is created with it is marked as such and opens for whoever has the files.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Finds the passphrase. May block on the prompt.
    ///
    /// # Errors
    /// [`KeyringError::PassphraseNeeded`] when there is no source, [`KeyringError::PassphraseUnusable`], [`KeyringError::Io`].
    pub fn resolve(source: &PassphraseSource<'_>) -> Result<Self, KeyringError> {
        let mut prompt = |text: &str| rpassword::prompt_password(text);
        let terminal = io::stdin().is_terminal();
        resolve(source, std::env::var_os(source.seals.variable()), terminal.then_some(&mut prompt))
    }

    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.0.as_ref().map(|text| text.as_bytes())
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Passphrase(..)" } else { "Passphrase(none)" })
    }
}

type Prompt<'a> = &'a mut dyn FnMut(&str) -> io::Result<String>;

pub(super) fn resolve(source: &PassphraseSource<'_>, variable: Option<OsString>, prompt: Option<Prompt<'_>>) -> Result<Passphrase, KeyringError> {
    if let Some(file) = source.file {
        return from_file(file);
    }
    if let Some(value) = variable {
        let text = value.into_string().map_err(|_| KeyringError::PassphraseUnusable("it is not UTF-8"))?;
        return Passphrase::new(text);
    }
    match prompt {
        Some(prompt) => from_prompt(source, prompt),
        None => Err(KeyringError::PassphraseNeeded { variable: source.seals.variable() }),
    }
}

fn from_file(file: &Path) -> Result<Passphrase, KeyringError> {
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeyringError::Missing { file: file.to_owned() },
        _ => KeyringError::Io { file: file.to_owned(), source },
    };
    // Room for the longest passphrase, its line end, and one byte that shows it is too long; never reallocated, so no copy stays behind.
    let limit = PASSPHRASE + 3;
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
    let mut rest = File::open(file).map_err(io)?.take(limit as u64);
    let mut chunk = Zeroizing::new([0; 256]);
    loop {
        match rest.read(chunk.as_mut_slice()).map_err(io)? {
            0 => break,
            read => bytes.extend_from_slice(chunk.get(..read).unwrap_or_default()),
        }
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| KeyringError::PassphraseUnusable("it is not UTF-8"))?;
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Passphrase::new(line.to_owned())
}

fn from_prompt(source: &PassphraseSource<'_>, prompt: Prompt<'_>) -> Result<Passphrase, KeyringError> {
    let mut ask = |text: &str| prompt(text).map(Zeroizing::new).map_err(|source| KeyringError::Io { file: "the terminal".into(), source });
    let text = ask(source.seals.prompt())?;
    if source.new && ask("再次输入 Once more: ")? != text {
        return Err(KeyringError::PassphraseUnusable("the two entries differ"));
    }
    Passphrase::new(text)
}
