//! Connections between machines, and what is on its way over them. An answer or a failure comes for every request, unless the connection ends.

use std::collections::BTreeMap;

use suyuan_core::StatementId;
use suyuan_engine::decisions::Choice;
use suyuan_engine::wire::Request;

/// Something that is due.
#[derive(Debug)]
pub enum Due {
    /// A request arrives.
    Request { from: usize, to: usize, session: u64, request: Request },
    /// Its answer arrives, or the news that there will be none.
    Answer { from: usize, to: usize, session: u64, request: Request, bytes: Option<Vec<u8>> },
    /// Two machines can reach each other, or cannot.
    Link { pair: (usize, usize), up: bool },
    /// A machine's writer takes what waits for it.
    Work { at: usize, life: u32 },
    /// Time has passed for a machine's sessions.
    Tick { at: usize, life: u32 },
    /// A machine is switched on.
    Boot { at: usize },
    /// A client wants something.
    Wish,
    /// A client of a machine answers a proposal, if its node knows it, or tries again so many times.
    Vote { at: usize, proposal: StatementId, choice: Choice, tries: u32 },
    /// Something breaks.
    Trouble,
    /// A machine burns down, with its keys.
    Fire { at: usize },
    /// Its member, with new keys, asks its partners for a new beginning.
    Rescue { at: usize },
}

/// What is due, by time and then in the order in which it became so.
#[derive(Debug, Default)]
pub struct Agenda {
    due: BTreeMap<(u64, u64), Due>,
    count: u64,
}

impl Agenda {
    pub fn add(&mut self, time: u64, due: Due) {
        self.count += 1;
        self.due.insert((time, self.count), due);
    }

    pub fn next(&mut self) -> Option<(u64, Due)> {
        self.due.pop_first().map(|((time, _), due)| (time, due))
    }

    /// Drops what is no longer wanted.
    pub fn keep(&mut self, wanted: impl Fn(&Due) -> bool) {
        self.due.retain(|_, due| wanted(due));
    }
}

/// Which machines are connected.
#[derive(Debug, Default)]
pub struct Links {
    /// By lower and higher machine: the number of the connection.
    up: BTreeMap<(usize, usize), u64>,
    count: u64,
}

/// A pair of machines, the lower one first.
pub fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

impl Links {
    pub fn session(&self, one: usize, other: usize) -> Option<u64> {
        self.up.get(&pair(one, other)).copied()
    }

    pub fn connect(&mut self, pair: (usize, usize)) {
        self.count += 1;
        self.up.insert(pair, self.count);
    }

    /// Says whether it was connected.
    pub fn cut(&mut self, pair: (usize, usize)) -> bool {
        self.up.remove(&pair).is_some()
    }
}
