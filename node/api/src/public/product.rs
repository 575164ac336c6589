//! What the public may see of a product: the public sections of all records about it, from every member that this node has.

use suyuan_core::bundle::Bundle;
use suyuan_engine::query::{ProductRecords, Reader, RecordView};
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::view::View;
use suyuan_runtime::{Handle, State};
use suyuan_trace::ProductPage;

use crate::problem::Problem;

/// Records of a page and its proof: recalls, since times are claims and no crowd of records may push one off the page, then the newest ones. The page says
/// how many are left out.
const RECORDS: usize = 200;
/// Bytes of public content of a page and its proof, after which no older record follows. A single record always fits: a body has at most 1 MiB, and one that
/// is larger is not shown whole anyway.
const BYTES: usize = 2 * 1024 * 1024;

/// A product with what the public may see of it.
#[derive(Debug)]
pub(crate) struct Product {
    /// The lot or item.
    pub(crate) page: ProductPage,
    /// Its records by their authors' times, oldest first; only public sections are open.
    pub(crate) records: Vec<RecordView>,
    /// How many older ones there are.
    pub(crate) earlier: usize,
    /// Whether all of them were counted; else there are at least so many.
    pub(crate) counted: bool,
}

impl Product {
    /// Reads what there is. Blocks.
    pub(crate) fn load(handle: &Handle, page: ProductPage) -> Result<Self, Problem> {
        let public = Public::of(handle);
        let reader = public.reader();
        let ProductRecords { records, more: earlier, counted } = reader.product(page.subject().as_str(), RECORDS, BYTES)?;
        let records = records.iter().map(|record| reader.show(record)).collect::<Result<_, _>>()?;
        Ok(Self { page, records, earlier, counted })
    }
}

/// The proof of what [`Product::load`] shows; nothing where no checkpoint covers any of it yet. Blocks.
pub(crate) fn bundle(handle: &Handle, page: &ProductPage) -> Result<Option<Vec<u8>>, Problem> {
    let public = Public::of(handle);
    let reader = public.reader();
    let held = reader.product(page.subject().as_str(), RECORDS, BYTES)?;
    let proven = held.records.iter().map(|record| reader.public_bundle(record)).collect::<Result<Vec<_>, _>>()?;
    let records: Vec<_> = proven.into_iter().flatten().collect();
    let foundation = suyuan_engine::history::foundation(handle.charter_file(), reader.ledger, reader.view, reader.local)?;
    Ok(foundation.filter(|_| !records.is_empty()).map(|foundation| Bundle { foundation, records }.to_bytes()))
}

/// A name for the file of a proof.
pub(crate) fn file_name(page: &ProductPage) -> String {
    let (gtin, part) = match page {
        ProductPage::Lot { gtin, lot } => (gtin, lot.to_string()),
        ProductPage::Serial { gtin, serial } => (gtin, serial.to_string()),
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("{gtin}-{}.suyuan", part.chars().map(plain).collect::<String>())
}

/// What the public sees: read with no secrets at all, so that what is not public stays closed here.
struct Public<'h> {
    handle: &'h Handle,
    state: State,
    none: EpochSecrets,
}

impl<'h> Public<'h> {
    fn of(handle: &'h Handle) -> Self {
        Self { handle, state: handle.state(), none: EpochSecrets::default() }
    }

    fn reader(&self) -> Reader<'_, impl View> {
        let published = self.state.published.as_ref().map(|published| published.checkpoint.as_str());
        Reader { ledger: &self.state.ledger, secrets: &self.none, local: self.handle.local(), view: self.handle.store().as_ref(), published }
    }
}
