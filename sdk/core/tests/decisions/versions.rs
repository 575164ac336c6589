//! The versions of a charter: since when each is in force, by whose word, and what it changed (`specs/membership.md`, Versions).

use std::collections::BTreeMap;

use suyuan_core::charter::{Alliance, Role};
use suyuan_core::log::witness_name;
use suyuan_core::membership::{Agreement, Amendment, Chair, Change, RoleChange, Rule};
use suyuan_core::note::{add_cosignature, sign_head};
use suyuan_core::order::{ENTRY, Entry, FREEZE, Freeze, Order, origin};
use suyuan_core::recovery::Compromise;
use suyuan_core::resolution::to_fields;
use suyuan_core::version::{Difference, RULED};

use crate::fixture::{TIME, secret};
use crate::world::{Public, admit, blank, effect, follow, founded, id, proposal, recover, remove, rotate};

/// Seconds of the founding.
const BEGAN: u64 = TIME / 1000;

fn five() -> Order {
    let roles = [Role::Leader, Role::Upstream, Role::Downstream, Role::Support, Role::Regulator];
    Order::founding(founded(&roles)).unwrap()
}

/// The head of a state, cosigned by members at times in seconds after the founding.
fn seen(order: &Order, keeper: usize, witnesses: &[(usize, u64)]) -> String {
    let alliance = &order.alliance;
    let note = sign_head(&origin(&alliance.id(), &order.circle, order.term), &order.head(), &secret(keeper, "log"));
    witnesses.iter().fold(note, |note, (witness, after)| {
        let name = witness_name(&alliance.id(), &id(alliance, *witness));
        add_cosignature(&note, &name, &secret(*witness, "witness"), BEGAN + after).unwrap()
    })
}

fn decide(order: &Order, change: Change, approvers: &[usize]) -> Order {
    let effect = effect(&order.alliance, approvers[0], &proposal(order, change), approvers);
    follow(order, &Entry { effect: Some(Box::new(effect)), ..blank(order) }).unwrap()
}

fn certify(order: &Order, note: String) -> Order {
    follow(order, &Entry { certificate: Some(note), ..blank(order) }).unwrap()
}

fn times(order: &Order) -> Vec<u64> {
    order.versions().iter().map(|version| version.time.saturating_sub(TIME)).collect()
}

fn amended(edit: impl FnOnce(&mut Amendment)) -> Change {
    let mut amendment = Amendment::default();
    edit(&mut amendment);
    Change::Charter(Box::new(amendment))
}

#[test]
fn a_version_is_in_force_since_an_honest_voter_had_seen_its_decision() {
    let order = five();
    let decided = decide(&order, amended(|charter| charter.name = Some("new".into())), &[0, 1, 2]);
    assert_eq!(times(&decided), [0], "what is not certified is no version");
    // Of four voters one may lie: the earliest time may be its own invention, the second is not.
    for (witnesses, since) in [([(1, 5), (2, 70)], 70_000), ([(1, 90), (2, 0)], 90_000)] {
        let settled = certify(&decided, seen(&decided, 0, &witnesses));
        assert_eq!(times(&settled), [0, since]);
        assert_eq!(settled.versions()[1].alliance, &*settled.alliance);
    }
    let all = certify(&decided, seen(&decided, 0, &[(3, 400), (1, 5), (2, 70)]));
    assert_eq!(times(&all), [0, 70_000]);
    let agreed = certify(&all, seen(&all, 0, &[(1, 500), (2, 500)]));
    let agreed = decide(&agreed, Change::Agree(Agreement { title: "price".into(), text: "one".into() }), &[0, 1, 2]);
    let agreed = certify(&agreed, seen(&agreed, 0, &[(1, 600), (2, 600)]));
    assert_eq!(times(&agreed), [0, 70_000], "an agreement changes nothing of the charter");
}

#[test]
fn versions_follow_each_other_whatever_clocks_say() {
    let mut order = five();
    for (after, name) in [(500, "one"), (20, "two"), (600, "three")] {
        let decided = decide(&order, amended(|charter| charter.name = Some(name.into())), &[0, 1, 2]);
        let settled = certify(&decided, seen(&decided, 0, &[(1, after), (2, after)]));
        order = certify(&settled, seen(&settled, 0, &[(1, after), (2, after)]));
    }
    assert_eq!(times(&order), [0, 500_000, 500_000, 600_000]);
    let at = |after: u64| order.version_at(TIME + after).map(|version| version.alliance.version());
    assert_eq!([at(0), at(499_999), at(500_000), at(599_999), at(600_000), at(1 << 40)], [Some(0), Some(0), Some(2), Some(2), Some(3), Some(3)]);
    assert!(order.version_at(TIME - 1).is_none() && order.version(4).is_none());
    assert_eq!(order.version(1).unwrap().alliance.charter().name, "one");
    // A cosignature from before the founding makes no version older than it.
    let early = decide(&five(), remove(&five().alliance, 3), &[0, 1, 2]);
    let settled = certify(&early, seen(&early, 0, &[(1, 0), (2, 0)]).clone());
    assert_eq!(times(&settled), [0, 0]);
}

#[test]
fn alone_a_member_vouches_for_its_own_time() {
    let order = Order::founding(founded(&[Role::Leader])).unwrap();
    let effect = effect(&order.alliance, 0, &proposal(&order, admit(&order.alliance, 9, Role::Support)), &[0]);
    let entry = Entry { effect: Some(Box::new(effect)), ..blank(&order) };
    let first = Public::new(&order.alliance, 0, ENTRY, Vec::new(), to_fields(&entry).unwrap());
    let decided = order.append(&order.keeper, first.signed.id, TIME + 7000, &entry).unwrap();
    let settled = certify(&decided, seen(&decided, 0, &[]));
    assert_eq!(times(&settled), [0, 7000]);
}

