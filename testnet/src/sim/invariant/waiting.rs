//! What a client was told to wait for is written once, when nothing is in its way any more.

use std::collections::BTreeMap;

use suyuan_core::section::Body;
use suyuan_engine::waiting::{Waiting, WaitingId};
use suyuan_engine::writer::{Command, Done};

use super::converged::opened;
use super::{Invariant, Scene};
use crate::sim::fact::{Fact, Ticket};
use crate::sim::machine::Machine;
use crate::sim::nature::Nature;
use crate::sim::workload::records::MARK;

pub struct Waits {
    /// Whether everything comes to be confirmed in the end.
    confirmed: bool,
    /// Of each wish to write records, the wish that its records are marked with: the same may be wished twice.
    marks: BTreeMap<u64, String>,
    /// What machines were asked to write and keep, with its records' mark and their number.
    told: BTreeMap<(usize, WaitingId), (String, usize)>,
}

impl Waits {
    pub fn new(confirmed: bool) -> Self {
        Self { confirmed, marks: BTreeMap::new(), told: BTreeMap::new() }
    }
}

impl Invariant for Waits {
    fn name(&self) -> &'static str {
        "what waits is written once"
    }

    fn wished(&mut self, _: usize, number: u64, command: &Command) {
        if let Command::Submit { submissions, .. } = command {
            let first = submissions.iter().flat_map(|submission| &submission.sections).flat_map(|section| &section.fields).next();
            if let Some(mark) = first.and_then(|field| field.value.trim_start_matches('"').split('.').next()) {
                self.marks.insert(number, mark.to_owned());
            }
        }
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Told(Ticket::Wish(number), Ok(Done::Waiting(waiting))) if scene.is_honest(at) => {
                let mark = self.marks.get(number).ok_or("something waits that is no record")?;
                self.told.insert((at, waiting.id), (mark.clone(), waiting.records));
            }
            // An older disk does not know it, and what it does know fails there.
            Fact::Restored | Fact::Burned => self.told.retain(|(of, _), _| *of != at),
            _ => {}
        }
        Ok(())
    }

    fn settled(&self, scene: &Scene<'_>) -> Result<(), String> {
        for ((at, id), (mark, records)) in &self.told {
            let Some(machine) = scene.present().find(|machine| machine.index == *at) else { continue };
            let written = written(machine, mark)?;
            let queued = machine.state().and_then(|state| state.waiting.get(id));
            let asked = self.marks.values().filter(|asked| *asked == mark).count();
            let good = match queued {
                // Which requests were answered before an older disk was put back nobody else knows: one that comes again is written again.
                None => written == *records || (machine.restored && (*records..=asked * *records).contains(&written)),
                Some(waiting) => written == 0 && (waiting.failed.is_some() || !self.confirmed || is_shut_out(scene, machine, waiting)),
            };
            if !good {
                return Err(format!("node {at} has written {written} of the {records} records {mark} that waited; in the queue: {queued:?}"));
            }
        }
        Ok(())
    }
}

/// Whether it waits for the next epoch of a circle that its member is not in any more, which nobody tells it, or whose steward keeps its word to nobody.
fn is_shut_out(scene: &Scene<'_>, machine: &Machine, waiting: &Waiting) -> bool {
    let known = |circle| machine.state()?.ledger.circles.circle(circle);
    let mut circles = waiting.circles.iter().filter_map(known);
    circles.any(|circle| {
        let Some(steward) = scene.machines.iter().find(|steward| steward.id == circle.steward) else { return false };
        let theirs = steward.state().and_then(|state| state.ledger.circles.circle(&circle.id));
        steward.nature != Nature::Honest || theirs.is_none_or(|theirs| theirs.rights(&machine.id, None).is_none())
    })
}

/// Records of a machine's own log with this mark.
fn written(machine: &Machine, mark: &str) -> Result<usize, String> {
    let log = machine.log();
    let is_marked =
        |body: &Body| body.fields().iter().any(|field| field.name == MARK && field.value.trim_start_matches('"').split('.').next() == Some(mark));
    let mut count = 0;
    for sequence in 0..machine.size(&log) {
        count += usize::from(opened(machine, &log, sequence)?.values().any(|(.., body)| is_marked(body)));
    }
    Ok(count)
}
