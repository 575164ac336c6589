//! A member that shows two histories is convicted at every honest node, offline too; who crashed or came back from a backup is not, and no relay is blamed.

use std::path::Path;
use std::time::Duration;

use suyuan_core::equivocation::{Conviction, EquivocationFile};
use suyuan_core::history::Foundation;
use suyuan_core::log::LogId;
use suyuan_engine::serve;
use suyuan_engine::wire::{Request, Response};
use suyuan_runtime::{Node, SubmitError};

use super::own_log::{copy, restore};
use super::puppet::{Puppet, frame, keypair};
use super::support::{Alliance, Running, converged, multiaddr, own_head_known, wait};

const LIAR: usize = 1;

fn conviction(node: &Running, log: &LogId) -> Option<Conviction> {
    node.handle().state().ledger.convictions.of(log).map(|conviction| Conviction::clone(conviction))
}

/// Waits until a node knows where the histories part; its evidence convicts from a file alone.
async fn convicted(node: &Running, alliance: &Alliance, log: &LogId, common: u64) {
    let known = || conviction(node, log).and_then(|conviction| conviction.common());
    wait("it is convicted", Duration::from_secs(30), async || known() == Some(common)).await;
    let file = EquivocationFile {
        foundation: Foundation { charter: alliance.charter.to_bytes(), history: None },
        evidence: conviction(node, log).unwrap().evidence().clone(),
    };
    let (_, found) = EquivocationFile::verify(&file.to_bytes(), Some(&log.alliance)).unwrap();
    assert_eq!((found.log(), found.common()), (*log, Some(common)));
    assert!(file.evidence.to_bytes().len() < 4096);
}

async fn nobody_is_blamed(nodes: &[&Running], alliance: &Alliance, but: usize) {
    for node in nodes {
        for other in (0..alliance.founders.len()).filter(|other| *other != but && alliance.id(*other) != node.handle().state().ledger.me) {
            let peer = node.peer(alliance.id(other)).await;
            assert_eq!((peer.accused, peer.traffic.refused), (None, 0), "M{other}");
        }
    }
}

/// The liar writes so many notes, and then goes on in two ways: the folder of the other one is returned.
async fn two_ways(alliance: &Alliance, common: usize, one: usize, other: usize) -> tempfile::TempDir {
    let folder = alliance.founders[LIAR].folder.path();
    let z = alliance.run(LIAR);
    z.put_notes(common).await;
    z.stop().await;
    let second = tempfile::tempdir().unwrap();
    copy(folder, second.path());
    write_at(alliance, second.path(), other).await;
    write_at(alliance, folder, one).await;
    second
}

