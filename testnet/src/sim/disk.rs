//! A disk in memory: what the power may leave of it, and what of its work others get to know.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use suyuan_core::circle::EpochSecret;
use suyuan_core::{CircleId, StatementId};
use suyuan_engine::schema::{Row, Table};
use suyuan_engine::view::{Changes, KeyValue, MemoryView, StoreError, View};
use suyuan_engine::wire::LogSize;
use suyuan_engine::writer::{self, Keys, NewKeys, Notice, Outcome, Published, SecretError, State};

use super::fact::{Fact, Facts, Ticket};
use super::founding::Foundation;

/// What a node keeps without power.
#[derive(Clone, Default)]
pub struct Platter {
    pub rows: MemoryView,
    /// How to take back the writes that were not synced, the last one last.
    unsynced: Vec<Changes>,
    pub secrets: BTreeMap<(CircleId, u64), EpochSecret>,
    pub anchor: Option<Published>,
    /// Keys that came after the first ones, oldest first.
    pub keys: Vec<Arc<NewKeys>>,
    /// Whose first keys are in the keyring: those of the founding, or of the member's recovery.
    pub incarnation: usize,
}

impl Platter {
    fn apply(&mut self, changes: &Changes) {
        let before = changes.rows.iter().rev().map(|(table, key, _)| (*table, key.clone(), self.rows.row(*table, key).ok().flatten()));
        let undo = Changes { rows: before.collect() };
        self.rows.apply(changes);
        self.unsynced.push(undo);
    }

    fn sync(&mut self) {
        self.unsynced.clear();
    }

    /// The power goes: what was not synced is lost.
    pub fn lose(&mut self) {
        while let Some(undo) = self.unsynced.pop() {
            self.rows.apply(&undo);
        }
    }
}

/// The rows of a platter, as a view.
#[derive(Clone)]
pub struct Rows(pub Rc<RefCell<Platter>>);

impl View for Rows {
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.borrow().rows.row(table, key)
    }

    fn rows(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.0.borrow().rows.rows(table, from, to, limit)
    }
}

/// The power of one machine. It may go at any step of its writer: before the step has had an effect, or after it and before anybody knows.
#[derive(Debug, Default)]
pub struct Power {
    off: Cell<bool>,
    /// Steps until it goes, and whether the last one still has its effect.
    fuse: Cell<Option<(u32, bool)>>,
}

/// Whether a step has its effect, and whether its caller gets to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Done,
    DoneUnknown,
    NotDone,
}

impl Power {
    pub fn on(&self) {
        self.off.set(false);
        self.fuse.set(None);
    }

    pub fn is_off(&self) -> bool {
        self.off.get()
    }

    /// Sets when it will go.
    pub fn light(&self, steps: u32, kept: bool) {
        self.fuse.set(Some((steps, kept)));
    }

    fn step(&self) -> Step {
        if self.off.get() {
            return Step::NotDone;
        }
        match self.fuse.get() {
            Some((0, kept)) => {
                self.off.set(true);
                if kept { Step::DoneUnknown } else { Step::NotDone }
            }
            Some((steps, kept)) => {
                self.fuse.set(Some((steps - 1, kept)));
                Step::Done
            }
            None => Step::Done,
        }
    }
}

/// The disk of one machine.
pub struct Disk {
    pub rows: Rows,
    pub power: Rc<Power>,
    pub facts: Facts,
    pub foundation: Arc<Foundation>,
    pub index: usize,
    /// The platter's keys as its writer has them.
    pub keys: Vec<Arc<NewKeys>>,
}

impl Disk {
    fn note(&self, fact: Fact) {
        self.facts.borrow_mut().push(fact);
    }

    /// Does a step of which the caller learns whether it was done.
    fn step(&self, work: impl FnOnce(&mut Platter) -> Fact) -> Result<(), String> {
        let step = self.power.step();
        if step != Step::NotDone {
            let fact = work(&mut self.rows.0.borrow_mut());
            self.note(fact);
        }
        if step == Step::Done { Ok(()) } else { Err("the power is gone".to_owned()) }
    }
}

impl writer::Disk for Disk {
    type Rows = Rows;

    fn rows(&self) -> &Rows {
        &self.rows
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StoreError> {
        let done = self.step(|platter| {
            platter.apply(changes);
            platter.sync();
            wrote(changes)
        });
        done.map_err(StoreError)
    }

    fn keys(&self) -> Keys<'_> {
        let member = &self.foundation.members[self.index];
        let (first, new) = (&member.keys[self.rows.0.borrow().incarnation], &self.keys);
        Keys {
            log: [&first.log].into_iter().chain(new.iter().filter_map(|new| new.log.as_ref())).collect(),
            witness: [&first.witness].into_iter().chain(new.iter().filter_map(|new| new.witness.as_ref())).collect(),
            transport: new.iter().filter_map(|new| new.transport.as_ref()).collect(),
            encryption: [&first.encryption].into_iter().chain(new.iter().filter_map(|new| new.encryption.as_ref())).collect(),
            local: &member.local,
        }
    }

    fn add_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError> {
        let other = self.rows.0.borrow().secrets.get(&(circle, epoch)).is_some_and(|known| *known != secret);
        if other {
            return Err(SecretError::Refused("there is another secret of this epoch".to_owned()));
        }
        self.replace_epoch_secret(circle, epoch, secret)
    }

    fn replace_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError> {
        let done = self.step(|platter| {
            platter.secrets.insert((circle, epoch), secret);
            Fact::Kept { circle, epoch }
        });
        done.map_err(SecretError::Failed)
    }

    fn add_keys(&mut self, new: NewKeys) -> Result<(), SecretError> {
        let new = Arc::new(new);
        self.keys.push(new.clone());
        let done = self.step(|platter| {
            platter.keys.push(new);
            Fact::Rekeyed
        });
        done.map_err(SecretError::Failed)
    }

    fn anchor(&mut self, published: &Published) -> Result<(), String> {
        self.step(|platter| {
            platter.anchor = Some(published.clone());
            Fact::Anchored(published.clone())
        })
    }
}

fn wrote(changes: &Changes) -> Fact {
    let rows = |table: Table| changes.rows.iter().filter(move |(of, _, value)| *of == table && value.is_some());
    let entry = |(_, key, value): &(Table, Vec<u8>, Option<Vec<u8>>)| {
        let id = value.as_deref().and_then(|value| value.try_into().ok()).map(StatementId);
        Row::from_key(key).zip(id)
    };
    let system = rows(Table::System).filter_map(|(_, key, _)| Row::from_key(key)).collect();
    Fact::Wrote { entries: rows(Table::Entry).filter_map(entry).collect(), system }
}

/// Where the results of one machine go.
pub struct Outlet {
    pub power: Rc<Power>,
    pub facts: Facts,
}

impl Outlet {
    fn pass(&self, fact: Fact) {
        if self.power.step() != Step::NotDone {
            self.facts.borrow_mut().push(fact);
        }
    }
}

impl writer::Outlet for Outlet {
    type Ticket = Ticket;

    fn show(&mut self, state: &State) {
        self.pass(Fact::Shown(state.clone()));
    }

    fn tell(&mut self, answers: Vec<(Ticket, Outcome)>) {
        for (ticket, outcome) in answers {
            self.pass(Fact::Told(ticket, outcome));
        }
    }

    fn announce(&mut self, sizes: Vec<LogSize>) {
        self.pass(Fact::Announced(sizes));
    }

    fn notice(&mut self, notice: Notice) {
        self.pass(Fact::Noticed(notice));
    }
}
