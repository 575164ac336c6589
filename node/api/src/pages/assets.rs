//! Style sheets, modules and the icon: embedded in the program, served under a name that changes with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::auth::Need;
use crate::problem::Problem;
use crate::routes::Page;

/// One file.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
    /// The same, compressed by gzip.
    gzip: Option<&'static [u8]>,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

static ASSETS: [Asset; 5] = [
    Asset {
        name: "consumer.js",
        media_type: SCRIPT,
        content: include_bytes!(concat!(env!("OUT_DIR"), "/consumer.js")),
        gzip: Some(include_bytes!(concat!(env!("OUT_DIR"), "/consumer.js.gz"))),
    },
    Asset { name: "console.js", media_type: SCRIPT, content: include_bytes!(concat!(env!("OUT_DIR"), "/console.js")), gzip: None },
    Asset { name: "consumer.css", media_type: STYLE, content: include_bytes!("../../assets/consumer.css"), gzip: None },
    Asset { name: "console.css", media_type: STYLE, content: include_bytes!("../../assets/console.css"), gzip: None },
    Asset { name: "icon.svg", media_type: "image/svg+xml", content: include_bytes!("../../assets/icon.svg"), gzip: None },
];

/// A hash over all files: another build with other files has other addresses, so that they may be kept for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    for asset in &ASSETS {
        hasher.update(asset.content);
    }
    hasher.finalize().to_hex().chars().take(16).collect()
});

/// The folder of this build's files, without a slash at its end.
pub(crate) fn base() -> String {
    format!("/assets/{}", *VERSION)
}

/// Serves the files; for both listeners.
pub(crate) fn row() -> Page {
    Page::get("/assets/{version}/{name}", Need::Open, asset)
}

async fn asset(path: Result<Path<(String, String)>, PathRejection>, headers: HeaderMap) -> Response {
    let Some(asset) = path.ok().and_then(|Path((_, name))| ASSETS.iter().find(|asset| asset.name == name)) else {
        return Problem::not_found().into_response();
    };
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let unpacks = accepted.split(',').any(|coding| coding.trim().split(';').next() == Some("gzip"));
    let packed = asset.gzip.filter(|_| unpacks);
    let mut response = packed.unwrap_or(asset.content).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if packed.is_some() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
