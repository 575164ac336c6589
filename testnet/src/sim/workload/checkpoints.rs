//! Checkpoints of logs outside the alliance, whose keepers lie: each has two histories, and offers both to every witness.

use std::collections::BTreeMap;

use suyuan_core::id::Hash;
use suyuan_core::key::SecretKey;
use suyuan_core::note::{NamedKey, TreeHead, sign_head};
use suyuan_core::tree;
use suyuan_core::witness::AddCheckpoint;
use suyuan_engine::writer::Command;

use super::{Wish, Workload};
use crate::sim::chance::Chance;
use crate::sim::machine::Machine;

/// Logs, and their longest tree.
const LOGS: u64 = 3;
const LONGEST: u64 = 40;
/// Histories of each.
pub const HISTORIES: u64 = 2;

/// Offers checkpoints.
#[derive(Default)]
pub struct Checkpoints {
    /// The size that was offered last, by machine and log: what a client believes is cosigned.
    believed: BTreeMap<(usize, u64), u64>,
}

impl Workload for Checkpoints {
    fn weight(&self) -> u64 {
        2
    }

    fn wish(&mut self, machine: &Machine, _: u64, _: u64, chance: &mut Chance) -> Option<Wish> {
        let (log, history) = (chance.between(0, LOGS), chance.between(0, HISTORIES));
        let believed = self.believed.get(&(machine.index, log)).copied().unwrap_or(0);
        let size = if chance.permille(200) { chance.between(1, LONGEST) } else { (believed + chance.between(0, 6)).clamp(1, LONGEST) };
        let old = if chance.permille(150) { chance.between(0, size + 1) } else { believed.min(size) };
        let leaves = leaves(log, history, size);
        let proof = leaves.get(..usize::try_from(old).ok()?).map_or_else(Vec::new, |before| path(before.len(), &leaves, true));
        let key = SecretKey::from_seed(&blake3::derive_key("suyuan simulator logs", &log.to_be_bytes()));
        let head = TreeHead { size, root: tree::root(&leaves) };
        let request = AddCheckpoint { old, proof, checkpoint: sign_head(&origin(log), &head, &key) };
        self.believed.insert((machine.index, log), size);
        let named = Some(NamedKey::new(origin(log), key.public()));
        Some(Wish { command: Command::AddCheckpoint { request, named }, what: format!("{size} of history {history} of log {log}, after {old}") })
    }
}

fn origin(log: u64) -> String {
    format!("example.org/{log}")
}

/// The log of an origin.
pub fn log_of(origin: &str) -> Option<u64> {
    (0..LOGS).find(|log| self::origin(*log) == origin)
}

/// The beginning of a history. Both have the first entries in common.
fn leaves(log: u64, history: u64, size: u64) -> Vec<Hash> {
    let common = 5 * (log + 1);
    let own = |index: u64| if index < common { 0 } else { history };
    (0..size).map(|index| tree::leaf_hash(&[log, own(index), index].map(u64::to_be_bytes).concat())).collect()
}

/// Which histories of a log have this head.
pub fn histories(log: u64, head: &TreeHead) -> Vec<u64> {
    (0..HISTORIES).filter(|history| tree::root(&leaves(log, *history, head.size)) == head.root).collect()
}

/// The consistency path from the first `old` of these leaves (RFC 6962, section 2.1.2); `whole` while they begin where the tree does.
fn path(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == 0 || old == leaves.len() {
        return if whole { Vec::new() } else { vec![tree::root(leaves)] };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, sibling) =
        if old <= left.len() { (path(old, left, whole), tree::root(right)) } else { (self::path(old - left.len(), right, false), tree::root(left)) };
    path.push(sibling);
    path
}
