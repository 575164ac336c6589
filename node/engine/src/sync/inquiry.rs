//! Looking for the place where another node's copy of a log and this node's part, and telling everybody of those that were convicted.
//!
//! A member is asked for single entries, each under a checkpoint of the log's owner, so nothing rests on its word. The place is found by halving: a log of 2^53
//! entries takes 54 questions. The first answer that differs convicts already; the last one also says up to where both histories are one.

use std::collections::BTreeSet;

use suyuan_core::equivocation::{Conviction, Evidence};
use suyuan_core::log::LogId;
use suyuan_core::{Fault, MemberId};

use super::{Action, Sync, Why};
use crate::equivocation::{CompareError, Comparison};
use crate::replica::BatchError;
use crate::wire::{LogSize, Request, ShownEntry};

/// What is being asked of one member.
#[derive(Debug)]
pub(super) struct Inquiry {
    pub log: LogId,
    /// So many first entries are the same.
    low: u64,
    /// So many are not, or are not known to be.
    high: u64,
    /// Whether an entry differed.
    parted: bool,
    /// The batch of the member that did not continue this node's copy, if that was the reason to ask.
    refused: Option<BatchError>,
    /// Whether an answer is awaited or held against this node's copy.
    busy: bool,
}

/// A convicted member as the sessions see it.
#[derive(Debug)]
pub(super) struct Convicted {
    evidence: Evidence,
    /// The last common point, where it is known.
    pub common: Option<u64>,
    /// Who has the evidence.
    told: BTreeSet<MemberId>,
}

impl Sync {
    /// Tells the sessions of a conviction, at the start or later. Each member is given its evidence once.
    pub fn convict(&mut self, conviction: &Conviction) {
        let (log, common) = (conviction.log(), conviction.common());
        let convicted = Convicted { evidence: conviction.evidence().clone(), common, told: BTreeSet::new() };
        self.convicted.insert(log, convicted);
        // What both histories have in common comes from others: the convict goes on offering more than that.
        self.logs.get_mut(&log).and_then(|following| following.claims.remove(&log.member));
    }

    /// Whether a member stands convicted of two histories of its own log.
    pub(super) fn is_convict(&self, member: &MemberId, log: &LogId) -> bool {
        log.member == *member && self.convicted.contains_key(log)
    }

    /// How far a log may be pulled.
    pub(super) fn limit(&self, log: &LogId) -> u64 {
        self.convicted.get(log).map_or(u64::MAX, |convicted| convicted.common.unwrap_or(0))
    }

    /// A member named other roots than this node's own copies have.
    pub(super) fn differing(&mut self, member: MemberId, logs: &[LogSize]) {
        for LogSize { log, .. } in logs {
            if let Some(following) = self.logs.get_mut(log) {
                following.elsewhere.insert(member);
            }
        }
        let open = |log: &&LogSize| self.logs.contains_key(&log.log) && self.convicted.get(&log.log).is_none_or(|known| known.common.is_none());
        if let Some(LogSize { log, size }) = logs.iter().find(open).copied() {
            self.inquire(member, log, size, None);
        }
    }

    /// Begins to ask, unless the member is being asked something already.
    pub(super) fn inquire(&mut self, member: MemberId, log: LogId, size: u64, refused: Option<BatchError>) {
        if size > 0 && self.peers.contains_key(&member) {
            self.inquiries.entry(member).or_insert(Inquiry { log, low: 0, high: size, parted: false, refused, busy: false });
        }
    }

    /// It showed nothing where it had said that there is something, or had sent a batch from there.
    pub(super) fn shown(&mut self, member: MemberId, shown: Option<&ShownEntry>, now: u64, actions: &mut Vec<Action>) {
        if shown.is_none() {
            self.end_inquiry(member, now, actions);
        }
    }

    /// What it showed was held against this node's own copy.
    pub(super) fn compared(
        &mut self,
        member: MemberId,
        of: (LogId, u64),
        found: Result<Comparison, CompareError>,
        now: u64,
        actions: &mut Vec<Action>,
    ) {
        let (log, index) = of;
        let Some(inquiry) = self.inquiries.get_mut(&member).filter(|inquiry| inquiry.log == log && inquiry.busy) else { return };
        inquiry.busy = false;
        let found = match found {
            Ok(found) => found,
            Err(CompareError::Store(_)) => return drop(self.inquiries.remove(&member)),
            Err(CompareError::UnknownKey { version }) => {
                self.inquiries.remove(&member);
                return self.doubt(member, version, Why::Shown { log, fault: Fault::CheckpointSignature }, now);
            }
            Err(CompareError::Sender(fault)) => {
                self.inquiries.remove(&member);
                return self.penalise(member, Why::Shown { log, fault }, now, actions);
            }
        };
        let here = found.before && !found.entry;
        // The first contradiction convicts, whoever breaks off after it; the place where the histories part is worth a second word.
        if let Some(evidence) = found.evidence.filter(|_| here || !inquiry.parted) {
            inquiry.parted = true;
            actions.push(Action::Convict { member, evidence });
        }
        if found.before && found.entry {
            inquiry.low = index.saturating_add(1);
        } else {
            inquiry.parted = true;
            inquiry.high = if found.before { 0 } else { index };
        }
        if inquiry.low >= inquiry.high {
            self.end_inquiry(member, now, actions);
        }
    }

    /// Where no entry differed, a batch that did not continue this node's copy was the sender's own making.
    pub(super) fn end_inquiry(&mut self, member: MemberId, now: u64, actions: &mut Vec<Action>) {
        let Some(Inquiry { log, parted, refused, .. }) = self.inquiries.remove(&member) else { return };
        match refused {
            Some(error) if !parted => self.penalise(member, Why::Batch { log, error }, now, actions),
            _ => {}
        }
    }

    /// A member went away, or did not answer. It may have been honest: nothing is said against it.
    pub(super) fn break_off_inquiry(&mut self, member: &MemberId) {
        self.inquiries.remove(member);
    }

    /// Notes that a member has the evidence.
    pub(super) fn told(&mut self, member: MemberId, evidence: &Evidence) {
        if let Some(convicted) = self.convicted.values_mut().find(|convicted| convicted.evidence == *evidence) {
            convicted.told.insert(member);
        }
    }

    pub(super) fn plan_inquiries(&mut self, now: u64, actions: &mut Vec<Action>) {
        for (member, peer) in &mut self.peers {
            if !peer.may_be_asked(now) {
                continue;
            }
            if let Some(inquiry) = self.inquiries.get_mut(member).filter(|inquiry| !inquiry.busy) {
                // Most copies differ at their end, and most that are the same there are the same altogether.
                let first = inquiry.low == 0 && !inquiry.parted;
                let last = inquiry.high.saturating_sub(1);
                let index = if first { last } else { inquiry.low.midpoint(last) };
                inquiry.busy = true;
                let request = Request::Show { log: inquiry.log, index };
                peer.inquiring = Some(request.clone());
                actions.push(Action::Ask { member: *member, request });
            }
            let untold = self.convicted.values().find(|convicted| peer.telling_of.is_none() && !convicted.told.contains(member));
            if let Some(Convicted { evidence, .. }) = untold {
                let request = Request::Convict(Box::new(evidence.clone()));
                peer.telling_of = Some(request.clone());
                actions.push(Action::Ask { member: *member, request });
            }
        }
    }
}
