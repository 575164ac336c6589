//! The paths at which a node shows a product to whoever scans its code.

use std::fmt;

use crate::digital_link::{DigitalLink, Element, require_size};
use crate::error::IdentifierError;
use crate::keys::{Gtin, Lot, Serial};
use crate::path::{self, KeyPath};
use crate::subject::Subject;

/// What a product page is about: one lot of a product, or one single item of it.
///
/// `Display` writes the path, percent-encoded, so that it can stand behind any domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductPage {
    /// `/01/{gtin}/10/{lot}`
    Lot {
        /// The product.
        gtin: Gtin,
        /// Its lot.
        lot: Lot,
    },
    /// `/01/{gtin}/21/{serial}`
    Serial {
        /// The product.
        gtin: Gtin,
        /// The serial number of the item.
        serial: Serial,
    },
}

impl ProductPage {
    /// Reads the path of a request as it came: with the slash in front, percent-encoded, without a query.
    ///
    /// # Errors
    /// [`IdentifierError::NotAProductPage`] for any other key, qualifiers, a stem, or no slash in front;
    /// [`IdentifierError::TooLong`]; else what is wrong with the path or its values.
    pub fn parse(path: &str) -> Result<Self, IdentifierError> {
        require_size(path.len())?;
        if !path.starts_with('/') {
            return Err(IdentifierError::NotAProductPage);
        }
        let (stem, path) = path::parse(path)?;
        let ([qualifier], "01", "") = (path.qualifiers.as_slice(), path.key.ai(), stem) else {
            return Err(IdentifierError::NotAProductPage);
        };
        let gtin = Gtin::parse(path.key.value())?;
        match qualifier.ai() {
            "10" => Ok(Self::Lot { gtin, lot: Lot::parse(qualifier.value())? }),
            "21" => Ok(Self::Serial { gtin, serial: Serial::parse(qualifier.value())? }),
            _ => Err(IdentifierError::NotAProductPage),
        }
    }

    /// The canonical link of the lot or item; [`DigitalLink::with_base`] moves it to a domain of one's own.
    pub fn link(&self) -> DigitalLink {
        DigitalLink::of(self.key_path())
    }

    /// The lot or item, for indexes.
    pub fn subject(&self) -> Subject {
        self.link().subject()
    }

    fn key_path(&self) -> KeyPath {
        let (gtin, qualifier) = match self {
            Self::Lot { gtin, lot } => (gtin, Element::new("10", lot.to_string())),
            Self::Serial { gtin, serial } => (gtin, Element::new("21", serial.to_string())),
        };
        KeyPath { key: Element::new("01", gtin.to_string()), qualifiers: vec![qualifier] }
    }
}

impl fmt::Display for ProductPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key_path().fmt(f)
    }
}
