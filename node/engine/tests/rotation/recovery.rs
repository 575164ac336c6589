//! A member that has lost its node and its keys begins anew by its partners' consent (`specs/membership.md`, Recovery).

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use suyuan_core::charter::Pin;
use suyuan_core::history::History;
use suyuan_core::log::LogId;
use suyuan_core::membership::{Agreement, Change};
use suyuan_core::recovery::{Compromise, Recovery};
use suyuan_core::{Fault, StatementId};
use suyuan_engine::decisions::{Choice, VoteRequest};
use suyuan_engine::ledger::Founded;
use suyuan_engine::replica::BatchError;
use suyuan_engine::waiting::Reason;
use suyuan_engine::wire::{Gap, Request, Response};
use suyuan_engine::witnessing::{Cosignature, VerifiedCosignature};
use suyuan_engine::writer::{Command, Disk, Done, SubmitError};

use crate::node::{Node, encryption, key};
use crate::world::World;
use crate::{founded, history, log, reloaded};

/// Keys that nobody has.
const NEW: usize = 9;

/// What a member with new keys asks its partners for; its log as one of them holds it.
fn asked(world: &World, member: usize, keys: usize, by: usize) -> Change {
    let log = log(world, member);
    let head = world.nodes[by].state().ledger.logs.head(&log).tree_head();
    let signers = [1, 2, 3, 4].map(|purpose| key(keys, purpose));
    let [root, own, witness, transport] = &signers;
    let at = Pin { size: head.size, root: head.root };
    Change::Recover(Recovery::sign(&log.alliance, &log.member, encryption(keys).public(), [root, own, witness, transport], at))
}

/// A node with an empty disk and these keys, which knows the alliance's history.
fn anew(world: &World, member: usize, keys: usize) -> Node {
    let given = History::decode(&history(world, 0, 1)).unwrap();
    let founded = Founded::with(Arc::clone(&world.founding), &given).unwrap();
    Node::begin(world.nodes[member].me(), keys, founded, world.now)
}

/// Pulls a log as far as another node gives it.
fn pull(world: &mut World, from: usize, to: usize, log: LogId) -> Result<u64, SubmitError> {
    loop {
        let size = world.nodes[to].size(&log);
        let Response::Batch(Some(batch)) = world.answer(from, to, &Request::Pull { log, from: size }) else { return Ok(size) };
        let now = world.now;
        world.nodes[to].ask(Command::TakeIn(batch), now)?;
    }
}

fn agreement(title: &str) -> Change {
    Change::Agree(Agreement { title: title.into(), text: "t".into() })
}

/// One gives another the statements of a log, with the secrets of epochs sealed for its key of today.
fn sealed_anew(world: &mut World, from: usize, to: usize, log: LogId) {
    let request = Request::Items { log, sequences: (0..world.nodes[to].size(&log)).collect() };
    let Response::Items(mut items) = world.answer(from, to, &request) else { panic!("no items") };
    let (state, member) = (world.nodes[from].state(), world.nodes[to].me());
    suyuan_engine::epoch::add_slips(&mut items, &member, &state.ledger, &state.secrets, &mut StdRng::seed_from_u64(1));
    world.ask(to, Command::Fill { log, items });
}

/// Member 3 has lost everything; what it had written before is with the others. Returns its log of then, the node that it had, and a proposal that that knows.
fn recovered() -> (World, LogId, Node, StatementId) {
    let mut world = founded();
    let circle = world.circle(1, None, &[0, 2, 3, 4]);
    world.settle();
    world.submit(3, "public", 4);
    world.submit(3, &circle.to_string(), 2);
    // Nobody else has anything of this one.
    world.submit(3, "self", 1);
    let proposal = world.propose(1, agreement("before"));
    world.settle();
    let lost = log(&world, 3);
    world.away = [3].into();
    let change = asked(&world, 3, NEW, 0);
    world.decide(0, change);
    let new = anew(&world, 3, NEW);
    let old = std::mem::replace(&mut world.nodes[3], new);
    world.away.clear();
    (world, lost, old, proposal)
}

