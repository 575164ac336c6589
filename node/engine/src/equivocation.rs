//! Two histories of one log: how a node finds them with another, what it keeps of them, and what a log that has them is good for any longer
//! (`specs/equivocation.md`, `specs/sync.md`, Two histories).

use std::collections::BTreeMap;
use std::sync::Arc;

use suyuan_core::charter::Alliance;
use suyuan_core::equivocation::{Contradiction, Conviction, Evidence, Shown};
use suyuan_core::log::LogId;
use suyuan_core::note::UnverifiedCheckpoint;
use suyuan_core::policy::{checkpoint_key, witness_key};
use suyuan_core::tree::{self, Frontier};
use suyuan_core::{AllianceId, Fault, MemberId};

use crate::ledger::Ledger;
use crate::logs::{self, LogHead};
use crate::schema::{Row, Table};
use crate::serve;
use crate::view::{Changes, StoreError, View};
use crate::wire::{Head, LogSize, ShownEntry};
use crate::witnessing;

/// The members that were convicted, by log, each with the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Convictions(BTreeMap<LogId, Arc<Conviction>>);

impl Convictions {
    /// Reads the evidence back.
    ///
    /// # Errors
    /// [`StoreError`] when what is there is not what was written.
    pub fn load(alliance: AllianceId, view: &impl View) -> Result<Self, StoreError> {
        let mut convictions = Self::default();
        for (key, bytes) in view.rows(Table::Evidence, &[], &[0xff; 41], usize::MAX)? {
            let damaged = |fault| StoreError(format!("evidence {}: {fault}", hex::encode(&key)));
            let conviction = Evidence::decode(&bytes).and_then(|evidence| evidence.reread(alliance)).map_err(damaged)?;
            if row_key(&conviction.log()) != key {
                return Err(damaged(Fault::Author));
            }
            convictions.0.insert(conviction.log(), Arc::new(conviction));
        }
        Ok(convictions)
    }

    /// What is known against the owner of a log.
    pub fn of(&self, log: &LogId) -> Option<&Arc<Conviction>> {
        self.0.get(log)
    }

    /// All of them, by log.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Conviction>> {
        self.0.values()
    }

    /// Whether a log may be taken in, or cosigned, up to this size. One whose last common point is not known may not at all.
    pub fn admits(&self, log: &LogId, size: u64) -> bool {
        self.0.get(log).is_none_or(|conviction| conviction.common().is_some_and(|common| size <= common))
    }

    /// Whether an entry lies beyond the last common point of its log, as far as that is known: it has no effect.
    pub fn is_beyond(&self, log: &LogId, sequence: u64) -> bool {
        self.common(log).is_some_and(|common| sequence >= common)
    }

    /// The last common point of a log that has two histories, where it is known.
    pub fn common(&self, log: &LogId) -> Option<u64> {
        self.0.get(log).and_then(|conviction| conviction.common())
    }

    /// Whether a conviction says more than what is held: of a log that nothing is known against, or an earlier point of parting. Only the current log of
    /// each member counts, so that what is kept is bounded.
    pub fn improves(&self, conviction: &Conviction, alliance: &Alliance) -> bool {
        let log = conviction.log();
        let current = alliance.log_of(&log.member) == log;
        current
            && self.0.get(&conviction.log()).is_none_or(|held| match (held.common(), conviction.common()) {
                (None, new) => new.is_some(),
                (Some(held), new) => new.is_some_and(|new| new < held),
            })
    }

    /// Keeps the evidence.
    pub fn save(conviction: &Conviction, changes: &mut Changes) {
        changes.put(Table::Evidence, row_key(&conviction.log()), conviction.evidence().to_bytes());
    }
}

/// What a witness found, as evidence: the smaller checkpoint, the one that is held, and what shows that both cannot be true.
///
/// # Errors
/// [`Fault::Author`] where the log is no member's, [`Fault::Note`] where a checkpoint is none.
pub fn evidence(found: &witnessing::Contradiction, alliance: &Alliance) -> Result<Evidence, Fault> {
    let log = &found.log;
    let author = alliance.member(&log.member).ok_or(Fault::Author)?;
    let witness = witness_key(alliance, author);
    let trimmed = |note: &UnverifiedCheckpoint<'_>| checkpoint_key(log, author, note.claimed_size()).map(|key| note.trimmed(&key, &witness));
    let (shown, held) = (UnverifiedCheckpoint::parse(&found.shown)?, UnverifiedCheckpoint::parse(&found.held)?);
    let proof = if shown.claimed_size() == held.claimed_size() {
        Contradiction::SameSize
    } else {
        Contradiction::Prefix { root: found.root, path: found.path.clone() }
    };
    Ok(Evidence { member: log.member, incarnation: log.incarnation, first: trimmed(&shown)?, second: trimmed(&held)?, proof })
}

/// `member || incarnation u64`.
fn row_key(log: &LogId) -> Vec<u8> {
    [&log.member.0[..], &log.incarnation.to_be_bytes()].concat()
}

/// The logs of which another node's copy is not the beginning or the same as this node's, by the roots that it names; each with the size that it names. What
/// is longer there is for the other node to compare.
///
/// # Errors
/// [`StoreError`].
pub fn differing(heads: &[Head], ledger: &Ledger, view: &impl View) -> Result<Vec<LogSize>, StoreError> {
    let mut differing = Vec::new();
    for Head { log, root } in heads {
        let Some(ours) = ledger.logs.known(&log.log).filter(|ours| log.size > 0 && log.size <= ours.size()) else { continue };
        if prefix(ours, log.size, view)?.root() != *root {
            differing.push(*log);
        }
    }
    Ok(differing)
}

