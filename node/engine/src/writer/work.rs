//! The heavy part of a commit, in steps that can be shared out: hashing and sealing before the chain is laid, signing, wrapping and making rows after it.

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::StatementId;
use suyuan_core::key::SecretKey;
use suyuan_core::statement::{Place, RESERVED_TYPES};

use super::keys;
use super::shell::Outlet;
use crate::author::{Assembled, AuthorError, Draft, Plan, Prepared};
use crate::ledger::Ledger;
use crate::local::LocalKeys;
use crate::record::HeldRecord;
use crate::secrets::EpochSecrets;
use crate::view::{Changes, View};

/// What is left of a record that was written up.
pub struct Written {
    pub id: StatementId,
    pub rows: Changes,
    /// One of the protocol's own, which may have an effect.
    pub protocol: Option<HeldRecord>,
}

/// What a record is written with: all log keys of its author, of which its place says the one.
pub struct Author<'a> {
    pub log: Vec<&'a SecretKey>,
    pub secrets: &'a EpochSecrets,
    pub local: &'a LocalKeys,
}

/// Turns plans into signed records at the end of the draft's log, in order.
///
/// # Errors
/// [`AuthorError`]; nothing was written.
pub fn write_up<O: Outlet, R: CryptoRng + SeedableRng + Send>(
    plans: Vec<Plan>,
    draft: &mut Draft,
    view: &impl View,
    author: &Author<'_>,
    rng: &mut R,
) -> Result<Vec<Written>, AuthorError> {
    let placed: Vec<(Plan, Place, R)> = plans.into_iter().zip(0u64..).map(|(plan, ahead)| (plan, draft.place(ahead), rng.fork())).collect();
    let prepared: Vec<Prepared> = O::map(placed, |(plan, place, mut rng)| plan.prepare(place, &mut rng))?;
    let assembled = prepared.into_iter().map(|prepared| Ok((draft.assemble(prepared, view)?, rng.fork())));
    let assembled: Vec<(Assembled, R)> = assembled.collect::<Result<_, AuthorError>>()?;
    O::map(assembled, |(assembled, mut rng)| {
        let key = keys::private(&author.log, &assembled.key)?;
        let (record, subjects) = assembled.finish(key, author.secrets)?;
        let mut rows = Changes::default();
        record.save(&subjects, author.local, &mut rng, &mut rows)?;
        let id = record.statement.id();
        Ok(Written { id, rows, protocol: record.statement.kind.starts_with(RESERVED_TYPES).then_some(record) })
    })
}

/// Puts the rows of written-up records together with those of their log, and of the author's counters.
pub fn save(written: &mut [Written], draft: &mut Draft, before: &Ledger, local: &LocalKeys, changes: &mut Changes) {
    for written in written {
        changes.rows.append(&mut written.rows.rows);
    }
    changes.rows.append(&mut draft.changes.rows);
    draft.head.save(changes);
    draft.counters.save(&before.counters, local, changes);
}

/// The ledger with what was drafted on top of it.
pub fn grown(before: &Ledger, draft: Draft) -> Ledger {
    let mut ledger = before.clone();
    ledger.logs.set(draft.head);
    ledger.counters.merge(draft.counters);
    ledger
}
