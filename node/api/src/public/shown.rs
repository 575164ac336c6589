//! A record as a page shows it before anything is verified; `sdk/js/src/page/record.ts` draws the same from what was verified.

use suyuan_core::section::Field;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::query::{RecordView, SectionContent};
use suyuan_engine::record::RECALL;

use crate::pages::display::{Line, display};
use crate::pages::text::{clean, stamp};
use crate::pages::words::Lang;

/// Fields of a recall that stand in the notice: why, what to do, and whom to ask.
const NOTICE: [&str; 4] = ["reason", "action", "advice", "contact"];
/// Fields of an EPCIS 2.0 event that programs read; on the page they are folded up.
const EVENT: [&str; 24] = [
    "type",
    "eventType",
    "eventID",
    "eventTimeZoneOffset",
    "recordTime",
    "action",
    "errorDeclaration",
    "persistentDisposition",
    "epcList",
    "quantityList",
    "parentID",
    "childEPCs",
    "childQuantityList",
    "inputEPCList",
    "inputQuantityList",
    "outputEPCList",
    "outputQuantityList",
    "transformationID",
    "readPoint",
    "bizLocation",
    "bizTransactionList",
    "sourceList",
    "destinationList",
    "certificationInfo",
];
/// Characters of the longest name of a product that heads the page.
const NAME: usize = 40;

/// A record, ready for the template.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Name of its element.
    pub(crate) anchor: String,
    /// When, as its author claims.
    pub(crate) when: String,
    /// Its type, in words.
    pub(crate) kind: String,
    /// Whether it recalls the product.
    pub(crate) recall: bool,
    /// Its author's name.
    pub(crate) author: String,
    /// Its author's role, in words.
    pub(crate) role: &'static str,
    /// Its public fields.
    pub(crate) lines: Vec<Line>,
    /// Those of an event that are folded up.
    pub(crate) event: Vec<Line>,
    /// What is said of the fields that are not public.
    pub(crate) withheld: Option<String>,
    /// What of it stands in the recall notice.
    pub(crate) notice: Vec<Line>,
    /// Whether a checkpoint covers it.
    pub(crate) published: bool,
}

impl Shown {
    /// A record in one language.
    pub(crate) fn new(record: &RecordView, ledger: &Ledger, lang: Lang) -> Self {
        let entry = ledger.alliance.member(&record.author).map(|member| &member.entry);
        let author = entry.map(|entry| clean(&entry.name)).unwrap_or_default();
        let role = entry.map(|entry| lang.role(entry.role)).unwrap_or_default();
        let hidden = withheld(record);
        let event = fields(record).any(|field| field.name == "eventTimeZoneOffset");
        Self {
            anchor: format!("r-{}", record.id.to_string().get(..16).unwrap_or_default()),
            when: stamp(record.time),
            kind: lang.kind(&record.kind),
            recall: record.kind == RECALL,
            withheld: (hidden > 0)
                .then(|| lang.fill(if hidden == 1 { "record.withheld.one" } else { "record.withheld" }, &[&hidden.to_string(), &author, role])),
            author,
            role,
            lines: display(lang, fields(record).filter(|field| !(event && EVENT.contains(&field.name.as_str())))),
            event: display(lang, fields(record).filter(|field| event && EVENT.contains(&field.name.as_str()))),
            notice: display(lang, fields(record).filter(|field| NOTICE.contains(&field.name.as_str()))),
            published: record.published,
        }
    }
}

/// The fields that a record shows, over all sections.
pub(crate) fn fields(record: &RecordView) -> impl Iterator<Item = &Field> {
    record.sections.iter().flat_map(|section| match &section.content {
        SectionContent::Open(fields) => fields.as_slice(),
        SectionContent::Withheld | SectionContent::Void(_) => &[],
    })
}

/// How many fields a record does not show.
pub(crate) fn withheld(record: &RecordView) -> u64 {
    let closed = record.sections.iter().filter(|section| !matches!(section.content, SectionContent::Open(_)));
    closed.fold(0, |sum, section| sum.saturating_add(section.fields))
}

/// Whether a record recalls the product.
pub(crate) fn is_recall(record: &RecordView) -> bool {
    record.kind == RECALL
}

/// What the product is called, by the oldest record that says so.
pub(crate) fn product_name(records: &[RecordView], lang: Lang) -> Option<String> {
    ["productName", "product"].into_iter().find_map(|name| {
        records.iter().find_map(|record| {
            let lines = display(lang, fields(record).filter(|field| field.name == name));
            match lines.as_slice() {
                [line] if !line.text.is_empty() && line.text.chars().count() <= NAME => Some(line.text.clone()),
                _ => None,
            }
        })
    })
}
