//! Statements, sections, circles, logs and proofs: what anyone can verify without a node.
