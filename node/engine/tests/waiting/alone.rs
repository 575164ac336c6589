//! One node whose power goes, whose clock was far ahead while nobody confirmed the members, and is set right.

use std::cell::RefCell;
use std::rc::Rc;

use rand::rngs::StdRng;
use suyuan_core::CircleId;
use suyuan_core::circle::{Terms, Tier};
use suyuan_core::section::Field;
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::schema::Table;
use suyuan_engine::submission::{RefusalKind, Submission, SubmittedSection};
use suyuan_engine::view::{Changes, View};
use suyuan_engine::waiting::Reason;
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::writer::{Command, Disk, Done, Fatal, Idempotent, Outcome, SubmitError, Writer};
use suyuan_engine::{fsck, limits, serve};

use crate::LATE;
use crate::power::{Kept, Memory, Told, start};

/// By the clock that is right.
const RIGHT: u64 = 1000;

type Node = Writer<Memory, Told, StdRng>;

fn ask(node: &mut Node, command: Command, now: u64) -> Result<Option<Outcome>, Fatal> {
    let told = node.outlet().0.len();
    node.work(vec![((), command)], now)?;
    Ok(node.outlet().0.get(told).cloned())
}

fn submissions(circle: CircleId, count: usize, fields: usize, bytes: usize) -> Vec<Submission> {
    let fields: Vec<Field> = (0..fields).map(|field| Field { name: format!("f{field}"), value: format!("\"{}\"", "x".repeat(bytes)) }).collect();
    let one = Submission {
        kind: "note".into(),
        about: Vec::new(),
        references: Vec::new(),
        time: None,
        sections: vec![SubmittedSection { audiences: vec![circle], fields }],
    };
    vec![one; count]
}

fn submit(circle: CircleId, count: usize, key: &str) -> Command {
    Command::Submit { submissions: submissions(circle, count, 1, 10), once: Some(Idempotent { key: key.into(), digest: [7; 32] }) }
}

/// What is kept of a node that has opened a circle.
fn opened() -> (Rc<RefCell<Kept>>, CircleId) {
    let kept = Rc::new(RefCell::new(Kept::default()));
    let (name, purpose, terms) = ("c".into(), String::new(), Terms::default());
    let request = CircleRequest { circle: None, name, purpose, tier: Tier::Authorized, members: Vec::new(), terms, until: None };
    let done = ask(&mut start(&kept, usize::MAX), Command::Circle(request), RIGHT).unwrap();
    let Some(Ok(Done::Opened(circle))) = done else { panic!("{done:?}") };
    (kept, circle.id)
}

fn copy(kept: &Rc<RefCell<Kept>>) -> Rc<RefCell<Kept>> {
    Rc::new(RefCell::new(kept.borrow().clone()))
}

fn size(node: &Node) -> u64 {
    let ledger = &node.state().ledger;
    ledger.logs.head(&ledger.own_log()).size()
}

fn check(node: &Node) {
    let (state, disk) = (node.state(), node.disk());
    fsck::check(&state.ledger, disk.rows(), &disk.local, &state.secrets, |_| {}).unwrap();
}

#[test]
fn what_was_answered_waits_although_the_power_went() {
    let (before, circle) = opened();
    for steps in 0.. {
        let kept = copy(&before);
        let mut node = start(&kept, steps);
        // The same request twice at once: neither is answered before it is on the disk.
        let told = node.work(vec![((), submit(circle, 3, "k")), ((), submit(circle, 3, "k"))], LATE);
        let answers = if told.is_ok() { 2 } else { 0 };
        assert_eq!(node.outlet().0.iter().filter(|told| matches!(told, Ok(Done::Waiting(_)))).count(), answers, "after {steps} steps");
        let mut again = start(&kept, usize::MAX);
        let waiting = again.state().waiting.clone();
        assert_eq!(waiting.len(), usize::from(told.is_ok()), "after {steps} steps");
        let Ok(Some(Ok(Done::Waiting(answer)))) = ask(&mut again, submit(circle, 3, "k"), LATE) else { panic!("it does not wait") };
        assert_eq!((again.state().waiting.len(), answer.records, answer.reason), (1, 3, Reason::Unconfirmed));
        assert!(waiting.iter().all(|known| *known == *answer), "the same as before");
        check(&again);
        if told.is_ok() {
            assert!(steps >= 1, "it was written down before it was answered");
            return;
        }
    }
}

#[test]
fn what_has_waited_is_written_once_although_the_power_went() {
    let (before, circle) = opened();
    let mut node = start(&before, usize::MAX);
    for (key, count) in [("a", 2), ("b", 1)] {
        ask(&mut node, submit(circle, count, key), LATE).unwrap();
    }
    let begun = size(&node);
    for steps in 0.. {
        let kept = copy(&before);
        let done = ask(&mut start(&kept, steps), Command::Found, RIGHT);
        let mut again = start(&kept, usize::MAX);
        let entries = (size(&again), again.state().waiting.len());
        assert!([(begun, 2), (begun + 3, 0)].contains(&entries), "after {steps} steps: {entries:?}");
        ask(&mut again, Command::Found, RIGHT).unwrap();
        assert_eq!((size(&again), again.state().waiting.len()), (begun + 3, 0), "after {steps} steps");
        for (key, count) in [("a", 2), ("b", 1)] {
            let Ok(Some(Ok(Done::Written(receipt)))) = ask(&mut again, submit(circle, count, key), RIGHT) else { panic!("not written") };
            assert!(receipt.replayed && receipt.ids.len() == count, "{receipt:?}");
        }
        assert_eq!(size(&again), begun + 3, "and not again");
        check(&again);
        if done.is_ok() {
            assert!(steps >= 2, "the entries, the anchor");
            return;
        }
    }
}

