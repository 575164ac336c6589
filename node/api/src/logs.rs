//! The logs that this node holds: sizes, heads, and what is missing from them.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use suyuan_core::charter::Member;
use suyuan_core::circle::PUBLIC;
use suyuan_core::log::witness_name;
use suyuan_core::note::NamedKey;
use suyuan_core::{MemberId, StatementId};
use suyuan_engine::counters::Counter;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::logs::LogHead;
use suyuan_engine::query::Quarantined;
use suyuan_engine::serve;
use utoipa::{IntoParams, ToSchema};

use crate::body::{Param, Parameters};
use crate::equivocation::Equivocation;
use crate::limits;
use crate::members;
use crate::problem::{Kind, Problem};
use crate::records::view::{LogName, MemberName};
use crate::state::{AppState, Reading};

/// A log as this node holds it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Log {
    /// Whose.
    member: MemberName,
    /// Which.
    log: LogName,
    /// Origin line of its checkpoints.
    origin: String,
    /// Entries held.
    size: u64,
    /// Root over them, hex.
    root: String,
    /// Entries under the newest checkpoint that its author signed.
    published: u64,
    /// Statements with a public section that its author has written and that are missing here.
    missing: u64,
    /// Where it was closed, once its member has left.
    closed: Option<Closed>,
    /// Entries held behind that: they count for nothing.
    quarantined: u64,
    /// That its member signed another history of it, where that is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    equivocation: Option<Equivocation>,
}

/// Up to where the log of a member that left is accepted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Closed {
    /// Entries.
    pub size: u64,
    /// Root over them, hex.
    pub root: String,
}

impl Closed {
    /// Where the log of a member was closed, if it has left.
    pub fn of(member: Option<&Member>) -> Option<Self> {
        let left = member?.left?;
        Some(Self { size: left.size, root: hex::encode(left.root) })
    }
}

/// A log with what is needed to check it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogDetail {
    #[serde(flatten)]
    log: Log,
    /// The newest checkpoint, a C2SP signed note.
    checkpoint: Option<String>,
    /// Verifier key of its log key (C2SP vkey).
    log_key: String,
    /// Verifier key of its author's cosignatures (C2SP vkey).
    witness_key: String,
    /// Where the public listener serves its tiles.
    tiles: String,
}

impl Log {
    fn new(head: &LogHead, published: u64, ledger: &Ledger) -> Self {
        let tree = head.tree_head();
        Self {
            member: MemberName::of(&head.id.member, ledger),
            log: LogName::of(&head.id),
            origin: head.id.origin(),
            size: tree.size,
            root: hex::encode(tree.root),
            published,
            missing: Counter::missing(&ledger.counters.of(&PUBLIC, head.number)),
            closed: Closed::of(ledger.alliance.member(&head.id.member)),
            quarantined: quarantined(head, ledger),
            equivocation: ledger.convictions.of(&head.id).map(|conviction| Equivocation::new(conviction)),
        }
    }
}

/// How many entries of a log are held behind where it was closed.
pub(crate) fn quarantined(head: &LogHead, ledger: &Ledger) -> u64 {
    ledger.closed_at(&head.id).map_or(0, |closed| head.size().saturating_sub(closed))
}

fn checkpoint(head: &LogHead, reading: &Reading) -> Result<Option<(String, u64)>, Problem> {
    let reader = reading.reader();
    Ok(serve::checkpoint(&head.id, reader.ledger, reader.published, reader.view)?)
}

/// List the logs held here.
///
/// Every member's log of which this node has something.
#[utoipa::path(get, path = "/api/v1/logs", tag = "logs", responses((status = 200, description = "The logs", body = Vec<Log>)))]
pub(crate) async fn list(State(state): State<AppState>) -> Result<axum::Json<Vec<Log>>, Problem> {
    let logs = state.read(|reading| {
        let ledger = &reading.state.ledger;
        ledger
            .logs
            .iter()
            .map(|head| Ok(Log::new(head, checkpoint(head, reading)?.map_or(0, |(_, size)| size), ledger)))
            .collect::<Result<Vec<_>, Problem>>()
    });
    logs.await.map(axum::Json)
}

