//! `suyuan charter`: drawing up, signing, checking and showing the founding charter; what became of it, the running node says.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use suyuan_core::charter::{Charter, CharterFile, Entry};
use suyuan_core::key::key_id;
use suyuan_core::limits;
use suyuan_core::{AllianceId, Fault};
use suyuan_runtime::keyring::{Passphrase, PassphraseSource, Root, SealedFile};
use suyuan_runtime::node::now;

use super::{Place, client, versions};
use crate::answer::{Answer, Failure, read_file, replace, write_new};
use crate::cli::{Charter as CharterCommand, NewCharter, NodeAddress};

/// The charter's file in a data folder.
pub const FILE: &str = "charter";

pub fn run(at: &Place<'_>, node: &NodeAddress, command: CharterCommand) -> Result<Answer, Failure> {
    match command {
        CharterCommand::New(flags) => new(flags),
        CharterCommand::Sign { file, root, root_passphrase_file } => sign(at, &file, root, root_passphrase_file.as_deref()),
        CharterCommand::Check { file, alliance } => check(&file, alliance),
        CharterCommand::Show { file: Some(file), .. } => show(&file),
        CharterCommand::Show { file: None, at: time, version } => versions::show(&client(at, node)?, time, version),
        CharterCommand::History => versions::history(&client(at, node)?),
    }
}

/// Reads a charter's file.
pub fn read(path: &Path) -> Result<CharterFile, Failure> {
    let bytes = read_file(path, limits::CHARTER.saturating_mul(2))?;
    CharterFile::decode(&bytes).map_err(|fault| Failure::local(format!("{} is no charter: {fault}", path.display())))
}

fn content(path: &Path, file: &CharterFile) -> Result<Charter, Failure> {
    Charter::decode(&file.charter).map_err(|fault| Failure::local(format!("{} does not hold a charter: {fault}", path.display())))
}

fn new(flags: NewCharter) -> Result<Answer, Failure> {
    let entry = |path: &PathBuf| -> Result<Entry, Failure> {
        Entry::decode(&read_file(path, 64 * 1024)?).map_err(|fault| Failure::local(format!("{} is no member's entry: {fault}", path.display())))
    };
    let members = flags.entries.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let index = |name: &String| -> Result<u64, Failure> {
        let found = members.iter().position(|member| member.name == *name);
        found.map(|index| index as u64).ok_or_else(|| Failure::usage(format!("--deputy {name:?}: no entry has this name")))
    };
    let deputies = flags.deputies.iter().map(index).collect::<Result<_, _>>()?;
    let terms = flags.terms.map(|path| read_file(&path, limits::TERMS)).transpose()?.unwrap_or_default();
    let terms = String::from_utf8(terms).map_err(|error| Failure::local(format!("the terms: {error}")))?;
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(Failure::local)?;
    let seal = flags.seal_hours.saturating_mul(3_600_000);
    let NewCharter { file: path, name, purpose, chain, .. } = flags;
    let charter = Charter { nonce, name, purpose, chain, time: now(), members, deputies, seal, terms };
    let file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    Charter::decode(&file.charter).map_err(|fault| {
        let hint = match fault {
            Fault::Key => "two entries share a key, or one has an unusable key",
            _ => "there must be exactly one leader, deputies must be members other than leader and regulators, and texts within their bounds",
        };
        Failure::local(format!("the charter would not be accepted ({fault}): {hint}"))
    })?;
    write_new(&path, &file.to_bytes())?;
    let text = format!(
        "Charter of {} drawn up for {} members: {}\nEach founder now runs: suyuan charter sign {}",
        charter.name,
        charter.members.len(),
        path.display(),
        path.display()
    );
    Ok(Answer::new(text, json!({ "file": path, "members": charter.members.len() })))
}

