//! What a link tells, how one is made for printing, and what its errors say.
#![allow(clippy::unwrap_used)]

use suyuan_trace::{DigitalLink, Gtin, IdentifierError, Lot, MAX_PARAMETERS, ProductPage, Serial, subject};

const LOT: &str = "https://id.gs1.org/01/06901234567892/10/L20261120";

fn link(uri: &str) -> DigitalLink {
    DigitalLink::parse(uri).unwrap()
}

#[test]
fn a_link_tells_its_parts() {
    let link = link("https://a.example/s/01/6901234567892/22/2A/10/L%2F1?17=270301&a=1&b=2&a=3");
    assert_eq!(link.base(), "https://a.example/s");
    assert_eq!((link.key().ai(), link.key().value()), ("01", "06901234567892"));
    assert_eq!(link.gtin(), Some(Gtin::parse("6901234567892").unwrap()));
    let qualifiers: Vec<_> = link.qualifiers().iter().map(|q| (q.ai(), q.value())).collect();
    assert_eq!(qualifiers, [("22", "2A"), ("10", "L/1")]);
    assert_eq!(link.qualifier("10"), Some("L/1"));
    assert_eq!(link.qualifier("21"), None);
    assert_eq!(link.attributes().len(), 1);
    assert_eq!(link.attribute("17"), Some("270301"));
    assert_eq!(link.attribute("a"), None);
    assert_eq!(link.parameters().len(), 3);
    assert_eq!(link.parameter("a"), Some("1"));
    assert_eq!(link.parameter("17"), None);
}

#[test]
fn a_link_without_gtin_has_none() {
    assert_eq!(link("https://id.gs1.org/414/6901234500004").gtin(), None);
}

#[test]
fn a_printed_code_is_a_page_at_a_domain_with_the_alliance() {
    let page = ProductPage::Lot { gtin: Gtin::parse("6901234567892").unwrap(), lot: Lot::parse("L/1").unwrap() };
    let code = page.link().with_base("https://Q.example.cn/s/").unwrap();
    let code = code.with_parameter("a", "6f1c").unwrap();
    assert_eq!(code.to_string(), "https://q.example.cn/s/01/06901234567892/10/L%2F1?a=6f1c");
    assert_eq!(code.subject(), page.subject());
    assert_eq!(DigitalLink::parse(&code.to_string()).unwrap(), code);
}

#[test]
fn an_item_and_a_lot_of_the_same_name_are_two_subjects() {
    let gtin = Gtin::parse("6901234567892").unwrap();
    let lot = ProductPage::Lot { gtin, lot: Lot::parse("7").unwrap() };
    let item = ProductPage::Serial { gtin, serial: Serial::parse("7").unwrap() };
    assert_ne!(lot.subject(), item.subject());
    assert_ne!(subject(LOT).unwrap(), subject(&LOT.to_lowercase()).unwrap());
}

#[test]
fn a_parameter_replaces_those_of_its_name() {
    let changed = link(&format!("{LOT}?a=1&b=2&a=3")).with_parameter("a", "4 5").unwrap();
    assert_eq!(changed.to_string(), format!("{LOT}?b=2&a=4%205"));
}

#[test]
fn what_is_no_base_is_refused() {
    for (base, code) in [
        ("q.example.cn", "scheme"),
        ("https://", "authority"),
        ("https://user@q.example.cn", "authority"),
        ("https://q.example.cn/s?x=1", "character"),
        ("https://q.example.cn/s#x", "character"),
        ("https://q.example.cn?x=1", "authority"),
        ("https://q.example.cn//", "empty"),
        ("https://q.example.cn/../s", "dot-segment"),
        ("https://q.example.cn/01/06901234567892", "ambiguous-key"),
    ] {
        assert_eq!(link(LOT).with_base(base).unwrap_err().code(), code, "{base}");
    }
    let long = format!("https://q.example.cn/{}", "s".repeat(2020));
    assert_eq!(link(LOT).with_base(&long).unwrap_err().code(), "too-long");
}

#[test]
fn what_is_no_parameter_is_refused() {
    for (name, value, code) in [("", "x", "empty"), ("17", "270301", "character"), ("a", "x\ny", "character"), ("a\u{202e}", "x", "character")] {
        assert_eq!(link(LOT).with_parameter(name, value).unwrap_err().code(), code, "{name:?}");
    }
    assert_eq!(link(LOT).with_parameter("a", &"溯".repeat(300)).unwrap_err().code(), "too-long");
    let mut full = link(LOT);
    for number in 0..MAX_PARAMETERS {
        full = full.with_parameter(&format!("p{number}"), "").unwrap();
    }
    assert!(full.clone().with_parameter("p0", "again").is_ok());
    assert_eq!(full.with_parameter("more", "").unwrap_err().code(), "too-many-parameters");
}

#[test]
fn an_error_says_how_to_mend_it() {
    let wrong = Gtin::parse("6901234567893").unwrap_err();
    assert!(matches!(wrong, IdentifierError::CheckDigit { found: '3', expected: '2', .. }));
    for (identifier, hint) in [
        ("https://a.example/01/6901234567893", "the check digit is 3, but 2 fits"),
        ("https://a.example/gtin/6901234567892", "withdrawn from the Digital Link standard; write \"01\""),
        ("https://a.example/01/6901234567892/21/7/10/L", "the order is 01, 22, 10, 21"),
        ("https://a.example/01/6901234567892/10/L 1", "' ' at position 2"),
        ("https://a.example/01/6901234567892/10/1%", "write a percent sign itself as %25"),
        ("https://a.example/01/6901234567892?10=L", "into the path"),
        ("https://a.example/01/6901234567892?17=271301", "write YYMMDD"),
        ("urn:epc:id:sgtin:690123.045678.1", "together 13 digits"),
    ] {
        let text = subject(identifier).unwrap_err().to_string();
        assert!(text.contains(hint), "{identifier}: {text}");
    }
}
