//! Rows that were changed or lost under a node.

use suyuan_core::cbor::{Reader as Cbor, Writer};
use suyuan_core::key::Signature;
use suyuan_core::statement;
use suyuan_engine::audit::{Blame, Kind, Report};
use suyuan_engine::schema::{Row, Table, log_key, tile_key};
use suyuan_engine::view::{Changes, MemoryView, View};
use suyuan_engine::void::VoidEntry;

use super::support::{Member, key};
use super::{NOW, audit, kinds, one, reloaded, world, wrong};

fn changed(member: &Member, table: Table, key: &[u8], change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> MemoryView {
    let mut view = member.view.clone();
    let value = view.row(table, key).unwrap().unwrap_or_else(|| panic!("{table:?} {}", hex::encode(key)));
    view.apply(&Changes { rows: vec![(table, key.to_vec(), change(value))] });
    view
}

fn flipped(at: usize) -> impl FnOnce(Vec<u8>) -> Option<Vec<u8>> {
    move |mut value| {
        value[at] ^= 4;
        Some(value)
    }
}

fn numbers(g: &Member, z: &Member) -> (u32, u32) {
    (g.ledger.logs.head(&g.own_log()).number, g.ledger.logs.head(&z.own_log()).number)
}

#[test]
fn an_entry_that_was_changed_is_found_where_it_stands_and_the_rest_goes_on() {
    let (g, z) = world();
    let (_, number) = numbers(&g, &z);
    let row = Row { log: number, sequence: 1 };
    let report = reloaded(&g, &changed(&g, Table::Entry, &row.key(), flipped(9)));
    let log = Some(z.own_log());
    // The next statement was signed over another chain; so was the head.
    let expected = [(Kind::EntryDamaged, log, Some(1)), (Kind::Chain, log, Some(2)), (Kind::Head, log, None), (Kind::Checkpoint, log, None)];
    assert_eq!(wrong(&report), expected);
    assert!(one(&report, Kind::Checkpoint).detail.contains("other entries"));
    let other = report.logs.iter().find(|report| report.log == z.own_log()).unwrap();
    assert_eq!((other.entries, other.statements), (5, 4), "the rest was looked at");
}

#[test]
fn entries_that_are_lost_end_the_audit_of_their_log_alone() {
    let (g, z) = world();
    let (own, other) = numbers(&g, &z);
    let report = reloaded(&g, &changed(&g, Table::Entry, &Row { log: own, sequence: 100 }.key(), |_| None));
    let missing = one(&report, Kind::EntriesMissing);
    assert_eq!((missing.log, missing.from, missing.blame), (Some(g.own_log()), Some(0), Blame::Node));
    assert!(!kinds(&report).contains(&Kind::Head), "nobody can tell");
    let view = changed(&g, Table::Entry, &Row { log: other, sequence: 0 }.key(), |_| None);
    let report = audit(&g, &g.ledger, &view, NOW);
    assert_eq!(wrong(&report)[0], (Kind::EntriesMissing, Some(z.own_log()), Some(0)), "of the last entries a running node tells");
    assert_eq!(report.logs.iter().find(|report| report.log == g.own_log()).unwrap().entries, 261);
}

#[test]
fn what_is_held_of_a_statement_is_held_against_its_entry_and_its_commitments() {
    let (g, z) = world();
    let (own, other) = numbers(&g, &z);
    for (number, log) in [(own, g.own_log()), (other, z.own_log())] {
        let row = Row { log: number, sequence: 3 };
        let found = |table: Table, key: &[u8], at: usize| {
            let report = reloaded(&g, &changed(&g, table, key, flipped(at)));
            let found = wrong(&report);
            assert_eq!((found.len(), found[0].1, found[0].2), (1, Some(log), Some(3)), "{table:?} {found:?}");
            (found[0].0, one(&report, found[0].0).blame)
        };
        assert_eq!(found(Table::Statement, &row.key(), 64 + 40), (Kind::EntryDamaged, Blame::Node));
        let blame = if number == own { Blame::Node } else { Blame::Author };
        assert_eq!(found(Table::Statement, &row.key(), 5), (Kind::Signature, blame), "of its own log a node keeps no bad signature");
        assert_eq!(found(Table::Header, &row.section(0), 20), (Kind::EntryDamaged, Blame::Node));
        assert_eq!(found(Table::Content, &row.section(0), 40), (Kind::Content, Blame::Node), "public");
        assert_eq!(found(Table::Content, &row.section(1), 40), (Kind::Content, Blame::Node), "sealed");
    }
    let report = reloaded(&g, &changed(&g, Table::Statement, &Row { log: own, sequence: 3 }.key(), |_| None));
    assert_eq!(wrong(&report), [(Kind::OwnMissing, Some(g.own_log()), Some(3))]);
    let report = reloaded(&g, &changed(&g, Table::Statement, &Row { log: other, sequence: 3 }.key(), |_| None));
    assert_eq!(wrong(&report), [], "of another's log an entry may be masked");
    assert_eq!(report.logs.iter().find(|report| report.log == z.own_log()).unwrap().masked, 1);
}

#[test]
fn tiles_and_checkpoints_are_held_against_the_entries() {
    let (g, z) = world();
    let (own, other) = numbers(&g, &z);
    for (at, tile) in [(flipped(33), 0), (flipped(8000), 0)] {
        let report = reloaded(&g, &changed(&g, Table::Tile, &tile_key(own, 0, tile), at));
        assert!(wrong(&report).contains(&(Kind::Tile, Some(g.own_log()), Some(0))), "{:?}", wrong(&report));
    }
    let report = reloaded(&g, &changed(&g, Table::Tile, &tile_key(own, 0, 0), |_| None));
    assert!(wrong(&report).contains(&(Kind::Tile, Some(g.own_log()), Some(0))));
    let checkpoint = |change: &dyn Fn(String) -> String| {
        reloaded(&g, &changed(&g, Table::Checkpoint, &log_key(other), |note| Some(change(String::from_utf8(note).unwrap()).into_bytes())))
    };
    let report = checkpoint(&|note| note.replacen("\n5\n", "\n4\n", 1));
    assert_eq!(wrong(&report), [(Kind::Checkpoint, Some(z.own_log()), None)]);
    assert!(one(&report, Kind::Checkpoint).detail.contains("signature"), "{:?}", report.findings);
    assert_eq!(wrong(&checkpoint(&|_| "nothing".into())), [(Kind::Checkpoint, Some(z.own_log()), None)]);
}

#[test]
fn a_head_that_the_entries_do_not_lead_to_is_found() {
    let (g, z) = world();
    let (_, other) = numbers(&g, &z);
    // The chain value begins after alliance and member.
    let report = reloaded(&g, &changed(&g, Table::Log, &log_key(other), flipped(1 + 34 + 34 + 1 + 2 + 5)));
    assert_eq!(wrong(&report), [(Kind::Head, Some(z.own_log()), None)]);
}

#[test]
fn records_that_were_written_for_this_member_and_are_not_here_are_counted() {
    let (g, z) = world();
    let (_, other) = numbers(&g, &z);
    let mut view = g.view.clone();
    let rows = view.rows(Table::Counter, &[], &[0xff; 40], usize::MAX).unwrap();
    let (row, value) = rows.into_iter().find(|(row, _)| row.ends_with(&other.to_be_bytes())).unwrap();
    let mut reader = Cbor::open(&value).unwrap();
    reader.array(4).unwrap();
    let (next, held) = (reader.uint().unwrap(), reader.uint().unwrap());
    let mut writer = Writer::with_capacity(96);
    writer.array(4).uint(next + 2).uint(held).bytes(&reader.fixed::<32>().unwrap()).bytes(&reader.fixed::<32>().unwrap());
    view.apply(&Changes { rows: vec![(Table::Counter, row, Some(writer.finish()))] });
    let report = reloaded(&g, &view);
    assert_eq!(wrong(&report), [(Kind::RecordsMissing, Some(z.own_log()), None)]);
    assert_eq!((one(&report, Kind::RecordsMissing).count, one(&report, Kind::RecordsMissing).blame), (2, Blame::AuthorOrPeers));
}

/// Puts whatever it is into a member's log.
fn sign(member: &mut Member, bytes: Vec<u8>, signature: Option<Signature>) {
    let mut head = member.ledger.logs.head(&member.own_log());
    let (row, id) = (head.next_row(), statement::id_of(&bytes));
    let signature = signature.unwrap_or_else(|| key(member.index, 2).sign(&bytes));
    let void = VoidEntry { row, previous: head.chain, signature, bytes, fault: suyuan_core::Fault::Form };
    let mut changes = Changes::default();
    head.append(&id, &member.view, &mut changes).unwrap();
    void.save(&id, &member.view, &mut changes).unwrap();
    head.save(&mut changes);
    member.view.apply(&changes);
    member.ledger.logs.set(head);
    member.publish();
}

#[test]
fn void_entries_and_bad_signatures_are_their_authors() {
    let (mut g, mut z) = world();
    let log = Some(z.own_log());
    sign(&mut z, b"no statement".to_vec(), None);
    sign(&mut z, b"none either".to_vec(), Some([1; 64]));
    g.pull(&z, z.own_log());
    let report = reloaded(&g, &g.view);
    assert_eq!(wrong(&report), [(Kind::Signature, log, Some(6)), (Kind::Void, log, Some(5)), (Kind::Void, log, Some(6))]);
    assert!(report.findings.listed.iter().filter(|finding| !finding.kind.is_open()).all(|finding| finding.blame == Blame::Author));
    let other = report.logs.iter().find(|report| report.log == z.own_log()).unwrap();
    assert_eq!((other.void, other.statements, other.signatures), (2, 5, 6));
    let (_, number) = numbers(&g, &z);
    let report: Report = reloaded(&g, &changed(&g, Table::Void, &Row { log: number, sequence: 5 }.key(), flipped(100)));
    assert!(wrong(&report).contains(&(Kind::EntryDamaged, log, Some(5))), "{:?}", wrong(&report));
    let report = reloaded(&g, &changed(&g, Table::Void, &Row { log: number, sequence: 5 }.key(), flipped(3)));
    assert!(wrong(&report).contains(&(Kind::EntryDamaged, log, Some(5))) || wrong(&report).contains(&(Kind::Chain, log, Some(5))));
}
