//! What a node gives effect to when it stands in a log: by its type alone, whatever its fields would do under another.

use suyuan_core::StatementId;
use suyuan_core::circle::{PUBLIC, Terms, Tier};
use suyuan_core::id::CircleId;
use suyuan_core::order::{Entry, EpochEntry, Freeze};
use suyuan_core::resolution::to_fields;
use suyuan_core::section::Field;
use suyuan_engine::author::Plan;
use suyuan_engine::decisions::{Choice, Invitation, ProposalRequest, propose};
use suyuan_engine::epoch::{self, CircleRequest};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::record::HeldRecord;
use suyuan_engine::schema::Row;
use suyuan_engine::submission::Submission;
use suyuan_engine::void::{Judgement, judge};

use crate::kinds::Kind;
use crate::support::{Member, key};
use crate::world::{Place, Side, field};

pub fn places() -> Vec<Place> {
    let place = |name, own, offer| Place { name, own, offer, wants_statements: true, foreign: "frame", other: "no effect", elsewhere: "inclusion" };
    vec![
        place("an epoch that opens a circle", |kind| is(kind, "suyuan.circle"), opens),
        place("an address", |kind| is(kind, "suyuan.address"), states),
        place("an invitation", |kind| is(kind, "suyuan.invitation"), invites),
        place("a proposal that is known", |kind| is(kind, "suyuan.proposal"), proposes),
        place("an approval that is known", |kind| is(kind, "suyuan.approve"), |here, kind, side| votes(here, kind, side, Choice::Approve)),
        place("an objection that is known", |kind| is(kind, "suyuan.object"), |here, kind, side| votes(here, kind, side, Choice::Object)),
        place("a withdrawal that is known", |kind| is(kind, "suyuan.withdraw"), |here, kind, side| votes(here, kind, side, Choice::Withdraw)),
        place("a comment that is known", |kind| is(kind, "suyuan.comment"), |here, kind, side| votes(here, kind, side, Choice::Comment)),
        place("a vote to freeze that is known", |kind| is(kind, "suyuan.freeze"), freezes),
        place("an entry of the order log that is known", |kind| is(kind, "suyuan.order"), orders),
    ]
}

fn is(kind: &Kind, name: &str) -> bool {
    kind.name() == name
}

/// Writes what a kind would be in this place into the log of the same member in its own alliance, and gives it to this alliance at the same place.
fn give(here: &mut Member, there: Option<&mut Member>, kind: &Kind, side: &Side, plan: Plan, effect: impl Fn(&Ledger) -> bool) -> Result<(), String> {
    assert!(!effect(&here.ledger));
    let head = here.ledger.logs.head(&here.own_log()).clone();
    let record = match kind {
        Kind::Statement(name) => {
            let writer = there.unwrap_or(here);
            writer.write_silently(Plan { kind: (*name).into(), ..plan });
            let row = Row { log: 0, sequence: writer.ledger.logs.head(&writer.own_log()).size() - 1 };
            Some(HeldRecord::load(row, &writer.view, &writer.local).unwrap().unwrap())
        }
        _ => None,
    };
    let bytes = record.as_ref().map_or_else(|| kind.message(side, &key(0, 2).public()), |record| record.bytes.clone());
    let place = head.id.place(head.size());
    match judge(&bytes, &place, &suyuan_core::statement::id_of(&bytes), &head.chain).unwrap() {
        Judgement::Valid(_) => {}
        Judgement::Void(fault) => return Err(fault.code().to_owned()),
        Judgement::Later => return Err("later".into()),
    }
    // Void where it is an epoch of nothing: that too is no effect.
    here.ledger.learn(&record.unwrap(), &here.secrets).unwrap();
    if effect(&here.ledger) { Ok(()) } else { Err("no effect".into()) }
}

