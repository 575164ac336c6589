//! The order log of a circle: what was decided, in which order, and when that is final (`specs/order-log.md`).
//!
//! The state is a fold over entries. It takes what keepers signed and says what is in force; it knows no clock, and which head is newest is the caller's matter.

mod panel;
mod takeover;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::charter::Alliance;
use crate::id::{AllianceId, CircleId, Hash, MemberId, StatementId};
use crate::limits;
use crate::note::{TreeHead, UnverifiedCheckpoint};
use crate::quorum::Quorum;
use crate::resolution::{Disclosed, Effect, Refused, Resolved, from_fields};
use crate::section::Body;
use crate::tree::{self, Frontier};

pub use panel::Panel;
pub use takeover::{FREEZE, Freeze};

/// Type of an entry's statement.
pub const ENTRY: &str = "suyuan.order";

/// Origin of the order log of a circle and term, and the name under which its keeper signs it.
pub fn origin(alliance: &AllianceId, circle: &CircleId, term: u64) -> String {
    format!("suyuan/{alliance}/{circle}/order/{term}")
}

/// The fields of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The circle.
    pub circle: CircleId,
    /// The term, from 1.
    pub term: u64,
    /// Its index in the term, from 0.
    pub index: u64,
    /// The entry before it in the term; zeros for the first.
    pub previous: StatementId,
    /// A certified head of the term, as its note.
    pub certificate: Option<String>,
    /// The votes that began the term.
    pub takeover: Option<Vec<Disclosed>>,
    /// What was decided.
    pub effect: Option<Box<Effect>>,
    /// The circle's next epoch.
    pub epoch: Option<EpochEntry>,
}

/// The circle's next epoch, in its place among the decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochEntry {
    /// Number of the epoch.
    pub epoch: u64,
    /// The statement that opens it.
    pub statement: StatementId,
}

/// An epoch that an entry names.
#[derive(Clone, Debug)]
pub struct NamedEpoch {
    /// Which one, and its statement.
    pub entry: EpochEntry,
    /// The settled state of the order log as that entry finds it: its statement is judged by these members, at any later time.
    pub alliance: Arc<Alliance>,
}

/// Why an entry counts for nothing. The codes stand in `specs/order-log.md`, in the order of checking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryFault {
    /// Statement, signature, header and body do not belong together, or no member has signed.
    Statement,
    /// A part is not of its form.
    Malformed,
    /// Another author, term or circle.
    Keeper,
    /// Not the next entry.
    Index,
    /// Older than the entry before it.
    Time,
    /// Not a certified head of this log, or none where the entry before has settled a change of the alliance.
    Certificate,
    /// Votes that do not begin this term.
    Takeover,
    /// The effect does not hold.
    Effect(Refused),
    /// Another change of the alliance waits to be settled.
    Pending,
    /// Not a later epoch, one that leaves too many out, or one while another waits to be settled.
    Epoch,
}

impl EntryFault {
    /// The code in `specs/`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Malformed => "malformed",
            Self::Keeper => "keeper",
            Self::Index => "index",
            Self::Time => "time",
            Self::Certificate => "certificate",
            Self::Takeover => "takeover",
            Self::Effect(refused) => refused.code(),
            Self::Pending => "pending",
            Self::Epoch => "epoch",
        }
    }
}

impl fmt::Display for EntryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Effect(refused) => refused.fmt(f),
            other => write!(f, "the entry of the order log does not hold ({})", other.code()),
        }
    }
}

impl std::error::Error for EntryFault {}

/// A position in the order of a circle: a term, and how many of its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The term.
    pub term: u64,
    /// Entries of it.
    pub size: u64,
}

/// What an entry brought.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Where it stands.
    pub at: Position,
    /// The entry's statement.
    pub entry: StatementId,
    /// Time of the entry, milliseconds since 1970-01-01 UTC, its keeper's claim.
    pub time: u64,
    /// The effect.
    pub resolved: Arc<Resolved>,
}

