//! The search itself: breadth first over distinct states, by the number of decisions that lead to them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;

use suyuan_core::charter::{Alliance, Role};
use suyuan_core::circle::alliance_circle;
use suyuan_core::id::MemberId;
use suyuan_core::membership::{Change, Removal, Rule};
use suyuan_core::order::Order;
use suyuan_core::recovery::Recovery;
use suyuan_core::resolution::{Proposal, Refused};

use super::alliances::Alliances;
use super::catalogue::{Catalogue, Operation};
use super::quorums::{Quorums, kept_by, subsets, voters};
use crate::fixture::TIME;
use crate::world::proposal;

/// Effects that wait for a certificate at one time.
const TAIL: usize = 3;
/// Subjects of a catalogue.
const SUBJECTS: usize = 16;

/// How many effects each subject has had.
type Slots = [u8; SUBJECTS];

/// An effect that is not certified: its subject, and the alliance that it leads to.
type Waiting = (u8, Option<u32>);

/// What the next decision depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The settled alliance, by number.
    pub alliance: u32,
    pub slots: Slots,
    /// What is decided and not certified, in its order.
    pub tail: Vec<Waiting>,
    /// Who keeps the term, by number.
    pub keeper: u8,
}

impl State {
    /// The versions of subjects as the next entry finds them.
    pub fn tip(&self) -> Slots {
        self.tail.iter().fold(self.slots, count)
    }

    pub fn pending(&self) -> Option<u32> {
        self.tail.iter().find_map(|(_, alliance)| *alliance)
    }

    /// The state with so much of the tail settled.
    pub fn settled(&self, first: usize) -> Self {
        let (settled, waiting) = self.tail.split_at(first);
        Self {
            alliance: settled.iter().find_map(|(_, alliance)| *alliance).unwrap_or(self.alliance),
            slots: settled.iter().fold(self.slots, count),
            tail: waiting.to_vec(),
            keeper: self.keeper,
        }
    }
}

fn count(mut slots: Slots, (subject, _): &Waiting) -> Slots {
    slots[*subject as usize] += 1;
    slots
}

/// When a proposal was drawn up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Drawn {
    /// At the founding, beside all others.
    Early,
    /// On the state that it finds.
    Now,
}

/// Why a proposal takes no effect, or what it leads to.
type Verdict = Result<Option<u32>, &'static str>;

#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub states: usize,
    pub steps: usize,
    pub alliances: usize,
    pub ballots: usize,
    /// Refusals by code.
    pub refused: BTreeMap<&'static str, usize>,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.states += other.states;
        self.steps += other.steps;
        self.alliances += other.alliances;
        self.ballots += other.ballots;
        other.refused.into_iter().for_each(|(code, count)| *self.refused.entry(code).or_default() += count);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, alliances, ballots, refused } = self;
        write!(f, "{states} states, {steps} steps, {alliances} alliances, {ballots} sets of approvals, refused {refused:?}")
    }
}

pub struct Search {
    pub catalogue: Catalogue,
    pub alliances: Alliances,
    quorums: Quorums,
    early: Vec<Proposal>,
    verdicts: HashMap<(u32, usize, Drawn), Verdict>,
    /// Sets of approvers gone through: by operation, draft, who may decide, signers and rules.
    ballots: BTreeSet<(usize, Drawn, BTreeSet<MemberId>, Vec<MemberId>, usize)>,
    counts: Counts,
}

impl Search {
    pub fn new(roles: &[Role]) -> Self {
        let catalogue = Catalogue::new(roles);
        assert!(catalogue.subjects.len() <= SUBJECTS);
        let order = Order::founding(catalogue.founding.clone()).unwrap();
        let early = catalogue.operations.iter().map(|operation| proposal(&order, operation.change.clone())).collect();
        let mut alliances = Alliances::default();
        alliances.number((*catalogue.founding).clone());
        let (quorums, counts) = (Quorums::default(), Counts::default());
        Self { catalogue, alliances, quorums, early, verdicts: HashMap::new(), ballots: BTreeSet::new(), counts }
    }

    pub fn voters(&self) -> usize {
        self.catalogue.founding.voters().count()
    }

    pub fn founding() -> State {
        State { alliance: 0, slots: [0; SUBJECTS], tail: Vec::new(), keeper: 0 }
    }

    /// Goes through every state that so many decisions lead to.
    pub fn run(&mut self, depth: usize) -> Counts {
        let mut seen = HashSet::from([Self::founding()]);
        let mut layer = vec![Self::founding()];
        for left in (0..=depth).rev() {
            let mut next = Vec::new();
            // Certificates and takeovers decide nothing: what they lead to belongs to the same layer.
            while let Some(state) = layer.pop() {
                self.check(&state);
                let free = self.settle_or_take_over(&state);
                layer.extend(free.into_iter().filter(|state| seen.insert(state.clone())));
                if left > 0 {
                    let decided = self.decide(&state);
                    next.extend(decided.into_iter().filter(|state| seen.insert(state.clone())));
                }
            }
            layer = next;
        }
        self.counts.states = seen.len();
        self.counts.alliances = self.alliances.len();
        self.counts.clone()
    }

