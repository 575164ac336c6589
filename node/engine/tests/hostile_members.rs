//! What a member with altered software may do to others: hand out keys of circles that are not its own, and count to the end of all numbers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::BTreeSet;

use support::{Member, alliance, encryption};
use suyuan_core::circle::{CircleContent, CircleMember, EpochSecret, Rights, Slip, TYPE, Terms, Tier, alliance_circle, commitment};
use suyuan_core::limits::INTEGER;
use suyuan_core::section::{AudienceHeader, Field};
use suyuan_core::{CircleId, Fault, StatementId};
use suyuan_engine::author::Plan;
use suyuan_engine::epoch::{self, NewEpoch};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::record::HeldRecord;
use suyuan_engine::schema::{Row, Table, slip_key};
use suyuan_engine::view::View;
use zeroize::Zeroizing;

/// An epoch statement of `author` for any circle, with a slip for `victim`.
fn forge(author: &mut Member, circle: CircleId, epoch: u64, victim: &Member, kind: &str) -> (Slip, HeldRecord) {
    forge_with(author, circle, epoch, victim, kind, &SECRET)
}

/// The secret of every epoch that is made up here.
const SECRET: [u8; 32] = [0x66; 32];

/// The same, with a commitment to any secret.
fn forge_with(author: &mut Member, circle: CircleId, epoch: u64, victim: &Member, kind: &str, committed: &[u8; 32]) -> (Slip, HeldRecord) {
    let secret: EpochSecret = Zeroizing::new(SECRET);
    let me = author.id();
    let everybody = author.ledger.alliance.members().iter().map(|member| member.id);
    let members = everybody.map(|member| CircleMember { member, rights: if member == me { Rights::Write } else { Rights::Read } }).collect();
    let content = CircleContent {
        circle,
        nonce: None,
        name: "x".into(),
        purpose: String::new(),
        tier: Tier::General,
        epoch,
        commitment: StatementId(commitment(&circle, epoch, &Zeroizing::new(*committed))),
        members,
        incarnations: std::collections::BTreeMap::new(),
        terms: Terms::default(),
        until: None,
    };
    let value = serde_json::to_value(&content).unwrap();
    let fields: Vec<Field> = value.as_object().unwrap().iter().map(|(name, value)| Field { name: name.clone(), value: value.to_string() }).collect();
    let before = author.secrets.clone();
    author.secrets.insert(circle, epoch, secret.clone());
    let plan = Plan { kind: kind.into(), references: Vec::new(), time: 1, sections: vec![(vec![(circle, epoch)], fields)] };
    let sequence = author.ledger.logs.head(&author.own_log()).size();
    author.write_unlearnt(plan.clone(), &NewEpoch { content, secret, plan });
    author.secrets = before;
    let row = Row { log: author.ledger.logs.head(&author.own_log()).number, sequence };
    let record = HeldRecord::load(row, &author.view, &author.local).unwrap().unwrap();
    let slip = author.view.row(Table::Slip, &slip_key(&victim.id(), &record.statement.id())).unwrap().unwrap();
    (Slip::decode(&slip).unwrap(), record)
}

#[test]
fn only_a_circle_s_steward_hands_out_its_keys() {
    let alliance = alliance();
    let (mut g, mut z, mut r) = (Member::new(0, &alliance), Member::new(1, &alliance), Member::new(2, &alliance));
    let circle = alliance_circle(&alliance.id());
    z.pull(&g, g.own_log());
    r.pull(&g, g.own_log());
    let (slip, record) = forge(&mut z, circle, 2, &r, TYPE);
    assert_eq!(epoch::accept(&slip, &record, &r.ledger, &[&encryption(2)]).map(|_| ()), Err(Fault::Slip), "Z is not the steward");
    let (slip, record) = forge(&mut g, circle, 2, &r, "note");
    assert_eq!(epoch::accept(&slip, &record, &r.ledger, &[&encryption(2)]).map(|_| ()), Err(Fault::Slip), "it is no epoch statement");
    let (slip, record) = forge(&mut g, circle, 2, &r, TYPE);
    assert!(epoch::accept(&slip, &record, &r.ledger, &[&encryption(2)]).is_ok(), "the same from the steward");
}

/// Else some members could get one secret and some another one, and whoever is to be shut out of a record would not notice.
#[test]
fn the_secret_of_an_epoch_is_the_one_that_its_statement_commits_to() {
    let alliance = alliance();
    let (mut g, mut r) = (Member::new(0, &alliance), Member::new(2, &alliance));
    r.pull(&g, g.own_log());
    let circle = alliance_circle(&alliance.id());
    for (committed, taken) in [(SECRET, true), ([0x67; 32], false)] {
        let (slip, record) = forge_with(&mut g, circle, 2, &r, TYPE, &committed);
        assert_eq!(epoch::accept(&slip, &record, &r.ledger, &[&encryption(2)]).is_ok(), taken);
    }
}

