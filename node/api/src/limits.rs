//! Every bound of the HTTP side. Those of the rules are in [`suyuan_engine::limits`], those of the formats in [`suyuan_core::limits`].

use std::time::Duration;

/// Bytes of a submission of records.
pub const BODY: usize = 16 * 1024 * 1024;
/// Bytes of any other JSON body.
pub const SMALL_BODY: usize = 1024 * 1024;
/// Bytes of the body of a login, which anybody may send.
pub const LOGIN_BODY: usize = 8 * 1024;
/// Bytes of a form of the console.
pub const FORM: usize = 256 * 1024;
/// Bodies longer than this share [`BODIES`].
pub const FREE_BODY: u64 = 64 * 1024;
/// MiB of bodies that are read and worked on at a time; further ones wait.
pub const BODIES: usize = 256;
/// Bytes of a request's line and headers.
pub const HEAD: usize = 32 * 1024;
/// Headers of a request.
pub const HEADERS: usize = 64;
/// Connections of one listener. Who comes then waits in the system's queue.
pub const CONNECTIONS: usize = 1024;
/// Connections of one address at a time. Those of this machine have no such bound: a proxy brings everybody's.
pub const CONNECTIONS_OF_ONE: usize = 128;
/// Time for a request's headers to arrive, also between two requests of one connection.
pub const HEAD_TIME: Duration = Duration::from_secs(15);
/// Time for the TLS handshake of a connection, after which its headers have theirs.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Bytes of a file with certificates or a key.
pub const PEM: u64 = 256 * 1024;
/// Time for a request's body to arrive.
pub const BODY_TIME: Duration = Duration::from_secs(60);
/// Life of a connection: after that it is closed behind the answer that is on its way.
pub const CONNECTION_TIME: Duration = Duration::from_secs(600);
/// Time for what is on its way when a connection or the node ends.
pub const GRACE: Duration = Duration::from_secs(10);

/// Requests to the witness that are worked on at a time; further ones are told to come again.
pub const WITNESS_REQUESTS: usize = 64;

/// Free bytes of the disk below which nothing that a client sends is written.
pub const RESERVE: u64 = 64 * 1024 * 1024;

/// Records of a page where the request does not say how many; the most is [`suyuan_engine::limits::PAGE`].
pub const PAGE: usize = 50;
/// Fields of one disclosure: all that a record can have.
pub const DISCLOSED: usize = suyuan_core::limits::SECTIONS * suyuan_core::limits::FIELDS;
/// Bytes of the purpose of a read.
pub const PURPOSE: usize = 1024;

/// Bearer tokens of a node.
pub const TOKENS: usize = 256;
/// Bytes of a token's name.
pub const TOKEN_NAME: usize = 128;
/// Life of a token where the request names no end.
pub const TOKEN_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// Longest life of a token.
pub const TOKEN_LIFE_MAX: Duration = Duration::from_secs(2 * 366 * 24 * 3600);
/// Operator's sessions at a time; one more ends the one that was idle longest.
pub const SESSIONS: usize = 64;
/// A session ends after this long without a request.
pub const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
/// A session ends after this long in any case.
pub const SESSION_LIFE: Duration = Duration::from_secs(12 * 3600);
/// Bytes of the operator's password, at least and at most.
pub const PASSWORD: std::ops::RangeInclusive<usize> = 8..=1024;
/// Failed logins within [`LOGIN_WINDOW`]; after that nobody logs in until the window has passed.
pub const LOGIN_FAILURES: usize = 10;
/// See [`LOGIN_FAILURES`].
pub const LOGIN_WINDOW: Duration = Duration::from_secs(5 * 60);
/// Bytes of the file with tokens and the operator's password hash.
pub const AUTH_FILE: u64 = 1024 * 1024;
