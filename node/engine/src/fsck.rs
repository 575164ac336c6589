//! Checking a store from end to end: everything that can be recomputed is, and the first thing that differs is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use suyuan_core::CircleId;
use suyuan_core::circle::TYPE as CIRCLE_TYPE;
use suyuan_core::id::StatementId;
use suyuan_core::key::Signature;
use suyuan_core::log::LogId;
use suyuan_core::section::AudienceHeader;
use suyuan_core::tile::WIDTH;

use crate::counters::Counters;
use crate::ledger::Ledger;
use crate::local::LocalKeys;
use crate::logs::{self, LogHead};
use crate::record::{self, HeldAudience, HeldRecord, HeldSection, Opened};
use crate::recount::{self, Recount};
use crate::relay::shelf;
use crate::schema::{Row, Table, index_key, log_key};
use crate::secrets::EpochSecrets;
use crate::view::{StoreError, View};
use crate::void::VoidEntry;
use crate::waiting::Queue;
use crate::witnessing;

/// Entries that are checked between two reports of progress.
const STEP: u64 = WIDTH;

/// How far the check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Entries checked so far, over all logs.
    pub done: u64,
    /// Entries in all.
    pub total: u64,
}

/// What was checked, when nothing was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Logs.
    pub logs: u64,
    /// Entries.
    pub entries: u64,
    /// Statements that this node holds.
    pub statements: u64,
    /// Sections that this node could open.
    pub opened: u64,
    /// Entries and sections for which their author signed what does not hold together; the store is not at fault.
    pub void: u64,
    /// Statements of others whose signature does not verify; the log holds them all the same.
    pub unsigned: u64,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In which log.
    pub log: Option<LogId>,
    /// At which entry.
    pub sequence: Option<u64>,
    /// What.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sequence) = self.sequence {
            write!(f, "entry {sequence}")?;
        }
        if let Some(log) = &self.log {
            write!(f, " of {}", log.origin())?;
        }
        write!(f, "{}{}", if self.log.is_some() { ": " } else { "" }, self.what)
    }
}

impl std::error::Error for Finding {}

impl From<StoreError> for Finding {
    fn from(error: StoreError) -> Self {
        Self { log: None, sequence: None, what: error.0 }
    }
}

/// Checks every row of a store whose heads could be loaded.
///
/// # Errors
/// The first [`Finding`].
pub fn check(
    ledger: &Ledger,
    view: &impl View,
    local: &LocalKeys,
    secrets: &EpochSecrets,
    mut progress: impl FnMut(Progress),
) -> Result<Report, Finding> {
    let total = ledger.logs.iter().map(LogHead::size).sum();
    let mut report = Report::default();
    let mut indexed = Indexed::default();
    for head in ledger.logs.iter() {
        let mut check = LogCheck::new(head, ledger, view, local, secrets)?;
        let mut from = 0;
        while from < head.size() {
            let to = from.saturating_add(STEP).min(head.size());
            check.entries(from..to, &mut report, &mut indexed)?;
            from = to;
            progress(Progress { done: report.entries, total });
        }
        check.end()?;
        indexed.add(Table::Entry, head.size());
        report.logs = report.logs.saturating_add(1);
    }
    indexed.check(view)?;
    witnessing::check(ledger, view)?;
    Queue::load(view, local)?;
    shelf::check(view)?;
    Ok(report)
}

/// How many rows each table ought to have: a row too many belongs to nothing that is there.
#[derive(Default)]
struct Indexed(BTreeMap<Table, u64>);

impl Indexed {
    fn add(&mut self, table: Table, rows: u64) {
        let count = self.0.entry(table).or_default();
        *count = count.saturating_add(rows);
    }

    fn expect(&mut self, table: Table, key: &[u8], view: &impl View) -> Result<(), String> {
        self.add(table, 1);
        match view.row(table, key).map_err(|error| error.0)? {
            Some(_) => Ok(()),
            None => Err(format!("a row of the index {table:?} is missing")),
        }
    }

    fn check(&self, view: &impl View) -> Result<(), Finding> {
        use Table::{ByCircle, ById, BySubject, Content, Entry, Header, Public, Statement, System, Void, Wrap};
        for table in [ById, ByCircle, BySubject, Public, System, Entry, Statement, Void, Header, Content, Wrap] {
            let expected = self.0.get(&table).copied().unwrap_or(0);
            let found = count(view, table)?;
            if found != expected {
                let what = format!("the table {table:?} has {found} rows where {expected} belong");
                return Err(Finding { log: None, sequence: None, what });
            }
        }
        Ok(())
    }
}

fn count(view: &impl View, table: Table) -> Result<u64, StoreError> {
    let (mut count, mut from) = (0u64, Vec::new());
    loop {
        let rows = view.rows(table, &from, &[0xff; 64], 4096)?;
        count = count.saturating_add(rows.len() as u64);
        let Some((last, _)) = rows.last() else { return Ok(count) };
        from = [&last[..], &[0]].concat();
    }
}

