//! An alliance lives: a sixth enterprise is invited and admitted while the chain runs, a member exchanges its keys, the leader falls silent, and a deputy takes over.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use suyuan_client::Public;
use suyuan_core::MemberId;
use suyuan_core::bundle::Bundle;
use suyuan_core::log::LogId;
use suyuan_core::note::{self, TreeHead};

use crate::checks::Check;
use crate::cluster::{Cluster, Founder, NodeProcess};

/// The newcomer.
pub const NEWCOMER: Founder = Founder::new("N", "N 叶菜加工", "midstream", &[]);
/// How long a decision may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who decides, beside the newcomer.
const VOTERS: [&str; 4] = ["G", "S", "Z", "L"];

/// Plays it, and checks what came of it.
///
/// # Errors
/// What could not even be tried.
pub fn play(cluster: &mut Cluster, folder: &Path, say: &impl Fn(&str)) -> Result<Vec<Check>, String> {
    say("G invites a sixth enterprise; the members admit it");
    let admitted = admission(cluster, folder);
    say("S exchanges all its keys while its node runs");
    let exchanged = exchange(cluster, folder);
    say("the leader falls silent; a deputy takes over");
    let taken_over = takeover(cluster);
    say("a member signs a second history; a witness convicts it");
    let convicted = conviction(cluster, folder);
    let versions = versions(cluster);
    Ok(vec![
        Check::new(
            "a sixth enterprise is invited and admitted; it reads what is sealed from then on, nothing from before, and its records verify offline",
            admitted,
        ),
        Check::new("a member exchanges all its keys; every other node follows its log, and what the new key signed verifies offline", exchanged),
        Check::new("the leader falls silent, a deputy keeps the order, and what is decided is final everywhere", taken_over),
        Check::new("who signs a second history is convicted at every other node, the regulator's too, and by the file alone", convicted),
        Check::new("every node computes the same versions of the charter, with the same times", versions),
    ])
}

fn admission(cluster: &mut Cluster, folder: &Path) -> Result<String, String> {
    let before = note(cluster.node("G")?, "before the newcomer came")?;
    cluster.admit(folder, &NEWCOMER, "G", approve_admission)?;
    until("every node counts six members", || {
        let counts = cluster.nodes.iter().map(|node| Ok(array(node, "/api/v1/members")?.len())).collect::<Result<Vec<_>, String>>()?;
        Ok(counts.iter().all(|count| *count == 6))
    })?;
    // The keeper opens the epoch that the newcomer is in. Whoever gathers the heads first knows first that it is in force: a writer seals by what it knows itself.
    until("the newcomer may write to the alliance", || Ok(note(cluster.node("N")?, "here we are").is_ok()))?;
    until("G seals for the newcomer", || seals_for(cluster.node("G")?, cluster.node("N")?))?;
    let after = note(cluster.node("G")?, "after the newcomer came")?;
    until("the newcomer reads what is sealed from now on", || Ok(reads(cluster.node("N")?, &after, "after the newcomer came")))?;
    if reads(cluster.node("N")?, &before, "before the newcomer came") {
        return Err("the newcomer reads what was sealed before it came".to_owned());
    }
    let own = note(cluster.node("N")?, "our first record")?;
    let file = folder.join("newcomer.suyuan");
    until("another member's node proves what the newcomer wrote, offline", || proves(cluster, &file, NEWCOMER.name.as_ref(), &own))?;
    Ok("6 members".to_owned())
}

/// Takes a member's record out of Z's node as a file, and checks that without any node.
fn proves(cluster: &Cluster, path: &Path, author: &str, id: &str) -> Result<bool, String> {
    let Ok(file) = cluster.node("Z")?.client()?.file(&format!("/api/v1/records/{id}/bundle")) else { return Ok(false) };
    let proven = Bundle::verify(&file, Some(&cluster.alliance)).map_err(|fault| format!("{author}'s record does not verify: {fault}"))?;
    if !proven.records.iter().any(|record| record.author_name == author && record.id().to_string() == id) {
        return Err("the file proves another record".to_owned());
    }
    std::fs::write(path, &file).map_err(|error| error.to_string())?;
    Ok(true)
}

/// The admission that waits at a node is approved by everybody.
fn approve_admission(cluster: &Cluster) -> Result<(), String> {
    for key in VOTERS {
        let node = cluster.node(key)?;
        let mut waiting = None;
        until("the admission has arrived", || {
            let all = array(node, "/api/v1/resolutions")?;
            waiting = all.iter().find(|proposal| proposal["kind"] == "admit" && proposal["state"] != "final").and_then(id_of);
            // Enough may have approved by now.
            Ok(waiting.is_some() || all.iter().any(|proposal| proposal["kind"] == "admit" && proposal["state"] == "final"))
        })?;
        if let Some(id) = waiting {
            approve(node, &id)?;
        }
    }
    Ok(())
}

