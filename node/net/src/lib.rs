//! libp2p and nothing else.
