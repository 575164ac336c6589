//! Reading requests: bodies within their bounds and of their media type, and parameters that are refused as problems.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::limits;
use crate::problem::{Kind, Problem};

/// Reads a whole body of at most `limit` bytes.
async fn read(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Kind::TooLarge, format!("at most {limit} bytes; send it in parts"));
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|len| len > limit as u64) {
        return Err(too_large());
    }
    let late = |_| Problem::new(Kind::Timeout, format!("the body took longer than {} seconds", limits::BODY_TIME.as_secs()));
    let body = tokio::time::timeout(limits::BODY_TIME, axum::body::to_bytes(request.into_body(), limit)).await.map_err(late)?;
    body.map_err(|error| {
        let broken = Problem::new(Kind::Malformed, "the body broke off");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        if source.is_some_and(|source| source.contains("length limit")) { too_large() } else { broken }
    })
}

fn check_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let essence =
        given.next().and_then(|value| value.to_str().ok()).and_then(|value| value.split(';').next()).map(|value| value.trim().to_ascii_lowercase());
    let known = essence.is_some_and(|essence| accepted.contains(&essence.as_str()));
    if known && given.next().is_none() {
        return Ok(());
    }
    Err(Problem::new(Kind::MediaType, format!("send it with the header `Content-Type: {}`", accepted.first().unwrap_or(&"application/json"))))
}

/// A submission of records: JSON of at most [`limits::BODY`] bytes, as received.
#[derive(Debug)]
pub struct Submitted(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Submitted {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers(), &["application/json"])?;
        read(request, limits::BODY).await.map(Self)
    }
}

/// A bundle, as received.
#[derive(Debug)]
pub struct BundleBytes(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for BundleBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers(), &["application/cbor", "application/octet-stream"])?;
        read(request, suyuan_core::limits::BUNDLE).await.map(Self)
    }
}

/// Any other JSON body, at most [`limits::SMALL_BODY`] bytes: no member twice, none unknown, not too deep.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers(), &["application/json"])?;
        let body = read(request, limits::SMALL_BODY).await?;
        parse(&body).map(Self)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let malformed = |why: String| Problem::at(Kind::Malformed, "", why);
    let text = std::str::from_utf8(body).map_err(|error| malformed(format!("not UTF-8: {error}")))?;
    suyuan_engine::json::check(text.trim_start_matches([' ', '\t', '\n', '\r'])).map_err(malformed)?;
    serde_json::from_str(text).map_err(|error| malformed(error.to_string()))
}

/// The one parameter of a path. What cannot be one is not found.
#[derive(Debug)]
pub struct Param(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Param {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Path::from_request_parts(parts, state).await.map(|Path(text)| Self(text)).map_err(|_| Problem::not_found())
    }
}

/// Parameters of a query: none twice, none unknown.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let explain = |rejection: QueryRejection| {
            let source = std::error::Error::source(&rejection).map_or_else(|| rejection.body_text(), ToString::to_string);
            Problem::new(Kind::Parameter, source)
        };
        Query::from_request_parts(parts, state).await.map(|Query(query)| Self(query)).map_err(explain)
    }
}
