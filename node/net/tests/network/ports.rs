//! Ports that stay free while the node that listened there is stopped.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to outgoing connections: one of those could take the port of a node that starts again.
const FIRST: u16 = 10_000;
const PORTS: u16 = 9_000;

/// A loopback port that nobody listens on, never the same twice in one process. Processes begin at different ones.
///
/// # Panics
/// When none is free.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() * 97 % u32::from(PORTS)).unwrap();
    let mut ports = (0..PORTS).map(|_| FIRST + (begin + TAKEN.fetch_add(1, Ordering::Relaxed) % PORTS) % PORTS);
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap()
}
