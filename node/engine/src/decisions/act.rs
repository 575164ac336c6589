//! What a node has to do for the decisions of its alliance, as voter and as keeper: one thing at a time, until there is nothing left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use suyuan_core::MemberId;
use suyuan_core::charter::Alliance;
use suyuan_core::order::{Entry, EpochEntry, Freeze, Order, Position};
use suyuan_core::resolution::{Disclosed, Effect};

use super::{Decisions, HeldFreeze, HeldProposal, HeldVote};
use crate::limits;
use crate::submission::{Refusal, RefusalKind};

/// What has to be done next.
#[derive(Clone, Debug)]
pub enum Act {
    /// As keeper: write this entry, with a time not before this one, milliseconds since 1970-01-01 UTC: that of the entry before it.
    Entry(Box<Entry>, u64),
    /// As keeper: sign the head of the order log.
    Head,
    /// As voter: cosign this note, once the promise stands in the store.
    Cosign(String),
    /// As voter: write this vote, once the promise stands in the store.
    Freeze(Freeze),
    /// As keeper: open the circle's next epoch for the members of today.
    Epoch,
}

/// For what something is due, in the order in which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// To begin the term that a quorum has voted for.
    Chair,
    /// To keep the order log.
    Keep,
    /// To cosign its head.
    Cosign,
    /// To vote for the next term.
    Freeze,
}

impl Duty {
    const ALL: [Self; 4] = [Self::Chair, Self::Keep, Self::Cosign, Self::Freeze];
}

/// How long things have stood still, as this node's clock saw it. Rebuilt after a restart by waiting anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence {
    /// Since when the keeper is not reached.
    away: Option<u64>,
    /// Since when something waits that should have been settled.
    stalled: Option<u64>,
    /// What was settled then, and the newest term.
    settled: Position,
    term: u64,
    /// Votes to freeze since something was settled last.
    attempts: u32,
    /// The term that the operator wants to begin.
    asked: Option<u64>,
}

impl Silence {
    /// Takes note of what is reached and of what waits, at a time in milliseconds.
    pub fn observe(&mut self, decisions: &Decisions, epochs: &EpochState, reached: &BTreeSet<MemberId>, me: &MemberId, now: u64) {
        let keeper = decisions.tip().keeper;
        let here = keeper == *me || reached.contains(&keeper);
        self.away = if here { None } else { self.away.or(Some(now)) };
        let settled = decisions.settled().position();
        if settled != self.settled {
            (self.settled, self.stalled, self.attempts) = (settled, None, 0);
        }
        if decisions.tip().term != self.term {
            // Its keeper gets all of the time: whoever votes on at once keeps it from what it needs.
            (self.term, self.stalled) = (decisions.tip().term, None);
        }
        // Without the next epoch, or a fresh head, nobody can seal a proposal, and nothing would ever wait: a keeper that does not open it would silence everybody,
        // and so would some voters that are bound to the next term, too few to begin it.
        let waits = decisions.waits(now) || epochs.is_outdated(decisions.settled()) || decisions.grows_old(now);
        self.stalled = if waits { self.stalled.or(Some(now)) } else { None };
        // A clock that was set back starts again, and so does the wait of whoever is ahead of the others: voters that went on one after the other, each from its own
        // term, would never be enough in any.
        let latest = if decisions.is_followed(me) { None } else { Some(now) };
        for since in [&mut self.away, &mut self.stalled] {
            *since = since.map(|since| latest.unwrap_or(since.min(now)));
        }
    }

    /// Takes the operator's word that this term is to begin.
    ///
    /// # Errors
    /// [`Refusal`]: this member does not vote, or another term is the next.
    pub fn ask(&mut self, term: u64, decisions: &Decisions, me: &MemberId) -> Result<(), Refusal> {
        let next = decisions.promise.term.max(decisions.tip.term).saturating_add(1);
        let voter = decisions.tip.alliance.voters().any(|voter| voter.id == *me);
        let refused = |detail| Err(Refusal { fault: RefusalKind::Decision, pointer: "/term".to_owned(), detail });
        if !voter {
            return refused("this member does not vote".to_owned());
        }
        if term != next {
            return refused(format!("the next term that this member can vote for is {next}; `suyuan resolution order` shows how things stand"));
        }
        self.asked = Some(term);
        Ok(())
    }

