//! A file that convicts a member of having signed two histories of one log (`specs/equivocation.md`).

use std::sync::Arc;

use crate::cbor::{Reader, Writer};
use crate::charter::Alliance;
use crate::fault::Fault;
use crate::history::Foundation;
use crate::id::{AllianceId, Hash, MemberId, StatementId};
use crate::limits;
use crate::log::{LogId, witness_name};
use crate::note::{Checkpoint, TreeHead, UnverifiedCheckpoint};
use crate::policy::{checkpoint_key, witness_key};
use crate::tree;

/// The first element of a file.
pub const MAGIC: &str = "suyuan-equivocation";
const VERSION: u64 = 1;

/// What convicts, as it stands in a file or goes from node to node. Nothing of it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whose log.
    pub member: MemberId,
    /// Which of its logs.
    pub incarnation: u64,
    /// The checkpoint that is not the larger one.
    pub first: String,
    /// The other checkpoint.
    pub second: String,
    /// Why both cannot be true.
    pub proof: Contradiction,
}

/// Why two checkpoints of one log cannot both be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// They are of one size.
    SameSize,
    /// The second's tree had another root when it had the first's size.
    Prefix {
        /// That root.
        root: Hash,
        /// Consistency path to the second.
        path: Vec<Hash>,
    },
    /// At one index, they have different entries.
    Fork {
        /// The index.
        index: u64,
        /// The entry under the first.
        first: Shown,
        /// The entry under the second.
        second: Shown,
    },
}

/// An entry with its inclusion path under a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The entry.
    pub entry: StatementId,
    /// Its path, from the leaf's sibling up.
    pub path: Vec<Hash>,
}

/// Evidence that holds: a member that signed two histories. It exists only through [`Evidence::verify`], and [`Evidence::reread`] of what was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conviction {
    log: LogId,
    heads: [TreeHead; 2],
    seconds: [Option<u64>; 2],
    common: Option<u64>,
    evidence: Evidence,
}

impl Conviction {
    /// Of which log.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// Sizes of the two checkpoints, ascending.
    pub fn sizes(&self) -> [u64; 2] {
        self.heads.map(|head| head.size)
    }

    /// When the member says that each was its newest checkpoint, seconds since 1970-01-01 UTC.
    pub fn seconds(&self) -> [Option<u64>; 2] {
        self.seconds
    }

    /// How many entries both histories have in common, where that is proven too.
    pub fn common(&self) -> Option<u64> {
        self.common
    }

    /// The evidence.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

impl Evidence {
    /// Puts two sides together, each a checkpoint with an entry that it covers; signature lines of others are left out.
    ///
    /// # Errors
    /// [`Fault::Author`] where the log is no member's, [`Fault::Note`] where a checkpoint is none.
    pub fn fork(alliance: &Alliance, log: &LogId, index: u64, one: (&str, Shown), other: (&str, Shown)) -> Result<Self, Fault> {
        let author = alliance.member(&log.member).ok_or(Fault::Author)?;
        let witness = witness_key(alliance, author);
        let trim = |note: &str| {
            let note = UnverifiedCheckpoint::parse(note)?;
            Ok::<_, Fault>((note.claimed_size(), note.trimmed(&checkpoint_key(log, author, note.claimed_size())?, &witness)))
        };
        let (ours, theirs) = (trim(one.0)?, trim(other.0)?);
        let ((first, shown), (second, also)) =
            if ours.0 <= theirs.0 { ((ours.1, one.1), (theirs.1, other.1)) } else { ((theirs.1, other.1), (ours.1, one.1)) };
        let proof = Contradiction::Fork { index, first: shown, second: also };
        Ok(Self { member: log.member, incarnation: log.incarnation, first, second, proof })
    }

    /// Which log it is about.
    pub fn log(&self, alliance: AllianceId) -> LogId {
        LogId { alliance, member: self.member, incarnation: self.incarnation }
    }

    /// Encodes the evidence.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(4096);
        self.write(&mut writer);
        writer.finish()
    }