/// The state of an order log after some entries.
#[derive(Clone, Debug)]
pub struct Order {
    /// The circle.
    pub circle: CircleId,
    /// The term, from 1.
    pub term: u64,
    /// Who keeps it.
    pub keeper: MemberId,
    /// Where the term began: the position in an earlier one up to which that counts.
    pub fence: Position,
    /// The settled state: members, keys and rules as they are in force.
    pub alliance: Arc<Alliance>,
    /// How many effects each subject has had.
    pub slots: BTreeMap<String, u64>,
    /// The circle's epochs after its first that are settled, in their order.
    pub epochs: Vec<NamedEpoch>,
    /// Everything decided, settled or not.
    pub decided: Vec<Decided>,
    /// Time of the newest entry.
    pub time: u64,
    /// Time of the newest entry that is settled, or of the founding.
    pub settled_time: u64,
    /// Time of the first entry of the term.
    pub opened: u64,
    /// The founding charter.
    founding: Arc<Alliance>,
    /// Since when each settled change of the alliance is in force, in their order.
    confirmed: Vec<u64>,
    last: StatementId,
    tree: Frontier,
    /// Root of each head of this term, by size.
    roots: Vec<Hash>,
    /// Time of each entry of this term.
    times: Vec<u64>,
    /// The entries of every term up to here, by term.
    entries: BTreeMap<u64, Arc<Vec<StatementId>>>,
    /// Entries of this term that are covered by the largest certificate in it.
    certified: u64,
    /// A change of the alliance that waits to be settled, and the index of its entry.
    pending: Option<(u64, Arc<Alliance>)>,
    /// An epoch that waits to be settled, and the index of its entry.
    opening: Option<(u64, NamedEpoch)>,
    /// Where the newest entry has settled a change of the alliance, or the fence of the term and no entry yet but the first: what was in force before.
    before: Option<Arc<Alliance>>,
}

impl Order {
    /// The alliance circle's, before anything was decided.
    pub fn founding(alliance: Arc<Alliance>) -> Option<Self> {
        let keeper = alliance.leader()?.id;
        let circle = crate::circle::alliance_circle(&alliance.id());
        let time = alliance.charter().time;
        Some(Self {
            circle,
            term: 1,
            keeper,
            fence: Position::default(),
            founding: alliance.clone(),
            confirmed: Vec::new(),
            alliance,
            slots: BTreeMap::new(),
            epochs: Vec::new(),
            decided: Vec::new(),
            time,
            settled_time: time,
            opened: time,
            last: StatementId([0; 32]),
            tree: Frontier::default(),
            roots: vec![tree::root(&[])],
            times: Vec::new(),
            entries: BTreeMap::new(),
            certified: 0,
            pending: None,
            opening: None,
            before: None,
        })
    }

