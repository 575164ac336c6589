//! Whole nodes in memory, with their sessions, in lock step: what is sent in one round arrives in the next one.

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
use suyuan_engine::decisions::{Decisions, Telling};
use suyuan_engine::epoch;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::mend;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::serve;
use suyuan_engine::sync::{self, Action, Event, Limits, Sync};
use suyuan_engine::view::MemoryView;
use suyuan_engine::wire::{LogSize, Request, Response};
use suyuan_engine::writer::{Command, Done, Notice, Outcome, Outlet, State, Writer, recover};

use crate::steady::Memory;

/// Milliseconds of the nodes' clocks from one round to the next: as far apart as cities on different continents are.
pub const ROUND: u64 = 100;
/// When the alliance is founded, milliseconds since 1970-01-01 UTC.
const FOUNDED: u64 = 1_000_000;

fn key(member: usize, purpose: u8) -> SecretKey {
    let mut seed = [purpose; 32];
    seed[0] = u8::try_from(member).unwrap();
    SecretKey::from_seed(&seed)
}

fn encryption(member: usize) -> PrekeySecret {
    // The lowest bits of an X25519 key do not count.
    let mut seed = [5; 32];
    seed[1] = u8::try_from(member).unwrap();
    PrekeySecret::from_bytes(seed)
}

fn alliance(members: usize) -> Arc<Alliance> {
    let entry = |member| {
        let public = |purpose| key(member, purpose).public().to_bytes();
        let keys = MemberKeys { root: public(1), log: public(2), witness: public(3), transport: public(4), encryption: encryption(member).public() };
        let role = if member == 0 { Role::Leader } else { Role::Midstream };
        Entry { name: format!("M{member}"), role, keys, addresses: Vec::new(), scope: Vec::new() }
    };
    let charter = Charter {
        nonce: [1; 32],
        name: "链".into(),
        purpose: String::new(),
        chain: "绿色农业".into(),
        time: FOUNDED,
        members: (0..members).map(entry).collect(),
        deputies: Vec::new(),
        seal: 86_400_000,
        terms: String::new(),
    };
    let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    (0..members).for_each(|member| (1..=4).for_each(|purpose| file.sign(&key(member, purpose)).unwrap()));
    Arc::new(file.verify(None).unwrap())
}

#[derive(Default)]
struct Out {
    outcomes: Rc<RefCell<Vec<Outcome>>>,
    grown: Rc<RefCell<Vec<LogSize>>>,
}

impl Outlet for Out {
    type Ticket = ();

    fn show(&mut self, _: &State) {}

    fn tell(&mut self, answers: Vec<((), Outcome)>) {
        self.outcomes.borrow_mut().extend(answers.into_iter().map(|((), outcome)| outcome));
    }

    fn announce(&mut self, sizes: Vec<LogSize>) {
        *self.grown.borrow_mut() = sizes;
    }

    fn notice(&mut self, notice: Notice) {
        panic!("{notice:?}");
    }
}

pub struct Node {
    writer: Writer<Memory, Out, StdRng>,
    sync: Sync,
    telling: Telling,
    outcomes: Rc<RefCell<Vec<Outcome>>>,
    grown: Rc<RefCell<Vec<LogSize>>>,
    rng: StdRng,
    /// Whether it may author.
    free: bool,
}

impl Node {
    fn new(index: usize, alliance: &Arc<Alliance>) -> Self {
        let (me, local) = (alliance.members()[index].id, LocalKeys::new(&[u8::try_from(index).unwrap(); 32]));
        let keys = [key(index, 2), key(index, 3)];
        let mut disk = Memory { rows: MemoryView::default(), keys, encryption: encryption(index), local };
        let mut rng = StdRng::seed_from_u64(index as u64);
        let state = recover(alliance.clone(), me, EpochSecrets::default(), None, &mut disk, &mut rng).unwrap();
        let out = Out::default();
        let (outcomes, grown) = (out.outcomes.clone(), out.grown.clone());
        let sync = Sync::new(me, sync::followed(&state.ledger), Limits::default(), index as u64);
        let writer = Writer::start(disk, out, StdRng::seed_from_u64(100 + index as u64), state, FOUNDED).unwrap();
        Self { writer, sync, telling: Telling::default(), outcomes, grown, rng, free: false }
    }

    fn state(&self) -> &State {
        self.writer.state()
    }

    pub fn me(&self) -> MemberId {
        self.state().ledger.me
    }

    fn is_in_the_circle(&self) -> bool {
        let state = self.state();
        state.secrets.of(&state.ledger.decisions.circle, 1).is_some()
    }

    pub fn decisions(&self) -> &Decisions {
        &self.state().ledger.decisions
    }

    pub fn ask(&mut self, command: Command, now: u64) -> Outcome {
        self.writer.work(vec![((), command)], FOUNDED + now).unwrap();
        self.outcomes.borrow_mut().pop().unwrap()
    }

    fn serve(&mut self, asker: &MemberId, request: &Request) -> Vec<u8> {
        let (state, disk) = (self.writer.state(), self.writer.disk());
        let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
        let mut answer = serve::answer(request, asker, &state.ledger, published, &disk.rows, &disk.local).unwrap();
        if let Response::Items(items) = &mut answer {
            epoch::add_slips(items, asker, &state.ledger, &state.secrets, &mut self.rng);
        }
        answer.to_bytes()
    }

