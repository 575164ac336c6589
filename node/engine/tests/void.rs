//! An author signs what does not hold: its entries are void, for everybody and for good, and its log goes on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use std::collections::BTreeMap;

use support::{Member, alliance, charter_file, key};
use suyuan_core::bundle::{Bundle, BundleRecord};
use suyuan_core::circle::{CircleMember, PUBLIC, Rights, Terms, Tier, alliance_circle};
use suyuan_core::history::Foundation;
use suyuan_core::section::{AudienceHeader, Body, Field, SectionHeader, audience_commitment, section_commitment};
use suyuan_core::statement::{self, SectionCommitment, Statement};
use suyuan_core::{AllianceId, Fault, MemberId, StatementId, domain};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::fsck;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::mend;
use suyuan_engine::query::{Filter, Reader, RecordView, SectionContent};
use suyuan_engine::record::{HeldAudience, HeldRecord, HeldSection};
use suyuan_engine::replica::BatchError;
use suyuan_engine::schema::Row;
use suyuan_engine::serve;
use suyuan_engine::view::{Changes, MemoryView};
use suyuan_engine::void::VoidEntry;
use suyuan_engine::wire::{Batch, Gap, ItemSection, Request, Response};

/// An author whose program does what it likes.
struct Liar(Member);

impl Liar {
    fn statement(&self) -> Statement {
        let head = self.0.ledger.logs.head(&self.0.own_log());
        let place = head.id.place(head.size());
        Statement { place, previous: head.chain, time: 7, kind: "inspection".into(), references: Vec::new(), blind: [5; 32], sections: Vec::new() }
    }

    fn bytes(statement: &Statement) -> Vec<u8> {
        statement.to_bytes(key(0, 2).public().id())
    }

    /// Puts whatever it is into its log, and hands it out from now on.
    fn sign(&mut self, bytes: Vec<u8>) -> u64 {
        let mut head = self.0.ledger.logs.head(&self.0.own_log());
        let (row, id, signature) = (head.next_row(), statement::id_of(&bytes), key(0, 2).sign(&bytes));
        let mut changes = Changes::default();
        let void = VoidEntry { row, previous: head.chain, signature, bytes, fault: Fault::Form };
        head.append(&id, &self.0.view, &mut changes).unwrap();
        void.save(&id, &self.0.view, &mut changes).unwrap();
        self.done(head, changes);
        row.sequence
    }

    /// The same for a statement of the right form, with sections that may not be.
    fn sign_sections(&mut self, sections: Vec<(SectionCommitment, HeldSection)>) -> u64 {
        let mut head = self.0.ledger.logs.head(&self.0.own_log());
        let (committed, sections) = sections.into_iter().unzip();
        let bytes = Self::bytes(&Statement { sections: committed, ..self.statement() });
        let (row, id, signature) = (head.next_row(), statement::id_of(&bytes), key(0, 2).sign(&bytes));
        let verified = statement::UnverifiedStatement::decode(&bytes).unwrap().reread(&id).unwrap();
        let mut changes = Changes::default();
        head.append(&id, &self.0.view, &mut changes).unwrap();
        let record = HeldRecord { row, bytes, signature, statement: verified, sections };
        record.save(&[], &self.0.local, &mut self.0.rng, &mut changes).unwrap();
        self.done(head, changes);
        row.sequence
    }

    fn done(&mut self, head: suyuan_engine::logs::LogHead, mut changes: Changes) {
        head.save(&mut changes);
        self.0.view.apply(&changes);
        self.0.ledger.logs.set(head);
        self.0.publish();
    }
}

