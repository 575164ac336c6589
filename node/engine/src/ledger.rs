//! What a node knows of its alliance, in memory: heads of logs, circles and counters. All of it is rebuilt from the store at start.

mod epochs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use suyuan_core::Fault;
use suyuan_core::charter::Alliance;
use suyuan_core::circle::{PUBLIC, TYPE as CIRCLE_TYPE, alliance_circle, self_circle};
use suyuan_core::history::{History, VerifiedHistory};
use suyuan_core::log::LogId;
use suyuan_core::order;
use suyuan_core::section::Body;
use suyuan_core::statement;
use suyuan_core::{CircleId, MemberId, StatementId};

use crate::addresses::{self, Directory};
use crate::circles::{Circles, Void};
use crate::counters::Counters;
use crate::decisions::{self, Decisions};
use crate::equivocation::Convictions;
use crate::local::LocalKeys;
use crate::logs::Logs;
use crate::record::{HeldRecord, Opened};
use crate::schema::{HISTORY_ROW, Row, Table};
use crate::secrets::EpochSecrets;
use crate::view::{Changes, StoreError, View};
use crate::wire::Gap;
use crate::witnessing::Gatherings;

/// What a node begins with: the founding charter, and for a member that came later the history that it was given.
#[derive(Clone, Debug)]
pub struct Founded {
    /// As its founders signed it.
    pub alliance: Arc<Alliance>,
    /// The history with its heads.
    pub history: Option<(Arc<VerifiedHistory>, Vec<(u64, String)>)>,
}

impl From<Arc<Alliance>> for Founded {
    fn from(alliance: Arc<Alliance>) -> Self {
        Self { alliance, history: None }
    }
}

impl Founded {
    /// Checks what a newcomer was given.
    ///
    /// # Errors
    /// The faults of `specs/history.md`.
    pub fn with(alliance: Arc<Alliance>, history: &History) -> Result<Self, Fault> {
        let verified = Arc::new(history.verify(&alliance)?);
        Ok(Self { alliance, history: Some((verified, history.heads.clone())) })
    }

    /// The alliance as it is after all that is known.
    pub fn today(&self) -> Arc<Alliance> {
        self.history.as_ref().map_or_else(|| self.alliance.clone(), |(history, _)| history.settled.alliance.clone())
    }
}

/// The ledger's state beside its rows.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The alliance with its charter.
    pub alliance: Arc<Alliance>,
    /// This member.
    pub me: MemberId,
    /// Heads of all logs.
    pub logs: Logs,
    /// Circles that this member is in.
    pub circles: Circles,
    /// Where members state that they are reached.
    pub addresses: Directory,
    /// Who wrote how much to whom.
    pub counters: Counters,
    /// What is decided together.
    pub decisions: Arc<Decisions>,
    /// Epoch statements of the alliance circle that wait for their place in the order: author and content.
    epochs: Arc<BTreeMap<StatementId, (MemberId, Body)>>,
    /// Newest epoch of the alliance circle that this member has opened as its leader and has lost the secret of; 0 where there is none. A keyring that comes from
    /// a backup has none of the secrets, and nobody could hand them to the steward.
    pub lost_epoch: u64,
    /// Epoch statements of others that are here without their secret, with the number of the epoch: whoever gave them had no slip for this member.
    unopened: Arc<BTreeMap<(Gap, StatementId), u64>>,
    /// What this node began with.
    pub founded: Founded,
    /// Checkpoints with the cosignatures that came.
    pub gathered: Gatherings,
    /// Who signed two histories.
    pub convictions: Convictions,
}

