//! The path of a Digital Link: a stem, a key, its qualifiers.

use std::fmt;

use crate::digital_link::Element;
use crate::encoding::{Place, percent_decode, percent_encode};
use crate::error::{IdentifierError, excerpt};
use crate::rules::{Role, Rule, rule_of, short_name};

const WHAT: &str = "path";

/// A key and its qualifiers. `Display` writes them as a path in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPath {
    pub(crate) key: Element,
    pub(crate) qualifiers: Vec<Element>,
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for element in std::iter::once(&self.key).chain(&self.qualifiers) {
            let mut value = String::new();
            percent_encode(element.value(), &mut value);
            write!(f, "/{}/{value}", element.ai())?;
        }
        Ok(())
    }
}

/// Reads a path that begins with a slash or is empty, into the stem as it stands (empty, or with a slash in front and
/// none behind) and the key with its qualifiers.
///
/// The key is found from the end of the path, in steps of a pair: what stands before it is the stem, whatever it is,
/// unless it holds a key as well.
pub(crate) fn parse(path: &str) -> Result<(&str, KeyPath), IdentifierError> {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let start = find_key(&segments)?;
    let (stem_segments, pairs) = segments.split_at_checked(start).unwrap_or_default();
    let stem_bytes = stem_segments.iter().map(|segment| segment.len() + 1).sum();
    let stem = path.get(..stem_bytes).unwrap_or_default();
    require_stem(stem)?;
    Ok((stem, key_path(pairs)?))
}

/// Checks a stem, which is empty or has a slash in front.
pub(crate) fn require_stem(stem: &str) -> Result<(), IdentifierError> {
    let Some(inner) = stem.strip_prefix('/') else {
        return Ok(());
    };
    let mut before = String::new();
    for segment in inner.split('/') {
        let segment = percent_decode(WHAT, segment, Place::Segment)?;
        match segment.as_str() {
            "" => {
                return Err(IdentifierError::Empty { what: "a segment of the path" });
            }
            "." | ".." => return Err(IdentifierError::DotSegment),
            _ => (),
        }
        if rule_of(&before).is_some_and(|rule| rule.is_key() && rule.value(&segment).is_ok()) {
            return Err(IdentifierError::AmbiguousKey);
        }
        before = segment;
    }
    Ok(())
}

/// The index of the segment that names the key.
fn find_key(segments: &[&str]) -> Result<usize, IdentifierError> {
    let mut end = segments.len();
    while let Some(index) = end.checked_sub(2) {
        match segments.get(index).and_then(|ai| rule_of(ai)) {
            Some(rule) if rule.is_key() => return Ok(index),
            Some(_) => end = index,
            None => break,
        }
    }
    Err(explain(segments))
}

/// Why no key was found from the end: what is wrong behind the first key, if there is one.
fn explain(segments: &[&str]) -> IdentifierError {
    let first_key = segments.iter().position(|segment| rule_of(segment).is_some_and(Rule::is_key));
    let Some(behind) = first_key.and_then(|index| segments.get(index..)) else {
        return segments.iter().find_map(|segment| short_name(segment)).unwrap_or(IdentifierError::NoKey);
    };
    for pair in behind.chunks(2) {
        match pair {
            [""] | ["", _] => {
                return IdentifierError::Empty { what: "a segment of the path" };
            }
            [ai, ..] if rule_of(ai).is_none() => {
                return short_name(ai).unwrap_or_else(|| IdentifierError::UnknownAi { ai: excerpt(ai) });
            }
            [ai] => return IdentifierError::MissingValue { ai: excerpt(ai) },
            _ => (),
        }
    }
    IdentifierError::NoKey
}

/// Reads pairs of an application identifier and a value, the first of them a key.
fn key_path(pairs: &[&str]) -> Result<KeyPath, IdentifierError> {
    let mut elements = pairs.chunks_exact(2).filter_map(|pair| match pair {
        [ai, value] => rule_of(ai).map(|rule| (rule, *value)),
        _ => None,
    });
    let (rule, value) = elements.next().ok_or(IdentifierError::NoKey)?;
    let key = element(rule, value)?;
    let mut order = match rule.role {
        Role::Key(qualifiers) => qualifiers,
        _ => &[],
    }
    .iter();
    let mut qualifiers: Vec<Element> = Vec::new();
    for (qualifier, value) in elements {
        if order.by_ref().all(|ai| *ai != qualifier.ai) {
            return Err(misplaced(rule, qualifier, &qualifiers));
        }
        qualifiers.push(element(qualifier, value)?);
    }
    Ok(KeyPath { key, qualifiers })
}

fn element(rule: &Rule, encoded: &str) -> Result<Element, IdentifierError> {
    if encoded.is_empty() {
        return Err(IdentifierError::MissingValue { ai: rule.ai.to_owned() });
    }
    let value = rule.value(&percent_decode(rule.title, encoded, Place::Segment)?)?;
    Ok(Element::new(rule.ai, value))
}

/// Why `qualifier` may not stand behind the ones before it.
fn misplaced(key: &Rule, qualifier: &Rule, before: &[Element]) -> IdentifierError {
    let taken = matches!(key.role, Role::Key(qualifiers) if qualifiers.contains(&qualifier.ai));
    if before.iter().any(|element| element.ai() == qualifier.ai) {
        IdentifierError::DuplicateAi { ai: qualifier.ai.to_owned() }
    } else if taken {
        IdentifierError::QualifierOrder { ai: qualifier.ai, key: key.ai }
    } else {
        IdentifierError::QualifierNotAllowed { ai: qualifier.ai, key: key.ai }
    }
}
