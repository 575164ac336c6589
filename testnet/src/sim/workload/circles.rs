//! Circles: new ones, and next epochs of those that a member stewards, with others in them.

use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_engine::circles::Circle;
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::writer::Command;

use super::{Wish, Workload};
use crate::sim::chance::Chance;
use crate::sim::machine::Machine;

/// Circles that one member opens at most.
const CIRCLES: usize = 3;

/// Opens circles and epochs.
pub struct Circles;

impl Workload for Circles {
    fn weight(&self) -> u64 {
        3
    }

    fn wish(&mut self, machine: &Machine, number: u64, _: u64, chance: &mut Chance) -> Option<Wish> {
        let state = machine.state()?;
        let own: Vec<&Circle> = state.ledger.circles.iter().filter(|circle| circle.steward == machine.id && circle.tier() != Tier::General).collect();
        let known = chance.pick(&own).filter(|_| own.len() >= CIRCLES || chance.permille(600));
        if machine.regulates() || (known.is_none() && own.len() >= CIRCLES) {
            return None;
        }
        let tier = known.map_or([Tier::Authorized, Tier::Codevelopment][chance.index(2)], |circle| circle.tier());
        let mut members = Vec::new();
        for other in state.ledger.alliance.members().iter().filter(|other| other.id != machine.id) {
            if chance.permille(450) {
                let regulates = other.entry.role == suyuan_core::charter::Role::Regulator;
                let writes = tier == Tier::Codevelopment && !regulates && chance.permille(500);
                members.push(CircleMember { member: other.id, rights: if writes { Rights::Write } else { Rights::Read } });
            }
        }
        let what = format!("a circle of {}, {}", members.len() + 1, if known.is_some() { "again" } else { "new" });
        let circle = known.map(|circle| circle.id);
        let name = format!("c{number}");
        let request = CircleRequest { circle, name, purpose: String::new(), tier, members, terms: Terms::default(), until: None };
        Some(Wish { command: Command::Circle(request), what })
    }
}
