//! Statements, sections, circles, logs and proofs: everything about a record that can be checked without a node.
//!
//! The crate is pure. It takes bytes, time and randomness as arguments and returns data or a [`Fault`]. Each module implements the page of
//! the same name in `specs/`.

pub mod bundle;
pub mod cbor;
pub mod charter;
pub mod circle;
pub mod domain;
pub mod equivocation;
pub mod fault;
pub mod history;
pub mod id;
pub mod key;
pub mod limits;
pub mod log;
pub mod membership;
pub mod note;
pub mod order;
pub mod policy;
pub mod proof;
pub mod quorum;
pub mod recovery;
pub mod relay;
pub mod resolution;
pub mod sealing;
pub mod section;
pub mod statement;
pub mod tile;
pub mod tree;
pub mod version;
pub mod witness;

pub use fault::Fault;
pub use id::{AllianceId, CircleId, KeyId, MemberId, StatementId};
