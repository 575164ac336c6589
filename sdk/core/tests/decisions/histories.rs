//! What an exported history has to hold beside its entries being valid (`specs/history.md`).

use suyuan_core::charter::Role;
use suyuan_core::history::{History, HistoryEntry};
use suyuan_core::id::StatementId;
use suyuan_core::membership::{Agreement, Change};
use suyuan_core::order::{ENTRY, Entry, EntryFault, EpochEntry, FREEZE, Freeze, Order};
use suyuan_core::resolution::{Disclosed, to_fields};

use crate::fixture::TIME;
use crate::world::{Public, admit, blank, effect, follow, founded, head, id, proposal, remove};

fn kept(public: Public) -> HistoryEntry {
    HistoryEntry { statement: public.signed.bytes, signature: public.signed.signature, header: public.header, body: public.body.to_bytes() }
}

/// What waits at the fence is settled when the term begins: whoever comes by it may keep the term, and its first entry is its own.
#[test]
fn a_term_may_be_kept_by_whom_its_fence_admits() {
    let founding = founded(&[Role::Leader]);
    let order = Order::founding(founding.clone()).unwrap();
    let admission = effect(&founding, 0, &proposal(&order, admit(&founding, 9, Role::Support)), &[0]);
    let entry = Entry { effect: Some(Box::new(admission)), ..blank(&order) };
    let first = Public::new(&founding, 0, ENTRY, Vec::new(), to_fields(&entry).unwrap());
    let fence = order.append(&order.keeper, first.signed.id, TIME, &entry).unwrap();
    let begun = fence.begin(2).unwrap();
    assert_eq!(begun.keeper, id(&begun.alliance, 9));
    let freeze = Freeze { circle: order.circle, term: 2, head: Some(head(&fence, 0, &[])) };
    let vote = |voter| Public::new(&begun.alliance, voter, FREEZE, Vec::new(), to_fields(&freeze).unwrap()).disclosed();
    let votes: Vec<Disclosed> = [0].map(vote).into();
    let entry = Entry { takeover: Some(votes), ..blank(&begun) };
    let second = Public::new(&begun.alliance, 9, ENTRY, Vec::new(), to_fields(&entry).unwrap());
    let tip = fence.take_over(&begun.keeper, second.signed.id, TIME, &entry).unwrap();
    let history = History { entries: vec![kept(first), kept(second)], heads: vec![(2, head(&tip, 9, &[0]))] };
    assert_eq!(history.verify(&founding).unwrap().settled.position(), tip.position());
}

/// Who votes from then on is made final by those who voted until then; and before it is, nothing follows.
#[test]
fn a_change_of_voters_is_made_final_by_those_before() {
    let founding = founded(&[Role::Leader, Role::Upstream, Role::Downstream, Role::Support]);
    let order = Order::founding(founding.clone()).unwrap();
    let decide = |order: &Order, change| {
        let effect = effect(&founding, 0, &proposal(order, change), &[0, 1, 2, 3]);
        follow(order, &Entry { effect: Some(Box::new(effect)), ..blank(order) }).unwrap()
    };
    let agree = || Change::Agree(Agreement { title: "price".into(), text: "one".into() });
    let certify = |order: &Order, note| follow(order, &Entry { certificate: Some(note), ..blank(order) });
    for change in [remove(&founding, 3), admit(&founding, 9, Role::Support)] {
        let one = decide(&order, change);
        let two = decide(&one, agree());
        let settled = certify(&two, head(&one, 0, &[1, 2])).unwrap();
        assert_ne!(settled.alliance, two.alliance);
        let refused = |order: &Order, note| assert_eq!(certify(order, note).map(|_| ()), Err(EntryFault::Certificate));
        // Four voted: two of them beside the keeper are enough, and needed, for the very head that makes it final.
        refused(&settled, head(&settled, 0, &[1]));
        refused(&settled, head(&two, 0, &[1, 2]));
        let newcomer = settled.alliance.voters().count() == 5;
        if newcomer {
            refused(&settled, head(&settled, 0, &[1, 9]));
        }
        let next = certify(&settled, head(&settled, 0, &[1, 3])).unwrap();
        let without = Entry { epoch: Some(EpochEntry { epoch: 2, statement: StatementId([7; 32]) }), ..blank(&settled) };
        assert_eq!(follow(&settled, &without).map(|_| ()), Err(EntryFault::Certificate));
        // From then on it is those of the new state.
        let next = decide(&next, agree());
        let (few, enough) = if newcomer { (&[1, 2][..], &[1, 2, 9][..]) } else { (&[][..], &[1][..]) };
        refused(&next, head(&next, 0, few));
        assert!(certify(&next, head(&next, 0, enough)).is_ok());
    }
}
