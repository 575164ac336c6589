//! Every decision that a node makes, as pure functions: bytes, a view of the ledger, time and randomness in; changes or a reason out.

pub mod access;
pub mod addresses;
pub mod author;
pub mod circles;
pub mod counters;
pub mod decisions;
pub mod epoch;
pub mod fsck;
pub mod json;
pub mod ledger;
pub mod limits;
pub mod local;
pub mod logs;
pub mod mend;
pub mod query;
pub mod record;
pub mod replica;
pub mod schema;
pub mod secrets;
pub mod serve;
pub mod submission;
pub mod sync;
pub mod view;
pub mod void;
pub mod wire;
pub mod writer;
