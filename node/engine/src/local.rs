//! What this node alone can read on its own disk: keyed index names and sealed rows (`specs/store.md`, At rest).

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::schema::{Row, Table};
use crate::view::StoreError;

/// Statements whose wraps share a page key.
const PAGE: u64 = 1024;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Keys derived from the keyring's `local` root.
#[derive(Clone)]
pub struct LocalKeys {
    index: Zeroizing<[u8; 32]>,
    header: Aes256Gcm,
    pages: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for LocalKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalKeys")
    }
}

impl LocalKeys {
    /// Derives the keys from the 32-byte root.
    pub fn new(root: &[u8; 32]) -> Self {
        let derive = |context: &str| Zeroizing::new(blake3::derive_key(context, root));
        let header = derive("suyuan/1 local headers");
        Self { index: derive("suyuan/1 local index"), header: Aes256Gcm::new(&(*header).into()), pages: derive("suyuan/1 local pages") }
    }

    /// The name under which something is indexed. Nobody without the root can test a guess against it.
    pub fn name(&self, table: Table, subject: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.index);
        hasher.update(&[table as u8]).update(subject);
        let mut name = [0; 16];
        hasher.finalize_xof().fill(&mut name);
        name
    }

    /// Seals the headers of one section.
    ///
    /// # Errors
    /// [`StoreError`] cannot occur with valid lengths; it stands in for the library's error.
    pub fn seal_header(&self, row: &[u8], plaintext: Vec<u8>, rng: &mut impl CryptoRng) -> Result<Vec<u8>, StoreError> {
        seal(&self.header, row, plaintext, rng)
    }

    /// Opens the headers of one section.
    ///
    /// # Errors
    /// [`StoreError`] when the row was changed or moved.
    pub fn open_header(&self, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        open(&self.header, row, sealed)
    }

    /// Seals a wrap under its page's key.
    ///
    /// # Errors
    /// As [`LocalKeys::seal_header`].
    pub fn seal_wrap(&self, row: Row, key: &[u8], wrap: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, StoreError> {
        seal(&self.page(row), key, wrap.to_vec(), rng)
    }

    /// Opens a wrap.
    ///
    /// # Errors
    /// [`StoreError`] when the row was changed or moved.
    pub fn open_wrap(&self, row: Row, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        open(&self.page(row), key, sealed)
    }

    fn page(&self, row: Row) -> Aes256Gcm {
        let mut hasher = blake3::Hasher::new_keyed(&self.pages);
        hasher.update(&row.log.to_be_bytes()).update(&(row.sequence / PAGE).to_be_bytes());
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(hasher.finalize().into());
        Aes256Gcm::new(&(*key).into())
    }
}

fn seal(cipher: &Aes256Gcm, row: &[u8], mut plaintext: Vec<u8>, rng: &mut impl CryptoRng) -> Result<Vec<u8>, StoreError> {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    let tag = cipher
        .encrypt_inout_detached(&nonce.into(), row, plaintext.as_mut_slice().into())
        .map_err(|_| StoreError("a row is too long to seal".into()))?;
    let mut sealed = nonce.to_vec();
    sealed.append(&mut plaintext);
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

fn open(cipher: &Aes256Gcm, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let damaged = || StoreError(format!("row {} does not open under this keyring", hex::encode(row)));
    let (nonce, rest) = sealed.split_at_checked(NONCE).ok_or_else(damaged)?;
    let (body, tag) = rest.split_at_checked(rest.len().saturating_sub(TAG)).ok_or_else(damaged)?;
    let (nonce, tag): ([u8; NONCE], [u8; TAG]) = (nonce.try_into().map_err(|_| damaged())?, tag.try_into().map_err(|_| damaged())?);
    let mut plaintext = body.to_vec();
    cipher.decrypt_inout_detached(&nonce.into(), row, plaintext.as_mut_slice().into(), &tag.into()).map_err(|_| damaged())?;
    Ok(plaintext)
}
