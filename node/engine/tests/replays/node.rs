//! A whole node in memory, whose disk counts what is changed on it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use suyuan_core::charter::Alliance;
use suyuan_core::circle::{EpochSecret, PrekeySecret};
use suyuan_core::key::SecretKey;
use suyuan_core::log::LogId;
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::ledger::Founded;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::view::{Changes, MemoryView, StoreError, View};
use suyuan_engine::wire::LogSize;
use suyuan_engine::witnessing::Rounds;
use suyuan_engine::writer::{Command, Disk, Keys, NewKeys, Notice, Outcome, Outlet, Published, SecretError, State, Writer, recover};

pub fn key(member: usize, purpose: u8) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(member).unwrap() * 16 + purpose; 32])
}

pub fn encryption(member: usize) -> PrekeySecret {
    PrekeySecret::from_bytes([u8::try_from(member).unwrap() * 16 + 9; 32])
}

type Touched = Rc<RefCell<Vec<String>>>;

pub struct Memory {
    pub rows: MemoryView,
    keys: Vec<NewKeys>,
    local: LocalKeys,
    keyring: BTreeMap<(CircleId, u64), EpochSecret>,
    anchor: Option<Published>,
    /// Rows, secrets and anchors that are others than they were: where, and what for what.
    touched: Touched,
}

impl Memory {
    fn touch(&self, changed: bool, what: impl FnOnce() -> String) {
        if changed {
            self.touched.borrow_mut().push(what());
        }
    }
}

impl Disk for Memory {
    type Rows = MemoryView;

    fn rows(&self) -> &MemoryView {
        &self.rows
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StoreError> {
        for (table, key, value) in &changes.rows {
            let before = self.rows.row(*table, key)?;
            let text = |row: &Option<Vec<u8>>| row.as_ref().map(|row| String::from_utf8_lossy(row).into_owned());
            self.touch(before != *value, || format!("{table:?} {key:?}:\n{:?}\n{:?}", text(&before), text(value)));
        }
        self.rows.apply(changes);
        Ok(())
    }

    fn keys(&self) -> Keys<'_> {
        Keys {
            log: self.keys.iter().filter_map(|keys| keys.log.as_ref()).collect(),
            witness: self.keys.iter().filter_map(|keys| keys.witness.as_ref()).collect(),
            transport: self.keys.iter().filter_map(|keys| keys.transport.as_ref()).collect(),
            encryption: self.keys.iter().filter_map(|keys| keys.encryption.as_ref()).collect(),
            local: &self.local,
        }
    }

    fn add_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError> {
        if self.keyring.get(&(circle, epoch)).is_some_and(|known| *known != secret) {
            return Err(SecretError::Refused("another secret of this epoch".to_owned()));
        }
        self.replace_epoch_secret(circle, epoch, secret)
    }

    fn replace_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError> {
        let known = self.keyring.insert((circle, epoch), secret.clone());
        self.touch(known != Some(secret), || format!("secret of {circle}, {epoch}"));
        Ok(())
    }

    fn add_keys(&mut self, new: NewKeys) -> Result<(), SecretError> {
        self.touch(true, || format!("{new:?}"));
        self.keys.push(new);
        Ok(())
    }

    fn anchor(&mut self, published: &Published) -> Result<(), String> {
        self.touch(self.anchor.as_ref() != Some(published), || format!("anchor: {published:?}"));
        self.anchor = Some(published.clone());
        Ok(())
    }
}

#[derive(Default)]
struct Out(Rc<RefCell<Vec<Outcome>>>);

impl Outlet for Out {
    type Ticket = ();

    fn show(&mut self, _: &State) {}

    fn tell(&mut self, answers: Vec<((), Outcome)>) {
        self.0.borrow_mut().extend(answers.into_iter().map(|((), outcome)| outcome));
    }

    fn announce(&mut self, _: Vec<LogSize>) {}

    fn notice(&mut self, _: Notice) {}
}

/// Everything that a node knows.
pub struct Snapshot {
    rows: MemoryView,
    keyring: BTreeMap<(CircleId, u64), EpochSecret>,
    anchor: Option<Published>,
    ledger: String,
}

