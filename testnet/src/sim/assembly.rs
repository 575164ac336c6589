//! How members decide in a run: what a node's shell does for it each tick, and clients who answer what others propose.

use std::collections::BTreeSet;

use suyuan_core::charter::Alliance;
use suyuan_core::membership::{Agreement, Change};
use suyuan_core::order::Order;
use suyuan_core::quorum::Quorum;
use suyuan_core::resolution::Refused;
use suyuan_core::{MemberId, StatementId};
use suyuan_engine::decisions::{Choice, Decisions, HeadsToTell, HeldProposal, Outcome, ProposalRequest, VoteRequest};
use suyuan_engine::wire::Request;
use suyuan_engine::writer::{Command, Receipt};

use super::fact::Ticket;
use super::invariant::Scene;
use super::machine::Machine;
use super::nature::Nature;
use super::network::{Due, pair};
use super::played::Played;
use super::world::World;

/// How often a client looks for a proposal that its node does not know yet.
const TRIES: u32 = 8;

impl World {
    /// Lets a node do what is due for the alliance's decisions, and tells connected members which heads of the order log it knows.
    pub fn decide(&mut self, at: usize) {
        let reached: BTreeSet<MemberId> =
            self.machines.iter().filter(|other| self.links.session(at, other.index).is_some()).map(|other| other.id).collect();
        let now = self.now;
        let Some(running) = &mut self.machines[at].running else { return };
        let heads = running.writer.state().ledger.decisions.heads().to_send();
        let (due, free) = (running.telling.due(&heads, &reached, now), running.free);
        // Between what was decided before a fire and its becoming final an alliance may come to need whom it has lost.
        let tip = running.writer.state().ledger.decisions.tip().alliance.clone();
        self.beyond |= self.plan.fire.is_some() && self.machines[at].nature == Nature::Honest && !self.bears(&tip);
        for member in due {
            self.ask(at, &member, Request::OrderHeads(heads.clone()));
        }
        if free {
            self.command(at, Ticket::Nobody, Command::Decide(reached));
        }
    }

    /// Another node has said which heads of the order log it knows.
    pub fn learn_heads(&mut self, at: usize, from: MemberId, heads: &HeadsToTell) {
        if let Some(running) = &mut self.machines[at].running {
            running.telling.heard(from, heads, self.now);
        }
        if self.machines[at].state().is_some_and(|state| state.ledger.decisions.heads().are_news(heads)) {
            self.command(at, Ticket::Nobody, Command::Heads(heads.clone()));
        }
    }

    /// The alliance has other members than a node's sessions know of: all its connections are made anew.
    pub fn regroup(&mut self, at: usize) {
        let machine = &self.machines[at];
        let changed = machine.running.as_ref().is_some_and(|running| running.version != running.writer.state().ledger.alliance.version());
        if !changed {
            return;
        }
        self.trace.note(self.now, format_args!("{at} sees other members"));
        let beyond = self.machines[at].state().is_some_and(|state| !self.bears(&state.ledger.alliance));
        self.beyond |= beyond && self.machines[at].nature == Nature::Honest;
        let spread = self.chance.seed();
        for other in 0..self.machines.len() {
            self.link(pair(at, other), false);
        }
        self.machines[at].regroup(spread);
        for other in (0..self.machines.len()).filter(|other| *other != at) {
            let time = self.now + self.chance.between(1, 2000);
            self.agenda.add(time, Due::Link { pair: pair(at, other), up: true });
        }
    }

    /// Whatever a client had written: where it is a proposal, others are asked.
    pub fn written(&mut self, at: usize, number: u64, receipt: &Receipt) {
        self.spread_rival(at, number, receipt);
        let Some(state) = self.machines[at].state() else { return };
        let Some((id, held)) = receipt.ids.first().and_then(|id| state.ledger.decisions.proposals().get_key_value(id)) else { return };
        let (id, rescue) = (*id, matches!(held.proposal.change, Change::Recover(_)));
        self.trace.note(self.now, format_args!("{at} has proposed {number}"));
        for voter in 0..self.machines.len() {
            let choice = match self.chance.between(0, 20) {
                _ if rescue => Choice::Approve,
                0 => Choice::Object,
                1 => Choice::Comment,
                2 | 3 => continue,
                _ => Choice::Approve,
            };
            let time = self.now + self.chance.between(100, 15_000);
            self.agenda.add(time, Due::Vote { at: voter, proposal: id, choice, tries: TRIES });
            if !rescue && self.chance.permille(50) {
                self.agenda.add(time + 3000, Due::Vote { at: voter, proposal: id, choice: Choice::Withdraw, tries: 0 });
            }
        }
    }

    /// A client answers a proposal.
    pub fn vote(&mut self, at: usize, proposal: StatementId, choice: Choice, tries: u32) {
        let machine = &self.machines[at];
        let free = machine.running.as_ref().is_some_and(|running| running.free);
        let known = machine.state().is_some_and(|state| state.ledger.decisions.proposals().contains_key(&proposal));
        if free && known {
            let choice = if self.would_bear(at, &proposal) { choice } else { Choice::Object };
            let number = self.wishes;
            self.wishes += 1;
            self.trace.note(self.now, format_args!("{at} is asked for {number}: {} of a proposal", choice.name()));
            return self.command(at, Ticket::Wish(number), Command::Vote(VoteRequest { proposal, choice, comment: String::new() }));
        }
        if let Some(tries) = tries.checked_sub(1) {
            let time = self.now + self.chance.between(1000, 6000);
            self.agenda.add(time, Due::Vote { at, proposal, choice, tries });
        }
    }
}