    /// What an answer about circles says, held against this node's ledger.
    fn study(&self, member: MemberId, request: &Request, response: &Response) -> Option<Event> {
        let (ledger, disk) = (&self.state().ledger, self.writer.disk());
        match (request, response) {
            (Request::Counters(_), Response::Counters(counts, _)) => Some(Event::Gaps { member, counts: mend::gaps(counts, ledger) }),
            (Request::Listing { gap, .. }, Response::Listing(listed, next)) => {
                let sequences = mend::lacking(gap, listed, ledger, &disk.rows, &disk.local).unwrap();
                Some(Event::Lacking { member, gap: *gap, sequences, next: *next })
            }
            _ => None,
        }
    }

    /// Gives an event to the sessions, and does at once what they want of this node itself. What they want of others is returned.
    fn event(&mut self, event: Event, now: u64) -> Vec<(MemberId, Request)> {
        let (mut asked, mut events) = (Vec::new(), vec![event]);
        while let Some(event) = events.pop() {
            for action in self.sync.handle(event, now) {
                match action {
                    Action::Ask { member, request } => asked.push((member, request)),
                    Action::TakeIn { batch, .. } => match self.ask(Command::TakeIn(batch), now).unwrap() {
                        Done::TakenIn(taken) => events.push(Event::TakenIn(taken.log)),
                        other => panic!("{other:?}"),
                    },
                    Action::Fill { log, items, .. } => {
                        self.ask(Command::Fill { log, items }, now).unwrap();
                        events.push(Event::Filled);
                    }
                    Action::OwnHeadKnown => {
                        self.free = true;
                        self.ask(Command::Found, now).unwrap();
                        events.push(self.local());
                    }
                    other => panic!("everybody is honest here: {other:?}"),
                }
            }
        }
        asked
    }

    fn local(&self) -> Event {
        Event::Local(self.grown.borrow().clone())
    }
}

enum Message {
    Request(Request),
    Answer(Request, Vec<u8>),
}

pub struct World {
    pub nodes: Vec<Node>,
    index: BTreeMap<MemberId, usize>,
    /// What arrives in the next round: from whom, to whom.
    sent: Vec<(usize, usize, Message)>,
    /// Rounds so far.
    pub round: u64,
    /// Messages so far.
    pub messages: u64,
}

impl World {
    /// An alliance whose members have all founded, connected and come to rest.
    pub fn new(members: usize) -> Self {
        let alliance = alliance(members);
        let nodes: Vec<Node> = (0..members).map(|index| Node::new(index, &alliance)).collect();
        let index = nodes.iter().zip(0..).map(|(node, at)| (node.me(), at)).collect();
        let mut world = Self { nodes, index, sent: Vec::new(), round: 0, messages: 0 };
        for at in 0..members {
            for member in (0..members).filter(|other| *other != at).map(|other| world.nodes[other].me()).collect::<Vec<_>>() {
                world.event(at, Event::Connected(member));
            }
        }
        while !world.nodes.iter().all(|node| node.free && node.is_in_the_circle()) {
            world.step();
            assert!(world.round < 400, "everybody may author and seal");
        }
        (0..20).for_each(|_| world.step());
        world
    }

    pub fn now(&self) -> u64 {
        self.round * ROUND
    }

    pub fn ask(&mut self, at: usize, command: Command) -> Outcome {
        let now = self.now();
        self.nodes[at].ask(command, now)
    }

    fn event(&mut self, at: usize, event: Event) {
        let now = self.now();
        let asked = self.nodes[at].event(event, now);
        self.send(at, asked);
    }

    fn send(&mut self, at: usize, asked: Vec<(MemberId, Request)>) {
        for (member, request) in asked {
            self.sent.push((at, self.index[&member], Message::Request(request)));
        }
    }

    /// One round: everybody gets what was sent to it in the last one, works on it, and sends what follows from that.
    pub fn step(&mut self) {
        self.round += 1;
        self.receive();
        self.work();
    }

    fn receive(&mut self) {
        for (from, to, message) in std::mem::take(&mut self.sent) {
            self.messages += 1;
            let (now, member) = (self.now(), self.nodes[from].me());
            match message {
                Message::Request(request) => {
                    let bytes = self.nodes[to].serve(&member, &request);
                    match &request {
                        Request::Grown(log) => self.event(to, Event::Holds { member, log: *log }),
                        Request::OrderHeads(heads) => drop(self.nodes[to].ask(Command::Heads(heads.clone()), now).unwrap()),
                        _ => {}
                    }
                    self.sent.push((to, from, Message::Answer(request, bytes)));
                }
                Message::Answer(request, bytes) => {
                    let alliance = self.nodes[to].state().ledger.alliance.id();
                    let response = Response::decode(&bytes, &alliance);
                    if let Ok(Response::OrderHeads(heads)) = &response {
                        self.nodes[to].ask(Command::Heads(heads.clone()), now).unwrap();
                    }
                    let study = response.as_ref().ok().and_then(|response| self.nodes[to].study(member, &request, response));
                    self.event(to, Event::Answer { member, request, response });
                    study.into_iter().for_each(|found| self.event(to, found));
                }
            }
        }
    }

    /// Everybody does what is due for the decisions, and tells what it knows of them and how far its log has grown.
    pub fn work(&mut self) {
        let everybody: BTreeSet<MemberId> = self.index.keys().copied().collect();
        for at in 0..self.nodes.len() {
            let (now, me) = (self.now(), self.nodes[at].me());
            let reached: BTreeSet<MemberId> = everybody.iter().filter(|member| **member != me).copied().collect();
            if self.nodes[at].free {
                self.ask(at, Command::Decide(reached.clone())).unwrap();
            }
            let node = &mut self.nodes[at];
            let heads = node.decisions().heads().to_send();
            let told = node.telling.due(&heads, &reached, now);
            self.send(at, told.into_iter().map(|member| (member, Request::OrderHeads(heads.clone()))).collect());
            let local = self.nodes[at].local();
            self.event(at, local);
        }
    }
}
