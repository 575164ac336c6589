//! The commit thread: takes what waits, writes it with one sync, acknowledges, anchors, publishes.
//!
//! The order is the promise. Sections and statements are on the disk before anybody is told; the anchor is on the disk before a checkpoint leaves; what was
//! published is never signed again. A failed write stops the thread, because nobody can tell what is on the disk then.

use std::sync::{Arc, RwLock};

use rand::rngs::StdRng;
use suyuan_core::StatementId;
use suyuan_core::log::{LogId, witness_name};
use suyuan_core::note::{TreeHead, sign_checkpoint};
use suyuan_engine::addresses;
use suyuan_engine::author::{AuthorError, Draft, Plan};
use suyuan_engine::circles::Circle;
use suyuan_engine::epoch::{self, CircleRequest, NewEpoch};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::mend::Cursor;
use suyuan_engine::schema::{Table, slip_key};
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::submission::{self, Submission};
use suyuan_engine::view::{Changes, StoreError, View};
use suyuan_engine::wire::LogSize;
use suyuan_store::Store;
use tokio::sync::{mpsc, watch};
use tracing::{debug, error, info};

use crate::anchor::{Anchor, Published};
use crate::error::SubmitError;
use crate::handle::{Command, Idempotent, Receipt, Reply, State};
use crate::keyring::Keyring;
use crate::node::now;

mod incoming;
mod once;
mod own;
mod work;

use work::{Keys, Written};

/// Submissions that one sync may carry.
const GROUP: usize = 128;

pub(crate) struct Writer {
    pub queue: mpsc::Receiver<Command>,
    pub state: Arc<RwLock<State>>,
    pub store: Arc<Store>,
    pub local: LocalKeys,
    pub keyring: Keyring,
    pub anchor: Anchor,
    pub announce: watch::Sender<Vec<LogSize>>,
    pub rng: StdRng,
    /// How far the chain of the log whose gaps are being filled was followed.
    pub cursor: Option<Cursor>,
}

/// A submission that was assembled and waits for the sync.
struct Waiting {
    reply: Reply<Receipt>,
    receipt: Receipt,
}

/// Why the thread stops: what is on the disk is no longer known.
type Fatal = String;

impl Writer {
    /// Serves until the last handle is gone.
    pub fn run(mut self) -> Result<(), Fatal> {
        let end = self.serve();
        match &end {
            Ok(()) => info!("the writer has stopped"),
            Err(why) => error!(%why, "the writer stops: the state of the disk is not known; start the node again"),
        }
        end
    }

