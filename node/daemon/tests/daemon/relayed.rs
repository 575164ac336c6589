//! Three nodes, of which two never run at the same time: what one writes for the other reaches it by the third, which cannot read it.

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Node, found, run, said};

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

fn until(what: &str, nodes: &[&Node], mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        let journals = || nodes.iter().map(|node| node.journal()).collect::<Vec<_>>().join("\n");
        assert!(begun.elapsed() < Duration::from_secs(150), "{what}: {}", journals());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Records of a type that a node can read the result of.
fn results(node: &Node) -> Vec<String> {
    let list = node.ask(&["--json", "record", "list"]);
    let text = String::from_utf8(list.stdout).unwrap();
    ["RESULT-OF-A", "RESULT-OF-B"].into_iter().filter(|result| text.contains(result)).map(str::to_owned).collect()
}

fn kept(hub: &Node) -> u64 {
    object(&hub.ask(&["--json", "status"]))["relay"]["packages"].as_u64().unwrap()
}

#[test]
fn two_who_never_meet_share_by_the_hub_which_cannot_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let [h, a, b] = ["h", "a", "b"].map(|name| folder.path().join(name));
    let charter = found(&[&h, &a, &b], true);
    let hub = Node::start(&h, &charter, &[]);
    let first = Node::start(&a, &charter, &[]);
    hub.ready();
    first.ready();

    let members = object(&first.ask(&["--json", "charter", "show"]));
    let members = members["members"].as_array().unwrap();
    let named = |name: &str| members.iter().find(|member| member["name"] == name).unwrap()["id"].as_str().unwrap();
    let writers = [named("member 1"), named("member 2")];
    let mut opened = Value::Null;
    until("the circle is opened", &[&hub, &first], || {
        let answer = first.ask(&[
            "--json",
            "circle",
            "new",
            "--name",
            "NAME-OF-THE-CIRCLE",
            "--tier",
            "codevelopment",
            "--writer",
            writers[0],
            "--writer",
            writers[1],
        ]);
        opened = serde_json::from_slice(&answer.stdout).unwrap_or_default();
        answer.status.success()
    });
    let circle = opened["circle"].as_str().or(opened["id"].as_str()).unwrap_or_else(|| panic!("{opened}")).to_owned();
    let record =
        |result: &str| format!(r#"{{"records":[{{"type":"inspection","sections":[{{"for":"{circle}","fields":{{"result":"{result}"}}}}]}}]}}"#);
    let body = folder.path().join("body.json");
    std::fs::write(&body, record("RESULT-OF-A")).unwrap();
    assert!(first.ask(&["record", "put", body.to_str().unwrap()]).status.success());
    until("the hub keeps the epoch and the record", &[&hub, &first], || kept(&hub) >= 2);
    first.stop();

    let second = Node::start(&b, &charter, &[]);
    second.ready();
    until("B reads what A wrote", &[&hub, &second], || results(&second) == ["RESULT-OF-A"]);
    // And back, over a restart of the hub.
    std::fs::write(&body, record("RESULT-OF-B")).unwrap();
    until("B writes", &[&hub, &second], || second.ask(&["record", "put", "--idempotency-key", "one", body.to_str().unwrap()]).status.success());
    until("the hub keeps that too", &[&hub, &second], || kept(&hub) >= 3);
    second.stop();
    hub.stop();
    let hub = Node::start(&h, &charter, &[]);
    let first = Node::start(&a, &charter, &[]);
    hub.ready();
    first.ready();
    until("A reads what B wrote", &[&hub, &first], || results(&first).len() == 2);
    assert_eq!(results(&hub), Vec::<String>::new());

    first.stop();
    hub.stop();
    for data in [&h, &a, &b] {
        let checked = run(data, &["fsck"]);
        assert!(checked.status.success(), "{}", said(&checked));
    }
    hides(&h, &["RESULT-OF-A", "RESULT-OF-B", "NAME-OF-THE-CIRCLE", &circle].map(str::as_bytes));
    hides(&h, &[&hex::decode(&circle).unwrap()]);
    assert!(anywhere(&a.join("store"), b"inspection"), "the search finds what is there");
}

fn hides(folder: &std::path::Path, secrets: &[&[u8]]) {
    for secret in secrets {
        assert!(!anywhere(folder, secret), "{} stands on the hub's disk or in its journal", String::from_utf8_lossy(secret));
    }
}

/// Whether bytes stand in a folder's files, or in the journal beside it.
fn anywhere(folder: &std::path::Path, what: &[u8]) -> bool {
    let mut files = vec![folder.with_extension("journal")];
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { files.push(entry) }
        }
    }
    files.iter().filter_map(|file| std::fs::read(file).ok()).any(|bytes| bytes.windows(what.len()).any(|window| window == what))
}
