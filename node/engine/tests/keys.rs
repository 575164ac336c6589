//! Sections whose key is lacking: sealed for this node, and no fault of their author.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use support::{Member, alliance};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier, alliance_circle};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::fsck;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::record::{HeldRecord, Opened};
use suyuan_engine::schema::Row;
use zeroize::Zeroizing;

/// Whether a member opens the first section of an entry of G's log.
fn opens(member: &Member, g: &Member, sequence: u64) -> Opened {
    let log = member.ledger.logs.head(&g.own_log()).number;
    let record = HeldRecord::load(Row { log, sequence }, &member.view, &member.local).unwrap().unwrap();
    record.open(&record.sections[0], &member.secrets).unwrap()
}

fn check(member: &Member) -> Result<(), String> {
    let ledger = Ledger::load(member.ledger.alliance.clone(), member.id(), &member.view, &member.local, &member.secrets).unwrap();
    fsck::check(&ledger, &member.view, &member.local, &member.secrets, |_| {}).map(|_| ()).map_err(|finding| finding.what)
}

#[test]
fn a_wrap_that_does_not_open_is_a_key_that_is_lacking() {
    let alliance = alliance();
    let (mut g, mut z) = (Member::new(0, &alliance), Member::new(1, &alliance));
    let circle = g.open_circle(CircleRequest {
        circle: None,
        name: "trial".into(),
        purpose: String::new(),
        tier: Tier::Codevelopment,
        members: vec![CircleMember { member: z.id(), rights: Rights::Write }],
        terms: Terms::default(),
        until: None,
    });
    g.put(&format!(r#"{{"records":[{{"type":"note","sections":[{{"for":["{circle}","alliance"],"fields":{{"m":1}}}}]}}]}}"#));
    z.pull(&g, g.own_log());
    let last = g.ledger.logs.head(&g.own_log()).size() - 1;
    assert!(matches!(opens(&z, &g, last), Opened::Body(_)));
    // A steward that handed out another secret of the epoch to this member than to its author: the section's other audience opens it still.
    let other = || Zeroizing::new([9; 32]);
    z.secrets.insert(circle, 1, other());
    assert!(matches!(opens(&z, &g, last), Opened::Body(_)));
    z.secrets.insert(alliance_circle(&alliance.id()), 1, other());
    assert_eq!(opens(&z, &g, last), Opened::Sealed);
    assert_eq!(check(&z), Ok(()), "and the store is not damaged");
    // Of one's own record every wrap is here and opens.
    assert_eq!(check(&g), Ok(()));
    g.secrets.insert(circle, 1, other());
    g.secrets.insert(alliance_circle(&alliance.id()), 1, other());
    assert!(check(&g).is_err_and(|what| what.contains("no wrap opens")), "{:?}", check(&g));
}
