//! The swarm: TCP, the gate, yamux, and the behaviours that run over it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use libp2p::core::Transport;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{Multiaddr, Swarm, connection_limits, noise, ping, swarm, tcp};
use suyuan_core::AllianceId;

use crate::codec::{Frames, PROTOCOL};
use crate::config::NetError;
use crate::door::Door;
use crate::gate::{Gate, Multiplexer};
use crate::limits;
use crate::members::Members;
use crate::watched::Watched;

/// What runs over the connections. Doors come before rooms: the limits are asked first.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    limits: connection_limits::Behaviour,
    door: Door,
    ping: ping::Behaviour,
    pub sync: request_response::Behaviour<Frames>,
}

/// Builds the swarm and listens.
///
/// # Errors
/// [`NetError::System`], [`NetError::Listen`].
pub(crate) fn build(
    key: &Keypair,
    alliance: &AllianceId,
    members: &Arc<Members>,
    turned_away: &Arc<AtomicU64>,
    listen: &[Multiaddr],
) -> Result<Swarm<Behaviour>, NetError> {
    // The alliance goes into the handshake: nodes of different alliances do not even get to know each other's keys.
    let noise = noise::Config::new(key).map_err(|error| NetError::System(error.to_string()))?.with_prologue(alliance.0.to_vec());
    let gate = Gate { noise, members: members.clone(), turned_away: turned_away.clone() };
    let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .map(|stream, _| Watched::new(stream, limits::SILENCE))
        .upgrade(Version::V1)
        .authenticate(gate)
        .multiplex_ext(Multiplexer::of)
        .timeout(limits::HANDSHAKE)
        .boxed();
    let config =
        swarm::Config::with_tokio_executor().with_idle_connection_timeout(limits::IDLE).with_max_negotiating_inbound_streams(limits::REQUESTS);
    let mut swarm = Swarm::new(transport, behaviour(members), key.public().to_peer_id(), config);
    for address in listen {
        let listening = swarm.listen_on(address.clone());
        listening.map_err(|error| NetError::Listen { address: Box::new(address.clone()), why: error.to_string() })?;
    }
    Ok(swarm)
}

/// Sees whether anybody listens there. libp2p shares its port with whoever shares it too, such as another node on this machine: each would then get
/// some of the other's connections.
///
/// # Errors
/// [`NetError::Listen`].
pub(crate) fn check_free(address: &Multiaddr) -> Result<(), NetError> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    let Some(Protocol::Tcp(port)) = parts.next() else { return Ok(()) };
    let bound = std::net::TcpListener::bind((ip, port));
    let why = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there, perhaps another node".to_owned(),
        _ => error.to_string(),
    };
    bound.map(drop).map_err(|error| NetError::Listen { address: Box::new(address.clone()), why: why(error) })
}

fn behaviour(members: &Members) -> Behaviour {
    let established = members.count().saturating_mul(limits::CONNECTIONS_PER_MEMBER);
    let bounds = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits::PENDING_IN))
        .with_max_pending_outgoing(u32::try_from(limits::DIALS).ok())
        .with_max_established_per_peer(Some(limits::CONNECTIONS_PER_MEMBER))
        .with_max_established(Some(established));
    let requests = request_response::Config::default().with_request_timeout(limits::ANSWER).with_max_concurrent_streams(limits::REQUESTS);
    Behaviour {
        limits: connection_limits::Behaviour::new(bounds),
        door: Door::default(),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(limits::PING_EVERY).with_timeout(limits::PING_ANSWER)),
        sync: request_response::Behaviour::with_codec(Frames, [(PROTOCOL, ProtocolSupport::Full)], requests),
    }
}
