//! Runs one vector against the library.

use std::sync::Arc;

use serde_json::{Value, json};
use suyuan_core::bundle::Bundle;
use suyuan_core::charter::{CharterFile, Member};
use suyuan_core::equivocation::EquivocationFile;
use suyuan_core::history::{History, HistoryFault};
use suyuan_core::id::{AllianceId, CircleId, MemberId, StatementId};
use suyuan_core::key::{PublicKey, key_id};
use suyuan_core::log::{LogId, chain_next};
use suyuan_core::note::{NamedKey, UnverifiedCheckpoint};
use suyuan_core::policy::{LogPolicy, Policy, Witnesses};
use suyuan_core::proof::LogProof;
use suyuan_core::quorum::Quorum;
use suyuan_core::relay::{Pair, RelayKey};
use suyuan_core::section::{AudienceHeader, Body, DisclosedField, Field, SectionHeader};
use suyuan_core::statement::{Place, UnverifiedStatement, cose_sign1};
use suyuan_core::{Fault, cbor, circle, sealing, tree};
use zeroize::Zeroizing;

struct In<'a>(&'a Value);

impl In<'_> {
    fn hex(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).unwrap()
    }
    fn fixed<const N: usize>(&self, name: &str) -> [u8; N] {
        self.hex(name).try_into().unwrap_or_else(|_| panic!("{name} is not {N} bytes"))
    }
    /// Nothing of another length than 32 is a key.
    fn key(&self) -> Result<[u8; 32], Fault> {
        self.hex("key").try_into().map_err(|_| Fault::Key)
    }
    /// A signature of another length than 64 never verifies.
    fn signature(&self) -> Result<[u8; 64], Fault> {
        self.hex("signature").try_into().map_err(|_| Fault::Signature)
    }
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("{name} is missing"))
    }
    fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("{name} is missing"))
    }
    fn hashes(&self, name: &str) -> Vec<[u8; 32]> {
        let list = self.0[name].as_array().unwrap_or_else(|| panic!("{name} is missing"));
        list.iter().map(|hash| hex::decode(hash.as_str().unwrap()).unwrap().try_into().unwrap()).collect()
    }
}

pub fn run(part: &str, op: &str, input: &Value) -> Result<Value, Fault> {
    let input = In(input);
    match part {
        "cbor" => cbor::check(&input.hex("bytes")).map(|()| json!({})),
        "key" => run_key(op, &input),
        "charter" => run_charter(&input),
        "statement" => run_statement(op, &input),
        "section" => run_section(op, &input),
        "sealing" => run_sealing(op, &input),
        "circle" => run_circle(op, &input),
        "relay" => run_relay(op, &input),
        "log" => run_log(op, &input),
        "witness" => run_witness(op, &input),
        "history" => run_history(&input).map_err(|(fault, _)| fault),
        "bundle" => run_bundle(&input),
        "equivocation" => run_equivocation(&input),
        _ => panic!("no such part: {part}"),
    }
}

fn run_key(op: &str, input: &In) -> Result<Value, Fault> {
    match op {
        "id" => Ok(json!({ "id": key_id(&input.key()?).to_string() })),
        _ => {
            PublicKey::new(&input.key()?)?.verify(&input.hex("message"), &input.signature()?)?;
            Ok(json!({}))
        }
    }
}

fn run_relay(op: &str, input: &In) -> Result<Value, Fault> {
    let id = |name: &str| MemberId(input.fixed(name));
    let epoch_key = || RelayKey::of_epoch(&Zeroizing::new(input.fixed("secret")), &CircleId(input.fixed("circle")), input.number("epoch"));
    match op {
        "tag" => Ok(json!({ "tag": hex::encode(epoch_key()?.tag(&id("author"), input.number("incarnation"), input.number("counter"))?) })),
        "pair" => {
            let (alliance, steward, member) = (AllianceId(input.fixed("alliance")), id("steward"), id("member"));
            let (steward_key, member_key) = (input.fixed("steward_key"), input.fixed("member_key"));
            let pair = Pair { alliance: &alliance, steward: (&steward, &steward_key), member: (&member, &member_key) };
            let key = RelayKey::of_shared(&input.fixed("shared"), &pair)?;
            Ok(json!({ "tag": hex::encode(key.tag(&steward, input.number("incarnation"), input.number("number"))?) }))
        }
        _ => Ok(json!({ "item": hex::encode(epoch_key()?.open(&input.fixed("tag"), &input.hex("package"))?) })),
    }
}

