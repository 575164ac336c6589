//! Witnessing: cosigning others' checkpoints, gathering cosignatures of one's own and theirs, and who is told what when (`specs/witness.md`).

use suyuan_core::charter::Alliance;
use suyuan_core::id::Hash;
use suyuan_core::key::{PublicKey, Signature};
use suyuan_core::log::LogId;
use suyuan_core::note::{self, TreeHead, UnverifiedCheckpoint};
use suyuan_core::policy::{checkpoint_key, witness_key};
use suyuan_core::{Fault, MemberId};

use crate::ledger::Ledger;
use crate::logs;
use crate::serve;
use crate::view::{StoreError, View};

mod check;
mod desk;
mod gather;
mod rounds;

pub(crate) use check::{check, check_all_cosigned, check_gathered};
pub use desk::{Cosigned, Desk, Refused, cosigned};
pub use gather::{Gathered, Gatherings, LogGathered, Merged};
pub use rounds::{Action, Alarm, Event, Local, Rounds};

/// A member's cosignature of a checkpoint, with the log's own signature: together they are the checkpoint as a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// Who cosigned.
    pub witness: MemberId,
    /// The log.
    pub log: LogId,
    /// Its tree.
    pub head: TreeHead,
    /// The log key's signature of the checkpoint.
    pub signed: Signature,
    /// When the witness cosigned, seconds since 1970-01-01 UTC.
    pub seconds: u64,
    /// The witness key's signature.
    pub signature: Signature,
}

impl Cosignature {
    /// The body of the checkpoint.
    pub fn body(&self) -> String {
        note::checkpoint_body(&self.log.origin(), &self.head)
    }

    /// The checkpoint as a note, with the log's line and this one.
    pub fn note(&self, alliance: &Alliance) -> Option<String> {
        let (author, witness) = (alliance.member(&self.log.member)?, alliance.member(&self.witness)?);
        let signed = note::log_line(&checkpoint_key(&self.log, author, self.head.size).ok()?, &self.signed);
        let line = note::cosignature_line(&witness_key(alliance, witness), self.seconds, &self.signature);
        Some(format!("{}\n{signed}{line}", self.body()))
    }

    /// The author's own cosignature of a checkpoint, taken from the note.
    pub fn of_author(note: &str, log: &LogId, alliance: &Alliance) -> Option<Self> {
        let (parsed, author) = (UnverifiedCheckpoint::parse(note).ok()?, alliance.member(&log.member)?);
        let (seconds, signature) = parsed.claimed_cosignature(&witness_key(alliance, author))?;
        let signed = parsed.claimed_log_signature(&checkpoint_key(log, author, parsed.claimed_size()).ok()?)?;
        Some(Self { witness: author.id, log: *log, head: parsed.claimed_head(), signed, seconds, signature })
    }

    /// Whether a witness key that its member does not have any more made it.
    fn is_by_former_key(&self, alliance: &Alliance) -> bool {
        let Some(witness) = alliance.active(&self.witness) else { return false };
        let former =
            witness.retired.iter().filter(|keys| keys.witness != witness.entry.keys.witness).filter_map(|keys| PublicKey::new(&keys.witness).ok());
        let body = self.body();
        former.into_iter().any(|key| note::verify_cosignature(&body, &key, self.seconds, &self.signature).is_ok())
    }
}

/// A cosignature of which both signatures were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCosignature {
    found: Cosignature,
    /// The witness key that made it: by the time it is kept the witness may have another one.
    key: PublicKey,
}

impl VerifiedCosignature {
    /// Checks that log and witness are members' current ones, and both signatures.
    ///
    /// # Errors
    /// [`Fault::Author`], [`Fault::Origin`], [`Fault::CheckpointSignature`], [`Fault::Cosignature`].
    pub fn check(found: Cosignature, alliance: &Alliance) -> Result<Self, Fault> {
        let (author, witness) = (alliance.active(&found.log.member).ok_or(Fault::Author)?, alliance.active(&found.witness).ok_or(Fault::Author)?);
        if found.log != alliance.log_of(&author.id) {
            return Err(Fault::Origin);
        }
        let body = found.body();
        let key = author.log_at(found.log.incarnation, found.head.size.saturating_sub(1)).ok_or(Fault::Origin)?;
        key.verify(body.as_bytes(), &found.signed).map_err(|_| Fault::CheckpointSignature)?;
        note::verify_cosignature(&body, &witness.witness, found.seconds, &found.signature)?;
        Ok(Self { key: witness.witness, found })
    }

