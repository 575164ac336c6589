//! Gathering: of each log the newest checkpoint that is witnessed, and a few newer ones that are not yet, with the cosignatures that came.

use std::collections::BTreeMap;
use std::sync::Arc;

use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::charter::Alliance;
use suyuan_core::log::LogId;
use suyuan_core::note::{self, TreeHead, UnverifiedCheckpoint};
use suyuan_core::policy::{LogPolicy, Standing, witness_key};
use suyuan_core::{MemberId, limits as formats};

use super::{VerifiedCosignature, held_root};
use crate::ledger::Ledger;
use crate::limits;
use crate::logs::Logs;
use crate::schema::{Table, log_key};
use crate::view::{Changes, StoreError, View};

/// A checkpoint with the cosignatures that are known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// Its tree.
    pub head: TreeHead,
    /// The note, with every line that came.
    pub note: String,
    /// Members that cosigned it, the author among them, with their times in seconds.
    pub cosigners: Vec<(MemberId, u64)>,
    /// What that comes to.
    pub standing: Standing,
}

impl Gathered {
    fn new(head: TreeHead, note: String, log: &LogId, alliance: &Alliance) -> Option<Self> {
        let parsed = UnverifiedCheckpoint::parse(&note).ok()?;
        let claimed = |member| Some((parsed.claimed_cosignature(&witness_key(alliance, member))?.0, member.id));
        let cosigners: Vec<_> = alliance.members().iter().filter_map(claimed).map(|(seconds, member)| (member, seconds)).collect();
        let standing = LogPolicy::of(alliance, &log.member).judge(&cosigners);
        Some(Self { head, note, cosigners, standing })
    }

    /// When its author signed it or, where its line is not here, the first witness did.
    pub fn signed(&self, author: &MemberId) -> u64 {
        let own = self.cosigners.iter().find(|(member, _)| member == author);
        own.or(self.cosigners.iter().min_by_key(|(_, seconds)| *seconds)).map_or(0, |(_, seconds)| *seconds)
    }

    fn add(&self, line: &str, log: &LogId, alliance: &Alliance) -> Option<Self> {
        let note = format!("{}{line}", self.note);
        if note.len() > formats::NOTE { None } else { Self::new(self.head, note, log, alliance) }
    }
}

/// The checkpoints of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogGathered {
    /// The newest that is witnessed.
    pub witnessed: Option<Arc<Gathered>>,
    /// Newer ones, ascending, at most [`limits::GATHERED`].
    pub newer: Vec<Arc<Gathered>>,
}

impl LogGathered {
    /// The best that covers an entry: a witnessed checkpoint or, where there is none, the one with most cosignatures that count.
    pub fn covering(&self, sequence: u64) -> Option<&Arc<Gathered>> {
        let witnessed = self.witnessed.as_ref().filter(|found| found.head.size > sequence);
        let newer = self.newer.iter().filter(|found| found.head.size > sequence && found.standing.count > 0);
        witnessed.or(newer.max_by_key(|found| found.standing.count))
    }

    /// The one with this tree.
    pub fn of(&self, head: &TreeHead) -> Option<&Arc<Gathered>> {
        self.witnessed.iter().chain(&self.newer).find(|found| found.head == *head)
    }

    /// Puts one in, in place of that with the same tree if there is one; those that a newer witnessed one makes idle go.
    fn put(&mut self, gathered: Gathered) {
        let gathered = Arc::new(gathered);
        let size = gathered.head.size;
        if self.witnessed.as_ref().is_some_and(|known| known.head.size == size) {
            self.witnessed = Some(gathered);
            return;
        }
        self.newer.retain(|known| known.head.size != size);
        if gathered.standing.witnessed() {
            self.newer.retain(|known| known.head.size > size);
            self.witnessed = Some(gathered);
            return;
        }
        let at = self.newer.partition_point(|known| known.head.size < size);
        self.newer.insert(at, gathered);
        let surplus = self.newer.len().saturating_sub(limits::GATHERED);
        self.newer.drain(..surplus);
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(4096);
        writer.array(2);
        match &self.witnessed {
            Some(witnessed) => writer.text(&witnessed.note),
            None => writer.null(),
        };
        writer.array(self.newer.len());
        for gathered in &self.newer {
            writer.text(&gathered.note);
        }
        writer.finish()
    }

