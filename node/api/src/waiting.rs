//! What waits until it can be sealed: listed, and taken out (`specs/order-log.md`, Waiting).

use axum::extract::State;
use serde::{Deserialize, Serialize};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::submission::Refusal;
use suyuan_engine::waiting::{Queue, Waiting, WaitingId};
use utoipa::{IntoParams, ToSchema};

use crate::body::{Param, Parameters};
use crate::limits;
use crate::problem::{Kind, Problem};
use crate::records::view::CircleName;
use crate::state::AppState;

/// A submission that waits, without the contents of its fields.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Waiting)]
pub(crate) struct WaitingJson {
    /// Its name, hex.
    pub id: String,
    /// When it came, milliseconds since 1970-01-01 UTC.
    pub since: u64,
    /// `unconfirmed`, `key-change` or `epoch`.
    pub reason: &'static str,
    /// What is waited for and what to do.
    pub detail: String,
    /// Records in it.
    pub records: usize,
    /// Their types.
    pub types: Vec<String>,
    /// Whom they are for.
    pub circles: Vec<CircleName>,
    /// Why it cannot be written any more; null while it waits.
    pub failed: Option<FailureJson>,
}

/// Why something that has waited is never written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WaitingFailure)]
pub(crate) struct FailureJson {
    /// A code of the table of problems.
    pub code: &'static str,
    /// What was found and what to do.
    pub detail: String,
}

impl WaitingJson {
    pub(crate) fn new(waiting: &Waiting, ledger: &Ledger) -> Self {
        let Waiting { id, since, reason, records, kinds, circles, failed, .. } = waiting;
        let detail = match failed {
            Some(_) => {
                "this is not written any more: put right what was found and submit it again, and take it out here with `suyuan waiting take-out`"
                    .to_owned()
            }
            None => format!(
                "the records are on the disk, not sealed and not in the log yet, and are written as soon as they can be: {}; `suyuan waiting` lists what waits, \
                 and takes it out again",
                reason.explain()
            ),
        };
        Self {
            id: id.to_string(),
            since: *since,
            reason: reason.code(),
            detail,
            records: *records,
            types: kinds.iter().cloned().collect(),
            circles: circles.iter().map(|circle| CircleName::of(circle, ledger)).collect(),
            failed: failed.as_ref().map(|Refusal { fault, detail, .. }| FailureJson { code: fault.code(), detail: detail.clone() }),
        }
    }
}

/// Records that are durable and wait.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The submission.
    waiting: WaitingJson,
}

impl Accepted {
    pub(crate) fn new(waiting: &Waiting, ledger: &Ledger) -> Self {
        Self { waiting: WaitingJson::new(waiting, ledger) }
    }
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Unsealed {
    /// Submissions that wait.
    pub submissions: usize,
    /// Records in them.
    pub records: usize,
    /// Submissions that cannot be written any more and were not taken out.
    pub failed: usize,
}

impl Unsealed {
    /// Of all that a node has.
    pub(crate) fn of(queue: &Queue) -> Self {
        queue.iter().fold(Self::default(), |sum, waiting| match waiting.failed {
            None => Self { submissions: sum.submissions.saturating_add(1), records: sum.records.saturating_add(waiting.records), ..sum },
            Some(_) => Self { failed: sum.failed.saturating_add(1), ..sum },
        })
    }
}

/// Which of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// Submissions of a page, 1 to 200.
    limit: Option<usize>,
}

/// Some of what waits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AllWaiting {
    /// How much there is in all.
    total: Unsealed,
    /// The submissions, oldest first.
    waiting: Vec<WaitingJson>,
    /// What to send as `after` for the next page; null at the end.
    next: Option<String>,
}

/// List what waits until it can be sealed.
///
/// The submissions in the order in which they came, those that cannot be written any more included.
#[utoipa::path(get, path = "/api/v1/waiting", tag = "records", params(ListQuery), responses((status = 200, description = "A page", body = AllWaiting)))]
pub(crate) async fn list(State(state): State<AppState>, Parameters(query): Parameters<ListQuery>) -> Result<axum::Json<AllWaiting>, Problem> {
    let wrong = || Problem::new(Kind::Parameter, "after: take it from `next` of the page before");
    let limit = query.limit.unwrap_or(limits::PAGE);
    if !(1..=suyuan_engine::limits::PAGE).contains(&limit) {
        return Err(Problem::new(Kind::Parameter, format!("limit: 1 to {}", suyuan_engine::limits::PAGE)));
    }
    let after: Option<WaitingId> = query.after.map(|after| after.parse().map_err(|_| wrong())).transpose()?;
    let now = state.handle.state();
    let mut found: Vec<&Waiting> = match &after {
        None => now.waiting.iter().take(limit.saturating_add(1)).collect(),
        Some(after) => now.waiting.after(after).take(limit.saturating_add(1)).collect(),
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|waiting| waiting.id.to_string());
    let waiting = found.into_iter().map(|waiting| WaitingJson::new(waiting, &now.ledger)).collect();
    Ok(axum::Json(AllWaiting { total: Unsealed::of(&now.waiting), waiting, next }))
}

/// Take out a submission that waits.
///
/// It is not written any more, and its idempotency key is free again. Also for what cannot be written any more.
#[utoipa::path(delete, path = "/api/v1/waiting/{id}", tag = "records", params(("id" = String, Path, description = "Its name, hex")),
    responses((status = 200, description = "What was taken out", body = WaitingJson)))]
pub(crate) async fn remove(State(state): State<AppState>, Param(id): Param) -> Result<axum::Json<WaitingJson>, Problem> {
    take_out(&state, &id).await.map(axum::Json)
}

/// Takes a submission out.
///
/// # Errors
/// [`Kind::NotFound`]: it was written, or taken out before.
pub(crate) async fn take_out(state: &AppState, id: &str) -> Result<WaitingJson, Problem> {
    let id: WaitingId = id.parse().map_err(|_| Problem::not_found())?;
    let taken = state.handle.take_out(id).await?;
    Ok(WaitingJson::new(&taken, &state.handle.state().ledger))
}
