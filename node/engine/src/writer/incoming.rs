//! Other members' logs, and the parts of them that came late: verified, written, and given effect.

use std::sync::Arc;

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::circle::{TYPE as CIRCLE_TYPE, alliance_circle};
use suyuan_core::log::LogId;
use suyuan_core::{CircleId, MemberId};

use super::command::{SubmitError, TakenIn};
use super::shell::{Disk, Fatal, Notice, Outlet, SecretError};
use super::{Writer, index};
use crate::counters::Counters;
use crate::epoch::Given;
use crate::ledger::Ledger;
use crate::logs::LogHead;
use crate::mend;
use crate::record::HeldRecord;
use crate::relay::shelf::{self, Share};
use crate::replica::{self, BatchError, Opening};
use crate::view::Changes;
use crate::void::VoidEntry;
use crate::wire::{Batch, Collected, Item, LogSize};

/// What was verified and is to be written.
struct Accepted {
    changes: Changes,
    head: Option<LogHead>,
    counters: Counters,
    records: Vec<HeldRecord>,
    given: Vec<Given>,
}

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    pub(super) fn take_in(&mut self, batch: Batch, now: u64) -> Result<Result<TakenIn, SubmitError>, Fatal> {
        let ledger = self.state.ledger.clone();
        let log = batch.log;
        let own = (log == ledger.own_log()).then(|| batch.checkpoint.clone());
        let (rows, keys) = (self.disk.rows(), self.disk.keys());
        let opening = Opening { local: keys.local, secrets: &self.state.secrets, encryption: &keys.encryption };
        let mut verified = match replica::verify(batch, &ledger, rows, opening, &mut self.rng) {
            Ok(verified) => verified,
            Err(BatchError::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(SubmitError::Batch(error))),
        };
        let mut doubted = None;
        if let Some(note) = &own {
            self.keep_returned(note, &mut verified.changes)?;
            doubted = Some(self.doubt_waiting(&mut verified.changes)?);
        }
        let replica::Verified { changes, head, counters, records, voids, given } = verified;
        self.tell_void(log, voids);
        let taken = TakenIn { log: LogSize { log, size: head.size() }, held: records.len() };
        self.accept(Accepted { changes, head: Some(head), counters, records, given })?;
        if let Some(queue) = doubted {
            self.state.waiting = Arc::new(queue);
            self.outlet.show(&self.state);
        }
        self.publish(now)?;
        Ok(Ok(taken))
    }

    pub(super) fn fill(&mut self, log: &LogId, items: Vec<Item>) -> Result<Result<(), SubmitError>, Fatal> {
        let ledger = self.state.ledger.clone();
        let keys = self.disk.keys();
        let opening = Opening { local: keys.local, secrets: &self.state.secrets, encryption: &keys.encryption };
        let filled = match mend::fill(log, items, &ledger, self.disk.rows(), opening, &mut self.cursor, &mut self.rng) {
            Ok(filled) => filled,
            Err(BatchError::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(SubmitError::Batch(error))),
        };
        let mend::Filled { changes, counters, records, voids, given } = filled;
        self.tell_void(*log, voids);
        self.accept(Accepted { changes, head: None, counters, records, given })?;
        Ok(Ok(()))
    }

    /// Keeps for others what this node cannot read. It counts as kept when it is on the disk.
    pub(super) fn keep(&mut self, member: &MemberId, collected: Collected, now: u64) -> Result<(), Fatal> {
        let ledger = &self.state.ledger;
        let changes = shelf::keep(member, collected, Share::of(ledger), ledger, self.disk.rows(), now)?;
        if !changes.is_empty() {
            self.disk.write(&changes)?;
        }
        Ok(())
    }

    fn accept(&mut self, accepted: Accepted) -> Result<(), Fatal> {
        let before = self.state.ledger.clone();
        let Accepted { mut changes, head, counters, records, given } = accepted;
        let opened = self.keep_given(given, &before)?;
        let mut ledger = Ledger::clone(&before);
        ledger.counters.merge(counters);
        let late = head.is_none();
        if let Some(head) = head {
            ledger.logs.set(head);
        }
        let secrets = self.state.secrets.clone();
        let circle = |record: &HeldRecord| record.statement.kind == CIRCLE_TYPE;
        let mut void = Vec::new();
        for record in records.iter().filter(|record| !circle(record) || !has_effect(record, &before)) {
            void.extend(ledger.learn(record, &secrets)?.map(|why| (record.statement.id(), why)));
        }
        ledger.count_new_circles(&before, &records, self.disk.rows(), self.disk.keys().local, &mut changes)?;
        self.disk.write(&changes)?;
        if late && !void.is_empty() {
            // An epoch that came after those that follow it.
            let again = ledger.relearn_circles(self.disk.rows(), self.disk.keys().local, &secrets)?;
            void.retain(|one| again.contains(one));
        }
        for (statement, why) in void {
            self.outlet.notice(Notice::NoEffect { statement, why });
        }
        if opened.contains(&alliance_circle(&ledger.alliance.id())) {
            ledger.relearn(self.disk.rows(), self.disk.keys().local, &secrets)?;
        }
        self.learn(ledger);
        if opened.is_empty() { Ok(()) } else { self.index() }
    }

    /// Secrets go into the keyring before the statements that need them are written. Says of which circles there were new ones.
    fn keep_given(&mut self, given: Vec<Given>, ledger: &Ledger) -> Result<Vec<CircleId>, Fatal> {
        let mut opened = Vec::new();
        for Given { statement, content } in given {
            match content {
                Ok(content) if self.state.secrets.of(&content.circle, content.epoch) == Some(&content.secret) => {}
                Ok(content) => {
                    index::mark([content.circle], &mut self.disk, &mut self.rng)?;
                    // Another keeper's, or this member's own, that came to nothing.
                    let instead = ledger.decisions.settled().epochs.iter().any(|named| named.entry.statement == statement);
                    match self.keep_secret((content.circle, content.epoch), content.secret, instead) {
                        Ok(()) => opened.push(content.circle),
                        Err(SecretError::Refused(why)) => self.outlet.notice(Notice::NotKept { statement, why }),
                        Err(SecretError::Failed(why)) => return Err(Fatal(format!("the keyring cannot be written: {why}"))),
                    }
                }
                Err(fault) => self.outlet.notice(Notice::Unfit { statement, fault }),
            }
        }
        opened.sort_unstable();
        opened.dedup();
        Ok(opened)
    }

    /// Whoever looks after the node may ask the author why.
    fn tell_void(&mut self, log: LogId, voids: Vec<VoidEntry>) {
        for entry in voids {
            self.outlet.notice(Notice::Void { log, entry });
        }
    }
}

/// Whether an epoch statement has been given effect before.
fn has_effect(record: &HeldRecord, ledger: &Ledger) -> bool {
    let audience = record.sections.iter().find_map(|section| section.audiences.first());
    let circle = audience.and_then(|audience| ledger.circles.circle(&audience.header.circle));
    circle.is_some_and(|circle| circle.epochs().values().any(|epoch| epoch.statement == record.statement.id()))
}
