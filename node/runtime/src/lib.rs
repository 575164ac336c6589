//! The one writer: engine, store and keyring behind one bounded handle.
