//! Circles whose members change.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use support::{Member, alliance};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::record::{HeldRecord, Opened};
use suyuan_engine::schema::Row;

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
