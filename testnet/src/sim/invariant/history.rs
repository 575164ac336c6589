//! Every member has one history: what it published stays, what others have of it is its beginning, and only what is anchored is published.

use std::collections::BTreeMap;

use suyuan_core::StatementId;
use suyuan_core::id::Hash;
use suyuan_core::log::LogId;
use suyuan_core::tree::{Frontier, leaf_hash};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::logs;
use suyuan_engine::schema::Row;
use suyuan_engine::wire::LogSize;
use suyuan_engine::writer::Published;

use super::{Invariant, Scene};
use crate::sim::fact::Fact;
use crate::sim::machine::Machine;

pub struct OneHistory {
    /// By machine and incarnation of its log.
    histories: BTreeMap<(usize, u64), History>,
    nodes: Vec<Node>,
}

/// What a member has published.
struct History {
    ids: Vec<StatementId>,
    frontier: Frontier,
    /// Root over the first so many, from none on.
    roots: Vec<Hash>,
}

/// What was seen of a machine.
#[derive(Default)]
struct Node {
    anchored: Option<(u64, Hash)>,
    /// The size under the checkpoint that was looked at last.
    seen: u64,
    sizes: BTreeMap<LogId, u64>,
    entries: BTreeMap<Row, StatementId>,
}

impl OneHistory {
    pub fn new(count: usize) -> Self {
        Self { histories: BTreeMap::new(), nodes: (0..count).map(|_| Node::default()).collect() }
    }

    fn published(&mut self, machine: &Machine, published: &Published) -> Result<(), String> {
        let node = &mut self.nodes[machine.index];
        if node.anchored != Some((published.size, published.root)) {
            return Err(format!("a checkpoint over {} entries left and is not anchored", published.size));
        }
        if node.seen == published.size {
            return Ok(());
        }
        node.seen = published.size;
        self.histories.entry((machine.index, machine.log().incarnation)).or_default().grow(machine, published)
    }

    fn shrunk(&mut self, at: usize, ledger: &Ledger) -> Result<(), String> {
        for head in ledger.logs.iter() {
            let before = self.nodes[at].sizes.insert(head.id, head.size()).unwrap_or(0);
            if before > head.size() {
                return Err(format!("{} had {before} entries and has {}", head.id.origin(), head.size()));
            }
        }
        Ok(())
    }

    fn wrote(&mut self, scene: &Scene<'_>, at: usize, entries: &[(Row, StatementId)]) -> Result<(), String> {
        for (row, id) in entries {
            if self.nodes[at].entries.insert(*row, *id).is_some_and(|other| other != *id) {
                return Err(format!("entry {} of log number {} was written over", row.sequence, row.log));
            }
            let log = scene.numbered(at, row.log).ok_or("an entry of no log")?;
            let Some(author) = scene.author(&log).filter(|author| scene.is_honest(author.index)) else { continue };
            let place = usize::try_from(row.sequence).map_err(|error| error.to_string())?;
            let known = self.histories.get(&(author.index, log.incarnation)).and_then(|history| history.ids.get(place));
            match known {
                Some(known) if known != id => return Err(format!("entry {place} of node {}'s log is not what it published", author.index)),
                None if author.index != at => return Err(format!("entry {place} of node {}'s log was never published", author.index)),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Default for History {
    fn default() -> Self {
        let frontier = Frontier::default();
        Self { ids: Vec::new(), roots: vec![frontier.root()], frontier }
    }
}

impl History {
    fn grow(&mut self, machine: &Machine, published: &Published) -> Result<(), String> {
        let known = self.ids.len() as u64;
        if published.size > known {
            let number = scene_number(machine).ok_or("no log of its own")?;
            for id in logs::entries(&machine.rows(), number, known..published.size).map_err(|error| error.to_string())? {
                self.frontier.push(leaf_hash(&id.0));
                self.ids.push(id);
                self.roots.push(self.frontier.root());
            }
        }
        let root = usize::try_from(published.size).ok().and_then(|size| self.roots.get(size));
        if root == Some(&published.root) { Ok(()) } else { Err(format!("a second history, under a checkpoint over {} entries", published.size)) }
    }
}

/// The number of a machine's own log in its store.
fn scene_number(machine: &Machine) -> Option<u32> {
    let logs = suyuan_engine::logs::Logs::load(&machine.rows()).ok()?;
    logs.known(&machine.log()).map(|head| head.number)
}

impl Invariant for OneHistory {
    fn name(&self) -> &'static str {
        "one history"
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        if !scene.is_honest(at) {
            return Ok(());
        }
        let machine = &scene.machines[at];
        match fact {
            Fact::Anchored(published) => {
                self.nodes[at].anchored = Some((published.size, published.root));
                Ok(())
            }
            Fact::Booted(state) => {
                self.nodes[at].anchored = state.published.as_ref().map(|published| (published.size, published.root));
                self.nodes[at].seen = 0;
                self.shrunk(at, &state.ledger)?;
                state.published.as_ref().map_or(Ok(()), |published| self.published(machine, published))
            }
            Fact::Shown(state) => {
                self.shrunk(at, &state.ledger)?;
                state.published.as_ref().map_or(Ok(()), |published| self.published(machine, published))
            }
            Fact::Announced(sizes) => {
                let anchored = self.nodes[at].anchored.map_or(0, |(size, _)| size);
                let own = sizes.iter().find(|LogSize { log, .. }| *log == machine.log()).map_or(0, |own| own.size);
                if own <= anchored { Ok(()) } else { Err(format!("{own} entries were announced, and {anchored} are published")) }
            }
            Fact::Wrote { entries, .. } => self.wrote(scene, at, entries),
            Fact::Restored | Fact::Burned => {
                self.nodes[at] = Node::default();
                Ok(())
            }
            Fact::Broken(why) => Err(format!("it stopped, and its disk is sound: {why}")),
            Fact::Refused { expected: false } => Err("it does not start from its own disk".to_owned()),
            _ => Ok(()),
        }
    }
}
