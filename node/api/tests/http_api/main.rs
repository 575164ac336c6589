//! The node API over real nodes: every route with every right, every kind of bad input, what a regulator leaves behind, and the tiles.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod access;
mod addresses;
mod audit;
mod bad_input;
mod document;
mod every_route;
mod living;
mod records;
mod regulator;
mod server;
mod smuggling;
mod support;
mod tiles;
mod tls;
mod waiting;
