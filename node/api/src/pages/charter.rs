//! The charter in one version, what that changed, and the list of all versions.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use suyuan_core::membership::Rule;
use suyuan_engine::ledger::Ledger;

use super::frame::{self, Frame, filters};
use super::lenient::Lenient;
use super::text::{clean, duration, stamp};
use super::words::Lang;
use crate::calendar::end_of_day;
use crate::charter::view::{CharterJson, CharterMember, DifferenceJson, VersionJson};
use crate::charter::{self, Versions};
use crate::problem::Problem;
use crate::state::AppState;

/// Versions on the page; older ones are on the next.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "console/charter.html")]
struct Page {
    frame: Frame,
    id: String,
    number: u64,
    newest: u64,
    /// The date that was asked for, and whether there was no alliance yet.
    on: String,
    early: bool,
    since: String,
    until: Option<String>,
    decision: Option<String>,
    changes: Vec<String>,
    facts: Vec<Fact>,
    rules: Vec<Fact>,
    members: Vec<Member>,
    former: Vec<(String, u64)>,
    exit: String,
    terms: Vec<String>,
    terms_changed: bool,
    quorum: String,
    policy: String,
    versions: Vec<Line>,
    older: Option<String>,
}

/// One thing that the charter says, and whether this version changed it.
struct Fact {
    label: String,
    text: String,
    changed: bool,
}

struct Member {
    id: String,
    name: String,
    role: &'static str,
    deputy: Option<usize>,
    scope: String,
    changed: bool,
}

/// A version in the list.
struct Line {
    number: u64,
    since: String,
    changes: Vec<String>,
    decision: Option<String>,
    kind: &'static str,
    author: String,
    here: bool,
}

/// Which version is shown, and where its list goes on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    version: Option<u64>,
    /// A date: what was in force at its end.
    on: String,
    after: Option<u64>,
}

/// The page.
pub(crate) async fn page(State(state): State<AppState>, headers: HeaderMap, uri: Uri, Lenient(wanted): Lenient<Wanted>) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let page = shown(&state.handle.state().ledger, &frame, &wanted);
    frame::finish(frame, page)
}

fn shown(ledger: &Ledger, frame: &Frame, wanted: &Wanted) -> Result<Page, Problem> {
    let lang = frame.lang;
    let settled = ledger.decisions.settled();
    let day = end_of_day(&wanted.on);
    let then = day.map(|day| settled.version_at(day).map(|version| version.alliance.version()));
    let number = then.flatten().or(wanted.version).unwrap_or_else(|| settled.alliance.version());
    let charter = charter::of_version(ledger, number)?;
    let Versions { versions, next } = charter::page(ledger, wanted.after, SHOWN);
    let changed: BTreeSet<&str> = charter.version.changes.iter().map(|change| change.part).collect();
    let witnesses = &charter.witnesses;
    let numbers = [witnesses.voters, witnesses.liars, witnesses.cosigners].map(|number| number.to_string());
    Ok(Page {
        id: charter.id.to_string(),
        number,
        newest: charter.newest,
        on: if day.is_some() { wanted.on.clone() } else { String::new() },
        early: then == Some(None),
        since: stamp(charter.version.since),
        until: charter.until.map(stamp),
        decision: charter.version.decision.as_ref().map(|decision| decision.proposal.to_string()),
        changes: words_of(&charter.version, lang),
        facts: facts(&charter, &changed, lang),
        rules: rules(&charter, lang),
        members: charter.members.iter().map(|member| Member::new(member, &charter, lang)).collect(),
        former: charter.former.iter().map(|former| (clean(&former.member.name), former.size)).collect(),
        exit: lang.fill("charter.exit.text", &[rule(charter.rules.get("remove").copied(), lang), &duration(charter.seal, lang)]),
        terms: charter.terms.lines().map(clean).collect(),
        terms_changed: changed.contains("terms"),
        quorum: lang.fill("charter.witnesses.text", &numbers.each_ref().map(String::as_str)),
        policy: witnesses.policy.clone(),
        versions: versions.iter().map(|version| Line::new(version, number, lang)).collect(),
        older: next.map(|next| format!("/charter?version={number}&after={next}")),
        frame: frame.clone(),
    })
}

fn facts(charter: &CharterJson, changed: &BTreeSet<&str>, lang: Lang) -> Vec<Fact> {
    let deputies: Vec<String> = charter.deputies.iter().map(|deputy| clean(&deputy.name)).collect();
    let rotation = if charter.rotation == 0 { lang.t("charter.rotation.none").to_owned() } else { duration(charter.rotation, lang) };
    let all = [
        ("name", clean(&charter.name)),
        ("purpose", clean(&charter.purpose)),
        ("chain", clean(&charter.chain)),
        ("deputies", deputies.join(lang.t("json.join"))),
        ("rotation", rotation),
        ("seal", duration(charter.seal, lang)),
        ("retention", clean(&charter.retention)),
    ];
    let fact = |(part, text): (&'static str, String)| Fact {
        label: lang.t(label(part)).to_owned(),
        changed: changed.contains(part),
        text: if text.is_empty() { lang.t("charter.unsaid").to_owned() } else { text },
    };
    all.into_iter().map(fact).collect()
}

