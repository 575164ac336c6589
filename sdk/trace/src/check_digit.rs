//! The modulo-10 check digit of GS1 keys (GS1 General Specifications, section 7.9.1).

use crate::error::IdentifierError;

/// The check digit for the digits that stand before it.
///
/// From the right, the digits weigh 3, 1, 3, 1 and so on; the check digit fills their sum up to a multiple of ten.
///
/// # Errors
/// [`IdentifierError::Length`] unless there are 1 to 17 digits (the longest key, an SSCC, has 17 and its check
/// digit), [`IdentifierError::Character`] for anything but the digits 0 to 9.
pub fn check_digit(digits: &str) -> Result<char, IdentifierError> {
    const WHAT: &str = "number before its check digit";
    require_digits(WHAT, digits)?;
    if !(1..=17).contains(&digits.len()) {
        return Err(IdentifierError::length(WHAT, digits, "1 to 17 digits"));
    }
    Ok(of_digits(digits))
}

/// Checks that the last digit of `number`, which holds digits only, is the check digit of the others.
pub(crate) fn require(what: &'static str, number: &str) -> Result<(), IdentifierError> {
    let mut before = number.chars();
    let Some(found) = before.next_back() else {
        return Err(IdentifierError::length(what, number, "a check digit"));
    };
    let expected = of_digits(before.as_str());
    if found == expected { Ok(()) } else { Err(IdentifierError::CheckDigit { what, found, expected }) }
}

/// Checks that `text` holds nothing but the digits 0 to 9.
pub(crate) fn require_digits(what: &'static str, text: &str) -> Result<(), IdentifierError> {
    match text.chars().enumerate().find(|(_, c)| !c.is_ascii_digit()) {
        None => Ok(()),
        Some((index, found)) => Err(IdentifierError::Character { what, found, at: index + 1, allowed: "the digits 0 to 9" }),
    }
}

/// The check digit after `digits`; what is not a digit counts as nothing, the callers have refused it.
pub(crate) fn of_digits(digits: &str) -> char {
    let weighted = |(index, digit): (usize, u32)| if index % 2 == 0 { 3 * digit } else { digit };
    let sum: u32 = digits.chars().rev().filter_map(|c| c.to_digit(10)).enumerate().map(weighted).sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}
