//! How many messages after each other it takes from a proposal to where its effect is settled at every member.
//!
//! The nodes run the engine's writer, sessions and decisions in lock step. What is sent in one round arrives in the next one, whatever it is, so a round is the
//! time of one message; work and disks take none, and members approve as soon as they see the proposal. Then
//!
//! - a *round trip* is a message and its answer, or one that the answer gives rise to: two rounds;
//! - a *witness round* is what it takes from an entry of the keeper to where all members have all cosignatures of it: the keeper says that its log has grown, the
//!   entry is asked for, it is given, and every voter tells everybody its cosignature: four rounds.
//!
//! `cargo test --release -p suyuan-engine --test finality -- --nocapture` prints what `specs/benchmarks.md` has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]
// The tests are not pure: they look at a clock.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../support/steady.rs"]
mod steady;
mod world;

use suyuan_core::StatementId;
use suyuan_core::membership::{Agreement, Amendment, Change};
use suyuan_engine::decisions::{Choice, ProposalRequest, VoteRequest};
use suyuan_engine::writer::{Command, Done};
use world::World;

const ROUND_TRIP: u64 = 2;
const WITNESS_ROUND: u64 = 4;
/// Three round trips and two witness rounds.
const BOUND: u64 = 3 * ROUND_TRIP + 2 * WITNESS_ROUND;

/// Rounds from the proposal on, by what was reached everywhere.
#[derive(Debug, Default)]
struct Took {
    approved: u64,
    ordered: u64,
    settled: u64,
}

fn propose(world: &mut World, by: usize, change: Change) -> StatementId {
    let request = ProposalRequest { change, expires: 1 << 50, reason: String::new(), signers: Vec::new(), threshold: None };
    let Done::Written(receipt) = world.ask(by, Command::Propose(Box::new(request))).unwrap() else { panic!("not proposed") };
    receipt.ids[0]
}

/// All members approve what they see.
fn approve(world: &mut World, proposal: StatementId) {
    for at in 0..world.nodes.len() {
        let (decisions, me) = (world.nodes[at].decisions(), world.nodes[at].me());
        let open = decisions.proposals().contains_key(&proposal) && !decisions.approvals(&proposal).contains_key(&me);
        if open && world.nodes[at].decisions().tip().decided.iter().all(|decided| decided.resolved.id != proposal) {
            world.ask(at, Command::Vote(VoteRequest { proposal, choice: Choice::Approve, comment: String::new() })).unwrap();
        }
    }
}

/// Rounds until the effect is settled at every member, for a change that a member proposes.
fn decide(world: &mut World, by: usize, change: Change) -> Took {
    let proposal = propose(world, by, change);
    let (begun, mut took) = (world.round, Took::default());
    approve(world, proposal);
    world.work();
    loop {
        world.step();
        approve(world, proposal);
        world.work();
        let rounds = world.round - begun;
        let all = |reached: &dyn Fn(&suyuan_engine::decisions::Decisions) -> bool| world.nodes.iter().all(|node| reached(node.decisions()));
        let note = |when: &mut u64, reached: bool| *when = if *when == 0 && reached { rounds } else { *when };
        note(&mut took.approved, world.nodes[0].decisions().tip().decided.iter().any(|decided| decided.resolved.id == proposal));
        note(&mut took.ordered, all(&|decisions| decisions.tip().decided.iter().any(|decided| decided.resolved.id == proposal)));
        let settled = |decisions: &suyuan_engine::decisions::Decisions| {
            let order = decisions.settled();
            order.decided.iter().any(|decided| decided.resolved.id == proposal && order.is_settled(decided))
        };
        note(&mut took.settled, all(&settled));
        if took.settled > 0 {
            return took;
        }
        assert!(rounds < 500, "{took:?}");
    }
}

#[test]
fn a_resolution_among_32_is_final_within_three_round_trips_and_two_witness_rounds() {
    for members in [4, 32] {
        let mut world = World::new(members);
        let agreed = decide(&mut world, members - 1, Change::Agree(Agreement { title: "price".into(), text: "one".into() }));
        (0..20).for_each(|_| world.step());
        let purpose = Amendment { purpose: Some("another".into()), ..Amendment::default() };
        let changed = decide(&mut world, 1, Change::Charter(Box::new(purpose)));
        println!("{members} members, rounds until written by the keeper, held by all, settled at all: agreement {agreed:?}, charter {changed:?}");
        assert!(agreed.settled <= BOUND && changed.settled <= BOUND, "{members} members: {agreed:?} {changed:?}, at most {BOUND}");
    }
}
