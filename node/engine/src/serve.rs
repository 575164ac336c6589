//! Answering other nodes: each gets the entries of every log, and of statements and sections only what it may hold (`specs/sync.md`).

use suyuan_core::circle::{PUBLIC, Slip, TYPE as CIRCLE_TYPE};
use suyuan_core::log::LogId;
use suyuan_core::note::UnverifiedCheckpoint;
use suyuan_core::policy::witness_key;
use suyuan_core::section::AudienceHeader;
use suyuan_core::statement::Statement;
use suyuan_core::{CircleId, MemberId};

use crate::access::{self, Action};
use crate::circles::Circle;
use crate::equivocation;
use crate::history;
use crate::ledger::Ledger;
use crate::limits;
use crate::local::LocalKeys;
use crate::logs::{self, LogHead};
use crate::record::{HeldSection, Outline};
use crate::schema::{Row, Table, index_key, log_key, slip_key};
use crate::view::{StoreError, View};
use crate::void::VoidEntry;
use crate::wire::{Batch, Count, Gap, Head, Item, ItemSection, LogSize, Request, Response};

/// Answers a member's request. `published` is this node's own newest checkpoint, the only one that is not in the store.
///
/// # Errors
/// [`StoreError`].
pub fn answer(
    request: &Request,
    member: &MemberId,
    ledger: &Ledger,
    published: Option<&str>,
    view: &impl View,
    local: &LocalKeys,
) -> Result<Response, StoreError> {
    match request {
        Request::Heads => heads(ledger, published, view).map(Response::Heads),
        Request::Grown(_) | Request::Cosigned(_) | Request::Convict(_) => Ok(Response::Noted),
        Request::Pull { log, from } => batch(log, *from, member, ledger, published, view, local).map(|batch| Response::Batch(batch.map(Box::new))),
        Request::Counters(from) => Ok(counters(from, member, ledger)),
        Request::Listing { gap, from } => listing(gap, *from, member, ledger, view, local),
        Request::OrderHeads(_) => Ok(Response::OrderHeads(ledger.decisions.heads().to_send())),
        Request::History => {
            let history = history::export(ledger, view, local)?.map(|history| history.to_bytes());
            Ok(Response::History(history.filter(|bytes| bytes.len() <= limits::HISTORY)))
        }
        Request::Items { log, sequences } => items(log, sequences, member, ledger, view, local).map(Response::Items),
        // Both take more than the ledger: who is away, and what is kept for others.
        Request::Collect(_) => Ok(Response::Collected(None)),
        Request::Fetch(_) => Ok(Response::Fetched(None)),
        Request::Show { log, index } => equivocation::show(log, *index, ledger, published, view).map(|shown| Response::Shown(shown.map(Box::new))),
    }
}

/// The logs that this node can serve, each as far as a checkpoint covers it; one with two histories, as far as these are one.
fn heads(ledger: &Ledger, published: Option<&str>, view: &impl View) -> Result<Vec<Head>, StoreError> {
    let mut heads = Vec::new();
    for head in ledger.logs.iter().take(limits::HEADS) {
        let Some((note, covered)) = proven(head, ledger, published, view)? else { continue };
        let size = ledger.convictions.common(&head.id).map_or(covered, |common| common.min(covered));
        let root = if size == covered && !note.is_empty() {
            UnverifiedCheckpoint::parse(&note).map_err(|_| StoreError(format!("checkpoint of {}", head.id.origin())))?.claimed_root()
        } else {
            equivocation::prefix(head, size, view)?.root()
        };
        heads.push(Head { log: LogSize { log: head.id, size }, root });
    }
    Ok(heads)
}

