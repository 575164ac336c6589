//! The console of a node's operator, and what all pages have in common: words, display of fields, assets, and headers.

pub(crate) mod answer;
pub(crate) mod assets;
pub(crate) mod audit;
mod charter;
mod circle_form;
mod circles;
mod code;
mod cookies;
mod decisions;
pub(crate) mod display;
mod frame;
mod invitations;
pub(crate) mod lenient;
mod login;
mod logs;
mod members;
mod overview;
mod record;
mod records;
pub(crate) mod text;
pub(crate) mod words;

#[cfg(test)]
mod vectors;

use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::auth::Need;
use crate::guard;
use crate::routes::Page;
use crate::state::AppState;

/// The console. Every page but the login's needs the operator, and says so by leading to the login.
pub(crate) fn table() -> Vec<Page> {
    use Need::{Open, Operator};
    let mut table = vec![
        Page::get("/login", Open, login::form),
        Page::post("/login", Open, login::log_in),
        Page::post("/language", Open, cookies::set_language),
        Page::get("/", Operator, overview::page),
        Page::get("/charter", Operator, charter::page),
        Page::get("/members", Operator, members::list),
        Page::get("/members/{id}", Operator, members::one),
        Page::get("/invitations", Operator, invitations::list),
        Page::post("/invitations", Operator, invitations::create),
        Page::get("/invitations/{id}", Operator, invitations::one),
        Page::post("/invitations/{id}", Operator, invitations::take_back),
        Page::get("/logs", Operator, logs::page),
        Page::get("/logs/audit", Operator, audit::page),
        Page::post("/logs/audit", Operator, audit::start),
        Page::get("/records", Operator, records::page),
        Page::get("/records/{id}", Operator, record::page),
        Page::post("/records/{id}/disclose", Operator, record::disclose),
        Page::post("/waiting/{id}", Operator, records::take_out),
        Page::get("/circles", Operator, circles::list),
        Page::post("/circles", Operator, circle_form::create),
        Page::get("/circles/new", Operator, circle_form::page),
        Page::get("/circles/{id}", Operator, circles::page),
        Page::get("/decisions", Operator, decisions::list),
        Page::post("/decisions", Operator, decisions::propose),
        Page::get("/decisions/{id}", Operator, decisions::one),
        Page::post("/decisions/{id}", Operator, decisions::vote),
        Page::get("/code", Operator, code::page),
        Page::get("/code/qr.svg", Operator, code::image),
        Page::post("/logout", Operator, login::log_out),
    ];
    table.push(assets::row());
    table
}

/// Lets the operator through. What changes something must come from a page of this console.
pub(crate) async fn signed_in(State(state): State<AppState>, request: Request, next: Next) -> Response {
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
