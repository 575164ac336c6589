//! A member that shows two histories is convicted by any two honest nodes that hold them; nobody else ever is.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use std::sync::Arc;

use support::{Member, alliance};
use suyuan_core::Fault;
use suyuan_core::charter::Alliance;
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_core::equivocation::{Conviction, Evidence};
use suyuan_core::log::LogId;
use suyuan_engine::author::{AuthorError, Plan};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::equivocation::{self, CompareError, Comparison, Convictions};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::replica::BatchError;
use suyuan_engine::serve;
use suyuan_engine::submission::{Submission, SubmittedSection};
use suyuan_engine::view::Changes;
use suyuan_engine::wire::{Head, Request, Response, ShownEntry};

const NOTE: &str = r#"{"records":[{"type":"note","sections":[{"for":"public","fields":{"a":1}}]}]}"#;

fn notes(member: &mut Member, count: usize) {
    (0..count).for_each(|_| member.put(NOTE));
}

/// The same member twice, after so many entries in common: the second goes its own way.
fn split(alliance: &Arc<Alliance>, common: usize, one: usize, other: usize) -> (Member, Member) {
    let (mut first, mut second) = (Member::new(1, alliance), Member::new(1, alliance));
    notes(&mut first, common);
    notes(&mut second, common);
    assert_eq!(first.ledger.logs, second.ledger.logs);
    // From here on, what it writes differs.
    second.rng = rand::SeedableRng::seed_from_u64(999);
    notes(&mut first, one);
    notes(&mut second, other);
    (first, second)
}

fn heads(member: &Member, of: &Member) -> Vec<Head> {
    let answer = serve::answer(&Request::Heads, &of.id(), &member.ledger, member.published.as_deref(), &member.view, &member.local);
    let Response::Heads(heads) = answer.unwrap() else { panic!("heads") };
    heads
}

fn shown(by: &Member, log: LogId, index: u64) -> Option<ShownEntry> {
    equivocation::show(&log, index, &by.ledger, by.published.as_deref(), &by.view).unwrap()
}

fn compare(at: &Member, log: LogId, index: u64, theirs: &ShownEntry) -> Result<Comparison, CompareError> {
    equivocation::compare(&log, index, theirs, &at.ledger, at.published.as_deref(), &at.view)
}

/// What a node does that hears from another.
fn differing(at: &Member, from: &Member) -> Vec<(LogId, u64)> {
    let found = equivocation::differing(&heads(from, at), &at.ledger, &at.view).unwrap();
    found.into_iter().map(|log| (log.log, log.size)).collect()
}

/// Looks for the place where two copies part as the sessions do, though entry by entry.
fn convict(at: &mut Member, from: &Member, log: LogId) -> Conviction {
    let found = (0..).find_map(|index| compare(at, log, index, &shown(from, log, index)?).unwrap().evidence);
    accept(at, *found.unwrap())
}

fn accept(at: &mut Member, evidence: Evidence) -> Conviction {
    let evidence = Evidence::decode(&evidence.to_bytes()).unwrap();
    let conviction = equivocation::judge(evidence, &at.ledger).unwrap().unwrap();
    let mut changes = Changes::default();
    Convictions::save(&conviction, &mut changes);
    at.view.apply(&changes);
    reload(at);
    conviction
}

fn reload(at: &mut Member) {
    at.ledger = Ledger::load(at.ledger.alliance.clone(), at.id(), &at.view, &at.local, &at.secrets).unwrap();
}

