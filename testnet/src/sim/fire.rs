//! A machine that burns down with all its keys: its partners decide that its member begins anew.

use suyuan_core::charter::Pin;
use suyuan_core::membership::Change;
use suyuan_core::recovery::Recovery;
use suyuan_engine::decisions::ProposalRequest;
use suyuan_engine::writer::Command;

use super::disk::Platter;
use super::fact::{Fact, Ticket};
use super::nature::Nature;
use super::network::{Due, pair};
use super::world::World;

/// How long a recovery is open, milliseconds.
const OPEN: u64 = 100_000;

impl World {
    /// Nothing is left of a machine. What it had promised as a voter nobody knows any more, so it counts among those that an alliance has to bear.
    pub fn burn(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let alliance = machine.state().map(|state| state.ledger.alliance.clone()).filter(|alliance| alliance.active(&machine.id).is_some());
        let Some(alliance) = alliance.filter(|_| machine.nature == Nature::Honest && machine.aside.is_none() && self.active) else { return };
        machine.platter.borrow_mut().incarnation = 1;
        if !self.bears(&alliance) {
            self.machines[at].platter.borrow_mut().incarnation = 0;
            return;
        }
        for other in 0..self.machines.len() {
            self.link(pair(at, other), false);
        }
        let machine = &mut self.machines[at];
        machine.stop();
        *machine.platter.borrow_mut() = Platter::default();
        machine.platter.borrow_mut().incarnation = 1;
        machine.images.clear();
        (machine.founded, machine.restored) = (None, true);
        machine.facts.borrow_mut().push(Fact::Burned);
        self.played.add("fires", 1);
        self.agenda.add(self.now + 5000, Due::Rescue { at });
    }

    /// Whoever has lost everything finds a partner that proposes it to the others, until it is decided.
    pub fn rescue(&mut self, at: usize) {
        if self.machines[at].founded.is_some() {
            return;
        }
        let next = self.now + self.chance.between(4000, 12_000);
        self.agenda.add(next, Due::Rescue { at });
        let by = self.chance.index(self.machines.len());
        let (machine, burnt) = (&self.machines[by], &self.machines[at]);
        let Some(running) = machine.running.as_ref().filter(|running| running.free && machine.nature == Nature::Honest) else { return };
        let (ledger, time) = (&running.writer.state().ledger, machine.clock.read(self.now));
        let asks = |change: &Change| matches!(change, Change::Recover(recovery) if recovery.member == burnt.id);
        let mut open = ledger.decisions.proposals().values().filter(|held| asks(&held.proposal.change) && held.proposal.expires >= time);
        let known = ledger.alliance.active(&burnt.id).filter(|known| known.incarnation() == 0);
        if machine.regulates() || known.is_none() || open.next().is_some() {
            return;
        }
        let lost = ledger.alliance.log_of(&burnt.id);
        let (head, keys) = (ledger.logs.head(&lost).tree_head(), burnt.keys());
        let signers = [&keys.root, &keys.log, &keys.witness, &keys.transport];
        let pin = Pin { size: head.size, root: head.root };
        let recovery = Recovery::sign(&lost.alliance, &burnt.id, keys.encryption.public(), signers, pin);
        let request =
            ProposalRequest { change: Change::Recover(recovery), expires: time + OPEN, reason: String::new(), signers: Vec::new(), threshold: None };
        let number = self.wishes;
        self.wishes += 1;
        self.trace.note(self.now, format_args!("{by} is asked for {number}: that {at} begins anew after {}", head.size));
        self.command(by, Ticket::Wish(number), Command::Propose(Box::new(request)));
    }
}
