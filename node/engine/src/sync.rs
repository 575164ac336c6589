//! Whom to ask for what, and when: sync sessions as a state machine without IO (`specs/sync.md`, Session).
//!
//! Events go in with the time, actions come out. Every log is pulled from one node at a time and from where this node's own copy ends, so a session that breaks
//! off anywhere is resumed by the next one. The author's own node comes first: it alone has every part that its readers may hold.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::log::LogId;
use suyuan_core::{CircleId, Fault, MemberId};

use crate::ledger::Ledger;
use crate::limits;
use crate::replica::BatchError;
use crate::wire::{Batch, Head, LogSize, Request, Response};

mod doubt;
mod inquiry;
mod mending;
mod own;
mod peer;
mod talk;

use doubt::Doubt;
use inquiry::{Convicted, Inquiry};
use mending::Mending;
use peer::{Peer, Pulling};
pub use talk::{Action, Event, Limits, Why};

/// A log that is followed.
#[derive(Debug, Default)]
struct Following {
    /// How far this node has it.
    size: u64,
    /// How far others said they have it.
    claims: BTreeMap<MemberId, u64>,
    /// Whose copy lies on another history, by the root that they named last.
    elsewhere: BTreeSet<MemberId>,
    /// The pull under way.
    asked: Option<(MemberId, u64)>,
    /// Whether little was lacking when it was asked for.
    little: bool,
    /// A batch that waits for the one being verified.
    ready: Option<(MemberId, Box<Batch>)>,
    /// The batch being verified: its sender and where it ends.
    taking: Option<(MemberId, u64)>,
    /// Since when somebody has more of it, but not the author's node.
    starved: Option<u64>,
    /// Up to where it counts, if it was closed: nothing beyond is asked for.
    closed: Option<u64>,
}

impl Following {
    /// Where the next pull goes on.
    fn next(&self) -> u64 {
        let ready = self.ready.as_ref().map(|(_, batch)| batch.from.saturating_add(batch.entries.len() as u64));
        ready.or(self.taking.map(|(_, end)| end)).map_or(self.size, |end| end.max(self.size))
    }

    fn claim(&mut self, member: MemberId, size: u64) {
        self.claims.insert(member, self.closed.map_or(size, |closed| closed.min(size)));
    }
}

/// The sessions of one node.
#[derive(Debug)]
pub struct Sync {
    me: MemberId,
    /// The log that this node writes.
    own: Option<LogId>,
    limits: Limits,
    logs: BTreeMap<LogId, Following>,
    peers: BTreeMap<MemberId, Peer>,
    mending: Mending,
    /// What members are being asked about copies that differ from this node's.
    inquiries: BTreeMap<MemberId, Inquiry>,
    convicted: BTreeMap<LogId, Convicted>,
    /// Whose messages are signed by keys that are not known here.
    doubts: BTreeMap<MemberId, Doubt>,
    own_head_known: bool,
    /// When these sessions began.
    began: Option<u64>,
    /// Since when the own log is here as far as anybody has it.
    own_since: Option<u64>,
    /// Whether some of the own log came back from others.
    recovered: bool,
    /// Whether somebody showed a checkpoint of this node's own over more than is here, which does not fit to what is here.
    contradicted: bool,
    /// Where the next round over the logs begins, so that none waits behind the others.
    turn: Option<LogId>,
    dice: u64,
}

/// What a node follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// The logs that members write today, with the size that the node has.
    pub logs: Vec<LogSize>,
    /// Logs that were closed, with the size that the node has and the one up to which they count.
    pub closed: Vec<(LogSize, u64)>,
}

impl From<Vec<LogSize>> for Followed {
    fn from(logs: Vec<LogSize>) -> Self {
        Self { logs, closed: Vec::new() }
    }
}

/// The logs that a node follows: the current one of each member, and what is accepted of those that members wrote before, or that who has left wrote.
pub fn followed(ledger: &Ledger) -> Followed {
    let alliance = &ledger.alliance;
    let here = |log: LogId| LogSize { log, size: ledger.logs.known(&log).map_or(0, crate::logs::LogHead::size) };
    let everybody = alliance.members().iter().chain(alliance.former());
    let all = everybody.flat_map(|member| (0..=member.incarnation()).map(|incarnation| LogId { incarnation, ..alliance.log_of(&member.id) }));
    let closed = all.filter_map(|log| Some((here(log), ledger.closed_at(&log)?)));
    Followed { logs: alliance.members().iter().map(|member| here(alliance.log_of(&member.id))).collect(), closed: closed.collect() }
}

