//! The gate: after the noise handshake, and before anything else, a peer must turn out to be a member.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{AsyncRead, AsyncWrite, FutureExt};
use libp2p::core::ConnectedPoint;
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use libp2p::multiaddr::Protocol;
use libp2p::{PeerId, noise, yamux};

use crate::limits;
use crate::members::Members;

/// Noise, and the membership check behind it.
#[derive(Clone)]
pub(crate) struct Gate {
    pub noise: noise::Config,
    pub members: Arc<Members>,
    pub turned_away: Arc<AtomicU64>,
}

/// Why a connection did not get through the gate.
#[derive(Debug)]
pub(crate) enum GateError {
    Noise(noise::Error),
    /// It proved to hold a key, but no member's.
    Stranger(PeerId),
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Noise(error) => write!(f, "the noise handshake failed: {error}"),
            Self::Stranger(peer) => write!(f, "{peer} is no member's key"),
        }
    }
}

impl std::error::Error for GateError {}

type Upgraded<S> = Result<(PeerId, noise::Output<S>), GateError>;
type Upgrading<S> = Pin<Box<dyn Future<Output = Upgraded<S>> + Send>>;

impl Gate {
    /// Lets members through; whoever else it is, its connection is dropped here.
    fn check<S>(&self, shaken: Result<(PeerId, noise::Output<S>), noise::Error>) -> Upgraded<S> {
        let (peer, stream) = shaken.map_err(GateError::Noise)?;
        if self.members.member(&peer).is_some() {
            return Ok((peer, stream));
        }
        self.turned_away.fetch_add(1, Ordering::Relaxed);
        Err(GateError::Stranger(peer))
    }
}

impl UpgradeInfo for Gate {
    type Info = <noise::Config as UpgradeInfo>::Info;
    type InfoIter = <noise::Config as UpgradeInfo>::InfoIter;

    fn protocol_info(&self) -> Self::InfoIter {
        self.noise.protocol_info()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> InboundConnectionUpgrade<S> for Gate {
    type Output = (PeerId, noise::Output<S>);
    type Error = GateError;
    type Future = Upgrading<S>;

    fn upgrade_inbound(self, socket: S, info: Self::Info) -> Self::Future {
        self.noise.clone().upgrade_inbound(socket, info).map(move |shaken| self.check(shaken)).boxed()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> OutboundConnectionUpgrade<S> for Gate {
    type Output = (PeerId, noise::Output<S>);
    type Error = GateError;
    type Future = Upgrading<S>;

    fn upgrade_outbound(self, socket: S, info: Self::Info) -> Self::Future {
        self.noise.clone().upgrade_outbound(socket, info).map(move |shaken| self.check(shaken)).boxed()
    }
}

/// The multiplexer, or none: a dialled member's node that turns out to be another member's is offered nothing.
#[derive(Clone)]
pub(crate) struct Multiplexer(Option<yamux::Config>);

impl Multiplexer {
    pub fn of(peer: &PeerId, endpoint: &ConnectedPoint) -> Self {
        let expected = match endpoint {
            ConnectedPoint::Dialer { address, .. } => address.iter().find_map(|part| if let Protocol::P2p(peer) = part { Some(peer) } else { None }),
            ConnectedPoint::Listener { .. } => Some(*peer),
        };
        Self((expected == Some(*peer)).then(|| {
            let mut config = yamux::Config::default();
            config.set_max_num_streams(limits::STREAMS);
            config
        }))
    }
}

impl UpgradeInfo for Multiplexer {
    type Info = &'static str;
    type InfoIter = std::vec::IntoIter<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.iter().flat_map(UpgradeInfo::protocol_info).collect::<Vec<_>>().into_iter()
    }
}

type Muxing<S> = Pin<Box<dyn Future<Output = std::io::Result<yamux::Muxer<S>>> + Send>>;

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<S> for Multiplexer {
    type Output = yamux::Muxer<S>;
    type Error = std::io::Error;
    type Future = Muxing<S>;

    fn upgrade_inbound(self, socket: S, info: Self::Info) -> Self::Future {
        match self.0 {
            Some(config) => config.upgrade_inbound(socket, info).boxed(),
            None => std::future::ready(Err(std::io::ErrorKind::PermissionDenied.into())).boxed(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<S> for Multiplexer {
    type Output = yamux::Muxer<S>;
    type Error = std::io::Error;
    type Future = Muxing<S>;

    fn upgrade_outbound(self, socket: S, info: Self::Info) -> Self::Future {
        match self.0 {
            Some(config) => config.upgrade_outbound(socket, info).boxed(),
            None => std::future::ready(Err(std::io::ErrorKind::PermissionDenied.into())).boxed(),
        }
    }
}
