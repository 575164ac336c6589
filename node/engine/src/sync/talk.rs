//! What goes into the sessions and what comes out of them.

use suyuan_core::equivocation::Evidence;
use suyuan_core::log::LogId;
use suyuan_core::{Fault, MemberId};

use crate::equivocation::{CompareError, Comparison};
use crate::limits;
use crate::replica::BatchError;
use crate::wire::{Batch, Count, Gap, Item, LogSize, Request, Response};

/// How long things take and how many there are. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pulls under way at once. For each, at most three batches are in memory: one on its way, one that waits and one being verified.
    pub pulls: usize,
    /// The same of logs of which at most [`limits::LITTLE`] entries are lacking, beside these. For each, one batch is in memory.
    pub small_pulls: usize,
    /// Time between two questions for a peer's heads; up to half of it is added at random.
    pub heads_every: u64,
    /// Time from a connection until counters are compared.
    pub counters_after: u64,
    /// Time between two comparisons of counters with a peer; up to half of it is added at random.
    pub counters_every: u64,
    /// How long, once the own log is here, comparing counters and fetching what is lacking of it may hold back authoring.
    pub own_gaps: u64,
    /// How long a member that gave what it had for a gap is not asked for it again, unless its count changes.
    pub settled: u64,
    /// Shortest time between two pushes to one peer.
    pub tell_every: u64,
    /// How long the author's own node must have had nothing to give before another member's copy is pulled.
    pub relay_after: u64,
    /// How long whoever could not clear a doubt about keys is asked for no entries. What it said that it has is believed meanwhile: it may be of this node's own log.
    pub doubt: u64,
    /// How long a peer is not asked after the first failed request; doubled by each further one.
    pub failure_rest: u64,
    /// The longest such rest.
    pub failure_rest_most: u64,
    /// How long a peer is not asked after it sent what does not verify; doubled by each further time.
    pub fault_rest: u64,
    /// The longest such rest.
    pub fault_rest_most: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pulls: limits::SYNC_PULLS,
            small_pulls: limits::SYNC_SMALL_PULLS,
            heads_every: 8_000,
            counters_after: 2_000,
            counters_every: 20_000,
            own_gaps: 20_000,
            settled: 100_000,
            tell_every: 100,
            relay_after: 10_000,
            doubt: 5_000,
            failure_rest: 1_000,
            failure_rest_most: 60_000,
            fault_rest: 10_000,
            fault_rest_most: 600_000,
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A member can be asked.
    Connected(MemberId),
    /// It cannot be reached for the time being: it was dialled in vain, or nobody knows where.
    Unreachable(MemberId),
    /// It no longer can; what it was asked will not be answered.
    Disconnected(MemberId),
    /// It answered, or what it sent could not be decoded.
    Answer {
        /// Who.
        member: MemberId,
        /// What it had been asked.
        request: Request,
        /// The answer.
        response: Result<Response, Fault>,
    },
    /// It did not answer in time, or broke off.
    Failed {
        /// Who.
        member: MemberId,
        /// What it had been asked.
        request: Request,
    },
    /// It said, by a push or by what it pulls, that it has at least so much of a log.
    Holds {
        /// Who.
        member: MemberId,
        /// How far.
        log: LogSize,
    },
    /// A batch was verified and written.
    TakenIn(LogSize),
    /// A batch was not; the size is that of this node's copy.
    Refused {
        /// The log and how far this node has it.
        log: LogSize,
        /// Why.
        error: BatchError,
    },
    /// A member's counters are ahead of this node's: the result of [`crate::mend::gaps`].
    Gaps {
        /// Who.
        member: MemberId,
        /// Where, and how many statements are missing.
        counts: Vec<(Count, u64)>,
    },
    /// What is lacking here of a member's listing: the result of [`crate::mend::lacking`].
    Lacking {
        /// Who listed.
        member: MemberId,
        /// Of which circle and log.
        gap: Gap,
        /// The sequences that are lacking.
        sequences: Vec<u64>,
        /// Where the listing goes on.
        next: Option<u64>,
    },
    /// It named other roots of logs than this node's copies have at these sizes, by [`crate::equivocation::differing`].
    Differing {
        /// Who.
        member: MemberId,
        /// The logs, with the sizes that it named.
        logs: Vec<LogSize>,
    },
    /// What it showed of a log was held against this node's copy, by [`crate::equivocation::compare`].
    Compared {
        /// Who showed it.
        member: MemberId,
        /// Of which log.
        log: LogId,
        /// Which entry.
        index: u64,
        /// How it stands to this node's copy.
        found: Result<Comparison, CompareError>,
    },
    /// What it sent is signed by keys that are not known here.
    Doubted {
        /// Who.
        member: MemberId,
        /// Version of the alliance by which it was judged.
        version: u64,
        /// What to say of it, where nobody has these keys.
        why: Why,
    },
    /// The history that it gave, to clear a doubt, was judged.
    Learned {
        /// Who gave it.
        member: MemberId,
        /// Version of the alliance afterwards, or what does not hold.
        result: Result<u64, Fault>,
    },
    /// It offered evidence that convicts nobody.
    Slander {
        /// Who.
        member: MemberId,
        /// What does not hold.
        fault: Fault,
    },
    /// Statements were verified and written.
    Filled,
    /// Statements were not.
    NotFilled(BatchError),
    /// This node's copies are so long, however they grew.
    Local(Vec<LogSize>),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a request. It ends in one [`Event::Answer`] or [`Event::Failed`], unless the member disconnects.
    Ask {
        /// Whom.
        member: MemberId,
        /// What.
        request: Request,
    },
    /// Verify and write a batch. It ends in [`Event::TakenIn`] or [`Event::Refused`].
    TakeIn {
        /// Who sent it.
        member: MemberId,
        /// The batch.
        batch: Box<Batch>,
    },
    /// Verify statements of entries that are here already, and write them. It ends in [`Event::Filled`] or [`Event::NotFilled`].
    Fill {
        /// Who sent them.
        member: MemberId,
        /// Of which log.
        log: LogId,
        /// The statements.
        items: Vec<Item>,
    },
    /// Adopt a history if it holds and says more than is known here. It ends in one [`Event::Learned`].
    Learn {
        /// Who gave it.
        member: MemberId,
        /// The file.
        history: Vec<u8>,
    },
    /// A log has two histories. Judge the evidence, keep it, and tell the sessions by [`super::Sync::convict`].
    Convict {
        /// Whose copy of the log showed it; it is not at fault.
        member: MemberId,
        /// What convicts the log's owner.
        evidence: Box<Evidence>,
    },
    /// A member sent what it should not have: say so. It is asked for no entries until then.
    Penalise {
        /// Who.
        member: MemberId,
        /// What it did.
        why: Why,
        /// Until when it is not asked.
        until: u64,
    },
    /// This node now knows that it holds its own log as far as anybody does.
    OwnHeadKnown,
    /// After that, something turned up that speaks against it: nothing is authored until it is known again.
    OwnHeadDisputed,
}

