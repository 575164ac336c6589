//! Merkle trees (RFC 6962): `tlog_tiles` and `ct-merkle` make the same roots and proofs, and each accepts and refuses what the others do.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::Sha256;
use suyuan_core::Fault;
use suyuan_core::id::Hash;
use suyuan_core::tile::TileTree;
use suyuan_core::tree;
use tlog_tiles::{Hash as TlogHash, HashReader};

const SIZE: u64 = 130;

/// An entry, as random as an id.
pub fn entry(index: u64) -> [u8; 32] {
    *blake3::hash(&index.to_be_bytes()).as_bytes()
}

/// The stored hashes of a log as `tlog_tiles` keeps them.
#[derive(Default)]
pub struct Storage {
    hashes: Vec<TlogHash>,
    size: u64,
}

impl Storage {
    pub fn with(size: u64) -> Self {
        let mut storage = Self::default();
        (0..size).for_each(|_| storage.push());
        storage
    }

    fn push(&mut self) {
        let added = tlog_tiles::stored_hashes(self.size, &entry(self.size), self).unwrap();
        self.hashes.extend(added);
        self.size += 1;
    }

    pub fn root(&self, size: u64) -> Hash {
        tlog_tiles::tree_hash(size, self).unwrap().0
    }

    pub fn inclusion(&self, size: u64, index: u64) -> Vec<Hash> {
        plain(tlog_tiles::prove_record(size, index, self).unwrap())
    }

    pub fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        plain(tlog_tiles::prove_tree(new, old, self).unwrap())
    }
}

impl HashReader for Storage {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<TlogHash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.hashes[usize::try_from(*index).unwrap()]).collect())
    }
}

fn plain(path: Vec<TlogHash>) -> Vec<Hash> {
    path.into_iter().map(|hash| hash.0).collect()
}

fn tlog(path: &[Hash]) -> Vec<TlogHash> {
    path.iter().map(|hash| TlogHash(*hash)).collect()
}

/// Our consistency path over leaves that are at hand.
fn consistency(leaves: &[Hash], old: u64) -> Vec<Hash> {
    let levels = [leaves.to_vec(), leaves.chunks_exact(256).map(tree::root).collect::<Vec<_>>()];
    let read = |tile: suyuan_core::tile::TileId| {
        let start = usize::try_from(tile.index * 256).unwrap();
        let level = &levels[usize::from(tile.level)];
        Ok::<_, ()>(level[start..level.len().min(start + 256)].to_vec())
    };
    TileTree::new(leaves.len() as u64, read).consistency(old).unwrap()
}

fn bytes(path: &[Hash]) -> Vec<u8> {
    path.concat()
}

#[test]
fn roots_and_inclusion_proofs_are_the_same() {
    let storage = Storage::with(SIZE);
    let mut memory = MemoryBackedTree::<Sha256, [u8; 32]>::new();
    let mut leaves = Vec::new();
    let mut frontier = tree::Frontier::default();
    for size in 0..=SIZE {
        let root = tree::root(&leaves);
        assert_eq!(root, storage.root(size), "{size}");
        assert_eq!(root, frontier.root(), "{size}");
        assert_eq!(root.as_slice(), memory.root().as_bytes().as_slice(), "{size}");
        for index in 0..size {
            let place = usize::try_from(index).unwrap();
            let path = tree::inclusion_path(&leaves, place);
            assert_eq!(path, storage.inclusion(size, index), "{index} of {size}");
            assert_eq!(bytes(&path), memory.prove_inclusion(place).as_bytes(), "{index} of {size}");
            assert_eq!(tree::verify_inclusion(&leaves[place], index, size, &path, &root), Ok(()), "{index} of {size}");
        }
        memory.push(entry(size));
        leaves.push(tree::leaf_hash(&entry(size)));
        frontier.push(leaves[leaves.len() - 1]);
    }
}

#[test]
fn consistency_proofs_are_the_same() {
    let storage = Storage::with(SIZE);
    let mut memory = MemoryBackedTree::<Sha256, [u8; 32]>::new();
    let mut leaves = Vec::new();
    for new in 1..=SIZE {
        memory.push(entry(new - 1));
        leaves.push(tree::leaf_hash(&entry(new - 1)));
        let root = storage.root(new);
        for old in 1..=new {
            let path = consistency(&leaves, old);
            assert_eq!(path, storage.consistency(old, new), "{old} to {new}");
            let additions = usize::try_from(new - old).unwrap();
            assert_eq!(bytes(&path), memory.prove_consistency(additions).as_bytes(), "{old} to {new}");
            assert_eq!(tree::verify_consistency(old, new, &storage.root(old), &root, &path), Ok(()), "{old} to {new}");
        }
        assert_eq!(consistency(&leaves, 0), Vec::<Hash>::new());
        assert_eq!(tree::verify_consistency(0, new, &storage.root(0), &root, &[]), Ok(()));
        assert_eq!(tree::verify_consistency(0, new, &root, &root, &[]), Err(Fault::Consistency));
    }
}

/// The three verdicts on one inclusion proof, which must agree.
fn included(entry: &[u8; 32], index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    let ours = tree::verify_inclusion(&tree::leaf_hash(entry), index, size, path, root).is_ok();
    let leaf = tlog_tiles::record_hash(entry);
    let one = tlog_tiles::check_record(&tlog(path), size, TlogHash(*root), index, leaf).is_ok();
    let proof = InclusionProof::<Sha256>::try_from_bytes(bytes(path)).unwrap();
    let two = RootHash::<Sha256>::new((*root).into(), size).verify_inclusion(entry, index, &proof).is_ok();
    assert_eq!((ours, ours), (one, two), "index {index} of {size}, {} hashes", path.len());
    ours
}

