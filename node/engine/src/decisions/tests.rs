//! A seeded alliance that decides: voters with their own clocks and views, statements and notes that come late and in any order, and some that lie.

mod heads;
mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use suyuan_core::charter::{Alliance, Charter, CharterFile, Entry as Founder, MemberKeys, Role};
use suyuan_core::circle::PUBLIC;
use suyuan_core::key::SecretKey;
use suyuan_core::log::{LogId, witness_name};
use suyuan_core::membership::{Admission, Agreement, Amendment, Chair, Change, Removal};
use suyuan_core::note;
use suyuan_core::order::{self, Position};
use suyuan_core::resolution::{Refused, to_fields};
use suyuan_core::section::{self, AudienceHeader, Body, SectionHeader};
use suyuan_core::statement::{self, SectionCommitment, Statement, UnverifiedStatement};

use super::*;
use crate::record::HeldAudience;
use crate::schema::Row;
use crate::submission::Submission;

const HOUR: u64 = 3_600_000;

struct Keys {
    root: SecretKey,
    log: SecretKey,
    witness: SecretKey,
    transport: SecretKey,
}

impl Keys {
    fn of(member: u8) -> Self {
        let key = |purpose: u8| SecretKey::from_seed(&[member.wrapping_mul(5).wrapping_add(purpose); 32]);
        Self { root: key(1), log: key(2), witness: key(3), transport: key(4) }
    }

    fn entry(&self, member: u8, role: Role) -> Founder {
        let public = |key: &SecretKey| key.public().to_bytes();
        let mut encryption = [member.wrapping_add(100); 32];
        encryption[31] = 0x40;
        let keys = MemberKeys {
            root: public(&self.root),
            log: public(&self.log),
            witness: public(&self.witness),
            transport: public(&self.transport),
            encryption,
        };
        Founder { name: format!("member {member}"), role, keys, addresses: Vec::new(), scope: Vec::new() }
    }
}

fn alliance(members: u8) -> Arc<Alliance> {
    let role = |member| if member == 0 { Role::Leader } else { Role::Midstream };
    let charter = Charter {
        nonce: [7; 32],
        name: "test".into(),
        purpose: String::new(),
        chain: "test".into(),
        time: 1000,
        members: (0..members).map(|member| Keys::of(member).entry(member, role(member))).collect(),
        deputies: if members > 2 { vec![1, 2] } else { Vec::new() },
        seal: 4 * HOUR,
        terms: String::new(),
    };
    let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    for member in 0..members {
        let Keys { root, log, witness, transport } = Keys::of(member);
        for key in [&root, &log, &witness, &transport] {
            file.sign(key).unwrap();
        }
    }
    Arc::new(file.verify(None).unwrap())
}

/// A statement as every node would hold it.
type Message = Arc<(HeldRecord, Body)>;

struct Node {
    id: MemberId,
    keys: Keys,
    decisions: Decisions,
    silence: Silence,
    /// Its own log.
    log: Vec<Message>,
    /// How much it holds of each log.
    held: BTreeMap<usize, usize>,
    up: bool,
    epochs: EpochState,
}

struct World {
    seed: u64,
    rng: StdRng,
    now: u64,
    alliance: Arc<Alliance>,
    nodes: Vec<Node>,
    /// Pairs that do not reach each other.
    cut: BTreeSet<(usize, usize)>,
    /// What was final somewhere: by subject and version, the proposal.
    finals: BTreeMap<(String, u64), StatementId>,
}

impl World {
    fn new(members: u8, seed: u64) -> Self {
        let alliance = alliance(members);
        let ids: Vec<MemberId> = alliance.members().iter().map(|member| member.id).collect();
        let node = |(member, id): (u8, &MemberId)| Node {
            id: *id,
            keys: Keys::of(member),
            decisions: Decisions::founding(&alliance).unwrap(),
            silence: Silence::default(),
            log: Vec::new(),
            held: BTreeMap::new(),
            up: true,
            epochs: EpochState { members: ids.iter().map(|id| (*id, 0)).collect(), written: None },
        };
        let nodes = (0..members).zip(&ids).map(node).collect();
        Self { seed, rng: StdRng::seed_from_u64(seed), now: 10_000, alliance, nodes, cut: BTreeSet::new(), finals: BTreeMap::new() }
    }