/// Up to where a log can be handed on, and the checkpoint that proves it; none is needed for a closed log, of which all that was accepted is here.
fn proven(head: &LogHead, ledger: &Ledger, published: Option<&str>, view: &impl View) -> Result<Option<(String, u64)>, StoreError> {
    match ledger.closed_at(&head.id).filter(|closed| head.size() >= *closed) {
        Some(closed) => Ok(Some((String::new(), closed))),
        None => checkpoint(&head.id, ledger, published, view),
    }
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

/// The checkpoint of a log as it is published to everybody: the newest that is witnessed or, where its author has signed a newer one some time after that, the
/// newest, each with the cosignatures that came.
///
/// # Errors
/// [`StoreError`].
pub fn published_note(log: &LogId, ledger: &Ledger, published: Option<&str>, view: &impl View) -> Result<Option<String>, StoreError> {
    let Some((newest, size)) = checkpoint(log, ledger, published, view)? else { return Ok(None) };
    let Some(gathered) = ledger.gathered.of(log) else { return Ok(Some(newest)) };
    let (parsed, author) = (UnverifiedCheckpoint::parse(&newest).ok(), ledger.alliance.member(&log.member));
    let own = parsed.as_ref().zip(author).and_then(|(parsed, author)| parsed.claimed_cosignature(&witness_key(&ledger.alliance, author)));
    let fresh = |signed: u64| own.is_none_or(|(seconds, _)| seconds.saturating_sub(signed) <= limits::WITNESSED_LAG);
    let witnessed = gathered.witnessed.as_ref().filter(|witnessed| witnessed.head.size >= size || fresh(witnessed.signed(&log.member)));
    let same = || parsed.as_ref().and_then(|parsed| gathered.of(&parsed.claimed_head()));
    Ok(Some(witnessed.or_else(same).map_or(newest.clone(), |found| found.note.clone())))
}

fn batch(
    log: &LogId,
    from: u64,
    member: &MemberId,
    ledger: &Ledger,
    published: Option<&str>,
    view: &impl View,
    local: &LocalKeys,
) -> Result<Option<Batch>, StoreError> {
    let Some(head) = ledger.logs.known(log) else { return Ok(None) };
    let Some((checkpoint, covered)) = proven(head, ledger, published, view)? else { return Ok(None) };
    // What was written since the checkpoint is not published yet, and beyond the last common point of two histories nothing is handed on.
    let end = ledger.convictions.common(log).map_or(covered, |common| common.min(covered));
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

/// The counters of the circles that the member is in, whole circles at a time.
fn counters(from: &CircleId, member: &MemberId, ledger: &Ledger) -> Response {
    let mut counts = Vec::new();
    let shared = |circle: &CircleId| access::may(&ledger.alliance, &ledger.circles, member, Action::Hold, circle, None, CIRCLE_TYPE);
    for circle in ledger.known_circles().into_iter().filter(|circle| circle >= from && circle.0 != member.0 && shared(circle)) {
        let epoch = ledger.circles.circle(&circle).map_or(0, Circle::epoch);
        let logs = ledger.counters.in_circle(&circle).filter_map(|(log, counter)| Some((ledger.logs.numbered(log)?.id, counter)));
        let found: Vec<Count> =
            logs.map(|(log, counter)| Count { of: Gap { circle, log }, next: counter.known(), epoch, mark: counter.complete() }).collect();
        if counts.len().saturating_add(found.len()) > limits::COUNTS && !counts.is_empty() {
            return Response::Counters(counts, Some(circle));
        }
        counts.extend(found.into_iter().take(limits::COUNTS));
    }
    Response::Counters(counts, None)
}

/// Where one author's statements to a circle stand, as far as the member may hold them.
fn listing(gap: &Gap, from: u64, member: &MemberId, ledger: &Ledger, view: &impl View, local: &LocalKeys) -> Result<Response, StoreError> {
    let Some(head) = ledger.logs.known(&gap.log) else { return Ok(Response::Listing(Vec::new(), None)) };
    let name = local.name(Table::ByCircle, &gap.circle.0);
    let key = |sequence| index_key(&name, Row { log: head.number, sequence });
    let rows = view.rows(Table::ByCircle, &key(from), &key(u64::MAX), limits::LISTING)?;
    let full = rows.len() == limits::LISTING;
    let mut next = None;
    let mut sequences = Vec::new();
    for (key, _) in rows {
        let row = key.get(name.len()..).and_then(Row::from_key).ok_or_else(|| StoreError("a circle's row".into()))?;
        next = row.sequence.checked_add(1).filter(|_| full);
        let Some(outline) = Outline::load(row, view, local)? else { continue };
        if outline.audiences().any(|audience| audience.circle == gap.circle && may_hold(member, outline.statement(), audience, ledger)) {
            sequences.push(row.sequence);
        }
    }
    Ok(Response::Listing(sequences, next))
}

fn items(log: &LogId, sequences: &[u64], member: &MemberId, ledger: &Ledger, view: &impl View, local: &LocalKeys) -> Result<Vec<Item>, StoreError> {
    let Some(head) = ledger.logs.known(log) else { return Ok(Vec::new()) };
    let (mut items, mut weight) = (Vec::new(), 0usize);
    for sequence in sequences {
        if weight >= limits::BATCH_BYTES {
            break;
        }
        if let Some(item) = item(Row { log: head.number, sequence: *sequence }, member, ledger, view, local)? {
            weight = weight.saturating_add(item.weight());
            items.push(item);
        }
    }
    Ok(items)
}

/// What one member may hold of a statement; nothing where it is masked for it, or here.
pub(crate) fn item(row: Row, member: &MemberId, ledger: &Ledger, view: &impl View, local: &LocalKeys) -> Result<Option<Item>, StoreError> {
    let Some(outline) = Outline::load(row, view, local)? else { return void(row, ledger, view) };
    let statement = outline.statement();
    let open = statement.sections.is_empty() || statement.place.author == *member;
    if !open && !outline.audiences().any(|audience| may_hold(member, statement, audience, ledger)) {
        return Ok(None);
    }
    let offered =
        |statement: &Statement, section: &HeldSection| section.audiences.iter().any(|audience| may_hold(member, statement, &audience.header, ledger));
    let record = outline.read(offered, view, local)?;
    let allowed = |audience: &AudienceHeader| may_hold(member, &record.statement, audience, ledger);
    let sections: Vec<ItemSection> = record.sections.iter().filter_map(|section| offer(section, allowed)).collect();
    if sections.is_empty() && !open {
        return Ok(None);
    }
    let slip = match record.statement.kind.as_str() {
        CIRCLE_TYPE => view.row(Table::Slip, &slip_key(member, &record.statement.id()))?,
        _ => None,
    };
    let slip = slip.map(|bytes| Slip::decode(&bytes)).transpose().map_err(|fault| StoreError(format!("a slip: {fault}")))?;
    Ok(Some(Item { sequence: row.sequence, statement: record.bytes, signature: record.signature, sections, slip }))
}

/// What every member of a circle in one epoch may hold of a statement, and with it what is public.
pub(crate) fn item_of_circle(
    outline: Outline,
    circle: &CircleId,
    epoch: u64,
    view: &impl View,
    local: &LocalKeys,
) -> Result<Option<Item>, StoreError> {
    let sequence = outline.statement().place.sequence;
    let allowed = |audience: &AudienceHeader| audience.circle == PUBLIC || (audience.circle == *circle && audience.epoch == epoch);
    let record = outline.read(|_, section| section.audiences.iter().any(|audience| allowed(&audience.header)), view, local)?;
    let sections: Vec<ItemSection> = record.sections.iter().filter_map(|section| offer(section, allowed)).collect();
    Ok((!sections.is_empty()).then_some(Item { sequence, statement: record.bytes, signature: record.signature, sections, slip: None }))
}

/// A void entry has no readers: it is evidence, and for everybody.
fn void(row: Row, ledger: &Ledger, view: &impl View) -> Result<Option<Item>, StoreError> {
    let Some(head) = ledger.logs.numbered(row.log) else { return Ok(None) };
    let void = VoidEntry::load(row, &head.id.place(row.sequence), view)?;
    Ok(void.map(|void| Item { sequence: row.sequence, statement: void.bytes, signature: void.signature, sections: Vec::new(), slip: None }))
}

/// Whether a member may hold the section that is addressed so: its author may, and whoever is in the circle in that epoch.
fn may_hold(member: &MemberId, statement: &Statement, audience: &AudienceHeader, ledger: &Ledger) -> bool {
    let epoch = Some(audience.epoch).filter(|epoch| *epoch > 0);
    let entitled = || access::may(&ledger.alliance, &ledger.circles, member, Action::Hold, &audience.circle, epoch, &statement.kind);
    statement.place.author == *member || entitled()
}

fn offer(section: &HeldSection, allowed: impl Fn(&AudienceHeader) -> bool) -> Option<ItemSection> {
    let audiences: Vec<_> = section
        .audiences
        .iter()
        .filter(|audience| allowed(&audience.header))
        .map(|audience| (audience.index, audience.bytes.clone(), audience.wrap))
        .collect();
    (!audiences.is_empty()).then(|| ItemSection { index: section.index, header: section.bytes.clone(), audiences, content: section.content.clone() })
}