fn expected(input: &In) -> Option<AllianceId> {
    input.0.get("alliance").map(|id| id.as_str().unwrap().parse().unwrap())
}

fn run_charter(input: &In) -> Result<Value, Fault> {
    let alliance = CharterFile::decode(&input.hex("file"))?.verify(expected(input).as_ref())?;
    let members: Vec<_> = alliance.members().iter().map(|member| member.id.to_string()).collect();
    Ok(json!({ "alliance": alliance.id().to_string(), "members": members }))
}

fn run_statement(op: &str, input: &In) -> Result<Value, Fault> {
    let bytes = input.hex("statement");
    match op {
        "decode" => {
            let statement = UnverifiedStatement::decode(&bytes)?;
            let (id, kid, place) = (statement.id(), statement.key_id(), statement.place());
            let shown = format!("{statement:?}");
            Ok(json!({ "id": id.to_string(), "kid": kid.to_string(), "alliance": place.alliance.to_string(),
                "author": place.author.to_string(), "incarnation": place.incarnation, "sequence": place.sequence,
                "time": number_in(&shown, "time: "), "type": text_in(&shown, "kind: \"") }))
        }
        "verify" => {
            let statement = UnverifiedStatement::decode(&bytes)?;
            let (key, id) = (PublicKey::new(&input.key()?)?, statement.id());
            // The library takes 64 bytes; others come where a wrong signature does, after the key id.
            let signature = input.signature();
            statement.verify(&key, &signature.unwrap_or([0; 64]))?;
            signature.map(|_| json!({ "id": id.to_string() }))
        }
        _ => {
            UnverifiedStatement::decode(&bytes)?;
            Ok(json!({ "cose": hex::encode(cose_sign1(&bytes, &input.signature()?)?) }))
        }
    }
}

/// The content of an unverified statement is private on purpose; a test may look at what `Debug` shows.
fn number_in(shown: &str, label: &str) -> u64 {
    let digits: String = shown.split(label).nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

fn text_in<'a>(shown: &'a str, label: &str) -> &'a str {
    shown.split(label).nth(1).unwrap().split('"').next().unwrap()
}

fn run_section(op: &str, input: &In) -> Result<Value, Fault> {
    match op {
        "body" => {
            let body = Body::decode(&input.hex("body"))?;
            let header = SectionHeader { root: if input.0.get("root").is_some() { input.fixed("root") } else { body.root() }, sealed: None };
            let count = input.0.get("count").map_or(body.fields().len() as u64, |count| count.as_u64().unwrap());
            body.check(count, &header)?;
            let leaves: Vec<_> = body.leaves().iter().map(hex::encode).collect();
            Ok(json!({ "root": hex::encode(body.root()), "count": body.fields().len(), "leaves": leaves }))
        }
        "field" => {
            let field = Field { name: input.text("name").into(), value: input.text("value").into() };
            let path = input.hashes("path");
            let single = DisclosedField { salt: input.fixed("salt"), field, index: input.number("index"), path };
            single.check(input.number("count"), &input.fixed("root")).map(|()| json!({}))
        }
        "header" => {
            let header = SectionHeader::open(&input.hex("header"), &input.fixed("commitment"))?;
            Ok(json!({ "root": hex::encode(header.root) }))
        }
        _ => {
            let audience = AudienceHeader::open(&input.hex("audience"), &input.fixed("commitment"))?;
            Ok(json!({ "circle": audience.circle.to_string(), "epoch": audience.epoch, "counter": audience.counter }))
        }
    }
}

fn run_sealing(op: &str, input: &In) -> Result<Value, Fault> {
    if op == "bucket" {
        return Ok(json!({ "bucket": sealing::bucket(input.number("length") as usize) }));
    }
    let place = Place {
        alliance: AllianceId(input.fixed("alliance")),
        author: MemberId(input.fixed("author")),
        incarnation: input.number("incarnation"),
        sequence: input.number("sequence"),
    };
    let header = SectionHeader { root: input.fixed("root"), sealed: None };
    let context = sealing::context(&place, input.number("section") as u8, &header.root);
    let key = input.key().map_err(|_| Fault::Sealed)?;
    let body = sealing::open(&input.hex("ciphertext"), &Zeroizing::new(key), &context)?;
    body.check(body.fields().len() as u64, &header)?;
    Ok(json!({ "body": hex::encode(body.to_bytes()) }))
}

