//! Sealing of a small file under a passphrase and a device secret: header, Argon2id, HKDF, AES-256-GCM (`specs/keyring.md`).

use std::io;
use std::path::Path;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use hkdf::Hkdf;
use sha2::Sha256;
use suyuan_core::Fault;
use suyuan_core::cbor::{self, Reader, Writer};
use suyuan_core::sealing::bucket;
use zeroize::Zeroizing;

use super::error::KeyringError;
use super::passphrase::{Passphrase, SealedFile};

/// The secret that binds a keyring to a machine and a time.
pub(super) type Device = Zeroizing<[u8; 32]>;

/// HKDF label of the sealing key.
const LABEL: &[u8] = b"suyuan/1 keyring\n";
const TAG: usize = 16;
/// The sealing key is used for one message.
const NONCE: [u8; 12] = [0; 12];

/// What stretching a passphrase costs (RFC 9106). It stands in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// KiB.
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Cost {
    /// What new files get.
    pub(super) const DEFAULT: Self = Self { memory: 64 * 1024, passes: 3, lanes: 1 };
    /// The most that a file may ask for: 256 MiB, some seconds.
    pub(super) const MOST: Self = Self { memory: 256 * 1024, passes: 12, lanes: 4 };

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut bounded = |most: u32| u32::try_from(reader.uint()?).ok().filter(|value| (1..=most).contains(value)).ok_or(Fault::Form);
        let cost = Self { memory: bounded(Self::MOST.memory)?, passes: bounded(Self::MOST.passes)?, lanes: bounded(Self::MOST.lanes)? };
        if cost.memory >= cost.lanes.saturating_mul(8) { Ok(cost) } else { Err(Fault::Form) }
    }
}

#[derive(Clone)]
struct Stretch {
    salt: [u8; 16],
    cost: Cost,
}

/// A stretched passphrase, kept while the keyring is open so that a rewrite costs no Argon2id. `None` is development: no passphrase.
pub(super) struct Lock(Option<(Stretch, Zeroizing<[u8; 32]>)>);

impl Lock {
    /// Stretches a passphrase under a new salt.
    pub(super) fn new(passphrase: &Passphrase, cost: Cost) -> Result<Self, KeyringError> {
        match passphrase.bytes() {
            Some(bytes) => Self::stretch(bytes, Stretch { salt: *random()?, cost }),
            None => Ok(Self(None)),
        }
    }

    pub(super) fn is_development(&self) -> bool {
        self.0.is_none()
    }

    /// Seals contents. The file's key is new every time: the header carries 32 new random bytes.
    pub(super) fn seal(&self, kind: SealedFile, device: Option<&Device>, contents: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let header = self.header(kind)?;
        let padded = bucket(contents.len());
        let mut file = Vec::with_capacity(header.len().saturating_add(padded).saturating_add(TAG));
        file.extend_from_slice(&header);
        file.extend_from_slice(contents);
        file.resize(header.len().saturating_add(padded), 0);
        let body = file.get_mut(header.len()..).unwrap_or_default();
        // AES-256-GCM refuses only messages of 64 GiB and more.
        let tag = self.cipher(device, &header)?.encrypt_inout_detached(&NONCE.into(), &[], body.into()).map_err(|_| too_long())?;
        file.extend_from_slice(&tag);
        Ok(file)
    }

    fn header(&self, kind: SealedFile) -> Result<Vec<u8>, KeyringError> {
        let mut writer = Writer::structure(4);
        writer.text(magic(kind));
        match &self.0 {
            Some((Stretch { salt, cost }, _)) => {
                writer.array(4).bytes(salt).uint(cost.memory.into()).uint(cost.passes.into()).uint(cost.lanes.into())
            }
            None => writer.null(),
        };
        writer.bytes(random::<32>()?.as_slice());
        Ok(writer.finish())
    }

    fn stretch(passphrase: &[u8], stretch: Stretch) -> Result<Self, KeyringError> {
        let Cost { memory, passes, lanes } = stretch.cost;
        let params = Params::new(memory, passes, lanes, Some(32)).map_err(|_| too_long())?;
        // Own memory, so that it is wiped: its last block gives the key away.
        let mut blocks = Zeroizing::new(Vec::new());
        blocks.try_reserve_exact(params.block_count()).map_err(|_| no_memory())?;
        blocks.resize(params.block_count(), Block::new());
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(passphrase, &stretch.salt, key.as_mut_slice(), blocks.as_mut_slice())
            .map_err(|_| too_long())?;
        Ok(Self(Some((stretch, key))))
    }

