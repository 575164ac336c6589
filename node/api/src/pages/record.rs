//! One record: its sections, who can read each, what is withheld, how far it has come, and disclosing single fields of it.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Deserialize;
use suyuan_core::charter::Role;
use suyuan_core::circle::PUBLIC;
use suyuan_core::policy::LogPolicy;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::query::{RecordView, SectionContent, SectionView, Witnesses};
use suyuan_trace::ProductPage;

use super::display::{Line, display};
use super::frame::{self, Frame, filters};
use super::lenient::Lenient;
use super::records::chip;
use super::text::{clean, stamp};
use super::words::Lang;
use crate::body::{Fields, Json, Param};
use crate::export;
use crate::problem::{Kind, Problem};
use crate::public::qr;
use crate::reads::{self, Purpose, Read};
use crate::records;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "console/record.html")]
struct Page {
    frame: Frame,
    id: String,
    kind: String,
    kind_code: String,
    author: String,
    role: &'static str,
    time: String,
    sequence: u64,
    about: Vec<About>,
    references: Vec<String>,
    published: bool,
    witnessed: bool,
    /// By how many of how many, or by whom and when.
    witnesses: String,
    /// Beyond the last common point of two histories that its author signed.
    beyond: bool,
    quarantined: bool,
    compromised: bool,
    held_by: Vec<String>,
    /// The record's id where its reader has to say for what.
    ask: Option<String>,
    purpose: Option<String>,
    sections: Vec<Section>,
    /// Whether there is a field to disclose.
    opened: bool,
}

struct About {
    text: String,
    /// Its page on this node's public side.
    page: Option<String>,
}

struct Section {
    index: u8,
    number: String,
    state: &'static str,
    title: String,
    readers: String,
    fields: Vec<Shown>,
    note: String,
}

struct Shown {
    name: String,
    lines: Vec<Line>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    purpose: String,
}

/// The page. A regulator says for what it reads sealed sections, and the read is in its log before they are shown.
pub(crate) async fn page(State(state): State<AppState>, headers: HeaderMap, uri: Uri, Param(id): Param, Lenient(asked): Lenient<Asked>) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let purpose = Some(asked.purpose).filter(|purpose| !purpose.is_empty());
    let page = load(&state, &id, purpose, &frame).await;
    frame::finish(frame, page)
}

async fn load(state: &AppState, id: &str, purpose: Option<String>, frame: &Frame) -> Result<Page, Problem> {
    let record = records::load(state, id).await?;
    let ledger = state.handle.state().ledger;
    let regulator = ledger.alliance.member(&ledger.me).is_some_and(|me| me.entry.role == Role::Regulator);
    let locked = regulator && record.author != ledger.me && Read::of(&record).is_some() && purpose.is_none();
    if !locked {
        let stated = purpose.as_deref().map(Purpose::new).transpose()?.unwrap_or_default();
        reads::log(state, std::slice::from_ref(&record), &stated).await?;
    }
    let peers = state.peers.borrow().clone();
    let shown = records::view::Record::new(&record, &ledger, &peers);
    let sections: Vec<_> = record.sections.iter().map(|section| Section::new(section, &ledger, frame.lang, locked)).collect();
    Ok(Page {
        id: record.id.to_string(),
        kind: frame.lang.kind(&record.kind),
        kind_code: record.kind.clone(),
        author: frame::member(&ledger, &record.author),
        role: frame::role(&ledger, &record.author, frame.lang),
        time: stamp(record.time),
        sequence: record.sequence,
        about: if locked { Vec::new() } else { about(&record, state, &ledger) },
        references: record.references.iter().map(ToString::to_string).collect(),
        published: record.published,
        witnessed: record.witnesses.standing.witnessed(),
        witnesses: witnesses(&record, &ledger, frame.lang),
        beyond: shown.state.beyond_common_point,
        quarantined: shown.state.quarantined,
        compromised: shown.state.compromised,
        held_by: shown.state.held_by.iter().map(|member| clean(&member.name)).collect(),
        ask: locked.then(|| record.id.to_string()),
        purpose,
        opened: sections.iter().any(|section| !section.fields.is_empty()),
        sections,
        frame: frame.clone(),
    })
}

