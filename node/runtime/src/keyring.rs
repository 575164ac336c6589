//! The keyring of a node: its private keys in one small file, sealed under a passphrase and a device secret (`specs/keyring.md`).
//!
//! Every change is on the disk before the method that made it returns, so what depends on a secret can be committed afterwards. A change
//! that destroys a secret replaces the device secret, so no earlier copy of the file opens any more.

mod contents;
mod disk;
mod error;
mod passphrase;
mod root;
mod seal;
#[cfg(test)]
mod tests;

use std::path::Path;

use suyuan_core::circle::{EpochSecret, PrekeySecret};
use suyuan_core::key::SecretKey;
use suyuan_core::{AllianceId, CircleId, Fault, KeyId, MemberId};
use suyuan_engine::writer::NewKeys;

use contents::{Contents, Effect, Identity};
use disk::{Change, Folder, KEYRING, read_private, write_private};
use seal::{Cost, Device, Lock, Sealed, random};

pub use contents::{EPOCHS, GENERATIONS, PREKEYS, Prekey};
pub use error::KeyringError;
pub use passphrase::{PASSPHRASE, Passphrase, PassphraseSource, SealedFile};
pub use root::{ROOT_FILE, Root};

/// An open keyring. Holds the folder's lock until dropped; all secrets are wiped then.
pub struct Keyring {
    folder: Folder,
    lock: Lock,
    device: Device,
    contents: Contents,
    /// A write failed: which contents the disk has is not known until the files are read again.
    interrupted: bool,
}

impl Keyring {
    /// Makes a keyring with new random keys in a folder, which is made if need be.
    ///
    /// # Errors
    /// [`KeyringError::Exists`] when the folder has a keyring or a device secret, [`KeyringError::Busy`], [`KeyringError::Io`].
    pub fn create(folder: &Path, passphrase: &Passphrase) -> Result<Self, KeyringError> {
        Self::create_with(folder, passphrase, Cost::DEFAULT)
    }

    /// Opens the keyring of a folder, and finishes or undoes a change that a crash interrupted. A development keyring opens with any
    /// passphrase and without one.
    ///
    /// # Errors
    /// [`KeyringError::Missing`], [`KeyringError::Permissions`], [`KeyringError::Busy`], [`KeyringError::PassphraseNeeded`],
    /// [`KeyringError::WrongPassphrase`], [`KeyringError::Newer`], [`KeyringError::Damaged`], [`KeyringError::Io`].
    pub fn open(folder: &Path, passphrase: &Passphrase) -> Result<Self, KeyringError> {
        let folder = Folder::take(folder)?;
        let path = folder.file(KEYRING);
        let bytes = read_private(&path, disk::FILE)?;
        let sealed = Sealed::read(&path, &bytes, SealedFile::Keyring)?;
        let devices = folder.devices()?;
        let lock = sealed.unlock(passphrase)?;
        for (device, whose) in devices {
            let opened = match sealed.open(&lock, Some(&device)) {
                Err(KeyringError::WrongPassphrase { .. }) => continue,
                other => other?,
            };
            let contents = Contents::decode(&opened).map_err(|fault| unreadable(&path, fault))?;
            folder.settle(whose)?;
            return Ok(Self { folder, lock, device, contents, interrupted: false });
        }
        Err(KeyringError::WrongPassphrase { file: path })
    }

    /// Whether opening the keyring of this folder takes a passphrase; a development keyring takes none.
    ///
    /// # Errors
    /// As [`Keyring::open`], but for the passphrase.
    pub fn asks_passphrase(folder: &Path) -> Result<bool, KeyringError> {
        let path = folder.join(KEYRING);
        let bytes = read_private(&path, disk::FILE)?;
        Ok(Sealed::read(&path, &bytes, SealedFile::Keyring)?.asks_passphrase())
    }

    /// Writes a backup: identity keys and alliance, under a passphrase of its own, no device secret, no prekeys, no epoch secrets. The
    /// circles hand out their epoch secrets anew after a restore.
    ///
    /// # Errors
    /// [`KeyringError::PassphraseNeeded`] without a passphrase (a backup leaves the machine), [`KeyringError::Exists`],
    /// [`KeyringError::Io`].
    pub fn export(&self, backup: &Path, passphrase: &Passphrase) -> Result<(), KeyringError> {
        self.export_with(backup, passphrase, Cost::DEFAULT)
    }

    /// Makes a keyring from a backup, with a new local root and a new device secret. `backup_passphrase` opens the backup, `passphrase`
    /// seals the new keyring.
    ///
    /// # Errors
    /// Those of [`Keyring::open`] for the backup, those of [`Keyring::create`] for the folder.
    pub fn restore(folder: &Path, backup: &Path, backup_passphrase: &Passphrase, passphrase: &Passphrase) -> Result<Self, KeyringError> {
        Self::restore_with(folder, backup, backup_passphrase, passphrase, Cost::DEFAULT)
    }

