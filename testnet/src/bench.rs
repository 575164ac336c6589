//! What a node does beside what its machine can do, in the same run and with the same options.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use suyuan_core::charter::{CharterFile, Role};
use suyuan_core::key::SecretKey;
use suyuan_core::note::{NamedKey, TreeHead, sign_head};
use suyuan_core::tree;
use suyuan_core::witness::{AddCheckpoint, origin_hash};
use suyuan_engine::schema::Table;
use suyuan_engine::submission::{self, Submission};
use suyuan_engine::view::Changes;
use suyuan_net::NetConfig;
use suyuan_runtime::{Handle, Node, NodeConfig};
use suyuan_store::Store;

use crate::cluster::{free_address, multiaddr};
use crate::founding::{Founder, charter};

/// Bytes of one posted record's JSON.
const RECORD: usize = 1024;
/// Records of one submission.
const BATCH: usize = 500;
/// Submissions under way at once.
const CLIENTS: usize = 4;
/// Logs outside the alliance that the node witnesses when it is started again.
const WITNESSED: u64 = 10_000;
/// Of them, those that ask at once.
const ASKING: u64 = 64;

/// `suyuan-testnet bench`.
#[derive(Debug, Args)]
pub struct Flags {
    /// Records to write and replicate.
    #[arg(long, default_value_t = 100_000)]
    records: usize,
}

/// Runs the measurements. Says whether every row that has to be met is.
///
/// # Errors
/// What failed, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    let say = |what: &str| eprintln!("{what} …");
    say("signing rate of this machine");
    let signing = signing_rate();
    say("synced puts of this machine");
    let puts = put_rate(&folder.path().join("raw"))?;
    let rows = runtime.block_on(measure(folder.path(), flags.records, signing, puts, &say))?;
    let met = rows.iter().all(|row| row.met != Some(false));
    print(&rows, as_json, flags.records);
    Ok(met)
}

struct Row {
    work: &'static str,
    value: f64,
    unit: &'static str,
    reference: Option<(&'static str, f64)>,
    must: Option<f64>,
    met: Option<bool>,
}

impl Row {
    /// A rate that has to reach a share of a reference.
    fn share(work: &'static str, value: f64, reference: (&'static str, f64), must: f64) -> Self {
        Self { work, value, unit: "records/s", reference: Some(reference), must: Some(must), met: Some(value / reference.1 >= must) }
    }

    /// A cost that may not exceed a bound.
    fn cost(work: &'static str, value: f64, unit: &'static str, must: f64) -> Self {
        Self { work, value, unit, reference: None, must: Some(must), met: Some(value <= must) }
    }
}

fn print(rows: &[Row], as_json: bool, records: usize) {
    if as_json {
        let shown: Vec<Value> = rows.iter().map(|row| {
            json!({ "work": row.work, "value": row.value, "unit": row.unit, "reference": row.reference.map(|(name, _)| name),
                "referenceValue": row.reference.map(|(_, value)| value), "ratio": row.reference.map(|(_, value)| row.value / value), "must": row.must, "met": row.met })
        }).collect();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        println!(
            "{}",
            json!({ "machine": { "cores": cores, "os": std::env::consts::OS, "arch": std::env::consts::ARCH }, "commit": commit(), "profile": "release",
            "fsync": "every commit", "records": records, "recordBytes": RECORD, "rows": shown })
        );
        return;
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["work", "value", "unit", "ratio", "must", "met"]);
    for row in rows {
        let ratio = row.reference.map_or(String::new(), |(name, value)| format!("{:.2} of {name}", row.value / value));
        let met = row.met.map_or("", |met| if met { "yes" } else { "NO" });
        table.add_row([
            row.work.to_owned(),
            format!("{:.2}", row.value),
            row.unit.to_owned(),
            ratio,
            row.must.map_or(String::new(), |must| must.to_string()),
            met.to_owned(),
        ]);
    }
    println!("{table}");
}

/// The checkout's commit, with `+` where files differ from it; else `unknown`.
fn commit() -> String {
    let git = |words: &[&str]| {
        let done = std::process::Command::new("git").arg("-C").arg(env!("CARGO_MANIFEST_DIR")).args(words).output().ok()?;
        done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|changed| !changed.is_empty());
    if changed { format!("{commit}+") } else { commit }
}

/// Ed25519 signatures of a statement's length per second, on all cores.
fn signing_rate() -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sign = |number: usize| {
        let key = SecretKey::from_seed(&[u8::try_from(number).unwrap_or(1); 32]);
        let (start, mut count) = (Instant::now(), 0u64);
        while start.elapsed() < Duration::from_secs(2) {
            for _ in 0..100 {
                std::hint::black_box(key.sign(std::hint::black_box(&[7; 500])));
            }
            count = count.saturating_add(100);
        }
        count as f64 / start.elapsed().as_secs_f64()
    };
    let sign = &sign;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|number| scope.spawn(move || sign(number))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

