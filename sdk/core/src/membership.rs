//! How an alliance changes: the settled effects of its order log, applied to the founding charter in their order (`specs/membership.md`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::cbor::Writer;
use crate::charter::{Alliance, Entry, LogKey, Member, MemberKeys, Pin, Role};
use crate::domain;
use crate::id::{AllianceId, Hash, KeyId, MemberId, StatementId};
use crate::key::{self, PublicKey, SecretKey, Signature};
use crate::limits;
use crate::recovery::{Compromise, Recovery};
use crate::statement::{is_type, sig_structure};
use crate::version::RULED;

/// What a resolution decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// A new member.
    Admit(Admission),
    /// A member leaves, its log accepted up to a size.
    Remove(Removal),
    /// A member's role.
    Role(RoleChange),
    /// A member's keys.
    Keys(KeyChange),
    /// A member that has lost keys or log goes on with others.
    Recover(Recovery),
    /// Entries that somebody else may have signed.
    Compromised(Compromise),
    /// What the charter says.
    Charter(Box<Amendment>),
    /// Who leads.
    Chair(Chair),
    /// Anything else that some agree on.
    Agree(Agreement),
}

/// A new member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admission {
    /// Its entry's bytes, base64.
    pub entry: String,
    /// Signatures by root, log, witness and transport key over [`join_message`], base64.
    pub signatures: Vec<String>,
}

/// A member leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// Who.
    pub member: MemberId,
    /// Entries of its log that are accepted.
    pub size: u64,
    /// Root over them.
    pub root: StatementId,
}

/// A member's role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    /// Who.
    pub member: MemberId,
    /// Its role from now on.
    pub role: Role,
    /// Types that it may read as a regulator.
    #[serde(default)]
    pub scope: Vec<String>,
}

/// A member's keys; what is absent stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// Whose.
    pub member: MemberId,
    /// Log key, hex.
    #[serde(default)]
    pub log: Option<StatementId>,
    /// Witness key, hex.
    #[serde(default)]
    pub witness: Option<StatementId>,
    /// Transport key, hex.
    #[serde(default)]
    pub transport: Option<StatementId>,
    /// Encryption key, hex.
    #[serde(default)]
    pub encryption: Option<StatementId>,
    /// Size of its log from which the new log key signs.
    pub size: u64,
    /// Signatures by the root key and each new signing key over [`keys_message`], base64.
    pub signatures: Vec<String>,
}

/// What the charter says; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Amendment {
    /// Name of the alliance.
    pub name: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Its industrial chain.
    pub chain: Option<String>,
    /// The agreement's text.
    pub terms: Option<String>,
    /// Deputies in order of succession.
    pub deputies: Option<Vec<MemberId>>,
    /// T, milliseconds.
    pub seal: Option<u64>,
    /// How long a chair lasts, milliseconds; 0 for no rotation.
    pub rotation: Option<u64>,
    /// Decision rules by kind of change.
    pub rules: Option<BTreeMap<String, Rule>>,
    /// How long records are kept, in words.
    pub retention: Option<String>,
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chair {
    /// The new leader.
    pub member: MemberId,
}

/// Anything else that some agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// 1 to 100 bytes.
    pub title: String,
    /// The exact text.
    pub text: String,
}

/// How much of the voters' weight has to approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// More than half.
    Majority,
    /// Two thirds or more.
    TwoThirds,
    /// Everything.
    All,
}

impl Rule {
    /// The least that a kind of change asks for.
    pub fn least(kind: &str) -> Self {
        match kind {
            "admit" | "remove" | "recover" | "charter" => Self::TwoThirds,
            // A member alone decides of its keys.
            "keys" => Self::All,
            _ => Self::Majority,
        }
    }

    /// Its name in formats.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::TwoThirds => "two-thirds",
            Self::All => "all",
        }
    }

    /// The weight that is enough, of this much.
    pub const fn threshold(self, total: u64) -> u64 {
        match self {
            Self::Majority => (total / 2).saturating_add(1),
            Self::TwoThirds => total.saturating_mul(2).div_ceil(3),
            Self::All => total,
        }
    }
}

