//! Idempotency: a request that comes again under the same key is answered with what was written the first time.

use suyuan_core::StatementId;
use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::log::LogId;

use super::command::{Idempotent, Receipt, SubmitError};
use crate::local::LocalKeys;
use crate::schema::Table;
use crate::view::{Changes, StoreError, View};

/// Puts the answer beside the records, in the same write.
pub fn remember(once: &Idempotent, receipt: &Receipt, now: u64, local: &LocalKeys, changes: &mut Changes) {
    let all: Vec<u8> = receipt.ids.iter().flat_map(|id| id.0).collect();
    let mut writer = Writer::with_capacity(all.len().saturating_add(64));
    writer.array(4).bytes(&once.digest).uint(now).uint(receipt.first).bytes(&all);
    changes.put(Table::Idempotency, local.name(Table::Idempotency, &once.key), writer.finish());
}

/// The answer given before, if the key was used.
///
/// # Errors
/// [`SubmitError::Conflict`] when it was used for another request.
pub fn recall(once: &Idempotent, log: LogId, view: &impl View, local: &LocalKeys) -> Result<Option<Receipt>, SubmitError> {
    let Some(stored) = view.row(Table::Idempotency, &local.name(Table::Idempotency, &once.key))? else {
        return Ok(None);
    };
    let damaged = || StoreError("an idempotency key's row".into());
    let (digest, first, all) = decode(&stored).ok_or_else(damaged)?;
    if digest != once.digest {
        return Err(SubmitError::Conflict);
    }
    Ok(Some(Receipt { log, first, ids: ids(&all).ok_or_else(damaged)?, replayed: true }))
}

fn decode(bytes: &[u8]) -> Option<([u8; 32], u64, Vec<u8>)> {
    let mut reader = Reader::open(bytes).ok()?;
    reader.array(4).ok()?;
    let digest = reader.fixed().ok()?;
    let (_, first) = (reader.uint().ok()?, reader.uint().ok()?);
    Some((digest, first, reader.bytes(1 << 20).ok()?.to_vec()))
}

/// The ids of statements that a row of concatenated hashes names.
fn ids(bytes: &[u8]) -> Option<Vec<StatementId>> {
    let (ids, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| ids.iter().copied().map(StatementId).collect())
}
