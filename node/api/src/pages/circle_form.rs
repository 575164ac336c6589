//! Founding a circle.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::ledger::Ledger;

use super::frame::{self, Frame, respond};
use super::text::clean;
use super::words::Lang;
use crate::body::Fields;
use crate::calendar::end_of_day;
use crate::circles::check_end;
use crate::problem::{Kind, Problem};
use crate::state::AppState;
use crate::trouble::check_room;

#[derive(Template)]
#[template(path = "console/new_circle.html")]
struct Page {
    frame: Frame,
    why: Option<String>,
    form: Filled,
}

/// The form as it was filled in.
#[derive(Default)]
struct Filled {
    name: String,
    purpose: String,
    codevelopment: bool,
    until: String,
    terms: Terms,
    members: Vec<Member>,
}

struct Member {
    id: String,
    name: String,
    role: &'static str,
    chosen: String,
}

impl Filled {
    fn read(given: &Fields, ledger: &Ledger, lang: Lang) -> Self {
        let text = |wanted: &str| given.text(wanted).trim().to_owned();
        let members = ledger.alliance.members().iter().filter(|member| member.id != ledger.me);
        Self {
            name: text("name"),
            purpose: text("purpose"),
            codevelopment: text("tier") == "codevelopment",
            until: text("until"),
            terms: Terms { confidentiality: text("confidentiality"), retention: text("retention"), onward: text("onward"), exit: text("exit") },
            members: members
                .map(|member| Member {
                    id: member.id.to_string(),
                    name: clean(&member.entry.name),
                    role: frame::role(ledger, &member.id, lang),
                    chosen: text(&format!("member:{}", member.id)),
                })
                .collect(),
        }
    }

    fn request(&self) -> Result<CircleRequest, Problem> {
        let chosen = self.members.iter().filter_map(|member| {
            let rights = match member.chosen.as_str() {
                "read" => Rights::Read,
                "write" => Rights::Write,
                _ => return None,
            };
            member.id.parse().ok().map(|member| CircleMember { member, rights })
        });
        let no_date = || Problem::new(Kind::Malformed, "YYYY-MM-DD");
        let until = if self.until.is_empty() { None } else { Some(end_of_day(&self.until).ok_or_else(no_date)?) };
        check_end(until)?;
        Ok(CircleRequest {
            circle: None,
            name: self.name.clone(),
            purpose: self.purpose.clone(),
            tier: if self.codevelopment { Tier::Codevelopment } else { Tier::Authorized },
            members: chosen.collect(),
            terms: self.terms.clone(),
            until,
        })
    }
}

/// The empty form.
pub(crate) async fn page(State(state): State<AppState>, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let form = Filled::read(&Fields(Vec::new()), &state.handle.state().ledger, frame.lang);
    respond(StatusCode::OK, frame.lang, &Page { why: None, form, frame: frame.clone() })
}

/// Founds the circle, and shows it; or shows the form again, and why not.
pub(crate) async fn create(State(state): State<AppState>, headers: HeaderMap, given: Fields) -> Response {
    let frame = Frame::new(&state, &headers, &Uri::from_static("/circles/new"));
    let form = Filled::read(&given, &state.handle.state().ledger, frame.lang);
    match open(&state, &form).await {
        Ok(id) => Redirect::to(&format!("/circles/{id}")).into_response(),
        Err(problem) => respond(
            problem.kind.status(),
            frame.lang,
            &Page { why: Some(frame.lang.fill("circles.why", &[&clean(&problem.detail)])), form, frame: frame.clone() },
        ),
    }
}

async fn open(state: &AppState, form: &Filled) -> Result<suyuan_core::CircleId, Problem> {
    let request = form.request()?;
    check_room(state)?;
    Ok(state.handle.open_circle(request).await?.id)
}
