//! Submissions: as many as wait are written with one sync, and acknowledged after it.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::CircleId;
use suyuan_core::circle::self_circle;
use suyuan_core::resolution;

use super::command::{Done, Idempotent, Outcome, Receipt, SubmitError};
use super::shell::{Disk, Fatal, Outlet};
use super::work::{Author, Written, grown, save, write_up};
use super::{Writer, once};
use crate::author::{self, AuthorError, Draft, Plan};
use crate::limits;
use crate::submission::{self, Submission};
use crate::view::Changes;
use crate::waiting::{self, Blocked, Queue, Reason, Waiting, WaitingId};

/// A submission at the door.
pub(super) struct Pending<T> {
    pub source: Source<T>,
    pub submissions: Vec<Submission>,
    pub once: Option<Idempotent>,
    /// Of the protocol's own types, which clients may not write. Nothing of them waits.
    pub protocol: bool,
}

/// Where a submission comes from.
pub(super) enum Source<T> {
    /// Somebody asks.
    Asked(T),
    /// It has waited.
    Waited(WaitingId),
}

/// A submission that was planned and waits for the sync.
struct Planned<T> {
    source: Source<T>,
    receipt: Receipt,
    count: usize,
    once: Option<Idempotent>,
}

/// What a group comes to, before it is written.
pub(super) struct Turn<T> {
    plans: Vec<Plan>,
    planned: Vec<Planned<T>>,
    /// What waits from now on, and what does no more.
    pub queue: Queue,
    pub blocked: Blocked,
    /// Rows of the queue.
    pub changes: Changes,
    /// Answers about them, which have to be durable first.
    pub after: Vec<(T, Outcome)>,
    /// Answers about what changes nothing.
    at_once: Vec<(T, Outcome)>,
}

/// What becomes of a submission.
enum Judged {
    /// It was answered before, or nothing of it is new.
    Known(Done),
    /// It is written now.
    New,
    /// It waits.
    Waits(Reason),
}

