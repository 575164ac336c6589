//! libp2p and nothing else: connections between the members' nodes, over which the engine's sync sessions run (`specs/sync.md`).
//!
//! What is asked, of whom, and what counts as verified is decided in `suyuan-engine`; here bytes are moved, bounded and counted. A peer whose key the
//! charter does not name is cut off after the noise handshake, before a multiplexer or any protocol is spoken with it.

mod codec;
mod config;
mod dialer;
mod door;
mod gate;
pub mod limits;
mod members;
mod network;
mod serve;
mod service;
pub mod status;
mod supervise;
mod swarm;
mod watched;

pub use libp2p::Multiaddr;

pub use config::{NetConfig, NetError};
pub use network::{Network, start};
pub use status::Status;
