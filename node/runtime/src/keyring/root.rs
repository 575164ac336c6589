//! The root key: a sealed file of its own, which is moved offline once the charter is signed.

use std::path::Path;

use suyuan_core::Fault;
use suyuan_core::cbor::{Reader, SUITE, Writer};
use suyuan_core::key::SecretKey;
use zeroize::Zeroizing;

use super::disk::{read_private, write_private};
use super::error::KeyringError;
use super::passphrase::{Passphrase, SealedFile};
use super::seal::{Cost, Lock, Sealed, random};
use super::unreadable;

/// Usual name of the file.
pub const ROOT_FILE: &str = "root.key";

/// Longest root file, bytes.
const FILE: usize = 1024;

/// A root key that was opened. Wiped when dropped.
#[derive(Debug)]
pub struct Root {
    key: SecretKey,
    development: bool,
}

impl Root {
    /// Makes a new root key and its file, mode 0600, under the passphrase alone: the file opens on any machine.
    ///
    /// # Errors
    /// [`KeyringError::Exists`], [`KeyringError::Io`].
    pub fn create(path: &Path, passphrase: &Passphrase) -> Result<Self, KeyringError> {
        Self::create_with(path, passphrase, Cost::DEFAULT)
    }

    pub(super) fn create_with(path: &Path, passphrase: &Passphrase, cost: Cost) -> Result<Self, KeyringError> {
        let lock = Lock::new(passphrase, cost)?;
        let key = SecretKey::from_seed(&*random()?);
        write_private(path, &lock.seal(SealedFile::Root, None, &encode(&key))?)?;
        Ok(Self { key, development: lock.is_development() })
    }

    /// Opens a root file.
    ///
    /// # Errors
    /// [`KeyringError::Missing`], [`KeyringError::Permissions`], [`KeyringError::PassphraseNeeded`], [`KeyringError::WrongPassphrase`],
    /// [`KeyringError::Newer`], [`KeyringError::Damaged`], [`KeyringError::Io`].
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, KeyringError> {
        let bytes = read_private(path, FILE)?;
        let sealed = Sealed::read(path, &bytes, SealedFile::Root)?;
        let lock = sealed.unlock(passphrase)?;
        let contents = sealed.open(&lock, None)?;
        let key = decode(&contents).map_err(|fault| unreadable(path, fault))?;
        Ok(Self { key, development: lock.is_development() })
    }

    /// Whether opening this file takes a passphrase.
    ///
    /// # Errors
    /// As [`Root::open`], but for the passphrase.
    pub fn asks_passphrase(path: &Path) -> Result<bool, KeyringError> {
        let bytes = read_private(path, FILE)?;
        Ok(Sealed::read(path, &bytes, SealedFile::Root)?.asks_passphrase())
    }

    /// The key, which signs charters.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Whether the file has no passphrase.
    pub fn is_development(&self) -> bool {
        self.development
    }
}

fn encode(key: &SecretKey) -> Zeroizing<Vec<u8>> {
    let mut writer = Writer::with_capacity(64);
    writer.array(2).uint(SUITE).bytes(key.seed().as_slice());
    Zeroizing::new(writer.finish())
}

fn decode(bytes: &[u8]) -> Result<SecretKey, Fault> {
    let mut reader = Reader::open(bytes)?;
    reader.suite(2)?;
    Ok(SecretKey::from_seed(&Zeroizing::new(reader.fixed()?)))
}
