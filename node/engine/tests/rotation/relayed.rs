//! Packages for relays over an exchange of encryption keys: epoch statements come anew, under tags of the keys of today.

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand::rngs::StdRng;
use suyuan_core::circle::PrekeySecret;
use suyuan_core::relay::Tag;
use suyuan_engine::relay::{self, Holder, Opened, Seeking, Surroundings};
use suyuan_engine::view::MemoryView;
use suyuan_engine::wire::Collected;
use suyuan_engine::writer::Disk;

use crate::world::World;
use crate::{approve, drawn, founded};

fn keys(world: &World, at: usize) -> Vec<PrekeySecret> {
    world.nodes[at].disk().keys().encryption.into_iter().cloned().collect()
}

fn with_holder<T>(world: &World, at: usize, work: impl FnOnce(&Holder<'_, MemoryView>) -> T) -> T {
    let (node, encryption) = (&world.nodes[at], keys(world, at));
    let state = node.state();
    let local = node.disk().keys().local;
    work(&Holder { ledger: &state.ledger, secrets: &state.secrets, encryption: &encryption, view: node.disk().rows(), local })
}

/// What node 1 gives the leader while node 2 is away.
fn offered(world: &World, cursor: Option<&[u8]>) -> Collected {
    let (hub, away) = (world.nodes[0].me(), BTreeSet::from([world.nodes[2].me()]));
    let around = Surroundings { away, published: world.nodes[1].size(&world.nodes[1].own_log()), now: 1 << 50 };
    with_holder(world, 1, |holder| relay::offer(cursor, &hub, holder, &around, &mut StdRng::seed_from_u64(1)).unwrap())
}

/// What node 2 makes of it, asking for everything that nobody but the leader could have given it.
fn opened(world: &World, collected: &Collected) -> (BTreeSet<Tag>, Opened) {
    let near = BTreeSet::from([world.nodes[0].me()]);
    with_holder(world, 2, |holder| {
        let (sought, _) = relay::seek(&Seeking { near, ..Seeking::default() }, holder).unwrap();
        let named = collected.packages.iter().map(|package| package.tag).filter(|tag| sought.contains_key(tag)).collect();
        (named, relay::open(&collected.packages, &sought, holder))
    })
}

#[test]
fn whoever_has_exchanged_keys_is_given_the_epochs_anew_under_tags_of_the_new_ones() {
    for member in [1, 2] {
        let mut world = founded();
        world.circle(1, None, &[2, 3]);
        world.settle();
        let first = offered(&world, None);
        let (named, before) = opened(&world, &first);
        assert_eq!((first.packages.len(), named.len()), (1, 1), "node 2 names what node 1 gave for it");
        assert_eq!(before.held, named, "it has the epoch already, by another way");
        assert!(offered(&world, Some(&first.cursor)).packages.is_empty());

        let change = drawn(&mut world, member);
        approve(&mut world, member, change);
        world.settle();
        let again = offered(&world, Some(&first.cursor));
        assert_eq!(again.packages.len(), 1, "keys have changed");
        assert_ne!(again.packages[0].tag, first.packages[0].tag);
        let (named, after) = opened(&world, &again);
        assert_eq!((named.len(), after.held), (1, named), "member {member}");
        assert!(opened(&world, &first).0.is_empty(), "nothing is asked for under former keys");
        let slip = with_holder(&world, 2, |holder| {
            let (sought, _) = relay::seek(&Seeking::default(), holder).unwrap();
            let mut others = holder.ledger.clone();
            others.circles = Default::default();
            let blank = Holder { ledger: &others, secrets: holder.secrets, encryption: holder.encryption, view: holder.view, local: holder.local };
            relay::open(&again.packages, &sought, &blank).items[0].1.slip.clone().unwrap()
        });
        let alliance = world.nodes[2].state().ledger.alliance.id();
        assert!(slip.open(&alliance, keys(&world, 2).last().unwrap()).is_ok(), "with a slip for the key of today");
    }
}
