//! Circles: their ids and content, epoch secrets, wraps and slips (`specs/circle.md`).

use std::collections::BTreeMap;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use hpke::rand_core::CryptoRng;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::cbor::{Reader, Writer};
use crate::domain;
use crate::fault::Fault;
use crate::id::{AllianceId, CircleId, Hash, KeyId, MemberId, StatementId};
use crate::key;
use crate::sealing::SectionKey;

/// The circle of everybody: nothing addressed to it is sealed.
pub const PUBLIC: CircleId = CircleId([0; 32]);

/// Type of the statement that opens an epoch.
pub const TYPE: &str = "suyuan.circle";

/// Secret of one epoch of a circle.
pub type EpochSecret = Zeroizing<[u8; 32]>;
/// A section key wrapped for one audience.
pub type Wrap = [u8; 48];

/// The alliance circle: every member.
pub fn alliance_circle(alliance: &AllianceId) -> CircleId {
    CircleId(alliance.0)
}

/// The circle of one member alone.
pub fn self_circle(member: &MemberId) -> CircleId {
    CircleId(member.0)
}

/// Id of a grant circle or workspace that `steward` founds with a random nonce.
pub fn circle_id(alliance: &AllianceId, steward: &MemberId, nonce: &[u8; 32]) -> CircleId {
    CircleId(domain::CIRCLE.hash(&[&alliance.0, &steward.0, nonce]))
}

/// Commitment to an epoch secret, which stands in the epoch statement.
pub fn commitment(circle: &CircleId, epoch: u64, secret: &EpochSecret) -> Hash {
    domain::EPOCH.hash(&[&circle.0, &epoch.to_be_bytes(), secret.as_slice()])
}

/// Which kind of sharing a circle is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// 通用共享: the alliance circle.
    General,
    /// 授权共享: one writer, named readers.
    Authorized,
    /// 协同开发: several writers.
    Codevelopment,
}

/// What a member of a circle may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rights {
    /// May read.
    Read,
    /// May read and write.
    Write,
}

/// A member of a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircleMember {
    /// Who.
    pub member: MemberId,
    /// What they may do.
    pub rights: Rights,
}

/// Terms that a circle was agreed under, each a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// How confidential.
    pub confidentiality: String,
    /// How long it is kept.
    pub retention: String,
    /// Whether it may be passed on.
    pub onward: String,
    /// What holds when somebody leaves.
    pub exit: String,
}

/// The fields of an epoch statement: the whole circle as of that epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircleContent {
    /// Circle id.
    pub circle: CircleId,
    /// The nonce behind the id; none for the alliance circle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<StatementId>,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Kind of sharing.
    pub tier: Tier,
    /// Key epoch, from 1.
    pub epoch: u64,
    /// Commitment to the epoch secret.
    pub commitment: StatementId,
    /// Members with rights, the steward among them.
    pub members: Vec<CircleMember>,
    /// Which of its logs a member writes, where that is not its first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub incarnations: BTreeMap<MemberId, u64>,
    /// Terms.
    pub terms: Terms,
    /// End of a grant, milliseconds since 1970-01-01 UTC.
    pub until: Option<u64>,
}

/// Wraps a section key for one audience.
///
/// # Errors
/// [`Fault::Wrap`] cannot occur with valid lengths; it stands in for the library's error.
pub fn wrap(secret: &EpochSecret, circle: &CircleId, epoch: u64, audience: &Hash, section: &SectionKey) -> Result<Wrap, Fault> {
    let mut wrap: Wrap = [0; 48];
    let (key, tag) = wrap.split_at_mut(32);
    key.copy_from_slice(section.as_slice());
    let cipher = wrap_cipher(secret, circle, epoch, audience)?;
    let made = cipher.encrypt_inout_detached(&[0; 12].into(), &[], key.into()).map_err(|_| Fault::Wrap)?;
    tag.copy_from_slice(&made);
    Ok(wrap)
}

/// Opens a wrap.
///
/// # Errors
/// [`Fault::Wrap`].
pub fn unwrap(secret: &EpochSecret, circle: &CircleId, epoch: u64, audience: &Hash, wrap: &Wrap) -> Result<SectionKey, Fault> {
    let (sealed, tag) = wrap.split_at(32);
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(sealed);
    let tag: [u8; 16] = tag.try_into().map_err(|_| Fault::Wrap)?;
    let cipher = wrap_cipher(secret, circle, epoch, audience)?;
    cipher.decrypt_inout_detached(&[0; 12].into(), &[], key.as_mut_slice().into(), &tag.into()).map_err(|_| Fault::Wrap)?;
    Ok(key)
}

/// A key for this audience alone, so that the fixed nonce is used once.
fn wrap_cipher(secret: &EpochSecret, circle: &CircleId, epoch: u64, audience: &Hash) -> Result<Aes256Gcm, Fault> {
    let info = domain::WRAP.context(&[&circle.0, &epoch.to_be_bytes(), audience]);
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::from_prk(secret.as_slice()).ok().and_then(|expand| expand.expand(&info, key.as_mut_slice()).ok()).ok_or(Fault::Wrap)?;
    Aes256Gcm::new_from_slice(key.as_slice()).map_err(|_| Fault::Wrap)
}

type Kem = hpke::kem::X25519HkdfSha256;
type Kdf = hpke::kdf::HkdfSha256;
type Aead = hpke::aead::AesGcm256;

/// A private X25519 key that slips can be addressed to. Wiped when dropped.
#[derive(Clone)]
pub struct PrekeySecret(Zeroizing<[u8; 32]>);

