//! The order in which the writer touches the disk and lets others know.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use support::{alliance, encryption, key};
use suyuan_core::CircleId;
use suyuan_core::circle::{EpochSecret, PrekeySecret, Terms, Tier};
use suyuan_core::key::SecretKey;
use suyuan_core::note::{NamedKey, TreeHead, sign_head};
use suyuan_core::tree;
use suyuan_core::witness::AddCheckpoint;
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::schema::{PROMISE_ROW, Table};
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::submission;
use suyuan_engine::view::{Changes, MemoryView, StoreError, View};
use suyuan_engine::wire::LogSize;
use suyuan_engine::writer::{Command, Disk, Done, Fatal, Keys, NewKeys, Notice, Outcome, Outlet, Published, SecretError, State, Writer, recover};

/// What was done, in order.
type Journal = Rc<RefCell<Vec<&'static str>>>;

struct Memory {
    journal: Journal,
    rows: MemoryView,
    log: SecretKey,
    witness: SecretKey,
    encryption: PrekeySecret,
    local: LocalKeys,
    /// What fails from now on.
    broken: Rc<RefCell<Option<&'static str>>>,
}

impl Memory {
    fn note(&self, what: &'static str) -> Result<(), String> {
        if *self.broken.borrow() == Some(what) {
            return Err("broken".into());
        }
        self.journal.borrow_mut().push(what);
        Ok(())
    }
}

impl Disk for Memory {
    type Rows = MemoryView;

    fn rows(&self) -> &MemoryView {
        &self.rows
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.note("write").map_err(StoreError)?;
        self.rows.apply(changes);
        Ok(())
    }

    fn keys(&self) -> Keys<'_> {
        Keys { log: vec![&self.log], witness: vec![&self.witness], transport: Vec::new(), encryption: vec![&self.encryption], local: &self.local }
    }

    fn add_epoch_secret(&mut self, _: CircleId, _: u64, _: EpochSecret) -> Result<(), SecretError> {
        self.note("secret").map_err(SecretError::Failed)
    }

    fn add_keys(&mut self, _: NewKeys) -> Result<(), SecretError> {
        self.note("keys").map_err(SecretError::Failed)
    }

    fn replace_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError> {
        self.add_epoch_secret(circle, epoch, secret)
    }

    fn anchor(&mut self, _: &Published) -> Result<(), String> {
        self.note("anchor")
    }
}

struct Told {
    journal: Journal,
    outcomes: Rc<RefCell<Vec<Outcome>>>,
}

impl Outlet for Told {
    type Ticket = ();

    fn show(&mut self, _: &State) {
        self.journal.borrow_mut().push("show");
    }

    fn tell(&mut self, answers: Vec<((), Outcome)>) {
        self.journal.borrow_mut().push("tell");
        self.outcomes.borrow_mut().extend(answers.into_iter().map(|((), outcome)| outcome));
    }

    fn announce(&mut self, _: Vec<LogSize>) {
        self.journal.borrow_mut().push("announce");
    }

    fn notice(&mut self, notice: Notice) {
        panic!("{notice:?}");
    }
}

/// The leader's writer, with what it does and a way to break its disk.
struct Bench {
    writer: Writer<Memory, Told, StdRng>,
    journal: Journal,
    outcomes: Rc<RefCell<Vec<Outcome>>>,
    broken: Rc<RefCell<Option<&'static str>>>,
}

impl Bench {
    fn new() -> Self {
        let (journal, outcomes, broken) = (Journal::default(), Rc::default(), Rc::default());
        let mut disk = Memory {
            journal: Rc::clone(&journal),
            rows: MemoryView::default(),
            log: key(0, 2),
            witness: key(0, 3),
            encryption: encryption(0),
            local: LocalKeys::new(&[0; 32]),
            broken: Rc::clone(&broken),
        };
        let (alliance, mut rng) = (alliance(), StdRng::seed_from_u64(1));
        let me = alliance.leader().unwrap().id;
        let state = recover(alliance, me, EpochSecrets::default(), None, &mut disk, &mut rng).unwrap();
        assert_eq!(journal.take(), ["write", "secret"], "a first start names its owner and makes the circle of its own");
        let outlet = Told { journal: Rc::clone(&journal), outcomes: Rc::clone(&outcomes) };
        let writer = Writer::start(disk, outlet, rng, state, 1000).unwrap();
        assert_eq!(journal.take(), ["announce"], "nothing is there to be published");
        Self { writer, journal, outcomes, broken }
    }

