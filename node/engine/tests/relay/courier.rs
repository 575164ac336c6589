//! When a node collects and asks: what it asks of whom, what it waits for, and what it does not ask again.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::log::LogId;
use suyuan_core::{AllianceId, MemberId};
use suyuan_engine::relay::courier::{Action, Courier, Event, NOTICED};
use suyuan_engine::relay::{Opened, Seeking, Sought, Source, Unit};
use suyuan_engine::wire::Item;

const HUB: MemberId = MemberId([1; 32]);
const OTHER: MemberId = MemberId([2; 32]);
const LOG: LogId = LogId { alliance: AllianceId([9; 32]), member: OTHER, incarnation: 0 };

fn courier(relays: bool) -> Courier {
    Courier::new(relays, [HUB, OTHER])
}

fn sought(tags: std::ops::Range<u8>) -> Sought {
    tags.map(|tag| ([tag; 32], Source::Epoch { log: LOG, number: u64::from(tag) })).collect()
}

fn opened(tags: &[u8], items: usize) -> Event {
    let item = Item { sequence: 0, statement: Vec::new(), signature: [0; 64], sections: Vec::new(), slip: None };
    let opened = Opened { items: vec![(LOG, item); items], ..Opened::default() };
    Event::Opened { member: HUB, answered: 9, came: tags.iter().map(|tag| [*tag; 32]).collect(), opened }
}

/// When the next action of a kind is due, in steps of a tenth of a second.
fn next(courier: &mut Courier, from: u64, wanted: fn(&Action) -> bool) -> (u64, Action) {
    let times = (from..from + 1_000_000).step_by(100);
    let mut found = times.filter_map(|now| Some((now, courier.handle(Event::Tick, now).into_iter().find(wanted)?)));
    found.next().unwrap()
}

fn is_seek(action: &Action) -> bool {
    matches!(action, Action::Seek(..))
}

fn is_collect(action: &Action) -> bool {
    matches!(action, Action::Collect(_))
}

#[test]
fn a_relay_collects_of_whoever_is_connected_and_a_node_that_is_none_of_nobody() {
    let mut relay = courier(true);
    assert_eq!(relay.handle(Event::Tick, 60_000), [], "nobody is there");
    relay.handle(Event::Connected(OTHER), 60_000);
    let (at, action) = next(&mut relay, 60_000, is_collect);
    assert_eq!(action, Action::Collect(OTHER));
    let again = |courier: &mut Courier, event, now| {
        courier.handle(event, now);
        next(courier, now, is_collect).0 - now
    };
    assert_eq!(again(&mut relay, Event::Kept { member: OTHER, bytes: 0, more: false }, at), 10_000);
    assert_eq!(again(&mut relay, Event::Kept { member: OTHER, bytes: 0, more: true }, 100_000), 1_000);
    assert_eq!(again(&mut relay, Event::Kept { member: OTHER, bytes: 4 << 20, more: true }, 200_000), 8_000, "the pace is the relay's");
    assert_eq!(again(&mut relay, Event::Failed(OTHER), 300_000), 10_000);
    let mut other = courier(false);
    other.handle(Event::Connected(OTHER), 0);
    let actions = (0..600).flat_map(|second| other.handle(Event::Tick, second * 1000)).collect::<Vec<_>>();
    assert!(!actions.iter().any(is_collect) && actions.iter().any(is_seek));
}

#[test]
fn who_is_gone_or_came_but_lately_is_away() {
    let mut courier = courier(true);
    assert_eq!(courier.away(1_000), BTreeSet::new(), "at the start it may be about to come");
    assert_eq!(courier.away(20_000), BTreeSet::from([HUB, OTHER]));
    courier.handle(Event::Connected(OTHER), 20_000);
    assert_eq!(courier.away(20_000 + NOTICED - 1), BTreeSet::from([HUB, OTHER]));
    assert_eq!(courier.away(20_000 + NOTICED), BTreeSet::from([HUB]));
    courier.handle(Event::Disconnected(OTHER), 100_000);
    assert_eq!((courier.away(114_999).len(), courier.away(115_000).len()), (1, 2));
}

