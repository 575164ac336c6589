//! The anchor: what of this member's log has left the process, in a file of its own, fsynced before it leaves (`specs/store.md`, Anchor).
//!
//! A database that lost its last writes opens as if they had never been. The anchor notices: a store that holds less than the anchor says is an old copy,
//! and a node that wrote on from there would contradict what it published.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use suyuan_core::cbor::{Reader, Writer};
use suyuan_engine::writer::Published;

/// Bytes of each of the two slots that are written in turn, so that a torn write leaves the other.
const SLOT: usize = 8192;
const CHECKSUM: usize = 32;

/// The open anchor file.
#[derive(Debug)]
pub struct Anchor {
    file: File,
    /// Number of writes so far; its parity says which slot is next.
    generation: u64,
}

impl Anchor {
    /// Opens the file, or makes it, and reads the newest whole slot.
    ///
    /// # Errors
    /// Those of the operating system, and `InvalidData` for a file that has content but no whole slot.
    pub fn open(path: &Path) -> io::Result<(Self, Option<Published>)> {
        let fresh = !path.exists();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        if fresh {
            file.set_len((SLOT as u64).saturating_mul(2))?;
            file.sync_all()?;
            sync_folder(path)?;
            return Ok((Self { file, generation: 0 }, None));
        }
        let mut slots = Vec::new();
        let mut empty = true;
        for slot in 0..2u64 {
            let mut bytes = vec![0; SLOT];
            file.read_exact_at(&mut bytes, slot.saturating_mul(SLOT as u64))?;
            empty &= bytes.iter().all(|byte| *byte == 0);
            slots.extend(decode(&bytes));
        }
        match slots.into_iter().max_by_key(|(generation, _)| *generation) {
            Some((generation, published)) => Ok((Self { file, generation }, Some(published))),
            None if empty => Ok((Self { file, generation: 0 }, None)),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "neither slot of the anchor is whole")),
        }
    }

    /// Writes what is about to be published. When this returns, it may leave the process.
    ///
    /// # Errors
    /// Those of the operating system; nothing may be published then.
    pub fn write(&mut self, published: &Published) -> io::Result<()> {
        let generation = self.generation.saturating_add(1);
        let slot = (generation % 2).saturating_mul(SLOT as u64);
        self.file.write_all_at(&encode(generation, published)?, slot)?;
        self.file.sync_data()?;
        self.generation = generation;
        Ok(())
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn encode(generation: u64, published: &Published) -> io::Result<Vec<u8>> {
    let mut writer = Writer::structure(5);
    writer.uint(generation).uint(published.size).bytes(&published.root).text(&published.checkpoint);
    let content = writer.finish();
    let mut slot = blake3::hash(&content).as_bytes().to_vec();
    slot.extend_from_slice(&content);
    if slot.len() > SLOT {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the checkpoint is longer than a slot of the anchor"));
    }
    slot.resize(SLOT, 0);
    Ok(slot)
}

fn decode(slot: &[u8]) -> Option<(u64, Published)> {
    let (checksum, rest) = slot.split_at_checked(CHECKSUM)?;
    let (mut reader, len) = Reader::open_prefix(rest).ok()?;
    if blake3::hash(rest.get(..len)?).as_bytes() != checksum {
        return None;
    }
    reader.suite(5).ok()?;
    let generation = reader.uint().ok()?;
    let (size, root) = (reader.uint().ok()?, reader.fixed().ok()?);
    let checkpoint = reader.text(0..=SLOT).ok()?.to_owned();
    Some((generation, Published { size, root, checkpoint }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(size: u64) -> Published {
        Published { size, root: [7; 32], checkpoint: format!("note of {size}") }
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        let (mut anchor, none) = Anchor::open(&path).unwrap();
        assert_eq!(none, None);
        for size in 1..=5 {
            anchor.write(&published(size)).unwrap();
            assert_eq!(Anchor::open(&path).unwrap().1, Some(published(size)));
        }
    }

    #[test]
    fn a_torn_write_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        let (mut anchor, _) = Anchor::open(&path).unwrap();
        anchor.write(&published(1)).unwrap();
        anchor.write(&published(2)).unwrap();
        // Generation 2 stands in slot 0; tear it.
        OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&[0xaa; 100], 20).unwrap();
        let (mut anchor, found) = Anchor::open(&path).unwrap();
        assert_eq!(found, Some(published(1)));
        anchor.write(&published(3)).unwrap();
        assert_eq!(Anchor::open(&path).unwrap().1, Some(published(3)));
    }

    #[test]
    fn a_file_without_a_whole_slot_stops_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        std::fs::write(&path, vec![0x55; 2 * SLOT]).unwrap();
        assert_eq!(Anchor::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
