//! `suyuan charter show` and `suyuan charter history`: the charter as the running node knows it, in every version.

use std::fmt::Write;

use comfy_table::{Table, presets};
use serde_json::{Value, json};
use suyuan_client::Client;

use super::verify::visible;
use crate::answer::{Answer, Failure};
use crate::time::utc;

/// Versions that are asked for at once.
const PAGE: usize = 200;

/// One version: that of a time, that with a number, or the one in force.
pub fn show(client: &Client, at: Option<u64>, version: Option<u64>) -> Result<Answer, Failure> {
    let query = match (at, version) {
        (Some(at), _) => format!("?at={at}"),
        (None, Some(version)) => format!("?version={version}"),
        (None, None) => String::new(),
    };
    let json = client.json(&format!("/api/v1/charter{query}")).map_err(|error| Failure::from_client(&error))?;
    let charter: Value = serde_json::from_str(&json).map_err(Failure::local)?;
    Ok(Answer::raw(described(&charter), json))
}

/// Every version, the newest first.
pub fn history(client: &Client) -> Result<Answer, Failure> {
    let (mut versions, mut after) = (Vec::new(), String::new());
    loop {
        let page = client.json(&format!("/api/v1/charter/versions?limit={PAGE}{after}")).map_err(|error| Failure::from_client(&error))?;
        let mut page: Value = serde_json::from_str(&page).map_err(Failure::local)?;
        versions.append(page.get_mut("versions").and_then(Value::as_array_mut).unwrap_or(&mut Vec::new()));
        let Some(next) = page.get("next").and_then(Value::as_str) else { break };
        after = format!("&after={next}");
    }
    let mut table = table(["version", "in force since", "what changed", "decision"]);
    for version in &versions {
        let changes: Vec<String> = items(version, "changes").map(change).collect();
        let by = version.get("decision").filter(|by| by.is_object());
        let decision = by.map_or_else(|| "founding charter".to_owned(), |by| format!("{} {}", text(by, "kind"), text(by, "proposal")));
        table.add_row([text(version, "version"), since(version), changes.join("\n"), decision]);
    }
    Ok(Answer::new(table.to_string(), json!({ "versions": versions })))
}

fn described(charter: &Value) -> String {
    let mut said = format!("{}, version {} of {}\n", text(charter, "name"), text(charter, "version"), text(charter, "newest"));
    let until = charter.get("until").and_then(Value::as_u64).map(|until| format!(" until {}", utc(until / 1000))).unwrap_or_default();
    let names = |list: &str| items(charter, list).map(|member| text(member, "name")).collect::<Vec<_>>().join(", ");
    let rules: Vec<String> =
        charter.get("rules").and_then(Value::as_object).into_iter().flatten().map(|(kind, rule)| format!("{kind} {}", plain(rule))).collect();
    let witnesses = charter.get("witnesses").unwrap_or(&Value::Null);
    for (label, value) in [
        ("in force", format!("since {}{until}", since(charter))),
        ("decision", charter.pointer("/decision/proposal").map_or_else(|| "founding charter".to_owned(), plain)),
        ("alliance", text(charter, "id")),
        ("chain", text(charter, "chain")),
        ("purpose", text(charter, "purpose")),
        ("deputies", names("deputies")),
        ("rules", rules.join(", ")),
        ("T", hours(charter, "seal")),
        ("chair", if charter.get("rotation") == Some(&json!(0)) { "does not rotate".to_owned() } else { hours(charter, "rotation") }),
        ("retention", text(charter, "retention")),
        ("witnesses", format!("{} others cosign, of {} that count", text(witnesses, "cosigners"), text(witnesses, "voters"))),
    ] {
        // Writing into a string does not fail.
        let _ = writeln!(said, "  {label:<10}{value}");
    }
    for change in items(charter, "changes").map(change) {
        let _ = writeln!(said, "  changed   {change}");
    }
    let mut members = table(["member", "role", "reads", "member id"]);
    for member in items(charter, "members") {
        let scope = member.get("scope").map(plain).unwrap_or_default();
        members.add_row([text(member, "name"), text(member, "role"), scope, text(member, "id")]);
    }
    for former in items(charter, "former") {
        let who = former.get("member").unwrap_or(&Value::Null);
        members.add_row([text(who, "name"), format!("left, log closed at {}", text(former, "size")), String::new(), text(who, "id")]);
    }
    said.push_str(&members.to_string());
    let terms: Vec<String> = charter.get("terms").and_then(Value::as_str).unwrap_or_default().lines().map(visible).collect();
    if !terms.is_empty() {
        let _ = write!(said, "\n\n{}", terms.join("\n"));
    }
    said
}

/// What a version says otherwise, in one line.
fn change(change: &Value) -> String {
    let about = change.pointer("/member/name").or(change.get("rule")).map(|about| format!(" of {}", plain(about))).unwrap_or_default();
    let part = text(change, "part");
    match part.as_str() {
        "terms" => part,
        "keys" | "compromised" => format!("{part}{about}"),
        "joined" | "left" => format!("{} {part}", change.pointer("/member/name").map(plain).unwrap_or_default()),
        _ => format!("{part}{about}: {} -> {}", text(change, "before"), text(change, "after")),
    }
}

fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    table
}

fn items<'v>(of: &'v Value, list: &str) -> impl Iterator<Item = &'v Value> {
    of.get(list).and_then(Value::as_array).into_iter().flatten()
}

fn text(of: &Value, name: &str) -> String {
    of.get(name).map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => visible(text),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn since(of: &Value) -> String {
    of.get("since").and_then(Value::as_u64).map(|since| utc(since / 1000)).unwrap_or_default()
}

fn hours(of: &Value, name: &str) -> String {
    let milliseconds = of.get(name).and_then(Value::as_u64).unwrap_or_default();
    let hours = milliseconds / 3_600_000;
    if hours.saturating_mul(3_600_000) == milliseconds { format!("{hours} h") } else { format!("{milliseconds} ms") }
}
