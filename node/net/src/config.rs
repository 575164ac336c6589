//! What the network is started with, and why it did not start.

use std::fmt;

use libp2p::{Multiaddr, PeerId};
use suyuan_core::MemberId;

/// What the network is started with.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// Addresses to listen on, such as `/ip4/0.0.0.0/tcp/7300`.
    pub listen: Vec<Multiaddr>,
    /// Addresses of members beside those in the charter, tried first.
    pub peers: Vec<(MemberId, Multiaddr)>,
    /// Pace of the sync sessions.
    pub sync: suyuan_engine::sync::Limits,
    /// Whether to keep for other members what they cannot bring each other; the leader does where nothing is said.
    pub relay: Option<bool>,
}

/// The network did not start.
#[derive(Debug)]
pub enum NetError {
    /// The keyring does not hold the transport key by which the alliance knows this member.
    Key,
    /// A member's transport key in the charter cannot be used by libp2p.
    MemberKey(MemberId),
    /// An address cannot be listened on.
    Listen {
        /// Which.
        address: Box<Multiaddr>,
        /// The reason.
        why: String,
    },
    /// The peer address of no member.
    Stranger(MemberId),
    /// The peer address ends in another node's id than the member's.
    OtherPeer(Box<Multiaddr>, PeerId),
    /// The operating system has no randomness to give, or noise could not be set up.
    System(String),
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("the keyring does not hold the transport key by which the alliance knows this member; put back the newest backup of the keyring with `suyuan keyring restore`"),
            Self::MemberKey(member) => write!(f, "the transport key of member {member} in the charter cannot be used"),
            Self::Listen { address, why } => write!(f, "cannot listen on {address}: {why}; choose another address with --p2p"),
            Self::Stranger(member) => write!(f, "an address was given for {member}, which is no other member of the alliance"),
            Self::OtherPeer(address, peer) => write!(f, "{address} names another node than {peer}, which the charter names"),
            Self::System(why) => write!(f, "the network cannot be set up: {why}"),
        }
    }
}

impl std::error::Error for NetError {}