impl<T> Pending<T> {
    /// A statement of the protocol's own.
    pub fn protocol(ticket: T, submission: Submission) -> Self {
        Self { source: Source::Asked(ticket), submissions: vec![submission], once: None, protocol: true }
    }
}

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    /// Writes a group. The protocol's own statements first: what was drawn up saw the log as it is, and what it leaves room for the records that follow respect.
    pub(super) fn commit(&mut self, group: Vec<Pending<O::Ticket>>, now: u64) -> Result<(), Fatal> {
        if group.is_empty() {
            return Ok(());
        }
        if let Some(why) = self.held()? {
            let tickets = group.into_iter().filter_map(|pending| pending.source.ticket());
            self.outlet.tell(tickets.map(|ticket| (ticket, Err(why.clone()))).collect());
            return Ok(());
        }
        let (protocol, asked): (Vec<_>, Vec<_>) = group.into_iter().partition(|pending| pending.protocol);
        self.write_group(protocol, now)?;
        self.write_group(asked, now)
    }

    /// The one way by which submissions are written, new ones and such as have waited: what waits or waits no more stands in the same write as the entries.
    pub(super) fn write_group(&mut self, group: Vec<Pending<O::Ticket>>, now: u64) -> Result<(), Fatal> {
        if group.is_empty() {
            return Ok(());
        }
        let mut draft = self.draft();
        let Turn { plans, mut planned, queue, mut changes, mut after, at_once, .. } = self.judge_all(group, &draft, now)?;
        self.tell(at_once);
        let mut written = self.write_up(plans, &mut draft)?;
        let mut ids = written.iter().map(|written| written.id);
        for planned in &mut planned {
            planned.receipt.ids.extend(ids.by_ref().take(planned.count));
            if let Some(once) = &planned.once {
                once::remember(once, &planned.receipt, now, self.disk.keys().local, &mut changes);
            }
        }
        if written.is_empty() && changes.is_empty() {
            self.tell(after);
            return Ok(());
        }
        let before = self.state.ledger.clone();
        if !written.is_empty() {
            save(&mut written, &mut draft, &before, self.disk.keys().local, &mut changes);
        }
        self.disk.write(&changes)?;
        self.state.waiting = Arc::new(queue);
        if written.is_empty() {
            self.outlet.show(&self.state);
        } else {
            let mut ledger = grown(&before, draft);
            for record in written.iter().filter_map(|written| written.protocol.as_ref()) {
                ledger.learn(record, &self.state.secrets)?;
            }
            self.learn(ledger);
        }
        after.extend(planned.into_iter().filter_map(|planned| Some((planned.source.ticket()?, Ok(Done::Written(planned.receipt))))));
        self.tell(after);
        if written.is_empty() { Ok(()) } else { self.publish(now) }
    }

    /// Writes what waits if there is a vote in it: what this member has just said to another proposal counts for what it says next.
    pub(super) fn commit_votes(&mut self, waiting: &mut Vec<Pending<O::Ticket>>, now: u64) -> Result<(), Fatal> {
        let votes = |pending: &Pending<_>| pending.submissions.iter().any(|submission| submission.kind == resolution::APPROVE);
        if waiting.iter().any(votes) { self.commit(std::mem::take(waiting), now) } else { Ok(()) }
    }

    fn tell(&mut self, answers: Vec<(O::Ticket, Outcome)>) {
        if !answers.is_empty() {
            self.outlet.tell(answers);
        }
    }

    /// Lets in what may be written, lets wait what may not yet, and answers the rest.
    fn judge_all(&mut self, group: Vec<Pending<O::Ticket>>, draft: &Draft, now: u64) -> Result<Turn<O::Ticket>, Fatal> {
        let waited = group.iter().any(|pending| matches!(pending.source, Source::Waited(_)));
        let queue = self.state.waiting.as_ref().clone();
        // What is let go from the queue was compared with all that stays there.
        let blocked = if waited { Blocked::default() } else { Blocked::by(&queue, self_circle(&self.state.ledger.me)) };
        let (plans, planned, after, at_once) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut turn = Turn { plans, planned, queue, blocked, changes: Changes::default(), after, at_once };
        for pending in group {
            let size = draft.place(turn.plans.len().saturating_add(pending.submissions.len()) as u64).sequence;
            let judged = self.judge(&pending, &turn, size, now);
            match judged {
                Ok(Judged::New) => self.plan(pending, &mut turn, draft, now),
                Ok(Judged::Known(done)) => turn.answer(pending.source, Ok(done)),
                Ok(Judged::Waits(reason)) => self.park(pending, reason, &mut turn, now)?,
                Err(refused) => self.refuse(pending, refused, &mut turn)?,
            }
        }
        Ok(turn)
    }

    /// Judges a submission: was it written before, may it be written, under which keys, and is there room up to this size of the log.
    fn judge(&self, pending: &Pending<O::Ticket>, turn: &Turn<O::Ticket>, size: u64, now: u64) -> Result<Judged, SubmitError> {
        let Pending { source, submissions, once, protocol } = pending;
        let ledger = &self.state.ledger;
        if let Some(once) = once
            && let Some(known) = self.known(once, source, turn)?
        {
            return Ok(Judged::Known(known));
        }
        if !protocol {
            submission::check(submissions, &ledger.alliance, &ledger.circles, &ledger.me, now)?;
        }
        let circles = waiting::circles(submissions);
        if !protocol && let Some(reason) = turn.blocked.behind(&circles) {
            return Ok(Judged::Waits(reason));
        }
        match self.obstacle(&circles, size, *protocol, now) {
            Ok(()) => Ok(Judged::New),
            Err(error) => match Reason::of(&error).filter(|_| !protocol) {
                Some(reason) => Ok(Judged::Waits(reason)),
                None => Err(error.into()),
            },
        }
    }

    /// What a client's key was answered with, or is waiting for.
    fn known(&self, once: &Idempotent, source: &Source<O::Ticket>, turn: &Turn<O::Ticket>) -> Result<Option<Done>, SubmitError> {
        if turn.planned.iter().any(|other| other.once.as_ref().is_some_and(|other| other.key == once.key)) {
            return Err(SubmitError::Conflict);
        }
        if let Some(receipt) = once::recall(once, self.state.ledger.own_log(), self.disk.rows(), self.disk.keys().local)? {
            return Ok(Some(Done::Written(receipt)));
        }
        let Source::Asked(_) = source else { return Ok(None) };
        match turn.queue.iter().find_map(|waiting| Some((waiting, waiting.is_same(once)?))) {
            None => Ok(None),
            Some((_, false)) => Err(SubmitError::Conflict),
            Some((Waiting { failed: Some(refusal), .. }, true)) => Err(refusal.clone().into()),
            Some((waiting, true)) => Ok(Some(Done::Waiting(Box::new(waiting.clone())))),
        }
    }

    /// Why nothing for these circles can be written now, if it cannot; the log would have this size.
    pub(super) fn obstacle(&self, circles: &BTreeSet<CircleId>, size: u64, protocol: bool, now: u64) -> Result<(), AuthorError> {
        self.check_room(size, if protocol { limits::KEY_CHANGE_LAST } else { limits::KEY_CHANGE_RESERVE })?;
        circles.iter().try_for_each(|circle| author::epoch(circle, &self.state.ledger, &self.state.secrets, now).map(|_| ()))
    }

    fn plan(&self, pending: Pending<O::Ticket>, turn: &mut Turn<O::Ticket>, draft: &Draft, now: u64) {
        let Pending { source, submissions, once, .. } = pending;
        let count = submissions.len();
        let plans = submissions.into_iter().map(|submission| Plan::new(submission, &self.state.ledger, &self.state.secrets, now));
        match plans.collect::<Result<Vec<_>, AuthorError>>() {
            Ok(mut plans) => {
                let first = draft.place(turn.plans.len() as u64).sequence;
                let receipt = Receipt { log: draft.head.id, first, ids: Vec::with_capacity(count), replayed: false };
                turn.plans.append(&mut plans);
                if let Source::Waited(id) = &source {
                    turn.strike(id);
                }
                turn.planned.push(Planned { source, receipt, count, once });
            }
            Err(error) => turn.answer(source, Err(error.into())),
        }
    }

    /// The own log, to be written on.
    pub(super) fn draft(&self) -> Draft {
        Draft::new(&self.state.ledger)
    }

    pub(super) fn write_up(&mut self, plans: Vec<Plan>, draft: &mut Draft) -> Result<Vec<Written>, AuthorError> {
        let keys = self.disk.keys();
        let author = Author { log: keys.log, secrets: &self.state.secrets, local: keys.local };
        write_up::<O, R>(plans, draft, self.disk.rows(), &author, &mut self.rng)
    }
}

impl<T> Source<T> {
    /// Who asked, if anybody did.
    pub fn ticket(self) -> Option<T> {
        match self {
            Self::Asked(ticket) => Some(ticket),
            Self::Waited(_) => None,
        }
    }
}

impl<T> Turn<T> {
    /// An answer that changes nothing. What has waited and was written before waits no more.
    pub fn answer(&mut self, source: Source<T>, outcome: Outcome) {
        match source {
            // It may wait since this very group.
            Source::Asked(ticket) if matches!(outcome, Ok(Done::Waiting(_))) => self.after.push((ticket, outcome)),
            Source::Asked(ticket) => self.at_once.push((ticket, outcome)),
            Source::Waited(id) if matches!(outcome, Ok(Done::Written(_))) => self.strike(&id),
            Source::Waited(_) => {}
        }
    }
}
