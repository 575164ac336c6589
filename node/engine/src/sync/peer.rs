//! One member's node as the sessions see it: what it was asked, and whether it may be asked more.

use suyuan_core::CircleId;
use suyuan_core::log::LogId;

use super::Limits;
use super::mending::FIRST;
use crate::wire::Request;

/// A pull that a peer has not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pulling {
    pub log: LogId,
    pub from: u64,
}

/// One member's node.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub connected: bool,
    /// Whether it was dialled and did not answer, or has no address, since it was last connected.
    pub unreachable: bool,
    /// Whether it has ever said which logs it has.
    pub answered: bool,
    /// Whether it has said so since it is connected: before that it may have lost what it had, with its disk.
    pub spoke: bool,
    /// When it is next asked for its heads.
    pub heads_at: u64,
    asked_heads: bool,
    pub pulling: Option<Pulling>,
    /// The request that fills a gap.
    pub mending: Option<Request>,
    /// The question about one entry, and the evidence that is on its way.
    pub inquiring: Option<Request>,
    pub telling_of: Option<Request>,
    pub asked_history: bool,
    asked_counters: bool,
    /// From which circle on it is next asked for counters, and when.
    pub counters_from: Option<CircleId>,
    pub counters_at: u64,
    /// Whether counters were compared with it to the end, since it is connected.
    pub counted: bool,
    /// The push under way.
    telling: Option<u64>,
    /// Up to where it was told that this node's log has grown, and when.
    told: u64,
    tell_at: u64,
    /// Failed requests in a row.
    pub failures: u32,
    /// Faults so far, each of which makes the next rest longer.
    faults: u32,
    /// Until when it is not asked for entries.
    pub rest_until: u64,
}

impl Peer {
    pub fn connect(&mut self, limits: &Limits, now: u64) {
        self.connected = true;
        self.spoke = false;
        self.unreachable = false;
        self.heads_at = now;
        self.counters_at = now.saturating_add(limits.counters_after);
        self.counters_from = None;
        self.counted = false;
    }

    pub fn disconnect(&mut self) {
        self.connected = false;
        self.asked_heads = false;
        self.asked_counters = false;
        self.pulling = None;
        self.mending = None;
        self.inquiring = None;
        self.telling_of = None;
        self.asked_history = false;
        self.telling = None;
        // What was pushed may have been lost.
        self.told = 0;
    }

    /// Notes that a request has ended. Says whether it was under way.
    pub fn done(&mut self, request: &Request) -> bool {
        match request {
            Request::Heads => std::mem::take(&mut self.asked_heads),
            Request::Pull { log, from } => self.pulling.take_if(|pulling| *pulling == Pulling { log: *log, from: *from }).is_some(),
            Request::Counters(_) => std::mem::take(&mut self.asked_counters),
            Request::Listing { .. } | Request::Items { .. } => self.mending.take_if(|mending| mending == request).is_some(),
            Request::History => std::mem::take(&mut self.asked_history),
            // Heads of the order log are exchanged beside the sessions.
            Request::OrderHeads(_) => false,
            // Told by the rounds of witnessing, which keep their own account.
            Request::Cosigned(_) => false,
            // Asked by the courier.
            Request::Collect(_) | Request::Fetch(_) => false,
            Request::Show { .. } => self.inquiring.take_if(|inquiring| inquiring == request).is_some(),
            Request::Convict(_) => self.telling_of.take_if(|telling| telling == request).is_some(),
            Request::Grown(_) => self.telling.take().is_some_and(|size| {
                self.told = self.told.max(size);
                true
            }),
        }
    }

    /// Whether it may still say how much it has of this node's log.
    pub fn is_awaited(&self, now: u64) -> bool {
        !self.answered && if self.connected { self.rest_until <= now } else { !self.unreachable }
    }

    pub fn may_be_asked(&self, now: u64) -> bool {
        self.connected && self.rest_until <= now
    }

    /// Whether to ask for heads now; counts as asked.
    pub fn wants_heads(&mut self, now: u64) -> bool {
        let wants = self.connected && !self.asked_heads && self.heads_at <= now;
        self.asked_heads |= wants;
        wants
    }

    /// Whether to ask for counters now, and from which circle on; counts as asked.
    pub fn wants_counters(&mut self, now: u64) -> Option<CircleId> {
        let wants = self.may_be_asked(now) && self.answered && !self.asked_counters && self.counters_at <= now;
        self.asked_counters |= wants;
        wants.then(|| self.counters_from.unwrap_or(FIRST))
    }

    /// Whether to push a size of this node's own log now; counts as pushed.
    pub fn wants_push(&mut self, size: u64, every: u64, now: u64) -> bool {
        let wants = self.connected && self.telling.is_none() && size > self.told && self.tell_at <= now;
        if wants {
            self.telling = Some(size);
            self.tell_at = now.saturating_add(every);
        }
        wants
    }

    /// A request failed: rest, longer each time in a row.
    pub fn fail(&mut self, limits: &Limits, now: u64) {
        let rest = doubled(limits.failure_rest, self.failures, limits.failure_rest_most);
        self.failures = self.failures.saturating_add(1);
        self.rest_until = self.rest_until.max(now.saturating_add(rest));
        self.heads_at = self.heads_at.max(now.saturating_add(rest));
        self.counters_at = self.counters_at.max(now.saturating_add(rest));
    }

    /// It sent what it should not have: rest, longer each time. Returns until when.
    pub fn fault(&mut self, limits: &Limits, now: u64) -> u64 {
        let rest = doubled(limits.fault_rest, self.faults, limits.fault_rest_most);
        self.faults = self.faults.saturating_add(1);
        self.rest_until = self.rest_until.max(now.saturating_add(rest));
        self.heads_at = self.heads_at.max(self.rest_until);
        self.rest_until
    }
}

fn doubled(first: u64, times: u32, most: u64) -> u64 {
    let factor = 1u64.checked_shl(times.min(62)).unwrap_or(u64::MAX);
    first.saturating_mul(factor).min(most)
}
