//! Members exchange their keys while the alliance goes on (`specs/membership.md`, Keys): everybody follows, and nobody is cut off or blamed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "../replays/node.rs"]
#[allow(dead_code)]
mod node;
mod recovery;
mod relayed;
#[path = "../replays/world.rs"]
#[allow(dead_code)]
mod world;

use suyuan_core::log::LogId;
use suyuan_core::membership::{Agreement, Change, KeyChange, Removal};
use suyuan_core::note::UnverifiedCheckpoint;
use suyuan_core::policy::{checkpoint_key, witness_key};
use suyuan_core::{Fault, StatementId};
use suyuan_engine::decisions::{Choice, ProposalRequest, VoteRequest};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::limits;
use suyuan_engine::replica::BatchError;
use suyuan_engine::waiting::Reason;
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::witnessing::{Cosignature, Gatherings, Merged, VerifiedCosignature, is_doubtful};
use suyuan_engine::writer::{Command, Disk, Done, SubmitError, WantedKeys};

use crate::node::key;
use crate::world::World;

const ALL: WantedKeys = WantedKeys { log: true, witness: true, transport: true, encryption: true };

/// The leader has founded the alliance, and everybody knows it.
fn founded() -> World {
    let mut world = World::new();
    world.ask(0, Command::Found);
    world.settle();
    world
}

fn drawn(world: &mut World, member: usize) -> KeyChange {
    let alliance = world.nodes[member].state().ledger.alliance.id();
    let Done::Keys(change) = world.ask(member, Command::Keys(ALL)) else { panic!("no keys") };
    change.with_root(&alliance, &key(member, 1))
}

/// The member proposes and approves; says the proposal.
fn approve(world: &mut World, member: usize, change: KeyChange) -> StatementId {
    let request = ProposalRequest { change: Change::Keys(change), expires: 1 << 50, reason: String::new(), signers: Vec::new(), threshold: None };
    let Done::Written(receipt) = world.ask(member, Command::Propose(Box::new(request))) else { panic!("not proposed") };
    let proposal = receipt.ids[0];
    world.ask(member, Command::Vote(VoteRequest { proposal, choice: Choice::Approve, comment: String::new() }));
    proposal
}

fn log(world: &World, member: usize) -> LogId {
    world.nodes[member].own_log()
}

#[test]
fn whoever_exchanges_all_keys_writes_on_and_everybody_follows() {
    for member in 0..5 {
        let mut world = founded();
        let circle = world.circle(1, None, &[0, 2, 3, 4]);
        let change = drawn(&mut world, member);
        let proposal = approve(&mut world, member, change.clone());
        world.settle();
        for node in &world.nodes {
            let known = node.state().ledger.alliance.member(&change.member).unwrap();
            let wanted = (change.log.unwrap().0, change.witness.unwrap().0);
            assert_eq!(
                (known.log.to_bytes(), known.witness.to_bytes()),
                wanted,
                "{member} at {}: {:?}",
                node.me(),
                node.state().ledger.decisions.standing(&proposal, world.now)
            );
        }
        // A regulator writes for itself alone.
        world.submit(member, "self", 40);
        world.settle();
        world.circle(1, Some(circle), &[0, 2, 3, 4]);
        world.submit(1, &circle.to_string(), 1);
        world.settle();
        let size = world.nodes[member].size(&log(&world, member));
        assert!(size > change.size);
        for node in &world.nodes {
            assert_eq!(node.size(&log(&world, member)), size, "everybody has all of the log of {member}");
            let ledger = &node.state().ledger;
            if node.me() != change.member {
                let epoch = ledger.circles.circle(&circle).unwrap().epoch();
                assert_eq!(epoch, 2);
            }
            let known = ledger.alliance.member(&change.member).unwrap();
            let note = world.nodes[member].checkpoint().unwrap();
            let new = checkpoint_key(&log(&world, member), known, size).unwrap();
            assert_eq!(new.key.to_bytes(), change.log.unwrap().0, "the new key signs the checkpoint");
            UnverifiedCheckpoint::parse(note).unwrap().verify(&new, &[]).unwrap();
        }
        // What is sealed for a circle with the new encryption key opens for its owner.
        let reader = &world.nodes[member];
        assert_eq!(reader.state().ledger.circles.circle(&circle).unwrap().epoch(), 2, "the new key opens the slip of the second epoch");
        assert!(reader.state().secrets.of(&circle, 2).is_some());
    }
}