    /// A newcomer begins, and hears everything from the others.
    fn join(&mut self, id: MemberId, keys: Keys) {
        self.nodes.push(Node {
            id,
            keys,
            decisions: Decisions::founding(&self.alliance).unwrap(),
            silence: Silence::default(),
            log: Vec::new(),
            held: BTreeMap::new(),
            up: true,
            epochs: self.nodes[0].epochs.clone(),
        });
    }

    fn reach(&self, one: usize, other: usize) -> bool {
        self.nodes[one].up && self.nodes[other].up && !self.cut.contains(&(one.min(other), one.max(other)))
    }

    fn write(&mut self, at: usize, submission: Submission) {
        let time = self.now;
        let node = &mut self.nodes[at];
        let fields = submission.sections[0].fields.clone();
        let body = Body::new(self.rng.random(), fields).unwrap();
        let header = SectionHeader { root: body.root(), sealed: None };
        let audience = AudienceHeader {
            salt: self.rng.random(),
            circle: submission.sections[0].audiences[0],
            epoch: 0,
            counter: 0,
            link: StatementId([0; 32]),
            order: None,
        };
        let (header_bytes, audience_bytes) = (header.to_bytes(), audience.to_bytes());
        let commitment = SectionCommitment {
            fields: body.fields().len() as u64,
            header: section::section_commitment(&header_bytes),
            audiences: vec![section::audience_commitment(&audience_bytes)],
        };
        let log = LogId { alliance: self.alliance.id(), member: node.id, incarnation: 0 };
        let sequence = node.log.len() as u64;
        let statement = Statement {
            place: log.place(sequence),
            previous: [0; 32],
            time: submission.time.unwrap_or(time),
            kind: submission.kind,
            references: submission.references,
            blind: self.rng.random(),
            sections: vec![commitment],
        };
        let signed = statement::sign(&statement, &node.keys.log);
        let statement = UnverifiedStatement::decode(&signed.bytes).unwrap().reread(&signed.id).unwrap();
        let held = HeldSection {
            index: 0,
            bytes: header_bytes,
            header: Ok(header),
            audiences: vec![HeldAudience { index: 0, bytes: audience_bytes, header: audience, wrap: None }],
            content: Vec::new(),
        };
        let record = HeldRecord { row: Row { log: 0, sequence }, bytes: signed.bytes, signature: signed.signature, statement, sections: vec![held] };
        let message = Arc::new((record, body));
        node.log.push(message.clone());
        learn(&mut node.decisions, &message);
    }

    fn public(&self, kind: &str, content: &impl serde::Serialize, time: Option<u64>) -> Submission {
        let fields = to_fields(content).unwrap();
        let sections = vec![crate::submission::SubmittedSection { audiences: vec![PUBLIC], fields }];
        Submission { kind: kind.into(), about: Vec::new(), references: Vec::new(), time, sections }
    }

    fn propose(&mut self, at: usize, change: Change) -> Option<StatementId> {
        let request = ProposalRequest { change, expires: self.now + 1000 * HOUR, reason: "why not".into(), signers: Vec::new(), threshold: None };
        let submission = propose(request, &self.nodes[at].decisions, &self.nodes[at].id, self.now).ok()?;
        self.write(at, submission);
        Some(self.nodes[at].log.last().unwrap().0.statement.id())
    }

    fn vote(&mut self, at: usize, proposal: StatementId, choice: Choice) -> Result<(), String> {
        let request = VoteRequest { proposal, choice, comment: String::new() };
        let submission = vote(request, &self.nodes[at].decisions, &self.nodes[at].id, self.now).map_err(|refusal| refusal.to_string())?;
        self.write(at, submission);
        Ok(())
    }

