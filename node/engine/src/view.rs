//! What the rules see of the ledger: rows by table and key. One view is in memory, the other is the store's.

use std::collections::BTreeMap;
use std::fmt;

use crate::schema::Table;

/// A row: key without the table's byte, and value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// The store could not be read, or holds what nobody wrote. Whoever sees it stops: it is this machine's fault and no peer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError(pub String);

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store cannot be read: {}; run `suyuan fsck` to see what is damaged", self.0)
    }
}

impl std::error::Error for StoreError {}

/// A consistent state of the rows.
pub trait View {
    /// The value of one row.
    ///
    /// # Errors
    /// [`StoreError`].
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` rows with `from <= key < to`, ascending.
    ///
    /// # Errors
    /// [`StoreError`].
    fn rows(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError>;
}

/// Changes that become durable together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows to write, and to delete where there is no value; the last one of a key wins.
    pub rows: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>,
}

impl Changes {
    /// Writes a row.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.rows.push((table, key.into(), Some(value.into())));
    }

    /// Deletes a row.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.rows.push((table, key.into(), None));
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// A ledger in memory, for the simulator and for tests of the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryView {
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
}

impl MemoryView {
    /// Makes changes visible.
    pub fn apply(&mut self, changes: &Changes) {
        for (table, key, value) in &changes.rows {
            let key = (*table, key.clone());
            match value {
                Some(value) => self.rows.insert(key, value.clone()),
                None => self.rows.remove(&key),
            };
        }
    }
}

impl View for MemoryView {
    fn row(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.get(&(table, key.to_vec())).cloned())
    }

    fn rows(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let range = (table, from.to_vec())..(table, to.to_vec());
        Ok(self.rows.range(range).take(limit).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }
}
