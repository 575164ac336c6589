//! RocksDB and nothing else.
