//! `suyuan keyring rotate`: new keys for this member, while its node runs.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use suyuan_client::Client;
use suyuan_core::membership::{Change, KeyChange};
use suyuan_core::{AllianceId, StatementId};
use suyuan_runtime::node::now;

use super::Place;
use crate::answer::{Answer, Failure};
use crate::cli::{KeyPurpose, Rotate};

/// After this the change takes no effect any more, milliseconds.
const EXPIRES: u64 = 3_600_000;
/// Between two looks at whether it is final.
const PACE: Duration = Duration::from_millis(500);

pub fn run(at: &Place<'_>, client: &Client, flags: &Rotate, quiet: bool) -> Result<Answer, Failure> {
    // Whoever cannot sign need not make keys.
    let root = at.root(&flags.root)?;
    let alliance = alliance(client)?;
    let all = [KeyPurpose::Log, KeyPurpose::Witness, KeyPurpose::Transport, KeyPurpose::Encryption];
    let wanted = if flags.keys.is_empty() { &all[..] } else { &flags.keys };
    let drawn = read(client.draw_keys(&json!({ "keys": wanted })))?;
    let Drawn { change: Change::Keys(change) } = serde_json::from_value(drawn).map_err(Failure::local)? else {
        return Err(Failure::local("the node answered with another change than one of keys; nothing was signed"));
    };
    let change = change.with_root(&alliance, root.key());
    let proposal = json!({ "change": Change::Keys(change.clone()), "expires": now().saturating_add(EXPIRES) });
    let proposed = read(client.propose(&proposal))?;
    let id: StatementId = text(&proposed, "id").parse().map_err(|_| Failure::local("the node did not name the proposal"))?;
    read(client.vote(&id, &json!({ "choice": "approve" })))?;
    wait(client, &id, flags.wait, quiet)?;
    Ok(Answer::new(told(&change), json!({ "resolution": id, "change": change })))
}

/// What the node answers with new keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drawn {
    change: Change,
}

fn alliance(client: &Client) -> Result<AllianceId, Failure> {
    let node = read(client.json("/api/v1/node"))?;
    let id = node.get("alliance").map(|alliance| text(alliance, "id")).unwrap_or_default();
    id.parse().map_err(|_| Failure::local("the node did not name its alliance"))
}

/// Waits until the members have made the change final.
fn wait(client: &Client, id: &StatementId, seconds: u64, quiet: bool) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(seconds);
    loop {
        let proposal = read(client.json(&format!("/api/v1/resolutions/{id}")))?;
        match text(&proposal, "state") {
            "final" => return Ok(()),
            "open" | "decided" => {}
            state => {
                return Err(Failure::local(format!("the change of keys takes no effect ({state}): suyuan resolution show {id}. The old keys hold")));
            }
        }
        if Instant::now() >= until {
            return Err(Failure::local(format!(
                "the change of keys is not final yet; the old keys hold until it is, and nothing more needs to be done: suyuan resolution show {id}"
            )));
        }
        if !quiet {
            eprintln!("waiting until the members' nodes have made it final …");
        }
        std::thread::sleep(PACE);
    }
}

fn told(change: &KeyChange) -> String {
    let keys = [("log", &change.log), ("witness", &change.witness), ("transport", &change.transport), ("encryption", &change.encryption)];
    let mut told = String::from("The new keys hold:\n");
    for (name, key) in keys.iter().filter_map(|(name, key)| Some((name, key.as_ref()?))) {
        told.push_str(&format!("{name:<12}{key}\n"));
    }
    if change.log.is_some() {
        told.push_str(&format!("The log key signs from entry {} on.\n", change.size));
    }
    told.push_str("Back the keyring up again while the node is stopped: suyuan keyring export FILE");
    told
}

fn read(answer: Result<String, suyuan_client::ClientError>) -> Result<Value, Failure> {
    let answer = answer.map_err(|error| Failure::from_client(&error))?;
    serde_json::from_str(&answer).map_err(Failure::local)
}

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json.get(name).and_then(Value::as_str).unwrap_or_default()
}
