//! The operator's way in and out.

use askama::Template;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::frame::{Frame, respond};
use super::lenient::Lenient;
use super::words::Lang;
use crate::body::Fields;
use crate::guard::OwnPage;
use crate::problem::Kind;
use crate::sessions;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "console/login.html")]
struct Login {
    frame: Frame,
    to: String,
    why: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct To {
    #[serde(default)]
    to: String,
}

/// The address of the login that leads on to a page of the console.
pub(crate) fn address(to: &str) -> String {
    let mut address = String::from("/login?to=");
    for byte in to.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.') {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    address
}

/// A path of this console; its root where the text is anything else. `//host` and `/\host` would lead elsewhere.
pub(crate) fn local(to: &str) -> &str {
    let plain = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain && to.starts_with('/') && !to.starts_with("//") { to } else { "/" }
}

fn frame(state: &AppState, headers: &HeaderMap, uri: &Uri) -> Frame {
    Frame { signed_in: false, ..Frame::new(state, headers, uri) }
}

/// The form.
pub(crate) async fn form(State(state): State<AppState>, headers: HeaderMap, uri: Uri, Lenient(To { to }): Lenient<To>) -> Response {
    let frame = frame(&state, &headers, &uri);
    respond(StatusCode::OK, frame.lang, &Login { to: local(&to).to_owned(), why: None, frame })
}

/// Opens a session.
pub(crate) async fn log_in(State(state): State<AppState>, _: OwnPage, headers: HeaderMap, uri: Uri, given: Fields) -> Response {
    let to = local(given.text("to")).to_owned();
    match sessions::begin(&state, given.text("password").to_owned()).await {
        Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to(&to)).into_response(),
        Err(problem) => {
            let frame = Frame { here: "/login".to_owned(), ..frame(&state, &headers, &uri) };
            let wait = problem.retry_after.filter(|_| problem.kind == Kind::TooManyAttempts);
            let why = wait.map_or_else(|| frame.lang.t("login.wrong").to_owned(), |seconds| frame.lang.fill("login.wait", &[&seconds.to_string()]));
            respond(problem.kind.status(), frame.lang, &Login { to, why: Some(why), frame })
        }
    }
}

/// Ends the session.
pub(crate) async fn log_out(State(state): State<AppState>, headers: HeaderMap) -> Response {
    ([(SET_COOKIE, sessions::end(&state, &headers))], Redirect::to("/login")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_console_are_returned_to() {
        for good in ["/", "/records?subject=a%2Fb", "/circles/00"] {
            assert_eq!(local(good), good);
        }
        for bad in ["", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/a\nb", "/a b", "/é"] {
            assert_eq!(local(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn where_to_is_escaped() {
        assert_eq!(address("/records?log=a&x=\"<"), "/login?to=/records%3Flog%3Da%26x%3D%22%3C");
    }
}
