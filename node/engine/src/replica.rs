//! Taking in another member's log: when a batch counts as verified, and what of it is kept (`specs/sync.md`).

use rand_core::CryptoRng;
use suyuan_core::circle::{Slip, Wrap};
use suyuan_core::id::Hash;
use suyuan_core::log::{chain_next, witness_name};
use suyuan_core::note::{NamedKey, TreeHead, UnverifiedCheckpoint};
use suyuan_core::section::{AudienceHeader, Body, SectionHeader, check_audiences};
use suyuan_core::statement::{SectionCommitment, Statement, UnverifiedStatement};
use suyuan_core::{Fault, sealing, tree};

use crate::counters::Counters;
use crate::ledger::Ledger;
use crate::local::LocalKeys;
use crate::logs::LogHead;
use crate::record::{self, HeldAudience, HeldRecord, HeldSection};
use crate::schema::{Row, Table, log_key};
use crate::secrets::EpochSecrets;
use crate::view::{Changes, StoreError, View};
use crate::wire::{Batch, Item, ItemSection};

/// Why a batch was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// It does not start where this node's copy ends. Nobody's fault: two answers crossed.
    Elsewhere,
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
    /// Slips for this member that came along, with the epoch statements' records among `records`.
    pub slips: Vec<Slip>,
}

/// Verifies a batch from end to end. Nothing is half accepted.
///
/// # Errors
/// [`BatchError`].
pub fn verify(
    batch: Batch,
    ledger: &Ledger,
    view: &impl View,
    local: &LocalKeys,
    secrets: &EpochSecrets,
    rng: &mut impl CryptoRng,
) -> Result<Verified, BatchError> {
    let author = ledger.alliance.member(&batch.log.member).ok_or(sender(Fault::Author))?;
    let before = ledger.logs.head(&batch.log);
    if batch.from != before.size() {
        return Err(BatchError::Elsewhere);
    }
    if batch.entries.is_empty() {
        return Err(sender(Fault::Form));
    }
    let mut changes = Changes::default();
    let mut head = before.clone();
    let mut chains: Vec<Hash> = Vec::with_capacity(batch.entries.len());
    for id in &batch.entries {
        chains.push(head.chain);
        head.append(id, view, &mut changes)?;
    }
    let log_key_named = NamedKey::new(batch.log.origin(), author.log);
    let witness = NamedKey::new(witness_name(&ledger.alliance.id(), &author.id), author.witness);
    let covered = check_head(&batch, &head.tree_head(), &log_key_named, &witness).map_err(sender)?;
    head.save(&mut changes);
    // Kept only when everything under it is here: proofs are made from it.
    if covered == head.size() {
        changes.put(Table::Checkpoint, log_key(head.number), batch.checkpoint.clone());
    }

    let mut counters = ledger.counters.scratch(head.number);
    let (mut records, mut slips) = (Vec::new(), Vec::new());
    let mut next = batch.from;
    for item in batch.items {
        let sequence = item.sequence;
        let fault = |fault| BatchError::Sender { fault, sequence: Some(sequence) };
        let at = sequence.checked_sub(batch.from).filter(|_| sequence >= next).and_then(|at| usize::try_from(at).ok());
        let (at, id) = at.and_then(|at| Some((at, batch.entries.get(at)?))).ok_or(fault(Fault::Index))?;
        let previous = chains.get(at).ok_or(fault(Fault::Index))?;
        next = sequence.saturating_add(1);
        let unverified = UnverifiedStatement::decode(&item.statement).map_err(fault)?;
        let statement = unverified.verify_in_log(&batch.log.place(sequence), id, previous).map_err(fault)?;
        let sections = sections(&statement, &item).map_err(fault)?;
        slips.extend(item.slip.filter(|slip| slip.statement == statement.id() && slip.recipient == ledger.me));
        let row = Row { log: head.number, sequence };
        let mut record = HeldRecord { row, bytes: item.statement, signature: item.signature, statement, sections };
        let subjects = open_all(&mut record, secrets);
        for audience in record.sections.iter().flat_map(|section| &section.audiences) {
            counters.count(&audience.header, head.number, record.statement.id());
        }
        record.save(&subjects, local, rng, &mut changes)?;
        records.push(record);
    }
    counters.save(&ledger.counters, local, &mut changes);
    Ok(Verified { changes, head, counters, records, slips })
}

/// The checkpoint is the author's, covers the batch, and its tree continues ours. Returns its size.
fn check_head(batch: &Batch, ours: &TreeHead, log: &NamedKey, witness: &NamedKey) -> Result<u64, Fault> {
    let checkpoint = UnverifiedCheckpoint::parse(&batch.checkpoint)?.verify(log, std::slice::from_ref(witness))?;
    if checkpoint.head.size < ours.size {
        return Err(Fault::CheckpointSize);
    }
    tree::verify_consistency(ours.size, checkpoint.head.size, &ours.root, &checkpoint.head.root, &batch.consistency)?;
    Ok(checkpoint.head.size)
}

