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
    assert_eq!((told["ok"].clone(), told["nodes"].as_array().unwrap().len()), (Value::Bool(true), 5));
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
    assert_eq!(result["ok"], true, "{result}");
    assert!(result["acknowledged"].as_u64().unwrap() > 20, "the load was real: {result}");
}