impl Change {
    /// Its name in formats.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Admit(_) => "admit",
            Self::Remove(_) => "remove",
            Self::Role(_) => "role",
            Self::Keys(_) => "keys",
            Self::Recover(_) => "recover",
            Self::Compromised(_) => "compromised",
            Self::Charter(_) => "charter",
            Self::Chair(_) => "chair",
            Self::Agree(_) => "agree",
        }
    }

    /// What it is about: the subject of its slot.
    pub fn subject(&self) -> String {
        match self {
            // An entry that is none names nobody, and cannot be admitted.
            Self::Admit(admission) => format!("member/{}", admission.decode().map_or(MemberId([0; 32]), |entry| entry.member())),
            Self::Remove(Removal { member, .. })
            | Self::Role(RoleChange { member, .. })
            | Self::Keys(KeyChange { member, .. })
            | Self::Recover(Recovery { member, .. })
            | Self::Compromised(Compromise { member, .. }) => format!("member/{member}"),
            Self::Charter(_) => "charter".to_owned(),
            Self::Chair(_) => "chair".to_owned(),
            Self::Agree(agreement) => format!("agree/{}", agreement.title),
        }
    }

    /// Whether the state of the alliance is another afterwards.
    pub const fn alters(&self) -> bool {
        !matches!(self, Self::Agree(_))
    }

    /// Who may be asked.
    pub fn electorate(&self, alliance: &Alliance) -> Vec<MemberId> {
        let voters = alliance.voters().map(|member| member.id);
        match self {
            Self::Remove(Removal { member, .. }) | Self::Recover(Recovery { member, .. }) => voters.filter(|voter| voter != member).collect(),
            // Its keys are a regulator's own as well.
            Self::Keys(change) => alliance.members().iter().map(|member| member.id).filter(|member| *member == change.member).collect(),
            _ => voters.collect(),
        }
    }

    /// The weight that has to approve, of these signers' weights; never less than the alliance's rule for it.
    pub fn threshold(&self, alliance: &Alliance, total: u64) -> u64 {
        alliance.rule(self.kind()).threshold(total)
    }
}

impl Admission {
    /// The entry, if it is one.
    pub fn decode(&self) -> Option<Entry> {
        Entry::decode(&BASE64.decode(&self.entry).ok()?).ok()
    }

    /// An entry with the signatures of its keys; `keys` are root, log, witness and transport.
    pub fn sign(alliance: &AllianceId, entry: &Entry, keys: [&SecretKey; 4]) -> Self {
        let bytes = entry.to_bytes();
        let sign = |key: &SecretKey| BASE64.encode(key.sign(&join_message(alliance, &bytes, key.public().id())));
        Self { entry: BASE64.encode(&bytes), signatures: keys.map(sign).to_vec() }
    }

    /// The entry, once its four keys have signed it for this alliance.
    fn open(&self, alliance: &AllianceId) -> Option<Entry> {
        let entry = self.decode()?;
        let bytes = entry.to_bytes();
        let keys = entry.keys.signing();
        let proven = self.signatures.len() == keys.len()
            && keys.iter().zip(&self.signatures).all(|(bytes_of_key, signature)| {
                let message = |id| join_message(alliance, &bytes, id);
                verify(bytes_of_key, signature, message).is_some()
            });
        proven.then_some(entry)
    }
}

impl KeyChange {
    /// The new keys as raw bytes: log, witness, transport.
    fn signing(&self) -> [Option<Hash>; 3] {
        [self.log, self.witness, self.transport].map(|key| key.map(|key| key.0))
    }

    /// Signs the change; `keys` are the root key and each new signing key in order.
    #[must_use]
    pub fn signed(mut self, alliance: &AllianceId, keys: &[&SecretKey]) -> Self {
        self.signatures = keys.iter().map(|key| BASE64.encode(key.sign(&keys_message(alliance, &self, key.public().id())))).collect();
        self
    }

    /// Puts the root key's signature in front of those of the new keys.
    #[must_use]
    pub fn with_root(mut self, alliance: &AllianceId, root: &SecretKey) -> Self {
        self.signatures.insert(0, BASE64.encode(root.sign(&keys_message(alliance, &self, root.public().id()))));
        self
    }

    fn is_proven(&self, alliance: &AllianceId, root: &Hash) -> bool {
        let keys: Vec<Hash> = std::iter::once(*root).chain(self.signing().into_iter().flatten()).collect();
        let verified = |(key, signature): (&Hash, &String)| verify(key, signature, |id| keys_message(alliance, self, id)).is_some();
        keys.len() == self.signatures.len() && keys.iter().zip(&self.signatures).all(verified)
    }
}

/// What the keys of an admission sign.
pub fn join_message(alliance: &AllianceId, entry: &[u8], key: KeyId) -> Vec<u8> {
    let mut payload = Writer::structure(3);
    payload.bytes(&alliance.0).bytes(entry);
    sig_structure(domain::TYP_JOIN, key, &payload.finish())
}

/// What the keys of a change of keys sign.
pub fn keys_message(alliance: &AllianceId, change: &KeyChange, key: KeyId) -> Vec<u8> {
    let mut payload = Writer::structure(8);
    payload.bytes(&alliance.0).bytes(&change.member.0);
    for new in [change.log, change.witness, change.transport, change.encryption] {
        match new {
            Some(key) => payload.bytes(&key.0),
            None => payload.null(),
        };
    }
    payload.uint(change.size);
    sig_structure(domain::TYP_KEYS, key, &payload.finish())
}

