//! Real nodes on loopback: who gets what, who is kept out, and what a broken connection costs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod converge;
mod decide;
mod equivocation;
mod gaps;
mod hostile;
mod moves;
mod own_log;
mod partition;
mod ports;
mod proxy;
mod puppet;
mod replay;
mod rotate;
mod support;
