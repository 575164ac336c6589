//! Opening circles and their epochs: the secret first, then the statement that needs it.

use std::sync::Arc;

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::CircleId;
use suyuan_core::circle::EpochSecret;

use super::Writer;
use super::command::SubmitError;
use super::shell::{Disk, Fatal, Outlet, SecretError};
use super::work::{Written, grown, save};
use crate::author::Plan;
use crate::circles::Circle;
use crate::epoch::{self, CircleRequest, NewEpoch};
use crate::ledger::Ledger;
use crate::limits;
use crate::schema::{Table, slip_key};
use crate::view::Changes;

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    /// The leader's first act: the alliance circle with all founders.
    pub(super) fn found_alliance(&mut self, now: u64) -> Result<(), Fatal> {
        let ledger = self.state.ledger.clone();
        if self.held()?.is_none() && epoch::alliance_is_unopened(&ledger.circles, &ledger) {
            let opened = self.open_circle(epoch::alliance_request(&ledger), now)?;
            opened.map_err(|error| Fatal(format!("the alliance circle cannot be opened: {error}")))?;
        }
        Ok(())
    }

    pub(super) fn open_circle(&mut self, request: CircleRequest, now: u64) -> Result<Result<Circle, SubmitError>, Fatal> {
        if let Some(why) = self.held()? {
            return Ok(Err(why));
        }
        let head = self.state.ledger.logs.head(&self.state.ledger.own_log());
        if let Err(error) = self.check_room(head.size().saturating_add(1), limits::KEY_CHANGE_LAST) {
            return Ok(Err(error.into()));
        }
        let (new, drawn_up) = match epoch::draw_up(request, &self.state.ledger, &self.state.secrets, now, &mut self.rng) {
            Ok(new) => new,
            Err(refusal) => return Ok(Err(SubmitError::Refused(refusal))),
        };
        // The secret first: a statement whose secret was lost would close the circle to its own steward.
        let (circle, number) = (new.content.circle, new.content.epoch);
        if let Err(error) = self.keep_secret((circle, number), new.secret.clone(), false) {
            return Ok(Err(SubmitError::Keyring(error.to_string())));
        }
        let ledger = self.write_epoch(new)?;
        // An epoch of the alliance circle has its effect when the order log names it.
        let opened = ledger.circles.circle(&circle).filter(|known| known.epoch() == number).cloned().unwrap_or(drawn_up);
        self.learn(ledger);
        self.publish(now)?;
        Ok(Ok(opened))
    }

    fn write_epoch(&mut self, mut new: NewEpoch) -> Result<Ledger, Fatal> {
        let mut draft = self.draft();
        let plan = std::mem::replace(&mut new.plan, Plan { kind: String::new(), references: Vec::new(), time: 0, sections: Vec::new() });
        let mut written = self.write_up(vec![plan], &mut draft)?;
        let mut changes = Changes::default();
        for Written { id, .. } in &written {
            let slips = epoch::slips(&new, *id, &self.state.ledger, &mut self.rng).map_err(|fault| Fatal(fault.to_string()))?;
            for slip in slips {
                changes.put(Table::Slip, slip_key(&slip.recipient, &slip.statement), slip.to_bytes());
            }
        }
        save(&mut written, &mut draft, &self.state.ledger, self.disk.keys().local, &mut changes);
        self.disk.write(&changes)?;
        let mut ledger = grown(&self.state.ledger, draft);
        for record in written.iter().filter_map(|written| written.protocol.as_ref()) {
            ledger.learn(record, &self.state.secrets)?;
        }
        Ok(ledger)
    }

    /// Puts a secret into the keyring, `instead` of another one of the same number, and then among those that readers open sections with.
    pub(super) fn keep_secret(&mut self, (circle, epoch): (CircleId, u64), secret: EpochSecret, instead: bool) -> Result<(), SecretError> {
        if instead {
            self.disk.replace_epoch_secret(circle, epoch, secret.clone())?;
        } else {
            self.disk.add_epoch_secret(circle, epoch, secret.clone())?;
        }
        Arc::make_mut(&mut self.state.secrets).insert(circle, epoch, secret);
        self.outlet.show(&self.state);
        Ok(())
    }
}
