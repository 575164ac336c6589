//! What members did: other keys, an end of a membership, two histories.

use std::sync::Arc;

use suyuan_core::charter::Alliance;
use suyuan_core::equivocation::Evidence;
use suyuan_core::key::SecretKey;
use suyuan_core::membership::{Change, KeyChange, Removal};
use suyuan_core::{MemberId, StatementId};
use suyuan_engine::audit::{Blame, Kind, Report};
use suyuan_engine::equivocation::{self, Convictions};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::schema::Table;
use suyuan_engine::view::{Changes, View};

use super::support::{self, Member, key};
use super::{NOW, audit, kinds, one, reloaded, world, wrong};

/// The alliance after Z changed its log key, from a size of its log on.
pub fn with_keys(alliance: &Alliance, size: u64) -> Alliance {
    let new = SecretKey::from_seed(&[200; 32]);
    let (log, member) = (Some(StatementId(new.public().to_bytes())), alliance.members()[1].id);
    let change = KeyChange { member, log, witness: None, transport: None, encryption: None, size, signatures: Vec::new() };
    alliance.changed(&Change::Keys(change.signed(&alliance.id(), &[&key(1, 1), &new]))).unwrap()
}

/// Audits with another alliance in force than its history says, which is found as well.
fn under(member: &Member, alliance: Alliance) -> Report {
    let mut ledger = member.ledger.clone();
    ledger.alliance = Arc::new(alliance);
    let report = audit(member, &ledger, &member.view, NOW);
    assert!(kinds(&report).contains(&Kind::OrderState));
    report
}

#[test]
fn every_statement_is_judged_by_the_key_that_held_at_its_sequence() {
    let (g, z) = world();
    let report = under(&g, with_keys(&g.ledger.alliance, 5));
    assert_eq!(wrong(&report), [(Kind::OrderState, None, None)], "the first five are those of the old key");
    let report = under(&g, with_keys(&g.ledger.alliance, 3));
    let signature = one(&report, Kind::Signature);
    assert_eq!((signature.log, signature.from, signature.count), (Some(z.own_log()), Some(3), 2));
    assert!(kinds(&report).contains(&Kind::Checkpoint), "it is to be signed by the key of its last entry");
}

fn removed(member: &Member, who: MemberId, size: u64, root: [u8; 32]) -> Alliance {
    member.ledger.alliance.changed(&Change::Remove(Removal { member: who, size, root: StatementId(root) })).unwrap()
}

#[test]
fn the_log_of_a_former_member_ends_where_its_removal_says() {
    let (g, z) = world();
    let (log, head) = (z.own_log(), g.ledger.logs.head(&z.own_log()));
    let report = under(&g, removed(&g, z.id(), 5, head.tree_head().root));
    assert_eq!(wrong(&report), [(Kind::OrderState, None, None)]);
    assert!(report.logs.iter().find(|report| report.log == log).unwrap().former);
    assert!(!report.findings.listed.iter().any(|finding| finding.log == Some(log)), "nobody cosigns it any more, and nothing is open");
    let report = under(&g, removed(&g, z.id(), 5, [7; 32]));
    assert_eq!(wrong(&report)[1..], [(Kind::RemovalRoot, Some(log), None)]);
    let report = under(&g, removed(&g, z.id(), 3, equivocation_prefix(&z, 3)));
    assert_eq!(wrong(&report)[1..], [(Kind::RemovalSize, Some(log), None)], "two entries too many");
    let report = under(&g, removed(&g, z.id(), 9, [7; 32]));
    assert_eq!(wrong(&report)[1..], [(Kind::RemovalSize, Some(log), None)], "four are missing");
    assert!(one(&report, Kind::RemovalSize).detail.contains("5 entries are here, 9"));
}

/// Root of a member's own log when it had this size.
fn equivocation_prefix(member: &Member, size: u64) -> [u8; 32] {
    suyuan_engine::witnessing::held_root(&member.own_log(), size, &member.ledger, &member.view).unwrap().unwrap()
}

#[test]
fn two_histories_and_proofs_of_them_that_prove_nothing_are_found() {
    let alliance = support::alliance();
    let (mut first, mut second) = (Member::new(1, &alliance), Member::new(1, &alliance));
    let note = r#"{"records":[{"type":"note","sections":[{"for":"public","fields":{"a":1}}]}]}"#;
    (0..3).for_each(|_| [&mut first, &mut second].into_iter().for_each(|member| member.put(note)));
    second.rng = rand::SeedableRng::seed_from_u64(999);
    first.put(note);
    second.put(note);
    let (mut g, log) = (Member::new(0, &alliance), first.own_log());
    g.pull(&first, log);
    let theirs = equivocation::show(&log, 3, &second.ledger, second.published.as_deref(), &second.view).unwrap().unwrap();
    let found = equivocation::compare(&log, 3, &theirs, &g.ledger, g.published.as_deref(), &g.view).unwrap().evidence.unwrap();
    let conviction = equivocation::judge(*found, &g.ledger).unwrap().unwrap();
    let mut changes = Changes::default();
    Convictions::save(&conviction, &mut changes);
    g.view.apply(&changes);
    let report = reloaded(&g, &g.view);
    assert_eq!(wrong(&report), [(Kind::TwoHistories, Some(log), Some(3))]);
    assert_eq!(one(&report, Kind::TwoHistories).blame, Blame::Author);
    // The same proof with a signature that is not the member's.
    let (row, bytes) = g.view.rows(Table::Evidence, &[], &[0xff; 41], 1).unwrap().remove(0);
    let mut evidence = Evidence::decode(&bytes).unwrap();
    let at = evidence.first.len() - 20;
    let other = if evidence.first.as_bytes()[at] == b'A' { "B" } else { "A" };
    evidence.first.replace_range(at..=at, other);
    g.view.apply(&Changes { rows: vec![(Table::Evidence, row, Some(evidence.to_bytes()))] });
    let report = reloaded(&g, &g.view);
    assert_eq!(wrong(&report), [(Kind::Evidence, Some(log), None)]);
    assert_eq!(one(&report, Kind::Evidence).blame, Blame::Node);
}

#[test]
fn the_log_of_nobody_is_found() {
    let (g, z) = world();
    let mut ledger = g.ledger.clone();
    // An alliance without Z: another founding.
    let mut file = support::charter_file();
    let mut charter = suyuan_core::charter::Charter::decode(&file.charter).unwrap();
    charter.members.remove(1);
    file = suyuan_core::charter::CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    [0, 2].into_iter().for_each(|member| (1..=4).for_each(|purpose| file.sign(&key(member, purpose)).unwrap()));
    ledger.alliance = Arc::new(file.verify(None).unwrap());
    let report = audit(&g, &ledger, &g.view, NOW);
    assert!(wrong(&report).contains(&(Kind::Stranger, Some(z.own_log()), None)), "{:?}", wrong(&report));
    let _: &Ledger = &ledger;
}
