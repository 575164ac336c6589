//! What cannot be sealed yet waits, durably, and is written in its order when it can be (`specs/order-log.md`, Waiting).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod alone;
#[path = "../replays/node.rs"]
#[allow(dead_code)]
mod node;
#[path = "../support/power.rs"]
mod power;
#[path = "../support/mod.rs"]
mod support;
#[path = "../replays/world.rs"]
#[allow(dead_code)]
mod world;

use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_core::membership::{Change, Removal};
use suyuan_core::{CircleId, StatementId};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::record::{HeldRecord, Opened};
use suyuan_engine::schema::{Row, Table};
use suyuan_engine::submission::{self, RefusalKind};
use suyuan_engine::view::View;
use suyuan_engine::waiting::{Reason, Waiting, WaitingId};
use suyuan_engine::writer::{Command, Disk, Done, Idempotent, SubmitError};

use crate::world::World;

/// Longer than T after the founding.
const LATE: u64 = 1 << 41;
const REGULATOR: usize = 4;

fn founded() -> World {
    let mut world = World::new();
    (0..world.nodes.len()).for_each(|node| drop(world.ask(node, Command::Found)));
    world.settle();
    world
}

/// A client's request for one record of these sections, whose field `n` is a number.
fn note(world: &World, at: usize, audiences: &[String], number: u64, key: Option<&str>) -> Command {
    let sections = audiences.iter().map(|audience| format!(r#"{{"for":"{audience}","fields":{{"n":{number}}}}}"#)).collect::<Vec<_>>().join(",");
    let body = format!(r#"{{"records":[{{"type":"note","sections":[{sections}]}}]}}"#);
    let submissions = submission::parse(body.as_bytes(), &world.founding, &world.nodes[at].me()).unwrap();
    let digest = [u8::try_from(number).unwrap(); 32];
    Command::Submit { submissions, once: key.map(|key| Idempotent { key: key.into(), digest }) }
}

fn waits(done: Done) -> Waiting {
    let Done::Waiting(waiting) = done else { panic!("it does not wait: {done:?}") };
    *waiting
}

/// The numbers that a node reads in a member's log for a circle, in their order.
fn numbers(world: &World, at: usize, author: usize, circle: &CircleId) -> Vec<u64> {
    let (state, disk, log) = (world.nodes[at].state(), world.nodes[at].disk(), world.nodes[author].own_log());
    let head = state.ledger.logs.head(&log);
    let mut numbers = Vec::new();
    for sequence in 0..head.size() {
        let row = Row { log: head.number, sequence };
        let Some(record) = HeldRecord::load(row, disk.rows(), disk.keys().local).unwrap() else { continue };
        let sections = record.sections.iter().filter(|section| section.audiences.iter().any(|audience| audience.header.circle == *circle));
        for section in sections {
            let Opened::Body(body) = record.open(section, &state.secrets).unwrap() else { continue };
            numbers.extend(body.fields().iter().filter(|field| field.name == "n").map(|field| field.value.parse::<u64>().unwrap()));
        }
    }
    numbers
}

fn own_size(world: &World, at: usize) -> u64 {
    world.nodes[at].size(&world.nodes[at].own_log())
}

#[test]
fn nothing_is_sealed_until_the_members_are_confirmed_and_then_it_goes_out_in_its_order() {
    let mut world = founded();
    let circle = world.circle(1, None, &[0, 2]);
    world.settle();
    world.away = [0, 2, 3, 4].into();
    world.now += LATE;
    let (before, entries) = (own_size(&world, 1), world.nodes[1].disk().rows.rows(Table::ByCircle, &[], &[0xff; 64], 1000).unwrap());
    for number in 1..4 {
        let command = note(&world, 1, &[circle.to_string(), "self".into(), "public".into()], number, None);
        let waiting = waits(world.ask(1, command));
        assert_eq!((waiting.reason, waiting.records, waiting.failed), (Reason::Unconfirmed, 1, None));
    }
    world.settle();
    let node = &world.nodes[1];
    assert_eq!((own_size(&world, 1), node.state().waiting.len()), (before, 3), "nothing of it is in the log");
    assert_eq!(node.disk().rows.rows(Table::ByCircle, &[], &[0xff; 64], 1000).unwrap(), entries, "nor in any index");
    let rows = node.disk().rows.rows(Table::Waiting, &[], &[0xff; 64], 1000).unwrap();
    assert!(rows.iter().all(|(_, row)| !row.windows(4).any(|bytes| bytes == b"note")), "and its row is sealed");
    world.away.clear();
    world.settle();
    assert!(world.nodes[1].state().waiting.is_empty());
    assert_eq!(world.nodes[1].disk().rows.rows(Table::Waiting, &[], &[0xff; 64], 1).unwrap(), Vec::new());
    for reader in [0, 1, 2] {
        assert_eq!(numbers(&world, reader, 1, &circle), [1, 2, 3], "node {reader}");
    }
    assert_eq!(numbers(&world, 3, 1, &circle), Vec::<u64>::new(), "who is not in the circle reads nothing");
    assert_eq!(own_size(&world, 1), before + 3);
}

/// Node 2 writes in a circle of node 1, which somebody has left, and whose steward is away; and in one of its own.
fn left() -> (World, CircleId, CircleId) {
    let mut world = founded();
    let (theirs, own) = (world.circle(1, None, &[2, REGULATOR]), world.circle(2, None, &[0]));
    world.settle();
    world.away = [1].into();
    let removal = Change::Remove(Removal { member: world.nodes[REGULATOR].me(), size: 0, root: StatementId([0; 32]) });
    world.decide(2, removal);
    (world, theirs, own)
}

#[test]
fn a_circle_that_somebody_has_left_waits_for_its_next_epoch_and_the_others_go_on() {
    let (mut world, theirs, own) = left();
    let both = [theirs.to_string(), own.to_string()];
    let steps: [(&[String], Option<Reason>); 7] = [
        (&both[..1], Some(Reason::Epoch)),
        (&both[1..], None),
        (&["self".into()], None),
        (&["public".into()], None),
        (&both, Some(Reason::Epoch)),
        // Behind the one before.
        (&both[1..], Some(Reason::Epoch)),
        (&["public".into(), both[0].clone()].map(|audience| audience), Some(Reason::Epoch)),
    ];
    let before = own_size(&world, 2);
    for (number, (audiences, reason)) in (1..).zip(steps) {
        let command = note(&world, 2, audiences, number, None);
        let done = world.ask(2, command);
        match reason {
            Some(reason) => assert_eq!(waits(done).reason, reason, "{number}"),
            None => assert!(matches!(done, Done::Written(_)), "{number}: {done:?}"),
        }
    }
    assert_eq!((own_size(&world, 2), world.nodes[2].state().waiting.len()), (before + 3, 4));
    world.away.clear();
    world.settle();
    assert!(world.nodes[2].state().waiting.is_empty(), "{:?}", world.nodes[2].state().waiting);
    assert_eq!(numbers(&world, 1, 2, &theirs), [1, 5, 7]);
    assert_eq!(numbers(&world, 0, 2, &own), [2, 5, 6]);
    assert_eq!(numbers(&world, REGULATOR, 2, &theirs), Vec::<u64>::new(), "who has left reads nothing of it");
}

/// Its steward leaves as well: nobody opens the epoch that it waits for.
#[test]
fn what_waits_for_an_epoch_that_never_comes_fails_and_is_refused_from_then_on() {
    let (mut world, theirs, own) = left();
    for (number, audiences) in [(1, vec![theirs]), (2, vec![theirs, own]), (3, vec![own])] {
        let audiences: Vec<String> = audiences.iter().map(ToString::to_string).collect();
        let command = note(&world, 2, &audiences, number, None);
        waits(world.ask(2, command));
    }
    let removal = Change::Remove(Removal { member: world.nodes[1].me(), size: 0, root: StatementId([0; 32]) });
    world.decide(2, removal);
    world.settle();
    let queue = world.nodes[2].state().waiting.clone();
    let why: Vec<&str> = queue.iter().filter_map(|one| Some(one.failed.as_ref()?.detail.as_str())).collect();
    assert!(why.len() == 2 && queue.len() == 2 && why.iter().all(|why| why.contains("has left the alliance")), "{queue:?}");
    assert_eq!(numbers(&world, 0, 2, &own), [3], "nothing waits behind what has failed");
    let (again, now) = (note(&world, 2, &[theirs.to_string()], 4, None), world.now);
    let refused = world.nodes[2].ask(again, now).unwrap_err();
    assert!(matches!(&refused, SubmitError::Refused(why) if why.fault == RefusalKind::NotAWriter), "{refused}");
    let command = note(&world, 2, &["alliance".into()], 5, None);
    assert!(matches!(world.ask(2, command), Done::Written(_)), "the alliance circle has another keeper");
}

#[test]
fn what_may_not_be_written_any_more_stays_until_it_is_taken_out() {
    let mut world = founded();
    let (theirs, own) = (world.circle(1, None, &[2]), world.circle(2, None, &[0]));
    world.settle();
    world.away = [0, 1, 3, 4].into();
    world.now += LATE;
    for (number, circle) in [(1, theirs), (2, theirs), (3, own)] {
        let command = note(&world, 2, &[circle.to_string()], number, Some(&format!("key-{number}")));
        waits(world.ask(2, command));
    }
    // Its steward lets the member read, and no longer write.
    let members = vec![CircleMember { member: world.nodes[2].me(), rights: Rights::Read }];
    let (name, purpose, terms) = ("c".into(), String::new(), Terms::default());
    let request = CircleRequest { circle: Some(theirs), name, purpose, tier: Tier::Codevelopment, members, terms, until: None };
    world.ask(1, Command::Circle(request));
    world.away.clear();
    world.settle();
    let queue = world.nodes[2].state().waiting.clone();
    let failed: Vec<&Waiting> = queue.iter().collect();
    assert_eq!(failed.len(), 2, "{queue:?}");
    assert!(failed.iter().all(|one| one.failed.as_ref().is_some_and(|why| why.fault == RefusalKind::NotAWriter)), "{failed:?}");
    assert_eq!(numbers(&world, 0, 2, &own), [3], "what could be written was");
    let size = own_size(&world, 2);
    world.settle();
    let again = note(&world, 2, &[theirs.to_string()], 1, Some("key-1"));
    let now = world.now;
    let refused = world.nodes[2].ask(again, now).unwrap_err();
    assert!(matches!(refused, SubmitError::Refused(why) if why.fault == RefusalKind::NotAWriter), "the same request is told why");
    for one in &failed {
        let Done::TakenOut(out) = world.ask(2, Command::TakeOut(one.id)) else { panic!("not taken out") };
        assert_eq!(out.id, one.id);
    }
    assert!(world.nodes[2].state().waiting.is_empty());
    assert_eq!(own_size(&world, 2), size);
}

#[test]
fn a_key_is_good_for_one_request_while_it_waits_and_afterwards() {
    let mut world = founded();
    let circle = world.circle(1, None, &[0]).to_string();
    world.settle();
    world.away = [0, 2, 3, 4].into();
    world.now += LATE;
    let ask = |world: &mut World, number: u64, key: &str| {
        let (command, now) = (note(world, 1, std::slice::from_ref(&circle), number, Some(key)), world.now);
        world.nodes[1].ask(command, now)
    };
    let first = waits(ask(&mut world, 1, "a").unwrap());
    let second = waits(ask(&mut world, 2, "b").unwrap());
    assert!(first.id < second.id);
    assert_eq!(waits(ask(&mut world, 1, "a").unwrap()), first, "the same answer again");
    assert_eq!(ask(&mut world, 2, "a").unwrap_err(), SubmitError::Conflict);
    assert_eq!(world.nodes[1].state().waiting.len(), 2);
    world.ask(1, Command::TakeOut(second.id));
    let now = world.now;
    for gone in [second.id, WaitingId([7; 32])] {
        assert_eq!(world.nodes[1].ask(Command::TakeOut(gone), now).unwrap_err(), SubmitError::NotWaiting);
    }
    world.away.clear();
    world.settle();
    let size = own_size(&world, 1);
    let Done::Written(receipt) = ask(&mut world, 1, "a").unwrap() else { panic!("not written") };
    assert!(receipt.replayed && receipt.ids.len() == 1 && own_size(&world, 1) == size, "{receipt:?}");
    assert_eq!(ask(&mut world, 2, "a").unwrap_err(), SubmitError::Conflict);
    assert_eq!(world.nodes[1].ask(Command::TakeOut(first.id), now).unwrap_err(), SubmitError::NotWaiting, "what was written is not taken back");
    let Done::Written(receipt) = ask(&mut world, 2, "b").unwrap() else { panic!("not written") };
    assert!(!receipt.replayed, "what was taken out is a new request");
    assert_eq!(numbers(&world, 1, 1, &circle.parse().unwrap()), [1, 2]);
}

#[test]
fn a_statement_of_the_protocols_own_never_waits() {
    let mut world = founded();
    world.away = [0, 2, 3, 4].into();
    world.now += LATE;
    let Command::Submit { mut submissions, .. } = note(&world, 1, &["alliance".into()], 1, None) else { panic!("no submission") };
    let mut read = submissions.remove(0);
    read.kind = "suyuan.read".into();
    let now = world.now;
    let refused = world.nodes[1].ask(Command::Protocol(read), now).unwrap_err();
    assert_eq!(
        refused,
        SubmitError::Author(suyuan_engine::author::AuthorError::NotFresh),
        "what is read is logged before it is read, or it is not read"
    );
    assert!(world.nodes[1].state().waiting.is_empty());
}