    fn is_over(&self, patience: u64, now: u64) -> bool {
        let patience = patience.saturating_mul(1 << self.attempts.min(limits::BACKOFF));
        [self.away, self.stalled].into_iter().flatten().any(|since| now.saturating_sub(since) >= patience)
    }

    /// Begins to wait anew, after a vote.
    fn again(&mut self, now: u64) {
        self.away = self.away.map(|_| now);
        self.stalled = self.stalled.map(|_| now);
        self.attempts = self.attempts.saturating_add(1);
        self.asked = None;
    }
}

impl Decisions {
    /// What this member has to do next, at a time in milliseconds since 1970-01-01 UTC. What comes `after` a duty is done where that cannot be done at the
    /// moment: a keeper that has no room in its log still votes for another one.
    pub fn due(&self, me: &MemberId, silence: &mut Silence, epochs: &EpochState, now: u64, after: Option<Duty>) -> Option<(Duty, Act)> {
        let votes = |order: &Order| order.alliance.voters().any(|voter| voter.id == *me);
        let mut left = Duty::ALL.into_iter().filter(|duty| after.is_none_or(|after| *duty > after));
        left.find_map(|duty| {
            let act = match duty {
                // Whoever does not vote any more helps to make that final.
                Duty::Cosign => self.cosign(me, now),
                Duty::Freeze if votes(&self.settled) => self.freeze(me, silence, now),
                _ if !votes(&self.tip) => None,
                Duty::Chair => self.take_chair(me),
                Duty::Keep => self.keep(me, epochs, now),
                Duty::Freeze => self.freeze(me, silence, now),
            };
            Some((duty, act?))
        })
    }

    /// The patience of voters, milliseconds: T / 4, at most an hour.
    pub fn patience(&self) -> u64 {
        (self.settled.alliance.charter().seal / 4).clamp(1, limits::PATIENCE)
    }

    /// Whether something has what it needs, and is not settled.
    pub fn waits(&self, now: u64) -> bool {
        self.tip.is_open() || self.settled.position() < self.tip.position() || self.ready(&self.tip, now).is_some() || self.lapses(now)
    }

    /// Whether the head in force was not confirmed for half of the time in which it has to be.
    fn grows_old(&self, now: u64) -> bool {
        now.saturating_add(self.settled.alliance.charter().seal / 2) > self.fresh_until()
    }

    /// As keeper of the newest term.
    fn keep(&self, me: &MemberId, circle: &EpochState, now: u64) -> Option<Act> {
        let tip = &self.tip;
        if tip.keeper != *me || self.promise.term > tip.term {
            return None;
        }
        if self.heads.note_of(tip).is_none() {
            return Some(Act::Head);
        }
        let certificate = self.heads.certified(tip.term).filter(|head| head.read.head.size > tip.certified()).map(|head| head.note.clone());
        // Where nothing waits for it, a certificate changes nothing.
        let state = certificate.as_ref().filter(|_| tip.is_open()).and_then(|note| tip.certified_by(note)).map_or_else(|| tip.clone(), Arc::new);
        let ready = self.ready(&state, now).filter(|(_, held)| !state.is_pending() || !held.proposal.change.alters());
        let effect = ready.map(|(id, held)| Box::new(self.effect(id, held, &state.alliance)));
        let epoch = circle.written.filter(|epoch| epoch.epoch > tip.newest_epoch() && !state.is_opening());
        // Where nothing else is to be decided, an entry that carries a certificate and nothing else also tells how late it is.
        let closes = certificate.is_some() && (tip.is_open() || self.lapses(now));
        if effect.is_none() && epoch.is_none() && !closes {
            let settled = !tip.is_open() && self.settled.position() == tip.position();
            return (settled && circle.written.is_none() && circle.is_outdated(tip)).then_some(Act::Epoch);
        }
        let entry = self.entry(tip, certificate, None, effect, epoch);
        // What its own rules refuse, a keeper does not write.
        tip.append(me, suyuan_core::StatementId([0; 32]), now.max(tip.time), &entry).ok()?;
        Some(Act::Entry(Box::new(entry), tip.time))
    }

    fn entry(
        &self,
        tip: &Order,
        certificate: Option<String>,
        takeover: Option<Vec<Disclosed>>,
        effect: Option<Box<Effect>>,
        epoch: Option<EpochEntry>,
    ) -> Entry {
        Entry { circle: self.circle, term: tip.term, index: tip.head().size, previous: tip.last(), certificate, takeover, effect, epoch }
    }

