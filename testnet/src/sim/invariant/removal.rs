//! Nothing is sealed for a member that has left, later than T after its removal was final anywhere, by clocks that are right.

use std::collections::BTreeMap;

use suyuan_core::MemberId;
use suyuan_core::circle::{PUBLIC, self_circle};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::record::HeldRecord;
use suyuan_engine::schema::Row;

use super::{Invariant, Scene};
use crate::sim::fact::Fact;
use crate::sim::founding::FOUNDED_AT;
use crate::sim::machine::Machine;

/// Beside what clocks differ by: times in cosignatures are whole seconds.
const ROUNDED: u64 = 1000;

pub struct Removal {
    /// How far a clock may be wrong and still be right.
    clocks: u64,
    /// When each removal was first in force, by a clock that is right.
    left: BTreeMap<MemberId, u64>,
}

impl Removal {
    pub fn new(clocks: u64) -> Self {
        Self { clocks, left: BTreeMap::new() }
    }

    fn learn(&mut self, ledger: &Ledger, now: u64) {
        for former in ledger.alliance.former() {
            self.left.entry(former.id).or_insert(now);
        }
    }

    fn wrote(&self, machine: &Machine, row: Row, now: u64) -> Result<(), String> {
        let Some(state) = machine.state() else { return Ok(()) };
        let patience = state.ledger.founded.alliance.charter().seal + 2 * self.clocks + ROUNDED;
        let right = machine.clock.read(now).abs_diff(FOUNDED_AT + now) <= self.clocks;
        let gone: Vec<&MemberId> = self.left.iter().filter(|(_, since)| right && now > *since + patience).map(|(member, _)| member).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let Some(record) = HeldRecord::load(row, &machine.rows(), machine.local()).map_err(|error| error.to_string())? else { return Ok(()) };
        if record.statement.place.author != machine.id || gone.contains(&&machine.id) {
            return Ok(());
        }
        let audiences = record.sections.iter().flat_map(|section| &section.audiences).map(|audience| (audience.header.circle, audience.header.epoch));
        for (circle, epoch) in audiences.filter(|(circle, _)| *circle != PUBLIC && *circle != self_circle(&machine.id)) {
            let known = state.ledger.circles.circle(&circle);
            let reader = gone.iter().find(|gone| known.is_some_and(|known| known.rights(gone, Some(epoch)).is_some()));
            if let Some(reader) = reader {
                return Err(format!("entry {} is sealed for {}, which left long ago", row.sequence, super::short(&reader.0)));
            }
        }
        Ok(())
    }
}

impl Invariant for Removal {
    fn name(&self) -> &'static str {
        "who has left reads nothing new"
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        if !scene.is_honest(at) {
            return Ok(());
        }
        match fact {
            Fact::Booted(state) | Fact::Shown(state) => {
                self.learn(&state.ledger, scene.now);
                Ok(())
            }
            Fact::Wrote { entries, .. } => entries.iter().try_for_each(|(row, _)| self.wrote(&scene.machines[at], *row, scene.now)),
            _ => Ok(()),
        }
    }
}
