//! Circles: shown with members and gaps, founded, and opened for their next epoch.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_core::{CircleId, StatementId};
use suyuan_engine::access::{self, Action};
use suyuan_engine::circles::Circle;
use suyuan_engine::counters::Counter;
use suyuan_engine::epoch::{self as epochs, CircleRequest};
use suyuan_engine::json::Object;
use suyuan_engine::ledger::Ledger;
use suyuan_runtime::node::now;
use utoipa::ToSchema;

use crate::body::{Json, Param};
use crate::members;
use crate::problem::{Kind, Problem};
use crate::records::circle_named;
use crate::records::view::{LogName, MemberName};
use crate::state::AppState;
use crate::trouble::check_room;

/// A circle that this node is in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Circle)]
pub(crate) struct CircleJson {
    /// Its id, hex.
    #[schema(value_type = String)]
    id: CircleId,
    /// Its name.
    name: String,
    /// What it is for.
    purpose: String,
    /// `general`, `authorized` or `codevelopment`.
    #[schema(value_type = String)]
    tier: Tier,
    /// Its steward.
    steward: MemberName,
    /// Number of the newest epoch.
    epoch: u64,
    /// The epochs known here.
    epochs: Vec<EpochJson>,
    /// Members of the newest epoch.
    members: Vec<CircleMemberJson>,
    /// Its terms.
    terms: TermsJson,
    /// End of a grant, milliseconds since 1970-01-01 UTC.
    until: Option<u64>,
    /// Whether this member may write to it.
    writable: bool,
    /// Who wrote how much to it.
    counters: Vec<CounterJson>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Epoch)]
struct EpochJson {
    /// Its number, from 1.
    number: u64,
    /// The statement that opened it.
    #[schema(value_type = String)]
    statement: StatementId,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CircleMember)]
struct CircleMemberJson {
    #[serde(flatten)]
    member: MemberName,
    /// `read` or `write`.
    #[schema(value_type = String)]
    rights: Rights,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Counter)]
struct CounterJson {
    /// The author's log.
    log: LogName,
    /// The author.
    author: MemberName,
    /// Records that it addressed to the circle, by the newest one seen.
    written: u64,
    /// How many of them this node holds.
    held: u64,
    /// How many are known to exist and missing here: withheld, or still to come.
    missing: u64,
}

/// Terms of a circle, each a text.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = Terms)]
struct TermsJson {
    /// How confidential.
    confidentiality: String,
    /// How long it is kept.
    retention: String,
    /// Whether it may be passed on.
    onward: String,
    /// What holds when somebody leaves.
    exit: String,
}

impl From<TermsJson> for Terms {
    fn from(TermsJson { confidentiality, retention, onward, exit }: TermsJson) -> Self {
        Self { confidentiality, retention, onward, exit }
    }
}

impl From<Terms> for TermsJson {
    fn from(Terms { confidentiality, retention, onward, exit }: Terms) -> Self {
        Self { confidentiality, retention, onward, exit }
    }
}

impl CircleJson {
    fn new(circle: &Circle, ledger: &Ledger) -> Self {
        let members = circle.members().map(|(id, rights)| CircleMemberJson { member: MemberName::of(id, ledger), rights: *rights });
        Self {
            id: circle.id,
            name: circle.name.clone(),
            purpose: circle.purpose.clone(),
            tier: circle.tier(),
            steward: MemberName::of(&circle.steward, ledger),
            epoch: circle.epoch(),
            epochs: circle.epochs().iter().map(|(number, epoch)| EpochJson { number: *number, statement: epoch.statement }).collect(),
            members: members.collect(),
            terms: circle.terms.clone().into(),
            until: circle.until,
            writable: access::may(&ledger.alliance, &ledger.circles, &ledger.me, Action::Write, &circle.id, None, ""),
            counters: ledger.counters.in_circle(&circle.id).filter_map(|(log, counter)| CounterJson::new(log, counter, ledger)).collect(),
        }
    }
}

impl CounterJson {
    fn new(log: u32, counter: &Counter, ledger: &Ledger) -> Option<Self> {
        let id = ledger.logs.numbered(log)?.id;
        let author = MemberName::of(&id.member, ledger);
        Some(Self { log: LogName::of(&id), author, written: counter.next, held: counter.held, missing: counter.missing() })
    }
}

/// List the circles that this node is in.
///
/// The alliance circle among them; `public` and `self` need no list.
#[utoipa::path(get, path = "/api/v1/circles", tag = "circles", responses((status = 200, description = "The circles", body = Vec<CircleJson>)))]
pub(crate) async fn list(State(state): State<AppState>) -> axum::Json<Vec<CircleJson>> {
    let ledger = state.handle.state().ledger;
    axum::Json(ledger.circles.iter().map(|circle| CircleJson::new(circle, &ledger)).collect())
}

/// Show a circle.
///
/// One that this node is not in is not found, whether it exists or not.
#[utoipa::path(get, path = "/api/v1/circles/{id}", tag = "circles", params(("id" = String, Path, description = "The circle's id, hex")),
    responses((status = 200, description = "The circle", body = CircleJson)))]
pub(crate) async fn one(State(state): State<AppState>, Param(id): Param) -> Result<axum::Json<CircleJson>, Problem> {
    let ledger = state.handle.state().ledger;
    find(&ledger, &id).map(|circle| axum::Json(CircleJson::new(circle, &ledger)))
}

fn find<'a>(ledger: &'a Ledger, id: &str) -> Result<&'a Circle, Problem> {
    let id: Option<CircleId> = id.parse().ok();
    id.and_then(|id| ledger.circles.circle(&id)).ok_or_else(Problem::not_found)
}

