//! Errors as problem details (RFC 9457): every refusal has a kind, a status, and says what to do. The table of kinds stands in `specs/http-api.md`.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use suyuan_engine::author::AuthorError;
use suyuan_engine::submission::{Refusal, RefusalKind};
use suyuan_engine::view::StoreError;
use suyuan_engine::waiting::Reason;
use suyuan_runtime::SubmitError;
use tracing::error;
use utoipa::ToSchema;

/// Media type of problem documents.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Kinds of problems. Each has its own address and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The body is not JSON, or not of the request's form.
    Malformed,
    /// A parameter or header that cannot be read.
    Parameter,
    /// No or wrong credentials.
    Unauthenticated,
    /// The token or session has ended.
    Expired,
    /// Wrong password.
    Login,
    /// The credentials do not give this right.
    Right,
    /// The request comes from a page of another origin, or does not say from which.
    Origin,
    /// This member may not write there.
    NotAWriter,
    /// Somebody else is the circle's steward.
    NotTheSteward,
    /// There is nothing here for this node, or nothing at all.
    NotFound,
    /// The path has other methods.
    Method,
    /// The body or the header did not arrive in time.
    Timeout,
    /// The idempotency key was used for another request.
    IdempotencyConflict,
    /// No checkpoint covers the record yet.
    NotPublished,
    /// The body is too long.
    TooLarge,
    /// The body is of another media type.
    MediaType,
    /// The listener is not addressed by one of its names.
    Host,
    /// A type that is not one, or that belongs to the protocol.
    Type,
    /// An identifier that does not check.
    Identifier,
    /// A circle that this node does not know.
    UnknownCircle,
    /// Somebody that the charter does not name.
    UnknownMember,
    /// A field that the record does not have, or that this node cannot open.
    UnknownField,
    /// More of something than there may be.
    Limit,
    /// A time that lies ahead of this node's clock.
    Clock,
    /// It cannot be decided as things stand.
    Decision,
    /// Too many failed logins.
    TooManyAttempts,
    /// This node's own fault.
    Internal,
    /// The key of the circle has not arrived yet.
    NoKey,
    /// Too few members have confirmed lately who the members are.
    NotFresh,
    /// A regulator's read could not be logged, so nothing is returned.
    ReadNotLogged,
    /// The node does not write yet, or no more.
    Unavailable,
    /// The disk is nearly full.
    Storage,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 32] = [
        Self::Malformed,
        Self::Parameter,
        Self::Unauthenticated,
        Self::Expired,
        Self::Login,
        Self::Right,
        Self::Origin,
        Self::NotAWriter,
        Self::NotTheSteward,
        Self::NotFound,
        Self::Method,
        Self::Timeout,
        Self::IdempotencyConflict,
        Self::NotPublished,
        Self::TooLarge,
        Self::MediaType,
        Self::Host,
        Self::Type,
        Self::Identifier,
        Self::UnknownCircle,
        Self::UnknownMember,
        Self::UnknownField,
        Self::Limit,
        Self::Clock,
        Self::Decision,
        Self::TooManyAttempts,
        Self::Internal,
        Self::NoKey,
        Self::NotFresh,
        Self::ReadNotLogged,
        Self::Unavailable,
        Self::Storage,
    ];

    /// Code at the end of the type's address, status and title.
    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Malformed => ("malformed", 400, "The body cannot be read"),
            Self::Parameter => ("parameter", 400, "A parameter or header cannot be read"),
            Self::Unauthenticated => ("unauthenticated", 401, "Credentials are missing or wrong"),
            Self::Expired => ("expired", 401, "The token or session has ended"),
            Self::Login => ("login", 401, "The password is wrong"),
            Self::Right => ("right", 403, "The credentials do not allow this"),
            Self::Origin => ("origin", 403, "The request comes from elsewhere"),
            Self::NotAWriter => ("not-a-writer", 403, "This member may not write there"),
            Self::NotTheSteward => ("not-the-steward", 403, "Another member is the circle's steward"),
            Self::NotFound => ("not-found", 404, "Not found"),
            Self::Method => ("method", 405, "The path has other methods"),
            Self::Timeout => ("timeout", 408, "The request did not arrive in time"),
            Self::IdempotencyConflict => ("idempotency-conflict", 409, "The idempotency key was used for another request"),
            Self::NotPublished => ("not-published", 409, "No checkpoint covers the record yet"),
            Self::TooLarge => ("too-large", 413, "The body is too long"),
            Self::MediaType => ("media-type", 415, "The body is of another media type"),
            Self::Host => ("host", 421, "The listener has another name"),
            Self::Type => ("type", 422, "The type cannot be used"),
            Self::Identifier => ("identifier", 422, "An identifier does not check"),
            Self::UnknownCircle => ("unknown-circle", 422, "The circle is not known here"),
            Self::UnknownMember => ("unknown-member", 422, "The charter names no such member"),
            Self::UnknownField => ("unknown-field", 422, "The field cannot be disclosed"),
            Self::Limit => ("limit", 422, "More than there may be"),
            Self::Clock => ("clock", 422, "The time lies ahead of the node's clock"),
            Self::Decision => ("decision", 422, "It cannot be decided as things stand"),
            Self::TooManyAttempts => ("too-many-attempts", 429, "Too many failed logins"),
            Self::Internal => ("internal", 500, "The node failed"),
            Self::NoKey => ("no-key", 503, "The circle's key has not arrived yet"),
            Self::NotFresh => ("not-fresh", 503, "Too few members have confirmed who the members are"),
            Self::ReadNotLogged => ("read-not-logged", 503, "The read could not be logged"),
            Self::Unavailable => ("unavailable", 503, "The node does not write yet, or no more"),
            Self::Storage => ("storage", 507, "The disk is full"),
        }
    }

    /// Code at the end of the type's address.
    pub const fn code(self) -> &'static str {
        self.row().0
    }

    /// HTTP status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Title, the same for every problem of the kind.
    pub const fn title(self) -> &'static str {
        self.row().2
    }
}

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub kind: Kind,
    /// What was found, and what to do.
    pub detail: String,
    /// Where in the body, as a JSON pointer (RFC 6901).
    pub pointer: Option<String>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u64>,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document {
    /// Address of the kind: `/problems/` and its code.
    r#type: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was found, and what to do.
    detail: String,
    /// Where in the body, as a JSON pointer (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
}

