//! Every bound of the network. What they protect stands in `specs/sync.md`, Limits.

use std::time::Duration;

/// Bytes of a request.
pub const REQUEST: usize = 64 * 1024;
/// Bytes of a response: a full batch, whose last record may be the largest that the formats allow, and 1 MiB for what is around it.
pub const RESPONSE: usize =
    suyuan_engine::limits::BATCH_BYTES + suyuan_core::limits::SECTIONS * suyuan_core::limits::CIPHERTEXT as usize + 1024 * 1024;
/// From the first byte of a connection until its multiplexer runs.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// From a request until the last byte of its answer.
pub const ANSWER: Duration = Duration::from_secs(60);
/// A connection without any open stream is closed after this.
pub const IDLE: Duration = Duration::from_secs(60);
/// Between two pings on a connection.
pub const PING_EVERY: Duration = Duration::from_secs(15);
/// How long its answer may take.
pub const PING_ANSWER: Duration = Duration::from_secs(20);
/// A connection on which nothing is heard for this long breaks: a ping has gone out, and its answer has not come.
pub const SILENCE: Duration = Duration::from_secs(PING_EVERY.as_secs() + PING_ANSWER.as_secs());

/// Connections in their handshake.
pub const PENDING_IN: u32 = 128;
/// Of them, from one address.
pub const PENDING_IN_PER_ADDRESS: usize = 16;
/// Members that are dialled at once.
pub const DIALS: usize = 16;
/// Addresses of one member that are tried in one round.
pub const ADDRESSES: usize = 16;
/// Connections with one member: each side may have dialled.
pub const CONNECTIONS_PER_MEMBER: u32 = 2;
/// Streams on one connection.
pub const STREAMS: usize = 32;
/// Requests on one connection that are read, answered or waited for.
pub const REQUESTS: usize = 16;

/// Requests that are answered at once, each on a thread of its own.
pub const ANSWERS: usize = 2;
/// Of them, for one member: whatever it asks, there is a thread for others.
pub const MADE_PER_MEMBER: usize = 1;
/// Answers to one member that are made or on their way.
pub const ANSWERS_PER_MEMBER: usize = 2;
/// Requests of one member that wait for their turn; further ones are dropped.
pub const WAITING_PER_MEMBER: usize = 16;
/// Requests per second that a member may ask for long.
pub const REQUEST_RATE: u64 = 200;
/// Bytes per second that a member may draw for long.
pub const BYTE_RATE: u64 = 256 * 1024 * 1024;
/// Seconds' worth of either that it may draw at once.
pub const BURST: u64 = 2;

/// Shortest time between two messages of a member about its cosignatures that are taken in, milliseconds: each is up to 256 signatures to be checked.
pub const HEAR_EVERY: u64 = 80;

/// Results that wait for the network's task.
pub const RESULTS: usize = 64;
/// Questions to the network's task that wait, such as for its status.
pub const QUESTIONS: usize = 32;
/// Between two looks at what is due.
pub const TICK: Duration = Duration::from_millis(100);
/// Shortest wait before a member is dialled again.
pub const DIAL_FIRST: Duration = Duration::from_secs(1);
/// Longest such wait; up to half of it is added at random.
pub const DIAL_MOST: Duration = Duration::from_secs(60);
/// For a name in an address to be resolved.
pub const RESOLVE: Duration = Duration::from_secs(5);
/// From a panic of the network's task until it runs again.
pub const RESTART: Duration = Duration::from_millis(200);
