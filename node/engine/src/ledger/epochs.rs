//! Epoch statements: which of them have an effect, when, and which wait for their secret, for their place in the order, or for members to be admitted.

use std::sync::Arc;

use suyuan_core::StatementId;
use suyuan_core::circle::{TYPE as CIRCLE_TYPE, alliance_circle};
use suyuan_core::order::{EpochEntry, NamedEpoch};

use super::{Ledger, system_records};
use crate::circles::{self, Circle, Circles, Void};
use crate::decisions::EpochState;
use crate::local::LocalKeys;
use crate::record::{HeldRecord, Opened};
use crate::secrets::EpochSecrets;
use crate::view::{StoreError, View};
use crate::wire::Gap;

impl Ledger {
    /// Puts into force what is settled: members, keys and rules, and the epochs of the alliance circle in their order.
    pub fn settle(&mut self, secrets: &EpochSecrets) {
        let (decisions, epochs) = (self.decisions.clone(), self.epochs.clone());
        let settled = decisions.settled();
        if settled.alliance.version() != self.alliance.version() {
            self.alliance = settled.alliance.clone();
        }
        let circle = decisions.circle;
        let ready = |named: &NamedEpoch| epochs.get(&named.entry.statement).zip(secrets.of(&circle, named.entry.epoch));
        let ready: Vec<_> = settled.epochs.iter().filter_map(|named| Some((named, ready(named)?))).collect();
        let is_late = |circle: &Circle| {
            ready.iter().map(|(named, _)| named.entry.epoch).any(|epoch| epoch < circle.epoch() && !circle.epochs().contains_key(&epoch))
        };
        if self.circles.circle(&circle).is_some_and(is_late) {
            // One that came after the one that follows it.
            self.circles.forget_later_epochs(&circle);
        }
        for (NamedEpoch { entry, alliance }, ((author, body), secret)) in ready {
            if self.circles.circle(&circle).is_none_or(|known| known.epoch() < entry.epoch) {
                // One that does not hold has no effect; its keeper opens another.
                let _ = self.circles.open_epoch(alliance, author, entry.statement, body, secret);
            }
        }
    }

    /// Gives effect to all epoch statements anew, in the order of their logs: some came late, after those that follow them. Says which have none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn relearn_circles(&mut self, view: &impl View, local: &LocalKeys, secrets: &EpochSecrets) -> Result<Vec<(StatementId, Void)>, StoreError> {
        (self.circles, self.epochs, self.unopened) = (Circles::default(), Arc::default(), Arc::default());
        let mut void = Vec::new();
        for record in system_records(view, local)? {
            let record = record?;
            if record.statement.kind == CIRCLE_TYPE
                && let Some(why) = self.learn_circle(&record, secrets)?
            {
                void.push((record.statement.id(), why));
            }
        }
        self.settle(secrets);
        Ok(void)
    }

    /// Number of the newest epoch of the alliance circle that anybody has written, and after which there may be one more.
    pub fn newest_epoch(&self) -> u64 {
        let newest = self.decisions.tip().newest_epoch();
        let written = self.epochs.values().filter_map(|(_, body)| circles::content(body)).map(|content| content.epoch);
        let written = written.filter(|epoch| *epoch < newest.saturating_add(suyuan_core::limits::EPOCH_LEAP));
        // The first stands in no order log.
        let ordered = Some(newest).filter(|epoch| *epoch > 1);
        written.chain(ordered).max().unwrap_or(0)
    }

    /// Whether an epoch statement of this circle in this log is here without its secret, and may have an effect.
    pub fn lacks_secret(&self, of: &Gap) -> bool {
        let mut unopened = self.unopened.range((*of, StatementId([0; 32]))..=(*of, StatementId([0xff; 32])));
        unopened.any(|((gap, statement), epoch)| self.is_wanted(gap, statement, *epoch))
    }

    /// The same of one epoch statement.
    pub fn lacks_secret_of(&self, of: &Gap, statement: &StatementId) -> bool {
        self.unopened.get(&(*of, *statement)).is_some_and(|epoch| self.is_wanted(of, statement, *epoch))
    }

    /// Whether an epoch statement may have an effect: one of the alliance circle that is not its keeper's of today has none unless the order log names it.
    fn is_wanted(&self, of: &Gap, statement: &StatementId, epoch: u64) -> bool {
        let decisions = &self.decisions;
        let next = of.log.member == decisions.tip().keeper && epoch > decisions.tip().newest_epoch();
        of.circle != decisions.circle || epoch <= 1 || next || decisions.judged_by(statement).is_some()
    }

    /// The epochs of the alliance circle as its keeper sees them.
    pub fn epoch_state(&self) -> EpochState {
        let newest = self.circles.circle(&self.decisions.circle).and_then(Circle::newest);
        let members = newest.map(|epoch| epoch.incarnations().collect());
        let newest = self.decisions.tip().newest_epoch();
        let mine = self.epochs.iter().filter(|(_, (author, _))| *author == self.me);
        let written = mine.filter_map(|(statement, (_, body))| Some(EpochEntry { epoch: circles::content(body)?.epoch, statement: *statement }));
        EpochState { members: members.unwrap_or_default(), written: written.filter(|entry| entry.epoch > newest).max_by_key(|entry| entry.epoch) }
    }

    pub(super) fn learn_circle(&mut self, record: &HeldRecord, secrets: &EpochSecrets) -> Result<Option<Void>, StoreError> {
        for section in &record.sections {
            let Some(audience) = section.audiences.first() else { continue };
            let (circle, epoch) = (audience.header.circle, audience.header.epoch);
            let author = record.statement.place.author;
            let lacking = (Gap { circle, log: record.statement.place.log() }, record.statement.id());
            let secret = secrets.of(&circle, epoch);
            // It may be the secret of another statement of the same number.
            let opened = secret.map_or(Ok(Opened::Sealed), |_| record.open(section, secrets))?;
            if author == self.me && secret.is_none() && circle == alliance_circle(&self.alliance.id()) {
                self.lost_epoch = self.lost_epoch.max(epoch);
            }
            if opened == Opened::Sealed {
                // Also one that this member has opened itself, with a keyring that it has no more: others in it have the secret.
                Arc::make_mut(&mut self.unopened).insert(lacking, epoch);
            } else if self.unopened.contains_key(&lacking) {
                Arc::make_mut(&mut self.unopened).remove(&lacking);
            }
            let (Opened::Body(body), Some(secret)) = (opened, secret) else { continue };
            let waits = circle == self.decisions.circle && epoch > 1;
            if waits {
                Arc::make_mut(&mut self.epochs).insert(record.statement.id(), (author, body));
                self.settle(secrets);
                return Ok(None);
            }
            let alliance = if circle == self.decisions.circle { &self.founded.alliance } else { &self.alliance };
            let opened = self.circles.open_epoch(alliance, &author, record.statement.id(), &body, secret);
            return Ok(opened.err());
        }
        Ok(None)
    }
}
