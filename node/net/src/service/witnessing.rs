//! Rounds of witnessing: what members tell of their cosignatures is checked beside the task and judged by the writer; what this node cosigned is told.

use libp2p::request_response::ResponseChannel;
use suyuan_core::{Fault, MemberId};
use suyuan_engine::sync;
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::witnessing::{self, Action, Cosignature, Event, Local, VerifiedCosignature};
use tracing::warn;

use super::{Done, Service};
use crate::limits;

impl Service {
    pub(super) fn turn_rounds(&mut self) {
        let (local, now) = (self.local(), self.now());
        for action in self.rounds.tick(&local, now) {
            match action {
                Action::Tell { member, cosignatures } => self.ask(member, Request::Cosigned(cosignatures)),
                Action::Judge { found, cosign } => {
                    let handle = self.handle().clone();
                    self.beside(async move { Done::Judged { result: handle.witness(found, cosign).await } });
                }
            }
        }
    }

    pub(super) fn round(&mut self, event: Event) {
        let now = self.now();
        self.rounds.handle(event, now);
    }

    pub(super) fn local(&self) -> Local {
        let state = self.handle().state();
        Local::of(&state.ledger, state.published.as_ref().map(|published| published.checkpoint.as_str()))
    }

    /// A member tells of its cosignatures. What it is not answered for, it tells again.
    pub(super) fn cosigned(&mut self, member: MemberId, cosignatures: Vec<Cosignature>, channel: ResponseChannel<Vec<u8>>) {
        let now = self.now();
        let Some(peer) = self.peers.get_mut(&member) else { return };
        if peer.hearing || now < peer.hear_at || !peer.turnstile.pass() {
            peer.traffic.dropped_requests = peer.traffic.dropped_requests.saturating_add(1);
            return;
        }
        peer.hearing = true;
        peer.hear_at = now.saturating_add(limits::HEAR_EVERY);
        self.send(member, channel, Response::Noted.to_bytes());
        let alliance = self.handle().state().ledger.alliance.clone();
        let version = alliance.version();
        self.beside(async move {
            let check = move || VerifiedCosignature::check_told(cosignatures, &member, &alliance);
            let result = tokio::task::spawn_blocking(check).await.unwrap_or(Err(Fault::Form));
            Done::Heard { member, version, result }
        });
    }

    pub(super) fn heard(&mut self, member: MemberId, version: u64, result: Result<Vec<VerifiedCosignature>, Fault>) {
        if let Some(peer) = self.peers.get_mut(&member) {
            peer.hearing = false;
        }
        match result {
            Ok(found) => self.round(Event::Heard(found)),
            Err(fault) if witnessing::is_doubtful(fault) => {
                self.step(sync::Event::Doubted { member, version, why: sync::Why::Cosignature(fault) });
            }
            Err(fault) => {
                let why = sync::Why::Cosignature(fault);
                let name = self.plan.members.known(&member).map_or("", |known| &known.name);
                warn!(member = name, id = %member, %why, "a member's node sent what does not hold");
                if let Some(peer) = self.peers.get_mut(&member) {
                    peer.accused = Some(why.to_string());
                    peer.traffic.refused = peer.traffic.refused.saturating_add(1);
                }
            }
        }
    }
}
