//! Vectors of the encoding, keys, charters, statements, sections, sealing and circles.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::cbor::Writer;
use suyuan_core::charter::{CharterFile, Role};
use suyuan_core::circle as circles;
use suyuan_core::id::CircleId;
use suyuan_core::section::{self as sections, Body};
use suyuan_core::{sealing as seals, statement as statements};
use zeroize::Zeroizing;

use super::{Cases, flip, swap};
use crate::fixture::{self, World, bytes32, field, secret};

pub fn cbor() -> Value {
    let mut cases = Cases::new("cbor", "cbor.md#profile");
    for (name, hex) in [
        ("zero", "00"), ("largest integer", "1b001fffffffffffff"), ("empty bytes", "40"), ("text", "63e6baaf"),
        ("array of four", "840142beef63e6baaff6"), ("sixteen arrays deep", "81818181818181818181818181818180"), ("null", "f6"),
        ("256 in two bytes", "190100"),
    ] {
        cases.ok(name, "check", json!({ "bytes": hex }));
    }
    for (name, hex) in [
        ("empty input", ""), ("negative integer", "20"), ("map", "a0"), ("tag", "c000"), ("true", "f5"), ("undefined", "f7"),
        ("float", "f93c00"), ("simple value in two bytes", "f8f6"), ("integer above 2^53 - 1", "1b0020000000000000"), ("23 in two bytes", "1817"),
        ("255 in three bytes", "1900ff"), ("65535 in five bytes", "1a0000ffff"), ("length not shortest", "5800"),
        ("indefinite bytes", "5f40ff"), ("indefinite array", "9f00ff"), ("break alone", "ff"), ("trailing byte", "0000"),
        ("truncated head", "19"), ("truncated bytes", "42be"), ("array one short", "8201"), ("huge declared length", "5b7fffffffffffffff00"),
        ("huge declared array", "9b7fffffffffffffff"), ("array above 65536", "9a00010001"), ("seventeen arrays deep", "8181818181818181818181818181818180"),
        ("text not UTF-8", "61ff"), ("text with a surrogate", "63eda080"), ("reserved additional information", "1c"),
    ] {
        cases.fault(name, "check", json!({ "bytes": hex }), "cbor");
    }
    cases.finish()
}

/// Encodings of points of small order: canonical ones, then the non-canonical spellings.
const SMALL_ORDER: [&str; 11] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

pub fn key() -> Value {
    use curve25519_dalek::edwards::CompressedEdwardsY;
    let mut cases = Cases::new("key", "key.md#verification");
    let signer = secret(0, "log");
    let public = signer.public().to_bytes();
    let (message, signature) = (b"suyuan".to_vec(), signer.sign(b"suyuan"));
    let verify = |key: &[u8], message: &[u8], signature: &[u8]| {
        json!({ "key": encode(key), "message": encode(message), "signature": encode(signature) })
    };
    cases.ok("id of a key", "id", json!({ "key": encode(public) }));
    cases.ok("a signature", "verify", verify(&public, &message, &signature));
    cases.ok("of an empty message", "verify", verify(&public, b"", &signer.sign(b"")));
    cases.fault("another message", "verify", verify(&public, b"Suyuan", &signature), "signature");
    cases.fault("another key", "verify", verify(&secret(1, "log").public().to_bytes(), &message, &signature), "signature");
    cases.fault("R changed", "verify", verify(&public, &message, &flip(&signature, 0)), "signature");
    cases.fault("S changed", "verify", verify(&public, &message, &flip(&signature, 32)), "signature");
    cases.fault("63 bytes", "verify", verify(&public, &message, &signature[..63]), "signature");
    cases.fault("S + L", "verify", verify(&public, &message, &plus_order(&signature)), "signature");
    for (number, point) in SMALL_ORDER.iter().enumerate() {
        let point = hex::decode(point).unwrap();
        cases.fault(&format!("small-order key {number}"), "verify", verify(&point, &message, &signature), "key");
        let small = [&point[..], &signature[32..]].concat();
        cases.fault(&format!("small-order R {number}"), "verify", verify(&public, &message, &small), "signature");
    }
    let off_curve = (2u8..).map(|first| { let mut key = [0; 32]; key[0] = first; key }).find(|key| CompressedEdwardsY(*key).decompress().is_none()).unwrap();
    cases.fault("a key that is no point", "verify", verify(&off_curve, &message, &signature), "key");
    let torsion = CompressedEdwardsY(hex::decode(SMALL_ORDER[4]).unwrap().try_into().unwrap()).decompress().unwrap();
    let mixed = (CompressedEdwardsY(public).decompress().unwrap() + torsion).compress().to_bytes();
    cases.fault("a key with a torsion part", "verify", verify(&mixed, &message, &signature), "key");
    let noncanonical = "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    cases.fault("a key with y above p", "verify", verify(&hex::decode(noncanonical).unwrap(), &message, &signature), "key");
    cases.finish()
}

