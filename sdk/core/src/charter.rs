//! The founding charter: who the members are, and the alliance's name for itself (`specs/charter.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::cbor::{Reader, Writer};
use crate::domain;
use crate::fault::Fault;
use crate::id::{AllianceId, Hash, KeyId, MemberId};
use crate::key::{self, PublicKey, SecretKey, Signature};
use crate::limits;
use crate::log::LogId;
use crate::membership::Rule;
use crate::recovery::Compromise;
use crate::statement::{is_type, sig_structure};

/// Role of a member along the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// 链主
    Leader,
    /// 上游
    Upstream,
    /// 中游
    Midstream,
    /// 下游
    Downstream,
    /// 支持
    Support,
    /// 监管
    Regulator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [Self::Leader, Self::Upstream, Self::Midstream, Self::Downstream, Self::Support, Self::Regulator];

    /// The role's name in formats.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Upstream => "upstream",
            Self::Midstream => "midstream",
            Self::Downstream => "downstream",
            Self::Support => "support",
            Self::Regulator => "regulator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Fault;

    fn from_str(name: &str) -> Result<Self, Fault> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or(Fault::Form)
    }
}

/// A member's public keys, each for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberKeys {
    /// Ed25519, kept offline: signs charters.
    pub root: [u8; 32],
    /// Ed25519: statements and checkpoints.
    pub log: [u8; 32],
    /// Ed25519: cosignatures.
    pub witness: [u8; 32],
    /// Ed25519: the libp2p identity.
    pub transport: [u8; 32],
    /// X25519: the first slips.
    pub encryption: [u8; 32],
}

impl MemberKeys {
    /// The Ed25519 keys in the order in which they sign a charter.
    pub const fn signing(&self) -> [&[u8; 32]; 4] {
        [&self.root, &self.log, &self.witness, &self.transport]
    }
}

/// A member's founding entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// 1 to 128 bytes.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its keys.
    pub keys: MemberKeys,
    /// Initial multiaddrs.
    pub addresses: Vec<String>,
    /// Types that a regulator may read; empty for others.
    pub scope: Vec<String>,
}

impl Entry {
    /// Encodes the entry.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(512);
        writer.array(9).text(&self.name).text(self.role.name());
        for key in self.keys.signing() {
            writer.bytes(key);
        }
        writer.bytes(&self.keys.encryption);
        for list in [&self.addresses, &self.scope] {
            writer.array(list.len());
            for text in list {
                writer.text(text);
            }
        }
        writer.finish()
    }

    /// Decodes an entry that stands alone, as a member hands it to whoever draws up the charter.
    ///
    /// # Errors
    /// [`Fault::Cbor`], [`Fault::Form`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        Self::read(&mut Reader::open(bytes)?)
    }

    /// The member id: hash of this entry.
    pub fn member(&self) -> MemberId {
        MemberId(domain::MEMBER.hash(&[&self.to_bytes()]))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array(9)?;
        let name = clean(reader.text(1..=limits::NAME)?, false)?;
        let role: Role = reader.text(1..=16)?.parse()?;
        let [root, log, witness, transport, encryption] = [reader.fixed()?, reader.fixed()?, reader.fixed()?, reader.fixed()?, reader.fixed()?];
        let keys = MemberKeys { root, log, witness, transport, encryption };
        let addresses =
            (0..reader.array_in(0..=limits::ADDRESSES)?).map(|_| clean(reader.text(1..=limits::ADDRESS)?, false)).collect::<Result<Vec<_>, _>>()?;
        let scope =
            (0..reader.array_in(0..=limits::SCOPE)?).map(|_| reader.text(1..=limits::TYPE).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
        let entry = Self { name, role, keys, addresses, scope };
        let scoped = entry.scope.is_empty() || (role == Role::Regulator && entry.scope.iter().all(|kind| is_type(kind)));
        if scoped { Ok(entry) } else { Err(Fault::Form) }
    }
}

/// Text that a page may show as it is: no control characters, no separators of lines, and nothing that changes the reading direction.
fn clean(text: &str, newlines: bool) -> Result<String, Fault> {
    let bad = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let breaks = matches!(c, '\u{2028}' | '\u{2029}');
        turns || breaks || (c.is_control() && !(newlines && c == '\n'))
    };
    if text.chars().any(bad) { Err(Fault::Form) } else { Ok(text.to_owned()) }
}

/// The content of a founding charter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    /// Random, so that two alliances never share an id.
    pub nonce: [u8; 32],
    /// Name of the alliance.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Its industrial chain.
    pub chain: String,
    /// When it was drawn up, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// The founders.
    pub members: Vec<Entry>,
    /// Indexes of the deputies in order of succession.
    pub deputies: Vec<u64>,
    /// T: the longest time that a removed member may still read what is sealed, milliseconds.
    pub seal: u64,
    /// The agreement's text.
    pub terms: String,
}