    /// The oldest proposal that has what it needs on a state.
    fn ready(&self, state: &Order, now: u64) -> Option<(&suyuan_core::StatementId, &HeldProposal)> {
        let time = now.max(state.time);
        let holds = |(id, held): &(&_, &HeldProposal)| {
            let proposal = &held.proposal;
            let open = speaks(&state.alliance, &held.author, held.incarnation)
                && proposal.check(&self.circle, &held.author, &state.alliance, &state.slots, time).is_ok();
            open && proposal.tally(&self.approvers(id, &state.alliance), &state.alliance).is_enough() && self.is_makeable(id, held, state)
        };
        self.proposals.iter().filter(holds).min_by_key(|(id, held)| (held.time, **id))
    }

    fn effect(&self, id: &suyuan_core::StatementId, held: &HeldProposal, alliance: &Alliance) -> Effect {
        let approvals = self.standing_approvals(id, alliance).take(suyuan_core::limits::SIGNERS);
        Effect { proposal: held.disclosed.as_ref().clone(), approvals: approvals.map(|(_, vote)| vote.signed.as_ref().clone()).collect() }
    }

    pub(super) fn approvers(&self, id: &suyuan_core::StatementId, alliance: &Alliance) -> Vec<MemberId> {
        self.standing_approvals(id, alliance).map(|(member, _)| member).collect()
    }

    /// Approvals, by member, without those in logs that were closed since.
    fn standing_approvals(&self, id: &suyuan_core::StatementId, alliance: &Alliance) -> impl Iterator<Item = (MemberId, &HeldVote)> {
        self.approvals(id).into_iter().filter(|(member, vote)| speaks(alliance, member, vote.at.0))
    }

    /// Cosigns the newest head of the newest term, if it continues what was cosigned, and again when its time has grown old.
    fn cosign(&self, me: &MemberId, now: u64) -> Option<Act> {
        let tip = &self.tip;
        let head = self.heads.newest(tip.term)?;
        if tip.keeper == *me || self.promise.term > tip.term {
            return None;
        }
        let at = Position { term: tip.term, size: head.read.head.size };
        let (root, panel) = (tip.root_at(at.size)?, tip.panel(at.size)?);
        let before = self.promise.cosigned;
        let continues = at.term > before.term || (at.size >= before.size && tip.root_at(before.size) == Some(self.promise.root));
        let timely = tip.time <= now.saturating_add(limits::CLOCK_AHEAD);
        let name = suyuan_core::log::witness_name(&tip.alliance.id(), me);
        let counts = panel.witnesses.iter().any(|witness| witness.name == name);
        if !counts || !continues || !timely || head.read.head.root != root {
            return None;
        }
        let mine = head.read.cosignatures.iter().find(|(witness, _)| *witness == name).map(|(_, seconds)| seconds.saturating_mul(1000));
        let old = mine.is_none_or(|at| now.saturating_sub(at) >= tip.alliance.charter().seal / 8);
        old.then(|| Act::Cosign(head.note.clone()))
    }

    /// Votes for the next term when the keeper of this one does not do what it has to, or when more than f others have voted.
    fn freeze(&self, me: &MemberId, silence: &mut Silence, now: u64) -> Option<Act> {
        let tip = &self.tip;
        let bound = self.promise.term.max(tip.term);
        let rotation = tip.alliance.rotation();
        let over = rotation > 0 && bound == tip.term && now >= tip.opened.saturating_add(rotation);
        let led_by_another = bound == tip.term && tip.alliance.rotation() == 0 && !tip.is_pending() && self.hands_over();
        let term = if let Some(joined) = self.joined(me).filter(|joined| *joined > bound) {
            joined
        } else if bound > tip.term && self.newest_vote(me) < bound {
            // The process ended between the promise and the vote.
            bound
        } else if over || silence.asked == Some(bound.saturating_add(1)) || led_by_another || silence.is_over(self.patience(), now) {
            bound.saturating_add(1)
        } else {
            return None;
        };
        silence.again(now);
        let head = self.heads.largest().map(|(_, head)| head.note.clone());
        Some(Act::Freeze(Freeze { circle: self.circle, term, head }))
    }

    /// Whether a new leader was elected in this term: the chair is its.
    fn hands_over(&self) -> bool {
        let settled = &self.settled;
        let elected = settled.decided.iter().rev().find(|decided| decided.resolved.proposal.change.kind() == "chair");
        let here = elected.is_some_and(|decided| decided.at.term == settled.term && settled.is_settled(decided));
        here && settled.term == self.tip.term && settled.alliance.leader().is_some_and(|leader| leader.id != settled.keeper)
    }