/// Show a member's log.
///
/// By the member's id or name.
#[utoipa::path(get, path = "/api/v1/logs/{member}", tag = "logs", params(("member" = String, Path, description = "The member's id or name")),
    responses((status = 200, description = "The log", body = LogDetail)))]
pub(crate) async fn one(State(state): State<AppState>, Param(member): Param) -> Result<axum::Json<LogDetail>, Problem> {
    let public_url = state.public_url.clone();
    let detail = state.read(move |reading| {
        let ledger = &reading.state.ledger;
        let id = members::named(ledger, &member).ok_or_else(Problem::not_found)?;
        let known = ledger.alliance.member(&id).ok_or_else(Problem::not_found)?;
        let head = newest(ledger, &id).ok_or_else(Problem::not_found)?;
        let (checkpoint, published) = checkpoint(head, reading)?.unzip();
        Ok(LogDetail {
            log: Log::new(head, published.unwrap_or(0), ledger),
            checkpoint,
            log_key: NamedKey::new(head.id.origin(), known.log).log_vkey(),
            witness_key: NamedKey::new(witness_name(&ledger.alliance.id(), &id), known.witness).witness_vkey(),
            tiles: format!("{public_url}/log/{id}/{}", head.id.incarnation),
        })
    });
    detail.await.map(axum::Json)
}

/// The log that a member writes today, or wrote last, if this node has something of it.
pub(crate) fn newest<'l>(ledger: &'l Ledger, member: &MemberId) -> Option<&'l LogHead> {
    ledger.logs.known(&ledger.alliance.log_of(member))
}

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QuarantinedQuery {
    /// `next` of the page before.
    after: Option<u64>,
    /// Entries of a page, 1 to 200.
    limit: Option<usize>,
}

/// Some entries behind where a log was closed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QuarantinedPage {
    /// The entries, in their order.
    entries: Vec<QuarantinedJson>,
    /// What to send as `after` for the next page; null at the end.
    next: Option<String>,
}

/// An entry behind where its log was closed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuarantinedEntry)]
pub(crate) struct QuarantinedJson {
    /// Its sequence.
    pub sequence: u64,
    /// Its id, hex.
    #[schema(value_type = String)]
    pub id: StatementId,
    /// Its type, where its statement is held here.
    pub r#type: Option<String>,
}

/// List what is held behind the end of a member's log.
///
/// Of a member that has left: entries behind the size at which its log was closed. They count for nothing.
#[utoipa::path(get, path = "/api/v1/logs/{member}/quarantined", tag = "logs", params(("member" = String, Path, description = "The member's id or name"), QuarantinedQuery),
    responses((status = 200, description = "A page", body = QuarantinedPage)))]
pub(crate) async fn behind(
    State(state): State<AppState>,
    Param(member): Param,
    Parameters(query): Parameters<QuarantinedQuery>,
) -> Result<axum::Json<QuarantinedPage>, Problem> {
    let limit = query.limit.unwrap_or(limits::PAGE);
    if !(1..=suyuan_engine::limits::PAGE).contains(&limit) {
        return Err(Problem::new(Kind::Parameter, format!("limit: 1 to {}", suyuan_engine::limits::PAGE)));
    }
    let page = state.read(move |reading| {
        let ledger = &reading.state.ledger;
        let id = members::named(ledger, &member).ok_or_else(Problem::not_found)?;
        let head = newest(ledger, &id).ok_or_else(Problem::not_found)?;
        let entries = listed(head, query.after.unwrap_or(0), limit, reading)?;
        let end = entries.last().map_or(0, |last| last.sequence.saturating_add(1));
        let next = (!entries.is_empty() && end < head.size()).then(|| end.to_string());
        Ok(QuarantinedPage { entries, next })
    });
    page.await.map(axum::Json)
}

/// What is held of a log behind where it was closed, from a sequence on.
///
/// # Errors
/// [`Problem`] where the store failed.
pub(crate) fn listed(head: &LogHead, from: u64, limit: usize, reading: &Reading) -> Result<Vec<QuarantinedJson>, Problem> {
    let found = reading.reader().quarantined(&head.id, from, limit)?;
    Ok(found.into_iter().map(|Quarantined { sequence, id, kind }| QuarantinedJson { sequence, id, r#type: kind }).collect())
}
