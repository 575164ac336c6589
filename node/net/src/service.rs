//! The network's task: it alone holds the swarm and the sessions, and passes events and actions between them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures::StreamExt;
use libp2p::request_response::{InboundRequestId, OutboundRequestId, ResponseChannel};
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, Swarm};
use suyuan_core::equivocation::Conviction;
use suyuan_core::log::LogId;
use suyuan_core::{Fault, MemberId};
use suyuan_engine::addresses::Directory;
use suyuan_engine::decisions::{HeadsToTell, Telling};
use suyuan_engine::relay::courier::{Courier, Event as Carried};
use suyuan_engine::relay::{Sought, Unit};
use suyuan_engine::replica::BatchError;
use suyuan_engine::sync::{self, Event, Sync};
use suyuan_engine::wire::{Gap, LogSize, Request, Response};
use suyuan_engine::witnessing::{Event as Round, Rounds, VerifiedCosignature};
use suyuan_engine::writer::TakenIn;
use suyuan_engine::writer::Witnessed;
use suyuan_runtime::node::now as wall_clock;
use suyuan_runtime::{Handle, SubmitError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};

use crate::config::NetError;
use crate::dialer::Dialer;
use crate::limits;
use crate::network::{Plan, Question};
use crate::serve::{Answer, Turnstile};
use crate::status::{GapStatus, LogStatus, PeerStatus, Status, Traffic};
use crate::swarm::Behaviour;

mod connections;
mod exchange;
mod relaying;
mod witnessing;

/// One member's node as the task sees it.
#[derive(Debug)]
struct Peer {
    connections: BTreeMap<ConnectionId, Multiaddr>,
    /// Since when it is connected, or is not.
    since: u64,
    last_error: Option<String>,
    accused: Option<String>,
    traffic: Traffic,
    turnstile: Arc<Turnstile>,
    /// Whether its cosignatures are being checked, and from when on it may tell of more.
    hearing: bool,
    hear_at: u64,
}

/// What a task beside this one has finished.
enum Done {
    Answered { member: MemberId, id: InboundRequestId, channel: ResponseChannel<Vec<u8>>, answer: Option<Answer> },
    Decoded { member: MemberId, request: Request, response: Result<Response, Fault>, study: Option<Box<Event>> },
    TakenIn { log: LogId, result: Result<TakenIn, SubmitError> },
    Filled { result: Result<(), SubmitError> },
    Heard { member: MemberId, version: u64, result: Result<Vec<VerifiedCosignature>, Fault> },
    Judged { result: Result<Witnessed, SubmitError> },
    Convicted { by: Option<MemberId>, result: Result<Option<Arc<Conviction>>, SubmitError> },
    Learned { member: MemberId, result: Result<Result<u64, Fault>, SubmitError> },
    Sought { member: MemberId, found: Option<(Sought, Option<Unit>)> },
    Kept { member: MemberId, bytes: u64, more: bool, result: Result<(), SubmitError> },
    Carried(Box<Carried>),
    Resolved { member: MemberId, addresses: Vec<Multiaddr> },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It was told to stop, or the node stops.
    Stopped,
    /// The alliance has other members or keys than when it began.
    Changed,
}

/// The network's task.
pub(crate) struct Service {
    plan: Plan,
    swarm: Swarm<Behaviour>,
    sync: Sync,
    rounds: Rounds,
    courier: Courier,
    dialer: Dialer,
    /// The statements of addresses that the dialer knows of.
    stated: Directory,
    peers: BTreeMap<MemberId, Peer>,
    /// Requests of this node that are not answered yet.
    asked: HashMap<OutboundRequestId, (MemberId, Request)>,
    /// Answers that are on their way, with the turns that they take up.
    leaving: HashMap<InboundRequestId, (MemberId, OwnedSemaphorePermit)>,
    /// Threads that answer.
    slots: Arc<Semaphore>,
    finished: mpsc::Sender<Done>,
    results: mpsc::Receiver<Done>,
    questions: mpsc::Receiver<Question>,
    started: Instant,
    /// How many changes the alliance had seen when the run began.
    version: u64,
    /// When the next member goes over to a new transport key.
    next_transport: Option<u64>,
    /// Who was told which heads of the order log.
    telling: Telling,
    /// The convictions that the sessions know of, each with the last common point.
    convicted: BTreeMap<LogId, Option<u64>>,
}

