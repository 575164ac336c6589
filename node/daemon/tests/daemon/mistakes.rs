//! Mistakes on the command line: told before anything is written, with an exit code of their own, as JSON too.

use crate::support::{Node, done, fails, found, refused, run, said};

const INIT: [&str; 6] = ["init", "--name", "G", "--role", "leader", "--development"];

#[test]
fn a_mistake_is_a_usage_error_whoever_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    let charter = charter.to_str().unwrap();
    let id = "0".repeat(64);
    for arguments in [
        &["surprise"][..],
        &["status", "--surprise"],
        &["record", "get", "x"],
        &["record", "list", "--circle", "public", "--log", "x"],
        &["record", "disclose", &id, "--field", "residue", "--output", "x"],
        &["record", "disclose", &id, "--field", "999:residue", "--output", "x"],
        &["circle", "new", "--name", "n", "--tier", "general"],
        &["init", "--name", "G", "--role", "boss"],
        &["code", "06901234567890", "--lot", "L", "--public-url", "https://trace.example.com"],
        &["code", "06901234567892", "--public-url", "https://trace.example.com"],
        &["code", "06901234567892", "--lot", "L", "--public-url", "trace.example.com"],
        &["run", "--admin", "localhost"],
        &["run", "--charter", charter, "--p2p", "127.0.0.1:7401"],
        &["charter", "new", "x", "--name", "n", "--chain", "c", "--deputy", "nobody", "--entry", data.join("entry").to_str().unwrap()],
    ] {
        // `code` reads the charter that a first start keeps.
        std::fs::copy(charter, data.join("charter")).unwrap();
        fails(&data, 2, arguments);
    }
    for asked in [&["help"][..], &["--version"], &["--json", "init", "--help"]] {
        let output = run(&data, asked);
        assert!(output.status.success(), "{asked:?}: {}", said(&output));
    }
}

#[test]
fn init_writes_nothing_where_something_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let long = "名".repeat(200);
    let many: Vec<String> = (1..=17).map(|port| format!("--address=/ip4/192.0.2.7/tcp/{port}")).collect();
    let mut wrong: Vec<(Vec<&str>, &str)> = vec![
        (vec!["--name", ""], "--name"),
        (vec!["--name", &long], "--name"),
        (vec!["--name", "a\nb"], "--name"),
        (vec!["--name", "a\u{202e}b"], "--name"),
        (vec!["--scope", "inspection"], "--scope"),
        (vec!["--role", "regulator", "--scope", "No Type"], "--scope"),
    ];
    let addresses =
        ["trace.example.cn:7401", "/ip4/192.0.2.7/udp/7401", "/ip4/0.0.0.0/tcp/7401", "/ip4/192.0.2.7/tcp/0", "/dns/Node.example/tcp/1", ""];
    wrong.extend(addresses.map(|address| (vec!["--address", address], "--address")));
    wrong.push((vec!["--address", "/ip4/192.0.2.7/tcp/1", "--address", "/ip4/192.0.2.7/tcp/1"], "twice"));
    wrong.push((many.iter().map(String::as_str).collect(), "at most 16"));
    wrong.push((vec!["--development", "--address", "/ip4/192.0.2.7/tcp/7401"], "loopback"));
    for (flags, word) in wrong {
        let mut init = vec!["init"];
        for (flag, value) in [("--name", "G"), ("--role", "leader")] {
            if !flags.contains(&flag) {
                init.extend([flag, value]);
            }
        }
        let said = fails(&data, 2, &[&init[..], &flags].concat());
        assert!(said.contains(word), "{flags:?}: {said}");
        assert!(!data.exists(), "{flags:?}");
    }
    // What is there is not touched, and half a member is not made beside it.
    std::fs::create_dir(&data).unwrap();
    for file in ["root.key", "entry", "keyring", "device"] {
        std::fs::write(data.join(file), "precious").unwrap();
        let said = refused(&data, &INIT);
        assert!(said.contains(file) && said.contains("--data"), "{said}");
        assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
        std::fs::remove_file(data.join(file)).unwrap();
    }
    done(&data, &INIT);
}

#[test]
fn two_nodes_do_not_share_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let [g, z] = ["g", "z"].map(|name| folder.path().join(name));
    let charter = found(&[&g, &z], true);
    let node = Node::start(&g, &charter, &[]);
    let taken = &node.p2p;
    let said = refused(&z, &["run", "--charter", charter.to_str().unwrap(), "--admin", "127.0.0.1:0", "--public", "127.0.0.1:0", "--p2p", taken]);
    assert!(said.contains(taken) && said.contains("another program") && said.contains("--p2p"), "{said}");
    node.stop();
}

#[test]
fn printed_codes_lead_to_an_address_that_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    let charter = charter.to_str().unwrap();
    for url in [
        "trace.example.com",
        "/here",
        "ftp://trace.example.com",
        "https://",
        "https://trace.example.com/?a=1",
        "https://trace.example.com/#top",
        "https://trace.example.com?",
        "https://user@trace.example.com",
        "https://trace.example.com:port",
        "https://溯源.cn",
        "https://trace.example.com/a b",
        "",
    ] {
        let said = fails(&data, 2, &["run", "--charter", charter, "--public-url", url]);
        assert!(said.contains("--public-url") && said.contains("https://trace.example.com"), "{url}: {said}");
        std::fs::write(data.join("node.toml"), format!("public_url = {url:?}")).unwrap();
        assert!(refused(&data, &["run", "--charter", charter]).contains("node.toml"), "{url}");
        std::fs::remove_file(data.join("node.toml")).unwrap();
    }
    let node = Node::start(&data, charter.as_ref(), &["--public-url", "https://trace.example.com/s/"]);
    assert_eq!(node.status()["publicUrl"], "https://trace.example.com/s");
    node.stop();
}
