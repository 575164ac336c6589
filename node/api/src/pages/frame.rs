//! What stands around every page of the console, and how its answers are made.

use askama::Template;
use axum::http::header::REFERRER_POLICY;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use suyuan_core::MemberId;
use suyuan_engine::ledger::Ledger;
use suyuan_runtime::node::now;

use super::answer;
use super::assets;
use super::cookies;
use super::text::clean;
use super::words::Lang;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// The frame of a page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) lang: Lang,
    /// Folder of the assets.
    pub(crate) assets: String,
    /// This member.
    pub(crate) member: String,
    pub(crate) alliance: String,
    /// The page's own address, to return to.
    pub(crate) here: String,
    pub(crate) signed_in: bool,
    /// Decisions that wait for this member's word.
    pub(crate) waiting: usize,
}

impl Frame {
    /// The frame of a page for whoever is logged in.
    pub(crate) fn new(state: &AppState, headers: &HeaderMap, here: &Uri) -> Self {
        let ledger = state.handle.state().ledger;
        Self {
            lang: cookies::language(headers),
            assets: assets::base(),
            member: member(&ledger, &ledger.me),
            alliance: clean(&ledger.alliance.charter().name),
            here: here.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            signed_in: true,
            waiting: ledger.decisions.waiting_for(&ledger.me, now()).len(),
        }
    }

    /// The pages that the menu leads to.
    pub(crate) fn menu(&self) -> [(&'static str, &'static str); 8] {
        [
            ("/", "menu.overview"),
            ("/decisions", "menu.decisions"),
            ("/charter", "menu.charter"),
            ("/members", "menu.members"),
            ("/logs", "menu.logs"),
            ("/records", "menu.records"),
            ("/circles", "menu.circles"),
            ("/code", "menu.code"),
        ]
    }

    /// How much waits behind an entry of the menu.
    pub(crate) fn badge(&self, path: &str) -> Option<usize> {
        Some(self.waiting).filter(|waiting| *waiting > 0 && path == "/decisions")
    }

    /// Whether the page stands below an entry of the menu.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let here = self.here.split('?').next().unwrap_or_default();
        here == path || (path != "/" && here.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }

    /// The page of a problem.
    pub(crate) fn problem(self, problem: &Problem) -> Response {
        let title = self.lang.problem(problem.kind).to_owned();
        let text = if problem.kind == Kind::NotFound { self.lang.t("console.nothing").to_owned() } else { clean(&problem.detail) };
        let status = StatusCode::from_u16(problem.kind.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        respond(status, self.lang, &Message { frame: self, title, text })
    }
}

#[derive(Template)]
#[template(path = "console/message.html")]
struct Message {
    frame: Frame,
    title: String,
    text: String,
}

/// A page of the console as an answer. Its forms need an `Origin`, which browsers leave out of a page that sends no referrer at all.
pub(crate) fn respond(status: StatusCode, lang: Lang, template: &impl Template) -> Response {
    let mut response = answer::page(status, lang, template);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// A page of the console, or the problem's own.
pub(crate) fn finish<T: Template>(frame: Frame, page: Result<T, Problem>) -> Response {
    match page {
        Ok(page) => respond(StatusCode::OK, frame.lang, &page),
        Err(problem) => frame.problem(&problem),
    }
}

/// A member's name; its id where the charter does not name it.
pub(crate) fn member(ledger: &Ledger, id: &MemberId) -> String {
    ledger.alliance.member(id).map_or_else(|| id.to_string(), |member| clean(&member.entry.name))
}

/// A member's role in words.
pub(crate) fn role(ledger: &Ledger, id: &MemberId, lang: Lang) -> &'static str {
    ledger.alliance.member(id).map(|member| lang.role(member.entry.role)).unwrap_or_default()
}

/// Filters of the templates.
pub(crate) mod filters {
    /// The first digits of an id.
    #[askama::filter_fn]
    pub(crate) fn short(id: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
        let text = id.to_string();
        Ok(text.get(..12).map_or_else(|| text.clone(), |short| format!("{short}…")))
    }
}
