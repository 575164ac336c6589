//! Starting a node: open, recover, compare with the anchor, publish what is durable, and hand out the handle.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use suyuan_core::MemberId;
use suyuan_core::charter::{Alliance, CharterFile, MemberKeys};
use suyuan_core::history::History;
use suyuan_core::key::SecretKey;
use suyuan_engine::ledger::Founded;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::writer::{self, Fatal};
use suyuan_store::Store;
use tokio::sync::{mpsc, watch};

use crate::anchor::Anchor;
use crate::commit::{Disk, Outlet, Thread};
use crate::error::StartError;
use crate::gate::Gate;
use crate::handle::{Command, Handle, QUEUE};
use crate::keyring::Keyring;
use crate::random;

/// File of the data folder with the history that a member began with which came after the founding.
pub const HISTORY: &str = "history";

/// What a node is started with.
#[derive(Debug)]
pub struct NodeConfig {
    /// The data folder.
    pub data: PathBuf,
    /// The charter, complete with its signatures.
    pub charter: CharterFile,
    /// The open keyring.
    pub keyring: Keyring,
}

/// A started node. Dropping it stops it, and waits until its writer has ended.
#[derive(Debug)]
pub struct Node {
    /// The handle.
    pub handle: Handle,
    writer: Option<std::thread::JoinHandle<Result<(), Fatal>>>,
}

/// Milliseconds since 1970-01-01 UTC by this machine's clock.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Node {
    /// Starts the node in a data folder, free to write at once: for a node that has no others to ask.
    ///
    /// # Errors
    /// [`StartError`] says what to do.
    pub fn start(config: NodeConfig) -> Result<Self, StartError> {
        Self::launch(config, false)
    }

    /// Starts the node, but authors nothing until [`Handle::hold_authoring`] lets it: a disk that was restored may be behind what others have.
    ///
    /// # Errors
    /// [`StartError`] says what to do.
    pub fn start_held(config: NodeConfig) -> Result<Self, StartError> {
        Self::launch(config, true)
    }

    fn launch(config: NodeConfig, held: bool) -> Result<Self, StartError> {
        let NodeConfig { data, charter, mut keyring } = config;
        let alliance = Arc::new(charter.verify(keyring.alliance().as_ref()).map_err(StartError::Charter)?);
        let founded = founded(&data, &alliance)?;
        let me = member_of(&founded.today(), &keyring).ok_or(StartError::NotAMember)?;
        if keyring.alliance().is_none() {
            keyring.set_alliance(alliance.id())?;
        }
        let store = Arc::new(Store::open(&data.join("store"))?);
        let local = LocalKeys::new(keyring.local());
        let secrets: EpochSecrets = keyring.every_epoch().map(|(epoch, secret)| (*epoch, secret.clone())).collect();
        let path = data.join("anchor");
        let entries = writer::own_entries(store.as_ref(), &founded.today(), &me)?;
        let (anchor, published) = Anchor::open(&path, entries).map_err(|source| StartError::Anchor { path, source })?;
        let mut rng = random::generator().map_err(|error| StartError::System(error.to_string()))?;
        let development = keyring.is_development();
        let transports = Arc::new(RwLock::new(keyring.transports().cloned().collect()));
        let encryptions = Arc::new(RwLock::new(keyring.encryptions().cloned().collect()));
        let (to_transports, to_encryptions) = (transports.clone(), encryptions.clone());
        let mut disk = Disk { store: store.clone(), keyring, anchor, local: local.clone(), transports: to_transports, encryptions: to_encryptions };
        let state = writer::recover(founded, me, secrets, published, &mut disk, &mut rng)?;
        let shown = Arc::new(RwLock::new(state.clone()));
        let (commands, queue) = mpsc::channel(QUEUE);
        let (announce, heads) = watch::channel(Vec::new());
        let charter = Arc::from(charter.to_bytes());
        let gate = Arc::new(Gate::new(held));
        let handle = Handle {
            commands,
            state: shown.clone(),
            store,
            local,
            heads,
            charter,
            gate,
            development,
            transports,
            encryptions,
            relaying: Arc::default(),
        };
        if !held {
            // The queue is empty and holds more than one.
            handle.commands.try_send(Command::Tell(writer::Command::Found)).map_err(|error| StartError::System(error.to_string()))?;
        }
        let thread = Thread { queue, disk, outlet: Outlet { state: shown, announce }, rng, state };
        let spawned = std::thread::Builder::new().name("commit".into()).spawn(move || thread.run());
        let writer = spawned.map_err(|error| StartError::System(error.to_string()))?;
        Ok(Self { handle, writer: Some(writer) })
    }

    /// Lets the writer finish what it has, and waits until it has ended.
    ///
    /// # Errors
    /// Why it did not end in order, in words.
    pub async fn stop(mut self) -> Result<(), String> {
        self.handle.stop().await;
        self.end()
    }

    fn end(&mut self) -> Result<(), String> {
        let ended = self.writer.take().map(std::thread::JoinHandle::join);
        let ended = ended.unwrap_or(Ok(Ok(()))).map_err(|_| "the writer has panicked; please report it with the log".to_owned())?;
        ended.map_err(|why| why.to_string())
    }
}

/// A process must not end while RocksDB is at work in a thread that nobody waits for: its locks are gone before it is.
impl Drop for Node {
    fn drop(&mut self) {
        while self.writer.is_some() && self.handle.ask_to_stop().is_err() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        // Who wants to know how it ended calls `stop`.
        let _ = self.end();
    }
}

/// The founding, and the history that a member began with which came after it.
///
/// # Errors
/// [`StartError::History`].
pub fn founded(data: &Path, alliance: &Arc<Alliance>) -> Result<Founded, StartError> {
    let path = data.join(HISTORY);
    let damaged = |why: String| StartError::History { path: path.clone(), why };
    let bytes = match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(alliance.clone().into()),
        Err(error) => return Err(damaged(error.to_string())),
        Ok(found) if found.len() > suyuan_core::limits::BUNDLE as u64 => return Err(damaged("it is too long".into())),
        Ok(_) => std::fs::read(&path).map_err(|error| damaged(error.to_string()))?,
    };
    let history = History::decode(&bytes).and_then(|history| Founded::with(alliance.clone(), &history));
    history.map_err(|fault| damaged(fault.to_string()))
}

/// The member of a charter whose keys these are.
pub fn member_of(alliance: &Alliance, keyring: &Keyring) -> Option<MemberId> {
    fn hold<'a>(mut keys: impl Iterator<Item = &'a SecretKey>, wanted: &[u8; 32]) -> bool {
        keys.any(|key| key.public().to_bytes() == *wanted)
    }
    let mine = |keys: &MemberKeys| hold(keyring.logs(), &keys.log) && hold(keyring.transports(), &keys.transport);
    alliance.members().iter().find(|member| mine(&member.entry.keys)).map(|member| member.id)
}
