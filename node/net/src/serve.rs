//! Answering requests: in turn, on threads of their own, and no faster for one member than its share.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use suyuan_core::MemberId;
use suyuan_engine::epoch;
use suyuan_engine::relay::{self, Holder, Surroundings, shelf};
use suyuan_engine::serve;
use suyuan_engine::wire::{Request, Response};
use suyuan_runtime::Handle;
use suyuan_runtime::node::now;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tracing::{error, info};

use crate::limits;

/// Where one member's requests queue up.
#[derive(Debug)]
pub(crate) struct Turnstile {
    waiting: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    making: Semaphore,
    share: Mutex<Share>,
}

/// What a member may still draw. Bytes are paid after they were made, so they may be owed.
#[derive(Debug)]
struct Share {
    requests: Bucket,
    bytes: Bucket,
}

/// A token bucket. Its level is counted as the time at which it will be full again.
#[derive(Debug)]
struct Bucket {
    rate: u64,
    full_at: Instant,
}

impl Bucket {
    fn new(rate: u64, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    fn spend(&mut self, amount: u64, now: Instant) {
        let nanos = amount.saturating_mul(1_000_000_000).checked_div(self.rate).unwrap_or(0);
        self.full_at = self.full_at.max(now) + Duration::from_nanos(nanos);
    }

    /// How long until it is no longer empty.
    fn wait(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now).saturating_sub(Duration::from_secs(limits::BURST))
    }
}

/// An answer, and the turn that ends when it has left.
pub(crate) struct Answer {
    pub bytes: Vec<u8>,
    pub turn: OwnedSemaphorePermit,
}

/// What answers to those who relay, and for whom this node relays, are made with.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    pub relays: bool,
    pub away: BTreeSet<MemberId>,
}

/// A thread on which an answer is made.
struct Thread<'t> {
    _own: SemaphorePermit<'t>,
    _slot: OwnedSemaphorePermit,
}

impl Turnstile {
    pub fn new() -> Self {
        let now = Instant::now();
        Self {
            waiting: Arc::new(Semaphore::new(limits::WAITING_PER_MEMBER)),
            turns: Arc::new(Semaphore::new(limits::ANSWERS_PER_MEMBER)),
            making: Semaphore::new(limits::MADE_PER_MEMBER),
            share: Mutex::new(Share { requests: Bucket::new(limits::REQUEST_RATE, now), bytes: Bucket::new(limits::BYTE_RATE, now) }),
        }
    }

    /// A place in the queue, if there is one.
    pub fn enter(&self) -> Option<OwnedSemaphorePermit> {
        self.waiting.clone().try_acquire_owned().ok()
    }

    /// Waits for the member's turn and for a thread, and answers. Nothing when the store failed.
    pub async fn answer(
        &self,
        place: OwnedSemaphorePermit,
        slots: Arc<Semaphore>,
        handle: Handle,
        member: MemberId,
        request: Request,
        around: Around,
    ) -> Option<Answer> {
        let turn = self.turns.clone().acquire_owned().await.ok()?;
        tokio::time::sleep(self.wait()).await;
        self.spend(|share, now| share.requests.spend(1, now));
        let thread = self.thread(slots).await?;
        let made = tokio::task::spawn_blocking(move || make(&handle, &member, &request, around)).await;
        drop((thread, place));
        let bytes = made.ok().flatten()?;
        self.spend(|share, now| share.bytes.spend(bytes.len() as u64, now));
        Some(Answer { bytes, turn })
    }

    /// Waits for a thread. The member's own bound comes first, so that it does not wait among the others with more than that.
    async fn thread(&self, slots: Arc<Semaphore>) -> Option<Thread<'_>> {
        let own = self.making.acquire().await.ok()?;
        Some(Thread { _own: own, _slot: slots.acquire_owned().await.ok()? })
    }

    /// Counts a request that costs nothing to answer. False when the member asks faster than it may.
    pub fn pass(&self) -> bool {
        let free = self.wait().is_zero();
        if free {
            self.spend(|share, now| share.requests.spend(1, now));
        }
        free
    }

    fn wait(&self) -> Duration {
        let share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        share.requests.wait(now).max(share.bytes.wait(now))
    }

    fn spend(&self, spend: impl FnOnce(&mut Share, Instant)) {
        spend(&mut self.share.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
    }
}