impl World {
    /// Whether an alliance bears its liars, those whose clocks are wrong by years, newcomers whose nodes have not begun, and whoever has lost what it had promised
    /// with its disk: nothing is promised of one with more than f among its voters.
    pub fn bears(&self, alliance: &Alliance) -> bool {
        let is_wrong = |machine: &&Machine| {
            let lost = machine.founded.is_none() || machine.incarnation() > 0;
            machine.nature != Nature::Honest || machine.index < self.plan.astray || lost
        };
        let wrong = self.machines.iter().filter(is_wrong);
        let wrong = wrong.filter(|machine| alliance.voters().any(|voter| voter.id == machine.id)).count();
        wrong <= Quorum::of(alliance.voters().count()).liars()
    }

    /// The same of an alliance after a proposal, as one machine knows both. Clients know whom they can trust, so that few alliances come to what they do not bear:
    /// only by several changes that were approved at once.
    fn would_bear(&self, at: usize, proposal: &StatementId) -> bool {
        let decisions = self.machines[at].state().map(|state| &state.ledger.decisions);
        let changed = decisions.and_then(|known| known.tip().alliance.changed(&known.proposals().get(proposal)?.proposal.change).ok());
        changed.is_none_or(|alliance| self.bears(&alliance))
    }
}

/// What is proposed when everything has come to rest: an alliance that is stuck would not decide it.
#[derive(Default)]
pub struct Motion {
    proposal: Option<StatementId>,
}

const TITLE: &str = "peace";

impl World {
    /// Those of honest members that are in the alliance.
    pub fn present(&self) -> impl Iterator<Item = usize> {
        let scene = Scene { machines: &self.machines, now: self.now };
        scene.present().map(|machine| machine.index).collect::<Vec<_>>().into_iter()
    }

    /// Decisions that are final, terms after the first, members that have left, and changes of keys, by the newest that anybody honest knows.
    fn decided(&self) -> [u64; 4] {
        let orders = self.present().filter_map(|at| Some(self.machines[at].state()?.ledger.decisions.settled().clone()));
        orders.max_by_key(Order::position).map_or([0; 4], |order| {
            let decided: Vec<_> = order.decided.iter().filter(|decided| order.is_settled(decided)).collect();
            let rekeyed = decided.iter().filter(|decided| matches!(decided.resolved.proposal.change, Change::Keys(_))).count();
            [decided.len() as u64, order.term - 1, order.alliance.former().len() as u64, rekeyed as u64]
        })
    }

    /// How often what happened.
    pub fn played(&self) -> Played {
        let mut played = self.played.clone();
        for (what, times) in ["decisions", "takeovers", "removals", "keyChanges"].into_iter().zip(self.decided()) {
            played.add(what, times);
        }
        played.add("beyond", u64::from(self.beyond));
        played
    }

    /// Why a motion is not carried.
    pub fn stuck(&self, motion: &Motion) -> String {
        let told = self.present().filter_map(|at| {
            let machine = &self.machines[at];
            let decisions = &machine.state()?.ledger.decisions;
            let (settled, tip) = (decisions.settled(), decisions.tip());
            let approvals = motion.proposal.map_or(0, |proposal| decisions.approvals(&proposal).len());
            let known = motion.proposal.is_some_and(|proposal| decisions.proposals().contains_key(&proposal));
            let keeper = self.machines.iter().position(|other| other.id == tip.keeper);
            let (settled, tip, bound) = (settled.position(), tip.position(), decisions.promise.term);
            Some(format!(
                "node {at} has settled {settled:?} of {tip:?}, kept by {keeper:?}, is bound to {bound}, knows it: {known}, approvals {approvals}"
            ))
        });
        format!("what everybody approves does not become final: {}", told.collect::<Vec<_>>().join("; "))
    }

    /// Proposes something and lets everybody approve it. Says whether it is final everywhere.
    pub fn is_carried(&mut self, motion: &mut Motion) -> bool {
        let present: Vec<usize> = self.present().collect();
        let decisions = |at: &usize| self.machines[*at].state().map(|state| state.ledger.decisions.clone());
        let known: Vec<_> = present.iter().filter_map(decisions).collect();
        let ours = |held: &HeldProposal| matches!(&held.proposal.change, Change::Agree(agreement) if agreement.title == TITLE);
        // One that was drawn up among more who decide than there are cannot be carried any more.
        let over = |decisions: &Decisions, id: &StatementId| {
            decisions.standing(id, self.now).is_none_or(|standing| matches!(standing.outcome, Outcome::Over(Refused::Threshold)))
        };
        if let Some(first) = known.first() {
            let found = first.proposals().iter().find(|(id, held)| ours(held) && !over(first, id)).map(|(id, _)| *id);
            motion.proposal = motion.proposal.filter(|proposal| !over(first, proposal)).or(found);
        }
        let Some(proposal) = motion.proposal else {
            let Some(at) = present.iter().find(|at| !self.machines[**at].regulates()) else { return true };
            let agreement = Agreement { title: TITLE.to_owned(), text: String::new() };
            let expires = self.machines[*at].clock.read(self.now) + 10_000_000;
            let request = ProposalRequest { change: Change::Agree(agreement), expires, reason: String::new(), signers: Vec::new(), threshold: None };
            self.command(*at, Ticket::Nobody, Command::Propose(Box::new(request)));
            return false;
        };
        let is_final = |order: &Order| order.decided.iter().any(|decided| decided.resolved.id == proposal && order.is_settled(decided));
        if known.len() == present.len() && known.iter().all(|decisions| is_final(decisions.settled())) {
            return true;
        }
        for (at, decisions) in present.into_iter().zip(known) {
            if !decisions.approvals(&proposal).contains_key(&self.machines[at].id) {
                self.vote(at, proposal, Choice::Approve, 0);
            }
        }
        false
    }
}
