//! Vectors of the encoding, keys, charters and statements.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::cbor::Writer;
use suyuan_core::charter::{CharterFile, Role};
use suyuan_core::statement as statements;

use super::{Cases, flip, swap};
use crate::fixture::{self, World, bytes32, secret};

pub fn cbor() -> Value {
    let mut cases = Cases::new("cbor", "cbor.md#profile");
    for (name, hex) in [
        ("zero", "00"),
        ("largest integer", "1b001fffffffffffff"),
        ("empty bytes", "40"),
        ("text", "63e6baaf"),
        ("array of four", "840142beef63e6baaff6"),
        ("sixteen arrays deep", "81818181818181818181818181818180"),
        ("null", "f6"),
        ("256 in two bytes", "190100"),
    ] {
        cases.ok(name, "check", json!({ "bytes": hex }));
    }
    for (name, hex) in [
        ("empty input", ""),
        ("negative integer", "20"),
        ("map", "a0"),
        ("tag", "c000"),
        ("true", "f5"),
        ("undefined", "f7"),
        ("float", "f93c00"),
        ("simple value in two bytes", "f8f6"),
        ("integer above 2^53 - 1", "1b0020000000000000"),
        ("23 in two bytes", "1817"),
        ("255 in three bytes", "1900ff"),
        ("65535 in five bytes", "1a0000ffff"),
        ("length not shortest", "5800"),
        ("indefinite bytes", "5f40ff"),
        ("indefinite array", "9f00ff"),
        ("break alone", "ff"),
        ("trailing byte", "0000"),
        ("truncated head", "19"),
        ("truncated bytes", "42be"),
        ("array one short", "8201"),
        ("huge declared length", "5b7fffffffffffffff00"),
        ("huge declared array", "9b7fffffffffffffff"),
        ("array above 65536", "9a00010001"),
        ("seventeen arrays deep", "8181818181818181818181818181818180"),
        ("text not UTF-8", "61ff"),
        ("text with a surrogate", "63eda080"),
        ("reserved additional information", "1c"),
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
    let verify =
        |key: &[u8], message: &[u8], signature: &[u8]| json!({ "key": encode(key), "message": encode(message), "signature": encode(signature) });
    cases.ok("id of a key", "id", json!({ "key": encode(public) }));
    cases.ok("a signature", "verify", verify(&public, &message, &signature));
    cases.ok("of an empty message", "verify", verify(&public, b"", &signer.sign(b"")));
    cases.fault("another message", "verify", verify(&public, b"Suyuan", &signature), "signature");
    cases.fault("another key", "verify", verify(&secret(1, "log").public().to_bytes(), &message, &signature), "signature");
    cases.fault("R changed", "verify", verify(&public, &message, &flip(&signature, 0)), "signature");
    cases.fault("S changed", "verify", verify(&public, &message, &flip(&signature, 32)), "signature");
    cases.fault("id of 31 bytes", "id", json!({ "key": encode(&public[..31]) }), "key");
    cases.fault("id of 33 bytes", "id", json!({ "key": encode([&public[..], &[0]].concat()) }), "key");
    cases.fault("a key of 31 bytes", "verify", verify(&public[..31], &message, &signature), "key");
    cases.fault("a key of 31 bytes, a signature of 63", "verify", verify(&public[..31], &message, &signature[..63]), "key");
    cases.fault("63 bytes", "verify", verify(&public, &message, &signature[..63]), "signature");
    cases.fault("65 bytes", "verify", verify(&public, &message, &[&signature[..], &[0]].concat()), "signature");
    cases.fault("S + L", "verify", verify(&public, &message, &plus_order(&signature)), "signature");
    for (number, point) in SMALL_ORDER.iter().enumerate() {
        let point = hex::decode(point).unwrap();
        cases.fault(&format!("small-order key {number}"), "verify", verify(&point, &message, &signature), "key");
        let small = [&point[..], &signature[32..]].concat();
        cases.fault(&format!("small-order R {number}"), "verify", verify(&public, &message, &small), "signature");
    }
    let off_curve = (2u8..)
        .map(|first| {
            let mut key = [0; 32];
            key[0] = first;
            key
        })
        .find(|key| CompressedEdwardsY(*key).decompress().is_none())
        .unwrap();
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

/// The X25519 keys of small order: 0, 1, the two of order 8, p - 1, and p and p + 1, which are 0 and 1 again.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

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
    for bad in ['\u{7f}', '\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}'] {
        cases.fault(&format!("U+{:04X} in a member's name", bad as u32), "verify", signed(&|c| c.members[1].name = format!("Z{bad}")), "form");
    }
    cases.fault("a mark of direction in the alliance's name", "verify", signed(&|c| c.name = "a\u{200f}".into()), "form");
    cases.fault("a separator of lines in the terms", "verify", signed(&|c| c.terms = "a\u{2028}b".into()), "form");
    cases.fault("a tab in the terms", "verify", signed(&|c| c.terms = "a\tb".into()), "form");
    cases.fault("a mark of direction in an address", "verify", signed(&|c| c.members[1].addresses = vec!["\u{200e}".into()]), "form");
    cases.fault("an empty address", "verify", signed(&|c| c.members[1].addresses = vec![String::new()]), "form");
    cases.fault("a name of 129 bytes", "verify", signed(&|c| c.members[1].name = "溯".repeat(43)), "form");
    cases.ok(
        "characters that are next to those refused",
        "verify",
        signed(&|c| c.name = "\u{a0}\u{200b}\u{200d}\u{202f}\u{2065}\u{206a}\u{feff}".into()),
    );
    cases.ok("addresses that are no addresses, one twice", "verify", signed(&|c| c.members[1].addresses = vec!["anywhere".into(); 2]));
    cases.ok("a scope that names a type twice", "verify", signed(&|c| c.members[2].scope = vec!["inspection".into(); 2]));
    cases.fault("scope of somebody else than a regulator", "verify", signed(&|c| c.members[1].scope = vec!["inspection".into()]), "form");
    cases.fault("scope that is no type", "verify", signed(&|c| c.members[2].scope = vec!["Inspection".into()]), "form");
    cases.fault(
        "no members",
        "verify",
        signed(&|c| {
            c.members.clear();
            c.deputies.clear();
        }),
        "form",
    );
    cases.fault("one key for two purposes", "verify", signed(&|c| c.members[1].keys.log = c.members[1].keys.root), "key");
    cases.fault("one key for two members", "verify", signed(&|c| c.members[1].keys.encryption = c.members[0].keys.encryption), "key");
    cases.fault("one key for encryption and transport", "verify", signed(&|c| c.members[1].keys.encryption = c.members[1].keys.transport), "key");
    for (number, point) in LOW_ORDER.iter().enumerate() {
        for (name, bit) in [("", 0), (", top bit set", 0x80)] {
            let mut key: [u8; 32] = hex::decode(point).unwrap().try_into().unwrap();
            key[31] |= bit;
            cases.fault(&format!("low-order encryption key {number}{name}"), "verify", signed(&|c| c.members[1].keys.encryption = key), "key");
        }
    }
    cases.ok(
        "an encryption key that differs from another in the top bit alone",
        "verify",
        signed(&|c| {
            c.members[1].keys.encryption = c.members[0].keys.encryption;
            c.members[1].keys.encryption[31] ^= 0x80;
        }),
    );
    cases.fault(
        "a root key of small order",
        "verify",
        signed(&|c| {
            c.members[0].keys.root = [0; 32];
            c.members[0].keys.root[0] = 1;
        }),
        "key",
    );
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
    cases.fault("signature of another statement", "verify", verify(&third.bytes, &first.signature, &key), "signature");
    cases.fault(
        "a byte of the blind changed",
        "verify",
        verify(&swap(&third.bytes, &bytes32("blind 2"), &bytes32("blind 3")), &third.signature, &key),
        "signature",
    );
    cases.fault("another member's key", "verify", verify(&third.bytes, &third.signature, &encode(secret(1, "log").public().to_bytes())), "key-id");
    cases.fault("a weak key", "verify", verify(&third.bytes, &third.signature, &encode([0; 32])), "key");
    cases.fault("a weak key and a signature of 63 bytes", "verify", verify(&third.bytes, &third.signature[..63], &encode([0; 32])), "key");
    cases.fault(
        "another member's key and a signature of 63 bytes",
        "verify",
        verify(&third.bytes, &third.signature[..63], &encode(secret(1, "log").public().to_bytes())),
        "key-id",
    );
    cases.fault("a signature of 63 bytes", "verify", verify(&third.bytes, &third.signature[..63], &key), "signature");
    cases.fault("a signature of 65 bytes", "verify", verify(&third.bytes, &[&third.signature[..], &[0]].concat(), &key), "signature");
    cases.fault("no signature", "verify", verify(&third.bytes, &[], &key), "signature");
    cases.fault(
        "type in capitals, a weak key",
        "verify",
        verify(&swap(&third.bytes, b"inspection", b"Inspection"), &third.signature, &encode([0; 32])),
        "form",
    );

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
    cases.fault("16 KiB", "decode", decode(&[0; 16 * 1024]), "frame");
    cases.fault("above 16 KiB", "decode", decode(&[0; 16 * 1024 + 1]), "form");
    let frame = statements::sig_structure("application/suyuan-statement+cbor", id, &[0; 1024]).len() - 1024;
    cases.fault("16 KiB with its frame", "decode", framed(&vec![0xff; 16 * 1024 - frame]), "cbor");
    cases.fault("above 16 KiB with its frame", "decode", framed(&vec![0xff; 16 * 1024 + 1 - frame]), "form");
    let statement = |sections: usize, fields: u64, audiences: usize, references: usize| {
        let mut writer = Writer::structure(11);
        writer.bytes(&[1; 32]).bytes(&[2; 32]).uint(0).uint(0).bytes(&[3; 32]).uint(0).text("note").array(references);
        (0..references).for_each(|_| {
            writer.bytes(&[4; 32]);
        });
        writer.bytes(&[5; 32]).array(sections);
        for _ in 0..sections {
            writer.array(3).uint(fields).bytes(&[6; 32]).array(audiences);
            (0..audiences).for_each(|_| {
                writer.bytes(&[7; 32]);
            });
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
    cose(&mut cases, bytes, &third.signature, &framed(&[0x82, 0x02, 0x00]));
    cases.finish()
}

/// As COSE_Sign1: the statement is decoded as ever, then the signature is counted and not verified.
fn cose(cases: &mut Cases, bytes: &[u8], signature: &[u8], later: &Value) {
    let cose = |bytes: &[u8], signature: &[u8]| json!({ "statement": encode(bytes), "signature": encode(signature) });
    cases.ok("as COSE_Sign1", "cose", cose(bytes, signature));
    cases.ok("as COSE_Sign1 with another signature", "cose", cose(bytes, &[0; 64]));
    cases.fault("a signature of 63 bytes as COSE_Sign1", "cose", cose(bytes, &signature[..63]), "signature");
    cases.fault("a signature of 65 bytes as COSE_Sign1", "cose", cose(bytes, &[signature, &[0]].concat()), "signature");
    cases.fault("no Sig_structure as COSE_Sign1", "cose", cose(&bytes[1..], signature), "frame");
    let capitals = swap(bytes, b"inspection", b"Inspection");
    cases.fault("type in capitals as COSE_Sign1", "cose", cose(&capitals, signature), "form");
    cases.fault("type in capitals and no signature as COSE_Sign1", "cose", cose(&capitals, &[]), "form");
    let mut suite = later.clone();
    suite["signature"] = json!(encode(signature));
    cases.fault("suite 2 as COSE_Sign1", "cose", suite, "suite");
}