impl Sync {
    /// Follows these logs, of which the node has so much; nothing is asked for in any other, and nobody else is asked than who writes one. `seed` spreads the timing
    /// of different nodes.
    pub fn new(me: MemberId, followed: impl Into<Followed>, limits: Limits, seed: u64) -> Self {
        let Followed { logs, closed } = followed.into();
        let others: BTreeSet<MemberId> = logs.iter().map(|log| log.log.member).filter(|member| *member != me).collect();
        let own = logs.iter().map(|log| log.log).find(|log| log.member == me);
        let open = logs.into_iter().map(|log| (log, None));
        let all = open.chain(closed.into_iter().map(|(log, size)| (log, Some(size))));
        let logs = all.map(|(LogSize { log, size }, closed)| (log, Following { size, closed, ..Following::default() })).collect();
        let peers = others.into_iter().map(|member| (member, Peer::default())).collect();
        Self {
            me,
            own,
            limits,
            logs,
            peers,
            mending: Mending::default(),
            inquiries: BTreeMap::new(),
            convicted: BTreeMap::new(),
            doubts: BTreeMap::new(),
            own_head_known: false,
            began: None,
            own_since: None,
            recovered: false,
            contradicted: false,
            turn: None,
            dice: seed,
        }
    }

    /// Takes in what happened and says what to do. `now` is in milliseconds and never goes back.
    pub fn handle(&mut self, event: Event, now: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        self.began.get_or_insert(now);
        match event {
            Event::Connected(member) => self.connected(&member, now),
            Event::Unreachable(member) => self.unreachable(&member),
            Event::Disconnected(member) => self.disconnected(&member),
            Event::Answer { member, request, response } => self.answered(member, &request, response, now, &mut actions),
            Event::Failed { member, request } => self.failed(member, &request, now),
            Event::Holds { member, log } => self.holds(member, log),
            Event::TakenIn(log) => self.taken_in(log, &mut actions),
            Event::Refused { log, error } => self.refused(log, error, now, &mut actions),
            Event::Gaps { member, counts } => self.found(member, counts, now),
            Event::Lacking { member, gap, sequences, next } => self.lacking(&member, &gap, sequences, next),
            Event::Differing { member, logs } => self.differing(member, &logs),
            Event::Compared { member, log, index, found } => self.compared(member, (log, index), found, now, &mut actions),
            Event::Slander { member, fault } => self.penalise(member, Why::Slander(fault), now, &mut actions),
            Event::Doubted { member, version, why } => self.doubt(member, version, why, now),
            Event::Learned { member, result } => self.learned(member, result, now, &mut actions),
            Event::Filled => self.filled(),
            Event::NotFilled(error) => self.not_filled(error, now, &mut actions),
            Event::Local(logs) => logs.into_iter().for_each(|log| self.grown(log)),
            Event::Tick => {}
        }
        self.plan(now, &mut actions);
        actions
    }

