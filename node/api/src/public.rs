//! The public side of a node for people: the consumer page of a product, its proof, its summary for programs, and its code
//! (`specs/consumer-page.md`).

mod notice;
mod page;
mod product;
pub mod qr;
mod shown;
mod summary;

use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use suyuan_core::AllianceId;
use suyuan_trace::{IdentifierError, ProductPage};

use crate::auth::Need;
use crate::pages::assets;
use crate::pages::lenient::Lenient;
use crate::pages::words::Lang;
use crate::problem::{Kind, Problem};
use crate::routes::Page;
use crate::state::{AppState, blocking};
use product::Product;

/// The routes, beside those of the logs.
pub(crate) fn table() -> Vec<Page> {
    vec![Page::get("/", Need::Open, root), Page::get("/01/{*rest}", Need::Open, scan), assets::row()]
}

/// What a scanned address says beside the product.
#[derive(Debug, Default, Deserialize)]
struct Parameters {
    /// The alliance that the code was printed for.
    a: Option<String>,
    lang: Option<String>,
    format: Option<String>,
}

/// What the printed code says of the alliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// It names this one.
    Here,
    /// It names another.
    Elsewhere,
    /// It names none.
    Unsaid,
    /// What it names is no alliance id.
    Damaged,
}

impl Bound {
    fn of(named: Option<&str>, here: &AllianceId) -> Self {
        match named.map(str::parse::<AllianceId>) {
            None => Self::Unsaid,
            Some(Err(_)) => Self::Damaged,
            Some(Ok(alliance)) if alliance == *here => Self::Here,
            Some(Ok(_)) => Self::Elsewhere,
        }
    }
}

/// What is asked of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Page,
    Summary,
    Bundle,
    Code,
}

/// The product of a path, and what is asked of it. A lot may be called `bundle`, so the whole path is read first.
fn read_path(path: &str) -> Result<(ProductPage, Option<Wanted>), IdentifierError> {
    let whole = ProductPage::parse(path);
    let parts = [("/bundle", Wanted::Bundle), ("/qr.svg", Wanted::Code)];
    let part = parts.into_iter().find_map(|(suffix, wanted)| ProductPage::parse(path.strip_suffix(suffix)?).ok().map(|page| (page, Some(wanted))));
    whole.map(|page| (page, None)).or_else(|error| part.ok_or(error))
}

async fn root(State(state): State<AppState>, Lenient(parameters): Lenient<Parameters>, headers: HeaderMap) -> Response {
    notice::welcome(language(&parameters, &headers), &state.handle.state().ledger)
}

fn language(parameters: &Parameters, headers: &HeaderMap) -> Lang {
    parameters.lang.as_deref().and_then(Lang::named).unwrap_or_else(|| Lang::preferred(headers))
}

/// A scan.
async fn scan(State(state): State<AppState>, uri: Uri, Lenient(parameters): Lenient<Parameters>, headers: HeaderMap) -> Response {
    let lang = language(&parameters, &headers);
    let program = wants_json(&headers);
    let (page, wanted) = match read_path(uri.path()) {
        Ok(read) => read,
        Err(error) if program => return Problem::new(Kind::Identifier, error.to_string()).into_response(),
        Err(error) => return notice::invalid(lang, &error),
    };
    let wanted = wanted.unwrap_or(match parameters.format.as_deref() {
        Some("bundle") => Wanted::Bundle,
        _ if program => Wanted::Summary,
        _ => Wanted::Page,
    });
    let answer = match wanted {
        Wanted::Code => code(&state, &page),
        Wanted::Bundle => bundle(&state, page).await,
        Wanted::Summary => summarise(&state, page).await,
        Wanted::Page => {
            let bound = Bound::of(parameters.a.as_deref(), &state.handle.state().ledger.alliance.id());
            draw(&state, page, lang, bound, parameters.a.as_deref()).await
        }
    };
    answer.unwrap_or_else(|problem| if wanted == Wanted::Page { notice::failed(lang, &problem) } else { problem.into_response() })
}

/// Whether JSON is asked for before HTML.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ranges = accepted.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    let position = |wanted: &str| ranges.clone().position(|range| range.eq_ignore_ascii_case(wanted));
    position("application/json").is_some_and(|json| position("text/html").is_none_or(|html| json < html))
}

async fn load(state: &AppState, page: ProductPage) -> Result<Product, Problem> {
    let handle = state.handle.clone();
    state.public_read(move || Product::load(&handle, page)).await?
}

async fn draw(state: &AppState, page: ProductPage, lang: Lang, bound: Bound, named: Option<&str>) -> Result<Response, Problem> {
    let product = load(state, page).await?;
    let ledger = state.handle.state().ledger;
    let named = named.map(str::to_owned);
    blocking(move || page::draw(&product, &ledger, lang, bound, named.as_deref())).await
}

async fn summarise(state: &AppState, page: ProductPage) -> Result<Response, Problem> {
    let product = load(state, page).await?;
    let status = if product.records.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    let summary = summary::Summary::new(&product, &state.handle.state().ledger, &state.public_url);
    Ok((status, axum::Json(summary)).into_response())
}

async fn bundle(state: &AppState, page: ProductPage) -> Result<Response, Problem> {
    let handle = state.handle.clone();
    let name = product::file_name(&page);
    let bytes = state.public_read(move || product::bundle(&handle, &page)).await??.ok_or_else(Problem::not_found)?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn code(state: &AppState, page: &ProductPage) -> Result<Response, Problem> {
    let alliance = state.handle.state().ledger.alliance.id();
    let url = qr::address(page, &state.public_url, &alliance).map_err(|error| Problem::new(Kind::Identifier, error.to_string()))?;
    let svg = qr::svg(&url).ok_or_else(|| Problem::new(Kind::Limit, "the address is too long for a code"))?;
    let mut response = svg.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    Ok(response)
}
