//! A node that is alone says that it does not write yet, and why.

use crate::support::{Node, found};

#[test]
fn readiness_says_that_authoring_is_held_until_another_node_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (g, z) = (folder.path().join("g"), folder.path().join("z"));
    let charter = found(&[&g, &z], true);
    let first = Node::start(&g, &charter, &[]);
    let answer = first.get(first.admin, "/readyz");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("Authoring is held") && answer.contains("/problems/unavailable"), "{answer}");
    assert_eq!(first.troubles(), ["held"]);
    assert!(first.get(first.admin, "/healthz").ends_with("ok\n"));
    let second = Node::start(&z, &charter, &[]);
    first.ready();
    second.ready();
    assert_eq!(first.troubles(), Vec::<String>::new());
    first.stop();
    second.stop();
}
