//! A member that was cut off is brought up to date, and little is sent twice; a line that has fallen silent is noticed.

use std::time::{Duration, Instant};

use suyuan_core::MemberId;
use suyuan_core::log::LogId;
use suyuan_engine::serve;
use suyuan_engine::wire::{Request, Response};
use suyuan_net::limits;

use super::ports::free_port;
use super::proxy::Proxy;
use super::support::{Alliance, Running, converged, own_head_known, wait};

/// Bytes of the answers by which a member gets a log from a size on.
fn missed(from: &Running, member: MemberId, log: LogId, mut size: u64) -> u64 {
    let state = from.handle().state();
    let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
    let mut bytes = 0;
    loop {
        let request = Request::Pull { log, from: size };
        let store = from.handle().store().as_ref();
        let response = serve::answer(&request, &member, &state.ledger, published, store, from.handle().local()).unwrap();
        let Response::Batch(Some(batch)) = &response else { return bytes };
        size += batch.entries.len() as u64;
        bytes += response.to_bytes().len() as u64;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_healing_little_more_is_sent_than_was_missed() {
    let alliance = Alliance::with(2, |founders| founders.iter_mut().for_each(|founder| founder.public = free_port()));
    let mut proxies = Vec::new();
    for founder in &alliance.founders {
        proxies.push(Proxy::start(founder.public, founder.port).await);
    }
    let (g, z) = (alliance.run(0), alliance.run(1));
    own_head_known(&g).await;
    let (ids, logs) = ([alliance.id(0), alliance.id(1)], [alliance.log(0), alliance.log(1)]);
    g.put_notes(2000).await;
    converged(&[&g, &z]).await;
    for round in 0..3 {
        proxies.iter().for_each(|proxy| proxy.set(false));
        wait("both see it", Duration::from_secs(5), async || !g.peer(ids[1]).await.connected && !z.peer(ids[0]).await.connected).await;
        let before = (g.peer(ids[1]).await.traffic, z.peer(ids[0]).await.traffic);
        let sizes = (z.size(&logs[0]), g.size(&logs[1]));
        g.put_notes(1500).await;
        z.put_notes(300 * (round + 1)).await;
        proxies.iter().for_each(|proxy| proxy.set(true));
        converged(&[&g, &z]).await;
        let after = (g.peer(ids[1]).await.traffic, z.peer(ids[0]).await.traffic);
        let to_z = (after.0.sent - before.0.sent, missed(&g, ids[1], logs[0], sizes.0));
        let to_g = (after.1.sent - before.1.sent, missed(&z, ids[0], logs[1], sizes.1));
        for (sent, missed) in [to_z, to_g] {
            assert!(sent <= missed + 16 * 1024, "round {round}: {sent} bytes sent, {missed} missed");
        }
        assert_eq!(after.1.entries_received - before.1.entries_received, 1500, "no entry twice");
    }
    g.stop().await;
    z.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_falls_silent_is_given_up_and_another_one_is_used() {
    let alliance = Alliance::with(2, |founders| founders.iter_mut().for_each(|founder| founder.public = free_port()));
    let mut proxies = Vec::new();
    for founder in &alliance.founders {
        proxies.push(Proxy::start(founder.public, founder.port).await);
    }
    let (g, z) = (alliance.run(0), alliance.run(1));
    let ids = [alliance.id(0), alliance.id(1)];
    own_head_known(&g).await;
    g.put_notes(100).await;
    converged(&[&g, &z]).await;
    // In the middle of a transfer, so that bytes are on their way in every buffer.
    let large = format!(r#"{{"type":"note","sections":[{{"for":"public","fields":{{"a":"{}"}}}}]}}"#, "x".repeat(250_000));
    for _ in 0..4 {
        g.put(&vec![large.as_str(); 30].join(",")).await.unwrap();
    }
    proxies.iter().for_each(Proxy::silence);
    let held = z.size(&alliance.log(0));
    assert!(held < g.size(&alliance.log(0)), "the transfer is under way");
    let start = Instant::now();
    let both = async || !g.peer(ids[1]).await.connected && !z.peer(ids[0]).await.connected;
    wait("both give the line up", limits::SILENCE + Duration::from_secs(3), both).await;
    assert!(start.elapsed() > Duration::from_secs(5), "nobody had closed it");
    z.put_notes(50).await;
    for _ in 0..20 {
        assert!(both().await, "nobody is connected while nothing gets through");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(g.peer(ids[1]).await.last_error.is_some());
    proxies.iter().for_each(|proxy| proxy.set(true));
    converged(&[&g, &z]).await;
    let accused = (g.peer(ids[1]).await.accused, z.peer(ids[0]).await.accused);
    assert_eq!(accused, (None, None), "that a line breaks is nobody's fault");
    g.stop().await;
    z.stop().await;
}
