//! From statements and notes to the state in force: the terms in their order, each up to the fence of the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use suyuan_core::StatementId;
use suyuan_core::note::{self, Checkpoint, TreeHead, UnverifiedCheckpoint};
use suyuan_core::order::{Order, Position, origin};

use super::{Decisions, HeldEntry, HeldProposal};
use crate::limits;

/// The newest notes that are known of each term's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// The largest head that is known to be certified, and the largest one that is not, by term.
    notes: BTreeMap<u64, Notes>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Notes {
    certified: Option<Head>,
    newest: Option<Head>,
}

/// A head that was read, with the note that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The note.
    pub note: String,
    /// Its size and root, and the voters that have cosigned it.
    pub read: Checkpoint,
}

impl Heads {
    /// The note to hand on of a term: its largest head.
    pub fn newest(&self, term: u64) -> Option<&Head> {
        let notes = self.notes.get(&term)?;
        notes.newest.as_ref().or(notes.certified.as_ref())
    }

    /// The largest certified head of a term.
    pub fn certified(&self, term: u64) -> Option<&Head> {
        self.notes.get(&term)?.certified.as_ref()
    }

    fn knows(&self, term: u64, note: &str) -> bool {
        self.notes.get(&term).is_some_and(|notes| [&notes.certified, &notes.newest].into_iter().flatten().any(|head| head.note == note))
    }

    /// The note of this very head, certified or not.
    pub(super) fn note_of(&self, state: &Order) -> Option<&Head> {
        let notes = self.notes.get(&state.term)?;
        [&notes.newest, &notes.certified].into_iter().flatten().find(|head| head.read.head == state.head())
    }

    /// The largest certified head of all, by term.
    pub fn largest(&self) -> Option<(u64, &Head)> {
        self.notes.iter().rev().find_map(|(term, notes)| Some((*term, notes.certified.as_ref()?)))
    }

    /// The heads of the newest term as they stand in the store, and whether they are certified. Earlier terms are fenced; their heads stand in the votes.
    pub(super) fn rows<'a>(&'a self) -> impl Iterator<Item = (bool, (u64, &'a Head))> {
        let newest = self.notes.last_key_value().into_iter().chain(self.notes.iter().rev().find(|(_, notes)| notes.certified.is_some()));
        newest.flat_map(|(term, notes)| {
            let row = |certified, head: &'a Option<Head>| head.as_ref().map(move |head| (certified, (*term, head)));
            [row(true, &notes.certified), row(false, &notes.newest)].into_iter().flatten()
        })
    }

    /// What another node is told: the heads of the newest terms.
    pub fn to_send(&self) -> Vec<(u64, String)> {
        let rows: Vec<(u64, String)> = self.rows().map(|(_, (term, head))| (term, head.note.clone())).collect();
        rows.into_iter().take(limits::ORDER_HEADS).collect()
    }

    /// Whether another node tells of heads, or of signatures on them, that this one does not tell of.
    pub fn are_news(&self, told: &[(u64, String)]) -> bool {
        let knows = |term: u64, note: &str| self.rows().any(|(_, (known, head))| known == term && is_part(note, &head.note));
        told.iter().any(|(term, note)| !knows(*term, note))
    }

    /// Every head by term, certified ones first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Head)> {
        self.notes.iter().flat_map(|(term, notes)| [&notes.certified, &notes.newest].into_iter().flatten().map(move |head| (*term, head)))
    }
}

/// Whether a note has the body of another and no line that the other has not.
fn is_part(note: &str, of: &str) -> bool {
    let Some(((body, lines), (same, more))) = note.split_once("\n\n").zip(of.split_once("\n\n")) else { return false };
    note == of || (body == same && lines.lines().all(|line| more.lines().any(|known| known == line)))
}