    /// Decodes evidence that stands alone.
    ///
    /// # Errors
    /// [`Fault::Form`] above [`limits::EVIDENCE`] bytes, then [`Fault::Cbor`], [`Fault::Form`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > limits::EVIDENCE {
            return Err(Fault::Form);
        }
        Self::read(&mut Reader::open(bytes)?)
    }

    /// Writes the evidence as one item.
    pub fn write(&self, writer: &mut Writer) {
        writer.array(5).bytes(&self.member.0).uint(self.incarnation).text(&self.first).text(&self.second);
        match &self.proof {
            Contradiction::SameSize => {
                writer.null();
            }
            Contradiction::Prefix { root, path } => write_path(writer.array(2).bytes(root), path),
            Contradiction::Fork { index, first, second } => {
                writer.array(5).uint(*index);
                first.write(writer);
                second.write(writer);
            }
        }
    }

    /// Reads evidence as one item.
    ///
    /// # Errors
    /// [`Fault::Form`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array(5)?;
        let (member, incarnation) = (MemberId(reader.fixed()?), reader.uint()?);
        let (first, second) = (reader.text(1..=limits::EVIDENCE_NOTE)?.to_owned(), reader.text(1..=limits::EVIDENCE_NOTE)?.to_owned());
        Ok(Self { member, incarnation, first, second, proof: Contradiction::read(reader)? })
    }

    /// Checks everything under a verified charter, in the order of the specification.
    ///
    /// # Errors
    /// The faults of steps 3 to 8 of `specs/equivocation.md`.
    pub fn verify(self, alliance: &Alliance) -> Result<Conviction, Fault> {
        let author = alliance.member(&self.member).ok_or(Fault::Author)?;
        let log = self.log(alliance.id());
        let witness = [witness_key(alliance, author)];
        let check = |note: &str| {
            let note = UnverifiedCheckpoint::parse(note)?;
            note.verify(&checkpoint_key(&log, author, note.claimed_size())?, &witness)
        };
        let (first, second) = (check(&self.first)?, check(&self.second)?);
        let claimed = |checkpoint: &Checkpoint| checkpoint.cosignatures.first().map(|(_, seconds)| *seconds);
        let seconds = [claimed(&first), claimed(&second)];
        self.convict(log, [first.head, second.head], seconds)
    }

    /// Reads evidence that was verified before, without judging its signatures again: the member may have another key by now.
    ///
    /// # Errors
    /// What else does not hold.
    pub fn reread(self, alliance: AllianceId) -> Result<Conviction, Fault> {
        let (log, witness) = (self.log(alliance), witness_name(&alliance, &self.member));
        let (first, second) = (UnverifiedCheckpoint::parse(&self.first)?, UnverifiedCheckpoint::parse(&self.second)?);
        if first.origin() != log.origin() || second.origin() != log.origin() {
            return Err(Fault::Origin);
        }
        let head = |note: &UnverifiedCheckpoint<'_>| TreeHead { size: note.claimed_size(), root: note.claimed_root() };
        let (heads, seconds) = ([head(&first), head(&second)], [first.claimed_seconds(&witness), second.claimed_seconds(&witness)]);
        self.convict(log, heads, seconds)
    }

    /// Steps 5 to 8.
    fn convict(self, log: LogId, heads: [TreeHead; 2], seconds: [Option<u64>; 2]) -> Result<Conviction, Fault> {
        if heads[0].size > heads[1].size {
            return Err(Fault::CheckpointSize);
        }
        let common = self.proof.check(&heads)?;
        Ok(Conviction { log, heads, seconds, common, evidence: self })
    }
}

