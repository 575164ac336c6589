//! What the hub sees, with an attacker's eyes: its disk, and every message to and from it.

use std::collections::BTreeSet;

use suyuan_core::circle::Tier;
use suyuan_core::relay::RelayKey;
use suyuan_engine::relay::shelf;
use suyuan_engine::relay::{Seeking, seek};
use zeroize::Zeroizing;

use crate::support::encryption;
use crate::world::{A, B, HUB, R, World};

fn contains(seen: &[Vec<u8>], what: &[u8]) -> bool {
    seen.iter().any(|bytes| bytes.windows(what.len()).any(|window| window == what))
}

#[test]
fn the_relays_disk_and_messages_tell_no_circle_no_members_and_no_plaintext() {
    let mut world = World::new();
    let circle = world.circle(Tier::Authorized, &[A, B]);
    world.put(A, &circle, "SECRET-RESULT");
    world.pull(HUB, A, A);
    world.pull(B, HUB, A);
    world.collect(A, &[B]);
    assert_eq!(world.fetch(B), 2);
    let author = &world.members[A];
    let log = author.own_log();
    let head = author.ledger.logs.head(&log);
    let ids: Vec<_> = suyuan_engine::logs::entries(&author.view, head.number, 0..head.size()).unwrap();
    let statements: Vec<Vec<u8>> = ids.iter().map(|id| id.0.to_vec()).collect();
    let secret = author.secrets.of(&circle, 1).unwrap().to_vec();
    let texts = [b"SECRET-NAME".to_vec(), b"SECRET-PURPOSE".to_vec(), b"SECRET-RESULT".to_vec(), b"inspection".to_vec(), b"06901234567892".to_vec()];
    let hidden = [circle.0.to_vec(), circle.to_string().into_bytes(), world.id(B).0.to_vec(), world.id(B).to_string().into_bytes(), secret];
    for what in texts.iter().chain(&hidden).chain(&statements) {
        assert!(!contains(&world.seen, what), "{}", String::from_utf8_lossy(what));
    }
    assert!(contains(&world.seen, &world.id(A).0), "who offered it stands on the disk: the search finds what is there");
    let shown = format!("{:?}", world.holder(A, &[encryption(A)]).encryption);
    assert!(!shown.contains(&hex::encode(*encryption(A).to_bytes())), "nor does a log line");
}

#[test]
fn tags_of_two_circles_and_two_epochs_have_nothing_in_common_and_are_never_asked_for_by_others() {
    let mut world = World::new();
    let [first, second] = [(); 2].map(|()| world.circle(Tier::Authorized, &[A, B]));
    world.put(A, &first, "one");
    world.put(A, &second, "two");
    world.next_epoch(first, Tier::Authorized, &[A, B]);
    world.put(A, &first, "three");
    let tags: BTreeSet<_> = world.offered(A, None, &[B]).packages.into_iter().map(|package| package.tag).collect();
    assert_eq!(tags.len(), 6);
    world.pull(R, A, A);
    let (sought, _) = seek(&Seeking::default(), &world.holder(R, &[encryption(R)])).unwrap();
    assert!(!sought.is_empty() && sought.keys().all(|tag| !tags.contains(tag)), "another member cannot even name them");
}

#[test]
fn whoever_names_another_tag_gets_nothing() {
    let mut world = World::new();
    let circle = world.circle(Tier::Authorized, &[A, B]);
    world.put(A, &circle, "pass");
    world.collect(A, &[B]);
    let kept: Vec<_> = world.offered(A, None, &[B]).packages.into_iter().map(|package| package.tag).collect();
    let hub = &world.members[HUB];
    let found = kept.iter().filter(|tag| !shelf::fetch(&[**tag], &hub.ledger, &hub.view, world.now).unwrap().packages.is_empty());
    assert_eq!(found.count(), 2);
    for tag in kept {
        let mut other = tag;
        other[31] ^= 1;
        let near = [[0; 32], [0xff; 32], other, circle.0, world.id(A).0];
        let found = shelf::fetch(&near, &hub.ledger, &hub.view, world.now).unwrap();
        assert_eq!((found.answered, found.packages.len()), (5, 0));
    }
}

#[test]
fn who_has_left_a_circle_cannot_name_what_came_after_it() {
    let mut world = World::new();
    let circle = world.circle(Tier::Authorized, &[A, B, R]);
    world.put(A, &circle, "before");
    world.pull(HUB, A, A);
    world.pull(R, HUB, A);
    world.collect(A, &[B, R]);
    assert_eq!(world.fetch(R), 2);
    world.next_epoch(circle, Tier::Authorized, &[A, B]);
    world.put(A, &circle, "after");
    world.pull(HUB, A, A);
    world.pull(R, HUB, A);
    world.pull(B, HUB, A);
    assert_eq!(world.collect(A, &[B, R]), 2);
    let old = world.members[R].secrets.of(&circle, 1).unwrap().clone();
    let offered: BTreeSet<_> = world.offered(A, None, &[B, R]).packages.into_iter().map(|package| package.tag).collect();
    let guesses = (1..4).flat_map(|epoch| {
        let key = RelayKey::of_epoch(&Zeroizing::new(*old), &circle, epoch).unwrap();
        let log = world.members[A].own_log();
        (0..8).map(move |counter| key.tag(&log.member, log.incarnation, counter).unwrap())
    });
    let named: Vec<_> = guesses.filter(|tag| offered.contains(tag)).collect();
    assert_eq!(named.len(), 1, "the record of its own epoch, and no other");
    assert_eq!((world.fetch(R), world.read(R, A).len()), (0, 1));
    assert!(world.fetch(B) > 0 && world.read(B, A).len() == 2);
}