pub struct Node {
    writer: Writer<Memory, Out, StdRng>,
    pub rounds: Rounds,
    outcomes: Rc<RefCell<Vec<Outcome>>>,
    touched: Touched,
}

impl Node {
    pub fn new(index: usize, alliance: &Arc<Alliance>, now: u64) -> Self {
        Self::begin(alliance.members()[index].id, index, alliance.clone(), now)
    }

    /// A member's node with an empty disk, and the keys of this number.
    pub fn begin(me: MemberId, index: usize, founded: impl Into<Founded>, now: u64) -> Self {
        let founded = founded.into();
        let touched = Touched::default();
        let mut disk = Memory {
            rows: MemoryView::default(),
            keys: vec![NewKeys {
                log: Some(key(index, 2)),
                witness: Some(key(index, 3)),
                transport: Some(key(index, 4)),
                encryption: Some(encryption(index)),
            }],
            local: LocalKeys::new(&[u8::try_from(index).unwrap(); 32]),
            keyring: BTreeMap::new(),
            anchor: None,
            touched: touched.clone(),
        };
        let mut rng = StdRng::seed_from_u64(index as u64);
        let others: Vec<MemberId> = founded.today().members().iter().map(|member| member.id).collect();
        let state = recover(founded, me, EpochSecrets::default(), None, &mut disk, &mut rng).unwrap();
        let out = Out::default();
        let outcomes = out.0.clone();
        Self { writer: Writer::start(disk, out, rng, state, now).unwrap(), rounds: Rounds::new(me, others), outcomes, touched }
    }

    pub fn state(&self) -> &State {
        self.writer.state()
    }

    pub fn disk(&self) -> &Memory {
        self.writer.disk()
    }

    pub fn me(&self) -> MemberId {
        self.state().ledger.me
    }

    pub fn own_log(&self) -> LogId {
        self.state().ledger.own_log()
    }

    pub fn size(&self, log: &LogId) -> u64 {
        self.state().ledger.logs.head(log).size()
    }

    pub fn checkpoint(&self) -> Option<&str> {
        self.state().published.as_ref().map(|published| published.checkpoint.as_str())
    }

    pub fn ask(&mut self, command: Command, now: u64) -> Outcome {
        self.ask_at_once(vec![command], now).pop().unwrap()
    }

    /// Asks for several things that wait together; says what was answered, in the order of the answers.
    pub fn ask_at_once(&mut self, commands: Vec<Command>, now: u64) -> Vec<Outcome> {
        self.writer.work(commands.into_iter().map(|command| ((), command)).collect(), now).unwrap();
        self.outcomes.borrow_mut().drain(..).collect()
    }

    /// Several commands at once; the answers in the order in which they were given.
    pub fn ask_all(&mut self, commands: Vec<Command>, now: u64) -> Vec<Outcome> {
        self.outcomes.borrow_mut().clear();
        self.writer.work(commands.into_iter().map(|command| ((), command)).collect(), now).unwrap();
        self.outcomes.take()
    }

    /// What was changed since it was counted anew.
    pub fn touched(&self) -> Vec<String> {
        self.touched.borrow().clone()
    }

    /// Counts anew.
    pub fn forget(&self) {
        self.touched.borrow_mut().clear();
    }

    pub fn snapshot(&self) -> Snapshot {
        self.forget();
        let disk = self.disk();
        let ledger = format!("{:?}", self.state().ledger);
        Snapshot { rows: disk.rows.clone(), keyring: disk.keyring.clone(), anchor: disk.anchor.clone(), ledger }
    }

    pub fn differs(&self, before: &Snapshot) -> bool {
        let now = self.disk();
        now.rows != before.rows
            || now.keyring != before.keyring
            || now.anchor != before.anchor
            || format!("{:?}", self.state().ledger) != before.ledger
    }

    pub fn compare(&self, before: &Snapshot, index: usize) {
        assert!(self.disk().rows == before.rows, "rows of node {index}");
        assert!(self.disk().keyring == before.keyring, "keyring of node {index}");
        assert!(self.disk().anchor == before.anchor, "anchor of node {index}");
        assert!(format!("{:?}", self.state().ledger) == before.ledger, "ledger of node {index}");
    }
}
