//! Records: one or several, for the public, the alliance, circles and the member alone, now and then under a key that comes again.

use suyuan_core::CircleId;
use suyuan_core::circle::{PUBLIC, Rights, self_circle};
use suyuan_core::section::Field;
use suyuan_engine::submission::{Submission, SubmittedSection};
use suyuan_engine::writer::{Command, Idempotent};

use super::{Wish, Workload};
use crate::sim::chance::Chance;
use crate::sim::machine::Machine;

/// Field that says which section of which record of which wish it is.
pub const MARK: &str = "mark";

/// Writes records.
#[derive(Default)]
pub struct Records {
    /// Requests that may come again, with whose they are.
    again: Vec<(usize, Vec<u8>, [u8; 32], Vec<Submission>)>,
}

impl Workload for Records {
    fn weight(&self) -> u64 {
        10
    }

    fn wish(&mut self, machine: &Machine, number: u64, time: u64, chance: &mut Chance) -> Option<Wish> {
        let once = |key: &Vec<u8>, digest: &[u8; 32]| Some(Idempotent { key: key.clone(), digest: *digest });
        if chance.permille(60)
            && let Some((_, key, digest, submissions)) = self.again.iter().rev().find(|(of, ..)| *of == machine.index)
        {
            let command = Command::Submit { submissions: submissions.clone(), once: once(key, digest) };
            return Some(Wish { command, what: "the same once more".to_owned() });
        }
        let circles = writable(machine)?;
        let count = if chance.permille(100) { chance.between(2, 7) } else { 1 };
        let submissions: Vec<Submission> = (0..count).map(|record| draw((number, record), &circles, time, chance)).collect();
        let what = format!("{count} records");
        if chance.permille(300) {
            let (key, digest) = (number.to_be_bytes().to_vec(), [7; 32]);
            let once = once(&key, &digest);
            self.again.push((machine.index, key, digest, submissions.clone()));
            return Some(Wish { command: Command::Submit { submissions, once }, what });
        }
        Some(Wish { command: Command::Submit { submissions, once: None }, what })
    }
}

/// The circles that a machine's member may write to, and holds the key of.
fn writable(machine: &Machine) -> Option<Vec<CircleId>> {
    let state = machine.state()?;
    let mine = |rights| matches!(rights, Some(Rights::Write));
    let circles = state.ledger.circles.iter().filter(|circle| mine(circle.rights(&machine.id, None)));
    let held = circles.filter(|circle| state.secrets.of(&circle.id, circle.epoch()).is_some());
    let mut found: Vec<CircleId> = held.map(|circle| circle.id).collect();
    found.push(self_circle(&machine.id));
    if !machine.regulates() {
        found.push(PUBLIC);
    }
    Some(found)
}

fn draw((number, record): (u64, u64), circles: &[CircleId], time: u64, chance: &mut Chance) -> Submission {
    let time = chance.permille(100).then(|| time.saturating_sub(chance.between(0, 1 << 40)));
    let kind = if chance.permille(500) { "inspection" } else { "note" };
    let count = chance.between(1, 4);
    let sections = (0..count).map(|section| {
        let mut audiences: Vec<CircleId> = (0..chance.between(1, 3)).filter_map(|_| chance.pick(circles).copied()).collect();
        audiences.dedup();
        if audiences.contains(&PUBLIC) {
            audiences = vec![PUBLIC];
        }
        let value = format!("\"{number}.{record}.{section}\"");
        SubmittedSection { audiences, fields: vec![Field { name: MARK.to_owned(), value }] }
    });
    Submission { kind: kind.to_owned(), about: Vec::new(), references: Vec::new(), time, sections: sections.collect() }
}
