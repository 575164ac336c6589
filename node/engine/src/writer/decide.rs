//! What is due for the alliance's decisions, done and made durable: a promise stands in the store before what it binds leaves the process.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::circle::PUBLIC;
use suyuan_core::history::History;
use suyuan_core::log::witness_name;
use suyuan_core::note;
use suyuan_core::order::{self, Panel};
use suyuan_core::resolution::to_fields;
use suyuan_core::{Fault, MemberId};

use super::shell::{Disk, Fatal, Outlet};
use super::work::{grown, save};
use super::{SubmitError, Writer, keys};
use crate::author::{AuthorError, Plan};
use crate::decisions::{self, Act, Choice, Promise, ProposalRequest, VoteRequest};
use crate::epoch;
use crate::limits;
use crate::schema::{HISTORY_ROW, PROMISE_ROW, Table};
use crate::submission::{Refusal, Submission, SubmittedSection};
use crate::view::Changes;

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    pub(super) fn draw_proposal(&self, request: ProposalRequest, now: u64) -> Result<Submission, Refusal> {
        let ledger = &self.state.ledger;
        self.check_keys(&request.change)?;
        decisions::propose(request, &ledger.decisions, &ledger.me, now)
    }

    pub(super) fn draw_vote(&self, request: VoteRequest, now: u64) -> Result<Submission, Refusal> {
        let ledger = &self.state.ledger;
        if let Some(held) = ledger.decisions.proposals().get(&request.proposal).filter(|_| request.choice == Choice::Approve) {
            self.check_keys(&held.proposal.change)?;
        }
        decisions::vote(request, &ledger.decisions, &ledger.me, now)
    }

    /// Does what is due, one thing after the other, as long as there is something and not for ever.
    pub(super) fn decide(&mut self, reached: &BTreeSet<MemberId>, now: u64) -> Result<(), Fatal> {
        if self.held()?.is_some() {
            return Ok(());
        }
        self.take_ahead()?;
        let mut failed = None;
        for _ in 0..limits::ACTS {
            let ledger = self.state.ledger.clone();
            let epochs = ledger.epoch_state();
            self.silence.observe(&ledger.decisions, &epochs, reached, &ledger.me, now);
            let Some((duty, act)) = ledger.decisions.due(&ledger.me, &mut self.silence, &epochs, now, failed) else { break };
            failed = if self.execute(act, now)? { None } else { Some(duty) };
        }
        self.close_out(now)?;
        let tree = self.state.ledger.logs.head(&self.state.ledger.own_log()).tree_head();
        if self.is_signed_formerly(&tree) { self.publish(now) } else { Ok(()) }
    }

    /// Opens the next epoch of this member's circles that somebody is in who has left: before the next record is sealed for them.
    fn close_out(&mut self, now: u64) -> Result<(), Fatal> {
        for _ in 0..limits::ACTS {
            let Some(request) = epoch::without_former(&self.state.ledger) else { break };
            if self.open_circle(request, now)?.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Takes in the head that came before its entries, once these are here.
    fn take_ahead(&mut self) -> Result<(), Fatal> {
        let decisions = self.state.ledger.decisions.clone();
        match self.ahead.take_if(|(term, note)| decisions.ahead(*term, note).is_none()) {
            Some(head) => self.take_heads(&[head]),
            None => Ok(()),
        }
    }

    /// Takes in what others know as heads of the order log. What does not fit is nothing, and nobody's fault. A head travels faster than the entries under it,
    /// which are asked for when their log is said to have grown: the one with most under it is kept for them, else it would be told again only after a while.
    pub(super) fn take_heads(&mut self, heads: &[(u64, String)]) -> Result<(), Fatal> {
        let decisions = self.state.ledger.decisions.clone();
        for (term, note) in heads {
            let known = self.ahead.as_ref().and_then(|(term, note)| decisions.ahead(*term, note));
            if decisions.ahead(*term, note).is_some_and(|rank| known.is_none_or(|known| rank > known)) {
                self.ahead = Some((*term, note.clone()));
            }
        }
        let mut ledger = self.state.ledger.as_ref().clone();
        if ledger.learn_heads(heads.iter().map(|(term, note)| (*term, note.as_str())), &self.state.secrets) {
            let mut changes = Changes::default();
            ledger.decisions.save_heads(&mut changes);
            self.disk.write(&changes)?;
            self.learn(ledger);
        }
        Ok(())
    }

    /// Adopts a history that says more than is known here. It stands in the store before it has an effect: what is in force is never forgotten.
    pub(super) fn learn_history(&mut self, bytes: &[u8]) -> Result<Result<u64, Fault>, Fatal> {
        let mut ledger = self.state.ledger.as_ref().clone();
        let founding = ledger.founded.alliance.clone();
        let (history, verified) = match History::decode(bytes).and_then(|history| Ok((history.verify(&founding)?, history))) {
            Ok((verified, history)) => (history, verified),
            Err(fault) => return Ok(Err(fault)),
        };
        if verified.settled.position() > ledger.decisions.settled().position() {
            ledger.learn_history(&verified, &history.heads, &self.state.secrets);
            let mut changes = Changes::default();
            changes.put(Table::Meta, HISTORY_ROW, bytes.to_vec());
            // Once its entries have come in their keepers' logs, the file is not looked at any more: its heads have to stand on their own.
            ledger.decisions.save_heads(&mut changes);
            self.disk.write(&changes)?;
            self.learn(ledger);
        }
        Ok(Ok(self.state.ledger.alliance.version()))
    }

    /// Says whether it was done; what cannot be done now is due again later.
    fn execute(&mut self, act: Act, now: u64) -> Result<bool, Fatal> {
        let ledger = self.state.ledger.clone();
        let tip = ledger.decisions.tip();
        match act {
            Act::Entry(entry, after) => {
                let reserve = if entry.effect.is_some() { limits::KEY_CHANGE_LAST } else { 0 };
                self.state_publicly(order::ENTRY, &entry, now.max(after), reserve, now)
            }
            Act::Head => {
                let Some(Panel { keeper: key, .. }) = tip.own_panel() else { return Ok(false) };
                let Ok(secret) = keys::private(&self.disk.keys().log, &key.key) else { return Ok(false) };
                let head = note::sign_head(&key.name, &tip.head(), secret);
                self.keep_head(tip.term, &head, ledger.decisions.promise)
            }
            Act::Cosign(head) => {
                let name = witness_name(&ledger.alliance.id(), &ledger.me);
                let panel = tip.claims(&head).and_then(|at| tip.panel(at.size));
                let Some(mine) = panel.and_then(|panel| panel.witnesses.into_iter().find(|witness| witness.name == name)) else { return Ok(false) };
                // Whoever begins anew does not have the key that it is known by in an older head.
                let Ok(secret) = keys::private(&self.disk.keys().witness, &mine.key) else { return Ok(false) };
                let cosigned = note::add_cosignature(&head, &name, secret, now / 1000);
                let promise = ledger.decisions.promise.cosigned(tip, &head);
                cosigned.map_or(Ok(false), |cosigned| self.keep_head(tip.term, &cosigned, promise))
            }
            Act::Freeze(freeze) => {
                self.promise(Promise { term: freeze.term, ..ledger.decisions.promise })?;
                self.state_publicly(order::FREEZE, &freeze, now, 0, now)
            }
            Act::Epoch => Ok(self.open_circle(epoch::alliance_request(&ledger), now)?.is_ok()),
        }
    }

    /// Makes a promise durable.
    fn promise(&mut self, promise: Promise) -> Result<(), Fatal> {
        let mut changes = Changes::default();
        changes.put(Table::Meta, PROMISE_ROW, promise.to_bytes());
        self.disk.write(&changes)?;
        let mut ledger = self.state.ledger.as_ref().clone();
        Arc::make_mut(&mut ledger.decisions).promise = promise;
        self.learn(ledger);
        Ok(())
    }

    /// Keeps a head that this member has signed, together with what it is bound to by it, before any reader sees it.
    fn keep_head(&mut self, term: u64, note: &str, promise: Promise) -> Result<bool, Fatal> {
        let mut ledger = self.state.ledger.as_ref().clone();
        if !ledger.learn_heads([(term, note)], &self.state.secrets) {
            return Ok(false);
        }
        Arc::make_mut(&mut ledger.decisions).promise = promise;
        let mut changes = Changes::default();
        changes.put(Table::Meta, PROMISE_ROW, promise.to_bytes());
        ledger.decisions.save_heads(&mut changes);
        self.disk.write(&changes)?;
        self.learn(ledger);
        Ok(true)
    }

    /// Writes a statement that anybody may check, where so many entries are left before a change of the own log key.
    fn state_publicly(&mut self, kind: &str, content: &impl serde::Serialize, time: u64, reserve: u64, now: u64) -> Result<bool, Fatal> {
        let Some(fields) = to_fields(content) else { return Ok(false) };
        let sections = vec![SubmittedSection { audiences: vec![PUBLIC], fields }];
        let submission = Submission { kind: kind.to_owned(), about: Vec::new(), references: Vec::new(), time: Some(time), sections };
        Ok(self.write_own(submission, reserve, now)?.is_ok())
    }

    /// Writes one statement of the protocol's own and gives it effect.
    fn write_own(&mut self, submission: Submission, reserve: u64, now: u64) -> Result<Result<(), SubmitError>, Fatal> {
        let plan = match Plan::new(submission, &self.state.ledger, &self.state.secrets, now) {
            Ok(plan) => plan,
            Err(AuthorError::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(error.into())),
        };
        let mut draft = self.draft();
        if let Err(error) = self.check_room(draft.place(1).sequence, reserve) {
            return Ok(Err(error.into()));
        }
        let mut written = self.write_up(vec![plan], &mut draft)?;
        let mut changes = Changes::default();
        save(&mut written, &mut draft, &self.state.ledger, self.disk.keys().local, &mut changes);
        self.disk.write(&changes)?;
        let mut ledger = grown(&self.state.ledger, draft);
        for record in written.iter().filter_map(|written| written.protocol.as_ref()) {
            ledger.learn(record, &self.state.secrets)?;
        }
        self.learn(ledger);
        self.publish(now)?;
        Ok(Ok(()))
    }
}
