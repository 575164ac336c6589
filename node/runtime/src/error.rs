//! Why a node does not start.

use std::fmt;
use std::path::PathBuf;

use suyuan_core::Fault;
use suyuan_engine::writer::RecoverError;
use suyuan_store::OpenError;

use crate::anchor::AnchorError;
use crate::keyring::KeyringError;

/// The node could not start. Nothing was changed.
#[derive(Debug)]
pub enum StartError {
    /// The store.
    Store(OpenError),
    /// What is on the disk is not to be gone on from.
    Disk(RecoverError),
    /// The keyring.
    Keyring(KeyringError),
    /// The anchor file.
    Anchor {
        /// Which file.
        path: PathBuf,
        /// The reason.
        source: AnchorError,
    },
    /// The keyring's keys are not those of a member of the charter.
    NotAMember,
    /// The charter does not verify.
    Charter(Fault),
    /// The history that the member began with.
    History {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system has no randomness or no threads to give.
    System(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Disk(error) => error.fmt(f),
            Self::Keyring(error) => error.fmt(f),
            Self::Anchor { path, source } => write!(f, "{}: {source}", path.display()),
            Self::NotAMember => f.write_str("the keyring's keys do not stand in the charter; check that charter and keyring belong together"),
            Self::Charter(fault) => write!(f, "the charter does not verify: {fault}; `suyuan charter check` shows what is missing"),
            Self::History { path, why } => write!(f, "{}: {why}; fetch it again with `suyuan join`", path.display()),
            Self::System(why) => write!(f, "the operating system refused: {why}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<RecoverError> for StartError {
    fn from(error: RecoverError) -> Self {
        Self::Disk(error)
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        Self::Store(error)
    }
}

impl From<KeyringError> for StartError {
    fn from(error: KeyringError) -> Self {
        Self::Keyring(error)
    }
}
