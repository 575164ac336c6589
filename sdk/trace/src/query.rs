//! The query of a Digital Link: data attributes, whose names are digits, and other parameters.

use crate::digital_link::Element;
use crate::encoding::{Place, percent_decode};
use crate::error::{IdentifierError, excerpt};
use crate::path::KeyPath;
use crate::rules::{Role, attribute_value, rule_of};

/// The most data attributes and other parameters that a query may hold together.
pub const MAX_PARAMETERS: usize = 32;

const NAME: &str = "name of a query parameter";
const VALUE: &str = "value of a query parameter";

/// What a query says, without percent-encoding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Query {
    pub(crate) attributes: Vec<Element>,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Query {
    /// Reads a query, without its question mark, that stands behind `path`.
    pub(crate) fn parse(query: &str, path: &KeyPath) -> Result<Self, IdentifierError> {
        let mut parsed = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            parsed.require_room()?;
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode(NAME, name, Place::Query)?;
            if is_number(&name) {
                parsed.attributes.push(attribute(&name, value, path, &parsed.attributes)?);
            } else {
                let value = percent_decode(VALUE, value, Place::Query)?;
                require_parameter(&name, &value)?;
                parsed.parameters.push((name, value));
            }
        }
        Ok(parsed)
    }

    /// Puts a parameter in place of those of the same name.
    pub(crate) fn replace(&mut self, name: &str, value: &str) -> Result<(), IdentifierError> {
        self.parameters.retain(|(n, _)| n != name);
        self.require_room()?;
        self.parameters.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn require_room(&self) -> Result<(), IdentifierError> {
        if self.attributes.len() + self.parameters.len() < MAX_PARAMETERS {
            return Ok(());
        }
        Err(IdentifierError::TooManyParameters { limit: MAX_PARAMETERS })
    }
}

/// Checks a parameter that is no data attribute: it has a name that is not of digits only, and no control characters
/// or bidirectional overrides, which would hide or reorder what a page shows of it.
pub(crate) fn require_parameter(name: &str, value: &str) -> Result<(), IdentifierError> {
    if name.is_empty() {
        return Err(IdentifierError::Empty { what: NAME });
    }
    if let Some(found) = name.chars().next().filter(|_| is_number(name)) {
        return Err(IdentifierError::Character { what: NAME, found, at: 1, allowed: "a name that is not of digits only" });
    }
    require_visible(NAME, name)?;
    require_visible(VALUE, value)
}

fn require_visible(what: &'static str, text: &str) -> Result<(), IdentifierError> {
    let hidden = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    match text.chars().enumerate().find(|(_, c)| hidden(*c)) {
        None => Ok(()),
        Some((index, found)) => Err(IdentifierError::Character { what, found, at: index + 1, allowed: "visible characters" }),
    }
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit())
}

/// Reads a data attribute. A `+` has to be escaped here, because some readers take it for a space.
fn attribute(ai: &str, encoded: &str, path: &KeyPath, before: &[Element]) -> Result<Element, IdentifierError> {
    let named = || excerpt(ai);
    if !(2..=4).contains(&ai.len()) {
        return Err(IdentifierError::UnknownAi { ai: named() });
    }
    if encoded.is_empty() {
        return Err(IdentifierError::MissingValue { ai: named() });
    }
    if path.key.ai() == ai || before.iter().any(|element| element.ai() == ai) {
        return Err(IdentifierError::DuplicateAi { ai: named() });
    }
    if let Some(index) = encoded.chars().position(|c| c == '+') {
        return Err(IdentifierError::Character { what: VALUE, found: '+', at: index + 1, allowed: "%2B for a plus sign" });
    }
    let value = percent_decode(VALUE, encoded, Place::Query)?;
    let Some(rule) = rule_of(ai) else {
        return Ok(Element::new(ai, attribute_value(ai, &value)?));
    };
    let key = rule_of(path.key.ai()).map(|key| key.role);
    let of_this_key = matches!(key, Some(Role::Key(qualifiers)) if qualifiers.contains(&ai));
    if of_this_key || matches!(rule.role, Role::Qualifier) {
        return Err(IdentifierError::MisplacedAi { ai: named() });
    }
    Ok(Element::new(ai, rule.value(&value)?))
}
