//! Why a node does not start, and why it did not take a submission.

use std::fmt;
use std::path::PathBuf;

use suyuan_core::Fault;
use suyuan_engine::author::AuthorError;
use suyuan_engine::replica::BatchError;
use suyuan_engine::submission::Refusal;
use suyuan_engine::view::StoreError;
use suyuan_store::OpenError;

use crate::keyring::KeyringError;

/// The node could not start. Nothing was changed.
#[derive(Debug)]
pub enum StartError {
    /// The store.
    Store(OpenError),
    /// A row of it.
    Rows(StoreError),
    /// The keyring.
    Keyring(KeyringError),
    /// The anchor file.
    Anchor {
        /// Which file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The store holds less of this member's log than was already given out, or something else.
    Behind {
        /// Entries that were given out under a checkpoint.
        published: u64,
        /// Entries in the store.
        stored: u64,
    },
    /// The keyring's keys are not those of a member of the charter.
    NotAMember,
    /// The store is another member's, or of another alliance.
    OtherIdentity,
    /// The charter does not verify.
    Charter(Fault),
    /// The operating system has no randomness or no threads to give.
    System(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Rows(error) => error.fmt(f),
            Self::Keyring(error) => error.fmt(f),
            Self::Anchor { path, source } => write!(f, "{} cannot be read or written: {source}", path.display()),
            Self::Behind { published, stored } => write!(
                f,
                "the store holds {stored} entries of this member's log, but {published} were already published: it is an old copy. \
                 Starting it would make this member contradict itself. Put back the newest copy of the data folder, or recover it from the peers"
            ),
            Self::NotAMember => f.write_str("the keyring's keys do not stand in the charter; check that charter and keyring belong together"),
            Self::OtherIdentity => f.write_str("the data folder belongs to another member or another alliance; name the right one with --data"),
            Self::Charter(fault) => write!(f, "the charter does not verify: {fault}; `suyuan charter check` shows what is missing"),
            Self::System(why) => write!(f, "the operating system refused: {why}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Rows(error)
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

/// A submission was not written. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// The client's fault.
    Refused(Refusal),
    /// The idempotency key was used for another request.
    Conflict,
    /// It cannot be written now.
    Author(AuthorError),
    /// A batch of another member's log was not taken in.
    Batch(BatchError),
    /// The keyring could not be written; its reason.
    Keyring(String),
    /// No other node has said yet how far it has this member's log, or its end has not come back from them. Trying again later helps.
    Held,
    /// The node is stopping, or stopped on a store error.
    Stopped,
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Conflict => f.write_str("this idempotency key was used for another request; use a new one"),
            Self::Author(error) => error.fmt(f),
            Self::Batch(error) => error.fmt(f),
            Self::Keyring(why) => write!(f, "the keyring could not be written: {why}"),
            Self::Held => f.write_str(
                "no other member's node has said yet how far it has this member's log, or the end of it is still being fetched, and nothing is written until then; \
                 start another member's node, or check the addresses in the charter, and try again",
            ),
            Self::Stopped => f.write_str("the node is stopping; send it again when it runs"),
        }
    }
}

impl std::error::Error for SubmitError {}

impl From<Refusal> for SubmitError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<AuthorError> for SubmitError {
    fn from(error: AuthorError) -> Self {
        Self::Author(error)
    }
}