/// What a member did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// What it sent cannot be decoded.
    Undecodable(Fault),
    /// It answered another question than it was asked.
    Unasked,
    /// It said that it has more of a log, and then did not give it.
    Short(LogId),
    /// Its batch does not verify.
    Batch {
        /// Of which log.
        log: LogId,
        /// What does not hold.
        error: BatchError,
    },
    /// What it showed of a log is not under a checkpoint of its owner.
    Shown {
        /// Of which log.
        log: LogId,
        /// What does not hold.
        fault: Fault,
    },
    /// It accused a member with evidence that does not hold.
    Slander(Fault),
    /// It told of a cosignature that does not hold.
    Cosignature(Fault),
    /// Its history of the alliance does not hold.
    History(Fault),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Undecodable(fault) => write!(f, "its answer cannot be decoded: {fault}"),
            Self::Unasked => f.write_str("it answered something else than it was asked"),
            Self::Short(log) => write!(f, "it withholds entries of {} that it said it has", log.origin()),
            Self::Shown { log, fault } => write!(f, "what it showed of {} does not hold: {fault}", log.origin()),
            Self::Cosignature(fault) => write!(f, "it told of a cosignature that does not hold: {fault}"),
            Self::History(fault) => write!(f, "its history of the alliance does not hold: {fault}"),
            Self::Slander(fault) => write!(f, "it accused a member, and the evidence does not hold: {fault}"),
            Self::Batch { log, error } => write!(f, "its batch of {} was refused: {error}", log.origin()),
        }
    }
}
