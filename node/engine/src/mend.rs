//! Gaps: what was addressed to this member and did not come, because it was pulled from a node that may not hold it, or because somebody withheld it
//! (`specs/sync.md`, Gaps).
//!
//! Nodes that share a circle compare how many statements each author addressed to it. Where this node holds fewer than another knows of, it asks at which
//! sequences they stand, and then for those that it lacks. Entries of logs never change by this: only masked ones are opened.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use suyuan_core::circle::{PUBLIC, Slip, TYPE as CIRCLE_TYPE};
use suyuan_core::id::{Hash, StatementId};
use suyuan_core::log::{LogId, chain_next};
use suyuan_core::{CircleId, Fault};

use crate::counters::Counters;
use crate::epoch::Given;
use crate::ledger::Ledger;
use crate::limits;
use crate::local::LocalKeys;
use crate::logs;
use crate::record::{HeldAudience, HeldRecord, HeldSection};
use crate::replica::{BatchError, Opening, Taken, open_all, sender, take};
use crate::schema::{Row, Table, index_key};
use crate::secrets::EpochSecrets;
use crate::view::{Changes, StoreError, View};
use crate::void::VoidEntry;
use crate::wire::{Count, Gap, Item};

/// The counts of another node that are ahead of what is held here, or of other statements, each with how many statements are missing. Some may only be on their way with the next
/// batch; the sessions see to that.
pub fn gaps(counts: &[Count], ledger: &Ledger) -> Vec<(Count, u64)> {
    let lacks = |count: &Count| {
        let number = ledger.logs.known(&count.of.log).map(|head| head.number);
        let ours = number.map(|number| ledger.counters.of(&count.of.circle, number)).unwrap_or_default();
        // As many, but not the same ones: the author used a counter twice.
        let others = count.next == ours.held && count.mark.is_some_and(|mark| mark != ours.mark);
        let epoch = ledger.circles.circle(&count.of.circle).map_or(0, crate::circles::Circle::epoch);
        // All of them are here, and one opens an epoch whose secret is not: other than its author, a relay has no slip to give.
        let unopened = ledger.lacks_secret(&count.of);
        (ours.held < count.next || others || epoch < count.epoch || unopened).then(|| (*count, count.next.saturating_sub(ours.held)))
    };
    counts.iter().filter_map(lacks).take(limits::GAPS).collect()
}

/// Which of these sequences of a log lack something that the circle's members hold: the statement, its section for the circle, the wrap, or the secret that
/// an epoch statement came with.
///
/// # Errors
/// [`StoreError`].
pub fn lacking(gap: &Gap, sequences: &[u64], ledger: &Ledger, view: &impl View, local: &LocalKeys) -> Result<Vec<u64>, StoreError> {
    let Some(head) = ledger.logs.known(&gap.log) else { return Ok(Vec::new()) };
    let mut lacking = Vec::new();
    let wanted = |sequence: &u64| *sequence < head.size() && ledger.convictions.admits(&gap.log, sequence.saturating_add(1));
    for sequence in sequences.iter().copied().filter(wanted) {
        let row = Row { log: head.number, sequence };
        let lacks = match HeldRecord::load(row, view, local)? {
            Some(record) => !holds(&record, gap, ledger),
            // What is void is addressed to nobody.
            None => view.row(Table::Void, &row.key())?.is_none(),
        };
        if lacks {
            lacking.push(sequence);
        }
    }
    Ok(lacking)
}

fn holds(record: &HeldRecord, gap: &Gap, ledger: &Ledger) -> bool {
    let circle = &gap.circle;
    let audiences = record.sections.iter().flat_map(|section| section.audiences.iter().map(move |audience| (section, audience)));
    let mut addressed = audiences.filter(|(_, audience)| audience.header.circle == *circle);
    addressed.next().is_some_and(|(section, audience)| {
        if section.header.is_err() {
            return true;
        }
        let opened = record.statement.kind != CIRCLE_TYPE || !ledger.lacks_secret_of(gap, &record.statement.id());
        opened && (*circle == PUBLIC || audience.wrap.is_some())
    })
}

