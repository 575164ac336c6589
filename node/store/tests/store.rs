//! The store keeps what it acknowledged, in order, and says why where it cannot be opened.

#![allow(clippy::unwrap_used, missing_docs)]

use suyuan_engine::schema::Table;
use suyuan_engine::view::{Changes, View};
use suyuan_store::{OpenError, Store};

fn changes(rows: &[(Table, &[u8], Option<&[u8]>)]) -> Changes {
    Changes { rows: rows.iter().map(|(table, key, value)| (*table, key.to_vec(), value.map(<[u8]>::to_vec))).collect() }
}

#[test]
fn rows_survive_and_stay_in_their_tables() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write(&changes(&[(Table::Entry, b"a", Some(b"1")), (Table::Entry, b"b", Some(b"2")), (Table::Tile, b"a", Some(b"3"))])).unwrap();
    store.write(&changes(&[(Table::Entry, b"a", None), (Table::Entry, b"c", Some(b"4"))])).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.row(Table::Entry, b"a").unwrap(), None);
    assert_eq!(store.row(Table::Tile, b"a").unwrap(), Some(b"3".to_vec()));
    let all = store.rows(Table::Entry, b"", &[0xff], 10).unwrap();
    assert_eq!(all, [(b"b".to_vec(), b"2".to_vec()), (b"c".to_vec(), b"4".to_vec())]);
    assert_eq!(store.rows(Table::Entry, b"b", b"c", 10).unwrap().len(), 1, "the end is not included");
    assert_eq!(store.rows(Table::Entry, b"", &[0xff], 1).unwrap().len(), 1, "the limit holds");
}

#[test]
fn a_second_process_is_told_that_the_store_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let _held = Store::open(folder.path()).unwrap();
    let refused = Store::open(folder.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked(_)), "{refused}");
    assert!(refused.to_string().contains("another process"));
}

#[test]
fn a_newer_layout_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write(&changes(&[(Table::Meta, b"version", Some(&99u32.to_be_bytes()))])).unwrap();
    drop(store);
    let refused = Store::open(folder.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Version { found: 99, .. }), "{refused}");
    assert!(refused.to_string().contains("newer"));
}
