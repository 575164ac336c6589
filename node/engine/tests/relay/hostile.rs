//! Relays that lie, authors that lie, and packages that nobody honest made: nothing half applied, nobody blamed, no other way blocked.

use suyuan_core::circle::Tier;
use suyuan_core::relay::RelayKey;
use suyuan_engine::wire::{Collected, Fetched, Package};

use crate::world::{A, B, HUB, World};
use crate::{shared, texts};

#[test]
fn forged_exchanged_and_repeated_packages_change_nothing_and_the_good_ones_still_come() {
    let (mut world, _) = shared(Tier::Authorized);
    world.collect(A, &[B]);
    let before = world.members[B].view.clone();
    type Lie = fn(Fetched) -> Fetched;
    let lies: [Lie; 4] = [
        |mut fetched| {
            fetched.packages.iter_mut().for_each(|package| package.sealed[60] ^= 1);
            fetched
        },
        |mut fetched| {
            fetched.packages.iter_mut().for_each(|package| package.sealed.truncate(package.sealed.len() / 2));
            fetched
        },
        |fetched| Fetched { packages: fetched.packages.into_iter().map(|package| Package { tag: [7; 32], ..package }).collect(), ..fetched },
        |_| Fetched { packages: vec![Package { tag: [0; 32], sealed: vec![0; 300] }; 9], answered: u64::MAX },
    ];
    for lie in lies {
        assert_eq!(world.fetch_by(B, |_, fetched| lie(fetched)), 0);
        assert!(world.members[B].view == before, "nothing is half applied");
    }
    let doubled = |_: &World, mut fetched: Fetched| {
        fetched.packages = fetched.packages.iter().flat_map(|package| [package.clone(), package.clone()]).collect();
        fetched
    };
    world.fetch_by(B, doubled);
    assert_eq!(world.read(B, A), texts(&["pass"]), "a repeated package is taken once");
}

/// What whoever knows an epoch's secret can put in the place of an author's package.
fn impostor(world: &mut World, circle: &suyuan_core::CircleId, item: &[u8]) -> Package {
    let secret = world.members[A].secrets.of(circle, 1).unwrap().clone();
    let (key, log) = (RelayKey::of_epoch(&secret, circle, 1).unwrap(), world.members[A].own_log());
    let tag = key.tag(&log.member, log.incarnation, 1).unwrap();
    Package { tag, sealed: key.seal(&tag, item, [1; 24]).unwrap() }
}

#[test]
fn a_former_or_other_member_that_knows_the_tags_cannot_stand_in_an_authors_way() {
    let (mut world, circle) = shared(Tier::Authorized);
    // It comes first, under the same tag, in its own name.
    let false_item = suyuan_engine::wire::Item { sequence: 1, statement: vec![1; 90], signature: [0; 64], sections: Vec::new(), slip: None };
    for item in [vec![0x01], false_item.to_bytes()] {
        let package = impostor(&mut world, &circle, &item);
        world.keep(HUB, Collected { cursor: vec![1], packages: vec![package] });
    }
    world.collect(A, &[B]);
    world.fetch(B);
    assert_eq!(world.read(B, A), texts(&["pass"]));
}

#[test]
fn a_package_of_an_entry_that_is_not_here_yet_waits_for_it() {
    let mut world = World::new();
    let circle = world.circle(Tier::Authorized, &[A, B]);
    world.put(A, &circle, "pass");
    world.collect(A, &[B]);
    assert_eq!(world.fetch(B), 0, "B has not heard of the log");
    world.pull(HUB, A, A);
    world.pull(B, HUB, A);
    assert_eq!(world.fetch(B), 2);
}

#[test]
fn an_author_that_says_other_things_in_a_package_than_in_its_log_is_not_believed() {
    let (mut world, circle) = shared(Tier::Authorized);
    world.collect(A, &[B]);
    // A package of what stands at another place, well made but for that.
    let log = world.members[A].own_log();
    world.put(A, &circle, "second");
    let offered = world.offered(A, None, &[B]);
    let secret = world.members[A].secrets.of(&circle, 1).unwrap().clone();
    let key = RelayKey::of_epoch(&secret, &circle, 1).unwrap();
    let tag = |counter| key.tag(&log.member, log.incarnation, counter).unwrap();
    let second = offered.packages.iter().find(|package| package.tag == tag(2)).unwrap();
    let item = key.open(&second.tag, &second.sealed).unwrap();
    let mut other = suyuan_engine::wire::Item::decode(&item).unwrap();
    other.sequence = 1;
    let sealed = key.seal(&tag(1), &other.to_bytes(), [3; 24]).unwrap();
    world.fetch_by(B, |_, mut fetched| {
        fetched.packages.iter_mut().filter(|package| package.tag == tag(1)).for_each(|package| package.sealed.clone_from(&sealed));
        fetched
    });
    assert_eq!(world.read(B, A), texts(&[]), "the entry has another id");
    world.fetch(B);
    assert_eq!(world.read(B, A), texts(&["pass"]));
}
