//! This node: who it is, and how far it has come.

use std::sync::atomic::Ordering;

use axum::extract::State;
use serde::Serialize;
use suyuan_core::AllianceId;
use suyuan_engine::relay::shelf::Account;
use suyuan_engine::view::StoreError;
use suyuan_runtime::Handle;
use suyuan_runtime::node::now;
use utoipa::ToSchema;

use crate::alarms::AlarmJson;
use crate::problem::Problem;
use crate::records::view::MemberName;
use crate::state::AppState;
use crate::trouble::{Trouble, TroubleJson};
use crate::waiting::Unsealed;

/// This node.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeStatus {
    /// The member whose node it is.
    member: MemberName,
    /// The alliance.
    alliance: AllianceName,
    /// The program's version.
    version: &'static str,
    /// Entries of its own log on the disk.
    size: u64,
    /// Root over them, hex.
    root: String,
    /// What it published last.
    published: Option<Checkpoint>,
    /// Address of the public listener.
    public_url: String,
    /// Other members' nodes, and how many of them are connected.
    peers: Peers,
    /// Circles that it is in.
    circles: usize,
    /// Open proposals that wait for this member's word.
    waiting: usize,
    /// Records that are on its disk and cannot be sealed yet.
    unsealed: Unsealed,
    /// What it keeps for other members and cannot read.
    relay: Relay,
    /// What keeps it from writing, or will be missed one day; empty where all is well.
    trouble: Vec<TroubleJson>,
    /// What of the witnessing should alarm the operator; empty where all is well.
    alarms: Vec<AlarmJson>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AllianceName {
    /// Its id, hex.
    #[schema(value_type = String)]
    id: AllianceId,
    /// Its name.
    name: String,
    /// Its industrial chain.
    chain: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Checkpoint {
    /// Entries under it.
    size: u64,
    /// Root over them, hex.
    root: String,
    /// The signed note.
    note: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Peers {
    /// Other members of the charter.
    members: usize,
    /// Those that are connected now.
    connected: usize,
}

/// What a node keeps for other members, under opaque tags.
#[derive(Debug, Serialize, ToSchema)]
struct Relay {
    /// Whether it keeps anything: the leader's node does, others where their operator says so.
    relays: bool,
    /// Packages that are kept.
    packages: u64,
    /// Their bytes.
    bytes: u64,
    /// Packages given to whoever named them, since the node started.
    served: u64,
}

impl Relay {
    fn of(handle: &Handle) -> Result<Self, StoreError> {
        let kept = Account::all(handle.store().as_ref())?;
        let sum = |of: fn(&Account) -> u64| kept.iter().map(|(_, account)| of(account)).sum();
        let relays = handle.relaying().relays.load(Ordering::Relaxed);
        Ok(Self {
            relays,
            packages: sum(|kept| kept.packages),
            bytes: sum(|kept| kept.bytes),
            served: handle.relaying().served.load(Ordering::Relaxed),
        })
    }
}

/// Show this node.
///
/// Its identity, its log and what it published.
#[utoipa::path(get, path = "/api/v1/node", tag = "node", responses((status = 200, description = "The node", body = NodeStatus)))]
pub(crate) async fn node(State(state): State<AppState>) -> Result<axum::Json<NodeStatus>, Problem> {
    let current = state.handle.state();
    let ledger = &current.ledger;
    let tree = ledger.logs.head(&ledger.own_log()).tree_head();
    let charter = ledger.alliance.charter();
    Ok(axum::Json(NodeStatus {
        member: MemberName::of(&ledger.me, ledger),
        alliance: AllianceName { id: ledger.alliance.id(), name: charter.name.clone(), chain: charter.chain.clone() },
        version: env!("CARGO_PKG_VERSION"),
        size: tree.size,
        root: hex::encode(tree.root),
        published: current.published.as_ref().map(|published| Checkpoint {
            size: published.size,
            root: hex::encode(published.root),
            note: published.checkpoint.clone(),
        }),
        public_url: state.public_url.to_string(),
        peers: Peers {
            members: ledger.alliance.members().len().saturating_sub(1),
            connected: state.peers.borrow().iter().filter(|peer| peer.connected).count(),
        },
        circles: ledger.circles.iter().count(),
        waiting: ledger.decisions.waiting_for(&ledger.me, now()).len(),
        unsealed: Unsealed::of(&current.waiting),
        relay: Relay::of(&state.handle)?,
        trouble: Trouble::all(&state).into_iter().map(Trouble::json).collect(),
        alarms: state.alarms.borrow().iter().map(|alarm| AlarmJson::new(alarm, ledger)).collect(),
    }))
}