    /// Size and root of this term's log.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.tree.size(), root: self.tree.root() }
    }

    /// Where it ends.
    pub fn position(&self) -> Position {
        Position { term: self.term, size: self.tree.size() }
    }

    /// The newest entry of this term; zeros where there is none.
    pub fn last(&self) -> StatementId {
        self.last
    }

    /// Entries of this term that are covered by the largest certificate in it.
    pub fn certified(&self) -> u64 {
        self.certified
    }

    /// Whether an effect is settled.
    pub fn is_settled(&self, decided: &Decided) -> bool {
        decided.at.term < self.term || decided.at.size <= self.certified
    }

    /// Whether a change of the alliance waits to be settled.
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether entries wait to be certified: for what they decide, or since nothing may follow before.
    pub fn is_open(&self) -> bool {
        self.before.is_some()
            || self.pending.is_some()
            || self.opening.is_some()
            || self.decided.last().is_some_and(|decided| !self.is_settled(decided))
    }

    /// The quorum of today's voters.
    pub fn quorum(&self) -> Quorum {
        Quorum::of(self.alliance.voters().count())
    }

    /// The state after one more entry.
    ///
    /// # Errors
    /// [`EntryFault`], in the order of the page.
    pub fn append(&self, author: &MemberId, id: StatementId, time: u64, entry: &Entry) -> Result<Self, EntryFault> {
        let refuse = |wrong: bool, why| if wrong { Err(why) } else { Ok(()) };
        let empty = entry.certificate.is_none() && entry.takeover.is_none() && entry.effect.is_none() && entry.epoch.is_none();
        refuse(empty, EntryFault::Malformed)?;
        refuse(*author != self.keeper || entry.term != self.term || entry.circle != self.circle, EntryFault::Keeper)?;
        refuse(entry.index != self.tree.size() || entry.previous != self.last, EntryFault::Index)?;
        refuse(time < self.time, EntryFault::Time)?;
        let mut next = self.clone();
        match &entry.certificate {
            Some(certificate) => next.certify(certificate)?,
            None => refuse(self.before.is_some() && entry.index > 0, EntryFault::Certificate)?,
        }
        refuse(entry.takeover.is_some() != (self.term > 1 && entry.index == 0), EntryFault::Takeover)?;
        if let Some(effect) = &entry.effect {
            next.take(effect, id, time)?;
        }
        if let Some(epoch) = entry.epoch {
            next.open_epoch(epoch)?;
        }
        next.last = id;
        next.time = time;
        next.times.push(time);
        next.tree.push(tree::leaf_hash(&id.0));
        next.roots.push(next.tree.root());
        Arc::make_mut(next.entries.entry(next.term).or_default()).push(id);
        if entry.index == 0 && self.term > 1 {
            next.opened = time;
        }
        Ok(next)
    }

    /// The state as an entry with this certificate finds it.
    pub fn certified_by(&self, certificate: &str) -> Option<Self> {
        let mut next = self.clone();
        next.certify(certificate).ok().map(|()| next)
    }

    /// Takes a certificate into the log, and settles what it covers.
    fn certify(&mut self, note: &str) -> Result<(), EntryFault> {
        let size = UnverifiedCheckpoint::parse(note).map_err(|_| EntryFault::Certificate)?.claimed_size();
        let panel = self.panel(size).ok_or(EntryFault::Certificate)?;
        let head = self.read_head(note).filter(|head| panel.is_enough(head)).ok_or(EntryFault::Certificate)?;
        // What was settled by the newest entry is in force once those before have certified that very entry: no larger head is counted without it.
        let least = if self.before.is_some() { self.tree.size().max(1) } else { self.certified.saturating_add(1) };
        let root = usize::try_from(size).ok().and_then(|size| self.roots.get(size));
        if root != Some(&head.head.root) || size < least {
            return Err(EntryFault::Certificate);
        }
        self.before = None;
        self.settle(size, panel.seen(&head));
        Ok(())
    }

    /// Settles what a certificate covers that honest voters had seen by then.
    fn settle(&mut self, size: u64, seen: Option<u64>) {
        self.certified = size;
        let newest = size.checked_sub(1).and_then(|index| self.times.get(usize::try_from(index).ok()?));
        self.settled_time = newest.copied().unwrap_or(self.settled_time);
        if let Some((index, alliance)) = self.pending.take_if(|(index, _)| *index < size) {
            let at = Position { term: self.term, size: index.saturating_add(1) };
            let written = self.decided.iter().rev().find(|decided| decided.at == at).map_or(self.time, |decided| decided.time);
            let since = self.confirmed.last().copied().unwrap_or(self.founding.charter().time);
            self.confirmed.push(seen.unwrap_or(written).max(since));
            self.before = Some(std::mem::replace(&mut self.alliance, alliance));
        }
        if let Some((_, epoch)) = self.opening.take_if(|(index, _)| *index < size) {
            self.epochs.push(epoch);
        }
    }

    fn take(&mut self, effect: &Effect, entry: StatementId, time: u64) -> Result<(), EntryFault> {
        let resolved = effect.check(&self.circle, &self.alliance, &self.slots, time).map_err(EntryFault::Effect)?;
        let index = self.tree.size();
        if resolved.proposal.change.alters() {
            if self.pending.is_some() {
                return Err(EntryFault::Pending);
            }
            self.pending = Some((index, Arc::new(resolved.alliance.clone())));
        }
        let version = self.slots.entry(resolved.proposal.slot.subject.clone()).or_default();
        *version = version.saturating_add(1);
        let at = Position { term: self.term, size: index.saturating_add(1) };
        self.decided.push(Decided { at, entry, time, resolved: Arc::new(resolved) });
        Ok(())
    }

    fn open_epoch(&mut self, epoch: EpochEntry) -> Result<(), EntryFault> {
        let newest = self.newest_epoch();
        let next = newest.saturating_add(1)..=newest.saturating_add(limits::EPOCH_LEAP).min(limits::INTEGER);
        if !next.contains(&epoch.epoch) || self.opening.is_some() {
            return Err(EntryFault::Epoch);
        }
        self.opening = Some((self.tree.size(), NamedEpoch { entry: epoch, alliance: self.alliance.clone() }));
        Ok(())
    }

    /// The alliance as its founders signed it.
    pub(crate) fn founding_alliance(&self) -> &Alliance {
        &self.founding
    }

    /// Since when each settled change is in force.
    pub(crate) fn confirmed(&self) -> &[u64] {
        &self.confirmed
    }

    /// The entries that lead here: of every term up to its fence, in their order.
    pub fn entries(&self) -> impl Iterator<Item = &StatementId> {
        self.entries.values().flat_map(|entries| entries.iter())
    }

    /// Number of the newest epoch, settled or not.
    pub fn newest_epoch(&self) -> u64 {
        self.named_epochs().next_back().map_or(1, |newest| newest.entry.epoch)
    }

    /// The epochs after the first, settled or not, in their order.
    pub fn named_epochs(&self) -> impl DoubleEndedIterator<Item = &NamedEpoch> {
        self.epochs.iter().chain(self.opening.as_ref().map(|(_, epoch)| epoch))
    }

    /// Whether an epoch waits to be settled.
    pub fn is_opening(&self) -> bool {
        self.opening.is_some()
    }

    /// Root of this term's log when it had this many entries.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.roots.get(usize::try_from(size).ok()?).copied()
    }
}

impl Entry {
    /// Reads an entry's fields.
    pub fn read(body: &Body) -> Option<Self> {
        from_fields(body)
    }
}