    /// Whether it was made without a passphrase. Whoever has the files has the keys: never for production.
    pub fn is_development(&self) -> bool {
        self.lock.is_development()
    }

    /// Every key that signs, or signed, statements and checkpoints, oldest first.
    pub fn logs(&self) -> impl Iterator<Item = &SecretKey> {
        self.contents.identity.log.iter()
    }

    /// Every key for cosignatures, oldest first.
    pub fn witnesses(&self) -> impl Iterator<Item = &SecretKey> {
        self.contents.identity.witness.iter()
    }

    /// Every libp2p identity, oldest first.
    pub fn transports(&self) -> impl Iterator<Item = &SecretKey> {
        self.contents.identity.transport.iter()
    }

    /// Every key that opens slips which were made before prekeys were published, or when none was left, oldest first.
    pub fn encryptions(&self) -> impl Iterator<Item = &PrekeySecret> {
        self.contents.identity.encryption.iter()
    }

    /// The newest log key.
    pub fn log(&self) -> &SecretKey {
        self.contents.identity.log.newest()
    }

    /// The newest witness key.
    pub fn witness(&self) -> &SecretKey {
        self.contents.identity.witness.newest()
    }

    /// The newest libp2p identity.
    pub fn transport(&self) -> &SecretKey {
        self.contents.identity.transport.newest()
    }

    /// The newest key that opens slips.
    pub fn encryption(&self) -> &PrekeySecret {
        self.contents.identity.encryption.newest()
    }

    /// Root of the keys under which indexes and wraps are sealed on this disk.
    pub fn local(&self) -> &[u8; 32] {
        &self.contents.local
    }

    /// The alliance, once joined.
    pub fn alliance(&self) -> Option<AllianceId> {
        self.contents.identity.alliance
    }

    /// A one-time prekey that was not used up.
    pub fn prekey(&self, id: &KeyId) -> Option<&Prekey> {
        self.contents.prekeys.get(id)
    }

    /// All prekeys that were not used up, by key id.
    pub fn prekeys(&self) -> impl Iterator<Item = (&KeyId, &Prekey)> {
        self.contents.prekeys.iter()
    }

    /// The secret of an epoch.
    pub fn epoch_secret(&self, circle: &CircleId, epoch: u64) -> Option<&EpochSecret> {
        self.contents.epochs.get(&(*circle, epoch))
    }

    /// The epochs of a circle whose secrets are held, oldest first.
    pub fn epochs(&self, circle: &CircleId) -> impl DoubleEndedIterator<Item = (u64, &EpochSecret)> {
        self.contents.epochs.range((*circle, 0)..=(*circle, u64::MAX)).map(|((_, epoch), secret)| (*epoch, secret))
    }

    /// Every epoch secret that is held.
    pub fn every_epoch(&self) -> impl Iterator<Item = (&(CircleId, u64), &EpochSecret)> {
        self.contents.epochs.iter()
    }

    /// Binds the keyring to the alliance that was joined.
    ///
    /// # Errors
    /// [`KeyringError::Refused`] when it belongs to another one, and those of every change: [`KeyringError::Io`],
    /// [`KeyringError::Interrupted`].
    pub fn set_alliance(&mut self, alliance: AllianceId) -> Result<(), KeyringError> {
        self.change(|contents| contents.set_alliance(alliance))
    }

    /// Adds keys by which this member may be known one day, before it asks its alliance for that.
    ///
    /// # Errors
    /// [`KeyringError::Full`] beyond [`GENERATIONS`] of a kind, and those of every change.
    pub fn add_keys(&mut self, new: NewKeys) -> Result<(), KeyringError> {
        self.change(|contents| contents.add_keys(new))
    }

    /// Adds the private halves of prekeys that one steward may use, before the public halves are published.
    ///
    /// # Errors
    /// [`KeyringError::Full`] beyond [`PREKEYS`], [`KeyringError::Refused`] for a prekey of another steward, and those of every change.
    pub fn add_prekeys(&mut self, steward: MemberId, secrets: Vec<PrekeySecret>) -> Result<(), KeyringError> {
        self.change(|contents| contents.add_prekeys(steward, secrets))
    }

