//! The door: how many connections may be in their handshake from one address.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::behaviour::{ConnectionEstablished, FromSwarm, ListenFailure};
use libp2p::swarm::{ConnectionDenied, ConnectionId, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy};
use libp2p::{Multiaddr, PeerId};

use crate::limits;

/// Counts handshakes by address. Bounded by the limit on all handshakes, which stands behind it.
#[derive(Debug, Default)]
pub(crate) struct Door {
    shaking: HashMap<ConnectionId, IpAddr>,
}

/// Too many handshakes from one address.
#[derive(Debug)]
struct Crowded(IpAddr);

impl std::fmt::Display for Crowded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} already has {} connections in their handshake", self.0, limits::PENDING_IN_PER_ADDRESS)
    }
}

impl std::error::Error for Crowded {}

/// The address of a connection, IPv6 by its /64, which one host commonly has to itself.
fn origin(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            Some(ip.to_ipv4_mapped().map_or_else(|| IpAddr::from([a, b, c, d, 0, 0, 0, 0]), IpAddr::V4))
        }
        _ => None,
    })
}

impl NetworkBehaviour for Door {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(&mut self, id: ConnectionId, _: &Multiaddr, remote: &Multiaddr) -> Result<(), ConnectionDenied> {
        let Some(origin) = origin(remote) else { return Ok(()) };
        if self.shaking.values().filter(|other| **other == origin).count() >= limits::PENDING_IN_PER_ADDRESS {
            return Err(ConnectionDenied::new(Crowded(origin)));
        }
        self.shaking.insert(id, origin);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        let over = match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { connection_id, .. }) => connection_id,
            FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => connection_id,
            _ => return,
        };
        self.shaking.remove(&over);
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
