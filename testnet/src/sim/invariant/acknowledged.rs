//! What was acknowledged is durable, stays so at its author, and was written once.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::StatementId;
use suyuan_engine::logs;
use suyuan_engine::writer::{Command, Done, Receipt};

use super::{Invariant, Scene};
use crate::sim::fact::{Fact, Ticket};
use crate::sim::machine::Machine;

pub struct Acknowledged {
    nodes: Vec<Node>,
    /// The key under which a client wished something, and the receipts that it got.
    keys: BTreeMap<u64, (usize, Vec<u8>)>,
    receipts: BTreeMap<(usize, Vec<u8>), Receipt>,
}

#[derive(Default)]
struct Node {
    /// Statements that are on the disk, by their sequences.
    durable: BTreeSet<(u64, StatementId)>,
    /// Those that were acknowledged.
    told: BTreeMap<u64, StatementId>,
    /// Whether an earlier copy was put back, and the end has not come back yet.
    restored: bool,
}

impl Acknowledged {
    pub fn new(count: usize) -> Self {
        Self { nodes: (0..count).map(|_| Node::default()).collect(), keys: BTreeMap::new(), receipts: BTreeMap::new() }
    }

    fn told(&mut self, at: usize, number: u64, receipt: &Receipt) -> Result<(), String> {
        let node = &mut self.nodes[at];
        for (sequence, id) in (receipt.first..).zip(&receipt.ids) {
            if !node.durable.contains(&(sequence, *id)) {
                return Err(format!("entry {sequence} was acknowledged and is not on the disk"));
            }
            if node.told.insert(sequence, *id).is_some_and(|other| other != *id) {
                return Err(format!("two records were acknowledged at {sequence}"));
            }
        }
        let Some(key) = self.keys.get(&number) else { return Ok(()) };
        let first = self.receipts.entry(key.clone()).or_insert_with(|| receipt.clone());
        if first.ids == receipt.ids { Ok(()) } else { Err("a request that came again was written again".to_owned()) }
    }
}

impl Node {
    fn check(&self, machine: &Machine) -> Result<(), String> {
        let Some(state) = machine.state() else { return Ok(()) };
        let head = state.ledger.logs.head(&machine.log());
        let rows = machine.rows();
        for (sequence, id) in &self.told {
            let there = logs::entries(&rows, head.number, *sequence..sequence + 1).ok().and_then(|ids| ids.first().copied());
            if there != Some(*id) {
                return Err(format!("node {}: entry {sequence} was acknowledged and is lost", machine.index));
            }
        }
        Ok(())
    }
}

impl Invariant for Acknowledged {
    fn name(&self) -> &'static str {
        "acknowledged is durable"
    }

    fn wished(&mut self, at: usize, number: u64, command: &Command) {
        if let Command::Submit { once: Some(once), .. } = command {
            self.keys.insert(number, (at, once.key.clone()));
        }
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        if !scene.is_honest(at) {
            return Ok(());
        }
        match fact {
            Fact::Wrote { entries, .. } => {
                self.nodes[at].durable.extend(entries.iter().map(|(row, id)| (row.sequence, *id)));
                Ok(())
            }
            Fact::Told(Ticket::Wish(number), Ok(Done::Written(receipt))) => self.told(at, *number, receipt),
            Fact::Told(Ticket::Wish(_), Ok(Done::Opened(circle))) => {
                let statement = circle.epochs().values().next_back().map(|epoch| epoch.statement);
                let durable = |statement| self.nodes[at].durable.iter().any(|(_, id)| *id == statement);
                if statement.is_some_and(durable) { Ok(()) } else { Err("an epoch was acknowledged and is not on the disk".to_owned()) }
            }
            Fact::Burned => {
                self.nodes[at] = Node::default();
                self.receipts.retain(|(of, _), _| *of != at);
                Ok(())
            }
            Fact::Restored => {
                self.nodes[at].restored = true;
                // Which requests were answered nobody else knows.
                self.receipts.retain(|(of, _), _| *of != at);
                Ok(())
            }
            Fact::Booted(_) if !self.nodes[at].restored => self.nodes[at].check(&scene.machines[at]),
            _ => Ok(()),
        }
    }

    fn settled(&self, scene: &Scene<'_>) -> Result<(), String> {
        // Whoever has left has nobody to give back what an old disk lacks.
        scene.present().try_for_each(|machine| self.nodes[machine.index].check(machine))
    }
}
