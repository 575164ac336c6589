//! HTTP and nothing else: the node API, log tiles, the console and the public pages, all of them through the runtime's handle (`specs/http-api.md`).

mod addresses;
pub mod auth;
mod body;
mod charter;
mod circles;
mod equivocation;
mod export;
mod guard;
mod health;
pub mod limits;
mod logs;
mod members;
pub mod metrics;
mod node_status;
mod pages;
pub mod problem;
pub mod public;
mod reads;
mod records;
mod resolutions;
pub mod routes;
mod serve;
mod sessions;
mod state;
mod tiles;
pub mod tls;
mod tokens;
mod trouble;
mod urlencoded;
pub mod verify;

pub use routes::{admin_router, public_router};
pub use serve::{serve, serve_tls};
pub use state::{AppState, Hosts, PeerStatus, PeersStatus, Settings};
pub use trouble::{Backup, Disk};
