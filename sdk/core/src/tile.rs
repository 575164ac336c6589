//! Tiles of a log and the proofs made from them (`specs/log.md`, C2SP `tlog-tiles`).

use crate::id::{Hash, StatementId};
use crate::tree;

/// Hashes in a full tile.
pub const WIDTH: u64 = 256;
/// Highest level of a tile.
pub const MAX_LEVEL: u8 = 7;

/// One tile: hashes of complete subtrees of `256^level` leaves each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Level, 0 for leaf hashes.
    pub level: u8,
    /// Index within the level.
    pub index: u64,
}

/// What a path below a log's prefix asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TilePath {
    /// `tile/<L>/<N>[.p/<W>]`: the tile and its width.
    Tile(TileId, u64),
    /// `tile/entries/<N>[.p/<W>]`: index and width.
    Entries(u64, u64),
}

impl TilePath {
    /// Parses the path after `tile/`. Nothing for any spelling but the canonical one.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.split_once('/')?;
        let (index, width) = match rest.rsplit_once(".p/") {
            Some((index, width)) => (index, decimal(width).filter(|width| (1..WIDTH).contains(width))?),
            None => (rest, WIDTH),
        };
        let index = parse_index(index)?;
        if level == "entries" {
            return Some(Self::Entries(index, width));
        }
        let level = u8::try_from(decimal(level)?).ok().filter(|level| *level <= 63)?;
        Some(Self::Tile(TileId { level, index }, width))
    }
}

impl std::fmt::Display for TilePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (index, width) = match self {
            Self::Tile(tile, width) => {
                write!(f, "{}/", tile.level)?;
                (tile.index, *width)
            }
            Self::Entries(index, width) => {
                f.write_str("entries/")?;
                (*index, *width)
            }
        };
        f.write_str(&format_index(index))?;
        if width < WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
    }
}

fn decimal(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = plain && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// `x001/x234/067` for 1234067.
fn format_index(index: u64) -> String {
    let mut parts = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        parts.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    parts.reverse();
    parts.join("/")
}

fn parse_index(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let index: u64 = if digits.len() <= 18 { digits.parse().ok()? } else { return None };
    (format_index(index) == text).then_some(index)
}

/// Width of a tile in a tree of `size` leaves: 0 where it does not exist.
pub fn tile_width(tile: TileId, size: u64) -> u64 {
    let complete = size.checked_shr(8u32.saturating_mul(u32::from(tile.level))).unwrap_or(0);
    complete.saturating_sub(tile.index.saturating_mul(WIDTH)).min(WIDTH)
}

/// The entry bundle of these entries: each as a big-endian u16 length and its bytes.
pub fn entry_bundle(entries: &[StatementId]) -> Vec<u8> {
    entries.iter().flat_map(|entry| [0, 32].into_iter().chain(entry.0)).collect()
}

/// Why a proof could not be made.
#[derive(Debug, PartialEq, Eq)]
pub enum TileError<E> {
    /// The tree does not reach that far.
    OutOfRange,
    /// A tile is shorter than the tree's size demands: the store lost or changed it.
    Short(TileId),
    /// The reader's own error.
    Read(E),
}

impl<E: std::fmt::Display> std::fmt::Display for TileError<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OutOfRange => f.write_str("the log does not reach that far"),
            Self::Short(tile) => write!(f, "tile {}/{} is incomplete", tile.level, tile.index),
            Self::Read(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for TileError<E> {}

/// A tree whose complete tile hashes are read through a function: for a tile, its hashes so far.
pub struct TileTree<F> {
    size: u64,
    read: F,
}

impl<F> std::fmt::Debug for TileTree<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TileTree({})", self.size)
    }
}

impl<E, F: Fn(TileId) -> Result<Vec<Hash>, E>> TileTree<F> {
    /// The tree of the first `size` leaves.
    pub fn new(size: u64, read: F) -> Self {
        Self { size, read }
    }

    /// Inclusion path of one leaf (RFC 6962 section 2.1.1).
    ///
    /// # Errors
    /// [`TileError`].
    pub fn inclusion(&self, index: u64) -> Result<Vec<Hash>, TileError<E>> {
        if index >= self.size {
            return Err(TileError::OutOfRange);
        }
        let mut path = Vec::new();
        let (mut start, mut len) = (0, self.size);
        while len > 1 {
            let left = split(len);
            if index.saturating_sub(start) < left {
                path.push(self.subtree(start.saturating_add(left), len.saturating_sub(left))?);
                len = left;
            } else {
                path.push(self.subtree(start, left)?);
                start = start.saturating_add(left);
                len = len.saturating_sub(left);
            }
        }
        path.reverse();
        Ok(path)
    }

    /// Consistency path from the tree of the first `old` leaves (RFC 6962 section 2.1.2).
    ///
    /// # Errors
    /// [`TileError`].
    pub fn consistency(&self, old: u64) -> Result<Vec<Hash>, TileError<E>> {
        if old > self.size {
            return Err(TileError::OutOfRange);
        }
        if old == 0 || old == self.size {
            return Ok(Vec::new());
        }
        let mut path = Vec::new();
        let (mut start, mut len) = (0u64, self.size);
        // Whether the subtree that is left over equals the old tree itself, whose root the verifier has.
        let mut whole = true;
        while start.saturating_add(len) != old {
            let left = split(len);
            if old.saturating_sub(start) <= left {
                path.push(self.subtree(start.saturating_add(left), len.saturating_sub(left))?);
                len = left;
            } else {
                path.push(self.subtree(start, left)?);
                start = start.saturating_add(left);
                len = len.saturating_sub(left);
                whole = false;
            }
        }
        if !whole {
            path.push(self.subtree(start, len)?);
        }
        path.reverse();
        Ok(path)
    }

    /// The complete subtrees of the tree, for appending.
    ///
    /// # Errors
    /// [`TileError`].
    pub fn frontier(&self) -> Result<tree::Frontier, TileError<E>> {
        let mut peaks = Vec::new();
        let mut start = 0;
        for bit in (0..64).rev().map(|bit| 1u64 << bit) {
            if self.size & bit != 0 {
                peaks.push(self.subtree(start, bit)?);
                start = start.saturating_add(bit);
            }
        }
        tree::Frontier::from_parts(self.size, peaks).ok_or(TileError::OutOfRange)
    }

    /// Hash of the subtree of `len` leaves from `start`; `start` is a multiple of the power of two not below `len`.
    fn subtree(&self, start: u64, len: u64) -> Result<Hash, TileError<E>> {
        if !len.is_power_of_two() {
            let left = split(len);
            let right = self.subtree(start.saturating_add(left), len.saturating_sub(left))?;
            return Ok(tree::node_hash(&self.subtree(start, left)?, &right));
        }
        let level = (len.ilog2() / 8).min(u32::from(MAX_LEVEL));
        let unit = 1u64 << level.saturating_mul(8);
        let (first, count) = (start / unit, len / unit);
        let tile = TileId { level: u8::try_from(level).unwrap_or(MAX_LEVEL), index: first / WIDTH };
        let hashes = (self.read)(tile).map_err(TileError::Read)?;
        let from = usize::try_from(first % WIDTH).unwrap_or(usize::MAX);
        let to = from.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        hashes.get(from..to).map(tree::root).ok_or(TileError::Short(tile))
    }
}

/// The largest power of two below `n`, for `n >= 2`.
fn split(n: u64) -> u64 {
    n.next_power_of_two() >> 1
}
