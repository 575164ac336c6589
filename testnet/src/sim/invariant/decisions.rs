//! What is decided is decided once, by as many members as it takes, in one order that never changes, and everybody comes to know it.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::charter::{Alliance, Member};
use suyuan_core::log::witness_name;
use suyuan_core::membership::Change;
use suyuan_core::order::{Decided, Order};
use suyuan_core::{MemberId, StatementId};
use suyuan_engine::decisions::Decisions;

use super::{Invariant, Scene};
use crate::sim::fact::Fact;

pub struct OneOrder {
    founding: Alliance,
    /// Whether everybody has to come to the same in the end.
    decides: bool,
    /// Proposals in the order in which they became final, anywhere.
    finals: Vec<StatementId>,
    slots: BTreeMap<(String, u64), StatementId>,
    nodes: Vec<Node>,
}

/// What was seen of a machine.
#[derive(Default)]
struct Node {
    /// How many effects were final.
    settled: usize,
    /// The earliest term in which it may cosign, and the root of every head that it has cosigned, by term and size.
    bound: u64,
    cosigned: BTreeMap<(u64, u64), [u8; 32]>,
}

impl OneOrder {
    pub fn new(founding: &Alliance, decides: bool, count: usize) -> Self {
        let nodes = (0..count).map(|_| Node::default()).collect();
        Self { founding: founding.clone(), decides, finals: Vec::new(), slots: BTreeMap::new(), nodes }
    }

    fn look(&mut self, at: usize, me: &MemberId, decisions: &Decisions) -> Result<(), String> {
        let order = decisions.settled();
        let settled: Vec<&Decided> = order.decided.iter().filter(|decided| order.is_settled(decided)).collect();
        let before = self.nodes[at].settled;
        if settled.len() < before {
            return Err(format!("{before} decisions were final, and {} are", settled.len()));
        }
        for (place, decided) in settled.iter().enumerate().skip(before) {
            self.decided(place, decided, &settled)?;
        }
        self.nodes[at].settled = settled.len();
        one_vote(me, decisions)?;
        self.nodes[at].promises(me, decisions)
    }

    /// Something is final at a node that was not.
    fn decided(&mut self, place: usize, decided: &Decided, all: &[&Decided]) -> Result<(), String> {
        let (resolved, proposal) = (&decided.resolved, &decided.resolved.proposal);
        let slot = (proposal.slot.subject.clone(), proposal.slot.version);
        if self.slots.entry(slot.clone()).or_insert(resolved.id) != &resolved.id {
            return Err(format!("two decisions are final in the place {slot:?}"));
        }
        match self.finals.get(place) {
            Some(known) if *known != resolved.id => return Err(format!("decision {place} is another one elsewhere")),
            Some(_) => return Ok(()),
            None => self.finals.push(resolved.id),
        }
        if decided.time > proposal.expires {
            return Err(format!("{slot:?} was decided after its time"));
        }
        // A change counts for what follows it once it is settled, which is before the next change and at any place among the agreements.
        let altered = |until: usize| all.iter().take(until).rev().find(|before| before.resolved.proposal.change.alters());
        let last = all.iter().take(place).rposition(|before| before.resolved.proposal.change.alters()).unwrap_or(0);
        let states = [altered(place), altered(last)].map(|before| before.map_or(&self.founding, |before| &before.resolved.alliance));
        let pending = if proposal.change.alters() { &states[..1] } else { &states[..] };
        let enough = pending.iter().any(|alliance| is_enough(&proposal.change, &proposal.signers, &resolved.approvers, alliance));
        if enough { Ok(()) } else { Err(format!("{} approve {slot:?}, and that is not enough", resolved.approvers.len())) }
    }
}

