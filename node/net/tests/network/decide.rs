//! Members decide together over real connections: what they approve becomes final everywhere, a deputy takes over, and who is removed is out at once.

use std::time::Duration;

use suyuan_core::StatementId;
use suyuan_core::membership::{Agreement, Change, Removal};
use suyuan_engine::decisions::{Choice, ProposalRequest, VoteRequest};
use suyuan_engine::waiting::Reason;
use suyuan_runtime::{SubmitError, Submitted};

use super::support::{Alliance, Running, own_head_known, wait};

const PATIENCE: Duration = Duration::from_secs(30);

fn agree(title: &str) -> Change {
    Change::Agree(Agreement { title: title.into(), text: "we do".into() })
}

pub async fn propose(node: &Running, change: Change) -> StatementId {
    let expires = suyuan_runtime::node::now() + 3_600_000;
    let request = ProposalRequest { change, expires, reason: String::new(), signers: Vec::new(), threshold: None };
    node.handle().propose(request).await.unwrap().ids[0]
}

pub async fn approve(node: &Running, proposal: StatementId) {
    let known = || node.handle().state().ledger.decisions.proposals().contains_key(&proposal);
    wait("the proposal has arrived", PATIENCE, async || known()).await;
    match node.handle().vote(VoteRequest { proposal, choice: Choice::Approve, comment: String::new() }).await {
        // Enough others had approved by then, and it has taken effect.
        Err(SubmitError::Refused(refusal)) if refusal.detail.contains("(superseded)") => {}
        voted => assert!(voted.is_ok(), "{voted:?}"),
    }
}

fn is_final(node: &Running, proposal: &StatementId) -> bool {
    let ledger = node.handle().state().ledger;
    let settled = ledger.decisions.settled();
    settled.decided.iter().any(|decided| decided.resolved.id == *proposal && settled.is_settled(decided))
}

pub async fn final_at(nodes: &[&Running], proposal: StatementId) {
    wait("it is final everywhere", PATIENCE, async || nodes.iter().all(|node| is_final(node, &proposal))).await;
}

