//! `suyuan resolution`: what the alliance decides together.

use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::{Table, presets};
use serde_json::{Value, json};
use suyuan_client::Client;

use super::verify::visible;
use super::{member, recover, status};
use crate::answer::{Answer, Failure, read_file};
use crate::cli;
use crate::time::utc;

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;
/// Bytes of a change that is read from a file.
const CHANGE: usize = 1024 * 1024;

pub fn run(client: &Client, command: cli::Resolution) -> Result<Answer, Failure> {
    let json = match command {
        cli::Resolution::List => return list(client),
        cli::Resolution::Order => client.json("/api/v1/order"),
        cli::Resolution::Freeze { term } => client.freeze(term),
        cli::Resolution::Show { id } => client.json(&format!("/api/v1/resolutions/{id}")),
        cli::Resolution::Propose { change, reason, days } => {
            let proposal = json!({ "change": content(client, change)?, "reason": reason, "expires": now().saturating_add(days.saturating_mul(DAY)) });
            client.propose(&proposal)
        }
        cli::Resolution::Approve(vote) => said(client, &vote, "approve"),
        cli::Resolution::Object(vote) => said(client, &vote, "object"),
        cli::Resolution::Withdraw(vote) => said(client, &vote, "withdraw"),
        cli::Resolution::Comment(vote) => said(client, &vote, "comment"),
    };
    let json = json.map_err(|error| Failure::from_client(&error))?;
    Ok(Answer::raw(status::outline(&json), json))
}

/// Every proposal with what it waits for; those that wait for this member first.
fn list(client: &Client) -> Result<Answer, Failure> {
    let json = client.json("/api/v1/resolutions").map_err(|error| Failure::from_client(&error))?;
    let all: Vec<Value> = serde_json::from_str(&json).map_err(Failure::local)?;
    let mine = all.iter().filter(|one| one["waitsForMe"] == true).count();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", "what", "state", "approve/needed", "waits for", "until", "id"]);
    for one in &all {
        let text = |name: &str| visible(one[name].as_str().unwrap_or_default());
        let names: Vec<String> =
            one["waitsFor"].as_array().into_iter().flatten().map(|member| visible(member["name"].as_str().unwrap_or_default())).collect();
        let until = one["expires"].as_u64().map(|expires| utc(expires / 1000)).unwrap_or_default();
        table.add_row([
            if one["waitsForMe"] == true { "*".to_owned() } else { String::new() },
            format!("{} {}", text("kind"), text("about")),
            text("state"),
            format!("{}/{}", one["reached"], one["needed"]),
            names.join(", "),
            if one["urgent"] == true { format!("{until}, within 24 hours") } else { until },
            text("id"),
        ]);
    }
    let count = match mine {
        0 => "Nothing waits for this member.".to_owned(),
        1 => "1 proposal waits for this member (*).".to_owned(),
        mine => format!("{mine} proposals wait for this member (*)."),
    };
    let text = if all.is_empty() { "Nothing has been proposed yet.".to_owned() } else { format!("{count}\n{table}") };
    Ok(Answer::raw(text, status::named("resolutions", &json).json))
}

fn said(client: &Client, vote: &cli::Vote, choice: &str) -> Result<String, suyuan_client::ClientError> {
    client.vote(&vote.id, &json!({ "choice": choice, "comment": vote.comment }))
}

/// What is to be decided, as the API takes it.
fn content(client: &Client, change: cli::Change) -> Result<Value, Failure> {
    Ok(match change {
        cli::Change::Agree { title, text } => {
            let bytes = read_file(&text, CHANGE)?;
            let text = String::from_utf8(bytes).map_err(|_| Failure::local(format!("{} is no text in UTF-8", text.display())))?;
            json!({ "agree": { "title": title, "text": text } })
        }
        cli::Change::Remove { member } => {
            let id = member_id(client, &member)?;
            let (size, root) = head(client, &id)?;
            json!({ "remove": { "member": id, "size": size, "root": root } })
        }
        cli::Change::Role { member, role, scope } => json!({ "role": { "member": member_id(client, &member)?, "role": role, "scope": scope } }),
        cli::Change::Chair { member } => json!({ "chair": { "member": member_id(client, &member)? } }),
        cli::Change::Recover { file } => recover::closing(&file, |member| head(client, member))?,
        cli::Change::Compromised { member, from, until, log } => {
            let id = member_id(client, &member)?;
            let held = log_of(client, &id)?;
            let number = |name: &str| held.as_ref().and_then(|log| log.get(name)).and_then(Value::as_u64).unwrap_or(0);
            let (incarnation, size) = (log.unwrap_or_else(|| number("incarnation")), until.unwrap_or_else(|| number("size")));
            json!({ "compromised": { "member": id, "incarnation": incarnation, "from": from, "size": size } })
        }
        cli::Change::File { file } => {
            serde_json::from_slice(&read_file(&file, CHANGE)?).map_err(|error| Failure::local(format!("{} is no change: {error}", file.display())))?
        }
    })
}

/// The id of a member that is named by name or id.
fn member_id(client: &Client, named: &str) -> Result<String, Failure> {
    let members = client.json("/api/v1/members").map_err(|error| Failure::from_client(&error))?;
    let members: Vec<Value> = serde_json::from_str(&members).map_err(Failure::local)?;
    let text = |member: &Value, field: &str| member[field].as_str().unwrap_or_default().to_owned();
    member::chosen(members.iter().map(|member| (text(member, "id"), text(member, "id"), text(member, "name"))), named)
}

/// How far a member's log is here: up to there it is accepted.
fn head(client: &Client, member: &str) -> Result<(u64, String), Failure> {
    // Nothing of it is here: nothing of it is accepted.
    let Some(log) = log_of(client, member)? else { return Ok((0, hex::encode(suyuan_core::tree::root(&[])))) };
    let head = log.get("size").and_then(Value::as_u64).zip(log.get("root").and_then(Value::as_str).map(str::to_owned));
    head.ok_or_else(|| Failure::local("the node did not say how far it holds this member's log".to_owned()))
}

/// What the node says of a member's log of today; nothing where it holds nothing of it.
fn log_of(client: &Client, member: &str) -> Result<Option<Value>, Failure> {
    match client.json(&format!("/api/v1/logs/{member}")) {
        Err(suyuan_client::ClientError::Refused(problem)) if problem.status == 404 => Ok(None),
        log => serde_json::from_str(&log.map_err(|error| Failure::from_client(&error))?).map(Some).map_err(Failure::local),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