impl Contradiction {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        if reader.null() {
            return Ok(Self::SameSize);
        }
        match reader.array_in(2..=5)? {
            2 => Ok(Self::Prefix { root: reader.fixed()?, path: read_path(reader)? }),
            5 => Ok(Self::Fork { index: reader.uint()?, first: Shown::read(reader)?, second: Shown::read(reader)? }),
            _ => Err(Fault::Form),
        }
    }

    /// Steps 6 to 8. Returns the last common point where it is proven.
    fn check(&self, [one, other]: &[TreeHead; 2]) -> Result<Option<u64>, Fault> {
        let same_size = one.size == other.size;
        let (differ, common) = match self {
            Self::SameSize if same_size => (one.root != other.root, None),
            Self::Prefix { root, path } if !same_size => {
                tree::verify_consistency(one.size, other.size, root, &other.root, path)?;
                (*root != one.root, None)
            }
            Self::Fork { index, first, second } => {
                first.check(*index, one.size, &one.root)?;
                second.check(*index, other.size, &other.root)?;
                let before = |size, shown: &Shown| tree::before(*index, size, &shown.path);
                let same = before(one.size, first) == before(other.size, second);
                (first.entry != second.entry, same.then_some(*index))
            }
            _ => return Err(Fault::Proof),
        };
        if differ { Ok(common) } else { Err(Fault::Agreement) }
    }
}

impl Shown {
    /// Checks that the entry stands at an index of the tree of this size and root.
    ///
    /// # Errors
    /// [`Fault::Inclusion`].
    pub fn check(&self, index: u64, size: u64, root: &Hash) -> Result<(), Fault> {
        tree::verify_inclusion(&tree::leaf_hash(&self.entry.0), index, size, &self.path, root)
    }

    /// Writes entry and path as two items.
    pub fn write(&self, writer: &mut Writer) {
        write_path(writer.bytes(&self.entry.0), &self.path);
    }

    /// Reads two items.
    ///
    /// # Errors
    /// [`Fault::Form`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self { entry: StatementId(reader.fixed()?), path: read_path(reader)? })
    }
}

fn write_path(writer: &mut Writer, path: &[Hash]) {
    writer.array(path.len());
    for hash in path {
        writer.bytes(hash);
    }
}

fn read_path(reader: &mut Reader<'_>) -> Result<Vec<Hash>, Fault> {
    (0..reader.array_in(0..=limits::PATH)?).map(|_| reader.fixed()).collect()
}

/// A file, nothing of it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EquivocationFile {
    /// Charter and history.
    pub foundation: Foundation,
    /// What convicts.
    pub evidence: Evidence,
}

impl EquivocationFile {
    /// Encodes the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Foundation { charter, history } = &self.foundation;
        let mut writer = Writer::with_capacity(charter.len().saturating_add(4096));
        writer.array(if history.is_some() { 5 } else { 4 }).text(MAGIC).uint(VERSION).bytes(charter);
        self.evidence.write(&mut writer);
        if let Some(history) = history {
            writer.bytes(history);
        }
        writer.finish()
    }

    /// Whether these bytes say of themselves that they are such a file; whether they are one is another matter.
    pub fn is_named(bytes: &[u8]) -> bool {
        [4, 5].into_iter().any(|len| {
            let mut start = Writer::default();
            start.array(len).text(MAGIC);
            bytes.starts_with(&start.finish())
        })
    }

    /// Decodes a file.
    ///
    /// # Errors
    /// [`Fault::Form`] above [`limits::EQUIVOCATION`] bytes, then [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let (mut reader, len) = Reader::open_file(bytes, limits::EQUIVOCATION, MAGIC, VERSION, 4..=5)?;
        let (charter, evidence) = (reader.bytes(limits::CHARTER_FILE)?.to_vec(), Evidence::read(&mut reader)?);
        let history = if len == 5 { Some(reader.bytes(limits::BUNDLE)?.to_vec()) } else { None };
        Ok(Self { foundation: Foundation { charter, history }, evidence })
    }

    /// Checks everything, in the order of the specification, and stops at the first fault.
    ///
    /// # Errors
    /// The faults of `specs/equivocation.md`, Verification.
    pub fn verify(bytes: &[u8], expected: Option<&AllianceId>) -> Result<(Arc<Alliance>, Conviction), Fault> {
        let file = Self::decode(bytes)?;
        let alliance = file.foundation.verify(expected)?;
        let conviction = file.evidence.verify(&alliance)?;
        Ok((alliance, conviction))
    }
}