/// A change that is certified and not settled may still be lost, and may still come into force: which key signs is known from when it is settled, not before.
#[test]
fn from_its_approval_until_it_is_in_force_a_change_of_the_log_key_binds_its_member() {
    let mut world = founded();
    let change = drawn(&mut world, 1);
    approve(&mut world, 1, change.clone());
    let mut certified = false;
    loop {
        let ledger = &world.nodes[1].state().ledger;
        let known = ledger.alliance.member(&change.member).unwrap().log.to_bytes();
        let in_force = known == change.log.unwrap().0;
        assert_eq!(ledger.decisions.key_change_at(&change.member).is_none(), in_force);
        certified |= !in_force && ledger.decisions.settled().is_pending();
        if in_force {
            break;
        }
        world.exchange();
    }
    assert!(certified, "there was a moment at which it was certified, and waited to be settled");
}

/// The end of a log is witnessed though its member exchanges the key that it cosigns with right after it.
#[test]
fn the_newest_checkpoint_is_cosigned_anew_when_its_member_has_another_witness_key() {
    let mut world = founded();
    world.submit(1, "public", 3);
    world.settle();
    let alliance = world.nodes[1].state().ledger.alliance.id();
    let wanted = WantedKeys { witness: true, ..WantedKeys::default() };
    let Done::Keys(change) = world.ask(1, Command::Keys(wanted)) else { panic!("no keys") };
    approve(&mut world, 1, change.with_root(&alliance, &key(1, 1)));
    world.settle();
    let node = &world.nodes[1];
    let known = node.state().ledger.alliance.member(&node.me()).unwrap();
    assert_ne!(known.witness, key(1, 3).public());
    let note = UnverifiedCheckpoint::parse(node.checkpoint().unwrap()).unwrap();
    assert_eq!(note.claimed_size(), node.size(&node.own_log()));
    assert!(note.claimed_cosignature(&witness_key(&node.state().ledger.alliance, known)).is_some(), "by the key of today");
    let reloaded = reloaded(&world, 1);
    assert_eq!(
        reloaded.gathered.of(&node.own_log()).and_then(|gathered| gathered.witnessed.as_ref()).map(|one| one.head.size),
        Some(note.claimed_size())
    );
}

