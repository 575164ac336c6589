//! What breaks: power, connections, clocks, disks, and the word of some.

use suyuan_core::log::LogId;
use suyuan_engine::logs::Logs;
use suyuan_engine::view::Changes;
use suyuan_engine::void::VoidEntry;

use super::chance::Chance;
use super::fact::{Fact, Ticket};
use super::founding::FOUNDED_AT;
use super::machine::Machine;
use super::nature::Nature;
use super::network::Due;
use super::plan::Plan;
use super::workload::{self, Wish};
use super::world::World;

/// Copies of a disk that are kept.
const IMAGES: usize = 3;

/// What a clock says at the beginning: a little beside the right time, or years.
pub fn start(astray: bool, plan: &Plan, chance: &mut Chance) -> u64 {
    if astray { chance.between(0, 3_000_000_000_000) } else { FOUNDED_AT - plan.clocks() + chance.between(0, 2 * plan.clocks()) }
}

impl World {
    /// Something breaks, and something else will.
    pub fn trouble(&mut self) {
        let at = self.chance.index(self.machines.len());
        match self.chance.between(0, 18) {
            0..4 => self.light(at),
            4 => self.power_cut(at),
            5..8 => self.flap(at),
            8 => self.partition(),
            9 => self.turn_clock(at),
            10..13 => self.keep_images(),
            13 | 14 => self.restore(),
            15 => self.mix_up(at),
            _ => self.lie(),
        }
        let next = self.now + self.chance.between(1, self.plan.trouble_every.saturating_mul(2));
        self.agenda.add(next, Due::Trouble);
    }

    /// The power will go at one of the next steps of a writer.
    fn light(&mut self, at: usize) {
        let (steps, kept) = (self.chance.between(0, 14), self.chance.permille(500));
        self.trace.note(self.now, format_args!("{at} will lose power in {steps} steps, kept: {kept}"));
        self.machines[at].power.light(u32::try_from(steps).unwrap_or(0), kept);
    }

    fn power_cut(&mut self, at: usize) {
        if self.machines[at].running.is_some() {
            self.crash(at);
        }
    }

    /// A connection breaks, and comes back.
    fn flap(&mut self, at: usize) {
        let other = self.chance.index(self.machines.len());
        let pair = super::network::pair(at, other);
        self.link(pair, false);
        let time = self.now + self.chance.between(10, 15_000);
        self.agenda.add(time, Due::Link { pair, up: true });
    }

    /// Some cannot reach the others for a while.
    fn partition(&mut self) {
        let count = self.machines.len();
        let side: Vec<bool> = (0..count).map(|_| self.chance.permille(500)).collect();
        let end = self.now + self.chance.between(2000, 40_000);
        self.trace.note(self.now, format_args!("partition {side:?} until {end}"));
        for one in 0..count {
            for other in one + 1..count {
                if side[one] != side[other] {
                    self.link((one, other), false);
                    let time = end + self.chance.between(0, 500);
                    self.agenda.add(time, Due::Link { pair: (one, other), up: true });
                }
            }
        }
    }

    /// A clock jumps, or stands still, or goes on.
    fn turn_clock(&mut self, at: usize) {
        let clock = &mut self.machines[at].clock;
        clock.frozen = match clock.frozen {
            None if self.chance.permille(300) => Some(self.now),
            _ => None,
        };
        if self.chance.permille(500) {
            let astray = self.plan.is_astray(at);
            self.machines[at].clock.start = start(astray, &self.plan, &mut self.chance);
        }
    }

    fn keep_images(&mut self) {
        // A store beside another anchor is nothing that anybody would put back.
        for machine in self.machines.iter_mut().filter(|machine| machine.aside.is_none()) {
            machine.images.push(machine.platter.borrow().clone());
            if machine.images.len() > IMAGES {
                // Any of them goes, so that some grow old.
                machine.images.remove(self.chance.index(IMAGES + 1));
            }
        }
    }

    /// Store and anchor of some time ago are put back. Nobody can save what no other has: it is done only where the others have all of it.
    fn restore(&mut self) {
        let fit: Vec<usize> = (0..self.machines.len()).filter(|at| !self.machines[*at].images.is_empty() && self.may_be_restored(*at)).collect();
        let Some(at) = self.chance.pick(&fit).copied() else { return };
        let images = self.machines[at].images.len();
        let machine = &mut self.machines[at];
        machine.stop();
        machine.restored = true;
        self.played.add("restored", 1);
        machine.facts.borrow_mut().push(Fact::Restored);
        let image = machine.images[self.chance.index(images)].clone();
        let mut platter = machine.platter.borrow_mut();
        (platter.rows, platter.anchor) = (image.rows, image.anchor);
        drop(platter);
        self.crash(at);
    }

