//! Rounds: how soon a checkpoint is witnessed, and what raises an alarm.

use suyuan_core::charter::Role::{Downstream, Leader, Midstream, Regulator, Upstream};
use suyuan_core::note::{NamedKey, UnverifiedCheckpoint};
use suyuan_core::policy::{LogPolicy, Policy, Witnesses};
use suyuan_engine::limits::ROUND;
use suyuan_engine::witnessing::Alarm;

use crate::world::{Node, World};

#[test]
fn a_checkpoint_is_witnessed_within_a_round_or_two_and_everybody_knows() {
    let mut world = World::new(&[Leader, Downstream, Regulator, Midstream, Upstream]);
    world.run(500);
    world.nodes[0].put(3, 1_000_500);
    let log = world.nodes[0].own_log();
    world.run(2 * ROUND);
    for (index, node) in world.nodes.iter().enumerate() {
        assert_eq!(node.witnessed(&log), 3, "node {index}");
        assert_eq!(node.alarms(world.now), [], "node {index}");
        let gathered = node.writer.state().ledger.gathered.of(&log).unwrap().clone();
        let note = &gathered.witnessed.unwrap().note;
        // By the reader's own check, and by the text that other programs read.
        let author = &world.alliance.members()[0];
        let witnesses = Witnesses::of(&world.alliance);
        let checkpoint = UnverifiedCheckpoint::parse(note).unwrap().verify(&NamedKey::new(log.origin(), author.log), witnesses.keys()).unwrap();
        assert_eq!(witnesses.cosigners(&checkpoint).len(), 5, "node {index}: the author, three partners and a regulator");
        assert!(LogPolicy::of(&world.alliance, &author.id).judge(&witnesses.cosigners(&checkpoint)).witnessed());
        assert!(Policy::of_log(&world.alliance, &log).unwrap().check(note).unwrap().accepted);
    }
}

#[test]
fn who_writes_all_the_time_is_witnessed_once_a_second() {
    let mut world = World::new(&[Leader, Downstream, Midstream, Upstream]);
    let log = world.nodes[0].own_log();
    let mut sizes = Vec::new();
    for _ in 0..200 {
        let now = 1_000_000 + world.now;
        world.nodes[0].put(1, now);
        world.step();
        sizes.push(world.nodes[1].witnessed(&log));
    }
    sizes.dedup();
    assert!(sizes.is_sorted() && sizes.len() >= 15, "in twenty seconds: {sizes:?}");
    let size = world.nodes[0].size(&log);
    assert!(size - sizes.last().unwrap() <= 25, "{size} entries, witnessed {sizes:?}");
    // What the witness keeps does not grow with the log.
    let gathered = world.nodes[1].writer.state().ledger.gathered.of(&log).unwrap().clone();
    assert!(gathered.newer.len() <= suyuan_engine::limits::GATHERED);
}

#[test]
fn one_of_four_may_be_away_and_two_may_not() {
    let mut world = World::new(&[Leader, Downstream, Midstream, Upstream]);
    let log = world.nodes[0].own_log();
    let alone = |world: &mut World, away: usize| world.cut.extend((0..4).map(|other| (away, other)));
    alone(&mut world, 3);
    world.nodes[0].put(1, 1_000_000);
    world.run(2 * ROUND);
    assert_eq!(world.nodes[0].witnessed(&log), 1);
    alone(&mut world, 2);
    let now = 1_000_000 + world.now;
    world.nodes[0].put(1, now);
    world.run(ROUND);
    assert_eq!(world.nodes[0].alarms(world.now), [], "not yet two rounds");
    world.run(3 * ROUND);
    assert_eq!(world.nodes[0].witnessed(&log), 1);
    assert_eq!(world.nodes[0].alarms(world.now), [Alarm::Unwitnessed { size: 2, witnessed: 1 }]);
    world.cut.clear();
    world.run(3 * ROUND);
    assert_eq!((world.nodes[0].witnessed(&log), world.nodes[0].alarms(world.now)), (2, vec![]));
}

#[test]
fn a_head_that_is_kept_back_from_one_member_raises_an_alarm_within_two_rounds() {
    // All but one of those who could tell are silent.
    let mut world = World::new(&[Leader, Downstream, Midstream, Upstream]);
    let log = world.nodes[0].own_log();
    world.nodes[0].put(1, 1_000_000);
    world.run(3 * ROUND);
    world.cut.extend([(0, 3), (2, 3)]);
    let now = 1_000_000 + world.now;
    world.nodes[0].put(4, now);
    let start = world.now;
    while world.nodes[3].alarms(world.now).is_empty() {
        world.step();
        assert!(world.now < start + 60_000, "no alarm");
    }
    let by = vec![world.nodes[1].me()];
    assert_eq!(world.nodes[3].alarms(world.now), [Alarm::Withheld { log, cosigned: 5, here: 1, by }]);
    // One round until it is cosigned, two until it counts as kept back.
    assert!(world.now - start <= 3 * ROUND + 500, "{} ms", world.now - start);
    world.cut.clear();
    world.run(ROUND);
    assert_eq!(world.nodes[3].alarms(world.now), []);
}

#[test]
fn what_was_gathered_outlives_the_process_and_a_restarted_witness_cosigns_again() {
    let mut world = World::new(&[Leader, Downstream]);
    let log = world.nodes[0].own_log();
    world.nodes[0].put(2, 1_000_000);
    world.run(2 * ROUND);
    assert_eq!(world.nodes[0].witnessed(&log), 2);
    let before: Vec<_> = world.nodes.iter().map(|node| node.writer.state().ledger.gathered.clone()).collect();
    world.nodes = world.nodes.drain(..).map(Node::restarted).collect();
    for (node, before) in world.nodes.iter().zip(before) {
        assert_eq!(node.writer.state().ledger.gathered, before);
    }
    let ids: Vec<_> = world.alliance.members().iter().map(|member| member.id).collect();
    for node in &mut world.nodes {
        ids.iter().for_each(|id| node.rounds.handle(suyuan_engine::witnessing::Event::Connected(*id), world.now));
    }
    world.nodes[0].put(1, 1_100_000);
    world.run(3 * ROUND);
    assert_eq!(world.nodes[0].witnessed(&log), 3);
}

#[test]
fn alone_nothing_is_witnessed_and_nothing_is_alarming() {
    let mut world = World::new(&[Leader]);
    world.nodes[0].put(1, 1_000_000);
    world.run(5 * ROUND);
    assert_eq!((world.nodes[0].witnessed(&world.nodes[0].own_log()), world.nodes[0].alarms(world.now)), (0, vec![]));
    let mut world = World::new(&[Leader, Regulator]);
    world.nodes[0].put(1, 1_000_000);
    world.run(5 * ROUND);
    assert_eq!((world.nodes[0].witnessed(&world.nodes[0].own_log()), world.nodes[0].alarms(world.now)), (0, vec![]), "a regulator does not count");
}
