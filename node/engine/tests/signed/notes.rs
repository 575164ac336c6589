//! Where a line of a note is asked for: heads of logs and of order logs, and cosignatures.

use suyuan_core::equivocation::{Contradiction, Evidence};
use suyuan_core::log::witness_name;
use suyuan_core::note::{NamedKey, TreeHead, UnverifiedCheckpoint, checkpoint_body, cosignature_line, sign_checkpoint, sign_head};
use suyuan_core::order::origin;
use suyuan_core::policy::Policy;
use suyuan_core::witness::{self, AddCheckpoint};
use suyuan_engine::witnessing::{Cosignature, VerifiedCosignature};

use crate::kinds::Kind;
use crate::support::key;
use crate::world::{Place, SECONDS, Side};

pub fn places() -> Vec<Place> {
    let place = |name, own, offer, why| Place { name, own, offer, wants_statements: false, foreign: why, other: why, elsewhere: why };
    let (checkpoint, cosignature): (fn(&Kind) -> bool, fn(&Kind) -> bool) = (|kind| *kind == Kind::Checkpoint, |kind| *kind == Kind::Cosignature);
    vec![
        place("the checkpoint of a log", checkpoint, as_checkpoint, "checkpoint-signature"),
        place("the checkpoint of a log's earlier incarnation", |kind| *kind == Kind::LaterIncarnation, as_later, "checkpoint-signature"),
        place("another member's checkpoint", |kind| *kind == Kind::OthersCheckpoint, as_others, "checkpoint-signature"),
        place("a checkpoint under a policy", checkpoint, under_policy, "checkpoint-signature"),
        place("a request to cosign", checkpoint, to_witness, "NotSigned"),
        place("one of two histories", checkpoint, as_evidence, "checkpoint-signature"),
        place("a head of the order log", |kind| *kind == Kind::OrderHead, as_order_head, "no head"),
        place("a head of the order log's second term", |kind| *kind == Kind::LaterOrderHead, as_later_head, "no head"),
        place("a cosignature of a checkpoint", cosignature, as_cosignature, "cosignature"),
        place("a cosignature that a node tells of", cosignature, told, "cosignature"),
        place("a cosignature of a head of the order log", |kind| *kind == Kind::OrderCosignature, on_order_head, "no head"),
    ]
}

/// A note over a body with this line of a log key.
fn note(body: &str, log: &NamedKey, signature: &[u8; 64]) -> String {
    // The line of a log key has no time: its key id is that of its vkey.
    let vkey = log.log_vkey();
    let id = hex::decode(vkey.split('+').nth(1).unwrap()).unwrap();
    format!("{body}\n— {} {}\n", log.name, base64(&[&id[..], signature].concat()))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Offers a signature under the body that belongs there, and under what was signed, where that is text: whether any is taken, and why the first is not.
fn both(side: &Side, kind: &Kind, own: &str, log: &NamedKey, check: impl Fn(&str) -> Result<(), String>) -> Result<(), String> {
    let (message, signature) = side.signed(kind, &key(0, 2));
    let verdict = check(&note(own, log, &signature));
    if let Ok(text) = std::str::from_utf8(&message)
        && check(&note(text, log, &signature)).is_ok()
    {
        return Ok(());
    }
    verdict
}

fn log_key(name: String) -> NamedKey {
    NamedKey::new(name, key(0, 2).public())
}

fn verified(note: &str, log: &NamedKey) -> Result<(), String> {
    let parsed = UnverifiedCheckpoint::parse(note).and_then(|note| note.verify(log, &[]));
    parsed.map(|_| ()).map_err(|fault| fault.code().to_owned())
}

fn of_log(side: &Side, kind: &Kind, origin: String) -> Result<(), String> {
    let log = log_key(origin);
    both(side, kind, &checkpoint_body(&log.name, &Side::head()), &log, |note| verified(note, &log))
}

fn as_checkpoint(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    of_log(side, kind, here.log(0).origin())
}

fn as_later(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    of_log(side, kind, here.log(1).origin())
}

fn as_others(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    of_log(side, kind, suyuan_core::log::LogId { member: here.alliance.members()[1].id, ..here.log(0) }.origin())
}

fn under_policy(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let (log, policy) = (log_key(here.log(0).origin()), Policy::of_log(&here.alliance, &here.log(0)).unwrap());
    let check = |note: &str| policy.check(note).map(|_| ()).map_err(|fault| fault.code().to_owned());
    both(side, kind, &checkpoint_body(&log.name, &Side::head()), &log, check)
}

fn to_witness(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let log = log_key(here.log(0).origin());
    let check = |note: &str| {
        let request = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: note.into() };
        witness::judge(&request, Some(&log), &witness::empty_head()).map(|_| ()).map_err(|refusal| format!("{refusal:?}"))
    };
    both(side, kind, &checkpoint_body(&log.name, &Side::head()), &log, check)
}

