//! Records: written in one durable commit, listed and shown with what is withheld.

pub(crate) mod view;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use suyuan_core::{CircleId, StatementId, circle};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::query::{Filter, RecordView};
use suyuan_engine::schema::Row;
use suyuan_engine::submission;
use suyuan_engine::writer::Idempotent;
use suyuan_runtime::{Receipt, Submitted};
use utoipa::{IntoParams, ToSchema};

use crate::body::{Param, Parameters, Submitted as Body};
use crate::limits;
use crate::members;
use crate::problem::{Kind, Problem};
use crate::reads::{self, Purpose};
use crate::state::{AppState, PeerStatus, blocking};
use crate::trouble::check_room;
use crate::waiting::Accepted;
use view::{LogName, Record};

/// What became durable.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Written {
    /// The log.
    log: LogName,
    /// Sequence of the first record.
    first: u64,
    /// The records in the order of the request.
    records: Vec<WrittenRecord>,
    /// Whether they had been written before, under the same idempotency key.
    replayed: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WrittenRecord)]
struct WrittenRecord {
    /// The record's id, hex.
    #[schema(value_type = String)]
    id: StatementId,
    /// Its sequence in the log.
    sequence: u64,
}

impl Written {
    fn new(receipt: &Receipt) -> Self {
        let Receipt { log, first, ids, replayed } = receipt;
        let records = (*first..).zip(ids).map(|(sequence, id)| WrittenRecord { id: *id, sequence }).collect();
        Self { log: LogName::of(log), first: *first, records, replayed: *replayed }
    }
}

/// The body of a submission (`specs/http-api.md`, Records).
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which the engine parses itself to keep the values' text")]
struct Submission {
    /// 1 to 1000 records, written together or not at all.
    records: Vec<SubmittedRecord>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation")]
struct SubmittedRecord {
    /// Lowercase letters, digits, dots and hyphens, at most 63; not beginning with `suyuan.`.
    r#type: String,
    /// GS1 Digital Links or EPC URNs of what the record is about.
    about: Option<Vec<String>>,
    /// Ids of other records, in public.
    references: Option<Vec<String>>,
    /// The author's time where it is not that of the commit, milliseconds since 1970-01-01 UTC.
    time: Option<u64>,
    /// 1 to 8 sections.
    sections: Vec<SubmittedSection>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "documentation")]
struct SubmittedSection {
    /// Who may read it: `public`, `alliance`, `self`, a circle's id, or a list of them.
    r#for: Audience,
    /// 1 to 256 fields; each value is kept byte for byte.
    #[schema(value_type = Object)]
    fields: (),
}

#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "documentation")]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Write records in one durable commit.
///
/// All records of the request are written together, or none is. When the answer arrives, they are on the disk: in the log (201), or waiting there until they can be
/// sealed (202).
#[utoipa::path(post, path = "/api/v1/records", tag = "records", request_body = Submission,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same request under the same key is written once")),
    responses((status = 201, description = "Durable", body = Written), (status = 202, description = "Durable, and waits until it can be sealed", body = Accepted)))]
pub(crate) async fn submit(State(state): State<AppState>, headers: HeaderMap, Body(body, _room): Body) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    check_room(&state)?;
    let ledger = state.handle.state().ledger;
    let (submissions, once) = blocking(move || {
        let once = key.map(|key| Idempotent { key, digest: blake3::hash(&body).into() });
        submission::parse(&body, &ledger.alliance, &ledger.me).map(|submissions| (submissions, once))
    })
    .await??;
    Ok(match state.handle.submit(submissions, once).await? {
        Submitted::Written(receipt) => (StatusCode::CREATED, axum::Json(Written::new(&receipt))).into_response(),
        Submitted::Waiting(waiting) => (StatusCode::ACCEPTED, axum::Json(Accepted::new(&waiting, &state.handle.state().ledger))).into_response(),
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Problem> {
    let mut given = headers.get_all("idempotency-key").iter();
    let Some(key) = given.next() else { return Ok(None) };
    let bytes = key.as_bytes();
    let visible = (1..=suyuan_engine::limits::IDEMPOTENCY_KEY).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    if visible && given.next().is_none() {
        return Ok(Some(bytes.to_vec()));
    }
    let detail = format!("`Idempotency-Key` stands there once, with 1 to {} visible ASCII characters", suyuan_engine::limits::IDEMPOTENCY_KEY);
    Err(Problem::new(Kind::Parameter, detail))
}

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// A GS1 Digital Link or EPC URN: records about it.
    subject: Option<String>,
    /// `public`, `alliance`, `self` or a circle's id: records addressed to it.
    circle: Option<String>,
    /// A member's id or name: records of its log.
    log: Option<String>,
    /// `next` of the page before.
    after: Option<String>,
    /// Records of a page, 1 to 200.
    limit: Option<usize>,
}

/// Some of the records that match.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Records {
    /// The records, oldest first within each log.
    records: Vec<Record>,
    /// What to send as `after` for the next page; null at the end.
    next: Option<String>,
}

