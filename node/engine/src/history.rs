//! The alliance's history as a file, from what this node holds (`specs/history.md`).

use suyuan_core::StatementId;
use suyuan_core::history::{Foundation, History, HistoryEntry};

use crate::ledger::Ledger;
use crate::local::LocalKeys;
use crate::record::HeldRecord;
use crate::schema::{Row, Table};
use crate::view::{StoreError, View};

/// Charter and history, as files begin with them. Nothing while an entry has not come yet.
///
/// # Errors
/// [`StoreError`].
pub fn foundation(charter: &[u8], ledger: &Ledger, view: &impl View, local: &LocalKeys) -> Result<Option<Foundation>, StoreError> {
    let Some(history) = export(ledger, view, local)? else { return Ok(None) };
    let history = (!history.entries.is_empty()).then(|| history.to_bytes());
    Ok(Some(Foundation { charter: charter.to_vec(), history }))
}

/// Every entry up to the state in force, with the head that makes them final. Nothing while one of them has not come yet.
///
/// # Errors
/// [`StoreError`].
pub fn export(ledger: &Ledger, view: &impl View, local: &LocalKeys) -> Result<Option<History>, StoreError> {
    let mut entries = Vec::new();
    for id in ledger.decisions.settled().entries() {
        let Some(entry) = entry(id, view, local)? else { return Ok(None) };
        entries.push(entry);
    }
    let largest = ledger.decisions.heads().largest();
    let heads = largest.map(|(term, head)| (term, head.note.clone())).into_iter().collect();
    Ok(Some(History { entries, heads }))
}

pub(crate) fn entry(id: &StatementId, view: &impl View, local: &LocalKeys) -> Result<Option<HistoryEntry>, StoreError> {
    let Some(key) = view.row(Table::ById, &id.0)? else { return Ok(None) };
    let row = Row::from_key(&key).ok_or_else(|| StoreError("a place by id".into()))?;
    let Some(record) = HeldRecord::load(row, view, local)? else { return Ok(None) };
    let HeldRecord { bytes: statement, signature, mut sections, .. } = record;
    let section = if sections.is_empty() { None } else { Some(sections.swap_remove(0)) };
    Ok(section.filter(|section| section.index == 0).map(|section| HistoryEntry {
        statement,
        signature,
        header: section.bytes,
        body: section.content,
    }))
}
