//! Circles in which somebody is who was admitted later than the charter says.

use suyuan_core::charter::{Entry, MemberKeys, Role};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_core::membership::Admission;
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::decisions::InvitationRequest;
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::writer::{Command, Disk, Done};

use super::node::{encryption, key};
use super::{REGULATOR, World, founded};

const SECRET: [u8; 32] = [5; 32];

/// Whoever is admitted: no node of the world is its.
fn newcomer() -> Entry {
    let public = |purpose| key(7, purpose).public().to_bytes();
    let keys = MemberKeys { root: public(1), log: public(2), witness: public(3), transport: public(4), encryption: encryption(7).public() };
    Entry { name: "M7".into(), role: Role::Support, keys, addresses: Vec::new(), scope: Vec::new() }
}

/// It is invited, shows its secret, and is admitted.
fn admit(world: &mut World) -> MemberId {
    let entry = newcomer();
    let request = InvitationRequest { name: entry.name.clone(), role: entry.role, expires: world.now + 1_000_000 };
    let Done::Written(receipt) = world.ask(0, Command::Invite(request, SECRET)) else { panic!("not invited") };
    world.settle();
    let admission = Admission::sign(&world.founding.id(), &entry, [1, 2, 3, 4].map(|purpose| key(7, purpose)).each_ref());
    let command = Command::Join(receipt.ids[0], SECRET, Box::new(admission));
    let Done::Written(receipt) = world.ask(0, command) else { panic!("not proposed") };
    world.settle();
    world.approve(&[0, 1, 3], receipt.ids[0]);
    world.settle();
    assert!(world.nodes[0].state().ledger.alliance.active(&entry.member()).is_some());
    entry.member()
}

/// A circle of its steward, a member of the charter, and the newcomer.
fn opened(world: &mut World, steward: usize, reader: usize, newcomer: MemberId) -> CircleId {
    let of = |at: usize| (world.nodes[at].me(), if at == REGULATOR { Rights::Read } else { Rights::Write });
    let members = [of(steward), of(reader), (newcomer, Rights::Write)];
    let request = CircleRequest {
        circle: None,
        name: "c".into(),
        purpose: String::new(),
        tier: Tier::Codevelopment,
        members: members.map(|(member, rights)| CircleMember { member, rights }).into(),
        terms: Terms::default(),
        until: None,
    };
    let Done::Opened(circle) = world.ask(steward, Command::Circle(request)) else { panic!("not opened") };
    circle.id
}

/// How many epochs of a circle a node knows, and how many records of its steward it has counted there.
fn known(ledger: &Ledger, circle: &CircleId, steward: MemberId) -> (usize, u64) {
    let log = suyuan_core::log::LogId { member: steward, ..ledger.own_log() };
    let epochs = ledger.circles.circle(circle).map_or(0, |circle| circle.epochs().len());
    (epochs, ledger.counters.of(circle, ledger.logs.head(&log).number).held)
}

fn reloaded(world: &World, at: usize) -> Ledger {
    let (state, disk) = (world.nodes[at].state(), world.nodes[at].disk());
    Ledger::load(state.ledger.founded.clone(), world.nodes[at].me(), &disk.rows, disk.keys().local, &state.secrets).unwrap()
}

#[test]
fn a_circle_with_a_newcomer_is_there_after_a_restart() {
    let mut world = founded();
    let newcomer = admit(&mut world);
    let circle = opened(&mut world, 0, 1, newcomer);
    world.settle();
    let steward = world.nodes[0].me();
    for at in [0, 1] {
        assert_eq!(known(&world.nodes[at].state().ledger, &circle, steward), (1, 1), "node {at}");
        assert_eq!(known(&reloaded(&world, at), &circle, steward), (1, 1), "node {at} after a restart");
    }
    assert_eq!(known(&reloaded(&world, 3), &circle, steward).0, 0, "it is not for everybody");
}

#[test]
fn a_circle_that_comes_before_the_admission_is_known_has_its_effect_then() {
    let mut world = founded();
    world.away = [REGULATOR].into();
    let newcomer = admit(&mut world);
    let circle = opened(&mut world, 0, REGULATOR, newcomer);
    let (steward, log) = (world.nodes[0].me(), world.nodes[0].own_log());
    // It is given the log of the keeper, and no head of the order.
    let size = world.nodes[REGULATOR].size(&log);
    let Response::Batch(Some(batch)) = world.answer(0, REGULATOR, &Request::Pull { log, from: size }) else { panic!("nothing to pull") };
    world.ask(REGULATOR, Command::TakeIn(batch));
    assert!(world.nodes[REGULATOR].state().ledger.alliance.active(&newcomer).is_none(), "it does not know of the admission");
    assert_eq!(known(&world.nodes[REGULATOR].state().ledger, &circle, steward).0, 0);
    let Response::OrderHeads(heads) = world.answer(0, REGULATOR, &Request::OrderHeads(Vec::new())) else { panic!("no heads") };
    world.ask(REGULATOR, Command::Heads(heads));
    assert!(world.nodes[REGULATOR].state().ledger.alliance.active(&newcomer).is_some());
    world.away.clear();
    world.settle();
    assert_eq!(known(&world.nodes[REGULATOR].state().ledger, &circle, steward), (1, 1));
    assert_eq!(known(&reloaded(&world, REGULATOR), &circle, steward), (1, 1));
}
