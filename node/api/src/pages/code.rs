//! Making the code that is printed on a product.

use askama::Template;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use suyuan_core::AllianceId;
use suyuan_trace::{Gtin, Lot, ProductPage, Serial};

use super::frame::{self, Frame};
use super::lenient::Lenient;
use super::text::clean;
use super::words::Lang;
use crate::problem::{Kind, Problem};
use crate::public::qr;
use crate::state::AppState;

#[derive(Template)]
#[template(path = "console/code.html")]
struct Page {
    frame: Frame,
    gtin: String,
    lot: String,
    serial: String,
    why: Option<String>,
    made: Option<Made>,
}

struct Made {
    address: String,
    image: String,
    file: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    gtin: String,
    lot: String,
    serial: String,
}

impl Wanted {
    fn read(&self, lang: Lang) -> Result<ProductPage, String> {
        let said = |error: suyuan_trace::IdentifierError| match &error {
            suyuan_trace::IdentifierError::CheckDigit { found, expected, .. } => {
                lang.fill("invalid.check-digit", &[&found.to_string(), &expected.to_string()])
            }
            other => clean(&other.to_string()),
        };
        let gtin = Gtin::parse(self.gtin.trim()).map_err(said)?;
        match (self.lot.trim(), self.serial.trim()) {
            (lot, "") if !lot.is_empty() => Ok(ProductPage::Lot { gtin, lot: Lot::parse(lot).map_err(said)? }),
            ("", serial) if !serial.is_empty() => Ok(ProductPage::Serial { gtin, serial: Serial::parse(serial).map_err(said)? }),
            _ => Err(lang.t("code.neither").to_owned()),
        }
    }
}

fn made(page: &ProductPage, public_url: &str, alliance: &AllianceId) -> Result<Made, String> {
    let address = qr::address(page, public_url, alliance).map_err(|error| clean(&error.to_string()))?;
    let (gtin, name, value) = match page {
        ProductPage::Lot { gtin, lot } => (gtin, "lot", lot.to_string()),
        ProductPage::Serial { gtin, serial } => (gtin, "serial", serial.to_string()),
    };
    let escaped: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    Ok(Made { address, image: format!("/code/qr.svg?gtin={gtin}&{name}={escaped}"), file: format!("{gtin}.svg") })
}

/// The page.
pub(crate) async fn page(State(state): State<AppState>, headers: HeaderMap, uri: Uri, Lenient(wanted): Lenient<Wanted>) -> Response {
    let frame = Frame::new(&state, &headers, &uri);
    let alliance = state.handle.state().ledger.alliance.id();
    let result =
        if wanted.gtin.is_empty() { Ok(None) } else { wanted.read(frame.lang).and_then(|page| made(&page, &state.public_url, &alliance)).map(Some) };
    let (made, why) = match result {
        Ok(made) => (made, None),
        Err(why) => (None, Some(why)),
    };
    let Wanted { gtin, lot, serial } = wanted;
    let page = Page { gtin: clean(&gtin), lot: clean(&lot), serial: clean(&serial), why, made, frame: frame.clone() };
    frame::finish(frame, Ok(page))
}

/// The code alone.
pub(crate) async fn image(State(state): State<AppState>, Lenient(wanted): Lenient<Wanted>) -> Result<Response, Problem> {
    let page = wanted.read(Lang::En).map_err(|why| Problem::new(Kind::Parameter, why))?;
    let address = qr::address(&page, &state.public_url, &state.handle.state().ledger.alliance.id());
    let svg = address.ok().and_then(|address| qr::svg(&address)).ok_or_else(|| Problem::new(Kind::Limit, "the address is too long for a code"))?;
    Ok(([(CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}
