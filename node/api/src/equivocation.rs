//! Members that signed two histories of their log: who, of what, and the file that proves it.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use suyuan_core::equivocation::{Conviction, EquivocationFile};
use utoipa::ToSchema;

use suyuan_engine::history;

use crate::body::Param;
use crate::export::no_history;
use crate::members;
use crate::problem::Problem;
use crate::records::view::LogName;
use crate::state::AppState;
use crate::verify::{Words, utc, words};

/// Two histories of one log that its member signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Equivocation {
    /// Which log.
    pub log: LogName,
    /// Entries under each of the two checkpoints.
    pub sizes: [u64; 2],
    /// When the member says that each was its newest, seconds since 1970; null where it does not say.
    pub times: [Option<u64>; 2],
    /// How many entries both histories have in common; null where that is not proven.
    pub common: Option<u64>,
}

impl Equivocation {
    /// What evidence proves.
    pub fn new(conviction: &Conviction) -> Self {
        Self { log: LogName::of(&conviction.log()), sizes: conviction.sizes(), times: conviction.seconds(), common: conviction.common() }
    }

    /// The same in a sentence about a member of this name.
    pub fn words(&self, name: &str) -> Words {
        let ([first, second], [one, other]) = (self.sizes, self.times.map(|time| time.map_or_else(|| "—".to_owned(), utc)));
        let (en, zh) = match self.common {
            Some(common) => (format!("the first {common} entries are the same in both"), format!("两者前 {common} 条相同")),
            None => ("where they part is not proven".to_owned(), "分歧之处未得到证明".to_owned()),
        };
        let incarnation = self.log.incarnation;
        words(
            format!(
                "The log key of \"{name}\" signed two histories of its log {incarnation}: one of {first} entries (time claimed: {one}), one of {second} \
                 entries (time claimed: {other}); {en}."
            ),
            format!(
                "“{name}”的日志密钥签署了其日志 {incarnation} 的两个不同版本：一个共 {first} 条（自述时间 {one}），一个共 {second} 条（自述时间 {other}）；{zh}。"
            ),
        )
    }
}

/// Take out the proof that a member signed two histories.
///
/// A file that convicts it without any node: `suyuan verify FILE`. Not found where nothing is known against the member.
#[utoipa::path(get, path = "/api/v1/logs/{member}/equivocation", tag = "logs", params(("member" = String, Path, description = "The member's id or name")),
    responses((status = 200, description = "The file", content_type = "application/cbor", body = Vec<u8>)))]
pub(crate) async fn file(State(state): State<AppState>, Param(member): Param) -> Result<Response, Problem> {
    let ledger = state.handle.state().ledger;
    let member = members::named(&ledger, &member).ok_or_else(Problem::not_found)?;
    // Of the log that it writes, or of one that it wrote before.
    let known = ledger.convictions.iter().filter(|conviction| conviction.log().member == member);
    let conviction = known.max_by_key(|conviction| conviction.log().incarnation).ok_or_else(Problem::not_found)?;
    let evidence = conviction.evidence().clone();
    let charter = state.handle.charter_file().clone();
    let foundation = state.read(move |reading| {
        let reader = reading.reader();
        history::foundation(&charter, reader.ledger, reader.view, reader.local)?.ok_or_else(no_history)
    });
    let file = EquivocationFile { foundation: foundation.await?, evidence };
    Ok(([(CONTENT_TYPE, "application/cbor")], file.to_bytes()).into_response())
}