#[test]
fn the_last_number_of_all_does_not_stop_a_node() {
    let alliance = alliance();
    let (g, mut z, mut r) = (Member::new(0, &alliance), Member::new(1, &alliance), Member::new(2, &alliance));
    z.pull(&g, g.own_log());
    r.pull(&g, g.own_log());
    let circle = alliance_circle(&alliance.id());
    let last = AudienceHeader { salt: [0; 16], circle, epoch: 1, counter: INTEGER - 1, link: StatementId([1; 32]), order: None };
    let number = z.ledger.logs.head(&z.own_log()).number;
    z.ledger.counters.count([&last], &BTreeSet::new(), number, StatementId([1; 32]));
    z.put(r#"{"records":[{"type":"inspection","sections":[{"for":"alliance","fields":{"a":1}}]}]}"#);
    r.pull(&z, z.own_log());
    assert_eq!(r.ledger.logs.head(&z.own_log()).size(), 1);
    let again = Ledger::load(alliance.clone(), r.id(), &r.view, &r.local, &r.secrets).unwrap();
    assert_eq!(again.logs.head(&z.own_log()).size(), 1, "it starts again");
    let number = again.logs.head(&z.own_log()).number;
    assert_eq!(again.counters.of(&circle, number).next, 0, "such an audience entitles nobody");
}

#[test]
fn a_secret_that_was_kept_before_a_crash_is_taken_and_a_begun_log_is_founded_once() {
    let alliance = alliance();
    let mut g = Member::new(0, &alliance);
    let circle = alliance_circle(&alliance.id());
    let alone = epoch::CircleRequest { tier: Tier::Authorized, members: Vec::new(), ..epoch::alliance_request(&g.ledger) };
    let own = g.open_circle(alone.clone());
    g.secrets.insert(own, 2, Zeroizing::new([9; 32]));
    let (new, _) = epoch::draw_up(epoch::CircleRequest { circle: Some(own), ..alone }, &g.ledger, &g.secrets, 1, &mut g.rng).unwrap();
    assert_eq!((new.content.epoch, *new.secret), (2, [9; 32]));
    // Of the alliance circle it may be another keeper's, and in the hands of somebody who has left since.
    g.secrets.insert(circle, 2, Zeroizing::new([9; 32]));
    let (new, _) = epoch::draw_up(epoch::alliance_request(&g.ledger), &g.ledger, &g.secrets, 1, &mut g.rng).unwrap();
    assert!(new.content.epoch == 3 && *new.secret != [9; 32]);
    // The leader's keyring was restored from a backup, which has no keys of circles.
    let without = suyuan_engine::secrets::EpochSecrets::default();
    let restored = Ledger::load(alliance.clone(), g.id(), &g.view, &g.local, &without).unwrap();
    assert!(restored.circles.circle(&circle).is_none() && !epoch::alliance_is_unopened(&restored.circles, &restored));
}

/// A batch as its author would give it away, with everything in it.
fn everything(from: &Member) -> suyuan_engine::wire::Batch {
    let request = suyuan_engine::wire::Request::Pull { log: from.own_log(), from: 0 };
    let answer = suyuan_engine::serve::answer(&request, &from.id(), &from.ledger, from.published.as_deref(), &from.view, &from.local).unwrap();
    let suyuan_engine::wire::Response::Batch(Some(batch)) = answer else { panic!("a batch") };
    *batch
}

/// Addresses a note to any circle.
fn address(author: &mut Member, circle: CircleId, secret: &EpochSecret) {
    author.secrets.insert(circle, 1, secret.clone());
    let fields = vec![Field { name: "a".into(), value: "1".into() }];
    author.write(vec![Plan { kind: "note".into(), references: Vec::new(), time: 1, sections: vec![(vec![(circle, 1)], fields)] }], None);
}

#[test]
fn invented_circles_leave_nothing_to_count() {
    let alliance = alliance();
    let (g, mut z, mut r) = (Member::new(0, &alliance), Member::new(1, &alliance), Member::new(2, &alliance));
    r.pull(&g, g.own_log());
    let before = r.ledger.counters.clone();
    for number in 0..200u8 {
        address(&mut z, CircleId([number; 32]), &Zeroizing::new([1; 32]));
    }
    r.take_in(everything(&z)).unwrap();
    assert_eq!(r.ledger.logs.head(&z.own_log()).size(), 200);
    // Of zeros, which is the public one, one statement is counted: its section is sealed, so it is not even that.
    assert_eq!(r.ledger.counters, before);
    assert!(r.view.rows(Table::Counter, &[], &[0xff; 21], 1000).unwrap().len() < 5);
}

#[test]
fn what_came_before_its_circle_was_known_is_counted_when_it_is() {
    let alliance = alliance();
    let (mut g, mut z, mut r) = (Member::new(0, &alliance), Member::new(1, &alliance), Member::new(2, &alliance));
    z.pull(&g, g.own_log());
    let members = [z.id(), r.id()].map(|member| CircleMember { member, rights: Rights::Write });
    let members = members.into_iter().map(|member| if member.member == r.id() { CircleMember { rights: Rights::Read, ..member } } else { member });
    let request = epoch::CircleRequest {
        circle: None,
        name: "x".into(),
        purpose: String::new(),
        tier: Tier::Codevelopment,
        members: members.collect(),
        terms: Terms::default(),
        until: None,
    };
    let circle = g.open_circle(request);
    z.pull(&g, g.own_log());
    for _ in 0..3 {
        z.put(&format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"{circle}","fields":{{"a":1}}}}]}}]}}"#));
    }
    let counter = |r: &Member, of: &Member| r.ledger.counters.of(&circle, r.ledger.logs.head(&of.own_log()).number);
    r.take_in(everything(&z)).unwrap();
    assert_eq!(counter(&r, &z).held, 0, "nobody said yet that there is such a circle");
    let restarted = Ledger::load(alliance.clone(), r.id(), &r.view, &r.local, &r.secrets).unwrap();
    r.ledger = restarted;
    r.pull(&g, g.own_log());
    assert_eq!((counter(&r, &z).held, counter(&r, &z).next), (3, 3));
    assert_eq!((counter(&r, &z).mark, counter(&r, &z).last), (counter(&z, &z).mark, counter(&z, &z).last));
    assert_eq!(counter(&r, &g).held, 1, "the opening itself");
    let again = Ledger::load(alliance.clone(), r.id(), &r.view, &r.local, &r.secrets).unwrap();
    assert_eq!(again.counters, r.ledger.counters, "and it is on the disk");
}
