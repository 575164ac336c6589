//! The witness as strangers meet it: a client and a witness in Python that share no code with this program.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Node, done, found, refused};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/witness.py")
}

/// The leader's log, as soon as there is something in it.
fn log_of(node: &Node) -> Value {
    let begun = Instant::now();
    loop {
        let output = node.ask(&["log", "member 0", "--json"]);
        let log: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if log["witnessKey"].is_string() {
            return log;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", node.journal());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_case_of_the_specification_is_answered_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let member = folder.path().join("a");
    let charter = found(&[&member], true);
    let log = Command::new("python3").arg(script()).args(["log", "--seed", "stranger"]).output().unwrap();
    let vkey = String::from_utf8(log.stdout).unwrap();
    let node = Node::start(&member, &charter, &["--witness-log", vkey.trim()]);
    node.ready();
    let key = log_of(&node)["witnessKey"].as_str().unwrap().to_owned();
    let url = format!("http://{}/witness", node.public);
    let checked = Command::new("python3").arg(script()).args(["check", "--url", &url, "--vkey", &key, "--seed", "stranger"]).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    node.stop();
    // What was cosigned is part of the store.
    done(&member, &["fsck"]);
}

/// A witness in Python, stopped when it is dropped.
struct Stranger(Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_witness_that_was_not_written_here_cosigns_this_nodes_log() {
    let folder = tempfile::tempdir().unwrap();
    let member = folder.path().join("a");
    let charter = found(&[&member], true);
    let node = Node::start(&member, &charter, &[]);
    node.ready();
    let log = log_of(&node);
    let (vkey, id) = (log["logKey"].as_str().unwrap().to_owned(), log["member"]["id"].as_str().unwrap().to_owned());
    node.stop();
    let mut witness = Command::new("python3").arg(script()).args(["serve", "--vkey", &vkey]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(witness.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _stranger = Stranger(witness);
    let node = Node::start(&member, &charter, &["--external-witness", line.trim()]);
    node.ready();
    let mut sizes = Vec::new();
    for number in 0..3 {
        let body = format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"self","fields":{{"n":{number}}}}}]}}]}}"#);
        let file = folder.path().join("record.json");
        std::fs::write(&file, body).unwrap();
        let output = node.ask(&["record", "put", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        sizes.push(cosigned(&node, &id, sizes.last().copied().unwrap_or(0)));
    }
    assert!(sizes.is_sorted(), "{sizes:?}");
    node.stop();
    done(&member, &["fsck"]);
}

/// The size of a published checkpoint that the stranger has cosigned, above one.
fn cosigned(node: &Node, id: &str, above: u64) -> u64 {
    let begun = Instant::now();
    loop {
        let answer = node.get(node.public, &format!("/log/{id}/0/checkpoint"));
        let note = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let size = note.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(0);
        if note.contains("\n— witness.example/w1 ") && size > above {
            return size;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{answer}\n{}", node.journal());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn keys_that_cannot_witness_are_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let member = folder.path().join("a");
    let charter = found(&[&member], true);
    for (flag, value, says) in [
        ("--witness-log", "nonsense", "not the vkey of an Ed25519 log"),
        ("--external-witness", "nonsense", "give VKEY=URL"),
        ("--external-witness", "nonsense=http://127.0.0.1:1", "not the vkey of an Ed25519 witness"),
        ("--external-witness", "nonsense=https://127.0.0.1:1", "through a proxy"),
    ] {
        let said = refused(&member, &["run", "--charter", charter.to_str().unwrap(), flag, value]);
        assert!(said.contains(says), "{said}");
    }
}
