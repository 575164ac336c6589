//! `suyuan invite` and `suyuan join`: how a newcomer gets into an alliance that exists.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use serde::Deserialize;
use serde_json::{Value, json};
use suyuan_client::{Client, ClientError, Public};
use suyuan_core::charter::{Alliance, CharterFile, Entry};
use suyuan_core::history::History;
use suyuan_core::membership::Admission;
use suyuan_core::resolution::{Disclosed, from_fields};
use suyuan_core::{AllianceId, StatementId};
use suyuan_engine::decisions::{INVITATION, Invitation, digest};
use suyuan_engine::ledger::Founded;
use suyuan_runtime::node::{HISTORY, now};

use super::verify::visible;
use super::{Place, charter, status};
use crate::answer::{Answer, Failure, read_file, replace, write_secret};
use crate::cli;
use crate::time::utc;

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;
/// Bytes of an invitation.
const INVITATION_FILE: usize = 64 * 1024;
/// Between two looks at whether the members have decided.
const PACE: Duration = Duration::from_secs(1);

pub fn invite(client: &Client, flags: cli::Invite) -> Result<Answer, Failure> {
    match flags {
        cli::Invite { action: Some(cli::InviteAction::List), .. } => list(client),
        cli::Invite { action: Some(cli::InviteAction::Withdraw { id }), .. } => {
            let json = client.withdraw_invitation(&id).map_err(|error| Failure::from_client(&error))?;
            Ok(Answer::raw(format!("Withdrawn: nobody can use invitation {id} any more."), json))
        }
        cli::Invite { new: Some(new), .. } => make(client, &new),
        cli::Invite { .. } => Err(Failure::usage("say whom: suyuan invite --name NAME --role ROLE --output FILE; or suyuan invite list")),
    }
}

fn list(client: &Client) -> Result<Answer, Failure> {
    let json = client.json("/api/v1/invitations").map_err(|error| Failure::from_client(&error))?;
    let all: Vec<Value> = serde_json::from_str(&json).map_err(Failure::local)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["name", "role", "invited by", "open until", "state", "id"]);
    for one in &all {
        let text = |pointer: &str| visible(one.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
        let until = one["expires"].as_u64().map(|expires| utc(expires / 1000)).unwrap_or_default();
        table.add_row([text("/name"), text("/role"), text("/author/name"), until, text("/state"), text("/id")]);
    }
    let text = if all.is_empty() { "There are no invitations.".to_owned() } else { table.to_string() };
    Ok(Answer::raw(text, status::named("invitations", &json).json))
}

fn make(client: &Client, flags: &cli::NewInvitation) -> Result<Answer, Failure> {
    let expires = now().saturating_add(flags.days.saturating_mul(DAY));
    let made = client.invite(&json!({ "name": flags.name, "role": flags.role, "expires": expires })).map_err(|error| Failure::from_client(&error))?;
    write_secret(&flags.output, made.as_bytes())?;
    let id = member_of(&made, "invitation").unwrap_or_default();
    let text = format!(
        "Invitation for {}: {}\nHand it over on a safe way: whoever has it may ask once, within {} days. There they run: suyuan init, then suyuan join FILE.\nThe members then decide: suyuan resolution list",
        flags.name,
        flags.output.display(),
        flags.days
    );
    Ok(Answer::new(text, json!({ "invitation": id, "file": flags.output, "expires": expires })))
}

/// An invitation as it was handed over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Handed {
    alliance: AllianceId,
    url: String,
    invitation: StatementId,
    secret: StatementId,
    signed: Disclosed,
}

pub fn join(at: &Place<'_>, flags: &cli::Join, quiet: bool) -> Result<Answer, Failure> {
    let bytes = read_file(&flags.file, INVITATION_FILE)?;
    let handed: Handed =
        serde_json::from_slice(&bytes).map_err(|error| Failure::local(format!("{} is no invitation: {error}", flags.file.display())))?;
    let node = Public::new(flags.url.as_deref().unwrap_or(&handed.url));
    let (file, founded, _) = fetch(&node, &handed.alliance)?;
    let invitation = check(&handed, &founded)?;
    let entry = entry(at)?;
    if entry.name != invitation.name || entry.role != invitation.role {
        let why = format!("the invitation is for {} ({}), and this member is {} ({})", invitation.name, invitation.role, entry.name, entry.role);
        return Err(Failure::local(why));
    }
    let (mut proposal, mut refused) = (None, None);
    if founded.today().member(&entry.member()).is_none() {
        let admission = admission(at, flags, &handed.alliance, &entry)?;
        match node.join(&json!({ "invitation": handed.invitation, "secret": handed.secret, "admission": admission })) {
            Ok(answer) => proposal = member_of(&answer, "proposal"),
            // It may be this member's own earlier try that has used it: then the members decide about that.
            Err(ClientError::Refused(problem)) if problem.status == 422 => refused = Some(problem.detail),
            Err(error) => return Err(Failure::from_client(&error)),
        }
    }
    let there = |today: &Alliance| today.active(&entry.member()).is_some();
    let waited = wait(at, &node, &file, there, flags.wait, quiet);
    waited.map_err(|failure| match refused {
        Some(why) => Failure { message: format!("{}; the node said: {why}", failure.message), ..failure },
        None => failure,
    })?;
    let text = format!("{} is a member of {}.\nStart the node: suyuan run", entry.name, founded.alliance.charter().name);
    Ok(Answer::new(text, json!({ "member": entry.member(), "alliance": handed.alliance, "proposal": proposal })))
}

