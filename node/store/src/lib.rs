//! The ledger's rows on disk: RocksDB behind the engine's [`View`], and nothing else.
//!
//! Durability contract: when [`Store::write`] returns, the changes are on the disk, all of them; when it fails, the process must stop,
//! because nobody can tell what is there. Reads see every write that returned before they began.

mod error;

use std::path::{Path, PathBuf};

use rocksdb::{BlockBasedOptions, Cache, DB, DBCompressionType, IteratorMode, Options, ReadOptions, WriteBatch, WriteOptions};
use suyuan_engine::schema::{Table, VERSION};
use suyuan_engine::view::{Changes, KeyValue, StoreError, View};

pub use error::OpenError;

/// Row of [`Table::Meta`] that holds the layout's version.
const VERSION_ROW: &[u8] = b"version";
/// Memory for blocks read from disk, bytes.
const CACHE: usize = 64 * 1024 * 1024;
/// Size of a memtable, bytes. Two of them at most are in memory.
const MEMTABLE: usize = 32 * 1024 * 1024;

/// An open store. One process at a time holds it.
pub struct Store {
    db: DB,
    path: PathBuf,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

impl Store {
    /// Opens the store in a folder, and makes it where there is none.
    ///
    /// # Errors
    /// [`OpenError`] says what to do.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let db = DB::open(&options(), path).map_err(|error| OpenError::from_rocksdb(path, &error))?;
        let store = Self { db, path: path.to_owned() };
        store.check_version()?;
        Ok(store)
    }

    fn check_version(&self) -> Result<(), OpenError> {
        let damaged = |why: String| OpenError::Damaged { path: self.path.clone(), why };
        match self.row(Table::Meta, VERSION_ROW).map_err(|error| damaged(error.0))? {
            None => {
                let mut changes = Changes::default();
                changes.put(Table::Meta, VERSION_ROW, VERSION.to_be_bytes());
                self.write(&changes).map_err(|error| damaged(error.0))
            }
            Some(found) => {
                let found = found.try_into().map(u32::from_be_bytes).map_err(|_| damaged("its version cannot be read".into()))?;
                if found == VERSION { Ok(()) } else { Err(OpenError::Version { found, known: VERSION }) }
            }
        }
    }

    /// Makes changes durable, together.
    ///
    /// # Errors
    /// [`StoreError`]: the process must stop, and the next start finds out what was written.
    pub fn write(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for (table, key, value) in &changes.rows {
            let key = prefixed(*table, key);
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(batch, &options).map_err(|error| StoreError(error.to_string()))
    }

    /// Merges everything that was overwritten or deleted away; returns the bytes that the store takes on disk afterwards.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn compact(&self) -> Result<u64, StoreError> {
        self.db.flush().map_err(|error| StoreError(error.to_string()))?;
        self.db.compact_range(None::<&[u8]>, None::<&[u8]>);
        let live = self.db.live_files().map_err(|error| StoreError(error.to_string()))?;
        Ok(live.iter().map(|file| file.size as u64).sum())
    }
}

fn options() -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_bloom_filter(10.0, false);
    table.set_block_cache(&Cache::new_lru_cache(CACHE));
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&table);
    // Half of what is stored is sealed and does not shrink, so nothing is compressed before it comes to rest.
    options.set_compression_type(DBCompressionType::None);
    options.set_bottommost_compression_type(DBCompressionType::Lz4);
    options.set_level_zero_file_num_compaction_trigger(8);
    options.set_write_buffer_size(MEMTABLE);
    options.set_max_background_jobs(2);
    options.set_paranoid_checks(true);
    // A WAL that is gone would otherwise be taken for one that never was.
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_keep_log_file_num(2);
    options.set_max_open_files(512);
    options
}

fn prefixed(table: Table, key: &[u8]) -> Vec<u8> {
    let mut prefixed = Vec::with_capacity(key.len().saturating_add(1));
    prefixed.push(table as u8);
    prefixed.extend_from_slice(key);
    prefixed
}

impl View for Store {
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get(prefixed(table, key)).map_err(|error| StoreError(error.to_string()))
    }

    fn rows(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        let mut read = ReadOptions::default();
        read.set_iterate_lower_bound(prefixed(table, from));
        read.set_iterate_upper_bound(prefixed(table, to));
        let mut rows = Vec::new();
        for row in self.db.iterator_opt(IteratorMode::Start, read).take(limit) {
            let (key, value) = row.map_err(|error| StoreError(error.to_string()))?;
            rows.push((key.get(1..).unwrap_or_default().to_vec(), value.into_vec()));
        }
        Ok(rows)
    }
}