#[test]
fn a_member_goes_on_with_other_keys_and_the_next_log_and_has_what_it_wrote_before() {
    let (mut world, lost, ..) = recovered();
    let size = world.nodes[0].size(&lost);
    assert_eq!(size, 7);
    let own = log(&world, 3);
    assert_eq!((own.member, own.incarnation), (lost.member, 1));
    assert_eq!(pull(&mut world, 0, 3, lost).unwrap(), size, "a partner gives the closed log");
    world.settle();
    world.submit(3, "public", 5);
    let circle = world.nodes[1].state().ledger.circles.iter().find(|circle| circle.name == "c").unwrap().id;
    world.settle();
    // Its first epoch was sealed to a key that is lost; a partner seals its secret anew.
    let source = log(&world, 1);
    sealed_anew(&mut world, 2, 3, source);
    world.settle();
    assert!(world.nodes[3].state().secrets.of(&circle, 1).is_some());
    assert_eq!(world.nodes[3].state().ledger.circles.circle(&circle).unwrap().epoch(), 2, "whoever has the lost keys reads no more");
    world.submit(3, &circle.to_string(), 2);
    world.settle();
    for node in &world.nodes {
        assert_eq!((node.size(&lost), node.size(&own)), (size, world.nodes[3].size(&own)));
        let ledger = &node.state().ledger;
        assert_eq!((ledger.closed_at(&lost), ledger.closed_at(&own)), (Some(size), None));
        assert!(ledger.convictions.iter().next().is_none(), "nobody is blamed");
    }
    assert!(world.nodes[3].size(&own) >= 7);
    let again = reloaded(&world, 3);
    assert_eq!((again.own_log(), again.logs.head(&lost).size()), (own, size));
    let disk = world.nodes[3].disk();
    suyuan_engine::fsck::check(&again, disk.rows(), disk.keys().local, &world.nodes[3].state().secrets, |_| {}).unwrap();
    // It votes again.
    let proposal = world.propose(3, agreement("after"));
    world.settle();
    world.approve(&[0, 1, 3], proposal);
    world.settle();
    let ledger = &world.nodes[2].state().ledger;
    assert!(ledger.decisions.approvals(&proposal).contains_key(&own.member));
    assert!(ledger.decisions.settled().decided.iter().any(|decided| decided.resolved.id == proposal));
}

#[test]
fn a_steward_has_its_circles_again_and_opens_their_next_epochs() {
    let mut world = founded();
    let circle = world.circle(3, None, &[0, 1, 2]);
    world.submit(3, &circle.to_string(), 2);
    world.settle();
    let lost = log(&world, 3);
    world.away = [3].into();
    let change = asked(&world, 3, NEW, 0);
    world.decide(0, change);
    let refused = format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"{circle}","fields":{{"n":1}}}}]}}]}}"#);
    let node = &world.nodes[1];
    let submissions = suyuan_engine::submission::parse(refused.as_bytes(), &node.state().ledger.alliance, &node.me()).unwrap();
    let now = world.now;
    let outcome = world.nodes[1].ask(Command::Submit { submissions, once: None }, now);
    let waits = |outcome: &_| matches!(outcome, Ok(Done::Waiting(waiting)) if waiting.reason == Reason::Epoch);
    assert!(waits(&outcome), "nothing is sealed for who has the lost keys: {outcome:?}");
    let size = world.nodes[1].size(&log(&world, 1));
    world.nodes[3] = anew(&world, 3, NEW);
    world.away.clear();
    pull(&mut world, 0, 3, lost).unwrap();
    assert!(world.nodes[3].state().ledger.lacks_secret(&Gap { circle, log: lost }), "it asks for it");
    sealed_anew(&mut world, 0, 3, lost);
    world.settle();
    for node in [0, 1, 2, 3] {
        let known = world.nodes[node].state().ledger.circles.circle(&circle).unwrap();
        assert_eq!((known.epoch(), known.steward), (1 + suyuan_core::limits::EPOCH_LEAP, lost.member), "at {node}");
    }
    assert!(world.nodes[1].size(&log(&world, 1)) > size, "what has waited is written under the next epoch");
    world.submit(1, &circle.to_string(), 1);
}

