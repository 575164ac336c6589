//! Inputs as large as somebody may send: they are answered before they cost.

use suyuan_core::bundle::Bundle;
use suyuan_core::cbor::{Writer, check};
use suyuan_core::charter::CharterFile;
use suyuan_core::circle::Slip;
use suyuan_core::note::UnverifiedCheckpoint;
use suyuan_core::proof::LogProof;
use suyuan_core::section::{AudienceHeader, Body, SectionHeader, audience_commitment, section_commitment};
use suyuan_core::statement::UnverifiedStatement;
use suyuan_core::tile::TilePath;
use suyuan_core::{Fault, limits};

use crate::mutate::timed;

const LARGE: usize = 16 * 1024 * 1024;

/// Heads that promise what does not follow, nesting without end, and shapes with as many elements as fit.
fn large() -> Vec<(&'static str, Vec<u8>)> {
    let row = [b"\x9a\x00\x01\x00\x00".as_slice(), &[0xf6; 65_536]].concat();
    let wide = [b"\x99\x00\xff".as_slice(), &row.repeat(255)].concat();
    vec![
        ("zeros", vec![0; LARGE]),
        ("nesting", vec![0x81; LARGE]),
        ("nesting in rows", [b"\x9a\x00\x01\x00\x00".as_slice(), &[0x90; LARGE]].concat()),
        ("a length of 2^64 - 1", [b"\x5b".as_slice(), &[0xff; LARGE]].concat()),
        ("an array of 2^64 - 1", [b"\x9b".as_slice(), &[0xff; LARGE]].concat()),
        ("a string that holds the rest", [b"\x5a\x01\x00\x00\x00".as_slice(), &[0; LARGE]].concat()),
        ("one byte less than its string", [b"\x5a\x01\x00\x00\x01".as_slice(), &[0; LARGE]].concat()),
        ("255 rows of 65,536", wide),
    ]
}

#[test]
fn large_bytes_are_answered() {
    for (what, bytes) in large() {
        let _ = timed(what, || check(&bytes));
        timed(what, || assert_eq!(UnverifiedStatement::decode(&bytes), Err(Fault::Form)));
        timed(what, || assert!(CharterFile::decode(&bytes).is_err()));
        timed(what, || assert!(Bundle::verify(&bytes, None).is_err()));
        timed(what, || assert!(SectionHeader::open(&bytes, &section_commitment(&bytes)).is_err()));
        timed(what, || assert!(AudienceHeader::open(&bytes, &audience_commitment(&bytes)).is_err()));
        timed(what, || assert_eq!(Body::decode(&bytes), Err(Fault::Form)));
        timed(what, || assert!(Slip::decode(&bytes).is_err()));
    }
}

#[test]
fn large_texts_are_answered() {
    let lines = "— name AAAAAAAA\n".repeat(LARGE / 18);
    let hashes = format!("{}\n", "A".repeat(43) + "=").repeat(LARGE / 45);
    for text in [
        "\n".repeat(LARGE),
        "0".repeat(LARGE),
        format!("x\n1\n{}=\n\n{lines}", "A".repeat(43)),
        format!("c2sp.org/tlog-proof@v1\nindex 0\n{hashes}\nx"),
        format!("c2sp.org/tlog-proof@v1\nindex {}\n\nx", "1".repeat(LARGE)),
        format!("0/{}", "x000/".repeat(LARGE / 5)),
        format!("0/000.p/{}", "1".repeat(LARGE)),
    ] {
        timed("checkpoint", || assert_eq!(UnverifiedCheckpoint::parse(&text), Err(Fault::Note)));
        timed("proof", || assert_eq!(LogProof::parse(&text), Err(Fault::Proof)));
        timed("tile path", || assert_eq!(TilePath::parse(&text), None));
    }
}

/// 64 signature lines and a note of 64 KiB are read, one more is not.
#[test]
fn notes_end_where_the_specification_says() {
    let body = format!("x\n1\n{}=\n", "A".repeat(43));
    let lines = |count: usize| format!("{body}\n{}", "— name AAAAAAAA\n".repeat(count));
    assert!(UnverifiedCheckpoint::parse(&lines(limits::NOTE_SIGNATURES)).is_ok());
    assert_eq!(UnverifiedCheckpoint::parse(&lines(limits::NOTE_SIGNATURES + 1)), Err(Fault::Note));
    assert_eq!(UnverifiedCheckpoint::parse(&lines(0)), Err(Fault::Note));

    let sized = |len: usize| {
        let rest = len - body.len() - "\n— x AAAAAAAA\n".len();
        format!("{body}\n— {}x AAAAAAAA\n", "n".repeat(rest))
    };
    assert_eq!(sized(limits::NOTE).len(), limits::NOTE);
    assert!(UnverifiedCheckpoint::parse(&sized(limits::NOTE)).is_ok());
    assert_eq!(UnverifiedCheckpoint::parse(&sized(limits::NOTE + 1)), Err(Fault::Note));
}

/// A bundle that is nothing but small parts: reading it takes memory in proportion to what a valid one may have.
#[test]
fn many_small_parts_are_not_kept() {
    let mut writer = Writer::default();
    writer.array(4).text("suyuan-bundle").uint(1).bytes(&[]).array(32);
    for _ in 0..32 {
        writer.array(4).bytes(&[]).bytes(&[0; 64]).text("").array(65_536);
        for _ in 0..65_536 {
            writer.array(4).uint(0).bytes(&[]).array(0).array(2).uint(0).bytes(&[]);
        }
    }
    let bytes = writer.finish();
    let bundle = timed("small parts", || Bundle::decode(&bytes)).unwrap();
    assert!(bundle.records.iter().all(|record| record.disclosures.len() == limits::SECTIONS + 1));
}
