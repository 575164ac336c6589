//! The handle through which everything else speaks to the node: submissions go to the one writer, reads see the newest committed state.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, PoisonError, RwLock};

use suyuan_core::circle::PrekeySecret;
use suyuan_core::equivocation::{Conviction, Evidence};
use suyuan_core::id::Hash;
use suyuan_core::key::SecretKey;
use suyuan_core::log::LogId;
use suyuan_core::membership::{Admission, KeyChange};
use suyuan_core::note::{NamedKey, TreeHead};
use suyuan_core::witness::{AddCheckpoint, Refusal};
use suyuan_core::{Fault, MemberId, StatementId};
use suyuan_engine::addresses;
use suyuan_engine::circles::Circle;
use suyuan_engine::decisions::{InvitationRequest, InvitationSecret, ProposalRequest, VoteRequest};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::submission::Submission;
use suyuan_engine::waiting::{Waiting, WaitingId};
use suyuan_engine::wire::{Batch, Collected, Item, LogSize};
use suyuan_engine::witnessing::VerifiedCosignature;
use suyuan_engine::writer::{self, Done, Idempotent, Outcome, Receipt, State, SubmitError, TakenIn, WantedKeys, Witnessed};
use suyuan_store::Store;
use tokio::sync::{mpsc, oneshot, watch};

use crate::gate::Gate;

/// Commands that may wait for the writer. Who sends more waits.
pub const QUEUE: usize = 256;

/// More commands wait already than may.
#[derive(Debug)]
pub(crate) struct QueueFull;

/// What waits for the commit thread.
#[derive(Debug)]
pub(crate) enum Command {
    /// Somebody waits for the answer.
    Ask(writer::Command, oneshot::Sender<Outcome>),
    /// Nobody does.
    Tell(writer::Command),
    /// Finish what came before, and stop.
    Stop(oneshot::Sender<()>),
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is written, now or before.
    Written(Receipt),
    /// It waits, durably and unsealed.
    Waiting(Waiting),
}

impl Submitted {
    /// The receipt of what is written.
    pub fn written(self) -> Option<Receipt> {
        match self {
            Self::Written(receipt) => Some(receipt),
            Self::Waiting(_) => None,
        }
    }
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
    /// The libp2p identities of the keyring.
    pub(crate) transports: Arc<RwLock<Vec<SecretKey>>>,
    /// Its keys for slips.
    pub(crate) encryptions: Arc<RwLock<Vec<PrekeySecret>>>,
    pub(crate) relaying: Arc<Relaying>,
}

/// What this node does as a relay, since it started.
#[derive(Debug, Default)]
pub struct Relaying {
    /// Whether it keeps packages for others.
    pub relays: AtomicBool,
    /// Packages that it gave to whoever named them.
    pub served: AtomicU64,
}

