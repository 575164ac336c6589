//! The console's one cookie beside the session's: the language that the operator chose. The public side sets none.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};

use super::login;
use super::words::Lang;
use crate::body::Fields;
use crate::guard::OwnPage;

const NAME: &str = "suyuan_language";

/// The language of a request to the console.
pub(crate) fn language(headers: &HeaderMap) -> Lang {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut pairs = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    let chosen = pairs.find(|(name, _)| *name == NAME).and_then(|(_, lang)| Lang::named(lang));
    chosen.unwrap_or_else(|| Lang::preferred(headers))
}

/// Sets the language and returns to the page that was open.
pub(crate) async fn set_language(_: OwnPage, form: Fields) -> Response {
    let lang = Lang::named(form.text("lang")).unwrap_or(Lang::Zh);
    let cookie = format!("{NAME}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict", lang.name());
    ([(SET_COOKIE, cookie)], Redirect::to(login::local(form.text("to")))).into_response()
}
