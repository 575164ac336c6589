//! The power goes at every step of what the writer does, and the next start goes on from there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "support/power.rs"]
mod power;
mod support;

use std::cell::RefCell;
use std::rc::Rc;

use rand::rngs::StdRng;
use support::{Member, alliance};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::fsck;
use suyuan_engine::schema::Table;
use suyuan_engine::serve;
use suyuan_engine::view::View;
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::writer::{Command, Disk, Fatal, Writer};

use crate::power::{Kept, Memory, Told, start};

const LOT: &str = "https://id.gs1.org/01/06901234567892/10/L1";

fn work(writer: &mut Writer<Memory, Told, StdRng>, command: Command) -> Result<(), Fatal> {
    let done = writer.work(vec![((), command)], 1000);
    assert!(writer.outlet().0.iter().all(Result::is_ok));
    done
}

/// Everything in the store that can be recomputed is what it ought to be, and so many records are found under the lot.
fn check(writer: &Writer<Memory, Told, StdRng>, found: usize, when: &str) {
    let (state, disk) = (writer.state(), writer.disk());
    fsck::check(&state.ledger, disk.rows(), &disk.local, &state.secrets, |_| {}).unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_eq!(disk.rows().rows(Table::BySubject, &[], &[0xff; 64], 10).unwrap().len(), found, "{when}");
}

#[test]
fn records_that_came_before_their_key_are_found_although_the_power_went_when_it_came() {
    let alliance = alliance();
    let mut leader = Member::new(0, &alliance);
    let members = vec![CircleMember { member: alliance.members()[1].id, rights: Rights::Read }];
    let (purpose, terms) = (String::new(), Terms::default());
    let circle = leader.open_circle(CircleRequest { circle: None, name: "c".into(), purpose, tier: Tier::Authorized, members, terms, until: None });
    leader.put(&format!(r#"{{"records":[{{"type":"note","about":["{LOT}"],"sections":[{{"for":"{circle}","fields":{{"a":1}}}}]}}]}}"#));
    let log = leader.own_log();
    let ask = |request: Request| {
        serve::answer(&request, &alliance.members()[1].id, &leader.ledger, leader.published.as_deref(), &leader.view, &leader.local).unwrap()
    };
    let Response::Batch(Some(mut batch)) = ask(Request::Pull { log, from: 0 }) else { panic!("no batch") };
    batch.items.retain(|item| item.sequence != 1);
    let fill = || {
        let Response::Items(items) = ask(Request::Items { log, sequences: vec![1] }) else { panic!("no items") };
        Command::Fill { log, items }
    };
    let before = Rc::new(RefCell::new(Kept::default()));
    let mut reader = start(&before, usize::MAX);
    work(&mut reader, Command::TakeIn(batch)).unwrap();
    check(&reader, 0, "without the key");

    for steps in 0.. {
        let kept = Rc::new(RefCell::new(before.borrow().clone()));
        let done = work(&mut start(&kept, steps), fill());
        let mut again = start(&kept, usize::MAX);
        let known = again.state().secrets.of(&circle, 1).is_some();
        check(&again, usize::from(known), &format!("started after {steps} steps"));
        work(&mut again, fill()).unwrap();
        check(&again, 1, &format!("filled again after {steps} steps"));
        check(&start(&kept, usize::MAX), 1, &format!("started again after {steps} steps"));
        if done.is_ok() {
            assert!(steps >= 3, "the mark, the secret, the records");
            return;
        }
    }
}