/// Only one node had a steward's newest epoch, and the log was closed without it: it still has the secret, under a number that is left out from then on.
#[test]
fn a_steward_leaves_out_the_numbers_of_epochs_that_may_be_forgotten() {
    let mut world = founded();
    let circle = world.circle(3, None, &[0, 1, 2]);
    world.settle();
    world.away = [0, 2, 4].into();
    world.circle(3, Some(circle), &[0, 1]);
    world.settle();
    let secret = |world: &World, node: usize, epoch| world.nodes[node].state().secrets.of(&circle, epoch).cloned();
    let forgotten = secret(&world, 1, 2).unwrap();
    let lost = log(&world, 3);
    world.away = [3].into();
    let change = asked(&world, 3, NEW, 0);
    world.decide(0, change);
    world.nodes[3] = anew(&world, 3, NEW);
    world.away.clear();
    pull(&mut world, 0, 3, lost).unwrap();
    sealed_anew(&mut world, 0, 3, lost);
    world.settle();
    let number = world.nodes[3].state().ledger.circles.circle(&circle).unwrap().epoch();
    let newest = secret(&world, 3, number).unwrap();
    assert_ne!(number, 2);
    for node in [0, 1, 2] {
        let known = world.nodes[node].state().ledger.circles.circle(&circle).unwrap().epoch();
        assert_eq!((known, secret(&world, node, number)), (number, Some(newest.clone())), "at {node}");
    }
    assert_eq!(secret(&world, 1, 2), Some(forgotten), "what was written under it stays readable where it is");
    world.submit(3, &circle.to_string(), 1);
    world.settle();
    let disk = world.nodes[1].disk();
    suyuan_engine::fsck::check(&reloaded(&world, 1), disk.rows(), disk.keys().local, &world.nodes[1].state().secrets, |_| {}).unwrap();
}

#[test]
fn whoever_has_the_lost_keys_writes_votes_and_connects_no_more() {
    let (mut world, lost, old, proposal) = recovered();
    let size = world.nodes[0].size(&lost);
    // The thief runs the old node, which has not heard of the recovery, and writes and votes with it.
    let new = std::mem::replace(&mut world.nodes[3], old);
    world.ask(3, Command::Vote(VoteRequest { proposal, choice: Choice::Object, comment: String::new() }));
    assert!(world.nodes[3].size(&lost) > size);
    for to in [0, 1, 2] {
        assert_eq!(pull(&mut world, 3, to, lost).unwrap_err(), SubmitError::Batch(BatchError::Frozen), "nobody is to blame");
        assert_eq!(world.nodes[to].size(&lost), size);
    }
    let (thief, me) = (key(3, 4).public().to_bytes(), lost.member);
    let ledger = &world.nodes[0].state().ledger;
    let transports = ledger.decisions.transports(ledger.alliance.member(&me).unwrap(), world.now);
    assert_eq!((transports.used, transports.others), (key(NEW, 4).public().to_bytes(), Vec::new()), "not for a moment");
    assert_ne!(thief, transports.used);
    world.nodes[3] = new;
    world.settle();
    world.approve(&[0, 1, 2], proposal);
    world.settle();
    let ledger = &world.nodes[0].state().ledger;
    assert!(!ledger.decisions.votes(&proposal).any(|(voter, _)| *voter == me), "its objection is not heard");
    assert!(ledger.decisions.settled().decided.iter().any(|decided| decided.resolved.id == proposal));
}

/// An approval in a log that is closed before the effect is written is not counted, and holds nobody up.
#[test]
fn an_approval_from_before_does_not_hold_up_what_others_decide() {
    let mut world = founded();
    let (first, second) = (world.propose(1, agreement("first")), world.propose(3, agreement("second")));
    world.settle();
    world.approve(&[3, 1], first);
    world.approve(&[0], second);
    world.settle();
    let lost = log(&world, 3);
    world.away = [3].into();
    let change = asked(&world, 3, NEW, 0);
    world.decide(0, change);
    world.approve(&[1, 2], second);
    world.settle();
    let decided = |world: &World, id| world.nodes[0].state().ledger.decisions.settled().decided.iter().any(|decided| decided.resolved.id == id);
    assert!(!decided(&world, first), "two of four, of which one has another log by now");
    assert!(!decided(&world, second), "nor what was proposed in that log");
    world.approve(&[0, 2], first);
    world.settle();
    assert!(decided(&world, first), "three others");
    let resolved = world.nodes[0].state().ledger.decisions.settled().decided.iter().find(|decided| decided.resolved.id == first).unwrap().clone();
    assert!(!resolved.resolved.approvers.contains(&lost.member));
    // Whoever has only the history comes to the same.
    let given = History::decode(&history(&world, 0, 1)).unwrap();
    let known = Founded::with(Arc::clone(&world.founding), &given).unwrap();
    assert_eq!(known.today().log_of(&lost.member).incarnation, 1);
}

