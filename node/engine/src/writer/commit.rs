//! Submissions: as many as wait are written with one sync, and acknowledged after it.

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::resolution;

use super::command::{Done, Idempotent, Receipt, SubmitError};
use super::shell::{Disk, Fatal, Outlet};
use super::work::{Author, Written, grown, save, write_up};
use super::{Writer, once};
use crate::author::{AuthorError, Draft, Plan};
use crate::submission::{self, Submission};
use crate::view::Changes;

/// A submission that waits for its turn.
pub(super) struct Pending<T> {
    pub ticket: T,
    pub submissions: Vec<Submission>,
    pub once: Option<Idempotent>,
    /// Of the protocol's own types, which clients may not write.
    pub protocol: bool,
}

/// A submission that was assembled and waits for the sync.
struct Waiting<T> {
    ticket: T,
    receipt: Receipt,
    count: usize,
    once: Option<Idempotent>,
}

/// What became of a submission at the door.
enum Admitted {
    Before(Receipt),
    New(Vec<Plan>),
}

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    pub(super) fn commit(&mut self, group: Vec<Pending<O::Ticket>>, now: u64) -> Result<(), Fatal> {
        if group.is_empty() {
            return Ok(());
        }
        if let Some(why) = self.held()? {
            self.outlet.tell(group.into_iter().map(|pending| (pending.ticket, Err(why.clone()))).collect());
            return Ok(());
        }
        let mut draft = self.draft();
        let (plans, mut waiting) = self.admit_all(group, &draft, now);
        let mut written = self.write_up(plans, &mut draft)?;
        let mut changes = Changes::default();
        let mut ids = written.iter().map(|written| written.id);
        for waiting in &mut waiting {
            waiting.receipt.ids.extend(ids.by_ref().take(waiting.count));
            if let Some(once) = &waiting.once {
                once::remember(once, &waiting.receipt, now, self.disk.keys().local, &mut changes);
            }
        }
        if written.is_empty() {
            return Ok(());
        }
        save(&mut written, &mut draft, &self.state.ledger, self.disk.keys().local, &mut changes);
        self.disk.write(&changes)?;
        let mut ledger = grown(&self.state.ledger, draft);
        for record in written.iter().filter_map(|written| written.protocol.as_ref()) {
            ledger.learn(record, &self.state.secrets)?;
        }
        self.learn(ledger);
        self.outlet.tell(waiting.into_iter().map(|waiting| (waiting.ticket, Ok(Done::Written(waiting.receipt)))).collect());
        self.publish(now)
    }

    /// Writes what waits if there is a vote in it: what this member has just said to another proposal counts for what it says next.
    pub(super) fn commit_votes(&mut self, waiting: &mut Vec<Pending<O::Ticket>>, now: u64) -> Result<(), Fatal> {
        let votes = |pending: &Pending<_>| pending.submissions.iter().any(|submission| submission.kind == resolution::APPROVE);
        if waiting.iter().any(votes) { self.commit(std::mem::take(waiting), now) } else { Ok(()) }
    }

    /// Lets in what may be written, and answers the rest.
    fn admit_all(&mut self, group: Vec<Pending<O::Ticket>>, draft: &Draft, now: u64) -> (Vec<Plan>, Vec<Waiting<O::Ticket>>) {
        let (mut plans, mut waiting, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for Pending { ticket, submissions, once, protocol } in group {
            let count = submissions.len();
            let room = self.check_room(draft.place(plans.len().saturating_add(count) as u64).sequence, protocol);
            let admitted = room.map_err(SubmitError::from).and_then(|()| self.admit(submissions, once.as_ref(), protocol, &waiting, now));
            match admitted {
                Ok(Admitted::Before(receipt)) => answers.push((ticket, Ok(Done::Written(receipt)))),
                Ok(Admitted::New(mut planned)) => {
                    let first = draft.place(plans.len() as u64).sequence;
                    let receipt = Receipt { log: draft.head.id, first, ids: Vec::with_capacity(planned.len()), replayed: false };
                    plans.append(&mut planned);
                    waiting.push(Waiting { ticket, receipt, count, once });
                }
                Err(refused) => answers.push((ticket, Err(refused))),
            }
        }
        if !answers.is_empty() {
            self.outlet.tell(answers);
        }
        (plans, waiting)
    }

    /// Judges a submission: was it written before, may it be written, under which keys.
    fn admit(
        &self,
        submissions: Vec<Submission>,
        once: Option<&Idempotent>,
        protocol: bool,
        waiting: &[Waiting<O::Ticket>],
        now: u64,
    ) -> Result<Admitted, SubmitError> {
        let ledger = &self.state.ledger;
        if let Some(once) = once {
            if waiting.iter().any(|other| other.once.as_ref().is_some_and(|other| other.key == once.key)) {
                return Err(SubmitError::Conflict);
            }
            if let Some(receipt) = once::recall(once, ledger.own_log(), self.disk.rows(), self.disk.keys().local)? {
                return Ok(Admitted::Before(receipt));
            }
        }
        if !protocol {
            submission::check(&submissions, &ledger.alliance, &ledger.circles, &ledger.me, now)?;
        }
        let plans = submissions.into_iter().map(|submission| Plan::new(submission, ledger, &self.state.secrets, now));
        Ok(Admitted::New(plans.collect::<Result<_, AuthorError>>()?))
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
