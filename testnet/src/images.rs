//! `suyuan-testnet images`: a running alliance, one of whose members is put back to old images of its disk. It must never write over what others have, and whatever
//! they have must come back.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Founder, Ground, NodeProcess};
use crate::crash::{Acknowledged, Load};
use crate::files;
use crate::living::{id_at, until};

/// The member whose disk is put back, and two that remember.
const FOUNDERS: [Founder; 3] =
    [Founder::new("A", "A", "leader", &[]), Founder::new("B", "B", "downstream", &[]), Founder::new("C", "C", "upstream", &[])];
/// Images that are kept at once, of all ages: when there is another, one is left out at random.
const KEPT: usize = 12;
/// How long the tail may take to come back.
const PATIENCE: Duration = Duration::from_secs(60);

/// `suyuan-testnet images`.
#[derive(Debug, Args)]
pub struct Flags {
    /// How often the disk is put back.
    #[arg(long, default_value_t = 200)]
    images: u32,
}

/// Whom the restored node finds when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Company {
    Both,
    One,
    Nobody,
}

/// In which of five cases it finds whom.
const COMPANY: [Company; 5] = [Company::Both, Company::Both, Company::One, Company::One, Company::Nobody];

/// What was counted.
#[derive(Debug, Default)]
struct Counts {
    restored: u32,
    /// Entries that were on no disk of the member any more, and came back.
    recovered: u64,
    /// Times that nobody else had more than the image.
    newest: u32,
    company: BTreeMap<&'static str, u32>,
    /// Writes that a node refused, because it could not know how far its log goes.
    refused: u32,
}

/// Runs the campaign. Says whether nothing forked and nothing was lost that a peer had.
///
/// # Errors
/// What failed, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let say = |what: &str| eprintln!("{what}");
    let mut cluster = Cluster::found(folder.path(), &FOUNDERS, Ground::Loopback, &say)?;
    let (acknowledged, mut images, mut counts) = (Arc::new(Acknowledged::default()), VecDeque::new(), Counts::default());
    let (mut wrong, begun) = (Vec::new(), Instant::now());
    let ids = cluster.nodes.iter().map(id_at).collect::<Result<Vec<String>, _>>()?;
    for round in 1..=flags.images {
        let image = folder.path().join(format!("image-{round}"));
        take(&mut cluster, &image)?;
        images.push_back(image);
        if images.len() > KEPT {
            let gone = images.remove(random_below(images.len())?).ok_or("no image")?;
            std::fs::remove_dir_all(gone).map_err(|error| error.to_string())?;
        }
        write_for_a_while(&cluster, &acknowledged)?;
        cluster.node_mut("A")?.kill();
        let old = images.get(random_below(images.len())?).cloned().ok_or("no image")?;
        let company = COMPANY[random_below(COMPANY.len())?];
        wrong.extend(put_back(&mut cluster, &ids, &old, company, &acknowledged, &mut counts)?);
        if round % 10 == 0 {
            say(&format!("{round} images, {} entries came back, {} records acknowledged", counts.recovered, acknowledged.count()));
        }
    }
    cluster.settle(PATIENCE)?;
    wrong.extend(acknowledged.check(cluster.node("A")?)?.into_iter().map(|lost| format!("lost, and a peer had it: {lost}")));
    wrong.extend(histories(&cluster, &ids)?);
    cluster.stop();
    let reports = cluster.nodes.iter().map(|node| cluster.fsck(node)).collect::<Result<Vec<Value>, _>>()?;
    wrong.extend(reports.iter().filter(|report| report["ok"] != json!(true)).map(|report| format!("a store is damaged: {report}")));
    report(&counts, &acknowledged, &wrong, begun.elapsed(), as_json);
    Ok(wrong.is_empty() && counts.restored == flags.images)
}

/// Takes an image of the member's disk when others have all that is on it. What nobody else had is lost when an older image is put back, and the member writes
/// something else there: an image that still had it would be that of another history, which the member has signed as well.
fn take(cluster: &mut Cluster, image: &Path) -> Result<(), String> {
    cluster.settle(PATIENCE)?;
    cluster.node_mut("A")?.kill();
    files::copy(&cluster.node("A")?.data, image)?;
    cluster.restart("A")?;
    until("it writes again", || Ok(write(cluster.node("A")?).is_ok()))
}