fn consistent(old: u64, new: u64, roots: (&Hash, &Hash), path: &[Hash]) -> bool {
    let ours = tree::verify_consistency(old, new, roots.0, roots.1, path).is_ok();
    let one = tlog_tiles::check_tree(&tlog(path), new, TlogHash(*roots.1), old, TlogHash(*roots.0)).is_ok();
    let proof = ConsistencyProof::<Sha256>::try_from_bytes(bytes(path)).unwrap();
    let [before, after] = [(roots.0, old), (roots.1, new)].map(|(root, size)| RootHash::<Sha256>::new((*root).into(), size));
    let two = after.verify_consistency(&before, &proof).is_ok();
    assert_eq!((ours, ours), (one, two), "{old} to {new}, {} hashes", path.len());
    ours
}

/// The path one hash short, one long, and with two neighbours exchanged.
fn reshaped(path: &[Hash]) -> Vec<Vec<Hash>> {
    let mut shapes = vec![[path, &[[0; 32]]].concat(), [&[[0; 32]], path].concat(), path.repeat(2), vec![[0; 32]; 64]];
    for at in 0..path.len() {
        shapes.push([&path[..at], &path[at + 1..]].concat());
        if at > 0 {
            let mut exchanged = path.to_vec();
            exchanged.swap(at - 1, at);
            shapes.push(exchanged);
        }
    }
    shapes.retain(|shape| shape != path);
    shapes
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut hash = *hash;
    hash[bit / 8] ^= 1 << (bit % 8);
    hash
}

#[test]
fn every_changed_bit_of_an_inclusion_proof_is_refused() {
    let storage = Storage::with(16);
    for size in 1..=16 {
        let root = storage.root(size);
        for index in 0..size {
            let (path, leaf) = (storage.inclusion(size, index), tree::leaf_hash(&entry(index)));
            let ours = |leaf: &Hash, path: &[Hash], root: &Hash| tree::verify_inclusion(leaf, index, size, path, root);
            assert!(included(&entry(index), index, size, &path, &root));
            for bit in 0..256 {
                assert_eq!(ours(&leaf, &path, &flipped(&root, bit)), Err(Fault::Inclusion));
                assert_eq!(ours(&flipped(&leaf, bit), &path, &root), Err(Fault::Inclusion));
                for at in 0..path.len() {
                    let mut changed = path.clone();
                    changed[at] = flipped(&path[at], bit);
                    assert_eq!(ours(&leaf, &changed, &root), Err(Fault::Inclusion));
                }
            }
            for shape in reshaped(&path) {
                assert!(!included(&entry(index), index, size, &shape, &root));
            }
        }
    }
}

#[test]
fn every_changed_bit_of_a_consistency_proof_is_refused() {
    let storage = Storage::with(16);
    for new in 1..=16 {
        for old in 1..=new {
            let (before, after, path) = (storage.root(old), storage.root(new), storage.consistency(old, new));
            let ours = |before: &Hash, after: &Hash, path: &[Hash]| tree::verify_consistency(old, new, before, after, path);
            assert!(consistent(old, new, (&before, &after), &path));
            for bit in 0..256 {
                assert_eq!(ours(&flipped(&before, bit), &after, &path), Err(Fault::Consistency));
                assert_eq!(ours(&before, &flipped(&after, bit), &path), Err(Fault::Consistency));
                for at in 0..path.len() {
                    let mut changed = path.clone();
                    changed[at] = flipped(&path[at], bit);
                    assert_eq!(ours(&before, &after, &changed), Err(Fault::Consistency));
                }
            }
            for shape in reshaped(&path) {
                assert!(!consistent(old, new, (&before, &after), &shape));
            }
        }
    }
}

/// Sides of the siblings on the way up from a leaf, by the recursive definition: all that a path knows of index and size.
fn sides(index: u64, size: u64) -> Vec<bool> {
    if size == 1 {
        return Vec::new();
    }
    let left = size.next_power_of_two() / 2;
    let inner = if index < left { (index, left) } else { (index - left, size - left) };
    let mut sides = sides(inner.0, inner.1);
    sides.push(index < left);
    sides
}

/// A path binds the sides and nothing else: size and index belong under the signature. So another index of the same tree is always refused, and another
/// size exactly when the way up looks different there. The libraries agree for every pair.
#[test]
fn another_index_or_size_is_accepted_only_with_the_same_way_up() {
    let storage = Storage::with(20);
    for size in 1..=20 {
        let root = storage.root(size);
        for index in 0..size {
            let path = storage.inclusion(size, index);
            for other in 0..=24 {
                for place in 0..=24 {
                    let same = place < other && sides(place, other) == sides(index, size);
                    assert_eq!(included(&entry(index), place, other, &path, &root), same, "{index} of {size} as {place} of {other}");
                    assert!(other != size || place == index || !same);
                }
            }
        }
    }
}

#[test]
fn consistency_of_other_sizes_has_one_verdict() {
    let storage = Storage::with(20);
    for new in 1..=20 {
        for old in 1..=new {
            let (before, after, path) = (storage.root(old), storage.root(new), storage.consistency(old, new));
            for larger in 1..=22 {
                for smaller in 1..=larger {
                    consistent(smaller, larger, (&before, &after), &path);
                }
            }
            assert_eq!(tree::verify_consistency(new, old, &after, &before, &path).is_ok(), new == old);
        }
    }
}