/// The tree of the first entries of a log.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn prefix(ours: &LogHead, size: u64, view: &impl View) -> Result<Frontier, StoreError> {
    if size == ours.size() {
        return Ok(ours.frontier().clone());
    }
    logs::tile_tree(view, ours.number, size).frontier().map_err(|error| StoreError(error.to_string()))
}

/// One entry of a log under the newest checkpoint that is held with all its entries. Nothing where that does not cover it.
///
/// # Errors
/// [`StoreError`].
pub fn show(log: &LogId, index: u64, ledger: &Ledger, published: Option<&str>, view: &impl View) -> Result<Option<ShownEntry>, StoreError> {
    let (Some(head), Some((checkpoint, covered))) = (ledger.logs.known(log), serve::checkpoint(log, ledger, published, view)?) else {
        return Ok(None);
    };
    if index >= covered {
        return Ok(None);
    }
    let path = logs::tile_tree(view, head.number, covered).inclusion(index).map_err(|error| StoreError(error.to_string()))?;
    let entry = logs::entries(view, head.number, index..index.saturating_add(1))?.pop();
    let entry = entry.ok_or_else(|| StoreError(format!("entry {index} of {}", log.origin())))?;
    Ok(Some(ShownEntry { checkpoint, shown: Shown { entry, path } }))
}

/// How an entry that another node showed stands to this node's own copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The entries before it are the same.
    pub before: bool,
    /// It is the same itself.
    pub entry: bool,
    /// What convicts the log's owner, where a checkpoint is held here that covers another entry.
    pub evidence: Option<Box<Evidence>>,
}

/// Why an entry that another node showed could not be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareError {
    /// It is not under a checkpoint of the log's owner: the other node's fault.
    Sender(Fault),
    /// Its checkpoint is by a key that is not known here: its owner may have exchanged its keys, or somebody has made it up.
    UnknownKey {
        /// How many changes of the alliance were known when it was judged.
        version: u64,
    },
    /// This node's own store failed.
    Store(StoreError),
}

impl From<StoreError> for CompareError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Holds an entry that another node showed against this node's own copy, which must have it.
///
/// # Errors
/// [`CompareError`].
pub fn compare(
    log: &LogId,
    index: u64,
    theirs: &ShownEntry,
    ledger: &Ledger,
    published: Option<&str>,
    view: &impl View,
) -> Result<Comparison, CompareError> {
    let author = ledger.alliance.member(&log.member).ok_or(CompareError::Sender(Fault::Author))?;
    let witness = witness_key(&ledger.alliance, author);
    let note = UnverifiedCheckpoint::parse(&theirs.checkpoint).map_err(CompareError::Sender)?;
    let key = checkpoint_key(log, author, note.claimed_size()).map_err(CompareError::Sender)?;
    if note.is_by_another_key(&key) {
        return Err(CompareError::UnknownKey { version: ledger.alliance.version() });
    }
    let checked = note.verify(&key, &[witness]).map_err(CompareError::Sender)?;
    theirs.shown.check(index, checked.head.size, &checked.head.root).map_err(CompareError::Sender)?;
    let before = tree::before(index, checked.head.size, &theirs.shown.path).ok_or(CompareError::Sender(Fault::Inclusion))?;
    let Some(head) = ledger.logs.known(log).filter(|head| index < head.size()) else { return Err(CompareError::Sender(Fault::Index)) };
    let row = Row { log: head.number, sequence: index };
    let ours = view.row(Table::Entry, &row.key())?.ok_or_else(|| StoreError(format!("entry {index} of {}", log.origin())))?;
    let same = Comparison { before: before == prefix(head, index, view)?, entry: ours == theirs.shown.entry.0, evidence: None };
    if same.entry {
        return Ok(same);
    }
    let Some(own) = show(log, index, ledger, published, view)? else { return Ok(same) };
    let sides = ((own.checkpoint.as_str(), own.shown), (theirs.checkpoint.as_str(), theirs.shown.clone()));
    let evidence = Evidence::fork(&ledger.alliance, log, index, sides.0, sides.1).map_err(CompareError::Sender)?;
    Ok(Comparison { evidence: Some(Box::new(evidence)), ..same })
}

/// Whether evidence, if it holds, may say more than what is known: worth verifying.
pub fn is_news(evidence: &Evidence, ledger: &Ledger) -> bool {
    let log = evidence.log(ledger.alliance.id());
    match (ledger.convictions.of(&log).map(|held| held.common()), &evidence.proof) {
        (None, _) | (Some(None), Contradiction::Fork { .. }) => true,
        (Some(Some(held)), Contradiction::Fork { index, .. }) => *index < held,
        (Some(_), _) => false,
    }
}

/// Verifies evidence that somebody offers. Nothing where it holds and says no more than what is known.
///
/// # Errors
/// What does not hold: whoever offered it is at fault.
pub fn judge(evidence: Evidence, ledger: &Ledger) -> Result<Option<Conviction>, Fault> {
    let conviction = evidence.verify(&ledger.alliance)?;
    Ok(Some(conviction).filter(|conviction| ledger.convictions.improves(conviction, &ledger.alliance)))
}

/// Whether this node may write: a member that stands convicted waits for a resolution.
pub fn may_author(ledger: &Ledger, me: &MemberId) -> bool {
    ledger.convictions.iter().all(|conviction| conviction.log().member != *me)
}
