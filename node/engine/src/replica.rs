//! Taking in another member's log: when a batch counts as verified, and what of it is kept (`specs/sync.md`).

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use suyuan_core::charter::{Alliance, Member};
use suyuan_core::circle::{PrekeySecret, Slip, TYPE as CIRCLE_TYPE, Wrap, alliance_circle};
use suyuan_core::id::{Hash, StatementId};
use suyuan_core::log::chain_next;
use suyuan_core::note::{TreeHead, UnverifiedCheckpoint};
use suyuan_core::policy::{checkpoint_key, witness_key};
use suyuan_core::section::{AudienceHeader, Body, SectionHeader, audience_commitment, check_audiences};
use suyuan_core::statement::{Place, SectionCommitment, Statement};
use suyuan_core::{CircleId, Fault, sealing, tree};

use crate::counters::Counters;
use crate::epoch::{self, Given};
use crate::ledger::Ledger;
use crate::local::LocalKeys;
use crate::logs::LogHead;
use crate::record::{self, HeldAudience, HeldRecord, HeldSection};
use crate::schema::{Row, Table, log_key};
use crate::secrets::EpochSecrets;
use crate::view::{Changes, StoreError, View};
use crate::void::{self, Judgement, VoidEntry};
use crate::wire::{Batch, Item, ItemSection};

/// Why a batch was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// It does not start where this node's copy ends. Nobody's fault: two answers crossed.
    Elsewhere,
    /// The log has two histories, or was closed, and this lies beyond what counts of it. Not the sender's fault: it may not know yet.
    Frozen,
    /// Its checkpoint is by a key that is not known here: its author may have exchanged its keys, or somebody has made it up.
    UnknownKey {
        /// Version of the alliance by which that is so.
        version: u64,
    },
    /// What was sent does not hold together: the sender's fault, at the entry given.
    Sender {
        /// What does not hold.
        fault: Fault,
        /// Sequence of the entry, where it is one entry's.
        sequence: Option<u64>,
    },
    /// This node's own store failed.
    Store(StoreError),
}

impl std::fmt::Display for BatchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Elsewhere => f.write_str("the batch does not continue this node's copy"),
            Self::Frozen => f.write_str("its author signed two histories or its log was closed, and what lies beyond what counts of it is not taken"),
            Self::UnknownKey { .. } => f.write_str("its checkpoint is signed by a key that is not its author's"),
            Self::Sender { fault, sequence: Some(sequence) } => write!(f, "entry {sequence}: {fault}"),
            Self::Sender { fault, sequence: None } => write!(f, "the batch: {fault}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BatchError {}

impl From<StoreError> for BatchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(crate) fn sender(fault: Fault) -> BatchError {
    BatchError::Sender { fault, sequence: None }
}

/// A batch that was verified, with everything to be written.
#[derive(Debug)]
pub struct Verified {
    /// Rows.
    pub changes: Changes,
    /// Head of the log afterwards.
    pub head: LogHead,
    /// The author's counters afterwards.
    pub counters: Counters,
    /// The records held from it.
    pub records: Vec<HeldRecord>,
    /// Entries of it that mean nothing.
    pub voids: Vec<VoidEntry>,
    /// What slips for this member that came along brought, with the epoch statements' records among `records`.
    pub given: Vec<Given>,
}

/// What a node opens with what comes.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Keys of its rows.
    pub local: &'a LocalKeys,
    /// The secrets that it holds.
    pub secrets: &'a EpochSecrets,
    /// The keys to which slips for its member are sealed, the newest last.
    pub encryption: &'a [&'a PrekeySecret],
}

impl Opening<'_> {
    /// Opens a record that came, with the secret of its own slip where there is one for this member. Says what it is about.
    pub(crate) fn open(&self, record: &mut HeldRecord, slip: Option<Slip>, ledger: &Ledger) -> (Vec<String>, Option<Given>) {
        let Some(slip) = slip.filter(|slip| slip.recipient == ledger.me) else { return (open_all(record, self.secrets), None) };
        let content = epoch::accept(&slip, record, ledger, self.encryption);
        let subjects = match &content {
            Ok(content) => {
                let secret = ((content.circle, content.epoch), content.secret.clone());
                open_all(record, &std::iter::once(secret).collect())
            }
            Err(_) => open_all(record, self.secrets),
        };
        (subjects, Some(Given { statement: slip.statement, content }))
    }
}

