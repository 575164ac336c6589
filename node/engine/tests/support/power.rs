//! The reader's node, whose power lasts for so many steps.

#![allow(dead_code)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use suyuan_core::CircleId;
use suyuan_core::circle::{EpochSecret, PrekeySecret};
use suyuan_core::key::SecretKey;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::view::{Changes, MemoryView, StoreError};
use suyuan_engine::wire::LogSize;
use suyuan_engine::writer::{Disk, Keys, NewKeys, Notice, Outcome, Outlet, Published, SecretError, State, Writer, recover};

use crate::support::{alliance, encryption, key};

/// What a node keeps without power, and how many steps more its power lasts.
#[derive(Clone, Default)]
pub struct Kept {
    pub rows: MemoryView,
    pub secrets: EpochSecrets,
    pub anchor: Option<Published>,
}

pub struct Memory {
    pub rows: MemoryView,
    kept: Rc<RefCell<Kept>>,
    steps: Rc<Cell<usize>>,
    log: SecretKey,
    witness: SecretKey,
    encryption: PrekeySecret,
    pub local: LocalKeys,
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

/// What somebody was told.
#[derive(Default)]
pub struct Told(pub Vec<Outcome>);

impl Outlet for Told {
    type Ticket = ();
    fn show(&mut self, _: &State) {}
    fn tell(&mut self, answers: Vec<((), Outcome)>) {
        self.0.extend(answers.into_iter().map(|((), outcome)| outcome));
    }
    fn announce(&mut self, _: Vec<LogSize>) {}
    fn notice(&mut self, notice: Notice) {
        panic!("{notice:?}");
    }
}

/// Starts the reader's node from what it has kept; its power lasts for so many steps.
pub fn start(kept: &Rc<RefCell<Kept>>, steps: usize) -> Writer<Memory, Told, StdRng> {
    let Kept { rows, secrets, anchor } = kept.borrow().clone();
    let steps = Rc::new(Cell::new(steps));
    let (kept, local) = (kept.clone(), LocalKeys::new(&[1; 32]));
    let mut disk = Memory { rows, kept, steps, log: key(1, 2), witness: key(1, 3), encryption: encryption(1), local };
    let (alliance, mut rng) = (alliance(), StdRng::seed_from_u64(1));
    let me = alliance.members()[1].id;
    let state = recover(alliance, me, secrets, anchor, &mut disk, &mut rng).unwrap();
    Writer::start(disk, Told::default(), rng, state, 1000).unwrap()
}
