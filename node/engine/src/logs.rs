//! The heads of all logs that a node holds, and how a log grows in the store.

use std::collections::BTreeMap;

use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::id::{Hash, StatementId};
use suyuan_core::log::{LogId, chain_next};
use suyuan_core::note::TreeHead;
use suyuan_core::tile::{MAX_LEVEL, TileId, TilePath, TileTree, WIDTH, entry_bundle, tile_width};
use suyuan_core::tree::{self, Frontier};
use suyuan_core::{AllianceId, MemberId};

use crate::schema::{Row, Table, log_key, tile_key};
use crate::view::{Changes, StoreError, View};

/// Where a log ends: all that is needed to append to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHead {
    /// Which log.
    pub id: LogId,
    /// Number that this store gave it.
    pub number: u32,
    /// Chain value after its last entry.
    pub chain: Hash,
    frontier: Frontier,
    /// Leaf hashes since the last full tile.
    open: Vec<Hash>,
}

impl LogHead {
    /// The empty log.
    pub fn new(id: LogId, number: u32) -> Self {
        Self { id, number, chain: id.chain_start(), frontier: Frontier::default(), open: Vec::new() }
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Size and root.
    pub fn tree_head(&self) -> TreeHead {
        TreeHead { size: self.size(), root: self.frontier.root() }
    }

    /// The complete subtrees over its entries.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The row that the next entry will have.
    pub fn next_row(&self) -> Row {
        Row { log: self.number, sequence: self.size() }
    }

    /// Appends an entry: its row, and the tiles that it completes.
    ///
    /// # Errors
    /// [`StoreError`] when an upper tile is not what earlier appends left.
    pub fn append(&mut self, id: &StatementId, view: &impl View, changes: &mut Changes) -> Result<(), StoreError> {
        changes.put(Table::Entry, self.next_row().key(), id.0);
        self.chain = chain_next(&self.chain, id);
        let leaf = tree::leaf_hash(&id.0);
        self.frontier.push(leaf);
        self.open.push(leaf);
        if self.open.len() as u64 == WIDTH {
            self.close_tile(view, changes)?;
        }
        Ok(())
    }

    /// Writes the full bottom tile, and its root into the tile above, as far up as tiles become full.
    fn close_tile(&mut self, view: &impl View, changes: &mut Changes) -> Result<(), StoreError> {
        let mut hashes = std::mem::take(&mut self.open);
        let mut index = (self.size() / WIDTH).saturating_sub(1);
        for level in 0..=MAX_LEVEL {
            let key = tile_key(self.number, level, index);
            changes.put(Table::Tile, key, hashes.concat());
            if hashes.len() as u64 != WIDTH || level == MAX_LEVEL {
                break;
            }
            let root = tree::root(&hashes);
            let above = tile_key(self.number, level.saturating_add(1), index / WIDTH);
            hashes = pending_tile(changes, &above).map_or_else(|| stored_tile(view, &above), Ok)?;
            if hashes.len() as u64 != index % WIDTH {
                return Err(StoreError(format!("tile {} of log {} has lost hashes", index / WIDTH, self.id.origin())));
            }
            hashes.push(root);
            index /= WIDTH;
        }
        Ok(())
    }

    /// Writes the head itself; once for each commit.
    pub fn save(&self, changes: &mut Changes) {
        let mut writer = Writer::with_capacity(256);
        writer.array(6).bytes(&self.id.alliance.0).bytes(&self.id.member.0).uint(self.id.incarnation);
        writer.bytes(&self.chain).uint(self.size()).bytes(&self.frontier.peaks().concat());
        changes.put(Table::Log, log_key(self.number), writer.finish());
    }

    fn load(number: u32, bytes: &[u8], view: &impl View) -> Result<Self, StoreError> {
        let head = Self::decode(number, bytes).ok_or_else(|| StoreError(format!("head of log number {number}")))?;
        let first = head.size() / WIDTH * WIDTH;
        let open = entries(view, number, first..head.size())?.iter().map(|id| tree::leaf_hash(&id.0)).collect();
        Ok(Self { open, ..head })
    }

    fn decode(number: u32, bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::open(bytes).ok()?;
        reader.array(6).ok()?;
        let (alliance, member) = (AllianceId(reader.fixed().ok()?), MemberId(reader.fixed().ok()?));
        let id = LogId { alliance, member, incarnation: reader.uint().ok()? };
        let (chain, size) = (reader.fixed().ok()?, reader.uint().ok()?);
        let peaks = hashes(reader.bytes(64 * 32).ok()?)?;
        Some(Self { id, number, chain, frontier: Frontier::from_parts(size, peaks)?, open: Vec::new() })
    }
}

fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.to_vec())
}

fn pending_tile(changes: &Changes, key: &[u8]) -> Option<Vec<Hash>> {
    let row = changes.rows.iter().rev().find(|(table, row, _)| *table == Table::Tile && row == key)?;
    row.2.as_deref().and_then(hashes)
}

