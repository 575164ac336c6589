//! Members that are admitted while the others run, and those that begin anew: each is given the charter and the history, and its node begins with them.

use suyuan_engine::history;
use suyuan_engine::ledger::Founded;

use super::fact::Fact;
use super::machine::Machine;
use super::nature::Nature;
use super::network::Due;
use super::world::World;

impl World {
    /// A node that knows of new members gives them what they begin with.
    pub fn welcome(&mut self, at: usize) {
        let machine = &self.machines[at];
        let Some(state) = machine.state().filter(|_| machine.nature == Nature::Honest) else { return };
        let begins = |machine: &&Machine| {
            let known = state.ledger.alliance.active(&machine.id);
            machine.founded.is_none() && known.is_some_and(|known| known.incarnation() == machine.incarnation() as u64)
        };
        let new: Vec<usize> = self.machines.iter().filter(begins).map(|machine| machine.index).collect();
        if new.is_empty() {
            return;
        }
        // Entries that have not come yet will.
        let Some(history) = history::export(&state.ledger, &machine.rows(), machine.local()).ok().flatten() else { return };
        let founded = Founded::with(machine.foundation.alliance.clone(), &history);
        for new in new {
            match &founded {
                Ok(founded) => {
                    self.trace.note(self.now, format_args!("{at} gives {new} the history"));
                    self.machines[new].founded = Some(founded.clone());
                    self.played.add(if self.machines[new].incarnation() == 0 { "admissions" } else { "recoveries" }, 1);
                    let time = self.now + self.chance.between(100, 5000);
                    self.agenda.add(time, Due::Boot { at: new });
                }
                Err(fault) => self.machines[at].facts.borrow_mut().push(Fact::Broken(format!("its history: {fault}"))),
            }
        }
    }
}
