//! GS1 Digital Link URIs in their uncompressed form (GS1 Digital Link Standard: URI Syntax, release 1.2 and later).

use std::fmt;

use crate::encoding::percent_encode;
use crate::error::{IdentifierError, excerpt};
use crate::keys::Gtin;
use crate::path::{self, KeyPath};
use crate::query::{self, Query};
use crate::subject::Subject;

/// The longest web address or URN that is looked at, in bytes.
pub const MAX_URI_BYTES: usize = 2048;

/// The base of every canonical Digital Link.
const CANONICAL_BASE: &str = "https://id.gs1.org";

/// An application identifier and its value, checked and without percent-encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    ai: String,
    value: String,
}

impl Element {
    pub(crate) fn new(ai: &str, value: String) -> Self {
        Self { ai: ai.to_owned(), value }
    }

    /// The application identifier, such as `01`.
    pub fn ai(&self) -> &str {
        &self.ai
    }

    /// The value, such as `06901234567892`.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// A GS1 Digital Link URI: a key with its qualifiers, whose address it is at, and what the query adds.
///
/// `Display` writes it out whole; [`canonical`](Self::canonical) writes what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitalLink {
    base: String,
    path: KeyPath,
    query: Query,
}

impl DigitalLink {
    /// Reads a Digital Link of any domain. A fragment is passed over.
    ///
    /// # Errors
    /// Any variant of [`IdentifierError`] but those of URNs and of product pages.
    pub fn parse(uri: &str) -> Result<Self, IdentifierError> {
        require_size(uri.len())?;
        let address = uri.split('#').next().unwrap_or_default();
        let (address, query) = address.split_once('?').unwrap_or((address, ""));
        let (origin, path) = split_origin(address)?;
        let (stem, path) = path::parse(path)?;
        let query = Query::parse(query, &path)?;
        Self { base: origin + stem, path, query }.bounded()
    }

    /// The link of a key, at the canonical base.
    pub(crate) fn of(path: KeyPath) -> Self {
        Self { base: CANONICAL_BASE.to_owned(), path, query: Query::default() }
    }

    /// The canonical Digital Link: GS1's own domain, the key and its qualifiers, and nothing else. Two links name the
    /// same thing exactly when these are equal.
    pub fn canonical(&self) -> String {
        format!("{CANONICAL_BASE}{}", self.path)
    }

    /// What this link names, for indexes.
    pub fn subject(&self) -> Subject {
        Subject::of(self)
    }

    /// Scheme, host, port and path stem, such as `https://trace.example.cn/s`, without a slash at the end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The key.
    pub fn key(&self) -> &Element {
        &self.path.key
    }

    /// The GTIN, where the key is one.
    pub fn gtin(&self) -> Option<Gtin> {
        if self.path.key.ai == "01" { Gtin::parse(&self.path.key.value).ok() } else { None }
    }

    /// The qualifiers of the key, in their order.
    pub fn qualifiers(&self) -> &[Element] {
        &self.path.qualifiers
    }

    /// The value of one qualifier.
    pub fn qualifier(&self, ai: &str) -> Option<&str> {
        value_of(&self.path.qualifiers, ai)
    }

    /// The data attributes of the query (names of digits only), in the order in which they stand.
    pub fn attributes(&self) -> &[Element] {
        &self.query.attributes
    }

    /// The value of one data attribute, such as `17` for the date of expiry.
    pub fn attribute(&self, ai: &str) -> Option<&str> {
        value_of(&self.query.attributes, ai)
    }

    /// The other parameters of the query with their values, in the order in which they stand, repeated ones included.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.query.parameters
    }

    /// The value of the first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The same link at another address: a scheme, a host, perhaps a port and a path stem.
    ///
    /// # Errors
    /// What [`parse`](Self::parse) says of such an address, and [`IdentifierError::TooLong`] for the whole.
    pub fn with_base(self, base: &str) -> Result<Self, IdentifierError> {
        require_size(base.len())?;
        let (origin, stem) = split_origin(base)?;
        let stem = stem.strip_suffix('/').unwrap_or(stem);
        path::require_stem(stem)?;
        Self { base: origin + stem, ..self }.bounded()
    }

    /// The same link with this parameter in its query, in place of any of the same name.
    ///
    /// # Errors
    /// [`IdentifierError::Character`] for control characters and for a name of digits only, which would be a data
    /// attribute; [`IdentifierError::Empty`] without a name; [`IdentifierError::TooManyParameters`];
    /// [`IdentifierError::TooLong`] for the whole.
    pub fn with_parameter(mut self, name: &str, value: &str) -> Result<Self, IdentifierError> {
        require_size(name.len().saturating_add(value.len()))?;
        query::require_parameter(name, value)?;
        self.query.replace(name, value)?;
        self.bounded()
    }

    /// The link itself, unless it would be too long to be read again.
    fn bounded(self) -> Result<Self, IdentifierError> {
        require_size(self.to_string().len())?;
        Ok(self)
    }
}

impl fmt::Display for DigitalLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.base, self.path)?;
        let attributes = self.query.attributes.iter().map(|element| (&element.ai, &element.value));
        let parameters = self.query.parameters.iter().map(|(name, value)| (name, value));
        for (index, (name, value)) in attributes.chain(parameters).enumerate() {
            let mut pair = String::from(if index == 0 { "?" } else { "&" });
            percent_encode(name, &mut pair);
            pair.push('=');
            percent_encode(value, &mut pair);
            f.write_str(&pair)?;
        }
        Ok(())
    }
}

pub(crate) fn require_size(bytes: usize) -> Result<(), IdentifierError> {
    if bytes <= MAX_URI_BYTES {
        return Ok(());
    }
    Err(IdentifierError::TooLong { what: "web address or URN", bytes, limit: MAX_URI_BYTES })
}

/// Scheme and authority in small letters, and what follows them (RFC 3986, sections 3.1, 3.2 and 6.2.2.1).
fn split_origin(address: &str) -> Result<(String, &str), IdentifierError> {
    let scheme_error = || IdentifierError::Scheme { found: excerpt(address) };
    let (scheme, rest) = address.split_once("://").ok_or_else(scheme_error)?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "https" && scheme != "http" {
        return Err(scheme_error());
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !is_authority(authority) {
        return Err(IdentifierError::Authority { found: excerpt(authority) });
    }
    Ok((format!("{scheme}://{}", authority.to_ascii_lowercase()), path))
}

/// Whether this is a host name or address with an optional port, and nothing before it.
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port_fits = port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host_fits = match address {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => host.len() <= 253 && host.split('.').all(is_label),
    };
    port_fits && host_fits
}

/// Whether this is one label of a host name (RFC 1123, section 2.1).
fn is_label(label: &str) -> bool {
    let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

fn value_of<'a>(elements: &'a [Element], ai: &str) -> Option<&'a str> {
    elements.iter().find(|element| element.ai == ai).map(|element| element.value.as_str())
}
