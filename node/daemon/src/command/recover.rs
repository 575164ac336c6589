//! `suyuan recover`: a member that has lost its keys or its log asks its partners to let it go on with others (`specs/membership.md`, Recovery).

use serde_json::{Map, Value, json};
use suyuan_client::Public;
use suyuan_core::charter::{Alliance, Pin};
use suyuan_core::membership::Change;
use suyuan_core::recovery::Recovery;

use super::{Place, join, member};
use crate::answer::{Answer, Failure, read_file, replace};
use crate::cli;

/// Bytes of a request.
const REQUEST: usize = 64 * 1024;
/// What the partner's node adds to a request.
const CLOSING: [&str; 2] = ["size", "root"];

pub fn run(at: &Place<'_>, flags: &cli::Recover, quiet: bool) -> Result<Answer, Failure> {
    let node = Public::new(&flags.url);
    let (file, founded, _) = join::fetch(&node, &flags.alliance)?;
    let today = founded.today();
    let members = today.members().iter().map(|known| (known.id, known.id.to_string(), known.entry.name.clone()));
    let member = member::chosen(members, &flags.member)?;
    let keys = join::entry(at)?.keys;
    let renewed = |alliance: &Alliance| alliance.active(&member).is_some_and(|known| known.entry.keys == keys);
    if !renewed(&today) {
        let (keyring, root) = (at.keyring()?, at.root(&flags.root)?);
        let signers = [root.key(), keyring.log(), keyring.witness(), keyring.transport()];
        if signers.map(|key| key.public().to_bytes()).each_ref() != keys.signing() {
            return Err(Failure::local(
                "the keyring and the root key of this folder are not those of its entry; begin in a new folder with `suyuan init`",
            ));
        }
        let recovery = Recovery::sign(&flags.alliance, &member, keys.encryption, signers, Pin { size: 0, root: [0; 32] });
        let mut request = serde_json::to_value(Change::Recover(recovery)).map_err(Failure::local)?;
        fields(&mut request).into_iter().for_each(|fields| fields.retain(|name, _| !CLOSING.contains(&name.as_str())));
        replace(&flags.output, request.to_string().as_bytes())?;
        if !quiet {
            eprintln!(
                "The request is in {}. Hand it to a partner, who makes sure that it is from you and proposes it: suyuan resolution propose recover FILE",
                flags.output.display()
            );
        }
    }
    join::wait(at, &node, &file, renewed, flags.wait, quiet)?;
    let name = today.member(&member).map(|known| known.entry.name.clone()).unwrap_or_default();
    let text = format!("{name} goes on with new keys and a new log.\nStart the node: suyuan run");
    Ok(Answer::new(text, json!({ "member": member, "alliance": flags.alliance, "request": flags.output })))
}

/// A request, with the log of its member closed where a partner's node has it to.
pub(super) fn closing(path: &std::path::Path, head: impl Fn(&str) -> Result<(u64, String), Failure>) -> Result<Value, Failure> {
    let none = || Failure::local(format!("{} is no request of `suyuan recover`", path.display()));
    let mut request: Value = serde_json::from_slice(&read_file(path, REQUEST)?).map_err(|_| none())?;
    let fields = fields(&mut request).ok_or_else(none)?;
    let member = fields.get("member").and_then(Value::as_str).ok_or_else(none)?.to_owned();
    let (size, root) = head(&member)?;
    fields.extend([("size".to_owned(), json!(size)), ("root".to_owned(), json!(root))]);
    Ok(request)
}

fn fields(request: &mut Value) -> Option<&mut Map<String, Value>> {
    request.get_mut("recover")?.as_object_mut()
}
