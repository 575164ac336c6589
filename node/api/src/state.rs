//! What every handler is given: the handle to the node, who may come in, and what the network says of the peers.

use std::collections::BTreeMap;
use std::sync::Arc;

use suyuan_core::MemberId;
use suyuan_core::note::NamedKey;
use suyuan_engine::query::Reader;
use suyuan_engine::wire::LogSize;
use suyuan_engine::witnessing::Alarm;
use suyuan_runtime::{Handle, State};
use tokio::sync::{Semaphore, watch};

use crate::audit::Audits;
use crate::auth::Auth;
use crate::limits;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::trouble::{Backup, Disk};

/// What the network knows of one other member's node. The daemon translates; this crate and the network do not know each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Whose node.
    pub member: MemberId,
    /// Whether it is connected now.
    pub connected: bool,
    /// The address of the connection, or the one tried last.
    pub address: Option<String>,
    /// When it was last heard, milliseconds since 1970-01-01 UTC.
    pub heard: Option<u64>,
    /// Why it could not be reached or was cut off, in words.
    pub trouble: Option<String>,
    /// How far it said that it holds each log.
    pub logs: Vec<LogSize>,
}

/// The newest status of all peers.
pub type PeersStatus = watch::Receiver<Vec<PeerStatus>>;

/// Products that the public side reads at a time: a crowd before it waits, and the node's own work goes on.
const PUBLIC_READS: usize = 8;

/// Names under which the admin listener may be addressed. Loopback names always are among them; whatever else a browser was made to resolve to
/// this machine is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Further names, without ports.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether an authority, `name` or `name:port`, may be addressed.
    pub fn allow(&self, authority: &str) -> bool {
        let Some(name) = host(authority) else { return false };
        let name = name.to_ascii_lowercase();
        let loopback = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
            None => name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        };
        loopback || self.0.contains(&name)
    }
}

/// The host of an authority without its port; nothing where it is not one.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => authority.split_at_checked(end.saturating_add(1))?,
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    (port && !host.is_empty()).then_some(host)
}

/// What a router is made from.
#[derive(Debug)]
pub struct Settings {
    /// The node.
    pub handle: Handle,
    /// Tokens and operator.
    pub auth: Arc<Auth>,
    /// Status of the peers.
    pub peers: PeersStatus,
    /// Address under which the public listener is reached from outside, without a slash at its end, e.g. `https://trace.example.cn`.
    pub public_url: String,
    /// Names of the admin listener.
    pub hosts: Hosts,
    /// Whether authoring is held back, since no other node has said yet how far it has this member's log.
    pub held: watch::Receiver<bool>,
    /// The disk that the node writes to.
    pub disk: Disk,
    /// Whether the member's keys are backed up.
    pub backup: Backup,
    /// What of the witnessing should alarm the operator.
    pub alarms: watch::Receiver<Vec<Alarm>>,
    /// Keys of logs outside the alliance that this node witnesses, under their origins.
    pub witnessed_logs: Vec<NamedKey>,
}

/// What every handler is given. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The node.
    pub handle: Handle,
    /// Tokens, operator and sessions.
    pub auth: Arc<Auth>,
    /// Status of the peers.
    pub peers: PeersStatus,
    /// Address of the public listener, without a slash at its end.
    pub public_url: Arc<str>,
    /// Names of the admin listener.
    pub hosts: Arc<Hosts>,
    /// Counts for Prometheus.
    pub metrics: Arc<Metrics>,
    /// Name of the session cookie: cookies do not tell ports apart, so nodes on one machine need different ones.
    pub cookie: Arc<str>,
    /// Whether authoring is held back.
    pub held: watch::Receiver<bool>,
    /// The disk that the node writes to.
    pub disk: Arc<Disk>,
    /// Whether the member's keys are backed up.
    pub backup: Backup,
    /// What of the witnessing should alarm the operator.
    pub alarms: watch::Receiver<Vec<Alarm>>,
    /// Logs outside the alliance that are witnessed, by origin.
    pub witnessed_logs: Arc<BTreeMap<String, NamedKey>>,
    /// Places for requests to the witness.
    pub witness_requests: Arc<Semaphore>,
    /// The newest audit.
    pub(crate) audits: Arc<Audits>,
    public_reads: Arc<Semaphore>,
}

impl AppState {
    /// The state of one node's routers. Both of its routers are made from the same.
    pub fn new(settings: Settings) -> Self {
        let Settings { handle, auth, peers, public_url, hosts, held, disk, backup, alarms, witnessed_logs } = settings;
        let mut me = handle.state().ledger.me.to_string();
        me.truncate(16);
        Self {
            handle,
            auth,
            peers,
            public_url: public_url.trim_end_matches('/').into(),
            hosts: Arc::new(hosts),
            metrics: Arc::default(),
            cookie: format!("suyuan_{me}").into(),
            held,
            disk: Arc::new(disk),
            backup,
            alarms,
            witnessed_logs: Arc::new(witnessed_logs.into_iter().map(|key| (key.name.clone(), key)).collect()),
            witness_requests: Arc::new(Semaphore::new(limits::WITNESS_REQUESTS)),
            audits: Arc::default(),
            public_reads: Arc::new(Semaphore::new(PUBLIC_READS)),
        }
    }

    /// Reads the store with everything that this node may open, off the threads that serve connections.
    ///
    /// # Errors
    /// Those of `read`, and [`Problem`] where it did not end.
    pub async fn read<T: Send + 'static>(&self, read: impl FnOnce(&Reading) -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
        let reading = Reading { state: self.handle.state(), handle: self.handle.clone() };
        blocking(move || read(&reading)).await?
    }

    /// Runs a read for the public, of which only so many run at once.
    ///
    /// # Errors
    /// [`Problem`] where it did not end.
    pub async fn public_read<T: Send + 'static>(&self, read: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let _permit = self.public_reads.acquire().await.map_err(|closed| Problem::internal(&closed))?;
        blocking(read).await
    }
}

/// Runs what blocks or takes long off the threads that serve connections.
///
/// # Errors
/// [`Problem`] where it did not end.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}

/// One consistent state to read from.
#[derive(Debug)]
pub struct Reading {
    /// The state.
    pub state: State,
    handle: Handle,
}

impl Reading {
    /// Reads with everything that this node may open.
    pub fn reader(&self) -> Reader<'_, impl suyuan_engine::view::View> {
        let state = &self.state;
        let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
        Reader { ledger: &state.ledger, secrets: &state.secrets, local: self.handle.local(), view: self.handle.store().as_ref(), published }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_named_hosts_are_allowed() {
        let hosts = Hosts::new(["Node.Example.cn".to_owned()]);
        for good in ["localhost", "LOCALHOST:80", "127.0.0.1:7001", "127.3.2.1", "[::1]", "[::1]:8080", "node.example.cn", "NODE.example.cn:443"] {
            assert!(hosts.allow(good), "{good}");
        }
        let bad = [
            "",
            ":80",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost.",
            "[::1",
            "::1",
            "[::2]",
            "0.0.0.0",
            "localhost:99999",
            "localhost:x",
            "localhost:80:80",
            "user@localhost",
            "node.example.cn.",
            "127.0.0.1 ",
            "2130706433",
            "0x7f.1",
        ];
        for bad in bad {
            assert!(!hosts.allow(bad), "{bad}");
        }
    }
}
