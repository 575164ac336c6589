//! What stands before every handler: the listener's names, the page that a request comes from, credentials and rights, and headers on every answer.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY, TRANSFER_ENCODING,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use suyuan_runtime::node::now;

use crate::auth::{Denied, Need, Principal};
use crate::problem::{Kind, Problem};
use crate::state::AppState;
use crate::urlencoded;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what does not address this listener by one of its names (DNS rebinding), and what comes from a page of another origin.
pub async fn addressed(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match check_address(&state, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check_address(state: &AppState, request: &Request) -> Result<(), Problem> {
    let host = one(request.headers(), &HOST).ok().flatten();
    let absolute = request.uri().authority().map(|authority| authority.as_str());
    let named = host.is_some_and(|host| state.hosts.allow(host)) && absolute.is_none_or(|absolute| host == Some(absolute));
    if !named {
        let detail = "address it as localhost, or by a name that the node's configuration lists as a host of the admin listener";
        return Err(Problem::new(Kind::Host, detail));
    }
    let foreign = Problem::new(Kind::Origin, "requests that a page of another origin sends are refused; open the console at the node's own address");
    match one(request.headers(), &ORIGIN) {
        Ok(None) => Ok(()),
        Ok(Some(origin)) if same_origin(origin, host) => Ok(()),
        _ => Err(foreign),
    }
}

fn same_origin(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| host.is_some_and(|host| host.eq_ignore_ascii_case(authority)))
}

/// The one value of a header as text; an error where it stands there twice or is no text.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(());
    }
    first.map(|value| value.to_str().map_err(|_| ())).transpose()
}

/// What a route asks of every request, from its row of the table.
#[derive(Clone, Debug)]
pub struct Door {
    /// The right.
    pub need: Need,
    /// Names of its parameters in the query.
    pub query: Vec<String>,
    /// Whether it takes an idempotency key.
    pub idempotent: bool,
}

/// Lets through who has the right that a route needs and asks only what the route answers.
pub async fn entitled(State((state, door)): State<(AppState, Arc<Door>)>, mut request: Request, next: Next) -> Response {
    match check_right(&state, door.need, &request).and_then(|principal| check_asked(&door, &request).map(|()| principal)) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// That nothing is asked which the route would pass over in silence: whoever misspells a filter would take everything for what was filtered, and whoever relies on
/// an idempotency key that does not count would write twice.
fn check_asked(door: &Door, request: &Request) -> Result<(), Problem> {
    if door.need == Need::Open {
        return Ok(());
    }
    if !door.idempotent && request.headers().contains_key("idempotency-key") {
        return Err(Problem::new(Kind::Parameter, "this route takes no `Idempotency-Key`; leave it out, and look before sending again"));
    }
    let Some(query) = request.uri().query().filter(|query| !query.is_empty()) else { return Ok(()) };
    let pairs =
        urlencoded::pairs(query.as_bytes()).ok_or_else(|| Problem::new(Kind::Parameter, "the query is UTF-8, each byte of it as it is or as %XX"))?;
    let mut names = Vec::new();
    for (name, _) in &pairs {
        if !door.query.contains(name) {
            let known = if door.query.is_empty() { "none".to_owned() } else { door.query.join(", ") };
            return Err(Problem::new(Kind::Parameter, format!("an unknown parameter; this route knows {known}")));
        }
        if names.contains(&name) {
            return Err(Problem::new(Kind::Parameter, format!("the parameter {name} stands there twice")));
        }
        names.push(name);
    }
    Ok(())
}

/// Keeps apart what a proxy before this listener and the listener could read differently (RFC 9112, section 6.1): a request with two lengths is refused, and one whose
/// length is not announced is the last of its connection.
pub async fn framed(request: Request, next: Next) -> Response {
    let chunked = request.headers().contains_key(TRANSFER_ENCODING);
    let mut response = if chunked && request.headers().contains_key(CONTENT_LENGTH) {
        Problem::new(Kind::Malformed, "a body has `Content-Length` or `Transfer-Encoding`, not both").into_response()
    } else {
        next.run(request).await
    };
    if chunked {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn check_right(state: &AppState, need: Need, request: &Request) -> Result<Option<Principal>, Problem> {
    if need == Need::Open {
        return Ok(None);
    }
    let principal = authenticate(state, request.headers())?;
    if principal == Principal::Operator && !is_safe(request.method()) {
        check_own_page(request.headers())?;
    }
    if principal.may(need) {
        return Ok(Some(principal));
    }
    let detail = match need {
        Need::Operator => "only the operator may do this, logged in with the password".to_owned(),
        _ => format!("this needs a token with the right {:?}, or the operator", need.name()),
    };
    Err(Problem::new(Kind::Right, detail))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Whose credentials a request carries: a bearer token, or else the session cookie.
///
/// # Errors
/// [`Kind::Unauthenticated`], [`Kind::Expired`].
pub fn authenticate(state: &AppState, headers: &HeaderMap) -> Result<Principal, Problem> {
    let missing = "send `Authorization: Bearer TOKEN` with a token that the operator made, or log in at the console";
    let found = match one(headers, &AUTHORIZATION) {
        Ok(Some(value)) => {
            let token = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            token.map_or(Err(Denied::Unknown), |(_, token)| state.auth.bearer(token, now()))
        }
        Ok(None) => session_cookie(state, headers).map_or(Err(Denied::Unknown), |cookie| state.auth.session(cookie, now())),
        Err(()) => Err(Denied::Unknown),
    };
    found.map_err(|denied| match denied {
        Denied::Unknown => Problem::new(Kind::Unauthenticated, missing),
        Denied::Expired => Problem::new(Kind::Expired, "ask the operator for a new token, or log in again"),
    })
}

/// The value of this node's session cookie.
pub fn session_cookie<'a>(state: &AppState, headers: &'a HeaderMap) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut named = cookies.filter_map(|cookie| cookie.trim().split_once('=')).filter(|(name, _)| *name == &*state.cookie);
    named.next().map(|(_, value)| value)
}

/// A browser sends the session's cookie along with whatever a page asks for, so what changes something must come from this listener's own page.
/// That an `Origin` that is there is the right one was checked before.
///
/// # Errors
/// [`Kind::Origin`].
pub fn check_own_page(headers: &HeaderMap) -> Result<(), Problem> {
    let origin = headers.contains_key(ORIGIN);
    let site = one(headers, &SEC_FETCH_SITE).is_ok_and(|site| site.is_none_or(|site| site == "same-origin"));
    if origin && site {
        return Ok(());
    }
    Err(Problem::new(Kind::Origin, "a change under a session must come from the console's own page; programs use a bearer token"))
}

/// That a request comes from this listener's own page, as [`check_own_page`] finds out, before its body is read.
#[derive(Debug)]
pub struct OwnPage;

impl<S: Send + Sync> FromRequestParts<S> for OwnPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        check_own_page(&parts.headers).map(|()| Self)
    }
}

/// Sets headers that keep browsers from doing more with an answer than reading it, where the handler has not set its own.
pub async fn hardened(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let defaults = [
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