pub(crate) fn verify(key: &Hash, signature: &str, message: impl Fn(KeyId) -> Vec<u8>) -> Option<()> {
    let signature: Signature = BASE64.decode(signature).ok()?.try_into().ok()?;
    let key = PublicKey::new(key).ok()?;
    key.verify(&message(key.id()), &signature).ok()
}

/// Why a change cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeFault {
    /// A part is not of its form or beyond its bound.
    Form,
    /// The member is there, or was.
    Known,
    /// Nobody in the alliance.
    Unknown,
    /// A key is in use, or unusable.
    Key,
    /// Signatures that do not prove possession.
    Possession,
    /// The alliance is full.
    Full,
    /// The office does not allow it: a leader is replaced by `chair` alone, a regulator holds no office, and one voter has to stay.
    Office,
}

impl ChangeFault {
    /// What was found, for a person.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Form => "a part of the change does not have its form, or exceeds a bound",
            Self::Known => "this member is or was in the alliance",
            Self::Unknown => "this is no member of the alliance",
            Self::Key => "a key is in use already, or unusable",
            Self::Possession => "the signatures do not prove that the keys are in the member's hands",
            Self::Full => "the alliance has as many members as it may",
            Self::Office => "the leader is replaced by `chair` alone, regulators hold no office, and a voter has to stay",
        }
    }
}

impl Alliance {
    /// The alliance after a change.
    ///
    /// # Errors
    /// [`ChangeFault`].
    pub fn changed(&self, change: &Change) -> Result<Self, ChangeFault> {
        let mut next = self.clone();
        match change {
            Change::Admit(admission) => next.admit(admission)?,
            Change::Remove(removal) => next.remove(removal)?,
            Change::Role(role) => next.set_role(role)?,
            Change::Keys(keys) => next.rotate(keys)?,
            Change::Recover(recovery) => next.recover(recovery)?,
            Change::Compromised(mark) => next.mark(mark)?,
            Change::Charter(amendment) => next.amend(amendment)?,
            Change::Chair(chair) => next.lead(chair.member)?,
            Change::Agree(agreement) => {
                let bounded = (1..=limits::AGREEMENT_TITLE).contains(&agreement.title.len()) && agreement.text.len() <= limits::TERMS;
                return if bounded { Ok(next) } else { Err(ChangeFault::Form) };
            }
        }
        next.version = next.version.saturating_add(1);
        Ok(next)
    }

    fn admit(&mut self, admission: &Admission) -> Result<(), ChangeFault> {
        let entry = admission.decode().ok_or(ChangeFault::Form)?;
        let id = entry.member();
        if self.member(&id).is_some() {
            return Err(ChangeFault::Known);
        }
        let votes = entry.role != Role::Regulator;
        if self.members.len() >= limits::MEMBERS || (votes && self.voters().count() >= limits::VOTERS) {
            return Err(ChangeFault::Full);
        }
        if entry.role == Role::Leader {
            return Err(ChangeFault::Office);
        }
        let keys = entry.keys;
        let fresh = keys.signing().into_iter().all(|key| self.is_fresh(key)) && self.is_fresh(&keys.encryption);
        let distinct = keys.signing().into_iter().chain([&keys.encryption]).collect::<std::collections::BTreeSet<_>>().len() == 5;
        if !fresh || !distinct || !key::usable_x25519(&keys.encryption) {
            return Err(ChangeFault::Key);
        }
        let member = Member::new(entry).map_err(|_| ChangeFault::Key)?;
        admission.open(&self.id).ok_or(ChangeFault::Possession)?;
        self.members.push(member);
        Ok(())
    }

    fn remove(&mut self, removal: &Removal) -> Result<(), ChangeFault> {
        let at = self.position(&removal.member)?;
        let mut left = self.members.remove(at);
        if left.entry.role == Role::Leader || self.voters().next().is_none() {
            return Err(ChangeFault::Office);
        }
        left.left = Some(Pin { size: removal.size, root: removal.root.0 });
        self.deputies.retain(|deputy| *deputy != left.id);
        self.former.push(left);
        Ok(())
    }

    fn set_role(&mut self, change: &RoleChange) -> Result<(), ChangeFault> {
        let at = self.position(&change.member)?;
        let member = self.members.get_mut(at).ok_or(ChangeFault::Unknown)?;
        if change.role == Role::Leader || member.entry.role == Role::Leader {
            return Err(ChangeFault::Office);
        }
        let scoped = change.scope.is_empty() || change.role == Role::Regulator;
        if !scoped || change.scope.len() > limits::SCOPE || !change.scope.iter().all(|kind| is_type(kind)) {
            return Err(ChangeFault::Form);
        }
        member.entry.role = change.role;
        member.entry.scope.clone_from(&change.scope);
        if change.role == Role::Regulator {
            self.deputies.retain(|deputy| *deputy != change.member);
        }
        if self.voters().next().is_some() { Ok(()) } else { Err(ChangeFault::Office) }
    }

