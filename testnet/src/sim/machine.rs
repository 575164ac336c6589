//! One member's machine: a disk, power, a clock, and while it runs the engine's writer and sessions.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use rand::rngs::StdRng;
use suyuan_core::MemberId;
use suyuan_core::charter::Role;
use suyuan_core::log::LogId;
use suyuan_engine::decisions::Telling;
use suyuan_engine::ledger::{Founded, Ledger};
use suyuan_engine::local::LocalKeys;
use suyuan_engine::schema::Row;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::serve;
use suyuan_engine::sync::{self, Limits, Sync};
use suyuan_engine::view::StoreError;
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::witnessing::Rounds;
use suyuan_engine::writer::{Command, Fatal, RecoverError, State, Writer, recover};

use super::disk::{Disk, Outlet, Platter, Power, Rows};
use super::fact::{Fact, Facts, Ticket};
use super::founding::{FOUNDED_AT, Foundation, KeySet};
use super::nature::Nature;
use super::turncoat::Intrigue;

/// What a machine believes the time is.
#[derive(Debug)]
pub struct Clock {
    /// Its time at the beginning of the run.
    pub start: u64,
    /// Where it stands still, if it does.
    pub frozen: Option<u64>,
}

impl Clock {
    pub fn right() -> Self {
        Self { start: FOUNDED_AT, frozen: None }
    }

    pub fn read(&self, now: u64) -> u64 {
        self.start + self.frozen.unwrap_or(now)
    }
}

/// A node that runs.
pub struct Running {
    pub writer: Writer<Disk, Outlet, StdRng>,
    pub sync: Sync,
    pub queue: Vec<(Ticket, Command)>,
    /// Whether its turn is due.
    pub due: bool,
    /// Whether it may author: it knows how far its own log was published.
    pub free: bool,
    /// Who was told which heads of the order log.
    pub telling: Telling,
    /// Its rounds of witnessing.
    pub rounds: Rounds,
    /// How many changes the alliance had seen when its sessions began.
    pub version: u64,
}

/// One member's machine.
pub struct Machine {
    pub index: usize,
    pub id: MemberId,
    pub nature: Nature,
    pub foundation: Arc<Foundation>,
    /// What its node begins with: the charter, and for whoever was admitted the history that it was given; nothing before that.
    pub founded: Option<Founded>,
    pub platter: Rc<RefCell<Platter>>,
    pub power: Rc<Power>,
    pub facts: Facts,
    pub clock: Clock,
    pub running: Option<Running>,
    /// How often it was started.
    pub life: u32,
    /// Earlier copies of store and anchor.
    pub images: Vec<Platter>,
    /// Whether an earlier copy was ever put back: what only its member could read is lost then, and what only those could who have left.
    pub restored: bool,
    /// The newest copy, while an earlier store stands beside its anchor.
    pub aside: Option<Platter>,
    /// What it plans, of a member that breaks its word in decisions.
    pub intrigue: Intrigue,
    /// A second node with the same keys, of a member that keeps two histories.
    pub twin: Option<Box<Machine>>,
}

/// Why a machine is not running after it was started.
#[derive(Debug)]
pub enum NotStarted {
    Disk(RecoverError),
    Stopped(Fatal),
}

impl std::fmt::Display for NotStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(f),
            Self::Stopped(error) => error.fmt(f),
        }
    }
}

impl Machine {
    pub fn new(index: usize, nature: Nature, foundation: &Arc<Foundation>) -> Self {
        Self {
            index,
            id: foundation.members[index].id,
            nature,
            foundation: foundation.clone(),
            founded: (index < foundation.founders).then(|| foundation.alliance.clone().into()),
            platter: Rc::default(),
            power: Rc::default(),
            facts: Facts::default(),
            clock: Clock::right(),
            running: None,
            life: 0,
            images: Vec::new(),
            restored: false,
            aside: None,
            intrigue: Intrigue::default(),
            twin: None,
        }
    }

