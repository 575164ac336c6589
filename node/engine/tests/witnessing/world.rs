//! Whole nodes in memory: the writer, the rounds and a network that can lose what one says to another.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use suyuan_core::MemberId;
use suyuan_core::charter::{Alliance, Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::PrekeySecret;
use suyuan_core::key::SecretKey;
use suyuan_core::log::LogId;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::view::MemoryView;
use suyuan_engine::wire::{LogSize, Request, Response};
use suyuan_engine::witnessing::{Action, Alarm, Contradiction, Event, Local, Rounds, VerifiedCosignature};
use suyuan_engine::writer::{Command, Disk, Done, Notice, Outcome, Outlet, Published, State, Witnessed, Writer, recover};
use suyuan_engine::{serve, submission};

use crate::steady::Memory;

pub fn key(member: usize, purpose: u8) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(member).unwrap() * 16 + purpose; 32])
}

pub fn alliance(roles: &[Role]) -> Arc<Alliance> {
    Arc::new(charter_file(roles).verify(None).unwrap())
}

pub fn charter_file(roles: &[Role]) -> CharterFile {
    let members = roles.iter().enumerate().map(|(index, role)| {
        let public = |purpose| key(index, purpose).public().to_bytes();
        let encryption = PrekeySecret::from_bytes([u8::try_from(index).unwrap() * 16 + 9; 32]).public();
        let keys = MemberKeys { root: public(1), log: public(2), witness: public(3), transport: public(4), encryption };
        Entry { name: format!("M{index}"), role: *role, keys, addresses: Vec::new(), scope: Vec::new() }
    });
    let charter = Charter {
        nonce: [1; 32],
        name: "链".into(),
        purpose: String::new(),
        chain: "绿色农业".into(),
        time: 0,
        members: members.collect(),
        deputies: Vec::new(),
        seal: 3_600_000,
        terms: String::new(),
    };
    let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    for member in 0..roles.len() {
        (1..=4).for_each(|purpose| file.sign(&key(member, purpose)).unwrap());
    }
    file
}

#[derive(Default)]
pub struct Out {
    outcomes: Rc<RefCell<Vec<Outcome>>>,
    pub evidence: Rc<RefCell<Vec<Contradiction>>>,
}

impl Outlet for Out {
    type Ticket = ();

    fn show(&mut self, _: &State) {}

    fn tell(&mut self, answers: Vec<((), Outcome)>) {
        self.outcomes.borrow_mut().extend(answers.into_iter().map(|((), outcome)| outcome));
    }

    fn announce(&mut self, _: Vec<LogSize>) {}

    fn notice(&mut self, notice: Notice) {
        if let Notice::Contradiction(found) = notice {
            self.evidence.borrow_mut().push(*found);
        }
    }
}

pub struct Node {
    pub writer: Writer<Memory, Out, StdRng>,
    pub rounds: Rounds,
    outcomes: Rc<RefCell<Vec<Outcome>>>,
    pub evidence: Rc<RefCell<Vec<Contradiction>>>,
}

impl Node {
    pub fn new(index: usize, alliance: &Arc<Alliance>) -> Self {
        let seed = [u8::try_from(index).unwrap(); 32];
        let encryption = PrekeySecret::from_bytes([u8::try_from(index).unwrap() * 16 + 9; 32]);
        let disk = Memory { rows: MemoryView::default(), keys: [key(index, 2), key(index, 3)], encryption, local: LocalKeys::new(&seed) };
        Self::on(disk, alliance.members()[index].id, alliance, None)
    }

    fn on(mut disk: Memory, me: MemberId, alliance: &Arc<Alliance>, published: Option<Published>) -> Self {
        let mut rng = StdRng::seed_from_u64(7);
        let state = recover(alliance.clone(), me, EpochSecrets::default(), published, &mut disk, &mut rng).unwrap();
        let out = Out::default();
        let (outcomes, evidence) = (out.outcomes.clone(), out.evidence.clone());
        let others = alliance.members().iter().map(|member| member.id);
        Self { writer: Writer::start(disk, out, rng, state, 1_000_000).unwrap(), rounds: Rounds::new(me, others), outcomes, evidence }
    }

    /// The node after its process was killed and started again: what it had in memory alone is gone.
    pub fn restarted(self) -> Self {
        let (state, alliance) = (self.writer.state().clone(), self.writer.state().ledger.alliance.clone());
        let published = state.published.as_deref().cloned();
        let (me, index) = (state.ledger.me, alliance.members().iter().position(|member| member.id == state.ledger.me).unwrap());
        let encryption = PrekeySecret::from_bytes([u8::try_from(index).unwrap() * 16 + 9; 32]);
        let local = LocalKeys::new(&[u8::try_from(index).unwrap(); 32]);
        let disk = Memory { rows: self.writer.disk().rows.clone(), keys: [key(index, 2), key(index, 3)], encryption, local };
        Self::on(disk, me, &alliance, published)
    }

    pub fn me(&self) -> MemberId {
        self.writer.state().ledger.me
    }

    pub fn own_log(&self) -> LogId {
        self.writer.state().ledger.own_log()
    }

    pub fn size(&self, log: &LogId) -> u64 {
        self.writer.state().ledger.logs.head(log).size()
    }

