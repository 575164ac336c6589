//! A member's node moves, says so in its log, and the others find it there.

use std::time::Duration;

use suyuan_core::MemberId;
use suyuan_runtime::SubmitError;

use super::ports::free_port;
use super::support::{Alliance, Running, converged, multiaddr, own_head_known, wait};

fn stated(node: &Running, member: &MemberId) -> Option<Vec<String>> {
    node.handle().state().ledger.addresses.of(member).map(|stated| stated.addresses.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moves_says_so_and_the_others_follow() {
    let mut alliance = Alliance::new(4);
    let moving = alliance.id(1);
    let (g, s) = (alliance.run(0), alliance.run(3));
    own_head_known(&g).await;
    alliance.founders[1].port = free_port();
    let new = multiaddr(alliance.founders[1].port).to_string();
    let old = multiaddr(alliance.founders[1].public).to_string();
    assert_eq!(g.peer(moving).await.addresses, [old], "what the charter says");
    let z = alliance.run(1);
    wait("the alliance's key has come, and it can be stated", Duration::from_secs(20), async || {
        z.handle().set_addresses(std::slice::from_ref(&new)).await.is_ok()
    })
    .await;
    converged(&[&g, &z, &s]).await;
    let size = z.size(&alliance.log(1));
    z.handle().set_addresses(std::slice::from_ref(&new)).await.unwrap();
    let outside = z.handle().set_addresses(&["/ip4/192.0.2.7/tcp/7401".to_owned()]).await;
    assert!(matches!(outside, Err(SubmitError::Refused(_))), "a development keyring stays on its machine");
    assert_eq!(z.size(&alliance.log(1)), size, "what is in effect or refused is not written");
    assert_eq!([&g, &z, &s].map(|node| stated(node, &moving)), [Some(vec![new.clone()]), Some(vec![new.clone()]), Some(vec![new.clone()])]);
    z.stop().await;
    wait("they look for it there", Duration::from_secs(10), async || {
        g.peer(moving).await.addresses == [new.clone()] && s.peer(moving).await.addresses == [new.clone()]
    })
    .await;
    // G moves too, tells nobody, and is found by nobody: what connects it with Z was dialled by G, from what it had kept.
    g.stop().await;
    alliance.founders[0].port = free_port();
    let (g, z) = (alliance.run(0), alliance.run(1));
    wait("G has found Z", Duration::from_secs(20), async || g.peer(moving).await.connected).await;
    assert!(g.peer(moving).await.addresses[0].starts_with(&new));
    // Nobody dials who has no address any more.
    z.handle().set_addresses(&[]).await.unwrap();
    converged(&[&g, &z, &s]).await;
    z.stop().await;
    wait("it is not dialled", Duration::from_secs(10), async || !g.peer(moving).await.connected).await;
    assert!(g.peer(moving).await.addresses.is_empty());
    g.stop().await;
    s.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_the_key_later_learns_what_was_stated_before() {
    let alliance = Alliance::new(4);
    let (g, z) = (alliance.run(0), alliance.run(1));
    own_head_known(&g).await;
    let addresses = vec![multiaddr(free_port()).to_string()];
    wait("it can be stated", Duration::from_secs(20), async || z.handle().set_addresses(&addresses).await.is_ok()).await;
    converged(&[&g, &z]).await;
    g.stop().await;
    let r = alliance.run(2);
    let log = alliance.log(1);
    wait("R has Z's log", Duration::from_secs(30), async || r.size(&log) == z.size(&log)).await;
    assert_eq!(stated(&r, &alliance.id(1)), None, "it is sealed, and the key is at G's");
    let g = alliance.run(0);
    wait("R has the key, and knows", Duration::from_secs(40), async || stated(&r, &alliance.id(1)).as_ref() == Some(&addresses)).await;
    for node in [g, z, r] {
        node.stop().await;
    }
}
