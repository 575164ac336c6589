//! Filling gaps: one at a time, from a node that said it holds more of a circle's statements than this one does.

use std::collections::BTreeMap;

use suyuan_core::{CircleId, MemberId};

use super::peer::Peer;
use super::{Action, Sync, Why};
use crate::limits;
use crate::replica::BatchError;
use crate::wire::{Count, Gap, Item, Request};

/// Gaps that are known, and the one that is being filled.
#[derive(Debug, Default)]
pub(super) struct Mending {
    /// Gaps with those who can fill them, and what they said.
    gaps: BTreeMap<Gap, BTreeMap<MemberId, Known>>,
    /// What was asked for already: until they say more, or for so long, these members have nothing more to give.
    settled: BTreeMap<(Gap, MemberId), (Known, u64)>,
    running: Option<Running>,
    /// Who was asked last: others come before it, so that none takes up all the time.
    turn: Option<MemberId>,
}

/// What a node knows of one author in one circle: number of statements, newest epoch.
type Known = (u64, u64);

#[derive(Debug)]
struct Running {
    gap: Gap,
    member: MemberId,
    known: Known,
    /// Sequences to be asked for.
    wanted: Vec<u64>,
    /// Where the listing goes on.
    listing: Option<u64>,
    /// Whether statements were listed whose entries are not here yet.
    beyond: bool,
    /// Whether something is under way for it: a request, a look into the store, or a verification.
    busy: bool,
}

impl Sync {
    /// Gaps that are known and not filled, each with the highest count that anybody knows.
    pub fn gaps(&self) -> impl Iterator<Item = (Gap, u64)> + '_ {
        self.mending.gaps.iter().map(|(gap, known)| (*gap, known.values().map(|(next, _)| *next).max().unwrap_or(0)))
    }

    /// Notes gaps that a member can fill. What may still come with the entries that this node has not pulled yet is no gap.
    pub(super) fn found(&mut self, member: MemberId, counts: Vec<(Count, u64)>, now: u64) {
        let mut named = self.mending.gaps.values().filter(|known| known.contains_key(&member)).count();
        for (Count { of, next, epoch, .. }, missing) in counts {
            let known = (next, epoch);
            let Some(log) = self.logs.get(&of.log) else { continue };
            let behind = log.claims.get(&member).map(|size| size.saturating_sub(log.size));
            let gap = behind.is_some_and(|behind| behind == 0 || missing > behind);
            let noted = self.mending.gaps.get(&of);
            let again = noted.is_some_and(|known| known.contains_key(&member));
            let room = again || (named < limits::GAPS_OF_MEMBER && (noted.is_some() || self.mending.gaps.len() < limits::GAPS));
            let settled = self.mending.settled.get(&(of, member)).is_some_and(|(settled, until)| *settled == known && *until > now);
            if gap && room && !settled {
                named = named.saturating_add(usize::from(!again));
                self.mending.gaps.entry(of).or_default().insert(member, known);
            }
        }
        if let Some(peer) = self.peers.get_mut(&member) {
            // Otherwise there are more to come.
            peer.counted = peer.counters_from.is_none();
        }
    }

    /// Somebody listed statements: those whose entries are not here yet cannot be asked for now, and may come masked.
    pub(super) fn listed(&mut self, gap: &Gap, listed: &[u64]) {
        let size = self.logs.get(&gap.log).map_or(0, |log| log.size);
        if let Some(running) = self.mending.running.as_mut().filter(|running| running.gap == *gap) {
            running.beyond |= listed.iter().any(|sequence| *sequence >= size);
        }
    }

    /// What of a listing is lacking here.
    pub(super) fn lacking(&mut self, member: &MemberId, gap: &Gap, sequences: Vec<u64>, next: Option<u64>) {
        if let Some(running) = self.mending.running.as_mut().filter(|running| running.member == *member && running.gap == *gap) {
            running.wanted = sequences;
            // So many rows were looked at for one that goes on: what advances less is made up, and would go on for ever.
            let least = running.listing.map(|before| before.saturating_add(limits::LISTING as u64));
            running.listing = next.filter(|next| least.is_some_and(|least| *next >= least));
            running.busy = false;
        }
    }

    /// Statements came. Those asked for that lie before the last one and are not among them will not come from there.
    pub(super) fn items(&mut self, member: MemberId, items: Vec<Item>, asked: &[u64], actions: &mut Vec<Action>) {
        let Some(running) = self.mending.running.as_mut().filter(|running| running.member == member) else { return };
        let last = items.last().map(|item| item.sequence).or(asked.last().copied()).unwrap_or(u64::MAX);
        running.wanted.retain(|sequence| *sequence > last);
        if items.is_empty() {
            running.busy = false;
        } else {
            actions.push(Action::Fill { member, log: running.gap.log, items });
        }
    }

    pub(super) fn filled(&mut self) {
        if let Some(running) = &mut self.mending.running {
            running.busy = false;
        }
    }

    pub(super) fn not_filled(&mut self, error: BatchError, now: u64, actions: &mut Vec<Action>) {
        let Some(Running { gap, member, .. }) = self.mending.running.take() else { return };
        self.mending.forget(&gap, &member);
        if matches!(error, BatchError::Sender { .. }) {
            self.penalise(member, Why::Batch { log: gap.log, error }, now, actions);
        }
    }

    /// A member failed, lied or went away: whatever it was to fill, others may.
    pub(super) fn break_off(&mut self, member: &MemberId) {
        if let Some(Running { gap, .. }) = self.mending.running.take_if(|running| running.member == *member) {
            self.mending.forget(&gap, member);
        }
    }

    pub(super) fn plan_mending(&mut self, now: u64, actions: &mut Vec<Action>) {
        if self.mending.running.is_none() {
            self.mending.running = self.mending.begin(&self.me, &self.peers, now);
            self.mending.turn = self.mending.running.as_ref().map(|running| running.member).or(self.mending.turn);
        }
        let Some(running) = self.mending.running.as_mut().filter(|running| !running.busy) else { return };
        let (gap, member) = (running.gap, running.member);
        let request = if !running.wanted.is_empty() {
            let sequences = running.wanted.iter().take(limits::ITEMS).copied().collect();
            Request::Items { log: gap.log, sequences }
        } else if let Some(from) = running.listing {
            Request::Listing { gap, from }
        } else {
            let known = Some(running.known).filter(|_| !running.beyond);
            return self.mending.finish(gap, member, known, now.saturating_add(self.limits.settled));
        };
        running.busy = true;
        if let Some(peer) = self.peers.get_mut(&member) {
            peer.mending = Some(request.clone());
        }
        actions.push(Action::Ask { member, request });
    }
}

