//! The audit of one log: entries, statements and what is held of them, checkpoint, witnesses, and where its owner's membership ended.

use suyuan_core::MemberId;
use suyuan_core::charter::Member;
use suyuan_core::id::{Hash, StatementId};
use suyuan_core::log::LogId;
use suyuan_core::note::TreeHead;
use suyuan_core::policy::{LogPolicy, Standing, Witnesses};
use suyuan_core::tile::WIDTH;

use super::{Finding, Findings, Kind, Signed};
use crate::counters::Counter;
use crate::equivocation;
use crate::logs::{self, LogHead};
use crate::query::Reader;
use crate::record::{HeldRecord, Opened, Outline};
use crate::recount::{self, Recount, Sum, Unsound};
use crate::schema::Row;
use crate::secrets::EpochSecrets;
use crate::serve;
use crate::view::{StoreError, View};
use crate::void::VoidEntry;
use crate::witnessing;

/// A log as it was audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReport {
    /// Which.
    pub log: LogId,
    /// Whether its owner is no member any more.
    pub former: bool,
    /// Entries and their root.
    pub head: TreeHead,
    /// Entries that were looked at: all of them, unless some are missing.
    pub entries: u64,
    /// Statements that are held.
    pub statements: u64,
    /// Signatures of statements and void entries that verified.
    pub signatures: u64,
    /// Entries of which the id alone is held.
    pub masked: u64,
    /// Entries that are void.
    pub void: u64,
    /// Statements for circles of this member that were written and are not here.
    pub missing: u64,
    /// The newest checkpoint that its owner signed, with the time that it claims.
    pub checkpoint: Option<(TreeHead, Option<u64>)>,
    /// Checkpoints with cosignatures, ascending; the first is the newest that is witnessed, if any is.
    pub cosigned: Vec<SignedHead>,
}

/// A checkpoint with those who cosigned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// Size and root.
    pub head: TreeHead,
    /// Who, the owner among them, with the time that each says, seconds since 1970-01-01 UTC.
    pub cosigners: Vec<(MemberId, u64)>,
    /// What that comes to.
    pub standing: Standing,
}

/// A log while it is audited.
#[derive(Debug)]
pub(super) struct LogAudit<'a, V> {
    reader: &'a Reader<'a, V>,
    head: &'a LogHead,
    owner: Option<&'a Member>,
    recount: Recount<'a, V>,
    /// Where the next entries begin.
    next: u64,
    /// Whether it could be followed so far.
    whole: bool,
    /// Up to where the own log came back from others, who may not hold all of its statements.
    returned: u64,
    /// Public sections need no secret, and sealed ones are not opened.
    none: EpochSecrets,
    pub report: LogReport,
}

impl<'a, V: View> LogAudit<'a, V> {
    pub fn new(head: &'a LogHead, reader: &'a Reader<'a, V>) -> Self {
        let (ledger, log) = (reader.ledger, head.id);
        let missing = ledger.known_circles().iter().map(|circle| Counter::missing(&ledger.counters.of(circle, head.number))).sum();
        let report = LogReport {
            log,
            former: ledger.alliance.active(&log.member).is_none(),
            head: head.tree_head(),
            entries: 0,
            statements: 0,
            signatures: 0,
            masked: 0,
            void: 0,
            missing,
            checkpoint: None,
            cosigned: Vec::new(),
        };
        let (owner, returned) = (ledger.alliance.member(&log.member), recount::returned(reader.view).unwrap_or(0));
        Self { reader, head, owner, recount: Recount::new(head, reader.view), next: 0, whole: true, returned, none: EpochSecrets::default(), report }
    }

    pub fn id(&self) -> LogId {
        self.head.id
    }

    pub fn is_done(&self) -> bool {
        !self.whole || self.next >= self.head.size()
    }

