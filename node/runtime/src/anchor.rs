//! The anchor: what of this member's log has left the process, in a file of its own, fsynced before it leaves (`specs/store.md`, Anchor).
//!
//! A database that lost its last writes opens as if they had never been. The anchor notices: a store that holds less than the anchor says is an old copy,
//! and a node that wrote on from there would contradict what it published.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use suyuan_core::cbor::{Reader, Writer};
use suyuan_engine::writer::{FROM_PEERS, Published};

/// Bytes of each of the two slots that are written in turn, so that a torn write leaves the other.
const SLOT: usize = 8192;
const LEN: u64 = 2 * SLOT as u64;
const CHECKSUM: usize = 32;

/// The open anchor file.
#[derive(Debug)]
pub struct Anchor {
    file: File,
    /// Number of writes so far; its parity says which slot is next.
    generation: u64,
}

impl Anchor {
    /// Opens the file and reads the newest whole slot. Where the store holds no entries of the own log yet, the file may be missing, and is made.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn open(path: &Path, entries: u64) -> Result<(Self, Option<Published>), AnchorError> {
        let found = Self::read(path, entries)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        if let Found::Nothing = found {
            file.set_len(LEN)?;
            file.sync_all()?;
            sync_folder(path)?;
        }
        Ok(match found {
            Found::Written { generation, published } => (Self { file, generation }, Some(published)),
            Found::Nothing | Found::Unwritten => (Self { file, generation: 0 }, None),
        })
    }

    /// The same without writing anything, for a check.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn look(path: &Path, entries: u64) -> Result<Option<Published>, AnchorError> {
        match Self::read(path, entries)? {
            Found::Written { published, .. } => Ok(Some(published)),
            Found::Nothing | Found::Unwritten => Ok(None),
        }
    }

    fn read(path: &Path, entries: u64) -> Result<Found, AnchorError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if entries == 0 { Ok(Found::Nothing) } else { Err(AnchorError::Missing { entries }) };
            }
            other => other?,
        };
        match file.metadata()?.len() {
            LEN => {}
            // Made, but the machine stopped before it had its size.
            0 if entries == 0 => return Ok(Found::Nothing),
            len => return Err(AnchorError::Length { len }),
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
            Some((generation, published)) => Ok(Found::Written { generation, published }),
            None if empty => Ok(Found::Unwritten),
            None => Err(AnchorError::Torn),
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

/// What there is at the anchor's path.
enum Found {
    /// No file, or one that was never given its size.
    Nothing,
    /// A file in which nothing was published yet.
    Unwritten,
    Written {
        generation: u64,
        published: Published,
    },
}

/// What this member has published cannot be told. A node does not start then: it might contradict itself.
#[derive(Debug)]
pub enum AnchorError {
    /// The file is not there, though the own log has begun.
    Missing {
        /// Entries of the own log in the store.
        entries: u64,
    },
    /// It does not have its length.
    Length {
        /// Bytes that it has.
        len: u64,
    },
    /// Neither slot is whole.
    Torn,
    /// The operating system.
    Io(io::Error),
}

impl fmt::Display for AnchorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { entries } => write!(f, "it is missing, but the store holds {entries} entries of this member's log")?,
            Self::Length { len } => write!(f, "it has {len} bytes where {LEN} belong")?,
            Self::Torn => f.write_str("neither of its two copies is whole")?,
            Self::Io(error) => return write!(f, "it cannot be read or written: {error}; see to the disk, then start again"),
        }
        write!(f, "; how much of this member's log was published cannot be told. Put back the newest copy of the whole data folder, or {FROM_PEERS}")
    }
}

impl std::error::Error for AnchorError {}

impl From<io::Error> for AnchorError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
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
        let (mut anchor, none) = Anchor::open(&path, 0).unwrap();
        assert_eq!(none, None);
        for size in 1..=5 {
            anchor.write(&published(size)).unwrap();
            assert_eq!(Anchor::open(&path, 0).unwrap().1, Some(published(size)));
        }
    }

    #[test]
    fn a_torn_write_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        let (mut anchor, _) = Anchor::open(&path, 0).unwrap();
        anchor.write(&published(1)).unwrap();
        anchor.write(&published(2)).unwrap();
        // Generation 2 stands in slot 0; tear it.
        OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&[0xaa; 100], 20).unwrap();
        let (mut anchor, found) = Anchor::open(&path, 0).unwrap();
        assert_eq!(found, Some(published(1)));
        anchor.write(&published(3)).unwrap();
        assert_eq!(Anchor::open(&path, 0).unwrap().1, Some(published(3)));
    }

    #[test]
    fn a_file_without_a_whole_slot_stops_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        std::fs::write(&path, vec![0x55; 2 * SLOT]).unwrap();
        assert!(matches!(Anchor::open(&path, 0), Err(AnchorError::Torn)));
        for len in [1, SLOT, 2 * SLOT - 1, 2 * SLOT + 1] {
            std::fs::write(&path, vec![0; len]).unwrap();
            assert!(matches!(Anchor::open(&path, 0), Err(AnchorError::Length { .. })), "{len}");
        }
    }

    #[test]
    fn only_a_log_that_has_not_begun_may_be_without_an_anchor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        assert!(matches!(Anchor::open(&path, 1), Err(AnchorError::Missing { entries: 1 })));
        assert!(matches!(Anchor::look(&path, 1), Err(AnchorError::Missing { entries: 1 })));
        assert_eq!(Anchor::look(&path, 0).unwrap(), None);
        assert!(!path.exists(), "a check makes no file, nor does a refusal");
        std::fs::write(&path, []).unwrap();
        assert!(matches!(Anchor::open(&path, 1), Err(AnchorError::Length { len: 0 })));
        assert_eq!(Anchor::open(&path, 0).unwrap().1, None);
        assert_eq!(Anchor::open(&path, 1).unwrap().1, None, "written, and not yet published");
    }
}
