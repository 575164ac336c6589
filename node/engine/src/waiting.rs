//! Submissions that cannot be sealed yet: durable, in the order in which they came, until they are written or taken back (`specs/order-log.md`, Waiting).

mod row;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use rand_core::CryptoRng;
use suyuan_core::CircleId;
use suyuan_core::id::{Hash, NotAnId};

use crate::author::AuthorError;
use crate::limits;
use crate::local::LocalKeys;
use crate::schema::Table;
use crate::submission::{Refusal, Submission};
use crate::view::{Changes, StoreError, View};
use crate::writer::Idempotent;

/// Name of a submission that waits: a number in the order of arrival, 8 bytes, and 24 random bytes, so that a name is never given twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitingId(pub Hash);

impl fmt::Display for WaitingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for WaitingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WaitingId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        // As every other id.
        text.parse().map(|CircleId(bytes)| Self(bytes))
    }
}

/// What a submission waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// That a quorum of voters confirms who the members are.
    Unconfirmed,
    /// That a change of this member's log key is decided: until then there is no room before it.
    KeyChange,
    /// That a circle's steward opens its next epoch, without somebody who has left, and hands its key out.
    Epoch,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Unconfirmed, Self::KeyChange, Self::Epoch];

    /// The code in the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::KeyChange => "key-change",
            Self::Epoch => "epoch",
        }
    }

    /// The reason behind what cannot be written now, if it passes.
    pub const fn of(error: &AuthorError) -> Option<Self> {
        match error {
            AuthorError::NotFresh => Some(Self::Unconfirmed),
            AuthorError::KeyChange(_) => Some(Self::KeyChange),
            AuthorError::NoKey(_) | AuthorError::Left(_) => Some(Self::Epoch),
            AuthorError::KeyMissing(_) | AuthorError::Form(_) | AuthorError::Store(_) => None,
        }
    }

    /// What is waited for and what the operator can do, as a clause.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Unconfirmed => {
                "too few members have confirmed lately who is in the alliance, and what is sealed now might be for somebody who has left; \
                 bring other members' nodes within reach"
            }
            Self::KeyChange => {
                "a change of this member's log key is being decided, and there is no room before it; `suyuan resolution list` says who is waited for"
            }
            Self::Epoch => {
                "a circle's next epoch, without somebody who has left, is not open here yet; bring the node of the circle's steward within reach"
            }
        }
    }
}

/// A submission that waits, without its contents, which stand in its row alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its name.
    pub id: WaitingId,
    /// When it came, milliseconds since 1970-01-01 UTC.
    pub since: u64,
    /// What for, as far as was last seen.
    pub reason: Reason,
    /// Records in it.
    pub records: usize,
    /// Their types.
    pub kinds: BTreeSet<String>,
    /// Whom they are for.
    pub circles: BTreeSet<CircleId>,
    /// Bytes of its row.
    pub bytes: usize,
    /// Why it cannot be written any more. It stays until somebody takes it out.
    pub failed: Option<Refusal>,
    /// The client's key.
    pub(crate) once: Option<Idempotent>,
}

impl Waiting {
    /// Whether it came under the same key; and if so, whether it is the same request.
    pub(crate) fn is_same(&self, once: &Idempotent) -> Option<bool> {
        self.once.as_ref().filter(|mine| mine.key == once.key).map(|mine| mine.digest == once.digest)
    }
}

/// A submission that waits, with its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub since: u64,
    pub reason: Reason,
    pub once: Option<Idempotent>,
    pub failed: Option<Refusal>,
    pub submissions: Vec<Submission>,
}

impl Kept {
    /// Writes its row; says what stands in the queue for it.
    pub fn save(&self, id: WaitingId, local: &LocalKeys, rng: &mut impl CryptoRng, changes: &mut Changes) -> Result<Waiting, StoreError> {
        let sealed = local.seal_header(&sealed_as(&id), row::encode(self), rng)?;
        let waiting = self.summary(id, sealed.len());
        changes.put(Table::Waiting, id.0, sealed);
        Ok(waiting)
    }

    /// Reads a row.
    pub fn load(id: WaitingId, view: &impl View, local: &LocalKeys) -> Result<Self, StoreError> {
        let sealed = view.row(Table::Waiting, &id.0)?.ok_or_else(|| damaged(&id))?;
        Self::open(id, &sealed, local)
    }

    fn open(id: WaitingId, sealed: &[u8], local: &LocalKeys) -> Result<Self, StoreError> {
        row::decode(&local.open_header(&sealed_as(&id), sealed)?).ok_or_else(|| damaged(&id))
    }

