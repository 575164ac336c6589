//! Where members say that they are reached: the newest statement of the form counts, and no other.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use support::{Member, alliance};
use suyuan_core::circle::{PUBLIC, alliance_circle, self_circle};
use suyuan_core::section::Field;
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::addresses;
use suyuan_engine::author::Plan;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::submission::{Submission, SubmittedSection};

fn state(member: &mut Member, submission: &Submission) {
    let plan = Plan::new(submission.clone(), &member.ledger, &member.secrets, 1000).unwrap();
    member.write(vec![plan], None);
}

fn stated(node: &Member, of: &MemberId) -> Option<Vec<String>> {
    node.ledger.addresses.of(of).map(|stated| stated.addresses.clone())
}

fn section(circle: CircleId, name: &str, value: &str) -> SubmittedSection {
    SubmittedSection { audiences: vec![circle], fields: vec![Field { name: name.into(), value: value.into() }] }
}

#[test]
fn the_newest_statement_of_the_form_takes_the_place_of_all_before_it() {
    let alliance = alliance();
    let (mut g, mut z, mut r) = (Member::new(0, &alliance), Member::new(1, &alliance), Member::new(2, &alliance));
    let (id, log) = (g.id(), g.own_log());
    let drawn_up = |addresses: &[&str]| {
        let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
        addresses::draw_up(&alliance.id(), &addresses, false).unwrap()
    };
    assert_eq!(stated(&g, &id), None);
    state(&mut g, &drawn_up(&["/ip4/192.0.2.7/tcp/1"]));
    state(&mut g, &drawn_up(&["/ip4/192.0.2.7/tcp/2", "/dns/node.example.cn/tcp/2"]));
    let expected = Some(vec!["/ip4/192.0.2.7/tcp/2".to_owned(), "/dns/node.example.cn/tcp/2".to_owned()]);
    assert_eq!(stated(&g, &id), expected);
    z.pull(&g, log);
    r.pull(&g, log);
    assert_eq!((stated(&z, &id), stated(&r, &id), stated(&z, &z.id())), (expected.clone(), expected.clone(), None), "a regulator reads it too");
    for node in [&g, &z, &r] {
        let again = Ledger::load(alliance.clone(), node.id(), &node.view, &node.local, &node.secrets).unwrap();
        assert_eq!(again.addresses, node.ledger.addresses, "the same after a restart");
    }
    // What is not of the form has no effect, and leaves in place what has.
    let circle = alliance_circle(&alliance.id());
    let good = section(circle, "addresses", r#"["/ip4/192.0.2.7/tcp/3"]"#);
    let two = SubmittedSection { audiences: vec![circle, self_circle(&id)], ..good.clone() };
    let more = SubmittedSection { fields: [&good.fields[..], &[Field { name: "more".into(), value: "1".into() }]].concat(), ..good.clone() };
    let with = |sections: Vec<SubmittedSection>| Submission { sections, ..drawn_up(&[]) };
    let bad = [
        with(vec![section(circle, "addresses", r#"["/ip4/0.0.0.0/tcp/3"]"#)]),
        with(vec![section(circle, "addresses", r#""/ip4/192.0.2.7/tcp/3""#)]),
        with(vec![section(circle, "address", r#"["/ip4/192.0.2.7/tcp/3"]"#)]),
        with(vec![section(PUBLIC, "addresses", r#"["/ip4/192.0.2.7/tcp/3"]"#)]),
        with(vec![section(self_circle(&id), "addresses", r#"["/ip4/192.0.2.7/tcp/3"]"#)]),
        with(vec![good.clone(), good.clone()]),
        with(vec![two]),
        with(vec![more]),
        Submission { kind: "address".into(), ..with(vec![good]) },
    ];
    for submission in &bad {
        state(&mut g, submission);
        assert_eq!(stated(&g, &id), expected, "{submission:?}");
    }
    z.pull(&g, log);
    assert_eq!(stated(&z, &id), expected);
    // None at all is a statement as well: nobody dials this member any more.
    state(&mut g, &drawn_up(&[]));
    z.pull(&g, log);
    assert_eq!((stated(&z, &id), stated(&g, &id)), (Some(Vec::new()), Some(Vec::new())));
}
