//! What a relay keeps: each member's within its share, for as long as the member is one.

use std::sync::Arc;

use suyuan_engine::relay::shelf::{self, Account, Share};
use suyuan_engine::wire::{Collected, Package};

use crate::support::{Member, alliance, charter_of};
use crate::world::{A, B, HUB, ROLES, World};

const SHARE: Share = Share { bytes: 1000, packages: 5 };

fn package(number: u8, bytes: usize) -> Package {
    Package { tag: [number; 32], sealed: vec![number; bytes] }
}

fn collected(cursor: u8, packages: Vec<Package>) -> Collected {
    Collected { cursor: vec![cursor], packages }
}

fn account(world: &World, of: usize) -> (u64, u64) {
    let account = Account::load(&world.id(of), &world.members[HUB].view).unwrap();
    (account.packages, account.bytes)
}

fn kept(world: &World) -> Vec<u8> {
    let hub = &world.members[HUB];
    let tags: Vec<_> = (0..=255u8).map(|number| [number; 32]).collect();
    shelf::fetch(&tags, &hub.ledger, &hub.view, world.now).unwrap().packages.iter().map(|package| package.tag[0]).collect()
}

#[test]
fn one_members_oldest_go_first_and_never_anothers() {
    let mut world = World::new();
    world.keep_within(B, collected(1, vec![package(100, 400)]), SHARE);
    for number in 1..=9 {
        world.keep_within(A, collected(number, vec![package(number, 100)]), SHARE);
    }
    assert_eq!(kept(&world), [5, 6, 7, 8, 9, 100], "by their number");
    world.keep_within(A, collected(10, vec![package(10, 700)]), SHARE);
    assert_eq!(kept(&world), [7, 8, 9, 10, 100], "by their bytes");
    assert_eq!((account(&world, A), account(&world, B)), ((4, 1000), (1, 400)));
}

#[test]
fn what_comes_again_takes_no_more_room_and_the_newer_one_stays() {
    let mut world = World::new();
    world.keep_within(A, collected(1, vec![package(1, 100), package(2, 100)]), SHARE);
    let mut again = package(1, 300);
    again.sealed[0] = 77;
    world.keep_within(A, collected(2, vec![again.clone()]), SHARE);
    assert_eq!(account(&world, A), (2, 400));
    let hub = &world.members[HUB];
    assert_eq!(shelf::fetch(&[[1; 32]], &hub.ledger, &hub.view, 0).unwrap().packages, [again]);
    let nothing = shelf::keep(&world.id(A), collected(2, Vec::new()), SHARE, &hub.ledger, &hub.view, 9).unwrap();
    assert!(nothing.is_empty(), "the same cursor and no package: nothing to write");
}

#[test]
fn under_one_tag_everybody_has_a_place_of_its_own_and_the_smallest_comes_first() {
    let mut world = World::new();
    world.keep_within(A, collected(1, vec![package(1, 300)]), SHARE);
    world.keep_within(B, collected(1, vec![package(1, 200)]), SHARE);
    let hub = &world.members[HUB];
    let found = shelf::fetch(&[[1; 32]], &hub.ledger, &hub.view, world.now).unwrap();
    assert_eq!(found.packages.iter().map(|package| package.sealed.len()).collect::<Vec<_>>(), [200, 300]);
}

#[test]
fn an_answer_is_cut_off_between_tags_where_it_has_no_more_room() {
    let mut world = World::new();
    let large = 4 * 1024 * 1024;
    let share = Share { bytes: u64::MAX, packages: 100 };
    world.keep_within(A, collected(1, (1..=5).map(|number| package(number, large)).collect()), share);
    let hub = &world.members[HUB];
    let tags: Vec<_> = (1..=5).map(|number| [number; 32]).collect();
    let found = shelf::fetch(&tags, &hub.ledger, &hub.view, world.now).unwrap();
    assert_eq!((found.answered, found.packages.len()), (1, 1));
}

#[test]
fn what_is_too_old_goes_and_is_given_to_nobody() {
    let mut world = World::new();
    world.keep_within(A, collected(1, vec![package(1, 100)]), SHARE);
    world.keep_within(B, collected(1, vec![package(9, 100)]), SHARE);
    world.now += suyuan_engine::limits::RELAYED_FOR;
    assert!(kept(&world).is_empty(), "before anything is dropped");
    world.keep_within(A, collected(2, vec![package(2, 100)]), SHARE);
    assert_eq!((kept(&world), account(&world, A), account(&world, B)), (vec![2], (1, 100), (0, 0)), "of others in their turn");
}

#[test]
fn a_member_that_has_left_leaves_nothing() {
    let mut world = World::new();
    world.keep_within(A, collected(1, (1..=5).map(|number| package(number, 100)).collect()), SHARE);
    world.keep_within(B, collected(1, vec![package(9, 100)]), SHARE);
    // The same alliance to the rows, without A.
    let fewer: Vec<_> = ROLES.into_iter().filter(|(name, _)| *name != "A").collect();
    let without = Arc::new(charter_of(&fewer, [1; 32]).verify(None).unwrap());
    let mut hub = Member::new(HUB, &alliance());
    std::mem::swap(&mut hub.view, &mut world.members[HUB].view);
    hub.ledger.alliance = without;
    let tags: Vec<_> = (0..=255u8).map(|number| [number; 32]).collect();
    let found = shelf::fetch(&tags, &hub.ledger, &hub.view, world.now).unwrap().packages;
    assert!(found.iter().all(|package| package.tag == [9; 32]), "nothing of it is given");
    let others = [world.id(HUB), world.id(B)];
    for (turn, member) in (0u8..4).zip(others.iter().cycle()) {
        let changes = shelf::keep(member, collected(turn, Vec::new()), SHARE, &hub.ledger, &hub.view, world.now).unwrap();
        hub.view.apply(&changes);
        shelf::check(&hub.view).unwrap();
    }
    assert!(Account::all(&hub.view).unwrap().iter().all(|(member, _)| *member != world.id(A)));
}

#[test]
fn rows_that_do_not_agree_are_found() {
    use suyuan_engine::schema::{Table, package_key, shelf_key};
    use suyuan_engine::view::Changes;
    let mut world = World::new();
    world.keep_within(A, collected(1, vec![package(1, 100), package(2, 100)]), SHARE);
    let (of, sound) = (world.id(A), world.members[HUB].view.clone());
    let damages: [&dyn Fn(&mut Changes); 6] = [
        &|changes| changes.delete(Table::Package, package_key(&[1; 32], &of)),
        &|changes| changes.delete(Table::Shelf, shelf_key(&of, 0)),
        &|changes| changes.delete(Table::Relay, of.0),
        &|changes| changes.put(Table::Package, package_key(&[3; 32], &of), vec![0; 20]),
        &|changes| changes.put(Table::Package, package_key(&[1; 32], &of), vec![0; 116]),
        &|changes| changes.put(Table::Relay, of.0, vec![0x84, 0x02, 0x02, 0x01, 0xf6]),
    ];
    shelf::check(&sound).unwrap();
    for (number, damage) in damages.into_iter().enumerate() {
        let (mut view, mut changes) = (sound.clone(), Changes::default());
        damage(&mut changes);
        view.apply(&changes);
        assert!(shelf::check(&view).is_err(), "damage {number}");
    }
}
