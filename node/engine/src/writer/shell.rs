//! What the writer needs of the machine: a disk that keeps what it was given, and an outlet for what may be known.

use std::sync::Arc;

use suyuan_core::circle::{EpochSecret, PrekeySecret};
use suyuan_core::equivocation::Conviction;
use suyuan_core::id::Hash;
use suyuan_core::key::SecretKey;
use suyuan_core::log::LogId;
use suyuan_core::{CircleId, Fault, StatementId};

use super::command::Outcome;
use crate::author::AuthorError;
use crate::circles::Void;
use crate::ledger::Ledger;
use crate::local::LocalKeys;
use crate::secrets::EpochSecrets;
use crate::view::{Changes, StoreError, View};
use crate::void::VoidEntry;
use crate::waiting::Queue;
use crate::wire::LogSize;
use crate::witnessing::Contradiction;

/// The durable parts of a node: rows, keyring and anchor. When a method that changes one returns without an error, the change survives a loss of power.
pub trait Disk {
    /// The rows, as of the last write that returned.
    type Rows: View;

    /// The rows.
    fn rows(&self) -> &Self::Rows;

    /// Makes changes durable, together.
    ///
    /// # Errors
    /// [`StoreError`]: what is on the disk is not known, and the writer stops.
    fn write(&mut self, changes: &Changes) -> Result<(), StoreError>;

    /// The keys.
    fn keys(&self) -> Keys<'_>;

    /// Keeps the secret of an epoch in the keyring. The same secret again changes nothing.
    ///
    /// # Errors
    /// [`SecretError`].
    fn add_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError>;

    /// Keeps new keys of this member in the keyring, for good.
    ///
    /// # Errors
    /// [`SecretError`].
    fn add_keys(&mut self, new: NewKeys) -> Result<(), SecretError>;

    /// The same, in the place of another one if there is: the order log has named the statement that this one belongs to.
    ///
    /// # Errors
    /// [`SecretError`].
    fn replace_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError>;

    /// Writes down what is about to be published.
    ///
    /// # Errors
    /// Why it could not be written: what is on the disk is not known, and the writer stops.
    fn anchor(&mut self, published: &Published) -> Result<(), String>;
}

/// Where the writer's results go. What was handed over here is known to others and cannot be taken back.
pub trait Outlet {
    /// By which an answer finds who asked.
    type Ticket;

    /// Lets readers see this state.
    fn show(&mut self, state: &State);

    /// Answers those who asked.
    fn tell(&mut self, answers: Vec<(Self::Ticket, Outcome)>);

    /// Lets other nodes know how far the logs go: of the own log, as far as it is published.
    fn announce(&mut self, sizes: Vec<LogSize>);

    /// Something for whoever looks after the node.
    fn notice(&mut self, notice: Notice);

    /// Maps in order. A shell may share the work out among its processors.
    ///
    /// # Errors
    /// The first that `work` returns.
    fn map<I: Send, O: Send>(items: Vec<I>, work: impl Fn(I) -> Result<O, AuthorError> + Sync) -> Result<Vec<O>, AuthorError> {
        items.into_iter().map(work).collect()
    }
}

/// The keys that the writer works with: all that this member has, oldest first. Which of them signs, the alliance says.
#[derive(Debug)]
pub struct Keys<'a> {
    /// Sign statements and checkpoints.
    pub log: Vec<&'a SecretKey>,
    /// Cosign checkpoints.
    pub witness: Vec<&'a SecretKey>,
    /// Are known on connections.
    pub transport: Vec<&'a SecretKey>,
    /// Open slips.
    pub encryption: Vec<&'a PrekeySecret>,
    /// Names and seals rows.
    pub local: &'a LocalKeys,
}

/// Keys by which this member may be known one day.
#[derive(Debug, Default)]
pub struct NewKeys {
    /// For statements and checkpoints.
    pub log: Option<SecretKey>,
    /// For cosignatures.
    pub witness: Option<SecretKey>,
    /// For connections.
    pub transport: Option<SecretKey>,
    /// For slips.
    pub encryption: Option<PrekeySecret>,
}

/// A secret was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// There is another of this epoch, or no room for more. Nothing was changed.
    Refused(String),
    /// The keyring could not be written.
    Failed(String),
}

impl std::fmt::Display for SecretError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Refused(why) | Self::Failed(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for SecretError {}

/// What readers see: consistent, and never less than what was acknowledged.
#[derive(Clone, Debug)]
pub struct State {
    /// Heads, circles and counters.
    pub ledger: Arc<Ledger>,
    /// Epoch secrets that this node holds.
    pub secrets: Arc<EpochSecrets>,
    /// What this member published last.
    pub published: Option<Arc<Published>>,
    /// Submissions that cannot be sealed yet.
    pub waiting: Arc<Queue>,
}

/// A checkpoint of the own log that left, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Entries under the checkpoint.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// The checkpoint as it was signed: after a restart the same bytes are sent again.
    pub checkpoint: String,
}

/// Something that no caller asked about and that is nobody's fault here.
#[derive(Debug)]
pub enum Notice {
    /// A log has signed two trees that contradict each other: both checkpoints, and what proves it.
    Contradiction(Box<Contradiction>),
    /// An entry is void: its author signed what does not hold. It stands in the author's log for good.
    Void {
        /// Which log.
        log: LogId,
        /// The entry.
        entry: VoidEntry,
    },
    /// An epoch statement has no effect.
    NoEffect {
        /// Which.
        statement: StatementId,
        /// Why.
        why: Void,
    },
    /// A key that was handed out does not fit its circle.
    Unfit {
        /// The epoch statement.
        statement: StatementId,
        /// Why.
        fault: Fault,
    },
    /// A member signed two histories.
    Convicted(Arc<Conviction>),
    /// A circle's key was not kept. A steward that hands out two secrets of one epoch, or more than a keyring holds, harms its own circles alone.
    NotKept {
        /// The epoch statement.
        statement: StatementId,
        /// Why.
        why: String,
    },
}

/// Why the writer stops: what is on the disk is no longer known. The next start finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fatal(pub String);

impl std::fmt::Display for Fatal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fatal {}

impl From<StoreError> for Fatal {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<AuthorError> for Fatal {
    fn from(error: AuthorError) -> Self {
        Self(error.to_string())
    }
}
