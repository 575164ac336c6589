//! New keys for this member: made and kept here, asked for by a resolution (`specs/membership.md`, Keys).

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use suyuan_core::membership::Change;
use suyuan_engine::writer::WantedKeys;
use utoipa::ToSchema;

use crate::body::Json;
use crate::problem::Problem;
use crate::state::AppState;
use crate::trouble::check_room;

/// Keys to be exchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeys {
    /// Which: at least one.
    keys: Vec<Purpose>,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Purpose {
    /// Statements and checkpoints.
    Log,
    /// Cosignatures.
    Witness,
    /// Connections between nodes.
    Transport,
    /// Keys of circles that are handed to this member.
    Encryption,
}

/// The change that asks for new keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DrawnKeys)]
pub(crate) struct DrawnKeys {
    /// One object of `specs/membership.md`, to be proposed once the root key has signed it: that signature is the first, and still lacks.
    #[schema(value_type = Object)]
    change: Change,
}

/// Make new keys for this member.
///
/// They are in the keyring when this returns, and hold once the change that asks for them is final. `suyuan keyring rotate` does the rest.
#[utoipa::path(post, path = "/api/v1/keys", tag = "alliance", request_body = NewKeys, responses((status = 201, description = "The change that asks for them", body = DrawnKeys)))]
pub(crate) async fn create(State(state): State<AppState>, Json(new): Json<NewKeys>) -> Result<(StatusCode, axum::Json<DrawnKeys>), Problem> {
    check_room(&state)?;
    let wants = |purpose| new.keys.contains(&purpose);
    let wanted = WantedKeys {
        log: wants(Purpose::Log),
        witness: wants(Purpose::Witness),
        transport: wants(Purpose::Transport),
        encryption: wants(Purpose::Encryption),
    };
    let change = state.handle.draw_keys(wanted).await?;
    Ok((StatusCode::CREATED, axum::Json(DrawnKeys { change: Change::Keys(change) })))
}
