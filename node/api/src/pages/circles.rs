//! The circles that this node is in: members, rights, epochs, and what is missing.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use suyuan_core::CircleId;
use suyuan_core::circle::{Rights, Tier};
use suyuan_engine::circles::Circle;
use suyuan_engine::counters::Counter;
use suyuan_engine::ledger::Ledger;

use super::frame::{self, Frame, filters};
use super::text::{clean, stamp};
use super::words::Lang;
use crate::body::Param;
use crate::problem::Problem;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "console/circles.html")]
struct List {
    frame: Frame,
    circles: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    tier: &'static str,
    steward: String,
    members: String,
    epoch: u64,
    missing: u64,
}

#[derive(Template)]
#[template(path = "console/circle.html")]
struct Page {
    frame: Frame,
    id: String,
    name: String,
    tier: &'static str,
    steward: String,
    facts: Vec<(&'static str, String)>,
    members: Vec<Member>,
    epochs: Vec<Epoch>,
}

struct Member {
    name: String,
    role: &'static str,
    rights: &'static str,
    written: u64,
    held: u64,
    missing: u64,
}

struct Epoch {
    number: u64,
    members: usize,
    statement: String,
}

fn tier(circle: &Circle, lang: Lang) -> &'static str {
    let key = match circle.tier() {
        Tier::General => "tier.general",
        Tier::Authorized => "tier.authorized",
        Tier::Codevelopment => "tier.codevelopment",
    };
    lang.known(key).unwrap_or_default()
}

/// The list.
pub(crate) async fn list(State(state): State<AppState>, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let ledger = state.handle.state().ledger;
    let circles = ledger.circles.iter().map(|circle| Row::new(circle, &ledger, frame.lang)).collect();
    let list = List { circles, frame: frame.clone() };
    frame::finish(frame, Ok(list))
}

impl Row {
    fn new(circle: &Circle, ledger: &Ledger, lang: Lang) -> Self {
        let members: Vec<_> = circle.members().map(|(member, _)| frame::member(ledger, member)).collect();
        Self {
            id: circle.id.to_string(),
            name: clean(&circle.name),
            tier: tier(circle, lang),
            steward: frame::member(ledger, &circle.steward),
            members: members.join(lang.t("json.join")),
            epoch: circle.epoch(),
            missing: ledger.counters.in_circle(&circle.id).fold(0, |sum, (_, counter)| sum.saturating_add(counter.missing())),
        }
    }
}

/// One circle.
pub(crate) async fn page(State(state): State<AppState>, headers: HeaderMap, uri: Uri, Param(id): Param) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let ledger = state.handle.state().ledger;
    let circle = id.parse::<CircleId>().ok().and_then(|id| ledger.circles.circle(&id)).ok_or_else(Problem::not_found);
    let page = circle.map(|circle| Page::new(circle, &ledger, frame.clone()));
    frame::finish(frame, page)
}

impl Page {
    fn new(circle: &Circle, ledger: &Ledger, frame: Frame) -> Self {
        let lang = frame.lang;
        let terms = &circle.terms;
        let facts = [
            ("circle.purpose", clean(&circle.purpose)),
            ("circle.until", circle.until.map(stamp).unwrap_or_default()),
            ("terms.confidentiality", clean(&terms.confidentiality)),
            ("terms.retention", clean(&terms.retention)),
            ("terms.onward", clean(&terms.onward)),
            ("terms.exit", clean(&terms.exit)),
        ];
        Self {
            id: circle.id.to_string(),
            name: clean(&circle.name),
            tier: tier(circle, lang),
            steward: frame::member(ledger, &circle.steward),
            facts: facts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (lang.known(key).unwrap_or_default(), text)).collect(),
            members: circle.members().map(|(id, rights)| Member::new(circle, id, *rights, ledger, lang)).collect(),
            epochs: circle
                .epochs()
                .iter()
                .map(|(number, epoch)| Epoch { number: *number, members: epoch.members.len(), statement: epoch.statement.to_string() })
                .collect(),
            frame,
        }
    }
}

impl Member {
    fn new(circle: &Circle, id: &suyuan_core::MemberId, rights: Rights, ledger: &Ledger, lang: Lang) -> Self {
        let of_member = |number: u32| ledger.logs.numbered(number).is_some_and(|head| head.id.member == *id);
        let counters: Vec<&Counter> = ledger.counters.in_circle(&circle.id).filter(|(log, _)| of_member(*log)).map(|(_, counter)| counter).collect();
        let sum = |count: fn(&Counter) -> u64| counters.iter().fold(0, |sum: u64, counter| sum.saturating_add(count(counter)));
        let key = match rights {
            Rights::Read => "rights.read",
            Rights::Write => "rights.write",
        };
        Self {
            name: frame::member(ledger, id),
            role: frame::role(ledger, id, lang),
            rights: lang.known(key).unwrap_or_default(),
            written: sum(|counter| counter.next),
            held: sum(|counter| counter.held),
            missing: sum(Counter::missing),
        }
    }
}
