//! The field tree (`specs/section.md`): what is withheld cannot be guessed, and what is shown proves itself and nothing else.

use std::collections::BTreeSet;

use hkdf::hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use suyuan_core::cbor::Writer;
use suyuan_core::id::Hash;
use suyuan_core::section::{Body, DisclosedField, Field};
use suyuan_core::{Fault, tree};

use crate::fixture::{bytes32, field};

fn leaf(salt: &[u8], name: &str, value: &str) -> Hash {
    let mut writer = Writer::default();
    writer.array(3).bytes(salt).text(name).text(value);
    tree::leaf_hash(&writer.finish())
}

fn many(count: usize) -> Vec<Field> {
    (0..count).map(|number| field(&format!("field {number}"), "\"same\"")).collect()
}

#[test]
fn equal_fields_leave_no_trace() {
    let fields = vec![field("result", "\"pass\""), field("copy", "\"pass\"")];
    let bodies: Vec<Body> = (0..50).map(|seed| Body::new(bytes32(&seed.to_string()), fields.clone()).unwrap()).collect();
    let leaves: BTreeSet<Hash> = bodies.iter().flat_map(Body::leaves).collect();
    let roots: BTreeSet<Hash> = bodies.iter().map(Body::root).collect();
    assert_eq!((leaves.len(), roots.len()), (100, 50));
    let salts: BTreeSet<_> = bodies.iter().flat_map(|body| ["result", "copy"].map(|name| body.disclose(name).unwrap().salt)).collect();
    assert_eq!(salts.len(), 100);
    // The order of the leaves tells nothing about that of the names: over fifty seeds both come first.
    let first = bodies.iter().filter(|body| body.disclose("result").unwrap().index == 0).count();
    assert!((10..40).contains(&first), "{first} of 50");
}

/// Whoever sees one field sees its neighbour's leaf hash in the path, and may know the neighbour's name and every value it could have.
#[test]
fn a_dictionary_finds_nothing_without_the_salt() {
    const CANDIDATES: usize = 100_000;
    let secret = "\"lead 47321 ug/kg\"";
    let body = Body::new(bytes32("seed"), vec![field("residue", secret), field("result", "\"pass\"")]).unwrap();
    let shown = body.disclose("result").unwrap();
    let hidden = shown.path[0];
    assert_eq!(shown.path.len(), 1);
    let candidates: Vec<String> = (0..CANDIDATES).map(|number| format!("\"lead {number} ug/kg\"")).collect();
    assert!(candidates.iter().any(|value| value == secret));

    // The salts that an outsider could think of: none, zeros, the neighbour's, and one derived from the neighbour's as if it were the seed.
    let derived = hmac(&shown.salt, b"suyuan/1 field-salt\nresidue");
    let public: [&[u8]; 6] = [&[], &[0; 32], &shown.salt, &derived, &body.root(), &hidden];
    let found = |salt: &[u8]| candidates.iter().filter(|value| leaf(salt, "residue", value) == hidden).count();
    assert_eq!(public.map(found), [0; 6]);
    let plain = |value: &&String| tree::leaf_hash(value.as_bytes()) == hidden || tree::leaf_hash(value.trim_matches('"').as_bytes()) == hidden;
    assert_eq!(candidates.iter().filter(plain).count(), 0);
    // With the salt the dictionary finds it at once: the attack is the right one, and the salt is what stops it.
    assert_eq!(found(&body.disclose("residue").unwrap().salt), 1);
}

fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[test]
fn salts_and_leaves_are_as_specified() {
    let seed = bytes32("seed");
    let body = Body::new(seed, vec![field("result", "\"pass\""), field("名称", "1")]).unwrap();
    for (name, value) in [("result", "\"pass\""), ("名称", "1")] {
        let salt = hmac(&seed, &[b"suyuan/1 field-salt\n", name.as_bytes()].concat());
        let shown = body.disclose(name).unwrap();
        assert_eq!(shown.salt, salt);
        assert_eq!(body.leaves()[usize::try_from(shown.index).unwrap()], leaf(&salt, name, value));
    }
    assert!(body.disclose("absent").is_none());
}

/// Sides of the siblings on the way up: a path proves these, and index and count only as far as they follow.
fn sides(index: u64, count: u64) -> Vec<bool> {
    if count == 1 {
        return Vec::new();
    }
    let left = count.next_power_of_two() / 2;
    let mut way = if index < left { sides(index, left) } else { sides(index - left, count - left) };
    way.push(index < left);
    way
}

/// Each field of sections of 1 to 40 fields is proven by its path; under the signed count every other index is refused. Another count is refused wherever
/// it makes a difference to the way up; where it makes none, only the signature on the statement tells (it holds the count).
#[test]
fn each_field_proves_itself_alone() {
    for count in 1..=40u64 {
        let fields = many(usize::try_from(count).unwrap());
        let body = Body::new(bytes32(&count.to_string()), fields.clone()).unwrap();
        let root = body.root();
        let mut indexes = BTreeSet::new();
        for name in fields.iter().map(|field| &field.name) {
            let shown = body.disclose(name).unwrap();
            assert!(indexes.insert(shown.index) && shown.index < count);
            assert_eq!(shown.check(count, &root), Ok(()));
            for index in (0..=count + 1).chain([u64::MAX]).filter(|index| *index != shown.index) {
                let moved = DisclosedField { index, ..shown.clone() };
                assert_eq!(moved.check(count, &root), Err(Fault::FieldPath), "{name} of {count} at {index}");
            }
            for other in (0..=70).chain([256, u64::MAX]).filter(|other| *other != count) {
                let same = other > shown.index && other <= 70 && sides(shown.index, other) == sides(shown.index, count);
                assert_eq!(shown.check(other, &root).is_ok(), same, "{name} of {count} as one of {other}");
            }
        }
    }
}

#[test]
fn a_field_does_not_stand_in_for_another() {
    let body = Body::new(bytes32("one"), many(7)).unwrap();
    let other = Body::new(bytes32("two"), many(7)).unwrap();
    let (root, refused) = (body.root(), Err(Fault::FieldPath));
    let shown = body.disclose("field 3").unwrap();
    assert_eq!(shown.check(7, &root), Ok(()));
    assert_eq!(shown.check(7, &other.root()), refused, "in another section");
    assert_eq!(other.disclose("field 3").unwrap().check(7, &root), refused, "from another section");
    let changed = |change: &dyn Fn(&mut DisclosedField)| {
        let mut shown = shown.clone();
        change(&mut shown);
        shown.check(7, &root)
    };
    assert_eq!(changed(&|shown| shown.field.value = "\"other\"".into()), refused);
    assert_eq!(changed(&|shown| shown.field.value.push(' ')), refused, "JSON that means the same is other text");
    assert_eq!(changed(&|shown| shown.field.name = "field 4".into()), refused);
    assert_eq!(changed(&|shown| shown.salt = body.disclose("field 4").unwrap().salt), refused);
    assert_eq!(changed(&|shown| shown.path.truncate(2)), refused);
    assert_eq!(changed(&|shown| shown.path.push([0; 32])), refused);
    assert_eq!(changed(&|shown| shown.path.reverse()), refused);
    // The border between name and value is in the leaf.
    assert_eq!(
        changed(&|shown| {
            shown.field.name = "field ".into();
            shown.field.value = format!("3{}", shown.field.value);
        }),
        refused
    );
}
