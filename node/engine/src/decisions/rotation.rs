//! Members that exchange their keys: what may be written while it is not decided, and when connections follow (`specs/membership.md`, Keys).

use suyuan_core::MemberId;
use suyuan_core::charter::Member;
use suyuan_core::membership::{Change, ChangeFault, KeyChange};
use suyuan_core::resolution::Slot;

use super::{Choice, Decisions};

/// The transport keys of a member at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transports {
    /// The one by which its node is known.
    pub used: [u8; 32],
    /// Every other one by which it may still, or already, be known, with the time up to which that is so, milliseconds since 1970-01-01 UTC.
    pub others: Vec<([u8; 32], u64)>,
}

impl Decisions {
    /// The transport keys of a member at a time. For T / 8 after an exchange the former one goes on being used, so that everybody can hear of it, and for T it is accepted.
    pub fn transports(&self, member: &Member, now: u64) -> Transports {
        let newest = member.entry.keys.transport;
        let former = member.retired.iter().rev().map(|keys| keys.transport).find(|key| *key != newest);
        let changed = self.transport_changes().filter(|(of, _)| *of == member.id).map(|(_, time)| time).last();
        let (Some(former), Some(Some(time))) = (former, changed) else { return Transports { used: newest, others: Vec::new() } };
        let (switch, end) = (self.switch_after(time), time.saturating_add(self.seal()));
        if now < switch {
            return Transports { used: former, others: vec![(newest, u64::MAX)] };
        }
        Transports { used: newest, others: if now < end { vec![(former, end)] } else { Vec::new() } }
    }

    /// When the next member goes over to a new transport key, milliseconds since 1970-01-01 UTC.
    pub fn next_transport(&self, now: u64) -> Option<u64> {
        self.transport_changes().filter_map(|(_, time)| Some(self.switch_after(time?))).filter(|switch| *switch > now).min()
    }

    /// By then every voter that is reached has confirmed the newest head again, so everybody that is reached has heard of the change.
    fn switch_after(&self, time: u64) -> u64 {
        time.saturating_add(self.seal() / 8)
    }

    fn seal(&self) -> u64 {
        self.settled().alliance.charter().seal
    }

    /// Who has another transport key than before, and when it was exchanged by the entry that says so: no time where it was lost, and may be in other hands.
    fn transport_changes(&self) -> impl Iterator<Item = (MemberId, Option<u64>)> {
        let settled = self.settled();
        settled.decided.iter().filter(|decided| settled.is_settled(decided)).filter_map(|decided| match &decided.resolved.proposal.change {
            Change::Keys(keys) if keys.transport.is_some() => Some((keys.member, Some(decided.time))),
            Change::Recover(recovery) => Some((recovery.member, None)),
            _ => None,
        })
    }

    /// The sequence from which another log key would sign for this member, where it has approved such a change and that may still take effect. An entry from
    /// there on must not be written before that is settled: whether its old key or its new one signs it is not known yet.
    pub fn key_change_at(&self, me: &MemberId) -> Option<u64> {
        self.undecided_log_keys().filter(|(keys, _)| keys.member == *me).map(|(keys, _)| keys.size).min()
    }

    /// Whether a member waits for nothing but the date: its change of the log key is too late by now, and only a later entry that is settled proves that.
    pub(super) fn lapses(&self, now: u64) -> bool {
        self.undecided_log_keys().any(|(_, expires)| expires < now)
    }

    /// Changes of log keys that their members have approved and that may still take effect, each with its end, milliseconds since 1970-01-01 UTC.
    ///
    /// A change is out of the question once a rival of it is settled, or its keys have come into use by another change, or an entry is settled that is later than
    /// it may take effect. What is certified and not settled counts for neither: it may come into force, and it may be lost when another keeper takes over.
    fn undecided_log_keys(&self) -> impl Iterator<Item = (&KeyChange, u64)> {
        let settled = self.settled();
        let decided = |slot: &Slot| {
            let same = |of: &Slot| of.subject == slot.subject && of.version == slot.version;
            settled.decided.iter().any(|decided| same(&decided.resolved.proposal.slot) && settled.is_settled(decided))
        };
        self.proposals.iter().filter_map(move |(id, held)| {
            let Change::Keys(keys) = &held.proposal.change else { return None };
            let (slot, expires) = (&held.proposal.slot, held.proposal.expires);
            let approved = || self.votes(id).any(|(voter, vote)| *voter == keys.member && vote.choice == Choice::Approve);
            let makeable = || settled.alliance.changed(&held.proposal.change).err() != Some(ChangeFault::Key);
            let open = keys.log.is_some() && !decided(slot) && settled.settled_time <= expires && approved() && makeable();
            open.then_some((keys, expires))
        })
    }
}
