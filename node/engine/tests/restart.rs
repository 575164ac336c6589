//! The power goes at every step of what the writer does, and the next start goes on from there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use support::{Member, alliance, encryption, key};
use suyuan_core::CircleId;
use suyuan_core::circle::{CircleMember, EpochSecret, PrekeySecret, Rights, Terms, Tier};
use suyuan_core::key::SecretKey;
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::fsck;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::schema::Table;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::serve;
use suyuan_engine::view::{Changes, MemoryView, StoreError, View};
use suyuan_engine::wire::{LogSize, Request, Response};
use suyuan_engine::writer::{Command, Disk, Fatal, Keys, NewKeys, Notice, Outcome, Outlet, Published, SecretError, State, Writer, recover};

const LOT: &str = "https://id.gs1.org/01/06901234567892/10/L1";

/// What a node keeps without power, and how many steps more its power lasts.
#[derive(Clone, Default)]
struct Kept {
    rows: MemoryView,
    secrets: EpochSecrets,
    anchor: Option<Published>,
}

struct Memory {
    rows: MemoryView,
    kept: Rc<RefCell<Kept>>,
    steps: Rc<Cell<usize>>,
    log: SecretKey,
    witness: SecretKey,
    encryption: PrekeySecret,
    local: LocalKeys,
}

impl Memory {
    fn step(&self) -> Result<(), String> {
        let left = self.steps.get().checked_sub(1).ok_or("the power is gone")?;
        self.steps.set(left);
        Ok(())
    }
}

impl Disk for Memory {
    type Rows = MemoryView;

    fn rows(&self) -> &MemoryView {
        &self.rows
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.step().map_err(StoreError)?;
        self.rows.apply(changes);
        self.kept.borrow_mut().rows = self.rows.clone();
        Ok(())
    }

    fn keys(&self) -> Keys<'_> {
        Keys { log: vec![&self.log], witness: vec![&self.witness], transport: Vec::new(), encryption: vec![&self.encryption], local: &self.local }
    }

    fn add_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError> {
        self.step().map_err(SecretError::Failed)?;
        self.kept.borrow_mut().secrets.insert(circle, epoch, secret);
        Ok(())
    }

    fn add_keys(&mut self, _: NewKeys) -> Result<(), SecretError> {
        unreachable!("nobody exchanges keys here")
    }

    fn replace_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError> {
        self.add_epoch_secret(circle, epoch, secret)
    }

    fn anchor(&mut self, published: &Published) -> Result<(), String> {
        self.step()?;
        self.kept.borrow_mut().anchor = Some(published.clone());
        Ok(())
    }
}

struct Silent;

impl Outlet for Silent {
    type Ticket = ();
    fn show(&mut self, _: &State) {}
    fn tell(&mut self, answers: Vec<((), Outcome)>) {
        answers.into_iter().for_each(|((), outcome)| drop(outcome.unwrap()));
    }
    fn announce(&mut self, _: Vec<LogSize>) {}
    fn notice(&mut self, notice: Notice) {
        panic!("{notice:?}");
    }
}

/// Starts the reader's node from what it has kept; its power lasts for so many steps.
fn start(kept: &Rc<RefCell<Kept>>, steps: usize) -> Writer<Memory, Silent, StdRng> {
    let Kept { rows, secrets, anchor } = kept.borrow().clone();
    let steps = Rc::new(Cell::new(steps));
    let (kept, local) = (kept.clone(), LocalKeys::new(&[1; 32]));
    let mut disk = Memory { rows, kept, steps, log: key(1, 2), witness: key(1, 3), encryption: encryption(1), local };
    let (alliance, mut rng) = (alliance(), StdRng::seed_from_u64(1));
    let me = alliance.members()[1].id;
    let state = recover(alliance, me, secrets, anchor, &mut disk, &mut rng).unwrap();
    Writer::start(disk, Silent, rng, state, 1000).unwrap()
}

fn work(writer: &mut Writer<Memory, Silent, StdRng>, command: Command) -> Result<(), Fatal> {
    writer.work(vec![((), command)], 1000)
}

/// Everything in the store that can be recomputed is what it ought to be, and so many records are found under the lot.
fn check(writer: &Writer<Memory, Silent, StdRng>, found: usize, when: &str) {
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