impl Charter {
    /// Encodes the charter.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::structure(10);
        writer.bytes(&self.nonce).text(&self.name).text(&self.purpose).text(&self.chain).uint(self.time);
        writer.array(self.members.len());
        for member in &self.members {
            writer.raw(&member.to_bytes());
        }
        writer.array(self.deputies.len());
        for deputy in &self.deputies {
            writer.uint(*deputy);
        }
        writer.uint(self.seal).text(&self.terms);
        writer.finish()
    }

    /// Decodes and checks everything but signatures.
    ///
    /// # Errors
    /// [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`], [`Fault::Key`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::open(bytes)?;
        reader.suite(10)?;
        let charter = Self {
            nonce: reader.fixed()?,
            name: clean(reader.text(1..=limits::NAME)?, false)?,
            purpose: clean(reader.text(0..=limits::PURPOSE)?, false)?,
            chain: clean(reader.text(1..=limits::CHAIN_NAME)?, false)?,
            time: reader.uint()?,
            members: (0..reader.array_in(1..=limits::MEMBERS)?).map(|_| Entry::read(&mut reader)).collect::<Result<_, _>>()?,
            deputies: (0..reader.array_in(0..=limits::DEPUTIES)?).map(|_| reader.uint()).collect::<Result<_, _>>()?,
            seal: reader.uint()?,
            terms: clean(reader.text(0..=limits::TERMS)?, true)?,
        };
        charter.check_offices()?;
        charter.check_keys()?;
        Ok(charter)
    }

    /// One leader; deputies are distinct members, neither the leader nor a regulator; T is in range.
    fn check_offices(&self) -> Result<(), Fault> {
        let leaders = self.members.iter().filter(|member| member.role == Role::Leader).count();
        let mut seen = BTreeSet::new();
        let deputies = self.deputies.iter().all(|&deputy| {
            let member = usize::try_from(deputy).ok().and_then(|index| self.members.get(index));
            member.is_some_and(|member| !matches!(member.role, Role::Leader | Role::Regulator)) && seen.insert(deputy)
        });
        let sealed = (1..=limits::SEAL_TIME).contains(&self.seal);
        if leaders == 1 && deputies && sealed { Ok(()) } else { Err(Fault::Form) }
    }

    /// Every key usable, no two the same.
    fn check_keys(&self) -> Result<(), Fault> {
        let mut seen = BTreeSet::new();
        for member in &self.members {
            for signing in member.keys.signing() {
                PublicKey::new(signing)?;
                if !seen.insert(*signing) {
                    return Err(Fault::Key);
                }
            }
            if !key::usable_x25519(&member.keys.encryption) || !seen.insert(member.keys.encryption) {
                return Err(Fault::Key);
            }
        }
        Ok(())
    }

    /// Whether name, texts and T are within the bounds of a charter; for one that was changed.
    pub(crate) fn has_bounds(&self) -> bool {
        let texts = [(&self.name, 1..=limits::NAME), (&self.purpose, 0..=limits::PURPOSE), (&self.chain, 1..=limits::CHAIN_NAME)];
        let plain = texts.into_iter().all(|(text, bound)| bound.contains(&text.len()) && clean(text, false).is_ok());
        plain && self.terms.len() <= limits::TERMS && clean(&self.terms, true).is_ok() && (1..=limits::SEAL_TIME).contains(&self.seal)
    }

    /// What each key of this charter signs.
    pub fn message(bytes: &[u8], key: KeyId) -> Vec<u8> {
        sig_structure(domain::TYP_CHARTER, key, bytes)
    }
}

/// The file that carries a charter: its bytes and whatever signatures were collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharterFile {
    /// The charter's bytes.
    pub charter: Vec<u8>,
    /// Signatures with the ids of their keys.
    pub signatures: Vec<(KeyId, Signature)>,
}

