//! Why a change cannot be made: every reason, in every form that the page names (`specs/membership.md`).

use std::collections::BTreeMap;

use suyuan_core::charter::{Alliance, Entry, Pin, Role};
use suyuan_core::id::{MemberId, StatementId};
use suyuan_core::key::SecretKey;
use suyuan_core::limits;
use suyuan_core::membership::{Agreement, Amendment, Chair, Change, ChangeFault, KeyChange, Removal, RoleChange, Rule};
use suyuan_core::recovery::{Compromise, Recovery};
use suyuan_core::version::Difference;

use crate::fixture::{bytes32, entry, secret};
use crate::world::{admission, founded, four, id, recover, remove, rotate, variants};

variants!(ChangeFault: Form, Known, Unknown, Key, Possession, Full, Office);

type Case = (&'static str, ChangeFault, Result<(), ChangeFault>);

fn case(name: &'static str, fault: ChangeFault, alliance: &Alliance, change: &Change) -> Case {
    (name, fault, alliance.changed(change).map(|_| ()))
}

/// A point of small order, which is no key.
const WEAK: [u8; 32] = [0; 32];

#[test]
fn every_reason_against_a_change() {
    let alliance = four();
    let of_members = [admissions(&alliance), removals(&alliance), roles(&alliance), keys(&alliance), recoveries(&alliance)].concat();
    check([of_members, amendments(&alliance), others(&alliance)].concat());
}

fn admissions(alliance: &Alliance) -> Vec<Case> {
    use ChangeFault::{Form, Full, Key, Known, Office, Possession};
    let newcomer = entry(9, "newcomer", Role::Support);
    let good = admission(alliance, &newcomer, 9);
    let of = |name, fault, entry: &Entry| case(name, fault, alliance, &Change::Admit(admission(alliance, entry, 9)));
    let with = |keys: fn(&mut Entry)| {
        let mut entry = newcomer.clone();
        keys(&mut entry);
        entry
    };
    let wrong = |edit: fn(&mut Vec<String>)| {
        let mut admission = good.clone();
        edit(&mut admission.signatures);
        Change::Admit(admission)
    };
    let known = |member| entry(member, &format!("member {member}"), Role::Downstream);
    let gone = alliance.changed(&remove(alliance, 2)).unwrap();
    let mut crowded = vec![Role::Regulator; limits::MEMBERS];
    crowded[0] = Role::Leader;
    let (small, crowd, full) = (founded(&[Role::Leader]), founded(&crowded), voters(limits::VOTERS));
    let elsewhere = admission(&small, &newcomer, 9);
    vec![
        case("no entry", Form, alliance, &Change::Admit(suyuan_core::membership::Admission { entry: "!".into(), ..good.clone() })),
        case("bytes that are no entry", Form, alliance, &Change::Admit(suyuan_core::membership::Admission { entry: "AAAA".into(), ..good.clone() })),
        case("a member", Known, alliance, &Change::Admit(admission(alliance, &known(2), 2))),
        case("a former member", Known, &gone, &Change::Admit(admission(alliance, &known(2), 2))),
        case("one voter too many", Full, &full, &Change::Admit(admission(&full, &entry(999, "newcomer", Role::Support), 999))),
        case("one regulator too many", Full, &crowd, &Change::Admit(admission(&crowd, &entry(999, "newcomer", Role::Regulator), 999))),
        of("a second leader", Office, &with(|entry| entry.role = Role::Leader)),
        of("a member's log key", Key, &with(|entry| entry.keys.log = secret(1, "log").public().to_bytes())),
        of("a member's root key as witness key", Key, &with(|entry| entry.keys.witness = secret(1, "root").public().to_bytes())),
        of("a member's encryption key", Key, &with(|entry| entry.keys.encryption = entry_keys(1).encryption)),
        of("one key for two purposes", Key, &with(|entry| entry.keys.witness = entry.keys.log)),
        of("a signing key as encryption key", Key, &with(|entry| entry.keys.encryption = entry.keys.log)),
        of("a weak signing key", Key, &with(|entry| entry.keys.transport = WEAK)),
        of("a weak encryption key", Key, &with(|entry| entry.keys.encryption = WEAK)),
        case("a former member's key", Key, &gone, &Change::Admit(admission(alliance, &entry(2, "another name", Role::Support), 2))),
        case("no signatures", Possession, alliance, &wrong(Vec::clear)),
        case("three signatures", Possession, alliance, &wrong(|all| all.truncate(3))),
        case("five signatures", Possession, alliance, &wrong(|all| all.push(all[0].clone()))),
        case("signatures in another order", Possession, alliance, &wrong(|all| all.reverse())),
        case("no base64", Possession, alliance, &wrong(|all| all[2] = "!".into())),
        case("signatures for another alliance", Possession, alliance, &Change::Admit(elsewhere)),
        case("another's keys", Possession, alliance, &Change::Admit(admission(alliance, &newcomer, 8))),
    ]
}

fn entry_keys(member: usize) -> suyuan_core::charter::MemberKeys {
    entry(member, "", Role::Support).keys
}

/// An alliance of as many voters.
fn voters(count: usize) -> Alliance {
    let roles: Vec<Role> = (0..count).map(|member| if member == 0 { Role::Leader } else { Role::Support }).collect();
    (*founded(&roles)).clone()
}

fn removals(alliance: &Alliance) -> Vec<Case> {
    use ChangeFault::{Office, Unknown};
    let stranger = Change::Remove(Removal { member: MemberId([1; 32]), size: 0, root: StatementId([0; 32]) });
    let gone = alliance.changed(&remove(alliance, 2)).unwrap();
    vec![
        case("a stranger", Unknown, alliance, &stranger),
        case("who has left", Unknown, &gone, &remove(alliance, 2)),
        case("the leader", Office, alliance, &remove(alliance, 0)),
    ]
}

fn roles(alliance: &Alliance) -> Vec<Case> {
    use ChangeFault::{Form, Office, Unknown};
    let role = |member: MemberId, role, scope: &[&str]| {
        Change::Role(RoleChange { member, role, scope: scope.iter().map(|kind| (*kind).to_owned()).collect() })
    };
    let member = |number| id(alliance, number);
    let many: Vec<String> = (0..=limits::SCOPE).map(|kind| format!("kind-{kind}")).collect();
    vec![
        case("a stranger's role", Unknown, alliance, &role(MemberId([1; 32]), Role::Support, &[])),
        case("a leader by role", Office, alliance, &role(member(1), Role::Leader, &[])),
        case("the leader's role", Office, alliance, &role(member(0), Role::Support, &[])),
        case("a scope without the role", Form, alliance, &role(member(1), Role::Midstream, &["inspection"])),
        case("a type that is none", Form, alliance, &role(member(3), Role::Regulator, &["In Spection"])),
        case("a scope that is too long", Form, alliance, &Change::Role(RoleChange { member: member(3), role: Role::Regulator, scope: many })),
    ]
}

fn keys(alliance: &Alliance) -> Vec<Case> {
    use ChangeFault::{Form, Key, Possession, Unknown};
    let good = rotate(alliance, 1, Some("log 2"), Some("witness 2"), 100);
    let turned = alliance.changed(&Change::Keys(good.clone())).unwrap();
    let signed = |change: KeyChange, keys: &[&SecretKey]| Change::Keys(change.signed(&alliance.id(), keys));
    let (root, log, other) = (secret(1, "root"), secret(1, "log 2"), secret(2, "root"));
    let empty = KeyChange { log: None, witness: None, signatures: Vec::new(), ..good.clone() };
    let one = KeyChange { witness: None, ..good.clone() };
    let encryption = |key| KeyChange { encryption: Some(StatementId(key)), ..empty.clone() };
    let cut = KeyChange { signatures: good.signatures[..2].to_vec(), ..good.clone() };
    let elsewhere = KeyChange { size: 101, ..good.clone() };
    vec![
        case("keys of a stranger", Unknown, alliance, &Change::Keys(KeyChange { member: MemberId([1; 32]), ..good.clone() })),
        case("signed by another root", Possession, alliance, &signed(one.clone(), &[&other, &log])),
        case("without the new key's signature", Possession, alliance, &Change::Keys(cut)),
        case("signed for another size", Possession, alliance, &Change::Keys(elsewhere)),
        case("signed for another alliance", Possession, &founded_otherwise(), &Change::Keys(good.clone())),
        case("no keys at all", Key, alliance, &signed(empty.clone(), &[&root])),
        case("a key that it has", Key, alliance, &Change::Keys(rotate(alliance, 1, Some("log"), None, 100))),
        case("a key that it had", Key, &turned, &Change::Keys(rotate(alliance, 1, Some("log"), None, 200))),
        case("one key for two purposes", Key, alliance, &Change::Keys(rotate(alliance, 1, Some("new"), Some("new"), 100))),
        case("another's encryption key", Key, alliance, &signed(encryption(entry_keys(2).encryption), &[&root])),
        case("a weak encryption key", Key, alliance, &signed(encryption(WEAK), &[&root])),
        case("a log key from before the last", Form, &turned, &Change::Keys(rotate(alliance, 1, Some("log 3"), None, 99))),
    ]
}

fn recoveries(alliance: &Alliance) -> Vec<Case> {
    use ChangeFault::{Form, Full, Key, Possession, Unknown};
    let good = recover(alliance, 1, "new");
    let done = alliance.changed(&Change::Recover(good.clone())).unwrap();
    let of = |name, fault, change: &dyn Fn(&mut Recovery)| {
        let mut recovery = good.clone();
        change(&mut recovery);
        case(name, fault, alliance, &Change::Recover(recovery))
    };
    let again = (0..limits::INCARNATIONS)
        .fold(alliance.clone(), |alliance, number| alliance.changed(&Change::Recover(recover(&alliance, 1, &format!("{number}")))).unwrap());
    let marks =
        (0..limits::COMPROMISES as u64).fold(alliance.clone(), |alliance, from| alliance.changed(&mark(&alliance, 0, from, from + 1)).unwrap());
    let stranger = Change::Compromised(Compromise { member: MemberId([1; 32]), incarnation: 0, from: 0, size: 1 });
    let left = alliance.changed(&remove(alliance, 1)).unwrap();
    vec![
        of("a stranger recovers", Unknown, &|recovery| recovery.member = MemberId([1; 32])),
        case("who has left recovers", Unknown, &left, &Change::Recover(good.clone())),
        of("without a signature", Possession, &|recovery| recovery.signatures.truncate(3)),
        of("signatures in another order", Possession, &|recovery| recovery.signatures.reverse()),
        of("signed for another member", Possession, &|recovery| recovery.member = id(alliance, 2)),
        of("another encryption key than was signed", Possession, &|recovery| recovery.keys.encryption = StatementId(entry_keys(2).encryption)),
        case("recovered in another alliance", Possession, &founded_otherwise(), &Change::Recover(good.clone())),
        case("recovered twice with the same keys", Key, &done, &Change::Recover(good.clone())),
        case("recovered with the keys that it has", Key, alliance, &Change::Recover(recover_with(alliance, ["root", "log", "witness", "transport"]))),
        case("recovered with one key for two purposes", Key, alliance, &Change::Recover(recover_with(alliance, ["a", "b", "b", "c"]))),
        case("recovered too often", Full, &again, &Change::Recover(recover(&again, 1, "once more"))),
        case("entries of a stranger are marked", Unknown, alliance, &stranger),
        case("nothing is marked", Form, alliance, &mark(alliance, 0, 5, 5)),
        case("a log is marked that has not begun", Form, alliance, &mark(alliance, 1, 5, 6)),
        case("marked too often", Full, &marks, &mark(&marks, 0, 0, 1)),
    ]
}

fn mark(alliance: &Alliance, incarnation: u64, from: u64, size: u64) -> Change {
    Change::Compromised(Compromise { member: id(alliance, 1), incarnation, from, size })
}

fn recover_with(alliance: &Alliance, names: [&str; 4]) -> Recovery {
    let keys = names.map(|name| secret(1, name));
    let [root, log, witness, transport] = &keys;
    let at = Pin { size: 7, root: bytes32("root") };
    Recovery::sign(&alliance.id(), &id(alliance, 1), recover(alliance, 1, "new").keys.encryption.0, [root, log, witness, transport], at)
}

#[test]
fn whoever_recovers_goes_on_with_other_keys_and_another_log() {
    let alliance = four();
    let former = alliance.member(&id(&alliance, 2)).unwrap().clone();
    let rotated = alliance.changed(&Change::Keys(rotate(&alliance, 2, Some("log 2"), None, 5))).unwrap();
    let before = rotated.member(&former.id).unwrap().clone();
    let after = rotated.changed(&Change::Recover(recover(&rotated, 2, "new"))).unwrap();
    let member = after.active(&former.id).unwrap();
    assert_eq!((member.incarnation(), after.log_of(&former.id).incarnation), (1, 1));
    assert_eq!(rotated.log_of(&former.id).incarnation, 0);
    // The closed log's keys go on proving what they signed, and nothing else.
    assert_eq!((member.log_at(0, 4), member.log_at(0, 5)), (Some(&former.log), Some(&before.log)));
    let new = secret(2, "log new").public();
    assert_eq!((member.log_at(1, 0), member.log_at(1, 900), member.log_at(2, 0)), (Some(&new), Some(&new), None));
    assert_eq!((member.pin(0), member.pin(1)), (Some(Pin { size: 7, root: bytes32("root") }), None));
    assert_eq!((member.log_key(&before.log.id()), member.log_key(&new.id())), (None, Some(&new)), "who has the lost key votes no more");
    assert_eq!((&member.entry.name, member.entry.role), (&before.entry.name, before.entry.role), "it is the same member");
    assert!([before.entry.keys, former.entry.keys].iter().all(|keys| keys.signing().into_iter().all(|key| !after.is_fresh(key))));
    assert_eq!(after.differences(&rotated), [Difference::Keys(former.id), Difference::Log(former.id)]);
    // The leader may, and stays it; others decide, not whoever it is about.
    let leads = alliance.changed(&Change::Recover(recover(&alliance, 0, "new"))).unwrap();
    assert_eq!(leads.leader().unwrap().id, id(&alliance, 0));
    let change = Change::Recover(recover(&alliance, 0, "new"));
    assert_eq!(change.electorate(&alliance), [1, 2].map(|member| id(&alliance, member)));
    // When it leaves later, both of its logs end.
    let gone = after.changed(&Change::Remove(Removal { member: former.id, size: 3, root: StatementId([3; 32]) })).unwrap();
    let pins = [0, 1].map(|incarnation| gone.member(&former.id).unwrap().pin(incarnation).unwrap().size);
    assert_eq!(pins, [7, 3]);
}

#[test]
fn what_others_may_have_signed_is_marked_and_nothing_else() {
    let alliance = four();
    let member = id(&alliance, 1);
    let marked = alliance.changed(&mark(&alliance, 0, 3, 5)).unwrap().changed(&mark(&alliance, 0, 9, 10)).unwrap();
    let found: Vec<u64> = (0..12).filter(|sequence| marked.member(&member).unwrap().is_compromised(0, *sequence)).collect();
    assert_eq!(found, [3, 4, 9]);
    assert!(!marked.member(&member).unwrap().is_compromised(1, 3));
    assert_eq!(marked.differences(&alliance), [Difference::Compromised(member)]);
    // Of whoever has left, too.
    let left = marked.changed(&remove(&marked, 1)).unwrap();
    let later = left.changed(&mark(&left, 0, 0, 1)).unwrap();
    assert!(later.member(&member).unwrap().is_compromised(0, 0));
    assert_eq!(later.differences(&left), [Difference::Compromised(member)]);
}

/// The same members in another alliance.
fn founded_otherwise() -> Alliance {
    let members = four().charter().members.clone();
    let charter = suyuan_core::charter::Charter { nonce: bytes32("another"), members, deputies: vec![1], ..crate::fixture::charter() };
    crate::fixture::sign_charter(&charter).verify(None).unwrap()
}

fn amendments(alliance: &Alliance) -> Vec<Case> {
    use ChangeFault::{Form, Office};
    let of = |name, fault, amendment| case(name, fault, alliance, &Change::Charter(Box::new(amendment)));
    let none = Amendment::default;
    let deputies = |members: &[usize]| Amendment { deputies: Some(members.iter().map(|member| id(alliance, *member)).collect()), ..none() };
    let text = |text: &str| Some(text.to_owned());
    vec![
        of("the leader as deputy", Office, deputies(&[0])),
        of("a regulator as deputy", Office, deputies(&[3])),
        of("a deputy twice", Office, deputies(&[1, 1])),
        of("a stranger as deputy", Office, Amendment { deputies: Some(vec![MemberId([1; 32])]), ..none() }),
        of("too many deputies", Office, Amendment { deputies: Some(vec![MemberId([1; 32]); limits::DEPUTIES + 1]), ..none() }),
        of("no name", Form, Amendment { name: text(""), ..none() }),
        of("a name of two lines", Form, Amendment { name: text("a\nb"), ..none() }),
        of("a chain without a name", Form, Amendment { chain: text(""), ..none() }),
        of("a purpose that turns the text", Form, Amendment { purpose: text("\u{202e}"), ..none() }),
        of("terms that are too long", Form, Amendment { terms: Some("a".repeat(limits::TERMS + 1)), ..none() }),
        of("T of nothing", Form, Amendment { seal: Some(0), ..none() }),
        of("T beyond its bound", Form, Amendment { seal: Some(limits::SEAL_TIME + 1), ..none() }),
        of("a chair for too long", Form, Amendment { rotation: Some(limits::SEAL_TIME + 1), ..none() }),
        of("a retention that is too long", Form, Amendment { retention: Some("a".repeat(limits::PURPOSE + 1)), ..none() }),
        of("a rule for nothing", Form, Amendment { rules: Some(BTreeMap::from([("keys".into(), Rule::All)])), ..none() }),
    ]
}

fn others(alliance: &Alliance) -> Vec<Case> {
    use ChangeFault::{Form, Office, Unknown};
    let chair = |member| Change::Chair(Chair { member });
    let agree = |title: String, text| Change::Agree(Agreement { title, text });
    vec![
        case("a stranger leads", Unknown, alliance, &chair(MemberId([1; 32]))),
        case("a regulator leads", Office, alliance, &chair(id(alliance, 3))),
        case("the leader leads", Office, alliance, &chair(id(alliance, 0))),
        case("an agreement without a title", Form, alliance, &agree(String::new(), String::new())),
        case("a title that is too long", Form, alliance, &agree("a".repeat(limits::AGREEMENT_TITLE + 1), String::new())),
        case("a text that is too long", Form, alliance, &agree("a".into(), "a".repeat(limits::TERMS + 1))),
    ]
}

/// A person reads the reason, each another one.
/// More than half, at least two thirds, everybody: one less is never enough.
#[test]
fn no_rule_is_kept_by_one_less() {
    for total in 1..=300 {
        let [majority, two_thirds] = [Rule::Majority, Rule::TwoThirds].map(|rule| rule.threshold(total));
        assert!(2 * majority > total && 2 * (majority - 1) <= total, "a majority of {total} is {majority}");
        assert!(3 * two_thirds >= 2 * total && 3 * (two_thirds - 1) < 2 * total, "two thirds of {total} are {two_thirds}");
        assert_eq!(Rule::All.threshold(total), total);
    }
}

#[test]
fn every_reason_has_words_of_its_own() {
    use ChangeFault::{Form, Full, Key, Known, Office, Possession, Unknown};
    let words: std::collections::BTreeSet<_> = [Form, Known, Unknown, Key, Possession, Full, Office].map(ChangeFault::explain).into();
    assert_eq!(words.len(), NAMES.len());
}
