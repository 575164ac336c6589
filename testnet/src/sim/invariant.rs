//! What holds of honest members' nodes, after every step and in the end. A new invariant is one more file and one more line in [`all`].

use std::sync::Arc;

use suyuan_core::log::LogId;
use suyuan_engine::logs::Logs;
use suyuan_engine::writer::Command;

use super::fact::Fact;
use super::founding::Foundation;
use super::machine::Machine;
use super::nature::Nature;
use super::plan::Plan;
use super::trace::short;

mod acknowledged;
mod admission;
mod converged;
mod decisions;
mod history;
mod honour;
mod removal;
mod rounds;
mod secrets;
mod waiting;
mod witness;

/// What can be seen of a world.
pub struct Scene<'a> {
    pub machines: &'a [Machine],
    pub now: u64,
}

/// Something that always holds.
pub trait Invariant {
    /// Its name, in a failure.
    fn name(&self) -> &'static str;

    /// A client has asked a machine for something.
    fn wished(&mut self, _at: usize, _number: u64, _command: &Command) {}

    /// Looks at a fact, in the order in which facts happened.
    ///
    /// # Errors
    /// What is not as it has to be.
    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String>;

    /// Looks at a world that has been left in peace.
    ///
    /// # Errors
    /// What is not yet, or not, as it has to be.
    fn settled(&self, _scene: &Scene<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Looks at it once more, when the run is at its end.
    ///
    /// # Errors
    /// What is not as it has to be.
    fn ended(&self, _scene: &Scene<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// Every invariant. Where clocks are right enough, members also come to decide in the end.
pub fn all(foundation: &Arc<Foundation>, plan: &Plan, count: usize) -> Vec<Box<dyn Invariant>> {
    vec![
        Box::new(acknowledged::Acknowledged::new(count)),
        Box::new(history::OneHistory::new(count)),
        Box::new(secrets::SecretFirst::new(count)),
        Box::new(honour::Honour),
        Box::new(decisions::OneOrder::new(&foundation.alliance, !plan.skewed, count)),
        Box::new(removal::Removal::new(plan.clocks())),
        Box::new(admission::Admission::default()),
        Box::new(witness::OneTree::default()),
        Box::new(rounds::Witnessed::new(plan.rounds && !plan.skewed)),
        Box::new(waiting::Waits::new(!plan.skewed)),
        Box::new(converged::Converged),
    ]
}

impl Scene<'_> {
    pub fn is_honest(&self, at: usize) -> bool {
        self.machines[at].nature == Nature::Honest
    }

    pub fn honest(&self) -> impl Iterator<Item = &Machine> {
        self.machines.iter().filter(|machine| machine.nature == Nature::Honest)
    }

    /// Those of honest members that are in the alliance, by the newest that any of them knows.
    pub fn present(&self) -> impl Iterator<Item = &Machine> {
        let settled = |machine: &&Machine| machine.state().map(|state| state.ledger.decisions.settled().position());
        let newest = self.honest().max_by_key(settled).and_then(Machine::state).map(|state| state.ledger.alliance.clone());
        self.honest().filter(move |machine| newest.as_ref().is_none_or(|alliance| alliance.active(&machine.id).is_some()))
    }

    /// The machine of a log's author.
    pub fn author(&self, log: &LogId) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.id == log.member)
    }

    /// Which log has this number in a machine's store, whether it runs or not.
    pub fn numbered(&self, at: usize, number: u32) -> Option<LogId> {
        let machine = &self.machines[at];
        match machine.state().and_then(|state| state.ledger.logs.numbered(number)) {
            Some(head) => Some(head.id),
            None => Logs::load(&machine.rows()).ok()?.numbered(number).map(|head| head.id),
        }
    }
}
