//! `suyuan fsck`: recomputes everything in the store of a stopped node.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use suyuan_engine::fsck::{self, Finding};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::writer::{FROM_PEERS, check_anchor, check_owner};
use suyuan_runtime::anchor::Anchor;
use suyuan_runtime::node::{founded, member_of};
use suyuan_store::Store;

use super::{Place, charter};
use crate::answer::{Answer, Failure};

pub fn run(at: &Place<'_>, quiet: bool) -> Result<Answer, Failure> {
    let keyring = at.keyring()?;
    let path = at.data.join(charter::FILE);
    let alliance = charter::read(&path)?.verify(keyring.alliance().as_ref());
    let alliance = Arc::new(alliance.map_err(|fault| Failure::local(format!("{}: {fault}", path.display())))?);
    let founded = founded(at.data, &alliance).map_err(Failure::local)?;
    let alliance = founded.today();
    let me = member_of(&alliance, &keyring).ok_or_else(|| Failure::local("the keyring's keys do not stand in the charter"))?;
    let store = Store::open(&at.data.join("store")).map_err(Failure::local)?;
    check_owner(&store, &alliance, &me).map_err(Failure::local)?;
    let local = LocalKeys::new(keyring.local());
    let secrets: EpochSecrets = keyring.every_epoch().map(|(epoch, secret)| (*epoch, secret.clone())).collect();
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} entries, {eta} left") {
        bar.set_style(style);
    }
    let checked = Ledger::load(founded, me, &store, &local, &secrets).map_err(Finding::from).and_then(|ledger| {
        let report = fsck::check(&ledger, &store, &local, &secrets, |progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        })?;
        let entries = ledger.logs.head(&ledger.own_log()).size();
        let anchored = Anchor::look(&at.data.join("anchor"), entries)
            .map_err(|error| error.to_string())
            .and_then(|published| published.map_or(Ok(()), |published| check_anchor(&published, &ledger, &store).map_err(|error| error.to_string())));
        anchored.map_err(|what| Finding { log: None, sequence: None, what: format!("the anchor: {what}") })?;
        Ok(report)
    });
    bar.finish_and_clear();
    match checked {
        Ok(report) => {
            let text = format!(
                "Nothing is wrong: {} logs, {} entries, {} statements held, {} sections opened{}.",
                report.logs,
                report.entries,
                report.statements,
                report.opened,
                if report.void > 0 { format!(", {} void by their authors' fault", report.void) } else { String::new() }
            );
            Ok(Answer::new(
                text,
                json!({ "ok": true, "logs": report.logs, "entries": report.entries, "statements": report.statements,
                "opened": report.opened, "void": report.void, "unsigned": report.unsigned }),
            ))
        }
        Err(finding) => {
            let text =
                format!("DAMAGED: {finding}\nDo not run the node on this store. Put back the newest copy of the whole data folder, or {FROM_PEERS}.");
            let json = json!({ "ok": false, "log": finding.log.map(|log| log.origin()), "sequence": finding.sequence, "what": finding.what });
            Ok(Answer::no(text, json))
        }
    }
}
