//! How many statements each author addressed to each circle, and how many of them this node holds: the difference was withheld or is still to come.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::id::Hash;
use suyuan_core::section::AudienceHeader;
use suyuan_core::{CircleId, StatementId};

use crate::limits;
use crate::local::LocalKeys;
use crate::record::HeldRecord;
use crate::schema::{Row, Table, counter_key, index_key};
use crate::view::{Changes, StoreError, View};

/// One author's statements to one circle, as far as they were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Counter that the next statement will carry, by the newest one seen.
    pub next: u64,
    /// How many this node holds.
    pub held: u64,
    /// The newest one seen, or zeros.
    pub last: StatementId,
    /// The ids of those held, one XORed with the other: whoever holds as many others has another mark.
    pub mark: Hash,
}

impl Default for Counter {
    fn default() -> Self {
        Self { next: 0, held: 0, last: StatementId([0; 32]), mark: [0; 32] }
    }
}

impl Counter {
    /// How many exist at least: an author that lost the end of its log may have used a counter twice.
    pub fn known(&self) -> u64 {
        self.next.max(self.held)
    }

    /// The mark, where as many are held as are known.
    pub fn complete(&self) -> Option<Hash> {
        Some(self.mark).filter(|_| self.held == self.known())
    }

    /// How many are known to exist and not held.
    pub fn missing(&self) -> u64 {
        self.next.saturating_sub(self.held)
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(96);
        writer.array(4).uint(self.next).uint(self.held).bytes(&self.last.0).bytes(&self.mark);
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, suyuan_core::Fault> {
        let mut reader = Reader::open(bytes)?;
        reader.array(4)?;
        Ok(Self { next: reader.uint()?, held: reader.uint()?, last: StatementId(reader.fixed()?), mark: reader.fixed()? })
    }
}

/// Counters by circle and log number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<(CircleId, u32), Counter>);

impl Counters {
    /// The counter of one author in one circle.
    pub fn of(&self, circle: &CircleId, log: u32) -> Counter {
        self.0.get(&(*circle, log)).copied().unwrap_or_default()
    }

    /// Every counter of one circle, by log number.
    pub fn in_circle(&self, circle: &CircleId) -> impl Iterator<Item = (u32, &Counter)> {
        self.0.range((*circle, 0)..=(*circle, u32::MAX)).map(|((_, log), counter)| (*log, counter))
    }

    /// Counts a statement that was written or taken in, once for each circle that it is addressed to. `known` are the circles for which it was counted
    /// before.
    pub fn count<'a>(&mut self, audiences: impl IntoIterator<Item = &'a AudienceHeader>, known: &BTreeSet<CircleId>, log: u32, id: StatementId) {
        let mut known = known.clone();
        for header in audiences {
            let counter = self.0.entry((header.circle, log)).or_default();
            if known.insert(header.circle) {
                counter.held = counter.held.saturating_add(1);
                counter.mark.iter_mut().zip(id.0).for_each(|(mark, byte)| *mark ^= byte);
            }
            // Of two that carry the same counter the one of the higher id counts, in whatever order they came.
            let next = header.counter.saturating_add(1);
            if (next, id) > (counter.next, counter.last) {
                (counter.next, counter.last) = (next, id);
            }
        }
    }

    /// Takes back that a statement is held.
    pub fn lose(&mut self, circle: &CircleId, log: u32, id: StatementId) {
        if let Some(counter) = self.0.get_mut(&(*circle, log)) {
            counter.held = counter.held.saturating_sub(1);
            counter.mark.iter_mut().zip(id.0).for_each(|(mark, byte)| *mark ^= byte);
        }
    }

    /// Counts anew what is held of one circle, but for the rows in `but`. What came before the circle was known was not counted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn recount(&mut self, circle: &CircleId, but: &BTreeSet<Row>, view: &impl View, local: &LocalKeys) -> Result<(), StoreError> {
        self.0.retain(|(of, _), _| of != circle);
        let name = local.name(Table::ByCircle, &circle.0);
        let mut from = index_key(&name, Row { log: 0, sequence: 0 });
        let end = index_key(&name, Row { log: u32::MAX, sequence: u64::MAX });
        loop {
            let rows = view.rows(Table::ByCircle, &from, &end, limits::LISTING)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            from = [last.as_slice(), &[0]].concat();
            for (key, _) in rows {
                let row = key.get(name.len()..).and_then(Row::from_key).ok_or_else(|| StoreError("a circle's row".into()))?;
                if but.contains(&row) {
                    continue;
                }
                if let Some(record) = HeldRecord::load(row, view, local)? {
                    self.count(record.addressed_to(circle), &BTreeSet::new(), row.log, record.statement.id());
                }
            }
        }
    }

    /// Takes over counters from another set.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The counters of one log alone, to be changed beside the others.
    pub fn scratch(&self, log: u32) -> Self {
        Self(self.0.iter().filter(|((_, number), _)| *number == log).map(|(key, counter)| (*key, *counter)).collect())
    }

    /// The counters of these circles alone.
    pub fn of_circles(&self, circles: &[CircleId]) -> Self {
        Self(self.0.iter().filter(|((circle, _), _)| circles.contains(circle)).map(|(key, counter)| (*key, *counter)).collect())
    }

    /// Writes the counters that differ from `before`.
    pub fn save(&self, before: &Self, local: &LocalKeys, changes: &mut Changes) {
        for ((circle, log), counter) in &self.0 {
            if before.of(circle, *log) != *counter {
                let key = counter_key(&local.name(Table::Counter, &circle.0), *log);
                changes.put(Table::Counter, key, counter.encode());
            }
        }
    }

    /// Reads the counter of one author in one circle, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&mut self, circle: &CircleId, log: u32, view: &impl View, local: &LocalKeys) -> Result<(), StoreError> {
        let key = counter_key(&local.name(Table::Counter, &circle.0), log);
        if let Some(row) = view.row(Table::Counter, &key)? {
            let counter = Counter::decode(&row).map_err(|fault| StoreError(format!("counter {}: {fault}", hex::encode(&key))))?;
            self.0.insert((*circle, log), counter);
        }
        Ok(())
    }
}
