//! `suyuan-testnet up`: an alliance of real nodes to try things with, and what is printed of a running cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::cluster::{Cluster, Founder, Ground};
use crate::hosts::{self, Host};
use crate::story;

/// Roles of further members, in turn.
const ROLES: [&str; 4] = ["upstream", "midstream", "downstream", "support"];

/// `suyuan-testnet up`.
#[derive(Debug, Args)]
pub struct Flags {
    /// How many nodes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=64))]
    nodes: u8,
    #[command(flatten)]
    place: Place,
}

/// Where a cluster runs, and where its data stands.
#[derive(Debug, Args)]
pub struct Place {
    /// Keep the data folders here.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Give each node a host of its own, in a network namespace, and a passphrase. Needs root, or the right to make user namespaces.
    #[arg(long)]
    apart: bool,
}

/// A place that was made ready.
#[derive(Debug)]
pub struct Ready {
    /// Folder for the data.
    pub folder: PathBuf,
    /// Where the nodes run.
    pub ground: Ground,
    _temporary: tempfile::TempDir,
}

impl Place {
    /// Makes it ready. With hosts of their own the program begins again; so this goes first.
    ///
    /// # Errors
    /// Why it could not be made, in words.
    pub fn prepare(&self) -> Result<Ready, String> {
        if self.apart {
            hosts::move_apart()?;
        }
        let temporary = tempfile::tempdir().map_err(|error| error.to_string())?;
        let folder = self.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let ground = if self.apart { Ground::Hosts } else { Ground::Loopback };
        Ok(Ready { folder, ground, _temporary: temporary })
    }
}

/// Founds the cluster and runs it until it is interrupted.
///
/// # Errors
/// What failed, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    let place = flags.place.prepare()?;
    let say = |what: &str| eprintln!("{what}");
    let cluster = Cluster::found(&place.folder, &founders(flags.nodes), place.ground, &say)?;
    cluster.settle(Duration::from_secs(60))?;
    let described = describe(&cluster, &place.folder)?;
    until_interrupted(|| if as_json { println!("{described}") } else { print_nodes(&described) });
    Ok(true)
}

/// The story's members, and as many further ones as are wanted.
fn founders(count: u8) -> Vec<Founder> {
    let more = (1..).zip(ROLES.into_iter().cycle()).map(|(number, role): (u8, _)| Founder {
        key: format!("M{number}").into(),
        name: format!("M{number}").into(),
        role,
        scope: &[],
    });
    story::FOUNDERS.into_iter().chain(more).take(count.into()).collect()
}

/// A running cluster: alliance, nodes and how to reach them. With hosts of their own also the words that make a command run there.
///
/// # Errors
/// Which node does not answer.
pub fn describe(cluster: &Cluster, folder: &Path) -> Result<Value, String> {
    let mut nodes = Vec::new();
    for node in &cluster.nodes {
        let status = node.client()?.node().map_err(|error| error.to_string())?;
        nodes.push(json!({ "key": node.founder.key, "name": node.founder.name, "role": node.founder.role, "member": status.member.id,
            "data": node.data, "admin": format!("http://{}", node.admin), "public": format!("http://{}", node.public),
            "token": node.token()?, "password": node.password, "logSize": status.size, "checkpoint": status.published.map(|published| published.note),
            "enter": node.host.as_ref().map(Host::enter) }));
    }
    Ok(json!({ "alliance": cluster.alliance, "folder": folder, "nodes": nodes }))
}

/// Prints who runs where, and how to log in.
pub fn print_nodes(described: &Value) {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["member", "role", "console", "password"]);
    for node in described["nodes"].as_array().into_iter().flatten() {
        let text = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
        table.add_row([text("name"), text("role"), text("admin"), text("password")]);
    }
    println!("\n{table}\n");
}

/// Announces what runs, and waits for Ctrl-C or SIGTERM; the nodes are stopped in order afterwards.
pub fn until_interrupted(announce: impl FnOnce()) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return announce() };
    runtime.block_on(async {
        // Whoever reads the announcement may end this at once.
        let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        announce();
        eprintln!("Running until Ctrl-C.");
        if let (Ok(mut interrupted), Ok(mut terminated)) = signals {
            tokio::select! { _ = interrupted.recv() => {}, _ = terminated.recv() => {} }
        }
    });
}
