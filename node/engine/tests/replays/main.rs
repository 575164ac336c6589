//! What was accepted once changes nothing when it comes again: to whoever had it, and to every other node.
//!
//! An alliance in memory lives through records of every audience, circles and their next epochs, cosigned checkpoints, decisions, a removal and a conviction. All
//! that passed between nodes, and what clients sent, is kept as bytes. Then it is sent again, in random order, to random nodes, at later times: not one row may
//! be written with other bytes, nothing may enter a keyring or leave by the anchor, and the ledger in memory stays as it was.
//!
//! `SUYUAN_REPLAYS=1000000 cargo test --release -p suyuan-engine --test replays -- --nocapture` makes a million.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]
// The tests are not pure: they look at the environment and a clock.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[allow(dead_code)]
mod node;
mod world;

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use suyuan_core::membership::{Agreement, Amendment, Change, Removal};
use suyuan_core::{CircleId, StatementId};
use suyuan_engine::writer::{Command, Done};
use world::World;

/// An alliance that has lived through everything that nodes tell each other.
fn eventful() -> World {
    let mut world = World::new();
    for node in 0..world.nodes.len() {
        world.ask(node, Command::Found);
    }
    world.settle();
    for node in 0..4 {
        world.submit(node, "alliance", 3);
        world.submit(node, "public", 2);
        world.submit(node, "self", 1);
    }
    world.settle();
    circles(&mut world);
    world.decide(1, Change::Agree(Agreement { title: "price".into(), text: "one".into() }));
    world.decide(2, Change::Charter(Box::new(Amendment { purpose: Some("another".into()), ..Amendment::default() })));
    world.witness_outside();
    world.convict(3);
    let removal = Removal { member: world.nodes[3].me(), size: 0, root: StatementId([0; 32]) };
    world.decide(1, Change::Remove(removal));
    world.submit(0, "alliance", 2);
    world.settle();
    world
}

fn circles(world: &mut World) {
    let granted: Vec<CircleId> = [(0, [1, 4]), (1, [0, 2])].map(|(steward, members)| world.circle(steward, None, &members)).into();
    world.settle();
    for (steward, circle) in [(0, granted[0]), (1, granted[1]), (0, granted[1])] {
        world.submit(steward, &circle.to_string(), 3);
    }
    world.settle();
    world.circle(0, Some(granted[0]), &[1]);
    world.submit(0, &granted[0].to_string(), 2);
    world.settle();
}

#[test]
fn replays_change_no_byte() {
    let count: u64 = std::env::var("SUYUAN_REPLAYS").ok().map_or(3000, |count| count.parse().unwrap());
    let mut world = eventful();
    let kinds = world.kinds();
    println!("{} messages: {kinds:?}", world.messages.len());
    assert!(kinds.len() == 7 && world.messages.len() > 100, "the world has become a stump: {kinds:?}");
    let alliance = &world.nodes[0].state().ledger.alliance;
    assert_eq!((alliance.version(), alliance.members().len()), (2, 4), "the decisions are settled");
    // What was told to some is news to others, once: cosignatures to who has left, and sections of circles that a node is not in and cannot open.
    let news = world.offer_all();
    println!("news when everything was offered to everybody: {news:?}");
    assert!(news.keys().all(|kind| ["cosigned", "items"].contains(kind)), "{news:?}");
    assert_eq!(world.offer_all().len(), 0, "offered once more, nothing is news");
    let before: Vec<_> = world.nodes.iter().map(node::Node::snapshot).collect();
    let (begun, mut rng) = (Instant::now(), StdRng::seed_from_u64(5));
    for number in 0..count {
        let at = rng.random_range(0..world.messages.len());
        let to = rng.random_range(0..world.nodes.len());
        world.now += rng.random_range(0..20);
        world.replay(at, to, &mut rng);
        let touched: Vec<String> = world.nodes.iter().flat_map(node::Node::touched).collect();
        assert!(touched.is_empty(), "replay {number} changed a node: {} to {to}: {touched:#?}", world.describe(at));
    }
    for (index, (node, before)) in world.nodes.iter().zip(&before).enumerate() {
        node.compare(before, index);
    }
    println!("{count} replays changed no byte in {} nodes; {:.0} s", world.nodes.len(), begun.elapsed().as_secs_f64());
}

/// The comparison can fail: one new record is seen.
#[test]
fn what_is_new_is_seen() {
    let mut world = World::new();
    (0..world.nodes.len()).for_each(|node| drop(world.ask(node, Command::Found)));
    world.settle();
    let before = world.nodes[1].snapshot();
    world.nodes.iter().for_each(node::Node::forget);
    world.submit(0, "public", 1);
    world.settle();
    assert!(!world.nodes[1].touched().is_empty() && world.nodes[1].differs(&before));
    assert!(matches!(world.ask(1, Command::Decide([world.nodes[0].me()].into())), Done::Decided));
}
