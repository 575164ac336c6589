//! Two members who never reach each other share through a third, which learns nothing of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod courier;
mod hostile;
mod privacy;
mod shares;
#[path = "../support/mod.rs"]
mod support;
mod world;

use suyuan_core::circle::Tier;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::relay::shelf::Account;
use world::{A, B, HUB, LATER, R, World};

/// A has written to B, and both know of each other's logs by the hub alone.
fn shared(tier: Tier) -> (World, suyuan_core::CircleId) {
    let mut world = World::new();
    let circle = world.circle(tier, &[A, B]);
    world.put(A, &circle, "pass");
    world.pull(HUB, A, A);
    world.pull(B, HUB, A);
    (world, circle)
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| format!("\"{value}\"")).collect()
}

#[test]
fn two_who_never_meet_share_through_the_third() {
    let (mut world, circle) = shared(Tier::Codevelopment);
    assert_eq!(world.read(B, A), texts(&[]), "the hub has it not, and could not give it");
    assert_eq!(world.fetch(B), 0, "nor has it kept anything yet");
    assert_eq!(world.collect(A, &[B]), 2, "the epoch, and the record");
    assert_eq!(world.fetch(B), 2);
    assert_eq!(world.read(B, A), texts(&["pass"]));
    assert!(world.read(HUB, A).is_empty() && world.members[HUB].ledger.circles.circle(&circle).is_none());
    // And back: B is a writer of the circle too, and its counters are its own.
    world.put(B, &circle, "seen");
    world.put(B, &circle, "seen again");
    world.pull(HUB, B, B);
    world.pull(A, HUB, B);
    assert_eq!((world.collect(B, &[A]), world.fetch(A)), (2, 2));
    assert_eq!(world.read(A, B), texts(&["seen", "seen again"]));
}

#[test]
fn a_next_epoch_and_what_is_under_it_come_the_same_way() {
    let (mut world, circle) = shared(Tier::Authorized);
    world.collect(A, &[B]);
    world.fetch(B);
    world.next_epoch(circle, Tier::Authorized, &[A, B]);
    world.put(A, &circle, "second");
    world.pull(HUB, A, A);
    world.pull(B, HUB, A);
    assert_eq!((world.collect(A, &[B]), world.fetch(B)), (2, 2));
    assert_eq!(world.members[B].ledger.circles.circle(&circle).unwrap().epoch(), 2);
    assert_eq!(world.read(B, A), texts(&["pass", "second"]));
}

#[test]
fn everything_since_the_beginning_comes_through_however_much_it_is() {
    let (mut world, circle) = shared(Tier::Authorized);
    let other = world.circle(Tier::Authorized, &[A, B]);
    for number in 0..200 {
        world.put(A, if number % 2 == 0 { &circle } else { &other }, &number.to_string());
    }
    world.pull(HUB, A, A);
    world.pull(B, HUB, A);
    assert_eq!((world.collect(A, &[B]), world.fetch(B)), (203, 203));
    assert_eq!(world.read(B, A).len(), 201);
}

#[test]
fn a_hole_is_filled_too() {
    let (mut world, circle) = shared(Tier::Authorized);
    world.collect(A, &[B]);
    world.put(A, &circle, "second");
    world.put(A, &circle, "third");
    world.pull(HUB, A, A);
    // B meets A for a moment, and gets the newest alone.
    let (mut lucky, _) = (World::new(), ());
    std::mem::swap(&mut lucky.members, &mut world.members);
    let log = lucky.members[A].own_log();
    world = lucky;
    world.pull(B, HUB, A);
    let items = |world: &World, sequences: Vec<u64>| {
        let member = &world.members[A];
        let request = suyuan_engine::wire::Request::Items { log, sequences };
        let published = member.published.as_deref();
        let answer = suyuan_engine::serve::answer(&request, &world.id(B), &member.ledger, published, &member.view, &member.local).unwrap();
        let suyuan_engine::wire::Response::Items(items) = answer else { panic!("no items") };
        items
    };
    for item in items(&world, vec![0, 3]) {
        world.fill(B, log, item).unwrap();
    }
    assert_eq!(world.read(B, A), texts(&["third"]));
    world.collect(A, &[B]);
    world.fetch(B);
    assert_eq!(world.read(B, A), texts(&["pass", "second", "third"]));
}

