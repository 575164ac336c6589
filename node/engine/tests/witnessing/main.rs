//! Witnessing from end to end, in memory: who cosigns what, what is gathered, what raises an alarm, and a million calls in any order.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::too_many_lines, clippy::cognitive_complexity, missing_docs)]
// Costs are measured, and the number of calls is set from outside.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod calls;
mod costs;
mod desk;
mod rounds;
#[path = "../support/steady.rs"]
mod steady;
mod world;
