//! The logs that this node holds, with their heads and checkpoints.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use suyuan_core::note::UnverifiedCheckpoint;
use suyuan_core::policy::{checkpoint_key, witness_key};
use suyuan_engine::logs::LogHead;
use suyuan_engine::serve;

use super::frame::{self, Frame, filters};
use super::text::{clean, stamp};
use super::words::Lang;
use crate::equivocation::Equivocation;
use crate::problem::Problem;
use crate::state::{AppState, Reading};

#[derive(Template)]
#[template(path = "console/logs.html")]
struct Logs {
    frame: Frame,
    logs: Vec<Log>,
}

struct Log {
    name: String,
    role: &'static str,
    member: String,
    incarnation: u64,
    size: u64,
    published: u64,
    /// When its author says that the checkpoint was its newest.
    asof: String,
    root: String,
    chain: String,
    checkpoint: Option<String>,
    /// That its member signed two histories, in words.
    equivocation: Option<String>,
}

impl Log {
    fn new(head: &LogHead, reading: &Reading, lang: Lang) -> Result<Self, Problem> {
        let reader = reading.reader();
        let (note, published) = serve::checkpoint(&head.id, reader.ledger, reader.published, reader.view)?.unzip();
        let tree = head.tree_head();
        let member = &head.id.member;
        Ok(Self {
            equivocation: reader.ledger.convictions.of(&head.id).map(|conviction| {
                let words = Equivocation::new(conviction).words(&frame::member(reader.ledger, member));
                if lang == Lang::Zh { words.zh } else { words.en }
            }),
            name: frame::member(reader.ledger, member),
            role: frame::role(reader.ledger, member, lang),
            member: member.to_string(),
            incarnation: head.id.incarnation,
            size: tree.size,
            published: published.unwrap_or(0),
            asof: note.as_deref().and_then(|note| signed_at(note, head, reading)).map_or_else(|| "—".to_owned(), stamp),
            root: hex::encode(tree.root),
            chain: hex::encode(head.chain),
            checkpoint: note.as_deref().map(|note| note.lines().map(clean).collect::<Vec<_>>().join("\n")),
        })
    }
}

/// The time beside the author's own cosignature, milliseconds.
fn signed_at(note: &str, head: &LogHead, reading: &Reading) -> Option<u64> {
    let alliance = &reading.state.ledger.alliance;
    let member = alliance.member(&head.id.member)?;
    let note = UnverifiedCheckpoint::parse(note).ok()?;
    let checkpoint = note.verify(&checkpoint_key(&head.id, member, note.claimed_size()).ok()?, &[witness_key(alliance, member)]).ok()?;
    checkpoint.cosignatures.first().map(|(_, seconds)| seconds.saturating_mul(1000))
}

/// The page.
pub(crate) async fn page(State(state): State<AppState>, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let lang = frame.lang;
    let logs =
        state.read(move |reading| reading.state.ledger.logs.iter().map(|head| Log::new(head, reading, lang)).collect::<Result<Vec<_>, _>>()).await;
    let page = logs.map(|logs| Logs { logs, frame: frame.clone() });
    frame::finish(frame, page)
}