/// Charter and history of an alliance, checked, and the history as it came.
pub(super) fn fetch(node: &Public, alliance: &AllianceId) -> Result<(CharterFile, Founded, Vec<u8>), Failure> {
    let charter = node.get("/charter").map_err(|error| Failure::from_client(&error))?;
    let wrong =
        |what: &str, fault: suyuan_core::Fault| Failure::local(format!("the {what} that the node sent does not hold: {fault}; nothing was done"));
    let file = CharterFile::decode(&charter).map_err(|fault| wrong("charter", fault))?;
    let founding = Arc::new(file.verify(Some(alliance)).map_err(|fault| wrong("charter", fault))?);
    let bytes = node.get("/history").map_err(|error| Failure::from_client(&error))?;
    let history = History::decode(&bytes).map_err(|fault| wrong("history", fault))?;
    Ok((file, Founded::with(founding, &history).map_err(|fault| wrong("history", fault))?, bytes))
}

/// The invitation is a voter's own, its secret fits, and its time is not over.
fn check(handed: &Handed, founded: &Founded) -> Result<Invitation, Failure> {
    let alliance = founded.today();
    let opened = handed.signed.open(&alliance, INVITATION).filter(|(statement, _)| statement.id() == handed.invitation);
    let voter = opened.as_ref().is_some_and(|(statement, _)| alliance.voters().any(|voter| voter.id == statement.place.author));
    let invitation = opened.filter(|_| voter).and_then(|(_, body)| from_fields::<Invitation>(&body));
    let invitation = invitation.filter(|invitation| invitation.digest == digest(&handed.secret.0));
    let invitation =
        invitation.ok_or_else(|| Failure::local("the invitation is not signed by a member of the alliance, or was changed; ask for a new one"))?;
    if invitation.expires < now() {
        return Err(Failure::local("the invitation is over; ask for a new one"));
    }
    Ok(invitation)
}

/// A text in a JSON object.
fn member_of(json: &str, name: &str) -> Option<String> {
    serde_json::from_str::<Value>(json).ok()?.get(name)?.as_str().map(str::to_owned)
}

pub(super) fn entry(at: &Place<'_>) -> Result<Entry, Failure> {
    let path = at.data.join("entry");
    let bytes =
        read_file(&path, 64 * 1024).map_err(|_| Failure::local(format!("{} is missing; make this member first: suyuan init", path.display())))?;
    Entry::decode(&bytes).map_err(|fault| Failure::local(format!("{} is no member's entry: {fault}", path.display())))
}

/// The entry, signed with root, log, witness and transport key.
fn admission(at: &Place<'_>, flags: &cli::Join, alliance: &AllianceId, entry: &Entry) -> Result<Admission, Failure> {
    let keyring = at.keyring()?;
    let root = at.root(&flags.root)?;
    Ok(Admission::sign(alliance, entry, [root.key(), keyring.log(), keyring.witness(), keyring.transport()]))
}

/// Waits until the members have decided, and keeps charter and history.
pub(super) fn wait(
    at: &Place<'_>,
    node: &Public,
    file: &CharterFile,
    decided: impl Fn(&Alliance) -> bool,
    seconds: u64,
    quiet: bool,
) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(seconds);
    let founding = Arc::new(file.verify(None).map_err(Failure::local)?);
    loop {
        let history = node.get("/history").map_err(|error| Failure::from_client(&error))?;
        let decoded = History::decode(&history).map_err(Failure::local)?;
        let founded = Founded::with(founding.clone(), &decoded).map_err(Failure::local)?;
        if decided(&founded.today()) {
            keep(&at.data.join(HISTORY), &history)?;
            return keep(&at.data.join(charter::FILE), &file.to_bytes());
        }
        if Instant::now() >= until {
            return Err(Failure::local("the members have not decided yet; run the same command again later"));
        }
        if !quiet {
            eprintln!("waiting for the members to decide …");
        }
        std::thread::sleep(PACE);
    }
}

fn keep(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    replace(path, bytes)
}