/// Verifies a batch from end to end. Nothing is half accepted.
///
/// # Errors
/// [`BatchError`].
pub fn verify(batch: Batch, ledger: &Ledger, view: &impl View, opening: Opening<'_>, rng: &mut impl CryptoRng) -> Result<Verified, BatchError> {
    let author = ledger.alliance.member(&batch.log.member).ok_or(sender(Fault::Author))?;
    let before = ledger.logs.head(&batch.log);
    if batch.from != before.size() {
        return Err(BatchError::Elsewhere);
    }
    if batch.entries.is_empty() {
        return Err(sender(Fault::Form));
    }
    let end = batch.from.saturating_add(batch.entries.len() as u64);
    if !ledger.convictions.admits(&batch.log, end) || ledger.closed_at(&batch.log).is_some_and(|closed| end > closed) {
        return Err(BatchError::Frozen);
    }
    let mut changes = Changes::default();
    let mut head = before.clone();
    let mut chains: Vec<Hash> = Vec::with_capacity(batch.entries.len());
    for id in &batch.entries {
        chains.push(head.chain);
        head.append(id, view, &mut changes)?;
    }
    let covered = check_head(&batch, &head.tree_head(), author, &ledger.alliance)?;
    head.save(&mut changes);
    // Kept only when everything under it is here: proofs are made from it.
    if covered == Some(head.size()) {
        changes.put(Table::Checkpoint, log_key(head.number), batch.checkpoint.clone());
    }

    let counters = ledger.counters.scratch(head.number);
    // Circles that are not known here are whatever somebody wrote: they are counted when they become known.
    let known: BTreeSet<CircleId> = ledger.known_circles().into_iter().collect();
    let mut verified = Verified { changes, head, counters, records: Vec::new(), voids: Vec::new(), given: Vec::new() };
    let mut next = batch.from;
    for item in batch.items {
        let sequence = item.sequence;
        let fault = |fault| BatchError::Sender { fault, sequence: Some(sequence) };
        let at = sequence.checked_sub(batch.from).filter(|_| sequence >= next).and_then(|at| usize::try_from(at).ok());
        let entry = at.and_then(|at| Some((batch.entries.get(at)?, chains.get(at)?)));
        let (id, previous) = entry.ok_or(fault(Fault::Index))?;
        next = sequence.saturating_add(1);
        let row = Row { log: verified.head.number, sequence };
        match take(item, row, &batch.log.place(sequence), id, previous).map_err(fault)? {
            Taken::Record(mut record, slip) => {
                let (subjects, given) = opening.open(&mut record, slip, ledger);
                verified.given.extend(given);
                let counted = record.complete().filter(|header| known.contains(&header.circle));
                verified.counters.count(counted, &BTreeSet::new(), row.log, *id);
                record.save(&subjects, opening.local, rng, &mut verified.changes)?;
                verified.records.push(*record);
            }
            Taken::Void(void) => {
                void.save(id, view, &mut verified.changes)?;
                verified.voids.push(void);
            }
            Taken::Later => {}
        }
    }
    verified.counters.save(&ledger.counters, opening.local, &mut verified.changes);
    Ok(verified)
}

/// What an item brought.
pub(crate) enum Taken {
    /// A statement, and the slip that came with it.
    Record(Box<HeldRecord>, Option<Slip>),
    /// An entry that its author signed and that means nothing.
    Void(VoidEntry),
    /// An entry that only a later program can judge.
    Later,
}

/// Tells what the entry's author signed from what the sender may have exchanged.
///
/// # Errors
/// What does not hold, by the sender's fault.
pub(crate) fn take(item: Item, row: Row, place: &Place, id: &StatementId, previous: &Hash) -> Result<Taken, Fault> {
    match void::judge(&item.statement, place, id, previous)? {
        Judgement::Later => Ok(Taken::Later),
        Judgement::Void(fault) => Ok(Taken::Void(VoidEntry { row, previous: *previous, signature: item.signature, bytes: item.statement, fault })),
        Judgement::Valid(statement) => {
            let sections = sections(&statement, &item.sections)?;
            let record = HeldRecord { row, bytes: item.statement, signature: item.signature, statement: *statement, sections };
            Ok(Taken::Record(Box::new(record), item.slip.filter(|slip| slip.statement == *id)))
        }
    }
}

/// The checkpoint is the author's, covers the batch, and its tree continues ours. Returns its size. Of a closed log, what its members accepted stands for it, and
/// what is sent may go without.
fn check_head(batch: &Batch, ours: &TreeHead, author: &Member, alliance: &Alliance) -> Result<Option<u64>, BatchError> {
    // It proves nothing by a key that is not known here: its author may have exchanged its keys, or have lost them and its log, or its sender may have made it up.
    let unknown = || BatchError::UnknownKey { version: alliance.version() };
    let pin = author.pin(batch.log.incarnation);
    let continued = |head: &TreeHead| tree::verify_consistency(ours.size, head.size, &ours.root, &head.root, &batch.consistency).map_err(sender);
    if batch.checkpoint.is_empty() {
        let pin = pin.ok_or_else(unknown)?;
        return continued(&TreeHead { size: pin.size, root: pin.root }).map(|()| None);
    }
    let note = UnverifiedCheckpoint::parse(&batch.checkpoint).map_err(sender)?;
    let key = checkpoint_key(&batch.log, author, note.claimed_size()).map_err(|_| unknown())?;
    if note.is_by_another_key(&key) {
        return Err(unknown());
    }
    let checkpoint = note.verify(&key, &[witness_key(alliance, author)]).map_err(sender)?;
    if checkpoint.head.size < ours.size {
        return Err(sender(Fault::CheckpointSize));
    }
    continued(&checkpoint.head)?;
    // Whoever sent it may not know yet that the members have accepted another history.
    if pin.is_some_and(|pin| pin.size == ours.size && pin.root != ours.root) {
        return Err(BatchError::Frozen);
    }
    Ok(Some(checkpoint.head.size))
}

