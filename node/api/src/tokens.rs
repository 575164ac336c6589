//! Bearer tokens: made, listed and ended by the operator.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use suyuan_runtime::node::now;
use utoipa::ToSchema;

use crate::auth::{AuthError, Rights, TokenInfo};
use crate::body::{Json, Param};
use crate::limits;
use crate::problem::{Kind, Problem};
use crate::state::{AppState, blocking};
use crate::trouble::check_room;

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// What it is for.
    name: String,
    /// What it may do.
    rights: Rights,
    /// When it ends, milliseconds since 1970-01-01 UTC; 90 days from now where it is left out, two years at most.
    expires: Option<u64>,
}

/// A token as it is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeToken {
    /// What is kept of it.
    #[serde(flatten)]
    info: TokenInfo,
    /// The token itself, for the header `Authorization: Bearer`. It cannot be shown again.
    token: String,
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Full => Self::new(Kind::Limit, error.to_string()),
            AuthError::Name => Self::at(Kind::Malformed, "/name", error.to_string()),
            AuthError::Password => Self::at(Kind::Malformed, "/password", error.to_string()),
            AuthError::Io(_) | AuthError::Damaged(_) | AuthError::Newer => Self::internal(&error),
        }
    }
}

/// Make a token.
///
/// It is shown in this answer and never again: the node keeps only its hash.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", request_body = NewToken, responses((status = 201, description = "Made", body = MadeToken)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    Json(NewToken { name, rights, expires }): Json<NewToken>,
) -> Result<(StatusCode, axum::Json<MadeToken>), Problem> {
    let now = now();
    let after = |life: std::time::Duration| now.saturating_add(life.as_secs().saturating_mul(1000));
    let expires = expires.unwrap_or_else(|| after(limits::TOKEN_LIFE));
    if expires <= now || expires > after(limits::TOKEN_LIFE_MAX) {
        return Err(Problem::at(Kind::Malformed, "/expires", "milliseconds since 1970, in the future and within two years"));
    }
    check_room(&state)?;
    let (info, token) = blocking(move || state.auth.add_token(&name, rights, now, expires)).await??;
    Ok((StatusCode::CREATED, axum::Json(MadeToken { info, token })))
}

/// List the tokens.
///
/// Without the tokens themselves.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", responses((status = 200, description = "The tokens", body = Vec<TokenInfo>)))]
pub(crate) async fn list(State(state): State<AppState>) -> axum::Json<Vec<TokenInfo>> {
    axum::Json(state.auth.tokens())
}

/// End a token.
///
/// From the next request on it is refused.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", params(("id" = String, Path, description = "The token's id")), responses((status = 204, description = "Ended")))]
pub(crate) async fn remove(State(state): State<AppState>, Param(id): Param) -> Result<StatusCode, Problem> {
    let ended = blocking(move || state.auth.remove_token(&id)).await??;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}
