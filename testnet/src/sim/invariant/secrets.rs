//! Keys come to members of their circles alone, and the key of an epoch is kept before the statement that needs it.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::circle::{TYPE, self_circle};
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::record::HeldRecord;
use suyuan_engine::schema::Row;

use super::{Invariant, Scene};
use crate::sim::fact::Fact;
use crate::sim::machine::Machine;

pub struct SecretFirst {
    /// Steward and members of every epoch, as its steward has it.
    circles: BTreeMap<(CircleId, u64), (MemberId, BTreeSet<MemberId>)>,
    /// What is in each keyring.
    kept: Vec<BTreeSet<(CircleId, u64)>>,
}

impl SecretFirst {
    pub fn new(count: usize) -> Self {
        Self { circles: BTreeMap::new(), kept: vec![BTreeSet::new(); count] }
    }

    fn learn(&mut self, ledger: &Ledger) {
        for circle in ledger.circles.iter().filter(|circle| circle.steward == ledger.me) {
            for (number, epoch) in circle.epochs() {
                self.circles.entry((circle.id, *number)).or_insert_with(|| (circle.steward, epoch.members.keys().copied().collect()));
            }
        }
    }

    fn wrote(&self, machine: &Machine, rows: &[Row]) -> Result<(), String> {
        for row in rows {
            let record = HeldRecord::load(*row, &machine.rows(), machine.local()).map_err(|error| error.to_string())?;
            let Some(record) = record.filter(|record| record.statement.kind == TYPE && record.statement.place.log() == machine.log()) else {
                continue;
            };
            let audiences = record.sections.iter().flat_map(|section| &section.audiences).map(|audience| &audience.header);
            for header in audiences {
                if !self.kept[machine.index].contains(&(header.circle, header.epoch)) {
                    return Err(format!("epoch {} of a circle is on the disk, and its key is not", header.epoch));
                }
            }
        }
        Ok(())
    }
}

impl Invariant for SecretFirst {
    fn name(&self) -> &'static str {
        "keys"
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        let machine = &scene.machines[at];
        match fact {
            // Who keeps two histories opens one epoch for some in the one, and for others in the other.
            Fact::Booted(state) | Fact::Shown(state) => {
                if scene.is_honest(at) {
                    self.learn(&state.ledger);
                }
                Ok(())
            }
            Fact::Kept { circle, epoch } => {
                self.kept[at].insert((*circle, *epoch));
                let members = self.circles.get(&(*circle, *epoch)).map(|(_, members)| members);
                let own = *circle == self_circle(&machine.id);
                let stranger = !own && members.is_some_and(|members| !members.contains(&machine.id));
                if stranger { Err("it has the key of a circle that it is not in".to_owned()) } else { Ok(()) }
            }
            // A steward that has lost everything may have lost an epoch that nobody else knows, and open that number anew.
            Fact::Burned => {
                self.kept[at].clear();
                self.circles.retain(|_, (steward, _)| *steward != machine.id);
                Ok(())
            }
            Fact::Wrote { system, .. } if scene.is_honest(at) => self.wrote(machine, system),
            _ => Ok(()),
        }
    }
}
