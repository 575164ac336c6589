//! The audit of the alliance's decisions: every entry of its order log checked again from the founding charter on.

use suyuan_core::history::{History, HistoryFault, VerifiedHistory};
use suyuan_core::log::witness_name;
use suyuan_core::order::Order;
use suyuan_core::{MemberId, StatementId};

use super::{Finding, Findings, Kind};
use crate::history;
use crate::query::Reader;
use crate::schema::Table;
use crate::view::View;

/// The order log as it was audited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderReport {
    /// Entries that are in force, and were checked again.
    pub entries: u64,
    /// Entries of the newest term that wait for their quorum.
    pub waiting: u64,
    /// The terms, ascending.
    pub terms: Vec<TermReport>,
    /// The heads that are kept, certified ones first in each term.
    pub heads: Vec<OrderHead>,
    /// What was decided, in its order.
    pub decided: Vec<Decision>,
    /// How many changes of members, keys and rules are in force.
    pub version: u64,
    /// Until when it is known who the members are, milliseconds since 1970-01-01 UTC.
    pub fresh_until: u64,
}

/// A term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermReport {
    /// Its number, from 1.
    pub term: u64,
    /// Who kept it.
    pub keeper: MemberId,
    /// Its entries that are in force.
    pub entries: u64,
    /// Time of the first, milliseconds since 1970-01-01 UTC, its keeper's claim; of the founding where there is none.
    pub opened: u64,
}

/// A head of the order log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderHead {
    /// The term.
    pub term: u64,
    /// Entries of it.
    pub size: u64,
    /// Whether a quorum stands behind it.
    pub certified: bool,
    /// Who cosigned, with the time that each says, seconds since 1970-01-01 UTC.
    pub cosigners: Vec<(MemberId, u64)>,
}

/// Something that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Time of its entry, milliseconds since 1970-01-01 UTC, the keeper's claim.
    pub time: u64,
    /// The entry.
    pub entry: StatementId,
    /// What was proposed.
    pub proposal: StatementId,
    /// The kind of change.
    pub kind: &'static str,
    /// Who approved.
    pub approvers: Vec<MemberId>,
    /// Version of the alliance afterwards.
    pub version: u64,
}

/// Checks the order log. Nothing where it could not be followed to the state in force.
pub(super) fn audit<V: View>(reader: &Reader<'_, V>, now: u64, findings: &mut Findings) -> Option<OrderReport> {
    let decisions = &reader.ledger.decisions;
    heads(reader, findings);
    if decisions.fresh_until() < now {
        findings.add(Finding::new(Kind::OrderStale));
    }
    let history = collect(reader, findings)?;
    let verified = match history.verify(&reader.ledger.founded.alliance) {
        Ok(verified) => verified,
        Err(fault) => {
            findings.add(Finding::new(Kind::OrderEntry).saying(words(fault)));
            return None;
        }
    };
    let (settled, force) = (&verified.settled, decisions.settled());
    if settled.position() != force.position() || settled.alliance != reader.ledger.alliance {
        findings.add(Finding::new(Kind::OrderState));
    }
    Some(report(reader, &verified))
}

fn words(fault: HistoryFault) -> String {
    match fault {
        HistoryFault::Entry { index, why } => format!("entry {index}: {why}"),
        HistoryFault::Head => "the newest head has no quorum behind it".to_owned(),
    }
}

/// The entries in force with the head that makes them so, read back.
fn collect<V: View>(reader: &Reader<'_, V>, findings: &mut Findings) -> Option<History> {
    let decisions = &reader.ledger.decisions;
    let (mut entries, mut whole) = (Vec::new(), true);
    for id in decisions.settled().entries() {
        match history::entry(id, reader.view, reader.local) {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {
                findings.add(Finding::new(Kind::OrderMissing).saying(id));
                whole = false;
            }
            Err(error) => {
                findings.add(Finding::new(Kind::OrderMissing).saying(format!("{id}: {}", error.0)));
                whole = false;
            }
        }
    }
    let largest = decisions.heads().largest().map(|(term, head)| (term, head.note.clone()));
    whole.then(|| History { entries, heads: largest.into_iter().collect() })
}

/// Every head that is kept was signed by its keeper, and every line under it verifies.
fn heads<V: View>(reader: &Reader<'_, V>, findings: &mut Findings) {
    let decisions = &reader.ledger.decisions;
    let rows = match reader.view.rows(Table::OrderHead, &[], &[0xff; 10], usize::MAX) {
        Ok(rows) => rows,
        Err(error) => return findings.add(Finding::new(Kind::OrderHead).saying(error.0)),
    };
    for (_, value) in rows {
        let read = value.split_first_chunk::<8>().and_then(|(term, note)| Some((u64::from_be_bytes(*term), std::str::from_utf8(note).ok()?)));
        let states = [decisions.settled(), decisions.tip()];
        let holds = |(term, note): (u64, &str)| {
            let known = decisions.heads().iter().any(|(known, head)| known == term && head.note == note);
            // One that came since the audit began is judged by its signatures alone.
            known || states.into_iter().any(|state| state.term == term && state.read_head(note).is_some())
        };
        if !read.is_some_and(holds) {
            findings.add(Finding::new(Kind::OrderHead));
        }
    }
}

fn report<V: View>(reader: &Reader<'_, V>, verified: &VerifiedHistory) -> OrderReport {
    let decisions = &reader.ledger.decisions;
    let settled = &verified.settled;
    let founding = &reader.ledger.founded.alliance;
    let mut terms: Vec<TermReport> = Vec::new();
    for (statement, entry) in &verified.entries {
        match terms.last_mut().filter(|last| last.term == entry.term) {
            Some(last) => last.entries = last.entries.saturating_add(1),
            None => terms.push(TermReport { term: entry.term, keeper: statement.place.author, entries: 1, opened: statement.time }),
        }
    }
    if terms.is_empty() {
        terms.push(TermReport { term: settled.term, keeper: settled.keeper, entries: 0, opened: founding.charter().time });
    }
    let tip = decisions.tip().position();
    let at = settled.position();
    let waiting = if tip.term == at.term { tip.size.saturating_sub(at.size) } else { tip.size };
    OrderReport {
        entries: verified.entries.len() as u64,
        waiting,
        terms,
        heads: decisions.heads().iter().map(|(term, head)| head_of(term, head, settled)).collect(),
        decided: decided(settled),
        version: settled.alliance.version(),
        fresh_until: decisions.fresh_until(),
    }
}

fn head_of(term: u64, head: &crate::decisions::Head, settled: &Order) -> OrderHead {
    let alliance = &settled.alliance;
    let named = |name: &str| alliance.members().iter().find(|member| witness_name(&alliance.id(), &member.id) == name).map(|member| member.id);
    let cosigners = head.read.cosignatures.iter().filter_map(|(name, seconds)| Some((named(name)?, *seconds))).collect();
    OrderHead { term, size: head.read.head.size, certified: settled.is_certified(&head.read), cosigners }
}

/// What is in force of what was decided.
fn decided(settled: &Order) -> Vec<Decision> {
    let decided = settled.decided.iter().filter(|decided| settled.is_settled(decided));
    decided
        .map(|decided| Decision {
            time: decided.time,
            entry: decided.entry,
            proposal: decided.resolved.id,
            kind: decided.resolved.proposal.change.kind(),
            approvers: decided.resolved.approvers.clone(),
            version: decided.resolved.alliance.version(),
        })
        .collect()
}
