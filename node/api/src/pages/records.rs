//! The list of records, with a filter and pages.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use suyuan_core::CircleId;
use suyuan_core::circle::PUBLIC;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::query::{Filter, RecordView, SectionContent, SectionView};
use suyuan_engine::schema::Row;
use suyuan_engine::waiting::{Queue, Reason, Waiting};
use suyuan_trace::ProductPage;

use super::frame::{self, Frame, filters};
use super::lenient::Lenient;
use super::text::{clean, stamp};
use super::words::Lang;
use crate::body::{Fields, Param};
use crate::problem::{Kind, Problem};
use crate::reads::{self, Purpose};
use crate::records::circle_named;
use crate::records::view::{CircleName, is_compromised};
use crate::state::AppState;
use crate::waiting::{self, Unsealed};

/// What waits, on one page.
const WAITING: usize = 50;
/// Types and circles that are named of each.
const CHIPS: usize = 8;
/// Records of one page.
const LIMIT: usize = 50;
/// Pages of the engine that are looked through for one of the console's, where only some types are wanted.
const LOOKS: usize = 20;

#[derive(Template)]
#[template(path = "console/records.html")]
struct Records {
    frame: Frame,
    subject: String,
    kind: String,
    circle: String,
    log: String,
    circles: Vec<Choice>,
    members: Vec<Choice>,
    kinds: Vec<Choice>,
    why: Option<String>,
    records: Vec<Listed>,
    next: Option<String>,
    waiting: Option<Waits>,
}

/// What waits until it can be sealed, where anything does.
struct Waits {
    lead: String,
    lines: Vec<WaitLine>,
    more: usize,
}

struct WaitLine {
    id: String,
    since: String,
    kinds: Vec<String>,
    circles: Vec<String>,
    records: usize,
    why: String,
    failed: bool,
}

struct Choice {
    value: String,
    name: String,
}

struct Listed {
    id: String,
    time: String,
    kind: String,
    author: String,
    role: &'static str,
    about: Vec<String>,
    sections: Vec<Chip>,
    published: bool,
    /// Beyond the last common point of two histories that its author signed.
    beyond: bool,
    /// Behind the size at which its log was closed.
    quarantined: bool,
    compromised: bool,
}

struct Chip {
    state: &'static str,
    text: String,
}

/// What the form asks for; a field that was left empty asks for nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    subject: String,
    r#type: String,
    circle: String,
    log: String,
    after: String,
}

impl Waits {
    fn new(queue: &Queue, ledger: &Ledger, lang: Lang) -> Option<Self> {
        let first = queue.iter().next()?;
        let Unsealed { records, failed, .. } = Unsealed::of(queue);
        let lead = if records > 0 { lang.fill("waiting.lead", &[&records.to_string(), &stamp(first.since)]) } else { String::new() };
        let failed = if failed > 0 { lang.fill("waiting.lead-failed", &[&failed.to_string()]) } else { String::new() };
        let lines: Vec<_> = queue.iter().take(WAITING).map(|waiting| WaitLine::new(waiting, ledger, lang)).collect();
        Some(Self { lead: format!("{lead}{failed}"), more: queue.len().saturating_sub(lines.len()), lines })
    }
}

impl WaitLine {
    fn new(waiting: &Waiting, ledger: &Ledger, lang: Lang) -> Self {
        let why = match (&waiting.failed, waiting.reason) {
            (Some(refusal), _) => lang.fill("waiting.failed", &[&clean(&refusal.detail)]),
            (None, Reason::Unconfirmed) => lang.t("waiting.unconfirmed").to_owned(),
            (None, Reason::KeyChange) => lang.t("waiting.key-change").to_owned(),
            (None, Reason::Epoch) => lang.t("waiting.epoch").to_owned(),
        };
        let circle = |id: &CircleId| match CircleName::of(id, ledger).name.as_str() {
            "" => id.to_string(),
            _ if *id == PUBLIC => lang.t("circles.public").to_owned(),
            _ if id.0 == ledger.me.0 => lang.t("circles.self").to_owned(),
            name => clean(name),
        };
        Self {
            id: waiting.id.to_string(),
            since: stamp(waiting.since),
            kinds: waiting.kinds.iter().take(CHIPS).map(|kind| lang.kind(kind)).collect(),
            circles: waiting.circles.iter().take(CHIPS).map(circle).collect(),
            records: waiting.records,
            why,
            failed: waiting.failed.is_some(),
        }
    }
}

/// State of a section for its colour, and words for it.
pub(crate) fn chip(section: &SectionView, lang: Lang) -> (&'static str, String) {
    match &section.content {
        SectionContent::Open(fields) if section.circles.contains(&PUBLIC) => ("public", lang.count("record.public", fields.len() as u64)),
        SectionContent::Open(fields) => ("open", lang.count("record.open", fields.len() as u64)),
        SectionContent::Withheld => ("closed", lang.count("record.closed", section.fields)),
        SectionContent::Void(_) => ("void", lang.t("record.void").to_owned()),
    }
}

impl Listed {
    fn new(record: &RecordView, ledger: &Ledger, lang: Lang) -> Self {
        let chips = record.sections.iter().map(|section| {
            let (state, text) = chip(section, lang);
            Chip { state, text }
        });
        Self {
            id: record.id.to_string(),
            time: stamp(record.time),
            kind: lang.kind(&record.kind),
            author: frame::member(ledger, &record.author),
            role: frame::role(ledger, &record.author, lang),
            about: record.about.iter().map(|subject| named(subject, lang)).collect(),
            sections: chips.collect(),
            published: record.published,
            beyond: ledger.convictions.is_beyond(&record.log, record.sequence),
            quarantined: record.quarantined,
            compromised: is_compromised(record, ledger),
        }
    }
}