    /// What holds of every state.
    fn check(&mut self, state: &State) {
        let alliance = self.alliances.get(state.alliance).clone();
        let altering = |slots: &Slots| -> u64 {
            let all = self.catalogue.subjects.iter().zip(slots);
            all.filter(|(subject, _)| !subject.starts_with("agree/")).map(|(_, count)| u64::from(*count)).sum()
        };
        assert_eq!(alliance.version(), altering(&state.slots), "the version is the number of changes that took effect");
        let next = state.pending().map_or_else(|| alliance.clone(), |next| self.alliances.get(next).clone());
        assert_eq!(next.version(), altering(&state.tip()));
        let (_, keeper) = self.catalogue.people[state.keeper as usize];
        assert!(alliance.member(&keeper).is_some(), "the keeper is or was a member");
        self.quorums.check(&alliance, &next, keeper);
    }

    /// The states after a certificate over the first of what waits, and after a takeover whose fence lies anywhere in it.
    fn settle_or_take_over(&mut self, state: &State) -> Vec<State> {
        let mut next: Vec<State> = (1..=state.tail.len()).map(|first| state.settled(first)).collect();
        for first in 0..=state.tail.len() {
            let fence = State { tail: Vec::new(), ..state.settled(first) };
            for keeper in self.keepers(&fence) {
                next.push(State { keeper, ..fence.clone() });
            }
        }
        self.counts.steps += next.len();
        next
    }

    /// Who keeps the terms after this one, in their order.
    pub fn keepers(&self, fence: &State) -> Vec<u8> {
        let (alliance, people) = (self.alliances.get(fence.alliance), &self.catalogue.people);
        let order = kept_by(alliance, people[fence.keeper as usize].1);
        let keeper = |ahead: usize| {
            let keeper = order.begin(1 + ahead as u64).unwrap().keeper;
            assert!(alliance.voters().any(|voter| voter.id == keeper), "the next keeper votes");
            people.iter().position(|(_, id)| *id == keeper).unwrap() as u8
        };
        let voters = alliance.voters().count();
        let keepers: Vec<u8> = (1..=voters).map(keeper).collect();
        assert_eq!(keepers.iter().collect::<BTreeSet<_>>().len(), voters, "everybody's turn comes");
        assert!(voters == 1 || keepers[0] != fence.keeper, "the keeper that was silent is not the next");
        keepers
    }

    /// The states after one more effect.
    fn decide(&mut self, state: &State) -> Vec<State> {
        let mut next = Vec::new();
        let tip = state.tip();
        for operation in 0..self.catalogue.operations.len() {
            let subject = self.catalogue.operations[operation].subject;
            for drawn in [Drawn::Early, Drawn::Now] {
                self.counts.steps += 1;
                let verdict = match self.verdict(state.alliance, operation, drawn) {
                    // What was drawn up at the founding is for the subject's first version; a content in force twice would be two effects of one slot version.
                    Ok(_) if drawn == Drawn::Early && tip[subject] > 0 => Err("superseded"),
                    Ok(Some(_)) if state.pending().is_some() => Err("pending"),
                    other => other,
                };
                match verdict {
                    Err(code) => *self.counts.refused.entry(code).or_default() += 1,
                    Ok(_) if state.tail.len() == TAIL => {}
                    Ok(alliance) => {
                        let mut decided = state.clone();
                        decided.tail.push((subject as u8, alliance));
                        next.push(decided);
                    }
                }
            }
        }
        next
    }

    /// What a proposal comes to when everybody approves who may, and that nobody else's approval matters.
    fn verdict(&mut self, number: u32, operation: usize, drawn: Drawn) -> Verdict {
        if let Some(known) = self.verdicts.get(&(number, operation, drawn)) {
            return *known;
        }
        let verdict = self.judge(number, operation, drawn);
        self.verdicts.insert((number, operation, drawn), verdict);
        verdict
    }

    fn judge(&mut self, number: u32, operation: usize, drawn: Drawn) -> Verdict {
        let alliance = self.alliances.get(number).clone();
        let change = self.catalogue.operations[operation].change.clone();
        let proposal = self.draft(&alliance, operation, drawn);
        if proposal.signers.is_empty() {
            // Nobody may be asked, so no such proposal can be written.
            return Err("malformed");
        }
        self.check_proposal(&alliance, &proposal)?;
        if !self.check_ballots(&alliance, operation, drawn, &proposal) {
            return Err("threshold");
        }
        match self.alliances.changed(number, &change) {
            Err(_) => Err("change"),
            Ok(after) => Ok(change.alters().then_some(after)),
        }
    }

    /// A proposal for the first version of its subject; the search itself keeps the versions.
    fn draft(&self, alliance: &Arc<Alliance>, operation: usize, drawn: Drawn) -> Proposal {
        match drawn {
            Drawn::Early => self.early[operation].clone(),
            Drawn::Now => proposal(&Order::founding(alliance.clone()).unwrap(), self.catalogue.operations[operation].change.clone()),
        }
    }