/// How far the chain of a log was followed, so that the next step need not begin at its start.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    log: LogId,
    sequence: u64,
    chain: Hash,
}

/// Statements that were verified, with everything to be written.
#[derive(Debug)]
pub struct Filled {
    /// Rows.
    pub changes: Changes,
    /// The author's counters afterwards.
    pub counters: Counters,
    /// The records, with what was held of them before.
    pub records: Vec<HeldRecord>,
    /// Entries that mean nothing.
    pub voids: Vec<VoidEntry>,
    /// What slips for this member that came along brought.
    pub given: Vec<Given>,
}

/// Verifies statements for entries that this node has, as [`crate::replica::verify`] does those of a batch, and puts them together with what is held already.
///
/// # Errors
/// [`BatchError`]; nothing is half accepted.
pub fn fill(
    log: &LogId,
    items: Vec<Item>,
    ledger: &Ledger,
    view: &impl View,
    opening: Opening<'_>,
    cursor: &mut Option<Cursor>,
    rng: &mut impl CryptoRng,
) -> Result<Filled, BatchError> {
    let head = ledger.logs.known(log).ok_or(BatchError::Elsewhere)?;
    if items.is_empty() {
        return Err(sender(Fault::Form));
    }
    let counters = ledger.counters.scratch(head.number);
    let circles: BTreeSet<CircleId> = ledger.known_circles().into_iter().collect();
    let mut filled = Filled { changes: Changes::default(), counters, records: Vec::new(), voids: Vec::new(), given: Vec::new() };
    let mut next = 0;
    for item in items {
        let sequence = item.sequence;
        let fault = |fault| BatchError::Sender { fault, sequence: Some(sequence) };
        if sequence < next || sequence >= head.size() {
            return Err(fault(Fault::Index));
        }
        next = sequence.saturating_add(1);
        if !ledger.convictions.admits(log, next) {
            return Err(BatchError::Frozen);
        }
        let row = Row { log: head.number, sequence };
        let (id, previous) = entry(log, row, view, cursor)?;
        match take(item, row, &log.place(sequence), &id, &previous).map_err(fault)? {
            Taken::Record(record, slip) => {
                filled.add((*record, slip), &circles, ledger, view, (opening, rng))?;
            }
            Taken::Void(void) => {
                void.save(&id, view, &mut filled.changes)?;
                filled.voids.push(void);
            }
            Taken::Later => {}
        }
    }
    filled.counters.save(&ledger.counters, opening.local, &mut filled.changes);
    Ok(filled)
}

