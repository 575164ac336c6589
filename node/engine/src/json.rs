//! JSON taken in from outside: kept byte for byte, but only where every reader would read the same in it.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use suyuan_core::section::Field;

use crate::limits;

/// The members of a JSON object in their order, values as the text that was received. A name that stands twice is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(pub Vec<Field>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut fields = Vec::new();
                let mut names = BTreeSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !names.insert(name.clone()) {
                        return Err(de::Error::custom(format_args!("the field {name:?} stands there twice")));
                    }
                    if fields.len() >= suyuan_core::limits::FIELDS {
                        return Err(de::Error::custom(format_args!("more than {} fields in a section", suyuan_core::limits::FIELDS)));
                    }
                    let value: &RawValue = map.next_value()?;
                    check(value.get()).map_err(de::Error::custom)?;
                    fields.push(Field { name, value: value.get().to_owned() });
                }
                Ok(Members(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A struct from a JSON object. By itself, serde would take a list of the members' values in their order as well.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Inner<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Inner<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Inner(PhantomData))
    }
}

/// Checks that a JSON text is unambiguous: no member twice, no deeper than [`limits::JSON_DEPTH`]. Numbers may be of any size and precision: what is kept is
/// their text.
///
/// # Errors
/// What is wrong, in words.
pub fn check(text: &str) -> Result<(), String> {
    // Scalars are by far the most; the parser that cut the text out has checked them.
    if !text.starts_with(['{', '[']) {
        return Ok(());
    }
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
    unambiguous(whole.get())
}

/// Walks over a text that is JSON, by the marks that can change what stands where.
fn unambiguous(text: &str) -> Result<(), String> {
    // What is open: the names of an object so far, or nothing in a list.
    let mut open: Vec<Option<BTreeSet<String>>> = Vec::new();
    let (mut rest, mut name_follows) = (text, false);
    while let Some((mark, after)) = rest.find(['{', '}', '[', ']', ',', ':', '"']).and_then(|at| first(rest.get(at..)?)) {
        rest = after;
        match mark {
            '{' | '[' => {
                if open.len().saturating_add(1) >= limits::JSON_DEPTH {
                    return Err(format!("nested more than {} levels deep", limits::JSON_DEPTH));
                }
                name_follows = mark == '{';
                open.push(name_follows.then(BTreeSet::new));
            }
            '}' | ']' => {
                open.pop();
                name_follows = false;
            }
            ',' => name_follows = matches!(open.last(), Some(Some(_))),
            ':' => name_follows = false,
            _ => {
                let (string, after) = string(rest)?;
                rest = after;
                if let Some(Some(names)) = open.last_mut().filter(|_| name_follows)
                    && let Some(twice) = names.replace(string)
                {
                    return Err(format!("the member {twice:?} stands there twice"));
                }
            }
        }
    }
    Ok(())
}

fn first(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    chars.next().map(|mark| (mark, chars.as_str()))
}

/// The string whose opening quote was just passed, and what follows its closing one.
fn string(text: &str) -> Result<(String, &str), String> {
    let mut escaped = false;
    let end = text.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    let cut = end.and_then(|end| Some((text.get(..end)?, text.get(end.saturating_add(1)..)?)));
    let (inner, after) = cut.ok_or("a string has no end")?;
    let string = if inner.contains('\\') { serde_json::from_str(&format!("\"{inner}\"")) } else { Ok(inner.to_owned()) };
    string.map(|string| (string, after)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_all_readers_read_alike_is_taken_with_numbers_of_any_size() {
        let list = format!("[{}1e400,-0.0{}]", "[".repeat(limits::JSON_DEPTH - 3), "]".repeat(limits::JSON_DEPTH - 3));
        let good = [
            "{}",
            "[]",
            r#"{"a":{"b":1e400,"c":-1E+999999},"b":[123456789012345678901234567890.000]}"#,
            r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#,
            r#"{"a":"{\"a\":1,\"a\":2}","b":"]}","\\":"\\","c":["x","x"]}"#,
            "1e400",
            &list,
        ];
        for text in good {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_text_that_readers_may_read_differently_is_refused() {
        let deep = format!("{}{}", "[".repeat(limits::JSON_DEPTH), "]".repeat(limits::JSON_DEPTH));
        let bad = [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"x":{"a":[],"b":0,"a":{}}}]"#,
            r#"{"a":{"b":1},"c":[{}],"a":1}"#,
            r#"{"\"":1,"\u0022":2}"#,
            r#"{"\ud800":1}"#,
            r#"["\ud800"]"#,
            r#"{"a":1"#,
            r#"{"a":1}}"#,
            r#"{"a":01}"#,
            r#"{"a":.5}"#,
            r#"{a:1}"#,
            "[1,]",
            "[NaN]",
            &deep,
        ];
        for text in bad {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
