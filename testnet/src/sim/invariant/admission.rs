//! Who has left does not come back, and nobody comes without an invitation that was shown.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::MemberId;
use suyuan_core::charter::Alliance;
use suyuan_core::membership::Change;
use suyuan_engine::writer::{Command, Done};

use super::{Invariant, Scene};
use crate::sim::fact::{Fact, Ticket};
use crate::sim::workload::admissions::secret_of;

#[derive(Default)]
pub struct Admission {
    /// Wishes that no node may grant: to admit somebody who has left, or shows a wrong secret.
    wrong: BTreeSet<u64>,
    /// Those that have left, with the first version of the alliance that is without them.
    left: BTreeMap<MemberId, u64>,
}

impl Admission {
    fn learn(&mut self, alliance: &Alliance) -> Result<(), String> {
        for former in alliance.former() {
            let since = self.left.entry(former.id).or_insert(alliance.version());
            *since = alliance.version().min(*since);
        }
        let is_back = |id: &MemberId| self.left.get(id).is_some_and(|since| alliance.version() >= *since);
        if alliance.members().iter().any(|member| is_back(&member.id)) { Err("a member that had left is back".to_owned()) } else { Ok(()) }
    }
}

impl Invariant for Admission {
    fn name(&self) -> &'static str {
        "who is admitted"
    }

    fn wished(&mut self, _: usize, number: u64, command: &Command) {
        let wrong = match command {
            Command::Propose(request) => matches!(request.change, Change::Admit(_)),
            Command::Join(_, shown, admission) => admission.decode().is_some_and(|entry| *shown != secret_of(&entry.name)),
            _ => false,
        };
        if wrong {
            self.wrong.insert(number);
        }
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Booted(state) | Fact::Shown(state) if scene.is_honest(at) => self.learn(&state.ledger.alliance),
            Fact::Told(Ticket::Wish(number), Ok(Done::Written(_))) if scene.is_honest(at) && self.wrong.contains(number) => {
                Err("it proposes to admit somebody that it must not".to_owned())
            }
            _ => Ok(()),
        }
    }
}
