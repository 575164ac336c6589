//! The Merkle tree of a log and of a section's fields: RFC 6962 section 2.1, proofs verified as in RFC 9162 (`specs/log.md`, Tree).

use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::id::Hash;
use crate::limits;

/// Hash of a leaf: `SHA-256(0x00 || data)`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(data);
    hasher.finalize().into()
}

/// Hash of an inner node: `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// Root over leaf hashes; of none, the hash of the empty string.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// Inclusion path of the leaf at `index`, from the leaf's sibling up. Empty where `index` lies outside.
pub fn inclusion_path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    let mut path = Vec::new();
    let mut rest = leaves;
    let mut index = index;
    while rest.len() > 1 && index < rest.len() {
        let (left, right) = rest.split_at(split(rest.len()));
        if index < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            index = index.saturating_sub(left.len());
            rest = right;
        }
    }
    path.reverse();
    path
}

/// The largest power of two below `n`, for `n >= 2`.
pub(crate) fn split(n: usize) -> usize {
    n.next_power_of_two() >> 1
}

/// Checks that `leaf` stands at `index` in the tree of `size` leaves with this root (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// [`Fault::Inclusion`].
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> Result<(), Fault> {
    let reached = climb(leaf, index, size, path, |_| {}).ok_or(Fault::Inclusion)?;
    if reached == *root { Ok(()) } else { Err(Fault::Inclusion) }
}

/// The tree of the `index` leaves before the one whose inclusion path this is: the siblings on its left are the roots of that tree's complete subtrees,
/// whatever the size of the tree that the path leads through. Nothing where the path is not of the right length.
pub fn before(index: u64, size: u64, path: &[Hash]) -> Option<Frontier> {
    let mut peaks = Vec::new();
    climb(&[0; 32], index, size, path, |left| peaks.push(*left))?;
    peaks.reverse();
    Frontier::from_parts(index, peaks)
}

/// The root that an inclusion path leads to; `left` is told each sibling on the left, the smallest subtree first.
fn climb(leaf: &Hash, index: u64, size: u64, path: &[Hash], mut left: impl FnMut(&Hash)) -> Option<Hash> {
    if index >= size || path.len() > limits::PATH {
        return None;
    }
    let (mut node, mut last) = (index, size.saturating_sub(1));
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            left(sibling);
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Checks that the tree of `old` leaves with `old_root` is the start of the tree of `new` leaves with `new_root` (RFC 9162 section 2.1.4.2).
///
/// # Errors
/// [`Fault::Consistency`].
pub fn verify_consistency(old: u64, new: u64, old_root: &Hash, new_root: &Hash, path: &[Hash]) -> Result<(), Fault> {
    let (from_old, from_new) = consistency_roots(old, new, old_root, new_root, path).ok_or(Fault::Consistency)?;
    if from_old == *old_root && from_new == *new_root { Ok(()) } else { Err(Fault::Consistency) }
}

/// The two roots that a consistency path of the right length yields.
fn consistency_roots(old: u64, new: u64, old_root: &Hash, new_root: &Hash, path: &[Hash]) -> Option<(Hash, Hash)> {
    if old > new || path.len() > limits::PATH {
        return None;
    }
    if old == 0 && *old_root != root(&[]) {
        return None;
    }
    if old == new {
        return (path.is_empty() && old_root == new_root).then_some((*old_root, *new_root));
    }
    if old == 0 {
        return path.is_empty().then_some((*old_root, *new_root));
    }
    // A complete subtree's root is not repeated in the path.
    let mut path = path.iter();
    let first = if old.is_power_of_two() { *old_root } else { *path.next()? };
    let (mut node, mut last) = (old.saturating_sub(1), new.saturating_sub(1));
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from_old, mut from_new) = (first, first);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(sibling, &from_old);
            from_new = node_hash(sibling, &from_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some((from_old, from_new))
}

/// The roots of the complete subtrees of a growing tree, largest first: enough to append and to give the root, in 32 bytes a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Rebuilds a frontier from its parts. Nothing where the number of peaks is not that of one bits in `size`.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The complete subtrees' roots, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends one leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root of the tree of all leaves so far.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Sha256::digest([]).into(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}
