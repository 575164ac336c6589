//! Circles whose members change.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use support::{Member, alliance};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier, alliance_circle};
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::mend;
use suyuan_engine::record::{HeldRecord, Opened};
use suyuan_engine::schema::Row;
use suyuan_engine::serve;
use suyuan_engine::wire::{Count, Gap, Request, Response};

fn request(circle: Option<CircleId>, readers: &[MemberId]) -> CircleRequest {
    let members = readers.iter().map(|member| CircleMember { member: *member, rights: Rights::Read }).collect();
    CircleRequest { circle, name: "c".into(), purpose: String::new(), tier: Tier::Authorized, members, terms: Terms::default(), until: None }
}

#[test]
fn a_member_that_left_a_circle_is_in_it_again_when_it_is_taken_back() {
    let alliance = alliance();
    let [mut leader, mut reader] = [0, 1].map(|index| Member::new(index, &alliance));
    let circle = leader.open_circle(request(None, &[reader.id()]));
    leader.open_circle(request(Some(circle), &[]));
    leader.open_circle(request(Some(circle), &[reader.id()]));
    reader.pull(&leader, leader.own_log());
    let known: Vec<u64> = reader.ledger.circles.circle(&circle).unwrap().epochs().keys().copied().collect();
    assert_eq!(known, [1, 3], "the epochs that it is in");
    leader.put(&format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"{circle}","fields":{{"a":1}}}}]}}]}}"#));
    reader.pull(&leader, leader.own_log());
    assert!(reader.secrets.of(&circle, 3).is_some() && reader.secrets.of(&circle, 2).is_none());
    let row = Row { log: reader.ledger.logs.head(&leader.own_log()).number, sequence: leader.ledger.logs.head(&leader.own_log()).size() - 1 };
    let record = HeldRecord::load(row, &reader.view, &reader.local).unwrap().unwrap();
    assert!(matches!(record.open(&record.sections[0], &reader.secrets).unwrap(), Opened::Body(_)));
}

#[test]
fn a_statement_whose_wrap_does_not_open_is_missed_and_asked_for() {
    let alliance = alliance();
    let [mut leader, mut reader] = [0, 1].map(|index| Member::new(index, &alliance));
    leader.put(r#"{"records":[{"type":"note","sections":[{"for":"alliance","fields":{"a":1}}]}]}"#);
    let log = leader.own_log();
    let request = Request::Pull { log, from: 0 };
    let answer = serve::answer(&request, &reader.id(), &leader.ledger, leader.published.as_deref(), &leader.view, &leader.local).unwrap();
    let Response::Batch(Some(mut batch)) = answer else { panic!("{answer:?}") };
    batch.items[1].sections[0].audiences[0].2 = Some([0; 48]);
    reader.take_in(*batch).unwrap();
    reader.index(&alliance_circle(&alliance.id()));
    let counter = reader.ledger.counters.of(&alliance_circle(&alliance.id()), 0);
    assert_eq!((counter.held, counter.missing()), (1, 1), "it is not counted as held");
    let counts = [Count { of: Gap { circle: alliance_circle(&alliance.id()), log }, next: 2, epoch: 1, mark: None }];
    assert_eq!(mend::gaps(&counts, &reader.ledger).len(), 1);
}

#[test]
fn an_epoch_that_came_without_its_secret_is_asked_for_after_a_later_one_has_come_with_it() {
    let alliance = alliance();
    let [mut leader, mut reader] = [0, 1].map(|index| Member::new(index, &alliance));
    let log = leader.own_log();
    reader.pull(&leader, log);
    let circle = leader.open_circle(request(None, &[reader.id()]));
    // From a relay, which has no slip but its own.
    let ask = |request: &Request, reader: &Member, leader: &Member| {
        serve::answer(request, &reader.id(), &leader.ledger, leader.published.as_deref(), &leader.view, &leader.local).unwrap()
    };
    let Response::Batch(Some(mut batch)) = ask(&Request::Pull { log, from: 1 }, &reader, &leader) else { panic!("no batch") };
    batch.items.iter_mut().for_each(|item| item.slip = None);
    reader.take_in(*batch).unwrap();
    leader.open_circle(request(Some(circle), &[reader.id()]));
    reader.pull(&leader, log);
    let known = |reader: &Member| reader.ledger.circles.circle(&circle).unwrap().epochs().keys().copied().collect::<Vec<_>>();
    assert_eq!(known(&reader), [2]);

    let Response::Counters(counts, _) = ask(&Request::Counters(CircleId([0; 32])), &reader, &leader) else { panic!("no counters") };
    let gap = Gap { circle, log };
    assert_eq!(mend::gaps(&counts, &reader.ledger).iter().map(|(count, missing)| (count.of, *missing)).collect::<Vec<_>>(), [(gap, 0)]);
    let lacking = mend::lacking(&gap, &[1, 2], &reader.ledger, &reader.view, &reader.local).unwrap();
    assert_eq!(lacking, [1]);
    let restarted = Ledger::load(alliance, reader.id(), &reader.view, &reader.local, &reader.secrets).unwrap();
    assert_eq!(mend::gaps(&counts, &restarted).len(), 1, "known after a restart, too");
    // The leader has no slip of its own, and nobody could give it one.
    assert!(mend::gaps(&counts, &leader.ledger).is_empty());
    let secret = leader.secrets.of(&circle, 1).unwrap().clone();
    reader.secrets.insert(circle, 1, secret);
    reader.ledger.relearn_circles(&reader.view, &reader.local, &reader.secrets).unwrap();
    assert_eq!(known(&reader), [1, 2]);
    assert!(mend::gaps(&counts, &reader.ledger).is_empty());
}

#[test]
fn a_regulator_is_no_writer_of_a_new_epoch() {
    let alliance = alliance();
    let [mut leader, regulator] = [0, 2].map(|index| Member::new(index, &alliance));
    let members = vec![CircleMember { member: regulator.id(), rights: Rights::Write }];
    let wrong = CircleRequest { tier: Tier::Codevelopment, members, ..request(None, &[]) };
    assert!(suyuan_engine::epoch::draw_up(wrong, &leader.ledger, &leader.secrets, 1, &mut leader.rng).is_err());
}
