//! Finding what was there before its key: when the secret of an epoch comes, records of its circle may have come before it, from another author or in the
//! same batch.
//!
//! It takes several writes, and the power may go between any two of them: which circles are due stands in the store before the secret is in the keyring, and
//! goes with the last of their rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::CircleId;

use super::Writer;
use super::shell::{Disk, Fatal, Outlet};
use crate::ledger::Ledger;
use crate::mend;
use crate::schema::{Table, UNINDEXED_ROW};
use crate::secrets::EpochSecrets;
use crate::view::{Changes, StoreError, View};

/// Notes that these circles are due, before a secret of theirs is kept.
pub(super) fn mark(circles: impl IntoIterator<Item = CircleId>, disk: &mut impl Disk, rng: &mut impl CryptoRng) -> Result<(), StoreError> {
    let mut due = marked(disk)?;
    let before = due.len();
    due.extend(circles);
    if due.len() == before {
        return Ok(());
    }
    let circles = due.iter().flat_map(|circle| circle.0).collect();
    let mut changes = Changes::default();
    changes.put(Table::Meta, UNINDEXED_ROW, disk.keys().local.seal_header(UNINDEXED_ROW, circles, rng)?);
    disk.write(&changes)
}

/// The circles that are due.
fn marked(disk: &impl Disk) -> Result<BTreeSet<CircleId>, StoreError> {
    let Some(sealed) = disk.rows().row(Table::Meta, UNINDEXED_ROW)? else { return Ok(BTreeSet::new()) };
    let row = disk.keys().local.open_header(UNINDEXED_ROW, &sealed)?;
    let (circles, rest) = row.as_chunks::<32>();
    if rest.is_empty() { Ok(circles.iter().map(|circle| CircleId(*circle)).collect()) } else { Err(StoreError("the circles to be indexed".into())) }
}

/// Indexes the circles that are due. Says whether there were any.
///
/// # Errors
/// [`StoreError`].
pub(super) fn index(ledger: &mut Ledger, secrets: &EpochSecrets, disk: &mut impl Disk) -> Result<bool, StoreError> {
    let due = marked(disk)?;
    for circle in &due {
        let mut from = None;
        loop {
            let mut changes = Changes::default();
            let before = ledger.counters.clone();
            let (rows, local) = (disk.rows(), disk.keys().local);
            from = mend::index_circle(circle, from, secrets, rows, local, (&mut ledger.counters, &mut changes))?;
            ledger.counters.save(&before, local, &mut changes);
            if from.is_none() && due.last() == Some(circle) {
                changes.delete(Table::Meta, UNINDEXED_ROW);
            }
            if !changes.is_empty() {
                disk.write(&changes)?;
            }
            if from.is_none() {
                break;
            }
        }
    }
    Ok(!due.is_empty())
}

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    /// Indexes the circles that are due, and lets readers see it.
    pub(super) fn index(&mut self) -> Result<(), Fatal> {
        let mut ledger = Ledger::clone(&self.state.ledger);
        if index(&mut ledger, &self.state.secrets, &mut self.disk)? {
            self.state.ledger = Arc::new(ledger);
            self.outlet.show(&self.state);
        }
        Ok(())
    }
}