fn stored_tile(view: &impl View, key: &[u8]) -> Result<Vec<Hash>, StoreError> {
    let bytes = view.row(Table::Tile, key)?.unwrap_or_default();
    hashes(&bytes).ok_or_else(|| StoreError(format!("tile {}", hex::encode(key))))
}

/// The ids at these sequences, all of which must be there.
///
/// # Errors
/// [`StoreError`] when one is missing.
pub fn entries(view: &impl View, log: u32, range: std::ops::Range<u64>) -> Result<Vec<StatementId>, StoreError> {
    let (from, to) = (Row { log, sequence: range.start }, Row { log, sequence: range.end });
    let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let rows = view.rows(Table::Entry, &from.key(), &to.key(), wanted)?;
    let missing = || StoreError(format!("entries {}..{} of log number {log}", range.start, range.end));
    let ids = rows.iter().map(|(_, value)| value.as_slice().try_into().map(StatementId).map_err(|_| missing())).collect::<Result<Vec<_>, _>>()?;
    if ids.len() == wanted { Ok(ids) } else { Err(missing()) }
}

/// The tree of the first `size` entries of a log, read from its rows.
pub fn tile_tree(view: &impl View, log: u32, size: u64) -> TileTree<impl Fn(TileId) -> Result<Vec<Hash>, StoreError>> {
    TileTree::new(size, move |tile| {
        let stored = stored_tile(view, &tile_key(log, tile.level, tile.index))?;
        if !stored.is_empty() || tile.level > 0 {
            return Ok(stored);
        }
        let first = tile.index.saturating_mul(WIDTH);
        Ok(entries(view, log, first..size)?.iter().map(|id| tree::leaf_hash(&id.0)).collect())
    })
}

/// The bytes at a tile path of a log, as they are published for its first `size` entries (C2SP `tlog-tiles`). Nothing where the tree is not that wide there.
/// A partial tile narrower than the newest one is the same prefix, and is served as well.
///
/// # Errors
/// [`StoreError`] when the rows hold less than the size demands.
pub fn published_tile(view: &impl View, log: u32, size: u64, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
    let (tile, width) = match path {
        TilePath::Tile(tile, width) => (tile, width),
        TilePath::Entries(index, width) => (TileId { level: 0, index }, width),
    };
    if width == 0 || width > tile_width(tile, size) {
        return Ok(None);
    }
    // The check above bounds both by the number of entries.
    let first = tile.index.saturating_mul(WIDTH);
    let range = first..first.saturating_add(width);
    if let TilePath::Entries(..) = path {
        return Ok(Some(entry_bundle(&entries(view, log, range)?)));
    }
    let mut hashes = stored_tile(view, &tile_key(log, tile.level, tile.index))?;
    if hashes.is_empty() && tile.level == 0 {
        hashes = entries(view, log, range)?.iter().map(|id| tree::leaf_hash(&id.0)).collect();
    }
    let width = usize::try_from(width).unwrap_or(usize::MAX);
    let missing = || StoreError(format!("tile {}/{} of log number {log}", tile.level, tile.index));
    hashes.get(..width).map(|hashes| Some(hashes.concat())).ok_or_else(missing)
}

/// Every log of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    heads: BTreeMap<LogId, LogHead>,
}

impl Logs {
    /// Reads all heads.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(view: &impl View) -> Result<Self, StoreError> {
        let mut heads = BTreeMap::new();
        for (key, value) in view.rows(Table::Log, &log_key(0), &[0xff; 5], usize::MAX)? {
            let number = key.try_into().map(u32::from_be_bytes).map_err(|_| StoreError("a log's key".into()))?;
            let head = LogHead::load(number, &value, view)?;
            heads.insert(head.id, head);
        }
        Ok(Self { heads })
    }

    /// The head of one log; the empty one, under the next free number, where the node has nothing of it.
    pub fn head(&self, id: &LogId) -> LogHead {
        self.heads.get(id).cloned().unwrap_or_else(|| {
            let next = self.heads.values().map(|head| head.number.saturating_add(1)).max().unwrap_or(0);
            LogHead::new(*id, next)
        })
    }

    /// The head of a log that the node has something of.
    pub fn known(&self, id: &LogId) -> Option<&LogHead> {
        self.heads.get(id)
    }

    /// The head of the log with this number.
    pub fn numbered(&self, number: u32) -> Option<&LogHead> {
        self.heads.values().find(|head| head.number == number)
    }

    /// Every head, by log.
    pub fn iter(&self) -> impl Iterator<Item = &LogHead> {
        self.heads.values()
    }

    /// Takes over a head after its changes were written.
    pub fn set(&mut self, head: LogHead) {
        self.heads.insert(head.id, head);
    }
}
