//! How the alliance came to be what it is: the entries of its order log and the head that makes them final, in one file (`specs/history.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cbor::{Reader, Writer};
use crate::charter::{Alliance, CharterFile};
use crate::fault::Fault;
use crate::id::AllianceId;
use crate::key::Signature;
use crate::limits;
use crate::order::{ENTRY, Entry, EntryFault, Order, Position};
use crate::resolution::Disclosed;
use crate::section::Body;
use crate::statement::VerifiedStatement;

const MAGIC: &str = "suyuan-history";
const VERSION: u64 = 1;

/// What a file begins with that is checked without any node: the founding charter, and what was decided since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foundation {
    /// The charter file.
    pub charter: Vec<u8>,
    /// The history file, if there is one.
    pub history: Option<Vec<u8>>,
}

impl Foundation {
    /// The alliance in force.
    ///
    /// # Errors
    /// Those of [`CharterFile::verify`], then of [`History::decode`] and [`History::verify`].
    pub fn verify(&self, expected: Option<&AllianceId>) -> Result<Arc<Alliance>, Fault> {
        let founding = Arc::new(CharterFile::decode(&self.charter)?.verify(expected)?);
        let Some(history) = &self.history else { return Ok(founding) };
        Ok(History::decode(history)?.verify(&founding)?.settled.alliance.clone())
    }
}

/// A history as it stands in a file, nothing of it checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The entries, in their order.
    pub entries: Vec<HistoryEntry>,
    /// Certified heads, by term.
    pub heads: Vec<(u64, String)>,
}

/// An entry of the order log with its section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The statement's bytes.
    pub statement: Vec<u8>,
    /// Its signature.
    pub signature: Signature,
    /// The section header's bytes.
    pub header: Vec<u8>,
    /// The section's body.
    pub body: Vec<u8>,
}

/// A history that was checked.
#[derive(Clone, Debug)]
pub struct VerifiedHistory {
    /// The entries, checked: statement and fields.
    pub entries: Vec<(VerifiedStatement, Entry)>,
    /// The state in force.
    pub settled: Arc<Order>,
}

impl History {
    /// Encodes the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer =
            Writer::with_capacity(self.entries.iter().map(|entry| entry.body.len().saturating_add(1024)).sum::<usize>().saturating_add(64));
        writer.array(4).text(MAGIC).uint(VERSION).array(self.entries.len());
        for entry in &self.entries {
            writer.array(4).bytes(&entry.statement).bytes(&entry.signature).bytes(&entry.header).bytes(&entry.body);
        }
        writer.array(self.heads.len());
        for (term, note) in &self.heads {
            writer.array(2).uint(*term).text(note);
        }
        writer.finish()
    }

    /// Decodes the file.
    ///
    /// # Errors
    /// [`Fault::Form`] above [`limits::BUNDLE`] bytes, then [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let (mut reader, _) = Reader::open_file(bytes, limits::BUNDLE, MAGIC, VERSION, 4..=4)?;
        let entries = (0..reader.array_in(0..=limits::CBOR_ARRAY as usize)?).map(|_| HistoryEntry::read(&mut reader)).collect::<Result<_, _>>()?;
        let heads = (0..reader.array_in(0..=limits::HISTORY_HEADS)?)
            .map(|_| {
                reader.array(2)?;
                Ok((reader.uint()?, reader.text(1..=limits::NOTE)?.to_owned()))
            })
            .collect::<Result<_, Fault>>()?;
        Ok(Self { entries, heads })
    }

    /// Checks every entry and head from the founding on.
    ///
    /// # Errors
    /// [`HistoryFault`], the first.
    pub fn verify(&self, founding: &Arc<Alliance>) -> Result<VerifiedHistory, HistoryFault> {
        let founding = Order::founding(founding.clone()).ok_or(HistoryFault::Entry { index: 0, why: EntryFault::Keeper })?;
        let mut states = States::of(Arc::new(founding), self);
        let mut entries = Vec::with_capacity(self.entries.len());
        for (index, entry) in self.entries.iter().enumerate() {
            let (statement, fields, next) = entry.follow(&states).map_err(|why| HistoryFault::Entry { index, why })?;
            states.push(next);
            entries.push((statement, fields));
        }
        let mut settled = &states.founding;
        for (term, note) in &self.heads {
            let state = states.certified(Some(*term), note).ok_or(HistoryFault::Head)?;
            if state.position() > settled.position() {
                settled = state;
            }
        }
        Ok(VerifiedHistory { entries, settled: settled.clone() })
    }
}

