//! Tiles (C2SP `tlog-tiles`): proofs made from the oracle's tiles are the oracle's proofs, around every size at which a tile fills up.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::prelude::*;
use suyuan_core::id::Hash;
use suyuan_core::tile::{TileError, TileId, TilePath, TileTree, WIDTH, tile_width};
use suyuan_core::tree;
use tlog_tiles::Tile;

use crate::merkle::{Storage, entry};

const LARGEST: u64 = 65_537;

fn storage() -> &'static Storage {
    static STORAGE: OnceLock<Storage> = OnceLock::new();
    STORAGE.get_or_init(|| Storage::with(LARGEST))
}

/// The tile exactly as wide as it is published at that size.
fn read(tile: TileId, size: u64) -> Vec<Hash> {
    match u32::try_from(tile_width(tile, size)).unwrap() {
        0 => Vec::new(),
        width => {
            let data = Tile::new(8, tile.level, tile.index, width, false).read_data(storage()).unwrap();
            data.chunks(32).map(|hash| hash.try_into().unwrap()).collect()
        }
    }
}

fn tree_of(size: u64) -> TileTree<impl Fn(TileId) -> Result<Vec<Hash>, ()>> {
    TileTree::new(size, move |tile| Ok(read(tile, size)))
}

fn check_inclusion(size: u64, index: u64) {
    let path = tree_of(size).inclusion(index).unwrap();
    assert_eq!(path, storage().inclusion(size, index), "{index} of {size}");
    let leaf = tree::leaf_hash(&entry(index));
    assert_eq!(tree::verify_inclusion(&leaf, index, size, &path, &storage().root(size)), Ok(()), "{index} of {size}");
}

fn check_consistency(old: u64, size: u64) {
    let path = tree_of(size).consistency(old).unwrap();
    let roots = (storage().root(old), storage().root(size));
    assert_eq!(tree::verify_consistency(old, size, &roots.0, &roots.1, &path), Ok(()), "{old} to {size}");
    if old > 0 {
        assert_eq!(path, storage().consistency(old, size), "{old} to {size}");
    }
}

#[test]
fn all_proofs_around_the_first_full_tile() {
    for size in [1, 2, 3, 255, 256, 257, 258] {
        (0..size).for_each(|index| check_inclusion(size, index));
        (0..=size).for_each(|old| check_consistency(old, size));
    }
}

#[test]
fn proofs_around_larger_tiles() {
    let mut places: BTreeSet<u64> = [0, 1, 2, 3].into();
    places.extend([256, 512, 4096, 32_768, 65_280, 65_536].iter().flat_map(|edge| edge - 2..=edge + 2));
    // Spread over the rest: multiples of a prime.
    places.extend((0..LARGEST).step_by(997));
    for size in [511, 512, 513, 65_279, 65_280, 65_281, 65_535, 65_536, 65_537] {
        for place in places.range(..=size) {
            check_consistency(*place, size);
            if *place < size {
                check_inclusion(size, *place);
            }
        }
        check_inclusion(size, size - 1);
        check_consistency(size, size);
        check_consistency(size - 1, size);
    }
}

#[test]
fn frontiers_go_on_where_the_tiles_end() {
    for size in [0, 1, 2, 3, 254, 255, 256, 257, 1000, 65_535, 65_536] {
        let mut frontier = tree_of(size).frontier().unwrap();
        assert_eq!((frontier.size(), frontier.root()), (size, storage().root(size)));
        frontier.push(tree::leaf_hash(&entry(size)));
        assert_eq!(frontier.root(), storage().root(size + 1));
    }
}

#[test]
fn places_outside_and_short_tiles_are_errors() {
    for size in [0, 1, 256, 257] {
        assert_eq!(tree_of(size).inclusion(size), Err(TileError::OutOfRange));
        assert_eq!(tree_of(size).inclusion(u64::MAX), Err(TileError::OutOfRange));
        assert_eq!(tree_of(size).consistency(size + 1), Err(TileError::OutOfRange));
    }
    // A store that lost the last hash of the tile that a proof needs.
    let lossy = TileTree::new(300, |tile| {
        let mut hashes = read(tile, 300);
        hashes.pop();
        Ok::<_, ()>(hashes)
    });
    assert_eq!(lossy.inclusion(0), Err(TileError::Short(TileId { level: 0, index: 1 })));
    let broken = TileTree::new(300, |_| Err("disk"));
    assert_eq!(broken.inclusion(0), Err(TileError::Read("disk")));
}

