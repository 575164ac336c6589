//! Reading requests: bodies within their bounds and of their media type, and parameters that are refused as problems.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use suyuan_engine::json::Object;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limits;
use crate::problem::{Kind, Problem};
use crate::urlencoded;

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

/// That a body is of one of these media types, in UTF-8 where it says in which charset, and not compressed.
fn check_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let first = given.next().and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let mut parts = first.split(';').map(str::trim);
    let known = parts.next().is_some_and(|essence| accepted.contains(&essence));
    let utf8 = parts.filter_map(|part| part.strip_prefix("charset=")).all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"));
    if !known || !utf8 || given.next().is_some() {
        let detail = format!("send it in UTF-8, with the header `Content-Type: {}`", accepted.first().unwrap_or(&"application/json"));
        return Err(Problem::new(Kind::MediaType, detail));
    }
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::new(Kind::MediaType, "send it as it is, without `Content-Encoding`"));
    }
    Ok(())
}

/// A submission of records: JSON of at most [`limits::BODY`] bytes, as received.
#[derive(Debug)]
pub struct Submitted(pub Bytes, pub Room);

impl<S: Send + Sync> FromRequest<S> for Submitted {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers(), &["application/json"])?;
        let (body, room) = read(request, limits::BODY).await?;
        check_object(&body)?;
        Ok(Self(body, room))
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

/// The body of an add-checkpoint request, of whatever media type: the specification names none.
#[derive(Debug)]
pub struct AddCheckpointBytes(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for AddCheckpointBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, suyuan_core::limits::ADD_CHECKPOINT).await.map(|(body, _room)| Self(body))
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
    check_object(body)?;
    suyuan_engine::json::check(text.trim_start_matches(BLANK)).map_err(malformed)?;
    serde_json::from_str::<Object<T>>(text).map(|Object(parsed)| parsed).map_err(|error| malformed(error.to_string()))
}

const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

fn check_object(body: &[u8]) -> Result<(), Problem> {
    let first = body.iter().find(|byte| !BLANK.contains(&char::from(**byte)));
    if first == Some(&b'{') { Ok(()) } else { Err(Problem::at(Kind::Malformed, "", "the body is a JSON object")) }
}

/// The fields of a form of the console, in their order.
#[derive(Debug)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first field of this name; empty where there is none.
    pub fn text(&self, wanted: &str) -> &str {
        self.0.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers(), &["application/x-www-form-urlencoded"])?;
        let (body, _room) = read(request, limits::FORM).await?;
        let malformed = || Problem::new(Kind::Malformed, "a form is UTF-8, each byte of it as it is or as %XX");
        urlencoded::pairs(&body).map(Self).ok_or_else(malformed)
    }
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
