//! What somebody with bad intentions may hand in: changed, cut, endless and cleverly made inputs, and guesses at what was withheld.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]
// The tests are not pure: they read the shared vectors and look at a clock.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod bounds;
mod decoders;
mod faults;
mod fields;
#[allow(dead_code)]
#[path = "../vectors/fixture.rs"]
mod fixture;
mod mutate;
