//! Five nodes that talk, with everything they say kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::RngExt;
use rand::rngs::StdRng;
use suyuan_core::charter::{Alliance, Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_core::equivocation::{Contradiction, Evidence};
use suyuan_core::log::{LogId, witness_name};
use suyuan_core::membership::Change;
use suyuan_core::note::{NamedKey, TreeHead, sign_checkpoint, sign_head};
use suyuan_core::witness::AddCheckpoint;
use suyuan_core::{AllianceId, CircleId, MemberId, StatementId, tree};
use suyuan_engine::decisions::{Choice, ProposalRequest, VoteRequest};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::witnessing::{Action, Cosignature, Event, Local, VerifiedCosignature};
use suyuan_engine::writer::{Command, Done, Idempotent, Witnessed};
use suyuan_engine::{serve, submission};

use crate::node::{Node, encryption, key};

const ROLES: [Role; 5] = [Role::Leader, Role::Upstream, Role::Downstream, Role::Support, Role::Regulator];
/// The log outside the alliance that the nodes witness, and the key that signs it.
const OUTSIDE: &str = "example.org/log";

/// Something that a node took in.
pub enum Message {
    /// The answer to a pull, as bytes.
    Batch(Vec<u8>),
    /// Statements of entries that are there, as bytes.
    Items(LogId, Vec<u8>),
    /// Heads of the order log, as bytes.
    Heads(Vec<u8>),
    /// Cosignatures, as bytes.
    Cosigned(Vec<u8>),
    Evidence(Vec<u8>),
    /// A request to cosign, as text.
    AddCheckpoint(String),
    /// A client's request with its key, to the node that had it.
    Submission {
        to: usize,
        key: Vec<u8>,
        body: String,
    },
}

impl Message {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Batch(_) => "batch",
            Self::Items(..) => "items",
            Self::Heads(_) => "heads",
            Self::Cosigned(_) => "cosigned",
            Self::Evidence(_) => "evidence",
            Self::AddCheckpoint(_) => "add-checkpoint",
            Self::Submission { .. } => "submission",
        }
    }
}

pub struct World {
    pub founding: Arc<Alliance>,
    pub nodes: Vec<Node>,
    pub messages: Vec<Message>,
    pub now: u64,
    /// Nodes that nobody reaches.
    pub away: BTreeSet<usize>,
}

fn alliance() -> Arc<Alliance> {
    let members = ROLES.iter().enumerate().map(|(index, role)| {
        let public = |purpose| key(index, purpose).public().to_bytes();
        let keys = MemberKeys { root: public(1), log: public(2), witness: public(3), transport: public(4), encryption: encryption(index).public() };
        let scope = if *role == Role::Regulator { vec!["note".into()] } else { Vec::new() };
        Entry { name: format!("M{index}"), role: *role, keys, addresses: Vec::new(), scope }
    });
    let charter = Charter {
        nonce: [1; 32],
        name: "链".into(),
        purpose: String::new(),
        chain: "绿色农业".into(),
        time: 0,
        members: members.collect(),
        deputies: Vec::new(),
        seal: 1 << 40,
        terms: String::new(),
    };
    let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    (0..ROLES.len()).for_each(|member| (1..=4).for_each(|purpose| file.sign(&key(member, purpose)).unwrap()));
    Arc::new(file.verify(None).unwrap())
}

impl World {
    pub fn new() -> Self {
        let (founding, now) = (alliance(), 1_000_000);
        let mut nodes: Vec<Node> = (0..ROLES.len()).map(|index| Node::new(index, &founding, now)).collect();
        for node in &mut nodes {
            founding.members().iter().for_each(|member| node.rounds.handle(Event::Connected(member.id), 0));
        }
        Self { founding, nodes, messages: Vec::new(), now, away: BTreeSet::new() }
    }

    fn id(&self) -> AllianceId {
        self.founding.id()
    }