fn make(handle: &Handle, member: &MemberId, request: &Request, around: Around) -> Option<Vec<u8>> {
    let state = handle.state();
    let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
    let (view, local) = (handle.store().as_ref(), handle.local());
    let answer = match request {
        Request::Collect(cursor) => return collected(handle, member, cursor.as_deref(), around.away),
        Request::Fetch(tags) if around.relays => shelf::fetch(tags, &state.ledger, view, now()).map(|fetched| Response::Fetched(Some(fetched))),
        _ => serve::answer(request, member, &state.ledger, published, view, local),
    };
    match answer {
        Ok(mut response) => {
            if let Response::Items(items) = &mut response {
                let mut rng = suyuan_runtime::random::generator().inspect_err(|error| error!(%error, "no random numbers")).ok()?;
                for (circle, epoch) in epoch::add_slips(items, member, &state.ledger, &state.secrets, &mut rng) {
                    info!(%member, %circle, epoch, "a member that is in this epoch asked for its secret, which was sealed for it anew");
                }
            }
            if let Response::Fetched(Some(fetched)) = &response {
                handle.relaying().served.fetch_add(fetched.packages.len() as u64, Ordering::Relaxed);
            }
            Some(response.to_bytes())
        }
        Err(error) => {
            error!(%error, "a request could not be answered");
            None
        }
    }
}

/// What this node gives a relay for members that are away.
fn collected(handle: &Handle, member: &MemberId, cursor: Option<&[u8]>, away: BTreeSet<MemberId>) -> Option<Vec<u8>> {
    let (state, encryption) = (handle.state(), handle.encryptions());
    let published = state.published.as_ref().map_or(0, |published| published.size);
    let holder =
        Holder { ledger: &state.ledger, secrets: &state.secrets, encryption: &encryption, view: handle.store().as_ref(), local: handle.local() };
    let mut rng = suyuan_runtime::random::generator().inspect_err(|error| error!(%error, "no random numbers")).ok()?;
    let collected = relay::offer(cursor, member, &holder, &Surroundings { away, published, now: now() }, &mut rng);
    let collected = collected.inspect_err(|error| error!(%error, "a request could not be answered")).ok()?;
    Some(Response::Collected(Some(collected)).to_bytes())
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn one_member_leaves_a_thread_to_the_others() {
        let slots = Arc::new(Semaphore::new(limits::ANSWERS));
        let (greedy, other) = (Turnstile::new(), Turnstile::new());
        const SOON: Duration = Duration::from_millis(50);
        let mut held = Vec::new();
        while let Ok(thread) = timeout(SOON, greedy.thread(slots.clone())).await {
            held.push(thread.unwrap());
        }
        assert_eq!(held.len(), limits::MADE_PER_MEMBER);
        let mut waiting = Box::pin(greedy.thread(slots.clone()));
        assert!(timeout(SOON, waiting.as_mut()).await.is_err());
        assert!(timeout(SOON, other.thread(slots.clone())).await.is_ok(), "who waits longer does not stand before it");
        held.clear();
        assert!(timeout(SOON, waiting.as_mut()).await.is_ok());
    }

    #[test]
    fn a_share_is_drawn_at_once_and_then_at_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100, start);
        for _ in 0..200 {
            assert_eq!(bucket.wait(start), Duration::ZERO);
            bucket.spend(1, start);
        }
        bucket.spend(50, start);
        assert_eq!(bucket.wait(start), Duration::from_millis(500));
        assert_eq!(bucket.wait(start + Duration::from_millis(500)), Duration::ZERO);
        let rested = start + Duration::from_secs(60);
        bucket.spend(201, rested);
        assert_eq!(bucket.wait(rested), Duration::from_millis(10), "what is not drawn does not add up");
    }
}
