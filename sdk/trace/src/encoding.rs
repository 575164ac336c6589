//! Characters: GS1 character set 82 and the percent-encoding of URIs.

use crate::error::IdentifierError;

/// The characters that are not digits or letters in GS1 character set 82 (GS1 General Specifications, section 7.11).
const SET_82_SYMBOLS: &str = "!\"%&'()*+,-./:;<=>?_";

/// The characters beside letters and digits that stand for themselves in a path segment (RFC 3986, section 3.3).
const SEGMENT_SYMBOLS: &str = "-._~!$&'()*+,;=:@";

/// The same in a query (RFC 3986, section 3.4).
const QUERY_SYMBOLS: &str = "-._~!$&'()*+,;=:@/?";

/// The characters of set 82 that stand for themselves in an EPC URN; the other seven, `"%&/<>?`, are written as
/// escapes (EPC Tag Data Standard, table A-1).
const URN_SYMBOLS: &str = "!'()*+,-.:;=_";

/// Where an encoded text stands, which says what may stand there unescaped.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// A path segment.
    Segment,
    /// The name or the value of a query parameter.
    Query,
    /// A field of an EPC URN.
    Urn,
}

impl Place {
    fn symbols(self) -> &'static str {
        match self {
            Self::Segment => SEGMENT_SYMBOLS,
            Self::Query => QUERY_SYMBOLS,
            Self::Urn => URN_SYMBOLS,
        }
    }

    fn allowed(self) -> &'static str {
        match self {
            Self::Segment => "letters, digits and -._~!$&'()*+,;=:@ in a path segment, others as %XX",
            Self::Query => "letters, digits and -._~!$&'()*+,;=:@/? in a query, others as %XX",
            Self::Urn => "letters, digits and !'()*+,-.:;=_ in a URN field, others as %XX",
        }
    }
}

/// Checks that `text` stays within GS1 character set 82.
pub(crate) fn require_set_82(what: &'static str, text: &str) -> Result<(), IdentifierError> {
    match text.chars().enumerate().find(|(_, c)| !c.is_ascii_alphanumeric() && !SET_82_SYMBOLS.contains(*c)) {
        None => Ok(()),
        Some((index, found)) => {
            let allowed = "letters, digits and !\"%&'()*+,-./:;<=>?_ (GS1 character set 82)";
            Err(IdentifierError::Character { what, found, at: index + 1, allowed })
        }
    }
}

/// Undoes the percent-encoding of `text` (RFC 3986, section 2.1), in either case of its hexadecimal digits.
///
/// Refuses an escape that is not `%` and two hexadecimal digits, a character that has to be escaped in this place,
/// and escapes that do not spell UTF-8.
pub(crate) fn percent_decode(what: &'static str, text: &str, place: Place) -> Result<String, IdentifierError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.char_indices();
    while let Some((index, found)) = rest.next() {
        if found == '%' {
            decoded.push(escaped_byte(text, index)?);
            rest.nth(1);
        } else if found.is_ascii_alphanumeric() || place.symbols().contains(found) {
            decoded.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            let at = text.get(..index).map_or(0, |before| before.chars().count()) + 1;
            return Err(IdentifierError::Character { what, found, at, allowed: place.allowed() });
        }
    }
    String::from_utf8(decoded).map_err(|_| IdentifierError::NotUtf8 { what })
}

/// The byte that the escape at `index` of `text` stands for.
fn escaped_byte(text: &str, index: usize) -> Result<u8, IdentifierError> {
    text.get(index + 1..index + 3)
        .filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        .ok_or_else(|| {
            let escape = text.get(index..).unwrap_or_default().chars().take(3).collect();
            IdentifierError::PercentEscape { escape }
        })
}

/// Appends `text` to `out` in the one way this crate writes it: everything but RFC 3986's unreserved characters
/// (section 2.3) as `%XX` with upper-case digits.
pub(crate) fn percent_encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(upper_hexadecimal(byte >> 4));
            out.push(upper_hexadecimal(byte & 15));
        }
    }
}

fn upper_hexadecimal(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}
