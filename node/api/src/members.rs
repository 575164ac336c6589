//! The members of the alliance, as the charter names them and the network sees them.

pub(crate) mod detail;

use axum::extract::State;
use serde::Serialize;
use suyuan_core::MemberId;
use suyuan_core::charter::{Member, Role};
use suyuan_engine::epoch::member_named;
use suyuan_engine::ledger::Ledger;
use utoipa::ToSchema;

use crate::body::Param;
use crate::problem::Problem;
use crate::state::{AppState, PeerStatus};
use detail::MemberDetail;

/// A member.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberJson {
    /// Its id, hex.
    #[schema(value_type = String)]
    id: MemberId,
    /// Its name.
    name: String,
    /// Its role.
    #[schema(value_type = String)]
    role: Role,
    /// Whether it is this node's.
    me: bool,
    /// Initial multiaddrs.
    addresses: Vec<String>,
    /// Types that a regulator may read.
    scope: Vec<String>,
    /// Its node, as the network sees it; null for this one and before anything was heard.
    node: Option<Peer>,
}

/// Another member's node, as the network sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Peer {
    /// Whether it is connected now.
    pub connected: bool,
    /// Its address.
    pub address: Option<String>,
    /// When it was last heard, milliseconds since 1970-01-01 UTC.
    pub heard: Option<u64>,
    /// Why it could not be reached or was cut off.
    pub trouble: Option<String>,
}

impl Peer {
    fn new(peer: &PeerStatus) -> Self {
        Self { connected: peer.connected, address: peer.address.clone(), heard: peer.heard, trouble: peer.trouble.clone() }
    }
}

impl MemberJson {
    fn new(member: &Member, ledger: &Ledger, peers: &[PeerStatus]) -> Self {
        let Member { id, entry, .. } = member;
        let node = peers.iter().find(|peer| peer.member == *id).map(Peer::new);
        let (addresses, scope) = (entry.addresses.clone(), entry.scope.clone());
        Self { id: *id, name: entry.name.clone(), role: entry.role, me: *id == ledger.me, addresses, scope, node }
    }
}

/// The member of an id, or of a name that only one has.
pub(crate) fn named(ledger: &Ledger, name: &str) -> Option<MemberId> {
    let id: Option<MemberId> = name.parse().ok().filter(|id| ledger.alliance.member(id).is_some());
    let alone = ledger.alliance.members().iter().filter(|member| member.entry.name == name).count() == 1;
    id.or_else(|| member_named(ledger, name).copied().filter(|_| alone))
}

/// List the members.
///
/// In the order of the charter.
#[utoipa::path(get, path = "/api/v1/members", tag = "alliance", responses((status = 200, description = "The members", body = Vec<MemberJson>)))]
pub(crate) async fn list(State(state): State<AppState>) -> axum::Json<Vec<MemberJson>> {
    let ledger = state.handle.state().ledger;
    let peers = state.peers.borrow();
    axum::Json(ledger.alliance.members().iter().map(|member| MemberJson::new(member, &ledger, &peers)).collect())
}

/// Show a member.
///
/// By its id or name, and by its id also one that has left.
#[utoipa::path(get, path = "/api/v1/members/{member}", tag = "alliance", params(("member" = String, Path, description = "The member's id or name")),
    responses((status = 200, description = "The member", body = MemberDetail)))]
pub(crate) async fn one(State(state): State<AppState>, Param(member): Param) -> Result<axum::Json<MemberDetail>, Problem> {
    let peers = state.peers.borrow().clone();
    let detail = state.read(move |reading| {
        let id = named(&reading.state.ledger, &member).ok_or_else(Problem::not_found)?;
        MemberDetail::of(&id, reading, &peers)?.ok_or_else(Problem::not_found)
    });
    detail.await.map(axum::Json)
}

/// Every member of today, then those who have left, newest first.
///
/// # Errors
/// [`Problem`] where the store failed.
pub(crate) async fn all(state: &AppState) -> Result<Vec<MemberDetail>, Problem> {
    let peers = state.peers.borrow().clone();
    let details = state.read(move |reading| {
        let alliance = &reading.state.ledger.alliance;
        let everybody = alliance.members().iter().chain(alliance.former().iter().rev());
        everybody.filter_map(|member| MemberDetail::of(&member.id, reading, &peers).transpose()).collect()
    });
    details.await
}
