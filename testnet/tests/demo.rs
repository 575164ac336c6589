//! The demo's story on real processes: what it checks of itself holds, and tools that share no code with it read its bundle alike.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn json(command: &mut Command) -> Value {
    let done = command.output().unwrap();
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&done.stderr)))
}

#[test]
fn the_story_holds_and_other_verifiers_agree() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_suyuan-testnet"));
    let told = json(Command::new(program).args(["demo", "--once", "--json", "--keep"]).arg(folder.path()));
    let failed: Vec<&Value> = told["checks"].as_array().unwrap().iter().filter(|check| check["ok"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!((told["ok"].clone(), told["nodes"].as_array().unwrap().len()), (Value::Bool(true), 6));
    assert!(told["records"].as_u64().unwrap() >= 150);

    let bundle = folder.path().join("residue.suyuan");
    let alliance = told["alliance"].as_str().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let verify = |file: &Path| {
        let python =
            Command::new("python3").arg(root.join("specs/verify.py")).arg("bundle").arg(file).args(["--alliance", alliance]).output().unwrap();
        let node =
            Command::new("node").arg(root.join("sdk/js/dist/node/cli.js")).arg("bundle").arg(file).args(["--alliance", alliance]).output().unwrap();
        (python.status.success(), node.status.success())
    };
    assert_eq!(verify(&bundle), (true, true), "Python and TypeScript accept the bundle");
    assert_eq!(verify(&folder.path().join("newcomer.suyuan")), (true, true), "and that of a member who came after the founding");
    assert_eq!(verify(&folder.path().join("exchanged.suyuan")), (true, true), "and that of a member with new keys");
    let mut lied = std::fs::read(&bundle).unwrap();
    let at = lied.windows(5).position(|window| window == b"mg/kg").unwrap();
    lied[at] = b'k';
    let lie = folder.path().join("lie.suyuan");
    std::fs::write(&lie, lied).unwrap();
    assert_eq!(verify(&lie), (false, false), "both refuse it with one byte changed");
}

#[test]
fn a_killed_node_has_what_it_acknowledged() {
    let program = Path::new(env!("CARGO_BIN_EXE_suyuan-testnet"));
    let result = json(Command::new(program).args(["crash", "--json", "--kills", "12"]));
    assert_eq!(result["lost"], serde_json::json!([]), "{result}");
    assert_eq!((&result["ok"], &result["everyPhase"]), (&true.into(), &true.into()), "{result}");
    assert!(result["acknowledged"].as_u64().unwrap() > 20, "the load was real: {result}");
}

#[test]
fn a_member_on_an_old_disk_signs_no_second_history_and_gets_its_log_back() {
    let program = Path::new(env!("CARGO_BIN_EXE_suyuan-testnet"));
    let result = json(Command::new(program).args(["images", "--json", "--images", "8"]));
    assert_eq!((&result["ok"], &result["images"]), (&true.into(), &8.into()), "{result}");
}

#[test]
fn a_member_that_was_cut_off_comes_back_and_a_stranger_changes_nothing() {
    let program = Path::new(env!("CARGO_BIN_EXE_suyuan-testnet"));
    let result = json(Command::new(program).args(["network", "--json", "--records", "200", "--bulk", "8000"]));
    assert_eq!((&result["ok"], result["findings"].as_array().map(Vec::len)), (&true.into(), Some(7)), "{result:#}");
}

#[test]
fn up_says_where_its_nodes_are_and_ends_when_told() {
    use std::io::{BufRead, BufReader};
    let program = Path::new(env!("CARGO_BIN_EXE_suyuan-testnet"));
    let mut up = Command::new(program).args(["up", "--nodes", "7", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(up.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let names: std::collections::BTreeSet<&str> = told["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 7);
    let admin = told["nodes"][6]["admin"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    assert!(std::net::TcpStream::connect(&admin).is_ok());
    assert!(Command::new("kill").arg(up.id().to_string()).status().unwrap().success());
    assert!(up.wait().unwrap().success());
    assert!(std::net::TcpStream::connect(&admin).is_err(), "its nodes have ended with it");
    assert!(!Path::new(told["folder"].as_str().unwrap()).exists(), "and its folder is gone");
}

#[test]
fn a_flipped_bit_is_noticed_or_does_no_harm() {
    let program = Path::new(env!("CARGO_BIN_EXE_suyuan-testnet"));
    let result = json(Command::new(program).args(["rot", "--json", "--flips", "60"]));
    assert_eq!((&result["ok"], &result["wrong"]), (&true.into(), &serde_json::json!([])), "{result:#}");
    assert!(result["ends"]["Fsck"].as_u64().unwrap() > 5, "the flips did damage: {result:#}");
}
