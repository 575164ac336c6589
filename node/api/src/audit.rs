//! The audit of this node's copy, started over the API or the console: one at a time, off the threads that serve, beside the writer (`specs/audit.md`).

mod report;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use suyuan_engine::fsck::Progress;
use suyuan_runtime::node::now;
use utoipa::ToSchema;

use crate::auth::Principal;
use crate::body::Parameters;
use crate::pages;
use crate::problem::{Kind, Problem};
use crate::state::AppState;

pub(crate) use report::{DecidedJson, FindingJson, LogJson, OrderJson, ReportJson};

/// The newest audit.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = Audit)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditJson {
    /// `none` since the node has started, `running`, `done`, or `stopped` before its end.
    pub state: &'static str,
    /// When it began, milliseconds since 1970-01-01 UTC.
    pub started: Option<u64>,
    /// How far it is.
    pub progress: ProgressJson,
    /// What came of it, once it is done.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shared")]
    #[schema(value_type = Option<ReportJson>)]
    pub report: Option<Arc<ReportJson>>,
}

fn shared<S: serde::Serializer>(report: &Option<Arc<ReportJson>>, serializer: S) -> Result<S::Ok, S::Error> {
    report.as_deref().serialize(serializer)
}

/// How far an audit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditProgress)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProgressJson {
    /// Entries that were looked at.
    pub entries: u64,
    /// All entries.
    pub of_entries: u64,
    /// Logs that are done.
    pub logs: usize,
    /// All logs.
    pub of_logs: usize,
}

/// The newest audit of a node, kept until the next or the node's end.
#[derive(Debug)]
pub(crate) struct Audits(Mutex<AuditJson>);

impl Default for Audits {
    fn default() -> Self {
        Self(Mutex::new(AuditJson { state: "none", ..AuditJson::default() }))
    }
}

impl Audits {
    /// How it stands.
    pub fn newest(&self) -> AuditJson {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, AuditJson> {
        // Nothing that is done under it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an audit unless one runs.
    fn begin(&self, started: u64) -> bool {
        let mut newest = self.lock();
        if newest.state == "running" {
            return false;
        }
        *newest = AuditJson { state: "running", started: Some(started), ..AuditJson::default() };
        true
    }
}

/// Says that an audit ended, in whatever way it did.
struct Ending(Arc<Audits>);

impl Drop for Ending {
    fn drop(&mut self) {
        let mut newest = self.0.lock();
        newest.state = if newest.report.is_some() { "done" } else { "stopped" };
    }
}

/// Begins an audit for somebody, unless one runs.
pub(crate) fn start(state: &AppState, principal: Option<&Principal>) {
    let started = now();
    if !state.audits.begin(started) {
        return;
    }
    let by = match principal {
        Some(Principal::Token { id, .. }) => id.clone(),
        Some(Principal::Operator) | None => "operator".to_owned(),
    };
    let (state, ending) = (state.clone(), Ending(state.audits.clone()));
    tokio::task::spawn_blocking(move || {
        let audited = state.handle.state();
        let report = state.handle.audit(&audited, started, |Progress { done, total }, (logs, of_logs)| {
            state.audits.lock().progress = ProgressJson { entries: done, of_entries: total, logs, of_logs };
        });
        if let Some(report) = report {
            let report = ReportJson::new(&report, &audited.ledger, (started, now()), by);
            state.audits.lock().report = Some(Arc::new(report));
        }
        drop(ending);
    });
}

/// Start an audit.
///
/// Everything in the logs held here that can be checked is checked again, beside the node's work. While one runs, no other begins: then this answers how that one stands.
#[utoipa::path(put, path = "/api/v1/audit", tag = "logs", responses((status = 202, description = "How it stands", body = AuditJson)))]
pub(crate) async fn begin(State(state): State<AppState>, Extension(principal): Extension<Option<Principal>>) -> (StatusCode, axum::Json<AuditJson>) {
    start(&state, principal.as_ref());
    (StatusCode::ACCEPTED, axum::Json(state.audits.newest()))
}

/// Show the newest audit.
///
/// How far it is, and its report once it is done.
#[utoipa::path(get, path = "/api/v1/audit", tag = "logs", responses((status = 200, description = "How it stands", body = AuditJson)))]
pub(crate) async fn newest(State(state): State<AppState>) -> axum::Json<AuditJson> {
    axum::Json(state.audits.newest())
}

#[derive(Debug, Deserialize)]
pub(crate) struct Language {
    lang: Option<String>,
}

/// Take out the newest audit's report.
///
/// One HTML page that needs nothing else, to keep and to print. Not found where no audit is done.
#[utoipa::path(get, path = "/api/v1/audit/report", tag = "logs", params(("lang" = Option<String>, Query, description = "`zh`, the default, or `en`")),
    responses((status = 200, description = "The report", content_type = "text/html", body = String)))]
pub(crate) async fn report(State(state): State<AppState>, Parameters(Language { lang }): Parameters<Language>) -> Result<Response, Problem> {
    let unknown = || Problem::new(Kind::Parameter, "`lang` is zh or en");
    let lang = lang.map_or(Some(pages::words::Lang::Zh), |lang| pages::words::Lang::named(&lang)).ok_or_else(unknown)?;
    let report = state.audits.newest().report.ok_or_else(Problem::not_found)?;
    Ok(pages::audit::file(&report, lang))
}