impl Service {
    /// Sets it up; [`Service::run`] runs it.
    ///
    /// # Errors
    /// [`NetError::System`].
    pub fn new(plan: Plan, swarm: Swarm<Behaviour>, questions: mpsc::Receiver<Question>) -> Result<Self, NetError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| NetError::System(error.to_string()))?;
        let spread = seed.iter().fold(0u64, |spread, byte| spread.rotate_left(8) ^ u64::from(*byte));
        let state = plan.handle.state();
        let started = Instant::now();
        let peer = || Peer {
            connections: BTreeMap::new(),
            since: wall_clock(),
            last_error: None,
            accused: None,
            traffic: Traffic::default(),
            turnstile: Arc::new(Turnstile::new()),
            hearing: false,
            hear_at: 0,
        };
        let addresses = |member: &MemberId| addresses(&plan, &state.ledger.addresses, member);
        let reachable: Vec<MemberId> = plan.members.iter().map(|(member, _)| *member).filter(|member| !addresses(member).is_empty()).collect();
        let (finished, results) = mpsc::channel(limits::RESULTS);
        let mut sync = Sync::new(state.ledger.me, sync::followed(&state.ledger), plan.sync, spread);
        let convicted = state.ledger.convictions.iter().map(|conviction| (conviction.log(), conviction.common())).collect();
        state.ledger.convictions.iter().for_each(|conviction| sync.convict(conviction));
        for (member, _) in plan.members.iter().filter(|(member, _)| !reachable.contains(member)) {
            sync.handle(Event::Unreachable(*member), 0);
        }
        let leads = state.ledger.alliance.leader().is_some_and(|leader| leader.id == state.ledger.me);
        let relays = plan.relay.unwrap_or(leads);
        plan.handle.relaying().relays.store(relays, Ordering::Relaxed);
        Ok(Self {
            sync,
            courier: Courier::new(relays, plan.members.iter().map(|(member, _)| *member)),
            rounds: Rounds::new(state.ledger.me, plan.members.iter().map(|(member, _)| *member)),
            dialer: Dialer::new(reachable, seed, started),
            stated: state.ledger.addresses.clone(),
            peers: plan.members.iter().map(|(member, _)| (*member, peer())).collect(),
            asked: HashMap::new(),
            leaving: HashMap::new(),
            slots: Arc::new(Semaphore::new(limits::ANSWERS)),
            plan,
            swarm,
            finished,
            results,
            questions,
            started,
            version: state.ledger.alliance.version(),
            next_transport: state.ledger.decisions.next_transport(wall_clock()),
            telling: Telling::default(),
            convicted,
        })
    }

    /// Runs until it is told to stop or the node stops.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) -> End {
        let mut heads = self.handle().heads();
        let mut ticks = ticks();
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.swarm_event(event),
                Some(done) = self.results.recv() => self.done(done),
                grown = heads.changed() => match grown {
                    Ok(()) => {
                        let sizes = heads.borrow_and_update().clone();
                        self.step(Event::Local(sizes));
                        self.follow_addresses();
                    }
                    Err(_) => return End::Stopped,
                },
                _ = ticks.tick() => {
                    self.step(Event::Tick);
                    self.turn_rounds();
                    self.carry(Carried::Tick);
                    self.dial_due();
                    if self.handle().state().ledger.alliance.version() != self.version || self.next_transport.is_some_and(|switch| wall_clock() >= switch) {
                        return End::Changed;
                    }
                    self.tell_convictions();
                    self.decide();
                }
                Some(question) = self.questions.recv() => {
                    let _ = question.send(self.status());
                }
                _ = stopping.wait_for(|stop| *stop) => return End::Stopped,
            }
        }
    }

    /// Lets the node do what is due for the alliance's decisions, and tells connected members which heads of the order log it knows.
    fn decide(&mut self) {
        let reached: BTreeSet<MemberId> = self.peers.iter().filter(|(_, peer)| !peer.connections.is_empty()).map(|(member, _)| *member).collect();
        let heads = self.handle().state().ledger.decisions.heads().to_send();
        let now = self.now();
        for member in self.telling.due(&heads, &reached, now) {
            self.ask(member, Request::OrderHeads(heads.clone()));
        }
        self.handle().decide(reached);
    }

    /// A member has said which heads of the order log it knows.
    fn learn_heads(&mut self, member: MemberId, heads: &HeadsToTell) {
        self.telling.heard(member, heads, self.now());
        self.handle().learn_heads(heads.clone());
    }

    fn handle(&self) -> &Handle {
        &self.plan.handle
    }

    /// Milliseconds since the task began, as the sessions count.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn step(&mut self, event: Event) {
        let now = self.now();
        for action in self.sync.handle(event, now) {
            self.act(action);
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Answered { member, id, channel, answer } => self.send_answer(member, id, channel, answer),
            Done::Heard { member, version, result } => self.heard(member, version, result),
            // A writer that has stopped judges nothing more.
            Done::Judged { result: Err(_) } => {}
            Done::Judged { result: Ok(Witnessed { cosigned, waiting }) } => self.round(Round::Judged { cosigned, waiting }),
            Done::Decoded { member, request: Request::Cosigned(_), response, .. } => {
                self.round(if response == Ok(Response::Noted) { Round::Told(member) } else { Round::NotTold(member) });
            }
            Done::Decoded { member, request: request @ (Request::Collect(_) | Request::Fetch(_)), response, .. } => {
                self.relayed(member, request, response)
            }
            Done::Sought { member, found } => self.carry(match found {
                Some((sought, after)) => Carried::Found { member, sought, after },
                None => Carried::Failed(member),
            }),
            Done::Kept { member, bytes, more, result } => self.carry(match result {
                Ok(()) => Carried::Kept { member, bytes, more },
                // A writer that has stopped keeps nothing more.
                Err(_) => Carried::Failed(member),
            }),
            Done::Carried(event) => self.carry(*event),
            Done::Decoded { member, request, response, study } => {
                if let (Some(peer), Ok(Response::Batch(Some(batch)))) = (self.peers.get_mut(&member), &response) {
                    peer.traffic.entries_received = peer.traffic.entries_received.saturating_add(batch.entries.len() as u64);
                }
                if let Ok(Response::OrderHeads(heads)) = &response {
                    self.learn_heads(member, heads);
                }
                self.step(Event::Answer { member, request, response });
                study.into_iter().for_each(|found| self.step(*found));
            }
            Done::TakenIn { log, result } => self.taken_in(log, result),
            Done::Filled { result } => self.step(match result {
                Ok(()) => Event::Filled,
                Err(SubmitError::Batch(error)) => Event::NotFilled(error),
                Err(_) => Event::NotFilled(BatchError::Elsewhere),
            }),
            Done::Convicted { by, result } => self.convicted(by, result),
            Done::Learned { member, result: Ok(result) } => self.step(Event::Learned { member, result }),
            // A writer that has stopped learns nothing more.
            Done::Learned { .. } => {}
            Done::Resolved { member, addresses } => self.dial(member, addresses),
        }
    }

    /// Evidence was judged: that of another member's word, or what this node found itself.
    fn convicted(&mut self, by: Option<MemberId>, result: Result<Option<Arc<Conviction>>, SubmitError>) {
        match (result, by) {
            (Ok(Some(_)), _) => self.tell_convictions(),
            (Err(SubmitError::Evidence(fault)), Some(member)) => self.step(Event::Slander { member, fault }),
            (Ok(None) | Err(_), _) => {}
        }
    }

    /// Tells the sessions of convictions that came to light: by evidence that was shown, or at the witness's desk.
    fn tell_convictions(&mut self) {
        let ledger = self.handle().state().ledger;
        for conviction in ledger.convictions.iter() {
            let (log, common) = (conviction.log(), conviction.common());
            if self.convicted.insert(log, common) != Some(common) {
                self.sync.convict(conviction);
                self.step(Event::Tick);
            }
        }
    }

    fn taken_in(&mut self, log: LogId, result: Result<TakenIn, SubmitError>) {
        let size = self.handle().state().ledger.logs.known(&log).map_or(0, suyuan_engine::logs::LogHead::size);
        let here = LogSize { log, size };
        self.step(match result {
            Ok(taken) => Event::TakenIn(taken.log),
            Err(SubmitError::Batch(error)) => Event::Refused { log: here, error },
            // Nobody's fault but this node's own, which is stopping.
            Err(_) => Event::Refused { log: here, error: BatchError::Elsewhere },
        });
    }

    /// Runs something beside this task; its result comes back to it. How much runs is bounded by what it is started for.
    fn beside(&self, work: impl Future<Output = Done> + Send + 'static) {
        let finished = self.finished.clone();
        tokio::spawn(async move {
            let done = work.await;
            // Nobody waits for it any more when the network has stopped.
            let _ = finished.send(done).await;
        });
    }

    fn status(&self) -> Status {
        use Ordering::Relaxed;
        let shared = &self.plan.shared;
        Status {
            listening: self.swarm.listeners().map(ToString::to_string).collect(),
            peers: self.peers.iter().map(|(member, peer)| self.peer_status(member, peer)).collect(),
            logs: self.sync.holders().map(|(log, holders)| LogStatus { log, holders }).collect(),
            gaps: self.sync.gaps().map(|(Gap { circle, log }, known)| GapStatus { circle, log, known }).collect(),
            alarms: self.rounds.alarms(&self.local(), self.now()),
            own_head_known: *shared.own_head_known.borrow(),
            turned_away: shared.turned_away.load(Relaxed),
            handshakes_failed: shared.handshakes_failed.load(Relaxed),
            restarts: shared.restarts.load(Relaxed),
        }
    }

    fn peer_status(&self, member: &MemberId, peer: &Peer) -> PeerStatus {
        let now = self.now();
        let known = self.plan.members.known(member);
        let connected = !peer.connections.is_empty();
        let addresses: Vec<String> = if connected {
            peer.connections.values().map(ToString::to_string).collect()
        } else {
            addresses(&self.plan, &self.stated, member).iter().map(ToString::to_string).collect()
        };
        PeerStatus {
            member: *member,
            name: known.map(|known| known.name.clone()).unwrap_or_default(),
            connected,
            since: peer.since,
            addresses,
            last_error: peer.last_error.clone(),
            accused: peer.accused.clone(),
            resting: self.sync.resting(member, now).map(|until| until.saturating_sub(now)),
            traffic: peer.traffic,
        }
    }
}

/// Where a member may be reached.
fn addresses(plan: &Plan, stated: &Directory, member: &MemberId) -> Vec<Multiaddr> {
    let stated = stated.of(member).map(|stated| stated.addresses.as_slice());
    plan.members.known(member).map(|known| known.addresses(stated)).unwrap_or_default()
}

fn ticks() -> Interval {
    let mut ticks = tokio::time::interval(limits::TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
