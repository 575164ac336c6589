//! Identifiers as types: what has one of these types has been checked.

use std::fmt;

use crate::error::IdentifierError;
use crate::rules::{GLN, GTIN, LOT, Rule, SERIAL, SSCC};

/// A Global Trade Item Number, AI (01): which product it is.
///
/// Kept as 14 digits, the shorter forms (GTIN-8, -12, -13) filled up with zeros in front, so that the same product has
/// one name (GS1 General Specifications, section 3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtin(u64);

/// A Global Location Number of 13 digits, AI (414): which place, or as AI (417) which party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gln(u64);

/// A Serial Shipping Container Code of 18 digits, AI (00): which pallet or parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sscc(u64);

/// A batch or lot, AI (10): 1 to 20 characters of GS1 character set 82, capitals and small letters distinct.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lot(String);

/// A serial number, AI (21): 1 to 20 characters of GS1 character set 82, capitals and small letters distinct.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(String);

impl Gtin {
    /// Reads 8, 12, 13 or 14 digits.
    ///
    /// # Errors
    /// [`IdentifierError::Character`], [`IdentifierError::Length`] or [`IdentifierError::CheckDigit`].
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        number(&GTIN, text).map(Self)
    }
}

impl Gln {
    /// Reads 13 digits.
    ///
    /// # Errors
    /// [`IdentifierError::Character`], [`IdentifierError::Length`] or [`IdentifierError::CheckDigit`].
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        number(&GLN, text).map(Self)
    }
}

impl Sscc {
    /// Reads 18 digits.
    ///
    /// # Errors
    /// [`IdentifierError::Character`], [`IdentifierError::Length`] or [`IdentifierError::CheckDigit`].
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        number(&SSCC, text).map(Self)
    }
}

impl Lot {
    /// Reads a lot as it is printed, without percent-encoding.
    ///
    /// # Errors
    /// [`IdentifierError::Character`], [`IdentifierError::Length`], or [`IdentifierError::DotSegment`] for `.` and
    /// `..`, which no web address can carry.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        LOT.value(text).map(Self)
    }

    /// The lot as it is printed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serial {
    /// Reads a serial number as it is printed, without percent-encoding.
    ///
    /// # Errors
    /// [`IdentifierError::Character`], [`IdentifierError::Length`], or [`IdentifierError::DotSegment`] for `.` and
    /// `..`, which no web address can carry.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        SERIAL.value(text).map(Self)
    }

    /// The serial number as it is printed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

impl fmt::Display for Gln {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}", self.0)
    }
}

impl fmt::Display for Sscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:018}", self.0)
    }
}

impl fmt::Display for Lot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number that at most 18 digits stand for; the digits have been counted, so it fits.
fn number(rule: &Rule, text: &str) -> Result<u64, IdentifierError> {
    let digits = rule.value(text)?;
    digits.parse().map_err(|_| IdentifierError::length(rule.title, text, "at most 18 digits"))
}
