//! The table of application identifiers: what a value looks like, and which qualifiers a key takes in which order.
//!
//! The facts are those of the GS1 General Specifications, section 3, as the GS1 Barcode Syntax Dictionary lists them.

use crate::error::IdentifierError;
use crate::format::Format;

/// What one application identifier of a path means.
pub(crate) struct Rule {
    pub(crate) ai: &'static str,
    pub(crate) title: &'static str,
    pub(crate) role: Role,
    format: Format,
}

/// Where in a Digital Link an application identifier may stand.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// As the key of the path, followed by some of these qualifiers in this order; also in the query of another key.
    Key(&'static [&'static str]),
    /// As a qualifier in the path and nowhere else.
    Qualifier,
    /// As a qualifier in the path, or in the query of a key that does not take it.
    QualifierOrAttribute,
}

const X20: Format = Format::Text { max: 20, expected: "1 to 20 characters" };
const N13: Format = Format::Checked { digits: 13, expected: "13 digits" };
const N18: Format = Format::Checked { digits: 18, expected: "18 digits" };

pub(crate) const SSCC: Rule = Rule { ai: "00", title: "SSCC (00)", role: Role::Key(&[]), format: N18 };
pub(crate) const GTIN: Rule = Rule { ai: "01", title: "GTIN (01)", role: Role::Key(&["22", "10", "21"]), format: Format::Gtin };
pub(crate) const LOT: Rule = Rule { ai: "10", title: "batch or lot (10)", role: Role::QualifierOrAttribute, format: X20 };
pub(crate) const SERIAL: Rule = Rule { ai: "21", title: "serial number (21)", role: Role::Qualifier, format: X20 };
const VARIANT: Rule = Rule { ai: "22", title: "consumer product variant (22)", role: Role::Qualifier, format: X20 };
const GDTI: Rule = Rule {
    ai: "253",
    title: "GDTI (253)",
    role: Role::Key(&[]),
    format: Format::CheckedThenText { zero: false, max: 17, expected: "13 digits and up to 17 characters" },
};
const EXTENSION: Rule = Rule { ai: "254", title: "GLN extension (254)", role: Role::Qualifier, format: X20 };
pub(crate) const GLN: Rule = Rule { ai: "414", title: "GLN (414)", role: Role::Key(&["254"]), format: N13 };
const PARTY: Rule = Rule { ai: "417", title: "party GLN (417)", role: Role::Key(&[]), format: N13 };
const GRAI: Rule = Rule {
    ai: "8003",
    title: "GRAI (8003)",
    role: Role::Key(&[]),
    format: Format::CheckedThenText { zero: true, max: 16, expected: "a zero, 13 digits and up to 16 characters" },
};
const GIAI: Rule = Rule { ai: "8004", title: "GIAI (8004)", role: Role::Key(&[]), format: Format::Asset };
const GSRN: Rule = Rule { ai: "8018", title: "GSRN (8018)", role: Role::Key(&[]), format: N18 };

static RULES: [Rule; 12] = [SSCC, GTIN, LOT, SERIAL, VARIANT, GDTI, EXTENSION, GLN, PARTY, GRAI, GIAI, GSRN];

/// The short names that the Digital Link standard withdrew, of the application identifiers in the table.
const SHORT_NAMES: [(&str, &str); 12] = [
    ("sscc", "00"),
    ("gtin", "01"),
    ("lot", "10"),
    ("ser", "21"),
    ("cpv", "22"),
    ("gdti", "253"),
    ("glnx", "254"),
    ("gln", "414"),
    ("party", "417"),
    ("grai", "8003"),
    ("giai", "8004"),
    ("gsrn", "8018"),
];

/// The rule of an application identifier that may stand in a path.
pub(crate) fn rule_of(ai: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.ai == ai)
}

/// The error that mends a withdrawn short name, where `segment` is one.
pub(crate) fn short_name(segment: &str) -> Option<IdentifierError> {
    let (name, ai) = SHORT_NAMES.iter().find(|(name, _)| *name == segment)?;
    Some(IdentifierError::ShortName { name, ai })
}

/// The order of a key and its qualifiers, for an error: `01, 22, 10, 21`.
pub(crate) fn order_of(key: &str) -> String {
    let qualifiers = match rule_of(key).map(|rule| rule.role) {
        Some(Role::Key(qualifiers)) => qualifiers,
        _ => &[],
    };
    std::iter::once(key).chain(qualifiers.iter().copied()).collect::<Vec<_>>().join(", ")
}

impl Rule {
    /// Whether this is a key.
    pub(crate) fn is_key(&self) -> bool {
        matches!(self.role, Role::Key(_))
    }

    /// The value as it is kept: refused where it breaks the rule, a GTIN filled up to 14 digits.
    pub(crate) fn value(&self, text: &str) -> Result<String, IdentifierError> {
        if text == "." || text == ".." {
            return Err(IdentifierError::DotSegment);
        }
        self.format.value(self.title, text)
    }
}

/// The value of a data attribute, an application identifier in the query that is not in the table.
///
/// Dates, counts, measures and locations are checked by what they are; of all others, only the characters and that
/// there are at most 90, which no application identifier exceeds.
pub(crate) fn attribute_value(ai: &str, text: &str) -> Result<String, IdentifierError> {
    let measure = ai.len() == 4 && matches!(ai.get(..2), Some("31" | "32" | "33" | "34" | "35" | "36"));
    let (what, format) = match ai {
        "02" => ("content GTIN (02)", Format::Checked { digits: 14, expected: "14 digits" }),
        "11" | "12" | "13" | "15" | "16" | "17" => ("date (11 to 17)", Format::Date { month: true }),
        "7006" => ("first freeze date (7006)", Format::Date { month: false }),
        "20" => ("variant (20)", Format::Digits { min: 2, max: 2, expected: "2 digits" }),
        "30" | "37" => ("count (30 or 37)", Format::Digits { min: 1, max: 8, expected: "1 to 8 digits" }),
        "410" | "411" | "412" | "413" | "415" | "416" => ("GLN (410 to 416)", N13),
        "422" | "424" | "426" => ("country (422 to 426)", Format::Digits { min: 3, max: 3, expected: "3 digits" }),
        _ if measure => ("measure (31nn to 36nn)", Format::Digits { min: 6, max: 6, expected: "6 digits" }),
        _ => ("data attribute", Format::Text { max: 90, expected: "1 to 90 characters" }),
    };
    format.value(what, text)
}
