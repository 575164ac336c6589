//! The first page: this node, how far it has come, and the other nodes.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use suyuan_engine::ledger::Ledger;

use super::decisions;
use super::frame::{self, Frame, filters};
use super::text::{clean, stamp};
use super::words::Lang;
use crate::alarms::AlarmJson;
use crate::state::{AppState, PeerStatus};
use crate::trouble::Trouble;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    frame: Frame,
    me: String,
    role: &'static str,
    alliance_id: String,
    chain: String,
    public_url: String,
    version: &'static str,
    size: u64,
    published: u64,
    circles: usize,
    connected: usize,
    peers: Vec<Peer>,
    troubles: Vec<String>,
    waiting: Vec<decisions::Line>,
}

struct Peer {
    name: String,
    role: &'static str,
    connected: bool,
    trouble: Option<String>,
    address: String,
    heard: String,
    /// How much of this member's log it said that it holds.
    holds: String,
}

impl Peer {
    fn new(member: &suyuan_core::charter::Member, status: Option<&PeerStatus>, ledger: &Ledger, lang: Lang) -> Self {
        let held = status.and_then(|status| status.logs.iter().find(|held| held.log == ledger.own_log()));
        let address = status.and_then(|status| status.address.as_deref()).or(member.entry.addresses.first().map(String::as_str));
        Self {
            name: clean(&member.entry.name),
            role: lang.role(member.entry.role),
            connected: status.is_some_and(|status| status.connected),
            trouble: status.and_then(|status| status.trouble.as_deref()).map(clean),
            address: address.map(clean).unwrap_or_default(),
            heard: status.and_then(|status| status.heard).map_or_else(|| "—".to_owned(), stamp),
            holds: held.map_or_else(|| "—".to_owned(), |held| held.size.to_string()),
        }
    }
}

/// The page.
pub(crate) async fn page(State(state): State<AppState>, headers: HeaderMap, uri: Uri) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let now = state.handle.state();
    let ledger = &now.ledger;
    let known = state.peers.borrow().clone();
    let others = ledger.alliance.members().iter().filter(|member| member.id != ledger.me);
    let peers: Vec<_> = others.map(|member| Peer::new(member, known.iter().find(|status| status.member == member.id), ledger, frame.lang)).collect();
    let alarms: Vec<String> = state.alarms.borrow().iter().map(|alarm| AlarmJson::new(alarm, ledger).text(frame.lang)).collect();
    let troubles = Trouble::all(&state).into_iter().map(|trouble| trouble.text(frame.lang).to_owned());
    let overview = Overview {
        me: ledger.me.to_string(),
        role: frame::role(ledger, &ledger.me, frame.lang),
        alliance_id: ledger.alliance.id().to_string(),
        chain: clean(&ledger.alliance.charter().chain),
        public_url: state.public_url.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        size: ledger.logs.head(&ledger.own_log()).size(),
        published: now.published.as_ref().map_or(0, |published| published.size),
        circles: ledger.circles.iter().count(),
        connected: peers.iter().filter(|peer| peer.connected).count(),
        peers,
        troubles: troubles.chain(alarms).collect(),
        waiting: decisions::waiting(ledger, frame.lang),
        frame: frame.clone(),
    };
    frame::finish(frame, Ok(overview))
}
