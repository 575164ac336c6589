//! The one writer: engine, store and keyring behind one bounded handle.

pub mod anchor;
pub mod error;
mod gate;
pub mod handle;
pub mod keyring;
pub mod node;
mod random;
mod writer;

pub use error::{StartError, SubmitError};
pub use handle::{Handle, Receipt, State};
pub use node::{Node, NodeConfig};