/// The tiles that exist at a size are those that `tlog_tiles` would publish for it from nothing.
#[test]
fn tile_widths_are_those_published() {
    for size in (0..=600).chain([65_279, 65_280, 65_535, 65_536, 65_537, 131_072, 16_777_215, 16_777_216, 16_777_300]) {
        let theirs = Tile::new_tiles(8, 0, size);
        for tile in &theirs {
            let (level, index) = (tile.level(), tile.level_index());
            assert_eq!(tile_width(TileId { level, index }, size), u64::from(tile.width()), "{}", tile.path());
            assert_eq!(TilePath::Tile(TileId { level, index }, u64::from(tile.width())).to_string(), ours(&tile.path()));
        }
        for level in 0..=63 {
            let count = theirs.iter().filter(|tile| tile.level() == level).count() as u64;
            for index in [count, count + 1, u64::MAX] {
                assert_eq!(tile_width(TileId { level, index }, size), 0, "level {level} index {index} of {size}");
            }
        }
    }
}

/// Their paths start with the height of a tile, which is always 8 here, and call an entry bundle data.
fn ours(path: &str) -> String {
    path.strip_prefix("tile/8/").unwrap().replace("data/", "entries/")
}

/// Their reading of a path of ours. Their `Tile::new` stops the program for a level above 63 and for a width of 0, so these are kept from it.
fn theirs(path: &str) -> Option<(bool, TileId, u64)> {
    let (level, _) = path.split_once('/')?;
    if level.parse::<u8>().is_ok_and(|level| level > 63) || level == "data" || path.rsplit_once('/')?.1.parse() == Ok(0u32) && path.contains(".p/") {
        return None;
    }
    let level = if level == "entries" { "data" } else { level };
    let tile = Tile::from_path(&format!("tile/8/{level}/{}", path.split_once('/')?.1)).ok()?;
    Some((tile.is_data(), TileId { level: tile.level(), index: tile.level_index() }, u64::from(tile.width())))
}

fn parsed(path: &str) -> Option<(bool, TileId, u64)> {
    TilePath::parse(path).map(|parsed| match parsed {
        TilePath::Tile(tile, width) => (false, tile, width),
        TilePath::Entries(index, width) => (true, TileId { level: 0, index }, width),
    })
}

/// The largest index of ours: six groups of three digits.
const INDEXES: u64 = 1_000_000_000_000_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn paths_are_spelt_alike(level in 0..64u8, index in prop_oneof![0..3000u64, 0..INDEXES], width in 1..=WIDTH, data: bool) {
        let level = if data { 0 } else { level };
        let mut tile = Tile::new(8, level, index, u32::try_from(width).unwrap(), false);
        if data {
            tile.set_is_data();
        }
        let path = ours(&tile.path());
        let id = TileId { level, index };
        let here = if data { TilePath::Entries(index, width) } else { TilePath::Tile(id, width) };
        prop_assert_eq!(here.to_string(), path.as_str());
        prop_assert_eq!(TilePath::parse(&path), Some(here));
        prop_assert_eq!(theirs(&path), Some((data, id, width)));
    }

    #[test]
    fn paths_are_parsed_alike(path in "(0|7|63|64|07|entries|data|[0-9]{1,3}|)(/x?[0-9]{2,4}){0,7}/[0-9x]{2,4}(\\.p/(0|1|255|256|01|[0-9]{1,3}))?[/.p0-9]{0,1}") {
        let expected = theirs(&path).filter(|(_, tile, _)| tile.index < INDEXES);
        prop_assert_eq!(parsed(&path), expected, "{}", path);
    }
}
