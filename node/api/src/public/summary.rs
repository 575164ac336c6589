//! What a scan yields for programs: JSON with the values as they were signed. Nothing in it is proven; the bundle is.

use serde::Serialize;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::query::RecordView;
use suyuan_trace::ProductPage;

use super::product::Product;
use super::qr;
use super::shown;
use crate::records::view::{Fields, MemberName, Unreadable};

/// A product in short.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// Canonical Digital Link.
    subject: String,
    gtin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    alliance: Alliance,
    /// Whether a record recalls it.
    recalled: bool,
    /// By the authors' times, oldest first.
    records: Vec<Record>,
    /// Older records that are left out.
    earlier: usize,
    /// Whether all of them were counted; else there are at least so many.
    counted: bool,
    /// The address that stands in a printed code.
    page: String,
    /// Where the proof is.
    bundle: String,
    proven: &'static str,
}

#[derive(Debug, Serialize)]
struct Alliance {
    id: String,
    name: String,
    members: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: String,
    r#type: String,
    author: MemberName,
    /// Milliseconds since 1970-01-01 UTC, as the author claims.
    time: u64,
    published: bool,
    fields: Fields,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<Unreadable>,
    withheld: u64,
}

impl Summary {
    /// A summary with addresses under `public_url`.
    pub(crate) fn new(product: &Product, ledger: &Ledger, public_url: &str) -> Self {
        let Product { page, records, earlier, counted } = product;
        let (gtin, lot, serial) = match page {
            ProductPage::Lot { gtin, lot } => (gtin, Some(lot.to_string()), None),
            ProductPage::Serial { gtin, serial } => (gtin, None, Some(serial.to_string())),
        };
        let alliance = &ledger.alliance;
        Self {
            subject: page.subject().to_string(),
            gtin: gtin.to_string(),
            lot,
            serial,
            alliance: Alliance { id: alliance.id().to_string(), name: alliance.charter().name.clone(), members: alliance.members().len() },
            recalled: records.iter().any(shown::is_recall),
            records: records.iter().map(|record| Record::new(record, ledger)).collect(),
            earlier: *earlier,
            counted: *counted,
            page: qr::address(page, public_url, &alliance.id()).unwrap_or_default(),
            bundle: format!("{public_url}{page}/bundle"),
            proven: "nothing: verify the bundle against the alliance id in the printed code, e.g. with `suyuan verify`",
        }
    }
}

impl Record {
    fn new(record: &RecordView, ledger: &Ledger) -> Self {
        let fields: Vec<_> = shown::fields(record).cloned().collect();
        let (fields, unreadable) = Fields::new(&fields);
        Self {
            id: record.id.to_string(),
            r#type: record.kind.clone(),
            author: MemberName::of(&record.author, ledger),
            time: record.time,
            published: record.published,
            fields,
            unreadable,
            withheld: shown::withheld(record),
        }
    }
}
