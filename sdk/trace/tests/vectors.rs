//! Runs every case of `specs/vectors/trace`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use suyuan_trace::{DigitalLink, Gln, Gtin, IdentifierError, Lot, ProductPage, Serial, Sscc, check_digit, subject};

/// Every fault that an identifier can have; a vector shows each of them.
const FAULTS: [&str; 25] = [
    "too-long",
    "too-many-parameters",
    "length",
    "character",
    "check-digit",
    "date",
    "percent-escape",
    "not-utf8",
    "dot-segment",
    "scheme",
    "authority",
    "empty",
    "no-key",
    "ambiguous-key",
    "unknown-ai",
    "short-name",
    "missing-value",
    "qualifier-not-allowed",
    "qualifier-order",
    "duplicate-ai",
    "misplaced-ai",
    "urn-scheme",
    "urn-fields",
    "company-prefix",
    "product-page",
];

#[test]
fn every_case_does_what_it_says() {
    let mut failures = Vec::new();
    for (file, case) in cases() {
        let input = case["input"].as_str().unwrap();
        let expected = match case["expect"].as_str().unwrap() {
            "ok" => Ok(case["output"].as_str().unwrap().to_owned()),
            "error" => Err(case["fault"].as_str().unwrap().to_owned()),
            other => panic!("{file}: expect is {other:?}"),
        };
        let found = run(case["op"].as_str().unwrap(), input).map_err(|error| error.code().to_owned());
        if found != expected {
            failures.push(format!("{file}: {}: expected {expected:?}, found {found:?}", case["name"]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn most_cases_are_refusals_and_every_fault_is_shown() {
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut total = 0;
    for (file, case) in cases() {
        total += 1;
        if let Some(fault) = case["fault"].as_str() {
            *faults.entry(fault.to_owned()).or_default() += 1;
        }
        let key = (file, case["name"].as_str().unwrap().to_owned());
        assert!(names.insert(key.clone(), ()).is_none(), "{key:?} is there twice");
    }
    let refusals: usize = faults.values().sum();
    assert!(refusals * 10 >= total * 6, "{refusals} refusals of {total}");
    let mut shown: Vec<&str> = faults.keys().map(String::as_str).collect();
    let mut known = FAULTS.to_vec();
    shown.sort_unstable();
    known.sort_unstable();
    assert_eq!(shown, known);
}

/// What the library makes of a case's input.
fn run(op: &str, input: &str) -> Result<String, IdentifierError> {
    match op {
        "check-digit" => check_digit(input).map(String::from),
        "gtin" => Gtin::parse(input).map(|key| key.to_string()),
        "gln" => Gln::parse(input).map(|key| key.to_string()),
        "sscc" => Sscc::parse(input).map(|key| key.to_string()),
        "lot" => Lot::parse(input).map(|lot| lot.to_string()),
        "serial" => Serial::parse(input).map(|serial| serial.to_string()),
        "digital-link" => DigitalLink::parse(input).map(|link| link.canonical()),
        "format" => DigitalLink::parse(input).map(|link| link.to_string()),
        "subject" => subject(input).map(|subject| subject.to_string()),
        "product-page" => ProductPage::parse(input).map(|page| page.to_string()),
        other => panic!("no such op: {other}"),
    }
}

/// All cases, each with the name of its file.
fn cases() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/vectors/trace");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty());
    let mut cases = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert!(document["spec"].as_str().unwrap().starts_with("trace.md#"), "{name}");
        cases.extend(document["cases"].as_array().unwrap().iter().map(|case| (name.clone(), case.clone())));
    }
    cases
}
