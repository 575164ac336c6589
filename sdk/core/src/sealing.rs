//! Sealing of a section's body: C2SP `chunked-encryption` with HKDF-Expand-SHA-512 and AES-256-GCM, padded to buckets (`specs/sealing.md`).

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha512;
use zeroize::Zeroizing;

use crate::cbor::Reader;
use crate::domain;
use crate::fault::Fault;
use crate::id::Hash;
use crate::limits;
use crate::section::{Body, Ciphertext, SectionHeader};
use crate::statement::Place;

/// Key of one section, used once.
pub type SectionKey = Zeroizing<[u8; 32]>;

const CHUNK: usize = 16 * 1024;
const TAG: usize = 16;
const SALT: usize = 24;
const PREFIX: usize = SALT + 32;

/// What a ciphertext is bound to: suite, place, position in the statement, field root.
pub fn context(place: &Place, section: u8, root: &Hash) -> Vec<u8> {
    let (incarnation, sequence) = (place.incarnation.to_be_bytes(), place.sequence.to_be_bytes());
    domain::SECTION.context(&[&place.alliance.0, &place.author.0, &incarnation, &sequence, &[section], root])
}

/// Seals a body. `key` and `salt` are random and used once.
///
/// # Errors
/// [`Fault::Form`] for a body above [`limits::BODY`].
pub fn seal(body: &Body, key: &SectionKey, salt: [u8; SALT], context: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut plaintext = Zeroizing::new(body.to_bytes());
    let len = plaintext.len();
    if len > limits::BODY {
        return Err(Fault::Form);
    }
    plaintext.resize(bucket(len), 0);
    encrypt(&plaintext, key, &salt, context)
}

/// The header's view of a ciphertext.
pub fn describe(ciphertext: &[u8]) -> Ciphertext {
    Ciphertext { digest: blake3::hash(ciphertext).into(), len: ciphertext.len() as u64 }
}

/// Checks that a ciphertext is the one that a header names; all that a holder without the key can check.
///
/// # Errors
/// [`Fault::Digest`].
pub fn check_digest(ciphertext: &[u8], header: &SectionHeader) -> Result<(), Fault> {
    let named = header.sealed.as_ref().ok_or(Fault::Digest)?;
    // The length first, so that nobody makes us hash more than was signed.
    if named.len == ciphertext.len() as u64 && describe(ciphertext) == *named { Ok(()) } else { Err(Fault::Digest) }
}

/// Opens a ciphertext and checks the padding. The body is not yet held against count and root: [`Body::check`].
///
/// # Errors
/// [`Fault::Sealed`], also above [`limits::CIPHERTEXT`] bytes; [`Fault::Cbor`] of the first item, [`Fault::Padding`], then the faults of [`Body::decode`].
pub fn open(ciphertext: &[u8], key: &SectionKey, context: &[u8]) -> Result<Body, Fault> {
    if ciphertext.len() as u64 > limits::CIPHERTEXT {
        return Err(Fault::Sealed);
    }
    let plaintext = decrypt(ciphertext, key, context)?;
    let (reader, len) = Reader::open_prefix(&plaintext)?;
    let padding = plaintext.get(len..).unwrap_or_default();
    if bucket(len) != plaintext.len() || padding.iter().any(|&byte| byte != 0) {
        return Err(Fault::Padding);
    }
    Body::read(reader, len)
}

/// The padded length of a body of `len` bytes.
pub fn bucket(len: usize) -> usize {
    if len <= limits::BUCKET {
        return limits::BUCKET;
    }
    let exponent = len.ilog2();
    let kept = exponent.ilog2().saturating_add(1);
    let mask = (1usize << exponent.saturating_sub(kept)).saturating_sub(1);
    len.saturating_add(mask) & !mask
}

struct Keys {
    cipher: Aes256Gcm,
    nonce: [u8; 12],
    commitment: [u8; 32],
}

