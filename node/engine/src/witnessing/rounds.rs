//! Who is told of which cosignature, when this node's newest checkpoint goes round, and what raises an alarm: a state machine without IO.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::MemberId;
use suyuan_core::log::LogId;
use suyuan_core::note::TreeHead;

use super::{Cosignature, VerifiedCosignature};
use crate::ledger::Ledger;
use crate::limits;

/// Time between two decisions of the desk, milliseconds: each is a write.
const JUDGE_EVERY: u64 = 100;
/// Rounds without an outcome that raise an alarm.
const PATIENCE: u64 = 2;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A member can be told.
    Connected(MemberId),
    /// It no longer can.
    Disconnected(MemberId),
    /// What it was told has arrived.
    Told(MemberId),
    /// What it was told has not.
    NotTold(MemberId),
    /// A member told of its cosignatures.
    Heard(Vec<VerifiedCosignature>),
    /// What was to be judged was: this node's cosignatures, and those that wait for entries.
    Judged {
        /// Cosigned, written and signed.
        cosigned: Vec<VerifiedCosignature>,
        /// To be judged again when their logs have grown.
        waiting: Vec<VerifiedCosignature>,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell a member of this node's cosignatures. It ends in [`Event::Told`] or [`Event::NotTold`], unless the member disconnects.
    Tell {
        /// Whom.
        member: MemberId,
        /// At most [`limits::COSIGNATURES`].
        cosignatures: Vec<Cosignature>,
    },
    /// Keep cosignatures, and cosign some of their checkpoints. It ends in [`Event::Judged`].
    Judge {
        /// To be kept.
        found: Vec<VerifiedCosignature>,
        /// To be cosigned, of each log at most one.
        cosign: Vec<VerifiedCosignature>,
    },
}

/// The ledger as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct Local {
    /// This node's newest published checkpoint, with its own cosignature.
    pub own: Option<VerifiedCosignature>,
    /// Up to where its own log is witnessed.
    pub witnessed: u64,
    /// Whether the policy of its log asks for any witness.
    pub needed: bool,
    /// Entries that are held of each log.
    pub sizes: BTreeMap<LogId, u64>,
}

impl Local {
    /// What a ledger says, with the newest checkpoint published.
    pub fn of(ledger: &Ledger, published: Option<&str>) -> Self {
        let log = ledger.own_log();
        let own = published.and_then(|note| VerifiedCosignature::own(note, &log, &ledger.alliance));
        let gathered = ledger.gathered.of(&log).and_then(|gathered| gathered.witnessed.as_ref());
        let policy = suyuan_core::policy::LogPolicy::of(&ledger.alliance, &ledger.me);
        Self {
            own,
            witnessed: gathered.map_or(0, |witnessed| witnessed.head.size),
            needed: policy.quorum.cosigners() > 0,
            sizes: ledger.logs.iter().map(|head| (head.id, head.size())).collect(),
        }
    }
}

/// What the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Others cosigned more of a log than is here, and it does not come.
    Withheld {
        /// The log.
        log: LogId,
        /// How far it was cosigned.
        cosigned: u64,
        /// How far it is here.
        here: u64,
        /// Who cosigned that much.
        by: Vec<MemberId>,
    },
    /// This node's newest checkpoint has been handed out and has not enough cosignatures.
    Unwitnessed {
        /// Its size.
        size: u64,
        /// Up to where the log is witnessed.
        witnessed: u64,
    },
}

#[derive(Clone, Debug, Default)]
struct Peer {
    connected: bool,
    /// What it was told last of each log, as size and seconds.
    told: BTreeMap<LogId, (u64, u64)>,
    /// What is on its way.
    telling: Option<Vec<(LogId, (u64, u64))>>,
    /// Not before this time.
    tell_at: u64,
}

/// A head that others cosigned and that is not here.
#[derive(Clone, Debug)]
struct Ahead {
    size: u64,
    by: BTreeSet<MemberId>,
    /// Entries that were here when something last came.
    here: u64,
    /// Since when nothing has come.
    since: u64,
}

