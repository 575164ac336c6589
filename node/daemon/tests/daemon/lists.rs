//! What programs are given: every command's JSON is one object, and lists in it have names.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Node, found, said};

#[test]
fn json_is_one_object_whatever_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    let node = Node::start(&data, &charter, &[]);
    node.ready();
    let ask = |words: &[&str]| -> Value {
        let output = node.ask(&[&["--json"], words].concat());
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // The leader opens the alliance circle once it runs.
    let begun = Instant::now();
    while ask(&["circle", "list"])["circles"] == serde_json::json!([]) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", node.journal());
    }
    for (words, name) in [
        (&["circle", "list"][..], "circles"),
        (&["log"], "logs"),
        (&["address", "show"], "members"),
        (&["address", "set", "/ip4/127.0.0.1/tcp/7401"], "members"),
        (&["record", "list"], "records"),
        (&["charter", "show"], "members"),
        (&["charter", "history"], "versions"),
    ] {
        let json = ask(words);
        assert!(json.is_object() && json[name].as_array().is_some_and(|list| !list.is_empty()), "{words:?}: {json}");
    }
    for (words, name) in [(&["resolution", "list"][..], "resolutions"), (&["invite", "list"], "invitations"), (&["waiting"], "waiting")] {
        assert_eq!(ask(words)[name], serde_json::json!([]));
    }
    for words in [&["status"][..], &["log", "member 0"]] {
        assert!(ask(words).is_object(), "{words:?}");
    }
    node.stop();
}
