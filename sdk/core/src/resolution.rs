//! How members decide together: proposals, approvals, and whether the two make an effect (`specs/resolution.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::charter::Alliance;
use crate::id::{CircleId, MemberId, StatementId};
use crate::key::Signature;
use crate::limits;
use crate::membership::{Change, ChangeFault};
use crate::section::{Body, Field, SectionHeader};
use crate::statement::{UnverifiedStatement, VerifiedStatement};

/// Type of a proposal.
pub const PROPOSAL: &str = "suyuan.proposal";
/// Type of an approval.
pub const APPROVE: &str = "suyuan.approve";
/// Type of an objection.
pub const OBJECT: &str = "suyuan.object";
/// Type of a withdrawal.
pub const WITHDRAW: &str = "suyuan.withdraw";
/// Type of a comment.
pub const COMMENT: &str = "suyuan.comment";

/// What a proposal competes for: of all proposals for one subject and version, one takes effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// What it is about, 1 to 128 bytes; the change says it.
    pub subject: String,
    /// How many effects the subject has had.
    pub version: u64,
    /// A member gives its vote once for each ballot.
    pub ballot: u64,
}

/// The fields of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The circle that decides.
    pub circle: CircleId,
    /// What it competes for.
    pub slot: Slot,
    /// What is decided, exactly.
    pub change: Change,
    /// Voters whose approval is asked for with their weights, ascending.
    pub signers: Vec<(MemberId, u64)>,
    /// Weight that has to approve.
    pub threshold: u64,
    /// How many changes the alliance had seen.
    pub rule: u64,
    /// After this no effect is written, milliseconds since 1970-01-01 UTC.
    pub expires: u64,
    /// Why, in words.
    pub reason: String,
}

/// Why an effect is not one. The codes stand in `specs/resolution.md`, in the order of checking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// An element is not of its form.
    Malformed,
    /// The proposal is not what its author signed.
    Proposal,
    /// For another circle.
    Circle,
    /// Its author is no voter.
    Proposer,
    /// The slot's subject is not the change's.
    Subject,
    /// The subject has another version by now.
    Superseded,
    /// Too late.
    Expired,
    /// It claims to know changes that were not made.
    Rule,
    /// Signers that may not be asked, or with other weights than 1.
    Signers,
    /// An approval that is none, or a second one of a member.
    Approval,
    /// Not enough approve.
    Threshold,
    /// The change cannot be made.
    Change(ChangeFault),
}

impl Refused {
    /// The code in `specs/` and in problem documents.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Proposal => "proposal",
            Self::Circle => "circle",
            Self::Proposer => "proposer",
            Self::Subject => "subject",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
            Self::Rule => "rule",
            Self::Signers => "signers",
            Self::Approval => "approval",
            Self::Threshold => "threshold",
            Self::Change(_) => "change",
        }
    }

    /// What was found, for a person.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Malformed => "a part does not have its form",
            Self::Proposal => "the proposal is not what its author signed",
            Self::Circle => "the proposal is for another circle",
            Self::Proposer => "whoever proposed it is no voter",
            Self::Subject => "its slot names another subject than the change has",
            Self::Superseded => "something else about this subject was decided in the meantime; propose it anew",
            Self::Expired => "its time is over; propose it anew",
            Self::Rule => "it was drawn up under rules that do not exist",
            Self::Signers => "it asks members that may not decide this, or with other weights than one",
            Self::Approval => "an approval is not by a member, not for this proposal, or there twice",
            Self::Threshold => "not enough members approve",
            Self::Change(fault) => fault.explain(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.explain(), self.code())
    }
}

impl std::error::Error for Refused {}

impl Proposal {
    /// Reads a proposal's fields.
    ///
    /// # Errors
    /// [`Refused::Malformed`].
    pub fn read(body: &Body) -> Result<Self, Refused> {
        let proposal: Self = from_fields(body).ok_or(Refused::Malformed)?;
        if proposal.is_bounded() { Ok(proposal) } else { Err(Refused::Malformed) }
    }

    fn is_bounded(&self) -> bool {
        let ascending = self.signers.iter().zip(self.signers.iter().skip(1)).all(|((one, _), (next, _))| one < next);
        let weighed = self.signers.iter().all(|(_, weight)| (1..=limits::WEIGHT).contains(weight));
        let numbers = [self.slot.version, self.slot.ballot, self.rule, self.expires].into_iter().all(|number| number <= limits::INTEGER);
        (1..=limits::SUBJECT).contains(&self.slot.subject.len())
            && (1..=limits::SIGNERS).contains(&self.signers.len())
            && (1..=self.weight()).contains(&self.threshold)
            && self.reason.len() <= limits::COMMENT
            && ascending
            && weighed
            && numbers
    }

