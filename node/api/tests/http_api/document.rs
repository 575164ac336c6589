//! The OpenAPI document is that of the router, both ways.

use std::collections::BTreeSet;

use serde_json::Value;
use suyuan_api::auth::Rights;
use suyuan_api::routes::{openapi, table};

use crate::support::one;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// A path in which every parameter has a value. One that nobody knows has none: whoever adds it says here what it is filled with.
pub fn filled(path: &str) -> String {
    let filled =
        path.replace("{id}", &"0".repeat(64)).replace("{member}", "nobody").replace("{origin}", &"0".repeat(64)).replace("{incarnation}", "0");
    let filled = filled.replace("{version}", "0").replace("{name}", "consumer.css");
    let filled = filled.replace("{*tile}", "0/000").replace("{*rest}", "06901234567892/10/L1");
    assert!(!filled.contains('{'), "{path} has a parameter that this test does not know");
    filled
}

#[tokio::test]
async fn every_route_is_in_the_document_and_nothing_else_is() {
    let node = one().await;
    let served = node.get("/api/v1/openapi.json").await;
    assert_eq!(served.status, 200);
    let document = served.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let in_document: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (path.clone(), method.to_uppercase())))
        .collect();
    let in_table: BTreeSet<(String, String)> = table().iter().map(|route| (route.path.clone(), route.method_name().to_owned())).collect();
    assert_eq!(in_document, in_table);
    // What the router itself answers: a method is there or it is 405.
    let paths: BTreeSet<&String> = in_document.iter().map(|(path, _)| path).collect();
    for path in paths {
        for method in METHODS {
            let reply = node.call(method, &filled(path), &[("authorization", &node.bearer(Rights::Read))], "").await;
            let there = in_document.contains(&(path.clone(), method.to_owned()));
            assert_eq!(reply.status != 405, there, "{method} {path}: {}", reply.text());
            if !there {
                assert_eq!(reply.problem(), "method");
            }
        }
    }
    for unknown in ["/api", "/api/v1", "/api/v1/", "/api/v1/records/", "/api/v2/node", "/api/v1/circles/a/b", "/metrics/", "//healthz"] {
        let reply = node.call("GET", unknown, &[("authorization", &node.bearer(Rights::Admin))], "").await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "not-found"), "{unknown}");
    }
}

/// Everything that the document refers to is in it, and every operation says what it does, needs and answers.
#[test]
fn the_document_is_complete() {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    assert!(references.len() > 15, "{references:?}");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 5), "{at}");
            assert!(operation["description"].as_str().unwrap().contains("Needs: `"), "{at}");
            assert!(operation["responses"].as_object().unwrap().contains_key("default"), "{at}");
            assert!(operation["security"].is_array(), "{at}");
            let ids = path.matches('{').count();
            let described = operation["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(ids, described, "{at}");
            if method == "post" {
                assert!(operation["requestBody"].is_object(), "{at}");
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (member, part) in schema["properties"].as_object().into_iter().flatten() {
            let described = part["description"].is_string() || part["$ref"].is_string() || part["oneOf"].is_array();
            assert!(described, "{name}.{member} says nothing");
        }
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                references.insert(reference.clone());
            }
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
