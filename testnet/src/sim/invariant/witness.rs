//! The sizes that a witness signs of a log never fall, and all of them are of one history.

use std::collections::BTreeMap;

use suyuan_core::note::{TreeHead, UnverifiedCheckpoint};
use suyuan_engine::writer::{Command, Done};

use super::{Invariant, Scene};
use crate::sim::fact::{Fact, Ticket};
use crate::sim::workload::checkpoints::{HISTORIES, histories, log_of};

#[derive(Default)]
pub struct OneTree {
    /// What was asked for, by the number of the wish.
    asked: BTreeMap<u64, (u64, TreeHead)>,
    /// By machine and log: the size signed last, and the histories that it may be of.
    signed: BTreeMap<(usize, u64), (u64, Vec<u64>)>,
}

impl OneTree {
    fn signed(&mut self, at: usize, number: u64) -> Result<(), String> {
        let Some((log, head)) = self.asked.get(&number) else { return Err("it has cosigned what nobody offered".to_owned()) };
        let (size, known) = self.signed.entry((at, *log)).or_insert_with(|| (0, (0..HISTORIES).collect()));
        if head.size < *size {
            return Err(format!("it has cosigned {} entries of log {log} after {size}", head.size));
        }
        *size = head.size;
        let fits = histories(*log, head);
        known.retain(|history| fits.contains(history));
        if known.is_empty() { Err(format!("it has cosigned two histories of log {log}")) } else { Ok(()) }
    }
}

impl Invariant for OneTree {
    fn name(&self) -> &'static str {
        "a witness has seen one history"
    }

    fn wished(&mut self, _: usize, number: u64, command: &Command) {
        if let Command::AddCheckpoint { request, .. } = command
            && let Ok(note) = UnverifiedCheckpoint::parse(&request.checkpoint)
            && let Some(log) = log_of(note.origin())
        {
            self.asked.insert(number, (log, note.claimed_head()));
        }
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Told(Ticket::Wish(number), Ok(Done::Cosigned(Ok(_)))) if scene.is_honest(at) => self.signed(at, *number),
            // What it has cosigned of logs outside stands on its disk and nowhere else.
            Fact::Restored | Fact::Burned => {
                self.signed.retain(|(of, _), _| *of != at);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
