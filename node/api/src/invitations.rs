//! Inviting a newcomer, taking that back, and taking in whoever shows an invitation: it is proposed to the members, who decide.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use suyuan_core::charter::Role;
use suyuan_core::membership::Admission;
use suyuan_core::resolution::Disclosed;
use suyuan_core::{AllianceId, StatementId};
use suyuan_engine::decisions::{HeldInvitation, InvitationRequest, InvitationState};
use suyuan_engine::history;
use suyuan_engine::ledger::Ledger;
use suyuan_runtime::node::now;
use utoipa::ToSchema;

use crate::auth::Need;
use crate::body::{Json, Param};
use crate::problem::{Kind, Problem};
use crate::records::view::MemberName;
use crate::routes::Page;
use crate::state::AppState;
use crate::trouble::check_room;

/// Routes of the public listener that this file serves.
pub(crate) fn table() -> Vec<Page> {
    vec![Page::get("/history", Need::Open, served), Page::post("/join", Need::Open, join)]
}

/// Somebody to be invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvitation {
    /// Name that the new member is to have, 1 to 128 bytes.
    name: String,
    /// `upstream`, `midstream`, `downstream`, `support` or `regulator`.
    #[schema(value_type = String)]
    role: Role,
    /// After this it is worth nothing, milliseconds since 1970-01-01 UTC; 90 days from now at most.
    expires: u64,
}

/// An invitation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvitationJson {
    /// The invitation's statement.
    #[schema(value_type = String)]
    pub id: StatementId,
    /// Who invites.
    pub author: MemberName,
    /// Name that the new member is to have.
    pub name: String,
    /// Its role.
    #[schema(value_type = String)]
    pub role: Role,
    /// After this it is worth nothing, milliseconds since 1970-01-01 UTC.
    pub expires: u64,
    /// `open`, `used`, `withdrawn` or `expired`.
    pub state: &'static str,
    /// The proposal to admit whoever used it.
    #[schema(value_type = Option<String>)]
    pub proposal: Option<StatementId>,
}

impl InvitationJson {
    fn new(id: &StatementId, held: &HeldInvitation, ledger: &Ledger) -> Self {
        let state = ledger.decisions.invitation_state(id, now()).map_or("", InvitationState::name);
        let proposal = ledger.decisions.used(id).copied();
        let (name, role, expires) = (held.invitation.name.clone(), held.invitation.role, held.invitation.expires);
        Self { id: *id, author: MemberName::of(&held.author, ledger), name, role, expires, state, proposal }
    }
}

/// One invitation as things stand.
///
/// # Errors
/// [`Kind::NotFound`].
pub(crate) fn found(ledger: &Ledger, id: &str) -> Result<InvitationJson, Problem> {
    let id: StatementId = id.parse().map_err(|_| Problem::not_found())?;
    let held = ledger.decisions.invitations().find(|(known, _)| **known == id);
    held.map(|(id, held)| InvitationJson::new(id, held, ledger)).ok_or_else(Problem::not_found)
}

/// An invitation as it is handed to whoever is invited. It cannot be shown again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MadeInvitation)]
pub(crate) struct MadeInvitation {
    /// The alliance.
    #[schema(value_type = String)]
    alliance: AllianceId,
    /// The inviting node's public address.
    url: String,
    /// The invitation's statement.
    #[schema(value_type = String)]
    invitation: StatementId,
    /// What shows that it is in the right hands: 32 bytes, hex.
    secret: String,
    /// The statement with its section, signed by the member that invites.
    #[schema(value_type = Object)]
    signed: Disclosed,
}

/// Invite somebody to the alliance.
///
/// The answer is the invitation itself, for `suyuan join`: whoever has it may ask once to be admitted. The members decide.
#[utoipa::path(post, path = "/api/v1/invitations", tag = "alliance", request_body = NewInvitation, responses((status = 201, description = "The invitation", body = MadeInvitation)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    Json(new): Json<NewInvitation>,
) -> Result<(StatusCode, axum::Json<MadeInvitation>), Problem> {
    let NewInvitation { name, role, expires } = new;
    let made = make(&state, InvitationRequest { name, role, expires }).await?;
    Ok((StatusCode::CREATED, axum::Json(made)))
}

