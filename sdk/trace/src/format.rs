//! What the value of an application identifier looks like.

use crate::check_digit::{require, require_digits};
use crate::encoding::require_set_82;
use crate::error::{IdentifierError, excerpt};

/// What a value looks like.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    /// A GTIN: 8, 12, 13 or 14 digits, the last a check digit; kept as 14.
    Gtin,
    /// So many digits, the last a check digit.
    Checked { digits: usize, expected: &'static str },
    /// From `min` to `max` digits.
    Digits { min: usize, max: usize, expected: &'static str },
    /// YYMMDD; with `month`, the day may be 00 for the whole month.
    Date { month: bool },
    /// Characters of set 82.
    Text { max: usize, expected: &'static str },
    /// A zero where `zero` says so, 13 digits, the last a check digit, then up to `max` characters of set 82.
    CheckedThenText { zero: bool, max: usize, expected: &'static str },
    /// A company prefix, of which at least four digits are certain, then characters of set 82; at most 30 in all.
    Asset,
}

impl Format {
    /// The value as it is kept, named `what` in an error.
    pub(crate) fn value(self, what: &'static str, text: &str) -> Result<String, IdentifierError> {
        match self {
            Self::Gtin => return gtin(what, text),
            Self::Checked { digits, expected } => {
                require_digits(what, text)?;
                require_length(what, text, digits..=digits, expected)?;
                require(what, text)?;
            }
            Self::Digits { min, max, expected } => {
                require_digits(what, text)?;
                require_length(what, text, min..=max, expected)?;
            }
            Self::Date { month } => require_date(what, text, month)?,
            Self::Text { max, expected } => {
                require_set_82(what, text)?;
                require_length(what, text, 1..=max, expected)?;
            }
            Self::CheckedThenText { zero, max, expected } => checked_then_text(what, text, zero, max, expected)?,
            Self::Asset => {
                require_set_82(what, text)?;
                require_length(what, text, 4..=30, "4 to 30 characters")?;
                require_digits(what, text.get(..4).unwrap_or_default())?;
            }
        }
        Ok(text.to_owned())
    }
}

fn gtin(what: &'static str, text: &str) -> Result<String, IdentifierError> {
    require_digits(what, text)?;
    if !matches!(text.len(), 8 | 12 | 13 | 14) {
        return Err(IdentifierError::length(what, text, "8, 12, 13 or 14 digits"));
    }
    require(what, text)?;
    Ok(format!("{text:0>14}"))
}

fn checked_then_text(what: &'static str, text: &str, zero: bool, max: usize, expected: &'static str) -> Result<(), IdentifierError> {
    require_set_82(what, text)?;
    let start = usize::from(zero);
    require_length(what, text, start + 13..=start + 13 + max, expected)?;
    let found = text.chars().next().unwrap_or_default();
    if zero && found != '0' {
        return Err(IdentifierError::Character { what, found, at: 1, allowed: "the digit 0" });
    }
    let number = text.get(..start + 13).unwrap_or_default();
    require_digits(what, number)?;
    require(what, number)
}

/// Checks the number of characters; `text` is ASCII by now.
fn require_length(what: &'static str, text: &str, allowed: std::ops::RangeInclusive<usize>, expected: &'static str) -> Result<(), IdentifierError> {
    if allowed.contains(&text.len()) { Ok(()) } else { Err(IdentifierError::length(what, text, expected)) }
}

/// Checks a date of the form YYMMDD (GS1 General Specifications, section 3.4). The century is not known here, so every
/// fourth year is a leap year, 00 included.
fn require_date(what: &'static str, text: &str, month: bool) -> Result<(), IdentifierError> {
    require_digits(what, text)?;
    require_length(what, text, 6..=6, "6 digits")?;
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0);
    let days = match part(2..4) {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if part(0..2) % 4 == 0 => 29,
        2 => 28,
        _ => 0,
    };
    let first = if month { 0 } else { 1 };
    if days > 0 && (first..=days).contains(&part(4..6)) {
        return Ok(());
    }
    Err(IdentifierError::Date { what, found: excerpt(text) })
}