#[test]
fn two_honest_nodes_that_exchange_heads_convict_and_agree_on_the_last_common_point() {
    let alliance = alliance();
    for (common, one, other) in [(0, 1, 1), (1, 3, 1), (7, 1, 9), (8, 8, 8), (300, 20, 700), (255, 2, 300)] {
        let (first, second) = split(&alliance, common, one, other);
        let (mut g, mut r) = (Member::new(0, &alliance), Member::new(2, &alliance));
        let log = first.own_log();
        g.pull(&first, log);
        r.pull(&second, log);
        let longer = if one >= other { (differing(&g, &r), other) } else { (differing(&r, &g), one) };
        assert_eq!(longer.0, [(log, (common + longer.1) as u64)], "the one that has more sees it");
        for conviction in [convict(&mut g, &r, log), convict(&mut r, &g, log)] {
            assert_eq!((conviction.log(), conviction.common()), (log, Some(common as u64)));
            assert!(conviction.evidence().to_bytes().len() < 4096, "{}", conviction.evidence().to_bytes().len());
        }
        assert_eq!(g.ledger.convictions.of(&log).unwrap().sizes(), r.ledger.convictions.of(&log).unwrap().sizes());
        assert_eq!((differing(&g, &r), differing(&r, &g)), (vec![], vec![]), "up to the last common point they agree");
    }
}

#[test]
fn a_log_with_two_histories_is_frozen_at_the_last_common_point() {
    let alliance = alliance();
    let (first, second) = split(&alliance, 5, 4, 6);
    let (mut g, mut r) = (Member::new(0, &alliance), Member::new(2, &alliance));
    let log = first.own_log();
    g.pull(&first, log);
    let evidence = convict(&mut g, &second, log).evidence().clone();
    // R has three of the entries, and hears of it.
    let mut early = Member::new(1, &alliance);
    notes(&mut early, 3);
    r.pull(&early, log);
    accept(&mut r, evidence.clone());
    let pull = |from: &Member, at: &Member| {
        let request = Request::Pull { log, from: at.ledger.logs.head(&log).size() };
        serve::answer(&request, &at.id(), &from.ledger, from.published.as_deref(), &from.view, &from.local).unwrap()
    };
    let Response::Batch(Some(beyond)) = pull(&first, &r) else { panic!("a batch") };
    assert_eq!(r.take_in(*beyond).unwrap_err(), BatchError::Frozen, "nothing beyond it is taken, and nobody is blamed");
    r.pull(&g, log);
    assert_eq!(r.ledger.logs.head(&log).size(), 5, "what is common is");
    assert_eq!(pull(&g, &r), Response::Batch(None), "nor is more handed on");
    assert_eq!(g.ledger.logs.head(&log).size(), 9, "what is here stays");
    assert!(g.ledger.convictions.is_beyond(&log, 5) && !g.ledger.convictions.is_beyond(&log, 4));
    assert_eq!(equivocation::judge(evidence, &g.ledger), Ok(None), "once is enough");
    assert!(equivocation::may_author(&g.ledger, &g.id()) && !equivocation::may_author(&g.ledger, &log.member));
}

#[test]
fn what_a_convicted_member_stated_beyond_the_common_point_has_no_effect() {
    let alliance = alliance();
    let (mut first, second) = split(&alliance, 5, 0, 1);
    let (g, mut r) = (Member::new(0, &alliance), Member::new(2, &alliance));
    let (log, leader) = (first.own_log(), g.own_log());
    first.pull(&g, leader);
    r.pull(&g, leader);
    let members = vec![CircleMember { member: r.id(), rights: Rights::Read }];
    let grant = |name: &str| CircleRequest {
        circle: None,
        name: name.into(),
        purpose: String::new(),
        tier: Tier::Authorized,
        members: members.clone(),
        terms: Terms::default(),
        until: None,
    };
    let circle = first.open_circle(grant("after"));
    r.pull(&first, log);
    assert!(r.ledger.circles.circle(&circle).is_some());
    convict(&mut r, &second, log);
    assert!(r.ledger.circles.circle(&circle).is_none(), "not even at once");
    reload(&mut r);
    assert!(r.ledger.circles.circle(&circle).is_none());
    let sections = vec![SubmittedSection { audiences: vec![circle], fields: Vec::new() }];
    let late = Submission { kind: "note".into(), about: Vec::new(), references: Vec::new(), time: None, sections };
    let refused = Plan::new(late, &r.ledger, &r.secrets, 1000).unwrap_err();
    assert_eq!(refused, AuthorError::NoKey(circle), "its key is here, and what is sealed under it would reach nobody");
    assert!(r.ledger.circles.iter().count() > 0, "what others stated has");
}