    pub fn witnessed(&self, log: &LogId) -> u64 {
        let gathered = self.writer.state().ledger.gathered.of(log).and_then(|gathered| gathered.witnessed.clone());
        gathered.map_or(0, |witnessed| witnessed.head.size)
    }

    pub fn ask(&mut self, command: Command, now: u64) -> Outcome {
        self.writer.work(vec![((), command)], now).unwrap();
        self.outcomes.borrow_mut().pop().unwrap()
    }

    pub fn put(&mut self, count: u64, now: u64) {
        let ledger = self.writer.state().ledger.clone();
        for number in 0..count {
            let body = format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"self","fields":{{"n":{number}}}}}]}}]}}"#);
            let submissions = submission::parse(body.as_bytes(), &ledger.alliance, &ledger.me).unwrap();
            self.ask(Command::Submit { submissions, once: None }, now).unwrap();
        }
    }

    pub fn local(&self) -> Local {
        let state = self.writer.state();
        Local::of(&state.ledger, state.published.as_ref().map(|published| published.checkpoint.as_str()))
    }

    pub fn alarms(&self, now: u64) -> Vec<Alarm> {
        self.rounds.alarms(&self.local(), now)
    }
}

pub struct World {
    pub alliance: Arc<Alliance>,
    pub nodes: Vec<Node>,
    /// Pairs between which nothing gets through.
    pub cut: BTreeSet<(usize, usize)>,
    /// Whose entries are given to nobody.
    pub silent: BTreeSet<usize>,
    pub now: u64,
}

impl World {
    pub fn new(roles: &[Role]) -> Self {
        let alliance = alliance(roles);
        let mut nodes: Vec<Node> = (0..roles.len()).map(|index| Node::new(index, &alliance)).collect();
        let ids: Vec<MemberId> = alliance.members().iter().map(|member| member.id).collect();
        for node in &mut nodes {
            ids.iter().for_each(|other| node.rounds.handle(Event::Connected(*other), 0));
        }
        Self { alliance, nodes, cut: BTreeSet::new(), silent: BTreeSet::new(), now: 0 }
    }

    fn linked(&self, from: usize, to: usize) -> bool {
        !self.cut.contains(&(from, to)) && !self.cut.contains(&(to, from))
    }

    fn index(&self, member: &MemberId) -> usize {
        self.alliance.members().iter().position(|known| known.id == *member).unwrap()
    }

    /// The clock of the machines; the rounds count from another zero.
    fn wall(&self) -> u64 {
        1_000_000 + self.now
    }

    /// Every node pulls every log from its author, where it gets through.
    fn replicate(&mut self) {
        for author in 0..self.nodes.len() {
            let log = self.nodes[author].own_log();
            for reader in (0..self.nodes.len()).filter(|reader| *reader != author) {
                if !self.linked(author, reader) || self.silent.contains(&author) {
                    continue;
                }
                let request = Request::Pull { log, from: self.nodes[reader].size(&log) };
                let state = self.nodes[author].writer.state();
                let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
                let (disk, me) = (self.nodes[author].writer.disk(), self.nodes[reader].me());
                let answer = serve::answer(&request, &me, &state.ledger, published, &disk.rows, disk.keys().local).unwrap();
                if let Response::Batch(Some(batch)) = answer {
                    self.nodes[reader].ask(Command::TakeIn(batch), 1_000_000 + self.now).unwrap();
                }
            }
        }
    }

    /// A tenth of a second.
    pub fn step(&mut self) {
        self.now += 100;
        self.replicate();
        let mut told: BTreeMap<(usize, usize), Vec<VerifiedCosignature>> = BTreeMap::new();
        for index in 0..self.nodes.len() {
            let local = self.nodes[index].local();
            for action in self.nodes[index].rounds.tick(&local, self.now) {
                match action {
                    Action::Tell { member, cosignatures } => {
                        let to = self.index(&member);
                        let bytes = Request::Cosigned(cosignatures).to_bytes();
                        let Request::Cosigned(received) = Request::decode(&bytes, &self.alliance.id()).unwrap() else { panic!("another request") };
                        let checked = received.into_iter().map(|one| VerifiedCosignature::check(one, &self.alliance).unwrap()).collect();
                        told.insert((index, to), checked);
                    }
                    Action::Judge { found, cosign } => {
                        let now = self.wall();
                        let Done::Witnessed(Witnessed { cosigned, waiting }) =
                            self.nodes[index].ask(Command::Witness { found, cosign }, now).unwrap()
                        else {
                            panic!("another answer")
                        };
                        self.nodes[index].rounds.handle(Event::Judged { cosigned, waiting }, self.now);
                    }
                }
            }
        }
        for ((from, to), found) in told {
            let (me, linked) = (self.nodes[to].me(), self.linked(from, to));
            if linked {
                self.nodes[to].rounds.handle(Event::Heard(found), self.now);
            }
            self.nodes[from].rounds.handle(if linked { Event::Told(me) } else { Event::NotTold(me) }, self.now);
        }
    }

    pub fn run(&mut self, milliseconds: u64) {
        (0..milliseconds / 100).for_each(|_| self.step());
    }
}