    /// Weight of all signers.
    pub fn weight(&self) -> u64 {
        self.signers.iter().map(|(_, weight)| weight).fold(0, |sum, weight| sum.saturating_add(*weight))
    }

    /// Weight of one signer; 0 for anybody else.
    pub fn weight_of(&self, member: &MemberId) -> u64 {
        self.signers.iter().find(|(signer, _)| signer == member).map_or(0, |(_, weight)| *weight)
    }

    /// Whether it could take effect now, approvals aside: on the state before it, with the versions of subjects, at a time.
    ///
    /// # Errors
    /// [`Refused`], in the order of the page.
    pub fn check(&self, circle: &CircleId, author: &MemberId, alliance: &Alliance, slots: &BTreeMap<String, u64>, time: u64) -> Result<(), Refused> {
        let voters: BTreeSet<MemberId> = alliance.voters().map(|voter| voter.id).collect();
        let refuse = |wrong: bool, why| if wrong { Err(why) } else { Ok(()) };
        refuse(self.circle != *circle, Refused::Circle)?;
        let electorate = self.change.electorate(alliance);
        refuse(!voters.contains(author) && !electorate.contains(author), Refused::Proposer)?;
        refuse(self.slot.subject != self.change.subject(), Refused::Subject)?;
        refuse(self.slot.version != slots.get(&self.slot.subject).copied().unwrap_or(0), Refused::Superseded)?;
        refuse(time > self.expires, Refused::Expired)?;
        refuse(self.rule > alliance.version(), Refused::Rule)?;
        let equal = !self.change.alters() || self.signers.iter().all(|(_, weight)| *weight == 1);
        // Whoever was a voter when it was drawn up may be named; whether it still is decides when its approval is counted.
        let allowed = |signer: &MemberId| electorate.contains(signer) || !voters.contains(signer);
        refuse(!equal || !self.signers.iter().all(|(signer, _)| allowed(signer)), Refused::Signers)
    }

    /// The weight that these approvers bring, and the weight that is needed, in this state.
    pub fn tally<'a>(&self, approvers: impl IntoIterator<Item = &'a MemberId>, alliance: &Alliance) -> Tally {
        let electorate = self.change.electorate(alliance);
        let distinct: BTreeSet<&MemberId> = approvers.into_iter().filter(|member| electorate.contains(member)).collect();
        let reached = distinct.into_iter().fold(0, |sum: u64, member| sum.saturating_add(self.weight_of(member)));
        // An agreement is among its signers; everything else among all who may decide it today.
        let total = if self.change.alters() { electorate.len() as u64 } else { self.weight() };
        Tally { reached, needed: self.threshold.max(self.change.threshold(alliance, total)) }
    }
}

/// How far a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Weight of those who approve and may decide.
    pub reached: u64,
    /// Weight that is needed.
    pub needed: u64,
}

impl Tally {
    /// Whether it is enough. Nothing is decided by nobody.
    pub const fn is_enough(self) -> bool {
        self.reached >= self.needed && self.reached > 0
    }
}

/// A statement with its one section, as it stands in an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosed {
    /// The statement's bytes, base64.
    pub statement: String,
    /// Its signature, base64.
    pub signature: String,
    /// The section header's bytes, base64.
    pub header: String,
    /// The section's body, base64.
    pub body: String,
}

/// A statement alone, as it stands in an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The statement's bytes, base64.
    pub statement: String,
    /// Its signature, base64.
    pub signature: String,
}

impl Signed {
    /// Wraps a statement and its signature.
    pub fn new(statement: &[u8], signature: &Signature) -> Self {
        Self { statement: BASE64.encode(statement), signature: BASE64.encode(signature) }
    }

    /// The statement, if a member of the alliance, now or once, signed it, and it is of this type.
    pub fn open(&self, alliance: &Alliance, kind: &str) -> Option<VerifiedStatement> {
        let bytes = BASE64.decode(&self.statement).ok()?;
        let signature: Signature = BASE64.decode(&self.signature).ok()?.try_into().ok()?;
        let statement = UnverifiedStatement::decode(&bytes).ok()?;
        let place = statement.place();
        let key = alliance.member(&place.author)?.log_key(&statement.key_id())?;
        let verified = statement.verify(key, &signature).ok()?;
        (place.alliance == alliance.id() && verified.kind == kind).then_some(verified)
    }
}