fn sign(at: &Place<'_>, path: &Path, root: Option<PathBuf>, root_passphrase: Option<&Path>) -> Result<Answer, Failure> {
    let mut file = read(path)?;
    let charter = content(path, &file)?;
    let keyring = at.keyring()?;
    let root_path = root.unwrap_or_else(|| at.data.join("root.key"));
    if !root_path.exists() {
        return Err(Failure::local(format!("{} is not there; if the root key was moved away, name its file with --root FILE", root_path.display())));
    }
    let passphrase = if Root::asks_passphrase(&root_path).map_err(Failure::local)? {
        let source = PassphraseSource { seals: SealedFile::Root, file: root_passphrase, new: false };
        Passphrase::resolve(&source).map_err(Failure::local)?
    } else {
        Passphrase::none()
    };
    let root = Root::open(&root_path, &passphrase).map_err(Failure::local)?;
    let own = charter.members.iter().find(|member| member.keys.root == root.key().public().to_bytes());
    let own = own.ok_or_else(|| Failure::local("this member's entry does not stand in the charter; hand your entry file to whoever draws it up"))?;
    for key in [root.key(), keyring.log(), keyring.witness(), keyring.transport()] {
        file.sign(key).map_err(|fault| Failure::local(format!("the charter has another key of this member: {fault}")))?;
    }
    replace(path, &file.to_bytes())?;
    let missing = missing(&charter, &file);
    let next = match missing.is_empty() {
        true => "It is complete. Each founder starts with: suyuan run --charter FILE".to_owned(),
        false => format!("Still missing: {}", missing.join(", ")),
    };
    Ok(Answer::new(format!("{} has signed.\n{next}", own.name), json!({ "signed": own.name, "missing": missing })))
}

/// Names of the founders who have not signed with all their keys.
fn missing(charter: &Charter, file: &CharterFile) -> Vec<String> {
    let signed = |key: &[u8; 32]| file.signatures.iter().any(|(id, _)| *id == key_id(key));
    let incomplete = charter.members.iter().filter(|member| !member.keys.signing().into_iter().all(signed));
    incomplete.map(|member| member.name.clone()).collect()
}

fn check(path: &Path, expected: Option<AllianceId>) -> Result<Answer, Failure> {
    let file = read(path)?;
    let charter = content(path, &file)?;
    match file.verify(expected.as_ref()) {
        Ok(alliance) => {
            let text = format!("Complete: all {} founders have signed.\nalliance id   {}", alliance.members().len(), alliance.id());
            Ok(Answer::new(text, json!({ "complete": true, "alliance": alliance.id(), "missing": [] })))
        }
        Err(fault) => {
            let missing = missing(&charter, &file);
            let text = match missing.is_empty() {
                true => format!("Not a valid charter: {fault}"),
                false => format!("Not complete. Still to sign: {}", missing.join(", ")),
            };
            Ok(Answer::no(text, json!({ "complete": false, "fault": fault.code(), "missing": missing })))
        }
    }
}

fn show(path: &Path) -> Result<Answer, Failure> {
    let file = read(path)?;
    let charter = content(path, &file)?;
    let verified = file.verify(None);
    let mut text = format!("{}\n  chain     {}\n  purpose   {}\n", charter.name, charter.chain, charter.purpose);
    match &verified {
        Ok(alliance) => text.push_str(&format!("  alliance  {}\n", alliance.id())),
        Err(fault) => text.push_str(&format!("  draft     {fault}\n")),
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["name", "role", "deputy", "member id", "addresses"]);
    let mut members: Vec<Value> = Vec::new();
    for (index, member) in (0u64..).zip(&charter.members) {
        let deputy = charter.deputies.iter().position(|deputy| *deputy == index).map(|place| place.saturating_add(1));
        let shown = deputy.map_or(String::new(), |place| place.to_string());
        table.add_row([member.name.clone(), member.role.to_string(), shown, member.member().to_string(), member.addresses.join(" ")]);
        members.push(json!({ "name": member.name, "role": member.role, "id": member.member(), "deputy": deputy,
            "addresses": member.addresses, "scope": member.scope }));
    }
    text.push_str(&table.to_string());
    if !charter.terms.is_empty() {
        text.push_str(&format!("\n\n{}", charter.terms));
    }
    let json = json!({ "name": charter.name, "chain": charter.chain, "purpose": charter.purpose, "time": charter.time, "seal": charter.seal,
        "alliance": verified.ok().map(|alliance| alliance.id()), "members": members, "terms": charter.terms });
    Ok(Answer::new(text, json))
}