impl Mending {
    /// Whether something is known to be lacking of this member's statements.
    pub fn concerns(&self, author: &MemberId) -> bool {
        let running = self.running.iter().map(|running| &running.gap);
        self.gaps.keys().chain(running).any(|gap| gap.log.member == *author)
    }

    /// The next gap that somebody can fill now: of the member whose turn it is, in the own log before others, and from its author's own node where that can be asked.
    fn begin(&self, me: &MemberId, peers: &BTreeMap<MemberId, Peer>, now: u64) -> Option<Running> {
        let able = |member: &MemberId| peers.get(member).is_some_and(|peer| peer.may_be_asked(now) && peer.mending.is_none());
        let (before, after): (Vec<&MemberId>, Vec<&MemberId>) =
            peers.keys().filter(|member| able(member)).partition(|member| Some(**member) <= self.turn);
        let own = |(gap, _): &(&Gap, _)| gap.log.member == *me;
        after.into_iter().chain(before).find_map(|member| {
            let author_first = |gap: &Gap, known: &BTreeMap<MemberId, Known>| {
                let author = gap.log.member;
                author == *member || !(known.contains_key(&author) && able(&author))
            };
            let (gap, known) = self.gaps.iter().filter(own).chain(self.gaps.iter()).find_map(|(gap, known)| {
                let mine = known.get(member).filter(|_| author_first(gap, known))?;
                Some((gap, mine))
            })?;
            Some(Running { gap: *gap, member: *member, known: *known, wanted: Vec::new(), listing: Some(0), beyond: false, busy: false })
        })
    }

    /// Notes that a member has given what it has, up to what it said: unless there may be more of it, it is not asked for that again.
    fn finish(&mut self, gap: Gap, member: MemberId, known: Option<Known>, until: u64) {
        self.running = None;
        self.gaps.remove(&gap);
        let Some(known) = known else { return };
        if self.settled.len() >= limits::GAPS {
            self.settled.clear();
        }
        self.settled.insert((gap, member), (known, until));
    }

    fn forget(&mut self, gap: &Gap, member: &MemberId) {
        if let Some(known) = self.gaps.get_mut(gap) {
            known.remove(member);
            if known.is_empty() {
                self.gaps.remove(gap);
            }
        }
    }
}

/// Where counting begins, and begins again.
pub(super) const FIRST: CircleId = CircleId([0; 32]);
