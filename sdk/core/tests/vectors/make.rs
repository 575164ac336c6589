//! Makes every vector file. Accepted cases take their `out` from the library; the other verifiers hold that against their own.

mod bundles;
mod changed;
mod crafted;
mod equivocations;
mod formats;
mod histories;
mod logs;
mod relays;
mod sealed;
mod sections;
mod witnesses;

use serde_json::{Value, json};

use crate::fixture::World;
use crate::run;

pub const PARTS: [&str; 13] =
    ["cbor", "key", "charter", "statement", "section", "sealing", "circle", "relay", "log", "witness", "history", "bundle", "equivocation"];

/// Every file: part, name, content.
pub fn all() -> Vec<(&'static str, &'static str, Value)> {
    let world = World::new();
    vec![
        ("cbor", "check.json", formats::cbor()),
        ("key", "key.json", formats::key()),
        ("charter", "charter.json", formats::charter(&world)),
        ("statement", "statement.json", formats::statement(&world)),
        ("section", "section.json", sections::section(&world)),
        ("sealing", "sealing.json", sealed::sealing(&world)),
        ("circle", "circle.json", sections::circle(&world)),
        ("relay", "relay.json", relays::relay()),
        ("log", "tree.json", logs::tree()),
        ("log", "checkpoint.json", logs::checkpoint(&world)),
        ("witness", "standing.json", witnesses::standing(&world)),
        ("witness", "policy.json", witnesses::policy(&world)),
        ("history", "history.json", histories::history()),
        ("history", "refused.json", histories::refused()),
        ("bundle", "history.json", changed::bundle()),
        ("equivocation", "history.json", changed::equivocation()),
        ("bundle", "bundle.json", bundles::bundle(&world)),
        ("equivocation", "equivocation.json", equivocations::equivocation(&world)),
    ]
}

/// Collects the cases of one file.
pub struct Cases {
    part: &'static str,
    page: &'static str,
    cases: Vec<Value>,
}

impl Cases {
    pub fn new(part: &'static str, page: &'static str) -> Self {
        Self { part, page, cases: Vec::new() }
    }

    pub fn ok(&mut self, name: &str, op: &str, input: Value) {
        let out = run::run(self.part, op, &input).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        self.cases.push(json!({ "name": name, "op": op, "in": input, "expect": "ok", "out": out }));
    }

    pub fn fault(&mut self, name: &str, op: &str, input: Value, fault: &str) {
        self.cases.push(json!({ "name": name, "op": op, "in": input, "expect": "fault", "fault": fault }));
    }

    /// A refusal with the reason behind the fault.
    pub fn because(&mut self, name: &str, op: &str, input: Value, fault: &str, why: &str) {
        self.cases.push(json!({ "name": name, "op": op, "in": input, "expect": "fault", "fault": fault, "why": why }));
    }

    pub fn finish(self) -> Value {
        json!({ "spec": self.page, "cases": self.cases })
    }
}

pub fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1;
    flipped
}

/// Replaces the first occurrence of `from`, which must be there and of the same length.
pub fn swap(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the bytes to swap are there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}