/// By whom and when a record is witnessed, or how many of how many have cosigned.
fn witnesses(record: &RecordView, ledger: &Ledger, lang: Lang) -> String {
    let Witnesses { standing, members } = &record.witnesses;
    let policy = LogPolicy::of(&ledger.alliance, &record.author);
    match standing.time {
        Some(seconds) => {
            let names: Vec<String> = members.iter().filter(|(id, _)| policy.counts(id)).map(|(id, _)| frame::member(ledger, id)).collect();
            lang.fill("record.witnessed", &[names.join(lang.t("json.join")).as_str(), &stamp(seconds.saturating_mul(1000))])
        }
        None if standing.needed == 0 => lang.t("record.unwitnessed").to_owned(),
        None => lang.fill("record.witnessing", &[standing.count.to_string().as_str(), &standing.needed.to_string()]),
    }
}

fn about(record: &RecordView, state: &AppState, ledger: &Ledger) -> Vec<About> {
    let pages = record.about.iter().map(|subject| {
        let page = subject.strip_prefix("https://id.gs1.org").and_then(|path| ProductPage::parse(path).ok());
        let page = page.and_then(|page| qr::address(&page, &state.public_url, &ledger.alliance.id()).ok());
        About { text: clean(subject), page }
    });
    pages.collect()
}

impl Section {
    fn new(section: &SectionView, ledger: &Ledger, lang: Lang, locked: bool) -> Self {
        let sealed = !section.circles.contains(&PUBLIC);
        let (mut state, mut title) = chip(section, lang);
        let (mut fields, mut note) = (Vec::new(), String::new());
        match &section.content {
            SectionContent::Open(_) if locked && sealed => {
                (state, title) = ("locked", lang.count("record.locked", section.fields));
                note = lang.t("record.locked.note").to_owned();
            }
            SectionContent::Open(open) => {
                // The name goes into the form as it is; only its text on the page is made visible.
                fields.extend(open.iter().map(|field| Shown { name: field.name.clone(), lines: display(lang, [field]) }));
            }
            SectionContent::Withheld => note = lang.t("record.closed.note").to_owned(),
            SectionContent::Void(fault) => note = lang.known(&format!("fault.{}", fault.code())).unwrap_or(fault.explain()).to_owned(),
        }
        let number = u32::from(section.index).saturating_add(1).to_string();
        Self { index: section.index, number, state, title, readers: readers(section, ledger, lang), fields, note }
    }
}

fn readers(section: &SectionView, ledger: &Ledger, lang: Lang) -> String {
    if section.circles.contains(&PUBLIC) {
        return lang.t("record.readers.all").to_owned();
    }
    let unknown = section.audiences.saturating_sub(section.circles.len() as u64);
    if section.circles.is_empty() {
        return lang.fill("record.readers.none", &[&unknown.to_string()]);
    }
    let names: Vec<_> = section.readers.iter().map(|reader| frame::member(ledger, reader)).collect();
    let mut text = lang.fill("record.readers", &[&names.join(lang.t("json.join"))]);
    if unknown > 0 {
        text.push_str(&lang.fill("record.readers.more", &[&unknown.to_string()]));
    }
    text
}

/// Takes out the fields that were ticked, as a file in which each can be verified alone.
pub(crate) async fn disclose(State(state): State<AppState>, headers: HeaderMap, Param(id): Param, Fields(given): Fields) -> Response {
    let frame = Frame::new(&state, &headers, &Uri::from_static("/records"));
    taken_out(state, id, given, frame.lang).await.unwrap_or_else(|problem| frame.problem(&problem))
}

async fn taken_out(state: AppState, id: String, given: Vec<(String, String)>, lang: Lang) -> Result<Response, Problem> {
    let mut fields = Vec::new();
    for (_, value) in given.iter().filter(|(name, _)| name == "field") {
        let (section, name) = value.split_once(':').ok_or_else(Problem::not_found)?;
        let section: u8 = section.parse().map_err(|_| Problem::not_found())?;
        fields.push(serde_json::json!({ "section": section, "name": name }));
    }
    if fields.is_empty() {
        return Err(Problem::new(Kind::Parameter, lang.t("record.choose")));
    }
    let purpose = given.iter().find(|(name, _)| name == "purpose").map(|(_, purpose)| purpose);
    let wanted = serde_json::from_value(serde_json::json!({ "fields": fields, "purpose": purpose })).map_err(|error| Problem::internal(&error))?;
    export::disclose(State(state), Param(id), Purpose::default(), Json(wanted)).await
}
