//! Starting a node: open, recover, compare with the anchor, publish what is durable, and hand out the handle.

use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use suyuan_core::MemberId;
use suyuan_core::charter::{Alliance, CharterFile};
use suyuan_core::circle::{EpochSecret, self_circle};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::logs;
use suyuan_engine::schema::Table;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::view::{Changes, View};
use suyuan_store::Store;
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use crate::anchor::{Anchor, Published};
use crate::error::StartError;
use crate::gate::Gate;
use crate::handle::{Command, Handle, QUEUE, State};
use crate::keyring::Keyring;
use crate::random;
use crate::writer::Writer;

/// Row of [`Table::Meta`] that says whose store it is.
const IDENTITY_ROW: &[u8] = b"identity";

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
    writer: Option<std::thread::JoinHandle<Result<(), String>>>,
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
        let alliance = charter.verify(keyring.alliance().as_ref()).map_err(StartError::Charter)?;
        let me = member_of(&alliance, &keyring).ok_or(StartError::NotAMember)?;
        if keyring.alliance().is_none() {
            keyring.set_alliance(alliance.id())?;
        }
        let alliance = Arc::new(alliance);
        let store = Arc::new(Store::open(&data.join("store"))?);
        claim(&store, &alliance, &me)?;
        own_circle(&mut keyring, &me)?;
        let local = LocalKeys::new(keyring.local());
        let secrets: EpochSecrets = keyring.every_epoch().map(|(epoch, secret)| (*epoch, secret.clone())).collect();
        let ledger = Ledger::load(alliance, me, store.as_ref(), &local, &secrets)?;

        let path = data.join("anchor");
        let (anchor, published) = Anchor::open(&path).map_err(|source| StartError::Anchor { path, source })?;
        if let Some(published) = &published {
            check_anchor(published, &ledger, store.as_ref())?;
        }
        let state = State { ledger: Arc::new(ledger), secrets: Arc::new(secrets), published: published.map(Arc::new) };
        let state = Arc::new(RwLock::new(state));
        let (commands, queue) = mpsc::channel(QUEUE);
        let (announce, heads) = watch::channel(Vec::new());
        let charter = Arc::from(charter.to_bytes());
        let gate = Arc::new(Gate::new(held));
        let development = keyring.is_development();
        let handle = Handle { commands, state: state.clone(), store: store.clone(), local: local.clone(), heads, charter, gate, development };
        if !held {
            // The queue is empty and holds more than one.
            handle.commands.try_send(Command::Open).map_err(|error| StartError::System(error.to_string()))?;
        }
        let rng = random::generator().map_err(|error| StartError::System(error.to_string()))?;
        let writer = Writer { queue, state, store, local, keyring, anchor, announce, rng, cursor: None };
        let spawned = std::thread::Builder::new().name("commit".into()).spawn(move || writer.run());
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
        ended.unwrap_or(Ok(Ok(()))).map_err(|_| "the writer has panicked; please report it with the log".to_owned())?
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

/// The member of a charter whose keys these are.
pub fn member_of(alliance: &Alliance, keyring: &Keyring) -> Option<MemberId> {
    let (log, transport) = (keyring.log().public().to_bytes(), keyring.transport().public().to_bytes());
    let found = alliance.members().iter().find(|member| member.entry.keys.log == log && member.entry.keys.transport == transport);
    found.map(|member| member.id)
}

/// Marks a new store as this member's; refuses another's.
fn claim(store: &Store, alliance: &Alliance, me: &MemberId) -> Result<(), StartError> {
    let identity = [alliance.id().0, me.0].concat();
    match store.row(Table::Meta, IDENTITY_ROW)? {
        Some(found) if found == identity => Ok(()),
        Some(_) => Err(StartError::OtherIdentity),
        None => {
            let mut changes = Changes::default();
            changes.put(Table::Meta, IDENTITY_ROW, identity);
            Ok(store.write(&changes)?)
        }
    }
}

/// The circle of this member alone has one epoch, whose secret never leaves the keyring.
fn own_circle(keyring: &mut Keyring, me: &MemberId) -> Result<(), StartError> {
    let circle = self_circle(me);
    if keyring.epoch_secret(&circle, 1).is_some() {
        return Ok(());
    }
    let mut secret: EpochSecret = Zeroizing::new([0; 32]);
    getrandom::fill(secret.as_mut_slice()).map_err(|error| StartError::System(error.to_string()))?;
    Ok(keyring.add_epoch_secret(circle, 1, secret)?)
}

/// Holds the store against the anchor: what was published must still be there, unchanged.
///
/// # Errors
/// [`StartError::Behind`].
pub fn check_anchor(published: &Published, ledger: &Ledger, view: &impl View) -> Result<(), StartError> {
    let head = ledger.logs.head(&ledger.own_log());
    let behind = StartError::Behind { published: published.size, stored: head.size() };
    if head.size() < published.size {
        return Err(behind);
    }
    let frontier = logs::tile_tree(view, head.number, published.size)
        .frontier()
        .map_err(|error| StartError::Rows(suyuan_engine::view::StoreError(error.to_string())))?;
    if frontier.root() == published.root { Ok(()) } else { Err(behind) }
}
