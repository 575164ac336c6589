//! Witnesses outside the alliance: each is asked from a thread of its own for cosignatures of this node's checkpoints (`specs/witness.md`, Rounds).

use std::sync::Arc;
use std::time::Duration;

use suyuan_client::{WitnessAnswer, WitnessClient};
use suyuan_core::note::{NamedKey, TreeHead};
use suyuan_core::witness::AddCheckpoint;
use suyuan_engine::logs;
use suyuan_runtime::Handle;
use tokio::sync::watch;
use tracing::{info, warn};

/// Time between two looks for a newer checkpoint, and the first pause after a failure.
const PACE: Duration = Duration::from_secs(1);
/// Longest pause after failures.
const PAUSE: Duration = Duration::from_secs(60);

/// A configured witness: `VKEY=URL`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse(text: &str) -> Result<WitnessClient, String> {
    // A vkey may end in the padding of base64; the address begins after the last sign before its scheme.
    let at = text
        .find("=http://")
        .ok_or("give VKEY=URL, the URL beginning with http://; reach a witness that speaks TLS alone through a proxy on this machine")?;
    let (vkey, url) = text.split_at(at);
    let key = NamedKey::from_witness_vkey(vkey).ok_or_else(|| format!("{vkey} is not the vkey of an Ed25519 witness (type 0x04)"))?;
    Ok(WitnessClient::new(key, url.trim_start_matches('=')))
}

/// Asks one witness until the node stops.
pub async fn ask(handle: Handle, witness: WitnessClient, mut stopping: watch::Receiver<bool>) {
    let witness = Arc::new(witness);
    let (mut last, mut failures) = (None, 0u32);
    loop {
        let pause = PACE.saturating_mul(1 << failures.min(6)).min(PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        match round(&handle, &witness, &mut last).await {
            Ok(()) if failures > 0 => {
                info!(witness = witness.key.name, "an external witness answers again");
                failures = 0;
            }
            Ok(()) => {}
            Err(why) => {
                if failures == 0 {
                    warn!(witness = witness.key.name, %why, "an external witness did not cosign");
                }
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// Asks for a cosignature of the newest checkpoint that goes round, unless there is one.
async fn round(handle: &Handle, witness: &Arc<WitnessClient>, last: &mut Option<TreeHead>) -> Result<(), String> {
    let ledger = handle.state().ledger;
    let log = ledger.own_log();
    let newest = ledger.gathered.of(&log).and_then(|gathered| gathered.newer.last().or(gathered.witnessed.as_ref()).cloned());
    let Some(newest) = newest.filter(|newest| Some(newest.head) != *last) else { return Ok(()) };
    let key = ledger.alliance.member(&ledger.me).map(|me| NamedKey::new(log.origin(), me.log)).ok_or("this member is not in the charter")?;
    let mut old = last.map_or(0, |last| last.size);
    // A witness that knows another size says so, once.
    for _ in 0..2 {
        let (store, witness, key, note, head) = (handle.store().clone(), witness.clone(), key.clone(), newest.note.clone(), newest.head);
        let number = ledger.logs.head(&log).number;
        let asked = tokio::task::spawn_blocking(move || {
            let proof = logs::tile_tree(store.as_ref(), number, head.size).consistency(old).map_err(|error| error.to_string())?;
            witness.add_checkpoint(&AddCheckpoint { old, proof, checkpoint: note }, &key)
        });
        match asked.await.map_err(|error| error.to_string())?? {
            WitnessAnswer::Conflict(size) if size > newest.head.size => {
                return Err(format!("it has cosigned {size} entries, more than this node is about"));
            }
            WitnessAnswer::Conflict(size) => old = size,
            WitnessAnswer::Cosigned(line) => {
                handle.add_lines(newest.head, vec![line]).await.map_err(|error| error.to_string())?;
                *last = Some(newest.head);
                return Ok(());
            }
        }
    }
    Err("it names another size each time".into())
}
