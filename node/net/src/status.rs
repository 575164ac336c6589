//! What the network knows of itself, for pages, metrics and tests.

use std::collections::BTreeMap;

use suyuan_core::log::LogId;
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::witnessing::Alarm;

/// The network at one moment.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Addresses that are listened on.
    pub listening: Vec<String>,
    /// Every other member, in the order of their ids.
    pub peers: Vec<PeerStatus>,
    /// Every log that is followed, and who holds it how far.
    pub logs: Vec<LogStatus>,
    /// Statements that are known to exist and to be meant for this member, and have not come.
    pub gaps: Vec<GapStatus>,
    /// What of the witnessing should alarm the operator.
    pub alarms: Vec<Alarm>,
    /// Whether this node holds its own log as far as anybody who answered.
    pub own_head_known: bool,
    /// Connections of peers that proved a key which is no member's.
    pub turned_away: u64,
    /// Connections that did not get through their handshake, those turned away among them.
    pub handshakes_failed: u64,
    /// How often the network's task had to be started again.
    pub restarts: u32,
}

/// Another member's node.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    /// The member.
    pub member: MemberId,
    /// Its name in the charter.
    pub name: String,
    /// Whether it can be asked.
    pub connected: bool,
    /// Since when it is connected, or is not; milliseconds since 1970-01-01 UTC.
    pub since: u64,
    /// Addresses at which it is connected; where it is not, those at which it is dialled.
    pub addresses: Vec<String>,
    /// Why it could not be reached or did not answer, since it was last connected.
    pub last_error: Option<String>,
    /// What it last sent that does not hold, if it ever did.
    pub accused: Option<String>,
    /// For how many milliseconds more it is not asked for entries, because it failed or sent what does not verify.
    pub resting: Option<u64>,
    /// What was exchanged with it.
    pub traffic: Traffic,
}

/// What was exchanged with one member since the start. Bytes are those of requests and responses, without what carries them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
    /// Log entries in the batches received.
    pub entries_received: u64,
    /// Batches and answers of it that were refused.
    pub refused: u64,
    /// Requests of it that could not be decoded.
    pub bad_requests: u64,
    /// Requests of it that were dropped because too many waited.
    pub dropped_requests: u64,
}

/// One log.
#[derive(Clone, Debug)]
pub struct LogStatus {
    /// Which.
    pub log: LogId,
    /// How far each member last said it has it; this node's own size under its own id.
    pub holders: BTreeMap<MemberId, u64>,
}

/// One author's statements to one circle, of which not all are here.
#[derive(Clone, Debug)]
pub struct GapStatus {
    /// The circle.
    pub circle: CircleId,
    /// The author's log.
    pub log: LogId,
    /// How many there are, by what other members say. How many of them are here is in the ledger's counters.
    pub known: u64,
}
