//! Members exchange their keys over real connections: everybody follows, whoever was away catches up by the history, and nobody is blamed.

use std::time::Duration;

use suyuan_core::membership::Change;
use suyuan_core::note::UnverifiedCheckpoint;
use suyuan_engine::writer::WantedKeys;
use suyuan_runtime::node::now;

use super::decide::{approve, final_at, propose, ready};
use super::support::{Alliance, Running, converged, own_head_known, wait};

const PATIENCE: Duration = Duration::from_secs(40);

/// The change as the member proposes and approves it.
async fn exchange(alliance: &Alliance, number: usize, node: &Running, wanted: WantedKeys) -> suyuan_core::StatementId {
    let change = node.handle().draw_keys(wanted).await.unwrap();
    let change = change.with_root(&alliance.log(number).alliance, alliance.root(number));
    let proposal = propose(node, Change::Keys(change)).await;
    approve(node, proposal).await;
    proposal
}

/// Writes until the log has grown over the size from which its newest key signs.
async fn write_on(number: usize, alliance: &Alliance, node: &Running) {
    let from = node.handle().state().ledger.alliance.member(&alliance.id(number)).unwrap().logs.last().unwrap().from;
    while node.size(&alliance.log(number)) <= from {
        node.put_notes(1).await;
    }
    // What was acknowledged is published right after.
    let published = || node.handle().state().published.is_some_and(|published| published.size > from);
    wait("it is published", PATIENCE, async || published()).await;
    let (state, log) = (node.handle().state(), alliance.log(number));
    let me = state.ledger.alliance.member(&log.member).unwrap();
    let published = state.published.unwrap();
    let key = suyuan_core::policy::checkpoint_key(&log, me, published.size).unwrap();
    assert_eq!(key.key, me.log, "the newest key signs");
    UnverifiedCheckpoint::parse(&published.checkpoint).unwrap().verify(&key, &[]).unwrap();
}

async fn nobody_is_accused(alliance: &Alliance, nodes: &[(usize, &Running)]) {
    for (at, node) in nodes {
        for (of, _) in nodes.iter().filter(|(of, _)| of != at) {
            assert_eq!(node.peer(alliance.id(*of)).await.accused, None, "{at} accuses {of}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_exchanges_all_its_keys_and_its_connections_follow() {
    let alliance = Alliance::impatient(4, 24_000);
    let [a, b, r, c] = [alliance.run(0), alliance.run(1), alliance.run(2), alliance.run(3)];
    ready(&[&a, &b, &r, &c]).await;
    let old = b.handle().transport(now()).unwrap().public();
    let all = WantedKeys { log: true, witness: true, transport: true, encryption: true };
    let proposal = exchange(&alliance, 1, &b, all).await;
    final_at(&[&a, &b, &r, &c], proposal).await;
    assert_eq!(b.handle().transport(now()).map(|key| key.public()), Some(old), "for T / 8 it is known by the former key");
    write_on(1, &alliance, &b).await;
    converged(&[&a, &b, &r, &c]).await;
    wait("the new transport key is used", PATIENCE, async || b.handle().transport(now()).is_some_and(|key| key.public() != old)).await;
    let connected = async || {
        let mut all = true;
        for node in [&a, &r, &c] {
            all &= node.peer(alliance.id(1)).await.connected;
        }
        all
    };
    // The connections are closed and made anew under it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    wait("everybody is connected with it again", PATIENCE, connected).await;
    b.put_notes(3).await;
    converged(&[&a, &b, &r, &c]).await;
    nobody_is_accused(&alliance, &[(0, &a), (1, &b), (2, &r), (3, &c)]).await;
    for node in [a, b, r, c] {
        node.stop().await;
    }
    // The same keyring starts again.
    let [a, b] = [alliance.run(0), alliance.run_held(1)];
    own_head_known(&b).await;
    converged(&[&a, &b]).await;
    for node in [a, b] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_away_while_the_keeper_exchanged_its_keys_catches_up_and_blames_nobody() {
    let alliance = Alliance::impatient(4, 60_000);
    let [a, b, r, c] = [alliance.run(0), alliance.run(1), alliance.run(2), alliance.run(3)];
    ready(&[&a, &b, &r, &c]).await;
    converged(&[&a, &b, &r, &c]).await;
    c.stop().await;
    let signing = WantedKeys { log: true, witness: true, ..WantedKeys::default() };
    for (number, node) in [(1, &b), (0, &a)] {
        let proposal = exchange(&alliance, number, node, signing).await;
        final_at(&[&a, &b, &r], proposal).await;
        write_on(number, &alliance, node).await;
    }
    converged(&[&a, &b, &r]).await;
    let c = alliance.run_held(3);
    own_head_known(&c).await;
    converged(&[&a, &b, &r, &c]).await;
    assert_eq!(c.handle().state().ledger.alliance.version(), 2);
    nobody_is_accused(&alliance, &[(0, &a), (1, &b), (2, &r), (3, &c)]).await;
    c.handle().hold_authoring(false).await;
    c.put_notes(1).await;
    converged(&[&a, &b, &r, &c]).await;
    for node in [a, b, r, c] {
        node.stop().await;
    }
}