async fn write_at(alliance: &Alliance, folder: &Path, count: usize) {
    let node = Node::start(alliance.node_config_at(folder)).unwrap();
    let net = suyuan_net::start(node.handle.clone(), alliance.config(LIAR)).unwrap();
    let running = Running { node, net };
    running.put_notes(count).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_shows_two_histories_is_convicted_at_every_honest_node() {
    let alliance = Alliance::new(4);
    let log = alliance.log(LIAR);
    let second = two_ways(&alliance, 40, 7, 30).await;
    let one = Node::start(alliance.node_config_at(alliance.founders[LIAR].folder.path())).unwrap();
    let other = Node::start(alliance.node_config_at(second.path())).unwrap();
    // To the leader it shows one, to everybody else the other.
    let (a, b, leader) = (one.handle.clone(), other.handle.clone(), super::puppet::peer_id(&alliance.founders[0].transport));
    let (first_asker, second_asker) = (alliance.id(0), alliance.id(3));
    let puppet = Puppet::new(&keypair(&alliance.founders[LIAR].transport), &log.alliance).listen(multiaddr(alliance.founders[LIAR].port));
    puppet.play(move |peer, bytes| {
        let (node, asker) = if *peer == leader { (&a, first_asker) } else { (&b, second_asker) };
        let state = node.state();
        let request = Request::decode(&bytes[4..], &log.alliance).unwrap();
        let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
        let response = serve::answer(&request, &asker, &state.ledger, published, node.store().as_ref(), node.local()).unwrap();
        // It says nothing of what it has of others.
        let response = match response {
            Response::Heads(mut heads) => {
                heads.retain(|head| head.log.log == log);
                Response::Heads(heads)
            }
            other => other,
        };
        Some(frame(&response.to_bytes()))
    });
    let (g, s) = (alliance.run(0), alliance.run(3));
    convicted(&g, &alliance, &log, 40).await;
    convicted(&s, &alliance, &log, 40).await;
    // One that comes later hears of it, and takes what both histories have in common from whomever.
    let r = alliance.run(2);
    convicted(&r, &alliance, &log, 40).await;
    wait("the common part has come", Duration::from_secs(30), async || r.size(&log) >= 40).await;
    // What the liar writes now is not taken, and the others go on.
    let sizes = [g.size(&log), s.size(&log), r.size(&log)];
    g.put_notes(5).await;
    let leaders = alliance.log(0);
    wait("others are not held up", Duration::from_secs(20), async || [&s, &r].iter().all(|node| node.size(&leaders) == g.size(&leaders))).await;
    assert_eq!([g.size(&log), s.size(&log), r.size(&log)], sizes);
    nobody_is_blamed(&[&g, &s, &r], &alliance, LIAR).await;
    // It is not forgotten.
    g.stop().await;
    let g = alliance.run(0);
    assert_eq!(conviction(&g, &log).unwrap().common(), Some(40));
    for node in [g, s, r] {
        node.stop().await;
    }
    one.stop().await.unwrap();
    other.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_wrote_on_from_an_old_backup_finds_itself_convicted_and_writes_no_more() {
    let alliance = Alliance::new(4);
    let log = alliance.log(LIAR);
    let folder = alliance.founders[LIAR].folder.path();
    let (g, z) = (alliance.run(0), alliance.run(LIAR));
    z.put_notes(10).await;
    converged(&[&g, &z]).await;
    z.stop().await;
    let old = tempfile::tempdir().unwrap();
    copy(folder, old.path());
    let z = alliance.run(LIAR);
    z.put_notes(5).await;
    converged(&[&g, &z]).await;
    z.stop().await;
    g.stop().await;
    // The operator lets it write without asking anybody who knows more.
    restore(folder, Some(old.path()));
    let (s, z) = (alliance.run(3), alliance.run(LIAR));
    z.put_notes(3).await;
    wait("S has the second history", Duration::from_secs(20), async || s.size(&log) == 13).await;
    let g = alliance.run(0);
    for node in [&g, &s, &z] {
        convicted(node, &alliance, &log, 10).await;
    }
    let refused = z.put(r#"{"type":"note","sections":[{"for":"public","fields":{"a":1}}]}"#).await;
    assert_eq!(refused.unwrap_err(), SubmitError::Convicted);
    assert!(!*z.net.own_head_known().borrow(), "authoring is held");
    nobody_is_blamed(&[&g, &s], &alliance, LIAR).await;
    for node in [g, s, z] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_crashed_or_restored_a_backup_and_signed_nothing_since_is_not_convicted() {
    let alliance = Alliance::new(3);
    let log = alliance.log(LIAR);
    let folder = alliance.founders[LIAR].folder.path();
    let (g, r) = (alliance.run(0), alliance.run(2));
    let z = alliance.run(LIAR);
    z.put_notes(20).await;
    let old = tempfile::tempdir().unwrap();
    converged(&[&g, &r, &z]).await;
    z.stop().await;
    copy(folder, old.path());
    let z = alliance.run(LIAR);
    z.put_notes(30).await;
    converged(&[&g, &r, &z]).await;
    let size = z.size(&log);
    // It breaks off without a word, and comes back as it was.
    drop(z);
    let z = alliance.run_held(LIAR);
    own_head_known(&z).await;
    z.stop().await;
    restore(folder, Some(old.path()));
    let z = alliance.run_held(LIAR);
    own_head_known(&z).await;
    z.handle().hold_authoring(false).await;
    assert_eq!(z.size(&log), size);
    z.put_notes(5).await;
    converged(&[&g, &r, &z]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    for node in [&g, &r, &z] {
        assert_eq!(node.handle().state().ledger.convictions.iter().count(), 0);
    }
    nobody_is_blamed(&[&g, &r, &z], &alliance, 9).await;
    for node in [g, r, z] {
        node.stop().await;
    }
}