impl CharterFile {
    /// Decodes the file. The charter within is not looked at.
    ///
    /// # Errors
    /// [`Fault::Form`] above [`limits::CHARTER_FILE`] bytes, then [`Fault::Cbor`], [`Fault::Form`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > limits::CHARTER_FILE {
            return Err(Fault::Form);
        }
        let mut reader = Reader::open(bytes)?;
        reader.array(2)?;
        let charter = reader.bytes(limits::CHARTER)?.to_vec();
        let signatures = (0..reader.array_in(0..=limits::CBOR_ARRAY as usize)?)
            .map(|_| {
                reader.array(2)?;
                Ok((KeyId(reader.fixed()?), reader.fixed()?))
            })
            .collect::<Result<_, Fault>>()?;
        Ok(Self { charter, signatures })
    }

    /// Encodes the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.charter.len().saturating_add(self.signatures.len().saturating_mul(88)));
        writer.array(2).bytes(&self.charter).array(self.signatures.len());
        for (key, signature) in &self.signatures {
            writer.array(2).bytes(&key.0).bytes(signature);
        }
        writer.finish()
    }

    /// Adds one key's signature at the place that the charter's order of keys gives it; a signature of that key that is already there stays.
    ///
    /// # Errors
    /// Those of [`Charter::decode`]; [`Fault::KeyId`] when the charter does not name the key.
    pub fn sign(&mut self, key: &SecretKey) -> Result<(), Fault> {
        let charter = Charter::decode(&self.charter)?;
        let order: Vec<KeyId> = signing_keys(&charter).map(key::key_id).collect();
        let id = key.public().id();
        let rank = |wanted: &KeyId| order.iter().position(|key| key == wanted);
        let place = rank(&id).ok_or(Fault::KeyId)?;
        if self.signatures.iter().any(|(signed, _)| *signed == id) {
            return Ok(());
        }
        let at = self.signatures.iter().take_while(|(signed, _)| rank(signed).is_some_and(|rank| rank < place)).count();
        self.signatures.insert(at, (id, key.sign(&Charter::message(&self.charter, id))));
        Ok(())
    }

    /// Accepts the charter when every key that it names has signed it.
    ///
    /// # Errors
    /// In this order: those of [`Charter::decode`], [`Fault::Alliance`] when `expected` is another id, [`Fault::CharterSignature`].
    pub fn verify(&self, expected: Option<&AllianceId>) -> Result<Alliance, Fault> {
        let charter = Charter::decode(&self.charter)?;
        let id = AllianceId(domain::ALLIANCE.hash(&[&self.charter]));
        if expected.is_some_and(|expected| *expected != id) {
            return Err(Fault::Alliance);
        }
        let keys: Vec<&[u8; 32]> = signing_keys(&charter).collect();
        if keys.len() != self.signatures.len() {
            return Err(Fault::CharterSignature);
        }
        for (bytes, (signer, signature)) in keys.iter().zip(&self.signatures) {
            let key = PublicKey::new(bytes)?;
            if key.id() != *signer {
                return Err(Fault::CharterSignature);
            }
            let message = Charter::message(&self.charter, *signer);
            key.verify(&message, signature).map_err(|_| Fault::CharterSignature)?;
        }
        Alliance::new(id, charter)
    }
}

fn signing_keys(charter: &Charter) -> impl Iterator<Item = &[u8; 32]> {
    charter.members.iter().flat_map(|member| member.keys.signing())
}

/// A member of an alliance, as it is now or was when it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id: the hash of the entry that it came with.
    pub id: MemberId,
    /// Its entry with what has changed since.
    pub entry: Entry,
    /// Its log key, checked.
    pub log: PublicKey,
    /// Its witness key, checked.
    pub witness: PublicKey,
    /// Every log key of its log of today, with the size of that from which it held, oldest first.
    pub logs: Vec<LogKey>,
    /// Its logs that were closed, by incarnation.
    pub closed: Vec<ClosedLog>,
    /// Which of its entries somebody else may have signed.
    pub compromises: Vec<Compromise>,
    /// The keys that it had before, oldest first.
    pub retired: Vec<MemberKeys>,
    /// Up to where its log is accepted, once it is no member any more.
    pub left: Option<Pin>,
}

/// A log key with the size of the log from which it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogKey {
    /// The key, checked.
    pub key: PublicKey,
    /// Sequence of the first entry that it signed.
    pub from: u64,
}

impl LogKey {
    /// Of a log's keys, oldest first, the one that signs the entry with this sequence. Nothing where there is none at all.
    pub fn at(keys: &[Self], sequence: u64) -> Option<&PublicKey> {
        keys.iter().rev().find(|known| known.from <= sequence).map(|known| &known.key)
    }
}

/// A log that its member does not write any more, though it is a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedLog {
    /// Up to where it is accepted.
    pub pin: Pin,
    /// Its keys, oldest first.
    pub keys: Vec<LogKey>,
}

/// Up to where a log is accepted that was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

impl Member {
    /// A member as its entry says.
    ///
    /// # Errors
    /// [`Fault::Key`].
    pub(crate) fn new(entry: Entry) -> Result<Self, Fault> {
        let (log, witness) = (PublicKey::new(&entry.keys.log)?, PublicKey::new(&entry.keys.witness)?);
        for key in entry.keys.signing() {
            PublicKey::new(key)?;
        }
        let logs = vec![LogKey { key: log, from: 0 }];
        Ok(Self { id: entry.member(), entry, log, witness, logs, closed: Vec::new(), compromises: Vec::new(), retired: Vec::new(), left: None })
    }

