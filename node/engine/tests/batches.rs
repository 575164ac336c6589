//! Of what its sender may have exchanged in a batch all of it holds, or nothing of it is taken (`specs/sync.md`, When a batch counts as verified).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use support::{Member, alliance, key};
use suyuan_core::Fault;
use suyuan_core::log::{LogId, witness_name};
use suyuan_core::note::{TreeHead, sign_checkpoint};
use suyuan_engine::replica::BatchError;
use suyuan_engine::serve;
use suyuan_engine::wire::{Batch, Request, Response};

/// More than go into one batch.
const ENTRIES: usize = 1030;

/// The author of a log of which the first batch does not reach the checkpoint, and a reader that knows what its records are sealed for.
fn author_and_reader() -> (Member, Member) {
    let alliance = alliance();
    let (reader, mut author) = (Member::new(0, &alliance), Member::new(1, &alliance));
    author.pull(&reader, reader.own_log());
    let record = r#"{"type":"note","sections":[{"for":"public","fields":{"a":1}},{"for":"alliance","fields":{"b":2}}]}"#;
    author.put(&format!(r#"{{"records":[{}]}}"#, [record; 4].join(",")));
    let short = r#"{"type":"note","sections":[{"for":"self","fields":{"c":3}}]}"#;
    author.put(&format!(r#"{{"records":[{}]}}"#, [short; 500].join(",")));
    author.put(&format!(r#"{{"records":[{}]}}"#, [short; ENTRIES - 504].join(",")));
    (author, reader)
}

fn given(author: &Member, reader: &Member) -> Batch {
    let log = author.own_log();
    let request = Request::Pull { log, from: reader.ledger.logs.head(&log).size() };
    let answer = serve::answer(&request, &reader.id(), &author.ledger, author.published.as_deref(), &author.view, &author.local).unwrap();
    let Response::Batch(Some(batch)) = answer else { panic!("no batch") };
    *batch
}

/// What the author signs over another tree, or under another name.
fn signed(log: &LogId, origin: &str, size: u64, root: u8) -> String {
    let name = witness_name(&log.alliance, &log.member);
    sign_checkpoint(origin, &TreeHead { size, root: [root; 32] }, &key(1, 2), (&name, &key(1, 3)), 1)
}

type Change = fn(&mut Batch);

#[test]
fn whatever_its_sender_has_exchanged_refuses_all_of_a_batch() {
    let (author, mut reader) = author_and_reader();
    let log = author.own_log();
    let whole = given(&author, &reader);
    assert!(whole.entries.len() < ENTRIES && !whole.consistency.is_empty() && whole.items.len() == 4);
    let cases: [(&str, Change, Fault); 20] = [
        ("no entries", |batch| batch.entries.clear(), Fault::Form),
        ("another entry", |batch| batch.entries[7].0[0] ^= 1, Fault::Consistency),
        ("two entries in another order", |batch| batch.entries.swap(8, 9), Fault::Consistency),
        ("entries less", |batch| batch.entries.truncate(1000), Fault::Consistency),
        ("an entry twice", |batch| batch.entries.push(batch.entries[3]), Fault::Consistency),
        ("another hash on the path", |batch| batch.consistency[0][31] ^= 1, Fault::Consistency),
        ("a hash less", |batch| batch.consistency.truncate(batch.consistency.len() - 1), Fault::Consistency),
        ("a hash more", |batch| batch.consistency.push([0; 32]), Fault::Consistency),
        ("a checkpoint over another tree", |batch| batch.checkpoint = signed(&batch.log, &batch.log.origin(), 1030, 9), Fault::Consistency),
        ("a checkpoint over less", |batch| batch.checkpoint = signed(&batch.log, &batch.log.origin(), 3, 9), Fault::CheckpointSize),
        ("a checkpoint of another log", |batch| batch.checkpoint = signed(&batch.log, "example.com/log", 1030, 9), Fault::Origin),
        (
            "a checkpoint that says something else",
            |batch| batch.checkpoint = batch.checkpoint.replacen("\n1030\n", "\n1031\n", 1),
            Fault::CheckpointSignature,
        ),
        ("no note", |batch| batch.checkpoint = "no note".into(), Fault::Note),
        ("an item at another place", |batch| batch.items[0].sequence += 1, Fault::Inclusion),
        ("items in another order", |batch| batch.items.swap(1, 2), Fault::Index),
        ("an item beyond the entries", |batch| batch.items[3].sequence = 1024, Fault::Index),
        ("another statement", |batch| batch.items[2].statement[20] ^= 1, Fault::Inclusion),
        ("another header", |batch| batch.items[2].sections[0].header[3] ^= 1, Fault::Header),
        ("another audience", |batch| batch.items[2].sections[1].audiences[0].1[3] ^= 1, Fault::Audience),
        ("another ciphertext", |batch| batch.items[2].sections[1].content[3] ^= 1, Fault::Digest),
    ];
    for (what, change, fault) in cases {
        let mut batch = whole.clone();
        change(&mut batch);
        assert_ne!(batch, whole, "{what}");
        let refused = reader.take_in(batch).unwrap_err();
        assert!(matches!(refused, BatchError::Sender { fault: found, .. } if found == fault), "{what}: {refused:?}");
        assert_eq!(reader.ledger.logs.head(&log).size(), 0, "{what}: nothing of it is taken");
    }
    reader.take_in(whole).unwrap();
    reader.pull(&author, log);
    assert_eq!(reader.ledger.logs.head(&log).size() as usize, ENTRIES);
}
