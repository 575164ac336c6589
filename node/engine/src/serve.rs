//! Answering other nodes: each gets the entries of every log, and of statements and sections only what it may hold (`specs/sync.md`).

use suyuan_core::MemberId;
use suyuan_core::circle::{Slip, TYPE as CIRCLE_TYPE};
use suyuan_core::log::LogId;
use suyuan_core::note::UnverifiedCheckpoint;

use crate::access::{self, Action};
use crate::ledger::Ledger;
use crate::limits;
use crate::local::LocalKeys;
use crate::logs;
use crate::record::{HeldRecord, HeldSection};
use crate::schema::{Row, Table, log_key, slip_key};
use crate::view::{StoreError, View};
use crate::wire::{Batch, Item, ItemSection, LogSize, Request, Response};

/// Answers a member's request. `published` is this node's own newest checkpoint, the only one that is not in the store.
///
/// # Errors
/// [`StoreError`].
pub fn answer(request: &Request, member: &MemberId, ledger: &Ledger, published: Option<&str>, view: &impl View, local: &LocalKeys) -> Result<Response, StoreError> {
    match request {
        Request::Heads => heads(ledger, published, view).map(Response::Heads),
        Request::Grown(_) => Ok(Response::Noted),
        Request::Pull { log, from } => batch(log, *from, member, ledger, published, view, local).map(|batch| Response::Batch(batch.map(Box::new))),
    }
}

/// The logs that this node can serve, each as far as a checkpoint covers it.
fn heads(ledger: &Ledger, published: Option<&str>, view: &impl View) -> Result<Vec<LogSize>, StoreError> {
    let mut heads = Vec::new();
    for head in ledger.logs.iter().take(limits::HEADS) {
        if let Some((_, size)) = checkpoint(&head.id, ledger, published, view)? {
            heads.push(LogSize { log: head.id, size });
        }
    }
    Ok(heads)
}

/// The newest checkpoint of a log and its size.
///
/// # Errors
/// [`StoreError`] when the stored one is no checkpoint.
pub fn checkpoint(log: &LogId, ledger: &Ledger, published: Option<&str>, view: &impl View) -> Result<Option<(String, u64)>, StoreError> {
    let Some(head) = ledger.logs.known(log) else { return Ok(None) };
    let note = if *log == ledger.own_log() {
        published.map(str::to_owned)
    } else {
        let row = view.row(Table::Checkpoint, &log_key(head.number))?;
        row.map(String::from_utf8).transpose().map_err(|_| StoreError(format!("checkpoint of {}", log.origin())))?
    };
    let Some(note) = note else { return Ok(None) };
    let size = UnverifiedCheckpoint::parse(&note).map_err(|_| StoreError(format!("checkpoint of {}", log.origin())))?.claimed_size();
    Ok(Some((note, size)))
}

fn batch(log: &LogId, from: u64, member: &MemberId, ledger: &Ledger, published: Option<&str>, view: &impl View, local: &LocalKeys) -> Result<Option<Batch>, StoreError> {
    let (Some(head), Some((checkpoint, covered))) = (ledger.logs.known(log), checkpoint(log, ledger, published, view)?) else {
        return Ok(None);
    };
    // What was written since the checkpoint is not published yet.
    let end = covered;
    if from >= end {
        return Ok(None);
    }
    let (mut items, mut weight, mut next) = (Vec::new(), 0usize, from);
    while next < end && next.saturating_sub(from) < limits::BATCH_ENTRIES as u64 && weight < limits::BATCH_BYTES {
        let row = Row { log: head.number, sequence: next };
        if let Some(item) = item(row, member, ledger, view, local)? {
            weight = weight.saturating_add(item.weight());
            items.push(item);
        }
        next = next.saturating_add(1);
    }
    let consistency = logs::tile_tree(view, head.number, covered).consistency(next).map_err(|error| StoreError(error.to_string()))?;
    let entries = logs::entries(view, head.number, from..next)?;
    Ok(Some(Batch { log: *log, from, entries, checkpoint, consistency, items }))
}

/// What one member may hold of a statement; nothing where it is masked for it, or here.
fn item(row: Row, member: &MemberId, ledger: &Ledger, view: &impl View, local: &LocalKeys) -> Result<Option<Item>, StoreError> {
    let Some(record) = HeldRecord::load(row, view, local)? else { return Ok(None) };
    let kind = &record.statement.kind;
    let author = record.statement.place.author == *member;
    let sections: Vec<ItemSection> = record
        .sections
        .iter()
        .filter_map(|section| offer(section, |audience| {
            let (circle, epoch) = (&audience.circle, Some(audience.epoch).filter(|epoch| *epoch > 0));
            author || access::may(&ledger.alliance, &ledger.circles, member, Action::Hold, circle, epoch, kind)
        }))
        .collect();
    let open = record.statement.sections.is_empty();
    if sections.is_empty() && !open && !author {
        return Ok(None);
    }
    let slip = match kind.as_str() {
        CIRCLE_TYPE => view.row(Table::Slip, &slip_key(member, &record.statement.id()))?,
        _ => None,
    };
    let slip = slip.map(|bytes| Slip::decode(&bytes)).transpose().map_err(|fault| StoreError(format!("a slip: {fault}")))?;
    Ok(Some(Item { sequence: row.sequence, statement: record.bytes, signature: record.signature, sections, slip }))
}

fn offer(section: &HeldSection, allowed: impl Fn(&suyuan_core::section::AudienceHeader) -> bool) -> Option<ItemSection> {
    let audiences: Vec<_> = section
        .audiences
        .iter()
        .filter(|audience| allowed(&audience.header))
        .map(|audience| (audience.index, audience.bytes.clone(), audience.wrap))
        .collect();
    (!audiences.is_empty()).then(|| ItemSection { index: section.index, header: section.bytes.clone(), audiences, content: section.content.clone() })
}
