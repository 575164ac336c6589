//! A record taken out: bundles, a single field, the log proof, and the statement for any COSE library.

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use suyuan_core::StatementId;
use suyuan_core::bundle::{Bundle, BundleRecord};
use suyuan_core::section::ABOUT;
use suyuan_core::statement::cose_sign1;
use suyuan_engine::history;
use suyuan_engine::json::Object;
use suyuan_engine::query::{RecordView, SectionContent};
use suyuan_engine::record::HeldRecord;
use utoipa::ToSchema;

use crate::body::{Json, Param};
use crate::limits;
use crate::problem::{Kind, Problem};
use crate::reads::{self, Purpose, Read};
use crate::records;
use crate::state::{AppState, Reading};

/// Which fields to disclose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disclose {
    /// The fields, each once.
    #[schema(value_type = Vec<WantedField>)]
    fields: Vec<Object<WantedField>>,
    /// Why a regulator reads them.
    purpose: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WantedField {
    /// Index of the section.
    section: u8,
    /// Name of the field.
    name: String,
}

/// Disclose single fields.
///
/// Returns a bundle (`.suyuan`) in which each of these fields can be verified alone, offline; it opens nothing else.
#[utoipa::path(post, path = "/api/v1/records/{id}/disclose", tag = "records", params(("id" = String, Path, description = "The record's id, hex"), ("Purpose" = Option<String>, Header, description = "Why a regulator reads, percent-encoded UTF-8")),
    request_body = Disclose, responses((status = 200, description = "The bundle", content_type = "application/cbor", body = Vec<u8>)))]
pub(crate) async fn disclose(
    State(state): State<AppState>,
    Param(id): Param,
    purpose: Purpose,
    Json(Disclose { fields, purpose: stated }): Json<Disclose>,
) -> Result<Response, Problem> {
    let purpose = match stated {
        Some(text) => Purpose::new(&text).map_err(|problem| Problem { pointer: Some("/purpose".into()), ..problem })?,
        None => purpose,
    };
    let fields: Vec<WantedField> = fields.into_iter().map(|Object(field)| field).collect();
    let record = records::load(&state, &id).await?;
    check_wanted(&fields, &record)?;
    let mine = record.author == state.handle.state().ledger.me;
    let read = Read::sections(&record, |section| fields.iter().any(|field| field.section == section.index)).filter(|_| !mine);
    let wanted: Vec<(u8, String)> = fields.into_iter().map(|field| (field.section, field.name)).collect();
    let bytes = bundle_of(&state, record.id, move |reading, held| Ok(reading.reader().disclose(held, &wanted)?)).await?;
    reads::log_reads(&state, read.into_iter().collect(), &purpose).await?;
    Ok(file(bytes, record.id))
}

fn check_wanted(fields: &[WantedField], record: &RecordView) -> Result<(), Problem> {
    if !(1..=limits::DISCLOSED).contains(&fields.len()) {
        return Err(Problem::at(Kind::Limit, "/fields", format!("1 to {} fields", limits::DISCLOSED)));
    }
    for (index, wanted) in fields.iter().enumerate() {
        let section = record.sections.iter().find(|section| section.index == wanted.section).map(|section| &section.content);
        let there = match section {
            Some(SectionContent::Open(fields)) => {
                wanted.name == ABOUT && !record.about.is_empty() || fields.iter().any(|field| field.name == wanted.name)
            }
            _ => false,
        };
        let before = fields.iter().take(index).any(|other| other.section == wanted.section && other.name == wanted.name);
        if !there || before {
            let detail = "each field once, by the index of a section that is open here and the name that it has there";
            return Err(Problem::at(Kind::UnknownField, format!("/fields/{index}"), detail));
        }
    }
    Ok(())
}

/// Take out the record with its public sections.
///
/// A bundle (`.suyuan`) that anybody can verify offline.
#[utoipa::path(get, path = "/api/v1/records/{id}/bundle", tag = "records", params(("id" = String, Path, description = "The record's id, hex")),
    responses((status = 200, description = "The bundle", content_type = "application/cbor", body = Vec<u8>)))]
pub(crate) async fn bundle(State(state): State<AppState>, Param(id): Param) -> Result<Response, Problem> {
    let id: StatementId = id.parse().map_err(|_| Problem::not_found())?;
    let bytes = bundle_of(&state, id, |reading, held| Ok(reading.reader().public_bundle(held)?)).await?;
    Ok(file(bytes, id))
}

async fn bundle_of(
    state: &AppState,
    id: StatementId,
    take: impl FnOnce(&Reading, &HeldRecord) -> Result<Option<BundleRecord>, Problem> + Send + 'static,
) -> Result<Vec<u8>, Problem> {
    let charter = state.handle.charter_file().clone();
    state
        .read(move |reading| {
            let held = held(reading, &id)?;
            let record = take(reading, &held)?.ok_or_else(not_published)?;
            let reader = reading.reader();
            let foundation = history::foundation(&charter, reader.ledger, reader.view, reader.local)?.ok_or_else(no_history)?;
            Ok(Bundle { foundation, records: vec![record] }.to_bytes())
        })
        .await
}

fn held(reading: &Reading, id: &StatementId) -> Result<HeldRecord, Problem> {
    let reader = reading.reader();
    let row = reader.row_of(id)?.ok_or_else(Problem::not_found)?;
    reader.held(row)?.ok_or_else(Problem::not_found)
}

fn not_published() -> Problem {
    Problem::passing(Kind::NotPublished, 1, "its author has not signed a checkpoint over it yet, or none has arrived here; try again in a moment")
}

/// A decision that is in force has not arrived here yet as a record.
pub(crate) fn no_history() -> Problem {
    Problem::passing(Kind::NotPublished, 1, "what the alliance decided has not all arrived here yet; try again in a moment")
}

fn file(bytes: Vec<u8>, id: StatementId) -> Response {
    let disposition = format!("attachment; filename=\"{id}.suyuan\"");
    ([(CONTENT_TYPE, "application/cbor".to_owned()), (CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

/// Take out the log proof.
///
/// That the record's id is in its author's log, as a C2SP `tlog-proof`.
#[utoipa::path(get, path = "/api/v1/records/{id}/proof", tag = "records", params(("id" = String, Path, description = "The record's id, hex")),
    responses((status = 200, description = "The proof", content_type = "text/plain", body = String)))]
pub(crate) async fn proof(State(state): State<AppState>, Param(id): Param) -> Result<Response, Problem> {
    let id: StatementId = id.parse().map_err(|_| Problem::not_found())?;
    let proof = state.read(move |reading| reading.reader().proof(held(reading, &id)?.row)?.ok_or_else(not_published)).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], proof.to_string()).into_response())
}

/// Take out the statement.
///
/// As a tagged COSE_Sign1 (RFC 9052) with its author's own signature.
#[utoipa::path(get, path = "/api/v1/records/{id}/statement", tag = "records", params(("id" = String, Path, description = "The record's id, hex")),
    responses((status = 200, description = "COSE_Sign1", content_type = "application/cose", body = Vec<u8>)))]
pub(crate) async fn statement(State(state): State<AppState>, Param(id): Param) -> Result<Response, Problem> {
    let id: StatementId = id.parse().map_err(|_| Problem::not_found())?;
    let held = state.read(move |reading| held(reading, &id)).await?;
    let bytes = cose_sign1(&held.bytes, &held.signature).map_err(|fault| Problem::internal(&fault))?;
    Ok(([(CONTENT_TYPE, "application/cose; cose-type=\"cose-sign1\"")], bytes).into_response())
}
