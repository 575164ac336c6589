//! The network as the rest of the node sees it.

use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use suyuan_core::MemberId;
use suyuan_runtime::Handle;
use suyuan_runtime::node::now as wall_clock;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::{NetConfig, NetError};
use crate::members::Members;
use crate::status::Status;
use crate::{supervise, swarm};

/// A question for the network's status.
pub(crate) type Question = oneshot::Sender<Status>;

/// What outlives a restart of the network's task.
#[derive(Debug)]
pub(crate) struct Shared {
    pub own_head_known: watch::Sender<bool>,
    pub turned_away: Arc<AtomicU64>,
    pub handshakes_failed: AtomicU64,
    pub restarts: AtomicU32,
    /// The addresses that the first run was given by the operating system, so that a later run takes the same ones.
    pub listening: Mutex<Vec<Multiaddr>>,
    /// To the task that runs now.
    pub questions: RwLock<Option<mpsc::Sender<Question>>>,
}

/// Everything that a run of the network's task is made from.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub handle: Handle,
    pub key: Keypair,
    /// The members of the alliance as this run found it.
    pub members: Arc<Members>,
    /// Addresses that the operator gave.
    pub given: Vec<(MemberId, Multiaddr)>,
    pub listen: Vec<Multiaddr>,
    pub sync: suyuan_engine::sync::Limits,
    pub relay: Option<bool>,
    pub shared: Arc<Shared>,
}

/// The running network. It stops with [`Network::stop`], when the last of its clones is dropped, or with the node.
#[derive(Clone, Debug)]
pub struct Network {
    shared: Arc<Shared>,
    stop: Arc<watch::Sender<bool>>,
}

/// Starts the network of a running node, within a Tokio runtime.
///
/// # Errors
/// [`NetError`].
pub fn start(handle: Handle, config: NetConfig) -> Result<Network, NetError> {
    let state = handle.state();
    let key = identity(&handle)?;
    let members = Arc::new(Members::new(&state.ledger, &config.peers, wall_clock())?);
    config.listen.iter().try_for_each(swarm::check_free)?;
    let shared = Arc::new(Shared {
        own_head_known: watch::Sender::new(false),
        turned_away: Arc::default(),
        handshakes_failed: AtomicU64::default(),
        restarts: AtomicU32::default(),
        listening: Mutex::default(),
        questions: RwLock::default(),
    });
    let plan =
        Plan { handle, key, members, given: config.peers, listen: config.listen, sync: config.sync, relay: config.relay, shared: shared.clone() };
    let (stop, stopping) = watch::channel(false);
    supervise::spawn(plan, stopping)?;
    Ok(Network { shared, stop: Arc::new(stop) })
}

/// The libp2p identity by which the alliance knows this member today.
fn identity(handle: &Handle) -> Result<Keypair, NetError> {
    let mut seed = handle.transport(wall_clock()).ok_or(NetError::Key)?.seed();
    Keypair::ed25519_from_bytes(seed.as_mut_slice()).map_err(|_| NetError::Key)
}

impl Plan {
    /// The same for the members and keys of today.
    ///
    /// # Errors
    /// [`NetError::MemberKey`], [`NetError::Key`].
    pub fn renewed(&self) -> Result<Self, NetError> {
        let state = self.handle.state();
        let alliance = &state.ledger.alliance;
        let given: Vec<_> = self.given.iter().filter(|(member, _)| alliance.active(member).is_some()).cloned().collect();
        let members = Arc::new(Members::new(&state.ledger, &given, wall_clock())?);
        Ok(Self { members, key: identity(&self.handle)?, ..self.clone() })
    }
}

impl Network {
    /// How the network is now. Empty while its task is being started again.
    pub async fn status(&self) -> Status {
        let questions = self.shared.questions.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(questions) = questions else { return Status::default() };
        let (question, answer) = oneshot::channel();
        if questions.send(question).await.is_err() {
            return Status::default();
        }
        answer.await.unwrap_or_default()
    }

    /// Becomes true once at least one other node has said how far it has this member's log, none that is to be believed has more, and what others had more
    /// was pulled. Until then nothing should be authored. It stays true.
    pub fn own_head_known(&self) -> watch::Receiver<bool> {
        self.shared.own_head_known.subscribe()
    }

    /// Closes all connections and stops. Returns when it is done.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        self.stop.closed().await;
    }
}