/// The same signature with the group order added to S.
fn plus_order(signature: &[u8; 64]) -> Vec<u8> {
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut carry = 0u16;
    let sum = signature[32..].iter().zip(order).map(|(a, b)| {
        carry += u16::from(*a) + u16::from(b);
        let byte = carry as u8;
        carry >>= 8;
        byte
    });
    let s: Vec<u8> = sum.collect();
    [&signature[..32], &s].concat()
}

pub fn charter(world: &World) -> Value {
    let mut cases = Cases::new("charter", "charter.md#file");
    let file = |file: &CharterFile| json!({ "file": encode(file.to_bytes()) });
    let good = &world.file;
    cases.ok("three founders", "verify", file(good));
    let mut pinned = file(good);
    pinned["alliance"] = json!(world.alliance.id().to_string());
    cases.ok("the alliance that was expected", "verify", pinned.clone());
    pinned["alliance"] = json!(encode([9; 32]));
    cases.fault("another alliance", "verify", pinned, "alliance");

    let mut missing = good.clone();
    missing.signatures.pop();
    cases.fault("one signature missing", "verify", file(&missing), "charter-signature");
    let mut surplus = good.clone();
    surplus.signatures.push(good.signatures[0]);
    cases.fault("one signature too many", "verify", file(&surplus), "charter-signature");
    let mut order = good.clone();
    order.signatures.swap(0, 1);
    cases.fault("two signatures exchanged", "verify", file(&order), "charter-signature");
    let mut wrong = good.clone();
    wrong.signatures[5].1[40] ^= 1;
    cases.fault("a signature changed", "verify", file(&wrong), "charter-signature");
    let mut content = good.clone();
    content.charter = swap(&content.charter, b"Vectors", b"vectors");
    cases.fault("a letter changed", "verify", file(&content), "charter-signature");

    let signed = |change: &dyn Fn(&mut suyuan_core::charter::Charter)| {
        let mut charter = fixture::charter();
        change(&mut charter);
        file(&fixture::sign_charter(&charter))
    };
    cases.fault("two leaders", "verify", signed(&|c| c.members[1].role = Role::Leader), "form");
    cases.fault("no leader", "verify", signed(&|c| c.members[0].role = Role::Upstream), "form");
    cases.fault("the leader as deputy", "verify", signed(&|c| c.deputies = vec![0]), "form");
    cases.fault("a regulator as deputy", "verify", signed(&|c| c.deputies = vec![2]), "form");
    cases.fault("a deputy who does not exist", "verify", signed(&|c| c.deputies = vec![3]), "form");
    cases.fault("a deputy twice", "verify", signed(&|c| c.deputies = vec![1, 1]), "form");
    cases.fault("T of zero", "verify", signed(&|c| c.seal = 0), "form");
    cases.fault("T too long", "verify", signed(&|c| c.seal = (1 << 40) + 1), "form");
    cases.fault("an empty name", "verify", signed(&|c| c.name.clear()), "form");
    cases.fault("a newline in a name", "verify", signed(&|c| c.name = "a\nb".into()), "form");
    cases.fault("a C1 control character in a name", "verify", signed(&|c| c.name = "a\u{85}b".into()), "form");
    cases.fault("a name that reads backwards", "verify", signed(&|c| c.members[1].name = "\u{202e}Z".into()), "form");
    cases.fault("scope of somebody else than a regulator", "verify", signed(&|c| c.members[1].scope = vec!["inspection".into()]), "form");
    cases.fault("scope that is no type", "verify", signed(&|c| c.members[2].scope = vec!["Inspection".into()]), "form");
    cases.fault("no members", "verify", signed(&|c| { c.members.clear(); c.deputies.clear(); }), "form");
    cases.fault("one key for two purposes", "verify", signed(&|c| c.members[1].keys.log = c.members[1].keys.root), "key");
    cases.fault("one key for two members", "verify", signed(&|c| c.members[1].keys.encryption = c.members[0].keys.encryption), "key");
    cases.fault("an encryption key of low order", "verify", signed(&|c| c.members[1].keys.encryption = [0; 32]), "key");
    cases.fault("an encryption key of low order, one", "verify", signed(&|c| { c.members[1].keys.encryption = [0; 32]; c.members[1].keys.encryption[0] = 1; }), "key");
    cases.fault("a root key of small order", "verify", signed(&|c| { c.members[0].keys.root = [0; 32]; c.members[0].keys.root[0] = 1; }), "key");
    let later = fixture::sign_charter_bytes(flip(&good.charter, 1), 3);
    cases.fault("a later suite", "verify", file(&later), "suite");
    cases.fault("a byte after the file", "verify", json!({ "file": encode([good.to_bytes(), vec![0]].concat()) }), "cbor");
    cases.fault("a byte after the charter", "verify", file(&fixture::sign_charter_bytes([&good.charter[..], &[0]].concat(), 3)), "cbor");
    cases.finish()
}

