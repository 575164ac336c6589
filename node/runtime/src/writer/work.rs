//! The heavy part of a commit on all cores: hashing and sealing before the chain is laid, signing, wrapping and making rows after it.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use suyuan_core::StatementId;
use suyuan_core::key::SecretKey;
use suyuan_core::statement::{Place, RESERVED_TYPES};
use suyuan_engine::author::{Assembled, AuthorError, Draft, Plan, Prepared};
use suyuan_engine::local::LocalKeys;
use suyuan_engine::record::HeldRecord;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::view::{Changes, View};

/// From this many records on, the work is shared out.
const SHARE: usize = 16;

/// What is left of a record that was written up.
pub struct Written {
    pub id: StatementId,
    pub rows: Changes,
    /// One of the protocol's own, which may have an effect.
    pub protocol: Option<HeldRecord>,
}

/// The keys that a record is written with.
pub struct Keys<'a> {
    pub log: &'a SecretKey,
    pub secrets: &'a EpochSecrets,
    pub local: &'a LocalKeys,
}

/// Turns plans into signed records at the end of the draft's log, in order.
///
/// # Errors
/// [`AuthorError`]; nothing was written.
pub fn write_up(plans: Vec<Plan>, draft: &mut Draft, view: &impl View, keys: &Keys<'_>, rng: &mut StdRng) -> Result<Vec<Written>, AuthorError> {
    let mut seed = || {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        seed
    };
    let placed: Vec<(Plan, Place, [u8; 32])> = plans.into_iter().zip(0u64..).map(|(plan, ahead)| (plan, draft.place(ahead), seed())).collect();
    let prepared: Vec<Prepared> = shared(placed, |(plan, place, seed)| plan.prepare(place, &mut StdRng::from_seed(seed)))?;
    let assembled = prepared.into_iter().map(|prepared| Ok((draft.assemble(prepared, view)?, seed())));
    let assembled: Vec<(Assembled, [u8; 32])> = assembled.collect::<Result<_, AuthorError>>()?;
    shared(assembled, |(assembled, seed)| {
        let (record, subjects) = assembled.finish(keys.log, keys.secrets)?;
        let mut rows = Changes::default();
        record.save(&subjects, keys.local, &mut StdRng::from_seed(seed), &mut rows)?;
        let id = record.statement.id();
        Ok(Written { id, rows, protocol: record.statement.kind.starts_with(RESERVED_TYPES).then_some(record) })
    })
}

/// Maps in order, on two threads where it is worth it.
fn shared<I: Send, O: Send>(mut items: Vec<I>, work: impl Fn(I) -> Result<O, AuthorError> + Sync) -> Result<Vec<O>, AuthorError> {
    if items.len() < SHARE {
        return items.into_iter().map(work).collect();
    }
    let back = items.split_off(items.len() / 2);
    let work = &work;
    std::thread::scope(|scope| {
        let other = scope.spawn(move || back.into_iter().map(work).collect::<Result<Vec<O>, _>>());
        let mut front = items.into_iter().map(work).collect::<Result<Vec<O>, _>>()?;
        match other.join() {
            Ok(back) => front.append(&mut back?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(front)
    })
}
