//! Nodes that only pass messages to each other: what a session brings, resumes, bounds and refuses.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use suyuan_core::{AllianceId, StatementId};

use super::*;
use crate::equivocation::{CompareError, Comparison};
use crate::wire::{Count, Gap, Item};

mod world;

fn member(number: u8) -> MemberId {
    MemberId([number; 32])
}

fn log(author: u8) -> LogId {
    LogId { alliance: AllianceId([9; 32]), member: member(author), incarnation: 0 }
}

fn size(author: u8, size: u64) -> LogSize {
    LogSize { log: log(author), size }
}

fn entry(log: &LogId, sequence: u64) -> StatementId {
    let mut id = log.member.0;
    id[..8].copy_from_slice(&sequence.to_be_bytes());
    StatementId(id)
}

fn batch(log: LogId, from: u64, len: u64) -> Box<Batch> {
    let entries = (from..from + len).map(|sequence| entry(&log, sequence)).collect();
    Box::new(Batch { log, from, entries, checkpoint: String::new(), consistency: Vec::new(), items: Vec::new() })
}

/// Node 0 of an alliance of four, with nothing.
fn four() -> Sync {
    of_four(0)
}

/// The same with so many entries of each log; nobody is there yet.
fn of_four(held: u64) -> Sync {
    let mut sync = Sync::new(member(0), (0..4).map(|author| size(author, held)).collect::<Vec<_>>(), Limits::default(), 7);
    for who in 1..4 {
        assert_eq!(sync.handle(Event::Unreachable(member(who)), 0), []);
    }
    sync
}

fn ask(who: u8, request: Request) -> Action {
    Action::Ask { member: member(who), request }
}

fn pull(author: u8, from: u64) -> Request {
    Request::Pull { log: log(author), from }
}

fn answer(who: u8, request: Request, response: Response) -> Event {
    Event::Answer { member: member(who), request, response: Ok(response) }
}

fn heads(who: u8, sizes: &[LogSize]) -> Event {
    answer(who, Request::Heads, Response::Heads(sizes.iter().map(|log| Head { log: *log, root: [0; 32] }).collect()))
}

fn counters() -> Request {
    Request::Counters(CircleId([0; 32]))
}

fn lie(at: u64) -> BatchError {
    BatchError::Sender { fault: Fault::Consistency, sequence: Some(at) }
}

#[test]
fn a_log_is_pulled_from_where_it_ends_and_the_next_batch_while_one_is_verified() {
    let mut sync = four();
    assert_eq!(sync.handle(Event::Connected(member(1)), 0), [ask(1, Request::Heads)]);
    let actions = sync.handle(heads(1, &[size(1, 3000)]), 1);
    assert_eq!(actions, [ask(1, pull(1, 0)), ask(1, counters())], "are there statements of its own that it lacks?");
    assert_eq!(sync.handle(answer(1, counters(), Response::Counters(Vec::new(), None)), 1), []);
    assert_eq!(sync.handle(Event::Gaps { member: member(1), counts: Vec::new() }, 1), [Action::OwnHeadKnown]);
    let first = batch(log(1), 0, 1024);
    let actions = sync.handle(answer(1, pull(1, 0), Response::Batch(Some(first.clone()))), 2);
    assert_eq!(actions, [Action::TakeIn { member: member(1), batch: first }, ask(1, pull(1, 1024))]);
    let second = batch(log(1), 1024, 1024);
    let actions = sync.handle(answer(1, pull(1, 1024), Response::Batch(Some(second.clone()))), 3);
    assert_eq!(actions, [], "one waits, none more is asked for");
    let actions = sync.handle(Event::TakenIn(size(1, 1024)), 4);
    assert_eq!(actions, [Action::TakeIn { member: member(1), batch: second }, ask(1, pull(1, 2048))]);
    sync.handle(Event::TakenIn(size(1, 2048)), 5);
    sync.handle(Event::Disconnected(member(1)), 6);
    sync.handle(Event::Connected(member(1)), 7);
    let actions = sync.handle(Event::Tick, 8);
    assert_eq!(actions, [], "its heads were asked on connecting");
    assert_eq!(sync.holders().find(|(of, _)| *of == log(1)).unwrap().1, [(member(0), 2048), (member(1), 3000)].into());
}

