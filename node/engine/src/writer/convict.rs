//! Evidence that a member signed two histories: judged, kept, and given effect at once.

use std::sync::Arc;

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::equivocation::{Conviction, Evidence};

use super::Writer;
use super::command::SubmitError;
use super::shell::{Disk, Fatal, Notice, Outlet};
use crate::equivocation::{self, Convictions};
use crate::ledger::Ledger;
use crate::view::{Changes, StoreError};

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    /// Keeps evidence that says more than what is known, and takes the effect from what lies beyond the last common point. Nothing where it says no more.
    pub(super) fn convict(&mut self, evidence: Evidence, now: u64) -> Result<Result<Option<Arc<Conviction>>, SubmitError>, Fatal> {
        let conviction = match equivocation::judge(evidence, &self.state.ledger) {
            Ok(Some(conviction)) => conviction,
            Ok(None) => return Ok(Ok(None)),
            Err(fault) => return Ok(Err(SubmitError::Evidence(fault))),
        };
        let mut changes = Changes::default();
        Convictions::save(&conviction, &mut changes);
        self.disk.write(&changes)?;
        // What has an effect no longer may have had it on anything: all of it is made anew.
        let (founded, me) = (self.state.ledger.founded.clone(), self.state.ledger.me);
        let ledger = Ledger::load(founded, me, self.disk.rows(), self.disk.keys().local, &self.state.secrets)?;
        let kept = ledger.convictions.of(&conviction.log()).cloned().ok_or_else(|| Fatal("evidence that was just written is not there".into()))?;
        self.learn(ledger);
        self.outlet.notice(Notice::Convicted(kept.clone()));
        self.publish(now)?;
        Ok(Ok(Some(kept)))
    }

    /// Why this member may not write now, if it may not.
    pub(super) fn held(&self) -> Result<Option<SubmitError>, StoreError> {
        let ledger = &self.state.ledger;
        if !equivocation::may_author(ledger, &ledger.me) {
            return Ok(Some(SubmitError::Convicted));
        }
        Ok(self.is_behind()?.then_some(SubmitError::Held))
    }
}