/// Offers a statement with one section of these fields.
fn offer(here: &Side, kind: &Kind, side: &Side, draft: impl Fn(&mut Member) -> Submission, effect: impl Fn(&Ledger) -> bool) -> Result<(), String> {
    let mut member = Member::new(0, &here.alliance);
    let mut other = (here.alliance.id() != side.alliance.id()).then(|| Member::new(0, &side.alliance));
    let mut submission = draft(&mut member);
    if other.is_some() {
        // Sealed for the circle of its own alliance: everything else is as it would be here.
        let (own, theirs) = (here.circle(), side.circle());
        let audiences = submission.sections.iter_mut().flat_map(|section| &mut section.audiences);
        audiences.filter(|audience| **audience == own).for_each(|audience| *audience = theirs);
    }
    let writer = other.as_ref().unwrap_or(&member);
    let plan = Plan::new(submission, &writer.ledger, &writer.secrets, 1000).unwrap();
    give(&mut member, other.as_mut(), kind, side, plan, effect)
}

fn one(audience: CircleId, references: Vec<StatementId>, fields: Vec<Field>) -> Submission {
    let sections = vec![suyuan_engine::submission::SubmittedSection { audiences: vec![audience], fields }];
    Submission { kind: "inspection".into(), about: Vec::new(), references, time: None, sections }
}

fn opens(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let request = CircleRequest {
        circle: None,
        name: "c".into(),
        purpose: String::new(),
        tier: Tier::Authorized,
        members: Vec::new(),
        terms: Terms::default(),
        until: None,
    };
    let mut member = Member::new(0, &here.alliance);
    let mut other = (here.alliance.id() != side.alliance.id()).then(|| Member::new(0, &side.alliance));
    let writer = other.as_mut().unwrap_or(&mut member);
    let (new, _) = epoch::draw_up(request, &writer.ledger, &writer.secrets, 1000, &mut writer.rng).unwrap();
    let circle = new.content.circle;
    for known in [Some(&mut member), other.as_mut()].into_iter().flatten() {
        known.secrets.insert(circle, new.content.epoch, new.secret.clone());
    }
    give(&mut member, other.as_mut(), kind, side, new.plan, |ledger| ledger.circles.circle(&circle).is_some())
}

fn states(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let draft = |_: &mut Member| one(here.circle(), Vec::new(), vec![field("addresses", r#"["/ip4/192.0.2.7/tcp/7401"]"#)]);
    offer(here, kind, side, draft, |ledger| ledger.addresses.of(&ledger.me).is_some())
}

fn invites(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let invitation = Invitation { name: "N".into(), role: suyuan_core::charter::Role::Support, expires: 2000, digest: StatementId([1; 32]) };
    let draft = |_: &mut Member| one(here.circle(), Vec::new(), to_fields(&invitation).unwrap());
    offer(here, kind, side, draft, |ledger| ledger.decisions.invitations().next().is_some())
}

/// A proposal as the writer would draw it up.
fn drawn(member: &Member) -> Submission {
    let change = suyuan_core::membership::Change::Agree(suyuan_core::membership::Agreement { title: "price".into(), text: "one".into() });
    let request = ProposalRequest { change, expires: 1 << 50, reason: String::new(), signers: Vec::new(), threshold: None };
    propose(request, &member.ledger.decisions, &member.id(), 1000).unwrap()
}

fn proposes(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    offer(here, kind, side, |member| drawn(member), |ledger| !ledger.decisions.proposals().is_empty())
}

fn votes(here: &Side, kind: &Kind, side: &Side, choice: Choice) -> Result<(), String> {
    let proposal = StatementId([3; 32]);
    let draft = |_: &mut Member| one(here.circle(), vec![proposal], vec![field("comment", "\"\"")]);
    offer(here, kind, side, draft, |ledger| ledger.decisions.votes(&proposal).any(|(_, vote)| vote.choice == choice))
}

fn freezes(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let freeze = Freeze { circle: here.circle(), term: 2, head: None };
    offer(here, kind, side, |_| one(PUBLIC, Vec::new(), to_fields(&freeze).unwrap()), |ledger| !ledger.decisions.freezes().is_empty())
}

fn orders(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let epoch = Some(EpochEntry { epoch: 2, statement: StatementId([4; 32]) });
    let previous = StatementId([0; 32]);
    let entry = Entry { circle: here.circle(), term: 1, index: 0, previous, certificate: None, takeover: None, effect: None, epoch };
    let size = |ledger: &Ledger| ledger.decisions.tip().head().size;
    offer(here, kind, side, |_| one(PUBLIC, Vec::new(), to_fields(&entry).unwrap()), |ledger| size(ledger) > 0)
}