/// Votes that many members cast at the same time do not wait for each other, nor behind long logs, of which four are in memory at most.
#[test]
fn what_little_many_logs_have_grown_by_is_pulled_at_once() {
    let pulled = |sizes: &dyn Fn(u8) -> u64| {
        let mut sync = Sync::new(member(0), (0..48).map(|author| size(author, 100)).collect::<Vec<_>>(), Limits::default(), 7);
        let mut asked = Vec::new();
        for who in 1..48 {
            sync.handle(Event::Connected(member(who)), 0);
            let actions = sync.handle(heads(who, &[size(who, sizes(who))]), 1);
            asked.extend(actions.into_iter().filter(|action| matches!(action, Action::Ask { request: Request::Pull { .. }, .. })));
        }
        (sync, asked)
    };
    assert_eq!(pulled(&|_| 165).1.len(), 4, "much");
    assert_eq!(pulled(&|_| 164).1.len(), 32, "little");
    let (mut sync, asked) = pulled(&|who| if who <= 6 { 5000 } else { 101 });
    assert_eq!((asked.len(), &asked[..4]), (36, &[1, 2, 3, 4].map(|who| ask(who, pull(who, 100)))[..]));
    let given = batch(log(7), 100, 1);
    let actions = sync.handle(answer(7, pull(7, 100), Response::Batch(Some(given.clone()))), 2);
    assert_eq!(actions, [Action::TakeIn { member: member(7), batch: given }], "it is one of the 32 until it is verified");
    let actions = sync.handle(Event::Holds { member: member(7), log: size(7, 150) }, 3);
    assert_eq!(actions, [], "and has one batch in memory");
    let actions = sync.handle(Event::TakenIn(size(7, 101)), 4);
    assert_eq!(actions, [ask(39, pull(39, 100))], "those that wait come first");
}

#[test]
fn a_tampered_batch_names_its_sender_and_another_source_is_used() {
    let mut sync = four();
    let limits = Limits::default();
    for who in [1, 2, 3] {
        sync.handle(Event::Connected(member(who)), 0);
        sync.handle(heads(who, &[]), 0);
    }
    sync.handle(Event::Holds { member: member(2), log: size(1, 10) }, 0);
    sync.handle(Event::Holds { member: member(3), log: size(1, 8) }, 0);
    let pulls = |actions: Vec<Action>| -> Vec<Action> {
        actions.into_iter().filter(|action| !matches!(action, Action::Ask { request: Request::Heads | Request::Counters(_), .. })).collect()
    };
    assert_eq!(pulls(sync.handle(Event::Tick, limits.relay_after - 1)), [], "the author's node has its time");
    let actions = pulls(sync.handle(Event::Tick, limits.relay_after));
    assert_eq!(actions, [ask(2, pull(1, 0))], "who has most");
    let now = limits.relay_after + 1;
    let actions = sync.handle(answer(2, pull(1, 0), Response::Batch(Some(batch(log(1), 0, 10)))), now);
    assert!(matches!(&actions[..], [Action::TakeIn { .. }]));
    let actions = sync.handle(Event::Refused { log: size(1, 0), error: lie(4) }, now);
    let why = Why::Batch { log: log(1), error: lie(4) };
    assert_eq!(actions, [Action::Penalise { member: member(2), why, until: now + limits.fault_rest }, ask(3, pull(1, 0))]);
    // The author's node comes back and is preferred; the rest of a liar grows with each lie.
    sync.handle(Event::Failed { member: member(3), request: pull(1, 0) }, now);
    assert_eq!(sync.handle(Event::Holds { member: member(1), log: size(1, 10) }, now), [ask(1, pull(1, 0))]);
    sync.handle(Event::Disconnected(member(2)), now);
    sync.handle(Event::Disconnected(member(3)), now);
    let rests: Vec<u64> = (0..9)
        .map(|round| {
            let now = 1_000_000 * (round + 1);
            let actions = sync.handle(answer(1, pull(1, 0), Response::Batch(None)), now);
            let Some(Action::Penalise { until, why: Why::Short(_), .. }) = actions.first() else { panic!("{actions:?}") };
            sync.handle(Event::Tick, *until);
            sync.handle(Event::Holds { member: member(1), log: size(1, 10) }, *until);
            until - now
        })
        .collect();
    assert_eq!(rests, [10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 600_000, 600_000, 600_000]);
}

