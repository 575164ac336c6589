//! This member's own log coming back from its peers, to a node whose disk is older than what it had published.
//!
//! The newest checkpoint that comes with it is kept from the first batch on. Until every entry under it is here again, nothing is authored and nothing is
//! signed, over any number of restarts; then that same checkpoint is published once more, byte for byte.

use suyuan_core::note::UnverifiedCheckpoint;

use super::Writer;
use super::shell::Disk;
use crate::schema::{RETURNED_ROW, Table};
use crate::view::{Changes, StoreError, View};

/// A checkpoint of this node's own that a peer has kept.
pub struct Returned {
    pub size: u64,
    pub note: String,
}

impl<D: Disk, O, R> Writer<D, O, R> {
    /// The newest checkpoint that came back, if any ever did.
    pub fn returned(&self) -> Result<Option<Returned>, StoreError> {
        let Some(row) = self.disk.rows().row(Table::Meta, RETURNED_ROW)? else { return Ok(None) };
        let damaged = || StoreError("the checkpoint that came back".into());
        let note = String::from_utf8(row).map_err(|_| damaged())?;
        let size = UnverifiedCheckpoint::parse(&note).map_err(|_| damaged())?.claimed_size();
        Ok(Some(Returned { size, note }))
    }

    /// Whether more of this member's log was published than is here.
    pub fn is_behind(&self) -> Result<bool, StoreError> {
        let ledger = &self.state.ledger;
        let here = ledger.logs.head(&ledger.own_log()).size();
        Ok(self.returned()?.is_some_and(|returned| returned.size > here))
    }

    /// Keeps a verified checkpoint of the own log beside the entries that came with it, unless a newer one is known.
    pub fn keep_returned(&self, note: &str, changes: &mut Changes) -> Result<(), StoreError> {
        let size = UnverifiedCheckpoint::parse(note).map_or(0, |checkpoint| checkpoint.claimed_size());
        if self.returned()?.is_none_or(|known| known.size < size) {
            changes.put(Table::Meta, RETURNED_ROW, note);
        }
        Ok(())
    }
}
