//! `suyuan-testnet demo`: the story on five real nodes, what was checked of it, and where to look.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use suyuan_core::AllianceId;

use crate::checks::{self, Check};
use crate::cluster::{Cluster, Ground};
use crate::hosts::Host;
use crate::living;
use crate::story::{self, GTIN, LOT, Told};
use crate::up::{self, Place};

/// How long the nodes may take to come to the same logs.
const SETTLE: Duration = Duration::from_secs(60);

/// `suyuan-testnet demo`.
#[derive(Debug, Args)]
pub struct Flags {
    /// End when everything was checked, instead of running until Ctrl-C.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    place: Place,
}

/// Plays the demo. Says whether every check holds.
///
/// # Errors
/// What failed, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    let place = flags.place.prepare()?;
    let begun = std::time::Instant::now();
    let say = |what: &str| eprintln!("[{:>5.1} s] {what}", begun.elapsed().as_secs_f64());
    let mut cluster = Cluster::found(&place.folder, &story::FOUNDERS, place.ground, &say)?;
    let told = story::tell(&cluster, &say)?;
    say("waiting until every node has every log");
    cluster.settle(SETTLE)?;
    say("checking");
    let mut checks = checks::running(&cluster, &told, &place.folder)?;
    checks.extend(living::play(&mut cluster, &place.folder, &say)?);
    let visitor = visitor(&cluster, place.ground)?;
    let described = describe(&cluster, &told, &place.folder, visitor.as_ref())?;
    if !flags.once {
        up::until_interrupted(|| report(&described, &checks, as_json));
    }
    say("stopping, and checking every store from disk");
    cluster.stop();
    checks.extend(checks::stopped(&cluster, &told, &place.folder));
    if flags.once {
        report(&described, &checks, as_json);
    }
    Ok(checks.iter().all(|check| check.ok))
}

/// A host without a node, for somebody who scans a code.
fn visitor(cluster: &Cluster, ground: Ground) -> Result<Option<Host>, String> {
    let number = u8::try_from(cluster.nodes.len()).unwrap_or(u8::MAX).saturating_add(1);
    if ground == Ground::Hosts { Host::new(number).map(Some) } else { Ok(None) }
}

fn describe(cluster: &Cluster, told: &Told, folder: &Path, visitor: Option<&Host>) -> Result<Value, String> {
    let mut described = up::describe(cluster, folder)?;
    let secrets: Vec<Value> =
        told.secrets.iter().map(|secret| json!({ "name": secret.name, "text": secret.text, "readers": secret.readers })).collect();
    let page = page(cluster, &cluster.alliance)?;
    described["secrets"] = json!(secrets);
    described["records"] = json!(told.records.len());
    described["codes"] =
        json!([{ "gtin": GTIN, "lot": LOT, "address": page, "qr": format!("{}/qr.svg", page.split('?').next().unwrap_or_default()) }]);
    if let Some(visitor) = visitor {
        described["visitor"] = json!({ "enter": visitor.enter(), "address": visitor.address });
    }
    Ok(described)
}

fn page(cluster: &Cluster, alliance: &AllianceId) -> Result<String, String> {
    Ok(format!("http://{}/01/{GTIN}/10/{LOT}?a={alliance}", cluster.node("G")?.public))
}

fn report(described: &Value, checks: &[Check], as_json: bool) {
    if as_json {
        let mut object = described.clone();
        object["checks"] = checks.iter().map(Check::json).collect();
        object["ok"] = json!(checks.iter().all(|check| check.ok));
        println!("{object}");
        return;
    }
    up::print_nodes(described);
    for check in checks {
        let detail = if check.detail.is_empty() { String::new() } else { format!(": {}", check.detail) };
        println!("{} {}{detail}", if check.ok { "ok  " } else { "FAIL" }, check.name);
    }
    let address = described["codes"][0]["address"].as_str().unwrap_or_default();
    println!("\n{} records. The product's page:\n{address}\n", described["records"]);
    if let Ok(code) = fast_qr::QRBuilder::new(address).build() {
        println!("{}", code.to_str());
    }
}
