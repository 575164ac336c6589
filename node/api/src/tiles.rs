//! The logs for everybody: checkpoints, tiles and entry bundles as C2SP `tlog-tiles`, and the charter that says whose they are.
//!
//! A log's prefix is `/log/<member id, hex>/<incarnation>`.

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use suyuan_core::MemberId;
use suyuan_core::log::LogId;
use suyuan_core::policy::Policy;
use suyuan_core::tile::TilePath;
use suyuan_engine::logs::{LogHead, published_tile};
use suyuan_engine::serve;

use crate::auth::Need;
use crate::problem::Problem;
use crate::routes::Page;
use crate::state::{AppState, Reading};

/// A tile never changes: another width has another path.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// A checkpoint may be a second old; a cache asks again.
const FRESH: &str = "no-cache";

/// Routes of the public listener that this file serves.
pub(crate) fn table() -> Vec<Page> {
    vec![
        Page::get("/charter", Need::Open, charter),
        Page::get("/log/{member}/{incarnation}/checkpoint", Need::Open, checkpoint),
        Page::get("/log/{member}/{incarnation}/policy", Need::Open, policy),
        Page::get("/log/{member}/{incarnation}/tile/{*tile}", Need::Open, tile),
    ]
}

async fn charter(State(state): State<AppState>) -> Response {
    ([(CONTENT_TYPE, "application/cbor"), (CACHE_CONTROL, FRESH)], state.handle.charter_file().to_vec()).into_response()
}

type LogPath = Result<Path<(String, String)>, axum::extract::rejection::PathRejection>;

async fn checkpoint(State(state): State<AppState>, path: LogPath) -> Result<Response, Problem> {
    let Path((member, incarnation)) = path.map_err(|_| Problem::not_found())?;
    let note = state.read(move |reading| {
        let (head, reader) = (published(reading, &member, &incarnation)?.0, reading.reader());
        serve::published_note(&head.id, reader.ledger, reader.published, reader.view)?.ok_or_else(Problem::not_found)
    });
    let note = note.await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, FRESH)], note).into_response())
}

type TileOfLog = Result<Path<(String, String, String)>, axum::extract::rejection::PathRejection>;

async fn tile(State(state): State<AppState>, path: TileOfLog) -> Result<Response, Problem> {
    let Path((member, incarnation, tile)) = path.map_err(|_| Problem::not_found())?;
    let tile = TilePath::parse(&tile).ok_or_else(Problem::not_found)?;
    let bytes = state.read(move |reading| {
        let (head, size) = published(reading, &member, &incarnation)?;
        published_tile(reading.reader().view, head.number, size, tile)?.ok_or_else(Problem::not_found)
    });
    Ok(([(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, IMMUTABLE)], bytes.await?).into_response())
}

async fn policy(State(state): State<AppState>, path: LogPath) -> Result<Response, Problem> {
    let Path((member, incarnation)) = path.map_err(|_| Problem::not_found())?;
    let text = state.read(move |reading| {
        let log = log_of(reading, &member, &incarnation)?;
        Ok(Policy::of_log(&reading.state.ledger.alliance, &log).ok_or_else(Problem::not_found)?.to_bytes())
    });
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, FRESH)], text.await?).into_response())
}

fn log_of(reading: &Reading, member: &str, incarnation: &str) -> Result<LogId, Problem> {
    let ledger = &reading.state.ledger;
    let member: MemberId = member.parse().map_err(|_| Problem::not_found())?;
    let number: u64 = incarnation.parse().map_err(|_| Problem::not_found())?;
    // One spelling of a number, so that a cache holds each tile once.
    if number.to_string() != incarnation {
        return Err(Problem::not_found());
    }
    Ok(LogId { alliance: ledger.alliance.id(), member, incarnation: number })
}

/// The log of a prefix, and the size of its newest checkpoint.
fn published(reading: &Reading, member: &str, incarnation: &str) -> Result<(LogHead, u64), Problem> {
    let ledger = &reading.state.ledger;
    let log = log_of(reading, member, incarnation)?;
    let head = ledger.logs.known(&log).cloned().ok_or_else(Problem::not_found)?;
    let reader = reading.reader();
    let (_, size) = serve::checkpoint(&log, reader.ledger, reader.published, reader.view)?.ok_or_else(Problem::not_found)?;
    Ok((head, size))
}
