//! `suyuan run`: the node until it is told to stop.

use std::sync::Arc;

use serde_json::json;
use suyuan_api::auth::{Auth, Rights};
use suyuan_api::limits;
use suyuan_api::tls::Tls;
use suyuan_api::{AppState, Backup, Disk, Hosts, PeerStatus, Settings};
use suyuan_core::MemberId;
use suyuan_core::charter::CharterFile;
use suyuan_engine::wire::LogSize;
use suyuan_engine::witnessing::Alarm;
use suyuan_net::{NetConfig, Network};
use suyuan_runtime::keyring::Keyring;
use suyuan_runtime::node::{member_of, now};
use suyuan_runtime::{Handle, Node, NodeConfig, StartError};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::operator::AUTH_FILE;
use super::{Place, TOKEN_FILE, backup, charter};
use crate::answer::{Answer, Failure, write_new, write_secret};
use crate::cli;
use crate::config::{self, Config};
use crate::external;
use crate::telemetry;

pub fn run(at: &Place<'_>, flags: &cli::Run) -> Result<Answer, Failure> {
    telemetry::start();
    let config = Config::load(at.data, flags)?;
    let keyring = at.keyring()?;
    let charter = install(at, flags, &keyring)?;
    if keyring.is_development() {
        check_development(&config, &charter)?;
        warn!("this is a development keyring without passphrase: whoever reads the disk reads everything");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::local)?;
    let alliance = charter.verify(None).map_err(Failure::local)?.id();
    let backup = backup::state(at.data, &keyring, Some(alliance));
    let disk = Disk { folder: at.data.to_owned(), reserve: limits::RESERVE };
    let parts = Parts { auth: open_auth(at)?, tls: open_tls(&config)?, backup, disk };
    let node = Node::start_held(NodeConfig { data: at.data.to_owned(), charter, keyring }).map_err(Failure::local)?;
    runtime.block_on(serve(node, &config, parts))
}

/// The charter in the data folder; at the first start it comes from the flag.
fn install(at: &Place<'_>, flags: &cli::Run, keyring: &Keyring) -> Result<CharterFile, Failure> {
    let kept = at.data.join(charter::FILE);
    if let Some(given) = &flags.charter {
        let file = charter::read(given)?;
        let alliance = file
            .verify(None)
            .map_err(|fault| Failure::local(format!("{}: {fault}; `suyuan charter check` shows what is missing", given.display())))?;
        match kept.exists() {
            false => {
                // Before anything is kept: another alliance's charter would bind this keyring for good.
                member_of(&alliance, keyring).ok_or_else(|| Failure::local(StartError::NotAMember))?;
                write_new(&kept, &file.to_bytes())?;
            }
            true if charter::read(&kept)? == file => {}
            true => return Err(Failure::local(format!("{} holds another charter already", at.data.display()))),
        }
    }
    if !kept.exists() {
        return Err(Failure::local("this node has no charter yet; start it once with --charter FILE"));
    }
    charter::read(&kept)
}

/// A keyring without passphrase protects nothing, so nothing outside this machine may be involved.
fn check_development(config: &Config, charter: &CharterFile) -> Result<(), Failure> {
    let alliance = charter.verify(None).map_err(Failure::local)?;
    let addresses = alliance.members().iter().flat_map(|member| &member.entry.addresses);
    let outside: Vec<&String> = addresses.filter(|address| !config::is_loopback(address)).collect();
    if config.is_loopback() && outside.is_empty() {
        return Ok(());
    }
    let what = outside.first().map_or("a listener".to_owned(), |address| format!("the charter's address {address}"));
    Err(Failure::local(format!(
        "a development keyring runs on loopback only, and {what} is not; make a member with a passphrase: suyuan init without --development"
    )))
}

