//! Witnessing from end to end, in memory: who cosigns what, what is gathered, what raises an alarm, and a million calls in any order.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::too_many_lines, missing_docs)]

mod calls;
mod costs;
mod desk;
mod rounds;
mod world;
