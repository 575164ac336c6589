//! A client of a node's HTTP API (`specs/http-api.md`): blocking, typed, and with the node's own words where it refuses.

mod error;
mod model;
mod witness;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use suyuan_core::StatementId;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

pub use error::{ClientError, Problem};
use model::Accepted;
pub use model::{CircleMember, Filter, Named, NewCircle, NewEpoch, NodeStatus, Page, Published, Submitted, Waiting, Written, WrittenRecord};
pub use witness::{Answer as WitnessAnswer, WitnessClient};

/// Longest answer that is read, bytes.
const ANSWER: u64 = 64 * 1024 * 1024;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client of one node.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    token: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.base)
    }
}

impl Client {
    /// A client of the node whose admin listener is at `base`, e.g. `http://127.0.0.1:7400`, with a bearer token, which no proxy is to see.
    pub fn new(base: &str, token: &str) -> Self {
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).proxy(None).build();
        Self { agent: config.into(), base: base.trim_end_matches('/').to_owned(), token: token.trim().to_owned() }
    }

    /// What the node says of itself.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn node(&self) -> Result<NodeStatus, ClientError> {
        self.read(&[], "/api/v1/node")
    }

    /// Writes records, or lets them wait at the node until they can be sealed: `body` is the JSON of a submission, whose values arrive byte for byte. A key makes
    /// it safe to send it again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn submit(&self, body: &str, idempotency_key: Option<&str>) -> Result<Submitted, ClientError> {
        let mut request = self.agent.post(self.url("/api/v1/records")).header("authorization", self.bearer()).content_type("application/json");
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let (status, answer) = answered(request.send(body))?;
        if status == StatusCode::ACCEPTED {
            return decoded::<Accepted>(&answer).map(|accepted| Submitted::Waiting(accepted.waiting));
        }
        decoded(&answer).map(Submitted::Written)
    }

    /// Takes out a submission that waits or has failed; returns it as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn take_out(&self, waiting: &str) -> Result<String, ClientError> {
        text(self.agent.delete(self.url(&format!("/api/v1/waiting/{waiting}"))).header("authorization", self.bearer()).call())
    }

    /// One record as the node shows it: the JSON text of `specs/http-api.md`, so that numbers keep their spelling.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn record(&self, id: &StatementId) -> Result<String, ClientError> {
        text(self.get(&[], &format!("/api/v1/records/{id}")))
    }

    /// A page of records.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn records(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, ClientError> {
        let limit = limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(filter.query());
        query.extend(after.map(|after| ("after", after)));
        self.read(&query, "/api/v1/records")
    }

    /// A bundle that discloses single fields, named by section and name.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn disclose(&self, id: &StatementId, fields: &[(u8, String)]) -> Result<Vec<u8>, ClientError> {
        #[derive(Serialize)]
        struct Field<'a> {
            section: u8,
            name: &'a str,
        }
        #[derive(Serialize)]
        struct Disclose<'a> {
            fields: Vec<Field<'a>>,
        }
        let fields = fields.iter().map(|(section, name)| Field { section: *section, name }).collect();
        bytes(self.post(&format!("/api/v1/records/{id}/disclose"), &Disclose { fields }))
    }

    /// A bundle of the record's public sections.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn bundle(&self, id: &StatementId) -> Result<Vec<u8>, ClientError> {
        bytes(self.get(&[], &format!("/api/v1/records/{id}/bundle")))
    }

    /// Any other resource of the API as JSON text, e.g. `/api/v1/circles`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn json(&self, path: &str) -> Result<String, ClientError> {
        text(self.get(&[], path))
    }

    /// A file of the API, e.g. what convicts a member.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn file(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        bytes(self.get(&[], path))
    }

    /// Opens a circle; returns the node's view of it as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn open_circle(&self, circle: &NewCircle) -> Result<String, ClientError> {
        text(self.post("/api/v1/circles", circle))
    }

    /// Opens the next epoch of a circle: its id, or `alliance`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn open_epoch(&self, id: &str, epoch: &NewEpoch) -> Result<String, ClientError> {
        text(self.post(&format!("/api/v1/circles/{id}/epochs"), epoch))
    }

    /// Proposes something to the alliance: `{"change":{…},"expires":…,"reason":…}`; returns the proposal as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn propose(&self, proposal: &impl Serialize) -> Result<String, ClientError> {
        text(self.post("/api/v1/resolutions", proposal))
    }

    /// Says something to a proposal: `{"choice":"approve","comment":…}`; returns the proposal as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn vote(&self, proposal: &StatementId, vote: &impl Serialize) -> Result<String, ClientError> {
        text(self.post(&format!("/api/v1/resolutions/{proposal}/votes"), vote))
    }

    /// Votes for the next term of the order log; returns how it stands as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn freeze(&self, term: u64) -> Result<String, ClientError> {
        #[derive(Serialize)]
        struct Freeze {
            term: u64,
        }
        text(self.post("/api/v1/order/freeze", &Freeze { term }))
    }

    /// Invites somebody: `{"name":…,"role":…,"expires":…}`; returns the invitation as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn invite(&self, invitation: &impl Serialize) -> Result<String, ClientError> {
        text(self.post("/api/v1/invitations", invitation))
    }

    /// Makes new keys for this member, `{"keys":["log",…]}`; returns the change that asks for them as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn draw_keys(&self, wanted: &impl Serialize) -> Result<String, ClientError> {
        text(self.post("/api/v1/keys", wanted))
    }

    /// Takes an invitation back; returns it as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn withdraw_invitation(&self, id: &StatementId) -> Result<String, ClientError> {
        text(self.agent.delete(self.url(&format!("/api/v1/invitations/{id}"))).header("authorization", self.bearer()).call())
    }

    /// States where this member's node is reached; returns the addresses of all members as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn set_addresses(&self, addresses: &[String]) -> Result<String, ClientError> {
        #[derive(Serialize)]
        struct NewAddresses<'a> {
            addresses: &'a [String],
        }
        let request = self.agent.put(self.url("/api/v1/addresses")).header("authorization", self.bearer());
        text(request.send_json(&NewAddresses { addresses }))
    }

    /// Starts an audit of the node's logs, unless one runs; returns how the newest stands as JSON text, as `/api/v1/audit` does later.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn audit(&self) -> Result<String, ClientError> {
        text(self.agent.put(self.url("/api/v1/audit")).header("authorization", self.bearer()).send_empty())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn get(&self, query: &[(&str, &str)], path: &str) -> Sent {
        self.agent.get(self.url(path)).header("authorization", self.bearer()).query_pairs(query.iter().copied()).call()
    }

    fn post(&self, path: &str, body: &impl Serialize) -> Sent {
        self.agent.post(self.url(path)).header("authorization", self.bearer()).send_json(body)
    }

    fn read<T: DeserializeOwned>(&self, query: &[(&str, &str)], path: &str) -> Result<T, ClientError> {
        parse(self.get(query, path))
    }
}

