//! This crate against libraries that were written elsewhere for the same formats: each reads what the other wrote, and refuses what the other refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod cbor;
mod cose;
#[allow(dead_code)]
#[path = "../vectors/fixture.rs"]
mod fixture;
mod merkle;
mod note;
mod tiles;
