//! What a node's API takes and gives, as far as programs need it typed; what people look at stays JSON text.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use suyuan_core::circle::{Rights, Terms, Tier};
use suyuan_core::{AllianceId, MemberId, StatementId};

/// Records that became durable.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Written {
    /// Sequence of the first one.
    pub first: u64,
    /// The records, in order.
    pub records: Vec<WrittenRecord>,
    /// Whether they had been written before, under the same idempotency key.
    pub replayed: bool,
}

/// What became of records that were submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// They are written.
    Written(Written),
    /// They wait on the node's disk, unsealed, and are written as soon as they can be.
    Waiting(Waiting),
}

impl Submitted {
    /// What is written.
    pub fn written(self) -> Option<Written> {
        match self {
            Self::Written(written) => Some(written),
            Self::Waiting(_) => None,
        }
    }
}

/// A submission that waits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Waiting {
    /// Its name, for taking it out.
    pub id: String,
    /// When it came, milliseconds since 1970-01-01 UTC.
    pub since: u64,
    /// `unconfirmed`, `key-change` or `epoch`.
    pub reason: String,
    /// What is waited for and what to do.
    pub detail: String,
    /// Records in it.
    pub records: u64,
}

/// The answer 202.
#[derive(Debug, Deserialize)]
pub(crate) struct Accepted {
    pub waiting: Waiting,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct WrittenRecord {
    /// Its id.
    pub id: StatementId,
    /// Its sequence.
    pub sequence: u64,
}

/// Which records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All that the node holds.
    All,
    /// About a subject: a GS1 Digital Link or an EPC URN.
    Subject(String),
    /// Addressed to a circle: `public`, `alliance`, `self` or an id.
    Circle(String),
    /// Of a member's log: id or name.
    Log(String),
}

impl Filter {
    pub(crate) fn query(&self) -> Option<(&str, &str)> {
        match self {
            Self::All => None,
            Self::Subject(subject) => Some(("subject", subject)),
            Self::Circle(circle) => Some(("circle", circle)),
            Self::Log(member) => Some(("log", member)),
        }
    }
}

/// A page of records.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The records as JSON text.
    pub records: Vec<Box<RawValue>>,
    /// What to ask for next.
    pub next: Option<String>,
}

/// What a node says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct NodeStatus {
    /// The alliance.
    pub alliance: Named<AllianceId>,
    /// The member.
    pub member: Named<MemberId>,
    /// Entries of its own log on the disk.
    pub size: u64,
    /// What it published last.
    pub published: Option<Published>,
}

/// Something with an id and a name.
#[derive(Clone, Debug, Deserialize)]
pub struct Named<I> {
    /// Its id.
    pub id: I,
    /// Its name.
    pub name: String,
}

/// A published checkpoint.
#[derive(Clone, Debug, Deserialize)]
pub struct Published {
    /// Entries under it.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

/// A circle to be opened.
#[derive(Clone, Debug, Serialize)]
pub struct NewCircle {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Kind of sharing.
    pub tier: Tier,
    /// Members other than the steward.
    pub members: Vec<CircleMember>,
    /// Terms.
    pub terms: Terms,
    /// End of a grant, milliseconds since 1970-01-01 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// The next epoch of a circle. What is not given stays.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewEpoch {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Members other than the steward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<CircleMember>>,
    /// End of a grant, milliseconds since 1970-01-01 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// A member of a circle to be opened.
#[derive(Clone, Debug, Serialize)]
pub struct CircleMember {
    /// Name or id.
    pub member: String,
    /// What it may do.
    pub rights: Rights,
}
