//! Why a keyring, backup or root file was not opened or written, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// A refusal of the keyring. No variant carries a secret, so every one of them may be logged.
#[derive(Debug)]
pub enum KeyringError {
    /// The file is not there.
    Missing {
        /// Which file.
        file: PathBuf,
    },
    /// The file is there already and is never overwritten.
    Exists {
        /// Which file.
        file: PathBuf,
    },
    /// The content does not open. A wrong passphrase, a damaged file and a device secret of another time cannot be told apart: whatever
    /// could tell them apart would help someone who guesses passphrases.
    WrongPassphrase {
        /// Which file.
        file: PathBuf,
    },
    /// Others than the owner could read or write the file, or the owner could not.
    Permissions {
        /// Which file.
        file: PathBuf,
        /// Its permission bits as found.
        mode: u32,
    },
    /// A newer program wrote the file.
    Newer {
        /// Which file.
        file: PathBuf,
    },
    /// The file cannot be what it should be.
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What was found.
        what: &'static str,
    },
    /// The operating system failed; the reason is the source.
    Io {
        /// Which file.
        file: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// No passphrase was given, and the file asks for one.
    PassphraseNeeded {
        /// The environment variable that may hold it.
        variable: &'static str,
    },
    /// What was given cannot be a passphrase.
    PassphraseUnusable(
        /// Why.
        &'static str,
    ),
    /// Another process has the keyring open.
    Busy {
        /// The file that it holds.
        file: PathBuf,
    },
    /// An earlier change failed half-way; the files are sound, but memory and disk may differ until the keyring is opened again.
    Interrupted,
    /// A bound of the keyring is reached.
    Full {
        /// Of what there are too many.
        what: &'static str,
        /// How many fit.
        bound: usize,
    },
    /// The change contradicts what the keyring holds. The caller is at fault, or whoever sent what the caller passed on.
    Refused(
        /// What contradicts.
        &'static str,
    ),
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { file } => {
                write!(f, "{} is missing; create a keyring, restore a backup, or name the right folder", file.display())
            }
            Self::Exists { file } => {
                write!(f, "{} exists and is not overwritten; choose another place, or move the file away if you are sure", file.display())
            }
            Self::WrongPassphrase { file } => write!(
                f,
                "{} does not open: the passphrase is wrong, or the file or its device secret was damaged or comes from another time or machine \
                 (which of these cannot be told); try the passphrase again, then restore your backup into an empty folder",
                file.display()
            ),
            Self::Permissions { file, mode } => write!(
                f,
                "{file} has mode {mode:04o} but only its owner may read and write it; check who had access, then run: chmod 600 '{file}'",
                file = file.display()
            ),
            Self::Newer { file } => {
                write!(f, "{} was written by another version of suyuan; update this program to open it", file.display())
            }
            Self::Damaged { file, what } => {
                write!(f, "{} cannot be used: {what}; restore your backup into an empty folder", file.display())
            }
            Self::Io { file, .. } => {
                write!(f, "{} could not be read or written; see to the disk, then start again", file.display())
            }
            Self::PassphraseNeeded { variable } => {
                write!(f, "a passphrase is needed: name a file that holds it, or set {variable}, or start the program in a terminal")
            }
            Self::PassphraseUnusable(why) => write!(f, "this cannot be a passphrase: {why}; give another one"),
            Self::Busy { file } => {
                write!(f, "another process holds {}; stop the other node of this folder first", file.display())
            }
            Self::Interrupted => f.write_str("an earlier change of the keyring failed; stop the node and start it again"),
            Self::Full { what, bound } => {
                write!(f, "the keyring holds {bound} {what} and takes no more; destroy the ones no longer needed")
            }
            Self::Refused(what) => write!(f, "the keyring refuses the change: {what}; check what was received"),
        }
    }
}

impl std::error::Error for KeyringError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
