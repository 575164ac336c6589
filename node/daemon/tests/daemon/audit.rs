//! `suyuan log audit`: what it prints, the page that it writes, and its exit code.

use serde_json::Value;
use suyuan_engine::schema::Table;
use suyuan_engine::view::{Changes, View};
use suyuan_store::Store;

use crate::support::{Node, found, run, said};

#[test]
fn an_audit_says_what_holds_writes_its_page_and_ends_with_0_only_where_nothing_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (g, z) = (folder.path().join("g"), folder.path().join("z"));
    let charter = found(&[&g, &z], true);
    let (first, second) = (Node::start(&g, &charter, &[]), Node::start(&z, &charter, &[]));
    first.ready();
    second.ready();
    let body = folder.path().join("body.json");
    std::fs::write(&body, r#"{"records":[{"type":"note","sections":[{"for":"public","fields":{"a":1}}]}]}"#).unwrap();
    assert!(first.ask(&["record", "put", body.to_str().unwrap()]).status.success());

    let page = folder.path().join("audit.html");
    let output = first.ask(&["log", "audit", "--lang", "en", "--report", page.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", said(&output));
    assert!(text.starts_with("Nothing is wrong: ") && text.contains("Not checked:") && text.contains("audit.html"), "{text}");
    let written = std::fs::read_to_string(&page).unwrap();
    assert!(written.starts_with("<!DOCTYPE html>") && written.contains("Nothing is wrong") && written.contains("member 0"));
    let output = first.ask(&["log", "audit", "--report", page.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(5), "a report that is there is not replaced: {}", said(&output));

    let output = first.ask(&["--json", "log", "audit"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["ok"], &report["member"]["name"]), (Some(0), &true.into(), &"member 0".into()), "{report}");
    // The other words of the command are as they were.
    assert!(first.ask(&["log"]).status.success() && first.ask(&["log", "member 0"]).status.success());
    assert_eq!(first.ask(&["log", "audit", "--lang", "fr"]).status.code(), Some(2));
    second.stop();
    first.stop();
    let output = run(&g, &["--node", "http://127.0.0.1:9", "log", "audit"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));

    damage(&g);
    let first = Node::start(&g, &charter, &[]);
    let output = first.ask(&["log", "audit"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}{}", said(&output));
    assert!(text.starts_with("WRONG: 1 findings") && text.contains("\nWRONG signature: ") && text.contains("possibly the fault of"), "{text}");
    first.stop();
}

/// A bit of the newest statement's signature.
fn damage(data: &std::path::Path) {
    let store = Store::open(&data.join("store")).unwrap();
    let (key, mut statement) = store.rows(Table::Statement, &[], &[0xff; 12], usize::MAX).unwrap().pop().unwrap();
    statement[3] ^= 1;
    let mut changes = Changes::default();
    changes.put(Table::Statement, key, statement);
    store.write(&changes).unwrap();
}
