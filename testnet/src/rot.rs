//! `suyuan-testnet rot`: single bits flip in the files of a stopped node; each is noticed at start or by `fsck`, or does no harm, and what is served is never wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use suyuan_client::{Client, Filter};
use suyuan_core::bundle::Bundle;
use suyuan_core::{AllianceId, StatementId};

use crate::cluster::{Cluster, Founder, Ground};
use crate::files::{copy, list};

/// The node whose disk rots, and one that it holds a log of.
const FOUNDERS: [Founder; 2] = [Founder::new("A", "A", "leader", &[]), Founder::new("B", "B", "downstream", &[])];
/// Records that each writes.
const RECORDS: usize = 40;
/// What RocksDB writes for people, and files without content.
const PASSED_OVER: [&str; 2] = ["LOG", "LOCK"];

/// `suyuan-testnet rot`.
#[derive(Debug, Args)]
pub struct Flags {
    /// How many bits flip, each in a fresh copy.
    #[arg(long, default_value_t = 200)]
    flips: u32,
}

/// What became of one flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// `fsck` names damage.
    Fsck,
    /// `fsck` is content, but the node does not start.
    Start,
    /// Everything is served as before.
    Harmless,
    /// `fsck` is content, the node starts, and refuses some of it.
    Refused,
    /// The end of another member's log was gone, and has come back from it.
    Healed,
}

/// Runs the campaign. Says whether nothing wrong was served, and everything that was lost was noticed.
///
/// # Errors
/// What failed, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let say = |what: &str| eprintln!("{what}");
    let mut cluster = Cluster::found(folder.path(), &FOUNDERS, Ground::Loopback, &say)?;
    write(&cluster)?;
    cluster.settle(std::time::Duration::from_secs(60))?;
    // Once through a start, so that tables are on the disk beside the newest log of changes.
    cluster.node_mut("A")?.stop();
    cluster.restart("A")?;
    write(&cluster)?;
    cluster.settle(std::time::Duration::from_secs(60))?;
    let truth = served(&cluster.node("A")?.client()?)?.0;
    cluster.stop();
    let (data, sound) = (cluster.node("A")?.data.clone(), folder.path().join("sound"));
    copy(&data, &sound)?;
    let (mut ends, mut wrong): (BTreeMap<String, u32>, Vec<String>) = Default::default();
    for flip in 1..=flags.flips {
        std::fs::remove_dir_all(&data).map_err(|error| error.to_string())?;
        copy(&sound, &data)?;
        let what = damage(&data)?;
        match judge(&mut cluster, &truth) {
            Ok(end) => *ends.entry(format!("{end:?}")).or_default() += 1,
            Err(why) => wrong.push(format!("{what}: {why}")),
        }
        if flip % 20 == 0 {
            say(&format!("{flip} flips, {ends:?}"));
        }
    }
    let ok = wrong.is_empty();
    if as_json {
        println!("{}", json!({ "flips": flags.flips, "records": truth.len(), "ends": ends, "wrong": wrong, "ok": ok }));
    } else {
        println!("{} flips over {} records: {ends:?}", flags.flips, truth.len());
        wrong.iter().for_each(|what| println!("WRONG {what}"));
    }
    Ok(ok)
}

/// What A serves of each record: the record as its operator reads it, and its bundle.
type Served = BTreeMap<StatementId, (Value, Option<Vec<u8>>)>;

