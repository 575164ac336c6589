//! The file of tokens and operator: JSON of mode 0600, replaced as a whole and fsynced before it counts.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::password::PasswordHash;
use super::token::Token;
use crate::limits;

const VERSION: u64 = 1;

/// Content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    version: u64,
    pub operator: Option<PasswordHash>,
    pub tokens: Vec<Token>,
}

/// Tokens or operator could not be read or changed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// The operating system; its reason.
    Io(String),
    /// The file is not what was written; the reason.
    Damaged(String),
    /// The file was written by a newer program.
    Newer,
    /// As many tokens as there may be.
    Full,
    /// A token's name is empty, too long, or has control characters.
    Name,
    /// The password is too short or too long.
    Password,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(why) => write!(f, "the file with tokens and operator cannot be read or written: {why}"),
            Self::Damaged(why) => {
                write!(f, "the file with tokens and operator is damaged: {why}; remove it, then set the operator and make tokens anew")
            }
            Self::Newer => f.write_str("the file with tokens and operator was written by a newer program; run that one"),
            Self::Full => write!(f, "there are {} tokens; end one first", limits::TOKENS),
            Self::Name => write!(f, "a token's name has 1 to {} bytes and no control characters", limits::TOKEN_NAME),
            Self::Password => write!(f, "a password has {} to {} bytes", limits::PASSWORD.start(), limits::PASSWORD.end()),
        }
    }
}

impl std::error::Error for AuthError {}

impl From<io::Error> for AuthError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// Tells two files of one name apart: inode, size, and time of the last change in seconds and nanoseconds.
pub type Stamp = (u64, u64, i64, i64);

/// The stamp of the file that is there now.
pub fn stamp(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).ok().map(|metadata| stamp_of(&metadata))
}

fn stamp_of(metadata: &Metadata) -> Stamp {
    (metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}

/// Reads the file; nobody and nothing where there is none.
pub fn load(path: &Path) -> Result<(Stored, Option<Stamp>), AuthError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Stored { version: VERSION, operator: None, tokens: Vec::new() }, None)),
        other => other?,
    };
    let stamp = stamp_of(&file.metadata()?);
    let mut bytes = Vec::new();
    file.take(limits::AUTH_FILE.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limits::AUTH_FILE {
        return Err(AuthError::Damaged("it is too long".into()));
    }
    let damaged = |error: serde_json::Error| AuthError::Damaged(error.to_string());
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(damaged)?;
    if value.get("version").and_then(serde_json::Value::as_u64).is_some_and(|version| version > VERSION) {
        return Err(AuthError::Newer);
    }
    serde_json::from_value(value).map(|stored| (stored, Some(stamp))).map_err(damaged)
}

/// Replaces the file. When this returns, the change is on the disk; the stamp is that of the new file.
pub fn save(path: &Path, stored: &Stored) -> Result<Option<Stamp>, AuthError> {
    let bytes = serde_json::to_vec_pretty(stored).map_err(|error| AuthError::Io(error.to_string()))?;
    let new = path.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    let stamp = stamp_of(&file.metadata()?);
    std::fs::rename(&new, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(Some(stamp))
}
