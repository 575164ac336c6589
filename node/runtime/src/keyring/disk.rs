//! The files of a keyring and the order in which they change, so that a crash at any moment leaves the old contents or the new.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::KeyringError;
use super::seal::Device;

/// The sealed contents.
pub(super) const KEYRING: &str = "keyring";
/// The device secret.
pub(super) const DEVICE: &str = "device";
const NEXT_KEYRING: &str = "keyring.new";
const NEXT_DEVICE: &str = "device.new";
const LOCK: &str = "keyring.lock";

/// Longest sealed file, bytes: room for all entries that the bounds allow.
pub(super) const FILE: usize = 8 * 1024 * 1024;

const DEVICE_LEN: usize = 32;

/// The data folder, held by this process alone.
pub(super) struct Folder {
    path: PathBuf,
    /// Locked until it is closed.
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be, for its owner only, and takes it for a new keyring.
    pub(super) fn prepare(path: &Path) -> Result<Self, KeyringError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| io_error(path, source))?;
        let folder = Self::lock(path)?;
        // A device secret without its keyring is kept too: the keyring may only have been moved.
        for name in [KEYRING, DEVICE] {
            let file = folder.file(name);
            if exists(&file)? {
                return Err(KeyringError::Exists { file });
            }
        }
        folder.discard_next()?;
        Ok(folder)
    }

    /// Takes the folder of an existing keyring.
    pub(super) fn take(path: &Path) -> Result<Self, KeyringError> {
        let file = path.join(KEYRING);
        if exists(&file)? { Self::lock(path) } else { Err(KeyringError::Missing { file }) }
    }

    fn lock(path: &Path) -> Result<Self, KeyringError> {
        let file = path.join(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&file);
        let lock = lock.map_err(|source| io_error(&file, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(KeyringError::Busy { file }),
            Err(TryLockError::Error(source)) => Err(io_error(&file, source)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The device secrets that may open the keyring, in the order in which to try them. One of another length was being written or
    /// overwritten when the power failed, and is passed over.
    pub(super) fn devices(&self) -> Result<Vec<(Device, Whose)>, KeyringError> {
        let mut devices = Vec::new();
        let mut found = false;
        for (name, whose) in [(DEVICE, Whose::Current), (NEXT_DEVICE, Whose::Next)] {
            let bytes = match read_private(&self.file(name), DEVICE_LEN) {
                Err(KeyringError::Missing { .. }) => continue,
                other => other?,
            };
            found = true;
            if let Ok(device) = bytes.as_slice().try_into() {
                devices.push((Zeroizing::new(device), whose));
            }
        }
        let file = || self.file(DEVICE);
        match (devices.is_empty(), found) {
            (false, _) => Ok(devices),
            (true, true) => Err(KeyringError::Damaged { file: file(), what: "it is not 32 bytes long" }),
            (true, false) => Err(KeyringError::Missing { file: file() }),
        }
    }

    /// Ends a change that a crash interrupted, once it is known which device secret opens the keyring: with the current one the change
    /// did not happen, with the next one it did.
    pub(super) fn settle(&self, opened_with: Whose) -> Result<(), KeyringError> {
        match opened_with {
            Whose::Current => self.discard_next(),
            Whose::Next => {
                // The rename of the keyring may not be durable yet, and the old device secret is about to go.
                sync_folder(&self.path)?;
                remove(&self.file(NEXT_KEYRING))?;
                overwrite_device(&self.path)?;
                adopt_device(&self.path)
            }
        }
    }

    fn discard_next(&self) -> Result<(), KeyringError> {
        let (keyring, device) = (self.file(NEXT_KEYRING), self.file(NEXT_DEVICE));
        if exists(&keyring)? || exists(&device)? {
            remove(&keyring)?;
            overwrite(&device)?;
            remove(&device)?;
            sync_folder(&self.path)?;
        }
        Ok(())
    }
}

/// Which of the two device files a secret was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// `device`.
    Current,
    /// `device.new`.
    Next,
}

/// One change of the files. Its steps are the crash order of `specs/keyring.md`; between any two of them the keyring opens.
pub(super) struct Change<'a> {
    pub(super) folder: &'a Path,
    /// The new sealed file.
    pub(super) keyring: &'a [u8],
    /// The device secret that it is sealed under, where that is a new one.
    pub(super) device: Option<&'a Device>,
}

pub(super) type Step = fn(&Change<'_>) -> Result<(), KeyringError>;

impl Change<'_> {
    /// Makes the change durable.
    pub(super) fn run(&self) -> Result<(), KeyringError> {
        self.steps().iter().try_for_each(|step| step(self))
    }

    /// What is done, in order. Each step is durable before the next one begins.
    pub(super) fn steps(&self) -> &'static [Step] {
        match self.device {
            None => &[write_keyring, commit],
            Some(_) => &[
                // 1, 2: both new files are complete; nothing refers to them. A crash here: `device` still opens the old `keyring`.
                write_device,
                write_keyring,
                // 3: the moment of change. A crash after it: `device.new` opens the new `keyring`.
                commit,
                // 4: only now may the old secret go, in place, before its name does: unlinking alone would leave its bytes on the disk.
                |change| overwrite_device(change.folder),
                // 5: the usual state again.
                |change| adopt_device(change.folder),
            ],
        }
    }
}

