//! The shared vectors: written from this crate with `UPDATE_VECTORS=1`, compared with what stands in `specs/vectors`, and run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::disallowed_methods, clippy::too_many_lines, missing_docs)]

#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../decisions/world.rs"]
mod deciding;
mod fixture;
mod large;
mod make;
mod run;

use std::path::PathBuf;

use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../specs/vectors")
}

/// The files are what the code writes, so that a change of a format shows.
#[test]
fn files_are_current() {
    for (part, file, content) in make::all() {
        let path = folder().join(part).join(file);
        let text = format!("{}\n", serde_json::to_string_pretty(&content).unwrap());
        if std::env::var_os("UPDATE_VECTORS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        } else {
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(found == text, "{} is not what the code makes: run with UPDATE_VECTORS=1 and look at the difference", path.display());
        }
    }
}

#[test]
fn every_case_holds() {
    let (mut cases, mut refusals) = (0, 0);
    for part in make::PARTS {
        let mut files: Vec<_> = std::fs::read_dir(folder().join(part)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            let vectors: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            for case in vectors["cases"].as_array().unwrap() {
                cases += 1;
                refusals += usize::from(case["expect"] == "fault");
                check(part, case, &file);
            }
        }
    }
    assert!(cases > 150, "only {cases} cases");
    assert!(refusals * 10 >= cases * 6, "only {refusals} of {cases} cases are refusals");
    println!("{cases} cases, {refusals} of them refusals");
}

fn check(part: &str, case: &Value, file: &std::path::Path) {
    let name = format!("{}: {}", file.display(), case["name"]);
    let found = run::run(part, case["op"].as_str().unwrap(), &case["in"]);
    match (case["expect"].as_str().unwrap(), found) {
        ("ok", Ok(out)) => {
            for (member, wanted) in case["out"].as_object().into_iter().flatten() {
                assert_eq!(&out[member], wanted, "{name}: {member}");
            }
        }
        ("fault", Err(fault)) => {
            assert_eq!(case["fault"], fault.code(), "{name}");
            assert_eq!(case.get("why").and_then(Value::as_str), run::why(part, &case["in"]), "{name}");
        }
        (wanted, found) => panic!("{name}: wanted {wanted}, found {found:?}"),
    }
}
