//! The handle through which everything else speaks to the node: submissions go to the one writer, reads see the newest committed state.

use std::sync::{Arc, RwLock};

use suyuan_core::StatementId;
use suyuan_core::log::LogId;
use suyuan_engine::addresses;
use suyuan_engine::circles::Circle;
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::submission::Submission;
use suyuan_engine::wire::{Batch, Item, LogSize};
use suyuan_store::Store;
use tokio::sync::{mpsc, oneshot, watch};

use crate::anchor::Published;
use crate::error::SubmitError;
use crate::gate::Gate;

/// Commands that may wait for the writer. Who sends more waits.
pub const QUEUE: usize = 256;

/// A submission to be written once.
#[derive(Debug)]
pub struct Idempotent {
    /// The client's key, 1 to 255 bytes.
    pub key: Vec<u8>,
    /// Hash of the request that came with it.
    pub digest: [u8; 32],
}

/// What became durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The log.
    pub log: LogId,
    /// Sequence of the first statement.
    pub first: u64,
    /// Ids of the statements, in order.
    pub ids: Vec<StatementId>,
    /// Whether it had been written before, under the same idempotency key.
    pub replayed: bool,
}

/// What another member's batch brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenIn {
    /// The log and its size afterwards.
    pub log: LogSize,
    /// Statements opened or held from it.
    pub held: usize,
}

/// More commands wait already than may.
#[derive(Debug)]
pub(crate) struct QueueFull;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, SubmitError>>;

pub(crate) enum Command {
    Submit { submissions: Vec<Submission>, once: Option<Idempotent>, reply: Reply<Receipt> },
    Protocol { submission: Submission, reply: Reply<Receipt> },
    Circle { request: CircleRequest, reply: Reply<Circle> },
    TakeIn { batch: Box<Batch>, reply: Reply<TakenIn> },
    Fill { log: LogId, items: Vec<Item>, reply: Reply<()> },
    Open,
    Stop { reply: oneshot::Sender<()> },
}

/// What readers see: consistent, and never less than what was acknowledged.
#[derive(Clone, Debug)]
pub struct State {
    /// Heads, circles and counters.
    pub ledger: Arc<Ledger>,
    /// Epoch secrets that this node holds.
    pub secrets: Arc<EpochSecrets>,
    /// What this member published last.
    pub published: Option<Arc<Published>>,
}

/// A cloneable handle to a running node.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) state: Arc<RwLock<State>>,
    pub(crate) store: Arc<Store>,
    pub(crate) local: LocalKeys,
    pub(crate) heads: watch::Receiver<Vec<LogSize>>,
    pub(crate) charter: Arc<[u8]>,
    pub(crate) gate: Arc<Gate>,
    /// Whether the keyring is a development one.
    pub(crate) development: bool,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Submit { .. } => "Submit",
            Self::Protocol { .. } => "Protocol",
            Self::Circle { .. } => "Circle",
            Self::TakeIn { .. } => "TakeIn",
            Self::Fill { .. } => "Fill",
            Self::Open => "Open",
            Self::Stop { .. } => "Stop",
        })
    }
}

impl Handle {
    /// Writes records. When it returns, they are durable.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was written.
    pub async fn submit(&self, submissions: Vec<Submission>, once: Option<Idempotent>) -> Result<Receipt, SubmitError> {
        self.gate.pass().await?;
        self.ask(|reply| Command::Submit { submissions, once, reply }).await
    }

    /// Writes a record of one of the protocol's own types, such as that a regulator reads.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn record(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        self.gate.pass().await?;
        self.ask(|reply| Command::Protocol { submission, reply }).await
    }

    /// States where this member's node is reached. What is in effect already is not written again.
    ///
    /// # Errors
    /// [`SubmitError`], among them the refusal of an address that cannot be dialled, or that leads out of this machine while the keyring is a development one.
    pub async fn set_addresses(&self, addresses: &[String]) -> Result<(), SubmitError> {
        let ledger = self.state().ledger;
        let submission = addresses::draw_up(&ledger.alliance.id(), addresses, self.development)?;
        if ledger.addresses.of(&ledger.me).is_some_and(|stated| stated.addresses == addresses) {
            return Ok(());
        }
        self.record(submission).await.map(|_| ())
    }

    /// Opens a circle, or its next epoch.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn open_circle(&self, request: CircleRequest) -> Result<Circle, SubmitError> {
        self.gate.pass().await?;
        self.ask(|reply| Command::Circle { request, reply }).await
    }

    /// Verifies and takes in a batch of another member's log.
    ///
    /// # Errors
    /// [`SubmitError::Batch`] says whose fault it is.
    pub async fn take_in(&self, batch: Batch) -> Result<TakenIn, SubmitError> {
        self.ask(|reply| Command::TakeIn { batch: Box::new(batch), reply }).await
    }

    /// Verifies and takes in statements of entries that are here already.
    ///
    /// # Errors
    /// [`SubmitError::Batch`] says whose fault it is.
    pub async fn fill(&self, log: LogId, items: Vec<Item>) -> Result<(), SubmitError> {
        self.ask(|reply| Command::Fill { log, items, reply }).await
    }

    /// Holds back everything that would be authored, or lets it through again. While it is held back, a submission waits for at most ten seconds, and at most
    /// 256 of them wait.
    pub async fn hold_authoring(&self, hold: bool) {
        self.gate.set(hold);
        if !hold {
            // A stopped writer has nothing to open.
            let _ = self.commands.send(Command::Open).await;
        }
    }

    /// Lets the writer finish what it has and stop.
    pub async fn stop(&self) {
        let (reply, done) = oneshot::channel();
        if self.commands.send(Command::Stop { reply }).await.is_ok() {
            let _ = done.await;
        }
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// The queue is full.
    pub(crate) fn ask_to_stop(&self) -> Result<(), QueueFull> {
        let (reply, _) = oneshot::channel();
        match self.commands.try_send(Command::Stop { reply }) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(QueueFull),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| SubmitError::Stopped)?;
        answer.await.map_err(|_| SubmitError::Stopped)?
    }

    /// The newest committed state.
    pub fn state(&self) -> State {
        // A lock is only poisoned by a panic while it is held, and nothing in between can panic.
        self.state.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The rows.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The keys for the rows.
    pub fn local(&self) -> &LocalKeys {
        &self.local
    }

    /// The charter file as it goes into every bundle.
    pub fn charter_file(&self) -> &Arc<[u8]> {
        &self.charter
    }

    /// Changes whenever a log has grown.
    pub fn heads(&self) -> watch::Receiver<Vec<LogSize>> {
        self.heads.clone()
    }
}
