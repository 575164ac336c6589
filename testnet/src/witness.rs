//! `suyuan-testnet witness`: a witness is killed at random instants while logs with several histories ask it to cosign them; of each log, the sizes that it
//! has signed never fall, and all that it has signed is one history.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use suyuan_client::{WitnessAnswer, WitnessClient};
use suyuan_core::key::SecretKey;
use suyuan_core::note::{NamedKey, TreeHead, sign_head};
use suyuan_core::tile::{TileId, TileTree};
use suyuan_core::tree;
use suyuan_core::witness::AddCheckpoint;

use crate::cluster::{Cluster, Founder, Ground};

/// The witness, alone in its alliance.
const FOUNDERS: [Founder; 1] = [Founder::new("A", "A", "leader", &[])];
/// Logs that ask it.
const LOGS: u8 = 4;
/// Clients of each log.
const CLIENTS: usize = 2;
/// Entries of each history: one bottom tile.
const ENTRIES: u64 = 256;
/// Where the histories part from the first one.
const FORKS: [u64; 3] = [u64::MAX, 4, 9];

/// `suyuan-testnet witness`.
#[derive(Debug, Args)]
pub struct Flags {
    /// How often the witness is killed.
    #[arg(long, default_value_t = 100)]
    kills: u32,
}

/// A log with its histories, and what the witness has signed of them.
struct Log {
    key: NamedKey,
    secret: SecretKey,
    histories: Vec<Vec<[u8; 32]>>,
    told: Mutex<Told>,
}

/// What clients of one log have been answered.
#[derive(Debug, Default)]
struct Told {
    largest: u64,
    signed: Vec<TreeHead>,
    wrong: Vec<String>,
}

/// Runs the campaign. Says whether nothing was signed that should not have been.
///
/// # Errors
/// What failed, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let logs: Vec<Arc<Log>> = (0..LOGS).map(|number| Arc::new(Log::new(number))).collect();
    let mut cluster = Cluster::found(folder.path(), &FOUNDERS, Ground::Loopback, &|what| eprintln!("{what}"))?;
    let vkeys: Vec<String> = logs.iter().map(|log| format!("\"{}\"", log.key.log_vkey())).collect();
    let node = cluster.node_mut("A")?;
    std::fs::write(node.data.join("node.toml"), format!("witness_logs = [{}]\n", vkeys.join(", "))).map_err(|error| error.to_string())?;
    node.stop();
    cluster.restart("A")?;
    let key = witness_key(&cluster)?;
    let mut slowest = Duration::ZERO;
    for kill in 1..=flags.kills {
        let prefix = format!("http://{}/witness", cluster.node("A")?.public);
        let load = Load::start(&logs, &WitnessClient::new(key.clone(), &prefix));
        std::thread::sleep(random_pause()?);
        cluster.node_mut("A")?.kill();
        load.stop();
        let begun = Instant::now();
        cluster.restart("A")?;
        slowest = slowest.max(begun.elapsed());
        if kill % 50 == 0 {
            eprintln!("{kill} kills, {} cosignatures", signed(&logs));
        }
    }
    cluster.stop();
    let fsck = cluster.fsck(cluster.node("A")?)?;
    let mut wrong: Vec<String> = logs.iter().flat_map(|log| log.contradictions()).collect();
    if fsck["ok"] != json!(true) {
        wrong.push(format!("fsck: {fsck}"));
    }
    let ok = wrong.is_empty() && signed(&logs) > 0;
    report(flags.kills, &logs, &wrong, slowest, as_json, ok);
    Ok(ok)
}

fn report(kills: u32, logs: &[Arc<Log>], wrong: &[String], slowest: Duration, as_json: bool, ok: bool) {
    let signed = signed(logs);
    if as_json {
        println!("{}", json!({ "kills": kills, "signed": signed, "wrong": wrong, "slowestRestartSeconds": slowest.as_secs_f64(), "ok": ok }));
        return;
    }
    println!("{kills} kills, {signed} cosignatures of {LOGS} logs with {} histories each, {} wrong", FORKS.len(), wrong.len());
    println!("slowest restart: {:.2} s", slowest.as_secs_f64());
    wrong.iter().for_each(|what| println!("WRONG {what}"));
}