impl Handle {
    /// Writes records, or lets them wait until they can be sealed. When it returns, they are durable.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing was written, and nothing waits.
    pub async fn submit(&self, submissions: Vec<Submission>, once: Option<Idempotent>) -> Result<Submitted, SubmitError> {
        self.gate.pass().await?;
        match self.ask(writer::Command::Submit { submissions, once }).await? {
            Done::Written(receipt) => Ok(Submitted::Written(receipt)),
            Done::Waiting(waiting) => Ok(Submitted::Waiting(*waiting)),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// Takes out a submission that waits or has failed.
    ///
    /// # Errors
    /// [`SubmitError::NotWaiting`]: it was written, or taken out before.
    pub async fn take_out(&self, waiting: WaitingId) -> Result<Waiting, SubmitError> {
        match self.ask(writer::Command::TakeOut(waiting)).await? {
            Done::TakenOut(waiting) => Ok(*waiting),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// Writes a record of one of the protocol's own types, such as that a regulator reads.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn record(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        self.gate.pass().await?;
        self.write(writer::Command::Protocol(submission)).await
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
        match self.ask(writer::Command::Circle(request)).await? {
            Done::Opened(circle) => Ok(*circle),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// Proposes something to the alliance. The first of the receipt's ids is the proposal's name.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn propose(&self, request: ProposalRequest) -> Result<Receipt, SubmitError> {
        self.gate.pass().await?;
        self.write(writer::Command::Propose(Box::new(request))).await
    }

    /// Says something to a proposal.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn vote(&self, request: VoteRequest) -> Result<Receipt, SubmitError> {
        self.gate.pass().await?;
        self.write(writer::Command::Vote(request)).await
    }

    /// Adopts the alliance's history, a file that another member gave, if it says more than is known here. Within: the version of the alliance afterwards, or what
    /// does not hold.
    ///
    /// # Errors
    /// [`SubmitError::Stopped`].
    pub async fn learn_history(&self, history: Vec<u8>) -> Result<Result<u64, Fault>, SubmitError> {
        match self.ask(writer::Command::Learn(history)).await? {
            Done::Learned(learned) => Ok(learned),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// Makes new keys for this member and draws up the change that asks for them, still without the root key's signature, which stands first in it.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn draw_keys(&self, wanted: WantedKeys) -> Result<KeyChange, SubmitError> {
        self.gate.pass().await?;
        match self.ask(writer::Command::Keys(wanted)).await? {
            Done::Keys(change) => Ok(*change),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// Votes for the next term of the order log, which another keeps, as soon as that can be.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn freeze(&self, term: u64) -> Result<(), SubmitError> {
        self.gate.pass().await?;
        self.ask(writer::Command::Freeze(term)).await.map(|_| ())
    }

    /// Invites somebody. The first of the receipt's ids is the invitation's name.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn invite(&self, request: InvitationRequest, secret: InvitationSecret) -> Result<Receipt, SubmitError> {
        self.gate.pass().await?;
        self.write(writer::Command::Invite(request, secret)).await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn take_back(&self, invitation: StatementId) -> Result<Receipt, SubmitError> {
        self.gate.pass().await?;
        self.write(writer::Command::TakeBack(invitation)).await
    }

    /// Proposes to admit whoever shows an invitation's secret, once. The first of the receipt's ids is the proposal's name.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn join(&self, invitation: StatementId, secret: InvitationSecret, admission: Admission) -> Result<Receipt, SubmitError> {
        self.gate.pass().await?;
        self.write(writer::Command::Join(invitation, secret, Box::new(admission))).await
    }

    /// Lets the node do what is due for the alliance's decisions, while these members are reached. Nothing happens while authoring is held back; a full queue
    /// lets the next call do it.
    pub fn decide(&self, reached: BTreeSet<MemberId>) {
        if !self.gate.is_closed() {
            let _ = self.commands.try_send(Command::Tell(writer::Command::Decide(reached)));
        }
    }

    /// Takes in what another node knows as heads of the order log, by term; a full queue lets the next time do it.
    pub fn learn_heads(&self, heads: Vec<(u64, String)>) {
        if self.state().ledger.decisions.heads().are_news(&heads) {
            let _ = self.commands.try_send(Command::Tell(writer::Command::Heads(heads)));
        }
    }

    /// Verifies and takes in a batch of another member's log.
    ///
    /// # Errors
    /// [`SubmitError::Batch`] says whose fault it is.
    pub async fn take_in(&self, batch: Batch) -> Result<TakenIn, SubmitError> {
        match self.ask(writer::Command::TakeIn(Box::new(batch))).await? {
            Done::TakenIn(taken) => Ok(taken),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// Verifies and takes in statements of entries that are here already.
    ///
    /// # Errors
    /// [`SubmitError::Batch`] says whose fault it is.
    pub async fn fill(&self, log: LogId, items: Vec<Item>) -> Result<(), SubmitError> {
        self.ask(writer::Command::Fill { log, items }).await.map(|_| ())
    }

    /// Keeps for others what was collected of a member. When it returns, that is durable.
    ///
    /// # Errors
    /// [`SubmitError::Stopped`].
    pub async fn keep(&self, member: MemberId, collected: Collected) -> Result<(), SubmitError> {
        self.ask(writer::Command::Keep { member, collected }).await.map(|_| ())
    }

    /// Cosigns a checkpoint, if it continues what was cosigned before. `named` is the key of its log, where the operator has named it beside those of the members.
    /// Within: the line of the cosignature, whose tree is on the disk, or why there is none.
    ///
    /// # Errors
    /// [`SubmitError::Stopped`].
    pub async fn add_checkpoint(&self, request: AddCheckpoint, named: Option<NamedKey>) -> Result<Result<String, Refusal>, SubmitError> {
        match self.ask(writer::Command::AddCheckpoint { request, named }).await? {
            Done::Cosigned(cosigned) => Ok(cosigned),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// Judges evidence that a member signed two histories, and keeps it. Nothing where it says no more than what is known.
    ///
    /// # Errors
    /// [`SubmitError::Evidence`] where it convicts nobody.
    pub async fn convict(&self, evidence: Evidence) -> Result<Option<Arc<Conviction>>, SubmitError> {
        match self.ask(writer::Command::Convict(Box::new(evidence))).await? {
            Done::Convicted(conviction) => Ok(conviction),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// The checkpoint of a log that was cosigned last, with this cosignature, by the hash of the log's origin.
    ///
    /// # Errors
    /// [`SubmitError::Stopped`].
    pub async fn last_cosigned(&self, origin: Hash) -> Result<Option<String>, SubmitError> {
        match self.ask(writer::Command::LastCosigned(origin)).await? {
            Done::LastCosigned(note) => Ok(note),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// Keeps cosignatures that came, and cosigns checkpoints under which every entry is held.
    ///
    /// # Errors
    /// [`SubmitError::Stopped`].
    pub async fn witness(&self, found: Vec<VerifiedCosignature>, cosign: Vec<VerifiedCosignature>) -> Result<Witnessed, SubmitError> {
        match self.ask(writer::Command::Witness { found, cosign }).await? {
            Done::Witnessed(witnessed) => Ok(witnessed),
            _ => Err(SubmitError::Stopped),
        }
    }

    /// Puts verified lines of witnesses outside the alliance on a checkpoint of this member's log.
    ///
    /// # Errors
    /// [`SubmitError::Stopped`].
    pub async fn add_lines(&self, head: TreeHead, lines: Vec<String>) -> Result<(), SubmitError> {
        self.ask(writer::Command::AddLines { head, lines }).await.map(|_| ())
    }

    /// Holds back everything that would be authored, or lets it through again. While it is held back, a submission waits for at most ten seconds, and at most
    /// 256 of them wait.
    pub async fn hold_authoring(&self, hold: bool) {
        self.gate.set(hold);
        if !hold {
            // A stopped writer has nothing to open.
            let _ = self.commands.send(Command::Tell(writer::Command::Found)).await;
        }
    }

    /// Lets the writer finish what it has and stop.
    pub async fn stop(&self) {
        let (reply, done) = oneshot::channel();
        if self.commands.send(Command::Stop(reply)).await.is_ok() {
            let _ = done.await;
        }
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// The queue is full.
    pub(crate) fn ask_to_stop(&self) -> Result<(), QueueFull> {
        let (reply, _) = oneshot::channel();
        match self.commands.try_send(Command::Stop(reply)) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(QueueFull),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    async fn write(&self, command: writer::Command) -> Result<Receipt, SubmitError> {
        match self.ask(command).await? {
            Done::Written(receipt) => Ok(receipt),
            _ => Err(SubmitError::Stopped),
        }
    }

    async fn ask(&self, command: writer::Command) -> Outcome {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Ask(command, reply)).await.map_err(|_| SubmitError::Stopped)?;
        answer.await.map_err(|_| SubmitError::Stopped)?
    }

    /// The libp2p identity by which the alliance knows this member's node at a time, if the keyring has it.
    pub fn transport(&self, now: u64) -> Option<SecretKey> {
        let ledger = self.state().ledger;
        let known = ledger.decisions.transports(ledger.alliance.member(&ledger.me)?, now).used;
        let held = self.transports.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|key| key.public().to_bytes() == known).cloned()
    }

    /// The private keys of the keyring for slips, oldest first.
    pub fn encryptions(&self) -> Vec<PrekeySecret> {
        self.encryptions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What this node does as a relay.
    pub fn relaying(&self) -> &Relaying {
        &self.relaying
    }

    /// The newest committed state.
    pub fn state(&self) -> State {
        // A lock is only poisoned by a panic while it is held, and nothing in between can panic.
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
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