    fn do_it(&mut self, command: Command) -> (Result<(), Fatal>, Vec<&'static str>) {
        let done = self.writer.work(vec![((), command)], 1000);
        (done, self.journal.take())
    }
}

fn record(bench: &Bench) -> Command {
    let body = br#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#;
    let ledger = &bench.writer.state().ledger;
    Command::Submit { submissions: submission::parse(body, &ledger.alliance, &ledger.me).unwrap(), once: None }
}

#[test]
fn a_record_is_acknowledged_after_its_write_and_published_after_its_anchor() {
    let mut bench = Bench::new();
    let command = record(&bench);
    let (done, steps) = bench.do_it(command);
    assert_eq!((done, steps), (Ok(()), vec!["write", "show", "tell", "anchor", "show", "announce"]));
    assert!(matches!(bench.outcomes.borrow().as_slice(), [Ok(Done::Written(receipt))] if receipt.first == 0 && receipt.ids.len() == 1));
}

#[test]
fn a_secret_is_kept_before_the_statement_that_needs_it() {
    let mut bench = Bench::new();
    let (done, steps) = bench.do_it(Command::Found);
    assert_eq!((done, steps), (Ok(()), vec!["secret", "show", "write", "show", "anchor", "show", "announce", "tell"]));
}

#[test]
fn a_voter_is_bound_before_its_vote_to_freeze_is_written() {
    let mut bench = Bench::new();
    bench.do_it(Command::Found).0.unwrap();
    bench.do_it(Command::Decide(BTreeSet::new())).0.unwrap();
    bench.do_it(Command::Freeze(2)).0.unwrap();
    let (done, steps) = bench.do_it(Command::Decide(BTreeSet::new()));
    assert_eq!((done, steps), (Ok(()), vec!["write", "show", "write", "show", "anchor", "show", "announce", "tell"]));
    assert!(bench.writer.disk().rows.row(Table::Meta, PROMISE_ROW).unwrap().is_some());
}

#[test]
fn an_epoch_is_answered_for_with_its_statement() {
    let mut bench = Bench::new();
    let request = CircleRequest {
        circle: None,
        name: "c".into(),
        purpose: String::new(),
        tier: Tier::Authorized,
        members: Vec::new(),
        terms: Terms::default(),
        until: None,
    };
    bench.do_it(Command::Circle(request)).0.unwrap();
    let Some(Ok(Done::Opened(circle))) = bench.outcomes.borrow_mut().pop() else { panic!("not opened") };
    let statement = circle.epochs()[&1].statement;
    assert!(bench.writer.disk().rows.row(Table::ById, &statement.0).unwrap().is_some(), "the statement that stands in the log");
}

/// A request to cosign the first checkpoint of a log that is nobody's.
fn request() -> Command {
    let head = TreeHead { size: 1, root: tree::root(&[tree::leaf_hash(&[1])]) };
    let (named, checkpoint) = (NamedKey::new("example.org/log", key(9, 2).public()), sign_head("example.org/log", &head, &key(9, 2)));
    Command::AddCheckpoint { request: AddCheckpoint { old: 0, proof: Vec::new(), checkpoint }, named: Some(named) }
}

#[test]
fn a_cosignature_is_on_the_disk_before_it_is_told() {
    let mut bench = Bench::new();
    assert_eq!(bench.do_it(request()), (Ok(()), vec!["write", "tell"]));
    assert!(matches!(bench.outcomes.borrow().as_slice(), [Ok(Done::Cosigned(Ok(_)))]));
    let mut bench = Bench::new();
    *bench.broken.borrow_mut() = Some("write");
    let (done, steps) = bench.do_it(request());
    assert!(done.is_err() && bench.outcomes.borrow().is_empty(), "nobody has it");
    assert_eq!(steps, Vec::<&str>::new());
}

#[test]
fn after_a_failed_step_nothing_later_is_done() {
    for (broken, before) in [("write", vec![]), ("anchor", vec!["write", "show", "tell"])] {
        let mut bench = Bench::new();
        *bench.broken.borrow_mut() = Some(broken);
        let command = record(&bench);
        let (done, steps) = bench.do_it(command);
        assert!(done.is_err(), "{broken}");
        assert_eq!(steps, before, "{broken}");
    }
    let mut bench = Bench::new();
    *bench.broken.borrow_mut() = Some("secret");
    let (done, steps) = bench.do_it(Command::Found);
    assert!(done.is_err());
    assert_eq!(steps, Vec::<&str>::new(), "no statement without its secret");
}
