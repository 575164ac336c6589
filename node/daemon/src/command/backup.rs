//! Whether the keyring is backed up: a file beside it says what was exported last.

use std::path::Path;

use suyuan_api::Backup;
use suyuan_core::AllianceId;
use suyuan_runtime::keyring::Keyring;

use crate::answer::{Failure, read_file, replace};

/// File in the data folder with the hash of what was exported last.
const FILE: &str = "exported";

/// What the file says of this keyring, once it belongs to `alliance`.
pub fn state(data: &Path, keyring: &Keyring, alliance: Option<AllianceId>) -> Backup {
    if keyring.is_development() {
        return Backup::Current;
    }
    match read_file(&data.join(FILE), 1024) {
        Err(_) => Backup::Never,
        Ok(found) if found == digest(keyring, alliance).as_bytes() => Backup::Current,
        Ok(_) => Backup::Outdated,
    }
}

/// Notes that a backup of this keyring was made.
///
/// # Errors
/// The file cannot be written; the backup was.
pub fn made(data: &Path, keyring: &Keyring) -> Result<(), Failure> {
    replace(&data.join(FILE), digest(keyring, keyring.alliance()).as_bytes())
}

/// BLAKE3 over the public keys and the alliance: all that a backup holds changes with them, and none of it is secret.
fn digest(keyring: &Keyring, alliance: Option<AllianceId>) -> String {
    let mut hasher = blake3::Hasher::new();
    for key in [keyring.log(), keyring.witness(), keyring.transport()] {
        hasher.update(&key.public().to_bytes());
    }
    hasher.update(&keyring.encryption().public());
    hasher.update(alliance.as_ref().map_or(&[][..], |alliance| &alliance.0));
    hasher.finalize().to_hex().to_string()
}
