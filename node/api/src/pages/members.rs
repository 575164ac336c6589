//! The members: who they are and since when, how their nodes and logs are, and what is left of those who are gone.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use suyuan_core::MemberId;

use super::charter::scope;
use super::frame::{self, Frame, filters};
use super::text::{clean, stamp};
use super::words::Lang;
use crate::alarms::AlarmJson;
use crate::body::Param;
use crate::logs::{self, QuarantinedJson};
use crate::members;
use crate::members::detail::{MemberDetail, MemberKey, MemberLog};
use crate::problem::Problem;
use crate::state::AppState;

/// Entries behind the end of a log on the page; the API has all of them.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "console/members.html")]
struct List {
    frame: Frame,
    members: Vec<Line>,
    former: Vec<Line>,
}

#[derive(Template)]
#[template(path = "console/member.html")]
struct One {
    frame: Frame,
    line: Line,
    addresses: Vec<String>,
    keys: Vec<Key>,
    root: String,
    behind: Vec<Entry>,
    more: u64,
    policy: String,
    alarms: Vec<String>,
}

struct Line {
    id: String,
    name: String,
    role: &'static str,
    scope: String,
    me: bool,
    version: u64,
    since: String,
    connected: bool,
    known: bool,
    trouble: Option<String>,
    heard: String,
    address: String,
    log: Option<Log>,
    left: Option<Gone>,
}

struct Log {
    size: u64,
    published: u64,
    witnessed: String,
    stale: bool,
    quarantined: u64,
}

struct Gone {
    version: u64,
    time: String,
    size: u64,
}

struct Key {
    purpose: &'static str,
    id: String,
    from: String,
    in_use: bool,
    version: u64,
    since: String,
}

struct Entry {
    sequence: u64,
    id: String,
    kind: String,
    held: bool,
}

impl Line {
    fn new(of: &MemberDetail, lang: Lang) -> Self {
        let node = of.node.as_ref();
        let address = node.and_then(|node| node.address.as_deref()).or(of.addresses.first().map(String::as_str));
        Self {
            id: of.id.to_string(),
            name: clean(&of.name),
            role: lang.role(of.role),
            scope: scope(&of.scope, lang),
            me: of.me,
            version: of.since.version,
            since: stamp(of.since.time),
            connected: node.is_some_and(|node| node.connected),
            known: node.is_some(),
            trouble: node.and_then(|node| node.trouble.as_deref()).map(clean),
            heard: node.and_then(|node| node.heard).map_or_else(|| "—".to_owned(), stamp),
            address: address.map(clean).unwrap_or_default(),
            log: of.log.as_ref().map(|log| Log::new(log, lang)),
            left: of.left.as_ref().map(|left| Gone { version: left.version, time: stamp(left.time), size: left.size }),
        }
    }
}

impl Log {
    fn new(of: &MemberLog, lang: Lang) -> Self {
        let witnessed = of.witnessed.map(|head| lang.fill("member.witnessed", &[&head.size.to_string(), &stamp(head.time)]));
        Self {
            size: of.size,
            published: of.published,
            witnessed: witnessed.unwrap_or_else(|| lang.t("member.unwitnessed").to_owned()),
            stale: of.stale,
            quarantined: of.quarantined,
        }
    }
}

impl Key {
    fn new(of: &MemberKey, lang: Lang) -> Self {
        let purpose = match of.purpose {
            "root" => "key.root",
            "log" => "key.log",
            "witness" => "key.witness",
            "transport" => "key.transport",
            _ => "key.encryption",
        };
        Self {
            purpose: lang.known(purpose).unwrap_or_default(),
            id: of.id.clone(),
            from: of.from.map(|from| lang.fill("key.from", &[&from.to_string()])).unwrap_or_default(),
            in_use: of.in_use,
            version: of.since.version,
            since: stamp(of.since.time),
        }
    }
}

impl Entry {
    fn new(of: &QuarantinedJson, lang: Lang) -> Self {
        let kind = of.r#type.as_deref();
        Self {
            sequence: of.sequence,
            id: of.id.to_string(),
            kind: kind.map_or_else(|| lang.t("member.masked").to_owned(), |kind| lang.kind(kind)),
            held: kind.is_some(),
        }
    }
}

/// The list.
pub(crate) async fn list(State(state): State<AppState>, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let page = members::all(&state).await.map(|all| {
        let lines = |former: bool| all.iter().filter(|one| one.left.is_some() == former).map(|one| Line::new(one, frame.lang)).collect();
        List { members: lines(false), former: lines(true), frame: frame.clone() }
    });
    frame::finish(frame, page)
}

/// One member, also one that has left.
pub(crate) async fn one(State(state): State<AppState>, Param(id): Param, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let page = found(&state, &frame, &id).await;
    frame::finish(frame, page)
}

async fn found(state: &AppState, frame: &Frame, id: &str) -> Result<One, Problem> {
    let id: MemberId = id.parse().map_err(|_| Problem::not_found())?;
    let peers = state.peers.borrow().clone();
    let read = state.read(move |reading| {
        let detail = MemberDetail::of(&id, reading, &peers)?.ok_or_else(Problem::not_found)?;
        let behind = logs::newest(&reading.state.ledger, &id).map(|head| logs::listed(head, 0, SHOWN, reading)).transpose()?;
        Ok((detail, behind.unwrap_or_default()))
    });
    let (detail, behind) = read.await?;
    let ledger = state.handle.state().ledger;
    let alarms = state.alarms.borrow().iter().map(|alarm| AlarmJson::new(alarm, &ledger)).filter(|alarm| alarm.is_of(&id)).collect::<Vec<_>>();
    let held = detail.log.as_ref().map_or(0, |log| log.quarantined);
    let lang = frame.lang;
    Ok(One {
        addresses: detail.addresses.iter().map(|address| clean(address)).collect(),
        keys: detail.keys.iter().map(|key| Key::new(key, lang)).collect(),
        root: detail.left.as_ref().map(|left| left.root.clone()).unwrap_or_default(),
        more: held.saturating_sub(behind.len() as u64),
        behind: behind.iter().map(|entry| Entry::new(entry, lang)).collect(),
        policy: format!("{}/log/{id}/0/policy", state.public_url),
        alarms: alarms.iter().map(|alarm| alarm.text(lang)).collect(),
        line: Line::new(&detail, lang),
        frame: frame.clone(),
    })
}
