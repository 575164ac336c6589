//! Whether the process lives, and whether it can do its work.

use axum::extract::State;

use crate::problem::Problem;
use crate::state::AppState;
use crate::trouble::Trouble;

/// Whether the process answers.
///
/// Says nothing else.
#[utoipa::path(get, path = "/healthz", tag = "node", responses((status = 200, description = "It does", content_type = "text/plain", body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the node takes records.
///
/// Its writer runs, another node has said how far it has this member's log, and the disk has room. Otherwise the problem says why not.
#[utoipa::path(get, path = "/readyz", tag = "node", responses((status = 200, description = "It does", content_type = "text/plain", body = String)))]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<&'static str, Problem> {
    match Trouble::of_writing(&state).first() {
        None => Ok("ready\n"),
        Some(trouble) => Err(trouble.problem()),
    }
}
