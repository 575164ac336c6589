//! Everything that a key of this system signs, offered everywhere where a signature is asked for: it is taken in its own place and alliance, and nowhere else.
//!
//! Each kind is signed with the very key that the place asks for, so that the refusal rests on what is signed and not on who has which key. A statement is
//! offered with the fields and references that the place wants, so that its type and alliance alone are wrong. Each is offered once from this alliance and once
//! from another one of the same members with the same keys.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]
// The tests are not pure: they read the sources.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod effects;
mod kinds;
mod notes;
mod statements;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use kinds::Kind;
use world::{Place, Side};

fn places() -> Vec<Place> {
    [statements::places(), notes::places(), effects::places()].concat()
}

#[test]
fn what_is_signed_for_one_place_is_refused_in_every_other() {
    let (here, there) = (Side::new([1; 32]), Side::new([2; 32]));
    let (mut cells, mut taken, mut reasons) = (0, BTreeSet::new(), BTreeMap::<String, usize>::new());
    for place in places() {
        for kind in Kind::all() {
            for side in [&here, &there] {
                let own = side.alliance.id() == here.alliance.id();
                let verdict = (place.offer)(&here, &kind, side);
                let cell = format!("{} of {} alliance as {}", kind.name(), if own { "this" } else { "another" }, place.name);
                cells += 1;
                match (verdict, own && (place.own)(&kind)) {
                    (Ok(()), true) => {
                        taken.insert(kind.name());
                    }
                    (Err(why), false) => {
                        let expected = if !kind.fits(&place) {
                            place.foreign
                        } else if own {
                            place.other
                        } else {
                            place.elsewhere
                        };
                        assert_eq!(why, expected, "{cell}");
                        *reasons.entry(why).or_default() += 1;
                    }
                    (verdict, true) => panic!("{cell} was refused: {verdict:?}"),
                    (verdict, false) => panic!("{cell} was not refused: {verdict:?}"),
                }
            }
        }
    }
    println!("{cells} cells: {} kinds of two alliances in {} places, refused {reasons:?}", Kind::all().len(), places().len());
    let unused: Vec<String> = Kind::all().iter().map(Kind::name).filter(|name| !taken.contains(name)).collect();
    assert_eq!(unused, ["noise"], "every kind has a place where it is taken; that of noise is the transport");
}

/// A kind that is new in the sources has to be in the list.
#[test]
fn the_list_of_kinds_is_complete() {
    let sources = kinds::sources();
    let types: BTreeSet<&str> = sources.values().flat_map(|text| kinds::quoted(text, "\"suyuan.")).collect();
    let listed: BTreeSet<&str> = kinds::TYPES.iter().copied().filter(|kind| kind.starts_with("suyuan.")).collect();
    assert_eq!(types, listed, "types of statements");
    let frames: BTreeSet<&str> =
        sources.values().flat_map(|text| kinds::quoted(text, "\"application/suyuan-")).filter(|typ| typ.ends_with("+cbor")).collect();
    let known = ["charter", "join", "keys", "recovery", "statement"].map(|name| format!("application/suyuan-{name}+cbor"));
    assert_eq!(frames, known.iter().map(String::as_str).collect(), "COSE types");
    // Where a key signs at all: frames, statements and notes, and nothing beside them.
    let signing: Vec<&str> = sources.iter().filter(|(_, text)| kinds::signs(text)).map(|(path, _)| path.as_str()).collect();
    let known = [
        "sdk/core/src/charter.rs",
        "sdk/core/src/key.rs",
        "sdk/core/src/membership.rs",
        "sdk/core/src/note.rs",
        "sdk/core/src/recovery.rs",
        "sdk/core/src/statement.rs",
    ];
    let elsewhere = [
        "node/daemon/src/command/charter.rs",
        "node/engine/src/author.rs",
        "node/engine/src/witnessing/desk.rs",
        "node/engine/src/writer.rs",
        "node/engine/src/writer/witness.rs",
    ];
    assert_eq!(signing, [&elsewhere[..], &known].concat(), "sources in which a key signs");
}
