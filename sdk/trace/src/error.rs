//! Why an identifier was refused.

use std::fmt;

/// How many characters of what was given an error repeats.
const EXCERPT_CHARS: usize = 24;

/// Why an identifier was refused. It is always the fault of whoever wrote the identifier, never of the machine, and
/// trying again changes nothing; the text says what to mend. Outside it becomes a 400 with [`code`](Self::code).
///
/// `what` names the field, in GS1's words. What is repeated from the input is cut to a few characters, but it is
/// still the input's text: a page that shows it escapes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentifierError {
    /// More bytes than are looked at.
    TooLong {
        /// The field.
        what: &'static str,
        /// Bytes that were given.
        bytes: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// Too many parameters in a query.
    TooManyParameters {
        /// Parameters that are allowed.
        limit: usize,
    },
    /// A value with the wrong number of characters.
    Length {
        /// The field.
        what: &'static str,
        /// Characters that were given.
        found: usize,
        /// What is allowed, such as `1 to 20 characters`.
        expected: &'static str,
    },
    /// A character that may not stand where it stands.
    Character {
        /// The field.
        what: &'static str,
        /// The first such character.
        found: char,
        /// Its position, from 1.
        at: usize,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A check digit that does not fit the digits before it.
    CheckDigit {
        /// The field.
        what: &'static str,
        /// The check digit that was given.
        found: char,
        /// The check digit that fits.
        expected: char,
    },
    /// Six digits that are no date of the form YYMMDD.
    Date {
        /// The field.
        what: &'static str,
        /// What was given.
        found: String,
    },
    /// A `%` that no two hexadecimal digits follow.
    PercentEscape {
        /// The characters from the `%` on.
        escape: String,
    },
    /// Percent-escapes that do not spell UTF-8.
    NotUtf8 {
        /// The field.
        what: &'static str,
    },
    /// A value or a path segment of one or two dots, which every browser would take out of the path.
    DotSegment,
    /// Neither a web address nor an EPC URN.
    Scheme {
        /// The beginning of what was given.
        found: String,
    },
    /// A host or port that cannot be one, or a user name before it.
    Authority {
        /// The beginning of what was given.
        found: String,
    },
    /// Nothing where something has to stand.
    Empty {
        /// The field.
        what: &'static str,
    },
    /// A web address without a GS1 key in its path.
    NoKey,
    /// A path with more than one GS1 key.
    AmbiguousKey,
    /// A path segment where an application identifier has to stand, and that is none this version knows there.
    UnknownAi {
        /// The beginning of that segment.
        ai: String,
    },
    /// One of the short names that the Digital Link standard withdrew (deprecated since release 1.2), such as `gtin`.
    ShortName {
        /// The short name.
        name: &'static str,
        /// The application identifier to write instead.
        ai: &'static str,
    },
    /// An application identifier without a value.
    MissingValue {
        /// The application identifier.
        ai: String,
    },
    /// A qualifier that this key does not take.
    QualifierNotAllowed {
        /// The qualifier's application identifier.
        ai: &'static str,
        /// The key's application identifier.
        key: &'static str,
    },
    /// A qualifier that stands after one it has to precede.
    QualifierOrder {
        /// The qualifier's application identifier.
        ai: &'static str,
        /// The key's application identifier.
        key: &'static str,
    },
    /// The same application identifier twice.
    DuplicateAi {
        /// The application identifier.
        ai: String,
    },
    /// A qualifier in the query, where it would be overlooked.
    MisplacedAi {
        /// The application identifier.
        ai: String,
    },
    /// An EPC URN of a class that names nothing here.
    UrnScheme {
        /// The beginning of what stands after `urn:epc:`.
        found: String,
    },
    /// An EPC URN whose fields, separated by dots, are too few, too many, or of the wrong length together.
    UrnFields {
        /// The class, such as `id:sgtin`.
        scheme: &'static str,
        /// What has to stand after it.
        expected: &'static str,
    },
    /// A GS1 Company Prefix that is not 6 to 12 digits long.
    CompanyPrefix {
        /// Digits that were given.
        digits: usize,
    },
    /// A path that is not one of a product page.
    NotAProductPage,
}

impl IdentifierError {
    /// The name of the fault in `specs/trace.md` and its vectors; it never changes once published.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too-long",
            Self::TooManyParameters { .. } => "too-many-parameters",
            Self::Length { .. } => "length",
            Self::Character { .. } => "character",
            Self::CheckDigit { .. } => "check-digit",
            Self::Date { .. } => "date",
            Self::PercentEscape { .. } => "percent-escape",
            Self::NotUtf8 { .. } => "not-utf8",
            Self::DotSegment => "dot-segment",
            Self::Scheme { .. } => "scheme",
            Self::Authority { .. } => "authority",
            Self::Empty { .. } => "empty",
            Self::NoKey => "no-key",
            Self::AmbiguousKey => "ambiguous-key",
            Self::UnknownAi { .. } => "unknown-ai",
            Self::ShortName { .. } => "short-name",
            Self::MissingValue { .. } => "missing-value",
            Self::QualifierNotAllowed { .. } => "qualifier-not-allowed",
            Self::QualifierOrder { .. } => "qualifier-order",
            Self::DuplicateAi { .. } => "duplicate-ai",
            Self::MisplacedAi { .. } => "misplaced-ai",
            Self::UrnScheme { .. } => "urn-scheme",
            Self::UrnFields { .. } => "urn-fields",
            Self::CompanyPrefix { .. } => "company-prefix",
            Self::NotAProductPage => "product-page",
        }
    }

    pub(crate) fn length(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self::Length { what, found: text.chars().count(), expected }
    }
}

