//! Vectors of sections, their headers, and circles.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::cbor::Writer;
use suyuan_core::circle as circles;
use suyuan_core::id::CircleId;
use suyuan_core::section::{self as sections, Body};
use suyuan_core::tree;
use zeroize::Zeroizing;

use super::{Cases, flip, swap};
use crate::fixture::{World, bytes32, field};

pub fn section(world: &World) -> Value {
    let mut cases = Cases::new("section", "section.md#field-tree");
    let public = &world.sections[2][0];
    let (body, root) = (public.body.to_bytes(), encode(public.body.root()));
    let whole = |body: &[u8], count: u64, root: &str| json!({ "body": encode(body), "count": count, "root": root });
    cases.ok("three fields", "body", whole(&body, 3, &root));
    cases.ok("one field", "body", json!({ "body": encode(Body::new([1; 32], vec![field("a", "1")]).unwrap().to_bytes()) }));
    let many: Vec<_> = (0..256).map(|number| field(&format!("f{number}"), &number.to_string())).collect();
    let many = Body::new([2; 32], many).unwrap();
    cases.ok("256 fields", "body", json!({ "body": encode(many.to_bytes()) }));
    cases.fault("a value changed", "body", whole(&swap(&body, b"pass", b"fail"), 3, &root), "field-root");
    cases.fault("a name changed", "body", whole(&swap(&body, b"result", b"Result"), 3, &root), "field-root");
    cases.fault("the seed changed", "body", whole(&flip(&body, 10), 3, &root), "field-root");
    cases.fault("counted wrong", "body", whole(&body, 4, &root), "field-count");
    let raw = |fields: &[(&str, &str)]| {
        let mut writer = Writer::default();
        writer.array(2).bytes(&[0; 32]).array(fields.len());
        fields.iter().for_each(|(name, value)| {
            writer.array(2).text(name).text(value);
        });
        json!({ "body": encode(writer.finish()) })
    };
    cases.fault("a name twice", "body", raw(&[("a", "1"), ("a", "2")]), "field-duplicate");
    cases.fault("no fields", "body", raw(&[]), "form");
    cases.fault("an empty name", "body", raw(&[("", "1")]), "form");
    cases.fault("an empty value", "body", raw(&[("a", "")]), "form");
    cases.fault("a control character in a name", "body", raw(&[("a\n", "1")]), "form");
    cases.fault("DEL in a name", "body", raw(&[("a\u{7f}", "1")]), "form");
    cases.fault("a name of 129 bytes", "body", raw(&[(&"a".repeat(129), "1")]), "form");
    let too_many: Vec<(String, &str)> = (0..257).map(|number| (format!("f{number}"), "1")).collect();
    cases.fault("257 fields", "body", raw(&too_many.iter().map(|(name, value)| (name.as_str(), *value)).collect::<Vec<_>>()), "form");
    cases.fault("a byte after the body", "body", json!({ "body": encode([&body[..], &[0]].concat()) }), "cbor");

    for (source, count, name) in [(&public.body, 3, "result"), (&many, 256, "f200")] {
        let single = source.disclose(name).unwrap();
        let path: Vec<_> = single.path.iter().map(encode).collect();
        let case = json!({ "salt": encode(single.salt), "name": name, "value": single.field.value, "index": single.index,
            "count": count, "path": path, "root": encode(source.root()) });
        cases.ok(&format!("field {name} alone"), "field", case.clone());
        for (member, value) in [
            ("salt", json!(encode([0; 32]))),
            ("name", json!("other")),
            ("value", json!("0")),
            ("index", json!(single.index ^ 1)),
            ("index", json!(count)),
            ("path", json!([])),
            ("path", json!([path.clone(), path].concat())),
            ("root", json!(encode([0; 32]))),
        ] {
            let mut wrong = case.clone();
            wrong[member] = value;
            cases.fault(&format!("field {name} alone, {member} wrong"), "field", wrong, "field-path");
        }
    }
    let single = public.body.disclose("result").unwrap();
    let path: Vec<_> = single.path.iter().map(encode).collect();
    let case = json!({ "salt": encode(single.salt), "name": "result", "value": single.field.value, "index": single.index,
        "count": 3, "path": path, "root": encode(public.body.root()) });
    for (what, member, value) in [
        ("an empty name", "name", String::new()),
        ("a name of 129 bytes", "name", "a".repeat(129)),
        ("a newline in the name", "name", "a\n".into()),
        ("DEL in the name", "name", "a\u{7f}".into()),
        ("an empty value", "value", String::new()),
    ] {
        let mut wrong = case.clone();
        wrong[member] = json!(value);
        cases.fault(&format!("field alone, {what}"), "field", wrong, "form");
    }
    counts(&mut cases);
    headers(&mut cases, world);
    cases.finish()
}

