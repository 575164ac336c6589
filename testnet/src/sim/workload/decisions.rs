//! Proposals: agreements, what the charter says, roles, the chair, removals, and now and then an operator who wants another term.

use suyuan_core::StatementId;
use suyuan_core::charter::Role;
use suyuan_core::membership::{Agreement, Amendment, Chair, Change, Removal, RoleChange};
use suyuan_engine::decisions::ProposalRequest;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::writer::Command;

use super::{Wish, Workload};
use crate::sim::chance::Chance;
use crate::sim::machine::Machine;

/// How long a proposal is open, milliseconds.
const OPEN: u64 = 60_000;

/// Proposes.
pub struct Decisions;

impl Workload for Decisions {
    fn weight(&self) -> u64 {
        6
    }

    fn wish(&mut self, machine: &Machine, number: u64, time: u64, chance: &mut Chance) -> Option<Wish> {
        let ledger = &machine.state()?.ledger;
        if chance.permille(50) {
            let term = ledger.decisions.promise.term.max(ledger.decisions.tip().term) + 1;
            return Some(Wish { command: Command::Freeze(term), what: format!("term {term}") });
        }
        let (change, what) = change(machine, ledger, number, chance)?;
        let expires = time + if chance.permille(200) { chance.between(1000, 10_000) } else { OPEN * 10 };
        let request = ProposalRequest { change, expires, reason: String::new(), signers: Vec::new(), threshold: None };
        Some(Wish { command: Command::Propose(Box::new(request)), what })
    }
}

fn change(machine: &Machine, ledger: &Ledger, number: u64, chance: &mut Chance) -> Option<(Change, String)> {
    let members = ledger.alliance.members();
    let member = chance.pick(members)?.id;
    let index = machine.foundation.members.iter().position(|known| known.id == member)?;
    Some(match chance.between(0, 20) {
        0..=2 => {
            let head = ledger.logs.head(&ledger.alliance.log_of(&member)).tree_head();
            (Change::Remove(Removal { member, size: head.size, root: StatementId(head.root) }), format!("that {index} leaves"))
        }
        3 => (Change::Chair(Chair { member }), format!("that {index} leads")),
        4 | 5 => {
            let role = [Role::Upstream, Role::Midstream, Role::Support, Role::Regulator][chance.index(4)];
            (Change::Role(RoleChange { member, role, scope: Vec::new() }), format!("that {index} is {}", role.name()))
        }
        6..10 => {
            let amendment = Amendment { purpose: Some(format!("purpose {number}")), ..Amendment::default() };
            (Change::Charter(Box::new(amendment)), "another charter".to_owned())
        }
        _ => {
            let title = format!("matter {}", chance.between(0, 5));
            (Change::Agree(Agreement { title, text: format!("{number}") }), "an agreement".to_owned())
        }
    })
}
