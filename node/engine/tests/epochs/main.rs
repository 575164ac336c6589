//! Epochs of the alliance circle whose keepers come and go: everybody who is in one gets its key in the end.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod admitted;
mod ballots;
#[path = "../replays/node.rs"]
mod node;
#[path = "../replays/world.rs"]
mod world;

use std::collections::BTreeSet;

use suyuan_core::StatementId;
use suyuan_core::circle::{EpochSecret, alliance_circle};
use suyuan_core::membership::{Change, Removal};
use suyuan_engine::epoch;
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::writer::{Command, Disk};
use world::{Message, World};

const REGULATOR: usize = 4;

fn founded() -> World {
    let mut world = World::new();
    for node in 0..world.nodes.len() {
        world.ask(node, Command::Found);
    }
    world.settle();
    world
}

fn leaves(world: &World, member: usize) -> Change {
    Change::Remove(Removal { member: world.nodes[member].me(), size: 0, root: StatementId([0; 32]) })
}

/// The operators of these want another term.
fn take_over(world: &mut World, voters: &[usize], term: u64) {
    for voter in voters {
        world.ask(*voter, Command::Freeze(term));
    }
    world.exchange();
    world.settle();
    assert_eq!(world.nodes[voters[0]].state().ledger.decisions.settled().term, term);
}

/// Number and secret of the newest epoch of the alliance circle that a node has.
fn newest(world: &World, node: usize) -> (u64, Option<EpochSecret>) {
    let state = world.nodes[node].state();
    let circle = alliance_circle(&state.ledger.alliance.id());
    let epoch = state.ledger.circles.circle(&circle).map_or(0, suyuan_engine::circles::Circle::epoch);
    (epoch, state.secrets.of(&circle, epoch).cloned())
}

#[test]
fn an_epoch_is_good_when_its_keeper_keeps_no_more() {
    let mut world = founded();
    world.away = BTreeSet::from([2]);
    take_over(&mut world, &[0, 1, 3], 2);
    let removal = leaves(&world, REGULATOR);
    world.decide(1, removal);
    take_over(&mut world, &[0, 1, 3], 3);
    assert_eq!(world.nodes[0].state().ledger.decisions.settled().keeper, world.nodes[0].me(), "another one than opened the epoch");
    assert_eq!((newest(&world, 0).0, newest(&world, 2).0), (2, 1));
    world.away.clear();
    world.settle();
    ask_again(&mut world, 1, 2);
    assert_eq!(newest(&world, 2), newest(&world, 0));
}

/// A node asks another one for everything in its log that is for it.
fn ask_again(world: &mut World, from: usize, to: usize) {
    let log = world.nodes[from].own_log();
    let items = world.answer(from, to, &Request::Items { log, sequences: (0..world.nodes[to].size(&log)).collect() });
    world.pass(to, Message::Items(log, items.to_bytes()));
}

#[test]
fn a_vote_to_freeze_binds_a_node_whose_store_is_older() {
    let mut world = founded();
    take_over(&mut world, &[0, 1, 3], 2);
    let (founding, now) = (world.founding.clone(), world.now);
    world.nodes[3] = node::Node::new(3, &founding, now);
    assert_eq!(world.nodes[3].state().ledger.decisions.promise.term, 0);
    let log = world.nodes[3].own_log();
    let batch = world.answer(0, 3, &Request::Pull { log, from: 0 });
    world.pass(3, Message::Batch(batch.to_bytes()));
    assert_eq!(world.nodes[3].state().ledger.decisions.promise.term, 2, "its vote has come back");
}

#[test]
fn a_circle_that_its_founder_never_opens_is_opened_by_the_next_keeper() {
    let mut world = World::new();
    world.away = BTreeSet::from([0]);
    take_over(&mut world, &[1, 2, 3], 2);
    for node in 1..5 {
        ask_again(&mut world, 1, node);
        assert_eq!(newest(&world, node), newest(&world, 1));
    }
    assert_eq!(newest(&world, 1).0, 2);
    world.submit(3, "alliance", 1);
    world.away.clear();
    world.ask(0, Command::Found);
    world.settle();
    ask_again(&mut world, 1, 0);
    assert_eq!(newest(&world, 0), newest(&world, 1), "the founder comes too late, and is in it");
}

/// A member leaves, and the keeper opens the next epoch when nobody reaches it any more.
fn opens_alone(world: &mut World, change: Change) {
    let everybody: BTreeSet<_> = world.nodes.iter().map(node::Node::me).collect();
    let proposal = world.propose(0, change);
    world.settle();
    world.approve(&[0, 1, 2], proposal);
    for _ in 0..40 {
        let decisions = &world.nodes[0].state().ledger.decisions;
        if decisions.settled().alliance.version() > 0 && !decisions.tip().is_open() && decisions.settled().position() == decisions.tip().position() {
            world.away.insert(0);
            world.ask(0, Command::Decide(everybody));
            return;
        }
        world.exchange();
    }
    panic!("the removal does not become final");
}

#[test]
fn of_two_epochs_of_one_number_the_one_in_the_order_counts() {
    let mut world = founded();
    let removal = leaves(&world, REGULATOR);
    opens_alone(&mut world, removal);
    let written = world.nodes[0].state().ledger.newest_epoch();
    assert_eq!((written, newest(&world, 0).0, newest(&world, 1).0), (2, 1, 1), "the keeper has opened the next epoch, and nobody knows");
    world.away = BTreeSet::from([0]);
    world.settle();
    take_over(&mut world, &[1, 2, 3], 2);
    let (epoch, secret) = newest(&world, 1);
    assert_eq!(epoch, 2, "the next keeper has opened one of the same number");
    world.away.clear();
    world.settle();
    ask_again(&mut world, 1, 0);
    assert_eq!(newest(&world, 0), (epoch, secret), "the first keeper has given its own up");
    let (node, disk) = (&world.nodes[0], world.nodes[0].disk());
    suyuan_engine::fsck::check(&node.state().ledger, disk.rows(), disk.keys().local, &node.state().secrets, |_| {}).unwrap();
}

#[test]
fn a_key_that_its_steward_does_not_give_comes_from_others_in_the_epoch() {
    let mut world = founded();
    world.away = BTreeSet::from([2]);
    let removal = leaves(&world, REGULATOR);
    world.decide(1, removal);
    assert_eq!((newest(&world, 1).0, newest(&world, 2).0), (2, 1));
    world.away = BTreeSet::from([0]);
    let log = world.nodes[0].own_log();
    let from = world.nodes[2].size(&log);
    let batch = world.answer(1, 2, &Request::Pull { log, from });
    world.pass(2, Message::Batch(batch.to_bytes()));
    world.settle();
    assert_eq!(newest(&world, 2).0, 1, "whoever passes the log on has no slips of its steward's");
    let request = Request::Items { log, sequences: (from..world.nodes[2].size(&log)).collect() };
    for (to, given) in [(2, true), (REGULATOR, false)] {
        let Response::Items(mut items) = world.answer(1, to, &request) else { panic!("another answer") };
        let (state, member) = (world.nodes[1].state().clone(), world.nodes[to].me());
        let mut rng: rand::rngs::StdRng = rand::SeedableRng::seed_from_u64(1);
        epoch::add_slips(&mut items, &member, &state.ledger, &state.secrets, &mut rng);
        assert_eq!(items.iter().any(|item| item.slip.is_some()), given, "to {to}");
        world.pass(to, Message::Items(log, Response::Items(items).to_bytes()));
    }
    assert_eq!(newest(&world, 2), newest(&world, 1));
    assert_eq!(newest(&world, REGULATOR).0, 1, "whoever has left gets none");
}
