//! What is signed by keys that are not known here: its author may have exchanged them while this node was away. Whoever sent it is asked for the history of the
//! alliance, and only blamed where that does not say more than is known here (`specs/membership.md`, Keys).

use suyuan_core::{Fault, MemberId};

use super::{Action, Sync, Why};
use crate::wire::Request;

/// What waits for a member's history.
#[derive(Debug)]
pub(super) struct Doubt {
    /// Version of the alliance by which the member's message was judged.
    version: u64,
    why: Why,
    asked: bool,
    until: u64,
}

impl Sync {
    pub(super) fn doubt(&mut self, member: MemberId, version: u64, why: Why, now: u64) {
        if self.peers.contains_key(&member) {
            self.doubts.entry(member).or_insert(Doubt { version, why, asked: false, until: now.saturating_add(self.limits.doubt) });
        }
    }

    pub(super) fn plan_doubts(&mut self, now: u64, actions: &mut Vec<Action>) {
        self.doubts.retain(|_, doubt| doubt.until > now);
        for (member, doubt) in self.doubts.iter_mut().filter(|(_, doubt)| !doubt.asked) {
            // Whoever made a key up rests: it does not have histories checked at will.
            if let Some(peer) = self.peers.get_mut(member).filter(|peer| peer.may_be_asked(now) && !peer.asked_history) {
                (doubt.asked, peer.asked_history) = (true, true);
                actions.push(Action::Ask { member: *member, request: Request::History });
            }
        }
    }

    pub(super) fn learned(&mut self, member: MemberId, result: Result<u64, Fault>, now: u64, actions: &mut Vec<Action>) {
        let Some(doubt) = self.doubts.remove(&member) else { return };
        match result {
            Ok(version) if version == doubt.version => self.penalise(member, doubt.why, now, actions),
            Ok(_) => {}
            Err(fault) => self.penalise(member, Why::History(fault), now, actions),
        }
    }
}
