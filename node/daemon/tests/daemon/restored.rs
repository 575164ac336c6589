//! A leader whose disk is gone: keys from a backup, the log from the others, and the alliance circle opened anew.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Node, done, found, said};

#[test]
fn a_restored_leader_opens_the_alliance_circle_anew_and_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let [g, z] = ["g", "z"].map(|name| folder.path().join(name));
    let charter = found(&[&g, &z], false);
    let record = folder.path().join("record.json");
    std::fs::write(&record, r#"{"records":[{"type":"note","sections":[{"for":"alliance","fields":{"a":1}}]}]}"#).unwrap();
    let ask = |node: &Node, words: &[&str]| -> Value {
        let output = node.ask(&[&["--json"], words].concat());
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let put = |node: &Node| ask(node, &["record", "put", record.to_str().unwrap()])["ids"][0].as_str().unwrap().to_owned();
    // Whether a node can read a record's only section, once it has it.
    let reads = |node: &Node, id: &str| {
        let begun = Instant::now();
        loop {
            let output = node.ask(&["--json", "record", "get", id]);
            if output.status.success() {
                let record: Value = serde_json::from_slice(&output.stdout).unwrap();
                return record["sections"][0]["fields"].is_object();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", said(&output));
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let (leader, other) = (Node::start(&g, &charter, &[]), Node::start(&z, &charter, &[]));
    leader.ready();
    other.ready();
    ask(&leader, &["circle", "epoch", "alliance", "--name", "second"]);
    let before = put(&leader);
    assert!(reads(&other, &before));
    leader.stop();
    let (backup, entry) = (folder.path().join("backup"), std::fs::read(g.join("entry")).unwrap());
    done(&g, &["keyring", "export", backup.to_str().unwrap()]);
    std::fs::remove_dir_all(&g).unwrap();
    done(&g, &["keyring", "restore", backup.to_str().unwrap()]);
    std::fs::write(g.join("entry"), entry).unwrap();

    let leader = Node::start(&g, &charter, &[]);
    leader.ready();
    eventually(|| leader.troubles().is_empty() && reads(&leader, &before));
    eventually(|| reads(&other, &put(&leader)));
    let refused = other.ask(&["circle", "epoch", "alliance"]);
    assert_eq!(refused.status.code(), Some(4), "only the leader does: {}", said(&refused));
    let opened = ask(&leader, &["circle", "epoch", "alliance"]);
    assert_eq!((&opened["epoch"], opened["members"].as_array().map(Vec::len)), (&3.into(), Some(2)), "{opened}");
    // It has effect once the other voter has cosigned its place in the order.
    eventually(|| ask(&leader, &["circle", "show", opened["id"].as_str().unwrap()])["epoch"] == 3);
    let after = put(&leader);
    eventually(|| reads(&other, &after) && reads(&leader, &after));
    let answer = put(&other);
    eventually(|| reads(&leader, &answer));
    leader.stop();
    other.stop();
    done(&g, &["fsck"]);
}

fn eventually(holds: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not come to hold");
        std::thread::sleep(Duration::from_millis(50));
    }
}
