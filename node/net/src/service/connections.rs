//! Connections: dialling, coming and going.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Instant;

use libp2p::core::ConnectedPoint;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, PeerId, ping};
use suyuan_core::MemberId;
use suyuan_engine::relay::courier::Event as Carried;
use suyuan_engine::sync::Event;
use suyuan_engine::witnessing::Event as Round;
use suyuan_runtime::node::now as wall_clock;
use tracing::{debug, info, warn};

use super::{Done, Service};
use crate::dialer;
use crate::swarm::BehaviourEvent;

/// Characters of an error that are kept for the status.
const ERROR: usize = 300;

impl Service {
    pub(super) fn swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Sync(event)) => self.exchange_event(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.pinged(&event),
            SwarmEvent::Behaviour(_) => {}
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => self.opened(&peer_id, connection_id, &endpoint),
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, cause, .. } => {
                self.closed(&peer_id, connection_id, num_established == 0, cause.map(|cause| cause.to_string()));
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                if let Some(member) = self.plan.members.member(&peer) {
                    self.not_reached(member, &error.to_string());
                }
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                self.plan.shared.handshakes_failed.fetch_add(1, Ordering::Relaxed);
                debug!(from = %send_back_addr, %error, "a connection did not get in");
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                info!(%address, "listening for other members' nodes");
                self.plan.shared.listening.lock().unwrap_or_else(PoisonError::into_inner).push(address);
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => warn!(?addresses, ?reason, "no longer listening"),
            SwarmEvent::ListenerError { error, .. } => warn!(%error, "the listener failed"),
            _ => {}
        }
    }

    /// Dials whoever's turn it is, after looking up names.
    pub(super) fn dial_due(&mut self) {
        for member in self.dialer.due(Instant::now()) {
            let addresses = super::addresses(&self.plan, &self.stated, &member);
            self.beside(async move { Done::Resolved { member, addresses: dialer::resolve(addresses).await } });
        }
    }

    /// Takes up what members have stated since the last look.
    pub(super) fn follow_addresses(&mut self) {
        let state = self.handle().state();
        let stated = &state.ledger.addresses;
        if *stated == self.stated {
            return;
        }
        let before = std::mem::replace(&mut self.stated, stated.clone());
        let moved: Vec<MemberId> = self.peers.keys().copied().filter(|member| before.of(member) != self.stated.of(member)).collect();
        for member in moved {
            let reachable = !super::addresses(&self.plan, &self.stated, &member).is_empty();
            let connected = self.peers.get(&member).is_some_and(|peer| !peer.connections.is_empty());
            info!(member = %self.plan.members.known(&member).map_or("", |known| &known.name), "has stated new addresses");
            self.dialer.moved(member, reachable, connected, Instant::now());
        }
    }

    pub(super) fn dial(&mut self, member: MemberId, addresses: Vec<Multiaddr>) {
        let Some(known) = self.plan.members.known(&member) else { return };
        // A port of its own for each dial: two nodes that dial each other at once must not meet on one pair of ports.
        let options = DialOpts::peer_id(known.peer).condition(PeerCondition::Disconnected).allocate_new_port().addresses(addresses).build();
        if let Err(error) = self.swarm.dial(options) {
            self.not_reached(member, &error.to_string());
        }
    }

    fn not_reached(&mut self, member: MemberId, error: &str) {
        debug!(%member, error, "a member's node was not reached");
        self.dialer.failed(&member, Instant::now());
        self.went_wrong(&member, error);
        self.step(Event::Unreachable(member));
    }

    pub(super) fn went_wrong(&mut self, member: &MemberId, error: &str) {
        if let Some(peer) = self.peers.get_mut(member) {
            peer.last_error = Some(error.chars().take(ERROR).collect());
        }
    }

    fn opened(&mut self, peer: &PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let Some(member) = self.plan.members.member(peer) else { return };
        self.dialer.connected(&member);
        let Some(state) = self.peers.get_mut(&member) else { return };
        let first = state.connections.is_empty();
        state.connections.insert(connection, endpoint.get_remote_address().clone());
        if first {
            state.since = wall_clock();
            state.last_error = None;
            info!(member = %self.plan.members.known(&member).map_or("", |known| &known.name), "connected");
            self.step(Event::Connected(member));
            self.round(Round::Connected(member));
            self.carry(Carried::Connected(member));
        }
    }

    fn closed(&mut self, peer: &PeerId, connection: ConnectionId, last: bool, cause: Option<String>) {
        let Some(member) = self.plan.members.member(peer) else { return };
        let Some(state) = self.peers.get_mut(&member) else { return };
        state.connections.remove(&connection);
        if let Some(cause) = cause {
            self.went_wrong(&member, &cause);
        }
        if last {
            if let Some(state) = self.peers.get_mut(&member) {
                state.since = wall_clock();
            }
            self.leaving.retain(|_, (to, _)| *to != member);
            self.asked.retain(|_, (of, _)| *of != member);
            self.dialer.apart(&member, Instant::now());
            info!(member = %self.plan.members.known(&member).map_or("", |known| &known.name), "disconnected");
            self.step(Event::Disconnected(member));
            self.round(Round::Disconnected(member));
            self.carry(Carried::Disconnected(member));
        }
    }

    /// Somebody who sends, but does not answer pings, is not there for this node. The library lets the first failure pass.
    fn pinged(&mut self, event: &ping::Event) {
        if let Err(ping::Failure::Timeout | ping::Failure::Other { .. }) = event.result {
            if let Some(member) = self.plan.members.member(&event.peer) {
                self.went_wrong(&member, "it did not answer a ping");
            }
            self.swarm.close_connection(event.connection);
        }
    }
}