/// Rows of a record's length per second, 1,000 to a synced write, through the same store.
fn put_rate(path: &Path) -> Result<f64, String> {
    let store = Store::open(path).map_err(|error| error.to_string())?;
    let mut value = vec![0; RECORD];
    let start = Instant::now();
    const BATCHES: u64 = 100;
    for batch in 0..BATCHES {
        let mut changes = Changes::default();
        for number in 0..1000u64 {
            getrandom::fill(&mut value).map_err(|error| error.to_string())?;
            changes.put(Table::Content, [batch.to_be_bytes(), number.to_be_bytes()].concat(), value.clone());
        }
        store.write(&changes).map_err(|error| error.to_string())?;
    }
    Ok((BATCHES * 1000) as f64 / start.elapsed().as_secs_f64())
}

async fn measure(folder: &Path, records: usize, signing: f64, puts: f64, say: &impl Fn(&str)) -> Result<Vec<Row>, String> {
    let founders = [Founder::new(&folder.join("a"), "A", Role::Leader)?, Founder::new(&folder.join("b"), "B", Role::Downstream)?];
    let file = charter(&founders)?;
    let (a, b) = (start(&founders[0], &file)?, start(&founders[1], &file)?);
    say("writing");
    let ingest = ingest(&a.handle, records).await?;
    let posted = (records * RECORD) as f64;
    say("replicating");
    let replication = replicate(&a.handle, &b.handle).await?;
    say("auditing");
    let audit = audit(&b.handle, records).await?;
    say("witnessing");
    let witnessing = witness(&a.handle).await?;
    say("compacting");
    let size = a.handle.store().compact().map_err(|error| error.to_string())?;
    a.stop().await?;
    b.stop().await?;
    say("starting again");
    let begun = Instant::now();
    let again = start(&founders[0], &file)?;
    let last = again.handle.last_cosigned(origin_hash(&witnessed_log(WITNESSED - 1).0.name)).await.map_err(|error| error.to_string())?;
    last.ok_or("the node has forgotten a log that it witnesses")?;
    let ready = begun.elapsed().as_secs_f64();
    again.stop().await?;
    let signs = ("Ed25519 signing, all cores", signing);
    Ok(vec![
        Row { work: "Ed25519 signing, all cores", value: signing, unit: "1/s", reference: None, must: None, met: None },
        Row { work: "raw synced puts, 1,000 a batch", value: puts, unit: "records/s", reference: None, must: None, met: None },
        Row::share("durable ingest, engine and store", ingest, signs, 0.25),
        replication_row(replication, puts),
        Row::cost("bytes on disk per byte posted, compacted", size as f64 / posted, "bytes", 2.1),
        Row { work: "checkpoints of other logs cosigned, 64 at once", value: witnessing, unit: "1/s", reference: None, must: None, met: None },
        Row::cost("ready after a start, with 10,000 witnessed logs, one looked up", ready, "s", 1.0),
        Row::share("audit of another member's records", audit, signs, 0.18),
    ])
}

/// 25,000 records/s, or a tenth of the raw puts.
fn replication_row(rate: f64, puts: f64) -> Row {
    let row = Row::share("replication between two nodes, verified and opened", rate, ("raw puts", puts), 0.1);
    Row { met: Some(row.met == Some(true) || rate >= 25_000.0), ..row }
}

fn start(founder: &Founder, charter: &CharterFile) -> Result<Node, String> {
    let config = NodeConfig { data: founder.data.clone(), charter: charter.clone(), keyring: founder.keyring()? };
    Node::start(config).map_err(|error| error.to_string())
}

