//! What clients want of their members' nodes. A new kind of record is one more file and one more line in [`all`].

use suyuan_engine::writer::Command;

use super::chance::Chance;
use super::machine::Machine;
use super::plan::Plan;

mod addresses;
pub mod admissions;
pub mod checkpoints;
mod circles;
mod decisions;
mod keys;
pub mod records;

/// Something that a client wants.
pub struct Wish {
    pub command: Command,
    /// For the trace.
    pub what: String,
}

/// A kind of wishes.
pub trait Workload {
    /// How often, beside others.
    fn weight(&self) -> u64;

    /// What the client of a machine that runs and may author wants now; `number` is the wish's own, `time` that of the machine's clock.
    fn wish(&mut self, machine: &Machine, number: u64, time: u64, chance: &mut Chance) -> Option<Wish>;
}

/// Every kind of wishes.
pub fn all(plan: &Plan) -> Vec<Box<dyn Workload>> {
    vec![
        Box::new(records::Records::default()),
        Box::new(circles::Circles),
        Box::new(addresses::Addresses),
        Box::new(decisions::Decisions),
        Box::new(admissions::Admissions { candidates: plan.candidates }),
        Box::new(checkpoints::Checkpoints::default()),
        Box::new(keys::NewKeys { exchanged: plan.rekeys }),
    ]
}

/// The place of one of them, by their weights.
pub fn weighted(from: &[Box<dyn Workload>], chance: &mut Chance) -> usize {
    let mut left = chance.between(0, from.iter().map(|workload| workload.weight()).sum());
    let found = from.iter().position(|workload| match left.checked_sub(workload.weight()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    found.unwrap_or(0)
}