/// The states that a history leads through, of which those are kept that some note in it claims to be: a state is as large as all entries before it.
struct States {
    founding: Arc<Order>,
    tip: Arc<Order>,
    named: BTreeSet<Position>,
    kept: BTreeMap<Position, Arc<Order>>,
}

impl States {
    fn of(founding: Arc<Order>, history: &History) -> Self {
        let mut named: BTreeSet<Position> = history.heads.iter().filter_map(|(_, note)| founding.claims(note)).collect();
        let fences = history.entries.iter().filter_map(|entry| Entry::read(&Body::decode(&entry.body).ok()?));
        named.extend(fences.filter_map(|entry| Some(founding.fence_of(&entry)?.0)));
        Self { kept: [(founding.position(), founding.clone())].into(), tip: founding.clone(), founding, named }
    }

    fn push(&mut self, next: Order) {
        self.tip = Arc::new(next);
        if self.named.contains(&self.tip.position()) {
            self.kept.insert(self.tip.position(), self.tip.clone());
        }
    }

    /// The state at which a later term begins by the votes of its first entry, if it is one of these.
    fn fence(&self, entry: &Entry) -> Option<&Arc<Order>> {
        match self.founding.fence_of(entry) {
            None => Some(&self.founding),
            Some((_, notes)) => notes.iter().find_map(|note| self.certified(None, note)),
        }
    }

    /// The state whose head a note is, if it is certified there; of this term where one is given.
    fn certified(&self, term: Option<u64>, note: &str) -> Option<&Arc<Order>> {
        let at = self.founding.claims(note).filter(|at| term.is_none_or(|term| term == at.term))?;
        self.kept.get(&at).filter(|state| state.certified_head(note).is_some())
    }
}

/// Why a history does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryFault {
    /// An entry counts for nothing where it stands.
    Entry {
        /// Which, from 0.
        index: usize,
        /// Why.
        why: EntryFault,
    },
    /// A note is not a certified head of it.
    Head,
}

impl From<HistoryFault> for Fault {
    fn from(fault: HistoryFault) -> Self {
        match fault {
            HistoryFault::Entry { .. } => Self::Entry,
            HistoryFault::Head => Self::Head,
        }
    }
}

impl HistoryEntry {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array(4)?;
        Ok(Self {
            statement: reader.bytes(limits::STATEMENT)?.to_vec(),
            signature: reader.fixed()?,
            header: reader.bytes(1024)?.to_vec(),
            body: reader.bytes(limits::BODY)?.to_vec(),
        })
    }

    /// Statement, fields, and the state after this entry: of the newest term, or of a later one that begins at an earlier state.
    fn follow(&self, states: &States) -> Result<(VerifiedStatement, Entry, Order), EntryFault> {
        let tip = &states.tip;
        let body = Body::decode(&self.body).map_err(|_| EntryFault::Statement)?;
        let read = Entry::read(&body);
        let later = read.as_ref().filter(|entry| entry.term > tip.term);
        let fence = later.and_then(|entry| states.fence(entry));
        // Whoever keeps a later term may be a member, or have a key, only by what its fence settles.
        let begun = fence.zip(later).and_then(|(fence, entry)| fence.begin(entry.term));
        let alliance = begun.as_ref().map_or(&tip.alliance, |begun| &begun.alliance);
        let disclosed = Disclosed::new(&self.statement, &self.signature, &self.header, &body);
        let (statement, _) = disclosed.open(alliance, ENTRY).ok_or(EntryFault::Statement)?;
        let entry = read.ok_or(EntryFault::Malformed)?;
        let (author, id, time) = (&statement.place.author, statement.id(), statement.time);
        let next = if entry.term > tip.term {
            fence.ok_or(EntryFault::Takeover)?.take_over(author, id, time, &entry)?
        } else {
            tip.append(author, id, time, &entry)?
        };
        Ok((statement, entry, next))
    }
}