#[test]
fn a_round_goes_on_at_once_and_rests_when_nothing_came() {
    let mut courier = courier(false);
    courier.handle(Event::Connected(HUB), 0);
    let (at, action) = next(&mut courier, 0, is_seek);
    assert_eq!(action, Action::Seek(HUB, Seeking { after: None, near: BTreeSet::from([HUB]), resting: BTreeSet::new() }));
    let after = Some(Unit::Epochs(LOG));
    let asks = courier.handle(Event::Found { member: HUB, sought: sought(0..9), after }, at);
    assert_eq!(asks, [Action::Fetch(HUB, (0..9).map(|tag| [tag; 32]).collect())]);
    assert_eq!(courier.sought(&HUB), Some(&sought(0..9)));
    courier.handle(opened(&[], 0), at);
    assert_eq!(courier.sought(&HUB), None);
    let (next_at, action) = next(&mut courier, at, is_seek);
    assert_eq!((next_at - at, action), (1_000, Action::Seek(HUB, Seeking { after, near: BTreeSet::from([HUB]), resting: BTreeSet::new() })));
    courier.handle(Event::Found { member: HUB, sought: sought(0..9), after: None }, next_at);
    courier.handle(opened(&[], 0), next_at);
    assert_eq!(next(&mut courier, next_at, is_seek).0 - next_at, 20_000, "the round is over, and brought nothing");
}

#[test]
fn what_came_is_not_asked_for_again_for_a_while_and_something_new_makes_another_round() {
    let mut courier = courier(false);
    courier.handle(Event::Connected(HUB), 0);
    let (at, _) = next(&mut courier, 0, is_seek);
    courier.handle(Event::Found { member: HUB, sought: sought(0..9), after: None }, at);
    courier.handle(opened(&[3, 4], 1), at);
    let (again, action) = next(&mut courier, at, is_seek);
    let Action::Seek(_, Seeking { after, resting, .. }) = action else { panic!("{action:?}") };
    assert_eq!((again - at, after, resting), (1_000, None, BTreeSet::from([[3; 32], [4; 32]])));
    courier.handle(Event::Found { member: HUB, sought: sought(0..3), after: None }, again);
    let early = Opened { early: BTreeSet::from([[1; 32]]), held: BTreeSet::from([[2; 32]]), ..Opened::default() };
    courier.handle(Event::Opened { member: HUB, answered: 3, came: BTreeSet::from([[1; 32], [2; 32]]), opened: early }, again);
    let (later, action) = next(&mut courier, again + 70_000, is_seek);
    let Action::Seek(_, Seeking { resting, .. }) = action else { panic!("{action:?}") };
    assert_eq!(resting, BTreeSet::from([[2; 32]]), "after {later} ms: only what was here before");
}

#[test]
fn who_does_not_relay_fails_or_answers_what_was_not_asked_is_left_alone() {
    let mut courier = courier(false);
    courier.handle(Event::Connected(HUB), 0);
    assert_eq!(courier.handle(Event::Found { member: HUB, sought: sought(0..3), after: None }, 0), [], "nothing was sought");
    let (at, _) = next(&mut courier, 0, is_seek);
    courier.handle(opened(&[1], 1), at);
    assert!(courier.handle(Event::Tick, at + 50_000).is_empty(), "it is still sought");
    courier.handle(Event::Found { member: HUB, sought: BTreeMap::new(), after: None }, at);
    courier.handle(Event::Unwilling(HUB), at);
    let (again, _) = next(&mut courier, at, is_seek);
    assert_eq!(again - at, 600_000);
    courier.handle(Event::Failed(HUB), again);
    let (again, _) = (next(&mut courier, again, is_seek).0 - again, ());
    assert_eq!(again, 20_000);
    courier.handle(Event::Disconnected(HUB), 0);
    assert_eq!(courier.sought(&HUB), None);
}
