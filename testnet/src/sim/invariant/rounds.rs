//! What a member cosigns of another one's log never falls, is what that member published, and in the end everything is witnessed.

use std::collections::BTreeMap;

use suyuan_core::id::Hash;
use suyuan_core::log::LogId;
use suyuan_core::note::TreeHead;
use suyuan_core::tree;
use suyuan_engine::logs;
use suyuan_engine::writer::Done;

use super::{Invariant, Scene};
use crate::sim::fact::{Fact, Ticket};
use crate::sim::machine::Machine;
use crate::sim::rounds::local;

pub struct Witnessed {
    /// Whether everything has to be witnessed in the end.
    everything: bool,
    /// By machine and log: the size that was cosigned last.
    sizes: BTreeMap<(usize, LogId), u64>,
    /// The root of every tree that it has cosigned: also what stands on no disk any more was signed.
    roots: BTreeMap<(usize, LogId, u64), Hash>,
}

impl Witnessed {
    pub fn new(everything: bool) -> Self {
        Self { everything, sizes: BTreeMap::new(), roots: BTreeMap::new() }
    }

    fn cosigned(&mut self, machine: &Machine, log: LogId, head: TreeHead) -> Result<(), String> {
        let last = self.sizes.insert((machine.index, log), head.size).unwrap_or(0);
        if head.size < last {
            return Err(format!("it has cosigned {} entries of {} after {last}", head.size, log.origin()));
        }
        if self.roots.insert((machine.index, log, head.size), head.root).is_some_and(|root| root != head.root) {
            return Err(format!("it has cosigned two trees of {} entries of {}", head.size, log.origin()));
        }
        if machine.state().is_none() {
            // The power went as it told of it.
            return Ok(());
        }
        match held(machine, &log, head.size) {
            Some(root) if root == head.root => Ok(()),
            Some(_) => Err(format!("it has cosigned {} entries of {} that are not those that it holds", head.size, log.origin())),
            None => Err(format!("it has cosigned {} entries of {}, and has not all of them", head.size, log.origin())),
        }
    }
}

/// Root over the first entries of a log as they stand in a store.
fn held(machine: &Machine, log: &LogId, size: u64) -> Option<Hash> {
    let number = machine.state()?.ledger.logs.known(log).filter(|head| head.size() >= size)?.number;
    let leaves: Vec<Hash> = logs::entries(&machine.rows(), number, 0..size).ok()?.iter().map(|id| tree::leaf_hash(&id.0)).collect();
    Some(tree::root(&leaves))
}

impl Invariant for Witnessed {
    fn name(&self) -> &'static str {
        "members witness each other"
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::Told(Ticket::Round, Ok(Done::Witnessed(judged))) if scene.is_honest(at) => {
                judged.cosigned.iter().try_for_each(|one| self.cosigned(&scene.machines[at], one.log, one.head))
            }
            // Which sizes it has cosigned stands on its disk and nowhere else.
            Fact::Restored | Fact::Burned => {
                self.sizes.retain(|(of, _), _| *of != at);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn settled(&self, scene: &Scene<'_>) -> Result<(), String> {
        for machine in scene.present().filter(|_| self.everything) {
            let state = machine.state().ok_or_else(|| format!("node {} does not run", machine.index))?;
            let (local, published) = (local(state), state.published.as_ref().map_or(0, |published| published.size));
            if local.needed && local.witnessed < published {
                return Err(format!("of node {}'s {published} entries {} are witnessed", machine.index, local.witnessed));
            }
        }
        Ok(())
    }
}