    /// One node does what is due, and two that reach each other exchange what they have.
    fn step(&mut self) {
        let at = self.rng.random_range(0..self.nodes.len());
        if self.nodes[at].up {
            self.act(at);
        }
        let (one, other) = (self.rng.random_range(0..self.nodes.len()), self.rng.random_range(0..self.nodes.len()));
        if one != other && self.reach(one, other) {
            self.exchange(one, other);
        }
        self.check();
    }

    fn act(&mut self, at: usize) {
        for _ in 0..8 {
            let reached: BTreeSet<MemberId> =
                (0..self.nodes.len()).filter(|other| self.reach(at, *other)).map(|other| self.nodes[other].id).collect();
            let now = self.now;
            let node = &mut self.nodes[at];
            node.silence.observe(&node.decisions, &node.epochs, &reached, &node.id, now);
            let Some((_, act)) = node.decisions.due(&node.id, &mut node.silence, &node.epochs, now, None) else { break };
            self.execute(at, act);
        }
    }

    fn execute(&mut self, at: usize, act: Act) {
        let now = self.now;
        let node = &mut self.nodes[at];
        let tip = node.decisions.tip().clone();
        match act {
            Act::Entry(entry, after) => {
                let submission = self.public(order::ENTRY, &entry, Some(now.max(after)));
                self.write(at, submission);
            }
            Act::Head => {
                let head = note::sign_head(&tip.own_panel().unwrap().keeper.name, &tip.head(), &node.keys.log);
                assert!(node.decisions.learn_head(tip.term, &head), "a keeper takes its own head");
            }
            Act::Cosign(note) => {
                node.decisions.promise = node.decisions.promise.cosigned(&tip, &note);
                let name = witness_name(&tip.alliance.id(), &node.id);
                let cosigned = note::add_cosignature(&note, &name, &node.keys.witness, now / 1000).unwrap();
                node.decisions.learn_head(tip.term, &cosigned);
            }
            Act::Freeze(freeze) => {
                node.decisions.promise.term = freeze.term;
                let submission = self.public(order::FREEZE, &freeze, None);
                self.write(at, submission);
            }
            Act::Epoch => {
                let epoch = order::EpochEntry { epoch: tip.newest_epoch() + 1, statement: StatementId(self.rng.random()) };
                node.epochs.members = tip.alliance.members().iter().map(|member| (member.id, member.incarnation())).collect();
                node.epochs.written = Some(epoch);
            }
        }
    }

    fn exchange(&mut self, from: usize, to: usize) {
        // A relay gives what it has of any log, in order.
        for log in 0..self.nodes.len() {
            let has = if log == from { self.nodes[from].log.len() } else { self.nodes[from].held.get(&log).copied().unwrap_or(0) };
            let holds = self.nodes[to].held.get(&log).copied().unwrap_or(0);
            if log != to && has > holds {
                let until = self.rng.random_range(holds + 1..=has);
                let messages: Vec<Message> = self.nodes[log].log[holds..until].to_vec();
                messages.iter().for_each(|message| learn(&mut self.nodes[to].decisions, message));
                self.nodes[to].held.insert(log, until);
            }
        }
        let notes: Vec<(u64, String)> = self.nodes[from].decisions.heads().iter().map(|(term, head)| (term, head.note.clone())).collect();
        for (term, note) in notes {
            self.nodes[to].decisions.learn_head(term, &note);
        }
    }

