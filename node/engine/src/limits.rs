//! Every bound of a node's rules. Those of the formats are in [`suyuan_core::limits`].

/// Records of one submission.
pub const SUBMISSION_RECORDS: usize = 1000;
/// Subjects that one section is about.
pub const ABOUT: usize = 32;
/// Bytes of a subject as it was submitted.
pub const SUBJECT: usize = 2048;
/// How far the time of a submission may lie ahead of this node's clock, milliseconds.
pub const CLOCK_AHEAD: u64 = 5 * 60 * 1000;
/// Nesting of JSON that is taken in.
pub const JSON_DEPTH: usize = 32;
/// Bytes of an idempotency key.
pub const IDEMPOTENCY_KEY: usize = 255;
/// Submissions that wait, failed ones included.
pub const WAITING: usize = 1000;
/// Bytes of all their rows.
pub const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Records of those that have waited that are written with one sync, unless a single submission has more.
pub const WAITING_GROUP: usize = 1000;
/// Members of a circle.
pub const CIRCLE_MEMBERS: usize = 512;
/// Bytes of each text of a circle.
pub const CIRCLE_TEXT: usize = 4096;
/// Circles of a node.
pub const CIRCLES: usize = 65_536;
/// Unused one-time prekeys that a member keeps published for each steward.
pub const PREKEYS: usize = 8;
/// Addresses that a member may state for its node.
pub const ADDRESSES: usize = 16;
/// Bytes of one of them.
pub const ADDRESS: usize = 256;
/// Entries of one sync batch.
pub const BATCH_ENTRIES: usize = 1024;
/// Bytes of one sync batch's items.
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Logs of which a node tells its size.
pub const HEADS: usize = 4096;
/// Rows of an answer about counters.
pub const COUNTS: usize = 4096;
/// Sequences of one listing: so many rows of an index are looked at for it.
pub const LISTING: usize = 1024;
/// Statements that are asked for by their sequences at once.
pub const ITEMS: usize = 256;
/// Gaps in circles that a node keeps in mind. Further ones are found again later.
pub const GAPS: usize = 1024;
/// Of them, those that one member speaks of.
pub const GAPS_OF_MEMBER: usize = 128;
/// Logs of which much is lacking that are pulled at once. Each may have three batches in memory.
pub const SYNC_PULLS: usize = 4;
/// Logs of which little is lacking that are pulled at once beside these: as many as may vote at the same time. Each may have one batch in memory.
pub const SYNC_SMALL_PULLS: usize = 32;
/// So many entries of a log are little, by the word of others.
pub const LITTLE: u64 = 64;
/// Packages for relays in one message.
pub const PACKAGES: usize = 1024;
/// Tags that a relay is asked for at once.
pub const TAGS: usize = 1024;
/// Bytes of where collecting goes on.
pub const CURSOR: usize = 128;
/// Own entries that are looked at for one answer to a relay.
pub const COLLECTED: u64 = 1024;
/// How many counters ahead of what is held of an author in a circle are asked of a relay.
pub const AHEAD: u64 = 64;
/// How many epoch statements of one steward, before and after as many as are known, are asked of a relay.
pub const EPOCHS_AROUND: u64 = 8;
/// An author's statements to a circle among which those that are lacking are looked for.
pub const HOLES: usize = 4096;
/// Tags that are not asked for again for a while.
pub const RESTING: usize = 16_384;
/// Bytes of packages that a relay keeps of one member. The oldest go first.
pub const RELAYED_BYTES: u64 = 256 * 1024 * 1024;
/// Packages that a relay keeps of one member. The oldest go first.
pub const RELAYED_PACKAGES: u64 = 100_000;
/// Bytes of packages that a relay keeps of all members; each has the same share of it, where that is less.
pub const RELAYED_TOTAL: u64 = 16 * 1024 * 1024 * 1024;
/// How long a relay keeps a package, milliseconds.
pub const RELAYED_FOR: u64 = 90 * 86_400_000;
/// Rows of packages that are dropped at once.
pub const DROPPED: usize = 4096;
/// Cosignatures in one message.
pub const COSIGNATURES: usize = 128;
/// Checkpoints of a log for which cosignatures are gathered at once, beside the newest witnessed one.
pub const GATHERED: usize = 4;
/// Time between two rounds of witnessing, milliseconds; after two without an outcome there is an alarm.
pub const ROUND: u64 = 1_000;
/// How much newer than the newest witnessed checkpoint, by its author's times, another may be before that is published instead, seconds.
pub const WITNESSED_LAG: u64 = 10;
/// Rows of a page of results.
pub const PAGE: usize = 200;
/// Records about one subject that a product's page counts.
pub const PRODUCT_ROWS: usize = 10_000;

/// The longest that an invitation is open, milliseconds.
pub const INVITATION: u64 = 90 * 86_400_000;
/// Proposals of one member that are kept.
pub const PROPOSALS: usize = 1024;
/// Votes of one member on one proposal that are kept; older ones give way.
pub const VOTES: usize = 16;
/// Entries of order logs that claim one index.
pub const RIVALS: usize = 8;
/// How many entries the old log key still signs after its successor was drawn up: room for proposal, approval and effect.
pub const KEY_CHANGE_ROOM: u64 = 24;
/// Of them, those that are left to the protocol's own statements.
pub const KEY_CHANGE_RESERVE: u64 = 16;
/// Of these, those that are left to what the alliance cannot come unstuck without: votes to freeze a term, and entries of the order log without an effect.
pub const KEY_CHANGE_LAST: u64 = 12;
/// Entries that are tried when a head is not on the way that this node followed.
pub const SEARCH: usize = 65_536;
/// How far ahead of the newest term a head may be.
pub const TERMS_AHEAD: u64 = 1 << 20;
/// The longest patience with a keeper, milliseconds.
pub const PATIENCE: u64 = 3_600_000;
/// How often patience doubles.
pub const BACKOFF: u32 = 4;
/// Acts for the alliance's decisions that are done in one go.
pub const ACTS: usize = 32;
/// Members tell each other at least this often which heads of the order log they know, milliseconds.
pub const HEADS_EVERY: u64 = 5_000;
/// Bytes of a history that one node gives another; longer ones are fetched from a public listener.
pub const HISTORY: usize = 16 * 1024 * 1024;
/// Heads of the order log in one message.
pub const ORDER_HEADS: usize = 3;
/// Findings that an audit lists; further ones are counted.
pub const AUDIT_FINDINGS: usize = 1000;
