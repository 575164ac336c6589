//! What an enterprise submits, from the JSON of the API to records that can be written (`specs/http-api.md`, Records).

use std::fmt;

use serde::Deserialize;
use suyuan_core::charter::Alliance;
use suyuan_core::section::{ABOUT, Field, is_field_name};
use suyuan_core::statement::{RESERVED_TYPES, is_type};
use suyuan_core::{CircleId, MemberId, StatementId, circle};

use crate::access::{self, Action};
use crate::circles::Circles;
use crate::json::{Members, Object};
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    records: Vec<Object<RecordRequest>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordRequest {
    r#type: String,
    #[serde(default)]
    about: Vec<String>,
    #[serde(default)]
    references: Vec<StatementId>,
    time: Option<u64>,
    sections: Vec<Object<SectionRequest>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionRequest {
    r#for: OneOrMany,
    fields: Members,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A record that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Its type.
    pub kind: String,
    /// What it is about, as canonical Digital Links.
    pub about: Vec<String>,
    /// Other statements.
    pub references: Vec<StatementId>,
    /// The author's time, where it is not that of the commit; milliseconds since 1970-01-01 UTC.
    pub time: Option<u64>,
    /// Its sections.
    pub sections: Vec<SubmittedSection>,
}

/// A section that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmittedSection {
    /// The circles that may read it, without repetition; the public alone or not at all.
    pub audiences: Vec<CircleId>,
    /// Its fields, what it is about included.
    pub fields: Vec<Field>,
}

/// Why a submission was refused: the fault is the client's, and nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which kind of fault.
    pub fault: RefusalKind,
    /// Where in the request, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What was found and what to do.
    pub detail: String,
}

/// Kinds of [`Refusal`]; the API gives each an address and a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalKind {
    /// Not JSON, or not of the request's form.
    Malformed,
    /// A type that is not one, or that belongs to the protocol.
    Type,
    /// An identifier that does not check.
    Identifier,
    /// A circle that this node does not know.
    UnknownCircle,
    /// A circle that this member may not write to.
    NotAWriter,
    /// More of something than there may be.
    Limit,
    /// A time that lies ahead of this node's clock.
    Clock,
    /// Something that cannot be decided as things stand.
    Decision,
}

impl RefusalKind {
    /// Every kind.
    pub const ALL: [Self; 8] =
        [Self::Malformed, Self::Type, Self::Identifier, Self::UnknownCircle, Self::NotAWriter, Self::Limit, Self::Clock, Self::Decision];

    /// The code in problem documents.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Type => "type",
            Self::Identifier => "identifier",
            Self::UnknownCircle => "unknown-circle",
            Self::NotAWriter => "not-a-writer",
            Self::Limit => "limit",
            Self::Clock => "clock",
            Self::Decision => "decision",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() { f.write_str(&self.detail) } else { write!(f, "{}: {}", self.pointer, self.detail) }
    }
}

impl std::error::Error for Refusal {}

fn refuse<T>(fault: RefusalKind, pointer: impl Into<String>, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { fault, pointer: pointer.into(), detail: detail.into() })
}

/// Reads the body of a submission; form only, circles are checked by [`check`].
///
/// # Errors
/// [`Refusal`].
pub fn parse(body: &[u8], alliance: &Alliance, me: &MemberId) -> Result<Vec<Submission>, Refusal> {
    let Object::<Request>(request) = serde_json::from_slice(body).or_else(|error| refuse(RefusalKind::Malformed, "", error.to_string()))?;
    if request.records.is_empty() {
        return refuse(RefusalKind::Malformed, "/records", "there is no record in it");
    }
    if request.records.len() > limits::SUBMISSION_RECORDS {
        let detail = format!("{} records; at most {} in one request", request.records.len(), limits::SUBMISSION_RECORDS);
        return refuse(RefusalKind::Limit, "/records", detail);
    }
    request.records.into_iter().enumerate().map(|(index, Object(record))| record.read(&format!("/records/{index}"), alliance, me)).collect()
}

/// Holds a record of one section against every bound of its fields and subjects, for whoever is about to send many that belong together.
///
/// # Errors
/// [`Refusal`], as [`parse`] would answer.
pub fn check_bounds(fields: &Members, about: &[String]) -> Result<(), Refusal> {
    check_fields(&fields.0, &subjects(about, "")?, "")
}

