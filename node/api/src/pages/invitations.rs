//! Invitations: who is invited, a form to invite somebody, and taking an invitation back.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use suyuan_core::charter::Role;
use suyuan_engine::decisions::InvitationRequest;
use suyuan_runtime::node::now;

use super::frame::{self, Frame, filters, respond};
use super::text::{clean, stamp};
use super::words::Lang;
use crate::body::{Fields, Param};
use crate::invitations::{self, InvitationJson, MadeInvitation};
use crate::problem::{Kind, Problem};
use crate::state::AppState;

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;
/// Days that the form proposes.
const DAYS: &str = "7";
/// Invitations on the list.
const SHOWN: usize = 200;
/// What the page calls the file.
const FILE: &str = "invitation.json";

#[derive(Template)]
#[template(path = "console/invitations.html")]
struct List {
    frame: Frame,
    why: Option<String>,
    invitations: Vec<Line>,
    more: usize,
    name: String,
    days: String,
    roles: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "console/invited.html")]
struct Made {
    frame: Frame,
    name: String,
    expires: String,
    text: String,
    file: &'static str,
    init: String,
    join: String,
}

#[derive(Template)]
#[template(path = "console/invitation.html")]
struct One {
    frame: Frame,
    why: Option<String>,
    line: Line,
    own: bool,
}

struct Line {
    id: String,
    name: String,
    role: &'static str,
    author: String,
    expires: String,
    state: String,
    code: &'static str,
    proposal: Option<String>,
}

struct Choice {
    value: &'static str,
    name: &'static str,
    chosen: bool,
}

impl Line {
    fn new(of: &InvitationJson, lang: Lang) -> Self {
        let state = match of.state {
            "used" => "invitation.used",
            "withdrawn" => "invitation.withdrawn",
            "expired" => "invitation.expired",
            _ => "invitation.open",
        };
        Self {
            id: of.id.to_string(),
            name: clean(&of.name),
            role: lang.role(of.role),
            author: clean(&of.author.name),
            expires: stamp(of.expires),
            state: lang.t(state).to_owned(),
            code: of.state,
            proposal: of.proposal.map(|proposal| proposal.to_string()),
        }
    }
}

/// The list.
pub(crate) async fn list(State(state): State<AppState>, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    respond(StatusCode::OK, frame.lang, &shown(&state, &frame, None, &Fields(Vec::new())))
}

fn shown(state: &AppState, frame: &Frame, why: Option<String>, given: &Fields) -> List {
    let lang = frame.lang;
    let all = invitations::all(&state.handle.state().ledger);
    let role = given.text("role");
    let days = if given.text("days").is_empty() { DAYS } else { given.text("days") };
    let offered = Role::ALL.into_iter().filter(|role| *role != Role::Leader);
    List {
        why,
        more: all.len().saturating_sub(SHOWN),
        invitations: all.iter().take(SHOWN).map(|one| Line::new(one, lang)).collect(),
        name: given.text("name").trim().to_owned(),
        days: days.to_owned(),
        roles: offered.map(|one| Choice { value: one.name(), name: lang.role(one), chosen: one.name() == role }).collect(),
        frame: frame.clone(),
    }
}

/// Makes an invitation, and shows it this once; or shows the form again, and why not.
pub(crate) async fn create(State(state): State<AppState>, headers: HeaderMap, given: Fields) -> Response {
    let frame = Frame::new(&state, &headers, &Uri::from_static("/invitations"));
    let made = match request(&given) {
        Ok(request) => invitations::make(&state, request.clone()).await.map(|made| (request, made)),
        Err(problem) => Err(problem),
    };
    match made.and_then(|(request, made)| Made::new(&request, &made, frame.clone())) {
        Ok(made) => respond(StatusCode::CREATED, frame.lang, &made),
        Err(problem) => {
            let why = frame.lang.fill("decisions.why", &[&clean(&problem.detail)]);
            respond(problem.kind.status(), frame.lang, &shown(&state, &frame, Some(why), &given))
        }
    }
}

fn request(given: &Fields) -> Result<InvitationRequest, Problem> {
    let malformed = |detail: &str| Problem::new(Kind::Malformed, detail);
    let role = given.text("role").parse().map_err(|_| malformed("role: upstream, midstream, downstream, support or regulator"))?;
    let days: u64 = given.text("days").trim().parse().map_err(|_| malformed("days: a number from 1 to 90"))?;
    let expires = now().saturating_add(days.saturating_mul(DAY));
    Ok(InvitationRequest { name: given.text("name").trim().to_owned(), role, expires })
}

impl Made {
    fn new(request: &InvitationRequest, made: &MadeInvitation, frame: Frame) -> Result<Self, Problem> {
        let text = serde_json::to_string(made).map_err(|error| Problem::internal(&error))?;
        let scope = if request.role == Role::Regulator { " --scope TYPE" } else { "" };
        Ok(Self {
            name: clean(&request.name),
            expires: stamp(request.expires),
            text,
            file: FILE,
            init: format!("suyuan init --name {} --role {}{scope} --address /ip4/ADDRESS/tcp/7401", quoted(&request.name), request.role),
            join: format!("suyuan join {FILE}"),
            frame,
        })
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// One invitation, where it can be taken back.
pub(crate) async fn one(State(state): State<AppState>, Param(id): Param, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let page = found(&state, &frame, &id, None);
    frame::finish(frame, page)
}

fn found(state: &AppState, frame: &Frame, id: &str, why: Option<String>) -> Result<One, Problem> {
    let ledger = state.handle.state().ledger;
    let of = invitations::found(&ledger, id)?;
    Ok(One { frame: frame.clone(), why, line: Line::new(&of, frame.lang), own: of.author.id == ledger.me })
}

/// Takes an invitation back, and shows the list; or shows it again, and why not.
pub(crate) async fn take_back(State(state): State<AppState>, Param(id): Param, headers: HeaderMap, _given: Fields) -> Response {
    let here: Uri = format!("/invitations/{id}").parse().unwrap_or_else(|_| Uri::from_static("/invitations"));
    let frame = Frame::new(&state, &headers, &here);
    match invitations::take_back(&state, &id).await {
        Ok(_) => Redirect::to("/invitations").into_response(),
        Err(problem) => {
            let why = frame.lang.fill("decisions.why", &[&clean(&problem.detail)]);
            match found(&state, &frame, &id, Some(why)) {
                Ok(page) => respond(problem.kind.status(), frame.lang, &page),
                Err(problem) => frame.problem(&problem),
            }
        }
    }
}
