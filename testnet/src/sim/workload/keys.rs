//! Members exchange their keys: one of them, several, or all.

use suyuan_engine::writer::{Command, WantedKeys};

use super::{Wish, Workload};
use crate::sim::chance::Chance;
use crate::sim::machine::Machine;

/// Makes new keys, which the member goes on to propose.
pub struct NewKeys {
    /// Whether it is done in this world.
    pub exchanged: bool,
}

impl Workload for NewKeys {
    fn weight(&self) -> u64 {
        if self.exchanged { 3 } else { 0 }
    }

    fn wish(&mut self, _: &Machine, _: u64, _: u64, chance: &mut Chance) -> Option<Wish> {
        let mut wanted = || chance.permille(500);
        let keys = WantedKeys { log: wanted(), witness: wanted(), transport: wanted(), encryption: wanted() };
        Some(Wish { command: Command::Keys(keys), what: format!("{keys:?}") })
    }
}
