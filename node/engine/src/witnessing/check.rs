//! Checking the rows of witnessing from end to end, for `fsck`.

use suyuan_core::log::LogId;
use suyuan_core::note::UnverifiedCheckpoint;
use suyuan_core::policy::{Witnesses, checkpoint_key};

use super::desk::cosigned;
use super::{LogGathered, held_root};
use crate::fsck::Finding;
use crate::ledger::Ledger;
use crate::schema::{Table, log_key};
use crate::view::View;

/// Rows that are looked at together.
const STEP: usize = 1024;

/// What was cosigned was signed by its log and fits the entries that are here; every gathered line verifies.
///
/// # Errors
/// The first [`Finding`].
pub(crate) fn check(ledger: &Ledger, view: &impl View) -> Result<(), Finding> {
    check_all_cosigned(ledger, view)?;
    let rows = view.rows(Table::Gathered, &log_key(0), &[0xff; 5], usize::MAX)?;
    if rows.len() != ledger.gathered.iter().count() {
        return Err(found("cosigned checkpoints of a log that is not here"));
    }
    let witnesses = Witnesses::of(&ledger.alliance);
    ledger.gathered.iter().try_for_each(|(log, gathered)| check_gathered(log, gathered, &witnesses, ledger, view))
}

/// What this node cosigned last of each log.
///
/// # Errors
/// The first [`Finding`].
pub(crate) fn check_all_cosigned(ledger: &Ledger, view: &impl View) -> Result<(), Finding> {
    let mut from = Vec::new();
    loop {
        let rows = view.rows(Table::Cosigned, &from, &[0xff; 33], STEP)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        from = [&last[..], &[0]].concat();
        for (key, _) in rows {
            let key = key.try_into().map_err(|_| found("a row of what was cosigned"))?;
            check_cosigned(&key, ledger, view)?;
        }
    }
}

fn check_cosigned(key: &[u8; 32], ledger: &Ledger, view: &impl View) -> Result<(), Finding> {
    let Some(last) = cosigned(key, view)? else { return Ok(()) };
    // The keys of logs outside the alliance are the operator's matter, and not in the store.
    let Some(member) = ledger.alliance.members().iter().find(|member| ledger.alliance.log_of(&member.id).origin() == last.origin) else {
        return Ok(());
    };
    let log = ledger.alliance.log_of(&member.id);
    let wrong = |what: &str| Finding { log: Some(log), sequence: None, what: format!("what was cosigned: {what}") };
    let note = format!("{}\n{}", last.body(), last.signed);
    let signed = UnverifiedCheckpoint::parse(&note).and_then(|note| note.verify(&checkpoint_key(&log, member, last.head.size)?, &[]));
    signed.map_err(|fault| wrong(&fault.to_string()))?;
    match held_root(&log, last.head.size, ledger, view)? {
        Some(root) if root != last.head.root => Err(wrong("it is over other entries")),
        _ => Ok(()),
    }
}

/// What was gathered of one log: every line verifies, over the entries that are here, and each checkpoint stands in its place.
///
/// # Errors
/// The first [`Finding`].
pub(crate) fn check_gathered(log: &LogId, gathered: &LogGathered, witnesses: &Witnesses, ledger: &Ledger, view: &impl View) -> Result<(), Finding> {
    let wrong = |what: String| Finding { log: Some(*log), sequence: None, what: format!("a cosigned checkpoint: {what}") };
    let author = ledger.alliance.member(&log.member).ok_or_else(|| wrong("of nobody in the charter".into()))?;
    for one in gathered.witnessed.iter().chain(&gathered.newer) {
        let key = checkpoint_key(log, author, one.head.size).map_err(|fault| wrong(fault.to_string()))?;
        let checkpoint = UnverifiedCheckpoint::parse(&one.note).and_then(|note| note.verify(&key, witnesses.keys()));
        let head = checkpoint.map_err(|fault| wrong(fault.to_string()))?.head;
        if held_root(log, head.size, ledger, view)? != Some(head.root) {
            return Err(wrong("it is over other entries".into()));
        }
    }
    // How many cosignatures suffice changes with the members, so what was witnessed once may not be so by today's count.
    let sizes = gathered.witnessed.iter().chain(&gathered.newer).map(|one| one.head.size);
    if !sizes.collect::<Vec<_>>().is_sorted_by(|one, next| one < next) {
        return Err(wrong("it stands in the wrong place".into()));
    }
    Ok(())
}

fn found(what: &str) -> Finding {
    Finding { log: None, sequence: None, what: what.into() }
}
