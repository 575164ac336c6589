//! A seeded alliance in memory: honest nodes, liars, mutes and boasters over links that delay, break and heal.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nature {
    Honest,
    /// Changes entries of what it serves.
    Liar,
    /// Never answers pulls.
    Mute,
    /// Claims more than there is.
    Boaster,
}

struct Node {
    nature: Nature,
    sync: Sync,
    held: BTreeMap<LogId, u64>,
    /// Pulls on their way, by log and peer.
    pulls: Vec<(MemberId, LogId)>,
    taking: Vec<LogId>,
    named: BTreeSet<MemberId>,
    received: u64,
}

enum Due {
    Request { from: usize, to: usize, request: Request, session: u64 },
    Response { from: usize, to: usize, request: Request, response: Option<Response>, session: u64 },
    Verified { at: usize, batch: Box<Batch> },
}

pub struct World {
    rng: StdRng,
    nodes: Vec<Node>,
    now: u64,
    due: BTreeMap<(u64, u64), Due>,
    count: u64,
    /// Links by lower and higher node: the session that is up, if one is.
    links: BTreeMap<(usize, usize), Option<u64>>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let count = rng.random_range(2..9usize);
        let logs: Vec<LogSize> = (0..count).map(|author| size(u8::try_from(author).unwrap(), 0)).collect();
        let natures = [Nature::Honest, Nature::Honest, Nature::Honest, Nature::Liar, Nature::Mute, Nature::Boaster];
        let nodes = (0..count)
            .map(|at| Node {
                nature: if at < 2 { Nature::Honest } else { natures[rng.random_range(0..natures.len())] },
                sync: Sync::new(logs[at].log.member, logs.clone(), Limits::default(), rng.random()),
                held: logs.iter().map(|log| (log.log, 0)).collect(),
                pulls: Vec::new(),
                taking: Vec::new(),
                named: BTreeSet::new(),
                received: 0,
            })
            .collect();
        let links = (0..count).flat_map(|a| (a + 1..count).map(move |b| ((a, b), None))).collect();
        Self { rng, nodes, now: 0, due: BTreeMap::new(), count: 0, links }
    }

    pub fn run(mut self) {
        for _ in 0..3000 {
            self.chaos();
            self.step();
        }
        // Everything heals, but who lies goes on lying.
        for link in self.links.keys().copied().collect::<Vec<_>>() {
            self.up(link);
        }
        for _ in 0..20_000 {
            if self.converged() {
                return self.check_names();
            }
            self.step();
        }
        let state: Vec<_> = self.nodes.iter().map(|node| (node.nature, node.held.values().copied().collect::<Vec<_>>())).collect();
        panic!("not converged: {state:?}");
    }

    /// The logs of honest authors are everywhere where an honest node is.
    fn converged(&self) -> bool {
        let honest = |node: &&Node| node.nature == Nature::Honest;
        self.nodes.iter().filter(honest).all(|author| {
            let log = own(author);
            self.nodes.iter().filter(honest).all(|node| node.held[&log] == author.held[&log])
        })
    }

    fn check_names(&self) {
        for node in self.nodes.iter().filter(|node| node.nature == Nature::Honest) {
            for named in &node.named {
                let culprit = &self.nodes[usize::from(named.0[0])];
                assert_ne!(culprit.nature, Nature::Honest, "an honest node was named");
            }
            let published: u64 = self.nodes.iter().map(|author| author.held[&own(author)]).sum();
            assert!(node.received <= 8 * published + 200_000, "{} entries received of {published}", node.received);
        }
    }

    fn chaos(&mut self) {
        let at = self.rng.random_range(0..self.nodes.len());
        if self.rng.random_ratio(1, 20) {
            let log = own(&self.nodes[at]);
            let grown = self.nodes[at].held[&log] + self.rng.random_range(1..2000u64);
            self.nodes[at].held.insert(log, grown);
            self.event(at, Event::Local(vec![LogSize { log, size: grown }]));
        }
        let links: Vec<_> = self.links.keys().copied().collect();
        let link = links[self.rng.random_range(0..links.len())];
        if self.rng.random_ratio(1, 30) {
            self.up(link);
        } else if self.rng.random_ratio(1, 60) {
            self.down(link);
        }
    }

    fn up(&mut self, (a, b): (usize, usize)) {
        if self.links[&(a, b)].is_none() {
            self.count += 1;
            self.links.insert((a, b), Some(self.count));
            self.event(a, Event::Connected(own(&self.nodes[b]).member));
            self.event(b, Event::Connected(own(&self.nodes[a]).member));
        }
    }

    fn down(&mut self, (a, b): (usize, usize)) {
        if self.links.insert((a, b), None).flatten().is_some() {
            for (at, other) in [(a, b), (b, a)] {
                let gone = own(&self.nodes[other]).member;
                self.nodes[at].pulls.retain(|(member, _)| *member != gone);
                self.event(at, Event::Disconnected(gone));
            }
        }
    }

    fn step(&mut self) {
        self.now += 50;
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let due = entry.remove();
            self.deliver(due);
        }
        for at in 0..self.nodes.len() {
            self.event(at, Event::Tick);
        }
    }

    fn deliver(&mut self, due: Due) {
        match due {
            Due::Request { from, to, request, session } => {
                let asker = own(&self.nodes[from]).member;
                if let Request::Grown(log) = request {
                    self.event(to, Event::Holds { member: asker, log });
                }
                let response = self.serve(to, &request);
                let delay = if response.is_some() { self.rng.random_range(1..200) } else { 60_000 };
                self.later(delay, Due::Response { from: to, to: from, request, response, session });
            }
            Due::Response { from, to, request, response, session } => {
                if self.links[&(from.min(to), from.max(to))] != Some(session) {
                    return;
                }
                let member = own(&self.nodes[from]).member;
                if let Request::Pull { log, .. } = &request {
                    self.nodes[to].pulls.retain(|(of, pulled)| (*of, *pulled) != (member, *log));
                }
                if let Some(Response::Batch(Some(batch))) = &response {
                    self.nodes[to].received += batch.entries.len() as u64;
                }
                self.event(to, match response {
                    Some(response) => Event::Answer { member, request, response: Ok(response) },
                    None => Event::Failed { member, request },
                });
            }
            Due::Verified { at, batch } => self.verify(at, &batch),
        }
    }

    fn serve(&mut self, at: usize, request: &Request) -> Option<Response> {
        let node = &self.nodes[at];
        let boast = if node.nature == Nature::Boaster { 1_000_000 } else { 0 };
        match request {
            Request::Heads => Some(Response::Heads(node.held.iter().map(|(log, size)| LogSize { log: *log, size: size + boast }).collect())),
            Request::Grown(_) => Some(Response::Noted),
            Request::Pull { .. } if node.nature == Nature::Mute => None,
            Request::Pull { log, from } => {
                let len = node.held[log].saturating_sub(*from).min(limits::BATCH_ENTRIES as u64);
                let mut answer = (len > 0).then(|| batch(*log, *from, len));
                if let Some(batch) = answer.as_mut().filter(|_| node.nature == Nature::Liar && log.member != own(node).member) {
                    let at = self.rng.random_range(0..batch.entries.len());
                    batch.entries[at].0[31] ^= 1;
                }
                Some(Response::Batch(answer))
            }
        }
    }

    fn verify(&mut self, at: usize, batch: &Batch) {
        let node = &mut self.nodes[at];
        node.taking.retain(|log| *log != batch.log);
        let held = node.held[&batch.log];
        let entries = batch.entries.iter().zip(batch.from..);
        let log = LogSize { log: batch.log, size: held };
        let event = if batch.from != held {
            Event::Refused { log, error: BatchError::Elsewhere }
        } else if let Some((_, at)) = entries.clone().find(|(id, sequence)| **id != entry(&batch.log, *sequence)) {
            Event::Refused { log, error: lie(at) }
        } else {
            let size = held + batch.entries.len() as u64;
            node.held.insert(batch.log, size);
            Event::TakenIn(LogSize { log: batch.log, size })
        };
        self.event(at, event);
    }

    fn event(&mut self, at: usize, event: Event) {
        let actions = self.nodes[at].sync.handle(event, self.now);
        let limits = Limits::default();
        for action in actions {
            match action {
                Action::Ask { member, request } => {
                    let to = usize::from(member.0[0]);
                    let session = self.links[&(at.min(to), at.max(to))].expect("only who is connected is asked");
                    if let Request::Pull { log, from } = &request {
                        let node = &mut self.nodes[at];
                        assert!(*from >= node.held[log], "asked for what it has");
                        assert!(node.pulls.iter().all(|(of, _)| *of != member), "two pulls from one peer");
                        // A pull whose answer no longer counts may be followed by another.
                        let counts = |pulled: &LogId| node.sync.logs[pulled].asked.is_some_and(|(of, _)| of != member);
                        assert!(node.pulls.iter().all(|(_, pulled)| pulled != log || !counts(pulled)), "two pulls of one log");
                        node.pulls.push((member, *log));
                        let busy: BTreeSet<LogId> = node.pulls.iter().map(|(_, log)| *log).filter(counts).chain(node.taking.iter().copied()).collect();
                        assert!(busy.len() <= limits.pulls, "{} pulls", busy.len());
                    }
                    let delay = self.rng.random_range(1..200);
                    self.later(delay, Due::Request { from: at, to, request, session });
                }
                Action::TakeIn { batch, .. } => {
                    let node = &mut self.nodes[at];
                    assert!(!node.taking.contains(&batch.log), "two batches of one log are verified at once");
                    node.taking.push(batch.log);
                    let delay = self.rng.random_range(1..300);
                    self.later(delay, Due::Verified { at, batch });
                }
                Action::Penalise { member, until, .. } => {
                    assert!(until > self.now && until <= self.now + limits.fault_rest_most);
                    self.nodes[at].named.insert(member);
                }
                Action::OwnHeadKnown => {}
            }
        }
    }

    fn later(&mut self, delay: u64, due: Due) {
        self.count += 1;
        self.due.insert((self.now + delay, self.count), due);
    }
}

fn own(node: &Node) -> LogId {
    *node.held.keys().find(|log| log.member == node.sync.me).unwrap()
}
