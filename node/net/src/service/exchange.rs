//! Requests and responses: what the sessions ask is sent, what others ask is answered.

use libp2p::PeerId;
use libp2p::request_response::{self, InboundRequestId, Message, ResponseChannel};
use suyuan_core::equivocation::Evidence;
use suyuan_core::{Fault, MemberId};
use suyuan_engine::relay::courier::Event as Carried;
use suyuan_engine::sync::{Action, Event};
use suyuan_engine::wire::{Batch, LogSize, Request, Response};
use suyuan_engine::witnessing::Event as Round;
use suyuan_engine::{equivocation, mend};
use suyuan_runtime::Handle;
use tracing::{debug, error, info, warn};

use super::{Done, Service};
use crate::serve::Answer;

impl Service {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Ask { member, request } => self.ask(member, request),
            Action::TakeIn { batch, .. } => self.take_in(batch),
            Action::Fill { log, items, .. } => {
                let handle = self.handle().clone();
                self.beside(async move { Done::Filled { result: handle.fill(log, items).await } });
            }
            Action::Learn { member, history } => {
                let handle = self.handle().clone();
                self.beside(async move { Done::Learned { member, result: handle.learn_history(history).await } });
            }
            Action::Convict { member, evidence } => {
                let shown_by = self.plan.members.known(&member).map_or("", |known| &known.name);
                warn!(shown_by, log = %evidence.log(self.handle().state().ledger.alliance.id()).origin(), "a log has two histories");
                self.convict(None, *evidence);
            }
            Action::Penalise { member, why, until } => {
                let name = self.plan.members.known(&member).map_or("", |known| &known.name);
                warn!(member = name, id = %member, %why, seconds = until.saturating_sub(self.now()) / 1000, "a member's node sent what does not hold; it is not asked for a while");
                if let Some(peer) = self.peers.get_mut(&member) {
                    peer.accused = Some(why.to_string());
                    peer.traffic.refused = peer.traffic.refused.saturating_add(1);
                }
            }
            Action::OwnHeadKnown => {
                info!("this node holds its own log as far as anybody who answered");
                self.plan.shared.own_head_known.send_replace(true);
            }
            Action::OwnHeadDisputed => {
                error!("ALARM: another history of this node's own log was shown; nothing is written until it is clear");
                self.plan.shared.own_head_known.send_replace(false);
            }
        }
    }

    pub(super) fn ask(&mut self, member: MemberId, request: Request) {
        let Some(known) = self.plan.members.known(&member) else { return };
        let bytes = request.to_bytes();
        if let Some(peer) = self.peers.get_mut(&member) {
            peer.traffic.sent = peer.traffic.sent.saturating_add(bytes.len() as u64);
        }
        let id = self.swarm.behaviour_mut().sync.send_request(&known.peer, bytes);
        self.asked.insert(id, (member, request));
    }

    fn convict(&mut self, by: Option<MemberId>, evidence: Evidence) {
        let handle = self.handle().clone();
        self.beside(async move { Done::Convicted { by, result: handle.convict(evidence).await } });
    }

    fn take_in(&mut self, batch: Box<Batch>) {
        let (handle, log) = (self.handle().clone(), batch.log);
        self.beside(async move { Done::TakenIn { log, result: handle.take_in(*batch).await } });
    }

    pub(super) fn exchange_event(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        match event {
            request_response::Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                self.requested(&peer, request_id, &request, channel);
            }
            request_response::Event::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some((member, request)) = self.asked.remove(&request_id) {
                    self.answered(member, request, response);
                }
            }
            request_response::Event::OutboundFailure { request_id, error, .. } => {
                if let Some((member, request)) = self.asked.remove(&request_id) {
                    self.went_wrong(&member, &error.to_string());
                    match request {
                        Request::Cosigned(_) => self.round(Round::NotTold(member)),
                        Request::Collect(_) | Request::Fetch(_) => self.carry(Carried::Failed(member)),
                        request => self.step(Event::Failed { member, request }),
                    }
                }
            }
            request_response::Event::ResponseSent { request_id, .. } => {
                self.leaving.remove(&request_id);
            }
            request_response::Event::InboundFailure { request_id, error, peer, .. } => {
                debug!(%peer, %error, "an answer did not leave");
                self.leaving.remove(&request_id);
            }
        }
    }

    /// Large answers are decoded beside this task.
    fn answered(&mut self, member: MemberId, request: Request, bytes: Vec<u8>) {
        if let Some(peer) = self.peers.get_mut(&member) {
            peer.traffic.received = peer.traffic.received.saturating_add(bytes.len() as u64);
        }
        let handle = self.handle().clone();
        self.beside(async move {
            let (alliance, asked) = (handle.state().ledger.alliance.id(), request.clone());
            let decode = move || {
                let response = Response::decode(&bytes, &alliance);
                let study = response.as_ref().ok().and_then(|response| study(member, &asked, response, &handle));
                (response, study)
            };
            let (response, study) = tokio::task::spawn_blocking(decode).await.unwrap_or((Err(Fault::Form), None));
            Done::Decoded { member, request, response, study: study.map(Box::new) }
        });
    }

    fn requested(&mut self, peer: &PeerId, id: InboundRequestId, bytes: &[u8], channel: ResponseChannel<Vec<u8>>) {
        let Some(member) = self.plan.members.member(peer) else { return };
        let alliance = self.handle().state().ledger.alliance.id();
        let Some(state) = self.peers.get_mut(&member) else { return };
        state.traffic.received = state.traffic.received.saturating_add(bytes.len() as u64);
        // Without an answer the stream closes.
        let Ok(request) = Request::decode(bytes, &alliance) else {
            state.traffic.bad_requests = state.traffic.bad_requests.saturating_add(1);
            return;
        };
        if let Request::Cosigned(cosignatures) = request {
            return self.cosigned(member, cosignatures, channel);
        }
        let place = match request {
            Request::Grown(_) | Request::Convict(_) => None,
            _ => state.turnstile.enter(),
        };
        match (request, place) {
            (Request::Grown(log), _) if state.turnstile.pass() => {
                self.send(member, channel, Response::Noted.to_bytes());
                self.step(Event::Holds { member, log });
            }
            (Request::Convict(evidence), _) if state.turnstile.pass() => {
                self.send(member, channel, Response::Noted.to_bytes());
                if equivocation::is_news(&evidence, &self.handle().state().ledger) {
                    self.convict(Some(member), *evidence);
                }
            }
            (request, Some(place)) => {
                let turnstile = state.turnstile.clone();
                let around = self.around(&request);
                let (turnstile, slots, handle) = (turnstile, self.slots.clone(), self.handle().clone());
                match &request {
                    Request::Pull { log, from } => self.step(Event::Holds { member, log: LogSize { log: *log, size: *from } }),
                    Request::OrderHeads(heads) => self.learn_heads(member, heads),
                    _ => {}
                }
                self.beside(async move {
                    let answer = turnstile.answer(place, slots, handle, member, request, around).await;
                    Done::Answered { member, id, channel, answer }
                });
            }
            _ => state.traffic.dropped_requests = state.traffic.dropped_requests.saturating_add(1),
        }
    }

    pub(super) fn send_answer(&mut self, member: MemberId, id: InboundRequestId, channel: ResponseChannel<Vec<u8>>, answer: Option<Answer>) {
        let Some(Answer { bytes, turn }) = answer else { return };
        if self.send(member, channel, bytes) {
            self.leaving.insert(id, (member, turn));
        }
    }

    pub(super) fn send(&mut self, member: MemberId, channel: ResponseChannel<Vec<u8>>, bytes: Vec<u8>) -> bool {
        let len = bytes.len() as u64;
        let sent = self.swarm.behaviour_mut().sync.send_response(channel, bytes).is_ok();
        if let Some(peer) = self.peers.get_mut(&member).filter(|_| sent) {
            peer.traffic.sent = peer.traffic.sent.saturating_add(len);
        }
        sent
    }
}