fn run_circle(op: &str, input: &In) -> Result<Value, Fault> {
    match op {
        "id" => {
            let (alliance, steward) = (AllianceId(input.fixed("alliance")), MemberId(input.fixed("steward")));
            Ok(json!({ "id": circle::circle_id(&alliance, &steward, &input.fixed("nonce")).to_string() }))
        }
        "commitment" => {
            let secret = Zeroizing::new(input.fixed("secret"));
            let commitment = circle::commitment(&CircleId(input.fixed("circle")), input.number("epoch"), &secret);
            Ok(json!({ "commitment": hex::encode(commitment) }))
        }
        _ => {
            let secret = Zeroizing::new(input.fixed("secret"));
            let wrap = input.hex("wrap").try_into().map_err(|_| Fault::Wrap)?;
            let circle = CircleId(input.fixed("circle"));
            let key = circle::unwrap(&secret, &circle, input.number("epoch"), &input.fixed("audience"), &wrap)?;
            Ok(json!({ "key": hex::encode(key.as_slice()) }))
        }
    }
}

fn run_log(op: &str, input: &In) -> Result<Value, Fault> {
    match op {
        "chain" => {
            let (alliance, member) = (AllianceId(input.fixed("alliance")), MemberId(input.fixed("author")));
            let start = LogId { alliance, member, incarnation: input.number("incarnation") }.chain_start();
            let chain = input.hashes("entries").into_iter().fold(start, |chain, id| chain_next(&chain, &StatementId(id)));
            Ok(json!({ "chain": hex::encode(chain) }))
        }
        "root" => {
            let leaves: Vec<_> = input.hashes("entries").iter().map(|entry| tree::leaf_hash(entry)).collect();
            Ok(json!({ "root": hex::encode(tree::root(&leaves)) }))
        }
        "inclusion" => {
            let leaf = tree::leaf_hash(&input.hex("entry"));
            let (index, size) = (input.number("index"), input.number("size"));
            tree::verify_inclusion(&leaf, index, size, &input.hashes("path"), &input.fixed("root"))?;
            Ok(json!({}))
        }
        "consistency" => {
            let (old, new) = (input.number("old"), input.number("new"));
            let roots = (input.fixed("old_root"), input.fixed("new_root"));
            tree::verify_consistency(old, new, &roots.0, &roots.1, &input.hashes("path"))?;
            Ok(json!({}))
        }
        "checkpoint" => run_checkpoint(input),
        _ => {
            let proof = LogProof::parse(input.text("proof"))?;
            let path: Vec<_> = proof.path.iter().map(hex::encode).collect();
            Ok(json!({ "index": proof.index, "path": path }))
        }
    }
}

fn run_checkpoint(input: &In) -> Result<Value, Fault> {
    let log = NamedKey::new(input.text("origin"), PublicKey::new(&input.fixed("log"))?);
    let witnesses: Vec<_> = input
        .0
        .get("witness")
        .iter()
        .map(|witness| {
            let key: [u8; 32] = hex::decode(witness[1].as_str().unwrap()).unwrap().try_into().unwrap();
            NamedKey::new(witness[0].as_str().unwrap(), PublicKey::new(&key).unwrap())
        })
        .collect();
    let checkpoint = UnverifiedCheckpoint::parse(input.text("note"))?.verify(&log, &witnesses)?;
    let mut out = json!({ "size": checkpoint.head.size, "root": hex::encode(checkpoint.head.root) });
    if let Some((_, seconds)) = checkpoint.cosignatures.first() {
        out["time"] = json!(seconds);
    }
    Ok(out)
}

fn run_witness(op: &str, input: &In) -> Result<Value, Fault> {
    if op == "quorum" {
        let found = Quorum::of(input.number("members") as usize);
        return Ok(json!({ "faulty": found.liars(), "others": found.cosigners() }));
    }
    if op == "policy" {
        let found = Policy::parse(&input.hex("policy"))?.check(input.text("note"))?;
        let cosigners: Vec<_> = found.checkpoint.cosignatures.iter().map(|(name, _)| name.clone()).collect();
        return Ok(json!({ "size": found.checkpoint.head.size, "accepted": found.accepted, "cosigners": cosigners }));
    }
    let alliance = CharterFile::decode(&input.hex("file"))?.verify(None)?;
    let log = LogId { alliance: alliance.id(), member: MemberId(input.fixed("author")), incarnation: input.number("incarnation") };
    if op == "derive" {
        return Ok(json!({ "policy": hex::encode(Policy::of_log(&alliance, &log).ok_or(Fault::Author)?.to_bytes()) }));
    }
    let author = alliance.member(&log.member).ok_or(Fault::Author)?;
    let witnesses = Witnesses::of(&alliance);
    let checkpoint = UnverifiedCheckpoint::parse(input.text("note"))?.verify(&NamedKey::new(log.origin(), author.log), witnesses.keys())?;
    let cosigners = witnesses.cosigners(&checkpoint);
    let found = LogPolicy::of(&alliance, &author.id).judge(&cosigners);
    let others: Vec<_> =
        cosigners.iter().filter(|(member, _)| *member != author.id).map(|(member, time)| json!([member.to_string(), time])).collect();
    Ok(json!({ "size": checkpoint.head.size, "count": found.count, "needed": found.needed, "time": found.time, "witnesses": others }))
}