struct LogCheck<'a, V> {
    head: &'a LogHead,
    ledger: &'a Ledger,
    view: &'a V,
    local: &'a LocalKeys,
    secrets: &'a EpochSecrets,
    recount: Recount<'a, V>,
    counters: Counters,
    /// Up to where the own log came back from others, who may not hold all of its statements.
    returned: u64,
}

impl<'a, V: View> LogCheck<'a, V> {
    fn new(head: &'a LogHead, ledger: &'a Ledger, view: &'a V, local: &'a LocalKeys, secrets: &'a EpochSecrets) -> Result<Self, StoreError> {
        let (recount, returned) = (Recount::new(head, view), recount::returned(view)?);
        Ok(Self { head, ledger, view, local, secrets, recount, counters: Counters::default(), returned })
    }

    /// Whether this node writes this log. One of this member's that was closed has come back from others, as far as they had it.
    fn is_own(&self) -> bool {
        self.head.id == self.ledger.own_log()
    }

    fn found(&self, sequence: Option<u64>, what: impl Into<String>) -> Finding {
        Finding { log: Some(self.head.id), sequence, what: what.into() }
    }

    fn entries(&mut self, range: std::ops::Range<u64>, report: &mut Report, indexed: &mut Indexed) -> Result<(), Finding> {
        let ids = logs::entries(self.view, self.head.number, range.clone()).map_err(|error| self.found(Some(range.start), error.0))?;
        for (sequence, id) in range.clone().zip(&ids) {
            self.entry(sequence, id, report, indexed).map_err(|what| self.found(Some(sequence), what))?;
            self.recount.push(id);
            report.entries = report.entries.saturating_add(1);
        }
        if self.recount.tile_holds()? { Ok(()) } else { Err(self.found(Some(range.start), "the tile does not match its entries")) }
    }

    fn entry(&mut self, sequence: u64, id: &StatementId, report: &mut Report, indexed: &mut Indexed) -> Result<(), String> {
        let row = Row { log: self.head.number, sequence };
        let own = self.is_own();
        let Some(record) = HeldRecord::load(row, self.view, self.local).map_err(|error| error.0)? else {
            let lost = own && sequence >= self.returned;
            return if lost { Err("this member's own statement is missing".into()) } else { self.void(row, id, report, indexed) };
        };
        report.statements = report.statements.saturating_add(1);
        if record.statement.place != self.head.id.place(sequence) || record.statement.previous != self.recount.chain {
            return Err("the statement names another place or another chain value".into());
        }
        if self.view.row(Table::ById, &id.0).map_err(|error| error.0)?.as_deref() != Some(&row.key()) {
            return Err("the index by id does not lead here".into());
        }
        indexed.expect(Table::ById, &id.0, self.view)?;
        if record.statement.kind.starts_with(suyuan_core::statement::RESERVED_TYPES) {
            indexed.expect(Table::System, &row.key(), self.view)?;
        }
        indexed.add(Table::Statement, 1);
        self.counters.count(record.complete(), &BTreeSet::new(), self.head.number, *id);
        self.signature(record.row.sequence, &record.bytes, &record.signature, report)?;
        self.sections(row, &record, report, indexed)
    }

    /// An entry of which only the id is held, or one that is void: then it is so by what is logged.
    fn void(&self, row: Row, id: &StatementId, report: &mut Report, indexed: &mut Indexed) -> Result<(), String> {
        let void = VoidEntry::load(row, &self.head.id.place(row.sequence), self.view).map_err(|error| error.0)?;
        let Some(void) = void else { return Ok(()) };
        if self.is_own() {
            return Err("this member's own entry is void".into());
        }
        if void.previous != self.recount.chain {
            return Err("the void entry names another chain value".into());
        }
        match self.view.row(Table::ById, &id.0).map_err(|error| error.0)? {
            Some(key) if key == row.key() => indexed.add(Table::ById, 1),
            // The same bytes stand in another place too, and that is found by the id.
            Some(key) if self.view.row(Table::Entry, &key).map_err(|error| error.0)?.as_deref() == Some(&id.0) => {}
            _ => return Err("the index by id does not lead here".into()),
        }
        indexed.add(Table::Void, 1);
        report.void = report.void.saturating_add(1);
        self.signature(row.sequence, &void.bytes, &void.signature, report)
    }