    fn rotate(&mut self, change: &KeyChange) -> Result<(), ChangeFault> {
        let at = self.position(&change.member)?;
        let member = self.members.get(at).ok_or(ChangeFault::Unknown)?;
        if !change.is_proven(&self.id, &member.entry.keys.root) {
            return Err(ChangeFault::Possession);
        }
        let new: Vec<Hash> = change.signing().into_iter().chain([change.encryption.map(|key| key.0)]).flatten().collect();
        let distinct = new.iter().collect::<std::collections::BTreeSet<_>>().len() == new.len();
        let usable = change.encryption.is_none_or(|key| key::usable_x25519(&key.0));
        if new.is_empty() || !distinct || !usable || !new.iter().all(|key| self.is_fresh(key)) {
            return Err(ChangeFault::Key);
        }
        let from = member.logs.last().map_or(0, |key| key.from);
        if change.log.is_some() && change.size < from {
            return Err(ChangeFault::Form);
        }
        let retired = member.entry.keys;
        let member = self.members.get_mut(at).ok_or(ChangeFault::Unknown)?;
        member.retired.push(retired);
        let keys = &mut member.entry.keys;
        let MemberKeys { log, witness, transport, encryption, .. } = keys;
        for (key, new) in [(log, change.log), (witness, change.witness), (transport, change.transport), (encryption, change.encryption)] {
            *key = new.map_or(*key, |new| new.0);
        }
        if change.log.is_some() {
            member.log = PublicKey::new(&member.entry.keys.log).map_err(|_| ChangeFault::Key)?;
            member.logs.push(LogKey { key: member.log, from: change.size });
        }
        member.witness = PublicKey::new(&member.entry.keys.witness).map_err(|_| ChangeFault::Key)?;
        Ok(())
    }

    fn amend(&mut self, amendment: &Amendment) -> Result<(), ChangeFault> {
        let Amendment { name, purpose, chain, terms, deputies, seal, rotation, rules, retention } = amendment.clone();
        if let Some(deputies) = deputies {
            let distinct = deputies.iter().collect::<std::collections::BTreeSet<_>>().len() == deputies.len();
            let fit = |id: &MemberId| self.active(id).is_some_and(|member| !matches!(member.entry.role, Role::Leader | Role::Regulator));
            if !distinct || deputies.len() > limits::DEPUTIES || !deputies.iter().all(fit) {
                return Err(ChangeFault::Office);
            }
            self.deputies = deputies;
        }
        let charter = &mut self.charter;
        charter.name = name.unwrap_or_else(|| charter.name.clone());
        charter.purpose = purpose.unwrap_or_else(|| charter.purpose.clone());
        charter.chain = chain.unwrap_or_else(|| charter.chain.clone());
        charter.terms = terms.unwrap_or_else(|| charter.terms.clone());
        charter.seal = seal.unwrap_or(charter.seal);
        self.settings.rotation = rotation.unwrap_or(self.settings.rotation);
        self.settings.retention = retention.unwrap_or_else(|| self.settings.retention.clone());
        self.settings.rules = rules.unwrap_or_else(|| self.settings.rules.clone());
        let known = |kind: &String| RULED.contains(&kind.as_str());
        let bounded =
            self.settings.rotation <= limits::SEAL_TIME && self.settings.retention.len() <= limits::PURPOSE && self.settings.rules.keys().all(known);
        // Name, texts and T are bounded as in a founding charter.
        if bounded && self.charter.has_bounds() { Ok(()) } else { Err(ChangeFault::Form) }
    }

    fn lead(&mut self, leader: MemberId) -> Result<(), ChangeFault> {
        let at = self.position(&leader)?;
        if self.members.get(at).is_none_or(|member| matches!(member.entry.role, Role::Regulator | Role::Leader)) {
            return Err(ChangeFault::Office);
        }
        for member in &mut self.members {
            // Who led takes the place of who leads now, in the chain as among the deputies.
            if member.entry.role == Role::Leader {
                member.entry.role = Role::Support;
            }
            if member.id == leader {
                member.entry.role = Role::Leader;
            }
        }
        self.deputies.retain(|deputy| *deputy != leader);
        Ok(())
    }

    pub(crate) fn position(&self, id: &MemberId) -> Result<usize, ChangeFault> {
        self.members.iter().position(|member| member.id == *id).ok_or(ChangeFault::Unknown)
    }

    /// Whether a key is nobody's and never was.
    pub fn is_fresh(&self, key: &Hash) -> bool {
        let everybody = self.members.iter().chain(&self.former);
        !everybody
            .flat_map(|member| member.retired.iter().chain([&member.entry.keys]))
            .any(|keys| keys.signing().contains(&key) || keys.encryption == *key)
    }
}
