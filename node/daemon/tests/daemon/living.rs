//! The charter in every version, invitations, and what waits for whom, from a shell.

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Node, done, found, run, said};

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_charter_is_shown_as_it_was_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    let node = Node::start(&data, &charter, &[]);
    node.ready();
    let ask = |words: &[&str]| node.ask(&[&["--json", "charter"], words].concat());
    let founding = json(&ask(&["show"]));
    assert_eq!((&founding["version"], &founding["name"], &founding["since"]), (&0.into(), &"链".into(), &founding["time"]));
    let change = folder.path().join("change");
    std::fs::write(&change, r#"{"charter":{"name":"新链","rules":{"admit":"all"}}}"#).unwrap();
    let proposed = json(&node.ask(&["--json", "resolution", "propose", "file", change.to_str().unwrap()]));
    let id = proposed["id"].as_str().unwrap();
    let list = text(&node.ask(&["resolution", "list"]));
    assert!(list.contains("1 proposal waits for this member") && list.contains("member 0") && list.contains("UTC") && list.contains(id), "{list}");
    assert_eq!(node.status()["waiting"], 1);
    assert!(node.ask(&["resolution", "approve", id]).status.success());
    let begun = Instant::now();
    while json(&ask(&["show"]))["version"] != 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", node.journal());
        std::thread::sleep(Duration::from_millis(50));
    }
    let history = json(&ask(&["history"]));
    let versions = history["versions"].as_array().unwrap();
    assert_eq!((versions.len(), &versions[0]["decision"]["proposal"], &versions[1]["decision"]), (2, &id.into(), &Value::Null));
    assert_eq!(json(&ask(&["show", "--version", "0"]))["name"], "链");
    assert_eq!(json(&ask(&["show", "--at", "2030-01-01"]))["error"].as_str().map(|why| why.contains("nobody knows")), Some(true));
    assert_eq!(ask(&["show", "--at", "2030-01-01"]).status.code(), Some(4));
    assert_eq!(ask(&["show", "--at", "1999-12-31"]).status.code(), Some(4), "before the founding");
    assert_eq!(ask(&["show", "--version", "2"]).status.code(), Some(4));
    let shown = text(&node.ask(&["charter", "show"]));
    assert!(
        shown.contains("新链, version 1 of 1") && shown.contains("name: 链 -> 新链") && shown.contains("rule of admit: two-thirds -> all"),
        "{shown}"
    );
    let table = text(&node.ask(&["charter", "history"]));
    assert!(table.contains("founding charter") && table.contains(&format!("charter {id}")), "{table}");
    assert!(text(&node.ask(&["resolution", "list"])).contains("Nothing waits for this member"));
    for wrong in [&["show", "--at", "yesterday"][..], &["show", "--at", "2026-01-01", "--version", "0"], &["show", "FILE", "--version", "0"]] {
        assert_eq!(ask(wrong).status.code(), Some(2), "{wrong:?}");
    }
    node.stop();
    // The founding charter's file is there without a node.
    assert!(done(&data, &["charter", "show", data.join("charter").to_str().unwrap()]).contains("alliance"));
    let away = ["--node", "http://127.0.0.1:1", "--token", "x", "charter", "show"];
    assert_eq!(run(&data, &away).status.code(), Some(3));
}

#[test]
fn an_invitation_is_listed_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    let node = Node::start(&data, &charter, &[]);
    node.ready();
    assert!(text(&node.ask(&["invite", "list"])).contains("no invitations"));
    let file = folder.path().join("invitation");
    let words = ["--json", "invite", "--name", "N 叶菜", "--role", "midstream", "--output", file.to_str().unwrap()];
    let made = json(&node.ask(&words));
    let id = made["invitation"].as_str().unwrap();
    let state = || json(&node.ask(&["--json", "invite", "list"]))["invitations"][0]["state"].as_str().unwrap().to_owned();
    assert_eq!(state(), "open");
    assert!(text(&node.ask(&["invite", "withdraw", id])).contains("nobody can use"));
    assert_eq!(state(), "withdrawn");
    assert_eq!(node.ask(&["invite", "withdraw", id]).status.code(), Some(4), "once is enough");
    for wrong in [&["invite"][..], &["invite", "--name", "x"], &["invite", "withdraw"], &["invite", "withdraw", "x"]] {
        assert_eq!(node.ask(wrong).status.code(), Some(2), "{wrong:?}");
    }
    node.stop();
}