    /// Adds an epoch secret that this member made, or that came under the encryption key.
    ///
    /// # Errors
    /// [`KeyringError::Refused`] when there is another secret of this epoch or the number is out of range, [`KeyringError::Full`] beyond
    /// [`EPOCHS`], and those of every change.
    pub fn add_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), KeyringError> {
        self.change(|contents| contents.add_epoch(circle, epoch, secret))
    }

    /// Adds an epoch secret, and destroys another one of the same epoch if there is: that belonged to a statement that came to nothing.
    ///
    /// # Errors
    /// [`KeyringError::Refused`] when the number is out of range, [`KeyringError::Full`] beyond [`EPOCHS`], and those of every change.
    pub fn replace_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), KeyringError> {
        self.change(|contents| contents.replace_epoch(circle, epoch, secret))
    }

    /// Adds an epoch secret and destroys the prekey that it came under, in one change. Doing it again changes nothing.
    ///
    /// # Errors
    /// As [`Keyring::add_epoch_secret`]; the prekey stays then.
    pub fn accept_epoch(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret, prekey: &KeyId) -> Result<(), KeyringError> {
        self.change(|contents| contents.accept_epoch(circle, epoch, secret, prekey))
    }

    /// Destroys the secrets of a circle up to and including epoch `last`.
    ///
    /// # Errors
    /// Those of every change.
    pub fn destroy_epochs(&mut self, circle: CircleId, last: u64) -> Result<(), KeyringError> {
        self.change(|contents| Ok(contents.destroy_epochs(circle, last)))
    }

    fn create_with(folder: &Path, passphrase: &Passphrase, cost: Cost) -> Result<Self, KeyringError> {
        Self::write_first(Folder::prepare(folder)?, Lock::new(passphrase, cost)?, Contents::random()?)
    }

    fn restore_with(folder: &Path, backup: &Path, backup_passphrase: &Passphrase, passphrase: &Passphrase, cost: Cost) -> Result<Self, KeyringError> {
        let bytes = read_private(backup, disk::FILE)?;
        let sealed = Sealed::read(backup, &bytes, SealedFile::Backup)?;
        let opened = sealed.open(&sealed.unlock(backup_passphrase)?, None)?;
        let identity = Identity::decode(&opened).map_err(|fault| unreadable(backup, fault))?;
        Self::write_first(Folder::prepare(folder)?, Lock::new(passphrase, cost)?, Contents::of(identity)?)
    }

    fn export_with(&self, backup: &Path, passphrase: &Passphrase, cost: Cost) -> Result<(), KeyringError> {
        let lock = Lock::new(passphrase, cost)?;
        if lock.is_development() {
            return Err(KeyringError::PassphraseNeeded { variable: SealedFile::Backup.variable() });
        }
        write_private(backup, &lock.seal(SealedFile::Backup, None, &self.contents.identity.encode())?)
    }

    fn write_first(folder: Folder, lock: Lock, contents: Contents) -> Result<Self, KeyringError> {
        let device = random()?;
        let sealed = lock.seal(SealedFile::Keyring, Some(&device), &contents.encode())?;
        Change { folder: folder.path(), keyring: &sealed, device: Some(&device) }.run()?;
        Ok(Self { folder, lock, device, contents, interrupted: false })
    }

    fn change(&mut self, edit: impl FnOnce(&mut Contents) -> Result<Effect, KeyringError>) -> Result<(), KeyringError> {
        if self.interrupted {
            return Err(KeyringError::Interrupted);
        }
        let Some(next) = self.prepare(edit)? else { return Ok(()) };
        // Trying again after a failed step could overwrite the one device secret that opens what is on the disk.
        self.interrupted = true;
        next.change(&self.folder).run()?;
        self.interrupted = false;
        self.contents = next.contents;
        if let Some(device) = next.device {
            self.device = device;
        }
        Ok(())
    }

    /// Works out a change without touching memory or disk; `None` when it changes nothing.
    fn prepare(&self, edit: impl FnOnce(&mut Contents) -> Result<Effect, KeyringError>) -> Result<Option<Next>, KeyringError> {
        let mut contents = self.contents.clone();
        let device = match edit(&mut contents)? {
            Effect::Nothing => return Ok(None),
            Effect::Added => None,
            Effect::Destroyed => Some(random()?),
        };
        let used = device.as_ref().unwrap_or(&self.device);
        let sealed = self.lock.seal(SealedFile::Keyring, Some(used), &contents.encode())?;
        Ok(Some(Next { contents, device, sealed }))
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("development", &self.is_development())
            .field("alliance", &self.alliance())
            .field("prekeys", &self.contents.prekeys.len())
            .field("epochs", &self.contents.epochs.len())
            .finish_non_exhaustive()
    }
}

/// A change that was worked out and not yet written.
struct Next {
    contents: Contents,
    device: Option<Device>,
    sealed: Vec<u8>,
}

impl Next {
    fn change<'a>(&'a self, folder: &'a Folder) -> Change<'a> {
        Change { folder: folder.path(), keyring: &self.sealed, device: self.device.as_ref() }
    }
}

/// What it means that authentic contents do not decode.
fn unreadable(path: &Path, fault: Fault) -> KeyringError {
    let file = path.to_owned();
    match fault {
        Fault::Suite => KeyringError::Newer { file },
        _ => KeyringError::Damaged { file, what: "its contents do not have the expected form" },
    }
}
