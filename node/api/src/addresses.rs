//! Where members' nodes are reached: what the charter or they themselves say, and what this member states of its own.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use suyuan_core::StatementId;
use suyuan_core::charter::Member;
use suyuan_engine::ledger::Ledger;
use utoipa::ToSchema;

use crate::body::Json;
use crate::problem::Problem;
use crate::records::view::MemberName;
use crate::state::AppState;

/// Where a member's node is reached.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MemberAddresses)]
pub(crate) struct MemberAddressesJson {
    /// The member.
    member: MemberName,
    /// Whether it is this node's.
    me: bool,
    /// Multiaddrs, in the order in which they are tried.
    addresses: Vec<String>,
    /// `charter`, or `statement` where the member has stated others since.
    source: &'static str,
    /// The statement.
    #[schema(value_type = Option<String>)]
    statement: Option<StatementId>,
}

impl MemberAddressesJson {
    fn new(member: &Member, ledger: &Ledger) -> Self {
        let stated = ledger.addresses.of(&member.id);
        Self {
            member: MemberName::of(&member.id, ledger),
            me: member.id == ledger.me,
            addresses: stated.map_or(&member.entry.addresses, |stated| &stated.addresses).clone(),
            source: if stated.is_some() { "statement" } else { "charter" },
            statement: stated.map(|stated| stated.statement),
        }
    }
}

/// List where the members' nodes are reached.
///
/// In the order of the charter.
#[utoipa::path(get, path = "/api/v1/addresses", tag = "alliance", responses((status = 200, description = "The members", body = Vec<MemberAddressesJson>)))]
pub(crate) async fn list(State(state): State<AppState>) -> axum::Json<Vec<MemberAddressesJson>> {
    axum::Json(all(&state.handle.state().ledger))
}

fn all(ledger: &Ledger) -> Vec<MemberAddressesJson> {
    ledger.alliance.members().iter().map(|member| MemberAddressesJson::new(member, ledger)).collect()
}

/// Where this member's node is reached from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAddresses {
    /// At most 16 multiaddrs, e.g. `/ip4/192.0.2.7/tcp/7401`, in the order in which they are tried.
    addresses: Vec<String>,
}

/// State where this member's node is reached.
///
/// In a record of its own log that every member reads; it takes the place of the charter's addresses. What is in effect already is not written again.
#[utoipa::path(put, path = "/api/v1/addresses", tag = "alliance", request_body = NewAddresses,
    responses((status = 200, description = "The members, this one as stated", body = Vec<MemberAddressesJson>)))]
pub(crate) async fn set(State(state): State<AppState>, Json(new): Json<NewAddresses>) -> Result<axum::Json<Vec<MemberAddressesJson>>, Problem> {
    state.handle.set_addresses(&new.addresses).await?;
    Ok(axum::Json(all(&state.handle.state().ledger)))
}
