//! `suyuan history`: the alliance's newest history from a member's public listener, for a node that no other one knows any more by the keys that it has heard of.

use std::sync::Arc;

use serde_json::json;
use suyuan_client::Public;
use suyuan_runtime::node::{HISTORY, founded};

use super::{Place, charter, join};
use crate::answer::{Answer, Failure, replace};
use crate::cli;

pub fn run(at: &Place<'_>, flags: &cli::History) -> Result<Answer, Failure> {
    let file = charter::read(&at.data.join(charter::FILE)).map_err(|_| {
        Failure::local(format!(
            "{} holds no charter yet; a newcomer begins with `suyuan join`, a founder with `suyuan run --charter`",
            at.data.display()
        ))
    })?;
    let founding = Arc::new(file.verify(None).map_err(Failure::local)?);
    let known = founded(at.data, &founding).map_err(Failure::local)?.today();
    let (_, fetched, bytes) = join::fetch(&Public::new(&flags.url), &founding.id())?;
    let (before, after) = (known.version(), fetched.today().version());
    let json = json!({ "alliance": founding.id(), "before": before, "version": after, "kept": after > before });
    if after <= before {
        return Ok(Answer::new(format!("Nothing new: the history that is here says as much, {before} changes. Nothing was done."), json));
    }
    replace(&at.data.join(HISTORY), &bytes)?;
    Ok(Answer::new(format!("The alliance has seen {after} changes, {} of them new here. Start the node again: suyuan run", after - before), json))
}