impl Disclosed {
    /// Wraps a statement with its one section.
    pub fn new(statement: &[u8], signature: &Signature, header: &[u8], body: &Body) -> Self {
        let Signed { statement, signature } = Signed::new(statement, signature);
        Self { statement, signature, header: BASE64.encode(header), body: BASE64.encode(body.to_bytes()) }
    }

    /// Statement and body, if a member signed them and they belong together.
    pub fn open(&self, alliance: &Alliance, kind: &str) -> Option<(VerifiedStatement, Body)> {
        let signed = Signed { statement: self.statement.clone(), signature: self.signature.clone() };
        let statement = signed.open(alliance, kind)?;
        let [section] = statement.sections.as_slice() else { return None };
        let header = SectionHeader::open(&BASE64.decode(&self.header).ok()?, &section.header).ok()?;
        let body = Body::decode(&BASE64.decode(&self.body).ok()?).ok()?;
        body.check(section.fields, &header).ok()?;
        Some((statement, body))
    }
}

/// A proposal with its approvals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The proposal.
    pub proposal: Disclosed,
    /// The approvals, ascending by author.
    pub approvals: Vec<Signed>,
}

/// An effect that holds.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Id of the proposal.
    pub id: StatementId,
    /// Who proposed it.
    pub author: MemberId,
    /// What was proposed.
    pub proposal: Proposal,
    /// Who approved, ascending.
    pub approvers: Vec<MemberId>,
    /// The alliance afterwards.
    pub alliance: Alliance,
}

impl Effect {
    /// Checks the effect on the state before it, at the time of the entry that carries it.
    ///
    /// # Errors
    /// [`Refused`], in the order of the page.
    pub fn check(&self, circle: &CircleId, alliance: &Alliance, slots: &BTreeMap<String, u64>, time: u64) -> Result<Resolved, Refused> {
        if !(1..=limits::SIGNERS).contains(&self.approvals.len()) {
            return Err(Refused::Malformed);
        }
        let (statement, body) = self.proposal.open(alliance, PROPOSAL).ok_or(Refused::Proposal)?;
        let proposal = Proposal::read(&body)?;
        let author = statement.place.author;
        proposal.check(circle, &author, alliance, slots, time)?;
        let mut approvers: Vec<MemberId> = Vec::with_capacity(self.approvals.len());
        for approval in &self.approvals {
            let approval = approval.open(alliance, APPROVE).ok_or(Refused::Approval)?;
            let voter = approval.place.author;
            if approval.references.first() != Some(&statement.id()) || approvers.last().is_some_and(|last| *last >= voter) {
                return Err(Refused::Approval);
            }
            approvers.push(voter);
        }
        if !proposal.tally(&approvers, alliance).is_enough() {
            return Err(Refused::Threshold);
        }
        let changed = alliance.changed(&proposal.change).map_err(Refused::Change)?;
        Ok(Resolved { id: statement.id(), author, proposal, approvers, alliance: changed })
    }
}

/// A type whose members are the fields of a section, each value as [`to_fields`] writes it: one text for one content, whoever reads it.
pub fn from_fields<T: Serialize + DeserializeOwned>(body: &Body) -> Option<T> {
    let members: Option<Vec<String>> =
        body.fields().iter().map(|field| serde_json::to_string(&field.name).ok().map(|name| format!("{name}:{}", field.value))).collect();
    let content: T = serde_json::from_str(&format!("{{{}}}", members?.join(","))).ok()?;
    let written: BTreeMap<String, String> = to_fields(&content)?.into_iter().map(|field| (field.name, field.value)).collect();
    let same = written.len() == body.fields().len() && body.fields().iter().all(|field| written.get(&field.name) == Some(&field.value));
    same.then_some(content)
}

/// The fields of a section whose members are those of a type: JSON in the form of RFC 8785, of integers up to [`limits::INTEGER`].
pub fn to_fields(content: &impl Serialize) -> Option<Vec<Field>> {
    let value = serde_json::to_value(content).ok()?;
    let members = value.as_object().filter(|_| is_exact(&value))?;
    Some(members.iter().map(|(name, value)| Field { name: name.clone(), value: value.to_string() }).collect())
}

/// Whether every program reads the numbers in it alike.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_some_and(|number| number <= limits::INTEGER),
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}