#[test]
fn a_node_that_had_less_gets_the_rest_of_a_closed_log_from_any_partner() {
    let mut world = founded();
    world.away = [2].into();
    world.submit(3, "public", 300);
    world.settle();
    let lost = log(&world, 3);
    world.away = [3].into();
    let change = asked(&world, 3, NEW, 0);
    world.decide(0, change);
    let size = world.nodes[0].size(&lost);
    assert!(world.nodes[2].size(&lost) < size && world.nodes[2].state().ledger.closed_at(&lost) == Some(size));
    // One that had not heard of it asks what it means, and blames nobody.
    let version = world.nodes[3].state().ledger.alliance.version();
    let Response::Batch(Some(batch)) = world.answer(0, 3, &Request::Pull { log: lost, from: 0 }) else { panic!("nothing to pull") };
    let now = world.now;
    let mut fresh = Node::begin(world.nodes[4].me(), 4, Arc::clone(&world.founding), now);
    assert_eq!(fresh.ask(Command::TakeIn(batch), now).unwrap_err(), SubmitError::Batch(BatchError::UnknownKey { version }));
    assert_eq!(pull(&mut world, 1, 2, lost).unwrap(), size);
    let heads = [0, 2].map(|node| world.nodes[node].state().ledger.logs.head(&lost).tree_head());
    assert_eq!(heads[0], heads[1]);
}

#[test]
fn cosignatures_of_a_closed_log_are_passed_over_and_those_of_one_that_is_not_known_prove_nothing() {
    let mut world = founded();
    world.submit(3, "public", 1);
    world.settle();
    let (before, lost, note) = (world.nodes[0].state().ledger.alliance.clone(), log(&world, 3), world.nodes[3].checkpoint().unwrap().to_owned());
    let late = Cosignature::of_author(&note, &lost, &before).unwrap();
    world.away = [3].into();
    let change = asked(&world, 3, NEW, 0);
    world.decide(0, change);
    let today = world.nodes[0].state().ledger.alliance.clone();
    assert_eq!(VerifiedCosignature::check_told(vec![late.clone()], &lost.member, &today), Ok(Vec::new()));
    assert_eq!(VerifiedCosignature::check(late, &today).unwrap_err(), Fault::Origin);
    world.nodes[3] = anew(&world, 3, NEW);
    world.away.clear();
    world.settle();
    world.submit(3, "public", 1);
    let note = world.nodes[3].checkpoint().unwrap().to_owned();
    let early = Cosignature::of_author(&note, &log(&world, 3), &today).unwrap();
    assert_eq!(VerifiedCosignature::check_told(vec![early.clone()], &lost.member, &before), Err(Fault::Origin), "its history is asked for");
    assert_eq!(VerifiedCosignature::check_told(vec![early], &lost.member, &today).map(|checked| checked.len()), Ok(1));
}

#[test]
fn marked_entries_are_shown_as_such() {
    let mut world = founded();
    world.submit(3, "public", 4);
    world.settle();
    let lost = log(&world, 3);
    world.decide(0, Change::Compromised(Compromise { member: lost.member, incarnation: 0, from: 2, size: 4 }));
    for node in &world.nodes {
        let author = node.state().ledger.alliance.member(&lost.member).unwrap();
        let marked: Vec<u64> = (0..6).filter(|sequence| author.is_compromised(0, *sequence)).collect();
        assert_eq!(marked, [2, 3]);
    }
}
