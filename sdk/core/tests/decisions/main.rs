//! How members decide: every refusal of a change, an effect and an entry, and every state that decisions lead to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]
// The tests are not pure: they read the pages.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod changes;
mod effects;
mod entries;
#[allow(dead_code)]
#[path = "../vectors/fixture.rs"]
mod fixture;
mod histories;
mod states;
mod versions;
mod world;