/// The reason behind a refusal, where the part has any.
pub fn why(part: &str, input: &Value) -> Option<&'static str> {
    if part == "history" { run_history(&In(input)).err().and_then(|(_, why)| why) } else { None }
}

fn run_history(input: &In) -> Result<Value, (Fault, Option<&'static str>)> {
    let plain = |fault| (fault, None);
    let file = CharterFile::decode(&input.hex("file")).map_err(plain)?;
    let founding = Arc::new(file.verify(expected(input).as_ref()).map_err(plain)?);
    let verified = History::decode(&input.hex("history")).map_err(plain)?.verify(&founding).map_err(|fault| match fault {
        HistoryFault::Entry { why, .. } => (fault.into(), Some(why.code())),
        HistoryFault::Head => (fault.into(), None),
    })?;
    let (order, alliance) = (&verified.settled, &verified.settled.alliance);
    let everybody = || alliance.members().iter().chain(alliance.former());
    let keys = |member: &Member| member.logs.iter().map(|log| json!([hex::encode(log.key.to_bytes()), log.from])).collect::<Vec<_>>();
    let left = |member: &Member| member.left.map(|pin| json!([member.id.to_string(), pin.size, hex::encode(pin.root)]));
    Ok(json!({
        "entries": verified.entries.len(), "term": order.term, "size": order.head().size, "version": alliance.version(),
        "keeper": order.keeper.to_string(), "leader": alliance.leader().unwrap().id.to_string(), "name": alliance.charter().name,
        "members": alliance.members().iter().map(|member| json!([member.id.to_string(), member.entry.role.name()])).collect::<Vec<_>>(),
        "former": alliance.former().iter().filter_map(left).collect::<Vec<_>>(),
        "deputies": alliance.deputies().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "closed": everybody().flat_map(|member| member.closed.iter().map(move |log| json!([member.id.to_string(), log.pin.size, hex::encode(log.pin.root)]))).collect::<Vec<_>>(),
        "compromised": everybody().flat_map(|member| member.compromises.iter().map(move |mark| json!([member.id.to_string(), mark.incarnation, mark.from, mark.size]))).collect::<Vec<_>>(),
        "keys": everybody().map(|member| json!([member.id.to_string(), keys(member)])).collect::<Vec<_>>(),
        "epochs": order.epochs.iter().map(|named| json!([named.entry.epoch, named.entry.statement.to_string()])).collect::<Vec<_>>(),
        "slots": order.slots.iter().map(|(subject, version)| json!([subject, version])).collect::<Vec<_>>(),
    }))
}

fn run_bundle(input: &In) -> Result<Value, Fault> {
    let verified = Bundle::verify(&input.hex("bundle"), expected(input).as_ref())?;
    let records: Vec<_> = verified
        .records
        .iter()
        .map(|record| {
            let fields: Vec<_> = record
                .sections
                .iter()
                .flat_map(|section| section.fields.iter().map(|field| json!([section.index, field.name, field.value])))
                .collect();
            json!({ "id": record.id().to_string(), "author": record.author.to_string(), "type": record.statement.kind,
            "sequence": record.statement.place.sequence, "size": record.size, "fields": fields, "withheld": record.withheld(),
            "needed": record.standing.needed, "left": record.left, "closed": record.closed, "compromised": record.compromised, "witnessed": record.standing.time,
            "witnesses": record.witnesses.iter().map(|(member, time)| json!([member.to_string(), time])).collect::<Vec<_>>() })
        })
        .collect();
    Ok(json!({ "alliance": verified.alliance.id().to_string(), "records": records }))
}

fn run_equivocation(input: &In) -> Result<Value, Fault> {
    let (alliance, conviction) = EquivocationFile::verify(&input.hex("file"), expected(input).as_ref())?;
    let log = conviction.log();
    Ok(json!({ "alliance": alliance.id().to_string(), "member": log.member.to_string(), "incarnation": log.incarnation,
        "sizes": conviction.sizes(), "times": conviction.seconds(), "common": conviction.common() }))
}