impl RecordRequest {
    fn read(self, at: &str, alliance: &Alliance, me: &MemberId) -> Result<Submission, Refusal> {
        if !is_type(&self.r#type) {
            let detail = format!("{:?} is no type: lowercase letters, digits, dots and hyphens, at most 63, e.g. inspection", self.r#type);
            return refuse(RefusalKind::Type, format!("{at}/type"), detail);
        }
        if self.r#type.starts_with(RESERVED_TYPES) {
            return refuse(RefusalKind::Type, format!("{at}/type"), format!("types that begin with {RESERVED_TYPES:?} belong to the protocol"));
        }
        if self.references.len() > suyuan_core::limits::REFERENCES || self.about.len() > limits::ABOUT {
            let detail = format!("at most {} references and {} subjects", suyuan_core::limits::REFERENCES, limits::ABOUT);
            return refuse(RefusalKind::Limit, at, detail);
        }
        if !(1..=suyuan_core::limits::SECTIONS).contains(&self.sections.len()) {
            let detail = format!("{} sections; a record has 1 to {}", self.sections.len(), suyuan_core::limits::SECTIONS);
            return refuse(RefusalKind::Limit, format!("{at}/sections"), detail);
        }
        if self.time.is_some_and(|time| time > suyuan_core::limits::INTEGER) {
            return refuse(RefusalKind::Limit, format!("{at}/time"), "milliseconds since 1970, below 2^53");
        }
        let about = subjects(&self.about, at)?;
        let sections = self
            .sections
            .into_iter()
            .enumerate()
            .map(|(index, Object(section))| section.read(&format!("{at}/sections/{index}"), &about, alliance, me))
            .collect::<Result<_, _>>()?;
        Ok(Submission { kind: self.r#type, about, references: self.references, time: self.time, sections })
    }
}

fn subjects(about: &[String], at: &str) -> Result<Vec<String>, Refusal> {
    let mut subjects: Vec<String> = Vec::with_capacity(about.len());
    for (index, given) in about.iter().enumerate() {
        let pointer = format!("{at}/about/{index}");
        if given.len() > limits::SUBJECT {
            return refuse(RefusalKind::Limit, pointer, format!("longer than {} bytes", limits::SUBJECT));
        }
        let canonical = match suyuan_trace::subject(given) {
            Ok(subject) => subject.to_string(),
            Err(error) => return refuse(RefusalKind::Identifier, pointer, error.to_string()),
        };
        if !subjects.contains(&canonical) {
            subjects.push(canonical);
        }
    }
    Ok(subjects)
}

impl SectionRequest {
    fn read(self, at: &str, about: &[String], alliance: &Alliance, me: &MemberId) -> Result<SubmittedSection, Refusal> {
        let names = match self.r#for {
            OneOrMany::One(name) => vec![name],
            OneOrMany::Many(names) => names,
        };
        if !(1..=suyuan_core::limits::AUDIENCES).contains(&names.len()) {
            return refuse(RefusalKind::Limit, format!("{at}/for"), format!("1 to {} audiences", suyuan_core::limits::AUDIENCES));
        }
        let audiences = names.iter().map(|name| audience(name, at, alliance, me)).collect::<Result<Vec<_>, _>>()?;
        let twice = audiences.iter().enumerate().any(|(index, id)| audiences.iter().skip(index.saturating_add(1)).any(|other| other == id));
        if twice || (audiences.len() > 1 && audiences.contains(&circle::PUBLIC)) {
            let detail = "each audience once; what is public needs no other audience";
            return refuse(RefusalKind::Malformed, format!("{at}/for"), detail);
        }
        let mut fields = self.fields.0;
        check_fields(&fields, about, at)?;
        if !about.is_empty() {
            let value = serde_json::to_string(about).or_else(|error| refuse(RefusalKind::Malformed, at, error.to_string()))?;
            fields.push(Field { name: ABOUT.to_owned(), value });
        }
        Ok(SubmittedSection { audiences, fields })
    }
}

fn audience(name: &str, at: &str, alliance: &Alliance, me: &MemberId) -> Result<CircleId, Refusal> {
    match name {
        "public" => Ok(circle::PUBLIC),
        "self" => Ok(circle::self_circle(me)),
        "alliance" => Ok(circle::alliance_circle(&alliance.id())),
        id => id.parse().or_else(|_| {
            let detail = format!("{id:?} is neither public, alliance, self nor a circle's id; `suyuan circle list` shows the circles");
            refuse(RefusalKind::UnknownCircle, format!("{at}/for"), detail)
        }),
    }
}

fn check_fields(fields: &[Field], about: &[String], at: &str) -> Result<(), Refusal> {
    let room = suyuan_core::limits::FIELDS.saturating_sub(usize::from(!about.is_empty()));
    if fields.is_empty() && about.is_empty() {
        return refuse(RefusalKind::Malformed, format!("{at}/fields"), "a section has at least one field");
    }
    if fields.len() > room {
        return refuse(RefusalKind::Limit, format!("{at}/fields"), format!("{} fields; at most {room}", fields.len()));
    }
    for field in fields {
        if !is_field_name(&field.name) || field.name == ABOUT {
            let detail = format!("{:?} is no field name: 1 to 128 bytes without control characters, and not {ABOUT}", field.name);
            return refuse(RefusalKind::Malformed, format!("{at}/fields"), detail);
        }
        if field.value.len() > suyuan_core::limits::FIELD_VALUE {
            let detail = format!("the field {:?} is longer than {} bytes", field.name, suyuan_core::limits::FIELD_VALUE);
            return refuse(RefusalKind::Limit, format!("{at}/fields"), detail);
        }
    }
    let size: usize = fields.iter().map(|field| field.name.len().saturating_add(field.value.len()).saturating_add(16)).sum();
    if size > suyuan_core::limits::BODY.saturating_sub(limits::SUBJECT.saturating_mul(limits::ABOUT)) {
        return refuse(RefusalKind::Limit, format!("{at}/fields"), "the section's fields are longer than a section may be");
    }
    Ok(())
}

/// Checks that this member may write to every circle that the submissions address, and that no time lies ahead of `now`.
///
/// # Errors
/// [`Refusal`].
pub fn check(submissions: &[Submission], alliance: &Alliance, circles: &Circles, me: &MemberId, now: u64) -> Result<(), Refusal> {
    for (record, submission) in submissions.iter().enumerate() {
        if submission.time.is_some_and(|time| time > now.saturating_add(limits::CLOCK_AHEAD)) {
            let detail = "the time lies ahead of this node's clock; set the clock of one of the two right, or leave the time out";
            return refuse(RefusalKind::Clock, format!("/records/{record}/time"), detail);
        }
        for (index, section) in submission.sections.iter().enumerate() {
            for id in &section.audiences {
                let at = format!("/records/{record}/sections/{index}/for");
                check_audience(id, &submission.kind, alliance, circles, me, now).or_else(|(fault, detail)| refuse(fault, at, detail))?;
            }
        }
    }
    Ok(())
}

/// Whether a circle comes to no other epoch, since its steward has left; that of the alliance always does, by its keeper.
pub(crate) fn is_orphaned(id: &CircleId, alliance: &Alliance, circles: &Circles) -> bool {
    let steward = circles.circle(id).filter(|_| *id != circle::alliance_circle(&alliance.id())).map(|circle| circle.steward);
    steward.is_some_and(|steward| alliance.active(&steward).is_none())
}

fn check_audience(id: &CircleId, kind: &str, alliance: &Alliance, circles: &Circles, me: &MemberId, now: u64) -> Result<(), (RefusalKind, String)> {
    let known = *id == circle::PUBLIC || *id == circle::self_circle(me) || circles.circle(id).is_some();
    if !known {
        return Err((RefusalKind::UnknownCircle, format!("this node knows no circle {id}; `suyuan circle list` shows those that it is in")));
    }
    if is_orphaned(id, alliance, circles) {
        let detail = format!(
            "the steward of circle {id} has left the alliance, and nobody else can open the next epoch without it; open another circle with `suyuan circle new`"
        );
        return Err((RefusalKind::NotAWriter, detail));
    }
    if !access::may(alliance, circles, me, Action::Write, id, None, kind) {
        return Err((RefusalKind::NotAWriter, format!("this member may read but not write in circle {id}")));
    }
    if circles.circle(id).and_then(|circle| circle.until).is_some_and(|until| until <= now) {
        return Err((RefusalKind::NotAWriter, format!("the grant of circle {id} has ended; its steward can open a new epoch with a later end")));
    }
    Ok(())
}
