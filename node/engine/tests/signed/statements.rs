//! Where a statement is asked for by its signature or its log, and where keys sign a frame of their own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::BTreeMap;

use suyuan_core::bundle::BundleRecord;
use suyuan_core::charter::{CharterFile, Pin};
use suyuan_core::history::{History, HistoryEntry, HistoryFault};
use suyuan_core::key::SecretKey;
use suyuan_core::log::witness_name;
use suyuan_core::membership::{Admission, Agreement, Change};
use suyuan_core::note::{TreeHead, sign_checkpoint};
use suyuan_core::order::{Entry, EpochEntry, Freeze};
use suyuan_core::proof::LogProof;
use suyuan_core::recovery::Recovery;
use suyuan_core::resolution::{Disclosed, Effect, Proposal, Signed, Slot, to_fields};
use suyuan_core::section::Field;
use suyuan_engine::void::{Judgement, judge};

use crate::kinds::Kind;
use crate::support::key;
use crate::world::{Offer, Place, SECONDS, Side, field, newcomer, rotation};

pub fn places() -> Vec<Place> {
    let statement = |name, own, offer, foreign, other, elsewhere| Place { name, own, offer, wants_statements: true, foreign, other, elsewhere };
    let frame = |name, own, offer, why| Place { name, own, offer, wants_statements: false, foreign: why, other: why, elsewhere: why };
    vec![
        statement("a record of a bundle", Kind::is_statement, in_bundle, "frame", "", "statement-alliance"),
        statement("an entry of a log", Kind::is_statement, in_log, "frame", "", "inclusion"),
        statement("a proposal in an effect", |kind| is(kind, "suyuan.proposal"), as_proposal, "proposal", "proposal", "proposal"),
        statement("an approval in an effect", |kind| is(kind, "suyuan.approve"), as_approval, "approval", "approval", "approval"),
        statement("an entry of a history", |kind| is(kind, "suyuan.order"), in_history, "statement", "statement", "statement"),
        statement("a vote in a takeover", |kind| is(kind, "suyuan.freeze"), in_takeover, "takeover", "takeover", "takeover"),
        frame("a signature of a charter", |kind| *kind == Kind::Charter, on_charter, "charter-signature"),
        frame("a signature of an admission", |kind| *kind == Kind::Join, on_admission, "Possession"),
        frame("a signature of a change of keys", |kind| *kind == Kind::Keys, on_keys, "Possession"),
        frame("a signature of a recovery", |kind| *kind == Kind::Recovery, on_recovery, "Possession"),
    ]
}

fn is(kind: &Kind, name: &str) -> bool {
    kind.name() == name
}

fn in_bundle(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let offer = side.offer(kind, Vec::new(), vec![field("a", "1")]);
    let head = TreeHead { size: 1, root: offer.leaf() };
    let name = witness_name(&here.alliance.id(), &here.me());
    let checkpoint = sign_checkpoint(&here.log(0).origin(), &head, &key(0, 2), (&name, &key(0, 3)), SECONDS);
    let proof = LogProof { index: 0, path: Vec::new(), checkpoint }.to_string();
    let record = BundleRecord { statement: offer.bytes, signature: offer.signature, proof, disclosures: Vec::new() };
    record.verify(&here.alliance).map(|_| ()).map_err(|fault| fault.code().to_owned())
}

fn in_log(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let offer = side.offer(kind, Vec::new(), vec![field("a", "1")]);
    let log = here.log(0);
    match judge(&offer.bytes, &log.place(0), &offer.id(), &log.chain_start()).unwrap() {
        Judgement::Valid(_) => Ok(()),
        Judgement::Void(fault) => Err(fault.code().to_owned()),
        Judgement::Later => Err("later".into()),
    }
}

/// Agreed on by the two voters.
fn proposal(side: &Side) -> Proposal {
    let change = Change::Agree(Agreement { title: "price".into(), text: "one".into() });
    let mut signers: Vec<_> = side.alliance.voters().map(|voter| (voter.id, 1)).collect();
    signers.sort_unstable();
    Proposal {
        circle: side.circle(),
        slot: Slot { subject: change.subject(), version: 0, ballot: 0 },
        change,
        signers,
        threshold: 2,
        rule: 0,
        expires: 1 << 50,
        reason: String::new(),
    }
}

fn approve(side: &Side, signer: usize, proposal: &Offer) -> Signed {
    let approval = side.statement("suyuan.approve", vec![proposal.id()], comment(), signer);
    Signed::new(&approval.bytes, &approval.signature)
}

fn comment() -> Vec<Field> {
    vec![field("comment", "\"\"")]
}