    /// What was final once is final everywhere and stays so: one content for each slot.
    fn check(&mut self) {
        for node in &self.nodes {
            let settled = node.decisions.settled();
            for decided in settled.decided.iter().filter(|decided| settled.is_settled(decided)) {
                let slot = &decided.resolved.proposal.slot;
                let known = self.finals.entry((slot.subject.clone(), slot.version)).or_insert(decided.resolved.id);
                assert_eq!(*known, decided.resolved.id, "two effects in slot {slot:?}");
                let distinct: BTreeSet<_> = decided.resolved.approvers.iter().collect();
                assert_eq!(distinct.len(), decided.resolved.approvers.len());
            }
        }
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.now += self.rng.random_range(0..2000);
            self.step();
        }
    }

    /// Everything heals: everybody comes to the same state.
    fn converge(&mut self) {
        self.cut.clear();
        for node in &mut self.nodes {
            node.up = true;
        }
        for _ in 0..60 {
            self.run(400);
            self.now += HOUR / 2;
            let all: BTreeSet<_> =
                self.nodes.iter().map(|node| (node.decisions.settled().position(), node.decisions.settled().alliance.version())).collect();
            let waits = self.nodes.iter().any(|node| node.decisions.waits(self.now));
            if all.len() == 1 && !waits {
                return;
            }
        }
        let state = |node: &Node| {
            let Decisions { settled, tip, promise, .. } = &node.decisions;
            let votes: Vec<_> = node.decisions.freezes().iter().map(|(term, votes)| (*term, votes.len())).collect();
            let (voters, keeper) = (tip.alliance.voters().count(), self.nodes.iter().position(|other| other.id == tip.keeper));
            let waits = node.decisions.waits(self.now);
            format!(
                "settled {:?} tip {:?} kept by {keeper:?} of {voters}, promise {:?} in {} waits {waits} votes {votes:?}\n",
                settled.position(),
                tip.position(),
                promise.cosigned,
                promise.term
            )
        };
        panic!("seed {}: not converged\n{}", self.seed, self.nodes.iter().map(state).collect::<String>());
    }
}

fn learn(decisions: &mut Decisions, message: &Message) {
    let (record, body) = message.as_ref();
    if decisions.learn(record, &record.sections[0], body) {
        decisions.advance();
    }
}

fn agree(title: &str) -> Change {
    Change::Agree(Agreement { title: title.into(), text: "we do".into() })
}

fn settled(world: &World, at: usize) -> Vec<String> {
    let order = world.nodes[at].decisions.settled();
    order.decided.iter().filter(|decided| order.is_settled(decided)).map(|decided| decided.resolved.proposal.slot.subject.clone()).collect()
}

#[test]
fn what_enough_members_approve_becomes_final_everywhere() {
    let mut world = World::new(4, 1);
    let proposal = world.propose(2, agree("colour")).unwrap();
    world.run(200);
    for at in 0..3 {
        world.vote(at, proposal, Choice::Approve).unwrap();
    }
    world.converge();
    for at in 0..4 {
        assert_eq!(settled(&world, at), ["agree/colour"]);
    }
}

#[test]
fn nothing_is_decided_below_the_threshold_or_after_an_approval_is_taken_back() {
    let mut world = World::new(4, 2);
    let few = world.propose(0, agree("few")).unwrap();
    let withdrawn = world.propose(1, agree("withdrawn")).unwrap();
    world.run(300);
    for at in [0, 1] {
        world.vote(at, few, Choice::Approve).unwrap();
    }
    for at in [0, 1] {
        world.vote(at, withdrawn, Choice::Approve).unwrap();
    }
    world.vote(1, withdrawn, Choice::Withdraw).unwrap();
    world.run(300);
    world.vote(2, withdrawn, Choice::Approve).unwrap();
    world.converge();
    assert_eq!(settled(&world, 3), Vec::<String>::new(), "two of four are no majority");
}

#[test]
fn a_member_gives_its_vote_once_in_a_ballot() {
    let mut world = World::new(4, 3);
    let one = world.propose(0, agree("same")).unwrap();
    // Another node that has not heard of it draws up a rival in the same ballot.
    let other = world.propose(1, agree("same")).unwrap();
    world.run(300);
    world.vote(2, one, Choice::Approve).unwrap();
    assert!(world.vote(2, other, Choice::Approve).is_err(), "one content for each slot and ballot");
    world.vote(2, one, Choice::Withdraw).unwrap();
    world.vote(2, other, Choice::Approve).unwrap();
    // A later ballot is free.
    let later = world.propose(2, agree("same")).unwrap();
    world.vote(2, later, Choice::Approve).unwrap();
}

