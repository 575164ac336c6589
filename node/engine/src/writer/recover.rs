//! Starting from what is on the disk: whose it is, what it holds, and whether it is as new as what was published (`specs/store.md`, Start).

use std::fmt;
use std::sync::Arc;

use rand_core::CryptoRng;
use suyuan_core::charter::Alliance;
use suyuan_core::circle::{EpochSecret, self_circle};
use suyuan_core::{AllianceId, MemberId};
use zeroize::Zeroizing;

use super::index;
use super::shell::{Disk, Published, SecretError, State};
use crate::ledger::{Founded, Ledger};
use crate::logs::{self, Logs};
use crate::schema::{IDENTITY_ROW, Table};
use crate::secrets::EpochSecrets;
use crate::view::{Changes, StoreError, View};
use crate::waiting::Queue;

/// What to do where there is no copy of the data folder, as the end of a sentence.
pub const FROM_PEERS: &str = "let the other members' nodes give the logs back: move `store` and `anchor` out of the data folder, and start the node with \
     `suyuan --data DIR run`; what only this node could read stays in the old `store`, so keep it";

/// The disk is not one to go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoverError {
    /// A row of it.
    Rows(StoreError),
    /// The keyring could not be written.
    Secret(SecretError),
    /// The store holds less of this member's log than was already given out, or something else.
    Behind {
        /// Entries that were given out under a checkpoint.
        published: u64,
        /// Entries in the store.
        stored: u64,
    },
    /// The store is another member's, or of another alliance.
    OtherIdentity {
        /// Whose, in words.
        whose: String,
    },
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(error) => error.fmt(f),
            Self::Secret(error) => error.fmt(f),
            Self::Behind { published, stored } => write!(
                f,
                "the store holds {stored} entries of this member's log, but {published} were already published: it is an old copy. \
                 Starting it would make this member contradict itself. Put back the newest copy of the whole data folder, or {FROM_PEERS}"
            ),
            Self::OtherIdentity { whose } => write!(
                f,
                "keyring and store of the data folder do not belong together: the store is {whose}; put its own keyring back, or name the right folder with --data"
            ),
        }
    }
}

impl std::error::Error for RecoverError {}

impl From<StoreError> for RecoverError {
    fn from(error: StoreError) -> Self {
        Self::Rows(error)
    }
}

/// Reads back the state of this member's node, and makes what a first start needs.
///
/// # Errors
/// [`RecoverError`].
pub fn recover(
    founded: impl Into<Founded>,
    me: MemberId,
    mut secrets: EpochSecrets,
    published: Option<Published>,
    disk: &mut impl Disk,
    rng: &mut impl CryptoRng,
) -> Result<State, RecoverError> {
    let founded = founded.into();
    claim(disk, &founded.today(), &me)?;
    own_circle(disk, &me, &mut secrets, rng)?;
    let mut ledger = Ledger::load(founded, me, disk.rows(), disk.keys().local, &secrets)?;
    index::index(&mut ledger, &secrets, disk)?;
    if let Some(published) = &published {
        check_anchor(published, &ledger, disk.rows())?;
    }
    let waiting = Arc::new(Queue::load(disk.rows(), disk.keys().local)?);
    Ok(State { ledger: Arc::new(ledger), secrets: Arc::new(secrets), published: published.map(Arc::new), waiting })
}

/// Marks a new store as this member's; refuses another's.
fn claim(disk: &mut impl Disk, alliance: &Alliance, me: &MemberId) -> Result<(), RecoverError> {
    if check_owner(disk.rows(), alliance, me)? {
        return Ok(());
    }
    let mut changes = Changes::default();
    changes.put(Table::Meta, IDENTITY_ROW, [alliance.id().0, me.0].concat());
    Ok(disk.write(&changes)?)
}

/// Whether a store is marked as this member's; a new one is nobody's yet.
///
/// # Errors
/// [`RecoverError::OtherIdentity`] for another's.
pub fn check_owner(view: &impl View, alliance: &Alliance, me: &MemberId) -> Result<bool, RecoverError> {
    let Some(found) = view.row(Table::Meta, IDENTITY_ROW)? else { return Ok(false) };
    let ids = found.split_first_chunk::<32>().and_then(|(alliance, member)| Some((AllianceId(*alliance), MemberId(member.try_into().ok()?))));
    let whose = match ids {
        Some((of, owner)) if of == alliance.id() && owner == *me => return Ok(true),
        Some((of, owner)) if of == alliance.id() => match alliance.member(&owner) {
            Some(member) => format!("that of {} ({owner})", member.entry.name),
            None => format!("that of member {owner}"),
        },
        Some((of, owner)) => format!("that of member {owner} in another alliance, {of}"),
        None => "marked as nobody's that can be told".to_owned(),
    };
    Err(RecoverError::OtherIdentity { whose })
}

/// Entries of a member's own log in a store that is this member's.
///
/// # Errors
/// [`RecoverError`].
pub fn own_entries(view: &impl View, alliance: &Alliance, me: &MemberId) -> Result<u64, RecoverError> {
    check_owner(view, alliance, me)?;
    Ok(Logs::load(view)?.head(&alliance.log_of(me)).size())
}

/// The circle of this member alone has one epoch, whose secret never leaves the keyring.
fn own_circle(disk: &mut impl Disk, me: &MemberId, secrets: &mut EpochSecrets, rng: &mut impl CryptoRng) -> Result<(), RecoverError> {
    let circle = self_circle(me);
    if secrets.of(&circle, 1).is_some() {
        return Ok(());
    }
    let mut secret: EpochSecret = Zeroizing::new([0; 32]);
    rng.fill_bytes(secret.as_mut_slice());
    disk.add_epoch_secret(circle, 1, secret.clone()).map_err(RecoverError::Secret)?;
    secrets.insert(circle, 1, secret);
    Ok(())
}

/// Holds the store against the anchor: what was published must still be there, unchanged.
///
/// # Errors
/// [`RecoverError::Behind`].
pub fn check_anchor(published: &Published, ledger: &Ledger, view: &impl View) -> Result<(), RecoverError> {
    let head = ledger.logs.head(&ledger.own_log());
    let behind = RecoverError::Behind { published: published.size, stored: head.size() };
    if head.size() < published.size {
        return Err(behind);
    }
    let tree = logs::tile_tree(view, head.number, published.size);
    let frontier = tree.frontier().map_err(|error| StoreError(error.to_string()))?;
    if frontier.root() == published.root { Ok(()) } else { Err(behind) }
}