/// Everything that is served, and how much was refused.
fn served(client: &Client) -> Result<(Served, usize), String> {
    let (mut all, mut refused, mut after) = (Served::new(), 0, None);
    loop {
        let page = match client.records(&Filter::All, after.as_deref(), 200) {
            Ok(page) => page,
            Err(error) if after.is_none() => return Err(error.to_string()),
            Err(_) => return Ok((all, refused + 1)),
        };
        for record in &page.records {
            let listed: Value = serde_json::from_str(record.get()).map_err(|error| error.to_string())?;
            let Some(id) = listed["id"].as_str().and_then(|id| id.parse::<StatementId>().ok()) else {
                return Err("a record without an id".to_owned());
            };
            match (client.record(&id), client.bundle(&id)) {
                (Ok(record), bundle) => drop(all.insert(id, (without_progress(&record)?, bundle.ok()))),
                (Err(_), _) => refused += 1,
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((all, refused)),
        }
    }
}

/// What a damaged node does.
///
/// # Errors
/// What it serves that is wrong, or has lost for good without a word.
fn judge(cluster: &mut Cluster, truth: &Served) -> Result<End, String> {
    let noticed = cluster.fsck(cluster.node("A")?).map_or(true, |report| report["ok"] != json!(true));
    if cluster.restart("A").is_err() {
        cluster.node_mut("A")?.kill();
        return Ok(if noticed { End::Fsck } else { End::Start });
    }
    let found = served(&cluster.node("A")?.client()?);
    let end = match (&found, noticed) {
        (Ok((found, _)), _) if !found.is_empty() => hold(found, truth, &cluster.alliance).map(|()| End::Fsck),
        // The operator's token is a file, too; without it nothing is served.
        _ => Ok(End::Refused),
    };
    let end = match (end?, found) {
        (_, Ok((found, refused))) if !noticed => lost(cluster, &found, refused, truth)?,
        (end, _) => end,
    };
    cluster.nodes.iter_mut().for_each(crate::cluster::NodeProcess::kill);
    Ok(end)
}

/// Holds all that is served against what was written.
fn hold(found: &Served, truth: &Served, alliance: &AllianceId) -> Result<(), String> {
    for (id, (record, bundle)) in found {
        let Some((true_record, true_bundle)) = truth.get(id) else { return Err(format!("serves {id}, which was never written")) };
        if record != true_record {
            return Err(format!("serves {id} otherwise than it was written"));
        }
        // A proof from an older checkpoint is as true.
        let proven =
            |bundle: &Vec<u8>| Bundle::verify(bundle, Some(alliance)).is_ok_and(|proven| proven.records.iter().all(|record| record.id() == *id));
        if bundle.as_ref().is_some_and(|bundle| Some(bundle) != true_bundle.as_ref() && !proven(bundle)) {
            return Err(format!("serves a wrong proof of {id}"));
        }
    }
    Ok(())
}

/// What became of records that are not served, where `fsck` was content. What another member wrote has to come back from it.
fn lost(cluster: &mut Cluster, found: &Served, refused: usize, truth: &Served) -> Result<End, String> {
    if found == truth {
        return Ok(End::Harmless);
    }
    if refused > 0 {
        return Ok(End::Refused);
    }
    let gone = truth.iter().filter(|(id, _)| !found.contains_key(*id)).map(|(_, (record, _))| record);
    for record in gone {
        if record["author"]["name"] != json!("B") {
            return Err(format!("{} by {} is gone, and nothing says so", record["id"], record["author"]["name"]));
        }
    }
    cluster.restart("B")?;
    cluster.settle(std::time::Duration::from_secs(60))?;
    let (again, _) = served(&cluster.node("A")?.client()?)?;
    if again.len() == truth.len() && hold(&again, truth, &cluster.alliance).is_ok() {
        Ok(End::Healed)
    } else {
        Err("what was lost has not come back".to_owned())
    }
}

/// A record without what depends on who is connected.
fn without_progress(record: &str) -> Result<Value, String> {
    let mut record: Value = serde_json::from_str(record).map_err(|error| error.to_string())?;
    if let Some(members) = record.as_object_mut() {
        members.remove("state");
    }
    Ok(record)
}

fn write(cluster: &Cluster) -> Result<(), String> {
    let one = r#"{"type":"note","about":["https://id.gs1.org/01/06901234567892/10/A"],"sections":[{"for":"public","fields":{"a":1,"text":"一批生菜"}},{"for":"alliance","fields":{"b":"c"}}]}"#;
    let body = format!(r#"{{"records":[{}]}}"#, [one; RECORDS / 4].join(","));
    for node in &cluster.nodes {
        for _ in 0..4 {
            let submitted = node.client()?.submit(&body, None).map_err(|error| error.to_string())?;
            submitted.written().ok_or("a submission waits")?;
        }
    }
    Ok(())
}

/// Flips one bit of one file; says where.
fn damage(folder: &Path) -> Result<String, String> {
    let mut files = list(folder)?;
    let name = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    files.retain(|path| size(path) > 0 && !PASSED_OVER.iter().any(|prefix| name(path).starts_with(prefix)));
    let path = files.get(random(files.len())?).ok_or("there is no file")?;
    let mut bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let (at, bit) = (random(bytes.len())?, random(8)?);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << bit;
    }
    std::fs::write(path, &bytes).map_err(|error| error.to_string())?;
    Ok(format!("bit {bit} of byte {at} of {}, {} bytes", name(path), bytes.len()))
}

fn random(below: usize) -> Result<usize, String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    let below = u64::try_from(below).map_err(|error| error.to_string())?.max(1);
    usize::try_from(u64::from_be_bytes(random) % below).map_err(|error| error.to_string())
}