    /// Starts the node from what is on the disk.
    ///
    /// # Errors
    /// [`NotStarted`].
    pub fn boot(&mut self, now: u64, mut rng: StdRng, spread: u64) -> Result<(), NotStarted> {
        self.life += 1;
        let rows = Rows(self.platter.clone());
        let (power, facts) = (self.power.clone(), self.facts.clone());
        let keys = self.platter.borrow().keys.clone();
        let mut disk = Disk { rows, power: power.clone(), facts: facts.clone(), foundation: self.foundation.clone(), index: self.index, keys };
        let (secrets, anchor) = {
            let platter = self.platter.borrow();
            let secrets: EpochSecrets = platter.secrets.iter().map(|(epoch, secret)| (*epoch, secret.clone())).collect();
            (secrets, platter.anchor.clone())
        };
        let founded = self.founded.clone().unwrap_or_else(|| self.foundation.alliance.clone().into());
        let state = recover(founded, self.id, secrets, anchor, &mut disk, &mut rng).map_err(NotStarted::Disk)?;
        facts.borrow_mut().push(Fact::Booted(state.clone()));
        let ledger = state.ledger.clone();
        let writer = Writer::start(disk, Outlet { power, facts }, rng, state, self.clock.read(now)).map_err(NotStarted::Stopped)?;
        let (sync, telling, rounds, version) = (sessions(&ledger, spread), Telling::default(), rounds(&ledger), ledger.alliance.version());
        self.running = Some(Running { writer, sync, queue: Vec::new(), due: false, free: false, telling, rounds, version });
        Ok(())
    }

    /// Begins its sessions anew, with the members of today. What the writer is asked for goes on; nobody waits for it any more.
    pub fn regroup(&mut self, spread: u64) {
        let Some(running) = &mut self.running else { return };
        let ledger = running.writer.state().ledger.clone();
        (running.sync, running.telling, running.version) = (sessions(&ledger, spread), Telling::default(), ledger.alliance.version());
        running.rounds = rounds(&ledger);
        for (ticket, _) in running.queue.iter_mut().filter(|(ticket, _)| matches!(ticket, Ticket::Batch(_) | Ticket::Gap | Ticket::Round)) {
            *ticket = Ticket::Nobody;
        }
    }

    /// Whether its node lets that of another member in.
    pub fn knows(&self, other: &MemberId) -> bool {
        self.state().is_some_and(|state| state.ledger.alliance.active(other).is_some())
    }

    /// The power goes, or the process ends: what was only in memory is gone.
    pub fn stop(&mut self) {
        self.running = None;
        self.platter.borrow_mut().lose();
        self.power.on();
    }

    pub fn state(&self) -> Option<&State> {
        self.running.as_ref().map(|running| running.writer.state())
    }

    /// Whether its member is a regulator, which only reads.
    pub fn regulates(&self) -> bool {
        let today = self.state().and_then(|state| state.ledger.alliance.member(&self.id)).map(|member| member.entry.role);
        today.unwrap_or(self.foundation.members[self.index].role) == Role::Regulator
    }

    pub fn local(&self) -> &LocalKeys {
        &self.foundation.members[self.index].local
    }

    pub fn rows(&self) -> Rows {
        Rows(self.platter.clone())
    }

    /// The log that it writes: the next one, where it has lost its disk and its keys.
    pub fn log(&self) -> LogId {
        LogId { alliance: self.foundation.alliance.id(), member: self.id, incarnation: self.incarnation() as u64 }
    }

    pub fn incarnation(&self) -> usize {
        self.platter.borrow().incarnation
    }

    /// Its keys of the founding, or of its recovery.
    pub fn keys(&self) -> &KeySet {
        &self.foundation.members[self.index].keys[self.incarnation()]
    }

    /// What it answers by the rules.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn answer(&self, asker: &MemberId, request: &Request) -> Result<Option<Response>, StoreError> {
        let Some(state) = self.state() else { return Ok(None) };
        let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
        serve::answer(request, asker, &state.ledger, published, &self.rows(), self.local()).map(Some)
    }

    /// Where an entry of a log stands in its store.
    pub fn row(&self, log: &LogId, sequence: u64) -> Option<Row> {
        let head = self.state()?.ledger.logs.known(log)?;
        (sequence < head.size()).then_some(Row { log: head.number, sequence })
    }

    /// How much of a log it has.
    pub fn size(&self, log: &LogId) -> u64 {
        self.state().and_then(|state| state.ledger.logs.known(log)).map_or(0, suyuan_engine::logs::LogHead::size)
    }
}

fn sessions(ledger: &Ledger, spread: u64) -> Sync {
    let mut sync = Sync::new(ledger.me, sync::followed(ledger), Limits::default(), spread);
    ledger.convictions.iter().for_each(|conviction| sync.convict(conviction));
    sync
}

fn rounds(ledger: &Ledger) -> Rounds {
    Rounds::new(ledger.me, ledger.alliance.members().iter().map(|member| member.id))
}
