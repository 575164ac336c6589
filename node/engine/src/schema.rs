//! Keys and tables of the store, as drawn in `specs/store.md`: the one place that knows how rows are named.

use suyuan_core::id::{Hash, MemberId, StatementId};

/// Version of the store's layout. A store of a later one is refused with a message.
pub const VERSION: u32 = 1;

/// Row of [`Table::Meta`] that says whose store it is: alliance id, member id.
pub const IDENTITY_ROW: &[u8] = b"identity";
/// Row of [`Table::Meta`] with the newest own checkpoint that came back from a peer.
pub const RETURNED_ROW: &[u8] = b"returned";
/// Row of [`Table::Meta`] with the circles whose records are not yet indexed under a secret that came after them, sealed.
pub const UNINDEXED_ROW: &[u8] = b"unindexed";
/// Row of [`Table::Meta`] with what this member has bound itself to as a voter.
pub const PROMISE_ROW: &[u8] = b"promise";
/// Row of the alliance's history that another member gave, as a file (`specs/history.md`).
pub const HISTORY_ROW: &[u8] = b"history";

/// A table: the first byte of its rows' keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Facts about the store itself.
    Meta = b'm',
    /// Log number to its head.
    Log = b'l',
    /// Log number to its newest checkpoint.
    Checkpoint = b'q',
    /// Place to statement id.
    Entry = b'e',
    /// Place to signature and statement.
    Statement = b's',
    /// Place to the chain value before it, signature and bytes of a void entry.
    Void = b'v',
    /// Statement id to place.
    ById = b'i',
    /// Section to its headers, sealed under the node's own key.
    Header = b'h',
    /// Section to its public body or its ciphertext.
    Content = b'c',
    /// Audience to its wrap, sealed under a page key.
    Wrap = b'w',
    /// Tile to its hashes.
    Tile = b't',
    /// Keyed subject and place.
    BySubject = b'x',
    /// Keyed subject, and recall, time and place inverted, of records whose public sections are about it.
    Public = b'y',
    /// Keyed circle and place.
    ByCircle = b'o',
    /// Keyed circle and log to the author's count there.
    Counter = b'n',
    /// Places of statements of the protocol's own types.
    System = b'k',
    /// Recipient and statement to slip.
    Slip = b'p',
    /// Keyed idempotency key to what was answered.
    Idempotency = b'd',
    /// Term of the alliance's order log, and whether certified, to the newest head that is known.
    OrderHead = b'r',
    /// Hash of a log's origin to the checkpoint of it that this node cosigned last.
    Cosigned = b'z',
    /// Log number to its newest checkpoints with the cosignatures that came.
    Gathered = b'g',
    /// Log of a convicted member to what convicts it.
    Evidence = b'f',
    /// Name of a submission that waits to the submission, sealed.
    Waiting = b'u',
    /// Member to what is kept for it as a relay: how much, and where collecting goes on.
    Relay = b'a',
    /// Member and number to the name of a package.
    Shelf = b'j',
    /// Tag and member to the package.
    Package = b'b',
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 26] = [
        Self::Meta,
        Self::Log,
        Self::Checkpoint,
        Self::Entry,
        Self::Statement,
        Self::Void,
        Self::ById,
        Self::Header,
        Self::Content,
        Self::Wrap,
        Self::Tile,
        Self::BySubject,
        Self::Public,
        Self::ByCircle,
        Self::Counter,
        Self::System,
        Self::Slip,
        Self::Idempotency,
        Self::OrderHead,
        Self::Cosigned,
        Self::Gathered,
        Self::Evidence,
        Self::Waiting,
        Self::Relay,
        Self::Shelf,
        Self::Package,
    ];
}

/// A place as the store knows it: number of the log, and sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// Number that this store gave the log.
    pub log: u32,
    /// Sequence in it.
    pub sequence: u64,
}

impl Row {
    /// `log u32 || sequence u64`, big-endian: rows of a log lie in order.
    pub fn key(self) -> [u8; 12] {
        let mut key = [0; 12];
        let bytes = self.log.to_be_bytes().into_iter().chain(self.sequence.to_be_bytes());
        for (to, from) in key.iter_mut().zip(bytes) {
            *to = from;
        }
        key
    }

    /// The row that a key of [`Row::key`]'s form names.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let (log, sequence) = key.split_at_checked(4)?;
        Some(Self { log: u32::from_be_bytes(log.try_into().ok()?), sequence: u64::from_be_bytes(sequence.try_into().ok()?) })
    }

    /// Key of one of its sections.
    pub fn section(self, section: u8) -> Vec<u8> {
        [&self.key()[..], &[section]].concat()
    }

    /// Key of one audience of one of its sections.
    pub fn audience(self, section: u8, audience: u8) -> Vec<u8> {
        [&self.key()[..], &[section, audience]].concat()
    }
}

/// Key of a log's own rows.
pub fn log_key(log: u32) -> [u8; 4] {
    log.to_be_bytes()
}

/// Key of a tile.
pub fn tile_key(log: u32, level: u8, index: u64) -> Vec<u8> {
    [&log.to_be_bytes()[..], &[level], &index.to_be_bytes()].concat()
}

/// Key of an index row: keyed name, then place.
pub fn index_key(name: &[u8; 16], row: Row) -> Vec<u8> {
    [&name[..], &row.key()].concat()
}

/// Key of a record that the public may read under a subject's keyed name: recalls come before all others, then the newest by the author's time, milliseconds.
pub fn public_key(name: &[u8; 16], recall: bool, time: u64, row: Row) -> Vec<u8> {
    let rank = [&[u8::from(recall)], &time.to_be_bytes()[..], &row.key()].concat();
    name.iter().copied().chain(rank.into_iter().map(|byte| !byte)).collect()
}

/// The row that a key of [`public_key`]'s form names.
pub fn public_row(key: &[u8]) -> Option<Row> {
    let place: Vec<u8> = key.get(16 + 1 + 8..)?.iter().map(|byte| !byte).collect();
    Row::from_key(&place)
}

/// Key of an author's count in a circle.
pub fn counter_key(name: &[u8; 16], log: u32) -> Vec<u8> {
    [&name[..], &log.to_be_bytes()].concat()
}

/// Key of a package's place among those of a member.
pub fn shelf_key(member: &MemberId, number: u64) -> Vec<u8> {
    [&member.0[..], &number.to_be_bytes()].concat()
}

/// Key of a package.
pub fn package_key(tag: &Hash, member: &MemberId) -> Vec<u8> {
    [*tag, member.0].concat()
}

/// Key of a slip.
pub fn slip_key(recipient: &MemberId, statement: &StatementId) -> Vec<u8> {
    [recipient.0, statement.0].concat()
}
