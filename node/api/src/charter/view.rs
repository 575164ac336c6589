//! A version of the charter as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use suyuan_core::charter::{Alliance, Member, Role};
use suyuan_core::membership::Rule;
use suyuan_core::order::Order;
use suyuan_core::policy::Policy;
use suyuan_core::quorum::Quorum;
use suyuan_core::version::{Difference, RULED, Version};
use suyuan_core::{AllianceId, MemberId, StatementId};
use suyuan_engine::ledger::Ledger;
use utoipa::ToSchema;

use crate::records::view::{LogName, MemberName};

/// The charter in one version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Charter)]
pub(crate) struct CharterJson {
    /// The alliance id: the hash of the founding charter.
    #[schema(value_type = String)]
    pub id: AllianceId,
    /// Which version this is, since when, and what made it.
    #[serde(flatten)]
    pub version: VersionJson,
    /// Number of the version that is in force as far as this node knows.
    pub newest: u64,
    /// When the next version came into force; null where this is the newest.
    pub until: Option<u64>,
    /// Name of the alliance.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Its industrial chain.
    pub chain: String,
    /// When the founding charter was drawn up, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// The members of this version: founders in charter order, then others as they came.
    pub members: Vec<CharterMember>,
    /// Who had left by then, in the order in which they left.
    pub former: Vec<FormerMember>,
    /// The deputies in order of succession.
    pub deputies: Vec<MemberName>,
    /// How many voters have to agree, by kind of change: `majority`, `two-thirds` or `all`.
    #[schema(value_type = Object)]
    pub rules: BTreeMap<&'static str, Rule>,
    /// T: the longest time that a removed member may still read what is sealed, milliseconds.
    pub seal: u64,
    /// How long a chair lasts, milliseconds; 0 where it does not rotate.
    pub rotation: u64,
    /// How long records are kept, in words.
    pub retention: String,
    /// The agreement's text.
    pub terms: String,
    /// Who has to cosign a log.
    pub witnesses: WitnessRule,
}

/// A member in one version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CharterMember {
    /// Its id: the hash of the entry that it came with.
    #[schema(value_type = String)]
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// Its role.
    #[schema(value_type = String)]
    pub role: Role,
    /// Types that a regulator may read.
    pub scope: Vec<String>,
    /// Its public keys, hex.
    pub keys: Keys,
    /// The addresses that it came with.
    pub addresses: Vec<String>,
}

/// A member's public keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Keys {
    /// Ed25519, kept offline.
    pub root: String,
    /// Ed25519, statements and checkpoints.
    pub log: String,
    /// Ed25519, cosignatures.
    pub witness: String,
    /// Ed25519, the network identity.
    pub transport: String,
    /// X25519, the first keys that are handed out.
    pub encryption: String,
}

/// Somebody who was a member.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FormerMember {
    /// Who.
    pub member: MemberName,
    /// Its log is accepted up to so many entries.
    pub size: u64,
    /// Root over them, hex.
    pub root: String,
}

/// Who has to cosign a log before it counts as witnessed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WitnessRule {
    /// Members that count, the log's author among them.
    pub voters: usize,
    /// So many of them may lie.
    pub liars: usize,
    /// So many others have to cosign.
    pub cosigners: usize,
    /// The log that the policy below is of: this member's own, or the leader's in a version that this member was not in.
    pub log: LogName,
    /// That log's policy as C2SP `tlog-policy` text; those of others differ in names and keys alone.
    pub policy: String,
}

/// A version of the charter in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Version)]
pub(crate) struct VersionJson {
    /// Its number: how many changes there were before.
    pub version: u64,
    /// Since when it is in force, milliseconds since 1970-01-01 UTC (`specs/membership.md`, Versions).
    pub since: u64,
    /// The decision that made it; null for the founding charter.
    pub decision: Option<DecisionJson>,
    /// What it says otherwise than the version before it.
    pub changes: Vec<DifferenceJson>,
}

/// The decision that made a version.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Decision)]
pub(crate) struct DecisionJson {
    /// The proposal's statement.
    #[schema(value_type = String)]
    pub proposal: StatementId,
    /// The entry of the order log that carries it.
    #[schema(value_type = String)]
    pub entry: StatementId,
    /// `admit`, `remove`, `role`, `keys`, `charter` or `chair`.
    pub kind: &'static str,
    /// Who proposed it.
    pub author: MemberName,
    /// Who approved it.
    pub approvers: Vec<MemberName>,
}

/// One thing that a version says otherwise.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Difference)]
pub(crate) struct DifferenceJson {
    /// `name`, `purpose`, `chain`, `terms`, `deputies`, `seal`, `rotation`, `retention`, `rule`, `joined`, `left`, `role`, `scope` or `keys`.
    pub part: &'static str,
    /// The kind of change, where it is a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// The member, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberName>,
    /// What was said before; null where there was nothing, and for `terms`, which each version has in full.
    #[schema(value_type = Option<Object>)]
    pub before: Value,
    /// What is said now; null where there is nothing any more, and for `terms`.
    #[schema(value_type = Option<Object>)]
    pub after: Value,
}