    /// Looks at the entries of the next tile; says how many there were.
    pub fn entries(&mut self, signed: &mut Vec<Signed>, findings: &mut Findings) -> u64 {
        let range = self.next..self.next.saturating_add(WIDTH).min(self.head.size());
        let ids = match logs::entries(self.reader.view, self.head.number, range.clone()) {
            Ok(ids) => ids,
            Err(error) => {
                findings.add(Finding::at(Kind::EntriesMissing, self.head.id, range.start).saying(error.0));
                self.whole = false;
                return self.head.size().saturating_sub(range.start);
            }
        };
        for (sequence, id) in range.clone().zip(&ids) {
            if let Err((kind, detail)) = self.entry(sequence, id, signed) {
                findings.add(Finding::at(kind, self.head.id, sequence).saying(detail));
            }
            self.recount.push(id);
        }
        let count = ids.len() as u64;
        self.next = range.end;
        self.report.entries = self.next;
        // The last tile may have become full since.
        if count == WIDTH && !self.recount.tile_holds().unwrap_or(false) {
            findings.add(Finding::at(Kind::Tile, self.head.id, range.start));
        }
        count
    }

    /// Looks at what is held of one entry; the first thing that does not hold.
    fn entry(&mut self, sequence: u64, id: &StatementId, signed: &mut Vec<Signed>) -> Result<(), (Kind, String)> {
        let row = Row { log: self.head.number, sequence };
        let damaged = |error: StoreError| (Kind::EntryDamaged, error.0);
        let Some(outline) = Outline::of_entry(row, id, self.reader.view, self.reader.local).map_err(damaged)? else {
            return self.without_statement(row, id, signed);
        };
        let record = outline.read_sealed(self.reader.view).map_err(damaged)?;
        self.report.statements = self.report.statements.saturating_add(1);
        let previous = record.statement.previous;
        let placed = record.statement.place == self.head.id.place(sequence) && previous == self.recount.chain;
        // What follows is held against what its author signed, so that one damage is found once.
        self.recount.chain = previous;
        let sections = self.sections(&record);
        self.queue(sequence, record.bytes, record.signature, signed);
        if placed { sections } else { Err((Kind::Chain, String::new())) }
    }

    /// An entry of which only the id is held, or one that is void.
    fn without_statement(&mut self, row: Row, id: &StatementId, signed: &mut Vec<Signed>) -> Result<(), (Kind, String)> {
        let own = self.head.id.member == self.reader.ledger.me;
        let void = VoidEntry::load(row, &self.head.id.place(row.sequence), self.reader.view).map_err(|error| (Kind::EntryDamaged, error.0))?;
        let Some(void) = void else {
            self.report.masked = self.report.masked.saturating_add(1);
            return if own && row.sequence >= self.returned { Err((Kind::OwnMissing, String::new())) } else { Ok(()) };
        };
        self.report.void = self.report.void.saturating_add(1);
        let placed = void.previous == self.recount.chain;
        self.queue(row.sequence, void.bytes, void.signature, signed);
        if placed { Err((Kind::Void, format!("{} ({id})", void.fault))) } else { Err((Kind::Chain, String::new())) }
    }

    fn queue(&self, sequence: u64, bytes: Vec<u8>, signature: suyuan_core::key::Signature, signed: &mut Vec<Signed>) {
        // A log of nobody is a finding of its own.
        if let Some(owner) = self.owner {
            let key = owner.log_at(self.head.id.incarnation, sequence);
            signed.extend(key.map(|key| Signed { sequence, key: *key, bytes, signature }));
        }
    }

    /// Headers were held against the statement as they were read. Ciphertexts are held against their headers, and public sections opened.
    fn sections(&self, record: &HeldRecord) -> Result<(), (Kind, String)> {
        let own = self.head.id.member == self.reader.ledger.me;
        for section in &record.sections {
            let kind = match record.open(section, &self.none) {
                Err(error) => return Err((Kind::Content, error.0)),
                Ok(Opened::Body(_) | Opened::Sealed) => continue,
                Ok(Opened::Void(fault)) if section.was_checked(fault, own) => (Kind::Content, fault),
                Ok(Opened::Void(fault)) => (Kind::VoidSection, fault),
            };
            return Err((kind.0, format!("section {}: {}", section.index, kind.1)));
        }
        Ok(())
    }

