//! Short pages: a code that is none, a failure of the node, and what stands at the root.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use suyuan_engine::ledger::Ledger;
use suyuan_trace::IdentifierError;

use crate::pages::answer;
use crate::pages::assets;
use crate::pages::text::clean;
use crate::pages::words::Lang;
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'n> {
    lang: Lang,
    assets: String,
    title: &'n str,
    texts: Vec<String>,
}

fn notice(status: StatusCode, lang: Lang, title: &str, texts: Vec<String>) -> Response {
    answer::page(status, lang, &Notice { lang, assets: assets::base(), title: lang.t(title), texts })
}

/// A path that is no product's.
pub(crate) fn invalid(lang: Lang, error: &IdentifierError) -> Response {
    let why = match error {
        IdentifierError::CheckDigit { found, expected, .. } => lang.fill("invalid.check-digit", &[&found.to_string(), &expected.to_string()]),
        IdentifierError::Length { .. } | IdentifierError::Character { .. } | IdentifierError::Empty { .. } => lang.t("invalid.value").to_owned(),
        _ => lang.t("invalid.path").to_owned(),
    };
    let detail = format!("{}: {}", error.code(), clean(&error.to_string()));
    notice(StatusCode::BAD_REQUEST, lang, "invalid.title", vec![why, lang.t("invalid.todo").to_owned(), detail])
}

/// The node could not answer.
pub(crate) fn failed(lang: Lang, problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.kind.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    notice(status, lang, "failed.title", vec![lang.t("failed.todo").to_owned(), lang.problem(problem.kind).to_owned()])
}

/// The root of the public side: whose node this is, and what to do here.
pub(crate) fn welcome(lang: Lang, ledger: &Ledger) -> Response {
    let name = ledger.alliance.member(&ledger.me).map(|me| clean(&me.entry.name)).unwrap_or_default();
    let alliance = clean(&ledger.alliance.charter().name);
    let texts = vec![lang.fill("welcome.node", &[&name, &alliance]), lang.t("welcome.todo").to_owned()];
    notice(StatusCode::OK, lang, "welcome.title", texts)
}
