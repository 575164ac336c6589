//! What a keyring holds: identity, local root, prekeys and epoch secrets, with their encoding and their changes (`specs/keyring.md`).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use suyuan_core::cbor::{Reader, SUITE, Writer};
use suyuan_core::circle::{EpochSecret, PrekeySecret};
use suyuan_core::key::{SecretKey, key_id};
use suyuan_core::{AllianceId, CircleId, Fault, KeyId, MemberId, limits};
use zeroize::Zeroizing;

use super::error::KeyringError;
use super::seal::random;

/// One-time prekeys that a keyring holds at most: 32 for each of 512 stewards.
pub const PREKEYS: usize = 16_384;
/// Epoch secrets that a keyring holds at most.
pub const EPOCHS: usize = 65_536;

/// Bytes of an encoded entry, rounded up, and of everything that is not an entry.
const ENTRY: usize = 96;
const FIXED: usize = 512;

/// The keys that a member is known by, and its alliance: what a backup holds.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) log: SecretKey,
    pub(super) witness: SecretKey,
    pub(super) transport: SecretKey,
    pub(super) encryption: PrekeySecret,
    pub(super) alliance: Option<AllianceId>,
}

impl Identity {
    fn random() -> Result<Self, KeyringError> {
        Ok(Self {
            log: SecretKey::from_seed(&*random()?),
            witness: SecretKey::from_seed(&*random()?),
            transport: SecretKey::from_seed(&*random()?),
            encryption: PrekeySecret::from_bytes(*random()?),
            alliance: None,
        })
    }

    /// The contents of a backup.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(FIXED);
        writer.array(6).uint(SUITE);
        self.write(&mut writer);
        Zeroizing::new(writer.finish())
    }

    /// Decodes the contents of a backup.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::open(bytes)?;
        reader.suite(6)?;
        Self::read(&mut reader)
    }

    fn write(&self, writer: &mut Writer) {
        for key in [&self.log, &self.witness, &self.transport] {
            writer.bytes(key.seed().as_slice());
        }
        writer.bytes(self.encryption.to_bytes().as_slice());
        match &self.alliance {
            Some(alliance) => writer.bytes(&alliance.0),
            None => writer.null(),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut key = || Ok::<_, Fault>(SecretKey::from_seed(&*secret(reader)?));
        let (log, witness, transport) = (key()?, key()?, key()?);
        let encryption = PrekeySecret::from_bytes(*secret(reader)?);
        let alliance = if reader.null() { None } else { Some(AllianceId(reader.fixed()?)) };
        Ok(Self { log, witness, transport, encryption, alliance })
    }
}

/// A one-time prekey and the steward that may use it.
#[derive(Clone, Debug)]
pub struct Prekey {
    /// The member whose slips it opens.
    pub steward: MemberId,
    /// The private half.
    pub secret: PrekeySecret,
}

/// What a change did, and so how it has to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Everything was so already.
    Nothing,
    /// Something came, nothing went.
    Added,
    /// A secret went: the device secret has to be replaced.
    Destroyed,
}

/// Everything in a keyring.
#[derive(Clone)]
pub(super) struct Contents {
    pub(super) identity: Identity,
    pub(super) local: Zeroizing<[u8; 32]>,
    pub(super) prekeys: BTreeMap<KeyId, Prekey>,
    pub(super) epochs: BTreeMap<(CircleId, u64), EpochSecret>,
}

impl Contents {
    /// New random keys.
    pub(super) fn random() -> Result<Self, KeyringError> {
        Self::of(Identity::random()?)
    }

    /// An identity with a new local root and nothing else.
    pub(super) fn of(identity: Identity) -> Result<Self, KeyringError> {
        Ok(Self { identity, local: random()?, prekeys: BTreeMap::new(), epochs: BTreeMap::new() })
    }

    pub(super) fn set_alliance(&mut self, alliance: AllianceId) -> Result<Effect, KeyringError> {
        match self.identity.alliance {
            Some(known) if known == alliance => Ok(Effect::Nothing),
            Some(_) => Err(KeyringError::Refused("it belongs to another alliance")),
            None => {
                self.identity.alliance = Some(alliance);
                Ok(Effect::Added)
            }
        }
    }