/// A member that begins anew after a fire has nothing of what it had.
#[test]
fn what_was_said_before_a_connection_is_not_held_against_who_has_less_now() {
    let short = |actions: Vec<Action>| actions.iter().any(|action| matches!(action, Action::Penalise { why: Why::Short(_), .. }));
    let mut sync = four();
    sync.handle(Event::Connected(member(1)), 0);
    sync.handle(Event::Holds { member: member(1), log: size(1, 10) }, 0);
    sync.handle(Event::Disconnected(member(1)), 1);
    assert!(sync.handle(Event::Connected(member(1)), 2).contains(&ask(1, pull(1, 0))));
    let nothing = || answer(1, pull(1, 0), Response::Batch(None));
    assert!(!short(sync.handle(nothing(), 3)), "it has not said anything yet");
    sync.handle(Event::Disconnected(member(1)), 4);
    sync.handle(Event::Connected(member(1)), 5);
    sync.handle(Event::Holds { member: member(1), log: size(1, 10) }, 5);
    sync.handle(heads(1, &[]), 6);
    assert!(!short(sync.handle(nothing(), 7)), "it says so");
    sync.handle(Event::Holds { member: member(1), log: size(1, 10) }, 8);
    assert!(short(sync.handle(nothing(), 9)), "now it claims to have it");
}

#[test]
fn an_answer_to_another_question_is_not_taken() {
    let wrong: Vec<Response> = vec![
        Response::Noted,
        Response::Heads(Vec::new()),
        Response::Batch(Some(batch(log(2), 0, 5))),
        Response::Batch(Some(batch(log(1), 1, 5))),
        Response::Batch(Some(batch(log(1), 0, 0))),
        Response::Batch(Some(batch(log(1), 0, 1025))),
    ];
    for response in wrong {
        let mut sync = four();
        sync.handle(Event::Connected(member(1)), 0);
        sync.handle(heads(1, &[size(1, 10)]), 0);
        let actions = sync.handle(answer(1, pull(1, 0), response), 1);
        assert!(matches!(&actions[..], [Action::Penalise { why: Why::Unasked, .. }, Action::OwnHeadKnown]), "{actions:?}");
    }
    let mut sync = four();
    sync.handle(Event::Connected(member(1)), 0);
    sync.handle(heads(1, &[size(1, 10), size(200, 10)]), 0);
    let unasked = sync.handle(answer(1, pull(1, 5), Response::Batch(Some(batch(log(1), 5, 5)))), 1);
    assert_eq!(unasked, [], "nobody had asked for that");
    let stranger = sync.handle(answer(200, pull(1, 0), Response::Batch(Some(batch(log(1), 0, 5)))), 1);
    assert_eq!(stranger, [], "nor a stranger");
    let undecodable = Event::Answer { member: member(1), request: pull(1, 0), response: Err(Fault::Form) };
    assert!(matches!(sync.handle(undecodable, 2).first(), Some(Action::Penalise { why: Why::Undecodable(Fault::Form), .. })));
}

#[test]
fn the_own_head_is_known_once_somebody_answered_and_nobody_has_more() {
    let mut sync = four();
    let connected = sync.handle(Event::Connected(member(1)), 0);
    assert_eq!(connected, [ask(1, Request::Heads)]);
    let actions = sync.handle(heads(1, &[size(0, 7)]), 1);
    assert_eq!(actions, [ask(1, pull(0, 0))], "its own tail comes from anybody, at once");
    let actions = sync.handle(answer(1, pull(0, 0), Response::Batch(Some(batch(log(0), 0, 7)))), 2);
    assert!(matches!(&actions[..], [Action::TakeIn { .. }]), "{actions:?}");
    let actions = sync.handle(Event::TakenIn(size(0, 7)), 3);
    assert_eq!(actions, [ask(1, counters()), ask(1, Request::Grown(size(0, 7)))]);
    sync.handle(answer(1, counters(), Response::Counters(Vec::new(), None)), 4);
    assert_eq!(sync.handle(Event::Gaps { member: member(1), counts: Vec::new() }, 4), [], "others may know of statements that 1 does not hold");
    let late = |sync: &mut Sync, now| sync.handle(Event::Tick, now).contains(&Action::OwnHeadKnown);
    assert!(!late(&mut sync, 20_002) && late(&mut sync, 20_003), "but they are not waited for for ever");
    // Who claims more and does not give it is not believed.
    let mut sync = four();
    sync.handle(Event::Connected(member(1)), 0);
    sync.handle(heads(1, &[size(0, u64::MAX)]), 1);
    let actions = sync.handle(answer(1, pull(0, 0), Response::Batch(None)), 2);
    assert!(matches!(&actions[..], [Action::Penalise { .. }, Action::OwnHeadKnown]), "{actions:?}");
    // Alone there is nobody to ask.
    let mut alone = Sync::new(member(0), vec![size(0, 3)], Limits::default(), 1);
    assert_eq!(alone.handle(Event::Tick, 0), [Action::OwnHeadKnown]);
}

