//! Vectors of sealing, among them plaintexts that the library would never seal.

use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, KeyInit};
use hex::encode;
use hkdf::hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha512;
use suyuan_core::cbor::Writer;
use suyuan_core::id::Hash;
use suyuan_core::sealing as seals;
use suyuan_core::section::Body;
use zeroize::Zeroizing;

use super::{Cases, flip};
use crate::fixture::{World, bytes32, field};

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
    for (member, value) in [
        ("key", json!(encode([0; 32]))),
        ("alliance", json!(encode([0; 32]))),
        ("author", json!(encode([0; 32]))),
        ("incarnation", json!(1)),
        ("sequence", json!(3)),
        ("section", json!(0)),
        ("root", json!(encode([0; 32]))),
    ] {
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
    let key = bytes32("key 2");
    wrong("a key of 31 bytes", &small, "key", json!(encode(&key[..31])), "sealed");
    wrong("a key with a zero after it, which is the same HMAC key", &small, "key", json!(encode([&key[..], &[0]].concat())), "sealed");
    plaintexts(&mut cases, &small, &world.sections[2][1].body);
    cases.finish()
}

/// Ciphertexts that open, and hold what no honest node seals.
fn plaintexts(cases: &mut Cases, place: &Value, body: &Body) {
    let bytes = |member: &str| hex::decode(place[member].as_str().unwrap()).unwrap();
    let numbers = [0u64.to_be_bytes(), 2u64.to_be_bytes()].concat();
    let sealed = |plaintext: &[u8], root: &Hash| {
        let context = [b"suyuan/1 section\n", &bytes("alliance")[..], &bytes("author"), &numbers, &[1], root].concat();
        let mut case = place.clone();
        case["root"] = json!(encode(root));
        case["ciphertext"] = json!(encode(encrypt(&bytes("key"), &[7; 24], &context, plaintext)));
        case
    };
    let (item, root) = (body.to_bytes(), body.root());
    let padded = |item: &[u8], len: usize| [item, &vec![0; len - item.len()]].concat();
    let honest = sealed(&padded(&item, 256), &root);
    assert_eq!(honest, *place, "the scheme as published gives the library's ciphertext");

    let mut marked = padded(&item, 256);
    marked[255] = 1;
    let mut early = padded(&item, 256);
    early[item.len()] = 0x80;
    for (name, plaintext, fault) in [
        ("the last byte of the padding is not zero", marked, "padding"),
        ("the first byte of the padding is not zero", early, "padding"),
        ("no padding", item.clone(), "padding"),
        ("padding one byte short", padded(&item, 255), "padding"),
        ("padding one byte long", padded(&item, 257), "padding"),
        ("padded to the next bucket", padded(&item, 272), "padding"),
        ("an empty plaintext", Vec::new(), "cbor"),
        ("a body that is cut off", item[..item.len() - 1].to_vec(), "cbor"),
        ("a length that is not the shortest", padded(&[&[0x82, 0x59, 0, 0x20], &item[3..]].concat(), 256), "cbor"),
        ("a map, not padded", vec![0xa0], "cbor"),
        ("nothing but zeros", vec![0; 256], "form"),
        ("zero alone", vec![0], "padding"),
        ("a body of one element", padded(&[&[0x81], &item[1..35]].concat(), 256), "form"),
    ] {
        cases.fault(name, "open", sealed(&plaintext, &root), fault);
    }
    cases.fault("fields of another root", "open", sealed(&padded(&item, 256), &[1; 32]), "field-root");
    let mut twice = Writer::default();
    twice.array(2).bytes(&[3; 32]).array(2).array(2).text("a").text("1").array(2).text("a").text("2");
    cases.fault("a field twice", "open", sealed(&padded(&twice.finish(), 256), &[1; 32]), "field-duplicate");
    let mut empty = Writer::default();
    empty.array(2).bytes(&[3; 32]).array(1).array(2).text("").text("1");
    cases.fault("a field without a name", "open", sealed(&padded(&empty.finish(), 256), &[1; 32]), "form");
}

/// C2SP `chunked-encryption` as its page has it: HKDF-Expand-SHA-512 keyed with the section key itself, then AES-256-GCM by chunks of 16 KiB.
fn encrypt(key: &[u8], salt: &[u8], context: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let info = [b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0", salt, context].concat();
    let expand = |previous: &[u8], number: u8| -> [u8; 64] {
        let mut mac = <Hmac<Sha512> as hkdf::hmac::KeyInit>::new_from_slice(key).unwrap();
        [previous, &info, &[number]].iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    };
    let first = expand(&[], 1);
    let derived = [first, expand(&first, 2)].concat();
    let cipher = Aes256Gcm::new_from_slice(&derived[..32]).unwrap();
    let mut sealed = [salt, &derived[44..76]].concat();
    for number in 0..=plaintext.len() / 16_384 {
        let chunk = &plaintext[number * 16_384..plaintext.len().min((number + 1) * 16_384)];
        let mut nonce: [u8; 12] = derived[32..44].try_into().unwrap();
        nonce[11] ^= number as u8;
        sealed.extend(cipher.encrypt(&nonce.into(), chunk).unwrap());
    }
    sealed
}
