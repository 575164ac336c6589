//! TLS of the public side from flags and `node.toml`: told at the start, not by the first consumer.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::support::{Node, fails, found, refused};

fn issue(folder: &Path, name: &str) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = folder.join(format!("{name}.key"));
    std::fs::write(folder.join(format!("{name}.pem")), cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_node_with_a_certificate_speaks_tls_and_one_with_a_wrong_one_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    let charter = charter.to_str().unwrap();
    issue(&data, "own");
    issue(&data, "other");
    let at = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let start = |certificate: &str, key: &str| {
        refused(&data, &["run", "--charter", charter, "--public-certificate", &at(certificate), "--public-key", &at(key)])
    };
    assert!(start("own.pem", "other.key").contains("does not belong to the first certificate"));
    assert!(start("own.pem", "none.key").contains("none.key cannot be read"));
    std::fs::set_permissions(at("other.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(start("other.pem", "other.key").contains("chmod o="));
    let half = fails(&data, 2, &["run", "--charter", charter, "--public-key", &at("own.key")]);
    assert!(half.contains("--public-certificate and --public-key"), "{half}");
    std::fs::write(data.join("node.toml"), "public_tls = { certificate = \"own.pem\" }").unwrap();
    assert!(refused(&data, &["run", "--charter", charter]).contains("missing field `key`"));

    std::fs::write(data.join("node.toml"), "public_tls = { certificate = \"own.pem\", key = \"own.key\" }").unwrap();
    let node = Node::start(&data, Path::new(charter), &[]);
    assert!(node.status()["publicUrl"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    let plain = node.get(node.public, "/");
    assert!(plain.starts_with("HTTP/1.1 400") && plain.ends_with("https://\n"), "{plain}");
    node.stop();
}