/// A path that leads to the root, of a tree with more leaves than a section may have; counts and paths out of bounds.
fn counts(cases: &mut Cases) {
    let mut writer = Writer::default();
    writer.array(3).bytes(&[1; 32]).text("a").text("1");
    let leaf = tree::leaf_hash(&writer.finish());
    for (count, index) in [(256, 200), (257, 200), (257, 256), (0, 0)] {
        let mut leaves: Vec<_> = (0..count).map(|number| bytes32(&format!("leaf {number}"))).collect();
        if index < count {
            leaves[index] = leaf;
        }
        let path: Vec<_> = tree::inclusion_path(&leaves, index).iter().map(encode).collect();
        let case = json!({ "salt": encode([1; 32]), "name": "a", "value": "1", "index": index, "count": count, "path": path, "root": encode(tree::root(&leaves)) });
        let name = format!("field {index} of {count}");
        if count == 256 {
            let mut long = case.clone();
            long["path"] = json!(vec![encode([0; 32]); 64]);
            cases.ok(&name, "field", case);
            cases.fault(&format!("{name}, 64 hashes"), "field", long, "field-path");
        } else {
            cases.fault(&name, "field", case, "field-path");
        }
    }
}

fn headers(cases: &mut Cases, world: &World) {
    let [public, sealed] = &world.sections[2][..] else { panic!("two sections") };
    let header = |bytes: &[u8]| json!({ "header": encode(bytes), "commitment": encode(sections::section_commitment(bytes)) });
    cases.ok("public header", "header", header(&public.header));
    cases.ok("sealed header", "header", header(&sealed.header));
    let mut other = header(&public.header);
    other["commitment"] = json!(encode(sections::audience_commitment(&public.header)));
    cases.fault("commitment under the audience's label", "header", other, "header");
    cases.fault(
        "header of suite 2",
        "header",
        header(&flip(&flip(&public.header, 1), 1)[..1].iter().copied().chain([2]).chain(public.header[2..].iter().copied()).collect::<Vec<_>>()),
        "suite",
    );
    cases.fault("header with a byte after it", "header", header(&[&public.header[..], &[0]].concat()), "cbor");
    let mut long = Writer::structure(3);
    long.bytes(&[0; 32]).array(2).bytes(&[0; 32]).uint(2 * 1024 * 1024 + 1);
    cases.fault("ciphertext above 2 MiB", "header", header(&long.finish()), "form");
    cases.fault("an audience header as header", "header", header(&public.audience), "form");
    let audience = |bytes: &[u8]| json!({ "audience": encode(bytes), "commitment": encode(sections::audience_commitment(bytes)) });
    cases.ok("public audience", "audience", audience(&public.audience));
    cases.ok("alliance audience", "audience", audience(&sealed.audience));
    let mut other = audience(&sealed.audience);
    other["commitment"] = json!(encode(sections::section_commitment(&sealed.audience)));
    cases.fault("commitment under the section's label", "audience", other, "audience");
    cases.fault("a section header as audience", "audience", audience(&public.header), "form");
}

pub fn circle(world: &World) -> Value {
    let mut cases = Cases::new("circle", "circle.md#epoch-secret-and-wrap");
    let (alliance, steward) = (world.alliance.id(), world.log.member);
    cases.ok("id of a workspace", "id", json!({ "alliance": alliance.to_string(), "steward": steward.to_string(), "nonce": encode([8; 32]) }));
    let circle = circles::circle_id(&alliance, &steward, &[8; 32]);
    let secret = Zeroizing::new(bytes32("epoch"));
    cases.ok("commitment", "commitment", json!({ "circle": circle.to_string(), "epoch": 3, "secret": encode(secret.as_slice()) }));
    let wrap = circles::wrap(&secret, &circle, 3, &[5; 32], &Zeroizing::new([6; 32])).unwrap();
    let case =
        json!({ "secret": encode(secret.as_slice()), "circle": circle.to_string(), "epoch": 3, "audience": encode([5; 32]), "wrap": encode(wrap) });
    cases.ok("unwrap", "unwrap", case.clone());
    for (member, value) in [
        ("secret", json!(encode([0; 32]))),
        ("circle", json!(CircleId([0; 32]).to_string())),
        ("epoch", json!(4)),
        ("audience", json!(encode([0; 32]))),
        ("wrap", json!(encode(flip(&wrap, 0)))),
        ("wrap", json!(encode(flip(&wrap, 47)))),
        ("wrap", json!(encode(&wrap[..47]))),
    ] {
        let mut wrong = case.clone();
        wrong[member] = value;
        cases.fault(&format!("unwrap with another {member}"), "unwrap", wrong, "wrap");
    }
    cases.finish()
}
