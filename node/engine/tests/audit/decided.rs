//! Witnesses, and what the alliance decided: whole nodes that cosign, propose, vote and settle.

use std::collections::BTreeSet;

use suyuan_core::MemberId;
use suyuan_core::cbor::Writer;
use suyuan_core::charter::Role;
use suyuan_core::membership::{Amendment, Change};
use suyuan_core::witness::origin_hash;
use suyuan_engine::audit::{Blame, Kind, Report};
use suyuan_engine::decisions::{Choice, ProposalRequest, VoteRequest};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::query::Reader;
use suyuan_engine::schema::{Row, Table, log_key};
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::view::{Changes, MemoryView, View};
use suyuan_engine::writer::{Command, Disk, Done};

use super::world::{World, charter_file};
use super::{finish, kinds, one, wrong};

const ROLES: [Role; 3] = [Role::Leader, Role::Midstream, Role::Downstream];

fn at(world: &World, index: usize, view: &MemoryView, now: u64) -> Report {
    let node = &world.nodes[index].writer;
    let state = node.state();
    let ledger = Ledger::load(state.ledger.founded.clone(), state.ledger.me, view, node.disk().keys().local, &state.secrets).unwrap();
    let (secrets, published) = (EpochSecrets::default(), state.published.as_ref().map(|published| published.checkpoint.as_str()));
    let reader = Reader { ledger: &ledger, secrets: &secrets, local: node.disk().keys().local, view, published };
    finish(&reader, &charter_file(&ROLES).to_bytes(), now)
}

fn rows(world: &World, index: usize) -> MemoryView {
    world.nodes[index].writer.disk().rows.clone()
}

/// Three members whose logs are all witnessed.
fn witnessed() -> World {
    let mut world = World::new(&ROLES);
    for node in &mut world.nodes {
        node.put(3, 1_000_000);
    }
    world.run(5_000);
    world
}

/// The newest time at which anything was witnessed, milliseconds; T is an hour.
fn newest(report: &Report) -> u64 {
    report.logs.iter().flat_map(|log| &log.cosigned).filter_map(|one| one.standing.time).min().unwrap() * 1000
}

#[test]
fn who_witnesses_is_told_and_what_is_older_than_t_is_open() {
    let world = witnessed();
    let view = rows(&world, 0);
    let now = newest(&at(&world, 0, &view, 0));
    let report = at(&world, 0, &view, now);
    assert_eq!(wrong(&report), []);
    assert!(!kinds(&report).contains(&Kind::Stale) && !kinds(&report).contains(&Kind::Unwitnessed), "{:?}", report.findings);
    for log in &report.logs {
        let cosigned = &log.cosigned[0];
        assert_eq!((cosigned.head.size, cosigned.standing.needed, log.signatures), (3, 1, if log.masked == 0 { 3 } else { 0 }));
        assert!(cosigned.standing.witnessed() && cosigned.cosigners.len() >= 2, "its author and one witness at least");
    }
    let later = at(&world, 0, &view, now + 3_602_000);
    assert_eq!(later.findings.listed.iter().filter(|finding| finding.kind == Kind::Stale).count(), 3);
    assert!(later.findings.nothing_wrong(), "it is open, not wrong");
    assert_eq!(one(&later, Kind::Stale).blame, Blame::Witnesses);
}

#[test]
fn cosignatures_that_do_not_verify_are_found() {
    let world = witnessed();
    let log = world.nodes[1].own_log();
    let number = world.nodes[0].writer.state().ledger.logs.head(&log).number;
    let mut view = rows(&world, 0);
    let mut row = view.row(Table::Gathered, &log_key(number)).unwrap().unwrap();
    // In the base64 of the last line.
    let end = row.windows(2).rposition(|pair| pair == b"=\n").or_else(|| row.iter().rposition(|byte| *byte == b'\n')).unwrap();
    row[end - 20] = if row[end - 20] == b'A' { b'B' } else { b'A' };
    view.apply(&Changes { rows: vec![(Table::Gathered, log_key(number).to_vec(), Some(row))] });
    let report = at(&world, 0, &view, 0);
    assert_eq!(wrong(&report), [(Kind::Cosignature, Some(log), None)]);
}

#[test]
fn what_this_node_cosigned_is_held_against_the_entries() {
    let world = witnessed();
    let log = world.nodes[1].own_log();
    let mut view = rows(&world, 0);
    let mut writer = Writer::with_capacity(512);
    writer.array(5).text(&log.origin()).uint(2).bytes(&[9; 32]).uint(1).text(&format!("\u{2014} {} AAAAAAAA\n", log.origin()));
    view.apply(&Changes { rows: vec![(Table::Cosigned, origin_hash(&log.origin()).to_vec(), Some(writer.finish()))] });
    let report = at(&world, 0, &view, 0);
    assert_eq!(wrong(&report), [(Kind::Cosigned, Some(log), None)]);
}

