//! Bounds that a vector would be too large for: sizes are judged before anything else.

use suyuan_core::Fault;
use suyuan_core::bundle::Bundle;
use suyuan_core::charter::CharterFile;
use suyuan_core::sealing::open;
use suyuan_core::section::{Body, DisclosedField};
use zeroize::Zeroizing;

use crate::fixture::field;

const MIB: usize = 1024 * 1024;

#[test]
fn sizes_are_judged_before_the_encoding() {
    let bytes = vec![0xff; 64 * MIB + 1];
    for (what, most, judge) in [
        ("body", MIB, (|bytes| Body::decode(bytes).err()) as fn(&[u8]) -> Option<Fault>),
        ("charter file", 4 * MIB + 256 * 1024, |bytes| CharterFile::decode(bytes).err()),
        ("bundle", 64 * MIB, |bytes| Bundle::decode(bytes).err()),
    ] {
        assert_eq!(judge(&bytes[..most]), Some(Fault::Cbor), "{what}");
        assert_eq!(judge(&bytes[..most + 1]), Some(Fault::Form), "{what}");
    }
}

#[test]
fn a_charter_above_four_mebibytes_is_refused_with_its_file() {
    let file = |len: usize| CharterFile { charter: vec![0xff; len], signatures: Vec::new() };
    assert_eq!(CharterFile::decode(&file(4 * MIB).to_bytes()), Ok(file(4 * MIB)));
    assert_eq!(CharterFile::decode(&file(4 * MIB + 1).to_bytes()), Err(Fault::Form));
}

#[test]
fn a_ciphertext_above_two_mebibytes_does_not_open() {
    assert_eq!(open(&vec![0; 2 * MIB + 1], &Zeroizing::new([0; 32]), &[]), Err(Fault::Sealed));
}

#[test]
fn a_value_has_at_most_262144_bytes() {
    let single = |len: usize| DisclosedField { salt: [1; 32], field: field("a", &"1".repeat(len)), index: 0, path: Vec::new() };
    assert_eq!(single(262_144).check(1, &[0; 32]), Err(Fault::FieldPath));
    assert_eq!(single(262_145).check(1, &[0; 32]), Err(Fault::Form));
    assert_eq!(Body::new([1; 32], vec![single(262_145).field]), Err(Fault::Form));
}