fn rules(charter: &CharterJson, lang: Lang) -> Vec<Fact> {
    let raised = |kind: &str| charter.version.changes.iter().any(|change| change.rule == Some(kind));
    suyuan_core::version::RULED
        .into_iter()
        .map(|kind| Fact {
            label: lang.t(&format!("change.{kind}")).to_owned(),
            text: rule(charter.rules.get(kind).copied(), lang).to_owned(),
            changed: raised(kind),
        })
        .collect()
}

fn rule(rule: Option<Rule>, lang: Lang) -> &'static str {
    let key = match rule {
        Some(Rule::TwoThirds) => "rule.two-thirds",
        Some(Rule::All) => "rule.all",
        Some(Rule::Majority) | None => "rule.majority",
    };
    lang.known(key).unwrap_or_default()
}

/// The words for a part of the charter.
fn label(part: &str) -> &'static str {
    match part {
        "name" => "charter.name",
        "purpose" => "charter.purpose",
        "chain" => "charter.chain",
        "deputies" => "charter.deputies",
        "rotation" => "charter.rotation",
        "seal" => "charter.seal",
        "retention" => "charter.retention",
        "terms" => "charter.terms",
        "joined" => "charter.joined",
        "left" => "charter.left",
        "role" => "charter.role",
        "scope" => "charter.scope",
        "keys" => "charter.keys",
        "log" => "charter.log",
        "compromised" => "charter.compromised",
        _ => "charter.rule",
    }
}

impl Member {
    fn new(member: &CharterMember, charter: &CharterJson, lang: Lang) -> Self {
        let about = |change: &DifferenceJson| change.member.as_ref().is_some_and(|changed| changed.id == member.id);
        let place = charter.deputies.iter().position(|deputy| deputy.id == member.id);
        Self {
            id: member.id.to_string(),
            name: clean(&member.name),
            role: lang.role(member.role),
            deputy: place.map(|place| place.saturating_add(1)),
            scope: scope(&member.scope, lang),
            changed: charter.version.changes.iter().any(about),
        }
    }
}

/// The types that a regulator may read.
pub(super) fn scope(kinds: &[String], lang: Lang) -> String {
    kinds.iter().map(|kind| lang.kind(kind)).collect::<Vec<_>>().join(lang.t("json.join"))
}

impl Line {
    fn new(version: &VersionJson, here: u64, lang: Lang) -> Self {
        let decision = version.decision.as_ref();
        Self {
            number: version.version,
            since: stamp(version.since),
            changes: words_of(version, lang),
            decision: decision.map(|decision| decision.proposal.to_string()),
            kind: decision.and_then(|decision| lang.known(&format!("change.{}", decision.kind))).unwrap_or_default(),
            author: decision.map(|decision| clean(&decision.author.name)).unwrap_or_default(),
            here: version.version == here,
        }
    }
}

/// What a version changed, one line each.
fn words_of(version: &VersionJson, lang: Lang) -> Vec<String> {
    version.changes.iter().map(|change| words(change, lang)).collect()
}

fn words(change: &DifferenceJson, lang: Lang) -> String {
    let part = lang.t(label(change.part));
    let member = change.member.as_ref().map(|member| clean(&member.name)).unwrap_or_default();
    let [before, after] = [&change.before, &change.after].map(|value| value_words(change, value, lang));
    match change.part {
        "terms" => part.to_owned(),
        "joined" => lang.fill("charter.line", &[part, &format!("{member} · {after}")]),
        "left" | "keys" | "log" | "compromised" => lang.fill("charter.line", &[part, &member]),
        "role" | "scope" => lang.fill("charter.change", &[&format!("{part} · {member}"), &before, &after]),
        "rule" => {
            let kind = change.rule.map(|kind| lang.t(&format!("change.{kind}")).to_owned()).unwrap_or_default();
            lang.fill("charter.change", &[&format!("{part} · {kind}"), &before, &after])
        }
        _ => lang.fill("charter.change", &[part, &before, &after]),
    }
}

fn value_words(change: &DifferenceJson, value: &Value, lang: Lang) -> String {
    let text = match (change.part, value) {
        ("seal" | "rotation", Value::Number(number)) => duration(number.as_u64().unwrap_or_default(), lang),
        ("rule", value) => rule(serde_json::from_value(value.clone()).ok(), lang).to_owned(),
        ("role" | "joined", value) => serde_json::from_value(value.clone()).map(|role| lang.role(role).to_owned()).unwrap_or_default(),
        ("scope", Value::Array(kinds)) => scope(&texts(kinds), lang),
        (_, Value::Array(names)) => texts(names).iter().map(|name| clean(name)).collect::<Vec<_>>().join(lang.t("json.join")),
        (_, Value::String(text)) => clean(text),
        _ => String::new(),
    };
    if text.is_empty() { lang.t("charter.unsaid").to_owned() } else { text }
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