    /// How far each member last said it has each log, this node's own size under its own id. Of a log with two histories this is said as far as these are one,
    /// and not at all of a member whose copy is known to be another one.
    pub fn holders(&self) -> impl Iterator<Item = (LogId, BTreeMap<MemberId, u64>)> + '_ {
        self.logs.iter().map(|(log, following)| {
            let own = std::iter::once((self.me, following.size));
            let common = self.convicted.get(log).and_then(|convicted| convicted.common);
            let same = |member: &MemberId| common.is_some() || !following.elsewhere.contains(member);
            let others = following.claims.iter().filter(|(member, _)| same(member));
            (*log, others.map(|(member, size)| (*member, common.map_or(*size, |common| common.min(*size)))).chain(own).collect())
        })
    }

    /// Until when a member is not asked for entries, if it is not.
    pub fn resting(&self, member: &MemberId, now: u64) -> Option<u64> {
        self.peers.get(member).map(|peer| peer.rest_until).filter(|until| *until > now)
    }

    fn connected(&mut self, member: &MemberId, now: u64) {
        if let Some(peer) = self.peers.get_mut(member) {
            peer.connect(&self.limits, now);
            if self.own_since.is_some() {
                peer.counters_at = now;
            }
        }
    }

    fn unreachable(&mut self, member: &MemberId) {
        if let Some(peer) = self.peers.get_mut(member) {
            peer.unreachable = true;
        }
    }

    fn disconnected(&mut self, member: &MemberId) {
        if let Some(peer) = self.peers.get_mut(member) {
            peer.disconnect();
        }
        for following in self.logs.values_mut() {
            following.asked.take_if(|(asked, _)| asked == member);
        }
        self.break_off(member);
        self.break_off_inquiry(member);
        self.doubts.remove(member);
    }

    fn answered(&mut self, member: MemberId, request: &Request, response: Result<Response, Fault>, now: u64, actions: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&member) else { return };
        if !peer.done(request) {
            return;
        }
        let response = match response {
            Ok(response) => response,
            Err(fault) => {
                self.release(member, request);
                return self.penalise(member, Why::Undecodable(fault), now, actions);
            }
        };
        match (request, response) {
            (Request::Heads, Response::Heads(heads)) => self.heads(member, heads, now),
            (Request::Grown(_), Response::Noted) => peer.failures = 0,
            (Request::Pull { log, from }, Response::Batch(batch)) => self.pulled(member, *log, *from, batch, now, actions),
            (Request::Counters(from), Response::Counters(_, next)) => self.counted(member, *from, next, now),
            // What is lacking of it is looked up by whoever has the store: `Event::Lacking`.
            (Request::Listing { gap, .. }, Response::Listing(listed, _)) => self.listed(gap, &listed),
            // How it stands to this node's copy, too: `Event::Compared`.
            (Request::Show { .. }, Response::Shown(shown)) => self.shown(member, shown.as_deref(), now, actions),
            // Who has none to give is asked again later.
            (Request::History, Response::History(history)) => actions.extend(history.map(|history| Action::Learn { member, history })),
            (Request::Convict(evidence), Response::Noted) => self.told(member, evidence),
            (Request::Items { sequences, .. }, Response::Items(items)) => self.items(member, items, sequences, actions),
            _ => {
                self.release(member, request);
                self.penalise(member, Why::Unasked, now, actions);
            }
        }
    }

    fn counted(&mut self, member: MemberId, from: CircleId, next: Option<CircleId>, now: u64) {
        let wait = self.limits.counters_every.saturating_add(self.roll(self.limits.counters_every / 2));
        if let Some(peer) = self.peers.get_mut(&member) {
            peer.counters_from = next.filter(|next| *next > from);
            peer.counters_at = if peer.counters_from.is_some() { now } else { now.saturating_add(wait) };
        }
    }

    fn heads(&mut self, member: MemberId, heads: Vec<Head>, now: u64) {
        let wait = self.limits.heads_every.saturating_add(self.roll(self.limits.heads_every / 2));
        if let Some(peer) = self.peers.get_mut(&member) {
            peer.failures = 0;
            (peer.answered, peer.spoke) = (true, true);
            peer.heads_at = now.saturating_add(wait);
        }
        // What is not among them it has nothing of.
        for (_, following) in self.logs.iter_mut().filter(|(log, _)| !heads.iter().any(|head| head.log.log == **log)) {
            following.claims.remove(&member);
        }
        for Head { log: LogSize { log, size }, .. } in heads.into_iter().filter(|head| !self.is_convict(&member, &head.log.log)).collect::<Vec<_>>() {
            if let Some(following) = self.logs.get_mut(&log) {
                following.elsewhere.remove(&member);
                following.claim(member, size);
            }
        }
    }

    fn holds(&mut self, member: MemberId, LogSize { log, size }: LogSize) {
        let known = self.peers.contains_key(&member) && !self.is_convict(&member, &log);
        if let Some(following) = self.logs.get_mut(&log).filter(|_| known) {
            let before = following.claims.get(&member).copied().unwrap_or(0);
            following.claim(member, before.max(size));
        }
    }

    /// A pull was answered. The answer counts only if the log still waits for it.
    fn pulled(&mut self, member: MemberId, log: LogId, from: u64, batch: Option<Box<Batch>>, now: u64, actions: &mut Vec<Action>) {
        let Some(following) = self.logs.get_mut(&log) else { return };
        if following.asked.take_if(|asked| *asked == (member, from)).is_none() {
            return;
        }
        let Some(batch) = batch else {
            let claimed = following.claims.get(&member).is_some_and(|claimed| *claimed > from);
            following.claim(member, from);
            // It says that it has more, and said so before this connection at most where it has not been heard yet.
            let spoke = self.peers.get(&member).is_some_and(|peer| peer.spoke);
            return if claimed && spoke {
                self.penalise(member, Why::Short(log), now, actions)
            };
        };
        let len = batch.entries.len();
        if batch.log != log || batch.from != from || !(1..=limits::BATCH_ENTRIES).contains(&len) {
            return self.penalise(member, Why::Unasked, now, actions);
        }
        if following.taking.is_some() {
            following.ready = Some((member, batch));
        } else {
            following.take(member, batch, actions);
        }
    }

    fn failed(&mut self, member: MemberId, request: &Request, now: u64) {
        let limits = self.limits;
        let Some(peer) = self.peers.get_mut(&member) else { return };
        if peer.done(request) {
            peer.fail(&limits, now);
            self.release(member, request);
        }
    }

    /// Nothing waits for this request any longer.
    fn release(&mut self, member: MemberId, request: &Request) {
        if matches!(request, Request::Listing { .. } | Request::Items { .. }) {
            self.break_off(&member);
        }
        if matches!(request, Request::Show { .. }) {
            self.break_off_inquiry(&member);
        }
        if let Request::Pull { log, from } = request
            && let Some(following) = self.logs.get_mut(log)
        {
            following.asked.take_if(|asked| *asked == (member, *from));
        }
    }

    fn taken_in(&mut self, LogSize { log, size }: LogSize, actions: &mut Vec<Action>) {
        let Some(following) = self.logs.get_mut(&log) else { return };
        let sender = following.taking.take();
        following.size = following.size.max(size);
        if Some(log) == self.own {
            (self.recovered, self.contradicted) = (true, false);
        }
        if let Some((member, batch)) = following.ready.take() {
            following.take(member, batch, actions);
        }
        if let Some(peer) = sender.and_then(|(member, _)| self.peers.get_mut(&member)) {
            peer.failures = 0;
        }
    }

    fn refused(&mut self, LogSize { log, size }: LogSize, error: BatchError, now: u64, actions: &mut Vec<Action>) {
        let Some(following) = self.logs.get_mut(&log) else { return };
        let sender = following.taking.take();
        // What was to follow it cannot follow.
        following.ready = None;
        following.asked = None;
        following.size = following.size.max(size);
        // The checkpoint bears this node's own signature: more was published than is here, whoever sent it. Written on, the log would have two histories.
        self.contradicted |= Some(log) == self.own && matches!(error, BatchError::Sender { fault: Fault::Consistency, .. });
        let Some((member, _)) = sender else { return };
        match error {
            // Its copy may be another history of the same log, which its owner signed as well. It is asked, and only blamed where it is not.
            BatchError::Sender { fault: Fault::Consistency, sequence: None } if following.size > 0 => {
                let size = following.size;
                // Nor is it pulled from until it has said anew how much it has.
                following.claims.remove(&member);
                self.inquire(member, log, size, Some(error));
            }
            BatchError::Sender { .. } => self.penalise(member, Why::Batch { log, error }, now, actions),
            BatchError::UnknownKey { version } => self.doubt(member, version, Why::Batch { log, error }, now),
            // It has not heard of the other history yet, and is asked again when it has said anew how much it has.
            BatchError::Frozen => drop(following.claims.remove(&member)),
            BatchError::Elsewhere | BatchError::Store(_) => {}
        }
    }

    fn grown(&mut self, LogSize { log, size }: LogSize) {
        if let Some(following) = self.logs.get_mut(&log) {
            following.size = following.size.max(size);
        }
    }

    fn penalise(&mut self, member: MemberId, why: Why, now: u64, actions: &mut Vec<Action>) {
        let limits = self.limits;
        let Some(peer) = self.peers.get_mut(&member) else { return };
        let until = peer.fault(&limits, now);
        actions.push(Action::Penalise { member, why, until });
    }

    fn plan(&mut self, now: u64, actions: &mut Vec<Action>) {
        self.settle_own(now, actions);
        self.plan_doubts(now, actions);
        self.plan_pulls(now, actions);
        self.plan_mending(now, actions);
        self.plan_inquiries(now, actions);
        let own: Option<(LogId, u64)> = self.own.and_then(|log| Some((log, self.logs.get(&log)?.size)));
        for (member, peer) in &mut self.peers {
            if peer.wants_heads(now) {
                actions.push(Action::Ask { member: *member, request: Request::Heads });
            }
            if let Some(from) = peer.wants_counters(now) {
                actions.push(Action::Ask { member: *member, request: Request::Counters(from) });
            }
            if let Some((log, size)) = own.filter(|(_, size)| peer.wants_push(*size, self.limits.tell_every, now)) {
                actions.push(Action::Ask { member: *member, request: Request::Grown(LogSize { log, size }) });
            }
        }
    }

    fn plan_pulls(&mut self, now: u64, actions: &mut Vec<Action>) {
        let busy = |little| move |log: &&Following| log.little == little && (log.asked.is_some() || log.taking.is_some());
        let [mut large, mut small] = [false, true].map(|little| self.logs.values().filter(busy(little)).count());
        let (before, after): (Vec<LogId>, Vec<LogId>) = self.logs.keys().partition(|log| self.turn.is_some_and(|turn| **log <= turn));
        for log in after.into_iter().chain(before) {
            let limit = self.limit(&log);
            let Some(following) = self.logs.get_mut(&log) else { continue };
            let running = following.taking.is_some();
            let next = following.next();
            let lacking = following.claims.values().max().map_or(0, |size| size.saturating_sub(next));
            // The next batch is asked for while one is verified only where there is much.
            let little = if running { following.little } else { lacking <= limits::LITTLE };
            let room = if little { !running && small < self.limits.small_pulls } else { running || large < self.limits.pulls };
            if !room || following.asked.is_some() || following.ready.is_some() || next >= limit || lacking == 0 {
                continue;
            }
            let clear = |member: &MemberId| !self.doubts.contains_key(member);
            if let Some(member) = source(&log, following, &self.peers, clear, self.me, &self.limits, now) {
                let from = next;
                following.asked = Some((member, from));
                following.little = little;
                let count = if little { &mut small } else { &mut large };
                *count = count.saturating_add(usize::from(!running));
                if let Some(peer) = self.peers.get_mut(&member) {
                    peer.pulling = Some(Pulling { log, from });
                }
                self.turn = Some(log);
                actions.push(Action::Ask { member, request: Request::Pull { log, from } });
            }
        }
    }

    /// A number below `below`, or zero.
    fn roll(&mut self, below: u64) -> u64 {
        // SplitMix64: for spreading, not for secrecy.
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(below).unwrap_or(0)
    }
}

