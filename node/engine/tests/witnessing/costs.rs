//! What witnessing costs, and that its rows are checked: `specs/benchmarks.md` has the figures that this prints.

use std::time::{Duration, Instant};

use suyuan_core::charter::Role::{Downstream, Leader, Midstream, Upstream};
use suyuan_core::id::Hash;
use suyuan_core::witness::origin_hash;
use suyuan_engine::fsck;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::schema::Table;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::view::{Changes, MemoryView, View};
use suyuan_engine::witnessing::{Desk, cosigned};
use suyuan_engine::writer::{Command, Done};

use crate::desk::Log;
use crate::world::{World, key};

#[test]
fn a_cosignature_costs_less_than_two_milliseconds_and_ten_thousand_logs_open_within_a_second() {
    let world = World::new(&[Leader]);
    let mut rows = world.nodes[0].writer.disk().rows.clone();
    let ledger = world.nodes[0].writer.state().ledger.clone();
    let logs: Vec<Log> = (0..8).map(|seed| Log::new(seed, None, 64)).collect();
    let mut took = Duration::ZERO;
    for size in 1..=64 {
        for log in &logs {
            let request = log.request(size - 1, size).to_string();
            let begun = Instant::now();
            let request = suyuan_core::witness::AddCheckpoint::parse(request.as_bytes()).unwrap();
            let mut desk = Desk::default();
            let accepted = desk.add(&request, Some(&log.key), &ledger, &rows, 1).unwrap().unwrap();
            let mut changes = Changes::default();
            desk.save(&mut changes);
            rows.apply(&changes);
            accepted.sign(&key(0, 3));
            took += begun.elapsed();
        }
    }
    let each = took / (64 * 8);
    println!("a cosignature: {each:?} of the witness's time beside its sync");
    assert!(each < Duration::from_millis(2), "{each:?}");

    let row = rows.row(Table::Cosigned, &origin_hash(&logs[0].key.name)).unwrap().unwrap();
    let mut changes = Changes::default();
    for number in 0u32..10_000 {
        let mut key: Hash = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        changes.put(Table::Cosigned, key, row.clone());
    }
    rows.apply(&changes);
    let begun = Instant::now();
    let opened = Ledger::load(ledger.alliance.clone(), ledger.me, &rows, &LocalKeys::new(&[0; 32]), &EpochSecrets::default()).unwrap();
    assert!(cosigned(&origin_hash(&logs[7].key.name), &rows).unwrap().is_some());
    println!("opened with 10,000 witnessed logs in {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(opened.me, ledger.me);
}

/// How many cosignatures by members the gathered checkpoints have.
fn check(world: &World, rows: &MemoryView) -> Result<usize, String> {
    let (ledger, local) = (&world.nodes[1].writer.state().ledger, LocalKeys::new(&[1; 32]));
    let secrets = world.nodes[1].writer.state().secrets.clone();
    let loaded = Ledger::load(ledger.alliance.clone(), ledger.me, rows, &local, &secrets).map_err(|error| error.to_string())?;
    fsck::check(&loaded, rows, &local, &secrets, |_| {}).map_err(|finding| finding.to_string())?;
    let gathered = loaded.gathered.iter().flat_map(|(_, gathered)| gathered.witnessed.iter().chain(&gathered.newer));
    Ok(gathered.map(|one| one.cosigners.len()).sum())
}

#[test]
fn rows_of_witnessing_that_were_changed_are_noticed() {
    let mut world = World::new(&[Leader, Downstream, Midstream, Upstream]);
    let log = world.nodes[0].own_log();
    world.nodes[0].put(3, 1_000_000);
    world.run(3_000);
    assert_eq!(world.nodes[1].witnessed(&log), 3);
    let rows = world.nodes[1].writer.disk().rows.clone();
    let whole = check(&world, &rows).unwrap();
    for table in [Table::Cosigned, Table::Gathered] {
        let all = rows.rows(table, &[], &[0xff; 40], 100).unwrap();
        assert!(!all.is_empty(), "{table:?}");
        for (key, value) in all {
            for at in 0..value.len() {
                let mut changed = value.clone();
                changed[at] ^= 1;
                let mut changes = Changes::default();
                changes.put(table, key.clone(), changed);
                let mut damaged = rows.clone();
                damaged.apply(&changes);
                let found = check(&world, &damaged);
                // The time of what was cosigned is this node's own word, and is signed anew with it. A line under another name is a stranger's, and is not counted.
                let harmless = found.as_ref().is_ok_and(|count| table == Table::Cosigned || *count < whole);
                assert!(found.is_err() || harmless, "{table:?}, byte {at} of {}", value.len());
            }
        }
    }
}

#[test]
fn the_same_checkpoint_comes_out_of_the_rows_again() {
    let mut world = World::new(&[Leader, Downstream]);
    let origin = origin_hash(&world.nodes[0].own_log().origin());
    let none = world.nodes[1].ask(Command::LastCosigned(origin), 1_000_000).unwrap();
    assert!(matches!(none, Done::LastCosigned(None)));
}
