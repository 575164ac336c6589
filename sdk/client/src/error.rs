//! Why a node did not do what it was asked.

use std::fmt;

use serde::Deserialize;

/// A problem document (RFC 9457) as a node sends it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// The kind of problem in a few words.
    pub title: String,
    /// What happened and what to do.
    #[serde(default)]
    pub detail: String,
    /// Where in the request, as a JSON pointer.
    pub pointer: Option<String>,
    /// The HTTP status.
    pub status: u16,
}

/// A call failed.
#[derive(Debug)]
pub enum ClientError {
    /// The node could not be reached, or the answer broke off.
    Unreachable(String),
    /// The node refused, and says why.
    Refused(Problem),
    /// The answer was not of the form that this client knows.
    Answer(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the node cannot be reached: {why}; is it running, and is this its admin address?"),
            Self::Refused(problem) => {
                write!(f, "the node refused: {}", problem.title)?;
                if let Some(pointer) = problem.pointer.as_ref().filter(|pointer| !pointer.is_empty()) {
                    write!(f, " at {pointer}")?;
                }
                if problem.detail.is_empty() { Ok(()) } else { write!(f, ": {}", problem.detail) }
            }
            Self::Answer(why) => write!(f, "the node's answer cannot be read: {why}; does it run the same version?"),
        }
    }
}

impl std::error::Error for ClientError {}