#[test]
fn a_deputy_takes_over_from_a_leader_that_falls_silent() {
    let mut world = World::new(4, 4);
    let before = world.propose(1, agree("before")).unwrap();
    world.run(300);
    for at in 0..3 {
        world.vote(at, before, Choice::Approve).unwrap();
    }
    world.run(2000);
    world.nodes[0].up = false;
    let after = world.propose(1, agree("after")).unwrap();
    world.run(300);
    for at in 1..4 {
        world.vote(at, after, Choice::Approve).unwrap();
    }
    for _ in 0..20 {
        world.run(300);
        world.now += HOUR / 2;
    }
    assert_eq!(settled(&world, 3), ["agree/before", "agree/after"]);
    let order = world.nodes[3].decisions.settled();
    assert!(order.term > 1 && order.keeper == world.nodes[1].id, "the first deputy keeps the log");
    world.converge();
    assert_eq!(settled(&world, 0), ["agree/before", "agree/after"]);
}

#[test]
fn a_time_far_ahead_goes_with_its_keeper() {
    let mut world = World::new(4, 8);
    let proposal = world.propose(1, agree("before")).unwrap();
    world.run(300);
    for at in 1..4 {
        world.vote(at, proposal, Choice::Approve).unwrap();
    }
    (1..4).for_each(|at| world.exchange(at, 0));
    let (far, begun) = (900 * HOUR, world.now);
    world.now += far;
    world.act(0);
    world.now = begun;
    assert!(world.nodes[0].decisions.tip().time >= far, "the keeper has written, with its own time");
    (1..4).for_each(|at| world.exchange(0, at));
    world.nodes[0].up = false;
    for _ in 0..20 {
        world.run(300);
        world.now += HOUR / 2;
    }
    assert_eq!(settled(&world, 3), ["agree/before"]);
    world.converge();
}

#[test]
fn an_alliance_whose_founder_opens_no_epoch_gets_one_from_the_next_keeper() {
    let mut world = World::new(4, 9);
    for at in 1..4 {
        world.nodes[at].epochs.members.clear();
    }
    for _ in 0..20 {
        world.run(300);
        world.now += HOUR / 2;
    }
    let order = world.nodes[1].decisions.settled();
    assert!(order.term > 1 && order.keeper != world.nodes[0].id, "still {:?}", order.position());
    assert_eq!(order.epochs.len(), 1);
}

#[test]
fn members_come_and_go() {
    let mut world = World::new(4, 5);
    let keys = Keys::of(9);
    let entry = keys.entry(9, Role::Downstream);
    let admission = Admission::sign(&world.alliance.id(), &entry, [&keys.root, &keys.log, &keys.witness, &keys.transport]);
    let admit = world.propose(0, Change::Admit(admission)).unwrap();
    world.run(300);
    for at in 0..3 {
        world.vote(at, admit, Choice::Approve).unwrap();
    }
    world.converge();
    for node in &world.nodes {
        assert_eq!(node.decisions.settled().alliance.members().len(), 5);
        assert!(node.decisions.settled().alliance.active(&entry.member()).is_some());
    }
    let removal = Removal { member: world.nodes[3].id, size: 0, root: StatementId([0; 32]) };
    let remove = world.propose(1, Change::Remove(removal)).unwrap();
    world.run(300);
    assert!(world.vote(3, remove, Choice::Approve).is_err(), "nobody votes on its own removal");
    for at in 0..3 {
        world.vote(at, remove, Choice::Approve).unwrap();
    }
    world.converge();
    let alliance = &world.nodes[0].decisions.settled().alliance;
    assert!(alliance.active(&world.nodes[3].id).is_none() && alliance.member(&world.nodes[3].id).is_some_and(|member| member.left.is_some()));
    assert_eq!(alliance.version(), 2);
}