    /// The cipher of one file. The header is in the derivation, so a changed header opens nothing.
    fn cipher(&self, device: Option<&Device>, header: &[u8]) -> Result<Aes256Gcm, KeyringError> {
        let mut secrets = Zeroizing::new(Vec::with_capacity(64));
        secrets.extend(self.0.iter().flat_map(|(_, key)| key.iter()));
        secrets.extend(device.iter().flat_map(|device| device.iter()));
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &secrets).expand_multi_info(&[LABEL, header], key.as_mut_slice()).map_err(|_| too_long())?;
        Aes256Gcm::new_from_slice(key.as_slice()).map_err(|_| too_long())
    }
}

/// A sealed file whose header was read.
pub(super) struct Sealed<'a> {
    path: &'a Path,
    kind: SealedFile,
    stretch: Option<Stretch>,
    header: &'a [u8],
    body: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Reads the header and holds it against its bounds.
    pub(super) fn read(path: &'a Path, bytes: &'a [u8], kind: SealedFile) -> Result<Self, KeyringError> {
        let damaged = |what| KeyringError::Damaged { file: path.to_owned(), what };
        let malformed = |_| damaged("it does not begin with the header of a sealed file");
        let (mut reader, len) = Reader::open_prefix(bytes).map_err(malformed)?;
        match reader.suite(4) {
            Err(Fault::Suite) => return Err(KeyringError::Newer { file: path.to_owned() }),
            other => other.map_err(malformed)?,
        }
        if reader.text(0..=64).map_err(malformed)? != magic(kind) {
            return Err(damaged("it is a sealed file of another kind"));
        }
        let stretch = if reader.null() {
            None
        } else {
            reader.array(4).map_err(malformed)?;
            let salt = reader.fixed().map_err(malformed)?;
            let cost = Cost::read(&mut reader).map_err(|_| damaged("it asks for more work or memory than any file of ours"))?;
            Some(Stretch { salt, cost })
        };
        reader.fixed::<32>().map_err(malformed)?;
        let (header, body) = bytes.split_at_checked(len).ok_or_else(|| malformed(Fault::Form))?;
        Ok(Self { path, kind, stretch, header, body })
    }

    /// Whether the file has a passphrase.
    pub(super) fn asks_passphrase(&self) -> bool {
        self.stretch.is_some()
    }

    /// Stretches the passphrase as the header says. A development file takes none and ignores the one given.
    pub(super) fn unlock(&self, passphrase: &Passphrase) -> Result<Lock, KeyringError> {
        match (&self.stretch, passphrase.bytes()) {
            (None, _) => Ok(Lock(None)),
            (Some(stretch), Some(bytes)) => Lock::stretch(bytes, stretch.clone()),
            (Some(_), None) => Err(KeyringError::PassphraseNeeded { variable: self.kind.variable() }),
        }
    }

    /// Opens the contents: one CBOR item, still to be decoded.
    pub(super) fn open(&self, lock: &Lock, device: Option<&Device>) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        let wrong = || KeyringError::WrongPassphrase { file: self.path.to_owned() };
        let (ciphertext, tag) = self.body.split_last_chunk::<TAG>().ok_or_else(wrong)?;
        let mut contents = Zeroizing::new(ciphertext.to_vec());
        lock.cipher(device, self.header)?
            .decrypt_inout_detached(&NONCE.into(), &[], contents.as_mut_slice().into(), &(*tag).into())
            .map_err(|_| wrong())?;
        let padded = |_| KeyringError::Damaged { file: self.path.to_owned(), what: "its contents are not padded as they must be" };
        let padding = cbor::check_prefix(&contents).map_err(padded)?;
        let len = contents.len().saturating_sub(padding);
        if bucket(len) != contents.len() || contents.iter().skip(len).any(|&byte| byte != 0) {
            return Err(padded(Fault::Padding));
        }
        contents.truncate(len);
        Ok(contents)
    }
}

/// New random bytes of the operating system.
pub(super) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyringError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| KeyringError::Io {
        file: "the random source of the operating system".into(),
        source: io::Error::other(error.to_string()),
    })?;
    Ok(bytes)
}

const fn magic(kind: SealedFile) -> &'static str {
    match kind {
        SealedFile::Keyring => "suyuan keyring",
        SealedFile::Backup => "suyuan backup",
        SealedFile::Root => "suyuan root",
    }
}

fn too_long() -> KeyringError {
    KeyringError::Refused("a value is beyond what the algorithms take")
}

fn no_memory() -> KeyringError {
    KeyringError::Io { file: "memory for the passphrase".into(), source: io::ErrorKind::OutOfMemory.into() }
}
