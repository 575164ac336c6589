//! `suyuan import` and `suyuan record export`: EPCIS 2.0 JSON documents in and out, every value's text kept (`specs/epcis.md`).

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use suyuan_client::{Client, Filter, Submitted};
use suyuan_core::StatementId;
use suyuan_engine::json::Members;
use suyuan_engine::{limits, submission};

use super::waiting;
use crate::answer::{Answer, Failure, read_file};
use crate::cli::Import;

/// Types of the records.
const DOCUMENT: &str = "epcis.document";
const EVENT: &str = "epcis.event";
/// Longest document, bytes.
const LIMIT: usize = 64 * 1024 * 1024;
/// Events of one submission, and their bytes, unless a single one is longer.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

#[derive(Deserialize)]
struct EventList {
    #[serde(default, rename = "eventList")]
    events: Vec<Box<RawValue>>,
}

pub fn import(client: &Client, flags: &Import) -> Result<Answer, Failure> {
    let bytes = read_file(&flags.file, LIMIT)?;
    let (envelope, events) =
        split(&bytes).map_err(|error| Failure::local(format!("{} is no EPCIS 2.0 JSON document: {error}", flags.file.display())))?;
    // What cannot become a record is found before anything is written.
    let whose = |what: &str, why: String| Failure::local(format!("{}: {what} cannot become a record: {why}", flags.file.display()));
    submission::check_bounds(&envelope, &[]).map_err(|refusal| whose("the envelope", refusal.to_string()))?;
    let mut crowded = 0usize;
    for (number, event) in (1u64..).zip(&events) {
        let what = format!("event {number}");
        let members = serde_json::from_str::<Members>(event.get()).map_err(|error| whose(&what, error.to_string()))?;
        let about = subjects(&members);
        crowded = crowded.saturating_add(usize::from(about.len() > limits::ABOUT));
        submission::check_bounds(&members, named(&about)).map_err(|refusal| whose(&what, refusal.to_string()))?;
    }
    let bar = ProgressBar::new(events.len() as u64);
    // The same file imported again for the same readers is the same import: what is already there is not written twice.
    let name = blake3::hash(&[flags.audience.as_bytes(), b"\n", &bytes].concat()).to_hex();
    let first = submit(client, &[record(DOCUMENT, &[], None, &flags.audience, &envelope)], &format!("import-{name}"))?;
    let document = first.first().copied().ok_or_else(|| Failure::local("the node did not say what it wrote"))?;
    let mut ids = Vec::with_capacity(events.len());
    for (number, batch) in batches(&events).into_iter().enumerate() {
        let records: Result<Vec<String>, Failure> = batch.iter().map(|event| event_record(event, &document, &flags.audience)).collect();
        ids.extend(submit(client, &records?, &format!("import-{name}-{number}"))?);
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    let warning = (crowded > 0).then(|| {
        format!(
            "{crowded} event(s) name more than {} things; each is listed under the first {} in the order of their names only",
            limits::ABOUT,
            limits::ABOUT
        )
    });
    let warned = warning.as_ref().map(|warning| format!("\n! {warning}")).unwrap_or_default();
    let text = format!("{} events taken in.\nenvelope {document}\nout again: suyuan record export {document}{warned}", ids.len());
    Ok(Answer::new(text, json!({ "document": document, "events": ids, "warning": warning })))
}

/// The events in submissions that a node takes.
fn batches(events: &[Box<RawValue>]) -> Vec<&[Box<RawValue>]> {
    let (mut batches, mut rest) = (Vec::new(), events);
    while !rest.is_empty() {
        let mut bytes = 0usize;
        let fitting = rest.iter().take(BATCH).take_while(|event| {
            bytes = bytes.saturating_add(event.get().len());
            bytes <= BATCH_BYTES
        });
        let (batch, after) = rest.split_at(fitting.count().clamp(1, rest.len()));
        batches.push(batch);
        rest = after;
    }
    batches
}

/// What stands in an envelope in place of the events.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Contents {
    /// How many.
    events: usize,
    /// Over their texts in order, each followed by a line end: the author may write other events that refer to the envelope.
    blake3: String,
}

impl Contents {
    fn of(events: &[String]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for event in events {
            hasher.update(event.as_bytes()).update(b"\n");
        }
        Self { events: events.len(), blake3: hasher.finalize().to_hex().to_string() }
    }
}

/// The envelope's members with what stands in place of the events, and the events.
fn split(bytes: &[u8]) -> Result<(Members, Vec<Box<RawValue>>), serde_json::Error> {
    let Members(mut envelope) = serde_json::from_slice(bytes)?;
    let mut events = Vec::new();
    for member in envelope.iter_mut().filter(|member| member.name == "epcisBody") {
        let Members(mut body) = serde_json::from_str(&member.value)?;
        events = serde_json::from_str::<EventList>(&member.value)?.events;
        let texts = events.iter().map(|event| serde_json::from_str(event.get()).map(|event| object(&event))).collect::<Result<Vec<_>, _>>()?;
        body.iter_mut().filter(|inner| inner.name == "eventList").for_each(|list| list.value = json!(Contents::of(&texts)).to_string());
        member.value = object(&Members(body));
    }
    Ok((Members(envelope), events))
}

fn object(Members(members): &Members) -> String {
    let members: Vec<String> = members.iter().map(|member| format!("{}:{}", json!(member.name), member.value)).collect();
    format!("{{{}}}", members.join(","))
}

