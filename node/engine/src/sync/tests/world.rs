//! A seeded alliance in memory: honest nodes, liars, mutes and boasters over links that delay, break and heal.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::wire::{Count, Gap, Item};

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
    /// Sequences of statements that are held and not masked.
    open: BTreeMap<LogId, BTreeSet<u64>>,
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
    Filled { at: usize, log: LogId, items: Vec<Item> },
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
                open: logs.iter().map(|log| (log.log, BTreeSet::new())).collect(),
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

    /// The logs of honest authors are everywhere where an honest node is, and everything in them is held by those it is for.
    fn converged(&self) -> bool {
        let honest = |node: &&Node| node.nature == Nature::Honest;
        let count = self.nodes.len();
        self.nodes.iter().filter(honest).all(|author| {
            let log = own(author);
            let complete = |node: &Node| {
                let mut entitled = (0..author.held[&log]).filter(|sequence| is_for(own(node).member, &log, *sequence, count));
                node.held[&log] == author.held[&log] && entitled.all(|sequence| node.open[&log].contains(&sequence))
            };
            self.nodes.iter().filter(honest).all(complete)
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
            let most = if self.rng.random_ratio(1, 10) { 3000 } else { 50 };
            let before = self.nodes[at].held[&log];
            let grown = before + self.rng.random_range(1..most);
            self.nodes[at].held.insert(log, grown);
            self.nodes[at].open.get_mut(&log).unwrap().extend(before..grown);
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
                let response = self.serve(to, asker, &request);
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
                let study = response.as_ref().and_then(|response| self.study(to, member, &request, response));
                self.event(
                    to,
                    match response {
                        Some(response) => Event::Answer { member, request, response: Ok(response) },
                        None => Event::Failed { member, request },
                    },
                );
                study.into_iter().for_each(|event| self.event(to, event));
            }
            Due::Filled { at, log, items } => self.fill(at, log, &items),
            Due::Verified { at, batch } => self.verify(at, &batch),
        }
    }

    fn serve(&mut self, at: usize, asker: MemberId, request: &Request) -> Option<Response> {
        let count = self.nodes.len();
        let node = &self.nodes[at];
        let boast = if node.nature == Nature::Boaster { 1_000_000 } else { 0 };
        match request {
            Request::Heads => Some(Response::Heads(
                node.held.iter().map(|(log, size)| Head { log: LogSize { log: *log, size: size + boast }, root: [0; 32] }).collect(),
            )),
            Request::Grown(_) | Request::Cosigned(_) | Request::Convict(_) => Some(Response::Noted),
            Request::Show { .. } => Some(Response::Shown(None)),
            _ if node.nature == Nature::Mute => None,
            Request::Pull { log, from } => {
                let len = node.held[log].saturating_sub(*from).min(limits::BATCH_ENTRIES as u64);
                let mut answer = (len > 0).then(|| batch(*log, *from, len));
                if let Some(batch) = answer.as_mut().filter(|_| node.nature == Nature::Liar && log.member != own(node).member) {
                    let at = self.rng.random_range(0..batch.entries.len());
                    batch.entries[at].0[31] ^= 1;
                }
                if let Some(batch) = &mut answer {
                    let node = &self.nodes[at];
                    batch.items = (*from..from + len).filter(|sequence| node.gives(asker, log, *sequence, count)).map(item).collect();
                }
                Some(Response::Batch(answer))
            }
            Request::Counters(_) => Some(Response::Counters(node.counts(asker, count, boast), None)),
            Request::Listing { gap, from } => {
                let sequences = node.open[&gap.log].range(from..).copied();
                let listed = sequences.filter(|sequence| circle(*sequence, count) == gap.circle && node.gives(asker, &gap.log, *sequence, count));
                let listed: Vec<u64> = listed.take(limits::LISTING).collect();
                let next = listed.last().filter(|_| listed.len() == limits::LISTING).map(|last| last + 1);
                Some(Response::Listing(listed, next))
            }
            Request::OrderHeads(_) => Some(Response::OrderHeads(Vec::new())),
            Request::History => Some(Response::History(None)),
            Request::Collect(_) => Some(Response::Collected(None)),
            Request::Fetch(_) => Some(Response::Fetched(None)),
            Request::Items { log, sequences } => {
                let mut items: Vec<Item> =
                    sequences.iter().filter(|sequence| node.gives(asker, log, **sequence, count)).map(|at| item(*at)).collect();
                if node.nature == Nature::Liar && log.member != own(node).member {
                    items.push(item(u64::MAX));
                }
                Some(Response::Items(items))
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
            node.open.get_mut(&batch.log).unwrap().extend(batch.items.iter().map(|item| item.sequence));
            Event::TakenIn(LogSize { log: batch.log, size })
        };
        self.event(at, event);
    }

    /// What the node itself finds in an answer.
    fn study(&self, at: usize, member: MemberId, request: &Request, response: &Response) -> Option<Event> {
        let node = &self.nodes[at];
        match (request, response) {
            (Request::Counters(_), Response::Counters(counts, _)) => {
                let held = |of: Gap| node.open[&of.log].iter().filter(|sequence| circle(**sequence, self.nodes.len()) == of.circle).count() as u64;
                let counts =
                    counts.iter().map(|count| (*count, count.next.saturating_sub(held(count.of)))).filter(|(_, missing)| *missing > 0).collect();
                Some(Event::Gaps { member, counts })
            }
            (Request::Listing { gap, .. }, Response::Listing(listed, next)) => {
                let lacking = |sequence: &&u64| **sequence < node.held[&gap.log] && !node.open[&gap.log].contains(sequence);
                let sequences = listed.iter().filter(lacking).copied().collect();
                Some(Event::Lacking { member, gap: *gap, sequences, next: *next })
            }
            _ => None,
        }
    }

    fn fill(&mut self, at: usize, log: LogId, items: &[Item]) {
        let node = &mut self.nodes[at];
        let held = node.held[&log];
        let event = if items.iter().any(|item| item.sequence >= held) {
            Event::NotFilled(lie(0))
        } else {
            node.open.get_mut(&log).unwrap().extend(items.iter().map(|item| item.sequence));
            Event::Filled
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
                        let busy: BTreeSet<LogId> =
                            node.pulls.iter().map(|(_, log)| *log).filter(counts).chain(node.taking.iter().copied()).collect();
                        let little = busy.iter().filter(|log| node.sync.logs[log].little).count();
                        assert!(busy.len() - little <= limits.pulls && little <= limits.small_pulls, "{} pulls, {little} of little", busy.len());
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
                Action::Fill { log, items, .. } => {
                    let delay = self.rng.random_range(1..300);
                    self.later(delay, Due::Filled { at, log, items });
                }
                Action::OwnHeadKnown => {}
                Action::OwnHeadDisputed | Action::Convict { .. } => panic!("nobody signed two histories"),
                Action::Learn { .. } => panic!("nobody exchanges keys"),
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

/// Statements go round the circles; circle `n` is nodes `n` and `n + 1`.
fn circle(sequence: u64, count: usize) -> CircleId {
    CircleId([u8::try_from(sequence % count as u64).unwrap() + 1; 32])
}

fn is_in(member: MemberId, circle: CircleId, author: MemberId, count: usize) -> bool {
    let first = usize::from(circle.0[0]) - 1;
    member == author || usize::from(member.0[0]) == first || usize::from(member.0[0]) == (first + 1) % count
}

fn is_for(member: MemberId, log: &LogId, sequence: u64, count: usize) -> bool {
    is_in(member, circle(sequence, count), log.member, count)
}

fn item(sequence: u64) -> Item {
    Item { sequence, statement: Vec::new(), signature: [0; 64], sections: Vec::new(), slip: None }
}

impl Node {
    fn gives(&self, asker: MemberId, log: &LogId, sequence: u64, count: usize) -> bool {
        self.open[log].contains(&sequence) && is_for(asker, log, sequence, count)
    }

    fn counts(&self, asker: MemberId, count: usize, boast: u64) -> Vec<Count> {
        let mut counts = Vec::new();
        for (log, open) in &self.open {
            for number in 0..count as u64 {
                let circle = circle(number, count);
                let last = open.iter().rev().find(|sequence| **sequence % count as u64 == number);
                if let Some(last) = last.filter(|_| is_in(asker, circle, log.member, count)) {
                    counts.push(Count { of: Gap { circle, log: *log }, next: last / count as u64 + 1 + boast, epoch: 0, mark: None });
                }
            }
        }
        counts
    }
}
