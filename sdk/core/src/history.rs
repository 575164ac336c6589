//! How the alliance came to be what it is: the entries of its order log and the head that makes them final, in one file (`specs/history.md`).

use std::sync::Arc;

use crate::cbor::{Reader, Writer};
use crate::charter::Alliance;
use crate::fault::Fault;
use crate::key::Signature;
use crate::limits;
use crate::note::UnverifiedCheckpoint;
use crate::order::{ENTRY, Entry, Order, Position, Takeover, origin};
use crate::resolution::Disclosed;
use crate::statement::VerifiedStatement;

const MAGIC: &str = "suyuan-history";
const VERSION: u64 = 1;

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
        if bytes.len() > limits::BUNDLE {
            return Err(Fault::Form);
        }
        let mut reader = Reader::open(bytes)?;
        let len = reader.array_in(2..=limits::CBOR_ARRAY as usize)?;
        let mut magic = reader.clone();
        reader.pass()?;
        if reader.uint()? != VERSION {
            return Err(Fault::Suite);
        }
        if len != 4 || magic.text(0..=32)? != MAGIC {
            return Err(Fault::Form);
        }
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
    /// [`Fault::Entry`], [`Fault::Head`].
    pub fn verify(&self, founding: &Arc<Alliance>) -> Result<VerifiedHistory, Fault> {
        let mut states = vec![Arc::new(Order::founding(founding.clone()).ok_or(Fault::Entry)?)];
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let tip = states.last().ok_or(Fault::Entry)?;
            let (statement, fields) = entry.open(&tip.alliance).ok_or(Fault::Entry)?;
            let next = follow(&states, &statement, &fields).ok_or(Fault::Entry)?;
            states.push(Arc::new(next));
            entries.push((statement, fields));
        }
        let mut settled = states.first().ok_or(Fault::Entry)?;
        for (term, note) in &self.heads {
            let state = certified(&states, *term, note).ok_or(Fault::Head)?;
            if state.position() > settled.position() {
                settled = state;
            }
        }
        Ok(VerifiedHistory { entries, settled: settled.clone() })
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

    fn open(&self, alliance: &Alliance) -> Option<(VerifiedStatement, Entry)> {
        let body = crate::section::Body::decode(&self.body).ok()?;
        let (statement, body) = Disclosed::new(&self.statement, &self.signature, &self.header, &body).open(alliance, ENTRY)?;
        Some((statement, Entry::read(&body)?))
    }
}

/// The state after one more entry: of the newest term, or of a later one that begins at an earlier state.
fn follow(states: &[Arc<Order>], statement: &VerifiedStatement, entry: &Entry) -> Option<Order> {
    let tip = states.last()?;
    let author = &statement.place.author;
    if entry.term == tip.term {
        return tip.append(author, statement.id(), statement.time, entry).ok();
    }
    let takeover = Takeover::open(entry.takeover.as_deref()?, &tip.circle, entry.term, &tip.alliance).ok()?;
    let claims = |note: &String| {
        let claimed = UnverifiedCheckpoint::parse(note).ok()?;
        let term = claimed.origin().rsplit('/').next()?.parse().ok()?;
        (claimed.origin() == origin(&tip.alliance.id(), &tip.circle, term)).then(|| Position { term, size: claimed.claimed_size() })
    };
    let largest = takeover.heads.iter().filter_map(claims).max();
    let fence = match largest {
        None => states.first()?,
        Some(largest) => {
            let at = takeover.heads.iter().filter(|note| claims(note) == Some(largest));
            at.filter_map(|note| certified(states, largest.term, note)).next()?
        }
    };
    let begun = fence.begin(entry.term)?;
    let fits = begun.keeper == *author && takeover.is_enough(&begun) && fence.term < entry.term;
    fits.then(|| begun.append(author, statement.id(), statement.time, entry).ok()).flatten()
}

/// The state whose head a note is, if it is certified there.
fn certified<'a>(states: &'a [Arc<Order>], term: u64, note: &str) -> Option<&'a Arc<Order>> {
    let claimed = UnverifiedCheckpoint::parse(note).ok()?;
    let at = Position { term, size: claimed.claimed_size() };
    let state = states.iter().rev().find(|state| state.position() == at && state.head().root == claimed.claimed_root())?;
    let read = state.read_head(note)?;
    state.is_certified(&read).then_some(state)
}