/// What an answer about circles says, held against this node's own ledger.
fn study(member: MemberId, request: &Request, response: &Response, handle: &Handle) -> Option<Event> {
    let state = handle.state();
    let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
    let rows = handle.store().as_ref();
    match (request, response) {
        (Request::Heads, Response::Heads(heads)) => match equivocation::differing(heads, &state.ledger, rows) {
            Ok(logs) => (!logs.is_empty()).then_some(Event::Differing { member, logs }),
            Err(error) => {
                error!(%error, "the logs that another node named cannot be compared");
                None
            }
        },
        (Request::Show { log, index }, Response::Shown(Some(shown))) => {
            let found = equivocation::compare(log, *index, shown, &state.ledger, published, rows);
            Some(Event::Compared { member, log: *log, index: *index, found })
        }
        (Request::Counters(_), Response::Counters(counts, _)) => Some(Event::Gaps { member, counts: mend::gaps(counts, &state.ledger) }),
        (Request::Listing { gap, .. }, Response::Listing(listed, next)) => {
            match mend::lacking(gap, listed, &state.ledger, handle.store().as_ref(), handle.local()) {
                Ok(sequences) => Some(Event::Lacking { member, gap: *gap, sequences, next: *next }),
                Err(error) => {
                    error!(%error, "a gap cannot be looked up");
                    None
                }
            }
        }
        _ => None,
    }
}
