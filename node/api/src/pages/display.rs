//! How signed fields read on a page: `specs/consumer-page.md`, Display. The browser draws the same again from what it verified
//! (`sdk/js/src/page/display.ts`); `sdk/js/test/display.json` holds both to it.

use serde_json::value::RawValue;
use suyuan_core::section::{ABOUT, Field};

use super::text::clean;
use super::words::Lang;

/// Bytes of the longest value that is shown.
const LONGEST: usize = 4096;
/// Lines that are shown of one record.
const LINES: usize = 200;
const DEEPEST: usize = 5;

/// Fields whose values are words of a code list.
const CODED: [&str; 8] = ["result", "conclusion", "status", "action", "type", "eventType", "bizStep", "disposition"];
/// Fields whose values are codes of units (UN/ECE Recommendation 20).
const UNITS: [&str; 2] = ["unit", "uom"];
const PREFIXES: [&str; 6] = [
    "https://ref.gs1.org/cbv/BizStep-",
    "https://ref.gs1.org/cbv/Disp-",
    "urn:epcglobal:cbv:bizstep:",
    "urn:epcglobal:cbv:disp:",
    "cbv:BizStep-",
    "cbv:Disp-",
];

/// A line of a record. Label or text may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How far it is indented, 0 to 5.
    pub depth: usize,
    /// What it is.
    pub label: String,
    /// What it says.
    pub text: String,
}

/// The lines of a record's fields.
pub fn display<'f>(lang: Lang, fields: impl IntoIterator<Item = &'f Field>) -> Vec<Line> {
    let mut lines = Lines { lang, lines: Vec::new() };
    for field in fields.into_iter().filter(|field| field.name != ABOUT) {
        lines.member(&field.name, &field.value, 0);
    }
    let mut lines = lines.lines;
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push(Line { depth: 0, label: "…".to_owned(), text: lang.t("json.more").to_owned() });
    }
    lines
}

/// The lines so far; a few more than [`LINES`] at the most.
struct Lines {
    lang: Lang,
    lines: Vec<Line>,
}

impl Lines {
    fn member(&mut self, name: &str, value: &str, depth: usize) {
        if self.lines.len() <= LINES {
            let label = self.lang.known(&format!("field.{name}")).map_or_else(|| clean(name), str::to_owned);
            self.labelled(label, name, value, depth);
        }
    }

    fn labelled(&mut self, label: String, name: &str, value: &str, depth: usize) {
        let text = if depth == 0 && value.len() > LONGEST {
            Some(self.lang.fill("json.long", &[&value.len().to_string()]))
        } else if depth == 0 && !is_json(value) {
            Some(clean(value))
        } else {
            inlined(self.lang, name, value, depth)
        };
        let whole = text.is_some();
        self.lines.push(Line { depth, label, text: text.unwrap_or_default() });
        if whole {
            return;
        }
        for (number, part) in (1..).zip(split(value)) {
            if self.lines.len() > LINES {
                return;
            }
            match part.name {
                None => self.labelled(format!("{number}."), name, part.value, depth.saturating_add(1)),
                Some(member) => self.member(&member, part.value, depth.saturating_add(1)),
            }
        }
    }
}

/// The text of a value that needs one line only.
fn inlined(lang: Lang, name: &str, value: &str, depth: usize) -> Option<String> {
    if !is_composite(value) {
        return Some(scalar(lang, name, value));
    }
    let parts = split(value);
    if parts.is_empty() {
        return Some(lang.t("json.none").to_owned());
    }
    if depth >= DEEPEST {
        return Some(clean(value));
    }
    if parts.iter().any(|part| is_composite(part.value)) {
        return None;
    }
    if parts.iter().all(|part| part.name.is_none()) {
        let texts: Vec<_> = parts.iter().map(|part| scalar(lang, name, part.value)).collect();
        return Some(texts.join(lang.t("json.join")));
    }
    match parts.as_slice() {
        [value, unit] if value.is("value") && unit.is("unit") => {
            Some(format!("{} {}", scalar(lang, "value", value.value), scalar(lang, "unit", unit.value)))
        }
        _ => None,
    }
}