#[test]
fn nothing_is_authored_while_own_statements_are_known_to_be_lacking_but_not_for_ever() {
    let gap = Gap { circle: CircleId([8; 32]), log: log(0) };
    let count = (Count { of: gap, next: 6, epoch: 1, mark: None }, 2);
    let start = || {
        let mut sync = of_four(3);
        for who in [1, 2] {
            sync.handle(Event::Connected(member(who)), 0);
            sync.handle(heads(who, &[size(0, 3), size(1, 3)]), 0);
            sync.handle(answer(who, counters(), Response::Counters(Vec::new(), None)), 1);
        }
        assert_eq!(sync.handle(Event::Gaps { member: member(1), counts: Vec::new() }, 2), [], "2 has not been heard");
        let listing = Request::Listing { gap, from: 0 };
        let actions = sync.handle(Event::Gaps { member: member(2), counts: vec![count] }, 2);
        assert_eq!(actions, [ask(2, listing.clone())]);
        (sync, listing)
    };
    let (mut sync, listing) = start();
    sync.handle(answer(2, listing, Response::Listing(vec![1, 2], None)), 3);
    let items = Request::Items { log: log(0), sequences: vec![2] };
    assert_eq!(sync.handle(Event::Lacking { member: member(2), gap, sequences: vec![2], next: None }, 3), [ask(2, items.clone())]);
    let item = Item { sequence: 2, statement: Vec::new(), signature: [0; 64], sections: Vec::new(), slip: None };
    assert!(matches!(&sync.handle(answer(2, items, Response::Items(vec![item])), 4)[..], [Action::Fill { .. }]));
    assert_eq!(sync.handle(Event::Filled, 5), [], "it is finished with the next look");
    assert_eq!(sync.handle(Event::Tick, 6), [Action::OwnHeadKnown]);
    // Who says that there is more and does not answer is not waited for.
    let (mut sync, _) = start();
    let mut actions = Vec::new();
    (0..200).for_each(|tick| actions.append(&mut sync.handle(Event::Tick, 2 + tick * 100)));
    assert!(!actions.contains(&Action::OwnHeadKnown));
    assert!(sync.handle(Event::Tick, 20_002).contains(&Action::OwnHeadKnown));
    // Nor is who goes away.
    let (mut sync, _) = start();
    assert_eq!(sync.handle(Event::Disconnected(member(2)), 3), [Action::OwnHeadKnown]);
}

#[test]
fn a_member_that_listed_what_was_not_here_yet_is_asked_again() {
    let gap = Gap { circle: CircleId([8; 32]), log: log(1) };
    let count = (Count { of: gap, next: 6, epoch: 1, mark: None }, 6);
    let listing = Request::Listing { gap, from: 0 };
    let asked_again_at = |listed: Vec<u64>, now| {
        let mut sync = Sync::new(member(0), (0..4).map(|author| size(author, 3)).collect::<Vec<_>>(), Limits::default(), 7);
        sync.handle(Event::Connected(member(1)), 0);
        sync.handle(heads(1, &[size(1, 3)]), 0);
        assert!(sync.handle(Event::Gaps { member: member(1), counts: vec![count] }, 1).contains(&ask(1, listing.clone())));
        sync.handle(answer(1, listing.clone(), Response::Listing(listed, None)), 2);
        sync.handle(Event::Lacking { member: member(1), gap, sequences: Vec::new(), next: None }, 2);
        sync.handle(Event::Tick, 3);
        sync.handle(Event::Gaps { member: member(1), counts: vec![count] }, now).contains(&ask(1, listing.clone()))
    };
    let asked_again = |listed| asked_again_at(listed, 4);
    assert!(!asked_again(vec![0, 1, 2]), "it has given what it has");
    assert!(asked_again_at(vec![0, 1, 2], 100_003), "for a while");
    assert!(asked_again(vec![0, 1, 2, 3]), "entry 3 is not here, and may come from somebody who does not hold its statement");
}