/// A circle to be founded. This member is its steward.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCircle {
    /// Its name.
    name: String,
    /// What it is for.
    #[serde(default)]
    purpose: String,
    /// `authorized` or `codevelopment`.
    #[schema(value_type = String)]
    tier: Tier,
    /// Members other than this one.
    #[schema(value_type = Vec<NamedMember>)]
    members: Vec<Object<NamedMember>>,
    /// Its terms.
    #[serde(default)]
    #[schema(value_type = TermsJson)]
    terms: Option<Object<TermsJson>>,
    /// End of a grant, milliseconds since 1970-01-01 UTC.
    #[serde(default)]
    until: Option<u64>,
}

/// A member by id or name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NamedMember {
    /// Its id, hex, or its name in the charter.
    member: String,
    /// `read` or `write`.
    #[schema(value_type = String)]
    rights: Rights,
}

fn read_members(members: &[Object<NamedMember>], ledger: &Ledger) -> Result<Vec<CircleMember>, Problem> {
    let mut read: Vec<CircleMember> = Vec::new();
    for (index, Object(NamedMember { member: name, rights })) in members.iter().enumerate() {
        let pointer = format!("/members/{index}/member");
        let Some(member) = members::named(ledger, name) else {
            return Err(Problem::at(Kind::UnknownMember, pointer, "the id of a member of the charter, or a name that only one has"));
        };
        if read.iter().any(|other| other.member == member) {
            return Err(Problem::at(Kind::Malformed, pointer, "this member stands there twice"));
        }
        read.push(CircleMember { member, rights: *rights });
    }
    Ok(read)
}

/// Found a circle.
///
/// When the answer arrives, its first epoch is on the disk; its members get the key with the next exchange.
#[utoipa::path(post, path = "/api/v1/circles", tag = "circles", request_body = NewCircle, responses((status = 201, description = "Founded", body = CircleJson)))]
pub(crate) async fn create(State(state): State<AppState>, Json(new): Json<NewCircle>) -> Result<(StatusCode, axum::Json<CircleJson>), Problem> {
    let ledger = state.handle.state().ledger;
    if new.tier == Tier::General {
        let detail = "the one circle of tier general is the alliance's, which the leader's node founds by itself; use authorized or codevelopment";
        return Err(Problem::at(Kind::Malformed, "/tier", detail));
    }
    check_end(new.until)?;
    let members = read_members(&new.members, &ledger)?;
    let NewCircle { name, purpose, tier, terms, until, .. } = new;
    open(
        &state,
        CircleRequest { circle: None, name, purpose, tier, members, terms: terms.map_or_else(Terms::default, |Object(terms)| terms.into()), until },
    )
    .await
}

/// What changes with a circle's next epoch. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextEpoch {
    /// Its name.
    name: Option<String>,
    /// What it is for.
    purpose: Option<String>,
    /// Members other than the steward.
    #[schema(value_type = Option<Vec<NamedMember>>)]
    members: Option<Vec<Object<NamedMember>>>,
    /// Its terms.
    #[schema(value_type = Option<TermsJson>)]
    terms: Option<Object<TermsJson>>,
    /// End of a grant, milliseconds since 1970-01-01 UTC.
    until: Option<u64>,
}

/// Open a circle's next epoch.
///
/// Under a new key, which only the members named get. Only its steward may.
#[utoipa::path(post, path = "/api/v1/circles/{id}/epochs", tag = "circles", params(("id" = String, Path, description = "The circle's id, hex, or `alliance`")),
    request_body = NextEpoch, responses((status = 201, description = "Opened", body = CircleJson)))]
pub(crate) async fn epoch(
    State(state): State<AppState>,
    Param(id): Param,
    Json(next): Json<NextEpoch>,
) -> Result<(StatusCode, axum::Json<CircleJson>), Problem> {
    let ledger = state.handle.state().ledger;
    let same = circle_named(&ledger, &id).and_then(|id| epochs::same_again(&id, &ledger)).ok_or_else(Problem::not_found)?;
    if same.circle.is_some_and(|id| !access::may(&ledger.alliance, &ledger.circles, &ledger.me, Action::Steer, &id, None, "")) {
        return Err(Problem::new(Kind::NotTheSteward, "only its steward opens a circle's next epoch; ask that member"));
    }
    check_end(next.until)?;
    let members = next.members.as_ref().map(|members| read_members(members, &ledger)).transpose()?;
    let request = CircleRequest {
        name: next.name.unwrap_or(same.name),
        purpose: next.purpose.unwrap_or(same.purpose),
        members: members.unwrap_or(same.members),
        terms: next.terms.map_or(same.terms, |Object(terms)| terms.into()),
        until: next.until.or(same.until),
        ..same
    };
    open(&state, request).await
}

/// The end of a grant lies ahead, and where every reader can count to.
///
/// # Errors
/// [`Kind::Limit`], [`Kind::Malformed`].
pub(crate) fn check_end(until: Option<u64>) -> Result<(), Problem> {
    match until {
        Some(until) if until > suyuan_core::limits::INTEGER => Err(Problem::at(Kind::Limit, "/until", "milliseconds since 1970, below 2^53")),
        Some(until) if until <= now() => Err(Problem::at(Kind::Malformed, "/until", "milliseconds since 1970, in the future")),
        _ => Ok(()),
    }
}

async fn open(state: &AppState, request: CircleRequest) -> Result<(StatusCode, axum::Json<CircleJson>), Problem> {
    check_room(state)?;
    let circle = state.handle.open_circle(request).await?;
    let ledger = state.handle.state().ledger;
    Ok((StatusCode::CREATED, axum::Json(CircleJson::new(&circle, &ledger))))
}
