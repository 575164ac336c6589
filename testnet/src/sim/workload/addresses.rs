//! Statements of where a member's node is reached.

use suyuan_engine::addresses;
use suyuan_engine::writer::Command;

use super::{Wish, Workload};
use crate::sim::chance::Chance;
use crate::sim::machine::Machine;

/// States addresses.
pub struct Addresses;

impl Workload for Addresses {
    fn weight(&self) -> u64 {
        1
    }

    fn wish(&mut self, machine: &Machine, number: u64, _: u64, chance: &mut Chance) -> Option<Wish> {
        let address = format!("/ip4/192.0.2.{}/tcp/{}", chance.between(1, 255), 1000 + number);
        let submission = addresses::draw_up(&machine.foundation.alliance.id(), &[address], false).ok()?;
        Some(Wish { command: Command::Protocol(submission), what: "its address".to_owned() })
    }
}
