//! QR codes (ISO/IEC 18004) of product pages: as SVG for print, and as text for a terminal.

use std::fmt::Write;

use fast_qr::qr::{QRBuilder, QRCode};
use fast_qr::{ECL, Mode};
use suyuan_core::AllianceId;
use suyuan_trace::{IdentifierError, ProductPage};

/// Modules of light that a reader needs around a code.
const QUIET: usize = 4;
/// Tenths of a millimetre of a module in print; GS1 asks for 0.396 to 0.990 mm for Digital Link codes at the point of sale.
const MODULE: usize = 5;

/// The address that a printed code holds: the product under the node's public address, and the alliance that vouches for it.
///
/// # Errors
/// [`IdentifierError`] where `public_url` is no address, or the whole is too long.
pub fn address(page: &ProductPage, public_url: &str, alliance: &AllianceId) -> Result<String, IdentifierError> {
    let link = page.link().with_base(public_url)?.with_parameter("a", &alliance.to_string())?;
    Ok(link.to_string())
}

/// A code of this text as an SVG image that prints at its proper size. Nothing where the text is too long for a code.
pub fn svg(text: &str) -> Option<String> {
    let modules = modules(text)?;
    let side = modules.len().saturating_add(2 * QUIET);
    let tenths = side.saturating_mul(MODULE);
    let mut path = String::new();
    for (y, row) in modules.iter().enumerate() {
        for (x, run) in runs(row) {
            // Writing into a string does not fail.
            let _ = write!(path, "M{} {}h{run}v1h-{run}z", x.saturating_add(QUIET), y.saturating_add(QUIET));
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{mm}.{tenth}mm\" height=\"{mm}.{tenth}mm\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>\n",
        mm = tenths / 10,
        tenth = tenths % 10,
    ))
}

/// A code of this text for a terminal with a dark or light background: two modules to a character, colours set by escape sequences.
pub fn terminal(text: &str) -> Option<String> {
    let modules = modules(text)?;
    let side = modules.len().saturating_add(4);
    let dark = |y: usize, x: usize| {
        let row = y.checked_sub(2).and_then(|y| modules.get(y));
        row.and_then(|row| x.checked_sub(2).and_then(|x| row.get(x))).copied().unwrap_or(false)
    };
    let mut drawn = String::new();
    for y in (0..side).step_by(2) {
        drawn.push_str("\x1b[30;107m");
        for x in 0..side {
            drawn.push(match (dark(y, x), dark(y.saturating_add(1), x)) {
                (false, false) => ' ',
                (true, false) => '▀',
                (false, true) => '▄',
                (true, true) => '█',
            });
        }
        drawn.push_str("\x1b[0m\n");
    }
    Some(drawn)
}

/// The rows of a code, dark modules true.
fn modules(text: &str) -> Option<Vec<Vec<bool>>> {
    let code: QRCode = QRBuilder::new(text).mode(Mode::Byte).ecl(ECL::M).build().ok()?;
    let rows = code.data.chunks(code.size).take(code.size);
    Some(rows.map(|row| row.iter().map(|module| module.value()).collect()).collect())
}

/// Where the dark runs of a row begin, and how long they are.
fn runs(row: &[bool]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0usize;
    row.chunk_by(|left, right| left == right).filter_map(move |run| {
        let begin = at;
        at = at.saturating_add(run.len());
        (run.first() == Some(&true)).then_some((begin, run.len()))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_address_holds_product_and_alliance() {
        let page = ProductPage::parse("/01/6901234567892/10/L%2F1").unwrap();
        let url = address(&page, "https://trace.example.cn/s", &AllianceId([0xab; 32])).unwrap();
        assert_eq!(url, format!("https://trace.example.cn/s/01/06901234567892/10/L%2F1?a={}", "ab".repeat(32)));
        assert!(address(&page, "javascript:alert(1)//", &AllianceId([0; 32])).is_err());
    }

    #[test]
    fn a_code_has_its_finder_patterns_and_a_quiet_zone() {
        let rows = modules("https://example.com/").unwrap();
        assert_eq!(rows.len(), rows.first().unwrap().len());
        let finder = [true, true, true, true, true, true, true, false];
        assert_eq!(rows.first().unwrap().get(..8).unwrap(), finder);
        assert_eq!(rows.last().unwrap().get(..8).unwrap(), finder);
        let svg = svg("https://example.com/").unwrap();
        assert!(svg.contains("M4 4h7v1h-7z"), "{svg}");
        assert_eq!(terminal("https://example.com/").unwrap().lines().count(), rows.len().div_ceil(2) + 2);
        assert_eq!(super::svg(&"x".repeat(4000)), None);
    }

    #[test]
    fn runs_are_the_dark_ones() {
        let found: Vec<_> = runs(&[true, true, false, true]).collect();
        assert_eq!(found, [(0, 2), (3, 1)]);
    }
}
