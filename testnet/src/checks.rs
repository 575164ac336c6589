//! What the demo checks of itself: who holds what, what stands on the disks, and what is refused.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use suyuan_client::{Client, Filter};
use suyuan_core::StatementId;
use suyuan_core::bundle::{Bundle, VerifiedRecord};

use crate::cluster::{Cluster, NodeProcess};
use crate::files::list;
use crate::story::{Secret, Told};

/// One check with its result.
#[derive(Debug)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// Numbers, or what does not hold.
    pub detail: String,
}

impl Check {
    /// A check with what came of it.
    pub fn new(name: impl Into<String>, result: Result<String, String>) -> Self {
        let ok = result.is_ok();
        Self { name: name.into(), ok, detail: result.unwrap_or_else(|why| why) }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({ "name": self.name, "ok": self.ok, "detail": self.detail })
    }
}

/// Checks against the running nodes.
///
/// # Errors
/// What could not even be tried.
pub fn running(cluster: &Cluster, told: &Told, folder: &Path) -> Result<Vec<Check>, String> {
    let mut checks = Vec::new();
    for node in &cluster.nodes {
        checks.push(Check::new(format!("{} holds exactly the statements that it is entitled to", node.founder.name), holds_exactly(node, told)));
    }
    for node in &cluster.nodes {
        checks.push(Check::new(format!("{} reads exactly the secrets meant for it", node.founder.name), reads_exactly(node, told)));
    }
    let bundle = disclosed_bundle(cluster, told)?;
    let path = folder.join("residue.suyuan");
    std::fs::write(&path, &bundle).map_err(|error| error.to_string())?;
    let words = path.to_str().ok_or("the folder is not UTF-8")?;
    let alliance = cluster.alliance.to_string();
    let (code, text) = cluster.suyuan(&["verify", words, "--alliance", &alliance])?;
    let alone = code == Some(0)
        && text.contains(r#"residue = {"value":0.010,"unit":"mg/kg"}"#)
        && told.secrets.iter().all(|secret| !text.contains(&secret.text));
    checks.push(Check::new("one field disclosed alone verifies and opens nothing else", if alone { Ok(String::new()) } else { Err(text) }));
    checks.push(Check::new("a record changed in one byte is refused", refuses_changes(cluster, &bundle)));
    Ok(checks)
}

/// Checks on the disks of the stopped nodes.
pub fn stopped(cluster: &Cluster, told: &Told, folder: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
    for node in &cluster.nodes {
        let report = cluster.fsck(node);
        let result = report.and_then(|report| {
            if report["ok"] == json!(true) {
                Ok(format!("{} entries of {} logs", report["entries"], report["logs"]))
            } else {
                Err(report.to_string())
            }
        });
        checks.push(Check::new(format!("{} recomputes chain, root and index of every log", node.founder.name), result));
    }
    checks.push(Check::new("no planted secret stands in any file, in any encoding", no_secret_in(folder, &told.secrets)));
    checks
}

/// The ids of all statements that a node shows.
fn shown(client: &Client) -> Result<BTreeSet<StatementId>, String> {
    let (mut ids, mut after) = (BTreeSet::new(), None);
    loop {
        let page = client.records(&Filter::All, after.as_deref(), 200).map_err(|error| error.to_string())?;
        for record in &page.records {
            let record: Value = serde_json::from_str(record.get()).map_err(|error| error.to_string())?;
            ids.extend(record["id"].as_str().and_then(|id| id.parse::<StatementId>().ok()));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(ids),
        }
    }
}

fn holds_exactly(node: &NodeProcess, told: &Told) -> Result<String, String> {
    let shown = shown(&node.client()?)?;
    let (mut held, mut masked) = (0, 0);
    for (author, id, holders) in &told.records {
        let (entitled, holds) = (holders.contains(&&*node.founder.key), shown.contains(id));
        if entitled != holds {
            return Err(format!("{id} by {author}: {}", if entitled { "missing" } else { "held without right" }));
        }
        held += usize::from(holds);
        masked += usize::from(!holds);
    }
    Ok(format!("{held} held, {masked} masked"))
}

/// What a node's API shows to its own operator, searched for every secret.
fn reads_exactly(node: &NodeProcess, told: &Told) -> Result<String, String> {
    let client = node.client()?;
    let mut all = String::new();
    for id in shown(&client)? {
        all.push_str(&client.record(&id).map_err(|error| error.to_string())?);
    }
    for secret in &told.secrets {
        let (entitled, reads) = (secret.readers.contains(&&*node.founder.key), all.contains(&secret.text));
        // A regulator in a circle still reads only what its scope allows.
        if entitled != reads {
            return Err(format!("the {}: {}", secret.name, if entitled { "not readable" } else { "readable without right" }));
        }
    }
    Ok(String::new())
}

fn disclosed_bundle(cluster: &Cluster, told: &Told) -> Result<Vec<u8>, String> {
    let id = told.residue.ok_or("the residue record was not written")?;
    let (section, name) = told.disclosed;
    cluster.node("Z")?.client()?.disclose(&id, &[(section, name.to_owned())]).map_err(|error| error.to_string())
}

/// Bytes of a bundle that are changed in turn, one in so many; a prime, so that no structure is passed over.
const STRIDE: usize = 7;

/// Bytes of a bundle changed in turn: none of them may pass, except in the checkpoint's line of the author's own witness, which anybody may drop.
fn refuses_changes(cluster: &Cluster, bundle: &[u8]) -> Result<String, String> {
    let whole = Bundle::verify(bundle, Some(&cluster.alliance)).map_err(|fault| fault.to_string())?;
    let (mut refused, mut dropped) = (0, 0);
    for at in (0..bundle.len()).step_by(STRIDE) {
        let mut changed = bundle.to_vec();
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= 1;
        }
        match Bundle::verify(&changed, Some(&cluster.alliance)) {
            Err(_) => refused += 1,
            Ok(verified) => {
                if !whole.records.iter().zip(&verified.records).all(|(whole, changed)| only_less(whole, changed)) {
                    return Err(format!("byte {at} was changed and nobody noticed"));
                }
                dropped += 1;
            }
        }
    }
    Ok(format!("{refused} changes refused, {dropped} only dropped a cosignature"))
}

