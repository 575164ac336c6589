//! Records as JSON: values as the text that was received, and nothing that this node may not show.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use suyuan_core::charter::Role;
use suyuan_core::circle::{PUBLIC, self_circle};
use suyuan_core::log::LogId;
use suyuan_core::policy::LogPolicy;
use suyuan_core::section::Field;
use suyuan_core::{CircleId, Fault, MemberId, StatementId};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::query::{RecordView, SectionContent, SectionView};
use utoipa::ToSchema;

use crate::state::PeerStatus;

/// A log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LogName)]
pub struct LogName {
    /// The member whose log it is, hex.
    #[schema(value_type = String)]
    pub member: MemberId,
    /// Incarnation, from 0.
    pub incarnation: u64,
}

impl LogName {
    /// The name of a log within the alliance.
    pub fn of(log: &LogId) -> Self {
        Self { member: log.member, incarnation: log.incarnation }
    }
}

/// A member by its entry in the charter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MemberName)]
pub struct MemberName {
    /// Its id, hex.
    #[schema(value_type = String)]
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// Its role.
    #[schema(value_type = Option<String>)]
    pub role: Option<Role>,
}

impl MemberName {
    /// What the charter says of a member.
    pub fn of(id: &MemberId, ledger: &Ledger) -> Self {
        let entry = ledger.alliance.member(id).map(|member| &member.entry);
        Self { id: *id, name: entry.map(|entry| entry.name.clone()).unwrap_or_default(), role: entry.map(|entry| entry.role) }
    }
}

/// A circle that a section was addressed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = CircleName)]
pub struct CircleName {
    /// Its id, hex; zeros for the public.
    #[schema(value_type = String)]
    pub id: CircleId,
    /// Its name; `public` and `self` for those that have none.
    pub name: String,
}

impl CircleName {
    /// What this node knows of a circle.
    pub fn of(id: &CircleId, ledger: &Ledger) -> Self {
        let known = ledger.circles.circle(id).map(|circle| circle.name.clone());
        let fixed = if *id == PUBLIC {
            "public"
        } else if *id == self_circle(&ledger.me) {
            "self"
        } else {
            ""
        };
        Self { id: *id, name: known.unwrap_or_else(|| fixed.to_owned()) }
    }
}

/// A record as this node may show it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Its id, hex.
    #[schema(value_type = String)]
    pub id: StatementId,
    /// Its log.
    pub log: LogName,
    /// Its sequence in the log.
    pub sequence: u64,
    /// Its author.
    pub author: MemberName,
    /// Its type.
    pub r#type: String,
    /// The author's time, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Public references to other records.
    #[schema(value_type = Vec<String>)]
    pub references: Vec<StatementId>,
    /// What the sections shown are about, canonical.
    pub about: Vec<String>,
    /// All its sections, those that are withheld included.
    pub sections: Vec<Section>,
    /// How far it has come.
    pub state: RecordState,
}

/// A member that cosigned a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WitnessName)]
pub struct WitnessName {
    /// Who.
    pub member: MemberName,
    /// When, seconds since 1970-01-01 UTC, by its own clock.
    pub time: u64,
    /// Whether it counts: a regulator's does not.
    pub counts: bool,
}

impl WitnessName {
    fn all(record: &RecordView, ledger: &Ledger) -> Vec<Self> {
        let policy = LogPolicy::of(&ledger.alliance, &record.author);
        let name = |(id, time): &(MemberId, u64)| Self { member: MemberName::of(id, ledger), time: *time, counts: policy.counts(id) };
        record.witnesses.members.iter().map(name).collect()
    }
}

/// How far a record has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordState {
    /// It is on this node's disk.
    pub durable: bool,
    /// A checkpoint that its author signed covers it.
    pub published: bool,
    /// As many other members as the policy asks for, and it asks for any, have cosigned such a checkpoint.
    pub witnessed: bool,
    /// By when an honest one of them had seen it, seconds since 1970-01-01 UTC; null where it is not witnessed.
    pub witness_time: Option<u64>,
    /// How many cosignatures that count the policy asks for.
    pub witnesses_needed: usize,
    /// Who has cosigned the best checkpoint that covers it.
    pub witnesses: Vec<WitnessName>,
    /// Other members that may hold it and whose nodes said that they have its log up to here.
    pub held_by: Vec<MemberName>,
    /// Its author signed another history, and this lies beyond what both have in common: it has no effect until the alliance decides.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub beyond_common_point: bool,
    /// This lies behind the size at which its log was closed: it counts for nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub quarantined: bool,
    /// The members have decided that somebody else than its author may have signed it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub compromised: bool,
}