/// The beginning of what was given, short enough for an error.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS).collect()
}

impl std::error::Error for IdentifierError {}

impl fmt::Display for IdentifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { what, bytes, limit } => write!(f, "{what}: {bytes} bytes are too many, {limit} are allowed"),
            Self::TooManyParameters { limit } => write!(f, "more than {limit} parameters in the query"),
            Self::Length { what, found, expected } => write!(f, "{what}: has {found} characters, needs {expected}"),
            Self::Character { what, found, at, allowed } => {
                write!(f, "{what}: {found:?} at position {at} is not allowed, only {allowed}")
            }
            Self::CheckDigit { what, found, expected } => {
                write!(f, "{what}: the check digit is {found}, but {expected} fits the other digits; one of them is mistyped")
            }
            Self::Date { what, found } => write!(f, "{what}: {found:?} is no date, write YYMMDD"),
            Self::PercentEscape { escape } => {
                write!(f, "{escape:?} is no percent-escape; write a percent sign itself as %25")
            }
            Self::NotUtf8 { what } => write!(f, "{what}: the percent-escapes do not spell UTF-8 text"),
            Self::DotSegment => f.write_str("a value or path segment of only one or two dots cannot stand in a web address"),
            Self::Scheme { found } => {
                write!(f, "{found:?} begins with neither https://, http:// nor urn:epc:")
            }
            Self::Authority { found } => {
                write!(f, "{found:?} is no host with an optional port; no user name may precede it, and a name outside ASCII is written in Punycode")
            }
            Self::Empty { what } => write!(f, "{what} is empty"),
            Self::NoKey => {
                f.write_str("no GS1 key in the path; one of /00/, /01/, /253/, /414/, /417/, /8003/, /8004/ and /8018/ has to stand there")
            }
            Self::AmbiguousKey => f.write_str("the path holds two GS1 keys; write a link for each"),
            Self::UnknownAi { ai } => {
                write!(f, "{ai:?} stands where the path needs an application identifier, and is none of those known there")
            }
            Self::ShortName { name, ai } => {
                write!(f, "the short name {name:?} was withdrawn from the Digital Link standard; write {ai:?} instead")
            }
            Self::MissingValue { ai } => write!(f, "the application identifier {ai:?} has no value"),
            Self::QualifierNotAllowed { ai, key } => write!(f, "a key ({key}) takes no qualifier ({ai})"),
            Self::QualifierOrder { ai, key } => {
                write!(f, "the qualifier ({ai}) stands too late; the order is {}", crate::rules::order_of(key))
            }
            Self::DuplicateAi { ai } => write!(f, "the application identifier {ai:?} stands twice"),
            Self::MisplacedAi { ai } => {
                write!(f, "the qualifier {ai:?} stands in the query; it belongs into the path, behind its key")
            }
            Self::UrnScheme { found } => write!(
                f,
                "{found:?} is none of the known EPC classes: id:sgtin, idpat:sgtin, class:lgtin, id:sscc, id:sgln, id:pgln, id:grai, id:giai, id:gdti, id:gsrn"
            ),
            Self::UrnFields { scheme, expected } => write!(f, "urn:epc:{scheme}: needs {expected}"),
            Self::CompanyPrefix { digits } => {
                write!(f, "the GS1 Company Prefix has {digits} digits, needs 6 to 12")
            }
            Self::NotAProductPage => f.write_str("a product page is /01/, a GTIN, and either /10/ and a lot or /21/ and a serial number"),
        }
    }
}
