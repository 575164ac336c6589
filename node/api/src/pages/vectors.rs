//! Runs the cases that the pages' modules are tested with, too: server and browser must write the same, letter by letter.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, reason = "tests")]

use serde_json::Value;
use suyuan_core::section::Field;

use super::display::display;
use super::text::{clean, stamp};
use super::words::Lang;

#[test]
fn every_case_reads_as_it_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/js/test/display.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut seen = 0;
    for case in file["cases"].as_array().unwrap() {
        let input = &case["in"];
        let found = match case["op"].as_str().unwrap() {
            "display" => lines(input),
            "clean" => Value::from(clean(input["text"].as_str().unwrap())),
            "stamp" => Value::from(stamp(input["time"].as_u64().unwrap())),
            "subject" => continue,
            other => panic!("{other}"),
        };
        assert_eq!(found, case["out"], "{}", case["name"]);
        seen += 1;
    }
    assert!(seen > 40, "only {seen} cases");
}

fn lines(input: &Value) -> Value {
    let lang = Lang::named(input["lang"].as_str().unwrap()).unwrap();
    let fields: Vec<Field> = input["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| Field { name: field[0].as_str().unwrap().to_owned(), value: field[1].as_str().unwrap().to_owned() })
        .collect();
    display(lang, &fields).into_iter().map(|line| serde_json::json!([line.depth, line.label, line.text])).collect()
}