/// S has the order kept by it later, with its new keys.
fn exchange(cluster: &Cluster, folder: &Path) -> Result<String, String> {
    let node = cluster.node("S")?;
    let told = cluster.rotate("S")?;
    let from = told["change"]["size"].as_u64().ok_or("the change names no entry")?;
    let keys = ["log", "witness", "transport", "encryption"].iter().filter(|key| told["change"][**key].is_string()).count();
    let mut last = String::new();
    let own = |node: &NodeProcess| Ok::<_, String>(size_at(node, &id_at(cluster.node("S")?)?).unwrap_or(0));
    while own(node)? <= from {
        last = note(node, "signed with whichever key holds")?;
    }
    until("every node follows the log under its new key", || {
        let sizes = cluster.nodes.iter().map(own).collect::<Result<Vec<_>, String>>()?;
        Ok(sizes.iter().all(|size| *size > from))
    })?;
    let file = folder.join("exchanged.suyuan");
    until("another member's node proves what the new key signed, offline", || proves(cluster, &file, node.founder.name.as_ref(), &last))?;
    Ok(format!("{keys} keys, from entry {from} on"))
}

/// The member id of a node's owner.
///
/// # Errors
/// That it does not say.
pub fn id_at(node: &NodeProcess) -> Result<String, String> {
    let told = node.client()?.json("/api/v1/node").map_err(|error| error.to_string())?;
    let told: Value = serde_json::from_str(&told).map_err(|error| error.to_string())?;
    told["member"]["id"].as_str().map(str::to_owned).ok_or_else(|| "a node does not say whose it is".to_owned())
}

fn takeover(cluster: &mut Cluster) -> Result<String, String> {
    let term = order(cluster.node("S")?)?["term"].as_u64().ok_or("no term")?;
    cluster.node_mut("G")?.stop();
    for key in ["S", "Z", "L", "N"] {
        cluster.node(key)?.client()?.freeze(term.saturating_add(1)).map_err(|error| format!("{key}: {error}"))?;
    }
    let deputy = "S 种植服务";
    until("the deputy keeps the next term", || {
        let order = order(cluster.node("Z")?)?;
        Ok(order["term"] == json!(term.saturating_add(1)) && order["keeper"]["name"] == deputy && order["certified"] == order["entries"])
    })?;
    let change = json!({ "agree": { "title": "冬季配送", "text": "冬季由 L 冷链物流每日两班配送。" } });
    let proposal = json!({ "change": change, "expires": 4_102_444_800_000u64 });
    let made = cluster.node("Z")?.client()?.propose(&proposal).map_err(|error| error.to_string())?;
    let id = serde_json::from_str::<Value>(&made).ok().as_ref().and_then(id_of).ok_or("a proposal without an id")?;
    for key in ["S", "Z", "L"] {
        let node = cluster.node(key)?;
        until("the proposal has arrived", || Ok(node.client()?.json(&format!("/api/v1/resolutions/{id}")).is_ok()))?;
        approve(node, &id)?;
    }
    cluster.restart("G")?;
    until("it is final at every node, the returned leader's too", || {
        let states = cluster.nodes.iter().map(|node| Ok(state(node, &id)? == "final")).collect::<Result<Vec<_>, String>>()?;
        Ok(states.into_iter().all(|is_final| is_final))
    })?;
    Ok(format!("term {}, kept by {deputy}", term.saturating_add(1)))
}

/// Every node was told of the decisions in its own time, the newcomer of all of them at once.
fn versions(cluster: &Cluster) -> Result<String, String> {
    let mut versions = 0;
    until("every node has the same versions of the charter", || {
        let all = cluster.nodes.iter().map(|node| told(node, "/api/v1/charter/versions")).collect::<Result<Vec<Value>, String>>()?;
        versions = all.first().and_then(|first| first["versions"].as_array()).map_or(0, Vec::len);
        Ok(all.iter().zip(all.iter().skip(1)).all(|(one, other)| one == other))
    })?;
    if versions < 2 { Err("nothing has changed the charter".to_owned()) } else { Ok(format!("{versions} versions")) }
}

