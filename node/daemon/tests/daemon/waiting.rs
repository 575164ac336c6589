//! Two nodes, of which one is stopped: what cannot be sealed without it waits on the other one's disk, over a restart too, and reaches it in the end.

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Node, found, said};

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn until(what: &str, nodes: &[&Node], mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        let journals = || nodes.iter().map(|node| node.journal()).collect::<Vec<_>>().join("\n");
        assert!(begun.elapsed() < Duration::from_secs(90), "{what}: {}", journals());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The members agree that they confirm each other within four seconds.
fn shorten(nodes: &[&Node; 2], file: &std::path::Path) {
    std::fs::write(file, r#"{"charter":{"seal":4000}}"#).unwrap();
    let proposed = object(&nodes[0].ask(&["--json", "resolution", "propose", "file", file.to_str().unwrap()]));
    let id = proposed["id"].as_str().unwrap();
    for node in nodes {
        until("it is approved", nodes, || node.ask(&["resolution", "approve", id]).status.success());
    }
    for node in nodes {
        until("it is final", nodes, || object(&node.ask(&["--json", "charter", "show"]))["version"] == 1);
    }
}

#[test]
fn a_record_waits_for_the_other_members_and_reaches_them() {
    let folder = tempfile::tempdir().unwrap();
    let (g, z) = (folder.path().join("g"), folder.path().join("z"));
    let charter = found(&[&g, &z], true);
    let (first, second) = (Node::start(&g, &charter, &[]), Node::start(&z, &charter, &[]));
    first.ready();
    second.ready();
    let body = folder.path().join("body.json");
    shorten(&[&first, &second], &body);
    second.stop();

    std::fs::write(&body, r#"{"records":[{"type":"note","sections":[{"for":"alliance","fields":{"text":"late"}}]}]}"#).unwrap();
    let put = |node: &Node, key: &str| object(&node.ask(&["--json", "record", "put", "--idempotency-key", key, body.to_str().unwrap()]));
    let mut number = 0;
    until("nobody has confirmed the members", &[&first], || {
        number += 1;
        put(&first, &format!("try-{number}"))["waiting"].is_object()
    });
    let waiting = put(&first, "order")["waiting"].clone();
    assert_eq!((&waiting["reason"], &waiting["records"]), (&"unconfirmed".into(), &1.into()), "{waiting}");
    let said_so = text(&first.ask(&["record", "put", "--idempotency-key", "order", body.to_str().unwrap()]));
    assert!(said_so.contains("1 record(s) wait since") && said_so.contains("suyuan waiting"), "{said_so}");
    assert_eq!(first.status()["unsealed"], json!({ "submissions": 2, "records": 2, "failed": 0 }));
    let listed = object(&first.ask(&["--json", "waiting"]));
    assert_eq!((listed["waiting"].as_array().map(Vec::len), &listed["waiting"][1]["id"]), (Some(2), &waiting["id"]));
    assert!(text(&first.ask(&["waiting"])).contains("2 record(s) in 2 submission(s) wait"));

    let taken = listed["waiting"][0]["id"].as_str().unwrap();
    assert!(text(&first.ask(&["waiting", "take-out", taken])).contains("taken out"));
    assert_eq!(first.ask(&["waiting", "take-out", taken]).status.code(), Some(4));
    assert_eq!(first.ask(&["waiting", "take-out", "7"]).status.code(), Some(2));
    let document = folder.path().join("events.json");
    std::fs::write(&document, r#"{"type":"EPCISDocument","epcisBody":{"eventList":[{"type":"ObjectEvent"}]}}"#).unwrap();
    let import = |node: &Node| node.ask(&["--json", "import", "--for", "alliance", document.to_str().unwrap()]);
    let output = import(&first);
    assert!(output.status.code() == Some(4) && said(&output).contains("same import again"), "{}", said(&output));

    first.stop();
    let first = Node::start(&g, &charter, &[]);
    assert_eq!(first.status()["unsealed"]["submissions"], 2, "a restart changes nothing");
    let second = Node::start(&z, &charter, &[]);
    until("what waits is written", &[&first, &second], || first.status()["unsealed"]["submissions"] == 0);
    let written = put(&first, "order");
    assert_eq!(written["replayed"], true, "{written}");
    let id = written["ids"][0].as_str().unwrap();
    until("it is with the other member", &[&first, &second], || second.ask(&["record", "get", id]).status.success());
    let output = import(&first);
    assert_eq!(object(&output)["events"].as_array().map(Vec::len), Some(1), "{}", said(&output));
    first.stop();
    second.stop();
}
