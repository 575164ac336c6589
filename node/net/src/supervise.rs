//! Keeping the network's task running: a panic in it costs the connections, never the node.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, Swarm};
use tokio::sync::{mpsc, watch};
use tracing::{error, info};

use crate::config::NetError;
use crate::dialer::restart_pause;
use crate::limits;
use crate::network::Plan;
use crate::service::{End, Service};
use crate::swarm::{self, Behaviour};

/// Starts the first run, so that what is wrong shows at once, and the supervisor behind it.
///
/// # Errors
/// [`NetError`].
pub(crate) fn spawn(plan: Plan, stopping: watch::Receiver<bool>) -> Result<(), NetError> {
    let first = service(&plan)?.run(stopping.clone());
    let watched = stopping.clone();
    let again = move |after: After| {
        if after == After::Panic {
            plan.shared.restarts.fetch_add(1, Ordering::Relaxed);
        }
        service(&plan.renewed()?).map(|service| service.run(stopping.clone()))
    };
    tokio::spawn(supervise(first, again, watched));
    Ok(())
}

/// Why there is another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Panic,
    /// Other members than before: all connections are closed, and made anew with those who still may.
    Change,
}

/// Runs until a run is told to stop.
async fn supervise<R: Future<Output = End> + Send + 'static>(
    first: R,
    mut again: impl FnMut(After) -> Result<R, NetError>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut run = Some(first);
    let mut failed = 0u32;
    loop {
        let ended = match run.take() {
            Some(run) => tokio::spawn(run).await.map_err(|_| ()),
            None => Err(()),
        };
        match ended {
            Ok(End::Stopped) => return info!("the network has stopped"),
            Ok(End::Changed) => {
                info!("the alliance has other members; connections are made anew");
                run = again(After::Change).inspect_err(|why| error!(%why, "the network could not be started again")).ok();
                if run.is_some() {
                    continue;
                }
            }
            Err(()) => error!("the network's task has ended and is started again; connections are lost, data is not touched"),
        }
        let stopped = tokio::time::timeout(restart_pause(failed), stopping.wait_for(|stop| *stop)).await;
        if stopped.is_ok() {
            return info!("the network has stopped");
        }
        failed = failed.saturating_add(1);
        run = again(After::Panic).inspect_err(|why| error!(%why, "the network could not be started again")).ok();
    }
}

/// A run, and the way by which it is asked.
fn service(plan: &Plan) -> Result<Service, NetError> {
    let (questions, asked) = mpsc::channel(limits::QUESTIONS);
    let service = Service::new(plan.clone(), swarm(plan)?, asked)?;
    *plan.shared.questions.write().unwrap_or_else(PoisonError::into_inner) = Some(questions);
    Ok(service)
}

/// The swarm, listening where it did before if the operating system had chosen the port.
fn swarm(plan: &Plan) -> Result<Swarm<Behaviour>, NetError> {
    let before = plan.shared.listening.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let chosen = plan.listen.iter().any(has_no_port) && !before.is_empty();
    let listen = if chosen { &before } else { &plan.listen };
    swarm::build(&plan.key, &plan.handle.state().ledger.alliance.id(), &plan.members, &plan.shared.turned_away, listen)
}

fn has_no_port(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::Tcp(0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn after_a_panic_it_runs_again_shortly() {
        let (_stop, stopping) = watch::channel(false);
        let runs = Arc::new(AtomicU32::new(0));
        let count = runs.clone();
        let run = move |panics: bool| {
            let count = count.clone();
            async move {
                count.fetch_add(1, Ordering::Relaxed);
                assert!(!panics, "as the test wants it");
                End::Stopped
            }
        };
        let start = Instant::now();
        let mut left = 2;
        let again = {
            let run = run.clone();
            move |_| {
                left -= 1;
                Ok(run(left > 0))
            }
        };
        supervise(run(true), again, stopping).await;
        assert_eq!(runs.load(Ordering::Relaxed), 3);
        // The two pauses take 0.6 s; the rest is left to a machine that is busy otherwise.
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn it_stops_while_it_cannot_be_started_again() {
        let (stop, stopping) = watch::channel(false);
        let first = async {
            assert_eq!(1, 2, "as the test wants it");
            End::Stopped
        };
        let supervised = tokio::spawn(supervise(first, |_| Err(NetError::Key), stopping));
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.send_replace(true);
        tokio::time::timeout(Duration::from_secs(1), supervised).await.unwrap().unwrap();
    }
}