/// What waits at the fence is settled by the head that the votes name.
#[test]
fn a_takeover_settles_what_its_fence_has() {
    let order = five();
    let fence = decide(&order, amended(|charter| charter.name = Some("new".into())), &[0, 1, 2]);
    let begun = fence.begin(2).unwrap();
    let named = [seen(&fence, 0, &[(1, 80), (2, 80)]), seen(&fence, 0, &[(1, 30), (3, 40)]), seen(&fence, 0, &[(1, 3)])];
    let vote = |(voter, head): (usize, &String)| {
        let freeze = Freeze { circle: order.circle, term: 2, head: Some(head.clone()) };
        Public::new(&begun.alliance, voter, FREEZE, Vec::new(), to_fields(&freeze).unwrap()).disclosed()
    };
    let votes = (1..).zip(&named).map(vote).collect();
    let entry = Entry { takeover: Some(votes), ..blank(&begun) };
    let second = Public::new(&begun.alliance, 1, ENTRY, Vec::new(), to_fields(&entry).unwrap());
    let taken = fence.take_over(&begun.keeper, second.signed.id, TIME + 1000, &entry).unwrap();
    // The one that is certified earliest; one voter alone certifies nothing.
    assert_eq!(times(&taken), [0, 40_000]);
    assert_eq!(taken.versions()[1].alliance, &*taken.alliance);
}

#[test]
fn what_a_version_changed_is_what_differs() {
    let order = five();
    let alliance = &order.alliance;
    let member = |number| id(alliance, number);
    let after = |change: &Change| alliance.changed(change).unwrap().differences(alliance);
    assert!(alliance.differences(alliance).is_empty());
    let newcomer = admit(alliance, 9, Role::Support);
    let Change::Admit(admission) = &newcomer else { panic!("an admission") };
    assert_eq!(after(&newcomer), [Difference::Joined(admission.decode().unwrap().member())]);
    // The deputy leaves: both show.
    assert_eq!(after(&remove(alliance, 1)), [Difference::Deputies, Difference::Left(member(1))]);
    let watched = RoleChange { member: member(2), role: Role::Regulator, scope: vec!["inspection".into()] };
    assert_eq!(after(&Change::Role(watched)), [Difference::Role(member(2)), Difference::Scope(member(2))]);
    assert_eq!(after(&Change::Keys(rotate(alliance, 2, Some("new log"), None, 5))), [Difference::Keys(member(2))]);
    let chair = after(&Change::Chair(Chair { member: member(1) }));
    assert_eq!(chair, [Difference::Deputies, Difference::Role(member(0)), Difference::Role(member(1))]);
    let rules = BTreeMap::from([("admit".to_owned(), Rule::All), ("remove".to_owned(), Rule::Majority)]);
    let everything = amended(|charter| {
        charter.name = Some("n".into());
        charter.purpose = Some("p".into());
        charter.chain = Some("c".into());
        charter.terms = Some("t".into());
        charter.deputies = Some(Vec::new());
        (charter.seal, charter.rotation, charter.retention) = (Some(1), Some(2), Some("r".into()));
        charter.rules = Some(rules);
    });
    use Difference::{Chain, Deputies, Name, Purpose, Retention, Rotation, Seal, Terms};
    // A rule that asks for less than the page is without effect, so nothing changed.
    assert_eq!(after(&everything), [Name, Purpose, Chain, Terms, Deputies, Seal, Rotation, Retention, Difference::Rule("admit")]);
    let names: std::collections::BTreeSet<_> = after(&everything).into_iter().map(Difference::name).collect();
    assert_eq!(names.len(), 9);
}

/// The rule that is shown is the one that counts.
#[test]
fn every_kind_has_the_rule_by_which_it_is_counted() {
    let order = five();
    let samples = |alliance: &Alliance| {
        vec![
            admit(alliance, 9, Role::Support),
            remove(alliance, 3),
            Change::Role(RoleChange { member: id(alliance, 2), role: Role::Support, scope: Vec::new() }),
            Change::Recover(recover(alliance, 2, "new")),
            Change::Compromised(Compromise { member: id(alliance, 2), incarnation: 0, from: 3, size: 5 }),
            amended(|_| ()),
            Change::Chair(Chair { member: id(alliance, 1) }),
            Change::Agree(Agreement { title: "x".into(), text: "y".into() }),
        ]
    };
    let rules = RULED.iter().map(|kind| ((*kind).to_owned(), Rule::All)).collect();
    let strict = order.alliance.changed(&amended(|charter| charter.rules = Some(rules))).unwrap();
    for alliance in [&*order.alliance, &strict] {
        let changes = samples(alliance);
        assert_eq!(changes.iter().map(Change::kind).collect::<Vec<_>>(), RULED);
        for change in changes {
            assert_eq!(change.threshold(alliance, 12), alliance.rule(change.kind()).threshold(12), "{}", change.kind());
        }
    }
    let two_thirds = ["admit", "remove", "recover", "charter"];
    assert!(RULED.iter().all(|kind| order.alliance.rule(kind).name() == if two_thirds.contains(kind) { "two-thirds" } else { "majority" }));
    assert!(RULED.iter().all(|kind| strict.rule(kind) == Rule::All));
}