    fn signature(&self, sequence: u64, bytes: &[u8], signature: &Signature, report: &mut Report) -> Result<(), String> {
        let author = self.ledger.alliance.member(&self.head.id.member).ok_or("the log's owner is not in the charter")?;
        // A bad signature under a good checkpoint is evidence against the author; under our own name it is damage.
        let key = author.log_at(self.head.id.incarnation, sequence).ok_or("no log key of its owner is known for it")?;
        match key.verify(bytes, signature) {
            Err(fault) if self.is_own() => Err(format!("the signature: {fault}")),
            Err(_) => {
                report.unsigned = report.unsigned.saturating_add(1);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn sections(&self, row: Row, record: &HeldRecord, report: &mut Report, indexed: &mut Indexed) -> Result<(), String> {
        let audiences = record.sections.iter().flat_map(|section| &section.audiences);
        let circles: BTreeSet<CircleId> = audiences.map(|audience| audience.header.circle).collect();
        for circle in circles {
            let name = self.local.name(Table::ByCircle, &circle.0);
            indexed.expect(Table::ByCircle, &index_key(&name, row), self.view)?;
        }
        let (mut subjects, mut public) = (Vec::new(), BTreeSet::new());
        for section in &record.sections {
            self.rows_of(section, indexed)?;
            match record.open(section, self.secrets).map_err(|error| error.0)? {
                Opened::Body(body) => {
                    let mut about = record::subjects(&body);
                    public.extend(about.iter().filter(|_| section.is_public()).cloned());
                    subjects.append(&mut about);
                    report.opened = report.opened.saturating_add(1);
                }
                Opened::Void(fault) if section.was_checked(fault, self.is_own()) => {
                    return Err(format!("section {}: {fault}", section.index));
                }
                Opened::Void(_) => report.void = report.void.saturating_add(1),
                Opened::Sealed if self.has_key(record, section) => return Err(format!("section {}: no wrap opens", section.index)),
                Opened::Sealed => {}
            }
        }
        subjects.sort_unstable();
        subjects.dedup();
        for subject in &public {
            indexed.expect(Table::Public, &record.public_key(subject, self.local), self.view)?;
        }
        for subject in &subjects {
            let name = self.local.name(Table::BySubject, subject.as_bytes());
            indexed.expect(Table::BySubject, &index_key(&name, row), self.view)?;
        }
        Ok(())
    }

    /// Counts a section's rows. This member's own sections have all their wraps; of others' a wrap may be missing for good reason.
    fn rows_of(&self, section: &HeldSection, indexed: &mut Indexed) -> Result<(), String> {
        let wraps = section.audiences.iter().filter(|audience| audience.wrap.is_some()).count();
        let own = self.is_own();
        if section.header.is_err() && !(section.content.is_empty() && wraps == 0) {
            return Err(format!("section {}: it is void, and has content", section.index));
        }
        if own && section.header.as_ref().is_ok_and(|header| header.sealed.is_some()) && wraps != section.audiences.len() {
            return Err(format!("section {}: a wrap is missing", section.index));
        }
        indexed.add(Table::Header, 1);
        indexed.add(Table::Content, 1);
        indexed.add(Table::Wrap, wraps as u64);
        Ok(())
    }

    /// Whether this member's own section lacks nothing to be opened. Of others' sections the wraps are not kept where they do not open, and of an epoch in whose
    /// place the order log has put another one of the same number, the secret has given way to that one's.
    fn has_key(&self, record: &HeldRecord, section: &HeldSection) -> bool {
        let named = |header: &AudienceHeader| Some(self.ledger.circles.circle(&header.circle)?.epochs().get(&header.epoch)?.statement);
        let gave_way =
            |header: &AudienceHeader| record.statement.kind == CIRCLE_TYPE && named(header).is_some_and(|named| named != record.statement.id());
        let held = |header: &AudienceHeader| self.secrets.of(&header.circle, header.epoch).is_some() && !gave_way(header);
        let opens = |audience: &HeldAudience| audience.wrap.is_some() && held(&audience.header);
        self.is_own() && section.audiences.iter().any(opens)
    }

    fn end(&self) -> Result<(), Finding> {
        if let Some(sum) = self.recount.end().map_err(|error| self.found(None, error.0))? {
            return Err(self.found(None, sum.to_string()));
        }
        let known = self.counters.of_circles(&self.ledger.known_circles());
        if known != self.ledger.counters.scratch(self.head.number) {
            return Err(self.found(None, "the counters of its circles are not what the statements add up to"));
        }
        self.checkpoint()
    }

    fn checkpoint(&self) -> Result<(), Finding> {
        let Some(note) = self.view.row(Table::Checkpoint, &log_key(self.head.number))? else { return Ok(()) };
        let wrong = |what: String| self.found(None, format!("the checkpoint: {what}"));
        let note = String::from_utf8(note).map_err(|error| wrong(error.to_string()))?;
        let checked = recount::checkpoint(&note, self.head, self.ledger, self.view).map_err(|error| wrong(error.to_string()))?;
        checked.map(|_| ()).map_err(|unsound| wrong(unsound.to_string()))
    }
}
