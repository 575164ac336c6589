//! EPC URNs, read as the Digital Links of the same things (EPC Tag Data Standard, sections 6 and 7).

use crate::check_digit::{of_digits, require_digits};
use crate::digital_link::{DigitalLink, Element, require_size};
use crate::encoding::{Place, percent_decode};
use crate::error::{IdentifierError, excerpt};
use crate::path::KeyPath;
use crate::rules::rule_of;

const PREFIX: &str = "urn:epc:";
const WHAT: &str = "EPC URN";

/// How the URNs of one class are made.
struct Scheme {
    name: &'static str,
    /// The application identifier of the key.
    ai: &'static str,
    /// Where the digits of the key are.
    number: Number,
    /// What follows them.
    tail: Tail,
    /// What stands after the class's name, for an error.
    fields: &'static str,
}

enum Number {
    /// So many digits in two fields, company prefix and reference; the check digit comes behind them.
    Plain(usize),
    /// The same, and the first digit of the reference comes to the front (indicator of a GTIN, extension of an SSCC).
    FirstOfReference(usize),
    /// The same as `Plain`, behind a zero (GRAI).
    BehindZero(usize),
    /// A company prefix and nothing checked (GIAI).
    PrefixOnly,
}

enum Tail {
    /// Nothing.
    None,
    /// A third field, which becomes this qualifier.
    Qualifier(&'static str),
    /// A third field, which becomes this qualifier unless it is `0`, which stands for none (SGLN).
    Extension(&'static str),
    /// One more field, which is the end of the key itself.
    EndOfKey,
    /// A third field that is a star, for all items of the key.
    Star,
}

static SCHEMES: [Scheme; 10] = [
    Scheme {
        name: "id:sgtin",
        ai: "01",
        number: Number::FirstOfReference(13),
        tail: Tail::Qualifier("21"),
        fields: "company prefix, item reference (together 13 digits) and serial number, with dots between",
    },
    Scheme {
        name: "idpat:sgtin",
        ai: "01",
        number: Number::FirstOfReference(13),
        tail: Tail::Star,
        fields: "company prefix, item reference (together 13 digits) and a star, with dots between",
    },
    Scheme {
        name: "class:lgtin",
        ai: "01",
        number: Number::FirstOfReference(13),
        tail: Tail::Qualifier("10"),
        fields: "company prefix, item reference (together 13 digits) and lot, with dots between",
    },
    Scheme {
        name: "id:sscc",
        ai: "00",
        number: Number::FirstOfReference(17),
        tail: Tail::None,
        fields: "company prefix and serial reference (together 17 digits), with a dot between",
    },
    Scheme {
        name: "id:sgln",
        ai: "414",
        number: Number::Plain(12),
        tail: Tail::Extension("254"),
        fields: "company prefix, location reference (together 12 digits) and extension or 0, with dots between",
    },
    Scheme {
        name: "id:pgln",
        ai: "417",
        number: Number::Plain(12),
        tail: Tail::None,
        fields: "company prefix and party reference (together 12 digits), with a dot between",
    },
    Scheme {
        name: "id:grai",
        ai: "8003",
        number: Number::BehindZero(12),
        tail: Tail::EndOfKey,
        fields: "company prefix, asset type (together 12 digits) and serial number, with dots between",
    },
    Scheme {
        name: "id:giai",
        ai: "8004",
        number: Number::PrefixOnly,
        tail: Tail::EndOfKey,
        fields: "company prefix and asset reference, with a dot between",
    },
    Scheme {
        name: "id:gdti",
        ai: "253",
        number: Number::Plain(12),
        tail: Tail::EndOfKey,
        fields: "company prefix, document type (together 12 digits) and serial number, with dots between",
    },
    Scheme {
        name: "id:gsrn",
        ai: "8018",
        number: Number::Plain(17),
        tail: Tail::None,
        fields: "company prefix and service reference (together 17 digits), with a dot between",
    },
];

/// Reads an EPC URN of one of the known classes. No table of prefix lengths is needed: the dots say them.
pub(crate) fn parse(urn: &str) -> Result<DigitalLink, IdentifierError> {
    require_size(urn.len())?;
    let name_space = urn.get(..PREFIX.len()).filter(|prefix| prefix.eq_ignore_ascii_case(PREFIX));
    let rest = name_space.and_then(|prefix| urn.get(prefix.len()..)).ok_or_else(|| IdentifierError::Scheme { found: excerpt(urn) })?;
    let (scheme, fields) = SCHEMES
        .iter()
        .find_map(|scheme| Some((scheme, rest.strip_prefix(scheme.name)?.strip_prefix(':')?)))
        .ok_or_else(|| IdentifierError::UrnScheme { found: excerpt(rest) })?;
    scheme.link(fields)
}

impl Scheme {
    fn link(&self, fields: &str) -> Result<DigitalLink, IdentifierError> {
        let (number, tail) = self.split(fields)?;
        let mut key = self.number(&number)?;
        let mut qualifiers = Vec::new();
        match (&self.tail, tail) {
            (Tail::None, None) | (Tail::Star, Some("*")) | (Tail::Extension(_), Some("0")) => (),
            (Tail::Qualifier(ai) | Tail::Extension(ai), Some(tail)) => {
                qualifiers.push(element(ai, &decode(tail)?)?);
            }
            (Tail::EndOfKey, Some(tail)) if !tail.is_empty() => key.push_str(&decode(tail)?),
            _ => return Err(self.fields_error()),
        }
        Ok(DigitalLink::of(KeyPath { key: element(self.ai, &key)?, qualifiers }))
    }

    /// The fields of digits, and what follows them, which may hold dots itself.
    fn split<'a>(&self, fields: &'a str) -> Result<(Vec<&'a str>, Option<&'a str>), IdentifierError> {
        let digit_fields = if matches!(self.number, Number::PrefixOnly) { 1 } else { 2 };
        let mut parts = fields.splitn(digit_fields + 1, '.');
        let number: Vec<&str> = parts.by_ref().take(digit_fields).collect();
        if number.len() < digit_fields {
            return Err(self.fields_error());
        }
        Ok((number, parts.next()))
    }

    /// The digits of the key, its check digit included.
    fn number(&self, fields: &[&str]) -> Result<String, IdentifierError> {
        let (prefix, reference) = (fields.first().copied().unwrap_or_default(), fields.get(1).copied().unwrap_or_default());
        require_digits("GS1 Company Prefix", prefix)?;
        require_digits(WHAT, reference)?;
        if !(6..=12).contains(&prefix.len()) {
            return Err(IdentifierError::CompanyPrefix { digits: prefix.len() });
        }
        let (digits, mut number) = match self.number {
            Number::PrefixOnly => return Ok(prefix.to_owned()),
            Number::Plain(digits) => (digits, format!("{prefix}{reference}")),
            Number::BehindZero(digits) => (digits + 1, format!("0{prefix}{reference}")),
            Number::FirstOfReference(digits) => {
                let (first, others) = reference.split_at_checked(1).unwrap_or_default();
                (digits, format!("{first}{prefix}{others}"))
            }
        };
        if number.len() != digits {
            return Err(self.fields_error());
        }
        number.push(of_digits(&number));
        Ok(number)
    }

    fn fields_error(&self) -> IdentifierError {
        IdentifierError::UrnFields { scheme: self.name, expected: self.fields }
    }
}

fn decode(field: &str) -> Result<String, IdentifierError> {
    percent_decode(WHAT, field, Place::Urn)
}

fn element(ai: &str, value: &str) -> Result<Element, IdentifierError> {
    let rule = rule_of(ai).ok_or(IdentifierError::NoKey)?;
    Ok(Element::new(ai, rule.value(value)?))
}
