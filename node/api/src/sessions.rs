//! The operator's login.

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use suyuan_runtime::node::now;
use utoipa::ToSchema;

use crate::auth::LoginError;
use crate::body::Json;
use crate::guard::{self, OwnPage};
use crate::limits;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// The operator's password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The password.
    password: String,
}

/// Log in.
///
/// Sets a cookie that scripts cannot read and other sites cannot send. Changes under it must come from a page of this listener.
#[utoipa::path(post, path = "/api/v1/session", tag = "access", request_body = Login, responses((status = 204, description = "Logged in")))]
pub(crate) async fn login(
    State(state): State<AppState>,
    _: OwnPage,
    Json(Login { password }): Json<Login, { limits::LOGIN_BODY }>,
) -> Result<Response, Problem> {
    let cookie = begin(&state, password).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}

/// Opens a session; returns the value of `Set-Cookie`.
///
/// # Errors
/// [`Kind::Login`], [`Kind::TooManyAttempts`].
pub(crate) async fn begin(state: &AppState, password: String) -> Result<String, Problem> {
    let session = state.auth.login(password, now()).await.map_err(|error| match error {
        LoginError::Wrong => Problem::new(Kind::Login, "try again, or set a new one with `suyuan operator` where the node's data folder is"),
        LoginError::Wait(seconds) => {
            Problem::passing(Kind::TooManyAttempts, seconds, format!("wait {seconds} seconds; tokens and open sessions go on"))
        }
    })?;
    Ok(set_cookie(state, &session, limits::SESSION_LIFE.as_secs()))
}

/// End the session.
///
/// The cookie is of no use afterwards.
#[utoipa::path(delete, path = "/api/v1/session", tag = "access", responses((status = 204, description = "Logged out")))]
pub(crate) async fn logout(State(state): State<AppState>, headers: HeaderMap) -> Response {
    (StatusCode::NO_CONTENT, [(SET_COOKIE, end(&state, &headers))]).into_response()
}

/// Ends the session of a request; returns the value of `Set-Cookie` that makes the browser forget it.
pub(crate) fn end(state: &AppState, headers: &HeaderMap) -> String {
    if let Some(session) = guard::session_cookie(state, headers) {
        state.auth.logout(session);
    }
    set_cookie(state, "", 0)
}

fn set_cookie(state: &AppState, value: &str, seconds: u64) -> String {
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict", state.cookie)
}
