//! Whether the process lives, and whether it can do its work.

use axum::extract::State;

use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Whether the process answers.
///
/// Says nothing else.
#[utoipa::path(get, path = "/healthz", tag = "node", responses((status = 200, description = "It does", content_type = "text/plain", body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the node takes records.
///
/// Its writer runs, and what is durable is published.
#[utoipa::path(get, path = "/readyz", tag = "node", responses((status = 200, description = "It does", content_type = "text/plain", body = String)))]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<&'static str, Problem> {
    if state.handle.heads().has_changed().is_ok() {
        return Ok("ready\n");
    }
    Err(Problem::passing(Kind::Unavailable, 5, "the writer has stopped; the node's journal says why"))
}
