//! What did not come with a log, because another node than its author's had to give it, comes later.

use std::time::Duration;

use suyuan_core::circle::self_circle;
use suyuan_core::{CircleId, Fault};
use suyuan_engine::replica::BatchError;
use suyuan_engine::serve;
use suyuan_engine::wire::{Gap, Item, Request, Response};
use suyuan_runtime::SubmitError;

use super::support::{Alliance, grant, own_head_known, residue, wait};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_may_not_hold_comes_when_the_author_is_back() {
    let alliance = Alliance::new(4);
    let log = alliance.log(0);
    let (g, s) = (alliance.run(0), alliance.run(3));
    own_head_known(&g).await;
    let circle = g.handle().open_circle(grant("residues", &[alliance.id(1)])).await.unwrap();
    let secret = g.put(&residue(&circle.id)).await.unwrap().first;
    let general = g.put(r#"{"type":"note","about":["https://id.gs1.org/01/06901234567892/10/L1"],"sections":[{"for":"alliance","fields":{"m":1}}]}"#);
    let general = general.await.unwrap().first;
    let size = general + 1;
    wait("S has the log", Duration::from_secs(20), async || s.size(&log) == size).await;
    g.stop().await;

    let z = alliance.run(1);
    wait("Z has the log from S", Duration::from_secs(30), async || z.size(&log) == size).await;
    let public = (0, Ok(vec!["\"pass\"".to_owned()]));
    assert_eq!(z.seen(&log, secret).unwrap(), std::slice::from_ref(&public), "S may not hold the rest");
    assert_eq!(z.seen(&log, general).unwrap(), [(0, Err("sealed"))], "S does not have Z's key");
    assert!(z.handle().state().ledger.circles.iter().next().is_none());

    let g = alliance.run(0);
    let about = "[\"https://id.gs1.org/01/06901234567892/10/L1\"]".to_owned();
    wait("the rest has come", Duration::from_secs(30), async || {
        z.seen(&log, secret).unwrap() == [public.clone(), (1, Ok(vec!["0.010".to_owned()]))]
            && z.seen(&log, general).unwrap() == [(0, Ok(vec!["1".to_owned(), about.clone()]))]
    })
    .await;
    let state = z.handle().state();
    assert_eq!(state.ledger.circles.iter().count(), 2);
    let number = state.ledger.logs.known(&log).unwrap().number;
    assert_eq!(state.ledger.counters.of(&circle.id, number).missing(), 0);
    wait("no gap is left", Duration::from_secs(10), async || z.net.status().await.gaps.is_empty()).await;
    // What was there before its key is found under what it is about, and all of it is still so after a restart.
    let found = |node: &super::support::Running| node.about("https://id.gs1.org/01/06901234567892/10/L1");
    assert_eq!(found(&z), 1);
    z.stop().await;
    let z = alliance.run(1);
    assert_eq!(found(&z), 1);
    assert_eq!(z.seen(&log, secret).unwrap().len(), 2);
    assert_eq!(z.handle().state().ledger.circles.iter().count(), 2);
    for node in [g, s, z] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_listings_and_items_say_nothing_of_circles_that_the_asker_is_not_in() {
    let alliance = Alliance::new(3);
    let g = alliance.run(0);
    let log = alliance.log(0);
    own_circle_opened(&g, &log).await;
    let circle = g.handle().open_circle(grant("residues", &[alliance.id(2)])).await.unwrap();
    let sequence = g.put(&residue(&circle.id)).await.unwrap().first;
    let ask = |number: usize, request: Request| {
        let state = g.handle().state();
        let (store, local) = (g.handle().store().as_ref(), g.handle().local());
        serve::answer(&request, &alliance.id(number), &state.ledger, None, store, local).unwrap()
    };
    let circles = |number| {
        let Response::Counters(counts, None) = ask(number, Request::Counters(CircleId([0; 32]))) else { panic!() };
        counts.iter().map(|count| count.of.circle).collect::<Vec<_>>()
    };
    let gap = Gap { circle: circle.id, log };
    let listing = |number| ask(number, Request::Listing { gap, from: 0 });
    assert!(circles(2).contains(&circle.id) && !circles(1).contains(&circle.id));
    assert_eq!(circles(1).len() + 1, circles(2).len());
    assert!(!circles(0).contains(&self_circle(&alliance.id(0))), "not even to somebody with its own key");
    assert_eq!(listing(2), Response::Listing(vec![1, sequence], None));
    assert_eq!(listing(1), Response::Listing(Vec::new(), None));
    let own = Gap { circle: self_circle(&alliance.id(0)), log };
    assert_eq!(ask(2, Request::Listing { gap: own, from: 0 }), Response::Listing(Vec::new(), None));
    let items = |number| {
        let Response::Items(items) = ask(number, Request::Items { log, sequences: vec![0, 1, sequence, 99] }) else { panic!() };
        items
            .iter()
            .map(|item| (item.sequence, item.sections.iter().map(|section| section.index).collect::<Vec<_>>(), item.slip.is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(items(2), [(0, vec![0], true), (1, vec![0], true), (sequence, vec![0, 1], false)]);
    assert_eq!(items(1), [(0, vec![0], true), (sequence, vec![0], false)]);
    g.stop().await;
}

async fn own_circle_opened(node: &super::support::Running, log: &suyuan_core::log::LogId) {
    wait("the alliance's circle is open", Duration::from_secs(5), async || node.size(log) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tampered_items_are_refused_and_name_their_sender() {
    let alliance = Alliance::new(2);
    let (g, z) = (alliance.run(0), alliance.run(1));
    let log = alliance.log(0);
    own_circle_opened(&g, &log).await;
    g.put_notes(5).await;
    wait("Z has the log", Duration::from_secs(10), async || z.size(&log) == 6).await;
    let state = g.handle().state();
    let request = Request::Items { log, sequences: vec![2, 4] };
    let (store, local) = (g.handle().store().as_ref(), g.handle().local());
    let Response::Items(good) = serve::answer(&request, &alliance.id(1), &state.ledger, None, store, local).unwrap() else { panic!() };
    z.handle().fill(log, good.clone()).await.unwrap();
    let before = z.handle().state().ledger.counters.clone();
    type Lie = Box<dyn Fn(&mut Vec<Item>)>;
    let lies: Vec<(&str, Fault, Lie)> = vec![
        ("another place", Fault::Inclusion, Box::new(|items| items[0].sequence = 3)),
        ("beyond the log", Fault::Index, Box::new(|items| items[1].sequence = 6)),
        ("not ascending", Fault::Index, Box::new(|items| items.swap(0, 1))),
        ("twice", Fault::Index, Box::new(|items| items[1] = items[0].clone())),
        ("a public field", Fault::FieldRoot, Box::new(|items| items[1].sections[0].content[5] ^= 1)),
        ("a header", Fault::Header, Box::new(|items| items[1].sections[0].header[5] ^= 1)),
        ("none", Fault::Form, Box::new(|items| items.clear())),
    ];
    for (name, fault, lie) in lies {
        let mut items = good.clone();
        lie(&mut items);
        let refused = z.handle().fill(log, items).await.unwrap_err();
        assert!(matches!(refused, SubmitError::Batch(BatchError::Sender { fault: found, .. }) if found == fault), "{name}: {refused:?}");
    }
    assert_eq!(z.handle().state().ledger.counters, before, "nothing was counted twice, or half");
    g.stop().await;
    z.stop().await;
}