fn write_device(change: &Change<'_>) -> Result<(), KeyringError> {
    change.device.map_or(Ok(()), |device| write_private(&change.folder.join(NEXT_DEVICE), device.as_slice()))
}

fn write_keyring(change: &Change<'_>) -> Result<(), KeyringError> {
    write_private(&change.folder.join(NEXT_KEYRING), change.keyring)
}

fn commit(change: &Change<'_>) -> Result<(), KeyringError> {
    rename(change.folder, NEXT_KEYRING, KEYRING)
}

fn overwrite_device(folder: &Path) -> Result<(), KeyringError> {
    overwrite(&folder.join(DEVICE))
}

fn adopt_device(folder: &Path) -> Result<(), KeyringError> {
    rename(folder, NEXT_DEVICE, DEVICE)
}

/// Reads a file of at most `max` bytes that only its owner may read and write.
pub(super) fn read_private(path: &Path, max: usize) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let plain = fs::metadata(path).map_err(|source| absent_is_missing(path, source))?.is_file();
    let damaged = |what| KeyringError::Damaged { file: path.to_owned(), what };
    if !plain {
        return Err(damaged("it is not a plain file"));
    }
    let file = File::open(path).map_err(|source| absent_is_missing(path, source))?;
    let metadata = file.metadata().map_err(|source| io_error(path, source))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode != 0o600 {
        return Err(KeyringError::Permissions { file: path.to_owned(), mode });
    }
    let len = usize::try_from(metadata.len()).ok().filter(|&len| len <= max).ok_or_else(|| damaged("it is too long"))?;
    let mut bytes = Zeroizing::new(vec![0; len]);
    (&file).read_exact(&mut bytes).map_err(|source| io_error(path, source))?;
    Ok(bytes)
}

/// Writes a new file for its owner only, durably: content, then name. Never overwrites.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), KeyringError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = created.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyringError::Exists { file: path.to_owned() },
        _ => io_error(path, source),
    })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|source| {
        // An incomplete file would only be in the way; that it cannot be removed is no worse than that it could not be written.
        let _ = fs::remove_file(path);
        io_error(path, source)
    })?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_folder(parent),
        None => sync_folder(Path::new(".")),
    }
}

fn rename(folder: &Path, from: &str, to: &str) -> Result<(), KeyringError> {
    let to = folder.join(to);
    fs::rename(folder.join(from), &to).map_err(|source| io_error(&to, source))?;
    sync_folder(folder)
}

/// Writes zeros over a file where it stands. Flash memory and copying file systems may keep what was there; nothing above them can tell.
fn overwrite(path: &Path) -> Result<(), KeyringError> {
    let zero = || {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let mut left = file.metadata()?.len();
        while left > 0 {
            let chunk = [0; DEVICE_LEN];
            let zeros = chunk.get(..usize::try_from(left).unwrap_or(DEVICE_LEN).min(DEVICE_LEN)).unwrap_or_default();
            file.write_all(zeros)?;
            left = left.saturating_sub(zeros.len() as u64);
        }
        file.sync_all()
    };
    absent_is_done(path, zero())
}

fn remove(path: &Path) -> Result<(), KeyringError> {
    absent_is_done(path, fs::remove_file(path))
}

fn absent_is_done(path: &Path, result: io::Result<()>) -> Result<(), KeyringError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|source| io_error(path, source)),
    }
}

fn exists(path: &Path) -> Result<bool, KeyringError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(io_error(path, source)),
    }
}

fn sync_folder(path: &Path) -> Result<(), KeyringError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|source| io_error(path, source))
}

fn absent_is_missing(path: &Path, source: io::Error) -> KeyringError {
    match source.kind() {
        io::ErrorKind::NotFound => KeyringError::Missing { file: path.to_owned() },
        _ => io_error(path, source),
    }
}

fn io_error(path: &Path, source: io::Error) -> KeyringError {
    KeyringError::Io { file: path.to_owned(), source }
}
