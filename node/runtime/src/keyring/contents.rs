//! What a keyring holds: identity, local root, prekeys and epoch secrets, with their encoding and their changes (`specs/keyring.md`).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use suyuan_core::cbor::{Reader, SUITE, Writer};
use suyuan_core::circle::{EpochSecret, PrekeySecret};
use suyuan_core::key::{SecretKey, key_id};
use suyuan_core::{AllianceId, CircleId, Fault, KeyId, MemberId, limits};
use suyuan_engine::writer::NewKeys;
use zeroize::Zeroizing;

use super::error::KeyringError;
use super::seal::random;

/// One-time prekeys that a keyring holds at most: 32 for each of 512 stewards.
pub const PREKEYS: usize = 16_384;
/// Epoch secrets that a keyring holds at most.
pub const EPOCHS: usize = 65_536;

/// Keys of one purpose that a keyring holds at most, in use, before that or after.
pub const GENERATIONS: usize = 256;

/// Bytes of an encoded entry, rounded up, and of everything that is not an entry.
const ENTRY: usize = 96;
const FIXED: usize = 512;

/// The keys of one purpose: at least one.
#[derive(Clone)]
pub(super) struct Generations<K> {
    former: Vec<K>,
    newest: K,
}

impl<K> Generations<K> {
    fn first(newest: K) -> Self {
        Self { former: Vec::new(), newest }
    }

    pub(super) fn newest(&self) -> &K {
        &self.newest
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.former.iter().chain([&self.newest])
    }

    fn count(&self) -> usize {
        self.former.len().saturating_add(1)
    }

    fn push(&mut self, key: Option<K>) {
        self.former.extend(key.map(|key| std::mem::replace(&mut self.newest, key)));
    }

    fn write(&self, writer: &mut Writer, seed: impl Fn(&K) -> Zeroizing<[u8; 32]>) {
        writer.array(self.count());
        for key in self.iter() {
            writer.bytes(seed(key).as_slice());
        }
    }

    fn read(reader: &mut Reader<'_>, key: impl Fn(&[u8; 32]) -> K) -> Result<Self, Fault> {
        let count = reader.array_in(1..=GENERATIONS)?;
        let mut keys = Self::first(key(&*secret(reader)?));
        for _ in 1..count {
            keys.push(Some(key(&*secret(reader)?)));
        }
        Ok(keys)
    }
}

/// The keys that a member is, was or will be known by, each kind oldest first, and its alliance: what a backup holds. Which of them are in force the alliance
/// says, not the keyring.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) log: Generations<SecretKey>,
    pub(super) witness: Generations<SecretKey>,
    pub(super) transport: Generations<SecretKey>,
    pub(super) encryption: Generations<PrekeySecret>,
    pub(super) alliance: Option<AllianceId>,
}

impl Identity {
    fn random() -> Result<Self, KeyringError> {
        Ok(Self {
            log: Generations::first(SecretKey::from_seed(&*random()?)),
            witness: Generations::first(SecretKey::from_seed(&*random()?)),
            transport: Generations::first(SecretKey::from_seed(&*random()?)),
            encryption: Generations::first(PrekeySecret::from_bytes(*random()?)),
            alliance: None,
        })
    }

    fn signing(&self) -> [&Generations<SecretKey>; 3] {
        [&self.log, &self.witness, &self.transport]
    }

    /// Bytes that its encoding takes at most.
    fn size(&self) -> usize {
        self.most().saturating_mul(4 * ENTRY).saturating_add(FIXED)
    }

    /// Keys of the purpose that has most.
    fn most(&self) -> usize {
        self.signing().map(Generations::count).into_iter().fold(self.encryption.count(), usize::max)
    }

    /// The contents of a backup.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::with_capacity(self.size());
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
        for keys in self.signing() {
            keys.write(writer, SecretKey::seed);
        }
        self.encryption.write(writer, PrekeySecret::to_bytes);
        match &self.alliance {
            Some(alliance) => writer.bytes(&alliance.0),
            None => writer.null(),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut signing = || Generations::read(reader, SecretKey::from_seed);
        let (log, witness, transport) = (signing()?, signing()?, signing()?);
        let encryption = Generations::read(reader, |bytes| PrekeySecret::from_bytes(*bytes))?;
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

    /// Adds keys that this member may be known by one day.
    pub(super) fn add_keys(&mut self, new: NewKeys) -> Result<Effect, KeyringError> {
        let NewKeys { log, witness, transport, encryption } = new;
        if log.is_none() && witness.is_none() && transport.is_none() && encryption.is_none() {
            return Ok(Effect::Nothing);
        }
        let identity = &mut self.identity;
        identity.log.push(log);
        identity.witness.push(witness);
        identity.transport.push(transport);
        identity.encryption.push(encryption);
        if identity.most() > GENERATIONS { Err(KeyringError::Full { what: "keys", bound: GENERATIONS }) } else { Ok(Effect::Added) }
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

    pub(super) fn replace_epoch(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<Effect, KeyringError> {
        let other = self.epochs.get(&(circle, epoch)).is_some_and(|known| *known != secret);
        if other {
            self.epochs.remove(&(circle, epoch));
        }
        self.add_epoch(circle, epoch, secret).map(|added| if other { Effect::Destroyed } else { added })
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
        let mut writer = Writer::with_capacity(entries.saturating_mul(ENTRY).saturating_add(self.identity.size()));
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
