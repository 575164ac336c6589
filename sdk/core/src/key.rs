//! Signature keys: which are usable, and the one way in which a signature is judged (`specs/key.md`, RFC 8032).

use ed25519_dalek::{Signature as DalekSignature, Signer, VerifyingKey};

use crate::domain;
use crate::fault::Fault;
use crate::id::KeyId;

/// A detached Ed25519 signature, 64 bytes, not yet judged.
pub type Signature = [u8; 64];

/// An Ed25519 public key that was checked to be canonical, torsion-free and not the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Checks a public key as every reader of a charter must.
    ///
    /// # Errors
    /// [`Fault::Key`].
    pub fn new(bytes: &[u8; 32]) -> Result<Self, Fault> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| Fault::Key)?;
        let point = key.to_edwards();
        // `from_bytes` accepts encodings with y >= p or a negative zero; only the canonical spelling may be registered.
        let canonical = point.compress().as_bytes() == bytes;
        if canonical && point.is_torsion_free() && !key.is_weak() { Ok(Self(key)) } else { Err(Fault::Key) }
    }

    /// The key's 32 bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        key_id(self.0.as_bytes())
    }

    /// Judges a signature: strict, without cofactor, never in a batch.
    ///
    /// # Errors
    /// [`Fault::Signature`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), Fault> {
        let signature = DalekSignature::from_bytes(signature);
        self.0.verify_strict(message, &signature).map_err(|_| Fault::Signature)
    }
}

/// The id of any public key (Ed25519 or X25519).
pub fn key_id(key: &[u8; 32]) -> KeyId {
    let hash = domain::KEY.hash(&[key]);
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(hash) {
        *to = from;
    }
    KeyId(id)
}

/// An Ed25519 private key. It is wiped when dropped, and is never printed.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl SecretKey {
    /// The key with this 32-byte seed, which must come from a cryptographic random source.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, for the keyring.
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs; deterministic (RFC 8032 section 5.1.6).
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({})", self.public().id())
    }
}

/// Whether an X25519 public key is usable: not one whose shared secret would be all zero whatever the private key (RFC 7748 section 6.1).
pub fn usable_x25519(key: &[u8; 32]) -> bool {
    // Multiplying by any scalar of X25519's form (a multiple of eight) maps exactly the low-order points to zero.
    let probe = x25519_dalek::StaticSecret::from([0x55; 32]);
    probe.diffie_hellman(&x25519_dalek::PublicKey::from(*key)).was_contributory()
}