fn signed(logs: &[Arc<Log>]) -> usize {
    logs.iter().map(|log| log.told().signed.len()).sum()
}

fn witness_key(cluster: &Cluster) -> Result<NamedKey, String> {
    let client = cluster.node("A")?.client()?;
    let log: Value = serde_json::from_str(&client.json("/api/v1/logs/A").map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    log["witnessKey"].as_str().and_then(NamedKey::from_witness_vkey).ok_or_else(|| "the node names no witness key".to_owned())
}

/// 5 to 250 ms.
fn random_pause() -> Result<Duration, String> {
    random().map(|random| Duration::from_millis(5 + random % 245))
}

fn random() -> Result<u64, String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    Ok(u64::from_be_bytes(random))
}

impl Log {
    fn new(number: u8) -> Self {
        let secret = SecretKey::from_seed(&[number.wrapping_add(100); 32]);
        let key = NamedKey::new(format!("example.com/log{number}"), secret.public());
        let entry =
            |fork: u64, index: u64| tree::leaf_hash(&[&index.to_be_bytes()[..], &[number, if index < fork { 0 } else { fork as u8 }]].concat());
        let histories = FORKS.into_iter().map(|fork| (0..ENTRIES).map(|index| entry(fork, index)).collect()).collect();
        Self { key, secret, histories, told: Mutex::default() }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self, history: usize, size: u64) -> TreeHead {
        let leaves = self.histories.get(history).map_or(&[][..], Vec::as_slice);
        TreeHead { size, root: tree::root(leaves.get(..size as usize).unwrap_or_default()) }
    }

    /// A request to grow by a little, in one of the histories.
    fn request(&self, history: usize, old: u64, grow: u64) -> (AddCheckpoint, TreeHead) {
        let head = self.head(history, old.saturating_add(grow).min(ENTRIES));
        let leaves = self.histories.get(history).cloned().unwrap_or_default();
        let read =
            |tile: TileId| -> Result<Vec<[u8; 32]>, Infallible> { Ok(if tile.level == 0 { leaves.clone() } else { vec![tree::root(&leaves)] }) };
        let proof = TileTree::new(head.size, read).consistency(old.min(head.size)).unwrap_or_default();
        (AddCheckpoint { old, proof, checkpoint: sign_head(&self.key.name, &head, &self.secret) }, head)
    }

    /// Asks once. What was signed before this request was sent bounds what may be signed now.
    fn ask(&self, witness: &WitnessClient, dice: u64) -> Result<(), String> {
        let before = self.told().largest;
        // Where the log is at its end, it tries its other histories and the same again.
        let (request, head) = self.request((dice % 4) as usize % FORKS.len(), before, (dice >> 8) % 3);
        let answer = witness.add_checkpoint(&request, &self.key);
        let mut told = self.told();
        let size = match answer {
            Ok(WitnessAnswer::Cosigned(_)) => {
                told.signed.push(head);
                head.size
            }
            Ok(WitnessAnswer::Conflict(size)) => size,
            Err(why) => return Err(why),
        };
        if size < before {
            told.wrong.push(format!("{} fell from {before} to {size}", self.key.name));
        }
        told.largest = told.largest.max(size);
        Ok(())
    }

    /// What was signed and should not have been.
    fn contradictions(&self) -> Vec<String> {
        let told = self.told();
        let whole = (0..FORKS.len()).any(|history| told.signed.iter().all(|head| self.head(history, head.size) == *head));
        let forked = (!whole).then(|| format!("two histories of {} were signed", self.key.name));
        told.wrong.iter().cloned().chain(forked).collect()
    }
}

/// Clients that ask until the witness is gone.
struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    fn start(logs: &[Arc<Log>], witness: &WitnessClient) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients = logs.iter().flat_map(|log| std::iter::repeat_n(log, CLIENTS));
        let threads = clients.map(|log| {
            let (log, witness, stop) = (log.clone(), witness.clone(), stop.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // The witness is gone, or has refused another history.
                    if random().and_then(|dice| log.ask(&witness, dice)).is_err() {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                }
            })
        });
        Self { threads: threads.collect(), stop }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}
