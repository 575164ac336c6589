//! `suyuan run`: the node until it is told to stop.

use serde_json::json;
use suyuan_core::charter::CharterFile;
use suyuan_runtime::{Node, NodeConfig};
use tracing::{info, warn};

use super::{Place, charter};
use crate::answer::{Answer, Failure, write_new};
use crate::cli;
use crate::config::{self, Config};
use crate::telemetry;

pub fn run(at: &Place<'_>, flags: &cli::Run) -> Result<Answer, Failure> {
    telemetry::start();
    let config = Config::load(at.data, flags)?;
    let charter = install(at, flags)?;
    let keyring = at.keyring()?;
    if keyring.is_development() {
        check_development(&config, &charter)?;
        warn!("this is a development keyring without passphrase: whoever reads the disk reads everything");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::local)?;
    let node = Node::start(NodeConfig { data: at.data.to_owned(), charter, keyring }).map_err(Failure::local)?;
    runtime.block_on(serve(node, &config))
}

/// The charter in the data folder; at the first start it comes from the flag.
fn install(at: &Place<'_>, flags: &cli::Run) -> Result<CharterFile, Failure> {
    let kept = at.data.join(charter::FILE);
    if let Some(given) = &flags.charter {
        let file = charter::read(given)?;
        file.verify(None).map_err(|fault| Failure::local(format!("{}: {fault}; `suyuan charter check` shows what is missing", given.display())))?;
        match kept.exists() {
            false => write_new(&kept, &file.to_bytes())?,
            true if charter::read(&kept)? == file => {}
            true => return Err(Failure::local(format!("{} holds another charter already", at.data.display()))),
        }
    }
    if !kept.exists() {
        return Err(Failure::local("this node has no charter yet; start it once with --charter FILE"));
    }
    charter::read(&kept)
}

/// A keyring without passphrase protects nothing, so nothing outside this machine may be involved.
fn check_development(config: &Config, charter: &CharterFile) -> Result<(), Failure> {
    let alliance = charter.verify(None).map_err(Failure::local)?;
    let addresses = alliance.members().iter().flat_map(|member| &member.entry.addresses);
    let outside: Vec<&String> = addresses.filter(|address| !config::is_loopback(address)).collect();
    if config.is_loopback() && outside.is_empty() {
        return Ok(());
    }
    let what = outside.first().map_or("a listener".to_owned(), |address| format!("the charter's address {address}"));
    Err(Failure::local(format!(
        "a development keyring runs on loopback only, and {what} is not; make a member with a passphrase: suyuan init without --development"
    )))
}

async fn serve(node: Node, config: &Config) -> Result<Answer, Failure> {
    info!(admin = %config.admin, public = %config.public, "the node runs");
    let stopped = tokio::signal::ctrl_c().await;
    node.handle.stop().await;
    stopped.map_err(Failure::local)?;
    drop(node.handle);
    match node.writer.join() {
        Ok(Ok(())) => Ok(Answer::new("stopped", json!({ "stopped": true }))),
        Ok(Err(why)) => Err(Failure::local(why)),
        Err(_) => Err(Failure::local("the writer has panicked; please report it with the log")),
    }
}