pub(crate) fn sections(statement: &Statement, item: &Item) -> Result<Vec<HeldSection>, Fault> {
    let mut sections: Vec<HeldSection> = Vec::with_capacity(item.sections.len());
    for section in &item.sections {
        let ascending = sections.last().is_none_or(|last| last.index < section.index);
        let commitment = statement.sections.get(usize::from(section.index)).filter(|_| ascending).ok_or(Fault::SectionIndex)?;
        sections.push(held(section, commitment)?);
    }
    Ok(sections)
}

/// Header and audience headers fit their commitments and each other; the public body its root and count, a ciphertext its digest.
fn held(section: &ItemSection, commitment: &SectionCommitment) -> Result<HeldSection, Fault> {
    let header = SectionHeader::open(&section.header, &commitment.header)?;
    let mut audiences: Vec<HeldAudience> = Vec::with_capacity(section.audiences.len());
    for (index, bytes, wrap) in &section.audiences {
        let ascending = audiences.last().is_none_or(|last| last.index < *index);
        let committed = commitment.audiences.get(usize::from(*index)).filter(|_| ascending).ok_or(Fault::Audience)?;
        let wrap: Option<Wrap> = *wrap;
        audiences.push(HeldAudience { index: *index, header: AudienceHeader::open(bytes, committed)?, bytes: bytes.clone(), wrap });
    }
    check_audiences(&header, commitment.audiences.len(), audiences.iter().map(|audience| &audience.header))?;
    match header.sealed {
        None => Body::decode(&section.content)?.check(commitment.fields, &header)?,
        Some(_) => sealing::check_digest(&section.content, &header)?,
    }
    Ok(HeldSection { index: section.index, bytes: section.header.clone(), header, audiences, content: section.content.clone() })
}

/// Opens what can be opened, and says what it is about. A wrap that does not open is dropped, so that a good one can be asked for elsewhere: wraps are
/// not signed, and whose fault it is cannot be told.
pub(crate) fn open_all(record: &mut HeldRecord, secrets: &EpochSecrets) -> Vec<String> {
    let mut subjects = Vec::new();
    for section in &mut record.sections {
        match record::open_section(&record.statement, section, secrets) {
            Ok(Some(body)) => subjects.append(&mut record::subjects(&body)),
            Err(Fault::Wrap) => section.audiences.iter_mut().for_each(|audience| audience.wrap = None),
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
mod tests {
    use suyuan_core::circle::PUBLIC;
    use suyuan_core::section::{Field, audience_commitment, section_commitment};
    use suyuan_core::{CircleId, StatementId};

    use super::*;

    const CIRCLE: CircleId = CircleId([3; 32]);

    /// What becomes of a section whose author committed to these audiences and sent their headers along.
    fn judge(public: bool, audiences: &[(CircleId, u64)]) -> Result<(), Fault> {
        let body = Body::new([1; 32], vec![Field { name: "a".into(), value: "1".into() }])?;
        let content = body.to_bytes();
        let sealed = (!public).then(|| sealing::describe(&content));
        let header = SectionHeader { root: body.root(), sealed }.to_bytes();
        let audience = |&(circle, epoch): &(CircleId, u64)| {
            AudienceHeader { salt: [2; 16], circle, epoch, counter: 0, link: StatementId([0; 32]), order: None }.to_bytes()
        };
        let audiences: Vec<Vec<u8>> = audiences.iter().map(audience).collect();
        let commitment = SectionCommitment {
            fields: 1,
            header: section_commitment(&header),
            audiences: audiences.iter().map(|audience| audience_commitment(audience)).collect(),
        };
        let sent = (0..).zip(audiences).map(|(index, audience)| (index, audience, None)).collect();
        held(&ItemSection { index: 0, header, audiences: sent, content }, &commitment).map(|_| ())
    }

    #[test]
    fn the_public_reads_what_is_not_sealed_and_nothing_else() {
        assert_eq!(judge(true, &[(PUBLIC, 0)]), Ok(()));
        assert_eq!(judge(false, &[(CIRCLE, 1), (CircleId([4; 32]), 7)]), Ok(()));
        for audiences in [&[(PUBLIC, 1)][..], &[(CIRCLE, 0)], &[(CIRCLE, 1)], &[(PUBLIC, 0), (CIRCLE, 1)], &[(PUBLIC, 0), (PUBLIC, 0)]] {
            assert_eq!(judge(true, audiences), Err(Fault::Audience), "public: {audiences:?}");
        }
        for audiences in [&[(PUBLIC, 0)][..], &[(PUBLIC, 1)], &[(CIRCLE, 0)], &[(CIRCLE, 1), (PUBLIC, 0)]] {
            assert_eq!(judge(false, audiences), Err(Fault::Audience), "sealed: {audiences:?}");
        }
    }
}