/// Who votes makes it final that another one does, with as many away as ever; and from then on nothing is final without the newcomer.
#[test]
fn a_newcomer_begins_when_those_before_have_made_it_final() {
    for (founders, away) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 1)] {
        let mut world = World::new(founders, 11 + u64::from(founders));
        let there = usize::from(founders - away);
        world.nodes.iter_mut().skip(there).for_each(|node| node.up = false);
        let keys = Keys::of(9);
        let entry = keys.entry(9, Role::Downstream);
        let admission = Admission::sign(&world.alliance.id(), &entry, [&keys.root, &keys.log, &keys.witness, &keys.transport]);
        let admit = world.propose(0, Change::Admit(admission)).unwrap();
        world.run(300);
        (0..there).for_each(|at| world.vote(at, admit, Choice::Approve).unwrap());
        world.run(600);
        let known = |node: &Node| node.decisions.settled().alliance.active(&entry.member()).is_some();
        assert!(world.nodes[..there].iter().all(known), "of {founders}");
        world.join(entry.member(), keys);
        world.converge();
        let agreed = world.propose(usize::from(founders), agree("newcomer")).unwrap();
        world.run(300);
        (0..world.nodes.len()).for_each(|at| world.vote(at, agreed, Choice::Approve).unwrap());
        world.converge();
        let newest = |node: &Node| node.decisions.settled().decided.last().map(|decided| decided.resolved.id);
        assert!(world.nodes.iter().all(|node| newest(node) == Some(agreed)), "of {founders}");
    }
}

/// The keeper is gone for good while an admission waits to be settled: the others, as many as ever, take over and make it final.
#[test]
fn a_newcomer_that_waits_at_the_fence_is_not_needed_for_the_takeover() {
    let mut world = World::new(3, 17);
    let keys = Keys::of(9);
    let entry = keys.entry(9, Role::Downstream);
    let admission = Admission::sign(&world.alliance.id(), &entry, [&keys.root, &keys.log, &keys.witness, &keys.transport]);
    let admit = world.propose(0, Change::Admit(admission)).unwrap();
    world.run(300);
    (0..3).for_each(|at| world.vote(at, admit, Choice::Approve).unwrap());
    let waits = |node: &Node| node.decisions.settled().is_pending();
    while !waits(&world.nodes[1]) && !waits(&world.nodes[2]) {
        world.run(1);
    }
    world.nodes[0].up = false;
    for _ in 0..4 {
        world.run(300);
        world.now += HOUR;
    }
    for node in &world.nodes[1..] {
        let settled = node.decisions.settled();
        assert!(settled.term > 1 && settled.alliance.active(&entry.member()).is_some(), "{:?}", settled.position());
    }
}

/// What was drawn up among four that decide, and asks for three of them, is over when two of them have gone.
#[test]
fn what_those_who_are_left_cannot_carry_is_over() {
    let mut world = World::new(4, 5);
    let asked = world.propose(0, agree("price")).unwrap();
    world.run(300);
    world.vote(0, asked, Choice::Approve).unwrap();
    for gone in [3, 2] {
        let removal = Removal { member: world.nodes[gone].id, size: 0, root: StatementId([0; 32]) };
        let remove = world.propose(0, Change::Remove(removal)).unwrap();
        world.run(300);
        (0..gone).for_each(|at| world.vote(at, remove, Choice::Approve).unwrap());
        world.run(900);
    }
    assert_eq!(world.nodes[0].decisions.settled().alliance.voters().count(), 2);
    let standing = world.nodes[0].decisions.standing(&asked, world.now).unwrap();
    assert_eq!((standing.outcome, standing.waits_for.len()), (Outcome::Over(Refused::Threshold), 0));
    assert_eq!((standing.tally.reached, standing.tally.needed), (1, 3));
}

