//! Parameters of a page's address. What cannot be read of them is passed over: people scan, copy and mend addresses, and a page says more than a refusal.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// The parameters, or their defaults where they cannot be read.
#[derive(Debug)]
pub(crate) struct Lenient<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequestParts<S> for Lenient<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Query::try_from_uri(&parts.uri).map(|Query(given)| given).unwrap_or_default()))
    }
}