fn as_evidence(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let (log, other) = (log_key(here.log(0).origin()), TreeHead { size: 1, root: [9; 32] });
    let name = witness_name(&here.alliance.id(), &here.me());
    let first = sign_checkpoint(&log.name, &other, &key(0, 2), (&name, &key(0, 3)), SECONDS);
    let check = |note: &str| {
        let evidence = Evidence { member: here.me(), incarnation: 0, first: first.clone(), second: note.into(), proof: Contradiction::SameSize };
        evidence.verify(&here.alliance).map(|_| ()).map_err(|fault| fault.code().to_owned())
    };
    both(side, kind, &checkpoint_body(&log.name, &Side::head()), &log, check)
}

fn of_order(here: &Side, kind: &Kind, side: &Side, term: u64) -> Result<(), String> {
    let mut order = here.order();
    order.term = term;
    let log = log_key(origin(&here.alliance.id(), &here.circle(), term));
    let check = |note: &str| order.read_head(note).map(|_| ()).ok_or_else(|| "no head".to_owned());
    both(side, kind, &checkpoint_body(&log.name, &here.order_head()), &log, check)
}

fn as_order_head(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    of_order(here, kind, side, 1)
}

fn as_later_head(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    of_order(here, kind, side, 2)
}

/// The witness is the second voter, whose key is asked for.
fn witness_of(here: &Side) -> NamedKey {
    NamedKey::new(witness_name(&here.alliance.id(), &here.alliance.members()[1].id), key(1, 3).public())
}

fn as_cosignature(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let (log, witness) = (log_key(here.log(0).origin()), witness_of(here));
    let head = sign_head(&log.name, &Side::head(), &key(0, 2));
    let note = format!("{head}{}", cosignature_line(&witness, SECONDS, &side.signed(kind, &key(1, 3)).1));
    let checkpoint = UnverifiedCheckpoint::parse(&note).and_then(|note| note.verify(&log, std::slice::from_ref(&witness)));
    let checkpoint = checkpoint.map_err(|fault| fault.code().to_owned())?;
    if checkpoint.cosignatures.is_empty() { Err("not counted".into()) } else { Ok(()) }
}

fn told(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let body = checkpoint_body(&here.log(0).origin(), &Side::head());
    let found = Cosignature {
        witness: here.alliance.members()[1].id,
        log: here.log(0),
        head: Side::head(),
        signed: key(0, 2).sign(body.as_bytes()),
        seconds: SECONDS,
        signature: side.signed(kind, &key(1, 3)).1,
    };
    VerifiedCosignature::check(found, &here.alliance).map(|_| ()).map_err(|fault| fault.code().to_owned())
}

fn on_order_head(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let head = sign_head(&origin(&here.alliance.id(), &here.circle(), 1), &here.order_head(), &key(0, 2));
    let note = format!("{head}{}", cosignature_line(&witness_of(here), SECONDS, &side.signed(kind, &key(1, 3)).1));
    let read = here.order().read_head(&note).ok_or("no head")?;
    if read.cosignatures.is_empty() { Err("not counted".into()) } else { Ok(()) }
}
