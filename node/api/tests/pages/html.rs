//! A reader of HTML that knows only what the templates write. Whatever else stands in a page, such as an element out of a record's text, is an error.

use std::collections::BTreeMap;

/// An element with its attributes, as its start tag has them, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
}

/// What a page consists of.
#[derive(Debug, Default)]
pub struct Page {
    pub elements: Vec<Element>,
    /// Its texts in order, decoded, without those of white space alone.
    pub texts: Vec<String>,
}

const VOID: [&str; 5] = ["meta", "link", "input", "br", "img"];

/// Reads a page.
pub fn parse(html: &str) -> Result<Page, String> {
    let mut rest = html.strip_prefix("<!DOCTYPE html>").ok_or("no doctype")?;
    let (mut page, mut open) = (Page::default(), Vec::<String>::new());
    while !rest.is_empty() {
        let text = rest.split('<').next().unwrap();
        if text.contains('>') {
            return Err(format!("a bare > in {text:.80}"));
        }
        if !text.trim().is_empty() {
            page.texts.push(decode(text.trim())?);
        }
        rest = &rest[text.len()..];
        if rest.is_empty() {
            break;
        }
        let end = rest.find('>').ok_or("a tag that does not end")?;
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last.as_deref() != Some(name) {
                return Err(format!("</{name:.80}> closes {last:?}"));
            }
            continue;
        }
        let element = element(tag)?;
        if !VOID.contains(&element.name.as_str()) {
            open.push(element.name.clone());
        }
        page.elements.push(element);
    }
    if open.is_empty() { Ok(page) } else { Err(format!("never closed: {open:?}")) }
}

fn element(tag: &str) -> Result<Element, String> {
    let wrong = || format!("a tag of another kind: <{tag:.120}>");
    let name: String = tag.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit()).collect();
    let mut rest = &tag[name.len()..];
    let mut attributes = BTreeMap::new();
    if name.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        rest = rest.strip_prefix([' ', '\n']).ok_or_else(wrong)?.trim_start();
        let key: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        rest = &rest[key.len()..];
        if key.is_empty() && rest.is_empty() {
            break;
        }
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let (inside, after) = quoted.split_once('"').ok_or_else(wrong)?;
            value = decode(inside)?;
            rest = after;
        }
        if key.is_empty() || attributes.insert(key, value).is_some() {
            return Err(wrong());
        }
    }
    Ok(Element { name, attributes })
}

/// Replaces the references that the templates write; an ampersand by itself is an error.
fn decode(text: &str) -> Result<String, String> {
    let (mut decoded, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        let (name, after) = after.split_once(';').ok_or_else(|| format!("a bare & in {text:.80}"))?;
        decoded.push(match name {
            "#60" | "lt" => '<',
            "#62" | "gt" => '>',
            "#38" | "amp" => '&',
            "#34" | "quot" => '"',
            "#39" => '\'',
            _ => return Err(format!("&{name:.20}; in {text:.80}")),
        });
        rest = after;
    }
    decoded.push_str(rest);
    Ok(decoded)
}

/// What each element of the templates may have.
pub fn check_allowed(page: &Page) {
    for Element { name, attributes } in &page.elements {
        let own: &[&str] = match name.as_str() {
            "html" => &["lang"],
            "meta" => &["charset", "name", "content"],
            "link" => &["rel", "href"],
            "script" => &["type", "src"],
            "a" => &["href", "hreflang", "lang", "download", "rel", "aria-current"],
            "section" => &["role", "aria-live", "aria-labelledby", "data-state", "hidden"],
            "article" => &["data-unpublished"],
            "div" => &["data-state"],
            "nav" => &["aria-label"],
            "b" | "span" => &["lang", "aria-hidden"],
            "th" => &["scope"],
            "td" => &["data-label"],
            "form" => &["method", "action"],
            "input" => &[
                "name",
                "value",
                "type",
                "placeholder",
                "list",
                "size",
                "required",
                "maxlength",
                "inputmode",
                "autocomplete",
                "autofocus",
                "checked",
                "aria-label",
            ],
            "textarea" => &["name", "rows", "required"],
            "select" => &["name"],
            "option" => &["value", "selected"],
            "button" => &["name", "value", "type", "data-copy", "data-save", "hidden", "aria-label"],
            "label" => &["for"],
            "code" => &["title"],
            "img" => &["src", "alt", "width", "height"],
            "p" => &["role"],
            "progress" => &["max", "value"],
            "head" | "title" | "body" | "header" | "main" | "footer" | "h1" | "h2" | "h3" | "dl" | "dt" | "dd" | "ul" | "ol" | "li" | "br"
            | "pre" | "noscript" | "small" | "table" | "thead" | "tbody" | "tr" | "details" | "summary" | "fieldset" | "legend" | "datalist" => &[],
            other => panic!("an element <{other}>"),
        };
        for (key, value) in attributes {
            assert!(own.contains(&key.as_str()) || ["class", "id"].contains(&key.as_str()), "<{name} {key}>");
            match key.as_str() {
                "href" => {
                    assert!(value.starts_with(['/', '#', '?']) && !value.starts_with("//") || value.starts_with("http://127.0.0.1:9/01/"), "{value}")
                }
                "src" => assert!(value.starts_with("/assets/") || value.starts_with("/code/qr.svg?"), "{value}"),
                "action" => assert!(value.starts_with('/') && !value.starts_with("//"), "{value}"),
                "class" | "id" => assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-'), "{value}"),
                _ => {}
            }
        }
        assert!(name != "script" || attributes.get("src").is_some_and(|src| src.starts_with("/assets/")), "a script of its own");
    }
}
