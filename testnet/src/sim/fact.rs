//! What was seen of a member's node, in order: the invariants look at nothing else of what is under way.

use std::cell::RefCell;
use std::rc::Rc;

use suyuan_core::{CircleId, MemberId, StatementId};
use suyuan_engine::schema::Row;
use suyuan_engine::sync::Why;
use suyuan_engine::wire::LogSize;
use suyuan_engine::writer::{Notice, Outcome, Published, State};

/// Something that happened at one node. Of the disk: what is really on it.
#[derive(Debug)]
pub enum Fact {
    /// It has started from what was on its disk.
    Booted(State),
    /// It did not start, because the store is older than the anchor; whether it is.
    Refused { expected: bool },
    /// It stopped for a reason that is not its power.
    Broken(String),
    /// The power went.
    Crashed,
    /// An operator has put back an earlier copy of store and anchor.
    Restored,
    /// The disk is gone, and so are the keys.
    Burned,
    /// Rows became durable: entries of logs, and statements of the protocol's own types.
    Wrote { entries: Vec<(Row, StatementId)>, system: Vec<Row> },
    /// A secret became durable.
    Kept { circle: CircleId, epoch: u64 },
    /// New keys of the member became durable.
    Rekeyed,
    /// The anchor became durable.
    Anchored(Published),
    /// Readers see this.
    Shown(State),
    /// Somebody was answered.
    Told(Ticket, Outcome),
    /// Other nodes may know how far logs go.
    Announced(Vec<LogSize>),
    /// Something for the operator.
    Noticed(Notice),
    /// A member was named for what it sent.
    Accused { member: MemberId, why: Why },
}

/// Who asked the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// A client, by the number of its wish.
    Wish(u64),
    /// The sessions: a batch.
    Batch(suyuan_core::log::LogId),
    /// The sessions: statements for a gap.
    Gap,
    /// The sessions: evidence, of their own or of another member.
    Evidence(Option<MemberId>),
    /// The sessions: a history that this member gave.
    History(MemberId),
    /// The rounds of witnessing.
    Round,
    /// Nobody waits.
    Nobody,
}

/// The facts of one node that were not looked at yet.
pub type Facts = Rc<RefCell<Vec<Fact>>>;
