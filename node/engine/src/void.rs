//! Entries that mean nothing: their author signed them into its log, and by the logged bytes alone they are not statements, or not at their place
//! (`specs/sync.md`, Void entries).
//!
//! Such an entry has no sections, no effect and no count. Its bytes are kept and handed on as evidence, so that every node comes to the same verdict.

use suyuan_core::Fault;
use suyuan_core::id::{Hash, StatementId};
use suyuan_core::key::Signature;
use suyuan_core::statement::{self, Place, UnverifiedStatement, VerifiedStatement};

use crate::schema::{Row, Table};
use crate::view::{Changes, StoreError, View};

/// What an entry's bytes turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A statement at its place.
    Valid(Box<VerifiedStatement>),
    /// Its author signed what does not hold.
    Void(Fault),
    /// A statement of a later suite: this program cannot tell, and leaves the entry masked.
    Later,
}

/// Judges the bytes that were given for an entry, by its id, its place and the chain value before it: the same for everybody.
///
/// # Errors
/// [`Fault::Inclusion`] when they are not the entry's: whoever gave them has exchanged them.
pub fn judge(bytes: &[u8], place: &Place, entry: &StatementId, previous: &Hash) -> Result<Judgement, Fault> {
    match UnverifiedStatement::decode(bytes) {
        Ok(statement) if statement.id() != *entry => Err(Fault::Inclusion),
        Ok(statement) => Ok(match statement.verify_in_log(place, entry, previous) {
            Ok(verified) => Judgement::Valid(Box::new(verified)),
            Err(fault) => Judgement::Void(fault),
        }),
        Err(_) if statement::id_of(bytes) != *entry => Err(Fault::Inclusion),
        Err(Fault::Suite) => Ok(Judgement::Later),
        Err(fault) => Ok(Judgement::Void(fault)),
    }
}

/// A void entry as this node holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoidEntry {
    /// Where.
    pub row: Row,
    /// The chain value before it.
    pub previous: Hash,
    /// The signature beside it.
    pub signature: Signature,
    /// What its author signed into the log.
    pub bytes: Vec<u8>,
    /// Why it is void.
    pub fault: Fault,
}

impl VoidEntry {
    /// Writes its rows. Whoever copies another's statement into its own log takes nothing from it: what is found by this id already goes on being found.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn save(&self, id: &StatementId, view: &impl View, changes: &mut Changes) -> Result<(), StoreError> {
        changes.put(Table::Void, self.row.key(), [&self.previous[..], &self.signature, &self.bytes].concat());
        if view.row(Table::ById, &id.0)?.is_none() {
            changes.put(Table::ById, id.0, self.row.key());
        }
        Ok(())
    }

    /// Reads an entry back and judges it again. Nothing where the row is no void entry.
    ///
    /// # Errors
    /// [`StoreError`] when what is there is not what was written.
    pub fn load(row: Row, place: &Place, view: &impl View) -> Result<Option<Self>, StoreError> {
        let Some(stored) = view.row(Table::Void, &row.key())? else { return Ok(None) };
        let damaged = || StoreError(format!("void entry {} in log number {}", row.sequence, row.log));
        let (previous, rest) = stored.split_first_chunk::<32>().ok_or_else(damaged)?;
        let (signature, bytes) = rest.split_first_chunk::<64>().ok_or_else(damaged)?;
        let entry = view.row(Table::Entry, &row.key())?.and_then(|id| id.try_into().ok()).map(StatementId).ok_or_else(damaged)?;
        match judge(bytes, place, &entry, previous) {
            Ok(Judgement::Void(fault)) => Ok(Some(Self { row, previous: *previous, signature: *signature, bytes: bytes.to_vec(), fault })),
            _ => Err(damaged()),
        }
    }

    /// The statement that it would have been, where its bytes are one.
    pub fn statement(&self) -> Option<VerifiedStatement> {
        UnverifiedStatement::decode(&self.bytes).and_then(|statement| statement.reread(&statement::id_of(&self.bytes))).ok()
    }
}