fn record(kind: &str, about: &[String], reference: Option<&StatementId>, audience: &str, fields: &Members) -> String {
    let references: Vec<&StatementId> = reference.into_iter().collect();
    format!(
        r#"{{"type":{},"about":{},"references":{},"sections":[{{"for":{},"fields":{}}}]}}"#,
        json!(kind),
        json!(about),
        json!(references),
        json!(audience),
        object(fields)
    )
}

fn event_record(event: &RawValue, document: &StatementId, audience: &str) -> Result<String, Failure> {
    let members: Members = serde_json::from_str(event.get()).map_err(|error| Failure::local(format!("an event: {error}")))?;
    Ok(record(EVENT, named(&subjects(&members)), Some(document), audience, &members))
}

/// As many subjects as a record may have.
fn named(subjects: &[String]) -> &[String] {
    subjects.get(..limits::ABOUT).unwrap_or(subjects)
}

/// Every object of the event that this program can name: its EPCs, classes, parent and outputs.
fn subjects(Members(members): &Members) -> Vec<String> {
    let member = |name: &str| members.iter().find(|member| member.name == name).map(|member| member.value.as_str());
    let items = |name: &str| member(name).and_then(|list| serde_json::from_str::<Vec<&RawValue>>(list).ok()).unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    for list in ["epcList", "childEPCs", "inputEPCList", "outputEPCList"] {
        found.extend(items(list).into_iter().filter_map(|item| serde_json::from_str(item.get()).ok()));
    }
    for list in ["quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"] {
        let classes = items(list).into_iter().filter_map(|item| serde_json::from_str::<Quantity>(item.get()).ok());
        found.extend(classes.filter_map(|quantity| serde_json::from_str(quantity.class?.get()).ok()));
    }
    found.extend(member("parentID").and_then(|parent| serde_json::from_str(parent).ok()));
    let mut subjects: Vec<String> =
        found.into_iter().filter_map(|name: String| suyuan_trace::subject(&name).ok()).map(|subject| subject.to_string()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

/// An item of a quantity list. Its numbers are passed over, whatever their size.
#[derive(Deserialize)]
struct Quantity {
    #[serde(rename = "epcClass")]
    class: Option<Box<RawValue>>,
}

fn submit(client: &Client, records: &[String], key: &str) -> Result<Vec<StatementId>, Failure> {
    let body = format!(r#"{{"records":[{}]}}"#, records.join(","));
    match client.submit(&body, Some(key)).map_err(|error| Failure::from_client(&error))? {
        Submitted::Written(written) => Ok(written.records.into_iter().map(|record| record.id).collect()),
        Submitted::Waiting(waiting) => Err(Failure::waits(format!(
            "{}. Run the same import again when nothing waits any more: what is written by then is not written twice",
            waiting::sentence(&waiting)
        ))),
    }
}

#[derive(Deserialize)]
struct Shown {
    id: StatementId,
    r#type: String,
    #[serde(default)]
    references: Vec<StatementId>,
    author: Author,
    sections: Vec<ShownSection>,
}

#[derive(Deserialize)]
struct Author {
    id: String,
}

#[derive(Deserialize)]
struct ShownSection {
    fields: Option<Members>,
}

impl Shown {
    fn fields(self) -> Members {
        Members(self.sections.into_iter().filter_map(|section| section.fields).flat_map(|Members(fields)| fields).collect())
    }
}

pub fn export(client: &Client, id: &StatementId) -> Result<Answer, Failure> {
    let text = client.record(id).map_err(|error| Failure::from_client(&error))?;
    let envelope: Shown = serde_json::from_str(&text).map_err(Failure::local)?;
    if envelope.r#type != DOCUMENT {
        return Err(Failure::local(format!("record {id} is no EPCIS document but a {}", envelope.r#type)));
    }
    let candidates = events_of(client, &envelope)?;
    let Members(mut members) = envelope.fields();
    for member in members.iter_mut().filter(|member| member.name == "epcisBody") {
        let Members(mut body) = serde_json::from_str(&member.value).map_err(Failure::local)?;
        for list in body.iter_mut().filter(|inner| inner.name == "eventList") {
            let contents: Contents = serde_json::from_str(&list.value).map_err(Failure::local)?;
            list.value = format!("[{}]", events(&contents, &candidates)?.join(","));
        }
        member.value = object(&Members(body));
    }
    let document = object(&Members(members));
    Ok(Answer::raw(document.clone(), document))
}

/// The events of the document: of those that refer to its envelope, the first ones. Others that refer to it were written later.
fn events<'a>(contents: &Contents, candidates: &'a [String]) -> Result<&'a [String], Failure> {
    let fitting = candidates.get(..contents.events).filter(|events| Contents::of(events) == *contents);
    fitting.ok_or_else(|| {
        let found = candidates.len();
        Failure::local(format!(
            "the document's {} events are not all here: {found} that refer to it were found; the others are withheld, or still on their way",
            contents.events
        ))
    })
}

/// The events that refer to an envelope, in the order in which they were written.
fn events_of(client: &Client, envelope: &Shown) -> Result<Vec<String>, Failure> {
    let filter = Filter::Log(envelope.author.id.clone());
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = client.records(&filter, after.as_deref(), limits::PAGE).map_err(|error| Failure::from_client(&error))?;
        for record in &page.records {
            let shown: Shown = serde_json::from_str(record.get()).map_err(Failure::local)?;
            if shown.r#type == EVENT && shown.references.contains(&envelope.id) {
                events.push(object(&shown.fields()));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(events),
        }
    }
}
