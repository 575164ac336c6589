//! Other members' logs, and the parts of them that came late: verified by the engine, written, and given effect.

use std::sync::Arc;

use suyuan_core::CircleId;
use suyuan_core::circle::{Slip, TYPE as CIRCLE_TYPE, alliance_circle};
use suyuan_core::log::LogId;
use suyuan_engine::counters::Counters;
use suyuan_engine::epoch;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::logs::LogHead;
use suyuan_engine::mend;
use suyuan_engine::record::HeldRecord;
use suyuan_engine::replica::{self, BatchError};
use suyuan_engine::view::Changes;
use suyuan_engine::void::VoidEntry;
use suyuan_engine::wire::{Batch, Item, LogSize};
use tracing::warn;

use super::{Fatal, Writer};
use crate::error::SubmitError;
use crate::handle::TakenIn;
use crate::keyring::KeyringError;

/// What was verified and is to be written.
struct Accepted {
    changes: Changes,
    head: Option<LogHead>,
    counters: Counters,
    records: Vec<HeldRecord>,
    slips: Vec<Slip>,
}

impl Writer {
    pub fn take_in(&mut self, batch: Batch) -> Result<Result<TakenIn, SubmitError>, Fatal> {
        let state = self.snapshot();
        let log = batch.log;
        let own = (log == state.ledger.own_log()).then(|| batch.checkpoint.clone());
        let mut verified = match replica::verify(batch, &state.ledger, self.store.as_ref(), &self.local, &state.secrets, &mut self.rng) {
            Ok(verified) => verified,
            Err(BatchError::Store(error)) => return Err(error.to_string()),
            Err(error) => return Ok(Err(SubmitError::Batch(error))),
        };
        if let Some(note) = &own {
            self.keep_returned(note, &mut verified.changes).map_err(|error| error.to_string())?;
        }
        let replica::Verified { changes, head, counters, records, voids, slips } = verified;
        tell_void(&log, &voids);
        let taken = TakenIn { log: LogSize { log, size: head.size() }, held: records.len() };
        self.accept(Accepted { changes, head: Some(head), counters, records, slips })?;
        self.publish()?;
        Ok(Ok(taken))
    }

    pub fn fill(&mut self, log: &LogId, items: Vec<Item>) -> Result<Result<(), SubmitError>, Fatal> {
        let state = self.snapshot();
        let keys = (&self.local, state.secrets.as_ref());
        let filled = match mend::fill(log, items, &state.ledger, self.store.as_ref(), keys, &mut self.cursor, &mut self.rng) {
            Ok(filled) => filled,
            Err(BatchError::Store(error)) => return Err(error.to_string()),
            Err(error) => return Ok(Err(SubmitError::Batch(error))),
        };
        let mend::Filled { changes, counters, records, voids, slips } = filled;
        tell_void(log, &voids);
        self.accept(Accepted { changes, head: None, counters, records, slips })?;
        Ok(Ok(()))
    }

    fn accept(&mut self, accepted: Accepted) -> Result<(), Fatal> {
        let state = self.snapshot();
        let Accepted { changes, head, counters, records, slips } = accepted;
        let opened = self.accept_slips(&slips, &records, &state.ledger)?;
        self.write(&changes)?;
        let mut ledger = Ledger::clone(&state.ledger);
        ledger.counters.merge(counters);
        if let Some(head) = head {
            ledger.logs.set(head);
        }
        let secrets = self.snapshot().secrets;
        let circle = |record: &HeldRecord| record.statement.kind == CIRCLE_TYPE;
        for record in records.iter().filter(|record| !circle(record) || !has_effect(record, &state.ledger)) {
            if let Some(void) = ledger.learn(record, &secrets).map_err(|error| error.to_string())? {
                warn!(statement = %record.statement.id(), why = void.explain(), "an epoch statement has no effect");
            }
        }
        if opened.contains(&alliance_circle(&ledger.alliance.id())) {
            ledger.relearn_addresses(self.store.as_ref(), &self.local, &secrets).map_err(|error| error.to_string())?;
        }
        self.replace(|state| state.ledger = Arc::new(ledger));
        opened.iter().try_for_each(|circle| self.index_circle(circle))
    }

    /// Secrets go into the keyring before the statements that need them are written. Says of which circles there were new ones.
    fn accept_slips(&mut self, slips: &[Slip], records: &[HeldRecord], ledger: &Ledger) -> Result<Vec<CircleId>, Fatal> {
        let mut opened = Vec::new();
        for slip in slips {
            let record = records.iter().find(|record| record.statement.id() == slip.statement);
            let Some(record) = record else { continue };
            match epoch::accept(slip, record, ledger, self.keyring.encryption()) {
                Ok(content) if self.keyring.epoch_secret(&content.circle, content.epoch) == Some(&content.secret) => {}
                Ok(content) => match self.keyring.add_epoch_secret(content.circle, content.epoch, content.secret) {
                    Ok(()) => {
                        opened.push(content.circle);
                        self.learn_secrets();
                    }
                    // A steward that hands out two secrets of one epoch, or more than a keyring holds, harms its own circles alone.
                    Err(error @ (KeyringError::Refused(_) | KeyringError::Full { .. })) => {
                        warn!(statement = %slip.statement, %error, "a circle's key was not kept");
                    }
                    Err(error) => return Err(format!("the keyring cannot be written: {error}")),
                },
                Err(fault) => warn!(statement = %slip.statement, %fault, "a key that was handed out does not fit its circle"),
            }
        }
        opened.sort_unstable();
        opened.dedup();
        Ok(opened)
    }

    /// Records of a circle may have come before its secret, from another author or in the same batch.
    fn index_circle(&mut self, circle: &CircleId) -> Result<(), Fatal> {
        let secrets = self.snapshot().secrets;
        let mut from = None;
        loop {
            let mut changes = Changes::default();
            let next = mend::index_circle(circle, from, &secrets, self.store.as_ref(), &self.local, &mut changes);
            from = next.map_err(|error| error.to_string())?;
            if !changes.is_empty() {
                self.write(&changes)?;
            }
            if from.is_none() {
                return Ok(());
            }
        }
    }
}

/// It stands in its author's log for good; whoever looks after the node may ask its author why.
fn tell_void(log: &LogId, voids: &[VoidEntry]) {
    for void in voids {
        warn!(log = %log.origin(), sequence = void.row.sequence, fault = %void.fault, "an entry is void: its author signed what does not hold");
    }
}

/// Whether an epoch statement has been given effect before.
fn has_effect(record: &HeldRecord, ledger: &Ledger) -> bool {
    let audience = record.sections.iter().find_map(|section| section.audiences.first());
    let circle = audience.and_then(|audience| ledger.circles.circle(&audience.header.circle));
    circle.is_some_and(|circle| circle.epochs().values().any(|epoch| epoch.statement == record.statement.id()))
}
