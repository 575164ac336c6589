//! A node whose disk is older than what it had published fetches the end of its own log, and writes on only behind that.

use std::path::Path;
use std::time::Duration;

use suyuan_core::CircleId;
use suyuan_core::log::LogId;
use suyuan_engine::fsck;
use suyuan_runtime::SubmitError;

use super::support::{Alliance, Running, converged, grant, own_head_known, residue, wait};

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Puts an earlier copy of store and anchor back, or none at all.
pub fn restore(folder: &Path, old: Option<&Path>) {
    std::fs::remove_dir_all(folder.join("store")).unwrap();
    std::fs::remove_file(folder.join("anchor")).unwrap();
    if let Some(old) = old {
        copy(&old.join("store"), &folder.join("store"));
        std::fs::copy(old.join("anchor"), folder.join("anchor")).unwrap();
    }
}

async fn comes_back(older: bool) {
    let alliance = Alliance::new(3);
    let log = alliance.log(0);
    let folder = alliance.founders[0].folder.path();
    let z = alliance.run(1);
    let g = alliance.run(0);
    g.put_notes(400).await;
    converged(&[&g, &z]).await;
    g.stop().await;
    let old = tempfile::tempdir().unwrap();
    copy(folder, old.path());
    let g = alliance.run(0);
    g.put_notes(2600).await;
    converged(&[&g, &z]).await;
    let checkpoint = g.handle().state().published.unwrap().checkpoint.clone();
    let size = g.size(&log);
    g.stop().await;

    restore(folder, older.then_some(old.path()));
    let g = alliance.run_held(0);
    let early = g.put(r#"{"type":"note","sections":[{"for":"public","fields":{"late":1}}]}"#);
    let release = async {
        own_head_known(&g).await;
        assert_eq!(g.size(&log), size, "its own end is here before it may write");
        let state = g.handle().state();
        assert_eq!(state.published.unwrap().checkpoint, checkpoint, "published again, byte for byte");
        g.handle().hold_authoring(false).await;
    };
    let (receipt, ()) = tokio::join!(early, release);
    assert_eq!(receipt.unwrap().first, size, "behind what was published");
    converged(&[&g, &z]).await;
    let seen = z.peer(alliance.id(0)).await;
    assert_eq!((seen.accused, seen.traffic.refused), (None, 0));
    assert!(g.seen(&log, 100).is_some() && g.seen(&log, size - 1).is_some());
    g.stop().await;
    // Nobody has it any more? Then it is still known that nothing else may take its place.
    let g = alliance.run(0);
    assert_eq!(g.size(&log), size + 1);
    g.stop().await;
    z.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_disk_is_brought_up_to_what_was_published() {
    comes_back(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_disk_is_brought_up_to_what_was_published() {
    comes_back(false).await;
}

/// Next counter of G in a circle, its statements that a node holds, and how many there are at least.
fn counter(node: &Running, log: &LogId, circle: &CircleId) -> (u64, u64, u64) {
    let state = node.handle().state();
    let counter = state.ledger.counters.of(circle, state.ledger.logs.head(log).number);
    (counter.next, counter.held, counter.known())
}

/// G writes to a circle with a reader Z, and loses what it wrote last. S, who is not in the circle, has the log as well.
async fn lose_the_end(alliance: &Alliance) -> (Running, Running, CircleId, u64) {
    let log = alliance.log(0);
    let folder = alliance.founders[0].folder.path();
    let (g, z, s) = (alliance.run(0), alliance.run(1), alliance.run(3));
    own_head_known(&g).await;
    let circle = g.handle().open_circle(grant("residues", &[alliance.id(1), alliance.id(2)])).await.unwrap().id;
    g.put(&residue(&circle)).await.unwrap();
    converged(&[&g, &z, &s]).await;
    g.stop().await;
    let old = tempfile::tempdir().unwrap();
    copy(folder, old.path());
    let g = alliance.run(0);
    let lost = g.put(&residue(&circle)).await.unwrap().first;
    g.put(r#"{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}"#).await.unwrap();
    converged(&[&g, &z, &s]).await;
    let counters = (counter(&g, &log, &circle), counter(&z, &log, &circle));
    assert_eq!(counters, ((3, 3, 3), (3, 3, 3)), "the circle's opening and two statements");
    g.stop().await;
    restore(folder, Some(old.path()));
    (z, s, circle, lost)
}

/// Waits until one node has G's log from another.
async fn brought_by(relay: &Running, node: &Running, log: &LogId) {
    wait("the log has come from a relay", Duration::from_secs(20), async || node.size(log) == relay.size(log)).await;
}

/// The store holds together, with what it lost.
fn whole(node: &Running) {
    let (state, store) = (node.handle().state(), node.handle().store());
    fsck::check(&state.ledger, store.as_ref(), node.handle().local(), &state.secrets, |_| {}).unwrap();
}

/// Waits until all have the same statements, the lost one among them, and no gap is left.
async fn nothing_is_hidden(nodes: [&Running; 3], log: &LogId, circle: &CircleId, expected: (u64, u64, u64), lost: u64) {
    wait("all hold all four", Duration::from_secs(40), async || nodes.iter().all(|node| counter(node, log, circle) == expected)).await;
    let section = (1, Ok(vec!["0.010".to_owned()]));
    for node in nodes {
        assert!(node.seen(log, lost).unwrap().contains(&section));
        wait("no gap is left", Duration::from_secs(20), async || node.net.status().await.gaps.is_empty()).await;
        whole(node);
    }
}

/// A node that lost the end of its log writes on to a circle, while whoever else holds what it wrote there can be asked, or cannot.
async fn writes_on(reader_at_hand: bool) {
    let alliance = Alliance::new(4);
    let log = alliance.log(0);
    let (z, s, circle, lost) = lose_the_end(&alliance).await;
    let mut reader = Some(z);
    if let Some(z) = reader.take_if(|_| !reader_at_hand) {
        z.stop().await;
    }
    let g = alliance.run_held(0);
    let connected = async |number| g.peer(alliance.id(number)).await.connected;
    wait("all are connected", Duration::from_secs(20), async || connected(3).await && connected(1).await == reader_at_hand).await;
    own_head_known(&g).await;
    g.handle().hold_authoring(false).await;
    g.put(&residue(&circle)).await.unwrap();
    let expected = if reader_at_hand { (4, 4, 4) } else { (3, 3, 3) };
    assert_eq!(counter(&g, &log, &circle), expected, "counters are not used twice as long as somebody can be asked");
    converged(&[&g, &s]).await;

    // When the reader is back, what a counter that was used twice would hide comes to everybody: to the author, to a reader that never had it, and to this one,
    // which got the newest entry from S, without what is in it.
    let (g, z) = match reader {
        Some(z) => (g, z),
        None => {
            g.stop().await;
            let z = alliance.run(1);
            brought_by(&s, &z, &log).await;
            assert_eq!(counter(&z, &log, &circle), (3, 3, 3), "as many as G holds, but others");
            (alliance.run(0), z)
        }
    };
    let r = alliance.run(2);
    let next = if reader_at_hand { 4 } else { 3 };
    nothing_is_hidden([&g, &z, &r], &log, &circle, (next, 4, 4), lost).await;
    for node in [g, z, s, r] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_recovery_counters_go_on_behind_those_that_a_reader_holds() {
    writes_on(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_that_was_used_twice_while_no_reader_was_there_hides_nothing() {
    writes_on(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_other_node_nothing_is_authored() {
    let alliance = Alliance::new(2);
    let g = alliance.run_held(0);
    let refused = g.put(r#"{"type":"note","sections":[{"for":"public","fields":{"a":1}}]}"#).await;
    assert_eq!(refused.unwrap_err(), SubmitError::Held);
    assert!(!*g.net.own_head_known().borrow());
    assert_eq!(g.size(&alliance.log(0)), 0, "nor is the alliance's circle opened");
    let z = alliance.run(1);
    own_head_known(&g).await;
    g.handle().hold_authoring(false).await;
    wait("the alliance's circle is opened", Duration::from_secs(5), async || g.size(&alliance.log(0)) == 1).await;
    g.stop().await;
    z.stop().await;
}