pub fn statement(world: &World) -> Value {
    let mut cases = Cases::new("statement", "statement.md#checking");
    let [first, third] = [&world.statements[0], &world.statements[2]];
    let key = encode(secret(0, "log").public().to_bytes());
    let verify = |bytes: &[u8], signature: &[u8], key: &str| json!({ "statement": encode(bytes), "signature": encode(signature), "key": key });
    let decode = |bytes: &[u8]| json!({ "statement": encode(bytes) });
    cases.ok("first of a log", "decode", decode(&first.bytes));
    cases.ok("third of a log", "decode", decode(&third.bytes));
    cases.ok("verified alone", "verify", verify(&third.bytes, &third.signature, &key));
    cases.ok("as COSE_Sign1", "cose", json!({ "statement": encode(&third.bytes), "signature": encode(third.signature) }));
    cases.fault("signature of another statement", "verify", verify(&third.bytes, &first.signature, &key), "signature");
    cases.fault("a byte of the blind changed", "verify", verify(&swap(&third.bytes, &bytes32("blind 2"), &bytes32("blind 3")), &third.signature, &key), "signature");
    cases.fault("another member's key", "verify", verify(&third.bytes, &third.signature, &encode(secret(1, "log").public().to_bytes())), "key-id");
    cases.fault("a weak key", "verify", verify(&third.bytes, &third.signature, &encode([0; 32])), "key");

    let bytes = &third.bytes;
    cases.fault("empty", "decode", decode(&[]), "frame");
    cases.fault("a COSE_Sign1 instead", "decode", decode(&statements::cose_sign1(bytes, &third.signature).unwrap()), "frame");
    cases.fault("another context string", "decode", decode(&swap(bytes, b"Signature1", b"Signature2")), "frame");
    cases.fault("algorithm ES256", "decode", decode(&swap(bytes, &[0x01, 0x27, 0x04], &[0x01, 0x26, 0x04])), "frame");
    cases.fault("a byte after it", "decode", decode(&[&bytes[..], &[0]].concat()), "frame");
    cases.fault("one byte short", "decode", decode(&bytes[..bytes.len() - 1]), "frame");
    let id = secret(0, "log").public().id();
    let framed = |payload: &[u8]| decode(&statements::sig_structure("application/suyuan-statement+cbor", id, payload));
    cases.fault("a charter's type", "decode", decode(&statements::sig_structure("application/suyuan-charter+cbor", id, &[0x80])), "frame");
    cases.fault("payload not canonical", "decode", framed(&[0x81, 0x18, 0x01]), "cbor");
    cases.fault("payload empty", "decode", framed(&[]), "cbor");
    cases.fault("suite 2", "decode", framed(&[0x82, 0x02, 0x00]), "suite");
    cases.fault("payload too short", "decode", framed(&[0x82, 0x01, 0x00]), "form");
    cases.fault("no suite", "decode", framed(&[0x80]), "form");
    cases.fault("payload is no array", "decode", framed(&[0x01]), "form");
    cases.fault("type in capitals", "decode", decode(&swap(bytes, b"inspection", b"Inspection")), "form");
    cases.fault("type with a slash", "decode", decode(&swap(bytes, b"inspection", b"inspect/on")), "form");
    cases.fault("above 16 KiB", "decode", decode(&[0; 16 * 1024 + 1]), "form");
    let statement = |sections: usize, fields: u64, audiences: usize, references: usize| {
        let mut writer = Writer::structure(11);
        writer.bytes(&[1; 32]).bytes(&[2; 32]).uint(0).uint(0).bytes(&[3; 32]).uint(0).text("note").array(references);
        (0..references).for_each(|_| { writer.bytes(&[4; 32]); });
        writer.bytes(&[5; 32]).array(sections);
        for _ in 0..sections {
            writer.array(3).uint(fields).bytes(&[6; 32]).array(audiences);
            (0..audiences).for_each(|_| { writer.bytes(&[7; 32]); });
        }
        framed(&writer.finish())
    };
    cases.ok("as many of everything as may be", "decode", statement(8, 256, 16, 16));
    cases.ok("without sections", "decode", statement(0, 1, 1, 0));
    cases.fault("nine sections", "decode", statement(9, 1, 1, 0), "form");
    cases.fault("a section without fields", "decode", statement(1, 0, 1, 0), "form");
    cases.fault("257 fields", "decode", statement(1, 257, 1, 0), "form");
    cases.fault("a section without audience", "decode", statement(1, 1, 0, 0), "form");
    cases.fault("17 audiences", "decode", statement(1, 1, 17, 0), "form");
    cases.fault("17 references", "decode", statement(1, 1, 1, 17), "form");
    cases.finish()
}

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
        fields.iter().for_each(|(name, value)| { writer.array(2).text(name).text(value); });
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
        for (member, value) in [("salt", json!(encode([0; 32]))), ("name", json!("other")), ("value", json!("0")),
            ("index", json!(single.index ^ 1)), ("index", json!(count)), ("path", json!([])), ("path", json!([path.clone(), path].concat())), ("root", json!(encode([0; 32])))] {
            let mut wrong = case.clone();
            wrong[member] = value;
            cases.fault(&format!("field {name} alone, {member} wrong"), "field", wrong, "field-path");
        }
    }
    headers(&mut cases, world);
    cases.finish()
}

