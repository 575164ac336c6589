//! The audit's report: a page of the console, and one file to keep and to print.

use askama::Template;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, REFRESH};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use super::answer;
use super::frame::{self, Frame};
use super::text::{clean, stamp};
use super::words::Lang;
use crate::audit::{self, AuditJson, ProgressJson, ReportJson};
use crate::body::Fields;
use crate::records::view::MemberName;
use crate::resolutions::CosignerJson;
use crate::state::AppState;
use crate::verify::Words;

/// Decisions on the page; the JSON has all of them.
const SHOWN: usize = 500;
/// What the file may load: its own style, and nothing else.
const FILE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Page {
    frame: Frame,
    lang: Lang,
    state: &'static str,
    progress: ProgressJson,
    percent: u64,
    sheet: Option<Sheet>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct File {
    lang: Lang,
    style: &'static str,
    sheet: Sheet,
}

/// A report in words.
struct Sheet {
    ok: bool,
    facts: Vec<(&'static str, String)>,
    wrong: Vec<Finding>,
    open: Vec<Finding>,
    more: u64,
    logs: Vec<Log>,
    order: Option<Order>,
    not_checked: Vec<String>,
}

struct Finding {
    code: &'static str,
    place: String,
    what: String,
    detail: String,
    whose: String,
    next: String,
}

struct Log {
    name: String,
    id: String,
    former: bool,
    size: u64,
    statements: u64,
    signatures: u64,
    masked: u64,
    void: u64,
    missing: u64,
    root: String,
    checkpoint: String,
    witnessed: String,
    witnesses: String,
}

struct Order {
    facts: Vec<(&'static str, String)>,
    terms: Vec<(u64, String, u64, String)>,
    decided: Vec<Decided>,
    more: usize,
}

struct Decided {
    time: String,
    kind: String,
    approvers: String,
    version: u64,
    proposal: String,
}

impl Sheet {
    fn new(of: &ReportJson, lang: Lang) -> Self {
        let findings = |open: bool| of.findings.iter().filter(|finding| finding.open == open).map(|finding| Finding::new(finding, lang)).collect();
        let (entries, signatures) = of
            .logs
            .iter()
            .fold((0u64, 0u64), |(entries, signatures), log| (entries.saturating_add(log.entries), signatures.saturating_add(log.signatures)));
        let asked = if of.asked_by == "operator" { lang.t("audit.operator").to_owned() } else { lang.fill("audit.token", &[&of.asked_by]) };
        let facts = vec![
            ("audit.alliance", format!("{} · {}", clean(&of.alliance_name), of.alliance)),
            ("audit.version", of.version.to_string()),
            ("audit.copy", format!("{} · {}", clean(&of.member.name), of.member.id)),
            ("audit.asked", asked),
            ("audit.started", stamp(of.started)),
            ("audit.took", lang.fill("audit.seconds", &[&(of.ended.saturating_sub(of.started) / 1000).to_string()])),
            ("audit.checked", lang.fill("audit.sums", &[&of.logs.len().to_string(), &entries.to_string(), &signatures.to_string()])),
            ("audit.program", of.program.to_owned()),
        ];
        Self {
            ok: of.ok,
            facts,
            wrong: findings(false),
            open: findings(true),
            more: of.more,
            logs: of.logs.iter().map(|log| Log::new(log, lang)).collect(),
            order: of.order.as_ref().map(|order| Order::new(order, lang)),
            not_checked: of.not_checked.iter().map(|what| of_words(what, lang)).collect(),
        }
    }
}

fn of_words(words: &Words, lang: Lang) -> String {
    if lang == Lang::Zh { words.zh.clone() } else { words.en.clone() }
}

fn names<'a>(members: impl Iterator<Item = &'a MemberName>) -> String {
    members.map(|member| clean(&member.name)).collect::<Vec<_>>().join(", ")
}

fn cosigners(of: &[CosignerJson]) -> String {
    of.iter().map(|one| format!("{} ({})", clean(&one.member.name), stamp(one.time.saturating_mul(1000)))).collect::<Vec<_>>().join(", ")
}

impl Finding {
    fn new(of: &audit::FindingJson, lang: Lang) -> Self {
        let name = of.member.as_ref().map(|member| clean(&member.name));
        let last = of.from.map(|from| from.saturating_add(of.count.saturating_sub(1)));
        let entries = match (of.from, last) {
            (Some(from), Some(last)) if last > from => lang.fill("audit.entries", &[&from.to_string(), &last.to_string()]),
            (Some(from), _) => lang.fill("audit.entry", &[&from.to_string()]),
            (None, _) if of.count > 1 => format!("× {}", of.count),
            (None, _) => String::new(),
        };
        Self {
            code: of.code,
            place: name.into_iter().chain(Some(entries).filter(|entries| !entries.is_empty())).collect::<Vec<_>>().join(" · "),
            what: of_words(&of.what, lang),
            detail: clean(&of.detail),
            whose: of_words(&of.whose, lang),
            next: of_words(&of.next, lang),
        }
    }
}

impl Log {
    fn new(of: &audit::LogJson, lang: Lang) -> Self {
        let none = || "—".to_owned();
        let time = |seconds: Option<u64>| seconds.map_or_else(none, |seconds| stamp(seconds.saturating_mul(1000)));
        let witnessed = of.witnessed();
        Self {
            name: clean(&of.member.name),
            id: of.member.id.to_string(),
            former: of.former,
            size: of.size,
            statements: of.statements,
            signatures: of.signatures,
            masked: of.masked,
            void: of.void,
            missing: of.missing,
            root: of.root.clone(),
            checkpoint: of.checkpoint.as_ref().map_or_else(none, |head| format!("{} · {}", head.size, time(head.time))),
            witnessed: witnessed.map_or_else(none, |one| format!("{} · {}", one.size, time(one.witnessed))),
            witnesses: witnessed
                .or(of.cosigned.last())
                .map_or_else(none, |one| lang.fill("audit.of", &[&one.count.to_string(), &one.needed.to_string(), &cosigners(&one.cosigned_by)])),
        }
    }
}

impl Order {
    fn new(of: &audit::OrderJson, lang: Lang) -> Self {
        let head = of.heads.iter().rev().find(|head| head.certified);
        let facts = vec![
            ("audit.order.entries", of.entries.to_string()),
            ("audit.order.waiting", of.waiting.to_string()),
            ("audit.order.head", head.map_or_else(|| "—".to_owned(), |head| cosigners(&head.cosigned_by))),
            ("audit.order.fresh", stamp(of.fresh_until)),
        ];
        let decided = |one: &audit::DecidedJson| Decided {
            time: stamp(one.time),
            kind: lang.t(&format!("change.{}", one.kind)).to_owned(),
            approvers: names(one.approvers.iter()),
            version: one.version,
            proposal: one.proposal.to_string(),
        };
        Self {
            facts,
            terms: of.terms.iter().map(|term| (term.term, clean(&term.keeper.name), term.entries, stamp(term.opened))).collect(),
            decided: of.decided.iter().rev().take(SHOWN).map(decided).collect(),
            more: of.decided.len().saturating_sub(SHOWN),
        }
    }
}

/// The page: how the newest audit stands, its report, and the way to begin another.
pub(crate) async fn page(State(state): State<AppState>, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let lang = frame.lang;
    let AuditJson { state, progress, report, .. } = state.audits.newest();
    let percent = progress.entries.saturating_mul(100).checked_div(progress.of_entries).unwrap_or(0);
    let sheet = report.as_ref().map(|report| Sheet::new(report, lang));
    let mut response = frame::respond(StatusCode::OK, lang, &Page { frame, lang, state, progress, percent, sheet });
    if state == "running" {
        response.headers_mut().insert(REFRESH, HeaderValue::from_static("2"));
    }
    response
}

/// Begins an audit, and shows how it stands.
pub(crate) async fn start(State(state): State<AppState>, _: Fields) -> Redirect {
    audit::start(&state, None);
    Redirect::to("/logs/audit")
}

/// The report as one file that needs nothing else.
pub(crate) fn file(report: &ReportJson, lang: Lang) -> Response {
    let sheet = Sheet::new(report, lang);
    let mut response = answer::page(StatusCode::OK, lang, &File { lang, style: include_str!("../../assets/console.css"), sheet });
    let name = format!("attachment; filename=\"audit-{}-{}.html\"", report.member.id, report.started);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(FILE_POLICY));
    match HeaderValue::from_str(&name) {
        Ok(name) => drop(response.headers_mut().insert(CONTENT_DISPOSITION, name)),
        Err(error) => return crate::problem::Problem::internal(&error).into_response(),
    }
    response
}