#[test]
fn an_earlier_parting_is_worth_a_second_word_and_a_later_one_is_not() {
    let alliance = alliance();
    let (first, second) = split(&alliance, 20, 5, 5);
    let (_, third) = split(&alliance, 3, 5, 30);
    let mut g = Member::new(0, &alliance);
    let log = first.own_log();
    g.pull(&first, log);
    assert_eq!(convict(&mut g, &second, log).common(), Some(20));
    assert_eq!(convict(&mut g, &third, log).common(), Some(3));
    let later = compare(&g, log, 21, &shown(&second, log, 21).unwrap()).unwrap().evidence.unwrap();
    assert_eq!(equivocation::judge(*later, &g.ledger), Ok(None));
    assert_eq!(g.ledger.convictions.common(&log), Some(3));
}

#[test]
fn who_crashed_restored_a_backup_or_lags_is_not_convicted() {
    let alliance = alliance();
    let (mut z, mut old) = (Member::new(1, &alliance), Member::new(1, &alliance));
    let (mut g, mut r) = (Member::new(0, &alliance), Member::new(2, &alliance));
    let log = z.own_log();
    notes(&mut z, 40);
    notes(&mut old, 25);
    g.pull(&z, log);
    // The disk of Z is back at 25 entries: it says so, and shows what it has.
    for restored in [&old, &Member::new(1, &alliance)] {
        assert_eq!((differing(&g, restored), differing(restored, &g)), (vec![], vec![]));
    }
    r.pull(&old, log);
    assert_eq!((differing(&g, &r), differing(&r, &g)), (vec![], vec![]));
    for index in 0..25 {
        let found = compare(&g, log, index, &shown(&old, log, index).unwrap()).unwrap();
        assert_eq!(found, Comparison { before: true, entry: true, evidence: None });
    }
    assert_eq!(shown(&old, log, 25), None, "what it does not have it does not show");
    // It crashed between writing and publishing: what it wrote is not covered by any checkpoint.
    let published = z.published.clone();
    notes(&mut z, 3);
    z.published = published;
    assert_eq!(shown(&z, log, 41), None);
    assert_eq!((differing(&g, &z), differing(&z, &g)), (vec![], vec![]));
}

#[test]
fn nobody_is_convicted_by_what_it_did_not_sign() {
    let alliance = alliance();
    let (first, second) = split(&alliance, 5, 4, 4);
    let mut g = Member::new(0, &alliance);
    let log = first.own_log();
    g.pull(&first, log);
    let good = shown(&second, log, 6).unwrap();
    let mut lie = good.clone();
    lie.shown.entry.0[0] ^= 1;
    assert_eq!(compare(&g, log, 6, &lie), Err(CompareError::Sender(Fault::Inclusion)));
    let mut lie = good.clone();
    lie.checkpoint = lie.checkpoint.replacen("\n9\n", "\n8\n", 1);
    assert_eq!(compare(&g, log, 6, &lie), Err(CompareError::Sender(Fault::CheckpointSignature)));
    let mut lie = good.clone();
    lie.checkpoint = g.published.clone().unwrap();
    assert_eq!(compare(&g, log, 6, &lie), Err(CompareError::Sender(Fault::Origin)));
    assert_eq!(compare(&g, log, 7, &good), Err(CompareError::Sender(Fault::Inclusion)));
    let evidence = *compare(&g, log, 6, &good).unwrap().evidence.unwrap();
    for (change, fault) in [(0, Fault::Author), (1, Fault::Origin)] {
        let mut forged = evidence.clone();
        forged.member = if change == 0 { suyuan_core::MemberId([1; 32]) } else { g.id() };
        assert_eq!(equivocation::judge(forged, &g.ledger), Err(fault));
    }
    // Evidence is no larger because somebody wrote more below the notes.
    let mut noisy = good;
    noisy.checkpoint.push_str(&"— other YWFhYWFhYWFh\n".repeat(60));
    assert_eq!(*compare(&g, log, 6, &noisy).unwrap().evidence.unwrap(), evidence);
}
