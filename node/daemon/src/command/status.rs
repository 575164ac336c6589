//! `suyuan status` and `suyuan log`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use suyuan_client::Client;

use super::verify::visible;
use crate::answer::{Answer, Failure};

pub fn node(client: &Client) -> Result<Answer, Failure> {
    show(client, "/api/v1/node")
}

pub fn logs(client: &Client, member: Option<&str>) -> Result<Answer, Failure> {
    match member {
        None => list(client, "/api/v1/logs", "logs"),
        Some(member) => show(client, &format!("/api/v1/logs/{}", escaped(member))),
    }
}

fn show(client: &Client, path: &str) -> Result<Answer, Failure> {
    let json = client.json(path).map_err(|error| Failure::from_client(&error))?;
    Ok(Answer::raw(outline(&json), json))
}

/// A list of the API as an object with one member: every command's JSON is an object.
pub fn list(client: &Client, path: &str, name: &str) -> Result<Answer, Failure> {
    client.json(path).map(|json| named(name, &json)).map_err(|error| Failure::from_client(&error))
}

/// A list as text, and as an object with one member.
pub fn named(name: &str, list: &str) -> Answer {
    Answer::raw(outline(list), format!(r#"{{"{name}":{}}}"#, list.trim()))
}

/// Percent-encodes whatever may not stand in a path segment (RFC 3986 section 2.3).
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A JSON text as an indented outline, names and values without the syntax.
pub fn outline(json: &str) -> String {
    let mut text = String::new();
    write(json.trim(), 0, &mut text);
    text
}

/// Numbers are shown as they stand there: they may be signed.
fn write(json: &str, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let members: Vec<(String, String)> = match json.chars().next() {
        Some('{') => {
            let members = serde_json::from_str::<BTreeMap<String, &RawValue>>(json);
            members.map(|members| members.into_iter().map(|(name, value)| (visible(&name), value.get().to_owned())).collect())
        }
        Some('[') => {
            serde_json::from_str::<Vec<&RawValue>>(json).map(|items| items.iter().map(|item| ("-".to_owned(), item.get().to_owned())).collect())
        }
        _ => return text.push_str(&format!("{indent}{}\n", plain(json))),
    }
    .unwrap_or_default();
    for (name, value) in members {
        if value.starts_with(['{', '[']) {
            text.push_str(&format!("{indent}{name}\n"));
            write(&value, depth.saturating_add(1), text);
        } else {
            text.push_str(&format!("{indent}{name:<16} {}\n", plain(&value)));
        }
    }
}

fn plain(scalar: &str) -> String {
    visible(&serde_json::from_str::<String>(scalar).unwrap_or_else(|_| scalar.to_owned()))
}
