//! Clients of the machines: what they want, and what they go on to do with the answer.

use suyuan_core::membership::{Change, KeyChange};
use suyuan_engine::decisions::ProposalRequest;
use suyuan_engine::writer::Command;

use super::fact::Ticket;
use super::network::Due;
use super::workload::{self, Wish};
use super::world::World;

/// How long a change of keys is open, milliseconds.
const OPEN: u64 = 100_000;

impl World {
    /// A client of one machine wants something.
    pub fn wish(&mut self) {
        let at = self.chance.index(self.machines.len());
        self.wish_at(at);
        let next = self.now + self.chance.between(1, 2 * self.plan.wish_every);
        self.agenda.add(next, Due::Wish);
    }

    /// Asks a machine for something. Says whether it may author.
    pub fn wish_at(&mut self, at: usize) -> bool {
        let which = workload::weighted(&self.workloads, &mut self.chance);
        let machine = &self.machines[at];
        if !machine.running.as_ref().is_some_and(|running| running.free) {
            return false;
        }
        let number = self.wishes;
        let time = machine.clock.read(self.now);
        let Some(Wish { command, what }) = self.workloads[which].wish(machine, number, time, &mut self.chance) else { return true };
        self.wishes += 1;
        self.trace.note(self.now, format_args!("{at} is asked for {number}: {what}"));
        if matches!(&command, Command::Propose(request) if request.change.kind() == "admit") {
            self.returning.insert(number);
        }
        for invariant in &mut self.invariants {
            invariant.wished(at, number, &command);
        }
        self.command(at, Ticket::Wish(number), command);
        true
    }

    /// New keys were made: the member signs the change with its root key, and proposes it.
    pub fn propose_keys(&mut self, at: usize, change: &KeyChange) {
        let machine = &self.machines[at];
        let change = Change::Keys(change.clone().with_root(&machine.foundation.alliance.id(), &machine.keys().root));
        let expires = machine.clock.read(self.now) + OPEN;
        let request = ProposalRequest { change, expires, reason: String::new(), signers: Vec::new(), threshold: None };
        let number = self.wishes;
        self.wishes += 1;
        self.trace.note(self.now, format_args!("{at} is asked for {number}: its new keys"));
        self.command(at, Ticket::Wish(number), Command::Propose(Box::new(request)));
    }
}