/// List records.
///
/// At most one of `subject`, `circle` and `log`. Records of which this node holds only the id are not listed.
#[utoipa::path(get, path = "/api/v1/records", tag = "records", params(ListQuery, ("Purpose" = Option<String>, Header, description = "Why a regulator reads, percent-encoded UTF-8")),
    responses((status = 200, description = "A page", body = Records)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    purpose: Purpose,
    Parameters(query): Parameters<ListQuery>,
) -> Result<axum::Json<Records>, Problem> {
    let (filter, after, limit) = query.read(&state.handle.state().ledger)?;
    let page = state.read(move |reading| Ok(reading.reader().page(&filter, after, limit)?)).await?;
    reads::log(&state, &page.records, &purpose).await?;
    let records = shown(&state, &page.records);
    Ok(axum::Json(Records { records, next: page.next.map(|row| hex::encode(row.key())) }))
}

impl ListQuery {
    fn read(self, ledger: &Ledger) -> Result<(Filter, Option<Row>, usize), Problem> {
        let wrong = |detail: &str| Problem::new(Kind::Parameter, detail);
        let filter = match (self.subject, self.circle, self.log) {
            (None, None, None) => Filter::All,
            (Some(subject), None, None) => {
                let subject = suyuan_trace::subject(&subject).map_err(|error| Problem::new(Kind::Parameter, format!("subject: {error}")))?;
                Filter::Subject(subject.to_string())
            }
            (None, Some(name), None) => {
                Filter::Circle(circle_named(ledger, &name).ok_or_else(|| wrong("circle: public, alliance, self, or a circle's id"))?)
            }
            (None, None, Some(name)) => {
                let member = members::named(ledger, &name).ok_or_else(|| wrong("log: the id or the name of a member of the charter"))?;
                Filter::Author(member)
            }
            _ => return Err(wrong("at most one of subject, circle and log")),
        };
        let after = self.after.map(|cursor| {
            hex::decode(cursor).ok().and_then(|key| Row::from_key(&key)).ok_or_else(|| wrong("after: take it from `next` of the page before"))
        });
        let limit = self.limit.unwrap_or(limits::PAGE);
        if !(1..=suyuan_engine::limits::PAGE).contains(&limit) {
            return Err(Problem::new(Kind::Parameter, format!("limit: 1 to {}", suyuan_engine::limits::PAGE)));
        }
        Ok((filter, after.transpose()?, limit))
    }
}

/// The circle of an id, or of a name that every node knows.
pub(crate) fn circle_named(ledger: &Ledger, name: &str) -> Option<CircleId> {
    match name {
        "public" => Some(circle::PUBLIC),
        "alliance" => Some(circle::alliance_circle(&ledger.alliance.id())),
        "self" => Some(circle::self_circle(&ledger.me)),
        id => id.parse().ok(),
    }
}

fn shown(state: &AppState, records: &[RecordView]) -> Vec<Record> {
    let ledger = state.handle.state().ledger;
    let peers: Vec<PeerStatus> = state.peers.borrow().clone();
    records.iter().map(|record| Record::new(record, &ledger, &peers)).collect()
}

/// The record with this id. What this node does not hold is not found, whether it exists or not.
///
/// # Errors
/// [`Kind::NotFound`].
pub(crate) async fn load(state: &AppState, id: &str) -> Result<RecordView, Problem> {
    let id: StatementId = id.parse().map_err(|_| Problem::not_found())?;
    state.read(move |reading| reading.reader().record(&id)?.ok_or_else(Problem::not_found)).await
}

/// Show one record.
///
/// With its sections, what is withheld, who may read each, and how far it has come.
#[utoipa::path(get, path = "/api/v1/records/{id}", tag = "records", params(("id" = String, Path, description = "The record's id, hex"), ("Purpose" = Option<String>, Header, description = "Why a regulator reads, percent-encoded UTF-8")),
    responses((status = 200, description = "The record", body = Record)))]
pub(crate) async fn one(State(state): State<AppState>, purpose: Purpose, Param(id): Param) -> Result<axum::Json<Record>, Problem> {
    let record = load(&state, &id).await?;
    reads::log(&state, std::slice::from_ref(&record), &purpose).await?;
    shown(&state, &[record]).pop().map(axum::Json).ok_or_else(Problem::not_found)
}