    /// The proposal as a voter signs it in a state.
    pub fn proposal(&self, state: &State, operation: usize, drawn: Drawn) -> Proposal {
        let mut proposal = self.draft(self.alliances.get(state.alliance), operation, drawn);
        if drawn == Drawn::Now {
            proposal.slot.version = u64::from(state.tip()[self.catalogue.operations[operation].subject]);
        }
        proposal
    }

    /// The state after a proposal with the approvals of some, or the code of what refuses it.
    pub fn expect(&mut self, state: &State, operation: usize, proposal: &Proposal, approvers: &[usize]) -> Result<State, &'static str> {
        let alliance = self.alliances.get(state.alliance).clone();
        let Operation { change, subject, .. } = &self.catalogue.operations[operation];
        let approvers: Vec<MemberId> = approvers.iter().map(|at| self.catalogue.people[*at].1).collect();
        if approvers.is_empty() || proposal.signers.is_empty() {
            return Err("malformed");
        }
        if proposal.slot.version != u64::from(state.tip()[*subject]) {
            return Err("superseded");
        }
        let may = electorate(&alliance, change);
        let counted = approvers.iter().filter(|approver| may.contains(approver) && proposal.weight_of(approver) > 0).count();
        if counted == 0 || counted < needed(&alliance, change, may.len(), proposal) {
            return Err("threshold");
        }
        let after = self.alliances.changed(state.alliance, change).map_err(|_| "change")?;
        let alters = change.alters().then_some(after);
        if alters.is_some() && state.pending().is_some() {
            return Err("pending");
        }
        let mut decided = state.clone();
        decided.tail.push((u8::try_from(*subject).unwrap(), alters));
        Ok(decided)
    }

    /// The rules for a proposal, approvals aside; whoever proposes is a voter of today, or the member whose keys it changes.
    fn check_proposal(&self, alliance: &Alliance, proposal: &Proposal) -> Result<(), &'static str> {
        let circle = alliance_circle(&alliance.id());
        let slots = |version| BTreeMap::from([(proposal.slot.subject.clone(), version)]);
        let check = |author, version| proposal.check(&circle, author, alliance, &slots(version), TIME);
        let voters = voters(alliance);
        let verdict = check(voters.first().unwrap(), proposal.slot.version);
        for (_, author) in &self.catalogue.people {
            let expected =
                if voters.contains(author) || electorate(alliance, &proposal.change).contains(author) { verdict } else { Err(Refused::Proposer) };
            assert_eq!(check(author, proposal.slot.version), expected);
        }
        assert_eq!(check(voters.first().unwrap(), proposal.slot.version + 1), Err(Refused::Superseded));
        verdict.map_err(Refused::code)
    }

    /// Goes through all sets of approvers among everybody who is, was or may be a member; says whether any is enough.
    fn check_ballots(&mut self, alliance: &Alliance, operation: usize, drawn: Drawn, proposal: &Proposal) -> bool {
        let everybody: BTreeSet<MemberId> = self.catalogue.people.iter().map(|(_, id)| *id).collect();
        let signers: Vec<MemberId> = proposal.signers.iter().map(|(member, _)| *member).collect();
        let may = electorate(alliance, &proposal.change);
        let needed = needed(alliance, &proposal.change, may.len(), proposal);
        if self.ballots.insert((operation, drawn, may.clone(), signers.clone(), needed)) {
            for approvers in subsets(&everybody) {
                let counted = approvers.iter().filter(|member| may.contains(member) && signers.contains(member)).count();
                let tally = proposal.tally(&approvers, alliance);
                assert_eq!(tally.is_enough(), counted > 0 && counted >= needed, "{}: {counted} of {needed}", proposal.slot.subject);
                self.counts.ballots += 1;
            }
        }
        proposal.tally(&everybody, alliance).is_enough()
    }
}

/// Who decides a change, by the table of `membership.md`.
fn electorate(alliance: &Alliance, change: &Change) -> BTreeSet<MemberId> {
    let mut may = voters(alliance);
    match change {
        Change::Remove(Removal { member, .. }) | Change::Recover(Recovery { member, .. }) => {
            may.remove(member);
        }
        Change::Keys(keys) => return alliance.members().iter().map(|member| member.id).filter(|member| *member == keys.member).collect(),
        _ => {}
    }
    may
}

/// How many have to approve, by the table of `membership.md`.
fn needed(alliance: &Alliance, change: &Change, may: usize, proposal: &Proposal) -> usize {
    let all = alliance.rules().get(change.kind()) == Some(&Rule::All);
    match change {
        Change::Agree(_) => proposal.signers.len() / 2 + 1,
        Change::Keys(_) => may,
        _ if all => may,
        Change::Admit(_) | Change::Remove(_) | Change::Recover(_) | Change::Charter(_) => (2 * may).div_ceil(3),
        Change::Role(_) | Change::Chair(_) | Change::Compromised(_) => may / 2 + 1,
    }
}
