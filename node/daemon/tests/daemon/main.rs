//! The binary as its operator meets it: what it refuses at start, what it reminds of, and what it says when the disk is full.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod audit;
mod backup;
mod commands;
mod disk;
mod epcis;
mod held;
mod joined;
mod lists;
mod living;
mod mistakes;
#[path = "../../../net/tests/network/ports.rs"]
mod ports;
mod recovered;
mod relayed;
mod restored;
mod store;
mod support;
mod tls;
mod waiting;
mod witness;
