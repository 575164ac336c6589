//! A member that has lost everything goes on by its partners' consent, from a shell (`specs/membership.md`, Recovery).

use std::path::{Path, PathBuf};

use crate::support::{Node, address_of, done, fails, found};

fn put(node: &Node, folder: &Path, number: u32) -> String {
    let body = folder.join("body");
    std::fs::write(&body, format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"public","fields":{{"n":{number}}}}}]}}]}}"#)).unwrap();
    node.json(&["record", "put", body.to_str().unwrap()])["ids"][0].as_str().unwrap().to_owned()
}

/// Whether a node has a record.
fn has(node: &Node, id: &str) -> bool {
    node.ask(&["record", "get", id]).status.success()
}

/// A new folder with new keys, for the member that has lost its own.
fn begin(folder: &Path, old: &Path) -> PathBuf {
    let new = folder.join("anew");
    let address = address_of(&std::fs::read(old.join("entry")).unwrap());
    done(&new, &["init", "--name", "member 2", "--role", "downstream", "--development", "--address", &address]);
    new
}

#[test]
fn a_member_that_lost_everything_goes_on_with_its_partners_consent() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["g", "a", "b"].map(|name| folder.path().join(name));
    let charter = found(&[&data[0], &data[1], &data[2]], true);
    let [g, a, b] = data.each_ref().map(|data| Node::start(data, &charter, &[]));
    [&g, &a, &b].into_iter().for_each(Node::ready);
    let before = put(&b, folder.path(), 1);
    g.wait("partners have the record", || has(&g, &before) && has(&a, &before));
    b.stop();
    let new = begin(folder.path(), &data[2]);
    std::fs::remove_dir_all(&data[2]).unwrap();

    let alliance = g.json(&["charter", "show"])["alliance"].as_str().map(str::to_owned);
    let alliance = alliance.unwrap_or_else(|| g.json(&["status"])["alliance"]["id"].as_str().unwrap().to_owned());
    let (request, url) = (folder.path().join("request"), format!("http://{}", a.public));
    let recover =
        |member, wait| ["recover", "--member", member, "--alliance", &alliance, "--url", &url, "--output", request.to_str().unwrap(), "--wait", wait];
    let said = fails(&new, 5, &recover("member 2", "0"));
    assert!(said.contains("not decided yet") && said.contains("Hand it to a partner"), "{said}");
    fails(&new, 2, &recover("nobody", "0"));
    let id = g.decide(&[&a], &["recover", request.to_str().unwrap()]);
    assert_eq!(a.json(&["resolution", "show", &id])["about"], "member 2");
    let told = done(&new, &recover("member 2", "30"));
    assert!(told.contains("new log") && told.contains("suyuan run"), "{told}");

    let b = Node::start(&new, &new.join("charter"), &[]);
    b.ready();
    b.wait("its own earlier record comes back", || has(&b, &before));
    let after = put(&b, folder.path(), 2);
    g.wait("partners have what it writes in its new log", || has(&g, &after) && has(&a, &after));
    let shown = g.json(&["record", "get", &after]);
    assert_eq!((&shown["log"]["incarnation"], &shown["sequence"]), (&1.into(), &0.into()));
    let listed = g.json(&["record", "list", "--log", "member 2"]).to_string();
    assert!(listed.contains(&before) && listed.contains(&after), "both of its logs: {listed}");
    // A bundle of a record in the closed log verifies by the members' word.
    let bundle = folder.path().join("bundle");
    done(&new, &["--node", &format!("http://{}", b.admin), "record", "disclose", &before, "--output", bundle.to_str().unwrap()]);
    let verified = done(&new, &["verify", bundle.to_str().unwrap()]);
    assert!(verified.contains("goes on with another log"), "{verified}");
    // What may have been signed by somebody else is marked everywhere, and stays.
    g.decide(&[&a], &["compromised", "member 2", "--from", "0", "--until", "1", "--log", "0"]);
    a.wait("it is marked", || a.json(&["record", "get", &before])["state"]["compromised"] == true);
    assert!(a.json(&["record", "get", &after])["state"].get("compromised").is_none());
    let audit = g.json(&["log", "audit"]);
    assert_eq!(audit["ok"], true, "{audit}");
    [g, a, b].into_iter().for_each(Node::stop);
}
