//! Every decision a node makes, as pure functions.
