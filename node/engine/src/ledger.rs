//! What a node knows of its alliance, in memory: heads of logs, circles and counters. All of it is rebuilt from the store at start.

use std::sync::Arc;

use suyuan_core::charter::Alliance;
use suyuan_core::circle::{PUBLIC, TYPE as CIRCLE_TYPE, alliance_circle, self_circle};
use suyuan_core::log::LogId;
use suyuan_core::{CircleId, MemberId};

use crate::addresses::{self, Directory};
use crate::circles::{Circles, Void};
use crate::counters::Counters;
use crate::local::LocalKeys;
use crate::logs::Logs;
use crate::record::{HeldRecord, Opened};
use crate::schema::{Row, Table};
use crate::secrets::EpochSecrets;
use crate::view::{StoreError, View};

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
    /// Newest epoch of the alliance circle that this member has opened as its leader and has lost the secret of; 0 where there is none. A keyring that comes from
    /// a backup has none of the secrets, and nobody could hand them to the steward.
    pub lost_epoch: u64,
}

impl Ledger {
    /// Reads everything back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(alliance: Arc<Alliance>, me: MemberId, view: &impl View, local: &LocalKeys, secrets: &EpochSecrets) -> Result<Self, StoreError> {
        let logs = Logs::load(view)?;
        let (circles, addresses, counters) = (Circles::default(), Directory::default(), Counters::default());
        let mut ledger = Self { alliance, me, logs, circles, addresses, counters, lost_epoch: 0 };
        for record in system_records(view, local)? {
            ledger.learn(&record?, secrets)?;
        }
        for circle in ledger.known_circles() {
            for log in ledger.logs.iter().map(|head| head.number).collect::<Vec<_>>() {
                ledger.counters.load(&circle, log, view, local)?;
            }
        }
        Ok(ledger)
    }

    /// This member's own log in its current incarnation.
    pub fn own_log(&self) -> LogId {
        LogId { alliance: self.alliance.id(), member: self.me, incarnation: 0 }
    }

    /// The circles that this node may see records of.
    pub fn known_circles(&self) -> Vec<CircleId> {
        let fixed = [PUBLIC, alliance_circle(&self.alliance.id()), self_circle(&self.me)];
        let mut circles: Vec<_> = fixed.into_iter().chain(self.circles.iter().map(|circle| circle.id)).collect();
        circles.sort_unstable();
        circles.dedup();
        circles
    }

    /// Gives effect to a record of the protocol's own types. Says why where an epoch statement is void; nothing where this node cannot open it or it
    /// is of another type.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn learn(&mut self, record: &HeldRecord, secrets: &EpochSecrets) -> Result<Option<Void>, StoreError> {
        match record.statement.kind.as_str() {
            CIRCLE_TYPE => self.learn_circle(record, secrets),
            addresses::TYPE => self.learn_address(record, secrets).map(|()| None),
            _ => Ok(None),
        }
    }

    /// Gives effect to the statements of addresses that were here before the secret that opens them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn relearn_addresses(&mut self, view: &impl View, local: &LocalKeys, secrets: &EpochSecrets) -> Result<(), StoreError> {
        for record in system_records(view, local)? {
            let record = record?;
            if record.statement.kind == addresses::TYPE {
                self.learn_address(&record, secrets)?;
            }
        }
        Ok(())
    }

    fn learn_address(&mut self, record: &HeldRecord, secrets: &EpochSecrets) -> Result<(), StoreError> {
        if let Some(section) = record.sections.first()
            && let Opened::Body(body) = record.open(section, secrets)?
        {
            self.addresses.learn(&self.alliance.id(), record, &body);
        }
        Ok(())
    }

    fn learn_circle(&mut self, record: &HeldRecord, secrets: &EpochSecrets) -> Result<Option<Void>, StoreError> {
        for section in &record.sections {
            let Some(audience) = section.audiences.first() else { continue };
            let (circle, epoch) = (audience.header.circle, audience.header.epoch);
            let Some(secret) = secrets.of(&circle, epoch) else {
                if circle == alliance_circle(&self.alliance.id()) && record.statement.place.author == self.me {
                    self.lost_epoch = self.lost_epoch.max(epoch);
                }
                continue;
            };
            let Opened::Body(body) = record.open(section, secrets)? else { continue };
            let author = record.statement.place.author;
            let opened = self.circles.open_epoch(&self.alliance, &author, record.statement.id(), &body, secret);
            return Ok(opened.err());
        }
        Ok(None)
    }
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