/// The rounds of one node.
#[derive(Clone, Debug)]
pub struct Rounds {
    me: MemberId,
    peers: BTreeMap<MemberId, Peer>,
    /// What came and was not judged yet, by log and witness: the newest of each.
    inbox: BTreeMap<(LogId, MemberId), VerifiedCosignature>,
    /// What waits for entries.
    waiting: BTreeMap<(LogId, MemberId), VerifiedCosignature>,
    /// This node's newest cosignature of each log.
    mine: BTreeMap<LogId, Cosignature>,
    /// Of each log the head that was heard of last and not cosigned yet.
    candidates: BTreeMap<LogId, VerifiedCosignature>,
    judging: bool,
    judge_at: u64,
    /// Size that goes round, and since when.
    round: Option<(u64, u64)>,
    /// Since when a checkpoint goes round without any of its quorums being reached, and the size then.
    unwitnessed: Option<(u64, u64)>,
    ahead: BTreeMap<LogId, Ahead>,
}

impl Rounds {
    /// A node's rounds with these other members.
    pub fn new(me: MemberId, others: impl IntoIterator<Item = MemberId>) -> Self {
        let peers = others.into_iter().filter(|member| *member != me).map(|member| (member, Peer::default())).collect();
        Self {
            me,
            peers,
            inbox: BTreeMap::new(),
            waiting: BTreeMap::new(),
            mine: BTreeMap::new(),
            candidates: BTreeMap::new(),
            judging: false,
            judge_at: 0,
            round: None,
            unwitnessed: None,
            ahead: BTreeMap::new(),
        }
    }

    /// Takes in what happened. `now` is in milliseconds and never goes back.
    pub fn handle(&mut self, event: Event, now: u64) {
        match event {
            Event::Connected(member) => {
                if let Some(peer) = self.peers.get_mut(&member) {
                    *peer = Peer { connected: true, ..Peer::default() };
                }
            }
            Event::Disconnected(member) => {
                if let Some(peer) = self.peers.get_mut(&member) {
                    *peer = Peer::default();
                }
            }
            Event::Told(member) => {
                if let Some(peer) = self.peers.get_mut(&member) {
                    peer.told.extend(peer.telling.take().unwrap_or_default());
                }
            }
            Event::NotTold(member) => {
                if let Some(peer) = self.peers.get_mut(&member) {
                    peer.telling = None;
                    peer.tell_at = now.saturating_add(limits::ROUND);
                }
            }
            Event::Heard(found) => found.into_iter().for_each(|found| self.heard(found)),
            Event::Judged { cosigned, waiting } => {
                self.judging = false;
                for found in waiting {
                    self.waiting.entry((found.log, found.witness)).or_insert(found);
                }
                for found in cosigned {
                    self.mine.insert(found.log, found.found.clone());
                    self.inbox.insert((found.log, found.witness), found);
                }
            }
        }
    }

    /// What is due. Called about ten times a second.
    pub fn tick(&mut self, local: &Local, now: u64) -> Vec<Action> {
        self.begin_round(local, now);
        self.compare(local, now);
        let mut actions = Vec::new();
        self.judge(local, now, &mut actions);
        for (member, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.connected && peer.telling.is_none() && peer.tell_at <= now) {
            let news: Vec<&Cosignature> = self.mine.values().filter(|mine| peer.told.get(&mine.log) != Some(&mark(mine))).collect();
            let cosignatures: Vec<Cosignature> = news.into_iter().take(limits::COSIGNATURES).cloned().collect();
            if !cosignatures.is_empty() {
                peer.telling = Some(cosignatures.iter().map(|told| (told.log, mark(told))).collect());
                actions.push(Action::Tell { member: *member, cosignatures });
            }
        }
        actions
    }

