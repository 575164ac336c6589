//! What keeps this node from writing, or will be missed one day: said by `/readyz`, in the node's status, and on top of the console.

use std::path::PathBuf;

use serde::Serialize;
use suyuan_core::circle::alliance_circle;
use utoipa::ToSchema;

use crate::pages::words::Lang;
use crate::problem::{Kind, Problem};
use crate::state::AppState;
use crate::verify::Words;

/// The disk that the node writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// A folder on it: the data folder.
    pub folder: PathBuf,
    /// Free bytes below which nothing that a client sends is written, so that what was begun can be ended.
    pub reserve: u64,
}

impl Disk {
    /// Whether fewer bytes are free than the reserve. Where the system does not say, there is room.
    fn is_full(&self) -> bool {
        rustix::fs::statvfs(&self.folder).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < self.reserve)
    }
}

/// Whether there is a backup of this member's identity keys, as far as this machine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backup {
    /// None was ever made.
    Never,
    /// What is to be backed up has changed since.
    Outdated,
    /// There is one. Also for keys without a passphrase, which are for trying out.
    Current,
}

/// What is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The writer has stopped.
    Stopped,
    /// Two histories of this member's own log were signed.
    Convicted,
    /// Two histories of another member's log were signed.
    Equivocation,
    /// Nothing is authored until another node has said how far it has this member's log.
    Held,
    /// The disk is nearly full.
    Disk,
    /// This member leads the alliance and has lost the key of its circle.
    AllianceKey,
    /// See [`Backup::Never`].
    BackupNever,
    /// See [`Backup::Outdated`].
    BackupOutdated,
}

/// A trouble, for people and programs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Trouble)]
pub(crate) struct TroubleJson {
    /// `stopped`, `convicted`, `held`, `disk`, `equivocation`, `alliance-key`, `backup-never` or `backup-outdated`. The first four keep the node from writing.
    code: &'static str,
    /// What it is and what to do.
    #[serde(flatten)]
    words: Words,
}

impl Trouble {
    /// What is not as it should be now, the worst first.
    pub(crate) fn all(state: &AppState) -> Vec<Self> {
        let backup = match state.backup {
            Backup::Never => Some(Self::BackupNever),
            Backup::Outdated => Some(Self::BackupOutdated),
            Backup::Current => None,
        };
        let ledger = state.handle.state().ledger;
        let lost = ledger.lost_epoch > 0 && ledger.circles.circle(&alliance_circle(&ledger.alliance.id())).is_none();
        let others = ledger.convictions.iter().any(|conviction| conviction.log().member != ledger.me).then_some(Self::Equivocation);
        Self::of_writing(state).into_iter().chain(others).chain(lost.then_some(Self::AllianceKey)).chain(backup).collect()
    }

    /// What keeps the node from writing.
    pub(crate) fn of_writing(state: &AppState) -> Vec<Self> {
        let stopped = state.handle.heads().has_changed().is_err();
        let ledger = state.handle.state().ledger;
        let convicted = !suyuan_engine::equivocation::may_author(&ledger, &ledger.me);
        let held = *state.held.borrow() && !convicted;
        let found = [(stopped, Self::Stopped), (convicted, Self::Convicted), (held, Self::Held), (state.disk.is_full(), Self::Disk)];
        found.into_iter().filter(|(there, _)| *there).map(|(_, trouble)| trouble).collect()
    }

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Stopped => ("stopped", "trouble.stopped"),
            Self::Convicted => ("convicted", "trouble.convicted"),
            Self::Equivocation => ("equivocation", "trouble.equivocation"),
            Self::Held => ("held", "trouble.held"),
            Self::Disk => ("disk", "trouble.disk"),
            Self::AllianceKey => ("alliance-key", "trouble.alliance-key"),
            Self::BackupNever => ("backup-never", "trouble.backup-never"),
            Self::BackupOutdated => ("backup-outdated", "trouble.backup-outdated"),
        }
    }

    /// What it is and what to do, in words.
    pub(crate) fn text(self, lang: Lang) -> &'static str {
        let (code, key) = self.row();
        lang.known(key).unwrap_or(code)
    }

    pub(crate) fn json(self) -> TroubleJson {
        let words = Words { en: self.text(Lang::En).to_owned(), zh: self.text(Lang::Zh).to_owned() };
        TroubleJson { code: self.row().0, words }
    }

    /// The problem of whoever wants to write.
    pub(crate) fn problem(self) -> Problem {
        let kind = if self == Self::Disk { Kind::Storage } else { Kind::Unavailable };
        Problem::passing(kind, 5, self.text(Lang::En))
    }
}

/// That there is room for what a client wants to be written.
///
/// # Errors
/// [`Kind::Storage`]: nothing was written.
pub(crate) fn check_room(state: &AppState) -> Result<(), Problem> {
    if state.disk.is_full() { Err(Trouble::Disk.problem()) } else { Ok(()) }
}