/// A request of `count` records of ten fields each, `RECORD` bytes of JSON a record, for the alliance circle.
fn request(first: usize, count: usize) -> String {
    let records: Vec<String> = (first..first + count).map(record).collect();
    format!(r#"{{"records":[{}]}}"#, records.join(","))
}

fn record(number: usize) -> String {
    let head = format!(r#"{{"type":"reading","sections":[{{"for":"alliance","fields":{{"sequence":{number}"#);
    let tail = "}}]}";
    let rest = RECORD - head.len() - tail.len();
    let fields: Vec<String> = (0..9)
        .map(|field| {
            let room = rest / 9 + usize::from(field < rest % 9);
            let name = format!(r#","field{field}":""#);
            let filler: String = (0..room - name.len() - 1).map(|at| char::from(b'a' + ((number * 31 + field * 7 + at * 13) % 26) as u8)).collect();
            format!("{name}{filler}\"")
        })
        .collect();
    format!("{head}{}{tail}", fields.concat())
}

async fn ingest(handle: &Handle, records: usize) -> Result<f64, String> {
    let state = handle.state();
    while handle.state().ledger.circles.iter().next().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    debug_assert_eq!(record(7).len(), RECORD);
    let requests: Vec<String> = (0..records).step_by(BATCH).map(|first| request(first, BATCH.min(records - first))).collect();
    let queue = std::sync::Arc::new(std::sync::Mutex::new(requests));
    let begun = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (handle, queue, state) = (handle.clone(), queue.clone(), state.clone());
        clients.push(tokio::spawn(async move {
            loop {
                let next = queue.lock().map_err(|_| "a client panicked".to_owned())?.pop();
                let Some(body) = next else { return Ok::<(), String>(()) };
                let parsed: Vec<Submission> =
                    submission::parse(body.as_bytes(), &state.ledger.alliance, &state.ledger.me).map_err(|refusal| refusal.to_string())?;
                let submitted = handle.submit(parsed, None).await.map_err(|error| error.to_string())?;
                submitted.written().ok_or("a submission waits")?;
            }
        }));
    }
    for client in clients {
        client.await.map_err(|error| error.to_string())??;
    }
    Ok(records as f64 / begun.elapsed().as_secs_f64())
}

/// Records of the replicated log that an audit checks in a second.
async fn audit(handle: &Handle, records: usize) -> Result<f64, String> {
    let (handle, begun) = (handle.clone(), Instant::now());
    let audited = move || handle.audit(&handle.state(), suyuan_runtime::node::now(), |_, _| {});
    let report = tokio::task::spawn_blocking(audited).await.map_err(|error| error.to_string())?.ok_or("the writer has stopped")?;
    if !report.findings.nothing_wrong() {
        return Err(format!("the audit found {:?}", report.findings.listed));
    }
    Ok(records as f64 / begun.elapsed().as_secs_f64())
}

fn witnessed_log(number: u64) -> (NamedKey, SecretKey) {
    let secret = SecretKey::from_seed(&tree::leaf_hash(&number.to_be_bytes()));
    (NamedKey::new(format!("example.com/log{number}"), secret.public()), secret)
}

/// First checkpoints of many logs cosigned in a second, each on the disk before its cosignature is out.
async fn witness(handle: &Handle) -> Result<f64, String> {
    let begun = Instant::now();
    let clients: Vec<_> = (0..ASKING)
        .map(|client| {
            let handle = handle.clone();
            tokio::spawn(async move {
                for number in (client..WITNESSED).step_by(ASKING as usize) {
                    let (key, secret) = witnessed_log(number);
                    let head = TreeHead { size: 1, root: tree::leaf_hash(&number.to_be_bytes()) };
                    let request = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: sign_head(&key.name, &head, &secret) };
                    let answer = handle.add_checkpoint(request, Some(key)).await.map_err(|error| error.to_string())?;
                    answer.map_err(|refusal| format!("{refusal:?}"))?;
                }
                Ok::<(), String>(())
            })
        })
        .collect();
    for client in clients {
        client.await.map_err(|error| error.to_string())??;
    }
    Ok(WITNESSED as f64 / begun.elapsed().as_secs_f64())
}

/// Everything of A's log into B, over a connection between their listeners on this machine.
async fn replicate(a: &Handle, b: &Handle) -> Result<f64, String> {
    let log = a.state().ledger.own_log();
    let whole = a.state().ledger.logs.head(&log).size();
    while a.state().published.map_or(0, |published| published.size) < whole {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let at = multiaddr(free_address()?);
    let parse = || at.parse().map_err(|error| format!("{at}: {error}"));
    let network = |handle: &Handle, listen, peers| {
        let config = NetConfig { listen, peers, sync: Default::default(), relay: None };
        suyuan_net::start(handle.clone(), config).map_err(|error| error.to_string())
    };
    let from = network(a, vec![parse()?], Vec::new())?;
    let begun = Instant::now();
    let to = network(b, Vec::new(), vec![(log.member, parse()?)])?;
    let mut heads = b.heads();
    while b.state().ledger.logs.head(&log).size() < whole {
        heads.changed().await.map_err(|_| "the writer has stopped".to_owned())?;
    }
    let rate = whole as f64 / begun.elapsed().as_secs_f64();
    from.stop().await;
    to.stop().await;
    Ok(rate)
}
