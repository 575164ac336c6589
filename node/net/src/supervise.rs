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
use crate::service::Service;
use crate::swarm::{self, Behaviour};

/// Starts the first run, so that what is wrong shows at once, and the supervisor behind it.
///
/// # Errors
/// [`NetError`].
pub(crate) fn spawn(plan: Plan, stopping: watch::Receiver<bool>) -> Result<(), NetError> {
    let first = service(&plan, swarm(&plan)?)?;
    tokio::spawn(supervise(plan, first, stopping));
    Ok(())
}

async fn supervise(plan: Plan, first: Service, stopping: watch::Receiver<bool>) {
    let mut next = Ok(first);
    let mut failed = 0u32;
    loop {
        match next {
            Ok(service) => {
                let ended = tokio::spawn(service.run(stopping.clone())).await;
                plan.shared.questions.write().unwrap_or_else(PoisonError::into_inner).take();
                if ended.is_ok() {
                    return info!("the network has stopped");
                }
                error!("the network's task panicked and is started again; connections are lost, data is not touched");
            }
            Err(why) => error!(%why, "the network could not be started again"),
        }
        plan.shared.restarts.fetch_add(1, Ordering::Relaxed);
        let mut stop = stopping.clone();
        let stopped = tokio::time::timeout(restart_pause(failed), stop.wait_for(|stop| *stop)).await;
        if stopped.is_ok() {
            return;
        }
        failed = failed.saturating_add(1);
        next = swarm(&plan).and_then(|swarm| service(&plan, swarm));
    }
}

fn service(plan: &Plan, swarm: Swarm<Behaviour>) -> Result<Service, NetError> {
    let (questions, asked) = mpsc::channel(limits::QUESTIONS);
    let service = Service::new(plan.clone(), swarm, asked)?;
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