/// Every node knows its own log, and the alliance circle's key has come.
pub async fn ready(nodes: &[&Running]) {
    for node in nodes {
        own_head_known(node).await;
    }
    let opened = |node: &&Running| {
        let state = node.handle().state();
        state.ledger.circles.circle(&state.ledger.decisions.circle).is_some()
    };
    wait("the alliance circle is open everywhere", PATIENCE, async || nodes.iter().all(opened)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_members_approve_becomes_final_and_survives_a_silent_leader_and_restarts() {
    // The third is a regulator: it decides nothing, and follows everything.
    let alliance = Alliance::impatient(5, 12_000);
    let [a, b, r, c, d] = [alliance.run(0), alliance.run(1), alliance.run(2), alliance.run(3), alliance.run(4)];
    ready(&[&a, &b, &r, &c, &d]).await;
    let before = propose(&b, agree("before")).await;
    for node in [&a, &b, &c] {
        approve(node, before).await;
    }
    final_at(&[&a, &b, &r, &c, &d], before).await;

    a.stop().await;
    let after = propose(&c, agree("after")).await;
    for node in [&b, &c, &d] {
        approve(node, after).await;
    }
    final_at(&[&b, &r, &c, &d], after).await;
    let order = b.handle().state().ledger.decisions.settled().clone();
    assert!(order.term > 1 && order.keeper != alliance.id(0), "another keeps the log");

    // The leader comes back, and another node starts anew from its disk: both see the same.
    let a = alliance.run(0);
    final_at(&[&a], after).await;
    d.stop().await;
    let d = alliance.run(4);
    assert!(is_final(&d, &before) && is_final(&d, &after), "what was final is final from the disk alone");
    for node in [a, b, r, c, d] {
        node.stop().await;
    }
}

/// Within T after its founding, and as long as a quorum confirms the members, everything may be sealed; later nothing, but for oneself.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sealed_while_nobody_confirms_the_members() {
    let alliance = Alliance::impatient(5, 4_000);
    let [a, b, c] = [alliance.run(0), alliance.run(1), alliance.run(3)];
    ready(&[&a, &b, &c]).await;
    let sealed = r#"{"type":"note","sections":[{"for":"alliance","fields":{"m":1}}]}"#;
    let own = r#"{"type":"note","sections":[{"for":"self","fields":{"m":1}}]}"#;
    tokio::time::sleep(Duration::from_secs(5)).await;
    a.put(sealed).await.expect("two other voters confirm who the members are");
    b.stop().await;
    c.stop().await;
    wait("nobody has confirmed it for T", PATIENCE, async || matches!(a.submit(sealed).await, Ok(Submitted::Waiting(_)))).await;
    let Ok(Submitted::Waiting(waiting)) = a.submit(sealed).await else { panic!("it does not wait") };
    assert_eq!(waiting.reason, Reason::Unconfirmed);
    a.put(own).await.expect("what is for this member alone is nobody else's");
    a.put_notes(1).await;
    let before = (a.size(&alliance.log(0)), a.handle().state().waiting.len() as u64);
    assert!(before.1 >= 2, "what waits is not in the log");
    let b = alliance.run(1);
    let c = alliance.run(3);
    wait("it is confirmed again", PATIENCE, async || a.handle().state().waiting.is_empty()).await;
    wait("what has waited is with the others", PATIENCE, async || b.size(&alliance.log(0)) >= before.0 + before.1).await;
    a.put(sealed).await.expect("nothing waits any more");
    for node in [a, b, c] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_is_out_and_reads_nothing_new() {
    let alliance = Alliance::impatient(5, 12_000);
    let [a, b, r, c, d] = [alliance.run(0), alliance.run(1), alliance.run(2), alliance.run(3), alliance.run(4)];
    ready(&[&a, &b, &r, &c, &d]).await;
    let grant = a.handle().open_circle(super::support::grant("prices", &[alliance.id(1), alliance.id(4)])).await.unwrap();
    let (size, root) = {
        let ledger = a.handle().state().ledger;
        let head = ledger.logs.head(&alliance.log(4)).tree_head();
        (head.size, StatementId(head.root))
    };
    let removal = propose(&a, Change::Remove(Removal { member: alliance.id(4), size, root })).await;
    for node in [&a, &b, &c] {
        approve(node, removal).await;
    }
    final_at(&[&a, &b, &c], removal).await;
    let circle = a.handle().state().ledger.decisions.circle;
    let epoch = |node: &Running| node.handle().state().ledger.circles.circle(&circle).map_or(0, suyuan_engine::circles::Circle::epoch);
    wait("the next epoch is open among those who stay", PATIENCE, async || [&a, &b, &c, &r].into_iter().all(|node| epoch(node) == 2)).await;

    let readers = || {
        let ledger = b.handle().state().ledger;
        ledger.circles.circle(&grant.id).map(|circle| (circle.epoch(), circle.rights(&alliance.id(4), None)))
    };
    wait("a grant that it was in goes on without it", PATIENCE, async || readers() == Some((2, None))).await;

    // Its connections are closed, and stay so.
    let gone = async || {
        let mut gone = true;
        for node in [&a, &b, &c, &r] {
            gone &= node.net.status().await.peers.iter().all(|peer| peer.member != alliance.id(4));
        }
        gone
    };
    wait("nobody counts it among the peers", PATIENCE, gone).await;
    a.put(r#"{"type":"note","sections":[{"for":"alliance","fields":{"secret":1}}]}"#).await.unwrap();
    let log = alliance.log(0);
    let last = a.size(&log) - 1;
    wait("those who stay read it", PATIENCE, async || {
        [&b, &c].into_iter().all(|node| node.seen(&log, last) == Some(vec![(0, Ok(vec!["1".into()]))]))
    })
    .await;
    assert!(d.size(&log) <= last, "what was removed is served nothing");
    assert!(d.handle().state().secrets.of(&circle, 2).is_none(), "and has no key of the new epoch");
    for node in [a, b, r, c, d] {
        node.stop().await;
    }
}