    fn may_be_restored(&self, at: usize) -> bool {
        let machine = &self.machines[at];
        let log = machine.log();
        let size = machine.size(&log);
        let published = machine.state().and_then(|state| state.published.as_ref()).map_or(0, |published| published.size);
        let others = || self.machines.iter().filter(|other| other.index != at && other.founded.is_some());
        let free = |machine: &Machine| machine.running.as_ref().is_some_and(|running| running.free);
        let slipped = |other: &Machine| {
            let circles = machine.state().into_iter().flat_map(|state| state.ledger.circles.iter()).filter(|circle| circle.steward == machine.id);
            let epochs = circles.flat_map(|circle| circle.epochs().iter().map(|(number, epoch)| (circle.id, *number, epoch)));
            let mut mine = epochs.filter(|(.., epoch)| epoch.members.contains_key(&other.id));
            mine.all(|(circle, number, _)| other.platter.borrow().secrets.contains_key(&(circle, number)))
        };
        let claims = |other: &Machine| matches!(other.nature, Nature::Honest | Nature::Scribbler | Nature::Turncoat);
        machine.nature == Nature::Honest
            && size > 0
            && published == size
            && others().all(|other| free(other) && claims(other) && other.size(&log) == size && slipped(other))
    }

    /// An earlier store is put beside the newest anchor: the node must not start.
    fn mix_up(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let newest = machine.platter.borrow().clone();
        let size = |rows: &super::disk::Platter, log: &LogId| Logs::load(&rows.rows).ok().map_or(0, |logs| logs.head(log).size());
        let log = machine.log();
        let anchored = newest.anchor.as_ref().map_or(0, |anchor| anchor.size);
        let Some(old) = machine.images.iter().find(|image| size(image, &log) < anchored).cloned() else { return };
        if machine.nature != Nature::Honest || machine.aside.is_some() {
            return;
        }
        machine.stop();
        machine.aside = Some(newest);
        machine.platter.borrow_mut().rows = old.rows;
        self.crash(at);
    }

    /// Those who keep two histories begin the second one, or write on in it; those who scribble do.
    fn lie(&mut self) {
        for at in 0..self.machines.len() {
            match self.machines[at].nature {
                Nature::Forker => self.fork(at),
                Nature::Scribbler => self.scribble(at),
                _ => {}
            }
        }
    }

    fn fork(&mut self, at: usize) {
        let (rng, spread, now) = (self.chance.fork(), self.chance.seed(), self.now);
        let which = workload::weighted(&self.workloads, &mut self.chance);
        let number = self.wishes;
        let machine = &mut self.machines[at];
        if machine.twin.is_none() && machine.running.is_some() {
            let mut twin = Machine::new(at, Nature::Forker, &machine.foundation);
            *twin.platter.borrow_mut() = machine.platter.borrow().clone();
            if twin.boot(now, rng, spread).is_ok() {
                machine.twin = Some(Box::new(twin));
            }
        }
        let Some(twin) = &mut machine.twin else { return };
        let wish = self.workloads[which].wish(twin, number, twin.clock.read(now), &mut self.chance);
        let time = twin.clock.read(now);
        if let (Some(Wish { command, .. }), Some(running)) = (wish, &mut twin.running) {
            // What becomes of it is nobody's concern.
            let _ = running.writer.work(vec![(Ticket::Nobody, command)], time);
        }
        twin.facts.take();
        self.wishes += 1;
    }

    /// Something that is no statement goes into the log of a member.
    fn scribble(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let log = machine.log();
        let Some(mut head) = Logs::load(&machine.rows()).ok().and_then(|logs| logs.known(&log).cloned()) else { return };
        let bytes = format!("no statement at all, {at} {}", head.size()).into_bytes();
        let (row, id) = (head.next_row(), suyuan_core::statement::id_of(&bytes));
        let signature = machine.keys().log.sign(&bytes);
        let void = VoidEntry { row, previous: head.chain, signature, bytes, fault: suyuan_core::Fault::Form };
        let mut changes = Changes::default();
        let done = head.append(&id, &machine.rows(), &mut changes);
        let saved = void.save(&id, &machine.rows(), &mut changes);
        head.save(&mut changes);
        machine.stop();
        if done.is_ok() && saved.is_ok() {
            machine.platter.borrow_mut().rows.apply(&changes);
        }
        self.crash(at);
    }
}
