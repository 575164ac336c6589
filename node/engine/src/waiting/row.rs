//! A submission that waits, as the contents of its row (`specs/store.md`, table Waiting).

use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::section::Field;
use suyuan_core::{CircleId, Fault, StatementId, limits as core_limits};

use super::{Kept, Reason};
use crate::limits;
use crate::submission::{Refusal, RefusalKind, Submission, SubmittedSection};
use crate::writer::Idempotent;

/// The contents of a row.
pub fn encode(kept: &Kept) -> Vec<u8> {
    let Kept { since, reason, once, failed, submissions } = kept;
    let mut to = Writer::with_capacity(1024);
    to.array(5).uint(*since).text(reason.code());
    match once {
        Some(Idempotent { key, digest }) => to.array(2).bytes(key).bytes(digest),
        None => to.null(),
    };
    match failed {
        Some(Refusal { fault, pointer, detail }) => to.array(3).text(fault.code()).text(pointer).text(detail),
        None => to.null(),
    };
    to.array(submissions.len());
    submissions.iter().for_each(|submission| write_submission(submission, &mut to));
    to.finish()
}

fn write_submission(submission: &Submission, to: &mut Writer) {
    let Submission { kind, about, references, time, sections } = submission;
    to.array(5).text(kind).array(about.len());
    about.iter().for_each(|about| {
        to.text(about);
    });
    to.array(references.len());
    references.iter().for_each(|id| {
        to.bytes(&id.0);
    });
    match time {
        Some(time) => to.uint(*time),
        None => to.null(),
    };
    to.array(sections.len());
    for SubmittedSection { audiences, fields } in sections {
        to.array(2).array(audiences.len());
        audiences.iter().for_each(|circle| {
            to.bytes(&circle.0);
        });
        to.array(fields.len());
        fields.iter().for_each(|field| {
            to.array(2).text(&field.name).text(&field.value);
        });
    }
}

/// Reads what [`encode`] wrote; nothing for anything else.
pub fn decode(bytes: &[u8]) -> Option<Kept> {
    let mut from = Reader::open(bytes).ok()?;
    read(&mut from).ok().flatten()
}

/// Nothing where a word is not one of those that there are.
fn read(from: &mut Reader<'_>) -> Result<Option<Kept>, Fault> {
    from.array(5)?;
    let since = from.uint()?;
    let reason = from.text(0..=core_limits::TYPE)?;
    let reason = Reason::ALL.into_iter().find(|known| known.code() == reason);
    let once = if from.null() { None } else { Some(read_once(from)?) };
    let failed = if from.null() { None } else { Some(read_refusal(from)?) };
    let submissions = list(from, limits::SUBMISSION_RECORDS, read_submission)?;
    let failed = match failed {
        Some(None) => return Ok(None),
        Some(Some(refusal)) => Some(refusal),
        None => None,
    };
    Ok(reason.map(|reason| Kept { since, reason, once, failed, submissions }))
}

fn read_once(from: &mut Reader<'_>) -> Result<Idempotent, Fault> {
    from.array(2)?;
    Ok(Idempotent { key: from.bytes(limits::IDEMPOTENCY_KEY)?.to_vec(), digest: from.fixed()? })
}

fn read_refusal(from: &mut Reader<'_>) -> Result<Option<Refusal>, Fault> {
    from.array(3)?;
    let code = from.text(0..=core_limits::TYPE)?;
    let pointer = text(from, core_limits::BODY)?;
    let detail = text(from, core_limits::BODY)?;
    let fault = RefusalKind::ALL.into_iter().find(|kind| kind.code() == code);
    Ok(fault.map(|fault| Refusal { fault, pointer, detail }))
}

fn read_submission(from: &mut Reader<'_>) -> Result<Submission, Fault> {
    from.array(5)?;
    let kind = text(from, core_limits::TYPE)?;
    let about = list(from, limits::ABOUT, |from| text(from, core_limits::BODY))?;
    let references = list(from, core_limits::REFERENCES, |from| Ok(StatementId(from.fixed()?)))?;
    let time = if from.null() { None } else { Some(from.uint()?) };
    let sections = list(from, core_limits::SECTIONS, |from| {
        from.array(2)?;
        let audiences = list(from, core_limits::AUDIENCES, |from| Ok(CircleId(from.fixed()?)))?;
        let fields = list(from, core_limits::FIELDS, |from| {
            from.array(2)?;
            Ok(Field { name: text(from, core_limits::FIELD_NAME)?, value: text(from, core_limits::BODY)? })
        })?;
        Ok(SubmittedSection { audiences, fields })
    })?;
    Ok(Submission { kind, about, references, time, sections })
}

fn list<T>(from: &mut Reader<'_>, most: usize, mut item: impl FnMut(&mut Reader<'_>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    (0..from.array_in(0..=most)?).map(|_| item(from)).collect()
}

fn text(from: &mut Reader<'_>, most: usize) -> Result<String, Fault> {
    Ok(from.text(0..=most)?.to_owned())
}
