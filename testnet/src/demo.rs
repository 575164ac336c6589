//! `suyuan-testnet demo`: the story on five real nodes, what was checked of it, and where to look.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use suyuan_core::AllianceId;

use crate::checks::{self, Check};
use crate::cluster::Cluster;
use crate::story::{self, GTIN, LOT, Told};

/// How long the nodes may take to come to the same logs.
const SETTLE: Duration = Duration::from_secs(60);

/// `suyuan-testnet demo`.
#[derive(Debug, Args)]
pub struct Flags {
    /// End when everything was checked, instead of running until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Keep the data folders here.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Plays the demo. Says whether every check holds.
///
/// # Errors
/// What failed, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    let temporary = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder: &Path = flags.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let begun = std::time::Instant::now();
    let say = |what: &str| eprintln!("[{:>5.1} s] {what}", begun.elapsed().as_secs_f64());
    let mut cluster = Cluster::found(folder, &story::FOUNDERS, &say)?;
    let told = story::tell(&cluster, &say)?;
    say("waiting until every node has every log");
    cluster.settle(SETTLE)?;
    say("checking");
    let mut checks = checks::running(&cluster, &told, folder)?;
    let described = describe(&cluster, &told)?;
    if !flags.once {
        print_table(&described, &checks);
        wait_for_interrupt();
    }
    say("stopping, and checking every store from disk");
    cluster.stop();
    checks.extend(checks::stopped(&cluster, &told, folder));
    let ok = checks.iter().all(|check| check.ok);
    if as_json {
        let mut object = described;
        object["checks"] = checks.iter().map(Check::json).collect();
        object["ok"] = json!(ok);
        println!("{object}");
    } else if flags.once {
        print_table(&described, &checks);
    }
    Ok(ok)
}

fn describe(cluster: &Cluster, told: &Told) -> Result<Value, String> {
    let mut nodes = Vec::new();
    for node in &cluster.nodes {
        let status = node.client()?.node().map_err(|error| error.to_string())?;
        nodes.push(json!({ "key": node.founder.key, "name": node.founder.name, "role": node.founder.role, "member": status.member.id,
            "data": node.data, "admin": format!("http://{}", node.admin), "public": format!("http://{}", node.public),
            "token": node.token()?, "password": node.password, "logSize": status.size, "checkpoint": status.published.map(|published| published.note) }));
    }
    let secrets: Vec<Value> =
        told.secrets.iter().map(|secret| json!({ "name": secret.name, "text": secret.text, "readers": secret.readers })).collect();
    let page = page(cluster, &cluster.alliance)?;
    Ok(json!({ "alliance": cluster.alliance, "nodes": nodes, "secrets": secrets, "records": told.records.len(),
        "codes": [{ "gtin": GTIN, "lot": LOT, "address": page, "qr": format!("{}/qr.svg", page.split('?').next().unwrap_or_default()) }] }))
}

fn page(cluster: &Cluster, alliance: &AllianceId) -> Result<String, String> {
    Ok(format!("http://{}/01/{GTIN}/10/{LOT}?a={alliance}", cluster.node("G")?.public))
}

fn print_table(described: &Value, checks: &[Check]) {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["member", "role", "console", "password"]);
    for node in described["nodes"].as_array().into_iter().flatten() {
        let text = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
        table.add_row([text("name"), text("role"), text("admin"), text("password")]);
    }
    println!("\n{table}\n");
    for check in checks {
        println!(
            "{} {}{}",
            if check.ok { "ok  " } else { "FAIL" },
            check.name,
            if check.detail.is_empty() { String::new() } else { format!(": {}", check.detail) }
        );
    }
    let address = described["codes"][0]["address"].as_str().unwrap_or_default();
    println!("\n{} records. The product's page:\n{address}\n", described["records"]);
    if let Ok(code) = fast_qr::QRBuilder::new(address).build() {
        println!("{}", code.to_str());
    }
}

/// Waits for Ctrl-C; the nodes, in the same process group, are stopped in order afterwards.
fn wait_for_interrupt() {
    println!("Running until Ctrl-C.");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    if let Ok(runtime) = runtime {
        let _ = runtime.block_on(tokio::signal::ctrl_c());
    }
}