impl CharterJson {
    /// One of the versions of a settled state.
    pub fn new(versions: &[Version<'_>], at: usize, settled: &Order, ledger: &Ledger) -> Option<Self> {
        let alliance = versions.get(at)?.alliance;
        let charter = alliance.charter();
        Some(Self {
            id: alliance.id(),
            version: VersionJson::new(versions, at, ledger)?,
            newest: settled.alliance.version(),
            until: versions.get(at.saturating_add(1)).map(|next| next.time),
            name: charter.name.clone(),
            purpose: charter.purpose.clone(),
            chain: charter.chain.clone(),
            time: charter.time,
            members: alliance.members().iter().map(CharterMember::new).collect(),
            former: alliance.former().iter().filter_map(|member| FormerMember::new(member, ledger)).collect(),
            deputies: alliance.deputies().iter().map(|deputy| MemberName::of(deputy, ledger)).collect(),
            rules: RULED.into_iter().map(|kind| (kind, alliance.rule(kind))).collect(),
            seal: charter.seal,
            rotation: alliance.rotation(),
            retention: alliance.retention().to_owned(),
            terms: charter.terms.clone(),
            witnesses: WitnessRule::new(alliance, ledger)?,
        })
    }
}

impl CharterMember {
    fn new(Member { id, entry, .. }: &Member) -> Self {
        let keys = Keys::of(&entry.keys);
        Self { id: *id, name: entry.name.clone(), role: entry.role, scope: entry.scope.clone(), keys, addresses: entry.addresses.clone() }
    }
}

impl Keys {
    /// As hex.
    pub fn of(keys: &suyuan_core::charter::MemberKeys) -> Self {
        let [root, log, witness, transport] = keys.signing().map(hex::encode);
        Self { root, log, witness, transport, encryption: hex::encode(keys.encryption) }
    }
}

impl FormerMember {
    /// Where the log of somebody who has left was closed; nothing for a member of today.
    pub fn new(member: &Member, ledger: &Ledger) -> Option<Self> {
        let left = member.left?;
        Some(Self { member: MemberName::of(&member.id, ledger), size: left.size, root: hex::encode(left.root) })
    }
}

impl WitnessRule {
    fn new(alliance: &Alliance, ledger: &Ledger) -> Option<Self> {
        let quorum = Quorum::of(alliance.voters().count());
        let member = alliance.active(&ledger.me).or(alliance.leader())?.id;
        let log = alliance.log_of(&member);
        let policy = String::from_utf8_lossy(&Policy::of_log(alliance, &log)?.to_bytes()).into_owned();
        Some(Self { voters: quorum.members, liars: quorum.liars(), cosigners: quorum.cosigners(), log: LogName::of(&log), policy })
    }
}

impl VersionJson {
    /// One of the versions of a settled state.
    pub fn new(versions: &[Version<'_>], at: usize, ledger: &Ledger) -> Option<Self> {
        let Version { alliance, time, decided } = *versions.get(at)?;
        let before = at.checked_sub(1).and_then(|at| versions.get(at)).map(|version| version.alliance);
        let name = |member: &MemberId| MemberName::of(member, ledger);
        let decision = decided.map(|decided| DecisionJson {
            proposal: decided.resolved.id,
            entry: decided.entry,
            kind: decided.resolved.proposal.change.kind(),
            author: name(&decided.resolved.author),
            approvers: decided.resolved.approvers.iter().map(name).collect(),
        });
        let differences = before.map(|before| alliance.differences(before).into_iter().map(|one| DifferenceJson::new(one, before, alliance, ledger)));
        Some(Self { version: alliance.version(), since: time, decision, changes: differences.into_iter().flatten().collect() })
    }
}

impl DifferenceJson {
    fn new(difference: Difference, before: &Alliance, after: &Alliance, ledger: &Ledger) -> Self {
        let value = |alliance: &Alliance| said(difference, alliance, ledger);
        let rule = if let Difference::Rule(kind) = difference { Some(kind) } else { None };
        let member = difference.member().map(|member| MemberName::of(&member, ledger));
        Self { part: difference.name(), rule, member, before: value(before), after: value(after) }
    }
}

/// What a version says of something.
fn said(of: Difference, alliance: &Alliance, ledger: &Ledger) -> Value {
    let charter = alliance.charter();
    let member = of.member().and_then(|member| alliance.active(&member));
    match of {
        Difference::Name => json!(charter.name),
        Difference::Purpose => json!(charter.purpose),
        Difference::Chain => json!(charter.chain),
        // Long texts would fill a list; each version has its own.
        Difference::Terms => Value::Null,
        Difference::Deputies => json!(alliance.deputies().iter().map(|deputy| MemberName::of(deputy, ledger).name).collect::<Vec<_>>()),
        Difference::Seal => json!(charter.seal),
        Difference::Rotation => json!(alliance.rotation()),
        Difference::Retention => json!(alliance.retention()),
        Difference::Rule(kind) => json!(alliance.rule(kind)),
        Difference::Joined(_) | Difference::Left(_) | Difference::Role(_) => member.map_or(Value::Null, |member| json!(member.entry.role)),
        Difference::Scope(_) => member.map_or(Value::Null, |member| json!(member.entry.scope)),
        Difference::Log(_) => member.map_or(Value::Null, |member| json!(member.incarnation())),
        Difference::Compromised(id) => alliance.member(&id).map_or(Value::Null, |member| json!(member.compromises)),
        Difference::Keys(_) => member.map_or(Value::Null, |member| json!(Keys::of(&member.entry.keys))),
    }
}
