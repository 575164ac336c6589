//! One name for one thing, whichever way it was written.

use std::fmt;

use crate::digital_link::DigitalLink;
use crate::error::IdentifierError;
use crate::urn;

/// The canonical Digital Link of what an identifier names. Indexes use it and nothing else as their key: equal
/// subjects are the same product, lot, item, pallet, place, party, asset, document or service relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

/// Reads a Digital Link URI of any domain, or an EPC URN, and says what it names.
///
/// # Errors
/// Any variant of [`IdentifierError`] but [`IdentifierError::NotAProductPage`];
/// [`IdentifierError::Scheme`] for what is neither.
pub fn subject(identifier: &str) -> Result<Subject, IdentifierError> {
    let urn = identifier.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:"));
    let link = if urn { urn::parse(identifier)? } else { DigitalLink::parse(identifier)? };
    Ok(link.subject())
}

impl Subject {
    pub(crate) fn of(link: &DigitalLink) -> Self {
        Self(link.canonical())
    }

    /// The canonical Digital Link.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