fn sections(statement: &Statement, sent: &[ItemSection]) -> Result<Vec<HeldSection>, Fault> {
    let mut sections: Vec<HeldSection> = Vec::with_capacity(sent.len());
    let mut next = 0;
    for section in sent {
        let commitment = statement.sections.get(usize::from(section.index)).filter(|_| section.index >= next).ok_or(Fault::SectionIndex)?;
        next = section.index.saturating_add(1);
        sections.extend(held(section, commitment)?);
    }
    Ok(sections)
}

/// Header and audience headers are those committed to, the public body has the root that was signed, a ciphertext its digest: else the sender has exchanged
/// them. What its author committed to and makes no sense makes the section void. Nothing where nobody is left whom it is for, or it is a later program's.
fn held(section: &ItemSection, commitment: &SectionCommitment) -> Result<Option<HeldSection>, Fault> {
    let header = match record::read_header(&section.header, commitment) {
        Err(Fault::Suite) => return Ok(None),
        header => header?,
    };
    let mut audiences = audiences(section, commitment, header.as_ref().ok())?;
    if audiences.is_empty() {
        return Ok(None);
    }
    let mut content = section.content.clone();
    match &header {
        Ok(header) if header.sealed.is_some() => sealing::check_digest(&content, header)?,
        Ok(header) => check_public(&content, commitment, header)?,
        Err(_) => {
            // Whose it is cannot be told, and it means nothing.
            content.clear();
            audiences.iter_mut().for_each(|audience| audience.wrap = None);
        }
    }
    Ok(Some(HeldSection { index: section.index, bytes: section.header.clone(), header, audiences, content }))
}

/// The audience headers that were committed to. One that cannot be read, or does not fit the section's header, entitles nobody, and is left out.
fn audiences(section: &ItemSection, commitment: &SectionCommitment, header: Option<&SectionHeader>) -> Result<Vec<HeldAudience>, Fault> {
    let mut audiences: Vec<HeldAudience> = Vec::with_capacity(section.audiences.len());
    let mut next = 0;
    for (index, bytes, wrap) in &section.audiences {
        let committed = commitment.audiences.get(usize::from(*index)).filter(|_| *index >= next).ok_or(Fault::Audience)?;
        next = index.saturating_add(1);
        if audience_commitment(bytes) != *committed {
            return Err(Fault::Audience);
        }
        let Ok(read) = AudienceHeader::open(bytes, committed) else { continue };
        // After the last number there is none that a next statement could carry.
        if read.counter >= suyuan_core::limits::INTEGER {
            continue;
        }
        if header.is_none_or(|header| check_audiences(header, commitment.audiences.len(), [&read]).is_ok()) {
            let wrap: Option<Wrap> = *wrap;
            audiences.push(HeldAudience { index: *index, header: read, bytes: bytes.clone(), wrap });
        }
    }
    Ok(audiences)
}

/// The fields are those whose root was signed. Whether they are as many as was signed is their author's matter, and judged when they are opened.
fn check_public(content: &[u8], commitment: &SectionCommitment, header: &SectionHeader) -> Result<(), Fault> {
    let body = Body::decode(content)?;
    match body.check(commitment.fields, header) {
        Err(Fault::FieldCount) => body.check(body.fields().len() as u64, header),
        checked => checked,
    }
}

/// Opens what can be opened, and says what it is about. A wrap that does not open is dropped, so that a good one can be asked for elsewhere: wraps are
/// not signed, and whose fault it is cannot be told. Those of epoch statements of the alliance circle stay: under their number the secret of another statement may
/// be held, and which of the two counts is not known here.
pub(crate) fn open_all(record: &mut HeldRecord, secrets: &EpochSecrets) -> Vec<String> {
    let mut subjects = Vec::new();
    let alliance = alliance_circle(&record.statement.place.alliance);
    let epoch = record.statement.kind == CIRCLE_TYPE;
    for section in &mut record.sections {
        match record::open_section(&record.statement, section, secrets) {
            Ok(Some(body)) => subjects.append(&mut record::subjects(&body)),
            Err(Fault::Wrap) => {
                let useless = section.audiences.iter_mut().filter(|audience| !(epoch && audience.header.circle == alliance));
                useless.for_each(|audience| audience.wrap = None);
            }
            Ok(None) | Err(_) => {}
        }
    }
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

/// Chain value after entries, from a known one; for whoever checks a log without holding it.
pub fn chain_over<'a>(start: Hash, entries: impl IntoIterator<Item = &'a suyuan_core::StatementId>) -> Hash {
    entries.into_iter().fold(start, |chain, id| chain_next(&chain, id))
}

#[cfg(test)]
mod tests;
