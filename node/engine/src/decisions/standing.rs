//! How far a proposal is: what was counted, what it came to, and whom it waits for (`specs/resolution.md`).

use suyuan_core::order::Decided;
use suyuan_core::resolution::{Refused, Tally};
use suyuan_core::{MemberId, StatementId};

use super::act::speaks;
use super::{Choice, Decisions};

/// What has become of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stands in the order, and nothing can take it out again.
    Final,
    /// It stands in the order, and waits to be settled.
    Decided,
    /// It may be voted on.
    Open,
    /// It cannot take effect any more.
    Over(Refused),
}

impl Outcome {
    /// Its name in formats; of what is over, the reason.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Decided => "decided",
            Self::Open => "open",
            Self::Over(refused) => refused.code(),
        }
    }
}

/// How far a proposal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What has become of it.
    pub outcome: Outcome,
    /// What counts by now; of what was decided, what was counted then.
    pub tally: Tally,
    /// Signers that may still vote and have said nothing, ascending.
    pub waits_for: Vec<MemberId>,
}

impl Decisions {
    /// How far a proposal is, at a time in milliseconds since 1970-01-01 UTC; nothing for one that is not known.
    pub fn standing(&self, id: &StatementId, now: u64) -> Option<Standing> {
        let held = self.proposals().get(id)?;
        let tip = self.tip();
        let decided = tip.decided.iter().find(|decided| decided.resolved.id == *id);
        let tally = decided.map_or_else(|| held.proposal.tally(&self.approvers(id, &tip.alliance), &tip.alliance), counted);
        let outcome = match decided {
            Some(decided) if self.is_final(decided) => Outcome::Final,
            Some(_) => Outcome::Decided,
            None => {
                // Its author's word in a log that was closed since is nobody's.
                let spoken = if speaks(&tip.alliance, &held.author, held.incarnation) { Ok(()) } else { Err(Refused::Superseded) };
                let checked = spoken.and_then(|()| held.proposal.check(&self.circle, &held.author, &tip.alliance, &tip.slots, now.max(tip.time)));
                // Of those who were asked, too many have left for all the others together.
                let all = held
                    .proposal
                    .change
                    .electorate(&tip.alliance)
                    .iter()
                    .fold(0u64, |sum, member| sum.saturating_add(held.proposal.weight_of(member)));
                let reachable = if all < tally.needed { Err(Refused::Threshold) } else { Ok(()) };
                checked.and(reachable).err().map_or(Outcome::Open, Outcome::Over)
            }
        };
        let spoke =
            |member: &MemberId| self.votes(id).any(|(author, vote)| author == member && matches!(vote.choice, Choice::Approve | Choice::Object));
        let waits = |member: &MemberId| tip.alliance.voters().any(|voter| voter.id == *member) && !spoke(member);
        let signers = held.proposal.signers.iter().map(|(member, _)| *member);
        let waits_for = if outcome == Outcome::Open { signers.filter(waits).collect() } else { Vec::new() };
        Some(Standing { outcome, tally, waits_for })
    }

    /// The open proposals that wait for a member's word, each with its end, the soonest first; at a time in milliseconds since 1970-01-01 UTC.
    pub fn waiting_for(&self, member: &MemberId, now: u64) -> Vec<(StatementId, u64)> {
        let asked = self.proposals().iter().filter(|(_, held)| held.proposal.weight_of(member) > 0);
        let waits = asked.filter(|(id, _)| self.standing(id, now).is_some_and(|standing| standing.waits_for.contains(member)));
        let mut found: Vec<_> = waits.map(|(id, held)| (*id, held.proposal.expires)).collect();
        found.sort_unstable_by_key(|(id, expires)| (*expires, *id));
        found
    }

    fn is_final(&self, decided: &Decided) -> bool {
        let settled = self.settled();
        settled.decided.iter().any(|known| known.entry == decided.entry && settled.is_settled(known))
    }
}

/// What was counted when it was decided.
fn counted(decided: &Decided) -> Tally {
    let proposal = &decided.resolved.proposal;
    let reached = decided.resolved.approvers.iter().fold(0u64, |sum, member| sum.saturating_add(proposal.weight_of(member)));
    Tally { reached, needed: proposal.threshold }
}
