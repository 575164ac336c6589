//! What the alliance decides together: who keeps the order, what waits for whom, and saying yes or no.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use suyuan_core::StatementId;
use suyuan_core::membership::{Agreement, Change};
use suyuan_engine::decisions::{Choice, ProposalRequest, VoteRequest};
use suyuan_engine::ledger::Ledger;
use suyuan_runtime::node::now;

use super::frame::{self, Frame, respond};
use super::text::{clean, stamp};
use super::words::Lang;
use crate::body::{Fields, Param};
use crate::problem::Problem;
use crate::resolutions::{self, OrderJson, ResolutionJson};
use crate::state::AppState;
use crate::trouble::check_room;

/// How long a proposal of the form is open, milliseconds: thirty days.
const OPEN: u64 = 30 * 86_400_000;
/// Proposals on the list.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "console/decisions.html")]
struct List {
    frame: Frame,
    order: OrderJson,
    quorum: String,
    small: Option<String>,
    why: Option<String>,
    title: String,
    text: String,
    decisions: Vec<Line>,
    more: usize,
}

#[derive(Template)]
#[template(path = "console/decision.html")]
struct One {
    frame: Frame,
    why: Option<String>,
    line: Line,
    reason: String,
    /// The version of the charter that it made.
    version: Option<u64>,
    change: String,
    waits_for: Vec<String>,
    votes: Vec<Vote>,
    open: bool,
}

pub(super) struct Line {
    pub id: String,
    pub title: String,
    pub kind: String,
    pub author: String,
    pub time: String,
    pub expires: String,
    /// It is open and ends within a day.
    pub urgent: bool,
    pub state: String,
    pub state_code: &'static str,
    pub reached: u64,
    pub needed: u64,
    pub mine: bool,
}

struct Vote {
    member: String,
    choice: String,
    code: &'static str,
    comment: String,
    time: String,
}

impl Line {
    fn new(of: &ResolutionJson, lang: Lang) -> Self {
        Self {
            id: of.id.to_string(),
            title: title(of, lang),
            kind: lang.t(&format!("change.{}", of.kind)).to_owned(),
            author: clean(&of.author.name),
            time: stamp(of.time),
            expires: stamp(of.expires),
            urgent: of.urgent,
            state: lang.known(&format!("decision.{}", of.state)).unwrap_or(of.state).to_owned(),
            state_code: of.state,
            reached: of.reached,
            needed: of.needed,
            mine: of.waits_for_me,
        }
    }
}

/// What a proposal is about, in a few words.
fn title(of: &ResolutionJson, lang: Lang) -> String {
    match &of.change {
        Change::Role(role) => format!("{} → {}", clean(&of.about), lang.role(role.role)),
        _ => clean(&of.about),
    }
}

/// What waits for this member's word, the soonest end first.
pub(super) fn waiting(ledger: &Ledger, lang: Lang) -> Vec<Line> {
    resolutions::all(ledger, now()).iter().filter(|of| of.waits_for_me).map(|of| Line::new(of, lang)).collect()
}

/// The list.
pub(crate) async fn list(State(state): State<AppState>, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    respond(StatusCode::OK, frame.lang, &shown(&state, &frame, None, "", ""))
}

fn shown(state: &AppState, frame: &Frame, why: Option<String>, title: &str, text: &str) -> List {
    let ledger = state.handle.state().ledger;
    let order = OrderJson::new(&ledger);
    let all = resolutions::all(&ledger, now());
    let lang = frame.lang;
    let number = |count: usize| count.to_string();
    let small = match order.voters {
        1 => Some("decisions.alone"),
        2 => Some("decisions.two"),
        3 => Some("decisions.three"),
        _ => None,
    };
    List {
        quorum: lang.fill("decisions.quorum", &[&number(order.voters), &number(order.liars), &number(order.cosigners)]),
        small: small.map(|key| lang.t(key).to_owned()),
        order,
        why,
        title: title.to_owned(),
        text: text.to_owned(),
        more: all.len().saturating_sub(SHOWN),
        decisions: all.iter().take(SHOWN).map(|of| Line::new(of, lang)).collect(),
        frame: frame.clone(),
    }
}