    /// What can be said when all entries were looked at.
    pub fn end(mut self, now: u64, findings: &mut Findings) -> LogReport {
        let log = self.head.id;
        if self.owner.is_none() {
            findings.add(Finding::of(Kind::Stranger, log));
        }
        if self.whole {
            match self.recount.end() {
                Ok(None) => {}
                Ok(Some(Sum::Head)) => findings.add(Finding::of(Kind::Head, log)),
                Ok(Some(Sum::Tiles)) => findings.add(Finding::of(Kind::Tile, log)),
                Err(error) => findings.add(Finding::of(Kind::Tile, log).saying(error.0)),
            }
        }
        if self.report.missing > 0 {
            findings.add(Finding { count: self.report.missing, ..Finding::of(Kind::RecordsMissing, log) });
        }
        self.checkpoint(findings);
        self.witnesses(now, findings);
        self.removal(findings);
        self.report
    }

    fn checkpoint(&mut self, findings: &mut Findings) {
        let Reader { ledger, view, published, .. } = *self.reader;
        let checked = serve::checkpoint(&self.head.id, ledger, published, view);
        let checked = checked.and_then(|found| found.map(|(note, _)| recount::checkpoint(&note, self.head, ledger, view)).transpose());
        match checked {
            Ok(None | Some(Err(Unsound::Owner))) => {}
            Ok(Some(Ok(checkpoint))) => {
                self.report.checkpoint = Some((checkpoint.head, checkpoint.cosignatures.first().map(|(_, seconds)| *seconds)));
            }
            Ok(Some(Err(unsound))) => findings.add(Finding::of(Kind::Checkpoint, self.head.id).saying(unsound)),
            Err(error) => findings.add(Finding::of(Kind::Checkpoint, self.head.id).saying(error.0)),
        }
    }

    fn witnesses(&mut self, now: u64, findings: &mut Findings) {
        let (ledger, log) = (self.reader.ledger, self.head.id);
        let gathered = ledger.gathered.of(&log);
        if let Some(gathered) = gathered {
            let known = Witnesses::of(&ledger.alliance);
            if let Err(found) = witnessing::check_gathered(&log, gathered, &known, ledger, self.reader.view) {
                findings.add(Finding::of(Kind::Cosignature, log).saying(found.what));
            }
            let all = gathered.witnessed.iter().chain(&gathered.newer);
            let policy = LogPolicy::of(&ledger.alliance, &log.member);
            // Counted among the members of today.
            let signed = |one: &std::sync::Arc<witnessing::Gathered>| SignedHead {
                head: one.head,
                standing: policy.judge(&one.cosigners),
                cosigners: one.cosigners.clone(),
            };
            self.report.cosigned = all.map(signed).collect();
        }
        let asked = LogPolicy::of(&ledger.alliance, &log.member).quorum.cosigners() > 0;
        let closed = self.owner.is_some_and(|owner| owner.pin(log.incarnation).is_some());
        if closed || !asked || self.head.size() == 0 {
            return;
        }
        let newest = self.report.cosigned.iter().filter_map(|one| one.standing.time).max();
        let oldest = now.saturating_sub(ledger.alliance.charter().seal) / 1000;
        match newest {
            None => findings.add(Finding::of(Kind::Unwitnessed, log)),
            Some(time) if time < oldest => findings.add(Finding::of(Kind::Stale, log)),
            Some(_) => {}
        }
    }

    /// A closed log ends where the resolution says.
    fn removal(&self, findings: &mut Findings) {
        let Some(pin) = self.owner.and_then(|owner| owner.pin(self.head.id.incarnation)) else { return };
        let size = self.head.size();
        if size != pin.size {
            findings.add(Finding::of(Kind::RemovalSize, self.head.id).saying(format!("{size} entries are here, {} were accepted", pin.size)));
        }
        let root: Option<Hash> =
            if size < pin.size { None } else { equivocation::prefix(self.head, pin.size, self.reader.view).ok().map(|frontier| frontier.root()) };
        if size >= pin.size && root != Some(pin.root) {
            findings.add(Finding::of(Kind::RemovalRoot, self.head.id));
        }
    }
}