#[test]
fn nothing_is_offered_for_those_who_are_there_nor_twice() {
    let (mut world, circle) = shared(Tier::Authorized);
    assert_eq!(world.collect(A, &[]), 0, "B was there");
    world.put(A, &circle, "second");
    assert_eq!((world.collect(A, &[B]), world.collect(A, &[B])), (1, 0), "what was passed over is B's since then");
    // Before it is clear that those who were there have it, nothing is passed over.
    world.put(A, &circle, "third");
    world.now = 1010;
    assert_eq!(world.collect(A, &[]), 0);
    assert_eq!(world.collect(A, &[B]), 1);
}

#[test]
fn what_the_hub_may_hold_itself_it_gives_without_packages() {
    let mut world = World::new();
    let circle = world.circle(Tier::Authorized, &[A, B, HUB]);
    world.put(A, &circle, "pass");
    world.pull(A, HUB, HUB);
    world.members[A].put(r#"{"records":[{"type":"note","sections":[{"for":"alliance","fields":{"a":1}},{"for":"self","fields":{"b":1}},{"for":"public","fields":{"c":1}}]}]}"#);
    assert_eq!(world.collect(A, &[B]), 1, "the epoch with B's slip alone");
}

#[test]
fn a_restart_of_any_of_the_three_changes_nothing() {
    let (mut world, circle) = shared(Tier::Authorized);
    let restart = |world: &mut World, at: usize| {
        let member = &mut world.members[at];
        let alliance = member.ledger.founded.alliance.clone();
        member.ledger = Ledger::load(alliance, member.ledger.me, &member.view, &member.local, &member.secrets).unwrap();
    };
    world.collect(A, &[B]);
    [HUB, A, B].into_iter().for_each(|at| restart(&mut world, at));
    assert_eq!(world.collect(A, &[B]), 0, "the hub goes on where it was");
    assert_eq!(world.fetch(B), 2);
    [HUB, A, B].into_iter().for_each(|at| restart(&mut world, at));
    assert_eq!(world.fetch(B), 0, "what is held is not asked for again");
    world.put(A, &circle, "second");
    world.pull(HUB, A, A);
    world.pull(B, HUB, A);
    assert_eq!((world.collect(A, &[B]), world.fetch(B)), (1, 1));
    assert_eq!(world.read(B, A), texts(&["pass", "second"]));
}

#[test]
fn a_hub_that_lost_its_store_collects_again() {
    let (mut world, _) = shared(Tier::Authorized);
    world.collect(A, &[B]);
    let alliance = world.members[HUB].ledger.founded.alliance.clone();
    world.members[HUB] = support::Member::new(HUB, &alliance);
    assert_eq!((world.collect(A, &[B]), world.fetch(B)), (2, 2));
}

#[test]
fn a_cursor_that_is_not_the_authors_begins_anew_and_another_members_is_none() {
    let (mut world, _) = shared(Tier::Authorized);
    let first = world.offered(A, None, &[B]);
    assert_eq!(first.packages.len(), 2);
    assert_eq!(world.offered(A, Some(&first.cursor), &[B]).packages, []);
    for wrong in [vec![], vec![0; 68], world.offered(B, None, &[A]).cursor] {
        assert_eq!(world.offered(A, Some(&wrong), &[B]).packages.len(), 2);
    }
    assert_eq!(world.now, LATER);
}

#[test]
fn what_is_not_published_yet_does_not_leave() {
    let (mut world, _) = shared(Tier::Authorized);
    let member = &world.members[A];
    let keys = [support::encryption(A)];
    let holder = world.holder(A, &keys);
    let around = suyuan_engine::relay::Surroundings { away: [world.id(B)].into(), published: 1, now: LATER };
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    let collected = suyuan_engine::relay::offer(None, &world.id(HUB), &holder, &around, &mut rng).unwrap();
    assert_eq!(collected.packages.len(), 1, "of {} entries", member.ledger.logs.head(&member.own_log()).size());
    assert_eq!(world.collect(A, &[B]), 2);
    assert_eq!(Account::load(&world.id(A), &world.members[HUB].view).unwrap().packages, 2);
}

#[test]
fn a_regulator_reads_by_a_relay_what_it_may_read_and_no_more() {
    let mut world = World::new();
    let circle = world.circle(Tier::Authorized, &[A, B, R]);
    world.put(A, &circle, "in its scope");
    world.members[A].put(&format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"{circle}","fields":{{"result":"not"}}}}]}}]}}"#));
    world.pull(HUB, A, A);
    world.pull(R, HUB, A);
    assert_eq!((world.collect(A, &[B, R]), world.fetch(R)), (4, 3), "two slips and two records; its own slip and both records, which it may hold");
    assert_eq!(world.read(R, A), texts(&["in its scope"]));
}
