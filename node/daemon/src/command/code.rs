//! `suyuan code`: what is printed on a product.

use fast_qr::convert::svg::SvgBuilder;
use fast_qr::{ECL, QRBuilder};
use serde_json::json;
use suyuan_trace::{Gtin, IdentifierError, Lot, ProductPage, Serial};

use super::{Place, charter};
use crate::answer::{Answer, Failure, write_new};
use crate::cli::Code;
use crate::config;

pub fn run(at: &Place<'_>, flags: &Code) -> Result<Answer, Failure> {
    let alliance = charter::read(&at.data.join(charter::FILE))?.verify(None).map_err(Failure::local)?.id();
    // Through the identifiers' own rules, so that a wrong check digit is told before anything is printed.
    let wrong = |error: IdentifierError| Failure::usage(error.to_string());
    let gtin = Gtin::parse(&flags.gtin).map_err(wrong)?;
    let page = match (&flags.lot, &flags.serial) {
        (Some(lot), None) => ProductPage::Lot { gtin, lot: Lot::parse(lot).map_err(wrong)? },
        (None, Some(serial)) => ProductPage::Serial { gtin, serial: Serial::parse(serial).map_err(wrong)? },
        _ => return Err(Failure::usage("a code is for a --lot or a --serial")),
    };
    config::base(&flags.public_url).map_err(|why| Failure::usage(format!("--public-url {}: {why}", flags.public_url)))?;
    let link = page.link().with_base(&flags.public_url).and_then(|link| link.with_parameter("a", &alliance.to_string())).map_err(wrong)?;
    let address = link.to_string();
    let code = QRBuilder::new(address.as_str()).ecl(ECL::M).build().map_err(|error| Failure::local(format!("{error:?}")))?;
    if let Some(path) = &flags.svg {
        write_new(path, SvgBuilder::default().to_str(&code).as_bytes())?;
    }
    let text = format!("{}\n{address}", code.to_str());
    Ok(Answer::new(text, json!({ "address": address, "alliance": alliance, "svg": flags.svg })))
}
