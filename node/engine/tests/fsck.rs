//! Every row that is changed, lost or added is noticed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use support::{Member, alliance};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::fsck::{self, Report};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::schema::Table;
use suyuan_engine::view::{Changes, MemoryView, View};

const TABLES: [Table; 14] = [
    Table::Log,
    Table::Checkpoint,
    Table::Entry,
    Table::Statement,
    Table::ById,
    Table::Header,
    Table::Content,
    Table::Wrap,
    Table::Tile,
    Table::BySubject,
    Table::Public,
    Table::ByCircle,
    Table::Counter,
    Table::System,
];

fn check(member: &Member, view: &MemoryView) -> Result<Report, String> {
    let ledger = Ledger::load(member.ledger.alliance.clone(), member.id(), view, &member.local, &member.secrets);
    let ledger = ledger.map_err(|error| error.to_string())?;
    fsck::check(&ledger, view, &member.local, &member.secrets, |_| {}).map_err(|finding| finding.to_string())
}

/// G's store, with a log of its own that fills a tile, a circle, and Z's log replicated.
fn world() -> Member {
    let alliance = alliance();
    let (mut g, mut z) = (Member::new(0, &alliance), Member::new(1, &alliance));
    let members = vec![CircleMember { member: z.id(), rights: Rights::Write }];
    let circle = g.open_circle(CircleRequest {
        circle: None,
        name: "trial".into(),
        purpose: String::new(),
        tier: Tier::Codevelopment,
        members,
        terms: Terms::default(),
        until: None,
    });
    z.pull(&g, g.own_log());
    let record = |number: u32| {
        format!(
            r#"{{"records":[{{"type":"inspection","about":["https://id.gs1.org/01/06901234567892/10/L{number}"],"sections":[
            {{"for":"public","fields":{{"n":{number}}}}},{{"for":["{circle}","alliance"],"fields":{{"m":{number}}}}},{{"for":"self","fields":{{"cost":1}}}}]}}]}}"#
        )
    };
    (0..3).for_each(|number| z.put(&record(number)));
    (0..258).for_each(|number| g.put(&record(number)));
    g.pull(&z, z.own_log());
    g
}

#[test]
fn a_whole_store_passes() {
    let g = world();
    let report = check(&g, &g.view).unwrap();
    assert_eq!((report.logs, report.entries, report.statements, report.void), (2, 260 + 3, 260 + 3, 0));
    assert_eq!(report.opened, 2 + 258 * 3 + 3 * 2, "everything but Z's own sections");
}

#[test]
fn every_changed_lost_or_added_row_is_found() {
    let g = world();
    let whole = check(&g, &g.view).unwrap();
    // A damage that could be somebody else's fault is not an error, but it is counted.
    let noticed = |view: &MemoryView| check(&g, view) != Ok(whole);
    let (mut tried, mut silent) = (0, Vec::new());
    for table in TABLES {
        let rows = g.view.rows(table, &[], &[0xff; 80], usize::MAX).unwrap();
        assert!(!rows.is_empty(), "{table:?} has rows to damage");
        // All rows of small tables; the first, some in between and the last of large ones.
        let step = (rows.len() / 6).max(1);
        for (key, value) in rows.iter().step_by(step).chain(rows.last()) {
            let mut damages = vec![None];
            if !value.is_empty() {
                for at in [0, value.len() / 2, value.len() - 1] {
                    let mut changed = value.clone();
                    changed[at] ^= 0x10;
                    damages.push(Some(changed));
                }
                damages.push(Some(value[..value.len() - 1].to_vec()));
            }
            for damage in damages {
                let mut view = g.view.clone();
                view.apply(&Changes { rows: vec![(table, key.clone(), damage.clone())] });
                tried += 1;
                if !noticed(&view) && !may_be_missing(&g, table, key, damage.is_none()) {
                    silent.push((table, hex::encode(key), damage.map(|value| value.len())));
                }
            }
        }
        if table != Table::Log && table != Table::Tile && table != Table::Checkpoint && table != Table::Counter {
            let mut added = rows.last().unwrap().clone();
            *added.0.last_mut().unwrap() ^= 0x40;
            let mut view = g.view.clone();
            view.apply(&Changes { rows: vec![(table, added.0, Some(added.1))] });
            tried += 1;
            if !noticed(&view) {
                silent.push((table, "added".into(), None));
            }
        }
    }
    assert!(tried > 200, "only {tried} damages");
    assert_eq!(silent, [], "damages that nobody noticed, of {tried}");
}

/// A wrap of another member's section may be missing for good reason: it came broken. A checkpoint that is lost is fetched again.
fn may_be_missing(g: &Member, table: Table, key: &[u8], lost: bool) -> bool {
    let others = g.ledger.logs.iter().find(|head| head.id != g.own_log()).unwrap().number.to_be_bytes();
    lost && (table == Table::Checkpoint || (table == Table::Wrap && key.starts_with(&others)))
}