/// Of two that decide one goes: it takes both to make that final, and then the other goes on alone.
#[test]
fn the_last_but_one_leaves() {
    let mut world = World::new(2, 3);
    let removal = Removal { member: world.nodes[1].id, size: 0, root: StatementId([0; 32]) };
    let remove = world.propose(0, Change::Remove(removal)).unwrap();
    world.run(300);
    world.vote(0, remove, Choice::Approve).unwrap();
    world.run(600);
    world.nodes[1].up = false;
    let alone = world.propose(0, agree("alone")).unwrap();
    world.vote(0, alone, Choice::Approve).unwrap();
    world.run(300);
    let settled = world.nodes[0].decisions.settled();
    assert!(settled.alliance.voters().count() == 1 && settled.decided.last().is_some_and(|decided| decided.resolved.id == alone));
}

#[test]
fn a_keeper_that_does_not_open_the_next_epoch_is_replaced() {
    let mut world = World::new(5, 6);
    let before: BTreeSet<MemberId> = world.nodes.iter().map(|node| node.id).collect();
    let removal = Removal { member: world.nodes[4].id, size: 0, root: StatementId([0; 32]) };
    let remove = world.propose(1, Change::Remove(removal)).unwrap();
    world.run(300);
    for at in 0..4 {
        world.vote(at, remove, Choice::Approve).unwrap();
    }
    world.converge();
    // The others still have the epoch for all five, and the keeper sees nothing to do.
    for at in 1..4 {
        world.nodes[at].epochs = EpochState { members: before.iter().map(|id| (*id, 0)).collect(), written: None };
    }
    let replaced = (0..20).any(|_| {
        world.run(300);
        world.now += HOUR / 2;
        let order = world.nodes[1].decisions.settled();
        order.term > 1 && order.keeper != world.nodes[0].id
    });
    assert!(replaced, "still {:?}", world.nodes[1].decisions.settled().position());
}

/// Random proposals, votes, cuts, crashes and clock steps, with every node honest but for what the network does.
#[test]
fn any_order_of_events_leaves_one_history() {
    let seeds = option_env!("SUYUAN_SEEDS").and_then(|seeds| seeds.parse().ok()).unwrap_or(16u64);
    let first = option_env!("SUYUAN_FIRST").and_then(|seed| seed.parse().ok()).unwrap_or(0u64);
    for seed in first..first + seeds {
        chaos(seed);
    }
}

fn chaos(seed: u64) {
    let members = 2 + u8::try_from(seed % 6).unwrap();
    let mut world = World::new(members, seed);
    let count = usize::from(members);
    let mut open: Vec<StatementId> = Vec::new();
    for round in 0..60 {
        match world.rng.random_range(0..8) {
            0 => {
                let (one, other) = (world.rng.random_range(0..count), world.rng.random_range(0..count));
                world.cut.insert((one.min(other), one.max(other)));
            }
            1 => world.cut.clear(),
            2 => {
                let at = world.rng.random_range(0..count);
                world.nodes[at].up = !world.nodes[at].up;
            }
            3 => world.now += world.rng.random_range(0..2 * HOUR),
            _ => {
                let at = world.rng.random_range(0..count);
                let change = random_change(&mut world, round);
                open.extend(world.propose(at, change));
            }
        }
        for proposal in open.clone() {
            for at in 0..count {
                if world.rng.random_ratio(1, 4) {
                    let choice = if world.rng.random_ratio(5, 6) { Choice::Approve } else { Choice::Withdraw };
                    let _ = world.vote(at, proposal, choice);
                }
            }
        }
        world.run(60);
    }
    world.converge();
}

fn random_change(world: &mut World, round: usize) -> Change {
    let at = world.rng.random_range(0..world.nodes.len());
    let member = world.nodes[at].id;
    match world.rng.random_range(0..6) {
        0 => Change::Remove(Removal { member, size: 0, root: StatementId([0; 32]) }),
        1 => Change::Chair(Chair { member }),
        2 => Change::Charter(Box::new(Amendment { purpose: Some(format!("round {round}")), ..Amendment::default() })),
        _ => agree(&format!("matter {}", round % 5)),
    }
}

/// A position is compared by term first.
#[test]
fn positions_are_ordered_by_term() {
    assert!(Position { term: 1, size: 900 } < Position { term: 2, size: 0 });
}
