//! Who asks gets what is shown or may be held, and nothing large is read beside it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use std::cell::RefCell;

use support::{Member, alliance};
use suyuan_core::CircleId;
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::query::{ProductRecords, Reader};
use suyuan_engine::schema::Table;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::serve;
use suyuan_engine::view::{KeyValue, MemoryView, StoreError, View};
use suyuan_engine::wire::{Gap, Request, Response};

const LOT: &str = "https://id.gs1.org/01/06901234567892/10/L1";

/// Counts what is read of a view.
struct Counted<'v> {
    view: &'v MemoryView,
    read: RefCell<Vec<Table>>,
}

impl<'v> Counted<'v> {
    fn new(view: &'v MemoryView) -> Self {
        Self { view, read: RefCell::default() }
    }

    fn times(&self, table: Table) -> usize {
        self.read.borrow().iter().filter(|read| **read == table).count()
    }
}

impl View for Counted<'_> {
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read.borrow_mut().push(table);
        self.view.row(table, key)
    }

    fn rows(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.view.rows(table, from, to, limit)
    }
}

fn record(kind: &str, time: u64, sections: &str) -> String {
    format!(r#"{{"records":[{{"type":"{kind}","time":{time},"about":["{LOT}"],"sections":[{sections}]}}]}}"#)
}

fn public(n: u64) -> String {
    format!(r#"{{"for":"public","fields":{{"n":{n}}}}}"#)
}

/// The numbers in the public sections, in order; how many more there are; and how many contents were read.
fn product(member: &Member, records: usize, bytes: usize) -> (Vec<String>, usize, usize) {
    let (view, none) = (Counted::new(&member.view), EpochSecrets::default());
    let reader = Reader { ledger: &member.ledger, secrets: &none, local: &member.local, view: &view, published: None };
    let ProductRecords { records, more, counted } = reader.product(LOT, records, bytes).unwrap();
    assert!(counted);
    let read = view.times(Table::Content);
    let number = |record| reader.show(record).unwrap().sections[0].clone();
    let fields = records.iter().map(number).map(|section| match section.content {
        suyuan_engine::query::SectionContent::Open(fields) => fields[0].value.clone(),
        other => panic!("{other:?}"),
    });
    (fields.collect(), more, read)
}

#[test]
fn a_product_s_newest_records_are_read_from_all_logs_and_no_others() {
    let alliance = alliance();
    let (mut g, mut z) = (Member::new(0, &alliance), Member::new(1, &alliance));
    z.pull(&g, g.own_log());
    let sealed = r#"{"for":"alliance","fields":{"m":1}}"#;
    g.put(&record("recall", 1, &public(1)));
    (100..150).for_each(|n| g.put(&record("note", n, &format!("{},{sealed}", public(n)))));
    // Not for the public, or about another lot there: neither shown nor counted.
    g.put(&record("note", 1000, sealed));
    g.put(&record("note", 1000, &public(0)).replace("/L1", "/L2"));
    [120, 160, 170].into_iter().for_each(|n| z.put(&record("note", n, &public(1000 + n))));
    g.pull(&z, z.own_log());
    assert!(z.own_log() != g.own_log() && g.ledger.logs.head(&z.own_log()).number > g.ledger.logs.head(&g.own_log()).number);

    let (shown, more, read) = product(&g, 5, usize::MAX);
    assert_eq!(shown, ["1", "148", "149", "1160", "1170"], "the recall, however old, and the newest of all logs, oldest first");
    assert_eq!((more, read), (54 - 5, 5), "public contents alone, and only of what is shown");
    let (all, more, read) = product(&g, 200, usize::MAX);
    assert_eq!((all.len(), more, read), (54, 0, 54));
    // A page that is full takes no further record, but always one.
    let (shown, more, read) = product(&g, 5, 0);
    assert_eq!((shown, more, read), (vec!["1".to_owned()], 53, 2));
    assert_eq!(product(&z, 200, usize::MAX).0, ["1120", "1160", "1170"], "what has not come yet is not there");
}

#[test]
fn of_what_a_member_may_not_hold_only_headers_are_read() {
    let alliance = alliance();
    let (mut g, z, r) = (Member::new(0, &alliance), Member::new(1, &alliance), Member::new(2, &alliance));
    let circle = g.open_circle(CircleRequest {
        circle: None,
        name: "trial".into(),
        purpose: String::new(),
        tier: Tier::Codevelopment,
        members: vec![CircleMember { member: z.id(), rights: Rights::Write }],
        terms: Terms::default(),
        until: None,
    });
    let from = g.ledger.logs.head(&g.own_log()).size();
    let section = |circle: &CircleId| format!(r#"{{"for":"{circle}","fields":{{"m":1}}}}"#);
    (0..3).for_each(|n| g.put(&record("note", n, &format!(r#"{},{{"for":"self","fields":{{"s":1}}}}"#, section(&circle)))));
    let contents = |member: &Member, request: &Request| {
        let view = Counted::new(&g.view);
        let response = serve::answer(request, &member.id(), &g.ledger, g.published.as_deref(), &view, &g.local).unwrap();
        let sections = match response {
            Response::Batch(Some(batch)) => batch.items.iter().map(|item| item.sections.len()).sum(),
            Response::Items(items) => items.iter().map(|item| item.sections.len()).sum(),
            Response::Listing(sequences, _) => sequences.len(),
            other => panic!("{other:?}"),
        };
        (sections, view.times(Table::Content), view.times(Table::Wrap))
    };
    let log = g.own_log();
    for request in [Request::Pull { log, from }, Request::Items { log, sequences: vec![from, from + 1, from + 2] }] {
        assert_eq!(contents(&r, &request), (0, 0, 0), "not in the circle");
        assert_eq!(contents(&z, &request), (3, 3, 3), "in the circle, and not the author");
        assert_eq!(contents(&g, &request), (6, 6, 6), "the author");
    }
    let listing = Request::Listing { gap: Gap { circle, log }, from: 0 };
    assert_eq!(contents(&z, &listing), (4, 0, 0), "with the statement that opened the circle");
    assert_eq!(contents(&r, &listing), (0, 0, 0));
}
