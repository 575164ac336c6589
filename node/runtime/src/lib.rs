//! The engine's writer over a real disk, behind one bounded handle.

pub mod anchor;
mod audit;
mod commit;
pub mod error;
mod gate;
pub mod handle;
pub mod keyring;
pub mod node;
pub mod random;

pub use error::StartError;
pub use handle::{Handle, Submitted};
pub use node::{Node, NodeConfig};
pub use suyuan_engine::writer::{Receipt, State, SubmitError};