/// The alliance after it has decided twice: another purpose, another T.
fn decided() -> World {
    let mut world = World::new(&ROLES);
    let all: BTreeSet<MemberId> = world.alliance.members().iter().map(|member| member.id).collect();
    settle(&mut world, &all);
    for amendment in [Amendment { purpose: Some("new".into()), ..Amendment::default() }, Amendment { seal: Some(3_600_000), ..Amendment::default() }]
    {
        let change = Change::Charter(Box::new(amendment));
        let request = ProposalRequest { change, expires: 9_000_000, reason: "because".into(), signers: Vec::new(), threshold: None };
        let Done::Written(receipt) = ask(&mut world, 1, Command::Propose(Box::new(request))) else { panic!("not proposed") };
        world.run(1_000);
        for index in 0..ROLES.len() {
            let vote = VoteRequest { proposal: receipt.ids[0], choice: Choice::Approve, comment: String::new() };
            ask(&mut world, index, Command::Vote(vote));
        }
        settle(&mut world, &all);
    }
    world
}

fn wall(world: &World) -> u64 {
    1_000_000 + world.now
}

fn ask(world: &mut World, index: usize, command: Command) -> Done {
    let now = wall(world);
    world.nodes[index].ask(command, now).unwrap()
}

/// Lets everybody do what is due, and tells everybody the heads.
fn settle(world: &mut World, all: &BTreeSet<MemberId>) {
    ask(world, 0, Command::Found);
    for _ in 0..20 {
        world.step();
        for index in 0..world.nodes.len() {
            ask(world, index, Command::Decide(all.clone()));
            let heads = world.nodes[index].writer.state().ledger.decisions.heads().to_send();
            for other in (0..world.nodes.len()).filter(|other| *other != index) {
                ask(world, other, Command::Heads(heads.clone()));
            }
        }
    }
}

#[test]
fn every_decision_is_followed_from_the_founding_on() {
    let world = decided();
    for index in 0..ROLES.len() {
        let report = at(&world, index, &rows(&world, index), wall(&world));
        assert_eq!(wrong(&report), []);
        let order = report.order.unwrap();
        assert_eq!((order.version, order.terms.len(), order.terms[0].keeper), (2, 1, world.nodes[0].me()));
        assert_eq!(order.terms[0].entries, order.entries);
        let decided: Vec<_> = order.decided.iter().map(|one| (one.version, one.kind, one.approvers.len())).collect();
        assert_eq!(decided, [(1, "charter", 3), (2, "charter", 3)]);
        let head = order.heads.iter().find(|head| head.certified).unwrap();
        assert!(head.size == order.entries && !head.cosigners.is_empty(), "{head:?}");
    }
    let late = at(&world, 1, &rows(&world, 1), wall(&world) + 10 * 3_600_000);
    assert!(kinds(&late).contains(&Kind::OrderStale) && late.findings.nothing_wrong());
}

#[test]
fn a_decision_that_is_not_here_or_has_no_quorum_is_found() {
    let world = decided();
    let state = world.nodes[1].writer.state();
    let (ledger, published) = (&state.ledger, state.published.as_ref().map(|published| published.checkpoint.as_str()));
    let whole = rows(&world, 1);
    let id = ledger.decisions.settled().entries().next().unwrap();
    let row = Row::from_key(&whole.row(Table::ById, &id.0).unwrap().unwrap()).unwrap();
    let running = |view: &MemoryView, ledger: &Ledger| {
        let (secrets, keys) = (EpochSecrets::default(), world.nodes[1].writer.disk().keys());
        finish(&Reader { ledger, secrets: &secrets, local: keys.local, view, published }, &charter_file(&ROLES).to_bytes(), wall(&world))
    };
    // Lost under a running node, which still knows what it said.
    let mut view = whole.clone();
    view.apply(&Changes { rows: vec![(Table::Statement, row.key().to_vec(), None)] });
    let report = running(&view, ledger);
    assert_eq!(wrong(&report), [(Kind::OrderMissing, None, None)]);
    assert!(report.order.is_none() && one(&report, Kind::OrderMissing).detail.contains(&id.to_string()));
    // Another founding than that of its members: nothing follows from it.
    let mut other = ledger.as_ref().clone();
    other.founded.alliance = super::support::alliance();
    let report = running(&whole, &other);
    assert!(one(&report, Kind::OrderEntry).detail.starts_with("entry "), "{:?}", report.findings);
    // A head that lost its signatures.
    let (key, mut value) = whole.rows(Table::OrderHead, &[], &[0xff; 10], 1).unwrap().remove(0);
    let middle = value.len() - 30;
    value[middle] = if value[middle] == b'A' { b'B' } else { b'A' };
    let mut view = whole.clone();
    view.apply(&Changes { rows: vec![(Table::OrderHead, key, Some(value))] });
    assert!(wrong(&running(&view, ledger)).contains(&(Kind::OrderHead, None, None)));
}
