//! When a node collects and asks: a state machine without IO. Times are in milliseconds, from whenever the node began.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::MemberId;
use suyuan_core::relay::Tag;

use super::{Opened, Seeking, Sought, Unit};
use crate::limits;

/// How long a member must be connected to count as there, and a statement be written to have reached all who were: longer than a broken line may go unnoticed.
pub const NOTICED: u64 = 45_000;
/// How long a member must be gone, or not have come, to be away.
const GONE: u64 = 15_000;
/// A relay asks each member so often for what it has for others.
const COLLECT_EVERY: u64 = 10_000;
/// The same while there is more.
const COLLECT_AGAIN: u64 = 1_000;
/// Bytes per second that are collected of one member for long.
const COLLECT_RATE: u64 = 512 * 1024;
/// A reader asks a relay so often, in rounds.
const FETCH_EVERY: u64 = 20_000;
/// The same while something comes.
const FETCH_AGAIN: u64 = 1_000;
/// A tag that was answered is not asked for again for so long, whatever came: what was good is not lacking any more.
const REST: u64 = 60_000;
/// The same of what was here before.
const HELD: u64 = 3_600_000;
/// Who does not relay is asked again after this.
const UNWILLING: u64 = 600_000;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A member can be asked.
    Connected(MemberId),
    /// It no longer can.
    Disconnected(MemberId),
    /// A request to collect or to fetch failed, or was answered by what does not belong to it.
    Failed(MemberId),
    /// What it had was kept: so many bytes, and whether there may be more.
    Kept {
        /// Who.
        member: MemberId,
        /// Bytes of packages.
        bytes: u64,
        /// Whether it moved its cursor.
        more: bool,
    },
    /// The next tags were found: the result of [`super::seek`].
    Found {
        /// Whom to ask.
        member: MemberId,
        /// For what.
        sought: Sought,
        /// Where the round goes on.
        after: Option<Unit>,
    },
    /// It does not relay.
    Unwilling(MemberId),
    /// What it gave was opened and taken in, as far as it holds.
    Opened {
        /// Who.
        member: MemberId,
        /// How many of the tags it had answered.
        answered: u64,
        /// The tags that something came under.
        came: BTreeSet<Tag>,
        /// What it was.
        opened: Opened,
    },
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask a member for what it has for others, and keep it. It ends in [`Event::Kept`] or [`Event::Failed`], unless the member disconnects.
    Collect(MemberId),
    /// Find the next tags to ask a member for. It ends in [`Event::Found`] or [`Event::Failed`].
    Seek(MemberId, Seeking),
    /// Ask a member for packages, open them and take in what holds. It ends in [`Event::Opened`], [`Event::Unwilling`] or [`Event::Failed`].
    Fetch(MemberId, Vec<Tag>),
}

/// What a node does as a relay, and what it asks of relays.
#[derive(Debug)]
pub struct Courier {
    relays: bool,
    peers: BTreeMap<MemberId, Peer>,
    /// Tags that are not asked for, each until when.
    resting: BTreeMap<Tag, u64>,
}

#[derive(Debug, Default)]
struct Peer {
    connected: bool,
    /// Since when it is, or is not.
    since: u64,
    collecting: bool,
    collect_at: u64,
    fetching: Fetching,
    fetch_at: u64,
    after: Option<Unit>,
    /// Whether anything new came in this round.
    brought: bool,
}

#[derive(Debug, Default, PartialEq)]
enum Fetching {
    #[default]
    Idle,
    Seeking,
    Asked(Sought),
}

impl Courier {
    /// One that knows of nobody's being connected. `relays`: whether the node keeps packages for others.
    pub fn new(relays: bool, members: impl IntoIterator<Item = MemberId>) -> Self {
        Self { relays, peers: members.into_iter().map(|member| (member, Peer::default())).collect(), resting: BTreeMap::new() }
    }

    /// Whether the node keeps packages for others.
    pub fn relays(&self) -> bool {
        self.relays
    }

    /// Members that are not there for sure: gone for a while, or come so lately that they may not have everything.
    pub fn away(&self, now: u64) -> BTreeSet<MemberId> {
        let lately = |peer: &Peer, time: u64| now.saturating_sub(peer.since) < time;
        let away = |peer: &Peer| if peer.connected { lately(peer, NOTICED) } else { !lately(peer, GONE) };
        self.peers.iter().filter(|(_, peer)| away(peer)).map(|(member, _)| *member).collect()
    }

    /// What was asked for of a member, whose answer is to be opened.
    pub fn sought(&self, member: &MemberId) -> Option<&Sought> {
        match self.peers.get(member).map(|peer| &peer.fetching) {
            Some(Fetching::Asked(sought)) => Some(sought),
            _ => None,
        }
    }