    fn summary(&self, id: WaitingId, bytes: usize) -> Waiting {
        let Self { since, reason, once, failed, submissions } = self;
        Waiting {
            id,
            since: *since,
            reason: *reason,
            records: submissions.len(),
            kinds: submissions.iter().map(|one| one.kind.clone()).collect(),
            circles: circles(submissions),
            bytes,
            failed: failed.clone(),
            once: once.clone(),
        }
    }
}

/// Whom submissions are for.
pub(crate) fn circles(submissions: &[Submission]) -> BTreeSet<CircleId> {
    submissions.iter().flat_map(|one| &one.sections).flat_map(|section| &section.audiences).copied().collect()
}

/// What a row is sealed as: no row of another table has this name.
fn sealed_as(id: &WaitingId) -> Vec<u8> {
    [&b"waiting"[..], &id.0].concat()
}

fn damaged(id: &WaitingId) -> StoreError {
    StoreError(format!("the submission {id} that waits"))
}

/// All that waits, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue(BTreeMap<WaitingId, Waiting>);

impl Queue {
    /// Reads back what waits.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(view: &impl View, local: &LocalKeys) -> Result<Self, StoreError> {
        let mut queue = Self::default();
        for (key, sealed) in view.rows(Table::Waiting, &[], &[0xff; 33], usize::MAX)? {
            let id = WaitingId(key.try_into().map_err(|_| StoreError("the name of a submission that waits".into()))?);
            queue.set(Kept::open(id, &sealed, local)?.summary(id, sealed.len()));
        }
        Ok(queue)
    }

    /// Everything that waits or has failed, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.0.values()
    }

    /// What came after this one.
    pub fn after(&self, id: &WaitingId) -> impl Iterator<Item = &Waiting> {
        self.0.range((std::ops::Bound::Excluded(*id), std::ops::Bound::Unbounded)).map(|(_, waiting)| waiting)
    }

    /// One of them.
    pub fn get(&self, id: &WaitingId) -> Option<&Waiting> {
        self.0.get(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one more of so many bytes may wait.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let all = self.iter().fold(bytes, |sum, waiting| sum.saturating_add(waiting.bytes));
        self.len() < limits::WAITING && all <= limits::WAITING_BYTES
    }

    /// A name for the next one.
    pub(crate) fn next_id(&self, rng: &mut impl CryptoRng) -> WaitingId {
        let newest = self.0.last_key_value().and_then(|(id, _)| id.0.first_chunk::<8>());
        let number = newest.map_or(0, |number| u64::from_be_bytes(*number).saturating_add(1));
        let mut id = [0; 32];
        rng.fill_bytes(&mut id);
        for (to, from) in id.iter_mut().zip(number.to_be_bytes()) {
            *to = from;
        }
        WaitingId(id)
    }

    pub(crate) fn set(&mut self, waiting: Waiting) {
        self.0.insert(waiting.id, waiting);
    }

    pub(crate) fn remove(&mut self, id: &WaitingId) -> Option<Waiting> {
        self.0.remove(id)
    }
}

/// Circles in which something waits, each with what for: whatever comes later for one of them waits behind it, so that a circle's readers get a member's records
/// in the order in which they were submitted.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    circles: BTreeMap<CircleId, Reason>,
    /// The log itself has no room.
    log: bool,
}

impl Blocked {
    /// By all of a queue that has not failed.
    pub fn by(queue: &Queue, alone: CircleId) -> Self {
        let mut blocked = Self::default();
        queue.iter().filter(|waiting| waiting.failed.is_none()).for_each(|waiting| blocked.add(&waiting.circles, alone, waiting.reason));
        blocked
    }

    /// Something for these circles waits. What is public, and what is for this member `alone`, needs nobody's key: it holds nothing back.
    pub fn add(&mut self, circles: &BTreeSet<CircleId>, alone: CircleId, reason: Reason) {
        let sealed = circles.iter().filter(|circle| **circle != suyuan_core::circle::PUBLIC && **circle != alone);
        sealed.for_each(|circle| {
            self.circles.entry(*circle).or_insert(reason);
        });
        self.log |= reason == Reason::KeyChange;
    }

    /// What something for these circles has to wait for behind others.
    pub fn behind(&self, circles: &BTreeSet<CircleId>) -> Option<Reason> {
        if self.log { Some(Reason::KeyChange) } else { circles.iter().find_map(|circle| self.circles.get(circle)).copied() }
    }
}