impl Ledger {
    /// Reads everything back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(founded: impl Into<Founded>, me: MemberId, view: &impl View, local: &LocalKeys, secrets: &EpochSecrets) -> Result<Self, StoreError> {
        let founded = founded.into();
        let Founded { alliance, history } = founded.clone();
        let logs = Logs::load(view)?;
        let (circles, addresses, counters) = (Circles::default(), Directory::default(), Counters::default());
        let decisions = Decisions::founding(&alliance).ok_or_else(|| StoreError("the charter names no leader".into()))?;
        let convictions = Convictions::load(alliance.id(), view)?;
        let (decisions, gathered) = (Arc::new(decisions), Gatherings::default());
        let (epochs, unopened, lost_epoch) = (Arc::default(), Arc::default(), 0);
        let mut ledger =
            Self { alliance, me, logs, circles, addresses, counters, decisions, epochs, lost_epoch, unopened, founded, gathered, convictions };
        let mut strangers = false;
        for record in system_records(view, local)? {
            strangers |= ledger.learn(&record?, secrets)? == Some(Void::Members);
        }
        if let Some((history, heads)) = &history {
            ledger.learn_history(history, heads, secrets);
        }
        if let Some((history, heads)) = adopted(&ledger.founded.alliance, view)? {
            ledger.learn_history(&history, &heads, secrets);
        }
        Arc::make_mut(&mut ledger.decisions).load(view)?;
        ledger.settle(secrets);
        if strangers {
            // Only now it is known who was admitted.
            ledger.relearn_circles(view, local, secrets)?;
        }
        for circle in ledger.known_circles() {
            for log in ledger.logs.iter().map(|head| head.number).collect::<Vec<_>>() {
                ledger.counters.load(&circle, log, view, local)?;
            }
        }
        ledger.gathered = Gatherings::load(&ledger.logs, &ledger.alliance, view)?;
        Ok(ledger)
    }

    /// This member's own log in its current incarnation.
    pub fn own_log(&self) -> LogId {
        self.alliance.log_of(&self.me)
    }

    /// The size at which a log was closed, if it was: what lies behind it is quarantined.
    pub fn closed_at(&self, log: &LogId) -> Option<u64> {
        self.alliance.pin(log).map(|pin| pin.size)
    }

    /// Whether an entry lies behind the size at which its log was closed.
    pub fn is_quarantined(&self, log: &LogId, sequence: u64) -> bool {
        self.closed_at(log).is_some_and(|size| sequence >= size)
    }

    /// The circles that this node may see records of.
    pub fn known_circles(&self) -> Vec<CircleId> {
        let fixed = [PUBLIC, alliance_circle(&self.alliance.id()), self_circle(&self.me)];
        let mut circles: Vec<_> = fixed.into_iter().chain(self.circles.iter().map(|circle| circle.id)).collect();
        circles.sort_unstable();
        circles.dedup();
        circles
    }

    /// Counts what is held for circles that were not known `before` these records came. The counts are written together with the records.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count_new_circles(
        &mut self,
        before: &Self,
        records: &[HeldRecord],
        view: &impl View,
        local: &LocalKeys,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let known = before.known_circles();
        let rows: BTreeSet<Row> = records.iter().map(|record| record.row).collect();
        for circle in self.known_circles().into_iter().filter(|circle| known.binary_search(circle).is_err()) {
            self.counters.recount(&circle, &rows, view, local)?;
            for record in records {
                self.counters.count(record.addressed_to(&circle), &BTreeSet::new(), record.row.log, record.statement.id());
            }
        }
        self.counters.save(&before.counters, local, changes);
        Ok(())
    }

    /// Gives effect to a record of the protocol's own types. Says why where an epoch statement is void; nothing where this node cannot open it, it
    /// is of another type, or it lies beyond the last common point of two histories.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn learn(&mut self, record: &HeldRecord, secrets: &EpochSecrets) -> Result<Option<Void>, StoreError> {
        if self.is_beyond(record) {
            return Ok(None);
        }
        match record.statement.kind.as_str() {
            CIRCLE_TYPE => self.learn_circle(record, secrets),
            addresses::TYPE => self.learn_address(record, secrets).map(|()| None),
            kind if decisions::KINDS.contains(&kind) => self.learn_decision(record, secrets).map(|()| None),
            _ => Ok(None),
        }
    }

    /// Gives effect to the statements to the whole alliance that were here before the secret that opens them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn relearn(&mut self, view: &impl View, local: &LocalKeys, secrets: &EpochSecrets) -> Result<(), StoreError> {
        for record in system_records(view, local)? {
            let record = record?;
            if self.is_beyond(&record) {
                continue;
            }
            match record.statement.kind.as_str() {
                addresses::TYPE => self.learn_address(&record, secrets)?,
                kind if decisions::KINDS.contains(&kind) => self.learn_decision(&record, secrets)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether it lies beyond the last common point of two histories.
    fn is_beyond(&self, record: &HeldRecord) -> bool {
        let place = record.statement.place;
        self.convictions.is_beyond(&place.log(), place.sequence)
    }

    fn learn_address(&mut self, record: &HeldRecord, secrets: &EpochSecrets) -> Result<(), StoreError> {
        if let Some(section) = record.sections.first()
            && let Opened::Body(body) = record.open(section, secrets)?
        {
            self.addresses.learn(&self.alliance.id(), record, &body);
        }
        Ok(())
    }

    fn learn_decision(&mut self, record: &HeldRecord, secrets: &EpochSecrets) -> Result<(), StoreError> {
        if let Some(section) = record.sections.first()
            && let Opened::Body(body) = record.open(section, secrets)?
        {
            let decisions = Arc::make_mut(&mut self.decisions);
            if record.statement.kind == order::FREEZE && record.statement.place.author == self.me {
                decisions.bind(&body);
            }
            if decisions.learn(record, section, &body) {
                decisions.advance();
                self.settle(secrets);
            }
        }
        Ok(())
    }

    /// Takes in a history that was checked.
    pub(crate) fn learn_history(&mut self, history: &VerifiedHistory, heads: &[(u64, String)], secrets: &EpochSecrets) {
        Arc::make_mut(&mut self.decisions).learn_history(history, heads);
        self.settle(secrets);
    }

    /// Takes in what others know as heads of the order log, by term. Says whether anything was new.
    pub fn learn_heads<'a>(&mut self, heads: impl IntoIterator<Item = (u64, &'a str)>, secrets: &EpochSecrets) -> bool {
        let decisions = Arc::make_mut(&mut self.decisions);
        let mut new = false;
        for (term, note) in heads {
            new |= decisions.learn_head(term, note);
        }
        if new {
            self.settle(secrets);
        }
        new
    }
}

