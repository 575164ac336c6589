//! Identifiers of published EPCIS 2.0 documents, where they are at hand beside the checkout.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use suyuan_trace::subject;

/// The beginnings of the URNs that name a subject.
const URNS: [&str; 10] = [
    "urn:epc:id:sgtin:",
    "urn:epc:idpat:sgtin:",
    "urn:epc:class:lgtin:",
    "urn:epc:id:sscc:",
    "urn:epc:id:sgln:",
    "urn:epc:id:pgln:",
    "urn:epc:id:grai:",
    "urn:epc:id:giai:",
    "urn:epc:id:gdti:",
    "urn:epc:id:gsrn:",
];

/// The keys that a Digital Link of a document can have.
const KEYS: [&str; 8] = ["/00/", "/01/", "/253/", "/414/", "/417/", "/8003/", "/8004/", "/8018/"];

#[test]
fn identifiers_of_food_chain_documents_resolve() {
    check("fsma204", 10);
}

#[test]
fn identifiers_of_the_standards_examples_resolve() {
    check("epcis/examples", 50);
}

/// The published pre-hash strings write every URN of their document as its canonical Digital Link.
#[test]
fn subjects_are_those_of_the_published_pre_hash_strings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/epcis-hash");
    if !folder.is_dir() {
        println!("passed over: there is no {}", folder.display());
        return;
    }
    let mut compared = 0;
    for name in ["ReferenceEventHashAlgorithm", "ReferenceEventHashAlgorithm2", "ReferenceEventHashAlgorithm3"] {
        let document = std::fs::read(folder.join(format!("{name}.jsonld"))).unwrap();
        let published = std::fs::read_to_string(folder.join(format!("{name}.prehashes"))).unwrap();
        let mut identifiers = BTreeSet::new();
        collect(&serde_json::from_slice(&document).unwrap(), &mut identifiers);
        for urn in identifiers.iter().filter(|identifier| identifier.starts_with("urn:")) {
            let name = subject(urn).unwrap();
            assert!(published.contains(name.as_str()), "{urn} is {name}");
            compared += 1;
        }
    }
    assert!(compared >= 10, "only {compared} URNs");
}

#[test]
fn what_only_looks_like_a_supported_class_is_refused() {
    for urn in URNS {
        assert!(subject(urn).is_err(), "{urn}");
        assert!(subject(&urn[..urn.len() - 1]).is_err(), "{urn}");
        assert!(subject(&format!("{urn}0614141.§")).is_err(), "{urn}");
    }
    for key in KEYS {
        assert!(subject(&format!("https://id.gs1.org{key}")).is_err(), "{key}");
        assert!(subject(&format!("https://id.gs1.org{key}x")).is_err(), "{key}");
    }
}

/// Resolves every identifier of a supported class in a folder of documents, and expects at least so many.
fn check(folder: &str, at_least: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(folder);
    let Ok(entries) = std::fs::read_dir(&path) else {
        println!("passed over: there is no {}", path.display());
        return;
    };
    let mut identifiers = BTreeSet::new();
    for entry in entries {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        collect(&serde_json::from_slice(&bytes).unwrap(), &mut identifiers);
    }
    assert!(identifiers.len() >= at_least, "only {} identifiers", identifiers.len());
    let mut failures = Vec::new();
    for identifier in &identifiers {
        match subject(identifier) {
            Ok(name) => assert_eq!(subject(name.as_str()).as_ref(), Ok(&name)),
            Err(error) => failures.push(format!("{identifier}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Gathers the strings that are identifiers of a supported class.
fn collect(value: &Value, identifiers: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if is_supported(text) => {
            identifiers.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, identifiers)),
        Value::Object(members) => members.values().for_each(|value| collect(value, identifiers)),
        _ => (),
    }
}

fn is_supported(text: &str) -> bool {
    let link = text.starts_with("https://") && KEYS.iter().any(|key| text.contains(key));
    link || URNS.iter().any(|urn| text.starts_with(urn))
}