impl PrekeySecret {
    /// The key with these bytes, which must come from a cryptographic random source.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The private bytes, for the keyring.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// The public half.
    pub fn public(&self) -> [u8; 32] {
        x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*self.0)).to_bytes()
    }
}

impl std::fmt::Debug for PrekeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrekeySecret({})", key::key_id(&self.public()))
    }
}

/// An epoch secret on its way to one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// The epoch statement.
    pub statement: StatementId,
    /// For whom.
    pub recipient: MemberId,
    /// Id of the prekey that opens it.
    pub prekey: KeyId,
    enc: [u8; 32],
    sealed: [u8; 88],
}

impl Slip {
    /// Encodes the slip.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::structure(6);
        writer.bytes(&self.statement.0).bytes(&self.recipient.0).bytes(&self.prekey.0).bytes(&self.enc).bytes(&self.sealed);
        writer.finish()
    }

    /// Decodes a slip.
    ///
    /// # Errors
    /// [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::open(bytes)?;
        reader.suite(6)?;
        Ok(Self {
            statement: StatementId(reader.fixed()?),
            recipient: MemberId(reader.fixed()?),
            prekey: KeyId(reader.fixed()?),
            enc: reader.fixed()?,
            sealed: reader.fixed()?,
        })
    }

    /// Seals an epoch secret to a recipient's prekey.
    ///
    /// # Errors
    /// [`Fault::Slip`] for a prekey of low order.
    pub fn seal(address: &SlipAddress<'_>, content: &SlipContent, rng: &mut impl CryptoRng) -> Result<Self, Fault> {
        if !key::usable_x25519(address.prekey) {
            return Err(Fault::Slip);
        }
        let public = <Kem as hpke::Kem>::PublicKey::from_bytes(address.prekey).map_err(|_| Fault::Slip)?;
        let prekey = key::key_id(address.prekey);
        let info = slip_info(address.alliance, &address.statement, &address.recipient, &prekey);
        let (enc, sealed) =
            hpke::single_shot_seal_with_rng::<Aead, Kdf, Kem>(&OpModeS::Base, &public, &info, content.plaintext().as_slice(), &[], rng)
                .map_err(|_| Fault::Slip)?;
        let enc = enc.to_bytes().as_slice().try_into().map_err(|_| Fault::Slip)?;
        let sealed = sealed.as_slice().try_into().map_err(|_| Fault::Slip)?;
        Ok(Self { statement: address.statement, recipient: address.recipient, prekey, enc, sealed })
    }

    /// Opens the slip with the private half of its prekey. The secret still has to be held against the epoch statement.
    ///
    /// # Errors
    /// [`Fault::Slip`].
    pub fn open(&self, alliance: &AllianceId, secret: &PrekeySecret) -> Result<SlipContent, Fault> {
        if key::key_id(&secret.public()) != self.prekey || !key::usable_x25519(&self.enc) {
            return Err(Fault::Slip);
        }
        let private = <Kem as hpke::Kem>::PrivateKey::from_bytes(secret.0.as_slice()).map_err(|_| Fault::Slip)?;
        let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(&self.enc).map_err(|_| Fault::Slip)?;
        let info = slip_info(alliance, &self.statement, &self.recipient, &self.prekey);
        let plaintext = Zeroizing::new(
            hpke::single_shot_open::<Aead, Kdf, Kem>(&OpModeR::Base, &private, &enc, &info, &self.sealed, &[]).map_err(|_| Fault::Slip)?,
        );
        SlipContent::from_plaintext(&plaintext)
    }
}

fn slip_info(alliance: &AllianceId, statement: &StatementId, recipient: &MemberId, prekey: &KeyId) -> Vec<u8> {
    domain::SLIP.context(&[&alliance.0, &statement.0, &recipient.0, &prekey.0])
}

/// To whom a slip goes and what it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct SlipAddress<'a> {
    /// The alliance.
    pub alliance: &'a AllianceId,
    /// The epoch statement.
    pub statement: StatementId,
    /// The recipient.
    pub recipient: MemberId,
    /// The recipient's X25519 public key.
    pub prekey: &'a [u8; 32],
}

/// What a slip brings.
#[derive(Clone, PartialEq, Eq)]
pub struct SlipContent {
    /// The circle.
    pub circle: CircleId,
    /// Its epoch.
    pub epoch: u64,
    /// The epoch's secret.
    pub secret: EpochSecret,
}

impl SlipContent {
    fn plaintext(&self) -> Zeroizing<[u8; 72]> {
        let mut plaintext = Zeroizing::new([0; 72]);
        let parts = self.circle.0.iter().copied().chain(self.epoch.to_be_bytes()).chain(self.secret.iter().copied());
        for (to, from) in plaintext.iter_mut().zip(parts) {
            *to = from;
        }
        plaintext
    }

    fn from_plaintext(plaintext: &[u8]) -> Result<Self, Fault> {
        let (circle, rest) = plaintext.split_at_checked(32).ok_or(Fault::Slip)?;
        let (epoch, secret) = rest.split_at_checked(8).ok_or(Fault::Slip)?;
        Ok(Self {
            circle: CircleId(circle.try_into().map_err(|_| Fault::Slip)?),
            epoch: u64::from_be_bytes(epoch.try_into().map_err(|_| Fault::Slip)?),
            secret: Zeroizing::new(secret.try_into().map_err(|_| Fault::Slip)?),
        })
    }
}

impl std::fmt::Debug for SlipContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SlipContent({} epoch {})", self.circle, self.epoch)
    }
}

#[cfg(test)]
mod tests;