/// Whether a record proves the same, but for the author's own time or one witness less: whose line is garbled has not signed (`specs/log.md`, Checkpoint).
fn only_less(whole: &VerifiedRecord, changed: &VerifiedRecord) -> bool {
    let fields = |record: &VerifiedRecord| -> Vec<_> { record.sections.iter().flat_map(|section| section.fields.clone()).collect() };
    let same = whole.id() == changed.id() && whole.size == changed.size && fields(whole) == fields(changed);
    let kept = changed.witnesses.iter().all(|witness| whole.witnesses.contains(witness));
    let dropped =
        usize::from(whole.seconds.is_some() && changed.seconds.is_none()).saturating_add(whole.witnesses.len().abs_diff(changed.witnesses.len()));
    same && kept && dropped == 1
}

/// The encodings in which a text might hide.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    use base64::Engine;
    let raw = text.as_bytes();
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![raw.to_vec(), hex.clone().into_bytes(), hex.to_uppercase().into_bytes()];
    // Base64 has three alignments; the ends that depend on the neighbours are cut off.
    for skip in 0..3usize {
        let padded = [vec![0; skip], raw.to_vec()].concat();
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(padded);
        let inner: String = encoded.chars().skip(4).take(encoded.len().saturating_sub(8)).collect();
        forms.push(inner.clone().into_bytes());
        forms.push(inner.replace('+', "-").replace('/', "_").into_bytes());
    }
    forms.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    forms
}

fn no_secret_in(folder: &Path, secrets: &[Secret]) -> Result<String, String> {
    let (files, mut bytes) = (list(folder)?, 0);
    for file in &files {
        let content = std::fs::read(file).map_err(|error| error.to_string())?;
        bytes += content.len();
        for secret in secrets {
            for form in encodings(&secret.text) {
                if content.windows(form.len()).any(|window| window == form) {
                    return Err(format!("the {} stands in {}", secret.name, file.display()));
                }
            }
        }
    }
    Ok(format!("{} secrets, {} files, {bytes} bytes", secrets.len(), files.len()))
}