/// A section as this node may show it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// Index in the statement.
    pub index: u8,
    /// `open`, `withheld`, or `void` where its author signed what does not hold together.
    pub content: &'static str,
    /// How many fields it has, what it is about included.
    pub field_count: u64,
    /// For how many circles it was sealed.
    pub audience_count: u64,
    /// Those of them that this node is in.
    pub circles: Vec<CircleName>,
    /// Members of those circles that may read it.
    pub readers: Vec<MemberName>,
    /// Its fields where it is open; values are the JSON text that its author signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub fields: Option<Fields>,
    /// Fields whose value is no JSON that every reader reads alike, as text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// Why it is void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultName>,
}

/// A field whose value is no JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unreadable {
    /// Its name.
    pub name: String,
    /// Its value as text.
    pub value: String,
}

/// A fault by its code in the specs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fault)]
pub struct FaultName {
    /// The code.
    pub code: &'static str,
    /// What was found.
    pub explanation: &'static str,
}

impl FaultName {
    /// A fault for a person.
    pub fn of(fault: Fault) -> Self {
        Self { code: fault.code(), explanation: fault.explain() }
    }
}

/// Fields as a JSON object, in the order in which they were submitted.
#[derive(Debug)]
pub struct Fields(Vec<(String, Box<RawValue>)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Fields {
    /// Sorts out the fields whose value would not be the same for every reader: a foreign author may have signed any text.
    pub fn new(fields: &[Field]) -> (Self, Vec<Unreadable>) {
        let (mut good, mut unreadable) = (Vec::with_capacity(fields.len()), Vec::new());
        for Field { name, value } in fields {
            let raw = RawValue::from_string(value.clone()).ok().filter(|raw| suyuan_engine::json::check(raw.get()).is_ok());
            match raw {
                Some(raw) => good.push((name.clone(), raw)),
                None => unreadable.push(Unreadable { name: name.clone(), value: value.clone() }),
            }
        }
        (Self(good), unreadable)
    }
}

impl Record {
    /// The record for whoever may read this node.
    pub fn new(record: &RecordView, ledger: &Ledger, peers: &[PeerStatus]) -> Self {
        let has = |peer: &&PeerStatus| peer.logs.iter().any(|held| held.log == record.log && held.size > record.sequence);
        let holding = peers.iter().filter(|peer| peer.member != ledger.me && record.entitled.contains(&peer.member)).filter(has);
        Self {
            id: record.id,
            log: LogName::of(&record.log),
            sequence: record.sequence,
            author: MemberName::of(&record.author, ledger),
            r#type: record.kind.clone(),
            time: record.time,
            references: record.references.clone(),
            about: record.about.clone(),
            sections: record.sections.iter().map(|section| Section::new(section, ledger)).collect(),
            state: RecordState {
                durable: true,
                published: record.published,
                witnessed: record.witnesses.standing.witnessed(),
                witness_time: record.witnesses.standing.time,
                witnesses_needed: record.witnesses.standing.needed,
                witnesses: WitnessName::all(record, ledger),
                held_by: holding.map(|peer| MemberName::of(&peer.member, ledger)).collect(),
                beyond_common_point: ledger.convictions.is_beyond(&record.log, record.sequence),
                quarantined: record.quarantined,
                compromised: is_compromised(record, ledger),
            },
        }
    }
}

impl Section {
    fn new(section: &SectionView, ledger: &Ledger) -> Self {
        let (content, open, fault) = match &section.content {
            SectionContent::Open(fields) => ("open", Some(fields), None),
            SectionContent::Withheld => ("withheld", None, None),
            SectionContent::Void(fault) => ("void", None, Some(*fault)),
        };
        let (fields, unreadable) = open.map(|fields| Fields::new(fields)).unzip();
        Self {
            index: section.index,
            content,
            field_count: section.fields,
            audience_count: section.audiences,
            circles: section.circles.iter().map(|circle| CircleName::of(circle, ledger)).collect(),
            readers: section.readers.iter().map(|member| MemberName::of(member, ledger)).collect(),
            fields,
            unreadable: unreadable.unwrap_or_default(),
            fault: fault.map(FaultName::of),
        }
    }
}

/// Whether the members have marked an entry, since others may have had its author's key.
pub(crate) fn is_compromised(record: &RecordView, ledger: &Ledger) -> bool {
    ledger.alliance.member(&record.log.member).is_some_and(|author| author.is_compromised(record.log.incarnation, record.sequence))
}
