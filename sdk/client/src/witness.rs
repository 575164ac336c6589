//! A client of witnesses that speak C2SP `tlog-witness` (`specs/witness.md`).

use std::time::Duration;

use suyuan_core::note::{NamedKey, UnverifiedCheckpoint};
use suyuan_core::witness::AddCheckpoint;
use ureq::Agent;
use ureq::http::header::CONTENT_TYPE;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read, bytes.
const ANSWER: u64 = 64 * 1024;

/// What a witness answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its signature line over the checkpoint, verified.
    Cosigned(String),
    /// What it cosigned last has this size.
    Conflict(u64),
}

/// A witness by its key and submission prefix.
#[derive(Clone, Debug)]
pub struct WitnessClient {
    agent: Agent,
    url: String,
    /// Its key.
    pub key: NamedKey,
}

impl WitnessClient {
    /// The witness with this key at a submission prefix, e.g. `http://witness.example/prefix`.
    pub fn new(key: NamedKey, prefix: &str) -> Self {
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).proxy(None).build();
        Self { agent: config.into(), url: format!("{}/add-checkpoint", prefix.trim_end_matches('/')), key }
    }

    /// Asks for a cosignature of a checkpoint of `log`.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn add_checkpoint(&self, request: &AddCheckpoint, log: &NamedKey) -> Result<Answer, String> {
        let sent = self.agent.post(&self.url).content_type("text/plain; charset=utf-8").send(request.to_string());
        let mut response = sent.map_err(|error| format!("{}: {error}", self.url))?;
        let status = response.status().as_u16();
        let size = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/x.tlog.size"));
        let body = response.body_mut().with_config().limit(ANSWER).read_to_string().map_err(|error| format!("{}: {error}", self.url))?;
        match status {
            200 => self.line(request, &body, log).map(Answer::Cosigned),
            409 if size => {
                body.strip_suffix('\n').and_then(|size| size.parse().ok()).map(Answer::Conflict).ok_or_else(|| format!("{}: no size", self.url))
            }
            _ => Err(format!("{} answered {status}", self.url)),
        }
    }

    /// The first line of this witness, once every one of them was verified.
    fn line(&self, request: &AddCheckpoint, lines: &str, log: &NamedKey) -> Result<String, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", self.url);
        // The lines alone, under the body: what else stands on the checkpoint says nothing about the answer.
        let note = format!("{}{lines}", request.checkpoint);
        let parsed = UnverifiedCheckpoint::parse(&note).map_err(|fault| wrong(&fault))?;
        let known = parsed.verify(log, std::slice::from_ref(&self.key)).map_err(|fault| wrong(&fault))?;
        if known.cosignatures.is_empty() {
            return Err(wrong(&"no cosignature of the key that was configured"));
        }
        let (seconds, signature) = parsed.claimed_cosignature(&self.key).ok_or_else(|| wrong(&"no cosignature"))?;
        Ok(suyuan_core::note::cosignature_line(&self.key, seconds, &signature))
    }
}