impl Decisions {
    /// Takes in what another node, or the store, knows as a head of a term. Says whether anything is new. A note that is none, or that does not fit what its
    /// keeper wrote, is nothing: nobody is blamed for it.
    pub fn learn_head(&mut self, term: u64, note: &str) -> bool {
        // What lies before the settled term is settled.
        let terms = self.settled.term..=self.tip.term.saturating_add(limits::TERMS_AHEAD);
        if note.len() > suyuan_core::limits::NOTE || !terms.contains(&term) || self.heads.knows(term, note) {
            return false;
        }
        let Ok(claimed) = UnverifiedCheckpoint::parse(note) else { return false };
        // What a larger certified head covers is settled, whoever has cosigned it.
        if self.heads.certified(term).is_some_and(|known| claimed.claimed_size() < known.read.head.size) {
            return false;
        }
        let Some(state) = self.state_of(term, &claimed) else { return false };
        let merged = match self.heads.note_of(&state) {
            Some(head) if is_part(note, &head.note) => None,
            None => state.read_head(note).map(|read| Head { note: note.to_owned(), read }),
            Some(head) => {
                let merged = state.own_panel().and_then(|panel| note::merge(&head.note, note, &panel.keeper, &panel.witnesses));
                merged.filter(|(merged, _)| *merged != head.note).map(|(note, read)| Head { note, read })
            }
        };
        let Some(merged) = merged else { return false };
        let notes = self.heads.notes.entry(term).or_default();
        let size = merged.read.head.size;
        let larger = |known: &Option<Head>| known.as_ref().is_none_or(|known| known.read.head.size <= size);
        if state.is_certified(&merged.read) {
            if !larger(&notes.certified) {
                return false;
            }
            notes.newest.take_if(|newest| newest.read.head.size <= size);
            notes.certified = Some(merged);
            self.settle();
        } else if larger(&notes.newest) && larger(&notes.certified) {
            notes.newest = Some(merged);
        } else {
            return false;
        }
        true
    }

    /// Of a head of the newest term under which there is more than is here: its size, and how many have cosigned it. Nothing where its keeper has not signed it.
    pub(crate) fn ahead(&self, term: u64, note: &str) -> Option<(u64, usize)> {
        let claimed = UnverifiedCheckpoint::parse(note).ok()?.claimed_size();
        let read = if term == self.tip.term && claimed > self.tip.head().size { self.tip.read_head(note) } else { None };
        read.map(|read| (read.head.size, read.cosignatures.len()))
    }

    /// The state whose head a note of a term claims to be, if what is here leads to it.
    fn state_of(&self, term: u64, claimed: &UnverifiedCheckpoint<'_>) -> Option<Arc<Order>> {
        if claimed.origin() != origin(&self.founding.alliance.id(), &self.circle, term) {
            return None;
        }
        self.state_at(term, claimed.claimed_head())
    }

    fn state_at(&self, term: u64, head: TreeHead) -> Option<Arc<Order>> {
        // Nothing leads to it before its last entry is here.
        if head.size.checked_sub(1).is_some_and(|last| !self.entries.contains_key(&(term, last))) {
            return None;
        }
        let near = self.states.iter().find(|state| state.term == term && state.head() == head).cloned();
        near.or_else(|| self.search(Position { term, size: head.size }, &head.root))
    }

    /// The state of a head that is certified, if everything under it is here.
    pub(super) fn certified_state(&self, note: &str) -> Option<Arc<Order>> {
        let at = self.founding.claims(note)?;
        let claimed = UnverifiedCheckpoint::parse(note).ok()?;
        let known = self.heads.certified(at.term).is_some_and(|head| head.note == note);
        self.state_of(at.term, &claimed).filter(|state| known || state.certified_head(note).is_some())
    }

    /// Gives effect to new entries: extends the tip, and begins terms that a quorum has voted for.
    pub(crate) fn advance(&mut self) {
        while let Some(next) = self.next() {
            self.tip = Arc::new(next);
            self.states.push(self.tip.clone());
        }
        if !Arc::ptr_eq(&self.makeable.0, &self.tip.alliance) {
            self.makeable = (self.tip.alliance.clone(), BTreeMap::new());
            let all: Vec<StatementId> = self.proposals.keys().copied().collect();
            all.iter().for_each(|proposal| self.judge_change(proposal));
        }
        self.settle();
    }

