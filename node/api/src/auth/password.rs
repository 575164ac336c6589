//! The operator's password, kept as an Argon2id hash (RFC 9106).

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

use super::AuthError;
use crate::limits::PASSWORD;

/// The second of RFC 9106's recommended settings: 64 MiB, three passes, four lanes.
const COST: (u32, u32, u32) = (64 * 1024, 3, 4);
/// What a file may ask for at most.
const MOST: (u32, u32, u32) = (1024 * 1024, 16, 16);

/// A password's hash with its salt and cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordHash {
    /// Memory in KiB.
    memory: u32,
    passes: u32,
    lanes: u32,
    /// 16 bytes, hex.
    salt: String,
    /// 32 bytes, hex.
    hash: String,
}

/// Hashes a new password.
pub fn hash(password: &str) -> Result<PasswordHash, AuthError> {
    if !PASSWORD.contains(&password.len()) {
        return Err(AuthError::Password);
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| AuthError::Io(error.to_string()))?;
    let (memory, passes, lanes) = COST;
    let mut made = PasswordHash { memory, passes, lanes, salt: hex::encode(salt), hash: String::new() };
    made.hash = hex::encode(made.stretch(password).ok_or(AuthError::Password)?);
    Ok(made)
}

impl PasswordHash {
    /// Whether this is the password. Takes a moment, and the same one for every password.
    pub fn is(&self, password: &str) -> bool {
        if password.len() > *PASSWORD.end() {
            return false;
        }
        let kept = blake3::Hash::from_hex(&self.hash);
        let given = self.stretch(password).map(blake3::Hash::from_bytes);
        // The comparison of `blake3::Hash` takes the same time wherever the two differ.
        kept.ok().zip(given).is_some_and(|(kept, given)| kept == given)
    }

    fn stretch(&self, password: &str) -> Option<[u8; 32]> {
        if self.memory > MOST.0 || self.passes > MOST.1 || self.lanes > MOST.2 {
            return None;
        }
        let params = Params::new(self.memory, self.passes, self.lanes, Some(32)).ok()?;
        let mut out = [0; 32];
        let salt = hex::decode(&self.salt).ok()?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(password.as_bytes(), &salt, &mut out).ok()?;
        Some(out)
    }
}