/// Clients write for a while, to the node that is about to lose its disk.
fn write_for_a_while(cluster: &Cluster, acknowledged: &Arc<Acknowledged>) -> Result<(), String> {
    let load = Load::start(cluster.node("A")?, acknowledged)?;
    std::thread::sleep(Duration::from_millis(40 + random_below(200)? as u64));
    load.stop();
    Ok(())
}

/// Puts an old image in the place of the member's disk and starts its node. Says what is wrong afterwards.
fn put_back(
    cluster: &mut Cluster,
    ids: &[String],
    image: &Path,
    company: Company,
    acknowledged: &Acknowledged,
    counts: &mut Counts,
) -> Result<Vec<String>, String> {
    let size =
        |node: &NodeProcess| Ok::<_, String>(node.log_sizes()?.into_iter().find(|(log, _)| Some(log) == ids.first()).map_or(0, |(_, size)| size));
    let known = size(cluster.node("B")?)?.max(size(cluster.node("C")?)?);
    // What nobody else had is lost with the disk.
    acknowledged.forget_from(known);
    let away: &[&str] = match company {
        Company::Both => &[],
        // Whoever has less of the log goes away: what one peer has is enough.
        Company::One if size(cluster.node("B")?)? < known => &["B"],
        Company::One => &["C"],
        Company::Nobody => &["B", "C"],
    };
    for key in away {
        cluster.node_mut(key)?.stop();
    }
    let data: PathBuf = cluster.node("A")?.data.clone();
    std::fs::remove_dir_all(&data).map_err(|error| error.to_string())?;
    files::copy(image, &data)?;
    cluster.restart("A")?;
    let mut wrong = Vec::new();
    if company == Company::Nobody {
        match write(cluster.node("A")?) {
            Ok(()) => wrong.push("it wrote before anybody had said how far its log goes".to_owned()),
            Err(_) => counts.refused += 1,
        }
    }
    let held = size(cluster.node("A")?)?;
    for key in away {
        cluster.restart(key)?;
    }
    until("the tail is back", || Ok(size(cluster.node("A")?)? >= known))?;
    until("it writes again", || Ok(write(cluster.node("A")?).is_ok()))?;
    wrong.extend(histories(cluster, ids)?);
    counts.restored += 1;
    counts.recovered = counts.recovered.saturating_add(known.saturating_sub(held));
    counts.newest += u32::from(held >= known);
    *counts.company.entry(["both peers", "one peer", "nobody at first"][company as usize]).or_default() += 1;
    Ok(wrong)
}

/// Which node has proof that somebody signed two histories.
fn histories(cluster: &Cluster, ids: &[String]) -> Result<Vec<String>, String> {
    let mut wrong = Vec::new();
    for node in &cluster.nodes {
        for (id, founder) in ids.iter().zip(&FOUNDERS) {
            let log = node.client()?.json(&format!("/api/v1/logs/{id}"));
            if log.is_ok_and(|log| log.contains("\"equivocation\":{")) {
                wrong.push(format!("{} has proof that {} signed two histories", node.founder.name, founder.name));
            }
        }
    }
    Ok(wrong)
}

fn write(node: &NodeProcess) -> Result<(), String> {
    let body = r#"{"records":[{"type":"load","sections":[{"for":"public","fields":{"a":1}}]}]}"#;
    let submitted = node.client()?.submit(body, None).map_err(|error| error.to_string())?;
    submitted.written().map(|_| ()).ok_or_else(|| "the record waits".to_owned())
}

fn report(counts: &Counts, acknowledged: &Acknowledged, wrong: &[String], took: Duration, as_json: bool) {
    let Counts { restored, recovered, newest, company, refused } = counts;
    let ok = wrong.is_empty();
    if as_json {
        let seconds = took.as_secs();
        println!(
            "{}",
            json!({ "images": restored, "entriesRecovered": recovered, "nothingLacking": newest, "company": company, "writesRefused": refused,
            "acknowledged": acknowledged.count(), "wrong": wrong, "seconds": seconds, "ok": ok })
        );
        return;
    }
    println!("{restored} images put back, {recovered} entries came back from peers, {newest} times none was lacking, {refused} writes refused alone");
    println!("found at the start: {company:?}; {} records acknowledged that a peer had", acknowledged.count());
    wrong.iter().for_each(|what| println!("WRONG {what}"));
}

/// A number below `below`.
fn random_below(below: usize) -> Result<usize, String> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    usize::try_from(u32::from_be_bytes(random)).unwrap_or(0).checked_rem(below).ok_or_else(|| "there is nothing to choose from".to_owned())
}
