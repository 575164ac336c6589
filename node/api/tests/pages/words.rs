//! Every key that a template or the code names has words.

use std::path::{Path, PathBuf};

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_key_that_is_named_has_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut words = serde_json::Map::new();
    for file in [root.join("assets/words.json"), root.join("../../sdk/js/src/page/words.json")] {
        let table: serde_json::Map<_, _> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        words.extend(table);
    }
    let sources = [
        files(&root.join("templates"), ".html"),
        files(&root.join("src/pages"), ".rs"),
        files(&root.join("src/public"), ".rs"),
        vec![root.join("src/trouble.rs"), root.join("src/alarms.rs")],
        files(&root.join("../../sdk/js/src/page"), ".ts"),
    ];
    let mut named = 0;
    for file in sources.concat() {
        let text = std::fs::read_to_string(&file).unwrap();
        for call in ["lang.t(\"", "lang.fill(\"", "lang.count(\"", "t(lang, \"", "notice(StatusCode::"] {
            for (at, _) in text.match_indices(call) {
                let rest = &text[at..];
                let key = rest.split('"').nth(1).unwrap();
                assert!(words.contains_key(key), "{}: {key}", file.display());
                named += 1;
            }
        }
    }
    assert!(named > 150, "{named}");
    let everything: String = sources.concat().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for key in words.keys().filter(|key| {
        !["role.", "type.", "field.", "value.", "unit.", "fault.", "problem.", "json.", "change.", "choice.", "decision.", "audit-"]
            .iter()
            .any(|group| key.starts_with(group))
    }) {
        assert!(everything.contains(&format!("\"{}\"", key.strip_suffix(".one").unwrap_or(key))), "nobody says {key}");
    }
}

#[test]
fn everything_that_an_audit_finds_has_words() {
    use suyuan_engine::audit::{Blame, Kind};
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/words.json");
    let words: serde_json::Map<_, _> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let kinds = Kind::ALL.iter().flat_map(|kind| ["kind", "next"].map(|of| format!("audit-{of}.{}", kind.code())));
    let said: std::collections::BTreeSet<String> = kinds.chain(Blame::ALL.iter().map(|blame| format!("audit-fault.{}", blame.code()))).collect();
    let written = words.keys().filter(|key| ["audit-kind.", "audit-next.", "audit-fault."].iter().any(|group| key.starts_with(group)));
    assert_eq!(written.cloned().collect::<std::collections::BTreeSet<_>>(), said);
}

fn shared() -> serde_json::Map<String, serde_json::Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/js/src/page/words.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn check_named(keys: impl IntoIterator<Item = String>) {
    let words = shared();
    for key in keys {
        let pair = words.get(&key).unwrap_or_else(|| panic!("{key} has no words"));
        let (zh, en) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        assert!(zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{key}: {zh}");
        assert!(!en.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{key}: {en}");
    }
}

/// Every type that the demo's story writes.
#[test]
fn the_story_s_types_have_names_in_both_languages() {
    let story = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testnet/src/story.rs")).unwrap();
    // Author and type are the first two texts of a call; the one that passes a type on has neither.
    let calls = ["self.put(", "self.event("].into_iter().flat_map(|name| story.split(name).skip(1));
    let kinds: std::collections::BTreeSet<String> =
        calls.filter(|call| call.trim_start().starts_with('"')).map(|call| call.split('"').nth(3).unwrap().to_owned()).collect();
    assert!(kinds.len() >= 18 && kinds.contains("planting") && kinds.contains("inspection"), "{kinds:?}");
    check_named(kinds.into_iter().map(|kind| format!("type.{kind}")));
}

/// Business steps and dispositions of CBV 2.0, sections 7.1 and 7.2.
const CBV: &str = "accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting decommissioning departing destroying \
    disassembling dispensing encoding entering_exiting holding inspecting installing killing loading other packing picking receiving removing repackaging \
    repairing replacing reserving retail_selling sampling sensor_reporting shipping staging_outbound stock_taking stocking storing transporting unloading \
    unpacking void_shipping \
    active available completeness_inferred completeness_verified conformant container_closed container_open damaged destroyed dispensed disposed encoded \
    expired in_progress in_transit inactive mismatch_class mismatch_instance mismatch_quantity needs_replacement no_pedigree_match non_conformant \
    non_sellable_other partially_dispensed recalled reserved retail_sold returned sellable_accessible sellable_not_accessible stolen unavailable unknown";

/// What events of EPCIS 2.0 and products commonly have.
const FIELDS: &str = "eventTime eventTimeZoneOffset recordTime eventID eventType type action bizStep disposition persistentDisposition readPoint bizLocation epcList \
    parentID childEPCs quantityList childQuantityList inputEPCList inputQuantityList outputEPCList outputQuantityList epcClass quantity uom bizTransactionList \
    sourceList destinationList sensorElementList sensorReport ilmd transformationID certificationInfo errorDeclaration \
    harvestDate packDate bestBefore expiryDate productName temperature variety lot netWeight origin reason advice contact";

#[test]
fn the_standard_s_words_have_names_in_both_languages() {
    assert_eq!(CBV.split_whitespace().count(), 41 + 33);
    check_named(CBV.split_whitespace().map(|word| format!("value.{word}")).chain(FIELDS.split_whitespace().map(|name| format!("field.{name}"))));
}

#[test]
fn every_problem_has_a_title_in_both_languages_and_the_english_one_is_its_own() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/words.json");
    let words: serde_json::Map<_, _> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for kind in suyuan_api::problem::Kind::ALL {
        assert_eq!(words[&format!("problem.{}", kind.code())][1], kind.title(), "{kind:?}");
    }
}

/// The fields of an event that are folded up stand in the server's source and in the module's; the page would show a difference as a correction.
#[test]
fn server_and_module_fold_up_the_same_fields() {
    let listed = |file: &str| {
        let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let list = source.split("const EVENT").nth(1).unwrap().split(" = [").nth(1).unwrap().split(']').next().unwrap().to_owned();
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let server = listed("src/public/shown.rs");
    assert!(server.len() > 20 && server.contains(&"bizLocation".to_owned()), "{server:?}");
    assert_eq!(server, listed("../../sdk/js/src/page/record.ts"));
}