#[test]
fn what_is_taken_out_is_gone_although_the_power_went() {
    let (before, circle) = opened();
    ask(&mut start(&before, usize::MAX), submit(circle, 1, "a"), LATE).unwrap();
    for steps in 0.. {
        let kept = copy(&before);
        let mut node = start(&kept, steps);
        let id = node.state().waiting.iter().next().unwrap().id;
        let done = ask(&mut node, Command::TakeOut(id), LATE);
        let mut again = start(&kept, usize::MAX);
        assert_eq!(again.state().waiting.is_empty(), done.is_ok(), "after {steps} steps");
        if done.is_ok() {
            let begun = size(&again);
            ask(&mut again, Command::Found, RIGHT).unwrap();
            assert_eq!(size(&again), begun, "it is never written");
            return;
        }
    }
}

#[test]
fn no_more_waits_than_may() {
    let (before, circle) = opened();
    let mut node = start(&copy(&before), usize::MAX);
    let small = |_| ((), Command::Submit { submissions: submissions(circle, 1, 1, 10), once: None });
    node.work((0..=limits::WAITING).map(small).collect(), LATE).unwrap();
    let full: Vec<&Outcome> = node.outlet().0.iter().filter(|told| told.is_err()).collect();
    assert!(matches!(full.as_slice(), [Err(SubmitError::Full(Reason::Unconfirmed))]), "{full:?}");
    assert_eq!(node.state().waiting.len(), limits::WAITING);
    let Some(Err(refused)) = ask(&mut node, submit(circle, 1, "k"), LATE).unwrap() else { panic!("not refused") };
    assert!(refused.to_string().contains("suyuan waiting"), "{refused}");
    // What needs nobody's key is written all the same.
    let own = suyuan_core::circle::self_circle(&node.state().ledger.me);
    assert!(matches!(ask(&mut node, submit(own, 1, "s"), LATE), Ok(Some(Ok(Done::Written(_))))));
    let begun = size(&node);
    ask(&mut node, Command::Found, RIGHT).unwrap();
    assert_eq!((size(&node), node.state().waiting.len()), (begun + limits::WAITING as u64, 0));

    let mut node = start(&copy(&before), usize::MAX);
    let large = || Command::Submit { submissions: submissions(circle, 16, 4, 250_000), once: None };
    let mut taken = 0;
    while let Some(Ok(_)) = ask(&mut node, large(), LATE).unwrap() {
        taken += 1;
    }
    let bytes: usize = node.state().waiting.iter().map(|waiting| waiting.bytes).sum();
    assert!(taken == 4 && bytes <= limits::WAITING_BYTES && bytes > limits::WAITING_BYTES / 2, "{taken} of {bytes} bytes");
    assert!(matches!(ask(&mut node, submit(circle, 1, "k"), LATE), Ok(Some(Ok(Done::Waiting(_))))), "a small one fits");
}

#[test]
fn a_disk_that_is_older_than_the_log_writes_nothing_a_second_time() {
    let (before, circle) = opened();
    ask(&mut start(&before, usize::MAX), submit(circle, 1, "a"), LATE).unwrap();
    let old = copy(&before);
    let mut node = start(&before, usize::MAX);
    let log = node.state().ledger.own_log();
    let from = size(&node);
    ask(&mut node, Command::Found, RIGHT).unwrap();
    let state = node.state();
    let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
    let answer = serve::answer(&Request::Pull { log, from }, &log.member, &state.ledger, published, node.disk().rows(), &node.disk().local).unwrap();
    let Response::Batch(Some(batch)) = answer else { panic!("nothing has grown") };

    for steps in 0.. {
        let kept = copy(&old);
        let done = ask(&mut start(&kept, steps), Command::TakeIn(batch.clone()), RIGHT);
        let mut again = start(&kept, usize::MAX);
        if done.is_err() && size(&again) == from {
            continue;
        }
        ask(&mut again, Command::Found, RIGHT).unwrap();
        let waiting = again.state().waiting.iter().next().cloned().expect("the operator decides");
        assert_eq!(waiting.failed.map(|why| why.fault), Some(RefusalKind::Decision));
        assert_eq!(size(&again), from + 1, "it is there once, after {steps} steps");
        if done.is_ok() {
            return;
        }
    }
}

#[test]
fn a_row_that_was_changed_on_the_disk_is_noticed() {
    let (kept, circle) = opened();
    let mut node = start(&kept, usize::MAX);
    ask(&mut node, submit(circle, 1, "a"), LATE).unwrap();
    check(&node);
    let (state, disk) = (node.state(), node.disk());
    let (key, row) = disk.rows.rows(Table::Waiting, &[], &[0xff; 64], 1).unwrap().remove(0);
    for at in [0, row.len() / 2, row.len() - 1] {
        let (mut changed, mut rows) = (row.clone(), disk.rows.clone());
        changed[at] ^= 1;
        let mut changes = Changes::default();
        changes.put(Table::Waiting, key.clone(), changed);
        rows.apply(&changes);
        fsck::check(&state.ledger, &rows, &disk.local, &state.secrets, |_| {}).unwrap_err();
    }
    let mut moved = key.clone();
    moved[31] ^= 1;
    let (mut rows, mut changes) = (disk.rows.clone(), Changes::default());
    changes.put(Table::Waiting, moved, row);
    rows.apply(&changes);
    fsck::check(&state.ledger, &rows, &disk.local, &state.secrets, |_| {}).unwrap_err();
}