    /// Takes in what happened, and says what is to be done.
    pub fn handle(&mut self, event: Event, now: u64) -> Vec<Action> {
        match event {
            Event::Connected(member) => self.turned(&member, true, now),
            Event::Disconnected(member) => self.turned(&member, false, now),
            Event::Failed(member) => self.failed(&member, now),
            Event::Kept { member, bytes, more } => {
                if let Some(peer) = self.peers.get_mut(&member) {
                    let pause = if more { COLLECT_AGAIN } else { COLLECT_EVERY };
                    let pause = pause.max(bytes.saturating_mul(1000) / COLLECT_RATE);
                    (peer.collecting, peer.collect_at) = (false, now.saturating_add(pause));
                }
            }
            Event::Found { member, sought, after } => return self.found(member, sought, after),
            Event::Unwilling(member) => {
                if let Some(peer) = self.peers.get_mut(&member) {
                    (peer.fetching, peer.after, peer.fetch_at) = (Fetching::Idle, None, now.saturating_add(UNWILLING));
                }
            }
            Event::Opened { member, answered, came, opened } => self.opened(&member, answered, came, &opened, now),
            Event::Tick => {}
        }
        self.plan(now)
    }

    fn turned(&mut self, member: &MemberId, connected: bool, now: u64) {
        if let Some(peer) = self.peers.get_mut(member) {
            // What it has of this member's log, and which keys are known, shows first.
            let soon = now.saturating_add(GONE / 3);
            *peer = Peer { connected, since: now, collect_at: soon, fetch_at: soon, ..Peer::default() };
        }
    }

    fn failed(&mut self, member: &MemberId, now: u64) {
        if let Some(peer) = self.peers.get_mut(member) {
            if peer.collecting {
                (peer.collecting, peer.collect_at) = (false, now.saturating_add(COLLECT_EVERY));
            }
            if peer.fetching != Fetching::Idle {
                (peer.fetching, peer.fetch_at) = (Fetching::Idle, now.saturating_add(FETCH_EVERY));
            }
        }
    }

    /// Asks even where nothing is sought: who relays must become known.
    fn found(&mut self, member: MemberId, sought: Sought, after: Option<Unit>) -> Vec<Action> {
        let Some(peer) = self.peers.get_mut(&member).filter(|peer| peer.fetching == Fetching::Seeking) else { return Vec::new() };
        let tags = sought.keys().copied().collect();
        peer.after = after;
        peer.fetching = Fetching::Asked(sought);
        vec![Action::Fetch(member, tags)]
    }

    fn opened(&mut self, member: &MemberId, answered: u64, came: BTreeSet<Tag>, opened: &Opened, now: u64) {
        let Some(peer) = self.peers.get_mut(member) else { return };
        let Fetching::Asked(sought) = std::mem::take(&mut peer.fetching) else { return };
        peer.brought |= !opened.items.is_empty();
        let cut = answered < sought.len() as u64 && !came.is_empty();
        if cut {
            // What there was no room for is asked for first, in a round of its own.
            peer.after = None;
        }
        let again = cut || peer.after.is_some() || peer.brought;
        if peer.after.is_none() {
            peer.brought = false;
        }
        peer.fetch_at = now.saturating_add(if again { FETCH_AGAIN } else { FETCH_EVERY });
        if self.resting.len() >= limits::RESTING {
            self.resting.clear();
        }
        self.resting.retain(|_, until| *until > now);
        let rest = |tag: &Tag| if opened.held.contains(tag) { HELD } else { REST };
        let came = came.into_iter().filter(|tag| !opened.early.contains(tag));
        self.resting.extend(came.map(|tag| (tag, now.saturating_add(rest(&tag)))));
    }

    fn plan(&mut self, now: u64) -> Vec<Action> {
        let near: BTreeSet<MemberId> = self.peers.iter().filter(|(_, peer)| peer.connected).map(|(member, _)| *member).collect();
        let mut actions = Vec::new();
        for (member, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.connected) {
            if self.relays && !peer.collecting && peer.collect_at <= now {
                peer.collecting = true;
                actions.push(Action::Collect(*member));
            }
            if peer.fetching == Fetching::Idle && peer.fetch_at <= now {
                peer.fetching = Fetching::Seeking;
                let resting = self.resting.iter().filter(|(_, until)| **until > now).map(|(tag, _)| *tag).collect();
                actions.push(Action::Seek(*member, Seeking { after: peer.after, near: near.clone(), resting }));
            }
        }
        actions
    }
}
