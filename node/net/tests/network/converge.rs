//! Honest nodes end up with the same logs, and each with what it may read.

use std::time::Duration;

use super::support::{Alliance, converged, grant, own_head_known, residue, wait};

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_hold_the_same_logs_and_each_reads_what_is_for_it() {
    let alliance = Alliance::new(3);
    let nodes = [alliance.run(0), alliance.run(1), alliance.run(2)];
    let [g, z, r] = &nodes;
    for node in &nodes {
        own_head_known(node).await;
    }
    let circle = g.handle().open_circle(grant("residues", &[alliance.id(2)])).await.unwrap();
    let receipt = g.put(&residue(&circle.id)).await.unwrap();
    wait("the alliance's key has arrived", Duration::from_secs(20), async || {
        z.put(r#"{"type":"note","sections":[{"for":"alliance","fields":{"m":1}}]}"#).await.is_ok()
    })
    .await;
    z.put_notes(3000).await;
    converged(&[g, z, r]).await;

    let log = alliance.log(0);
    let public = (0, Ok(vec!["\"pass\"".to_owned()]));
    let secret = (1, Ok(vec!["0.010".to_owned()]));
    assert_eq!(g.seen(&log, receipt.first).unwrap().len(), 3);
    assert_eq!(z.seen(&log, receipt.first).unwrap(), std::slice::from_ref(&public));
    assert_eq!(r.seen(&log, receipt.first).unwrap(), [public, secret]);
    assert_eq!(z.seen(&log, receipt.first - 1), None, "the grant circle's statement is masked for Z");
    assert_eq!(g.seen(&alliance.log(1), 0).unwrap(), [(0, Ok(vec!["1".to_owned()]))]);

    // Who holds what is known everywhere.
    let size = g.size(&log);
    wait("everybody is known to hold everything", Duration::from_secs(10), async || {
        let logs = z.net.status().await.logs;
        let holders = &logs.iter().find(|status| status.log == log).unwrap().holders;
        (0..3).all(|number| holders.get(&alliance.id(number)) == Some(&size))
    })
    .await;
    let status = z.net.status().await;
    assert!(
        status.own_head_known && status.peers.iter().all(|peer| peer.connected && peer.last_error.is_none() && peer.accused.is_none()),
        "{status:#?}"
    );
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_resumes_where_it_was() {
    let alliance = Alliance::new(2);
    let (g, z) = (alliance.run(0), alliance.run(1));
    g.put_notes(2500).await;
    converged(&[&g, &z]).await;
    z.stop().await;
    g.put_notes(300).await;
    let before = g.peer(alliance.id(1)).await;
    wait("it is seen to be gone", Duration::from_secs(5), async || !g.peer(alliance.id(1)).await.connected).await;
    let z = alliance.run(1);
    converged(&[&g, &z]).await;
    let sent = g.peer(alliance.id(1)).await.traffic.sent - before.traffic.sent;
    assert!(sent < 300 * 600 + 20_000, "{sent} bytes for 300 entries");
    assert_eq!(z.peer(alliance.id(0)).await.traffic.entries_received, 300, "none of them twice");
    z.stop().await;
    g.stop().await;
}