impl Filled {
    /// Puts a record together with what is held of it, and counts it for the circles that are new.
    fn add(
        &mut self,
        (mut record, slip): (HeldRecord, Option<Slip>),
        circles: &BTreeSet<CircleId>,
        ledger: &Ledger,
        view: &impl View,
        (opening, rng): (Opening<'_>, &mut impl CryptoRng),
    ) -> Result<(), StoreError> {
        let mut known = BTreeSet::new();
        let local = opening.local;
        // Opened alone first: a slip is judged by the wraps that came with it, and what was held may be useless.
        let (mut subjects, given) = opening.open(&mut record, slip, ledger);
        let proven = given.as_ref().is_some_and(|given| given.content.is_ok());
        self.given.extend(given);
        let before = HeldRecord::load(record.row, view, local)?;
        if let Some(before) = &before {
            known.extend(before.complete().map(|header| header.circle));
            merge(&mut record, before.sections.clone(), proven);
        }
        if !proven {
            subjects = open_all(&mut record, opening.secrets);
        }
        // What brings nothing is not written again: its rows would be sealed anew, and whoever sends it often would keep the disk busy.
        if before.is_none_or(|before| before.sections != record.sections) {
            let counted = record.complete().filter(|header| circles.contains(&header.circle));
            self.counters.count(counted, &known, record.row.log, record.statement.id());
            record.save(&subjects, local, rng, &mut self.changes)?;
        }
        self.records.push(record);
        Ok(())
    }
}

fn wraps(record: &HeldRecord) -> BTreeSet<(u8, u8)> {
    let sections = record.sections.iter();
    let wrapped = |section: &HeldSection| {
        let index = section.index;
        let audiences = section.audiences.iter().filter(|audience| audience.wrap.is_some());
        audiences.map(|audience| (index, audience.index)).collect::<Vec<_>>()
    };
    sections.flat_map(wrapped).collect()
}

/// The id at a row, and the chain value before it.
fn entry(log: &LogId, row: Row, view: &impl View, cursor: &mut Option<Cursor>) -> Result<(StatementId, Hash), StoreError> {
    let start = Cursor { log: *log, sequence: 0, chain: log.chain_start() };
    let mut at = cursor.filter(|cursor| cursor.log == *log && cursor.sequence <= row.sequence).unwrap_or(start);
    while at.sequence < row.sequence {
        let to = row.sequence.min(at.sequence.saturating_add(limits::BATCH_ENTRIES as u64));
        for id in logs::entries(view, row.log, at.sequence..to)? {
            at.chain = chain_next(&at.chain, &id);
        }
        at.sequence = to;
    }
    *cursor = Some(at);
    let id = logs::entries(view, row.log, row.sequence..row.sequence.saturating_add(1))?.pop();
    Ok((id.ok_or_else(|| StoreError(format!("entry {} of log number {}", row.sequence, row.log)))?, at.chain))
}

/// Adds what was held before of the same statement. Both fit the same commitments. `proven`: the new wraps open, by the slip that came along.
fn merge(record: &mut HeldRecord, before: Vec<HeldSection>, proven: bool) {
    for section in before {
        match record.sections.iter_mut().find(|new| new.index == section.index) {
            None => record.sections.push(section),
            Some(new) => merge_audiences(new, section.audiences, proven),
        }
    }
    record.sections.sort_by_key(|section| section.index);
}

fn merge_audiences(section: &mut HeldSection, before: Vec<HeldAudience>, proven: bool) {
    for audience in before {
        match section.audiences.iter_mut().find(|new| new.index == audience.index) {
            None => section.audiences.push(audience),
            // A wrap that opened once is worth more than one that was just sent.
            Some(new) if !proven => new.wrap = audience.wrap.or(new.wrap),
            Some(new) => new.wrap = new.wrap.or(audience.wrap),
        }
    }
    section.audiences.sort_by_key(|audience| audience.index);
}

/// Indexes what can be opened of a circle's records by subject, after a secret of the circle has come: some may have been there before it. `from` is the key
/// to go on with; returns the next one, while there are more.
///
/// # Errors
/// [`StoreError`].
pub fn index_circle(
    circle: &CircleId,
    from: Option<Vec<u8>>,
    secrets: &EpochSecrets,
    view: &impl View,
    local: &LocalKeys,
    (counters, changes): (&mut Counters, &mut Changes),
) -> Result<Option<Vec<u8>>, StoreError> {
    let name = local.name(Table::ByCircle, &circle.0);
    let from = from.unwrap_or_else(|| index_key(&name, Row { log: 0, sequence: 0 }));
    let end = index_key(&name, Row { log: u32::MAX, sequence: u64::MAX });
    let rows = view.rows(Table::ByCircle, &from, &end, limits::LISTING)?;
    let next = rows.last().filter(|_| rows.len() == limits::LISTING).map(|(key, _)| [key.as_slice(), &[0]].concat());
    for (key, _) in rows {
        let row = key.get(name.len()..).and_then(Row::from_key).ok_or_else(|| StoreError("a circle's row".into()))?;
        let Some(mut record) = HeldRecord::load(row, view, local)? else { continue };
        let wrapped = wraps(&record);
        let counted: BTreeSet<CircleId> = record.complete().map(|header| header.circle).collect();
        let subjects = open_all(&mut record, secrets);
        record.index(&subjects, local, changes);
        // A wrap that does not open is forgotten, and its statement is missed, so that a good one is asked for.
        let left: BTreeSet<CircleId> = record.complete().map(|header| header.circle).collect();
        counted.difference(&left).for_each(|circle| counters.lose(circle, row.log, record.statement.id()));
        for (section, audience) in wrapped.difference(&wraps(&record)) {
            changes.delete(Table::Wrap, row.audience(*section, *audience));
        }
    }
    Ok(next)
}
