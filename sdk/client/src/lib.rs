//! Typed client of a node's HTTP interface.