    /// What the operator should know now.
    pub fn alarms(&self, local: &Local, now: u64) -> Vec<Alarm> {
        let late = |since: u64| now.saturating_sub(since) >= limits::ROUND.saturating_mul(PATIENCE);
        let withheld = self.ahead.iter().filter(|(_, ahead)| late(ahead.since)).map(|(log, ahead)| Alarm::Withheld {
            log: *log,
            cosigned: ahead.size,
            here: ahead.here,
            by: ahead.by.iter().copied().collect(),
        });
        let size = self.round.map_or(0, |(size, _)| size);
        let unwitnessed = self.unwitnessed.filter(|(since, _)| late(*since)).map(|_| Alarm::Unwitnessed { size, witnessed: local.witnessed });
        withheld.chain(unwitnessed).collect()
    }

    fn heard(&mut self, found: VerifiedCosignature) {
        let key = (found.log, found.witness);
        if !self.peers.contains_key(&found.witness) {
            return;
        }
        let ahead = self.ahead.entry(found.log).or_insert_with(|| Ahead { size: 0, by: BTreeSet::new(), here: 0, since: u64::MAX });
        if found.head.size > ahead.size {
            ahead.size = found.head.size;
            ahead.by.clear();
        }
        if found.head.size == ahead.size {
            ahead.by.insert(found.witness);
        }
        let newer = |known: &TreeHead| found.head.size > known.size;
        let cosign = found.log.member != self.me
            && self.mine.get(&found.log).is_none_or(|mine| newer(&mine.head))
            && self.candidates.get(&found.log).is_none_or(|candidate| newer(&candidate.head));
        if cosign {
            self.candidates.insert(found.log, found.clone());
        }
        self.inbox.insert(key, found);
    }

    /// The newest checkpoint goes round when the one before has reached its quorum, or has had two rounds' time.
    fn begin_round(&mut self, local: &Local, now: u64) {
        let Some(own) = &local.own else { return };
        let due = match self.round {
            None => true,
            Some((size, since)) => {
                let rounds = if local.witnessed >= size { 1 } else { PATIENCE };
                own.head.size > size && now.saturating_sub(since) >= limits::ROUND.saturating_mul(rounds)
            }
        };
        if due {
            self.round = Some((own.head.size, now));
            self.mine.insert(own.log, own.found.clone());
            self.inbox.insert((own.log, self.me), own.clone());
        }
        match (self.round, self.unwitnessed) {
            (Some((size, _)), _) if local.witnessed >= size || !local.needed => self.unwitnessed = None,
            (Some(_), Some((_, witnessed))) if local.witnessed > witnessed => self.unwitnessed = Some((now, local.witnessed)),
            (Some(_), None) => self.unwitnessed = Some((now, local.witnessed)),
            _ => {}
        }
    }

    /// Holds what others cosigned against what is here.
    fn compare(&mut self, local: &Local, now: u64) {
        self.ahead.retain(|log, ahead| {
            let here = local.sizes.get(log).copied().unwrap_or(0);
            if here > ahead.here || ahead.since == u64::MAX {
                (ahead.here, ahead.since) = (here, now);
            }
            here < ahead.size
        });
    }

    fn judge(&mut self, local: &Local, now: u64, actions: &mut Vec<Action>) {
        if self.judging || now < self.judge_at {
            return;
        }
        let held = |found: &VerifiedCosignature| local.sizes.get(&found.log).is_some_and(|size| *size >= found.head.size);
        for (key, found) in self.waiting.extract_if(.., |_, found| held(found)) {
            self.inbox.entry(key).or_insert(found);
        }
        let cosign: Vec<VerifiedCosignature> = self.candidates.extract_if(.., |_, found| held(found)).map(|(_, found)| found).collect();
        if self.inbox.is_empty() && cosign.is_empty() {
            return;
        }
        let found = std::mem::take(&mut self.inbox).into_values().collect();
        (self.judging, self.judge_at) = (true, now.saturating_add(JUDGE_EVERY));
        actions.push(Action::Judge { found, cosign });
    }
}

fn mark(cosignature: &Cosignature) -> (u64, u64) {
    (cosignature.head.size, cosignature.seconds)
}
