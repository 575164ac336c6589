//! One member founds an alliance alone, and takes in others, from a shell (`specs/membership.md`, Admission).

use std::process::Stdio;

use crate::support::{Node, done, found, said, suyuan};

#[test]
fn a_member_alone_admits_a_second_one_and_both_a_third() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["a", "b", "c"].map(|name| folder.path().join(name));
    let charter = found(&[&data[0]], true);
    let first = Node::start(&data[0], &charter, &[]);
    first.ready();
    let second = admit(&first, &[], &data[1], "乙");
    // What the second one asks for becomes final by both.
    let text = folder.path().join("text");
    std::fs::write(&text, "one").unwrap();
    second.decide(&[&first], &["agree", "price", text.to_str().unwrap()]);
    let third = admit(&second, &[&first], &data[2], "丙");
    third.decide(&[&first, &second], &["agree", "price", text.to_str().unwrap()]);
    let members = |node: &Node| node.json(&["charter", "show"])["members"].as_array().unwrap().len();
    for node in [&first, &second, &third] {
        node.wait("all know the charter", || members(node) == 3);
    }
    // What has just been written for it may still be on its way.
    first.wait("an audit finds nothing", || first.ask(&["log", "audit"]).status.success());
    [third, second, first].into_iter().for_each(Node::stop);
}

/// A new node joins by an invitation, and its admission is approved by whoever invites it and the others.
fn admit(inviter: &Node, others: &[&Node], data: &std::path::Path, name: &str) -> Node {
    let address = format!("/ip4/127.0.0.1/tcp/{}", crate::ports::free_port());
    done(data, &["init", "--name", name, "--role", "midstream", "--development", "--address", &address]);
    let file = data.with_extension("invitation");
    inviter.wait("it is invited", || {
        inviter.ask(&["invite", "--name", name, "--role", "midstream", "--output", file.to_str().unwrap()]).status.success()
    });
    let joining = suyuan(data).args(["join", file.to_str().unwrap(), "--wait", "60"]).stderr(Stdio::piped()).spawn().unwrap();
    let open = || inviter.json(&["resolution", "list"])["resolutions"].as_array().unwrap().iter().find(|of| of["state"] == "open").cloned();
    inviter.wait("its admission is proposed", || open().is_some());
    let id = open().unwrap()["id"].as_str().unwrap().to_owned();
    for node in std::iter::once(&inviter).chain(others) {
        node.wait("the proposal comes", || node.ask(&["resolution", "approve", &id]).status.success());
    }
    let joined = joining.wait_with_output().unwrap();
    assert!(joined.status.success(), "{}", said(&joined));
    let node = Node::start(data, &data.join("charter"), &[]);
    node.ready();
    node
}
