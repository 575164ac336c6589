//! What an audit finds, and whose fault that may be.

use std::fmt::Display;

use suyuan_core::log::LogId;

use crate::limits;

/// What was found. The codes stand in `specs/audit.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The founding charter is not what its founders signed.
    Founding,
    /// Entries of the alliance's order log are not here.
    OrderMissing,
    /// An entry of the order log does not hold, or no quorum stands behind a head.
    OrderEntry,
    /// A head of the order log that is kept here is not its keeper's, or not the voters'.
    OrderHead,
    /// The state in force is not what the entries lead to.
    OrderState,
    /// No head of the order log is younger than T.
    OrderStale,
    /// The owner of a log is, and was, no member.
    Stranger,
    /// Entries are not here, so that what follows them cannot be checked.
    EntriesMissing,
    /// What is held of an entry is not what was logged.
    EntryDamaged,
    /// A statement of this member's own is not here.
    OwnMissing,
    /// A statement names another place, or another chain value before it.
    Chain,
    /// The statement's own signature does not verify.
    Signature,
    /// An entry that is no statement, or stands in another place than it says.
    Void,
    /// A section that contradicts itself.
    VoidSection,
    /// The content of a section is not the one that was signed.
    Content,
    /// A tile is not what its entries hash to.
    Tile,
    /// The head is not what the entries add up to.
    Head,
    /// The newest checkpoint does not hold.
    Checkpoint,
    /// Cosignatures of a checkpoint do not hold.
    Cosignature,
    /// What this node cosigned does not hold.
    Cosigned,
    /// Statements that were written for this member are not here.
    RecordsMissing,
    /// The log goes on beyond the size at which its owner's membership ended, or ends before it.
    RemovalSize,
    /// At the size at which its owner's membership ended the log has another root.
    RemovalRoot,
    /// Its owner signed two histories of the log.
    TwoHistories,
    /// What is kept as proof of two histories proves nothing.
    Evidence,
    /// No checkpoint of the log has its quorum of witnesses.
    Unwitnessed,
    /// The newest witnessed checkpoint is older than T.
    Stale,
}

/// Whose fault a finding may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blame {
    /// This node's store: its disk, or whoever could write to it.
    Node,
    /// The owner of the log.
    Author,
    /// The owner of the log, or this node's store: what is here does not tell them apart.
    AuthorOrNode,
    /// The owner of the log, or whoever passes its records on.
    AuthorOrPeers,
    /// Those who should witness it, or the network between the members.
    Witnesses,
}

impl Kind {
    /// Every kind, in the order in which they are listed.
    pub const ALL: [Self; 27] = [
        Self::Founding,
        Self::OrderMissing,
        Self::OrderEntry,
        Self::OrderHead,
        Self::OrderState,
        Self::OrderStale,
        Self::Stranger,
        Self::EntriesMissing,
        Self::EntryDamaged,
        Self::OwnMissing,
        Self::Chain,
        Self::Signature,
        Self::Void,
        Self::VoidSection,
        Self::Content,
        Self::Tile,
        Self::Head,
        Self::Checkpoint,
        Self::Cosignature,
        Self::Cosigned,
        Self::RecordsMissing,
        Self::RemovalSize,
        Self::RemovalRoot,
        Self::TwoHistories,
        Self::Evidence,
        Self::Unwitnessed,
        Self::Stale,
    ];

