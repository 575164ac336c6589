//! A regulator's reads: each is a durable record in its own log before any plaintext of a sealed section is returned (`specs/http-api.md`, Regulators).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use suyuan_core::StatementId;
use suyuan_core::charter::Role;
use suyuan_core::circle::{PUBLIC, alliance_circle};
use suyuan_core::section::Field;
use suyuan_engine::query::{RecordView, SectionContent, SectionView};
use suyuan_engine::submission::{Submission, SubmittedSection};
use suyuan_runtime::node::now;

use crate::limits;
use crate::problem::{Kind, Problem};
use crate::state::AppState;
use crate::trouble::check_room;
use crate::urlencoded::percent_decoded;

/// Type of the record of a read.
pub const TYPE: &str = "suyuan.read";

/// What is read of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Read {
    statement: StatementId,
    sections: Vec<u8>,
}

impl Read {
    /// All sealed sections of a record that are about to be shown; nothing where none is.
    pub fn of(record: &RecordView) -> Option<Self> {
        Self::sections(record, |_| true)
    }

    /// Those of them that are wanted.
    pub fn sections(record: &RecordView, wanted: impl Fn(&SectionView) -> bool) -> Option<Self> {
        let shown = record.sections.iter().filter(|section| matches!(section.content, SectionContent::Open(_)));
        let sealed = shown.filter(|section| !section.circles.contains(&PUBLIC) && wanted(section));
        let sections: Vec<u8> = sealed.map(|section| section.index).collect();
        (!sections.is_empty()).then_some(Self { statement: record.id, sections })
    }
}

/// Makes reads durable where this member is a regulator. What was read may be returned after it, and not before. Its own records are its own.
///
/// # Errors
/// [`Kind::ReadNotLogged`]: nothing may be returned.
pub async fn log(state: &AppState, records: &[RecordView], purpose: &Purpose) -> Result<(), Problem> {
    let me = state.handle.state().ledger.me;
    log_reads(state, records.iter().filter(|record| record.author != me).filter_map(Read::of).collect(), purpose).await
}

/// As [`log`], for reads that were put together already.
///
/// # Errors
/// [`Kind::ReadNotLogged`].
pub async fn log_reads(state: &AppState, reads: Vec<Read>, Purpose(purpose): &Purpose) -> Result<(), Problem> {
    let ledger = state.handle.state().ledger;
    let regulator = ledger.alliance.member(&ledger.me).is_some_and(|me| me.entry.role == Role::Regulator);
    if !regulator || reads.is_empty() {
        return Ok(());
    }
    let time = now();
    let field = |name: &str, value: serde_json::Result<String>| {
        value.map(|value| Field { name: name.to_owned(), value }).map_err(|error| Problem::internal(&error))
    };
    let fields = vec![
        field("reads", serde_json::to_string(&reads))?,
        field("purpose", serde_json::to_string(purpose))?,
        field("time", serde_json::to_string(&time))?,
    ];
    let section = SubmittedSection { audiences: vec![alliance_circle(&ledger.alliance.id())], fields };
    let submission = Submission { kind: TYPE.to_owned(), about: Vec::new(), references: Vec::new(), time: Some(time), sections: vec![section] };
    check_room(state)?;
    let logged = state.handle.record(submission).await;
    let refused = |error: &dyn std::fmt::Display| {
        Problem::passing(Kind::ReadNotLogged, 5, format!("a regulator reads only what it has logged, and it could not: {error}"))
    };
    logged.map(|_| ()).map_err(|error| refused(&error))
}

/// Why somebody reads, from the header `Purpose`: UTF-8 text, of which any byte may be percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose(pub String);

impl Default for Purpose {
    fn default() -> Self {
        Self("not stated".to_owned())
    }
}

impl Purpose {
    /// The purpose that a text states.
    ///
    /// # Errors
    /// [`Kind::Parameter`] for one that is empty, too long, or has control characters.
    pub fn new(text: &str) -> Result<Self, Problem> {
        let clean = (1..=limits::PURPOSE).contains(&text.len()) && !text.chars().any(char::is_control);
        let detail = || {
            format!("a purpose has 1 to {} bytes of UTF-8 and no control characters; in the header, any byte may be written as %XX", limits::PURPOSE)
        };
        if clean { Ok(Self(text.to_owned())) } else { Err(Problem::new(Kind::Parameter, detail())) }
    }

    fn from_header(value: &[u8]) -> Result<Self, Problem> {
        let decoded = if value.len() > 3 * limits::PURPOSE { None } else { percent_decoded(value) };
        Self::new(&decoded.unwrap_or_default())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Purpose {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all("purpose").iter();
        let purpose = given.next().map_or_else(|| Ok(Self::default()), |value| Self::from_header(value.as_bytes()));
        if given.next().is_some() { Self::new("") } else { purpose }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_is_text_in_any_language() {
        let read = |text: &str| Purpose::from_header(text.as_bytes()).map(|purpose| purpose.0).map_err(|problem| problem.kind);
        assert_eq!(read("recall 17"), Ok("recall 17".to_owned()));
        assert_eq!(read("抽检"), Ok("抽检".to_owned()));
        assert_eq!(read("%E6%8A%BD%e6%a3%80"), Ok("抽检".to_owned()));
        for bad in ["", "%", "%4", "%zz", "%ff", "a%0ab", &"x".repeat(limits::PURPOSE + 1), &"%41".repeat(limits::PURPOSE + 1)] {
            assert_eq!(read(bad), Err(Kind::Parameter), "{bad:.20}");
        }
    }
}
