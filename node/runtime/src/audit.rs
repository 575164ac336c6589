//! An audit beside the writer: the reading on this thread, the judging of signatures on a second one (`specs/audit.md`).

use std::sync::mpsc::{TrySendError, channel, sync_channel};

use suyuan_engine::audit::{Audit, Report, Signatures};
use suyuan_engine::fsck::Progress;
use suyuan_engine::query::Reader;
use suyuan_engine::writer::State;

use crate::handle::Handle;

/// Pieces whose signatures wait for the thread that judges them. Further ones are judged where they were read.
const PIECES: usize = 4;

impl Handle {
    /// Audits everything that a state covers, at a time in milliseconds since 1970-01-01 UTC, and tells how far it is: entries, and logs of all. It blocks. Nothing where
    /// the node stops meanwhile.
    pub fn audit(&self, state: &State, now: u64, mut tell: impl FnMut(Progress, (usize, usize))) -> Option<Report> {
        let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
        let reader = Reader { ledger: &state.ledger, secrets: &state.secrets, local: self.local(), view: self.store().as_ref(), published };
        let (writer, mut audit) = (self.heads(), Audit::new(&reader, now));
        let whole = std::thread::scope(|scope| {
            let (give, work) = sync_channel::<Signatures>(PIECES);
            let (answer, judged) = channel();
            scope.spawn(move || work.into_iter().try_for_each(|signatures| answer.send(signatures.judge())));
            while let Some(signatures) = audit.step() {
                if writer.has_changed().is_err() {
                    return false;
                }
                if let Err(TrySendError::Full(signatures) | TrySendError::Disconnected(signatures)) = give.try_send(signatures) {
                    audit.judged(signatures.judge());
                }
                judged.try_iter().for_each(|judged| audit.judged(judged));
                tell(audit.progress(), audit.logs());
            }
            drop(give);
            judged.into_iter().for_each(|judged| audit.judged(judged));
            true
        });
        whole.then(|| audit.end(self.charter_file()))
    }
}