#[test]
fn growth_is_pushed_once_at_a_time() {
    let mut sync = four();
    sync.handle(Event::Connected(member(1)), 0);
    sync.handle(heads(1, &[]), 0);
    let grown = |to| ask(1, Request::Grown(size(0, to)));
    assert_eq!(sync.handle(Event::Local(vec![size(0, 1)]), 10), [grown(1)]);
    assert_eq!(sync.handle(Event::Local(vec![size(0, 2)]), 11), []);
    assert_eq!(sync.handle(Event::Local(vec![size(0, 9)]), 12), []);
    assert_eq!(sync.handle(answer(1, Request::Grown(size(0, 1)), Response::Noted), 13), [], "not faster than every 100 ms");
    assert_eq!(sync.handle(Event::Tick, 110), [grown(9)]);
    assert_eq!(sync.handle(answer(1, Request::Grown(size(0, 9)), Response::Noted), 111), []);
    assert_eq!(sync.handle(Event::Tick, 1000), []);
}

#[test]
fn a_peer_that_fails_is_asked_ever_less() {
    let mut sync = four();
    sync.handle(Event::Connected(member(1)), 0);
    let mut now = 0;
    let mut asked = Vec::new();
    while now < 400_000 {
        let failed = sync.handle(Event::Failed { member: member(1), request: Request::Heads }, now);
        assert_eq!(failed, []);
        let before = now;
        while sync.handle(Event::Tick, now) != [ask(1, Request::Heads)] {
            now += 100;
        }
        asked.push(now - before);
    }
    assert_eq!(asked[..8], [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
}

#[test]
fn many_nodes_with_liars_and_broken_links_converge_within_their_bounds() {
    for seed in 0..60 {
        world::World::new(seed).run();
    }
}

#[test]
fn an_own_checkpoint_over_more_that_does_not_fit_holds_authoring_back() {
    let mut sync = four();
    sync.handle(Event::Connected(member(1)), 0);
    sync.handle(heads(1, &[size(0, 10)]), 0);
    let actions = sync.handle(answer(1, pull(0, 0), Response::Batch(Some(batch(log(0), 0, 10)))), 1);
    assert!(actions.iter().any(|action| matches!(action, Action::TakeIn { .. })), "{actions:?}");
    let error = BatchError::Sender { fault: Fault::Consistency, sequence: None };
    let mut actions = sync.handle(Event::Refused { log: size(0, 0), error }, 2);
    // Whoever sent it is not asked for a while, and others have nothing: it stays proven that more was published.
    sync.handle(Event::Connected(member(2)), 3);
    actions.append(&mut sync.handle(heads(2, &[]), 3));
    for second in 1..200 {
        actions.append(&mut sync.handle(Event::Tick, second * 1000));
    }
    assert!(!actions.contains(&Action::OwnHeadKnown), "{actions:?}");
}

#[test]
fn one_answer_is_not_enough_where_others_can_be_reached() {
    let mut sync = Sync::new(member(0), (0..4).map(|author| size(author, 5)).collect::<Vec<_>>(), Limits::default(), 7);
    let known = |actions: &[Action]| actions.contains(&Action::OwnHeadKnown);
    sync.handle(Event::Unreachable(member(3)), 0);
    sync.handle(Event::Connected(member(1)), 0);
    let mut actions = sync.handle(heads(1, &[size(0, 3)]), 1);
    actions.append(&mut sync.handle(answer(1, counters(), Response::Counters(Vec::new(), None)), 2));
    actions.append(&mut sync.handle(Event::Gaps { member: member(1), counts: Vec::new() }, 2));
    assert!(!known(&actions), "2 has been dialled, and may know more: {actions:?}");
    sync.handle(Event::Connected(member(2)), 3000);
    let actions = sync.handle(Event::Tick, 3001);
    assert!(!known(&actions), "it is there, and has not said how much it has");
    let actions = sync.handle(heads(2, &[size(0, 9)]), 3002);
    assert_eq!(actions, [ask(2, pull(0, 5))], "more than the first knew");
    // Who never answers is not waited for for ever.
    let mut sync = Sync::new(member(0), (0..4).map(|author| size(author, 5)).collect::<Vec<_>>(), Limits::default(), 7);
    sync.handle(Event::Connected(member(1)), 0);
    sync.handle(heads(1, &[size(0, 3)]), 1);
    let mut until = |from: u64, to: u64| (from..to).any(|tenth| known(&sync.handle(Event::Tick, tenth * 100)));
    assert!(!until(1, 200) && until(200, 420), "20 s for what it says, and 20 s for comparing counters");
}

#[test]
fn what_speaks_against_the_own_log_later_holds_authoring_again() {
    let mut sync = of_four(5);
    sync.handle(Event::Connected(member(1)), 0);
    sync.handle(heads(1, &[size(0, 5)]), 1);
    sync.handle(answer(1, counters(), Response::Counters(Vec::new(), None)), 2);
    assert_eq!(sync.handle(Event::Gaps { member: member(1), counts: Vec::new() }, 2), [Action::OwnHeadKnown]);
    sync.handle(Event::Connected(member(2)), 1000);
    sync.handle(heads(2, &[size(0, 9)]), 1001);
    sync.handle(answer(2, pull(0, 5), Response::Batch(Some(batch(log(0), 5, 4)))), 1002);
    let actions = sync.handle(Event::Refused { log: size(0, 5), error: parts() }, 1003);
    assert!(actions.contains(&Action::OwnHeadDisputed), "{actions:?}");
    assert!(!actions.iter().any(|action| matches!(action, Action::Penalise { .. })), "who shows it is not to blame");
    let actions: Vec<Action> = (2..100).flat_map(|second| sync.handle(Event::Tick, second * 1000)).collect();
    assert!(!actions.contains(&Action::OwnHeadKnown));
}

fn parts() -> BatchError {
    BatchError::Sender { fault: Fault::Consistency, sequence: None }
}

/// Node 0 holds ten entries of log 1 and was sent a batch by 2 that does not continue them.
fn refused() -> Sync {
    let mut sync = of_four(10);
    sync.handle(Event::Connected(member(2)), 0);
    sync.handle(heads(2, &[]), 0);
    sync.handle(Event::Holds { member: member(2), log: size(1, 30) }, 0);
    let now = Limits::default().relay_after;
    sync.handle(Event::Tick, now);
    sync.handle(answer(2, pull(1, 10), Response::Batch(Some(batch(log(1), 10, 20)))), now);
    let actions = sync.handle(Event::Refused { log: size(1, 10), error: parts() }, now);
    assert_eq!(actions.last(), Some(&ask(2, show(9))), "{actions:?}");
    assert!(!actions.iter().any(|action| matches!(action, Action::Penalise { .. } | Action::Ask { request: Request::Pull { .. }, .. })));
    sync
}

fn show(index: u64) -> Request {
    Request::Show { log: log(1), index }
}

fn shown() -> Response {
    let shown = suyuan_core::equivocation::Shown { entry: StatementId([0; 32]), path: Vec::new() };
    Response::Shown(Some(Box::new(crate::wire::ShownEntry { checkpoint: String::new(), shown })))
}

fn evidence() -> Box<suyuan_core::equivocation::Evidence> {
    let proof = suyuan_core::equivocation::Contradiction::SameSize;
    Box::new(suyuan_core::equivocation::Evidence { member: member(1), incarnation: 0, first: String::new(), second: String::new(), proof })
}

fn compared(index: u64, found: Result<Comparison, CompareError>) -> Event {
    Event::Compared { member: member(2), log: log(1), index, found }
}

#[test]
fn a_batch_that_does_not_fit_is_the_sender_s_fault_only_where_its_copy_is_the_same() {
    let mut sync = refused();
    let now = Limits::default().relay_after;
    assert_eq!(sync.handle(answer(2, show(9), shown()), now), []);
    let same = Comparison { before: true, entry: true, evidence: None };
    let actions = sync.handle(compared(9, Ok(same)), now);
    assert!(matches!(&actions[..], [Action::Penalise { why: Why::Batch { .. }, .. }, ..]), "{actions:?}");
    // Nor may it show what is not under a checkpoint of the owner, or nothing at all.
    let mut sync = refused();
    sync.handle(answer(2, show(9), shown()), now);
    let actions = sync.handle(compared(9, Err(CompareError::Sender(Fault::Inclusion))), now);
    assert!(matches!(&actions[..], [Action::Penalise { why: Why::Shown { .. }, .. }, ..]), "{actions:?}");
    // Where it is under a checkpoint by a key that is not known here, the history has to say whose.
    let mut sync = refused();
    sync.handle(answer(2, show(9), shown()), now);
    let actions = sync.handle(compared(9, Err(CompareError::UnknownKey { version: 3 })), now);
    assert!(actions.contains(&Action::Ask { member: member(2), request: Request::History }), "{actions:?}");
    assert!(!actions.iter().any(|action| matches!(action, Action::Penalise { .. })), "{actions:?}");
    let mut sync = refused();
    let actions = sync.handle(answer(2, show(9), Response::Shown(None)), now);
    assert!(matches!(&actions[..], [Action::Penalise { why: Why::Batch { .. }, .. }, ..]), "{actions:?}");
    // Who goes away, or does not answer, may have been honest.
    for event in [Event::Disconnected(member(2)), Event::Failed { member: member(2), request: show(9) }] {
        assert!(!refused().handle(event, now).iter().any(|action| matches!(action, Action::Penalise { .. })));
    }
}

#[test]
fn the_place_where_two_histories_part_is_found_by_halving_and_nobody_is_blamed_for_showing_it() {
    for common in 0..10 {
        let mut sync = refused();
        let now = Limits::default().relay_after;
        let (mut index, mut convicted) = (9, Vec::new());
        for _ in 0..5 {
            assert_eq!(sync.handle(answer(2, show(index), shown()), now), []);
            let (before, entry) = (index <= common, index < common);
            let evidence = (!entry).then(evidence);
            let actions = sync.handle(compared(index, Ok(Comparison { before, entry, evidence })), now);
            convicted.extend(actions.iter().filter(|action| matches!(action, Action::Convict { .. })).map(|_| index));
            assert!(!actions.iter().any(|action| matches!(action, Action::Penalise { .. })));
            let Some(Action::Ask { request: Request::Show { index: next, .. }, .. }) = actions.last() else { break };
            index = *next;
        }
        assert_eq!((convicted[0], *convicted.last().unwrap()), (9, common), "at once, and then where they part");
    }
}

/// A gap that a member speaks of in some circle of author 1.
fn a_gap(circle: u16) -> (Count, u64) {
    let mut id = [7; 32];
    id[..2].copy_from_slice(&circle.to_be_bytes());
    (Count { of: Gap { circle: CircleId(id), log: log(1) }, next: 1, epoch: 0, mark: None }, 1)
}

#[test]
fn invented_gaps_leave_room_and_time_for_others() {
    let mut sync = of_four(5);
    for who in [2, 3] {
        sync.handle(Event::Connected(member(who)), 0);
        sync.handle(heads(who, &[size(1, 5)]), 1);
        sync.handle(answer(who, counters(), Response::Counters(Vec::new(), None)), 2);
    }
    let invented: Vec<(Count, u64)> = (0..2000).map(a_gap).collect();
    sync.handle(Event::Gaps { member: member(2), counts: invented }, 3);
    assert_eq!(sync.gaps().count(), limits::GAPS_OF_MEMBER, "so many, and no more, of one member's word");
    let true_one = a_gap(9999);
    sync.handle(Event::Gaps { member: member(3), counts: vec![true_one] }, 4);
    assert_eq!(sync.gaps().count(), limits::GAPS_OF_MEMBER + 1);
    // The first question is under way; the next one goes to the other member.
    let gap = a_gap(0).0.of;
    let listing = Request::Listing { gap, from: 0 };
    sync.handle(answer(2, listing, Response::Listing(Vec::new(), None)), 5);
    sync.handle(Event::Lacking { member: member(2), gap, sequences: Vec::new(), next: None }, 5);
    let actions = sync.handle(Event::Tick, 6);
    assert!(actions.contains(&ask(3, Request::Listing { gap: true_one.0.of, from: 0 })), "{actions:?}");
}

#[test]
fn a_listing_that_hardly_advances_ends() {
    let mut sync = of_four(5);
    sync.handle(Event::Connected(member(2)), 0);
    sync.handle(heads(2, &[size(1, 5)]), 1);
    sync.handle(answer(2, counters(), Response::Counters(Vec::new(), None)), 2);
    let (count, missing) = a_gap(1);
    let listing = |from| Request::Listing { gap: count.of, from };
    let actions = sync.handle(Event::Gaps { member: member(2), counts: vec![(count, missing)] }, 3);
    assert!(actions.contains(&ask(2, listing(0))), "{actions:?}");
    let lacking = |next| Event::Lacking { member: member(2), gap: count.of, sequences: Vec::new(), next };
    sync.handle(answer(2, listing(0), Response::Listing(Vec::new(), Some(1024))), 4);
    assert_eq!(sync.handle(lacking(Some(1024)), 4), [ask(2, listing(1024))], "a full one goes on");
    sync.handle(answer(2, listing(1024), Response::Listing(Vec::new(), Some(1025))), 5);
    sync.handle(lacking(Some(1025)), 5);
    sync.handle(Event::Tick, 6);
    assert_eq!(sync.gaps().count(), 0, "it has nothing more to give");
}

#[test]
fn a_copy_on_another_history_is_not_said_to_hold_anything() {
    let mut sync = of_four(5);
    sync.handle(Event::Connected(member(2)), 0);
    sync.handle(heads(2, &[size(1, 5)]), 1);
    let holds = |sync: &Sync| sync.holders().any(|(of, held)| of == log(1) && held.contains_key(&member(2)));
    assert!(holds(&sync));
    sync.handle(Event::Differing { member: member(2), logs: vec![size(1, 5)] }, 2);
    assert!(!holds(&sync));
    sync.handle(heads(2, &[size(1, 5)]), 9000);
    assert!(!holds(&sync), "heads were not asked for");
}

/// Node 1 has offered entries of its log under a key that node 0, at version 4 of the alliance, does not know.
fn doubtful() -> (Sync, Vec<Action>) {
    let mut sync = four();
    sync.handle(Event::Connected(member(1)), 0);
    sync.handle(heads(1, &[size(1, 10)]), 1);
    sync.handle(answer(1, pull(1, 0), Response::Batch(Some(batch(log(1), 0, 10)))), 2);
    let actions = sync.handle(Event::Refused { log: size(1, 0), error: BatchError::UnknownKey { version: 4 } }, 3);
    (sync, actions)
}

fn given(history: Option<Vec<u8>>) -> Event {
    answer(1, Request::History, Response::History(history))
}

fn learned(result: Result<u64, Fault>) -> Event {
    Event::Learned { member: member(1), result }
}

#[test]
fn a_key_that_is_not_known_is_asked_about_before_anybody_is_blamed() {
    let (mut sync, actions) = doubtful();
    assert_eq!(actions, [ask(1, Request::History)]);
    assert_eq!(sync.handle(heads(1, &[size(1, 11)]), 4), [], "it is not pulled from before that is clear");
    assert_eq!(sync.handle(given(Some(vec![1])), 5), [Action::Learn { member: member(1), history: vec![1] }]);
    assert_eq!(sync.handle(learned(Ok(5)), 6), [ask(1, pull(1, 0))], "it told of a change: the log is pulled again");
}

#[test]
fn whoever_shows_a_key_that_nobody_knows_is_blamed() {
    for (result, why) in
        [(Ok(4), Why::Batch { log: log(1), error: BatchError::UnknownKey { version: 4 } }), (Err(Fault::Entry), Why::History(Fault::Entry))]
    {
        let (mut sync, _) = doubtful();
        sync.handle(given(Some(vec![1])), 5);
        let actions = sync.handle(learned(result), 6);
        assert!(matches!(&actions[..], [Action::Penalise { member: who, why: said, .. }, ..] if *who == member(1) && *said == why), "{actions:?}");
        // Nor does it have histories checked at will.
        let again = Event::Doubted { member: member(1), version: 4, why: Why::Cosignature(Fault::Cosignature) };
        assert!(!sync.handle(again, 7).contains(&ask(1, Request::History)));
    }
}

#[test]
fn whoever_has_no_history_to_give_is_not_blamed_and_asked_again_later() {
    let (mut sync, _) = doubtful();
    assert_eq!(sync.handle(given(None), 5), []);
    assert_eq!(sync.handle(Event::Tick, 5_002), [], "nor pulled from for a while");
    assert_eq!(sync.handle(Event::Tick, 5_003), [ask(1, pull(1, 0))]);
}

#[test]
fn what_is_said_of_the_own_log_is_believed_while_the_key_is_in_doubt() {
    let mut sync = four();
    sync.handle(Event::Connected(member(1)), 0);
    sync.handle(heads(1, &[size(0, 10)]), 1);
    let pulled = Request::Pull { log: log(0), from: 0 };
    sync.handle(Event::Tick, 20_000);
    sync.handle(answer(1, pulled, Response::Batch(Some(batch(log(0), 0, 10)))), 20_001);
    let actions = sync.handle(Event::Refused { log: size(0, 0), error: BatchError::UnknownKey { version: 0 } }, 20_002);
    assert!(actions.contains(&ask(1, Request::History)) && !actions.contains(&Action::OwnHeadKnown), "{actions:?}");
    assert!(!sync.handle(given(None), 20_003).contains(&Action::OwnHeadKnown), "this node's own keys may be those that it does not know");
}
