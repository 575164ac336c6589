//! `suyuan-testnet crash`: a node is killed at random instants under load; what it had acknowledged has to be there, once, in one history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use suyuan_client::{Client, Filter, Submitted};
use suyuan_core::StatementId;

use crate::cluster::{Cluster, Founder, Ground, NodeProcess};

/// The node that is killed, and another that remembers how far its log was.
const FOUNDERS: [Founder; 2] = [Founder::new("A", "A", "leader", &[]), Founder::new("B", "B", "downstream", &[])];
/// Phases of a commit, as the node logs them.
const PHASES: [&str; 4] = ["writing", "durable", "acknowledged", "published"];
/// Kills beyond those asked for, until every phase was met.
const FURTHER: u32 = 100;
/// Clients that write at once.
const CLIENTS: usize = 3;

/// `suyuan-testnet crash`.
#[derive(Debug, Args)]
pub struct Flags {
    /// How often the node is killed.
    #[arg(long, default_value_t = 100)]
    kills: u32,
}

/// What the clients were told, outside the process that is killed.
#[derive(Debug, Default)]
pub struct Acknowledged(Mutex<Vec<(StatementId, u64)>>);

/// Runs the campaign. Says whether nothing was lost and nothing forked.
///
/// # Errors
/// What failed, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let say = |what: &str| eprintln!("{what}");
    let mut cluster = Cluster::found(folder.path(), &FOUNDERS, Ground::Loopback, &say)?;
    let acknowledged = Arc::new(Acknowledged::default());
    let mut phases: BTreeMap<String, u32> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    let mut kill = 0;
    while kill < flags.kills || (every(&phases).is_err() && kill < flags.kills.saturating_add(FURTHER)) {
        kill += 1;
        let load = Load::start(cluster.node("A")?, &acknowledged)?;
        std::thread::sleep(random_pause()?);
        let node = cluster.node_mut("A")?;
        node.kill();
        load.stop();
        let phase = last_phase(node)?;
        *phases.entry(phase).or_default() += 1;
        let begun = Instant::now();
        cluster.restart("A")?;
        slowest = slowest.max(begun.elapsed());
        if kill % 10 == 0 {
            say(&format!("{kill} kills, {} records acknowledged", acknowledged.count()));
        }
    }
    let lost = acknowledged.check(cluster.node("A")?)?;
    cluster.settle(Duration::from_secs(60))?;
    cluster.stop();
    let reports = cluster.nodes.iter().map(|node| cluster.fsck(node)).collect::<Result<Vec<Value>, _>>()?;
    let whole = reports.iter().all(|report| report["ok"] == json!(true));
    let ok = lost.is_empty() && whole && every(&phases).is_ok();
    if as_json {
        println!(
            "{}",
            json!({ "kills": kill, "acknowledged": acknowledged.count(), "lost": lost, "fsck": reports, "phases": phases,
            "everyPhase": every(&phases).is_ok(), "slowestRestartSeconds": slowest.as_secs_f64(), "ok": ok })
        );
    } else {
        println!(
            "{kill} kills, {} records acknowledged, {} lost, stores {}",
            acknowledged.count(),
            lost.len(),
            if whole { "whole" } else { "DAMAGED" }
        );
        println!("last phase logged before each kill: {phases:?}");
        if let Err(missing) = every(&phases) {
            println!("NOT MET: no kill fell into the phase {missing}");
        }
        println!("slowest restart: {:.2} s", slowest.as_secs_f64());
        lost.iter().for_each(|what| println!("LOST {what}"));
    }
    Ok(ok)
}

/// Whether a kill has fallen into every phase; else the first that none has.
fn every(phases: &BTreeMap<String, u32>) -> Result<(), &'static str> {
    PHASES.into_iter().find(|phase| !phases.contains_key(*phase)).map_or(Ok(()), Err)
}

/// 5 to 250 ms.
fn random_pause() -> Result<Duration, String> {
    let mut random = [0; 2];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    Ok(Duration::from_millis(5 + u64::from(u16::from_be_bytes(random)) % 245))
}

/// The phase that the node logged last.
fn last_phase(node: &NodeProcess) -> Result<String, String> {
    let log = std::fs::read_to_string(node.log()).map_err(|error| error.to_string())?;
    let line = log.lines().rev().find_map(|line| line.split("phase=\"").nth(1)).and_then(|rest| rest.split('"').next());
    Ok(line.unwrap_or("none").to_owned())
}

/// Clients that write one record after another until the node is gone.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    /// Starts them.
    ///
    /// # Errors
    /// That the node has no token yet.
    pub fn start(node: &NodeProcess, acknowledged: &Arc<Acknowledged>) -> Result<Self, String> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for _ in 0..CLIENTS {
            let (client, stop, acknowledged) = (node.client()?, stop.clone(), acknowledged.clone());
            threads.push(std::thread::spawn(move || {
                let body = r#"{"records":[{"type":"load","sections":[{"for":"public","fields":{"a":1}},{"for":"alliance","fields":{"b":2}}]}]}"#;
                while !stop.load(Ordering::Relaxed) {
                    match client.submit(body, None) {
                        Ok(Submitted::Written(written)) => acknowledged.add(written.records.iter().map(|record| (record.id, record.sequence))),
                        // It has no id yet, or the node is gone or not ready yet.
                        Ok(Submitted::Waiting(_)) | Err(_) => std::thread::sleep(Duration::from_millis(2)),
                    }
                }
            }));
        }
        Ok(Self { stop, threads })
    }

    /// Waits until each has had its last answer.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

impl Acknowledged {
    fn add(&self, records: impl Iterator<Item = (StatementId, u64)>) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(records);
    }

    /// Whoever has the log from this sequence on has lost it: what was acknowledged there is gone for good.
    pub fn forget_from(&self, sequence: u64) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).retain(|(_, at)| *at < sequence);
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len()
    }

    /// What is not there although it was acknowledged, or stands at a place that was acknowledged for another.
    ///
    /// # Errors
    /// That the node does not answer.
    pub fn check(&self, node: &NodeProcess) -> Result<Vec<String>, String> {
        let there = places(&node.client()?)?;
        let acknowledged = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut lost = Vec::new();
        let mut taken = BTreeSet::new();
        for (id, sequence) in acknowledged.iter() {
            if there.get(id) != Some(sequence) {
                lost.push(format!("{id} at {sequence}"));
            }
            if !taken.insert(*sequence) {
                lost.push(format!("two records were acknowledged at {sequence}"));
            }
        }
        Ok(lost)
    }
}

/// Sequence of every record of the node's own log.
fn places(client: &Client) -> Result<BTreeMap<StatementId, u64>, String> {
    let (mut there, mut after) = (BTreeMap::new(), None);
    loop {
        let page = client.records(&Filter::Log("A".to_owned()), after.as_deref(), 200).map_err(|error| error.to_string())?;
        for record in &page.records {
            let record: Value = serde_json::from_str(record.get()).map_err(|error| error.to_string())?;
            let id = record["id"].as_str().and_then(|id| id.parse().ok());
            there.extend(id.zip(record["sequence"].as_u64()));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(there),
        }
    }
}