/// The history that another member gave, while not all of it has come in the members' logs.
fn adopted(founding: &Arc<Alliance>, view: &impl View) -> Result<Option<(VerifiedHistory, Vec<(u64, String)>)>, StoreError> {
    let Some(bytes) = view.row(Table::Meta, HISTORY_ROW)? else { return Ok(None) };
    let damaged = |fault: Fault| StoreError(format!("the alliance's history: {fault}"));
    let history = History::decode(&bytes).map_err(damaged)?;
    for entry in &history.entries {
        if view.row(Table::ById, &statement::id_of(&entry.statement).0)?.is_none() {
            return Ok(Some((history.verify(founding).map_err(|fault| damaged(fault.into()))?, history.heads)));
        }
    }
    Ok(None)
}

/// The records of the protocol's own types that are held, by log and sequence.
fn system_records(view: &impl View, local: &LocalKeys) -> Result<impl Iterator<Item = Result<HeldRecord, StoreError>>, StoreError> {
    let rows = view.rows(Table::System, &[], &[0xff; 13], usize::MAX)?;
    let load = move |key: &[u8]| {
        let row = Row::from_key(key).ok_or_else(|| StoreError("a system row's key".into()))?;
        HeldRecord::load(row, view, local)
    };
    Ok(rows.into_iter().filter_map(move |(key, _)| load(&key).transpose()))
}
