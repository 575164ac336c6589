//! The one writer of a node: what is written, in which order, and when it may be known.
//!
//! The order is the promise. An epoch's secret is in the keyring before a statement that needs it is written; sections and statements are on the disk before
//! anybody is told; the anchor is on the disk before a checkpoint leaves; what was published is never signed again. After a failed write nothing more is done,
//! because nobody can tell what is on the disk then. The disk, the outlet, time and randomness come from the shell, so a node and a simulator run the same code.

use std::sync::Arc;

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::StatementId;
use suyuan_core::log::{LogId, witness_name};
use suyuan_core::note::{TreeHead, UnverifiedCheckpoint, sign_checkpoint};
use suyuan_core::policy::witness_key;

use crate::decisions::{self, ProposalRequest, Silence};
use crate::ledger::Ledger;
use crate::mend::Cursor;
use crate::submission::{Refusal, RefusalKind, Submission};
use crate::wire::LogSize;

mod circle;
mod command;
mod commit;
mod convict;
mod decide;
mod incoming;
mod index;
mod keys;
mod once;
mod own;
mod recover;
mod shell;
mod wait;
mod witness;
mod work;

pub use command::{Command, Done, Idempotent, Outcome, Receipt, SubmitError, TakenIn, Witnessed};
pub use keys::WantedKeys;
pub use recover::{FROM_PEERS, RecoverError, check_anchor, check_owner, own_entries, recover};
pub use shell::{Disk, Fatal, Keys, NewKeys, Notice, Outlet, Published, SecretError, State};

use commit::{Pending, Source};
use witness::Submitted;

