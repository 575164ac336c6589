//! The members of the alliance, as the charter names them and the network sees them.

use axum::extract::State;
use serde::Serialize;
use suyuan_core::MemberId;
use suyuan_core::charter::{Member, Role};
use suyuan_engine::epoch::member_named;
use suyuan_engine::ledger::Ledger;
use utoipa::ToSchema;

use crate::state::{AppState, PeerStatus};

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
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Peer {
    /// Whether it is connected now.
    connected: bool,
    /// Its address.
    address: Option<String>,
    /// When it was last heard, milliseconds since 1970-01-01 UTC.
    heard: Option<u64>,
    /// Why it could not be reached or was cut off.
    trouble: Option<String>,
}

impl MemberJson {
    fn new(member: &Member, ledger: &Ledger, peers: &[PeerStatus]) -> Self {
        let Member { id, entry, .. } = member;
        let node = peers.iter().find(|peer| peer.member == *id).map(|peer| Peer {
            connected: peer.connected,
            address: peer.address.clone(),
            heard: peer.heard,
            trouble: peer.trouble.clone(),
        });
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
