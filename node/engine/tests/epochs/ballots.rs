//! A member has one vote in a ballot, whoever asks for it at the same time.

use suyuan_core::StatementId;
use suyuan_core::membership::{Agreement, Change};
use suyuan_engine::decisions::{Choice, VoteRequest};
use suyuan_engine::writer::Command;

use super::{World, founded};

fn proposed(world: &mut World, by: usize, text: &str) -> StatementId {
    world.propose(by, Change::Agree(Agreement { title: "colour".into(), text: text.into() }))
}

fn approve(proposal: StatementId) -> Command {
    Command::Vote(VoteRequest { proposal, choice: Choice::Approve, comment: String::new() })
}

#[test]
fn two_clients_that_approve_rivals_at_once_do_not_make_a_member_vote_twice() {
    let mut world = founded();
    let rivals = [proposed(&mut world, 0, "red"), proposed(&mut world, 1, "blue")];
    world.settle();
    let outcomes = world.nodes[2].ask_at_once(rivals.map(approve).into(), world.now);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let (me, decisions) = (world.nodes[2].me(), &world.nodes[2].state().ledger.decisions);
    assert!(decisions.approvals(&rivals[0]).contains_key(&me));
    assert!(!decisions.approvals(&rivals[1]).contains_key(&me));
}