fn headers(cases: &mut Cases, world: &World) {
    let [public, sealed] = &world.sections[2][..] else { panic!("two sections") };
    let header = |bytes: &[u8]| json!({ "header": encode(bytes), "commitment": encode(sections::section_commitment(bytes)) });
    cases.ok("public header", "header", header(&public.header));
    cases.ok("sealed header", "header", header(&sealed.header));
    let mut other = header(&public.header);
    other["commitment"] = json!(encode(sections::audience_commitment(&public.header)));
    cases.fault("commitment under the audience's label", "header", other, "header");
    cases.fault("header of suite 2", "header", header(&flip(&flip(&public.header, 1), 1)[..1].iter().copied().chain([2]).chain(public.header[2..].iter().copied()).collect::<Vec<_>>()), "suite");
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

pub fn sealing(world: &World) -> Value {
    let mut cases = Cases::new("sealing", "sealing.md#context");
    for length in [1, 256, 257, 272, 273, 1000, 1024, 1050, 100_000, 1_048_576] {
        cases.ok(&format!("bucket of {length}"), "bucket", json!({ "length": length }));
    }
    let place = world.log.place(2);
    let seal = |plaintext: &Body, key: &str| {
        let context = seals::context(&place, 1, &plaintext.root());
        let ciphertext = seals::seal(plaintext, &Zeroizing::new(bytes32(key)), [7; 24], &context).unwrap();
        json!({ "key": encode(bytes32(key)), "alliance": place.alliance.to_string(), "author": place.author.to_string(),
            "incarnation": 0, "sequence": 2, "section": 1, "root": encode(plaintext.root()), "ciphertext": encode(ciphertext) })
    };
    let small = seal(&world.sections[2][1].body, "key 2");
    assert_eq!(small["ciphertext"], encode(world.sections[2][1].ciphertext.as_ref().unwrap()));
    cases.ok("one chunk", "open", small.clone());
    let large = Body::new([3; 32], vec![field("text", &format!("\"{}\"", "溯".repeat(12_000)))]).unwrap();
    let large = seal(&large, "large");
    cases.ok("three chunks", "open", large.clone());
    let mut wrong = |name: &str, case: &Value, member: &str, value: Value, fault: &str| {
        let mut wrong = case.clone();
        wrong[member] = value;
        cases.fault(name, "open", wrong, fault);
    };
    for (member, value) in [("key", json!(encode([0; 32]))), ("alliance", json!(encode([0; 32]))), ("author", json!(encode([0; 32]))),
        ("incarnation", json!(1)), ("sequence", json!(3)), ("section", json!(0)), ("root", json!(encode([0; 32])))] {
        wrong(&format!("another {member}"), &small, member, value, "sealed");
    }
    let bytes = |case: &Value| hex::decode(case["ciphertext"].as_str().unwrap()).unwrap();
    let (short, long) = (bytes(&small), bytes(&large));
    for (name, at) in [("salt", 0), ("commitment", 24), ("first byte", 56), ("tag", short.len() - 1)] {
        wrong(&format!("{name} changed"), &small, "ciphertext", json!(encode(flip(&short, at))), "sealed");
    }
    wrong("empty", &small, "ciphertext", json!(""), "sealed");
    wrong("prefix only", &small, "ciphertext", json!(encode(&short[..56])), "sealed");
    wrong("shorter than a tag", &small, "ciphertext", json!(encode(&short[..71])), "sealed");
    wrong("last chunk cut off", &large, "ciphertext", json!(encode(&long[..56 + 2 * (16_384 + 16)])), "sealed");
    wrong("a byte after it", &small, "ciphertext", json!(encode([&short[..], &[0]].concat())), "sealed");
    let chunks = [&long[..56], &long[56 + 16_400..56 + 2 * 16_400], &long[56..56 + 16_400], &long[56 + 2 * 16_400..]].concat();
    wrong("two chunks exchanged", &large, "ciphertext", json!(encode(chunks)), "sealed");
    cases.finish()
}

pub fn circle(world: &World) -> Value {
    let mut cases = Cases::new("circle", "circle.md#epoch-secret-and-wrap");
    let (alliance, steward) = (world.alliance.id(), world.log.member);
    cases.ok("id of a workspace", "id", json!({ "alliance": alliance.to_string(), "steward": steward.to_string(), "nonce": encode([8; 32]) }));
    let circle = circles::circle_id(&alliance, &steward, &[8; 32]);
    let secret = Zeroizing::new(bytes32("epoch"));
    cases.ok("commitment", "commitment", json!({ "circle": circle.to_string(), "epoch": 3, "secret": encode(secret.as_slice()) }));
    let wrap = circles::wrap(&secret, &circle, 3, &[5; 32], &Zeroizing::new([6; 32])).unwrap();
    let case = json!({ "secret": encode(secret.as_slice()), "circle": circle.to_string(), "epoch": 3, "audience": encode([5; 32]), "wrap": encode(wrap) });
    cases.ok("unwrap", "unwrap", case.clone());
    for (member, value) in [("secret", json!(encode([0; 32]))), ("circle", json!(CircleId([0; 32]).to_string())), ("epoch", json!(4)),
        ("audience", json!(encode([0; 32]))), ("wrap", json!(encode(flip(&wrap, 0)))), ("wrap", json!(encode(flip(&wrap, 47)))), ("wrap", json!(encode(&wrap[..47])))] {
        let mut wrong = case.clone();
        wrong[member] = value;
        cases.fault(&format!("unwrap with another {member}"), "unwrap", wrong, "wrap");
    }
    cases.finish()
}
