//! When this node may write on: it must hold its own log as far as anybody does, and nothing may speak against it.

use super::peer::Peer;
use super::{Action, Sync};

impl Sync {
    /// When the own log is here, counters are compared with all who answered, and what is lacking of this member's own statements is fetched first: else the next
    /// one would carry a counter that others have seen. Whoever keeps this waiting is not waited for long.
    pub(super) fn settle_own(&mut self, now: u64, actions: &mut Vec<Action>) {
        let knows = self.knows_own_head(now);
        if self.own_head_known && self.is_disputed() {
            // Written on, the log would have two histories, or one more.
            self.own_head_known = false;
            actions.push(Action::OwnHeadDisputed);
        }
        if self.own_head_known || !knows {
            self.own_since = None;
            return;
        }
        if self.own_since.is_none() {
            self.own_since = Some(now);
            for peer in self.peers.values_mut() {
                peer.counted = false;
                peer.counters_at = peer.counters_at.min(now);
            }
        }
        let waited = self.own_since.is_some_and(|since| now.saturating_sub(since) >= self.limits.own_gaps);
        // Where something was lost, whoever is not connected yet may know of more.
        let heard = |peer: &Peer| self.recovered || (peer.answered && peer.may_be_asked(now));
        let counting = self.peers.values().any(|peer| !peer.counted && heard(peer));
        if waited || !(counting || self.mending.concerns(&self.me)) {
            self.own_head_known = true;
            actions.push(Action::OwnHeadKnown);
        }
    }

    /// Everybody who can be reached has answered, or was waited for long enough; nobody who is to be believed has more. Alone in the alliance there is nobody to
    /// ask. One answer is not enough: it may be that of a node whose disk is older than this one's.
    fn knows_own_head(&self, now: u64) -> bool {
        let waited = self.began.is_some_and(|began| now.saturating_sub(began) >= self.limits.own_gaps);
        let heard = self.peers.is_empty() || self.peers.values().any(|peer| peer.answered);
        let everybody = waited || !self.peers.values().any(|peer| peer.is_awaited(now));
        let more = self.own.and_then(|log| self.logs.get(&log)).is_some_and(|own| {
            let believed = |member| self.peers.get(member).is_some_and(|peer| peer.rest_until <= now);
            own.taking.is_some() || own.claims.iter().any(|(member, size)| *size > own.size && believed(member))
        });
        heard && everybody && !more && !self.is_disputed()
    }

    /// Whether it is proven that more of the own log was published than is here and fits to it, or that it has two histories.
    fn is_disputed(&self) -> bool {
        self.contradicted || self.own.is_some_and(|log| self.convicted.contains_key(&log))
    }
}