impl Problem {
    /// A problem with what was found and what to do.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), pointer: None, retry_after: None }
    }

    /// A problem at a place of the body.
    pub fn at(kind: Kind, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..Self::new(kind, detail) }
    }

    /// The one answer for what does not exist and for what is not for the asker.
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "there is nothing here that this node may show; check the address and the id")
    }

    /// This node's own fault: the reason goes to its journal, not to the client.
    pub fn internal(why: &dyn fmt::Display) -> Self {
        error!(%why, "a request failed");
        Self::new(Kind::Internal, "the node could not answer; its journal says why, and `suyuan fsck` checks the store")
    }

    fn retry(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// A problem that passes: whoever sees it tries again after this many seconds.
    pub fn passing(kind: Kind, seconds: u64, detail: impl Into<String>) -> Self {
        Self::new(kind, detail).retry(seconds)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.title(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, detail, pointer, retry_after } = self;
        let status = kind.status();
        let document = Document { r#type: format!("/problems/{}", kind.code()), title: kind.title(), status: status.as_u16(), detail, pointer };
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let headers = response.headers_mut();
        if matches!(kind, Kind::Unauthenticated | Kind::Expired) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.fault {
            RefusalKind::Malformed => Kind::Malformed,
            RefusalKind::Type => Kind::Type,
            RefusalKind::Identifier => Kind::Identifier,
            RefusalKind::UnknownCircle => Kind::UnknownCircle,
            RefusalKind::NotAWriter => Kind::NotAWriter,
            RefusalKind::Limit => Kind::Limit,
            RefusalKind::Clock => Kind::Clock,
            RefusalKind::Decision => Kind::Decision,
        };
        Self::at(kind, refusal.pointer, refusal.detail)
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Refused(refusal) => refusal.into(),
            SubmitError::Conflict => Self::new(Kind::IdempotencyConflict, error.to_string()),
            SubmitError::Author(AuthorError::NotFresh) | SubmitError::Full(Reason::Unconfirmed) => {
                Self::passing(Kind::NotFresh, 5, error.to_string())
            }
            SubmitError::Author(AuthorError::NoKey(_) | AuthorError::Left(_)) | SubmitError::Full(Reason::Epoch) => {
                Self::passing(Kind::NoKey, 5, error.to_string())
            }
            SubmitError::Author(AuthorError::KeyChange(_)) | SubmitError::Full(Reason::KeyChange) => {
                Self::passing(Kind::Unavailable, 5, error.to_string())
            }
            SubmitError::NotWaiting => Self::new(Kind::NotFound, error.to_string()),
            SubmitError::Author(AuthorError::Form(_)) => Self::new(Kind::Limit, error.to_string()),
            SubmitError::Held | SubmitError::Stopped => Self::passing(Kind::Unavailable, 5, error.to_string()),
            SubmitError::Convicted => Self::passing(Kind::Unavailable, 3600, error.to_string()),
            SubmitError::Evidence(_)
            | SubmitError::Author(AuthorError::Store(_) | AuthorError::KeyMissing(_))
            | SubmitError::Batch(_)
            | SubmitError::Keyring(_) => Self::internal(&error),
        }
    }
}
