//! Stores and anchors that are not what they should be: nothing is written, and the message names the next step.

use std::path::Path;

use crate::support::{Node, done, found, refused, run, said};

/// A member's folder with a node that has written something and stopped.
fn written(data: &Path, charter: &Path) {
    let record = data.with_extension("json");
    std::fs::write(&record, r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#).unwrap();
    let node = Node::start(data, charter, &[]);
    node.ready();
    let put = node.ask(&["record", "put", record.to_str().unwrap()]);
    assert!(put.status.success(), "{}", said(&put));
    node.stop();
}

/// What `fsck` says of a store that it finds damaged.
fn damaged(data: &Path) -> String {
    let output = run(data, &["fsck"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_log_that_has_begun_has_its_anchor() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    written(&data, &charter);
    done(&data, &["fsck"]);
    let anchor = data.join("anchor");
    let whole = std::fs::read(&anchor).unwrap();
    let says = |text: &str| assert!(text.contains("anchor") && text.contains("suyuan --data") && text.contains("newest copy"), "{text}");
    let start = || refused(&data, &["run"]);

    std::fs::remove_file(&anchor).unwrap();
    says(&damaged(&data));
    assert!(!anchor.exists(), "a check writes nothing");
    says(&start());
    assert!(!anchor.exists(), "and a start that is refused does not, either");
    for content in [&[][..], &whole[..100], &vec![0x55; whole.len()]] {
        std::fs::write(&anchor, content).unwrap();
        says(&damaged(&data));
        says(&start());
    }
    std::fs::write(&anchor, whole).unwrap();
    done(&data, &["fsck"]);
    let node = Node::start(&data, &charter, &[]);
    node.ready();
    node.stop();
}

#[test]
fn a_start_that_ended_before_the_anchor_had_its_size_is_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    std::fs::write(data.join("anchor"), []).unwrap();
    written(&data, &charter);
    done(&data, &["fsck"]);
}

#[test]
fn another_member_s_store_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let [g, z] = ["g", "z"].map(|name| folder.path().join(name));
    let charter = found(&[&g, &z], true);
    let (first, second) = (Node::start(&g, &charter, &[]), Node::start(&z, &charter, &[]));
    first.ready();
    second.ready();
    first.stop();
    second.stop();
    std::fs::rename(z.join("store"), g.join("store.mine")).unwrap();
    std::fs::rename(g.join("store"), z.join("store")).unwrap();
    for command in ["fsck", "run"] {
        let said = refused(&z, &[command]);
        assert!(said.contains("member 0") && said.contains("--data") && !said.contains("DAMAGED"), "{command}: {said}");
    }
}

#[test]
fn signing_names_the_flag_for_a_root_key_that_was_moved() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    let charter = charter.to_str().unwrap();
    let moved = folder.path().join("offline");
    std::fs::rename(data.join("root.key"), &moved).unwrap();
    let said = refused(&data, &["charter", "sign", charter]);
    assert!(said.contains("--root FILE") && !said.contains("create a keyring"), "{said}");
    done(&data, &["charter", "sign", charter, "--root", moved.to_str().unwrap()]);
}
