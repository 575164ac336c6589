//! Recomputing a log from its entries: chain, tree and tiles, and the checkpoint over them. `fsck` and the audit are made of it.

use std::fmt;

use suyuan_core::Fault;
use suyuan_core::id::{Hash, StatementId};
use suyuan_core::log::chain_next;
use suyuan_core::note::{Checkpoint, UnverifiedCheckpoint};
use suyuan_core::policy::{checkpoint_key, witness_key};
use suyuan_core::tile::WIDTH;
use suyuan_core::tree::{self, Frontier};

use crate::ledger::Ledger;
use crate::logs::{self, LogHead};
use crate::schema::{RETURNED_ROW, Table, tile_key};
use crate::view::{StoreError, View};

/// Chain and tree of the entries that were looked at so far.
#[derive(Debug)]
pub(crate) struct Recount<'a, V> {
    /// The head that they should lead to.
    pub head: &'a LogHead,
    /// Chain value after the last of them.
    pub chain: Hash,
    view: &'a V,
    frontier: Frontier,
    /// Leaf hashes since the last tile that was compared.
    leaves: Vec<Hash>,
}

impl<'a, V: View> Recount<'a, V> {
    pub fn new(head: &'a LogHead, view: &'a V) -> Self {
        Self { head, chain: head.id.chain_start(), view, frontier: Frontier::default(), leaves: Vec::new() }
    }

    /// Counts the next entry.
    pub fn push(&mut self, id: &StatementId) {
        self.chain = chain_next(&self.chain, id);
        let leaf = tree::leaf_hash(&id.0);
        self.frontier.push(leaf);
        self.leaves.push(leaf);
    }

    /// Whether the bottom tile of the entries since the last call is stored where it is full, and is what they hash to.
    pub fn tile_holds(&mut self) -> Result<bool, StoreError> {
        let leaves = std::mem::take(&mut self.leaves);
        let index = self.frontier.size().saturating_sub(1) / WIDTH;
        let stored = self.view.row(Table::Tile, &tile_key(self.head.number, 0, index))?;
        Ok(stored == (leaves.len() as u64 == WIDTH).then(|| leaves.concat()))
    }

    /// What does not add up once every entry was counted.
    pub fn end(&self) -> Result<Option<Sum>, StoreError> {
        if self.frontier.root() != self.head.tree_head().root || self.chain != self.head.chain {
            return Ok(Some(Sum::Head));
        }
        let tiles = logs::tile_tree(self.view, self.head.number, self.head.size()).frontier();
        let tiles = tiles.map_err(|error| StoreError(error.to_string()))?;
        Ok((tiles.root() != self.frontier.root()).then_some(Sum::Tiles))
    }
}

/// What entries do not add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    Head,
    Tiles,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("the head is not what the entries add up to"),
            Self::Tiles => f.write_str("the tiles are not what the entries add up to"),
        }
    }
}

/// Why a checkpoint of a log does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsound {
    /// Its owner is not in the charter.
    Owner,
    /// It is no checkpoint that the owner signed.
    Note(Fault),
    /// The entries that are here have another root.
    Root,
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner => f.write_str("of nobody in the charter"),
            Self::Note(fault) => fault.fmt(f),
            Self::Root => f.write_str("it is over other entries"),
        }
    }
}

/// Checks a checkpoint of a log: its owner's signatures, and that it is over the entries that are here.
pub(crate) fn checkpoint(note: &str, head: &LogHead, ledger: &Ledger, view: &impl View) -> Result<Result<Checkpoint, Unsound>, StoreError> {
    let Some(owner) = ledger.alliance.member(&head.id.member) else { return Ok(Err(Unsound::Owner)) };
    let witness = witness_key(&ledger.alliance, owner);
    let verify = |note: UnverifiedCheckpoint<'_>| note.verify(&checkpoint_key(&head.id, owner, note.claimed_size())?, &[witness]);
    let checkpoint = match UnverifiedCheckpoint::parse(note).and_then(verify) {
        Ok(checkpoint) => checkpoint,
        Err(fault) => return Ok(Err(Unsound::Note(fault))),
    };
    let tree = logs::tile_tree(view, head.number, checkpoint.head.size).frontier().map_err(|error| StoreError(error.to_string()))?;
    Ok(if tree.root() == checkpoint.head.root { Ok(checkpoint) } else { Err(Unsound::Root) })
}

/// Up to where the own log came back from others, who may not hold all of its statements.
pub(crate) fn returned(view: &impl View) -> Result<u64, StoreError> {
    let note = view.row(Table::Meta, RETURNED_ROW)?.and_then(|note| String::from_utf8(note).ok());
    Ok(note.map_or(0, |note| UnverifiedCheckpoint::parse(&note).map_or(0, |checkpoint| checkpoint.claimed_size())))
}