/// A subject as a list shows it: a product by its GTIN and lot or serial number, anything else as it is written.
fn named(subject: &str, lang: Lang) -> String {
    let path = subject.strip_prefix("https://id.gs1.org");
    let text = match path.and_then(|path| ProductPage::parse(path).ok()) {
        Some(ProductPage::Lot { gtin, lot }) => format!("{gtin} · {} {lot}", lang.t("page.lot")),
        Some(ProductPage::Serial { gtin, serial }) => format!("{gtin} · {} {serial}", lang.t("page.serial")),
        None => path.unwrap_or(subject).to_owned(),
    };
    clean(&text)
}

impl Wanted {
    /// What to ask the engine for.
    fn filter(&self, ledger: &Ledger, lang: Lang) -> Result<(Filter, Option<Row>), Problem> {
        let wrong = |detail: String| Problem::new(Kind::Parameter, detail);
        let given = [&self.subject, &self.circle, &self.log].into_iter().filter(|text| !text.is_empty()).count();
        if given > 1 {
            return Err(wrong(lang.t("records.one").to_owned()));
        }
        let filter = if !self.subject.is_empty() {
            let text = self.subject.trim();
            let whole = if text.starts_with('/') { format!("https://id.gs1.org{text}") } else { text.to_owned() };
            Filter::Subject(suyuan_trace::subject(&whole).map_err(|error| wrong(error.to_string()))?.to_string())
        } else if !self.circle.is_empty() {
            Filter::Circle(circle_named(ledger, &self.circle).ok_or_else(Problem::not_found)?)
        } else if self.log.is_empty() {
            Filter::All
        } else {
            Filter::Author(self.log.parse().map_err(|_| Problem::not_found())?)
        };
        let after = hex::decode(&self.after).ok().and_then(|key| Row::from_key(&key));
        Ok((filter, after))
    }

    /// The address of the page from `row` on.
    fn next(&self, row: Row) -> String {
        let mut link = format!("/records?after={}", hex::encode(row.key()));
        for (name, value) in [("subject", &self.subject), ("type", &self.r#type), ("circle", &self.circle), ("log", &self.log)] {
            if !value.is_empty() {
                link.push_str(&format!("&{name}="));
                value.bytes().for_each(|byte| link.push_str(&format!("%{byte:02X}")));
            }
        }
        link
    }
}

/// The page.
pub(crate) async fn page(State(state): State<AppState>, headers: HeaderMap, uri: Uri, Lenient(wanted): Lenient<Wanted>) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let ledger = state.handle.state().ledger;
    let found = find(&state, &wanted, &ledger, frame.lang).await;
    let (why, (records, next)) = match found {
        Ok(found) => (None, found),
        Err(problem) => (Some(frame.lang.fill("records.why", &[&clean(&problem.detail)])), (Vec::new(), None)),
    };
    let page = Records {
        records: records.iter().map(|record| Listed::new(record, &ledger, frame.lang)).collect(),
        next: next.map(|row| wanted.next(row)),
        why,
        circles: circles(&ledger, frame.lang),
        kinds: frame.lang.kinds().map(|(value, name)| Choice { value: value.to_owned(), name: name.to_owned() }).collect(),
        members: ledger.alliance.members().iter().map(|member| Choice { value: member.id.to_string(), name: clean(&member.entry.name) }).collect(),
        subject: clean(&wanted.subject),
        kind: clean(&wanted.r#type),
        circle: wanted.circle,
        log: wanted.log,
        waiting: Waits::new(&state.handle.state().waiting, &ledger, frame.lang),
        frame: frame.clone(),
    };
    frame::finish(frame, Ok(page))
}

/// Takes out something that waits, and shows the page again.
pub(crate) async fn take_out(State(state): State<AppState>, Param(id): Param, headers: HeaderMap, _given: Fields) -> Response {
    match waiting::take_out(&state, &id).await {
        Ok(_) => Redirect::to("/records").into_response(),
        Err(problem) => Frame::new(&state, &headers, &Uri::from_static("/records")).problem(&problem),
    }
}

/// The records that match, and where to go on. Whatever a regulator sees of sealed sections here is in its log first.
async fn find(state: &AppState, wanted: &Wanted, ledger: &Ledger, lang: Lang) -> Result<(Vec<RecordView>, Option<Row>), Problem> {
    let (filter, mut from) = wanted.filter(ledger, lang)?;
    let kind = wanted.r#type.trim().to_owned();
    let (records, next) = state
        .read(move |reading| {
            let reader = reading.reader();
            let mut records = Vec::new();
            for _ in 0..LOOKS {
                let page = reader.page(&filter, from, LIMIT)?;
                records.extend(page.records.into_iter().filter(|record| kind.is_empty() || record.kind == kind));
                from = page.next;
                if from.is_none() || records.len() >= LIMIT || kind.is_empty() {
                    break;
                }
            }
            Ok((records, from))
        })
        .await?;
    reads::log(state, &records, &Purpose::new("console: list")?).await?;
    Ok((records, next))
}

fn circles(ledger: &Ledger, lang: Lang) -> Vec<Choice> {
    let fixed = [("public", lang.t("circles.public")), ("self", lang.t("circles.self"))]
        .map(|(value, name)| Choice { value: value.to_owned(), name: name.to_owned() });
    let known = ledger.circles.iter().map(|circle| Choice { value: circle.id.to_string(), name: clean(&circle.name) });
    fixed.into_iter().chain(known).collect()
}