    pub(super) fn add_prekeys(&mut self, steward: MemberId, secrets: Vec<PrekeySecret>) -> Result<Effect, KeyringError> {
        let mut effect = Effect::Nothing;
        for secret in secrets {
            match self.prekeys.entry(key_id(&secret.public())) {
                Entry::Vacant(entry) => {
                    entry.insert(Prekey { steward, secret });
                    effect = Effect::Added;
                }
                Entry::Occupied(entry) if entry.get().steward == steward => {}
                Entry::Occupied(_) => return Err(KeyringError::Refused("a prekey is meant for another steward already")),
            }
        }
        if self.prekeys.len() > PREKEYS { Err(KeyringError::Full { what: "prekeys", bound: PREKEYS }) } else { Ok(effect) }
    }

    pub(super) fn add_epoch(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<Effect, KeyringError> {
        if !(1..=limits::INTEGER).contains(&epoch) {
            return Err(KeyringError::Refused("there is no epoch of this number"));
        }
        match self.epochs.entry((circle, epoch)) {
            Entry::Occupied(entry) if *entry.get() == secret => return Ok(Effect::Nothing),
            Entry::Occupied(_) => return Err(KeyringError::Refused("it holds another secret of this epoch")),
            Entry::Vacant(entry) => entry.insert(secret),
        };
        if self.epochs.len() > EPOCHS { Err(KeyringError::Full { what: "epoch secrets", bound: EPOCHS }) } else { Ok(Effect::Added) }
    }

    pub(super) fn accept_epoch(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret, prekey: &KeyId) -> Result<Effect, KeyringError> {
        let added = self.add_epoch(circle, epoch, secret)?;
        Ok(if self.prekeys.remove(prekey).is_some() { Effect::Destroyed } else { added })
    }

    pub(super) fn destroy_epochs(&mut self, circle: CircleId, last: u64) -> Effect {
        let before = self.epochs.len();
        self.epochs.retain(|&(of, epoch), _| of != circle || epoch > last);
        if self.epochs.len() < before { Effect::Destroyed } else { Effect::Nothing }
    }

    /// Encodes into one allocation, so that no secret is left in memory that was outgrown.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let entries = self.prekeys.len().saturating_add(self.epochs.len());
        let mut writer = Writer::with_capacity(entries.saturating_mul(ENTRY).saturating_add(FIXED));
        writer.array(9).uint(SUITE);
        self.identity.write(&mut writer);
        writer.bytes(self.local.as_slice());
        writer.array(self.prekeys.len());
        for (id, prekey) in &self.prekeys {
            writer.array(3).bytes(&id.0).bytes(&prekey.steward.0).bytes(prekey.secret.to_bytes().as_slice());
        }
        writer.array(self.epochs.len());
        for ((circle, epoch), secret) in &self.epochs {
            writer.array(3).bytes(&circle.0).uint(*epoch).bytes(secret.as_slice());
        }
        Zeroizing::new(writer.finish())
    }

    /// Decodes; entries must stand in ascending order, each once.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::open(bytes)?;
        reader.suite(9)?;
        let identity = Identity::read(&mut reader)?;
        let local = secret(&mut reader)?;
        let mut prekeys = BTreeMap::new();
        for _ in 0..reader.array_in(0..=PREKEYS)? {
            reader.array(3)?;
            let id = KeyId(reader.fixed()?);
            let prekey = Prekey { steward: MemberId(reader.fixed()?), secret: PrekeySecret::from_bytes(*secret(&mut reader)?) };
            insert_last(&mut prekeys, id, prekey)?;
        }
        let mut epochs = BTreeMap::new();
        for _ in 0..reader.array_in(0..=EPOCHS)? {
            reader.array(3)?;
            let key = (CircleId(reader.fixed()?), reader.uint()?);
            insert_last(&mut epochs, key, secret(&mut reader)?)?;
        }
        Ok(Self { identity, local, prekeys, epochs })
    }
}

fn insert_last<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) -> Result<(), Fault> {
    if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
        return Err(Fault::Form);
    }
    map.insert(key, value);
    Ok(())
}

fn secret(reader: &mut Reader<'_>) -> Result<Zeroizing<[u8; 32]>, Fault> {
    reader.fixed().map(Zeroizing::new)
}
