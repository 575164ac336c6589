//! Reading requests: bodies within their bounds and of their media type, and parameters that are refused as problems.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limits;
use crate::problem::{Kind, Problem};

/// Room for long bodies, in MiB.
static ROOM: Semaphore = Semaphore::const_new(limits::BODIES);

/// The room that a body takes until it has been worked on.
#[derive(Debug)]
pub struct Room(#[expect(dead_code, reason = "held, not read")] Option<SemaphorePermit<'static>>);

/// Reads a whole body of at most `limit` bytes.
async fn read(request: Request, limit: usize) -> Result<(Bytes, Room), Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    let size = announced.unwrap_or(limit as u64);
    if size > limit as u64 {
        return Err(too_large(limit));
    }
    let late = |_| Problem::new(Kind::Timeout, format!("the body took longer than {} seconds", limits::BODY_TIME.as_secs()));
    let reading = async {
        let room = match u32::try_from(size.div_ceil(1 << 20)) {
            Ok(mib) if size > limits::FREE_BODY => ROOM.acquire_many(mib).await.ok(),
            _ => None,
        };
        (axum::body::to_bytes(request.into_body(), limit).await, Room(room))
    };
    let (body, room) = tokio::time::timeout(limits::BODY_TIME, reading).await.map_err(late)?;
    let body = body.map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let long = source.is_some_and(|source| source.contains("length limit"));
        if long { too_large(limit) } else { Problem::new(Kind::Malformed, "the body broke off") }
    })?;
    Ok((body, room))
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("at most {limit} bytes; send it in parts"))
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
pub struct Submitted(pub Bytes, pub Room);

impl<S: Send + Sync> FromRequest<S> for Submitted {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers(), &["application/json"])?;
        read(request, limits::BODY).await.map(|(body, room)| Self(body, room))
    }
}

/// A bundle, as received.
#[derive(Debug)]
pub struct BundleBytes(pub Bytes, pub Room);

impl<S: Send + Sync> FromRequest<S> for BundleBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers(), &["application/cbor", "application/octet-stream"])?;
        read(request, suyuan_core::limits::BUNDLE).await.map(|(body, room)| Self(body, room))
    }
}

/// Any other JSON body, at most `LIMIT` bytes: no member twice, none unknown, not too deep.
#[derive(Debug)]
pub struct Json<T, const LIMIT: usize = { limits::SMALL_BODY }>(pub T);

impl<S: Send + Sync, T: DeserializeOwned, const LIMIT: usize> FromRequest<S> for Json<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers(), &["application/json"])?;
        let (body, _room) = read(request, LIMIT).await?;
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
