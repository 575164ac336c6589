//! Strings nobody meant: whatever is given, nothing panics, and what is accepted keeps its promises.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use suyuan_trace::{DigitalLink, Gln, Gtin, IdentifierError, Lot, MAX_URI_BYTES, ProductPage, Serial, Sscc, check_digit, subject};

const SEEDS: [&str; 12] = [
    "https://id.gs1.org/01/06901234567892/22/2A/10/L20261120/21/0001?17=270301&a=6f1c",
    "https://trace.example.cn:8443/s/p/01/6901234567892/10/L%2F1%25?3103=000195&linkType=gs1:traceability#top",
    "http://[2001:db8::1]/414/6901234500004/254/DOCK-4?410=6901234500004&x=%E6%BA%AF",
    "https://id.gs1.org/8003/06901234500059A7",
    "https://id.gs1.org/253/6901234500011INV-9",
    "https://id.gs1.org/8004/690123HARVESTER7?a=b&a=c",
    "urn:epc:id:sgtin:690123.0456789.A%2F7",
    "urn:epc:class:lgtin:690123.0456789.L.1",
    "urn:epc:id:sgln:690123450000..0",
    "urn:epc:id:sscc:690123.10000000042",
    "/01/06901234567892/10/L20261120",
    "06901234567892",
];

/// Characters worth putting where they do not belong.
const PIECES: [&str; 24] = [
    "%", "%2", "%zz", "%00", "%ff", "/", "//", "/..", "?", "&", "=", "#", ".", ":", "@", "+", "0", "9", "01/", "溯", "\u{202e}", "\0", "/10/",
    "urn:epc:",
];

#[test]
fn mutated_identifiers_never_panic_and_what_is_accepted_is_stable() {
    let mut random = Random(0x5eed);
    let mut accepted = 0_u32;
    for _ in 0..200_000 {
        let text = mutated(&mut random);
        read_every_way(&text);
        let Ok(link) = DigitalLink::parse(&text) else {
            continue;
        };
        accepted += 1;
        let canonical = link.canonical();
        assert_eq!(DigitalLink::parse(&canonical).unwrap().to_string(), canonical, "{text:?}");
        let written = link.to_string();
        assert_eq!(DigitalLink::parse(&written).as_ref(), Ok(&link), "{text:?}");
        assert_eq!(subject(&written).unwrap().as_str(), canonical, "{text:?}");
    }
    assert!(accepted > 1_000, "the mutations only made {accepted} links");
}

#[test]
fn a_change_of_one_digit_is_always_noticed() {
    for number in ["06901234567892", "690123456789000008", "6901234500004"] {
        for place in 0..number.len() {
            for digit in '0'..='9' {
                let changed = format!("{}{digit}{}", &number[..place], &number[place + 1..]);
                let accepted = match number.len() {
                    14 => Gtin::parse(&changed).is_ok(),
                    18 => Sscc::parse(&changed).is_ok(),
                    _ => Gln::parse(&changed).is_ok(),
                };
                assert_eq!(accepted, changed == number, "{changed}");
            }
        }
    }
}

#[test]
fn size_is_looked_at_first() {
    let long = format!("https://id.gs1.org/01/06901234567892?x={}", "y".repeat(50_000_000));
    assert!(matches!(DigitalLink::parse(&long), Err(IdentifierError::TooLong { limit: MAX_URI_BYTES, .. })));
    assert!(matches!(subject(&"urn:".repeat(10_000_000)), Err(IdentifierError::TooLong { .. })));
}

#[test]
fn an_error_repeats_little_of_what_was_given() {
    let long = "<script>".repeat(200);
    for text in [format!("https://{long}/01/1"), format!("urn:epc:{long}"), format!("https://a.example/01/1/{long}/2"), long] {
        let error = subject(&text).unwrap_err();
        assert!(error.to_string().len() < 400, "{error}");
    }
}

fn read_every_way(text: &str) {
    let errors = [
        check_digit(text).err(),
        Gtin::parse(text).err(),
        Gln::parse(text).err(),
        Sscc::parse(text).err(),
        Lot::parse(text).err(),
        Serial::parse(text).err(),
        ProductPage::parse(text).err(),
        subject(text).err(),
        DigitalLink::parse(SEEDS[0]).unwrap().with_base(text).err(),
        DigitalLink::parse(SEEDS[0]).unwrap().with_parameter(text, text).err(),
    ];
    for error in errors.into_iter().flatten() {
        assert!(!error.code().is_empty() && error.to_string().len() < 400, "{error}");
    }
}

/// A seed after up to four changes: a piece put in, a stretch taken out, or a stretch of another seed put in.
fn mutated(random: &mut Random) -> String {
    let mut text: Vec<char> = SEEDS[random.below(SEEDS.len())].chars().collect();
    for _ in 0..random.below(5) {
        let at = random.below(text.len() + 1);
        let end = (at + random.below(4)).min(text.len());
        let other: Vec<char> = SEEDS[random.below(SEEDS.len())].chars().collect();
        let from = random.below(other.len());
        let new: Vec<char> = match random.below(3) {
            0 => PIECES[random.below(PIECES.len())].chars().collect(),
            1 => Vec::new(),
            _ => other[from..(from + random.below(20)).min(other.len())].to_vec(),
        };
        text.splice(at..end, new);
    }
    text.into_iter().collect()
}

/// A small generator of the same numbers in every run (an xorshift by Marsaglia).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound.max(1)
    }
}
