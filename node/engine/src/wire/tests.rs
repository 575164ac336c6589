//! Every message survives its encoding, and none that breaks a bound is read.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

const ALLIANCE: AllianceId = AllianceId([9; 32]);

fn log(member: u8) -> LogId {
    LogId { alliance: ALLIANCE, member: MemberId([member; 32]), incarnation: 0 }
}

fn gap(circle: u8) -> Gap {
    Gap { circle: CircleId([circle; 32]), log: log(3) }
}

fn an_item(sequence: u64) -> Item {
    let audiences = vec![(0, vec![1; 90], None), (2, vec![2; 90], Some([7; 48]))];
    let section = ItemSection { index: 1, header: vec![5; 40], audiences, content: vec![8; 600] };
    Item { sequence, statement: vec![4; 300], signature: [6; 64], sections: vec![section], slip: None }
}

fn a_batch() -> Batch {
    Batch {
        log: log(1),
        from: 5,
        entries: vec![StatementId([1; 32]), StatementId([2; 32])],
        checkpoint: "note".into(),
        consistency: vec![[3; 32]],
        items: vec![an_item(5), an_item(6)],
    }
}

fn shown() -> Shown {
    Shown { entry: StatementId([5; 32]), path: vec![[1; 32], [2; 32]] }
}

fn evidence() -> Box<Evidence> {
    let proof = suyuan_core::equivocation::Contradiction::Fork { index: 7, first: shown(), second: shown() };
    Box::new(Evidence { member: MemberId([3; 32]), incarnation: 0, first: "one".into(), second: "other".into(), proof })
}

fn package(tag: u8, bytes: usize) -> Package {
    Package { tag: [tag; 32], sealed: vec![tag; bytes] }
}

fn requests() -> Vec<Request> {
    let size = LogSize { log: log(1), size: 7 };
    vec![
        Request::Heads,
        Request::Pull { log: log(1), from: 1 << 50 },
        Request::Grown(size),
        Request::Counters(CircleId([0; 32])),
        Request::Listing { gap: gap(1), from: 12 },
        Request::Items { log: log(2), sequences: vec![1, 2, 900] },
        Request::Show { log: log(1), index: 1 << 40 },
        Request::Convict(evidence()),
        Request::Collect(None),
        Request::Collect(Some(vec![5; 68])),
        Request::Fetch(Vec::new()),
        Request::Fetch(vec![[7; 32]; 3]),
    ]
}

fn responses() -> Vec<Response> {
    let size = LogSize { log: log(1), size: 7 };
    let head = Head { log: size, root: [9; 32] };
    let count = Count { of: gap(1), next: 8, epoch: 2, mark: Some([6; 32]) };
    vec![
        Response::Heads(vec![head, head]),
        Response::Batch(None),
        Response::Batch(Some(Box::new(a_batch()))),
        Response::Noted,
        Response::Counters(vec![count, Count { mark: None, ..count }], None),
        Response::Counters(Vec::new(), Some(CircleId([4; 32]))),
        Response::Listing(vec![0, 5, 6], None),
        Response::Listing(Vec::new(), Some(1024)),
        Response::Items(vec![an_item(3)]),
        Response::Items(Vec::new()),
        Response::Shown(None),
        Response::Collected(None),
        Response::Collected(Some(Collected { cursor: Vec::new(), packages: Vec::new() })),
        Response::Collected(Some(Collected { cursor: vec![1; 68], packages: vec![package(1, 300), package(2, 0)] })),
        Response::Fetched(None),
        Response::Fetched(Some(Fetched { answered: 9, packages: vec![package(2, 10), package(2, 300)] })),
        Response::Shown(Some(Box::new(ShownEntry { checkpoint: "note".into(), shown: shown() }))),
    ]
}

#[test]
fn what_is_encoded_is_decoded_as_it_was() {
    for request in requests() {
        assert_eq!(Request::decode(&request.to_bytes(), &ALLIANCE), Ok(request));
    }
    for response in responses() {
        assert_eq!(Response::decode(&response.to_bytes(), &ALLIANCE), Ok(response));
    }
}