/// Proposes an agreement, and shows it; or shows the form again, and why not.
pub(crate) async fn propose(State(state): State<AppState>, headers: HeaderMap, given: Fields) -> Response {
    let frame = Frame::new(&state, &headers, &Uri::from_static("/decisions"));
    let (title, text) = (given.text("title").trim().to_owned(), given.text("text").to_owned());
    let change = Change::Agree(Agreement { title: title.clone(), text: text.clone() });
    let request = ProposalRequest { change, expires: now().saturating_add(OPEN), reason: String::new(), signers: Vec::new(), threshold: None };
    let proposed = match check_room(&state) {
        Ok(()) => state.handle.propose(request).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match proposed {
        Ok(receipt) => Redirect::to(&receipt.ids.first().map_or_else(|| "/decisions".to_owned(), |id| format!("/decisions/{id}"))).into_response(),
        Err(problem) => {
            let why = frame.lang.fill("decisions.why", &[&clean(&problem.detail)]);
            respond(problem.kind.status(), frame.lang, &shown(&state, &frame, Some(why), &title, &text))
        }
    }
}

/// One proposal.
pub(crate) async fn one(State(state): State<AppState>, Param(id): Param, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let page = found(&state, &frame, &id, None);
    frame::finish(frame, page)
}

fn found(state: &AppState, frame: &Frame, id: &str, why: Option<String>) -> Result<One, Problem> {
    let id: StatementId = id.parse().map_err(|_| Problem::not_found())?;
    let of = resolutions::found(state, &id)?;
    let lang = frame.lang;
    let vote = |vote: &resolutions::VoteJson| Vote {
        member: clean(&vote.member.name),
        choice: lang.t(&format!("choice.{}", vote.choice)).to_owned(),
        code: vote.choice,
        comment: clean(&vote.comment),
        time: stamp(vote.time),
    };
    let change = serde_json::to_string_pretty(&of.change).unwrap_or_default();
    Ok(One {
        why,
        reason: clean(&of.reason),
        version: version(&state.handle.state().ledger, &of.id),
        change: change.lines().map(clean).collect::<Vec<_>>().join("\n"),
        waits_for: of.waits_for.iter().map(|member| clean(&member.name)).collect(),
        votes: of.votes.iter().map(vote).collect(),
        open: of.state == "open",
        line: Line::new(&of, lang),
        frame: frame.clone(),
    })
}

/// The version of the charter that a decision made.
fn version(ledger: &Ledger, proposal: &StatementId) -> Option<u64> {
    let versions = ledger.decisions.settled().versions();
    let made = versions.iter().find(|version| version.decided.is_some_and(|decided| decided.resolved.id == *proposal));
    made.map(|version| version.alliance.version())
}

/// Says something to a proposal, and shows it again.
pub(crate) async fn vote(State(state): State<AppState>, Param(id): Param, headers: HeaderMap, given: Fields) -> Response {
    let here: Uri = format!("/decisions/{id}").parse().unwrap_or_else(|_| Uri::from_static("/decisions"));
    let frame = Frame::new(&state, &headers, &here);
    let choice = Choice::ALL.into_iter().find(|choice| choice.name() == given.text("choice"));
    let request = id.parse().ok().zip(choice);
    let Some((proposal, choice)) = request else { return frame.problem(&Problem::not_found()) };
    if let Err(problem) = check_room(&state) {
        return frame.problem(&problem);
    }
    match state.handle.vote(VoteRequest { proposal, choice, comment: given.text("comment").trim().to_owned() }).await {
        Ok(_) => Redirect::to(&format!("/decisions/{proposal}")).into_response(),
        Err(error) => {
            let problem = Problem::from(error);
            let why = frame.lang.fill("decisions.why", &[&clean(&problem.detail)]);
            let page = found(&state, &frame, &id, Some(why));
            match page {
                Ok(page) => respond(problem.kind.status(), frame.lang, &page),
                Err(problem) => frame.problem(&problem),
            }
        }
    }
}
