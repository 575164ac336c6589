//! Bearer tokens: `suyuan_<id>_<secret>`, of which only the hash is kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AuthError;

const PREFIX: &str = "suyuan_";
/// Bytes of an id and of a secret, written in hex.
const ID: usize = 8;
const SECRET: usize = 32;

/// What a token may do; each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rights {
    /// Read what this node may read.
    Read,
    /// Write records.
    Write,
    /// Open circles and their epochs.
    Admin,
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub id: String,
    pub name: String,
    pub rights: Rights,
    pub created: u64,
    pub expires: u64,
    /// BLAKE3 of the whole token, hex. A token has 256 random bits, so its hash needs no salt and no stretching.
    pub hash: String,
}

/// What is shown of a token after it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenInfo {
    /// Its id, 16 hexadecimal digits; the part of it that is no secret.
    pub id: String,
    /// What it was made for.
    pub name: String,
    /// What it may do.
    pub rights: Rights,
    /// When it was made, milliseconds since 1970-01-01 UTC.
    pub created: u64,
    /// When it ends, milliseconds since 1970-01-01 UTC.
    pub expires: u64,
}

impl Token {
    /// What may be shown.
    pub fn info(&self) -> TokenInfo {
        let Self { id, name, rights, created, expires, .. } = self.clone();
        TokenInfo { id, name, rights, created, expires }
    }

    /// Whether this is the token, in constant time.
    pub fn is(&self, token: &str) -> bool {
        // The comparison of `blake3::Hash` takes the same time wherever the two differ.
        blake3::Hash::from_hex(&self.hash).is_ok_and(|hash| hash == blake3::hash(token.as_bytes()))
    }
}

/// A new token, and what the client sends.
pub fn make(name: &str, rights: Rights, created: u64, expires: u64) -> Result<(Token, String), AuthError> {
    let (mut id, mut secret) = ([0; ID], [0; SECRET]);
    getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret)).map_err(|error| AuthError::Io(error.to_string()))?;
    let id = hex::encode(id);
    let token = format!("{PREFIX}{id}_{}", hex::encode(secret));
    let hash = blake3::hash(token.as_bytes()).to_hex().to_string();
    Ok((Token { id, name: name.to_owned(), rights, created, expires, hash }, token))
}

/// The id of a text that has a token's form.
pub fn id_of(token: &str) -> Option<&str> {
    let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
    (id.len() == 2 * ID && secret.len() == 2 * SECRET).then_some(id)
}