/// The writer of one node, with its disk, its outlet and its generator.
#[derive(Debug)]
pub struct Writer<D, O, R> {
    disk: D,
    outlet: O,
    rng: R,
    state: State,
    /// How far the chain of the log whose gaps are being filled was followed.
    cursor: Option<Cursor>,
    /// How long the alliance's decisions have stood still.
    silence: Silence,
    /// A head of the order log that came before the entries under it, by term.
    ahead: Option<(u64, String)>,
}

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    /// Goes on from what was [recovered](recover) from this disk, and publishes what is durable and not yet published.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn start(disk: D, outlet: O, rng: R, state: State, now: u64) -> Result<Self, Fatal> {
        let mut writer = Self { disk, outlet, rng, state, cursor: None, silence: Silence::default(), ahead: None };
        writer.publish(now)?;
        Ok(writer)
    }

    /// Writes all submissions of a group with one sync, and what cannot be grouped one by one, before it. `now` is in milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`Fatal`]: whoever was not answered by then will not be, and nothing more may be asked.
    pub fn work(&mut self, group: Vec<(O::Ticket, Command)>, now: u64) -> Result<(), Fatal> {
        let (mut pending, mut submitted) = (Vec::new(), Vec::new());
        for (ticket, command) in group {
            let ledger = self.state.ledger.clone();
            let outcome = match command {
                Command::Submit { submissions, once } => {
                    pending.push(Pending { source: Source::Asked(ticket), submissions, once, protocol: false });
                    continue;
                }
                Command::Protocol(submission) => {
                    pending.push(Pending::protocol(ticket, submission));
                    continue;
                }
                Command::Propose(request) => {
                    self.propose(ticket, *request, now, &mut pending);
                    continue;
                }
                Command::Vote(request) => {
                    let drawn = self.commit_votes(&mut pending, now).map(|()| self.draw_vote(request, now))?;
                    self.pend(ticket, drawn, &mut pending);
                    continue;
                }
                Command::Invite(request, secret) => {
                    let drawn = decisions::invite(request, &secret, &ledger.decisions, &ledger.me, now);
                    self.pend(ticket, drawn, &mut pending);
                    continue;
                }
                Command::TakeBack(id) => {
                    let drawn = decisions::take_back(&id, &ledger.decisions, &ledger.me, now);
                    self.pend(ticket, unless_pending(&id, &pending, drawn), &mut pending);
                    continue;
                }
                Command::Join(id, secret, admission) => {
                    let drawn = decisions::admit(&id, &secret, *admission, &ledger.decisions, &ledger.me, now);
                    self.pend(ticket, unless_pending(&id, &pending, drawn), &mut pending);
                    continue;
                }
                Command::Freeze(term) => self.silence.ask(term, &ledger.decisions, &ledger.me).map(|()| Done::Decided).map_err(SubmitError::from),
                Command::Heads(heads) => self.take_heads(&heads).map(|()| Ok(Done::Decided))?,
                Command::Decide(reached) => self.decide(&reached, now).and_then(|()| self.release(now)).map(|()| Ok(Done::Decided))?,
                Command::AddCheckpoint { request, named } => {
                    submitted.push(Submitted { ticket, request, named });
                    continue;
                }
                Command::Witness { found, cosign } => Ok(Done::Witnessed(self.witness(found, &cosign, now)?)),
                Command::AddLines { head, lines } => self.add_lines(&head, &lines).map(|()| Ok(Done::Filled))?,
                Command::LastCosigned(origin) => Ok(Done::LastCosigned(self.last_cosigned(&origin)?)),
                Command::Circle(request) => self.open_circle(request, now)?.map(|circle| Done::Opened(Box::new(circle))),
                Command::TakeIn(batch) => self.take_in(*batch, now)?.map(Done::TakenIn),
                Command::Fill { log, items } => self.fill(&log, items)?.map(|()| Done::Filled),
                Command::Keep { member, collected } => self.keep(&member, collected, now).map(|()| Ok(Done::Kept))?,
                Command::Convict(evidence) => self.convict(*evidence, now)?.map(Done::Convicted),
                Command::Learn(history) => Ok(Done::Learned(self.learn_history(&history)?)),
                Command::Keys(wanted) => self.draw_keys(wanted)?.map(|change| Done::Keys(Box::new(change))),
                Command::Found => self.found_alliance(now).and_then(|()| self.release(now)).map(|()| Ok(Done::Founded))?,
                Command::TakeOut(id) => self.take_out(&id)?.map(|waiting| Done::TakenOut(Box::new(waiting))),
            };
            self.outlet.tell(vec![(ticket, outcome)]);
        }
        self.add_checkpoints(submitted, now)?;
        self.commit(pending, now)
    }

    fn propose(&mut self, ticket: O::Ticket, request: ProposalRequest, now: u64, pending: &mut Vec<Pending<O::Ticket>>) {
        let drawn = self.draw_proposal(request, now);
        self.pend(ticket, drawn, pending);
    }

    /// A statement of the protocol's own that was drawn up waits with the others; a refusal is told at once.
    fn pend(&mut self, ticket: O::Ticket, drawn: Result<Submission, Refusal>, pending: &mut Vec<Pending<O::Ticket>>) {
        match drawn {
            Ok(submission) => pending.push(Pending::protocol(ticket, submission)),
            Err(refusal) => self.outlet.tell(vec![(ticket, Err(refusal.into()))]),
        }
    }

    /// The newest committed state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The disk.
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// The outlet.
    pub fn outlet(&self) -> &O {
        &self.outlet
    }

    fn learn(&mut self, ledger: Ledger) {
        self.state.ledger = Arc::new(ledger);
        self.outlet.show(&self.state);
    }

    /// Signs a checkpoint over everything durable, anchors it, and only then lets it out. At start, and after each commit.
    fn publish(&mut self, now: u64) -> Result<(), Fatal> {
        let head = self.state.ledger.logs.head(&self.state.ledger.own_log());
        let tree = head.tree_head();
        let returned = self.returned()?.filter(|returned| returned.size >= tree.size);
        let behind = returned.as_ref().is_some_and(|returned| returned.size > tree.size);
        let grown = tree.size > self.state.published.as_ref().map_or(0, |published| published.size);
        if !behind && (grown || self.is_signed_formerly(&tree)) {
            let again = returned.filter(|_| grown);
            let checkpoint = again.map_or_else(|| self.sign(&head.id, &tree, now), |returned| Ok(returned.note))?;
            let published = Published { size: tree.size, root: tree.root, checkpoint };
            self.disk.anchor(&published).map_err(|why| Fatal(format!("the anchor cannot be written: {why}")))?;
            self.state.published = Some(Arc::new(published));
            self.outlet.show(&self.state);
        }
        let sizes = self.state.ledger.logs.iter().map(|head| LogSize { log: head.id, size: head.size() }).collect();
        self.outlet.announce(sizes);
        Ok(())
    }

    /// Whether the newest checkpoint, of this tree, bears this member's cosignature by a witness key that it has exchanged since: nobody would take it for one.
    fn is_signed_formerly(&self, tree: &TreeHead) -> bool {
        let ledger = &self.state.ledger;
        let (Some(published), Some(me)) = (&self.state.published, ledger.alliance.active(&ledger.me)) else { return false };
        let key = witness_key(&ledger.alliance, me);
        let signed = UnverifiedCheckpoint::parse(&published.checkpoint).is_ok_and(|note| note.claimed_cosignature(&key).is_some());
        published.size == tree.size && tree.size > 0 && !signed
    }

    fn sign(&self, log: &LogId, tree: &TreeHead, now: u64) -> Result<String, Fatal> {
        let name = witness_name(&self.state.ledger.alliance.id(), &self.state.ledger.me);
        let (log_key, witness_key) = (self.checkpoint_key(tree.size)?, self.witness_key()?);
        Ok(sign_checkpoint(&log.origin(), tree, log_key, (name.as_str(), witness_key), now / 1000))
    }
}

/// What was drawn up for an invitation, unless what waits in the same group uses it or takes it back.
fn unless_pending<T>(id: &StatementId, pending: &[Pending<T>], drawn: Result<Submission, Refusal>) -> Result<Submission, Refusal> {
    let again = pending.iter().any(|waiting| waiting.submissions.iter().any(|waiting| waiting.references.contains(id)));
    let used = || Refusal { fault: RefusalKind::Decision, pointer: String::new(), detail: "this invitation is used".to_owned() };
    if again { Err(used()) } else { drawn }
}
