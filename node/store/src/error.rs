//! Why a store cannot be opened, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// The store could not be opened. Nothing was changed.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has it.
    Locked(PathBuf),
    /// No room is left on the disk.
    Full(PathBuf),
    /// Its layout is another version's.
    Version {
        /// What it says.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// It cannot be read.
    Damaged {
        /// Where.
        path: PathBuf,
        /// What the database says.
        why: String,
    },
}

impl OpenError {
    pub(crate) fn from_rocksdb(path: &Path, error: &rocksdb::Error) -> Self {
        let why = error.to_string();
        let says = |text: &str| why.to_lowercase().contains(text);
        if says("lock file") || says("lock hold") {
            Self::Locked(path.to_owned())
        } else if says("no space left") {
            Self::Full(path.to_owned())
        } else {
            Self::Damaged { path: path.to_owned(), why }
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path) => {
                write!(f, "another process is using {}; stop it first, or name another folder with --data", path.display())
            }
            Self::Full(path) => write!(f, "the disk of {} is full; make room and start again, nothing was lost", path.display()),
            Self::Version { found, known } if found > known => {
                write!(f, "the store was written by a newer program (layout {found}, this one knows {known}); update suyuan")
            }
            Self::Version { found, known } => {
                write!(
                    f,
                    "the store has layout {found}, which this program (layout {known}) no longer reads; start it once with a version in between"
                )
            }
            Self::Damaged { path, why } => {
                write!(
                    f,
                    "the store in {} cannot be opened: {why}; put back the newest copy of the whole data folder, or move `store` and `anchor` out of it and start the node, which fetches the logs from the other members' nodes",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for OpenError {}
