//! Cosigning: what the desk accepts is written and synced before it is signed, and signed before it is told.

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::key::SecretKey;
use suyuan_core::log::witness_name;
use suyuan_core::note::{self, NamedKey, TreeHead};
use suyuan_core::witness::AddCheckpoint;

use super::Writer;
use super::command::{Done, Witnessed};
use super::shell::{Disk, Fatal, Notice, Outlet};
use crate::equivocation;
use crate::ledger::Ledger;
use crate::view::Changes;
use crate::witnessing::{Contradiction, Cosigned, Desk, Merged, VerifiedCosignature, contradiction, cosigned};

/// A request that waits for the others of its group: one sync carries what all of them leave.
pub(super) struct Submitted<T> {
    pub ticket: T,
    pub request: AddCheckpoint,
    /// Key of the log, where the operator has named it.
    pub named: Option<NamedKey>,
}

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    /// Judges add-checkpoint requests in the order in which they came.
    pub(super) fn add_checkpoints(&mut self, group: Vec<Submitted<O::Ticket>>, now: u64) -> Result<(), Fatal> {
        if group.is_empty() {
            return Ok(());
        }
        let ledger = self.state.ledger.clone();
        let (mut desk, mut decided, mut found) = (Desk::default(), Vec::with_capacity(group.len()), Vec::new());
        for Submitted { ticket, request, named } in group {
            let decision = desk.add(&request, named.as_ref(), &ledger, self.disk.rows(), now / 1000)?;
            let decision = decision.map_err(|refused| {
                found.extend(refused.evidence);
                refused.refusal
            });
            decided.push((ticket, decision));
        }
        self.write_desk(&desk, Changes::default())?;
        let key = self.witness_key()?;
        let answers = decided.into_iter().map(|(ticket, decision)| (ticket, Ok(Done::Cosigned(decision.map(|cosigned| self.line(&cosigned, key))))));
        let answers = answers.collect();
        self.outlet.tell(answers);
        self.convict_all(found, now)
    }

    /// What contradicts each other convicts whoever signed it.
    fn convict_all(&mut self, found: impl IntoIterator<Item = Box<Contradiction>>, now: u64) -> Result<(), Fatal> {
        for found in found {
            let evidence = equivocation::evidence(&found, &self.state.ledger.alliance);
            self.outlet.notice(Notice::Contradiction(found));
            if let Ok(evidence) = evidence {
                // Evidence that proves nothing, or nothing new, changes nothing.
                let _ = self.convict(evidence, now)?;
            }
        }
        Ok(())
    }

    /// The line that answers a request.
    fn line(&self, cosigned: &Cosigned, key: &SecretKey) -> String {
        let name = witness_name(&self.state.ledger.alliance.id(), &self.state.ledger.me);
        note::cosignature_line(&NamedKey::new(name, key.public()), cosigned.seconds, &cosigned.sign(key))
    }

    /// The checkpoint of a log that was cosigned last, as a note with this cosignature; the same bytes each time.
    pub(super) fn last_cosigned(&self, origin: &[u8; 32]) -> Result<Option<String>, Fatal> {
        let name = witness_name(&self.state.ledger.alliance.id(), &self.state.ledger.me);
        let key = self.witness_key()?;
        Ok(cosigned(origin, self.disk.rows())?.map(|found| found.note(&name, key)))
    }

    /// Keeps cosignatures that came, and cosigns checkpoints under which every entry is held.
    pub(super) fn witness(&mut self, found: Vec<VerifiedCosignature>, cosign: &[VerifiedCosignature], now: u64) -> Result<Witnessed, Fatal> {
        let mut ledger = Ledger::clone(&self.state.ledger);
        let (mut changes, mut waiting, mut contradictions) = (Changes::default(), Vec::new(), Vec::new());
        let mut gathered = std::mem::take(&mut ledger.gathered);
        for cosignature in found {
            match gathered.merge(&cosignature, &ledger, self.disk.rows())? {
                Merged::Kept => {
                    let number = ledger.logs.head(&cosignature.log).number;
                    gathered.save(&cosignature.log, number, &mut changes);
                }
                Merged::Known => {}
                Merged::Waits => waiting.push(cosignature),
                Merged::Contradicts => contradictions.extend(self.contradicted(&cosignature, &ledger)?),
            }
        }
        ledger.gathered = gathered;
        let (mut desk, mut accepted) = (Desk::default(), Vec::new());
        for shown in cosign {
            match desk.follow(shown, &ledger, self.disk.rows(), now / 1000)? {
                Ok(cosigned) => accepted.extend(cosigned.map(|cosigned| (shown, cosigned))),
                Err(evidence) => contradictions.extend(evidence),
            }
        }
        let grown = !changes.is_empty();
        self.write_desk(&desk, changes)?;
        let (me, key) = (ledger.me, self.witness_key()?);
        let cosigned = accepted.into_iter().map(|(shown, cosigned)| cosigned.told(shown, me, key)).collect();
        if grown {
            self.learn(ledger);
        }
        self.convict_all(contradictions, now)?;
        Ok(Witnessed { cosigned, waiting })
    }

    /// Puts lines of witnesses outside the alliance on a checkpoint of the own log.
    pub(super) fn add_lines(&mut self, head: &TreeHead, lines: &[String]) -> Result<(), Fatal> {
        let mut ledger = Ledger::clone(&self.state.ledger);
        let (log, alliance) = (ledger.own_log(), ledger.alliance.clone());
        let kept = lines.iter().filter(|line| ledger.gathered.add_line(&log, head, line, &alliance)).count();
        if kept > 0 {
            let mut changes = Changes::default();
            ledger.gathered.save(&log, ledger.logs.head(&log).number, &mut changes);
            self.disk.write(&changes)?;
            self.learn(ledger);
        }
        Ok(())
    }

    fn write_desk(&mut self, desk: &Desk, mut changes: Changes) -> Result<(), Fatal> {
        desk.save(&mut changes);
        if changes.is_empty() { Ok(()) } else { Ok(self.disk.write(&changes)?) }
    }

    fn contradicted(&self, shown: &VerifiedCosignature, ledger: &Ledger) -> Result<Option<Box<Contradiction>>, Fatal> {
        let published = self.state.published.as_ref().map(|published| published.checkpoint.as_str());
        let Some(note) = shown.note(&ledger.alliance) else { return Ok(None) };
        Ok(contradiction(&shown.log, &shown.head, &note, ledger, published, self.disk.rows())?.map(Box::new))
    }
}