    /// Judges whether what a proposal asks for can be made of the newest state's alliance, if it stands there.
    pub(super) fn judge_change(&mut self, id: &StatementId) {
        let (Some(held), tip) = (self.proposals.get(id), &self.tip) else { return };
        if held.proposal.check(&self.circle, &held.author, &tip.alliance, &tip.slots, held.time).is_ok() {
            self.makeable.1.insert(*id, self.makeable.0.changed(&held.proposal.change).is_ok());
        }
    }

    /// Whether what a proposal asks for can be made of a state's alliance.
    pub(super) fn is_makeable(&self, id: &StatementId, held: &HeldProposal, state: &Order) -> bool {
        let (alliance, judged) = &self.makeable;
        let known = judged.get(id).filter(|_| Arc::ptr_eq(alliance, &state.alliance)).copied();
        known.unwrap_or_else(|| state.alliance.changed(&held.proposal.change).is_ok())
    }

    fn next(&self) -> Option<Order> {
        let longer = self.candidates(&self.tip).find_map(|held| extend(&self.tip, held));
        longer.or_else(|| self.next_term(&self.tip))
    }

    fn candidates(&self, state: &Order) -> impl Iterator<Item = &HeldEntry> {
        let head = state.position();
        self.entries.get(&(head.term, head.size)).into_iter().flatten()
    }

    /// The state with the first entry of a later term, where a quorum stands behind it.
    fn next_term(&self, state: &Order) -> Option<Order> {
        let later = self.entries.range((state.term.saturating_add(1), 0)..).filter(|((_, index), _)| *index == 0);
        later.flat_map(|(_, held)| held).find_map(|held| self.take_over(held))
    }

    /// The state after the first entry of a term, if its votes begin it.
    fn take_over(&self, held: &HeldEntry) -> Option<Order> {
        let Some((largest, notes)) = self.founding.fence_of(&held.entry) else { return begin(&self.founding, held) };
        let claimed = notes.iter().filter_map(|note| UnverifiedCheckpoint::parse(note).ok());
        claimed.filter_map(|claimed| self.state_of(largest.term, &claimed)).find_map(|fence| begin(&fence, held))
    }

    /// Settles what the largest certified head covers, and forgets states that no takeover can go back to.
    fn settle(&mut self) {
        let Some((term, head)) = self.heads.largest() else { return };
        let Some(state) = self.state_at(term, head.read.head) else { return };
        if state.position() > self.settled.position() {
            // The tip may stand on a branch that was given up.
            if !self.states.iter().any(|known| Arc::ptr_eq(known, &state)) {
                self.states = vec![state.clone()];
                self.tip = state.clone();
                self.settled = state;
                return self.advance();
            }
            let kept = Position { term: state.term, size: state.certified() };
            self.states.retain(|known| known.position() >= kept);
            self.settled = state;
        }
    }

    /// Looks for a state among all that is here, from the founding on: along the entries of each term, rivals included.
    fn search(&self, at: Position, root: &[u8; 32]) -> Option<Arc<Order>> {
        let mut steps = limits::SEARCH;
        let mut open = vec![self.founding.as_ref().clone()];
        while let Some(state) = open.pop() {
            if state.position() == at && state.head().root == *root {
                return Some(Arc::new(state));
            }
            steps = steps.checked_sub(1)?;
            if state.term < at.term {
                let begun = self.entries.range((state.term.saturating_add(1), 0)..=(at.term, 0)).filter(|((_, index), _)| *index == 0);
                let begun = begun.flat_map(|(_, held)| held).filter_map(|held| begin(&state, held));
                open.extend(begun);
            }
            // The first in its author's log comes first.
            let next: Vec<Order> = self.candidates(&state).filter_map(|held| extend(&state, held)).collect();
            open.extend(next.into_iter().rev());
        }
        None
    }
}

fn extend(state: &Order, held: &HeldEntry) -> Option<Order> {
    state.append(&held.author, held.id, held.time, &held.entry).ok()
}

/// The state after the first entry of a term, if its fence is this state.
fn begin(fence: &Order, held: &HeldEntry) -> Option<Order> {
    fence.take_over(&held.author, held.id, held.time, &held.entry).ok()
}
