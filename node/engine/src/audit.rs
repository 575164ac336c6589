//! The audit: everything in a node's logs that can be checked without believing anybody, checked again from the founding charter on (`specs/audit.md`).
//!
//! It goes on where something does not hold, says what it found and whose fault that may be, and reads what a running node has written before it began.

mod finding;
mod log;
mod order;

use suyuan_core::charter::CharterFile;
use suyuan_core::key::{PublicKey, Signature};
use suyuan_core::log::LogId;

pub use finding::{Blame, Finding, Findings, Kind};
pub use log::{LogReport, SignedHead};
pub use order::{Decision, OrderHead, OrderReport, TermReport};

use crate::fsck::Progress;
use crate::logs::LogHead;
use crate::query::Reader;
use crate::view::View;
use crate::witnessing;
use log::LogAudit;

/// What was audited, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Every log that the node holds, by its name.
    pub logs: Vec<LogReport>,
    /// The alliance's decisions; nothing where they could not be followed to their end.
    pub order: Option<OrderReport>,
    /// What does not hold, and what is open.
    pub findings: Findings,
}

/// An audit under way. It reads in pieces, so that whoever runs it may stop it, show how far it is, and have signatures judged elsewhere at the same time.
#[derive(Debug)]
pub struct Audit<'a, V> {
    reader: &'a Reader<'a, V>,
    /// Milliseconds since 1970-01-01 UTC.
    now: u64,
    waiting: std::vec::IntoIter<&'a LogHead>,
    current: Option<LogAudit<'a, V>>,
    progress: Progress,
    report: Report,
}

impl<'a, V: View> Audit<'a, V> {
    /// An audit of the logs as they are now; what is written from here on is not looked at. Nothing needs to be opened for it, so the reader's secrets are not used.
    pub fn new(reader: &'a Reader<'a, V>, now: u64) -> Self {
        let heads: Vec<&LogHead> = reader.ledger.logs.iter().collect();
        let total = heads.iter().map(|head| head.size()).sum();
        Self { reader, now, waiting: heads.into_iter(), current: None, progress: Progress { done: 0, total }, report: Report::default() }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Logs that are done, and all of them.
    pub fn logs(&self) -> (usize, usize) {
        let done = self.report.logs.len();
        (done, done.saturating_add(self.waiting.len()).saturating_add(usize::from(self.current.is_some())))
    }

    /// Looks at the next entries of a log. Answers with the signatures that are still to be judged, for [`Audit::judged`]; nothing when all logs are done.
    pub fn step(&mut self) -> Option<Signatures> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => LogAudit::new(self.waiting.next()?, self.reader),
        };
        let mut signatures = Signatures { log: current.id(), signed: Vec::new() };
        let looked = current.entries(&mut signatures.signed, &mut self.report.findings);
        self.progress.done = self.progress.done.saturating_add(looked);
        if current.is_done() {
            self.report.logs.push(current.end(self.now, &mut self.report.findings));
        } else {
            self.current = Some(current);
        }
        Some(signatures)
    }

    /// Takes in what became of signatures.
    pub fn judged(&mut self, Judged { log, verified, failed }: Judged) {
        let report = self.report.logs.iter_mut().chain(self.current.as_mut().map(|current| &mut current.report)).find(|report| report.log == log);
        if let Some(report) = report {
            report.signatures = report.signatures.saturating_add(verified);
        }
        for sequence in failed {
            let blame = if log.member == self.reader.ledger.me { Blame::Node } else { Blame::Author };
            self.report.findings.add(Finding { blame, ..Finding::at(Kind::Signature, log, sequence) });
        }
    }

    /// Looks at what concerns all logs, and ends.
    pub fn end(mut self, charter: &[u8]) -> Report {
        let Reader { ledger, view, .. } = *self.reader;
        let founding = CharterFile::decode(charter).and_then(|file| file.verify(Some(&ledger.alliance.id())));
        if let Err(fault) = founding {
            self.report.findings.add(Finding::new(Kind::Founding).saying(fault));
        }
        self.report.order = order::audit(self.reader, self.now, &mut self.report.findings);
        for conviction in ledger.convictions.iter() {
            let finding = match conviction.evidence().clone().verify(&ledger.alliance) {
                Ok(proven) => Finding { from: proven.common(), ..Finding::of(Kind::TwoHistories, proven.log()) },
                Err(fault) => Finding::of(Kind::Evidence, conviction.log()).saying(fault),
            };
            self.report.findings.add(finding);
        }
        if let Err(found) = witnessing::check_all_cosigned(ledger, view) {
            self.report.findings.add(Finding { log: found.log, ..Finding::new(Kind::Cosigned) }.saying(found.what));
        }
        self.report.findings.sort();
        self.report
    }
}

/// Signatures of one log that are still to be judged: the costly part, and one that needs nothing else.
#[derive(Clone, Debug)]
pub struct Signatures {
    log: LogId,
    signed: Vec<Signed>,
}

/// What was signed, by which key, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub sequence: u64,
    pub key: PublicKey,
    pub bytes: Vec<u8>,
    pub signature: Signature,
}

/// What became of [`Signatures`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    log: LogId,
    verified: u64,
    failed: Vec<u64>,
}

impl Signatures {
    /// Judges every one of them alone, strictly.
    pub fn judge(&self) -> Judged {
        let fails = |signed: &&Signed| signed.key.verify(&signed.bytes, &signed.signature).is_err();
        let failed: Vec<u64> = self.signed.iter().filter(fails).map(|signed| signed.sequence).collect();
        Judged { log: self.log, verified: self.signed.len().saturating_sub(failed.len()) as u64, failed }
    }
}
