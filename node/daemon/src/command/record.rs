//! `suyuan record`: writing, reading, listing, disclosing.

use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use suyuan_client::{Client, Filter, Submitted};
use suyuan_core::StatementId;

use super::{epcis, status, waiting};
use crate::answer::{Answer, Failure, read_file, write_new};
use crate::cli::Record;

/// Longest submission, bytes: what a node takes in one request.
const SUBMISSION: usize = 16 * 1024 * 1024;

pub fn run(client: &Client, command: Record) -> Result<Answer, Failure> {
    match command {
        Record::Put { file, idempotency_key } => put(client, &file, idempotency_key.as_deref()),
        Record::Get { id } => get(client, &id),
        Record::List { subject, circle, log, after, limit } => {
            let filter = subject.map(Filter::Subject).or(circle.map(Filter::Circle)).or(log.map(Filter::Log)).unwrap_or(Filter::All);
            list(client, &filter, after.as_deref(), limit)
        }
        Record::Disclose { id, fields, output } => disclose(client, &id, &fields, &output),
        Record::Export { id } => epcis::export(client, &id),
    }
}

fn refused(error: suyuan_client::ClientError) -> Failure {
    Failure::from_client(&error)
}

fn put(client: &Client, file: &Path, key: Option<&str>) -> Result<Answer, Failure> {
    let body = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().take((SUBMISSION as u64).saturating_add(1)).read_to_end(&mut bytes).map_err(Failure::local)?;
        bytes
    } else {
        read_file(file, SUBMISSION)?
    };
    let body = String::from_utf8(body).map_err(|error| Failure::local(format!("the submission is not UTF-8: {error}")))?;
    let written = match client.submit(&body, key).map_err(refused)? {
        Submitted::Written(written) => written,
        Submitted::Waiting(waiting) => return Ok(waiting::answer(&waiting)),
    };
    let mut text =
        format!("{} record(s) durable from entry {} on{}\n", written.records.len(), written.first, if written.replayed { ", as before" } else { "" });
    for record in &written.records {
        text.push_str(&format!("{}\n", record.id));
    }
    let ids: Vec<_> = written.records.iter().map(|record| record.id).collect();
    Ok(Answer::new(text, json!({ "first": written.first, "ids": ids, "replayed": written.replayed })))
}

fn get(client: &Client, id: &StatementId) -> Result<Answer, Failure> {
    let json = client.record(id).map_err(refused)?;
    Ok(Answer::raw(status::outline(&json), json))
}

/// What a list shows of a record. Values of fields are passed over, whatever numbers stand in them.
#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    author: Named,
    about: Vec<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn list(client: &Client, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Answer, Failure> {
    let page = client.records(filter, after, limit).map_err(refused)?;
    let mut text = String::new();
    for record in &page.records {
        let Listed { id, kind, author, about } = serde_json::from_str(record.get()).map_err(Failure::local)?;
        let about = about.first().map(String::as_str).unwrap_or_default();
        text.push_str(&format!("{id}  {kind:<24} {:<20} {about}\n", super::verify::visible(&author.name)));
    }
    match &page.next {
        Some(next) => text.push_str(&format!("more: --after {next}")),
        None if page.records.is_empty() => text.push_str("no records"),
        None => {}
    }
    let records: Vec<&str> = page.records.iter().map(|record| record.get()).collect();
    Ok(Answer::raw(text, format!(r#"{{"records":[{}],"next":{}}}"#, records.join(","), json!(page.next))))
}

fn disclose(client: &Client, id: &StatementId, fields: &[(u8, String)], output: &Path) -> Result<Answer, Failure> {
    let bundle = if fields.is_empty() { client.bundle(id) } else { client.disclose(id, fields) };
    let bundle = bundle.map_err(refused)?;
    write_new(output, &bundle)?;
    let text = format!("{} proves it anywhere: suyuan verify {} --alliance ID", output.display(), output.display());
    Ok(Answer::new(text, json!({ "bundle": output, "bytes": bundle.len() })))
}