    /// The author's own cosignature of a checkpoint that this node signed itself, with both keys.
    fn own(note: &str, log: &LogId, alliance: &Alliance) -> Option<Self> {
        let key = alliance.member(&log.member)?.witness;
        Some(Self { found: Cosignature::of_author(note, log, alliance)?, key })
    }

    /// Whether the witness still has the key that made it.
    fn is_by_key_of_today(&self, alliance: &Alliance) -> bool {
        alliance.member(&self.found.witness).is_some_and(|witness| witness.witness == self.key)
    }

    /// Checks what a member tells of its own cosignatures. One that it made with a witness key that it had before is passed over, and one of a log that was closed:
    /// it had not heard yet, when it told of it, what was decided.
    ///
    /// # Errors
    /// Those of [`VerifiedCosignature::check`] for the first that does not hold, and [`Fault::Author`] for one of another member.
    pub fn check_told(told: Vec<Cosignature>, by: &MemberId, alliance: &Alliance) -> Result<Vec<Self>, Fault> {
        let mut checked = Vec::with_capacity(told.len());
        for found in told {
            if found.witness != *by {
                return Err(Fault::Author);
            }
            if alliance.pin(&found.log).is_some() {
                continue;
            }
            let former = found.is_by_former_key(alliance);
            match Self::check(found, alliance) {
                Err(Fault::Cosignature) if former => {}
                result => checked.push(result?),
            }
        }
        Ok(checked)
    }
}

/// Whether what a member told may hold, by members, keys or of logs that this node has not heard of yet: only its history can tell.
pub const fn is_doubtful(fault: Fault) -> bool {
    matches!(fault, Fault::Author | Fault::Origin | Fault::CheckpointSignature | Fault::Cosignature)
}

impl std::ops::Deref for VerifiedCosignature {
    type Target = Cosignature;

    fn deref(&self) -> &Cosignature {
        &self.found
    }
}

/// Two checkpoints that one log signed, and whose trees contradict each other: who knows the log's key needs nothing else to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The log.
    pub log: LogId,
    /// The checkpoint that was shown.
    pub shown: String,
    /// A checkpoint at least as large, under which every entry is held.
    pub held: String,
    /// The root of the held tree at the size that was shown: not the one that was shown.
    pub root: Hash,
    /// Consistency path from there to the held checkpoint.
    pub path: Vec<Hash>,
}

/// The root of a log's first `size` entries; nothing where fewer are held.
///
/// # Errors
/// [`StoreError`].
pub fn held_root(log: &LogId, size: u64, ledger: &Ledger, view: &impl View) -> Result<Option<Hash>, StoreError> {
    let Some(head) = ledger.logs.known(log).filter(|head| head.size() >= size) else { return Ok(None) };
    if head.size() == size {
        return Ok(Some(head.tree_head().root));
    }
    let frontier = logs::tile_tree(view, head.number, size).frontier().map_err(|error| StoreError(error.to_string()))?;
    Ok(Some(frontier.root()))
}

/// The proof that a checkpoint, signed by its log, contradicts what is held. `published` is this node's own newest. Nothing where it does not, or no checkpoint that covers it is kept here.
///
/// # Errors
/// [`StoreError`].
pub fn contradiction(
    log: &LogId,
    shown: &TreeHead,
    note: &str,
    ledger: &Ledger,
    published: Option<&str>,
    view: &impl View,
) -> Result<Option<Contradiction>, StoreError> {
    let Some(root) = held_root(log, shown.size, ledger, view)?.filter(|root| *root != shown.root) else { return Ok(None) };
    let (Some(head), Some((held, size))) = (ledger.logs.known(log), serve::checkpoint(log, ledger, published, view)?) else { return Ok(None) };
    if size < shown.size {
        return Ok(None);
    }
    let path = logs::tile_tree(view, head.number, size).consistency(shown.size).map_err(|error| StoreError(error.to_string()))?;
    Ok(Some(Contradiction { log: *log, shown: note.to_owned(), held, root, path }))
}