    fn decode(bytes: &[u8], log: &LogId, alliance: &Alliance) -> Option<Self> {
        let mut reader = Reader::open(bytes).ok()?;
        let read = |note: &str| {
            let head = UnverifiedCheckpoint::parse(note).ok().filter(|parsed| parsed.origin() == log.origin())?.claimed_head();
            Gathered::new(head, note.to_owned(), log, alliance).map(Arc::new)
        };
        reader.array(2).ok()?;
        let witnessed = if reader.null() { None } else { Some(read(reader.text(0..=formats::NOTE).ok()?)?) };
        let newer = (0..reader.array_in(0..=limits::GATHERED).ok()?).map(|_| read(reader.text(0..=formats::NOTE).ok()?)).collect::<Option<_>>()?;
        Some(Self { witnessed, newer })
    }
}

/// What became of a cosignature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It is kept.
    Kept,
    /// It is known, or of no use any more.
    Known,
    /// Not every entry under it is here yet.
    Waits,
    /// The entries that are here have another root.
    Contradicts,
}

/// The checkpoints of every log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gatherings(BTreeMap<LogId, Arc<LogGathered>>);

impl Gatherings {
    /// Reads them back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(logs: &Logs, alliance: &Alliance, view: &impl View) -> Result<Self, StoreError> {
        let mut gatherings = BTreeMap::new();
        for head in logs.iter() {
            let Some(row) = view.row(Table::Gathered, &log_key(head.number))? else { continue };
            let gathered = LogGathered::decode(&row, &head.id, alliance);
            let gathered = gathered.ok_or_else(|| StoreError(format!("cosigned checkpoints of {}", head.id.origin())))?;
            gatherings.insert(head.id, Arc::new(gathered));
        }
        Ok(Self(gatherings))
    }

    /// The checkpoints of one log.
    pub fn of(&self, log: &LogId) -> Option<&LogGathered> {
        self.0.get(log).map(Arc::as_ref)
    }

    /// Every log's, by log.
    pub fn iter(&self) -> impl Iterator<Item = (&LogId, &LogGathered)> {
        self.0.iter().map(|(log, gathered)| (log, gathered.as_ref()))
    }

    /// Takes in a cosignature of a checkpoint under which every entry is held.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn merge(&mut self, found: &VerifiedCosignature, ledger: &Ledger, view: &impl View) -> Result<Merged, StoreError> {
        let alliance = &ledger.alliance;
        // A line by a key that was exchanged meanwhile would count for nothing, and under the name of the new one it would be false.
        let Some(witness) = alliance.member(&found.witness).filter(|_| found.is_by_key_of_today(alliance)) else { return Ok(Merged::Known) };
        match held_root(&found.log, found.head.size, ledger, view)? {
            None => return Ok(Merged::Waits),
            Some(root) if root != found.head.root => return Ok(Merged::Contradicts),
            Some(_) => {}
        }
        let line = note::cosignature_line(&witness_key(alliance, witness), found.seconds, &found.signature);
        let entry = self.0.entry(found.log).or_default();
        let gathered = match entry.of(&found.head) {
            Some(known) if known.cosigners.iter().any(|(member, _)| *member == witness.id) => return Ok(Merged::Known),
            Some(known) => known.add(&line, &found.log, alliance),
            None if entry.witnessed.as_ref().is_some_and(|witnessed| witnessed.head.size >= found.head.size) => return Ok(Merged::Known),
            None => found.note(alliance).and_then(|note| Gathered::new(found.head, note, &found.log, alliance)),
        };
        let Some(gathered) = gathered else { return Ok(Merged::Known) };
        Arc::make_mut(entry).put(gathered);
        Ok(Merged::Kept)
    }

    /// Puts a line of a witness outside the alliance on a checkpoint that is here. Says whether there was room for it.
    pub fn add_line(&mut self, log: &LogId, head: &TreeHead, line: &str, alliance: &Alliance) -> bool {
        let Some(entry) = self.0.get_mut(log) else { return false };
        let lines = entry.of(head).filter(|known| !known.note.contains(line)).and_then(|known| known.add(line, log, alliance));
        lines.map(|gathered| Arc::make_mut(entry).put(gathered)).is_some()
    }

    /// Writes one log's.
    pub fn save(&self, log: &LogId, number: u32, changes: &mut Changes) {
        if let Some(gathered) = self.0.get(log) {
            changes.put(Table::Gathered, log_key(number), gathered.to_bytes());
        }
    }
}
