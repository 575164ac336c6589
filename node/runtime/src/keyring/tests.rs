//! Tests of the keyring: what it keeps, and what must not open.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod changes;
mod crash;
mod format;
mod passphrases;
mod secrets;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use suyuan_core::key::key_id;
use zeroize::Zeroizing;

use super::*;

/// Argon2id at its least, so that thousands of attempts take a second.
const CHEAP: Cost = Cost { memory: 8, passes: 1, lanes: 1 };

const ALLIANCE: AllianceId = AllianceId([0xa1; 32]);
const STEWARD: MemberId = MemberId([0x57; 32]);
const CIRCLE: CircleId = CircleId([0xc1; 32]);
const OTHER_CIRCLE: CircleId = CircleId([0xc2; 32]);

/// A folder that is removed at the end of a test.
struct Temp(PathBuf);

impl Temp {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("suyuan-keyring-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).unwrap()
    }

    /// Writes a file of mode 0600, over another if need be.
    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.file(name), bytes).unwrap();
        fs::set_permissions(self.file(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn names(&self) -> BTreeSet<String> {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn open(&self) -> Result<Keyring, KeyringError> {
        Keyring::open(&self.0, &pass())
    }

    /// What the keyring holds, opened afresh.
    fn contents(&self) -> Vec<u8> {
        self.open().unwrap().contents.encode().to_vec()
    }

    /// A second folder with the same files.
    fn copy(&self) -> Self {
        let copy = Self::new();
        for name in self.names() {
            fs::copy(self.file(&name), copy.file(&name)).unwrap();
        }
        copy
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pass() -> Passphrase {
    Passphrase::new("春江潮水连海平 37".to_owned()).unwrap()
}

fn other_pass() -> Passphrase {
    Passphrase::new("春江潮水连海平 38".to_owned()).unwrap()
}

fn epoch_secret(byte: u8) -> EpochSecret {
    Zeroizing::new([byte; 32])
}

fn prekey_secret(byte: u8) -> PrekeySecret {
    PrekeySecret::from_bytes([byte; 32])
}

fn prekey_id(byte: u8) -> KeyId {
    key_id(&prekey_secret(byte).public())
}

/// A keyring with an alliance, the prekeys 0x71 and 0x72, and three epochs.
fn filled(temp: &Temp) -> Keyring {
    let mut keyring = Keyring::create_with(&temp.0, &pass(), CHEAP).unwrap();
    keyring.set_alliance(ALLIANCE).unwrap();
    keyring.add_prekeys(STEWARD, vec![prekey_secret(0x71), prekey_secret(0x72)]).unwrap();
    keyring.add_epoch_secret(CIRCLE, 1, epoch_secret(0xe1)).unwrap();
    keyring.add_epoch_secret(CIRCLE, 2, epoch_secret(0xe2)).unwrap();
    keyring.add_epoch_secret(OTHER_CIRCLE, 1, epoch_secret(0xe3)).unwrap();
    keyring
}

fn settled() -> BTreeSet<String> {
    ["device", "keyring", "keyring.lock"].map(str::to_owned).into()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[track_caller]
fn assert_wrong<T>(result: Result<T, KeyringError>) {
    match result {
        Err(KeyringError::WrongPassphrase { .. }) => {}
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it opened"),
    }
}