/// Whether so many have approved as `specs/membership.md` asks for, each counted once: told again here, by nothing that nodes use.
fn is_enough(change: &Change, signers: &[(MemberId, u64)], approvers: &[MemberId], alliance: &Alliance) -> bool {
    let subject = match change {
        Change::Remove(removal) => Some(removal.member),
        Change::Recover(recovery) => Some(recovery.member),
        _ => None,
    };
    let electorate: BTreeSet<MemberId> = alliance.voters().map(|voter| voter.id).filter(|voter| Some(*voter) != subject).collect();
    let distinct: BTreeSet<&MemberId> = approvers.iter().filter(|approver| electorate.contains(approver)).collect();
    let asked = |member: &MemberId| signers.iter().any(|(signer, _)| signer == member);
    let reached = distinct.into_iter().filter(|member| asked(member)).count();
    match change {
        Change::Admit(_) | Change::Remove(_) | Change::Recover(_) | Change::Charter(_) => 3 * reached >= 2 * electorate.len(),
        Change::Agree(_) => 2 * reached > signers.len(),
        // Its own matter, a regulator's as well.
        Change::Keys(change) => approvers.contains(&change.member),
        _ => 2 * reached > electorate.len(),
    }
}

/// A member approves one proposal in each ballot for a place; what it said in a log that was closed does not count.
fn one_vote(me: &MemberId, decisions: &Decisions) -> Result<(), String> {
    let incarnation = decisions.settled().alliance.member(me).map_or(0, Member::incarnation);
    let speaks = |id| decisions.approvals(id).get(me).is_some_and(|vote| vote.at.0 == incarnation);
    let mine = decisions.proposals().iter().filter(|(id, _)| speaks(id));
    let mut slots = BTreeSet::new();
    mine.map(|(_, held)| &held.proposal.slot)
        .try_for_each(|slot| if slots.insert(slot) { Ok(()) } else { Err(format!("it approves two proposals for {slot:?}")) })
}

impl Node {
    /// It cosigns one head of a size, and none of a term that it has voted to freeze.
    fn promises(&mut self, me: &MemberId, decisions: &Decisions) -> Result<(), String> {
        let name = witness_name(&decisions.settled().alliance.id(), me);
        for (term, head) in decisions.heads().iter() {
            if !head.read.cosignatures.iter().any(|(witness, _)| *witness == name) {
                continue;
            }
            let (size, root) = (head.read.head.size, head.read.head.root);
            match self.cosigned.insert((term, size), root) {
                Some(known) if known != root => return Err(format!("it has cosigned two heads of {size} entries in term {term}")),
                None if term < self.bound => return Err(format!("it has cosigned a head of term {term} after its vote for term {}", self.bound)),
                _ => {}
            }
        }
        self.bound = self.bound.max(decisions.promise.term);
        Ok(())
    }
}

/// What of an order has to be the same everywhere.
fn agreed(order: &Order) -> String {
    let members: Vec<_> = order.alliance.members().iter().map(|member| (super::short(&member.id.0), member.entry.role.name())).collect();
    format!("{:?}, version {}, {members:?}, {} epochs", order.position(), order.alliance.version(), order.epochs.len())
}

impl Invariant for OneOrder {
    fn name(&self) -> &'static str {
        "one order"
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Booted(state) | Fact::Shown(state) if scene.is_honest(at) => self.look(at, &state.ledger.me, &state.ledger.decisions),
            // It knows nothing of what it has promised, and nobody counts on it.
            Fact::Burned => {
                self.nodes[at] = Node::default();
                Ok(())
            }
            Fact::Restored => {
                // What it has cosigned and voted binds it all the same.
                self.nodes[at].settled = 0;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn settled(&self, scene: &Scene<'_>) -> Result<(), String> {
        let mut first: Option<(usize, String)> = None;
        for machine in scene.present().filter(|_| self.decides) {
            let decisions = &machine.state().ok_or_else(|| format!("node {} does not run", machine.index))?.ledger.decisions;
            let order = agreed(decisions.settled());
            match &first {
                Some((other, known)) if *known != order => return Err(format!("node {} has {order}, and node {other} {known}", machine.index)),
                Some(_) => {}
                None => first = Some((machine.index, order)),
            }
            if decisions.waits(machine.clock.read(scene.now)) {
                let (settled, tip, bound) = (decisions.settled().position(), decisions.tip().position(), decisions.promise.term);
                return Err(format!("something waits at node {}: settled {settled:?} of {tip:?}, bound to {bound}", machine.index));
            }
        }
        Ok(())
    }
}
