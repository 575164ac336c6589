//! What the writer is asked for, and what it answers.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use suyuan_core::equivocation::{Conviction, Evidence};
use suyuan_core::id::Hash;
use suyuan_core::log::LogId;
use suyuan_core::membership::{Admission, KeyChange};
use suyuan_core::note::{NamedKey, TreeHead};
use suyuan_core::witness::{self, AddCheckpoint};
use suyuan_core::{Fault, MemberId, StatementId};

use super::keys::WantedKeys;
use crate::author::AuthorError;
use crate::circles::Circle;
use crate::decisions::{InvitationRequest, InvitationSecret, ProposalRequest, VoteRequest};
use crate::epoch::CircleRequest;
use crate::limits;
use crate::replica::BatchError;
use crate::submission::{Refusal, Submission};
use crate::view::StoreError;
use crate::waiting::{Reason, Waiting, WaitingId};
use crate::wire::{Batch, Collected, Item, LogSize};
use crate::witnessing::VerifiedCosignature;

/// What the writer is asked for.
#[derive(Debug)]
pub enum Command {
    /// Write records, now or as soon as they can be sealed.
    Submit {
        /// The records.
        submissions: Vec<Submission>,
        /// Whether a request that comes again is the same one.
        once: Option<Idempotent>,
    },
    /// Take out a submission that waits.
    TakeOut(WaitingId),
    /// Write a record of one of the protocol's own types.
    Protocol(Submission),
    /// Open a circle, or its next epoch.
    Circle(CircleRequest),
    /// Verify and take in a batch of a log.
    TakeIn(Box<Batch>),
    /// Verify and take in statements of entries that are here already.
    Fill {
        /// Of which log.
        log: LogId,
        /// The statements.
        items: Vec<Item>,
    },
    /// Keep what was collected of a member for others.
    Keep {
        /// Of whom.
        member: MemberId,
        /// What it answered.
        collected: Collected,
    },
    /// Propose something to the alliance.
    Propose(Box<ProposalRequest>),
    /// Say something to a proposal.
    Vote(VoteRequest),
    /// Invite somebody who shows a secret.
    Invite(InvitationRequest, InvitationSecret),
    /// Take an invitation back.
    TakeBack(StatementId),
    /// Propose to admit whoever shows an invitation's secret.
    Join(StatementId, InvitationSecret, Box<Admission>),
    /// Take in what another node knows as heads of the order log, by term.
    Heads(Vec<(u64, String)>),
    /// Vote for the next term of the order log, at the next opportunity.
    Freeze(u64),
    /// Do what is due for the decisions of the alliance, while these members are reached, and write what has waited and can be written.
    Decide(BTreeSet<MemberId>),
    /// Cosign a checkpoint, if it continues what was cosigned before.
    AddCheckpoint {
        /// The request.
        request: AddCheckpoint,
        /// Key of its log, where the operator has named it beside those of the members.
        named: Option<NamedKey>,
    },
    /// Keep cosignatures that came, and cosign checkpoints under which every entry is held.
    Witness {
        /// To be kept.
        found: Vec<VerifiedCosignature>,
        /// To be cosigned.
        cosign: Vec<VerifiedCosignature>,
    },
    /// Put verified lines of witnesses outside the alliance on a checkpoint of the own log.
    AddLines {
        /// The checkpoint's tree.
        head: TreeHead,
        /// Signature lines.
        lines: Vec<String>,
    },
    /// The checkpoint of a log that was cosigned last, by the hash of its origin.
    LastCosigned(Hash),
    /// Judge and keep evidence that a member signed two histories.
    Convict(Box<Evidence>),
    /// Adopt the alliance's history, a file that another member gave, if it says more than is known here.
    Learn(Vec<u8>),
    /// Make new keys for this member and draw up the change that asks for them.
    Keys(WantedKeys),
    /// Open the alliance circle, where this member has to, and write what has waited and can be written: nothing holds authoring back any longer.
    Found,
}

/// What was done, durably.
#[derive(Clone, Debug)]
pub enum Done {
    /// Records were written, now or before.
    Written(Receipt),
    /// Records wait, durably, until they can be sealed.
    Waiting(Box<Waiting>),
    /// This waits no more.
    TakenOut(Box<Waiting>),
    /// A circle or its next epoch was opened.
    Opened(Box<Circle>),
    /// A batch was taken in.
    TakenIn(TakenIn),
    /// Statements, or lines, were taken in.
    Filled,
    /// What was collected is kept.
    Kept,
    /// What was due for the alliance's decisions is done.
    Decided,
    /// The line of a cosignature, or why there is none.
    Cosigned(Result<String, witness::Refusal>),
    /// Cosignatures were kept and made.
    Witnessed(Witnessed),
    /// The note, where one was cosigned.
    LastCosigned(Option<String>),
    /// Evidence was judged. Nothing where it says no more than what was known.
    Convicted(Option<Arc<Conviction>>),
    /// The version of the alliance after a history was judged, or what does not hold of it.
    Learned(Result<u64, Fault>),
    /// New keys are in the keyring: the change, still without the root key's signature.
    Keys(Box<KeyChange>),
    /// The alliance circle is open, or it is another member's to open.
    Founded,
}

/// What a round of witnessing left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// This node's cosignatures, written before they were signed.
    pub cosigned: Vec<VerifiedCosignature>,
    /// Cosignatures of checkpoints under which not every entry is held yet.
    pub waiting: Vec<VerifiedCosignature>,
}

/// The answer to a command.
pub type Outcome = Result<Done, SubmitError>;

/// A submission to be written once.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A command was not carried out. Nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// The client's fault.
    Refused(Refusal),
    /// The idempotency key was used for another request.
    Conflict,
    /// It cannot be written now.
    Author(AuthorError),
    /// It cannot be written now for this reason, and no more may wait.
    Full(Reason),
    /// Nothing of this name waits.
    NotWaiting,
    /// A batch of another member's log was not taken in.
    Batch(BatchError),
    /// Evidence that was offered convicts nobody: the fault of who offered it.
    Evidence(Fault),
    /// This member signed two histories of its log, and writes nothing until the alliance has decided.
    Convicted,
    /// The keyring could not be written; its reason.
    Keyring(String),
    /// No other node has said yet how far it has this member's log, or its end has not come back from them. Trying again later helps.
    Held,
    /// The node is stopping, or stopped on a store error: said by the shell.
    Stopped,
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Conflict => f.write_str("this idempotency key was used for another request; use a new one"),
            Self::Author(error) => error.fmt(f),
            Self::Full(reason) => write!(
                f,
                "this cannot be sealed now, and as much waits already as may ({} submissions, {} MiB): {}; try again later, or take something out with `suyuan waiting take-out`",
                limits::WAITING,
                limits::WAITING_BYTES >> 20,
                reason.explain()
            ),
            Self::NotWaiting => f.write_str("nothing of this name waits: it was written or taken out; `suyuan waiting` lists what waits, `suyuan record list` what was written"),
            Self::Batch(error) => error.fmt(f),
            Self::Evidence(fault) => write!(f, "the evidence convicts nobody: {fault}"),
            Self::Convicted => f.write_str(
                "two histories of this member's log were signed with its key, and nothing is written until the alliance has decided; \
                 look at the evidence with `suyuan verify`, find out where the second history was written, and call the other members",
            ),
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

impl From<StoreError> for SubmitError {
    fn from(error: StoreError) -> Self {
        Self::Author(AuthorError::Store(error))
    }
}
