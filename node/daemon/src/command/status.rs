//! `suyuan status` and `suyuan log`.

use serde_json::Value;
use suyuan_client::Client;

use crate::answer::{Answer, Failure};

pub fn node(client: &Client) -> Result<Answer, Failure> {
    show(client, "/api/v1/node")
}

pub fn logs(client: &Client, member: Option<&str>) -> Result<Answer, Failure> {
    match member {
        None => show(client, "/api/v1/logs"),
        Some(member) => show(client, &format!("/api/v1/logs/{}", escaped(member))),
    }
}

fn show(client: &Client, path: &str) -> Result<Answer, Failure> {
    let json = client.json(path).map_err(|error| Failure::from_client(&error))?;
    Ok(Answer::raw(outline(&json), json))
}

/// Percent-encodes whatever may not stand in a path segment (RFC 3986 section 2.3).
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A JSON text as an indented outline, names and values without the syntax.
pub fn outline(json: &str) -> String {
    let mut text = String::new();
    if let Ok(value) = serde_json::from_str(json) {
        write(&value, 0, &mut text);
    }
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let mut line = |name: &str, inner: &Value| match inner {
        Value::Object(_) | Value::Array(_) => {
            text.push_str(&format!("{indent}{name}\n"));
            write(inner, depth.saturating_add(1), text);
        }
        Value::String(inner) => text.push_str(&format!("{indent}{name:<16} {}\n", super::verify::visible(inner))),
        other => text.push_str(&format!("{indent}{name:<16} {other}\n")),
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| line(&super::verify::visible(name), inner)),
        Value::Array(items) => items.iter().for_each(|inner| line("-", inner)),
        other => text.push_str(&format!("{indent}{other}\n")),
    }
}
