//! A node whose disk is older than what it had published fetches the end of its own log, and writes on only behind that.

use std::path::Path;
use std::time::Duration;

use suyuan_runtime::SubmitError;

use super::support::{Alliance, converged, own_head_known, wait};

fn copy(from: &Path, to: &Path) {
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
fn restore(folder: &Path, old: Option<&Path>) {
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