fn scalar(lang: Lang, name: &str, value: &str) -> String {
    match value {
        "true" => lang.t("json.true").to_owned(),
        "false" => lang.t("json.false").to_owned(),
        "null" => lang.t("json.none").to_owned(),
        _ if value.starts_with('"') => {
            let Ok(text) = serde_json::from_str::<String>(value) else { return clean(value) };
            clean(&moment(&text).or_else(|| coded(lang, name, &text)).unwrap_or(text))
        }
        _ => clean(value),
    }
}

/// `2026-11-20T08:30:00+08:00` reads better as `2026-11-20 08:30 UTC+08:00`.
fn moment(text: &str) -> Option<String> {
    let (date, rest) = text.split_once('T').filter(|(date, _)| is_shaped(date, "0000-00-00"))?;
    let (minute, rest) = rest.split_at_checked(5).filter(|(minute, _)| is_shaped(minute, "00:00"))?;
    let (seconds, zone) = rest.split_at(rest.find(['Z', '+', '-'])?);
    let (whole, fraction) = seconds.split_once('.').map_or((seconds, None), |(whole, fraction)| (whole, Some(fraction)));
    let fraction_fits =
        fraction.is_none_or(|digits| (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !whole.is_empty());
    if !(whole.is_empty() || is_shaped(whole, ":00")) || !fraction_fits {
        return None;
    }
    match zone {
        "Z" => Some(format!("{date} {minute} UTC")),
        offset if is_shaped(offset, "+00:00") || is_shaped(offset, "-00:00") => Some(format!("{date} {minute} UTC{offset}")),
        _ => None,
    }
}

/// Whether a text has a digit wherever the shape has a 0, and otherwise the shape's own characters.
fn is_shaped(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(found, wanted)| if wanted == b'0' { found.is_ascii_digit() } else { found == wanted })
}

fn coded(lang: Lang, name: &str, text: &str) -> Option<String> {
    if UNITS.contains(&name) {
        return lang.known(&format!("unit.{text}")).map(str::to_owned);
    }
    if !CODED.contains(&name) {
        return None;
    }
    let code = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let word = lang.known(&format!("value.{code}"))?;
    Some(match lang {
        Lang::Zh => format!("{word}{}", lang.fill("json.original", &[code])),
        Lang::En => word.to_owned(),
    })
}

fn is_composite(value: &str) -> bool {
    value.starts_with(['{', '['])
}

fn is_json(value: &str) -> bool {
    let blank = [' ', '\t', '\n', '\r'];
    !value.starts_with(blank) && !value.ends_with(blank) && serde_json::from_str::<&RawValue>(value).is_ok()
}

/// An element of a JSON object or array, its value as the text that stands there.
struct Part<'v> {
    name: Option<String>,
    value: &'v str,
}

impl Part<'_> {
    fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}

/// The elements of a JSON object or array. The text is JSON.
fn split(value: &str) -> Vec<Part<'_>> {
    let object = value.starts_with('{');
    let inner = value.get(1..value.len().saturating_sub(1)).unwrap_or_default();
    let (mut rest, mut parts) = (skip(inner), Vec::new());
    while !rest.is_empty() {
        let mut name = None;
        if object {
            let (text, after) = rest.split_at(end(rest));
            name = Some(serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()));
            rest = skip(after);
        }
        let (value, after) = rest.split_at(end(rest));
        if value.is_empty() {
            break;
        }
        parts.push(Part { name, value });
        rest = skip(after);
    }
    parts
}

fn skip(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r', ',', ':'])
}

/// How long the value is with which a text begins.
fn end(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' => {
                quoted = !quoted;
                if !quoted && depth == 0 {
                    return at.saturating_add(1);
                }
            }
            _ if quoted => {}
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at.saturating_add(1);
                }
            }
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}