    /// The latest term that more than f others have voted for.
    fn joined(&self, me: &MemberId) -> Option<u64> {
        let liars = self.tip.quorum().liars();
        let mut terms: Vec<u64> = self.tip.alliance.voters().filter(|voter| voter.id != *me).map(|voter| self.newest_vote(&voter.id)).collect();
        terms.sort_unstable_by(|one, other| other.cmp(one));
        terms.get(liars).copied()
    }

    /// The latest term that a voter has voted for; 0 where there is none.
    fn newest_vote(&self, voter: &MemberId) -> u64 {
        self.freezes.iter().rev().find(|(_, votes)| votes.contains_key(voter)).map_or(0, |(term, _)| *term)
    }

    /// Whether a quorum has come as far as this voter, which may be bound to a term that has not begun.
    fn is_followed(&self, me: &MemberId) -> bool {
        let bound = self.promise.term;
        let is_there = |voter: &MemberId| voter == me || self.newest_vote(voter) >= bound;
        bound <= self.tip.term || self.tip.alliance.voters().filter(|voter| is_there(&voter.id)).count() >= self.tip.quorum().size()
    }

    /// As next keeper: begins the term that a quorum has voted for.
    fn take_chair(&self, me: &MemberId) -> Option<Act> {
        let nearly = self.tip.quorum().size().saturating_sub(1);
        let later = self.freezes.range(self.tip.term.saturating_add(1)..).rev();
        let likely = later.filter(|(term, votes)| **term >= self.promise.term && votes.len() >= nearly);
        likely.take(1).find_map(|(term, votes)| self.first_entry(*term, votes, me))
    }

    fn first_entry(&self, term: u64, votes: &BTreeMap<MemberId, HeldFreeze>, me: &MemberId) -> Option<Act> {
        // A vote counts whose head this node has seen certified; a liar's that names another is left out.
        let mut read: BTreeMap<String, Option<Arc<Order>>> = BTreeMap::new();
        let mut fence = |vote: &HeldFreeze| match &vote.freeze.head {
            None => Some(self.founding.clone()),
            Some(note) => read.entry(note.clone()).or_insert_with(|| self.certified_state(note)).clone(),
        };
        let held: Vec<_> = votes.iter().filter_map(|(voter, vote)| Some((voter, vote, fence(vote)?))).collect();
        let (_, _, fence) = held.iter().max_by_key(|(_, _, state)| state.position())?;
        let begun = fence.begin(term)?;
        let votes = |voter: &MemberId| fence.alliance.voters().any(|known| known.id == *voter);
        let voters: Vec<_> = held.iter().filter(|(voter, vote, _)| votes(voter) && speaks(&fence.alliance, voter, vote.incarnation)).collect();
        if voters.len() < fence.quorum().size() || begun.keeper != *me {
            return None;
        }
        let takeover = voters.iter().map(|(_, vote, _)| vote.disclosed.as_ref().clone()).collect();
        // What lies beyond the fence does not count, nor does its time: a keeper's whose clock is years ahead would bind all that follow.
        Some(Act::Entry(Box::new(self.entry(&begun, None, Some(takeover), None, None)), begun.time))
    }
}

/// Whether what a member signed in this of its logs is its word: not where that was closed since, as others may have its keys.
pub(super) fn speaks(alliance: &Alliance, member: &MemberId, incarnation: u64) -> bool {
    alliance.member(member).is_some_and(|known| known.incarnation() == incarnation)
}

/// The circle's epochs as a voter sees them.
#[derive(Clone, Debug, Default)]
pub struct EpochState {
    /// Members of the newest epoch in effect, each with the incarnation of its log; none before the first.
    pub members: BTreeSet<(MemberId, u64)>,
    /// The keeper's next epoch, if its statement is written and waits for its place in the order.
    pub written: Option<EpochEntry>,
}

impl EpochState {
    /// Whether the newest epoch is for other members than there are, or there is none: the founder may have opened none, or its log may have two histories.
    fn is_outdated(&self, order: &Order) -> bool {
        let members: BTreeSet<(MemberId, u64)> = order.alliance.members().iter().map(|member| (member.id, member.incarnation())).collect();
        self.members != members
    }
}
