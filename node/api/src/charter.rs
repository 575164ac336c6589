//! The founding charter, as the file that everybody checks and as JSON to look at.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use suyuan_core::charter::{Member, Role};
use suyuan_core::{AllianceId, MemberId};
use utoipa::ToSchema;

use crate::state::AppState;

/// The charter's content.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Charter {
    /// The alliance id: the hash of the charter.
    #[schema(value_type = String)]
    id: AllianceId,
    /// Name of the alliance.
    name: String,
    /// What it is for.
    purpose: String,
    /// Its industrial chain.
    chain: String,
    /// When it was drawn up, milliseconds since 1970-01-01 UTC.
    time: u64,
    /// The founders.
    members: Vec<Founder>,
    /// Ids of the deputies in order of succession.
    #[schema(value_type = Vec<String>)]
    deputies: Vec<MemberId>,
    /// The longest time that a removed member may still read what is sealed, milliseconds.
    seal: u64,
    /// The agreement's text.
    terms: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Founder {
    /// Its id: the hash of its entry.
    #[schema(value_type = String)]
    id: MemberId,
    /// Its name.
    name: String,
    /// Its role.
    #[schema(value_type = String)]
    role: Role,
    /// Its public keys, hex.
    keys: Keys,
    /// Initial multiaddrs.
    addresses: Vec<String>,
    /// Types that a regulator may read.
    scope: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Keys {
    /// Ed25519, kept offline.
    root: String,
    /// Ed25519, statements and checkpoints.
    log: String,
    /// Ed25519, cosignatures.
    witness: String,
    /// Ed25519, the network identity.
    transport: String,
    /// X25519, the first keys that are handed out.
    encryption: String,
}

impl Founder {
    fn new(Member { id, entry, .. }: &Member) -> Self {
        let keys = &entry.keys;
        let [root, log, witness, transport] = keys.signing().map(hex::encode);
        let keys = Keys { root, log, witness, transport, encryption: hex::encode(keys.encryption) };
        Self { id: *id, name: entry.name.clone(), role: entry.role, keys, addresses: entry.addresses.clone(), scope: entry.scope.clone() }
    }
}

/// Take out the charter file.
///
/// Charter and signatures, as every bundle carries them.
#[utoipa::path(get, path = "/api/v1/charter", tag = "alliance", responses((status = 200, description = "The charter file", content_type = "application/cbor", body = Vec<u8>)))]
pub(crate) async fn file(State(state): State<AppState>) -> Response {
    ([(CONTENT_TYPE, "application/cbor")], state.handle.charter_file().to_vec()).into_response()
}

/// Show the charter.
///
/// Its content as JSON.
#[utoipa::path(get, path = "/api/v1/charter.json", tag = "alliance", responses((status = 200, description = "The charter", body = Charter)))]
pub(crate) async fn json(State(state): State<AppState>) -> axum::Json<Charter> {
    let alliance = state.handle.state().ledger.alliance.clone();
    let charter = alliance.charter();
    axum::Json(Charter {
        id: alliance.id(),
        name: charter.name.clone(),
        purpose: charter.purpose.clone(),
        chain: charter.chain.clone(),
        time: charter.time,
        members: alliance.members().iter().map(Founder::new).collect(),
        deputies: alliance.deputies().to_vec(),
        seal: charter.seal,
        terms: charter.terms.clone(),
    })
}
