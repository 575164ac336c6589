//! The console of a node's operator, and what all pages have in common: words, display of fields, assets, and headers.

pub(crate) mod answer;
pub(crate) mod assets;
mod circle_form;
mod circles;
mod code;
mod cookies;
pub(crate) mod display;
mod frame;
pub(crate) mod lenient;
mod login;
mod logs;
mod overview;
mod record;
mod records;
pub(crate) mod text;
pub(crate) mod words;

#[cfg(test)]
mod vectors;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::auth::Need;
use crate::guard;
use crate::state::AppState;

/// The console. Every page but the login's needs the operator, and says so by leading to the login.
pub(crate) fn router(state: &AppState) -> Router<AppState> {
    let open =
        Router::new().route("/login", get(login::form).post(login::log_in)).route("/language", post(cookies::set_language)).merge(assets::router());
    let closed = Router::new()
        .route("/", get(overview::page))
        .route("/logs", get(logs::page))
        .route("/records", get(records::page))
        .route("/records/{id}", get(record::page))
        .route("/records/{id}/disclose", post(record::disclose))
        .route("/circles", get(circles::list).post(circle_form::create))
        .route("/circles/new", get(circle_form::page))
        .route("/circles/{id}", get(circles::page))
        .route("/code", get(code::page))
        .route("/code/qr.svg", get(code::image))
        .route("/logout", post(login::log_out))
        .route_layer(from_fn_with_state(state.clone(), signed_in));
    open.merge(closed)
}

/// Lets the operator through. What changes something must come from a page of this console.
async fn signed_in(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let operator = guard::authenticate(&state, request.headers()).is_ok_and(|principal| principal.may(Need::Operator));
    if !operator {
        let to = if safe { request.uri().path_and_query().map_or("/", |path| path.as_str()) } else { "/" };
        return Redirect::to(&login::address(to)).into_response();
    }
    if !safe && let Err(problem) = guard::check_own_page(request.headers()) {
        return problem.into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(header::HeaderValue::from_static("no-store"));
    response
}
