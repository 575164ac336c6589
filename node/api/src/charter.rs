//! The charter as its members have it now and had it before: every version, since when, by which decision, and what it changed.

pub(crate) mod view;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use suyuan_core::order::Order;
use suyuan_engine::ledger::Ledger;
use suyuan_runtime::node::now;
use utoipa::{IntoParams, ToSchema};

use crate::body::Parameters;
use crate::limits;
use crate::problem::{Kind, Problem};
use crate::state::AppState;
use view::{CharterJson, VersionJson};

/// Take out the founding charter's file.
///
/// Charter and signatures, as every bundle carries them.
#[utoipa::path(get, path = "/api/v1/charter/file", tag = "alliance", responses((status = 200, description = "The charter file", content_type = "application/cbor", body = Vec<u8>)))]
pub(crate) async fn file(State(state): State<AppState>) -> Response {
    ([(CONTENT_TYPE, "application/cbor")], state.handle.charter_file().to_vec()).into_response()
}

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The version that was in force at this time, milliseconds since 1970-01-01 UTC.
    at: Option<u64>,
    /// The version with this number; 0 is the founding charter.
    version: Option<u64>,
}

/// Show the charter.
///
/// As it is in force here, or one version of it. The node computes each from the founding charter and the settled decisions.
#[utoipa::path(get, path = "/api/v1/charter", tag = "alliance", params(Which), responses((status = 200, description = "The charter", body = CharterJson)))]
pub(crate) async fn show(State(state): State<AppState>, Parameters(which): Parameters<Which>) -> Result<axum::Json<CharterJson>, Problem> {
    let ledger = state.handle.state().ledger;
    let number = which.number(ledger.decisions.settled())?;
    of_version(&ledger, number).map(axum::Json)
}

/// One version.
///
/// # Errors
/// [`Kind::NotFound`].
pub(crate) fn of_version(ledger: &Ledger, number: u64) -> Result<CharterJson, Problem> {
    let settled = ledger.decisions.settled();
    let versions = settled.versions();
    let newest = settled.alliance.version();
    let none = || Problem::new(Kind::NotFound, format!("version: there are versions 0 to {newest}"));
    let at = usize::try_from(number).ok().filter(|at| *at < versions.len()).ok_or_else(none)?;
    CharterJson::new(&versions, at, settled, ledger).ok_or_else(none)
}

impl Which {
    fn number(&self, settled: &Order) -> Result<u64, Problem> {
        match (self.at, self.version) {
            (Some(_), Some(_)) => Err(Problem::new(Kind::Parameter, "at most one of at and version")),
            (None, Some(version)) => Ok(version),
            (None, None) => Ok(settled.alliance.version()),
            (Some(at), None) if at > now() => {
                Err(Problem::new(Kind::Clock, "at: nobody knows yet what is in force then; leave it out for what is now"))
            }
            (Some(at), None) => {
                let founded = settled.versions().first().map_or(0, |version| version.time);
                let early = || Problem::new(Kind::NotFound, format!("at: the alliance was founded at {founded}"));
                settled.version_at(at).map(|version| version.alliance.version()).ok_or_else(early)
            }
        }
    }
}

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionsQuery {
    /// `next` of the page before.
    after: Option<u64>,
    /// Versions of a page, 1 to 200.
    limit: Option<usize>,
}

/// Some versions of the charter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Versions {
    /// The versions, the newest first.
    pub versions: Vec<VersionJson>,
    /// What to send as `after` for the next page; null at the end.
    #[schema(value_type = Option<String>)]
    pub next: Option<String>,
}

/// List the versions of the charter.
///
/// The newest first, each with what it changed and the decision that made it.
#[utoipa::path(get, path = "/api/v1/charter/versions", tag = "alliance", params(VersionsQuery), responses((status = 200, description = "A page", body = Versions)))]
pub(crate) async fn list(State(state): State<AppState>, Parameters(query): Parameters<VersionsQuery>) -> Result<axum::Json<Versions>, Problem> {
    let limit = query.limit.unwrap_or(limits::PAGE);
    if !(1..=suyuan_engine::limits::PAGE).contains(&limit) {
        return Err(Problem::new(Kind::Parameter, format!("limit: 1 to {}", suyuan_engine::limits::PAGE)));
    }
    Ok(axum::Json(page(&state.handle.state().ledger, query.after, limit)))
}

/// The newest versions before one, at most so many.
pub(crate) fn page(ledger: &Ledger, before: Option<u64>, limit: usize) -> Versions {
    let settled = ledger.decisions.settled();
    let versions = settled.versions();
    let end = before.and_then(|before| usize::try_from(before).ok()).unwrap_or(usize::MAX).min(versions.len());
    let start = end.saturating_sub(limit);
    let listed = (start..end).rev().filter_map(|at| VersionJson::new(&versions, at, ledger));
    Versions { versions: listed.collect(), next: (start > 0).then(|| start.to_string()) }
}