#[test]
fn no_cut_and_no_further_byte_is_decoded() {
    for request in requests() {
        let bytes = request.to_bytes();
        assert!((0..bytes.len()).all(|end| Request::decode(&bytes[..end], &ALLIANCE).is_err()), "{request:?}");
        assert!(Request::decode(&[&bytes[..], &[0]].concat(), &ALLIANCE).is_err());
    }
    for response in responses() {
        let bytes = response.to_bytes();
        assert!((0..bytes.len()).all(|end| Response::decode(&bytes[..end], &ALLIANCE).is_err()), "{response:?}");
        assert!(Response::decode(&[&bytes[..], &[0]].concat(), &ALLIANCE).is_err());
    }
}

#[test]
fn what_is_out_of_bounds_or_order_is_refused() {
    let refused = |request: Request| Request::decode(&request.to_bytes(), &ALLIANCE).is_err();
    let items = |sequences| Request::Items { log: log(1), sequences };
    assert!(refused(items(Vec::new())), "none");
    assert!(refused(items((0..=limits::ITEMS as u64).collect())), "too many");
    assert!(!refused(items((0..limits::ITEMS as u64).collect())));
    assert!(refused(items(vec![1, 1])) && refused(items(vec![2, 1])), "not ascending");
    let refused = |response: Response| Response::decode(&response.to_bytes(), &ALLIANCE).is_err();
    assert!(refused(Response::Heads(vec![Head { log: LogSize { log: log(1), size: 0 }, root: [0; 32] }; limits::HEADS + 1])));
    assert!(refused(Response::Counters(vec![Count { of: gap(1), next: 0, epoch: 0, mark: None }; limits::COUNTS + 1], None)));
    assert!(refused(Response::Listing((0..=limits::LISTING as u64).collect(), None)));
    assert!(refused(Response::Listing(vec![3, 3], None)));
    assert!(refused(Response::Items(vec![an_item(1); limits::ITEMS + 1])));
    let long = ShownEntry { checkpoint: String::new(), shown: Shown { path: vec![[0; 32]; suyuan_core::limits::PATH + 1], ..shown() } };
    assert!(refused(Response::Shown(Some(Box::new(long)))));
    let batch = |change: &dyn Fn(&mut Batch)| {
        let mut batch = a_batch();
        change(&mut batch);
        Response::Batch(Some(Box::new(batch)))
    };
    assert!(refused(batch(&|batch| batch.entries = vec![StatementId([0; 32]); limits::BATCH_ENTRIES + 1])));
    assert!(refused(batch(&|batch| batch.items = vec![an_item(0); limits::BATCH_ENTRIES + 1])));
    assert!(refused(batch(&|batch| batch.items[0].statement = vec![0; suyuan_core::limits::STATEMENT + 1])));
    assert!(refused(batch(&|batch| batch.items[0].sections[0].audiences.clear())));
    assert!(refused(batch(&|batch| batch.items[0].sections[0].header = vec![0; HEADER_BYTES + 1])));
}