fn put(author: &mut Member, number: u64) {
    let sections = format!(r#"[{{"for":"public","fields":{{"n":{number}}}}},{{"for":"alliance","fields":{{"m":{number}}}}}]"#);
    author.put(&format!(r#"{{"records":[{{"type":"inspection","sections":{sections}}}]}}"#));
}

/// Every entry as a node shows it.
fn shown(node: &Member) -> BTreeMap<u64, RecordView> {
    let reader = Reader { ledger: &node.ledger, secrets: &node.secrets, local: &node.local, view: &node.view, published: None };
    let page = reader.page(&Filter::All, None, 200).unwrap();
    assert!(page.next.is_none());
    for record in &page.records {
        assert_eq!(reader.record(&record.id).unwrap().unwrap().void, record.void, "the same by id");
    }
    page.records.into_iter().map(|record| (record.sequence, record)).collect()
}

fn voids(node: &Member) -> BTreeMap<u64, Fault> {
    shown(node).into_iter().filter_map(|(sequence, record)| Some((sequence, record.void?))).collect()
}

fn check(node: &Member, view: &MemoryView) -> Result<fsck::Report, String> {
    let ledger = Ledger::load(node.ledger.alliance.clone(), node.id(), view, &node.local, &node.secrets).map_err(|error| error.to_string())?;
    fsck::check(&ledger, view, &node.local, &node.secrets, |_| {}).map_err(|finding| finding.to_string())
}

fn framed(payload: &[u8]) -> Vec<u8> {
    statement::sig_structure(domain::TYP_STATEMENT, key(0, 2).public().id(), payload)
}

/// A log of G with every kind of entry that is not a statement at its place, each followed by one that is. Returns what is expected of each.
fn world(liar: &mut Liar) -> BTreeMap<u64, Fault> {
    let mut expected = BTreeMap::new();
    let mut number = 0;
    let mut lie = |liar: &mut Liar, bytes: Vec<u8>, fault: Fault| {
        expected.insert(liar.sign(bytes), fault);
        number += 1;
        put(&mut liar.0, number);
    };
    let good = |liar: &Liar| liar.statement();
    lie(liar, b"no statement at all".to_vec(), Fault::Frame);
    lie(liar, Vec::new(), Fault::Frame);
    lie(liar, statement::sig_structure("application/suyuan-charter+cbor", key(0, 2).public().id(), &[0x80]), Fault::Frame);
    lie(liar, framed(&[0x98, 0x01, 0x01]), Fault::Cbor);
    lie(liar, framed(&[0x81, 0x01]), Fault::Form);
    let kind = Statement { kind: "No Type".into(), ..good(liar) };
    lie(liar, Liar::bytes(&kind), Fault::Form);
    let mut fields = Statement { sections: vec![SectionCommitment { fields: 257, header: [0; 32], audiences: vec![[0; 32]] }], ..good(liar) };
    lie(liar, Liar::bytes(&fields), Fault::Form);
    fields.sections = vec![SectionCommitment { fields: 1, header: [0; 32], audiences: Vec::new() }];
    lie(liar, Liar::bytes(&fields), Fault::Form);
    let mut place = good(liar);
    place.place.alliance = AllianceId([9; 32]);
    lie(liar, Liar::bytes(&place), Fault::Inclusion);
    let mut place = good(liar);
    place.place.author = MemberId([9; 32]);
    lie(liar, Liar::bytes(&place), Fault::Inclusion);
    let mut place = good(liar);
    place.place.incarnation = 1;
    lie(liar, Liar::bytes(&place), Fault::Inclusion);
    let mut place = good(liar);
    place.place.sequence += 1;
    lie(liar, Liar::bytes(&place), Fault::Inclusion);
    let previous = Statement { previous: [1; 32], ..good(liar) };
    lie(liar, Liar::bytes(&previous), Fault::Inclusion);
    expected
}

#[test]
fn every_kind_of_void_entry_is_taken_in_named_and_handed_on_and_the_log_goes_on() {
    let alliance = alliance();
    let (mut g, mut z, mut r) = (Liar(Member::new(0, &alliance)), Member::new(1, &alliance), Member::new(2, &alliance));
    let log = g.0.own_log();
    r.pull(&g.0, log);
    let expected = world(&mut g);
    z.pull(&g.0, log);
    assert_eq!(z.ledger.logs.head(&log).tree_head(), g.0.ledger.logs.head(&log).tree_head(), "the log goes on");
    assert_eq!(voids(&z), expected);
    r.pull(&z, log);
    assert_eq!(voids(&r), expected, "by way of another node the verdict is the same");
    let circle = alliance_circle(&alliance.id());
    for node in [&z, &r] {
        let number = node.ledger.logs.head(&log).number;
        let counter = node.ledger.counters.of(&circle, number);
        assert_eq!((counter.held, counter.missing()), (14, 0), "what is void counts for nothing");
        for (sequence, record) in shown(node) {
            let void = expected.get(&sequence);
            let shows = |content: &SectionContent| match void {
                Some(fault) => *content == SectionContent::Void(*fault),
                None => matches!(content, SectionContent::Open(_)),
            };
            assert!(record.sections.iter().all(|section| shows(&section.content)) && !record.sections.is_empty(), "{sequence}: {record:?}");
            assert_eq!((record.author, record.published, record.entitled.len()), (log.member, true, 3));
        }
        assert_eq!(check(node, &node.view).unwrap().void, expected.len() as u64);
        // After a restart nothing is different, and a verdict that was changed on disk is found.
        let loaded = Ledger::load(alliance.clone(), node.id(), &node.view, &node.local, &node.secrets).unwrap();
        assert_eq!((&loaded.counters, &loaded.circles), (&node.ledger.counters, &node.ledger.circles));
    }
}

/// A chain value follows from all entries before, which are not in a bundle (`specs/bundle.md`).
#[test]
fn a_bundle_shows_that_an_entry_names_another_place_and_not_that_it_names_another_chain_value() {
    let alliance = alliance();
    let (mut g, mut z) = (Liar(Member::new(0, &alliance)), Member::new(1, &alliance));
    let log = g.0.own_log();
    let previous = Statement { previous: [1; 32], ..g.statement() };
    let sequence = g.sign(Liar::bytes(&previous));
    let mut place = g.statement();
    place.place.sequence += 1;
    g.sign(Liar::bytes(&place));
    let bundle = |statement: &Statement, sequence: u64| {
        let (node, published) = (&g.0, g.0.published.as_deref());
        let reader = Reader { ledger: &node.ledger, secrets: &node.secrets, local: &node.local, view: &node.view, published };
        let proof = reader.proof(Row { log: node.ledger.logs.head(&log).number, sequence }).unwrap().unwrap().to_string();
        let statement = Liar::bytes(statement);
        let record = BundleRecord { signature: key(0, 2).sign(&statement), statement, proof, disclosures: Vec::new() };
        let bytes = Bundle { foundation: Foundation { charter: charter_file().to_bytes(), history: None }, records: vec![record] }.to_bytes();
        Bundle::verify(&bytes, Some(&alliance.id())).map(|_| ())
    };
    assert_eq!(bundle(&previous, sequence), Ok(()));
    assert_eq!(bundle(&place, sequence + 1), Err(Fault::Index));
    z.pull(&g.0, log);
    assert_eq!(voids(&z), BTreeMap::from([(sequence, Fault::Inclusion), (sequence + 1, Fault::Inclusion)]));
    let reader = Reader { ledger: &z.ledger, secrets: &z.secrets, local: &z.local, view: &z.view, published: None };
    let row = reader.row_of(&statement::id_of(&Liar::bytes(&previous))).unwrap().unwrap();
    assert!(reader.held(row).unwrap().is_none(), "a node has no record to make a bundle of");
}

/// Whoever copies another's statement into its own log does not hide it, whichever comes first.
#[test]
fn a_copied_statement_takes_nothing_from_its_author() {
    let alliance = alliance();
    let (mut g, mut z) = (Liar(Member::new(0, &alliance)), Member::new(1, &alliance));
    z.put(r#"{"records":[{"type":"inspection","sections":[{"for":"public","fields":{"n":1}}]}]}"#);
    z.publish();
    let row = Row { log: z.ledger.logs.head(&z.own_log()).number, sequence: 0 };
    let copied = HeldRecord::load(row, &z.view, &z.local).unwrap().unwrap();
    g.sign(copied.bytes.clone());
    for copy_first in [true, false] {
        let mut r = Member::new(2, &alliance);
        for from_g in [copy_first, !copy_first] {
            if from_g {
                r.pull(&g.0, g.0.own_log());
            } else {
                r.pull(&z, z.own_log());
            }
        }
        let reader = Reader { ledger: &r.ledger, secrets: &r.secrets, local: &r.local, view: &r.view, published: None };
        let found = reader.record(&copied.statement.id()).unwrap().unwrap();
        assert_eq!((found.author, found.void), (z.id(), None), "copy first: {copy_first}");
        assert_eq!(check(&r, &r.view).unwrap().void, 1);
    }
}

#[test]
fn a_damaged_void_entry_is_found() {
    use suyuan_engine::schema::Table;
    use suyuan_engine::view::View;
    let alliance = alliance();
    let (mut g, mut z) = (Liar(Member::new(0, &alliance)), Member::new(1, &alliance));
    world(&mut g);
    z.pull(&g.0, g.0.own_log());
    let whole = check(&z, &z.view).unwrap();
    let rows = z.view.rows(Table::Void, &[], &[0xff; 13], 100).unwrap();
    assert!(rows.len() > 10);
    for (key, value) in &rows {
        let mut damages = vec![None, Some(value[..value.len() / 2].to_vec())];
        for at in [0, 40, value.len() - 1] {
            let mut changed = value.clone();
            changed[at] ^= 0x10;
            damages.push(Some(changed));
        }
        for damage in damages {
            let mut view = z.view.clone();
            view.apply(&Changes { rows: vec![(Table::Void, key.clone(), damage)] });
            assert_ne!(check(&z, &view), Ok(whole), "{}", hex_of(key));
        }
    }
    // A statement that holds is not void because a row says so.
    let mut view = z.view.clone();
    let (key, value) = view.rows(Table::Statement, &[], &[0xff; 13], 100).unwrap().pop().unwrap();
    view.apply(&Changes { rows: vec![(Table::Statement, key.clone(), None), (Table::Void, key, Some([&[0; 32], &value[..]].concat()))] });
    assert!(check(&z, &view).is_err());
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn offered(from: &Member, to: &Member) -> Batch {
    let log = from.own_log();
    let request = Request::Pull { log, from: to.ledger.logs.head(&log).size() };
    match serve::answer(&request, &to.id(), &from.ledger, from.published.as_deref(), &from.view, &from.local).unwrap() {
        Response::Batch(Some(batch)) => *batch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_exchanged_on_the_way_is_its_senders_fault_and_not_void() {
    let alliance = alliance();
    let (mut g, mut z) = (Liar(Member::new(0, &alliance)), Member::new(1, &alliance));
    let void = *world(&mut g).keys().next().unwrap();
    let good = offered(&g.0, &z);
    let at = good.items.iter().position(|item| item.sequence == void).unwrap();
    type Lie = Box<dyn Fn(&mut Batch)>;
    let lies: Vec<(Fault, Lie)> = vec![
        (Fault::Inclusion, Box::new(move |batch| batch.items[at].statement[0] ^= 1)),
        (Fault::Inclusion, Box::new(move |batch| batch.items[at + 1].statement[0] ^= 1)),
        (Fault::Inclusion, Box::new(move |batch| batch.items[at + 1].statement = batch.items[at].statement.clone())),
        (Fault::Inclusion, Box::new(move |batch| batch.items[at + 1].statement = batch.items[at + 3].statement.clone())),
        (Fault::Inclusion, Box::new(move |batch| batch.items[at].statement.clear())),
    ];
    for (number, (fault, lie)) in lies.into_iter().enumerate() {
        let mut batch = good.clone();
        lie(&mut batch);
        let refused = z.take_in(batch).unwrap_err();
        assert!(matches!(refused, BatchError::Sender { fault: found, .. } if found == fault), "{number}: {refused}");
    }
    z.take_in(good).unwrap();
}

#[test]
fn a_later_suite_stays_masked_until_a_later_program() {
    let alliance = alliance();
    let (mut g, mut z) = (Liar(Member::new(0, &alliance)), Member::new(1, &alliance));
    let mut payload = vec![0x8b, 0x02];
    payload.extend([0x00; 10]);
    let later = g.sign(framed(&payload));
    // G's own row is no void entry either; so it is handed out by hand.
    let masked = statement::id_of(&framed(&payload));
    let row = g.0.ledger.logs.head(&g.0.own_log()).number;
    let mut changes = Changes::default();
    changes.delete(suyuan_engine::schema::Table::Void, suyuan_engine::schema::Row { log: row, sequence: later }.key());
    g.0.view.apply(&changes);
    put(&mut g.0, 1);
    let mut batch = offered(&g.0, &z);
    let signature = key(0, 2).sign(&framed(&payload));
    let item = suyuan_engine::wire::Item { sequence: later, statement: framed(&payload), signature, sections: Vec::new(), slip: None };
    batch.items.insert(1, item);
    z.take_in(batch).unwrap();
    assert_eq!(shown(&z).keys().copied().collect::<Vec<_>>(), [0, 2]);
    let reader = Reader { ledger: &z.ledger, secrets: &z.secrets, local: &z.local, view: &z.view, published: None };
    assert!(reader.record(&masked).unwrap().is_none());
    check(&z, &z.view).unwrap();
}

#[test]
fn an_own_statement_may_be_missing_only_where_the_own_log_came_back_from_others() {
    use suyuan_engine::schema::{RETURNED_ROW, Row, Table};
    let alliance = alliance();
    let mut g = Member::new(0, &alliance);
    (0..3).for_each(|_| g.put(r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#));
    let row = Row { log: g.ledger.logs.head(&g.own_log()).number, sequence: 2 };
    let id = suyuan_engine::logs::entries(&g.view, row.log, 2..3).unwrap()[0];
    let circle = suyuan_core::circle::self_circle(&g.id());
    let mut changes = Changes::default();
    changes.delete(Table::Statement, row.key());
    changes.delete(Table::ById, id.0);
    for table in [Table::Header, Table::Content] {
        changes.delete(table, row.section(0));
    }
    changes.delete(Table::Wrap, row.audience(0, 0));
    changes.delete(Table::ByCircle, suyuan_engine::schema::index_key(&g.local.name(Table::ByCircle, &circle.0), row));
    // Held once less.
    let mut counters = suyuan_engine::counters::Counters::default();
    let headers = [1, 3].map(|sequence| {
        let record = HeldRecord::load(Row { sequence, ..row }, &g.view, &g.local).unwrap().unwrap();
        (record.statement.id(), record.sections[0].audiences[0].header.clone())
    });
    headers.iter().for_each(|(id, header)| counters.count([header], &Default::default(), row.log, *id));
    counters.save(&Default::default(), &g.local, &mut changes);
    let mut view = g.view.clone();
    view.apply(&changes);
    assert!(check(&g, &view).unwrap_err().contains("own statement is missing"));
    let returned = g.published.clone().unwrap();
    let mut kept = Changes::default();
    kept.put(Table::Meta, RETURNED_ROW, returned);
    view.apply(&kept);
    assert_eq!(check(&g, &view).unwrap().statements, 3);
}

#[test]
fn a_void_epoch_statement_has_no_effect_even_with_its_section_and_slip() {
    let alliance = alliance();
    let (mut g, mut z, mut r) = (Liar(Member::new(0, &alliance)), Member::new(1, &alliance), Member::new(2, &alliance));
    let log = g.0.own_log();
    // What an honest G would have written, taken from a copy of it.
    let request = CircleRequest {
        circle: None,
        name: "trial".into(),
        purpose: String::new(),
        tier: Tier::Codevelopment,
        members: vec![CircleMember { member: z.id(), rights: Rights::Write }],
        terms: Terms::default(),
        until: None,
    };
    let mut honest = Member::new(0, &alliance);
    let circle = honest.open_circle(request);
    let good = offered(&honest, &z).items.pop().unwrap();
    assert!(good.slip.is_some() && !good.sections.is_empty());
    // The same statement, but at another place than it says.
    put(&mut g.0, 1);
    let void = g.sign(good.statement.clone());
    put(&mut g.0, 2);
    let mut batch = offered(&g.0, &z);
    let at = batch.items.iter().position(|item| item.sequence == void).unwrap();
    assert_eq!((batch.items[at].sections.len(), &batch.items[at].slip), (0, &None), "an honest node hands on the bytes alone");
    batch.items[at].sections = good.sections;
    batch.items[at].slip = good.slip;
    z.take_in(batch).unwrap();
    assert_eq!(voids(&z), [(void, Fault::Inclusion)].into());
    assert!(z.ledger.circles.circle(&circle).is_none() && z.secrets.of(&circle, 1).is_none());
    assert_eq!(z.ledger.counters.of(&circle, z.ledger.logs.head(&log).number).known(), 0);
    check(&z, &z.view).unwrap();
    r.pull(&z, log);
    assert_eq!(voids(&r), voids(&z));
}

fn public(fields: u64, audiences: usize) -> (SectionCommitment, HeldSection) {
    let body = Body::new([1; 32], vec![Field { name: "a".into(), value: "1".into() }]).unwrap();
    let header = SectionHeader { root: body.root(), sealed: None };
    section(header.to_bytes(), Ok(header), PUBLIC, fields, audiences, body.to_bytes())
}

fn section(
    bytes: Vec<u8>,
    header: Result<SectionHeader, Fault>,
    circle: suyuan_core::CircleId,
    fields: u64,
    audiences: usize,
    content: Vec<u8>,
) -> (SectionCommitment, HeldSection) {
    let epoch = u64::from(circle != PUBLIC);
    let audience = AudienceHeader { salt: [2; 16], circle, epoch, counter: 0, link: StatementId([0; 32]), order: None };
    let committed = audience_commitment(&audience.to_bytes());
    let commitment = SectionCommitment { fields, header: section_commitment(&bytes), audiences: vec![committed; audiences] };
    let held = HeldAudience { index: 0, bytes: audience.to_bytes(), header: audience, wrap: None };
    (commitment, HeldSection { index: 0, bytes, header, audiences: vec![held], content })
}

#[test]
fn a_section_that_its_author_made_unreadable_is_void_and_the_rest_of_the_record_is_not() {
    let alliance = alliance();
    let (mut g, mut z, mut r) = (Liar(Member::new(0, &alliance)), Member::new(1, &alliance), Member::new(2, &alliance));
    let log = g.0.own_log();
    let circle = alliance_circle(&alliance.id());
    r.pull(&g.0, log);
    let unreadable = section(vec![0x80], Err(Fault::Form), circle, 1, 1, Vec::new());
    let with = |mut section: (SectionCommitment, HeldSection)| {
        section.1.index = 1;
        vec![public(1, 1), section]
    };
    let mut expected = BTreeMap::new();
    expected.insert(g.sign_sections(with(unreadable)), Fault::Form);
    expected.insert(g.sign_sections(with(public(2, 1))), Fault::FieldCount);
    let mut twice = public(1, 2);
    (twice.1.header, twice.1.content) = (Err(Fault::Audience), Vec::new());
    expected.insert(g.sign_sections(with(twice)), Fault::Audience);
    put(&mut g.0, 1);
    z.pull(&g.0, log);
    r.pull(&z, log);
    for node in [&z, &r] {
        let shown = shown(node);
        for (sequence, fault) in &expected {
            let sections = &shown[sequence].sections;
            assert!(matches!(sections[0].content, SectionContent::Open(_)), "the other section holds");
            assert_eq!(sections[1].content, SectionContent::Void(*fault), "{sequence}");
            assert_eq!(shown[sequence].void, None);
        }
        assert_eq!(shown.len(), 5, "the circle's opening, three, and the one after them");
        assert_eq!(check(node, &node.view).unwrap().void, 3);
    }
    // It is no gap: nobody asks for it again.
    let sequences: Vec<u64> = expected.keys().copied().collect();
    let lacking = |of, sequences: &[u64]| mend::lacking(&Gap { circle: of, log }, sequences, &z.ledger, &z.view, &z.local).unwrap();
    assert!(lacking(circle, &sequences[..1]).is_empty());
    assert!(lacking(PUBLIC, &sequences).is_empty());
}

#[test]
fn a_section_whose_header_was_exchanged_is_refused_and_not_void() {
    let alliance = alliance();
    let (mut g, mut z) = (Member::new(0, &alliance), Member::new(1, &alliance));
    put(&mut g, 1);
    let good = offered(&g, &z);
    let change = |change: &dyn Fn(&mut ItemSection)| {
        let mut batch = good.clone();
        change(&mut batch.items[1].sections[1]);
        batch
    };
    for (batch, fault) in [
        (change(&|section| section.header = vec![0x80]), Fault::Header),
        (change(&|section| section.audiences[0].1 = vec![0x80]), Fault::Audience),
        (change(&|section| section.content.clear()), Fault::Digest),
        (change(&|section| section.index = 7), Fault::SectionIndex),
        (change(&|section| section.audiences[0].0 = 7), Fault::Audience),
    ] {
        let refused = z.take_in(batch).unwrap_err();
        assert_eq!(refused, BatchError::Sender { fault, sequence: Some(1) });
    }
    z.take_in(good).unwrap();
}

#[test]
fn as_many_statements_but_others_are_a_gap() {
    use suyuan_engine::wire::Count;
    let alliance = alliance();
    let (mut g, mut z) = (Member::new(0, &alliance), Member::new(1, &alliance));
    put(&mut g, 1);
    z.pull(&g, g.own_log());
    let circle = alliance_circle(&alliance.id());
    let counter = z.ledger.counters.of(&circle, z.ledger.logs.head(&g.own_log()).number);
    let count = |next, mark| vec![Count { of: Gap { circle, log: g.own_log() }, next, epoch: 1, mark }];
    let gaps = |counts: Vec<Count>| mend::gaps(&counts, &z.ledger).into_iter().map(|(_, missing)| missing).collect::<Vec<_>>();
    assert!(gaps(count(2, Some(counter.mark))).is_empty());
    assert!(gaps(count(2, None)).is_empty(), "it says itself that it lacks some");
    assert!(gaps(count(1, Some([1; 32]))).is_empty(), "the other one lacks some");
    assert_eq!(gaps(count(2, Some([1; 32]))), [0]);
    assert_eq!(gaps(count(3, None)), [1]);
    let Response::Counters(told, None) =
        serve::answer(&Request::Counters(suyuan_core::CircleId([0; 32])), &g.id(), &z.ledger, None, &z.view, &z.local).unwrap()
    else {
        panic!()
    };
    assert!(told.contains(&count(2, Some(counter.mark))[0]));
}

#[test]
fn counts_do_not_depend_on_the_order_in_which_statements_came() {
    use suyuan_engine::counters::Counters;
    let header = |counter| AudienceHeader { salt: [2; 16], circle: PUBLIC, epoch: 0, counter, link: StatementId([0; 32]), order: None };
    let statements = [(0, 7), (1, 9), (1, 3), (2, 4), (2, 8)];
    let counted = |order: [usize; 5]| {
        let mut counters = Counters::default();
        for at in order {
            let (counter, id) = statements[at];
            counters.count([&header(counter)], &Default::default(), 0, StatementId([id; 32]));
        }
        counters.of(&PUBLIC, 0)
    };
    let expected = counted([0, 1, 2, 3, 4]);
    assert_eq!((expected.next, expected.held, expected.known(), expected.last), (3, 5, 5, StatementId([8; 32])));
    for order in [[4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [3, 4, 0, 2, 1]] {
        assert_eq!(counted(order), expected);
    }
}

#[test]
fn a_statement_with_two_sections_for_one_circle_counts_once() {
    let alliance = alliance();
    let (mut g, mut z) = (Member::new(0, &alliance), Member::new(1, &alliance));
    let twice = r#"{"records":[{"type":"note","sections":[{"for":"alliance","fields":{"a":1}},{"for":"alliance","fields":{"b":2}}]}]}"#;
    g.put(twice);
    g.put(twice);
    z.pull(&g, g.own_log());
    let circle = alliance_circle(&alliance.id());
    for node in [&g, &z] {
        let counter = node.ledger.counters.of(&circle, node.ledger.logs.head(&g.own_log()).number);
        assert_eq!((counter.next, counter.held), (3, 3), "the circle's opening and two statements; else one that is withheld would not show");
        check(node, &node.view).unwrap();
    }
}
