//! Why a proposal with its approvals is no effect: every code, in the order of the page (`specs/resolution.md`).

use std::collections::BTreeMap;

use suyuan_core::charter::{Alliance, Role};
use suyuan_core::circle::alliance_circle;
use suyuan_core::id::{CircleId, MemberId, StatementId};
use suyuan_core::limits;
use suyuan_core::membership::{Agreement, Chair, Change, ChangeFault};
use suyuan_core::order::Order;
use suyuan_core::resolution::{APPROVE, COMMENT, Effect, OBJECT, PROPOSAL, Proposal, Refused, WITHDRAW, to_fields};

use crate::fixture::{TIME, field, secret};
use crate::world::{LATE, Public, admit, approval, codes_of, effect, four, id, judge, proposal, quoted, remove, rotate, variants};

variants!(Refused: Malformed, Proposal, Circle, Proposer, Subject, Superseded, Expired, Rule, Signers, Approval, Threshold, Change);

type Case = (&'static str, Refused, Result<(), Refused>);

/// A change that passes: a newcomer, proposed by the leader and approved by all three voters.
struct Draft {
    alliance: std::sync::Arc<Alliance>,
    proposal: Proposal,
}

impl Draft {
    fn new() -> Self {
        let alliance = four();
        let order = Order::founding(alliance.clone()).unwrap();
        let proposal = proposal(&order, admit(&alliance, 9, Role::Support));
        Self { alliance, proposal }
    }

    fn case(&self, name: &'static str, fault: Refused, effect: &Effect) -> Case {
        (name, fault, judge(&self.alliance, effect).map(|_| ()))
    }

    fn effect(&self) -> Effect {
        effect(&self.alliance, 0, &self.proposal, &[0, 1, 2])
    }

    fn with(&self, name: &'static str, fault: Refused, edit: impl Fn(&mut Proposal)) -> Case {
        let mut proposal = self.proposal.clone();
        edit(&mut proposal);
        self.case(name, fault, &effect(&self.alliance, 0, &proposal, &[0, 1, 2]))
    }

    fn edited(&self, name: &'static str, fault: Refused, edit: impl Fn(&mut Effect)) -> Case {
        let mut effect = self.effect();
        edit(&mut effect);
        self.case(name, fault, &effect)
    }
}

#[test]
fn every_reason_against_an_effect() {
    let draft = Draft::new();
    assert!(judge(&draft.alliance, &draft.effect()).is_ok());
    check([forms(&draft), proposals(&draft), rules(&draft), signers(&draft), approvals(&draft), thresholds(&draft)].concat());
}

fn forms(draft: &Draft) -> Vec<Case> {
    let alliance = &draft.alliance;
    let fields = |edit: fn(&mut Vec<suyuan_core::section::Field>)| {
        let mut fields = to_fields(&draft.proposal).unwrap();
        edit(&mut fields);
        let proposal = Public::new(alliance, 0, PROPOSAL, Vec::new(), fields);
        Effect { approvals: vec![approval(alliance, 0, &proposal.signed.id)], proposal: proposal.disclosed() }
    };
    let of = |name, edit| draft.case(name, Refused::Malformed, &fields(edit));
    vec![
        of("a field more", |fields| fields.push(field("more", "1"))),
        of("a field less", |fields| fields.truncate(4)),
        of("a field of another kind", |fields| fields[0].value = "[]".into()),
        draft.edited("no approvals", Refused::Malformed, |effect| effect.approvals.clear()),
        draft.edited("too many approvals", Refused::Malformed, |effect| effect.approvals = vec![effect.approvals[0].clone(); limits::SIGNERS + 1]),
        draft.with("no signers", Refused::Malformed, |proposal| proposal.signers.clear()),
        draft.with("signers that do not ascend", Refused::Malformed, |proposal| proposal.signers.reverse()),
        draft.with("a signer twice", Refused::Malformed, |proposal| proposal.signers[1] = proposal.signers[0]),
        draft.with("a weight of nothing", Refused::Malformed, |proposal| proposal.signers[0].1 = 0),
        draft.with("a weight beyond its bound", Refused::Malformed, |proposal| proposal.signers[0].1 = limits::WEIGHT + 1),
        draft.with("no threshold", Refused::Malformed, |proposal| proposal.threshold = 0),
        draft.with("a threshold beyond all weights", Refused::Malformed, |proposal| proposal.threshold = 4),
        draft.with("no subject", Refused::Malformed, |proposal| proposal.slot.subject.clear()),
        draft.with("a subject that is too long", Refused::Malformed, |proposal| proposal.slot.subject = "a".repeat(limits::SUBJECT + 1)),
        draft.with("a number that is no number elsewhere", Refused::Malformed, |proposal| proposal.expires = limits::INTEGER + 1),
        draft.with("a reason that is too long", Refused::Malformed, |proposal| proposal.reason = "a".repeat(limits::COMMENT + 1)),
    ]
}

fn proposals(draft: &Draft) -> Vec<Case> {
    let alliance = &draft.alliance;
    let fields = || to_fields(&draft.proposal).unwrap();
    let of = |name, proposal: Public| {
        let approvals = vec![approval(alliance, 0, &proposal.signed.id)];
        draft.case(name, Refused::Proposal, &Effect { proposal: proposal.disclosed(), approvals })
    };
    let edited = |name, edit: fn(&mut suyuan_core::resolution::Disclosed)| draft.edited(name, Refused::Proposal, |effect| edit(&mut effect.proposal));
    let (mut other_body, other_header) = (Public::new(alliance, 0, PROPOSAL, Vec::new(), fields()), vec![0x80]);
    other_body.body = Public::new(alliance, 1, PROPOSAL, Vec::new(), fields()).body;
    let header = Public { header: other_header, ..Public::new(alliance, 0, PROPOSAL, Vec::new(), fields()) };
    vec![
        of("another type", Public::new(alliance, 0, APPROVE, Vec::new(), fields())),
        of("a stranger's key", Public::signed_with(&secret(9, "log"), alliance, 0, PROPOSAL, Vec::new(), fields())),
        of("the author's witness key", Public::signed_with(&secret(0, "witness"), alliance, 0, PROPOSAL, Vec::new(), fields())),
        of("another member's key", Public::signed_with(&secret(1, "log"), alliance, 0, PROPOSAL, Vec::new(), fields())),
        of("another body", other_body),
        of("another header", header),
        edited("no base64", |proposal| proposal.statement = "!".into()),
        edited("a signature that is cut", |proposal| proposal.signature.truncate(80)),
        edited("bytes that are no statement", |proposal| proposal.statement = "AAAA".into()),
    ]
}

fn rules(draft: &Draft) -> Vec<Case> {
    let regulator = effect(&draft.alliance, 3, &draft.proposal, &[0, 1, 2]);
    let mut late = draft.effect().check(&draft.proposal.circle, &draft.alliance, &BTreeMap::new(), LATE);
    assert!(late.is_ok(), "the last moment still counts");
    late = draft.effect().check(&draft.proposal.circle, &draft.alliance, &BTreeMap::new(), LATE + 1);
    let versions = BTreeMap::from([(draft.proposal.slot.subject.clone(), 1)]);
    let settled = draft.effect().check(&draft.proposal.circle, &draft.alliance, &versions, TIME);
    vec![
        draft.with("another circle", Refused::Circle, |proposal| proposal.circle = CircleId([9; 32])),
        draft.case("a regulator proposes", Refused::Proposer, &regulator),
        draft.with("another subject", Refused::Subject, |proposal| proposal.slot.subject = "charter".into()),
        draft.with("a version that is not yet", Refused::Superseded, |proposal| proposal.slot.version = 1),
        ("a version that was", Refused::Superseded, settled.map(|_| ())),
        ("after its end", Refused::Expired, late.map(|_| ())),
        draft.with("rules that are not yet", Refused::Rule, |proposal| proposal.rule = 1),
    ]
}

fn signers(draft: &Draft) -> Vec<Case> {
    let alliance = &draft.alliance;
    let order = Order::founding(alliance.clone()).unwrap();
    let mut against = proposal(&order, remove(alliance, 2));
    against.signers.push((id(alliance, 2), 1));
    against.signers.sort_unstable();
    vec![
        draft.with("a weight of two", Refused::Signers, |proposal| proposal.signers[0].1 = 2),
        draft.case("whom the removal is about", Refused::Signers, &effect(alliance, 0, &against, &[0, 1])),
    ]
}

fn approvals(draft: &Draft) -> Vec<Case> {
    let alliance = &draft.alliance;
    let vote = |author, kind: &str, references| Public::new(alliance, author, kind, references, vec![field("comment", "\"\"")]).wrapped();
    let proposal = Public::new(alliance, 0, PROPOSAL, Vec::new(), to_fields(&draft.proposal).unwrap()).signed.id;
    let one = |name, vote: suyuan_core::resolution::Signed| draft.edited(name, Refused::Approval, |effect| effect.approvals = vec![vote.clone()]);
    let other = StatementId([9; 32]);
    let stranger = Public::signed_with(&secret(9, "log"), alliance, 1, APPROVE, vec![proposal], vec![field("comment", "\"\"")]);
    vec![
        one("an objection", vote(1, OBJECT, vec![proposal])),
        one("a withdrawal", vote(1, WITHDRAW, vec![proposal])),
        one("a comment", vote(1, COMMENT, vec![proposal])),
        one("for another proposal", vote(1, APPROVE, vec![other])),
        one("for another proposal first", vote(1, APPROVE, vec![other, proposal])),
        one("for nothing", vote(1, APPROVE, Vec::new())),
        one("a stranger's key", stranger.wrapped()),
        draft.edited("twice", Refused::Approval, |effect| effect.approvals[1] = effect.approvals[0].clone()),
        draft.edited("not ascending", Refused::Approval, |effect| effect.approvals.reverse()),
    ]
}

fn thresholds(draft: &Draft) -> Vec<Case> {
    let alliance = &draft.alliance;
    let of = |name, proposal: &Proposal, approvers: &[usize]| draft.case(name, Refused::Threshold, &effect(alliance, 0, proposal, approvers));
    let mut strict = draft.proposal.clone();
    strict.threshold = 3;
    let mut few = draft.proposal.clone();
    few.signers.retain(|(member, _)| *member == id(alliance, 0));
    let chair = |member| proposal(&Order::founding(alliance.clone()).unwrap(), Change::Chair(Chair { member: id(alliance, member) }));
    let gone = alliance.changed(&remove(alliance, 1)).unwrap();
    let former = judge(&gone, &effect(&gone, 0, &draft.proposal, &[0, 1])).map(|_| ());
    let mut regulator = draft.proposal.clone();
    regulator.signers.push((id(alliance, 3), 1));
    regulator.signers.sort_unstable();
    let agreed = |signers: &[(usize, u64)]| {
        let mut proposal = proposal(&Order::founding(alliance.clone()).unwrap(), Change::Agree(Agreement { title: "a".into(), text: "b".into() }));
        proposal.signers = signers.iter().map(|(member, weight)| (id(alliance, *member), *weight)).collect();
        proposal.signers.sort_unstable();
        proposal
    };
    vec![
        of("one of three, where two thirds are asked for", &draft.proposal, &[0]),
        of("two of three, where the proposal asks for three", &strict, &[0, 1]),
        of("those who are not asked", &few, &[0, 1, 2]),
        of("one of three, where a majority is asked for", &chair(1), &[1]),
        of("half the weight of an agreement", &agreed(&[(0, 2), (1, 1), (2, 1)]), &[1, 2]),
        of("a regulator", &regulator, &[0, 3]),
        ("a former member", Refused::Threshold, former),
        draft.case("a change that cannot be made", Refused::Change(ChangeFault::Office), &effect(alliance, 0, &chair(0), &[0, 1, 2])),
    ]
}

/// A signer may be anybody who was asked; what it brings is counted only while it votes.
#[test]
fn whoever_is_no_voter_brings_nothing() {
    let draft = Draft::new();
    let mut proposal = draft.proposal.clone();
    proposal.signers.push((MemberId([9; 32]), 1));
    proposal.signers.sort_unstable();
    assert!(judge(&draft.alliance, &effect(&draft.alliance, 0, &proposal, &[0, 1])).is_ok());
    let (circle, slots) = (alliance_circle(&draft.alliance.id()), BTreeMap::new());
    assert_eq!(proposal.check(&circle, &id(&draft.alliance, 0), &draft.alliance, &slots, TIME), Ok(()));
    assert!(!proposal.tally([&MemberId([9; 32]), &id(&draft.alliance, 0)], &draft.alliance).is_enough());
}

/// Approvals are counted by member: who has exchanged its log key, and signs with both, has one voice.
#[test]
fn a_member_with_two_keys_counts_once() {
    let turned = four().changed(&Change::Keys(rotate(&four(), 1, Some("log 2"), None, 100))).unwrap();
    let order = Order::founding(std::sync::Arc::new(turned.clone())).unwrap();
    let proposal = proposal(&order, admit(&turned, 9, Role::Support));
    let drawn = Public::new(&turned, 0, PROPOSAL, Vec::new(), to_fields(&proposal).unwrap());
    let with = |author, key: &str| {
        let fields = vec![field("comment", "\"\"")];
        Public::signed_with(&secret(author, key), &turned, author, APPROVE, vec![drawn.signed.id], fields).wrapped()
    };
    let judged =
        |approvals: [suyuan_core::resolution::Signed; 2]| judge(&turned, &Effect { proposal: drawn.disclosed(), approvals: approvals.into() });
    let one = id(&turned, 1);
    let (first, second) = if id(&turned, 0) < one { ((0, "log"), (1, "log")) } else { ((1, "log"), (0, "log")) };
    assert!(judged([with(first.0, first.1), with(second.0, second.1)]).is_ok(), "two members are enough");
    for keys in [["log", "log 2"], ["log 2", "log"]] {
        assert_eq!(judged(keys.map(|key| with(1, key))).map(|_| ()), Err(Refused::Approval), "{keys:?}");
    }
    assert_eq!(proposal.tally([&one, &one], &turned).reached, 1);
}

/// The page names the codes of the program, in the order in which they are checked.
#[test]
fn the_page_lists_every_code() {
    let first = |line: &str| if line.starts_with("| `") { quoted(line).into_iter().take(1).collect() } else { Vec::new() };
    let page = codes_of("resolution.md", "| fault |", "Members are", first);
    let all = [
        Refused::Malformed,
        Refused::Proposal,
        Refused::Circle,
        Refused::Proposer,
        Refused::Subject,
        Refused::Superseded,
        Refused::Expired,
        Refused::Rule,
        Refused::Signers,
        Refused::Approval,
        Refused::Threshold,
        Refused::Change(ChangeFault::Form),
    ];
    assert_eq!(page, all.map(Refused::code));
    assert_eq!(all.map(name), NAMES, "every code has its line");
}