    pub fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let mut kinds = BTreeMap::new();
        self.messages.iter().for_each(|message| *kinds.entry(message.kind()).or_default() += 1);
        kinds
    }

    pub fn describe(&self, at: usize) -> String {
        format!("message {at}, {}", self.messages[at].kind())
    }

    pub fn ask(&mut self, node: usize, command: Command) -> Done {
        self.now += 10;
        self.nodes[node].ask(command, self.now).unwrap()
    }

    /// A client writes records, one request each.
    pub fn submit(&mut self, node: usize, audience: &str, count: usize) {
        for _ in 0..count {
            let number = self.messages.len();
            let body = format!(
                r#"{{"records":[{{"type":"note","about":["https://id.gs1.org/01/06901234567892/10/L{number}"],"sections":[{{"for":"{audience}","fields":{{"n":{number}}}}}]}}]}}"#
            );
            let message = Message::Submission { to: node, key: number.to_be_bytes().into(), body };
            let command = self.command(&message, node);
            self.ask(node, command);
            self.messages.push(message);
        }
    }

    /// Opens a circle of these members, or its next epoch.
    pub fn circle(&mut self, steward: usize, circle: Option<CircleId>, members: &[usize]) -> CircleId {
        let rights = |index: usize| if ROLES[index] == Role::Regulator { Rights::Read } else { Rights::Write };
        let member = |index: &usize| CircleMember { member: self.founding.members()[*index].id, rights: rights(*index) };
        let request = CircleRequest {
            circle,
            name: "c".into(),
            purpose: String::new(),
            tier: Tier::Codevelopment,
            members: members.iter().map(member).collect(),
            terms: Terms::default(),
            until: None,
        };
        let Done::Opened(opened) = self.ask(steward, Command::Circle(request)) else { panic!("not opened") };
        opened.id
    }

    /// One proposes, all voters approve, until it is settled.
    pub fn decide(&mut self, by: usize, change: Change) {
        let proposal = self.propose(by, change);
        self.settle();
        let voters: Vec<usize> = (0..4).filter(|voter| !self.away.contains(voter)).take(3).collect();
        self.approve(&voters, proposal);
        self.settle();
        let settled = voters.into_iter().all(|voter| {
            let order = self.nodes[voter].state().ledger.decisions.settled();
            order.decided.iter().any(|decided| decided.resolved.id == proposal && order.is_settled(decided))
        });
        assert!(settled, "the decision is settled at every voter");
    }

    pub fn propose(&mut self, by: usize, change: Change) -> StatementId {
        let request = ProposalRequest { change, expires: 1 << 50, reason: String::new(), signers: Vec::new(), threshold: None };
        let Done::Written(receipt) = self.ask(by, Command::Propose(Box::new(request))) else { panic!("not proposed") };
        receipt.ids[0]
    }

    pub fn approve(&mut self, voters: &[usize], proposal: StatementId) {
        for voter in voters {
            self.ask(*voter, Command::Vote(VoteRequest { proposal, choice: Choice::Approve, comment: String::new() }));
        }
    }

    /// Somebody has the nodes witness a log of its own.
    pub fn witness_outside(&mut self) {
        let leaves: Vec<_> = (0..4u8).map(|leaf| tree::leaf_hash(&[leaf])).collect();
        let steps = [(0, 1, Vec::new()), (1, 2, vec![leaves[1]]), (2, 4, vec![tree::root(&leaves[2..])])];
        for (old, size, proof) in steps {
            let head = TreeHead { size: size as u64, root: tree::root(&leaves[..size]) };
            let request = AddCheckpoint { old, proof, checkpoint: sign_head(OUTSIDE, &head, &key(9, 2)) };
            let message = Message::AddCheckpoint(request.to_string());
            for node in 0..self.nodes.len() {
                let command = self.command(&message, node);
                let done = self.ask(node, command);
                assert!(matches!(done, Done::Cosigned(Ok(_))), "{done:?}");
            }
            self.messages.push(message);
        }
    }

    /// A member has signed another history of its log, and everybody is shown.
    pub fn convict(&mut self, member: usize) {
        let log = self.nodes[member].own_log();
        let published = self.nodes[member].state().published.clone().unwrap();
        let other = TreeHead { size: published.size, root: [9; 32] };
        let name = witness_name(&self.id(), &log.member);
        let forged = sign_checkpoint(&log.origin(), &other, &key(member, 2), (&name, &key(member, 3)), self.now / 1000);
        let evidence =
            Evidence { member: log.member, incarnation: 0, first: published.checkpoint.clone(), second: forged, proof: Contradiction::SameSize };
        let message = Message::Evidence(evidence.to_bytes());
        for node in 0..self.nodes.len() {
            let command = self.command(&message, node);
            let done = self.ask(node, command);
            assert!(matches!(done, Done::Convicted(Some(_))), "{done:?}");
        }
        self.messages.push(message);
        self.settle();
    }

    /// Everybody tells everybody everything, cosigns and decides, until nothing is new.
    pub fn settle(&mut self) {
        for _ in 0..40 {
            let before = (self.messages.len(), self.written());
            self.exchange();
            if (self.messages.len(), self.written()) == before {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Entries that the members have written.
    fn written(&self) -> u64 {
        self.nodes.iter().map(|node| node.size(&node.own_log())).sum()
    }

    /// The same once.
    pub fn exchange(&mut self) {
        self.replicate();
        self.fill();
        self.cosign();
        let here: Vec<usize> = (0..self.nodes.len()).filter(|node| !self.away.contains(node)).collect();
        let everybody: BTreeSet<MemberId> = here.iter().map(|node| self.nodes[*node].me()).collect();
        for node in here {
            self.ask(node, Command::Decide(everybody.clone()));
        }
        self.tell_heads();
    }

    /// What a node answers another one.
    pub fn answer(&self, from: usize, to: usize, request: &Request) -> Response {
        let (node, me) = (&self.nodes[from], self.nodes[to].me());
        let disk = node.disk();
        serve::answer(request, &me, &node.state().ledger, node.checkpoint(), &disk.rows, suyuan_engine::writer::Disk::keys(disk).local).unwrap()
    }

    fn pairs(&self) -> Vec<(usize, usize)> {
        let count = self.nodes.len();
        let pairs = (0..count).rev().flat_map(|to| (0..count).filter(move |from| *from != to).map(move |from| (from, to)));
        pairs.filter(|(from, to)| !self.away.contains(from) && !self.away.contains(to)).collect()
    }

    /// Everybody pulls every log from its author; one of them from somebody who may not hold all of it first, so that there are gaps to be filled.
    fn replicate(&mut self) {
        for (author, to) in self.pairs() {
            let log = self.nodes[author].own_log();
            let sources = if (author, to) == (1, 2) && !self.away.contains(&3) { vec![3, author] } else { vec![author] };
            for from in sources {
                let answer = self.answer(from, to, &Request::Pull { log, from: self.nodes[to].size(&log) });
                if let Response::Batch(Some(_)) = &answer {
                    self.pass(to, Message::Batch(answer.to_bytes()));
                }
            }
        }
    }

    /// Statements that a reader was not given before because its circle was not known yet, or not by its key: all of a log, once for each size.
    fn fill(&mut self) {
        for (from, to) in self.pairs() {
            let log = self.nodes[from].own_log();
            let size = self.nodes[to].size(&log);
            let request = Request::Items { log, sequences: (0..size).take(256).collect() };
            let answer = self.answer(from, to, &request).to_bytes();
            let known = self.messages.iter().any(|message| matches!(message, Message::Items(_, bytes) if *bytes == answer));
            if size > 0 && !known {
                self.pass(to, Message::Items(log, answer));
            }
        }
    }

    /// A round of witnessing.
    fn cosign(&mut self) {
        self.now += 100;
        for index in 0..self.nodes.len() {
            for (member, cosignatures) in self.round(index) {
                let to = self.nodes.iter().position(|node| node.me() == member).unwrap();
                if self.away.contains(&to) || self.away.contains(&index) {
                    continue;
                }
                let message = Message::Cosigned(Request::Cosigned(cosignatures).to_bytes());
                let found = self.cosignatures(&message, to);
                self.nodes[to].rounds.handle(Event::Heard(found), self.now);
                self.messages.push(message);
            }
        }
    }

    /// What one node does in a round; what it tells whom.
    fn round(&mut self, index: usize) -> Vec<(MemberId, Vec<Cosignature>)> {
        let (clock, mut told) = (self.now, Vec::new());
        let node = &self.nodes[index];
        let local = Local::of(&node.state().ledger, node.checkpoint());
        for action in self.nodes[index].rounds.tick(&local, clock) {
            match action {
                Action::Tell { member, cosignatures } => {
                    self.nodes[index].rounds.handle(Event::Told(member), clock);
                    told.push((member, cosignatures));
                }
                Action::Judge { found, cosign } => {
                    let Done::Witnessed(Witnessed { cosigned, waiting }) = self.ask(index, Command::Witness { found, cosign }) else {
                        panic!("another answer")
                    };
                    self.nodes[index].rounds.handle(Event::Judged { cosigned, waiting }, clock);
                }
            }
        }
        told
    }

    fn tell_heads(&mut self) {
        for (from, to) in self.pairs() {
            let Response::OrderHeads(heads) = self.answer(from, to, &Request::OrderHeads(Vec::new())) else { panic!("another answer") };
            let known = self.nodes[to].state().ledger.decisions.heads().to_send();
            if !heads.is_empty() && heads != known {
                self.pass(to, Message::Heads(Request::OrderHeads(heads).to_bytes()));
            }
        }
    }

    /// Gives a message to a node for the first time; it is kept where it changes anything.
    pub fn pass(&mut self, to: usize, message: Message) {
        let command = self.command(&message, to);
        self.nodes[to].forget();
        self.now += 10;
        let _ = self.nodes[to].ask(command, self.now);
        if !self.nodes[to].touched().is_empty() {
            self.messages.push(message);
        }
    }

    /// What a node takes of a message of cosignatures: all that its members of today made, or nothing.
    fn cosignatures(&self, message: &Message, to: usize) -> Vec<VerifiedCosignature> {
        let Message::Cosigned(bytes) = message else { panic!("another message") };
        let Request::Cosigned(found) = Request::decode(bytes, &self.id()).unwrap() else { panic!("another request") };
        let alliance = &self.nodes[to].state().ledger.alliance;
        found.into_iter().map(|one| VerifiedCosignature::check(one, alliance)).collect::<Result<_, _>>().unwrap_or_default()
    }

    /// What the shell asks its writer for when a message comes.
    fn command(&self, message: &Message, to: usize) -> Command {
        match message {
            Message::Batch(bytes) => {
                let Ok(Response::Batch(Some(batch))) = Response::decode(bytes, &self.id()) else { panic!("no batch") };
                Command::TakeIn(batch)
            }
            Message::Items(log, bytes) => {
                let Ok(Response::Items(items)) = Response::decode(bytes, &self.id()) else { panic!("no items") };
                Command::Fill { log: *log, items }
            }
            Message::Heads(bytes) => {
                let Ok(Request::OrderHeads(heads)) = Request::decode(bytes, &self.id()) else { panic!("no heads") };
                Command::Heads(heads)
            }
            Message::Cosigned(_) => panic!("goes by the rounds"),
            Message::Evidence(bytes) => Command::Convict(Box::new(Evidence::decode(bytes).unwrap())),
            Message::AddCheckpoint(text) => {
                let request = AddCheckpoint::parse(text.as_bytes()).unwrap();
                Command::AddCheckpoint { request, named: Some(NamedKey::new(OUTSIDE, key(9, 2).public())) }
            }
            Message::Submission { key, body, .. } => {
                let node = &self.nodes[to];
                let submissions = submission::parse(body.as_bytes(), &self.founding, &node.me()).unwrap();
                Command::Submit { submissions, once: Some(Idempotent { key: key.clone(), digest: [7; 32] }) }
            }
        }
    }

    /// Offers everything to everybody, in its order. Says how often each kind was news.
    pub fn offer_all(&mut self) -> BTreeMap<&'static str, usize> {
        let mut news = BTreeMap::new();
        for at in 0..self.messages.len() {
            for to in 0..self.nodes.len() {
                self.nodes[to].forget();
                self.give(at, to);
                if !self.nodes[to].touched().is_empty() {
                    *news.entry(self.messages[at].kind()).or_default() += 1;
                }
            }
        }
        news
    }

    /// Sends a message to a node, or a client's request to the node that had it.
    fn give(&mut self, at: usize, to: usize) {
        let to = if let Message::Submission { to, .. } = &self.messages[at] { *to } else { to };
        if let message @ Message::Cosigned(_) = &self.messages[at] {
            let found = self.cosignatures(message, to);
            self.now += 100;
            self.nodes[to].rounds.handle(Event::Heard(found), self.now);
            self.round(to);
            return;
        }
        let command = self.command(&self.messages[at], to);
        // A refusal is as good as an answer that says nothing new.
        let _ = self.nodes[to].ask(command, self.now);
    }

    /// Sends a message again, alone or as the last of two.
    pub fn replay(&mut self, at: usize, to: usize, rng: &mut StdRng) {
        for _ in 0..rng.random_range(1..3) {
            self.give(at, to);
        }
    }
}
