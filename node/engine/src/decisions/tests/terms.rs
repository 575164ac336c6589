//! Voters that are bound to different terms come together in one.

use super::*;

/// Five voters of whom one is gone: all others are needed.
fn without_the_last(seed: u64) -> World {
    let mut world = World::new(5, seed);
    world.nodes[4].up = false;
    world.run(100);
    world
}

/// The others write on until something is final, or for this many hours.
fn decided(world: &mut World, proposal: StatementId, hours: u64) -> bool {
    let end = world.now + hours * HOUR;
    let is_final = |node: &Node| node.decisions.settled().decided.iter().any(|decided| decided.resolved.id == proposal);
    while world.now < end {
        world.run(50);
        world.now += HOUR / 60;
        if world.nodes.iter().filter(|node| node.up).all(is_final) {
            return true;
        }
    }
    false
}

#[test]
fn a_voter_that_is_a_term_ahead_waits_for_the_others() {
    for seed in 0..20 {
        let mut world = without_the_last(seed);
        let proposal = world.propose(1, agree("ahead")).unwrap();
        // Its operator asks for the next term, and nobody else does: from then on the keeper is one short of a quorum.
        let Node { decisions, silence, id, .. } = &mut world.nodes[3];
        silence.ask(2, decisions, id).unwrap();
        world.act(3);
        assert_eq!(world.nodes[3].decisions.promise.term, 2);
        world.run(400);
        (0..4).for_each(|at| world.vote(at, proposal, Choice::Approve).unwrap());
        assert!(decided(&mut world, proposal, 24), "seed {seed}");
        let begun = world.nodes[0].decisions.tip().term;
        assert!(begun <= 3, "seed {seed}: it took {begun} terms");
    }
}

#[test]
fn a_vote_that_was_promised_and_not_written_is_written() {
    let mut world = without_the_last(1);
    let proposal = world.propose(1, agree("promised")).unwrap();
    // Two processes ended after their promise: nobody knows of it but they.
    for at in [2, 3] {
        world.nodes[at].decisions.promise.term = 2;
        world.act(at);
        assert!(world.nodes[at].decisions.freezes()[&2].contains_key(&world.nodes[at].id));
    }
    world.run(400);
    (0..4).for_each(|at| world.vote(at, proposal, Choice::Approve).unwrap());
    assert!(decided(&mut world, proposal, 24));
}
