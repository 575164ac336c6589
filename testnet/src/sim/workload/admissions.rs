//! Invitations, whoever shows one, now and then with a secret that is wrong, and members that have left and want to come back.

use suyuan_core::membership::Change;
use suyuan_engine::decisions::{InvitationRequest, InvitationSecret, ProposalRequest};
use suyuan_engine::writer::Command;

use super::{Wish, Workload};
use crate::sim::chance::Chance;
use crate::sim::founding::Member;
use crate::sim::machine::Machine;

/// How long an invitation is open, milliseconds.
const OPEN: u64 = 600_000;

/// Invites and admits.
pub struct Admissions {
    /// How many there are to be admitted.
    pub candidates: usize,
}

impl Workload for Admissions {
    fn weight(&self) -> u64 {
        if self.candidates > 0 { 5 } else { 1 }
    }

    fn wish(&mut self, machine: &Machine, number: u64, time: u64, chance: &mut Chance) -> Option<Wish> {
        let ledger = &machine.state()?.ledger;
        let former: Vec<&Member> = machine.foundation.members.iter().filter(|member| ledger.alliance.member(&member.id).is_some()).collect();
        let former: Vec<&Member> = former.into_iter().filter(|member| ledger.alliance.active(&member.id).is_none()).collect();
        if let Some(former) = chance.pick(&former).filter(|_| chance.permille(300)) {
            let change = Change::Admit(former.admission.clone());
            let request = ProposalRequest { change, expires: time + OPEN, reason: String::new(), signers: Vec::new(), threshold: None };
            return Some(Wish { command: Command::Propose(Box::new(request)), what: format!("that {} comes back", former.name) });
        }
        let candidates = machine.foundation.members.iter().skip(machine.foundation.founders).take(self.candidates);
        let strangers: Vec<&Member> = candidates.filter(|candidate| ledger.alliance.member(&candidate.id).is_none()).collect();
        let candidate = chance.pick(&strangers)?;
        let invitations = ledger.decisions.invitations().filter(|(_, held)| held.author == machine.id && held.invitation.name == candidate.name);
        let mut open = invitations.filter(|(id, held)| held.invitation.expires > time && ledger.decisions.used(id).is_none());
        let secret = secret_of(&candidate.name);
        let Some((id, _)) = open.next() else {
            let request = InvitationRequest { name: candidate.name.clone(), role: candidate.role, expires: time + OPEN };
            return Some(Wish { command: Command::Invite(request, secret), what: format!("an invitation of {}", candidate.name) });
        };
        let shown = if chance.permille(100) { [u8::try_from(number % 251).unwrap_or(0); 32] } else { secret };
        let what = format!("that {} comes, invited: {}", candidate.name, shown == secret);
        Some(Wish { command: Command::Join(*id, shown, Box::new(candidate.admission.clone())), what })
    }
}

/// What whoever is invited under this name shows.
pub fn secret_of(name: &str) -> InvitationSecret {
    blake3::derive_key("suyuan simulator invitations", name.as_bytes())
}