    fn serve(&mut self) -> Result<(), Fatal> {
        self.publish()?;
        while let Some(first) = self.queue.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP {
                let Ok(next) = self.queue.try_recv() else { break };
                group.push(next);
            }
            if self.work(group)? {
                break;
            }
        }
        Ok(())
    }

    /// Writes all submissions of a group with one sync, and what cannot be grouped one by one. Says whether to stop.
    fn work(&mut self, group: Vec<Command>) -> Result<bool, Fatal> {
        let mut submissions = Vec::new();
        for command in group {
            match command {
                Command::Submit { submissions: records, once, reply } => submissions.push((records, once, reply, false)),
                Command::Protocol { submission, reply } => submissions.push((vec![submission], None, reply, true)),
                Command::Circle { request, reply } => {
                    let opened = self.open_circle(request)?;
                    let _ = reply.send(opened);
                }
                Command::TakeIn { batch, reply } => {
                    let taken = self.take_in(*batch)?;
                    let _ = reply.send(taken);
                }
                Command::Fill { log, items, reply } => {
                    let filled = self.fill(&log, items)?;
                    let _ = reply.send(filled);
                }
                Command::Open => self.found_alliance()?,
                Command::Stop { reply } => {
                    self.commit(std::mem::take(&mut submissions))?;
                    let _ = reply.send(());
                    return Ok(true);
                }
            }
        }
        self.commit(submissions)?;
        Ok(false)
    }

    fn commit(&mut self, group: Vec<(Vec<Submission>, Option<Idempotent>, Reply<Receipt>, bool)>) -> Result<(), Fatal> {
        if group.is_empty() {
            return Ok(());
        }
        if self.is_behind().map_err(|error| error.to_string())? {
            group.into_iter().for_each(|(_, _, reply, _)| drop(reply.send(Err(SubmitError::Held))));
            return Ok(());
        }
        let state = self.snapshot();
        let mut draft = Draft::new(&state.ledger, self.keyring.log().public().id());
        let mut changes = Changes::default();
        let (mut plans, mut waiting) = (Vec::new(), Vec::new());
        for (submissions, once, reply, protocol) in group {
            let count = submissions.len();
            match self.admit(submissions, once.as_ref(), &state, protocol, &waiting) {
                Ok(Admitted::Before(receipt)) => {
                    let _ = reply.send(Ok(receipt));
                }
                Ok(Admitted::New(mut planned)) => {
                    let first = draft.place(plans.len() as u64).sequence;
                    let receipt = Receipt { log: draft.head.id, first, ids: Vec::with_capacity(planned.len()), replayed: false };
                    plans.append(&mut planned);
                    waiting.push((Waiting { reply, receipt }, count, once));
                }
                Err(refused) => {
                    let _ = reply.send(Err(refused));
                }
            }
        }
        let mut written = self.write_up(plans, &mut draft, &state.secrets).map_err(|error| error.to_string())?;
        let mut ids = written.iter().map(|written| written.id);
        for (waiting, count, once) in &mut waiting {
            waiting.receipt.ids.extend(ids.by_ref().take(*count));
            if let Some(once) = once {
                once::remember(once, &waiting.receipt, now(), &self.local, &mut changes);
            }
        }
        self.save(&mut written, &mut draft, &state.ledger, &mut changes);
        if written.is_empty() {
            return Ok(());
        }
        self.write(&changes)?;
        let mut ledger = Ledger::clone(&state.ledger);
        ledger.logs.set(draft.head);
        ledger.counters.merge(draft.counters);
        for record in written.iter().filter_map(|written| written.protocol.as_ref()).filter(|record| record.statement.kind == addresses::TYPE) {
            ledger.learn(record, &state.secrets).map_err(|error| error.to_string())?;
        }
        self.replace(|state| state.ledger = Arc::new(ledger));
        for (waiting, _, _) in waiting {
            let _ = waiting.reply.send(Ok(waiting.receipt));
        }
        debug!(target: "suyuan::commit", phase = "acknowledged");
        self.publish()
    }

    /// Judges a submission: was it written before, may it be written, under which keys.
    fn admit(
        &self,
        submissions: Vec<Submission>,
        once: Option<&Idempotent>,
        state: &State,
        protocol: bool,
        waiting: &[(Waiting, usize, Option<Idempotent>)],
    ) -> Result<Admitted, SubmitError> {
        if let Some(once) = once {
            if waiting.iter().any(|(_, _, other)| other.as_ref().is_some_and(|other| other.key == once.key)) {
                return Err(SubmitError::Conflict);
            }
            let log = state.ledger.own_log();
            if let Some(receipt) = once::recall(once, log, self.store.as_ref(), &self.local)? {
                return Ok(Admitted::Before(receipt));
            }
        }
        if !protocol {
            submission::check(&submissions, &state.ledger.alliance, &state.ledger.circles, &state.ledger.me, now())?;
        }
        let plans = submissions.into_iter().map(|submission| Plan::new(submission, &state.ledger, &state.secrets, now()));
        Ok(Admitted::New(plans.collect::<Result<_, AuthorError>>()?))
    }

    fn write_up(&mut self, plans: Vec<Plan>, draft: &mut Draft, secrets: &EpochSecrets) -> Result<Vec<Written>, AuthorError> {
        let keys = Keys { log: self.keyring.log(), secrets, local: &self.local };
        work::write_up(plans, draft, self.store.as_ref(), &keys, &mut self.rng)
    }

    /// Puts the rows of written-up records together with those of their log, and of the author's counters.
    fn save(&self, written: &mut [Written], draft: &mut Draft, before: &Ledger, changes: &mut Changes) {
        for written in written {
            changes.rows.append(&mut written.rows.rows);
        }
        changes.rows.append(&mut draft.changes.rows);
        draft.head.save(changes);
        draft.counters.save(&before.counters, &self.local, changes);
    }

    fn write(&self, changes: &Changes) -> Result<(), Fatal> {
        debug!(target: "suyuan::commit", phase = "writing", rows = changes.rows.len());
        self.store.write(changes).map_err(|error| error.to_string())?;
        debug!(target: "suyuan::commit", phase = "durable");
        Ok(())
    }

    /// Signs a checkpoint over everything durable, anchors it, and only then lets it out. At start, and after each commit.
    fn publish(&mut self) -> Result<(), Fatal> {
        let state = self.snapshot();
        let head = state.ledger.logs.head(&state.ledger.own_log());
        let tree = head.tree_head();
        let returned = self.returned().map_err(|error| error.to_string())?.filter(|returned| returned.size >= tree.size);
        let behind = returned.as_ref().is_some_and(|returned| returned.size > tree.size);
        if !behind && tree.size > state.published.as_ref().map_or(0, |published| published.size) {
            let checkpoint = returned.map(|returned| returned.note).unwrap_or_else(|| self.sign(&head.id, &tree, &state));
            let published = Published { size: tree.size, root: tree.root, checkpoint };
            self.anchor.write(&published).map_err(|error| format!("the anchor cannot be written: {error}"))?;
            self.replace(|state| state.published = Some(Arc::new(published)));
            debug!(target: "suyuan::commit", phase = "published", size = tree.size);
        }
        self.announce_heads();
        Ok(())
    }

    fn sign(&self, log: &LogId, tree: &TreeHead, state: &State) -> String {
        let name = witness_name(&state.ledger.alliance.id(), &state.ledger.me);
        sign_checkpoint(&log.origin(), tree, self.keyring.log(), (name.as_str(), self.keyring.witness()), now() / 1000)
    }

    fn announce_heads(&self) {
        let state = self.snapshot();
        let sizes = state.ledger.logs.iter().map(|head| LogSize { log: head.id, size: head.size() }).collect();
        self.announce.send_replace(sizes);
    }

    /// The leader's first act: the alliance circle with all founders.
    fn found_alliance(&mut self) -> Result<(), Fatal> {
        let ledger = self.snapshot().ledger;
        let behind = self.is_behind().map_err(|error| error.to_string())?;
        if !behind && epoch::alliance_is_unopened(&ledger.circles, &ledger) {
            let opened = self.open_circle(epoch::alliance_request(&ledger))?;
            opened.map_err(|error| format!("the alliance circle cannot be opened: {error}"))?;
        }
        Ok(())
    }

    fn open_circle(&mut self, request: CircleRequest) -> Result<Result<Circle, SubmitError>, Fatal> {
        if self.is_behind().map_err(|error| error.to_string())? {
            return Ok(Err(SubmitError::Held));
        }
        let state = self.snapshot();
        let new = match epoch::draw_up(request, &state.ledger, &state.secrets, now(), &mut self.rng) {
            Ok(new) => new,
            Err(refusal) => return Ok(Err(SubmitError::Refused(refusal))),
        };
        // The secret first: a statement whose secret was lost would close the circle to its own steward.
        let (circle, number) = (new.content.circle, new.content.epoch);
        if let Err(error) = self.keyring.add_epoch_secret(circle, number, new.secret.clone()) {
            return Ok(Err(SubmitError::Keyring(error.to_string())));
        }
        self.learn_secrets();
        let ledger = self.write_epoch(new).map_err(|error| error.to_string())?;
        let opened = ledger.circles.circle(&circle).cloned().ok_or("a circle that was drawn up has no effect")?;
        self.replace(|state| state.ledger = Arc::new(ledger));
        self.publish()?;
        Ok(Ok(opened))
    }

    fn write_epoch(&mut self, mut new: NewEpoch) -> Result<Ledger, AuthorError> {
        let state = self.snapshot();
        let mut draft = Draft::new(&state.ledger, self.keyring.log().public().id());
        let plan = std::mem::replace(&mut new.plan, Plan { kind: String::new(), references: Vec::new(), time: 0, sections: Vec::new() });
        let mut written = self.write_up(vec![plan], &mut draft, &state.secrets)?;
        let mut changes = Changes::default();
        for Written { id, .. } in &written {
            for slip in epoch::slips(&new, *id, &state.ledger, &mut self.rng)? {
                changes.put(Table::Slip, slip_key(&slip.recipient, &slip.statement), slip.to_bytes());
            }
        }
        self.save(&mut written, &mut draft, &state.ledger, &mut changes);
        self.write(&changes).map_err(|why| AuthorError::Store(StoreError(why)))?;
        let mut ledger = Ledger::clone(&state.ledger);
        ledger.logs.set(draft.head);
        ledger.counters.merge(draft.counters);
        for record in written.iter().filter_map(|written| written.protocol.as_ref()) {
            ledger.learn(record, &state.secrets)?;
        }
        Ok(ledger)
    }

    fn learn_secrets(&mut self) {
        let secrets: EpochSecrets = self.keyring.every_epoch().map(|(epoch, secret)| (*epoch, secret.clone())).collect();
        self.replace(|state| state.secrets = Arc::new(secrets));
    }

    fn snapshot(&self) -> State {
        self.state.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn replace(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// What became of a submission at the door.
enum Admitted {
    Before(Receipt),
    New(Vec<Plan>),
}

/// The ids of statements that a row of concatenated hashes names.
fn ids(bytes: &[u8]) -> Option<Vec<StatementId>> {
    let (ids, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| ids.iter().copied().map(StatementId).collect())
}

/// Reads a row through the view, as the rules do.
fn row(view: &impl View, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, SubmitError> {
    view.row(table, key).map_err(|error| SubmitError::Author(AuthorError::Store(error)))
}