    /// The code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Founding => "founding",
            Self::OrderMissing => "order-missing",
            Self::OrderEntry => "order-entry",
            Self::OrderHead => "order-head",
            Self::OrderState => "order-state",
            Self::OrderStale => "order-stale",
            Self::Stranger => "stranger",
            Self::EntriesMissing => "entries-missing",
            Self::EntryDamaged => "entry-damaged",
            Self::OwnMissing => "own-missing",
            Self::Chain => "chain",
            Self::Signature => "signature",
            Self::Void => "void",
            Self::VoidSection => "void-section",
            Self::Content => "content",
            Self::Tile => "tile",
            Self::Head => "head",
            Self::Checkpoint => "checkpoint",
            Self::Cosignature => "cosignature",
            Self::Cosigned => "cosigned",
            Self::RecordsMissing => "records-missing",
            Self::RemovalSize => "removal-size",
            Self::RemovalRoot => "removal-root",
            Self::TwoHistories => "two-histories",
            Self::Evidence => "evidence",
            Self::Unwitnessed => "unwitnessed",
            Self::Stale => "stale",
        }
    }

    /// Whether it only says that something is not proven yet, and nothing that is wrong.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::OrderStale | Self::Unwitnessed | Self::Stale)
    }

    /// Whose fault it may be where nothing more is known.
    const fn blame(self) -> Blame {
        match self {
            Self::Signature | Self::Void | Self::VoidSection | Self::TwoHistories => Blame::Author,
            Self::Chain | Self::Checkpoint | Self::RemovalSize | Self::RemovalRoot => Blame::AuthorOrNode,
            Self::RecordsMissing => Blame::AuthorOrPeers,
            Self::OrderStale | Self::Unwitnessed | Self::Stale => Blame::Witnesses,
            _ => Blame::Node,
        }
    }
}

impl Blame {
    /// Everybody.
    pub const ALL: [Self; 5] = [Self::Node, Self::Author, Self::AuthorOrNode, Self::AuthorOrPeers, Self::Witnesses];

    /// The code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Author => "author",
            Self::AuthorOrNode => "author-or-node",
            Self::AuthorOrPeers => "author-or-peers",
            Self::Witnesses => "witnesses",
        }
    }
}

/// Something that was found, at one place or at several that follow each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// In which log.
    pub log: Option<LogId>,
    /// What.
    pub kind: Kind,
    /// At which entry; the first of several.
    pub from: Option<u64>,
    /// At how many places.
    pub count: u64,
    /// Whose fault it may be.
    pub blame: Blame,
    /// What more is known of it, in English; may be empty.
    pub detail: String,
}

impl Finding {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self { log: None, kind, from: None, count: 1, blame: kind.blame(), detail: String::new() }
    }

    pub(crate) const fn of(kind: Kind, log: LogId) -> Self {
        let mut finding = Self::new(kind);
        finding.log = Some(log);
        finding
    }

    pub(crate) const fn at(kind: Kind, log: LogId, sequence: u64) -> Self {
        let mut finding = Self::of(kind, log);
        finding.from = Some(sequence);
        finding
    }

    pub(crate) fn saying(self, detail: impl Display) -> Self {
        Self { detail: detail.to_string(), ..self }
    }

    /// Whether the other one is the same at the next entry.
    fn goes_on_with(&self, next: &Self) -> bool {
        let here = (self.kind, self.log, self.blame) == (next.kind, next.log, next.blame) && self.detail == next.detail;
        here && self.from.is_some_and(|from| Some(from.saturating_add(self.count)) == next.from)
    }
}

/// What was found, at most [`limits::AUDIT_FINDINGS`] of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// By log, kind and entry; what concerns no log first.
    pub listed: Vec<Finding>,
    /// Places with findings that are not listed, for want of room.
    pub more: u64,
}

impl Findings {
    /// Whether nothing is wrong; something may be open.
    pub fn nothing_wrong(&self) -> bool {
        self.more == 0 && self.listed.iter().all(|finding| finding.kind.is_open())
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        if let Some(before) = self.listed.iter_mut().rev().find(|before| before.goes_on_with(&finding)) {
            before.count = before.count.saturating_add(finding.count);
        } else if self.listed.len() < limits::AUDIT_FINDINGS {
            self.listed.push(finding);
        } else {
            self.more = self.more.saturating_add(finding.count);
        }
    }

    pub(crate) fn sort(&mut self) {
        self.listed.sort();
    }
}