#[test]
fn what_relays_ask_and_are_asked_keeps_to_its_bounds_and_shapes() {
    let refused = |request: Request| Request::decode(&request.to_bytes(), &ALLIANCE).is_err();
    assert!(refused(Request::Collect(Some(vec![0; limits::CURSOR + 1]))) && !refused(Request::Collect(Some(vec![0; limits::CURSOR]))));
    assert!(refused(Request::Fetch(vec![[0; 32]; limits::TAGS + 1])) && !refused(Request::Fetch(vec![[0; 32]; limits::TAGS])));
    assert!(Request::Fetch(vec![[0; 32]; limits::TAGS]).to_bytes().len() <= 64 * 1024, "it fits into a request");
    let refused = |response: Response| Response::decode(&response.to_bytes(), &ALLIANCE).is_err();
    let collected = |packages| Response::Collected(Some(Collected { cursor: vec![1], packages }));
    let fetched = |packages| Response::Fetched(Some(Fetched { answered: 1, packages }));
    for many in [limits::PACKAGES, limits::PACKAGES + 1] {
        assert_eq!(refused(fetched(vec![package(1, 1); many])), many > limits::PACKAGES);
    }
    for large in [suyuan_core::limits::PACKAGE, suyuan_core::limits::PACKAGE + 1] {
        assert_eq!(refused(fetched(vec![package(1, large)])), large > suyuan_core::limits::PACKAGE);
    }
    assert!(refused(collected(vec![package(2, 1), package(1, 1)])), "not ascending");
    assert!(refused(collected(vec![package(1, 1), package(1, 2)])), "twice");
    assert!(refused(Response::Collected(Some(Collected { cursor: vec![0; limits::CURSOR + 1], packages: Vec::new() }))));
    // A field that is missing, doubled, or of another type.
    let one = [&[0x82, 0x58, 0x20][..], &[7; 32], &[0x41, 9]].concat();
    let good = |kind: u8, first: &[u8], package: &[u8]| [&[0x83, 1, kind, 0x82], first, &[0x81], package].concat();
    let bad = |kind: u8, first: &[u8]| {
        let short = [&[0x82, 0x58, 0x1f][..], &[7; 31], &[0x41, 9]].concat();
        let text = [&[0x82, 0x58, 0x20][..], &[7; 32], &[0x61, 0x39]].concat();
        let three = [&[0x83, 0x58, 0x20][..], &[7; 32], &[0x41, 9, 0x41, 9]].concat();
        let alone = [&[0x81, 0x58, 0x20][..], &[7; 32]].concat();
        let packages = [short, text, three, alone, vec![0xf6], vec![0]].map(|package| good(kind, first, &package));
        let around = [
            vec![0x83, 1, kind, 0x81, 0x80],
            [&[0x83, 1, kind, 0x83], first, &[0x80], first].concat(),
            vec![0x83, 1, kind, 0x80],
            vec![0x83, 1, kind, 0x40],
        ];
        packages.into_iter().chain(around).collect::<Vec<_>>()
    };
    assert!(Response::decode(&good(11, &[0x41, 1], &one), &ALLIANCE).is_ok() && Response::decode(&good(12, &[1], &one), &ALLIANCE).is_ok());
    for bytes in
        bad(11, &[0x41, 1]).into_iter().chain(bad(12, &[1])).chain([good(11, &[1], &one), good(12, &[0x41, 1], &one), good(12, &[0xf6], &one)])
    {
        assert!(Response::decode(&bytes, &ALLIANCE).is_err(), "{bytes:02x?}");
    }
    for bytes in
        [&[0x83, 1, 11, 0][..], &[0x83, 1, 11, 0x61, 0x39], &[0x83, 1, 11, 0x80], &[0x83, 1, 12, 0xf6], &[0x83, 1, 12, 0x41, 7], &[0x83, 1, 12, 0x80]]
    {
        assert!(Request::decode(bytes, &ALLIANCE).is_err(), "{bytes:02x?}");
    }
}

#[test]
fn unknown_kinds_suites_and_shapes_are_refused() {
    let bad: [&[u8]; 9] = [
        &[],
        &[0x83, 2, 0, 0xf6],
        &[0x83, 1, 6, 0xf6],
        &[0x84, 1, 0, 0xf6, 0xf6],
        &[0x83, 1, 0, 0],
        &[0x83, 1, 1, 0xf6],
        &[0x83, 1, 3, 0x41, 0],
        &[0x83, 1, 0x18, 0, 0xf6],
        &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ];
    for bytes in bad {
        assert!(Request::decode(bytes, &ALLIANCE).is_err(), "{bytes:?}");
        assert!(Response::decode(bytes, &ALLIANCE).is_err() || bytes == [0x83, 1, 1, 0xf6], "{bytes:?}");
    }
    let padded = Request::Items { log: log(1), sequences: vec![1] }.to_bytes();
    let number = padded.len() - 3;
    let mut other = padded.clone();
    assert_eq!(other[number], 0);
    other[number] = 1;
    assert!(Request::decode(&other, &ALLIANCE).is_err(), "the number of an items request is zero");
}

#[test]
fn an_items_weight_is_never_less_than_its_bytes() {
    for audiences in 1..=suyuan_core::limits::AUDIENCES {
        let mut item = an_item(u64::from(u32::MAX));
        item.sections[0].audiences = vec![(3, vec![1; 300], Some([1; 48])); audiences];
        item.sections = vec![item.sections[0].clone(); suyuan_core::limits::SECTIONS];
        let mut writer = Writer::with_capacity(64);
        item.write(&mut writer);
        assert!(writer.finish().len() <= item.weight());
    }
}
