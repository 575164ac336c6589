//! An audit names every kind of damage, and nothing where there is none.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod damage;
mod decided;
mod members;
#[path = "../support/steady.rs"]
mod steady;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code)]
#[path = "../witnessing/world.rs"]
mod world;

use std::sync::Arc;

use support::Member;
use suyuan_core::log::LogId;
use suyuan_engine::audit::{Audit, Blame, Finding, Kind, Report};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::query::Reader;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::view::MemoryView;

/// Milliseconds; members of `support` write at 1000.
const NOW: u64 = 5_000;

/// Audits a node's copy as it stands in a view, without any secret.
fn audit(member: &Member, ledger: &Ledger, view: &MemoryView, now: u64) -> Report {
    let (secrets, published) = (EpochSecrets::default(), member.published.as_deref());
    let reader = Reader { ledger, secrets: &secrets, local: &member.local, view, published };
    finish(&reader, &support::charter_file().to_bytes(), now)
}

fn finish(reader: &Reader<'_, MemoryView>, charter: &[u8], now: u64) -> Report {
    let mut audit = Audit::new(reader, now);
    while let Some(signatures) = audit.step() {
        let (progress, logs) = (audit.progress(), audit.logs());
        assert!(progress.done <= progress.total && logs.0 <= logs.1);
        audit.judged(signatures.judge());
    }
    assert_eq!(audit.progress().done, audit.progress().total);
    audit.end(charter)
}

/// The same after a start on these rows.
fn reloaded(member: &Member, view: &MemoryView) -> Report {
    let ledger = Ledger::load(member.ledger.founded.clone(), member.id(), view, &member.local, &member.secrets).unwrap();
    audit(member, &ledger, view, NOW)
}

/// Kind, log and first entry of what was found, without what is only open.
fn wrong(report: &Report) -> Vec<(Kind, Option<LogId>, Option<u64>)> {
    let found = report.findings.listed.iter().filter(|finding| !finding.kind.is_open());
    found.map(|finding| (finding.kind, finding.log, finding.from)).collect()
}

fn kinds(report: &Report) -> Vec<Kind> {
    report.findings.listed.iter().map(|finding| finding.kind).collect()
}

fn one(report: &Report, kind: Kind) -> &Finding {
    report.findings.listed.iter().find(|finding| finding.kind == kind).unwrap_or_else(|| panic!("{kind:?} in {:?}", report.findings))
}

/// G with a log that fills a tile, and Z's with public and sealed sections replicated.
fn world() -> (Member, Member) {
    let alliance = support::alliance();
    let (mut g, mut z) = (Member::new(0, &alliance), Member::new(1, &alliance));
    z.pull(&g, g.own_log());
    let record = |number: u32| {
        format!(
            r#"{{"records":[{{"type":"note","sections":[{{"for":"public","fields":{{"n":{number}}}}},
            {{"for":["alliance"],"fields":{{"m":{number}}}}},{{"for":"self","fields":{{"cost":1}}}}]}}]}}"#
        )
    };
    (0..260).for_each(|number| g.put(&record(number)));
    (0..5).for_each(|number| z.put(&record(number)));
    g.pull(&z, z.own_log());
    (g, z)
}

#[test]
fn a_whole_copy_has_nothing_wrong_and_says_what_is_open() {
    let (g, z) = world();
    let report = reloaded(&g, &g.view);
    assert_eq!(wrong(&report), []);
    assert!(report.findings.nothing_wrong());
    assert_eq!(kinds(&report), [Kind::Unwitnessed, Kind::Unwitnessed], "nobody has cosigned either log");
    let [own, other] = [g.own_log(), z.own_log()].map(|log| report.logs.iter().find(|report| report.log == log).unwrap());
    assert_eq!((own.entries, own.statements, own.signatures, own.masked, own.former), (261, 261, 261, 0, false));
    assert_eq!((other.entries, other.statements, other.signatures, other.masked), (5, 5, 5, 0));
    let (head, time) = own.checkpoint.unwrap();
    assert_eq!((head, time), (g.ledger.logs.head(&g.own_log()).tree_head(), Some(1)));
    let order = report.order.unwrap();
    assert_eq!((order.entries, order.version, order.terms.len(), order.terms[0].keeper), (0, 0, 1, g.id()));
}

#[test]
fn what_is_written_while_an_audit_runs_is_not_its_matter() {
    let (mut g, _) = world();
    let begun = g.ledger.clone();
    let published = g.published.clone();
    (0..300).for_each(|_| g.put(r#"{"records":[{"type":"note","sections":[{"for":"public","fields":{"n":1}}]}]}"#));
    g.published = published;
    let report = audit(&g, &begun, &g.view, NOW);
    assert_eq!(wrong(&report), [], "the last tile has become full since");
    assert_eq!(report.logs.iter().find(|report| report.log == g.own_log()).unwrap().entries, 261);
}

#[test]
fn a_charter_that_its_founders_have_not_signed_is_found() {
    let (g, _) = world();
    let reader = Reader { ledger: &g.ledger, secrets: &g.secrets, local: &g.local, view: &g.view, published: None };
    let mut charter = support::charter_file();
    charter.signatures[3].1[7] ^= 1;
    assert_eq!(one(&finish(&reader, &charter.to_bytes(), NOW), Kind::Founding).blame, Blame::Node);
    assert_eq!(wrong(&finish(&reader, b"none", NOW))[0].0, Kind::Founding);
}

#[test]
fn findings_have_room_and_what_is_alike_is_one() {
    let (g, z) = world();
    let mut ledger = g.ledger.clone();
    // Z under other keys than it signed with.
    ledger.alliance = Arc::new(with_other_key(&g));
    let report = audit(&g, &ledger, &g.view, NOW);
    let signature = one(&report, Kind::Signature);
    assert_eq!((signature.log, signature.from, signature.count, signature.blame), (Some(z.own_log()), Some(0), 5, Blame::Author));
    assert!(!report.findings.nothing_wrong());
}

/// The alliance after Z has changed its keys, wrongly from the first entry on.
fn with_other_key(member: &Member) -> suyuan_core::charter::Alliance {
    members::with_keys(&member.ledger.alliance, 0)
}