fn disclose(offer: &Offer) -> Disclosed {
    Disclosed::new(&offer.bytes, &offer.signature, &offer.header, &offer.body)
}

fn judge_effect(here: &Side, proposal: &Offer, mut approvals: Vec<(usize, Signed)>) -> Result<(), String> {
    approvals.sort_by_key(|(signer, _)| here.alliance.members()[*signer].id);
    let effect = Effect { proposal: disclose(proposal), approvals: approvals.into_iter().map(|(_, approval)| approval).collect() };
    effect.check(&here.circle(), &here.alliance, &BTreeMap::new(), 1000).map(|_| ()).map_err(|refused| refused.code().to_owned())
}

/// Fields and circle are those of this alliance: what is foreign is the statement alone.
fn as_proposal(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let offer = side.offer(kind, Vec::new(), to_fields(&proposal(here)).unwrap());
    judge_effect(here, &offer, [0, 1].map(|signer| (signer, approve(here, signer, &offer))).into())
}

fn as_approval(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let proposed = here.statement("suyuan.proposal", Vec::new(), to_fields(&proposal(here)).unwrap(), 0);
    let offer = side.offer(kind, vec![proposed.id()], comment());
    let offered = Signed::new(&offer.bytes, &offer.signature);
    judge_effect(here, &proposed, vec![(0, offered), (1, approve(here, 1, &proposed))])
}

fn in_history(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let order = here.order();
    let epoch = Some(EpochEntry { epoch: 2, statement: suyuan_core::StatementId([4; 32]) });
    let entry = Entry { circle: order.circle, term: 1, index: 0, previous: order.last(), certificate: None, takeover: None, effect: None, epoch };
    let offer = side.offer(kind, Vec::new(), to_fields(&entry).unwrap());
    let entry = HistoryEntry { statement: offer.bytes, signature: offer.signature, header: offer.header, body: offer.body.to_bytes() };
    match (History { entries: vec![entry], heads: Vec::new() }).verify(&here.alliance) {
        Ok(_) => Ok(()),
        Err(HistoryFault::Entry { why, .. }) => Err(why.code().to_owned()),
        Err(HistoryFault::Head) => Err("head".into()),
    }
}

fn in_takeover(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let order = here.order();
    let fields = to_fields(&Freeze { circle: order.circle, term: 2, head: None }).unwrap();
    let votes = [side.offer(kind, Vec::new(), fields.clone()), here.statement("suyuan.freeze", Vec::new(), fields, 1)];
    let begun = order.begin(2).unwrap();
    let entry = Entry {
        circle: order.circle,
        term: 2,
        index: 0,
        previous: begun.last(),
        certificate: None,
        takeover: Some(votes.iter().map(disclose).collect()),
        effect: None,
        epoch: None,
    };
    order.take_over(&begun.keeper, suyuan_core::StatementId([8; 32]), 1000, &entry).map(|_| ()).map_err(|fault| fault.code().to_owned())
}

fn on_charter(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let mut file: CharterFile = here.file.clone();
    file.signatures[0].1 = side.signed(kind, &key(0, 1)).1;
    file.verify(None).map(|_| ()).map_err(|fault| fault.code().to_owned())
}

fn on_admission(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let keys: [SecretKey; 4] = [1, 2, 3, 4].map(|purpose| key(7, purpose));
    let [root, log, witness, transport] = &keys;
    let mut admission = Admission::sign(&here.alliance.id(), &newcomer(), [root, log, witness, transport]);
    admission.signatures[0] = BASE64.encode(side.signed(kind, root).1);
    here.alliance.changed(&Change::Admit(admission)).map(|_| ()).map_err(|fault| format!("{fault:?}"))
}

fn on_keys(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let (root, new) = (key(0, 1), key(8, 2));
    let mut change = rotation(here).signed(&here.alliance.id(), &[&root, &new]);
    change.signatures[0] = BASE64.encode(side.signed(kind, &root).1);
    here.alliance.changed(&Change::Keys(change)).map(|_| ()).map_err(|fault| format!("{fault:?}"))
}

fn on_recovery(here: &Side, kind: &Kind, side: &Side) -> Result<(), String> {
    let keys: [SecretKey; 4] = [1, 2, 3, 4].map(|purpose| key(7, purpose));
    let [root, log, witness, transport] = &keys;
    let at = Pin { size: 9, root: [9; 32] };
    let mut recovery = Recovery::sign(&here.alliance.id(), &here.me(), newcomer().keys.encryption, [root, log, witness, transport], at);
    recovery.signatures[0] = BASE64.encode(side.signed(kind, root).1);
    here.alliance.changed(&Change::Recover(recovery)).map(|_| ()).map_err(|fault| format!("{fault:?}"))
}