    /// Which of its logs it writes: so many were closed before.
    pub fn incarnation(&self) -> u64 {
        self.closed.len() as u64
    }

    /// The log key that signs the entry with this sequence in an incarnation; nothing where that has not begun.
    pub fn log_at(&self, incarnation: u64, sequence: u64) -> Option<&PublicKey> {
        LogKey::at(self.closed_log(incarnation).map_or(&self.logs, |closed| &closed.keys), sequence).filter(|_| incarnation <= self.incarnation())
    }

    /// Up to where its log of this incarnation is accepted; nothing where it is not closed.
    pub fn pin(&self, incarnation: u64) -> Option<Pin> {
        self.closed_log(incarnation).map(|closed| closed.pin).or(self.left)
    }

    fn closed_log(&self, incarnation: u64) -> Option<&ClosedLog> {
        self.closed.get(usize::try_from(incarnation).ok()?)
    }

    /// The log key with this id, if it has or had it for its log of today. What others sign with the keys of a closed log is not this member's word any more.
    pub fn log_key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.logs.iter().map(|known| &known.key).find(|key| key.id() == *id)
    }
}

/// What an alliance has agreed beside its founding charter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How long a chair lasts, milliseconds; 0 for no rotation.
    pub rotation: u64,
    /// Decision rules by kind of change.
    pub rules: BTreeMap<String, Rule>,
    /// How long records are kept, in words.
    pub retention: String,
}

/// An alliance: its verified founding charter, and what its members have changed since ([`crate::membership`]). It exists only through
/// [`CharterFile::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alliance {
    pub(crate) id: AllianceId,
    pub(crate) charter: Charter,
    pub(crate) members: Vec<Member>,
    pub(crate) former: Vec<Member>,
    pub(crate) deputies: Vec<MemberId>,
    pub(crate) founder: MemberId,
    pub(crate) settings: Settings,
    pub(crate) version: u64,
}

impl Alliance {
    fn new(id: AllianceId, charter: Charter) -> Result<Self, Fault> {
        let members = charter.members.iter().map(|entry| Member::new(entry.clone())).collect::<Result<Vec<_>, Fault>>()?;
        let named = |index: &u64| usize::try_from(*index).ok().and_then(|index| members.get(index)).map(|member| member.id);
        let deputies = charter.deputies.iter().filter_map(named).collect();
        let founder = members.iter().find(|member| member.entry.role == Role::Leader).map(|leader| leader.id).ok_or(Fault::Form)?;
        Ok(Self { founder, id, charter, members, former: Vec::new(), deputies, settings: Settings::default(), version: 0 })
    }

    /// The alliance id.
    pub fn id(&self) -> AllianceId {
        self.id
    }

    /// What the charter says now; its members and deputies are those of the founding.
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// How many changes there were since the founding.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The members of today: founders in charter order, then others as they came.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Those who were members, in the order in which they left.
    pub fn former(&self) -> &[Member] {
        &self.former
    }

    /// Members that decide: all but regulators.
    pub fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.entry.role != Role::Regulator)
    }

    /// Deputies of the leader in order of succession.
    pub fn deputies(&self) -> &[MemberId] {
        &self.deputies
    }

    /// Decision rules that ask for more than is usual, by kind of change.
    pub fn rules(&self) -> &BTreeMap<String, Rule> {
        &self.settings.rules
    }

    /// How long a chair lasts, milliseconds; 0 for no rotation.
    pub fn rotation(&self) -> u64 {
        self.settings.rotation
    }

    /// How long records are kept, in words.
    pub fn retention(&self) -> &str {
        &self.settings.retention
    }

    /// The member with this id, also one that has left.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members.iter().chain(&self.former).find(|member| member.id == *id)
    }

    /// The member of today with this id.
    pub fn active(&self, id: &MemberId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == *id)
    }

    /// The log that a member writes today, or wrote last.
    pub fn log_of(&self, member: &MemberId) -> LogId {
        LogId { alliance: self.id, member: *member, incarnation: self.member(member).map_or(0, Member::incarnation) }
    }

    /// Up to where a log is accepted; nothing where it is not closed.
    pub fn pin(&self, log: &LogId) -> Option<Pin> {
        self.member(&log.member)?.pin(log.incarnation)
    }

    /// Who led at the founding: it opens the first epoch of the alliance circle.
    pub fn founder(&self) -> MemberId {
        self.founder
    }

    /// The leader. There is always exactly one.
    pub fn leader(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.entry.role == Role::Leader)
    }
}
