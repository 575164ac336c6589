//! Vectors of what a relay keeps: tags, packages, and packages that nobody honest makes.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::CircleId;
use suyuan_core::cbor::Writer;
use suyuan_core::id::MemberId;
use suyuan_core::relay::{RelayKey, Tag};
use zeroize::Zeroizing;

use super::{Cases, flip};
use crate::fixture::bytes32;

pub fn relay() -> Value {
    let mut cases = Cases::new("relay", "relay.md#tag");
    let place = json!({ "secret": encode(bytes32("epoch secret")), "circle": encode(bytes32("circle")), "epoch": 3,
        "author": encode(bytes32("author")), "incarnation": 0, "counter": 17 });
    cases.ok("the tag of a statement", "tag", place.clone());
    for (member, value) in [
        ("secret", json!(encode(bytes32("the next secret")))),
        ("circle", json!(encode(bytes32("another circle")))),
        ("epoch", json!(4)),
        ("author", json!(encode(bytes32("another author")))),
        ("incarnation", json!(1)),
        ("counter", json!(18)),
    ] {
        cases.ok(&format!("another {member}, another tag"), "tag", with(&place, member, value));
    }
    pairs(&mut cases);
    packages(&mut cases, &place);
    cases.finish()
}

fn with(case: &Value, member: &str, value: Value) -> Value {
    let mut other = case.clone();
    other[member] = value;
    other
}

fn pairs(cases: &mut Cases) {
    let pair = json!({ "shared": encode(bytes32("X25519")), "alliance": encode(bytes32("alliance")), "steward": encode(bytes32("steward")),
        "steward_key": encode(bytes32("steward key")), "member": encode(bytes32("member")), "member_key": encode(bytes32("member key")),
        "incarnation": 0, "number": 0 });
    cases.ok("a steward's first epoch statement for a member", "pair", pair.clone());
    cases.ok("the next one", "pair", with(&pair, "number", json!(1)));
    for member in ["shared", "alliance", "steward", "steward_key", "member", "member_key"] {
        cases.ok(&format!("another {member} of a pair, another tag"), "pair", with(&pair, member, json!(encode(bytes32("another")))));
    }
    cases.fault("X25519 with a key of low order", "pair", with(&pair, "shared", json!(encode([0; 32]))), "slip");
}

fn packages(cases: &mut Cases, place: &Value) {
    let key = RelayKey::of_epoch(&Zeroizing::new(bytes32("epoch secret")), &CircleId(bytes32("circle")), 3).unwrap();
    let tag = key.tag(&MemberId(bytes32("author")), 0, 17).unwrap();
    let item = |len: usize| {
        let mut writer = Writer::default();
        writer.array(2).uint(1).bytes(&vec![7; len]);
        writer.finish()
    };
    let package = |item: &[u8]| {
        let sealed = key.seal(&tag, item, [9; 24]).unwrap();
        json!({ "secret": place["secret"], "circle": place["circle"], "epoch": 3, "tag": encode(tag), "package": encode(sealed) })
    };
    let (small, large) = (package(&item(100)), package(&item(40_000)));
    cases.ok("a package", "open", small.clone());
    cases.ok("a package of three chunks", "open", large.clone());
    for (name, member, value) in [
        ("of a former epoch, by the secret of a later one", "secret", encode(bytes32("the next secret"))),
        ("of another circle", "circle", encode(bytes32("another circle"))),
        ("under another tag", "tag", encode(flip(&tag, 31))),
        ("that is empty", "package", String::new()),
    ] {
        cases.fault(&format!("a package {name}"), "open", with(&small, member, json!(value)), "sealed");
    }
    cases.fault("a package of another epoch", "open", with(&small, "epoch", json!(2)), "sealed");
    let bytes = hex::decode(small["package"].as_str().unwrap()).unwrap();
    for (name, at) in [("salt", 0), ("commitment", 24), ("first byte", 56), ("end", bytes.len() - 1)] {
        cases.fault(&format!("a package whose {name} is changed"), "open", with(&small, "package", json!(encode(flip(&bytes, at)))), "sealed");
    }
    for (name, cut) in [("cut off", &bytes[..bytes.len() - 1]), ("without its end", &bytes[..56])] {
        cases.fault(&format!("a package that is {name}"), "open", with(&small, "package", json!(encode(cut))), "sealed");
    }
    let longer = [&bytes[..], &[0]].concat();
    cases.fault("a byte after a package", "open", with(&small, "package", json!(encode(longer))), "sealed");
    plaintexts(cases, &package, &key, &tag);
}

/// Packages that open, and hold what no honest node seals. What is sealed as an item is padded to the bucket of its length, whatever it is.
fn plaintexts(cases: &mut Cases, package: &dyn Fn(&[u8]) -> Value, key: &RelayKey, tag: &Tag) {
    let two = [&[0x01; 1][..], &[0x00, 0x02]].concat();
    for (name, plaintext, fault) in [
        ("nothing well-formed", vec![0xff; 10], "cbor"),
        ("a map", vec![0xa0; 3], "cbor"),
        ("a number that is not the shortest", vec![0x18, 0x01], "cbor"),
        ("an item and something after it", two, "padding"),
        ("an item padded to the bucket of a longer one", [vec![0x01], vec![0; 299]].concat(), "padding"),
    ] {
        assert!(key.seal(tag, &plaintext, [9; 24]).is_ok());
        cases.fault(&format!("a package of {name}"), "open", package(&plaintext), fault);
    }
}