fn derive(key: &[u8; 32], salt: &[u8], context: &[u8]) -> Result<Keys, Fault> {
    let expand = Hkdf::<Sha512>::from_prk(key_as_prk(key).as_slice()).map_err(|_| Fault::Sealed)?;
    let mut out = Zeroizing::new([0u8; 32 + 12 + 32]);
    let info: [&[u8]; 4] = [b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM", &[0], salt, context];
    expand.expand_multi_info(&info, out.as_mut_slice()).map_err(|_| Fault::Sealed)?;
    let (aead, rest) = out.split_at(32);
    let (nonce, commitment) = rest.split_at(12);
    Ok(Keys {
        cipher: Aes256Gcm::new_from_slice(aead).map_err(|_| Fault::Sealed)?,
        nonce: nonce.try_into().map_err(|_| Fault::Sealed)?,
        commitment: commitment.try_into().map_err(|_| Fault::Sealed)?,
    })
}

/// HMAC pads a key with zeros to its block, so 32 bytes followed by zeros are the same PRK; the library wants at least one hash length.
fn key_as_prk(key: &[u8; 32]) -> Zeroizing<[u8; 64]> {
    let mut prk = Zeroizing::new([0; 64]);
    for (to, from) in prk.iter_mut().zip(key) {
        *to = *from;
    }
    prk
}

/// The nonce of a chunk: the base nonce XOR the big-endian chunk number.
fn chunk_nonce(base: &[u8; 12], chunk: u64) -> [u8; 12] {
    let mut nonce = *base;
    for (byte, count) in nonce.iter_mut().rev().zip(chunk.to_le_bytes()) {
        *byte ^= count;
    }
    nonce
}

pub(crate) fn encrypt(message: &[u8], key: &[u8; 32], salt: &[u8; SALT], context: &[u8]) -> Result<Vec<u8>, Fault> {
    let keys = derive(key, salt, context)?;
    let tags = (message.len() / CHUNK).saturating_add(1).saturating_mul(TAG);
    let mut out = Vec::with_capacity(PREFIX.saturating_add(message.len()).saturating_add(tags));
    out.extend_from_slice(salt);
    out.extend_from_slice(&keys.commitment);
    // The last chunk is always short, if need be empty: it marks the end.
    let mut rest = message;
    for number in 0.. {
        let (chunk, after) = rest.split_at(rest.len().min(CHUNK));
        let start = out.len();
        out.extend_from_slice(chunk);
        let nonce = chunk_nonce(&keys.nonce, number).into();
        let sealed = out.get_mut(start..).ok_or(Fault::Sealed)?;
        let tag = keys.cipher.encrypt_inout_detached(&nonce, &[], sealed.into()).map_err(|_| Fault::Sealed)?;
        out.extend_from_slice(&tag);
        rest = after;
        if chunk.len() < CHUNK {
            break;
        }
    }
    Ok(out)
}

pub(crate) fn decrypt(ciphertext: &[u8], key: &[u8; 32], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let (prefix, mut rest) = ciphertext.split_at_checked(PREFIX).ok_or(Fault::Sealed)?;
    let (salt, commitment) = prefix.split_at(SALT);
    let keys = derive(key, salt, context)?;
    if keys.commitment != commitment {
        return Err(Fault::Sealed);
    }
    let mut plaintext = Zeroizing::new(Vec::with_capacity(rest.len()));
    for number in 0.. {
        let (sealed, after) = rest.split_at(rest.len().min(CHUNK + TAG));
        let (chunk, tag) = sealed.split_at_checked(sealed.len().saturating_sub(TAG)).ok_or(Fault::Sealed)?;
        let tag: [u8; TAG] = tag.try_into().map_err(|_| Fault::Sealed)?;
        let start = plaintext.len();
        plaintext.extend_from_slice(chunk);
        let opened = plaintext.get_mut(start..).ok_or(Fault::Sealed)?;
        let nonce = chunk_nonce(&keys.nonce, number).into();
        keys.cipher.decrypt_inout_detached(&nonce, &[], opened.into(), &tag.into()).map_err(|_| Fault::Sealed)?;
        rest = after;
        if chunk.len() < CHUNK {
            break;
        }
    }
    if rest.is_empty() { Ok(plaintext) } else { Err(Fault::Sealed) }
}

#[cfg(test)]
mod tests;