/// Makes an invitation.
///
/// # Errors
/// [`Problem`]: it may not be made, or could not be written.
pub(crate) async fn make(state: &AppState, request: InvitationRequest) -> Result<MadeInvitation, Problem> {
    check_room(state)?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| Problem::internal(&error))?;
    let receipt = state.handle.invite(request, secret).await?;
    let ledger = state.handle.state().ledger;
    let id = receipt.ids.first().copied().ok_or_else(|| Problem::internal(&"an invitation without an id"))?;
    let held = ledger.decisions.invitations().find(|(known, _)| **known == id);
    let (_, held) = held.ok_or_else(|| Problem::internal(&"an invitation that was written is not known"))?;
    Ok(MadeInvitation {
        alliance: ledger.alliance.id(),
        url: state.public_url.to_string(),
        invitation: id,
        secret: hex::encode(secret),
        signed: held.disclosed.as_ref().clone(),
    })
}

/// Take an invitation back.
///
/// By whoever made it, as long as nobody has used it. A statement of this member's says so: every member's node shows it, and this one admits nobody on it.
#[utoipa::path(delete, path = "/api/v1/invitations/{id}", tag = "alliance", params(("id" = String, Path, description = "The invitation's statement id")),
    responses((status = 200, description = "The invitation", body = InvitationJson)))]
pub(crate) async fn remove(State(state): State<AppState>, Param(id): Param) -> Result<axum::Json<InvitationJson>, Problem> {
    take_back(&state, &id).await.map(axum::Json)
}

/// Takes an invitation back.
///
/// # Errors
/// [`Problem`]: it is not there, not this member's, or not open.
pub(crate) async fn take_back(state: &AppState, id: &str) -> Result<InvitationJson, Problem> {
    let invitation = found(&state.handle.state().ledger, id)?;
    check_room(state)?;
    state.handle.take_back(invitation.id).await?;
    found(&state.handle.state().ledger, id)
}

/// Every invitation, the newest end first.
pub(crate) fn all(ledger: &Ledger) -> Vec<InvitationJson> {
    let mut all: Vec<InvitationJson> = ledger.decisions.invitations().map(|(id, held)| InvitationJson::new(id, held, ledger)).collect();
    all.sort_by_key(|invitation| std::cmp::Reverse((invitation.expires, invitation.id)));
    all
}

/// List invitations.
///
/// Of every member, the newest end first.
#[utoipa::path(get, path = "/api/v1/invitations", tag = "alliance", responses((status = 200, description = "The invitations", body = Vec<InvitationJson>)))]
pub(crate) async fn list(State(state): State<AppState>) -> axum::Json<Vec<InvitationJson>> {
    axum::Json(all(&state.handle.state().ledger))
}

/// What whoever was invited sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// The invitation's statement.
    invitation: StatementId,
    /// Its secret, 32 bytes, hex.
    secret: StatementId,
    /// The entry, signed with all its keys.
    admission: Admission,
}

#[derive(Serialize)]
struct Proposed {
    proposal: StatementId,
}

async fn join(State(state): State<AppState>, Json(request): Json<Request>) -> Result<Response, Problem> {
    check_room(&state)?;
    let Request { invitation, secret, admission } = request;
    let receipt = state.handle.join(invitation, secret.0, admission).await?;
    let proposal = receipt.ids.first().copied().ok_or_else(|| Problem::internal(&"a proposal without an id"))?;
    Ok((StatusCode::ACCEPTED, axum::Json(Proposed { proposal })).into_response())
}

/// The alliance's history, for newcomers and whoever checks it.
async fn served(State(state): State<AppState>) -> Result<Response, Problem> {
    let history = state.read(|reading| {
        let reader = reading.reader();
        Ok::<_, Problem>(history::export(reader.ledger, reader.view, reader.local)?.map(|history| history.to_bytes()))
    });
    let late = || Problem::passing(Kind::Unavailable, 5, "this node does not hold all decisions yet; ask again, or another member's node");
    let bytes = history.await?.ok_or_else(late)?;
    Ok(([(CONTENT_TYPE, "application/cbor"), (CACHE_CONTROL, "no-cache")], bytes).into_response())
}