/// Sets the listeners up, and serves until told to stop.
async fn serve(node: Node, config: &Config, parts: Parts) -> Result<Answer, Failure> {
    let Parts { auth, tls, backup, disk } = parts;
    let network = NetConfig { listen: config.p2p.clone(), peers: Vec::new(), sync: Default::default(), relay: config.relay };
    let network = suyuan_net::start(node.handle.clone(), network).map_err(Failure::local)?;
    let (admin, public) = (bind(config.admin).await?, bind(config.public).await?);
    let public_url = config.public_url.clone().unwrap_or_else(|| config.own_url());
    let (peers, status) = watch::channel(Vec::new());
    let hosts = Hosts::new(config.hosts.iter().cloned());
    let (hold, held) = watch::channel(true);
    let (alarm, alarms) = watch::channel(Vec::new());
    let (auth, witnessed_logs) = (Arc::new(auth), config.witness_logs.clone());
    let app = Settings { handle: node.handle.clone(), auth, peers: status, public_url, hosts, held, disk, backup, alarms, witnessed_logs };
    let app = AppState::new(app);
    let (stop, stopping) = watch::channel(false);
    let stopped = |mut stopping: watch::Receiver<bool>| async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(suyuan_api::serve(admin, suyuan_api::admin_router(app.clone()), stopped(stopping.clone())));
    for witness in &config.external_witnesses {
        tokio::spawn(external::ask(node.handle.clone(), witness.clone(), stopping.clone()));
    }
    let public_router = suyuan_api::public_router(app);
    match tls {
        Some(tls) => tasks.spawn(suyuan_api::serve_tls(public, public_router, Arc::new(tls), stopped(stopping))),
        None => tasks.spawn(suyuan_api::serve(public, public_router, stopped(stopping))),
    };
    let watcher = tokio::spawn(watch_peers(network.clone(), peers, alarm));
    let releaser = tokio::spawn(release(node.handle.clone(), network.clone(), hold));
    info!(admin = %config.admin, public = %config.public, "the node runs");

    let end = until_stopped(&node.handle).await;
    info!("stopping");
    stop.send_replace(true);
    while tasks.join_next().await.is_some() {}
    watcher.abort();
    releaser.abort();
    network.stop().await;
    node.stop().await.map_err(Failure::local).and(end)?;
    Ok(Answer::new("stopped", json!({ "stopped": true })))
}

/// What of the keyring and the data folder the listeners need.
struct Parts {
    auth: Auth,
    tls: Option<Tls>,
    backup: Backup,
    disk: Disk,
}

async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::local(format!("cannot listen on {address}: {error}; choose another with --admin or --public")))
}

/// Ends with a signal, or with the writer: a node that cannot write does not pretend to run.
async fn until_stopped(handle: &Handle) -> Result<(), Failure> {
    let mut heads = handle.heads();
    let writer = async { while heads.changed().await.is_ok() {} };
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::local)?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::local),
        _ = terminate.recv() => Ok(()),
        () = writer => Ok(()),
    }
}

/// Lets this member write as soon as the others have said how far they have this member's log, and holds it again when something speaks against that; alone,
/// at once.
async fn release(handle: Handle, network: Network, hold: watch::Sender<bool>) {
    if handle.state().ledger.alliance.members().len() == 1 {
        handle.hold_authoring(false).await;
        hold.send_replace(false);
        return;
    }
    let mut known = network.own_head_known();
    loop {
        let held = !*known.borrow_and_update();
        handle.hold_authoring(held).await;
        hold.send_replace(held);
        if known.changed().await.is_err() {
            return;
        }
    }
}

/// Tells the pages how the peers are.
async fn watch_peers(network: Network, peers: watch::Sender<Vec<PeerStatus>>, alarms: watch::Sender<Vec<Alarm>>) {
    let mut pace = tokio::time::interval(std::time::Duration::from_secs(1));
    loop {
        pace.tick().await;
        let status = network.status().await;
        let held = |member: &MemberId| status.logs.iter().filter_map(|log| Some(LogSize { log: log.log, size: *log.holders.get(member)? })).collect();
        let peer = |peer: &suyuan_net::status::PeerStatus| PeerStatus {
            member: peer.member,
            connected: peer.connected,
            address: peer.addresses.first().cloned(),
            heard: Some(peer.since),
            trouble: peer.last_error.clone(),
            logs: held(&peer.member),
        };
        alarms.send_replace(status.alarms);
        peers.send_replace(status.peers.iter().map(peer).collect());
    }
}

/// Reads certificate and key before anything is started: whoever prints codes with https:// is told at once that nobody would answer there.
fn open_tls(config: &Config) -> Result<Option<Tls>, Failure> {
    let tls = config.public_tls.clone().map(Tls::open).transpose().map_err(Failure::local)?;
    if tls.is_some() && config.public_url.as_ref().is_some_and(|url| url.starts_with("http://")) {
        warn!("the public side speaks TLS, but --public-url, to which printed codes lead, begins with http://");
    }
    Ok(tls)
}

/// Opens tokens and operator, and leaves a token in the data folder for whoever may read it: this machine's operator.
fn open_auth(at: &Place<'_>) -> Result<Auth, Failure> {
    let auth = Auth::open(&at.data.join(AUTH_FILE)).map_err(Failure::local)?;
    let path = at.data.join(TOKEN_FILE);
    let kept = std::fs::read_to_string(&path).is_ok_and(|token| auth.bearer(token.trim(), now()).is_ok());
    if !kept {
        let _ = std::fs::remove_file(&path);
        let (_, token) = auth.add_token("local operator", Rights::Admin, now(), u64::MAX).map_err(Failure::local)?;
        write_secret(&path, token.as_bytes())?;
    }
    if !auth.has_operator() {
        warn!("the console has no operator yet; set a password with: suyuan operator");
    }
    Ok(auth)
}
