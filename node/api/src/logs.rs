//! The logs that this node holds: sizes, heads, and what is missing from them.

use axum::extract::State;
use serde::Serialize;
use suyuan_core::circle::PUBLIC;
use suyuan_core::log::witness_name;
use suyuan_core::note::NamedKey;
use suyuan_engine::counters::Counter;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::logs::LogHead;
use suyuan_engine::serve;
use utoipa::ToSchema;

use crate::body::Param;
use crate::equivocation::Equivocation;
use crate::members;
use crate::problem::Problem;
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
    /// That its member signed another history of it, where that is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    equivocation: Option<Equivocation>,
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
            equivocation: ledger.convictions.of(&head.id).map(|conviction| Equivocation::new(conviction)),
        }
    }
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
        let head = ledger.logs.iter().filter(|head| head.id.member == id).max_by_key(|head| head.id.incarnation).ok_or_else(Problem::not_found)?;
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