impl Following {
    fn take(&mut self, member: MemberId, batch: Box<Batch>, actions: &mut Vec<Action>) {
        self.taking = Some((member, batch.from.saturating_add(batch.entries.len() as u64)));
        actions.push(Action::TakeIn { member, batch });
    }
}

/// Whom to ask for a log's next entries: its author's node, or, when that has had nothing to give for a while, whoever has most.
fn source(
    log: &LogId,
    following: &mut Following,
    peers: &BTreeMap<MemberId, Peer>,
    clear: impl Fn(&MemberId) -> bool,
    me: MemberId,
    limits: &Limits,
    now: u64,
) -> Option<MemberId> {
    let next = following.next();
    let able: Vec<(u64, MemberId)> = following
        .claims
        .iter()
        .filter(|(member, size)| **size > next && clear(member) && peers.get(member).is_some_and(|peer| peer.may_be_asked(now)))
        .map(|(member, size)| (*size, *member))
        .collect();
    let idle = |member: &MemberId| peers.get(member).is_some_and(|peer| peer.pulling.is_none());
    if able.iter().any(|(_, member)| *member == log.member) {
        following.starved = None;
        return Some(log.member).filter(idle);
    }
    if able.is_empty() {
        following.starved = None;
        return None;
    }
    let since = *following.starved.get_or_insert(now);
    let patient = log.member != me && now.saturating_sub(since) < limits.relay_after;
    if patient {
        return None;
    }
    able.into_iter().filter(|(_, member)| idle(member)).max().map(|(_, member)| member)
}

#[cfg(test)]
mod tests;
