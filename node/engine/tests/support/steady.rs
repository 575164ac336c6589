//! A disk in memory that never fails, of a member whose keys stay as they are.

use suyuan_core::CircleId;
use suyuan_core::circle::{EpochSecret, PrekeySecret};
use suyuan_core::key::SecretKey;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::view::{Changes, MemoryView, StoreError};
use suyuan_engine::writer::{Disk, Keys, NewKeys, Published, SecretError};

pub struct Memory {
    pub rows: MemoryView,
    /// The keys that sign the log, and cosign.
    pub keys: [SecretKey; 2],
    pub encryption: PrekeySecret,
    pub local: LocalKeys,
}

impl Disk for Memory {
    type Rows = MemoryView;

    fn rows(&self) -> &MemoryView {
        &self.rows
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.rows.apply(changes);
        Ok(())
    }

    fn keys(&self) -> Keys<'_> {
        Keys { log: vec![&self.keys[0]], witness: vec![&self.keys[1]], transport: Vec::new(), encryption: vec![&self.encryption], local: &self.local }
    }

    fn add_epoch_secret(&mut self, _: CircleId, _: u64, _: EpochSecret) -> Result<(), SecretError> {
        Ok(())
    }

    fn add_keys(&mut self, _: NewKeys) -> Result<(), SecretError> {
        unreachable!("nobody exchanges keys here")
    }

    fn replace_epoch_secret(&mut self, _: CircleId, _: u64, _: EpochSecret) -> Result<(), SecretError> {
        Ok(())
    }

    fn anchor(&mut self, _: &Published) -> Result<(), String> {
        Ok(())
    }
}