/// A client of a node's public side, which asks for no credentials.
#[derive(Debug)]
pub struct Public(Client);

impl Public {
    /// Of the node whose public listener is at `base`, e.g. `https://trace.example.cn`.
    pub fn new(base: &str) -> Self {
        Self(Client::new(base, ""))
    }

    /// What is served at a path, e.g. `/charter`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn get(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        bytes(self.0.agent.get(self.0.url(path)).call())
    }

    /// Asks the node to cosign a checkpoint (C2SP `tlog-witness`); returns the line of the cosignature.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn add_checkpoint(&self, request: &str) -> Result<String, ClientError> {
        text(self.0.agent.post(self.0.url("/witness/add-checkpoint")).content_type("text/plain").send(request))
    }

    /// Asks to be admitted on an invitation; returns what was proposed as JSON text.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn join(&self, request: &impl Serialize) -> Result<String, ClientError> {
        text(self.0.agent.post(self.0.url("/join")).send_json(request))
    }
}

type Sent = Result<Response<Body>, ureq::Error>;

fn bytes(sent: Sent) -> Result<Vec<u8>, ClientError> {
    answered(sent).map(|(_, body)| body)
}

/// Status and body of an answer that is no refusal.
fn answered(sent: Sent) -> Result<(StatusCode, Vec<u8>), ClientError> {
    let mut response = sent.map_err(|error| ClientError::Unreachable(error.to_string()))?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(ANSWER).read_to_vec().map_err(|error| ClientError::Unreachable(error.to_string()))?;
    if status.is_success() {
        return Ok((status, body));
    }
    match serde_json::from_slice(&body) {
        Ok(problem) => Err(ClientError::Refused(problem)),
        Err(_) => Err(ClientError::Refused(Problem::bare(status))),
    }
}

fn text(sent: Sent) -> Result<String, ClientError> {
    String::from_utf8(bytes(sent)?).map_err(|error| ClientError::Answer(error.to_string()))
}

fn parse<T: DeserializeOwned>(sent: Sent) -> Result<T, ClientError> {
    decoded(&bytes(sent)?)
}

fn decoded<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Answer(error.to_string()))
}

impl Problem {
    fn bare(status: StatusCode) -> Self {
        Self { title: status.to_string(), detail: String::new(), pointer: None, status: status.as_u16() }
    }
}