/// The carrier's operator signs another tree of the size that was published, and asks Z to cosign it.
fn conviction(cluster: &Cluster, folder: &Path) -> Result<String, String> {
    let liar = cluster.node("L")?;
    let member: MemberId = id_at(liar)?.parse().map_err(|_| "a member's id".to_owned())?;
    let log = LogId { alliance: cluster.alliance, member, incarnation: 0 };
    let size = size_at(cluster.node("Z")?, &log.member.to_string())?;
    // A copy of its keys does what its node would never do.
    let keyring = liar.copied_keyring(&folder.join("L.keys"))?;
    let lie = note::sign_head(&log.origin(), &TreeHead { size, root: [7; 32] }, keyring.log());
    let answer = Public::new(&format!("http://{}", cluster.node("Z")?.public)).add_checkpoint(&format!("old 0\n\n{lie}"));
    if answer.is_ok() {
        return Err("Z has cosigned a second history".to_owned());
    }
    let convicted = |node: &NodeProcess| {
        Ok::<_, String>(node.client()?.json(&format!("/api/v1/logs/{member}")).is_ok_and(|log| log.contains("\"equivocation\":{")))
    };
    until("every other node has convicted it", || {
        let known = ["G", "S", "Z", "N", "R"].into_iter().map(|key| convicted(cluster.node(key)?)).collect::<Result<Vec<_>, String>>()?;
        Ok(known.into_iter().all(|known| known))
    })?;
    let file = cluster.node("R")?.client()?.file(&format!("/api/v1/logs/{member}/equivocation")).map_err(|error| error.to_string())?;
    let path = folder.join("L.equivocation");
    std::fs::write(&path, &file).map_err(|error| error.to_string())?;
    let (code, text) = cluster.suyuan(&["verify", path.to_str().ok_or("the folder is not UTF-8")?, "--alliance", &cluster.alliance.to_string()])?;
    if code != Some(0) || !text.contains(&member.to_string()) {
        return Err(format!("the file alone does not convict: {code:?} {text}"));
    }
    Ok(format!("a file of {} bytes", file.len()))
}

/// How much of a member's log a node holds under a checkpoint.
fn size_at(node: &NodeProcess, member: &str) -> Result<u64, String> {
    let text = node.client()?.json(&format!("/api/v1/logs/{member}")).map_err(|error| error.to_string())?;
    let log: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    log["published"].as_u64().filter(|size| *size > 0).ok_or_else(|| "nothing is published of its log".to_owned())
}

/// Writes a note to the whole alliance.
fn note(node: &NodeProcess, text: &str) -> Result<String, String> {
    let body = json!({ "records": [{ "type": "note", "sections": [{ "for": "alliance", "fields": { "text": text } }] }] });
    let submitted = node.client()?.submit(&body.to_string(), None).map_err(|error| error.to_string())?;
    let written = submitted.written().ok_or("the record waits")?;
    written.records.first().map(|record| record.id.to_string()).ok_or_else(|| "nothing was written".to_owned())
}

/// Whether the newest epoch of the alliance that a node knows is open to another.
fn seals_for(node: &NodeProcess, reader: &NodeProcess) -> Result<bool, String> {
    let circles = array(node, "/api/v1/circles")?;
    let alliance = circles.iter().find(|circle| circle["tier"] == "general").ok_or("a node without the alliance circle")?;
    let members = alliance["members"].as_array().ok_or("a circle without members")?;
    Ok(members.iter().any(|member| member["name"] == *reader.founder.name))
}

fn reads(node: &NodeProcess, id: &str, text: &str) -> bool {
    node.client().is_ok_and(|client| client.json(&format!("/api/v1/records/{id}")).is_ok_and(|record| record.contains(text)))
}

fn approve(node: &NodeProcess, id: &str) -> Result<(), String> {
    let id = id.parse().map_err(|_| "a proposal's id".to_owned())?;
    node.client()?.vote(&id, &json!({ "choice": "approve" })).map(|_| ()).map_err(|error| format!("{}: {error}", node.founder.name))
}

fn state(node: &NodeProcess, id: &str) -> Result<String, String> {
    let all = array(node, "/api/v1/resolutions")?;
    let found = all.iter().find(|proposal| proposal["id"] == id).and_then(|proposal| proposal["state"].as_str());
    Ok(found.unwrap_or_default().to_owned())
}

fn order(node: &NodeProcess) -> Result<Value, String> {
    let text = node.client()?.json("/api/v1/order").map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn array(node: &NodeProcess, path: &str) -> Result<Vec<Value>, String> {
    let listed = told(node, path)?;
    listed.as_array().cloned().ok_or_else(|| format!("{path} is no list"))
}

fn told(node: &NodeProcess, path: &str) -> Result<Value, String> {
    let text = node.client()?.json(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn id_of(proposal: &Value) -> Option<String> {
    proposal["id"].as_str().map(str::to_owned)
}

/// Waits until something is so.
///
/// # Errors
/// That it is not in a minute, or could not be asked.
pub fn until(what: &str, mut done: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if done()? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(format!("not in {} s: {what}", PATIENCE.as_secs()))
}