#[test]
fn nothing_is_written_where_it_is_not_known_which_key_signs() {
    let mut world = founded();
    let change = drawn(&mut world, 1);
    approve(&mut world, 1, change.clone());
    let mut waiting = 0;
    for number in 0..2 * limits::KEY_CHANGE_ROOM {
        let body = format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"public","fields":{{"n":{number}}}}}]}}]}}"#);
        let node = &world.nodes[1];
        let submissions = suyuan_engine::submission::parse(body.as_bytes(), &node.state().ledger.alliance, &node.me()).unwrap();
        match world.ask(1, Command::Submit { submissions, once: None }) {
            Done::Written(_) => assert_eq!(waiting, 0, "nothing overtakes what waits"),
            Done::Waiting(waits) => {
                assert_eq!(waits.reason, Reason::KeyChange);
                waiting += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(waiting > 0);
    let own = log(&world, 1);
    assert_eq!(world.nodes[1].size(&own), change.size - limits::KEY_CHANGE_RESERVE, "the last entries are the protocol's");
    world.settle();
    assert!(world.nodes[1].state().waiting.is_empty(), "once it is settled, what has waited is written");
    world.submit(1, "public", 20);
    assert!(world.nodes[1].size(&own) > change.size, "and the member writes on");
    world.settle();
    assert!(world.nodes.iter().all(|node| node.size(&own) == world.nodes[1].size(&own)));
}

/// Proposes one thing after another, until there is no room for that before the new key.
fn fill(world: &mut World, member: usize) {
    for number in 0..limits::KEY_CHANGE_ROOM {
        let agreement = Change::Agree(Agreement { title: format!("matter {number}"), text: String::new() });
        let request = ProposalRequest { change: agreement, expires: 1 << 50, reason: String::new(), signers: Vec::new(), threshold: None };
        let now = world.now;
        if let Err(refused) = world.nodes[member].ask(Command::Propose(Box::new(request)), now) {
            assert!(refused.to_string().contains("log key"), "{refused}");
            return;
        }
    }
    panic!("a change of the log key binds nobody");
}

/// The member proposes and approves what nobody decides in time, writes until there is no room, and says from where on it may not.
fn late(world: &mut World, member: usize) -> Option<u64> {
    let change = drawn(world, member);
    let expires = world.now + 1000;
    let request = ProposalRequest { change: Change::Keys(change), expires, reason: String::new(), signers: Vec::new(), threshold: None };
    let Done::Written(receipt) = world.ask(member, Command::Propose(Box::new(request))) else { panic!("not proposed") };
    world.ask(member, Command::Vote(VoteRequest { proposal: receipt.ids[0], choice: Choice::Approve, comment: String::new() }));
    fill(world, member);
    world.now += 2000;
    world.settle();
    world.nodes[member].state().ledger.decisions.key_change_at(&world.nodes[member].me())
}

/// What proves that it is too late is an entry that is later: without one its member would be silent for good.
#[test]
fn a_change_of_keys_that_came_too_late_binds_its_member_no_longer() {
    for member in [0, 1] {
        let mut world = founded();
        let first = drawn(&mut world, 2);
        approve(&mut world, 2, first);
        world.settle();
        assert_eq!(late(&mut world, member), None, "{member}");
        world.submit(member, "public", 40);
        world.settle();
    }
}

/// Before anything was decided no entry can say how late it is; the first of the next term does.
#[test]
fn where_nothing_was_decided_yet_another_term_frees_the_member() {
    for member in [0, 1] {
        let mut world = founded();
        assert!(late(&mut world, member).is_some());
        let decisions = &world.nodes[member].state().ledger.decisions;
        assert_eq!(decisions.tip().term, 1);
        world.now += decisions.patience();
        world.settle();
        world.now += 1000;
        world.settle();
        let decisions = &world.nodes[member].state().ledger.decisions;
        assert_eq!((decisions.tip().term, decisions.key_change_at(&world.nodes[member].me())), (2, None));
        world.submit(member, "public", 40);
        world.settle();
    }
}

/// A keeper that has no room for what was decided, before its own new log key, leaves it to another one.
#[test]
fn a_keeper_without_room_goes_on_to_vote_for_the_next() {
    let mut world = founded();
    let matter = world.propose(1, Change::Agree(Agreement { title: "matter".into(), text: String::new() }));
    world.settle();
    world.away = [0].into();
    world.approve(&[1, 2, 3], matter);
    world.settle();
    let change = drawn(&mut world, 0);
    approve(&mut world, 0, change);
    fill(&mut world, 0);
    // Three are there of four, so it takes this one too.
    world.away = [3].into();
    for _ in 0..4 {
        world.settle();
        world.now += world.nodes[0].state().ledger.decisions.patience();
    }
    let decisions = &world.nodes[1].state().ledger.decisions;
    assert!(decisions.settled().term > 1 && decisions.settled().decided.iter().any(|decided| decided.resolved.id == matter));
}

/// Keys that were drawn twice, since they were still free the first time, and came into use by the first change: the second can never take effect.
#[test]
fn a_change_to_keys_that_are_in_use_by_now_binds_nobody() {
    let mut world = founded();
    let (first, second) = (drawn(&mut world, 1), drawn(&mut world, 1));
    assert_eq!(first.log, second.log);
    approve(&mut world, 1, first);
    while !world.nodes[1].state().ledger.decisions.tip().is_pending() {
        world.exchange();
    }
    approve(&mut world, 1, second);
    world.settle();
    assert_eq!(world.nodes[1].state().ledger.decisions.key_change_at(&world.nodes[1].me()), None);
    world.submit(1, "public", 40);
    world.settle();
}

/// Records that are committed together with the approval of a change of keys stay before it.
#[test]
fn records_that_come_with_an_approval_leave_room_before_the_new_key() {
    let mut world = founded();
    let change = drawn(&mut world, 1);
    let request =
        ProposalRequest { change: Change::Keys(change.clone()), expires: 1 << 50, reason: String::new(), signers: Vec::new(), threshold: None };
    let Done::Written(receipt) = world.ask(1, Command::Propose(Box::new(request))) else { panic!("not proposed") };
    let vote = VoteRequest { proposal: receipt.ids[0], choice: Choice::Approve, comment: String::new() };
    let body = r#"{"records":[{"type":"note","sections":[{"for":"public","fields":{"n":1}}]}]}"#;
    let node = &world.nodes[1];
    let submissions = suyuan_engine::submission::parse(body.as_bytes(), &node.state().ledger.alliance, &node.me()).unwrap();
    let note = || Command::Submit { submissions: submissions.clone(), once: None };
    let commands = (0..limits::KEY_CHANGE_ROOM).map(|_| note()).chain([Command::Vote(vote)]).chain((0..limits::KEY_CHANGE_ROOM).map(|_| note()));
    let now = world.now;
    let told = world.nodes[1].ask_all(commands.collect(), now);
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    let own = log(&world, 1);
    assert_eq!(world.nodes[1].size(&own), change.size - limits::KEY_CHANGE_RESERVE);
    world.settle();
    assert!(world.nodes[1].state().waiting.is_empty());
    assert!(world.nodes.iter().all(|node| node.size(&own) == world.nodes[1].size(&own)), "everybody takes all of it");
}

#[test]
fn a_change_that_its_member_could_not_live_by_is_refused() {
    let mut world = founded();
    let (alliance, member) = (world.nodes[1].state().ledger.alliance.id(), world.nodes[1].me());
    let foreign = key(9, 2);
    let bare = KeyChange {
        member,
        log: Some(StatementId(foreign.public().to_bytes())),
        witness: None,
        transport: None,
        encryption: None,
        size: 500,
        signatures: Vec::new(),
    };
    let strange = bare.signed(&alliance, &[&key(1, 1), &foreign]);
    let good = drawn(&mut world, 1);
    let keys = (good.log, good.witness, good.transport, good.encryption);
    let near = KeyChange { size: world.nodes[1].size(&log(&world, 1)) + 1, ..good.clone() };
    for (change, why) in [(strange, "private halves"), (near, "too close")] {
        let request = ProposalRequest { change: Change::Keys(change), expires: 1 << 50, reason: String::new(), signers: Vec::new(), threshold: None };
        let now = world.now;
        let refused = world.nodes[1].ask(Command::Propose(Box::new(request)), now).unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
    // It was near enough when it was proposed; when it is approved the log has grown over it.
    let request = ProposalRequest { change: Change::Keys(good), expires: 1 << 50, reason: String::new(), signers: Vec::new(), threshold: None };
    let Done::Written(receipt) = world.ask(1, Command::Propose(Box::new(request))) else { panic!("not proposed") };
    world.submit(1, "public", 20);
    let now = world.now;
    let vote = VoteRequest { proposal: receipt.ids[0], choice: Choice::Approve, comment: String::new() };
    let refused = world.nodes[1].ask(Command::Vote(vote), now).unwrap_err();
    assert!(refused.to_string().contains("too close"), "{refused}");
    // Trying again takes the same keys, which nobody knows yet.
    let again = drawn(&mut world, 1);
    assert_eq!((again.log, again.witness, again.transport, again.encryption), keys);
    let nothing = world.nodes[1].ask(Command::Keys(WantedKeys::default()), now).unwrap_err();
    assert!(nothing.to_string().contains("at least one"), "{nothing}");
}

/// What a node would know after a restart.
fn reloaded(world: &World, at: usize) -> Ledger {
    let (state, disk) = (world.nodes[at].state(), world.nodes[at].disk());
    Ledger::load(state.ledger.founded.clone(), world.nodes[at].me(), &disk.rows, disk.keys().local, &state.secrets).unwrap()
}

/// What a node makes of another one's answer to a pull of a member's log.
fn pull(world: &mut World, from: usize, to: usize, of: usize) -> Result<Done, SubmitError> {
    let log = log(world, of);
    let size = world.nodes[to].size(&log);
    let Response::Batch(Some(batch)) = world.answer(from, to, &Request::Pull { log, from: size }) else { panic!("nothing to pull") };
    let now = world.now;
    world.nodes[to].ask(Command::TakeIn(batch), now)
}

fn history(world: &World, from: usize, to: usize) -> Vec<u8> {
    let Response::History(Some(history)) = world.answer(from, to, &Request::History) else { panic!("no history") };
    history
}

/// While node 3 is away all others exchange all keys, the keeper among them, whose own log holds the order.
fn while_one_was_away() -> World {
    let mut world = founded();
    world.away = [3].into();
    for member in [1, 0, 2, 4] {
        let change = drawn(&mut world, member);
        approve(&mut world, member, change);
        world.settle();
        world.submit(member, "self", 28);
        world.settle();
    }
    world
}

#[test]
fn whoever_was_away_finds_all_keys_changed_and_catches_up_by_the_history() {
    let mut world = while_one_was_away();
    let version = world.nodes[3].state().ledger.alliance.version();
    for of in [0, 1, 2, 4] {
        assert_eq!(pull(&mut world, of, 3, of).unwrap_err(), SubmitError::Batch(BatchError::UnknownKey { version }), "nobody is to blame");
    }
    let given = history(&world, 1, 3);
    let Done::Learned(Ok(learned)) = world.ask(3, Command::Learn(given)) else { panic!("not learned") };
    assert_eq!(learned, world.nodes[0].state().ledger.alliance.version());
    // What was learned outlives a restart, before a single entry of it has come.
    let again = reloaded(&world, 3);
    assert_eq!(again.alliance.version(), learned);
    // And after all of them have, in their keepers' log, before anybody has told of a head.
    pull(&mut world, 0, 3, 0).unwrap();
    assert_eq!(reloaded(&world, 3).alliance.version(), learned);
    world.away.clear();
    world.settle();
    for of in 0..5 {
        let log = log(&world, of);
        assert_eq!(world.nodes[3].size(&log), world.nodes[of].size(&log), "log of {of}");
    }
    assert_eq!(reloaded(&world, 3).alliance.version(), learned);
    world.submit(3, "public", 1);
    world.settle();
}

#[test]
fn a_history_that_does_not_hold_changes_nothing() {
    let mut world = while_one_was_away();
    let good = history(&world, 1, 3);
    let before = world.nodes[3].snapshot();
    for at in (0..good.len()).step_by(good.len() / 150) {
        let mut bent = good.clone();
        bent[at] ^= 1;
        let Done::Learned(learned) = world.ask(3, Command::Learn(bent)) else { panic!("not judged") };
        // A cosignature more or less may leave it whole.
        if learned.is_ok() {
            break;
        }
        world.nodes[3].compare(&before, 3);
    }
    let known = history(&world, 1, 1);
    let before = world.nodes[1].snapshot();
    let Done::Learned(Ok(version)) = world.ask(1, Command::Learn(known)) else { panic!("not judged") };
    assert_eq!(version, world.nodes[1].state().ledger.alliance.version());
    world.nodes[1].compare(&before, 1);
}

#[test]
fn a_new_transport_key_is_used_after_an_eighth_of_t_and_the_former_one_forgotten_after_t() {
    let mut world = founded();
    let change = drawn(&mut world, 1);
    let member = world.nodes[1].me();
    approve(&mut world, 1, change.clone());
    world.settle();
    let ledger = &world.nodes[2].state().ledger;
    let (decisions, known) = (&ledger.decisions, ledger.alliance.member(&member).unwrap());
    let seal = ledger.alliance.charter().seal;
    let settled = decisions.settled();
    let time = settled.decided.last().unwrap().time;
    let (old, new) = (key(1, 4).public().to_bytes(), change.transport.unwrap().0);
    let at = |now| decisions.transports(known, now);
    assert_eq!((at(time).used, at(time).others), (old, vec![(new, u64::MAX)]));
    let switch = time + seal / 8;
    assert_eq!(decisions.next_transport(time), Some(switch));
    assert_eq!(at(switch - 1).used, old);
    assert_eq!((at(switch).used, at(switch).others), (new, vec![(old, time + seal)]));
    assert_eq!((at(time + seal).used, at(time + seal).others), (new, Vec::new()));
    assert_eq!(decisions.next_transport(switch), None);
    let other = ledger.alliance.member(&world.nodes[2].me()).unwrap();
    assert_eq!(at(time).used, old);
    assert_eq!(decisions.transports(other, time).others, Vec::new(), "nobody else has changed anything");
}

#[test]
fn what_a_member_cosigned_before_it_heard_of_its_own_change_is_nobody_s_fault() {
    let mut world = founded();
    let (founding, log) = (world.nodes[1].state().ledger.alliance.clone(), log(&world, 1));
    world.submit(1, "public", 1);
    let note = world.nodes[1].checkpoint().unwrap().to_owned();
    let told = Cosignature::of_author(&note, &log, &founding).unwrap();
    let early = VerifiedCosignature::check(told.clone(), &founding).unwrap();
    let change = drawn(&mut world, 1);
    approve(&mut world, 1, change);
    world.settle();
    let today = &world.nodes[2].state().ledger.alliance;
    assert_eq!(VerifiedCosignature::check(told.clone(), today).unwrap_err(), Fault::Cosignature);
    let checked = |told: &Cosignature, by| VerifiedCosignature::check_told(vec![told.clone()], by, today);
    assert_eq!(checked(&told, &log.member), Ok(Vec::new()), "it is passed over");
    let forged = Cosignature { seconds: told.seconds + 1, ..told.clone() };
    assert_eq!(checked(&forged, &log.member), Err(Fault::Cosignature), "not so what neither key made");
    assert_eq!(checked(&told, &world.nodes[0].me()), Err(Fault::Author));
    // One that was checked before, and waited for its entries or for the writer, does not become one by the new key.
    let node = &world.nodes[2];
    let mut gathered = Gatherings::default();
    assert_eq!(gathered.merge(&early, &node.state().ledger, node.disk().rows()).unwrap(), Merged::Known);
    assert!(gathered.of(&log).is_none());
}

#[test]
fn a_cosignature_is_nobody_s_fault_whose_log_is_a_newcomer_s_or_that_of_somebody_who_has_left() {
    let mut world = founded();
    let (founding, log) = (world.nodes[3].state().ledger.alliance.clone(), log(&world, 3));
    world.submit(3, "public", 1);
    let told = Cosignature::of_author(world.nodes[3].checkpoint().unwrap(), &log, &founding).unwrap();
    let told = Cosignature { witness: world.nodes[2].me(), ..told };
    let removal = Removal { member: log.member, size: 0, root: StatementId([0; 32]) };
    world.decide(0, Change::Remove(removal));
    let today = world.nodes[0].state().ledger.alliance.clone();
    assert!(today.active(&log.member).is_none());
    let checked = |told: Cosignature| VerifiedCosignature::check_told(vec![told], &world.nodes[2].me(), &today);
    assert_eq!(checked(told.clone()), Ok(Vec::new()), "whoever told of it may not have heard yet");
    let nobody = LogId { member: suyuan_core::MemberId([9; 32]), ..log };
    let fault = checked(Cosignature { log: nobody, ..told }).unwrap_err();
    assert!(is_doubtful(fault), "{fault}: it may be somebody who is new");
    assert!(![Fault::Form, Fault::Note].into_iter().any(is_doubtful));
}
