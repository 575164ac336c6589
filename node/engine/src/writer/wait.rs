//! What cannot be sealed yet: kept, let go when its reason is gone, marked where it can never be written, and taken out (`specs/order-log.md`, Waiting).

use std::sync::Arc;

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::circle::self_circle;

use super::Writer;
use super::command::{Done, SubmitError};
use super::commit::{Pending, Source, Turn};
use super::shell::{Disk, Fatal, Outlet};
use crate::limits;
use crate::schema::Table;
use crate::submission::{self, Refusal, RefusalKind};
use crate::view::{Changes, StoreError};
use crate::waiting::{Blocked, Kept, Queue, Reason, Waiting, WaitingId};

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    /// Writes what has waited and can be written now, in the order in which it came. Only asked for while this node may author.
    pub(super) fn release(&mut self, now: u64) -> Result<(), Fatal> {
        // Each round writes one submission at least, or marks it as failed.
        for _ in 0..limits::WAITING {
            if self.state.waiting.is_empty() || self.held()?.is_some() {
                break;
            }
            let ready = self.ready(now)?;
            if ready.is_empty() {
                break;
            }
            self.write_group(ready, now)?;
        }
        Ok(())
    }

    /// What can be written now of what waits, as much as goes with one sync. What each of the others waits for is noted for readers.
    fn ready(&mut self, now: u64) -> Result<Vec<Pending<O::Ticket>>, Fatal> {
        let (alone, head) = (self_circle(&self.state.ledger.me), self.draft().place(0).sequence);
        let (mut ready, mut count, mut blocked) = (Vec::new(), 0usize, Blocked::default());
        let queue = self.state.waiting.clone();
        let mut noted = Vec::new();
        for waiting in queue.iter().filter(|waiting| waiting.failed.is_none()) {
            let records = count.saturating_add(waiting.records);
            if count > 0 && records > limits::WAITING_GROUP {
                break;
            }
            let size = head.saturating_add(records as u64);
            let obstacle = || self.obstacle(&waiting.circles, size, false, now).err();
            let reason = || blocked.behind(&waiting.circles).or_else(|| obstacle().map(|why| Reason::of(&why).unwrap_or(waiting.reason)));
            // What waits for an epoch that never comes is not written either: it fails.
            let ledger = &self.state.ledger;
            let orphaned = waiting.circles.iter().any(|circle| submission::is_orphaned(circle, &ledger.alliance, &ledger.circles));
            let reason = if orphaned { None } else { reason() };
            match reason {
                Some(reason) => {
                    blocked.add(&waiting.circles, alone, reason);
                    noted.extend((reason != waiting.reason).then(|| Waiting { reason, ..waiting.clone() }));
                }
                None => {
                    count = records;
                    let Kept { once, submissions, .. } = Kept::load(waiting.id, self.disk.rows(), self.disk.keys().local)?;
                    ready.push(Pending { source: Source::Waited(waiting.id), submissions, once, protocol: false });
                }
            }
        }
        self.note(noted);
        Ok(ready)
    }

    /// Lets readers see what is waited for now. It is not written down: after a start it is found out again.
    fn note(&mut self, noted: Vec<Waiting>) {
        if !noted.is_empty() {
            let queue = Arc::make_mut(&mut self.state.waiting);
            noted.into_iter().for_each(|waiting| queue.set(waiting));
            self.outlet.show(&self.state);
        }
    }

    /// Keeps a new submission that cannot be written now; one that has waited goes on waiting.
    pub(super) fn park(&mut self, pending: Pending<O::Ticket>, reason: Reason, turn: &mut Turn<O::Ticket>, now: u64) -> Result<(), Fatal> {
        let Pending { source, submissions, once, .. } = pending;
        let Source::Asked(ticket) = source else { return Ok(()) };
        let kept = Kept { since: now, reason, once, failed: None, submissions };
        let (id, mut changes) = (turn.queue.next_id(&mut self.rng), Changes::default());
        let waiting = kept.save(id, self.disk.keys().local, &mut self.rng, &mut changes)?;
        if !turn.queue.has_room(waiting.bytes) {
            turn.answer(Source::Asked(ticket), Err(SubmitError::Full(reason)));
            return Ok(());
        }
        turn.changes.rows.append(&mut changes.rows);
        turn.blocked.add(&waiting.circles, self_circle(&self.state.ledger.me), reason);
        turn.queue.set(waiting.clone());
        turn.after.push((ticket, Ok(Done::Waiting(Box::new(waiting)))));
        Ok(())
    }

    /// Answers that something cannot be written; of what has waited, it is written down.
    pub(super) fn refuse(&mut self, pending: Pending<O::Ticket>, refused: SubmitError, turn: &mut Turn<O::Ticket>) -> Result<(), Fatal> {
        match (pending.source, refused) {
            (Source::Waited(id), SubmitError::Refused(refusal)) => self.fail(id, refusal, &mut turn.queue, &mut turn.changes),
            (Source::Waited(_), error) => Err(Fatal(error.to_string())),
            (source, error) => {
                turn.answer(source, Err(error));
                Ok(())
            }
        }
    }

    fn fail(&mut self, id: WaitingId, refusal: Refusal, queue: &mut Queue, changes: &mut Changes) -> Result<(), Fatal> {
        let kept = Kept::load(id, self.disk.rows(), self.disk.keys().local)?;
        let failed = Kept { failed: Some(refusal), ..kept };
        queue.set(failed.save(id, self.disk.keys().local, &mut self.rng, changes)?);
        Ok(())
    }

    /// Marks all that waits: this member's log has come back from others, so this disk is older than its end, and whether any of it was written is not known.
    pub(super) fn doubt_waiting(&mut self, changes: &mut Changes) -> Result<Queue, Fatal> {
        let detail = "this node's disk was an older one when the end of its log came back from other members, so this may have been written before; \
             look whether it is among the records: if it is not, submit it again, and take it out here either way";
        let refusal = Refusal { fault: RefusalKind::Decision, pointer: String::new(), detail: detail.to_owned() };
        let mut queue = self.state.waiting.as_ref().clone();
        let sound: Vec<WaitingId> = queue.iter().filter(|waiting| waiting.failed.is_none()).map(|waiting| waiting.id).collect();
        for id in sound {
            self.fail(id, refusal.clone(), &mut queue, changes)?;
        }
        Ok(queue)
    }

    /// Takes out what was not written yet, or has failed.
    pub(super) fn take_out(&mut self, id: &WaitingId) -> Result<Result<Waiting, SubmitError>, StoreError> {
        let mut queue = self.state.waiting.as_ref().clone();
        let Some(waiting) = queue.remove(id) else { return Ok(Err(SubmitError::NotWaiting)) };
        let mut changes = Changes::default();
        changes.delete(Table::Waiting, id.0);
        self.disk.write(&changes)?;
        self.state.waiting = Arc::new(queue);
        self.outlet.show(&self.state);
        Ok(Ok(waiting))
    }
}

impl<T> Turn<T> {
    /// It waits no more.
    pub(super) fn strike(&mut self, id: &WaitingId) {
        self.queue.remove(id);
        self.changes.delete(Table::Waiting, id.0);
    }
}
