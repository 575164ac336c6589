//! The witness for everybody: C2SP `tlog-witness` on the public listener, under the prefix `/witness` (`specs/witness.md`).

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use suyuan_core::id::hash_from_hex;
use suyuan_core::note::NamedKey;
use suyuan_core::witness::{AddCheckpoint, Refusal};
use suyuan_engine::witnessing::Desk;
use suyuan_runtime::node::now;

use crate::auth::Need;
use crate::body::{AddCheckpointBytes, Param};
use crate::problem::{Kind, Problem};
use crate::routes::Page;
use crate::state::AppState;
use crate::trouble::check_room;

/// Routes of the public listener that this file serves.
pub(crate) fn table() -> Vec<Page> {
    vec![Page::post("/witness/add-checkpoint", Need::Open, add_checkpoint), Page::get("/witness/{origin}/checkpoint", Need::Open, checkpoint)]
}

async fn add_checkpoint(State(state): State<AppState>, AddCheckpointBytes(body): AddCheckpointBytes) -> Result<Response, Problem> {
    let _place = state.witness_requests.try_acquire().map_err(|_| Problem::passing(Kind::Unavailable, 1, "too many checkpoints wait; try again"))?;
    check_room(&state)?;
    let request = match AddCheckpoint::parse(&body) {
        Ok(request) => request,
        Err(refusal) => return Ok(refused(refusal)),
    };
    let named = request.origin().ok().and_then(|origin| state.witnessed_logs.get(origin).cloned());
    if let Some(refusal) = look(&state, request.clone(), named.clone()).await? {
        return Ok(refused(refusal));
    }
    Ok(match state.handle.add_checkpoint(request, named).await? {
        Ok(line) => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], line).into_response(),
        Err(refusal) => refused(refusal),
    })
}

/// Decides beforehand, off the writer's thread: what anybody can send reaches the writer only if its log has signed it and it would be cosigned, or proves something.
async fn look(state: &AppState, request: AddCheckpoint, named: Option<NamedKey>) -> Result<Option<Refusal>, Problem> {
    let handle = state.handle.clone();
    let decide = move || Desk::default().add(&request, named.as_ref(), &handle.state().ledger, handle.store().as_ref(), now() / 1000);
    Ok(state.public_read(decide).await??.err().filter(|refused| refused.evidence.is_none()).map(|refused| refused.refusal))
}

fn refused(refusal: Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let plain = |text: &'static str| (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
    match refusal {
        Refusal::Conflict(size) => (status, [(CONTENT_TYPE, "text/x.tlog.size")], format!("{size}\n")).into_response(),
        Refusal::Malformed => plain("not an add-checkpoint request, or its old size lies above the checkpoint's\n"),
        Refusal::UnknownLog => plain("the log is not one that is witnessed here\n"),
        Refusal::NotSigned => plain("the checkpoint is not signed by its log\n"),
        Refusal::Inconsistent => plain("the proof does not show that this tree continues the one cosigned last\n"),
    }
}

async fn checkpoint(State(state): State<AppState>, Param(origin): Param) -> Result<Response, Problem> {
    let origin = hash_from_hex(&origin).map_err(|_| Problem::not_found())?;
    let _place = state.witness_requests.try_acquire().map_err(|_| Problem::passing(Kind::Unavailable, 1, "too many requests wait; try again"))?;
    let note = state.handle.last_cosigned(origin).await?.ok_or_else(Problem::not_found)?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-cache")], note).into_response())
}
