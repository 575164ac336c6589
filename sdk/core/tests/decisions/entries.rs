//! Why an entry of the order log counts for nothing: every code (`specs/order-log.md`).

use suyuan_core::charter::{Alliance, Role};
use suyuan_core::history::{History, HistoryFault};
use suyuan_core::id::{CircleId, MemberId, StatementId};
use suyuan_core::limits;
use suyuan_core::membership::{Chair, Change};
use suyuan_core::order::{ENTRY, Entry, EntryFault, EpochEntry, FREEZE, Freeze, Order};
use suyuan_core::resolution::{Disclosed, Refused, to_fields};

use crate::fixture::{TIME, field, secret};
use crate::world::{Public, admit, blank, codes_of, effect, follow, founded, four, head, id, proposal, quoted, remove, variants};

variants!(EntryFault: Statement, Malformed, Keeper, Index, Time, Certificate, Takeover, Effect, Pending, Epoch);

type Case = (&'static str, EntryFault, Result<(), EntryFault>);

fn founding() -> Order {
    Order::founding(four()).unwrap()
}

fn epoch(number: u64) -> Option<EpochEntry> {
    Some(EpochEntry { epoch: number, statement: StatementId([4; 32]) })
}

/// An entry that brings an epoch, which passes in the founding state.
fn plain(order: &Order) -> Entry {
    Entry { epoch: epoch(order.newest_epoch() + 1), ..blank(order) }
}

fn decides(order: &Order, change: suyuan_core::membership::Change, approvers: &[usize]) -> Entry {
    let effect = effect(&order.alliance, 0, &proposal(order, change), approvers);
    Entry { effect: Some(Box::new(effect)), ..blank(order) }
}

fn case(name: &'static str, fault: EntryFault, order: &Order, entry: &Entry) -> Case {
    (name, fault, follow(order, entry).map(|_| ()))
}

#[test]
fn every_reason_against_an_entry() {
    check([statements(), places(), certificates(), takeovers(), contents()].concat());
}

/// What only whoever reads an entry's bytes finds.
fn statements() -> Vec<Case> {
    let alliance = four();
    let order = founding();
    let fields = to_fields(&plain(&order)).unwrap();
    let good = Public::new(&alliance, 0, ENTRY, Vec::new(), fields.clone());
    let verdict = |entry: &Public| match (History { entries: vec![entry.entry()], heads: Vec::new() }).verify(&alliance) {
        Ok(_) => Ok(()),
        Err(HistoryFault::Entry { why, .. }) => Err(why),
        Err(HistoryFault::Head) => panic!("there is none"),
    };
    assert_eq!(verdict(&good), Ok(()));
    let mut spaced = fields.clone();
    spaced.iter_mut().find(|field| field.name == "epoch").unwrap().value.insert(1, ' ');
    let surplus = [fields.clone(), vec![field("more", "null")]].concat();
    let of = |name, fault, entry: Public| (name, fault, verdict(&entry));
    vec![
        of("a stranger's key", EntryFault::Statement, Public::signed_with(&secret(9, "log"), &alliance, 0, ENTRY, Vec::new(), fields.clone())),
        of("another type", EntryFault::Statement, Public::new(&alliance, 0, FREEZE, Vec::new(), fields.clone())),
        of("another body", EntryFault::Statement, Public { body: Public::new(&alliance, 1, ENTRY, Vec::new(), fields.clone()).body, ..good }),
        of("a space in a field", EntryFault::Malformed, Public::new(&alliance, 0, ENTRY, Vec::new(), spaced)),
        of("a field too many", EntryFault::Malformed, Public::new(&alliance, 0, ENTRY, Vec::new(), surplus)),
        of("a field too few", EntryFault::Malformed, Public::new(&alliance, 0, ENTRY, Vec::new(), fields[1..].to_vec())),
    ]
}

fn places() -> Vec<Case> {
    use EntryFault::{Index, Keeper, Malformed, Time};
    let order = founding();
    let entry = plain(&order);
    let next = follow(&order, &entry).unwrap();
    let edited = |name, fault, edit: fn(&mut Entry)| {
        let mut entry = entry.clone();
        edit(&mut entry);
        case(name, fault, &order, &entry)
    };
    let as_author = |author: &MemberId| order.append(author, StatementId([1; 32]), order.time, &entry).map(|_| ());
    vec![
        case("nothing in it", Malformed, &order, &blank(&order)),
        ("another voter", Keeper, as_author(&id(&order.alliance, 1))),
        ("a stranger", Keeper, as_author(&MemberId([9; 32]))),
        edited("a later term", Keeper, |entry| entry.term = 2),
        edited("another circle", Keeper, |entry| entry.circle = CircleId([9; 32])),
        edited("an index too far", Index, |entry| entry.index = 1),
        edited("another entry before it", Index, |entry| entry.previous = StatementId([9; 32])),
        case("the entry once more", Index, &next, &entry),
        ("before the founding", Time, order.append(&order.keeper, StatementId([1; 32]), order.time - 1, &entry).map(|_| ())),
    ]
}

fn certificates() -> Vec<Case> {
    use EntryFault::Certificate;
    let order = founding();
    let one = follow(&order, &plain(&order)).unwrap();
    let other = Order::append(&order, &order.keeper, StatementId([9; 32]), order.time, &plain(&order)).unwrap();
    let settled = follow(&one, &certifies(&one, head(&one, 0, &[1]))).unwrap();
    let of = |name, order: &Order, note: String| case(name, Certificate, order, &certifies(order, note));
    let ahead = follow(&one, &certifies(&one, head(&one, 0, &[2]))).unwrap();
    vec![
        of("no note", &one, "nothing".into()),
        of("no cosignature", &one, head(&one, 0, &[])),
        of("the keeper's own cosignature", &one, head(&one, 0, &[0])),
        of("a regulator's cosignature", &one, head(&one, 0, &[3])),
        of("another's head", &one, head(&one, 1, &[1, 2])),
        of("the head of another history", &one, head(&other, 0, &[1, 2])),
        of("the head of the empty log", &one, head(&order, 0, &[1, 2])),
        of("a head that is still to come", &one, head(&ahead, 0, &[1, 2])),
        of("a head that is certified already", &settled, head(&one, 0, &[1, 2])),
    ]
}

fn certifies(order: &Order, note: String) -> Entry {
    Entry { certificate: Some(note), ..blank(order) }
}

/// A vote to freeze for a term.
fn vote(alliance: &Alliance, voter: usize, circle: CircleId, term: u64) -> Disclosed {
    let freeze = Freeze { circle, term, head: None };
    Public::new(alliance, voter, FREEZE, Vec::new(), to_fields(&freeze).unwrap()).disclosed()
}

/// The first entry of the second term with these votes, by the deputy.
fn begins(fence: &Order, votes: &[Disclosed]) -> Result<Order, EntryFault> {
    let deputy = id(&fence.alliance, 1);
    let entry = Entry { takeover: Some(votes.to_vec()), ..blank(&fence.begin(2).unwrap()) };
    fence.take_over(&deputy, StatementId([1; 32]), fence.time, &entry)
}

fn takeovers() -> Vec<Case> {
    use EntryFault::{Keeper, Takeover as Fault};
    let order = founding();
    let alliance = &order.alliance;
    let begun = order.begin(2).unwrap();
    let votes: Vec<Disclosed> = [1, 2].map(|voter| vote(alliance, voter, order.circle, 2)).into();
    let begins = |name, votes: &[Disclosed]| (name, Fault, begins(&order, votes).map(|_| ()));
    let signed_by = |author: usize, key: usize, kind: &str| {
        let fields = to_fields(&freeze(&order, 2)).unwrap();
        Public::signed_with(&secret(key, "log"), alliance, author, kind, Vec::new(), fields).disclosed()
    };
    assert!(crate::entries::begins(&order, &votes).is_ok());
    let first = Entry { takeover: Some(votes.clone()), ..blank(&begun) };
    let of_another = |author| order.take_over(&id(alliance, author), StatementId([1; 32]), order.time, &first).map(|_| ());
    let later = follow(&order, &plain(&order)).unwrap();
    let named = |note: String| {
        let fields = to_fields(&Freeze { head: Some(note), ..freeze(&order, 2) }).unwrap();
        Public::new(alliance, 2, FREEZE, Vec::new(), fields).disclosed()
    };
    vec![
        case("votes where no term begins", Fault, &order, &Entry { takeover: Some(votes.clone()), ..plain(&order) }),
        case("a term that begins without votes", Fault, &begun, &plain(&begun)),
        begins("no votes", &[]),
        begins("too few", &votes[..1]),
        begins("for another term", &[votes[0].clone(), vote(alliance, 2, order.circle, 3)]),
        begins("for another circle", &[votes[0].clone(), vote(alliance, 2, CircleId([9; 32]), 2)]),
        begins("a voter twice", &[votes[0].clone(), votes[0].clone()]),
        begins("a regulator's", &[votes[0].clone(), vote(alliance, 3, order.circle, 2)]),
        begins("a regulator's beside enough", &[votes[0].clone(), votes[1].clone(), vote(alliance, 3, order.circle, 2)]),
        begins("a stranger's key", &[votes[0].clone(), signed_by(2, 9, FREEZE)]),
        begins("another type", &[votes[0].clone(), signed_by(2, 2, suyuan_core::resolution::APPROVE)]),
        begins("too many", &vec![votes[0].clone(); limits::SIGNERS + 1]),
        begins("a head that was not certified", &[votes[0].clone(), named(head(&later, 0, &[]))]),
        begins("a certified head of another state", &[votes[0].clone(), named(head(&later, 0, &[1]))]),
        ("the votes do not name this fence", Fault, crate::entries::begins(&later, &votes).map(|_| ())),
        ("not by the keeper that follows", Keeper, of_another(2)),
        ("by the keeper before", Keeper, of_another(0)),
    ]
}

fn freeze(order: &Order, term: u64) -> Freeze {
    Freeze { circle: order.circle, term, head: None }
}

/// A term begins at the largest certified head that the votes name, with what waits there settled: whom that removes does not follow.
#[test]
fn a_term_begins_at_its_fence() {
    let order = founding();
    let alliance = &order.alliance;
    let at = |state: &Order, voter: usize, note: Option<String>| {
        let fields = to_fields(&Freeze { head: note, ..freeze(state, 2) }).unwrap();
        Public::new(alliance, voter, FREEZE, Vec::new(), fields).disclosed()
    };
    let later = follow(&order, &plain(&order)).unwrap();
    let votes = [at(&later, 1, None), at(&later, 2, Some(head(&later, 0, &[1, 2])))];
    let begun = begins(&later, &votes).unwrap();
    assert_eq!((begun.fence, begun.term, begun.keeper), (later.position(), 2, id(alliance, 1)));
    assert_eq!(begun.epochs.len(), 1, "what was certified is settled");
    assert_eq!(begins(&order, &votes).map(|_| ()), Err(EntryFault::Takeover), "and at no other state");

    let removing = follow(&order, &decides(&order, remove(alliance, 1), &[0, 2])).unwrap();
    let settled = removing.begin(2).unwrap();
    assert_eq!(settled.keeper, id(alliance, 2), "the deputy is gone");
}

fn contents() -> Vec<Case> {
    use EntryFault::{Effect, Epoch, Pending};
    let order = founding();
    let alliance = order.alliance.clone();
    let pending = follow(&order, &decides(&order, admit(&alliance, 9, Role::Support), &[0, 1])).unwrap();
    let opening = follow(&order, &plain(&order)).unwrap();
    let settled = follow(&opening, &certifies(&opening, head(&opening, 0, &[1]))).unwrap();
    let numbered = |order: &Order, number| Entry { epoch: epoch(number), ..blank(order) };
    vec![
        case("too few approvals", Effect(Refused::Threshold), &order, &decides(&order, admit(&alliance, 9, Role::Support), &[0])),
        case("a change while another waits", Pending, &pending, &decides(&pending, remove(&alliance, 2), &[0, 1])),
        case(
            "an effect that does not hold comes before what waits",
            Effect(Refused::Threshold),
            &pending,
            &decides(&pending, remove(&alliance, 2), &[0]),
        ),
        case("the first epoch", Epoch, &order, &numbered(&order, 1)),
        case("an epoch while another waits", Epoch, &opening, &numbered(&opening, 3)),
        case("an epoch that was", Epoch, &settled, &numbered(&settled, 2)),
        case("a number that is no number elsewhere", Epoch, &order, &numbered(&order, limits::INTEGER + 1)),
    ]
}

/// Two terms that know nothing of each other, the fence of each before what the other decided: one removes a member, the other the member that removed it. What
/// makes final and what takes over has a voter in common all the same, as the voters of the one differ from those of the other by no more than one of the two.
#[test]
fn who_is_removed_and_who_removes_it_cannot_both_have_their_way() {
    let order = Order::founding(founded(&[Role::Leader, Role::Upstream, Role::Downstream, Role::Support])).unwrap();
    let alliance = &order.alliance;
    let late = follow(&order, &decides(&order, remove(alliance, 1), &[0, 2, 3])).unwrap();
    let votes = |of: &Order, voters: &[usize], note: Option<String>| -> Vec<Disclosed> {
        let fields = to_fields(&Freeze { head: note, ..freeze(of, of.term) }).unwrap();
        voters.iter().map(|voter| Public::new(alliance, *voter, FREEZE, Vec::new(), fields.clone()).disclosed()).collect()
    };
    let begin = |fence: &Order, term, voters: &[usize], note| {
        let begun = fence.begin(term).unwrap();
        let entry = Entry { takeover: Some(votes(&begun, voters, note)), ..blank(&begun) };
        fence.take_over(&begun.keeper, StatementId([9; 32]), TIME, &entry)
    };
    let second = begin(&order, 2, &[1, 2, 3], None).unwrap();
    assert_eq!(second.keeper, id(alliance, 1));
    let removal = Entry { effect: Some(Box::new(effect(alliance, 1, &proposal(&second, remove(alliance, 3)), &[1, 2]))), ..blank(&second) };
    let removing = follow(&second, &removal).unwrap();
    let removed = follow(&removing, &certifies(&removing, head(&removing, 1, &[0, 2]))).unwrap();
    // Of the three that either removal leaves, two would be enough: these two here, and others for a term that begins at the late head of the first.
    let late_head = Some(head(&late, 0, &[2, 3]));
    assert_eq!(begin(&late, 3, &[0, 3], late_head.clone()).map(|_| ()), Err(EntryFault::Takeover));
    assert!(begin(&late, 3, &[0, 2, 3], late_head).is_ok());
    let certified = |note: &str| removed.read_head(note).is_some_and(|read| removed.is_certified(&read));
    for alone in [&[0][..], &[2], &[3]] {
        assert!(!certified(&head(&removed, 1, alone)), "{alone:?}");
    }
    assert!(certified(&head(&removed, 1, &[2, 3])), "who is removed counts until that is final");
}

/// A keeper that was removed, or has become a regulator, adds nothing to a quorum: otherwise it could have two histories certified by honest voters.
#[test]
fn a_keeper_that_votes_no_more_counts_for_nothing() {
    let order = founding();
    let alliance = order.alliance.clone();
    let settle = |order: &Order, change| {
        let decided = follow(order, &decides(order, change, &[1, 2])).unwrap();
        let settled = follow(&decided, &certifies(&decided, head(&decided, 0, &[1, 2]))).unwrap();
        follow(&settled, &certifies(&settled, head(&settled, 0, &[1, 2]))).unwrap()
    };
    let led = settle(&order, Change::Chair(Chair { member: id(&alliance, 1) }));
    let gone = settle(&led, remove(&alliance, 0));
    assert!(gone.keeper == order.keeper && gone.alliance.active(&gone.keeper).is_none());
    let next = follow(&gone, &plain(&gone)).unwrap();
    for few in [&[1][..], &[2]] {
        assert_eq!(follow(&next, &certifies(&next, head(&next, 0, few))).map(|_| ()), Err(EntryFault::Certificate), "one of two voters");
    }
    assert!(follow(&next, &certifies(&next, head(&next, 0, &[1, 2]))).is_ok());
}

/// Of two faults the page's first is named.
#[test]
fn faults_are_named_in_the_order_of_the_page() {
    let order = founding();
    let later = follow(&order, &plain(&order)).unwrap();
    let mut entry = Entry { epoch: epoch(1), ..blank(&later) };
    let mut wrong = vec![(EntryFault::Epoch, entry.clone())];
    let one = decides(&later, remove(&later.alliance, 2), &[0]);
    entry.effect = one.effect;
    wrong.push((EntryFault::Effect(Refused::Threshold), entry.clone()));
    entry.takeover = Some(Vec::new());
    wrong.push((EntryFault::Takeover, entry.clone()));
    entry.certificate = Some(String::new());
    wrong.push((EntryFault::Certificate, entry.clone()));
    entry.index = 0;
    wrong.push((EntryFault::Index, entry.clone()));
    entry.term = 2;
    wrong.push((EntryFault::Keeper, entry));
    for (fault, entry) in wrong {
        assert_eq!(follow(&later, &entry).map(|_| ()), Err(fault));
    }
}

/// The page names the codes of the program, in the order in which they are checked.
#[test]
fn the_page_lists_every_code() {
    let page = codes_of("order-log.md", "## Faults", "An entry that", quoted);
    let all = [
        EntryFault::Statement,
        EntryFault::Malformed,
        EntryFault::Keeper,
        EntryFault::Index,
        EntryFault::Time,
        EntryFault::Certificate,
        EntryFault::Takeover,
        EntryFault::Effect(Refused::Malformed),
        EntryFault::Pending,
        EntryFault::Epoch,
    ];
    assert_eq!(all.map(name), NAMES, "every code has its place");
    // Those of the effect have their own page.
    let own: Vec<&str> = all.into_iter().filter(|fault| !matches!(fault, EntryFault::Effect(_))).map(EntryFault::code).collect();
    assert_eq!(page, own);
}
