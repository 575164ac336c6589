//! The commit thread: hands what waits to the writer, and what the writer says to those who wait.

use std::sync::{Arc, PoisonError, RwLock};

use rand::rngs::StdRng;
use suyuan_core::CircleId;
use suyuan_core::circle::{EpochSecret, PrekeySecret};
use suyuan_core::key::SecretKey;
use suyuan_engine::author::AuthorError;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::view::{Changes, StoreError};
use suyuan_engine::wire::LogSize;
use suyuan_engine::writer::{self, Done, Fatal, Keys, NewKeys, Notice, Outcome, Published, SecretError, State};
use suyuan_store::Store;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, error, info, warn};

use crate::anchor::Anchor;
use crate::handle::Command;
use crate::keyring::{Keyring, KeyringError};
use crate::node::now;

/// Commands that are handed to the writer together, so that one sync carries their submissions.
const GROUP: usize = 128;
/// From this many records on, the work is shared out.
const SHARE: usize = 16;

/// What the commit thread is started with.
pub(crate) struct Thread {
    pub queue: mpsc::Receiver<Command>,
    pub disk: Disk,
    pub outlet: Outlet,
    pub rng: StdRng,
    pub state: State,
}

impl Thread {
    /// Serves until it is told to stop or the last handle is gone.
    pub fn run(self) -> Result<(), Fatal> {
        let end = self.serve();
        match &end {
            Ok(()) => info!("the writer has stopped"),
            Err(why) => error!(%why, "the writer stops: the state of the disk is not known; start the node again"),
        }
        end
    }

    fn serve(self) -> Result<(), Fatal> {
        let Self { mut queue, disk, outlet, rng, state } = self;
        let mut writer = writer::Writer::start(disk, outlet, rng, state, now())?;
        while let Some(first) = queue.blocking_recv() {
            let (mut group, mut stop, mut next) = (Vec::new(), None, Some(first));
            while let Some(command) = next.take() {
                match command {
                    Command::Ask(command, reply) => group.push((Some(reply), command)),
                    Command::Tell(command) => group.push((None, command)),
                    Command::Stop(reply) => {
                        stop = Some(reply);
                        break;
                    }
                }
                next = if group.len() < GROUP { queue.try_recv().ok() } else { None };
            }
            writer.work(group, now())?;
            if let Some(reply) = stop {
                // Whoever told it to stop need not wait for it.
                let _ = reply.send(());
                break;
            }
        }
        Ok(())
    }
}

/// Rows in RocksDB, keys in the keyring, the anchor in its file.
pub(crate) struct Disk {
    pub store: Arc<Store>,
    pub keyring: Keyring,
    pub anchor: Anchor,
    pub local: LocalKeys,
    /// The libp2p identities of the keyring, for the network.
    pub transports: Arc<RwLock<Vec<SecretKey>>>,
    /// Its keys for slips, for what goes by way of relays.
    pub encryptions: Arc<RwLock<Vec<PrekeySecret>>>,
}

impl writer::Disk for Disk {
    type Rows = Store;

    fn rows(&self) -> &Store {
        &self.store
    }

    fn write(&mut self, changes: &Changes) -> Result<(), StoreError> {
        debug!(target: "suyuan::commit", phase = "writing", rows = changes.rows.len());
        self.store.write(changes)?;
        debug!(target: "suyuan::commit", phase = "durable");
        Ok(())
    }

    fn keys(&self) -> Keys<'_> {
        Keys {
            log: self.keyring.logs().collect(),
            witness: self.keyring.witnesses().collect(),
            transport: self.keyring.transports().collect(),
            encryption: self.keyring.encryptions().collect(),
            local: &self.local,
        }
    }

    fn add_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError> {
        self.keyring.add_epoch_secret(circle, epoch, secret).map_err(secret_error)
    }

    fn replace_epoch_secret(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) -> Result<(), SecretError> {
        self.keyring.replace_epoch_secret(circle, epoch, secret).map_err(secret_error)
    }

    fn add_keys(&mut self, new: NewKeys) -> Result<(), SecretError> {
        let (transport, encryption) = (new.transport.clone(), new.encryption.clone());
        self.keyring.add_keys(new).map_err(secret_error)?;
        self.transports.write().unwrap_or_else(PoisonError::into_inner).extend(transport);
        self.encryptions.write().unwrap_or_else(PoisonError::into_inner).extend(encryption);
        Ok(())
    }

    fn anchor(&mut self, published: &Published) -> Result<(), String> {
        self.anchor.write(published).map_err(|error| error.to_string())?;
        debug!(target: "suyuan::commit", phase = "published", size = published.size);
        Ok(())
    }
}

fn secret_error(error: KeyringError) -> SecretError {
    match error {
        KeyringError::Refused(_) | KeyringError::Full { .. } => SecretError::Refused(error.to_string()),
        _ => SecretError::Failed(error.to_string()),
    }
}

/// Handles that wait, readers, and the network.
pub(crate) struct Outlet {
    pub state: Arc<RwLock<State>>,
    pub announce: watch::Sender<Vec<LogSize>>,
}

impl writer::Outlet for Outlet {
    type Ticket = Option<oneshot::Sender<Outcome>>;

    fn show(&mut self, state: &State) {
        self.state.write().unwrap_or_else(std::sync::PoisonError::into_inner).clone_from(state);
    }

    fn tell(&mut self, answers: Vec<(Self::Ticket, Outcome)>) {
        let new = |done: &Done| matches!(done, Done::Waiting(_)) || matches!(done, Done::Written(receipt) if !receipt.replayed);
        let written = answers.iter().any(|(_, outcome)| outcome.as_ref().is_ok_and(new));
        for (reply, outcome) in answers {
            // Who has gone away in the meantime finds it written.
            let _ = reply.map(|reply| reply.send(outcome));
        }
        if written {
            debug!(target: "suyuan::commit", phase = "acknowledged");
        }
    }

    fn announce(&mut self, sizes: Vec<LogSize>) {
        self.announce.send_replace(sizes);
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Contradiction(found) => {
                error!(log = %found.log.origin(), shown = found.shown, held = found.held, "a log has signed two histories: keep both checkpoints");
            }
            Notice::Void { log, entry } => {
                warn!(log = %log.origin(), sequence = entry.row.sequence, fault = %entry.fault, "an entry is void: its author signed what does not hold");
            }
            Notice::NoEffect { statement, why } => warn!(%statement, why = why.explain(), "an epoch statement has no effect"),
            Notice::Unfit { statement, fault } => warn!(%statement, %fault, "a key that was handed out does not fit its circle"),
            Notice::Convicted(conviction) => {
                let [first, second] = conviction.sizes();
                let common = conviction.common();
                error!(log = %conviction.log().origin(), first, second, ?common, "ALARM: a member signed two histories of its log; it is frozen until the alliance decides");
            }
            Notice::NotKept { statement, why } => warn!(%statement, %why, "a circle's key was not kept"),
        }
    }

    fn map<I: Send, O: Send>(mut items: Vec<I>, work: impl Fn(I) -> Result<O, AuthorError> + Sync) -> Result<Vec<O>, AuthorError> {
        if items.len() < SHARE {
            return items.into_iter().map(work).collect();
        }
        let back = items.split_off(items.len() / 2);
        let work = &work;
        std::thread::scope(|scope| {
            let other = scope.spawn(move || back.into_iter().map(work).collect::<Result<Vec<O>, _>>());
            let mut front = items.into_iter().map(work).collect::<Result<Vec<O>, _>>()?;
            match other.join() {
                Ok(back) => front.append(&mut back?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            Ok(front)
        })
    }
}
