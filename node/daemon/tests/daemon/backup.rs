//! The reminder to back up the keyring: until it was exported, and again once it has changed.

use crate::support::{Node, done, found, said};

#[test]
fn a_member_is_reminded_until_its_keys_are_backed_up_and_when_they_changed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], false);
    let export = |name: &str| done(&data, &["keyring", "export", folder.path().join(name).to_str().unwrap()]);
    let show = || done(&data, &["keyring", "show"]);
    assert!(show().contains("never backed up"));
    let node = Node::start(&data, &charter, &[]);
    node.ready();
    assert_eq!(node.troubles(), ["backup-never"]);
    let busy = node.ask(&["keyring", "export", "x"]);
    assert!(!busy.status.success() && said(&busy).contains("another process"), "the reminder says to stop the node: {}", said(&busy));
    node.stop();
    export("first");
    assert!(!show().contains("back"), "{}", show());
    let node = Node::start(&data, &charter, &[]);
    assert_eq!(node.troubles(), Vec::<String>::new());
    node.stop();
    // Restored elsewhere, it is backed up; a keyring that was exported before it joined is not, once it has joined.
    let restored = folder.path().join("restored");
    done(&restored, &["keyring", "restore", folder.path().join("first").to_str().unwrap()]);
    assert!(!done(&restored, &["keyring", "show"]).contains("back"));
    let early = folder.path().join("early");
    let charter = found(&[&early], false);
    done(&early, &["keyring", "export", folder.path().join("early.backup").to_str().unwrap()]);
    let node = Node::start(&early, &charter, &[]);
    assert_eq!(node.troubles(), ["backup-outdated"]);
    node.stop();
    assert!(done(&early, &["keyring", "show"]).contains("changed since it was backed up"));
}
