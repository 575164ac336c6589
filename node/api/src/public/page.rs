//! The consumer page: everything visible without a script, and nothing in it that says "verified".

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use suyuan_engine::ledger::Ledger;
use suyuan_trace::ProductPage;

use super::Bound;
use super::product::Product;
use super::shown::{self, Shown};
use crate::pages::answer;
use crate::pages::assets;
use crate::pages::text::clean;
use crate::pages::words::Lang;

#[derive(Template)]
#[template(path = "consumer.html")]
struct Consumer<'p> {
    lang: Lang,
    /// Folder of the assets.
    assets: String,
    alliance: String,
    alliance_id: String,
    members: usize,
    /// The member whose node this is.
    host: String,
    gtin: String,
    lot: Option<String>,
    serial: Option<String>,
    name: Option<String>,
    records: Vec<Shown>,
    /// What is said of older records that are left out.
    earlier: Option<String>,
    bound: Bound,
    /// The page's own path.
    path: &'p str,
    /// The alliance id as the address has it, as a further parameter.
    parameter: String,
    period: Option<(String, String)>,
    authors: usize,
}

/// Renders the page.
pub(crate) fn draw(product: &Product, ledger: &Ledger, lang: Lang, bound: Bound, named: Option<&str>) -> Response {
    let Product { page, records, earlier, counted } = product;
    let (gtin, lot, serial) = match page {
        ProductPage::Lot { gtin, lot } => (gtin.to_string(), Some(lot.to_string()), None),
        ProductPage::Serial { gtin, serial } => (gtin.to_string(), None, Some(serial.to_string())),
    };
    let mut authors: Vec<_> = records.iter().map(|record| record.author).collect();
    authors.sort_unstable();
    authors.dedup();
    let shown: Vec<Shown> = records.iter().map(|record| Shown::new(record, ledger, lang)).collect();
    let day = |record: &Shown| record.when.get(..10).unwrap_or_default().to_owned();
    let template = Consumer {
        lang,
        assets: assets::base(),
        alliance: clean(&ledger.alliance.charter().name),
        alliance_id: ledger.alliance.id().to_string(),
        members: ledger.alliance.members().len(),
        host: ledger.alliance.member(&ledger.me).map(|me| clean(&me.entry.name)).unwrap_or_default(),
        gtin,
        lot,
        serial,
        name: shown::product_name(records, lang),
        period: shown.first().zip(shown.last()).map(|(first, last)| (day(first), day(last))),
        authors: authors.len(),
        records: shown,
        earlier: (*earlier > 0).then(|| lang.fill(if *counted { "page.earlier" } else { "page.earlier.least" }, &[&earlier.to_string()])),
        bound,
        path: &page.to_string(),
        // Only an alliance id is repeated, whatever else the address says.
        parameter: named.filter(|_| matches!(bound, Bound::Here | Bound::Elsewhere)).map(|id| format!("&a={id}")).unwrap_or_default(),
    };
    let status = if records.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    answer::page(status, lang, &template)
}

impl Consumer<'_> {
    fn recalls(&self) -> Vec<&Shown> {
        self.records.iter().filter(|record| record.recall).collect()
    }
}
