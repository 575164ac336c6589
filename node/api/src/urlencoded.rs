//! Texts of requests in which bytes may be written as `%XX`: read as UTF-8 or not at all, so that what is judged is what was sent.

/// The text with every `%XX` replaced by its byte; nothing where a `%` stands without two digits, or where it is not UTF-8 afterwards.
pub fn percent_decoded(text: &[u8]) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// The names and values of a form or a query (`application/x-www-form-urlencoded`); nothing where it is not UTF-8. Empty parts are passed over.
pub fn pairs(text: &[u8]) -> Option<Vec<(String, String)>> {
    let spaced = |part: &[u8]| percent_decoded(&part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<_>>());
    let pair = |part: &[u8]| {
        let mut halves = part.splitn(2, |byte| *byte == b'=');
        Some((spaced(halves.next()?)?, spaced(halves.next().unwrap_or_default())?))
    };
    text.split(|byte| *byte == b'&').filter(|part| !part.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_it_was_sent_or_not_at_all() {
        let read = |text: &str| pairs(text.as_bytes());
        let owned = |list: &[(&str, &str)]| Some(list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        assert_eq!(read(""), owned(&[]));
        assert_eq!(read("a=1&&b=x+y&a=%E5%9C%88"), owned(&[("a", "1"), ("b", "x y"), ("a", "圈")]));
        assert_eq!(read("a&b==c&%3D=%26"), owned(&[("a", ""), ("b", "=c"), ("=", "&")]));
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff", "%c3%28=1", "a=%u0041"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(pairs(b"a=\xff"), None);
    }
}
