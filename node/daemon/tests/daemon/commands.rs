//! Commands against a running node: numbers as they were signed, the next epoch of a circle, and what a wrong charter or an unwritable output does.

use std::process::Stdio;

use crate::support::{Node, done, found, refused, run, said, suyuan};

#[test]
fn values_are_shown_as_they_were_signed_and_a_circle_s_next_epoch_opens() {
    let folder = tempfile::tempdir().unwrap();
    let (g, z) = (folder.path().join("g"), folder.path().join("z"));
    let charter = found(&[&g, &z], true);
    let (first, second) = (Node::start(&g, &charter, &[]), Node::start(&z, &charter, &[]));
    first.ready();
    second.ready();
    let body = folder.path().join("body.json");
    std::fs::write(&body, r#"{"records":[{"type":"note","sections":[{"for":"public","fields":{"big":1e400,"measure":{"value":0.010}}}]}]}"#).unwrap();
    let ask = |words: &[&str]| {
        let output = first.ask(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let put: serde_json::Value = serde_json::from_str(&ask(&["--json", "record", "put", body.to_str().unwrap()])).unwrap();
    let id = put["ids"][0].as_str().unwrap();
    let shown = ask(&["record", "get", id]);
    assert!(shown.contains("1e400") && shown.contains("0.010"), "{shown}");
    assert!(ask(&["record", "list"]).contains(id));
    assert!(ask(&["--json", "record", "list"]).contains("1e400"));

    let opened: serde_json::Value =
        serde_json::from_str(&ask(&["--json", "circle", "new", "--name", "n", "--tier", "codevelopment", "--writer", "member 1"])).unwrap();
    let circle = opened["id"].as_str().unwrap();
    let next: serde_json::Value = serde_json::from_str(&ask(&["--json", "circle", "epoch", circle, "--name", "m", "--reader", "member 1"])).unwrap();
    assert_eq!((&next["epoch"], &next["name"]), (&2.into(), &"m".into()), "{next}");

    // Events that need more than one request; and a document with something else among its events, of which nothing is written.
    let import = |events: &str| {
        let document = format!(r#"{{"type":"EPCISDocument","schemaVersion":"2.0","epcisBody":{{"eventList":[{events}]}}}}"#);
        std::fs::write(&body, document).unwrap();
        first.ask(&["--json", "import", "--for", "alliance", body.to_str().unwrap()])
    };
    let event = format!(r#"{{"type":"ObjectEvent","note":"{}"}}"#, "x".repeat(200_000));
    let output = import(&vec![event; 100].join(","));
    assert!(output.status.success(), "{}", said(&output));
    let imported: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(imported["events"].as_array().map(Vec::len), Some(100));
    let size = || first.status()["size"].as_u64();
    let before = size();
    assert_eq!(import(r#"{"type":"ObjectEvent"},1"#).status.code(), Some(5));
    assert_eq!((before.is_some(), size()), (true, before));

    // A proxy from the environment would see the token.
    let mut proxied = suyuan(&g);
    proxied.env("http_proxy", "http://127.0.0.1:9").env("ALL_PROXY", "http://127.0.0.1:9").arg("--node");
    let output = proxied.arg(format!("http://{}", first.admin)).args(["status", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut unwritable = suyuan(&g);
    let output = unwritable.arg("--node").arg(format!("http://{}", first.admin)).args(["status"]).stdout(Stdio::from(full)).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "an output that is not there is no success");
    first.stop();
    second.stop();
}

#[test]
fn a_charter_of_others_is_not_kept_and_no_file_beside_a_charter_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let [g, z, other, more] = ["g", "z", "other", "more"].map(|name| folder.path().join(name));
    let charter = found(&[&g, &z], true);
    let foreign = found(&[&other, &more], true);
    let said_so = refused(&g, &["run", "--charter", foreign.to_str().unwrap()]);
    assert!(said_so.contains("do not stand in the charter"), "{said_so}");
    // The right one is taken afterwards.
    let (first, second) = (Node::start(&g, &charter, &[]), Node::start(&z, &charter, &[]));
    first.ready();
    first.stop();
    second.stop();

    let beside = charter.with_extension("new");
    std::fs::write(&beside, "precious").unwrap();
    let signed = run(&g, &["charter", "sign", charter.to_str().unwrap()]);
    said(&signed);
    assert_eq!(std::fs::read_to_string(&beside).unwrap(), "precious");
    done(&g, &["charter", "check", charter.to_str().unwrap()]);
}
