//! Statements of the protocol's own types with something wrong in one of their fields: absent, too many, mistyped, out of range, or written in another way. A member
//! has signed them, so they stand in its log; they must have no effect at all, at its own node and at others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "../replays/node.rs"]
#[allow(dead_code)]
mod node;
#[path = "../replays/world.rs"]
#[allow(dead_code)]
mod world;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use suyuan_core::MemberId;
use suyuan_core::circle::PUBLIC;
use suyuan_core::membership::{Agreement, Change};
use suyuan_core::section::Field;
use suyuan_engine::addresses;
use suyuan_engine::decisions::{Choice, InvitationRequest, VoteRequest};
use suyuan_engine::record::{HeldRecord, Opened};
use suyuan_engine::schema::Row;
use suyuan_engine::submission::{Submission, SubmittedSection};
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::writer::{Command, Disk};

use crate::world::World;

/// Fields whose value may be null.
const NULLABLE: [&str; 6] = ["certificate", "takeover", "effect", "epoch", "head", "until"];
/// Members that fields of objects have: what is wrong in them is as wrong as in the field.
const DEEP: usize = 3;

/// A statement as it was written: author, references, audience and fields.
struct Written {
    author: usize,
    submission: Submission,
}

/// An alliance in which every kind of statement was written, but for epochs, which have tests of their own.
fn lived() -> (World, BTreeMap<String, Written>) {
    let mut world = World::new();
    world.ask(0, Command::Found);
    world.settle();
    world.decide(1, Change::Agree(Agreement { title: "a".into(), text: "b".into() }));
    let proposal = *world.nodes[1].state().ledger.decisions.proposals().keys().next().unwrap();
    for choice in [Choice::Object, Choice::Withdraw, Choice::Comment] {
        world.ask(2, Command::Vote(VoteRequest { proposal, choice, comment: "c".into() }));
    }
    let request = InvitationRequest { name: "n".into(), role: suyuan_core::charter::Role::Support, expires: world.now + 1_000_000 };
    world.ask(1, Command::Invite(request, [7; 32]));
    let alliance = world.nodes[1].state().ledger.alliance.id();
    world.ask(1, Command::Protocol(addresses::draw_up(&alliance, &["/ip4/127.0.0.1/tcp/1".to_owned()], true).unwrap()));
    let term = world.nodes[2].state().ledger.decisions.tip().term + 1;
    world.ask(2, Command::Freeze(term));
    let everybody: Vec<MemberId> = world.nodes.iter().map(|node| node.me()).collect();
    world.ask(2, Command::Decide(everybody.into_iter().collect()));
    let written = (0..3).flat_map(|author| statements(&world, author)).collect();
    (0..3).for_each(|author| follow(&mut world, author));
    (world, written)
}

/// The newest statement of each kind in a member's log.
fn statements(world: &World, author: usize) -> BTreeMap<String, Written> {
    let (node, mut found) = (&world.nodes[author], BTreeMap::new());
    let (state, disk) = (node.state(), node.disk());
    let number = state.ledger.logs.head(&node.own_log()).number;
    for sequence in 0..node.size(&node.own_log()) {
        let row = Row { log: number, sequence };
        let record = HeldRecord::load(row, &disk.rows, disk.keys().local).unwrap().unwrap();
        let kind = record.statement.kind.clone();
        if !kind.starts_with("suyuan.") || kind == "suyuan.circle" {
            continue;
        }
        let Opened::Body(body) = record.open(&record.sections[0], &state.secrets).unwrap() else { panic!("{kind} does not open") };
        let audiences = record.sections[0].audiences.iter().map(|audience| audience.header.circle).collect();
        let audiences = if record.statement.sections[0].audiences.is_empty() { vec![PUBLIC] } else { audiences };
        let sections = vec![SubmittedSection { audiences, fields: body.fields().to_vec() }];
        let references = record.statement.references.clone();
        let submission = Submission { kind: kind.clone(), about: Vec::new(), references, time: None, sections };
        found.insert(kind, Written { author, submission });
    }
    found
}

/// Everything that statements have an effect on, at a node.
fn effects(world: &World, at: usize) -> String {
    let ledger = &world.nodes[at].state().ledger;
    format!("{:?} {:?} {:?} {}", ledger.decisions, ledger.circles, ledger.addresses, ledger.alliance.version())
}

/// Writes it at its author's node and brings it to another one.
fn write(world: &mut World, written: &Written, fields: Vec<Field>) -> bool {
    let mut submission = written.submission.clone();
    submission.sections[0].fields = fields;
    let now = world.now;
    if world.nodes[written.author].ask(Command::Protocol(submission), now).is_err() {
        return false;
    }
    follow(world, written.author);
    true
}

/// Another node takes in what is new of a member's log.
fn follow(world: &mut World, author: usize) {
    let (log, reader, now) = (world.nodes[author].own_log(), 3, world.now);
    let request = Request::Pull { log, from: world.nodes[reader].size(&log) };
    if let Response::Batch(Some(batch)) = world.answer(author, reader, &request) {
        world.nodes[reader].ask(Command::TakeIn(batch), now).unwrap();
    }
}

/// Values that are none for a field that has this one.
fn wrong(name: &str, value: &Value) -> Vec<String> {
    let mut wrong: Vec<String> = match value {
        Value::Number(_) => ["-1", "1.5", "1e2", "9007199254740992", "\"1\"", "01", " 1", "[]", "{}", "true"].map(str::to_owned).to_vec(),
        Value::Null => ["0", "true", "[0]", "\"\\u0000\"", " null"].map(str::to_owned).to_vec(),
        Value::String(text) => {
            let mut wrong = vec!["0".to_owned(), "true".to_owned(), "[]".to_owned(), "{}".to_owned(), format!(" {value}")];
            let hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            if hex {
                wrong.extend(
                    [json!(&text[1..]), json!(format!("{text}0")), json!(format!("zz{}", &text[2..])), json!("")].map(|value| value.to_string()),
                );
                let upper = text.to_uppercase();
                wrong.extend((upper != *text).then(|| json!(upper).to_string()));
            }
            wrong
        }
        Value::Array(items) => {
            let again = items.first().map(|first| json!([first, first]).to_string());
            ["0", "\"\"", "{}", "[null]", "[[[]]]", " []"].map(str::to_owned).into_iter().chain(again).collect()
        }
        Value::Object(members) => deep(members),
        Value::Bool(_) => ["0", "\"true\"", "[]"].map(str::to_owned).to_vec(),
    };
    if !NULLABLE.contains(&name) {
        wrong.push("null".to_owned());
    }
    wrong.push("{".to_owned());
    wrong.push(format!("{value} "));
    wrong
}

/// What is wrong with an object: a member less, one more, one twice, and what is wrong in one of them.
fn deep(members: &serde_json::Map<String, Value>) -> Vec<String> {
    let mut wrong = vec!["0".to_owned(), "[]".to_owned(), "{}".to_owned()];
    let object = |members: &serde_json::Map<String, Value>| Value::Object(members.clone()).to_string();
    let mut more = members.clone();
    more.insert("zz".into(), json!(0));
    wrong.push(object(&more));
    for (name, value) in members {
        let mut less = members.clone();
        less.remove(name);
        wrong.push(object(&less));
        let whole = object(members);
        wrong.push(format!("{{{}:{value},{}", json!(name), &whole[1..]));
        let text = matches!(value, Value::String(text) if text.len() != 64);
        if !text {
            let bent = self::wrong(name, value).into_iter().take(DEEP * 4);
            wrong.extend(bent.map(|bent| whole.replacen(&format!("{}:{value}", json!(name)), &format!("{}:{bent}", json!(name)), 1)));
        }
    }
    wrong.retain(|bent| *bent != object(members));
    wrong
}

/// Fields with one thing wrong.
fn bent(good: &[Field]) -> Vec<(String, Vec<Field>)> {
    let mut bent = vec![("a field too many".to_owned(), [good, &[Field { name: "zz".into(), value: "0".into() }]].concat())];
    for (at, field) in good.iter().enumerate() {
        let with = |edit: &dyn Fn(&mut Vec<Field>)| {
            let mut fields = good.to_vec();
            edit(&mut fields);
            fields
        };
        if good.len() > 1 {
            bent.push((format!("{} is absent", field.name), with(&|fields| drop(fields.remove(at)))));
        }
        bent.push((format!("{} has another name", field.name), with(&|fields| fields[at].name.push('_'))));
        let value: Value = serde_json::from_str(&field.value).unwrap();
        for wrong in wrong(&field.name, &value) {
            bent.push((format!("{} is {wrong}", field.name), with(&|fields| fields[at].value.clone_from(&wrong))));
        }
    }
    bent
}

#[test]
fn a_statement_with_a_wrong_field_has_no_effect_anywhere() {
    let (mut world, all) = lived();
    let kinds: Vec<&str> = all.keys().map(String::as_str).collect();
    let expected = ["address", "approve", "comment", "freeze", "invitation", "object", "order", "proposal", "withdraw"];
    assert_eq!(kinds, expected.map(|kind| format!("suyuan.{kind}")), "every kind but the circle's");
    let mut tried = 0;
    for (kind, written) in &all {
        let good = written.submission.sections[0].fields.clone();
        for (what, fields) in bent(&good) {
            let before = [effects(&world, written.author), effects(&world, 3)];
            tried += usize::from(write(&mut world, written, fields));
            assert_eq!(effects(&world, written.author), before[0], "{kind}, {what}, at its author's node");
            assert_eq!(effects(&world, 3), before[1], "{kind}, {what}, at another node");
        }
        // The very same without the fault has one. A vote to freeze counts once for each term.
        let mut same = good;
        same.iter_mut().filter(|field| kind == "suyuan.freeze" && field.name == "term").for_each(|term| term.value = "99".into());
        let before = effects(&world, 3);
        assert!(write(&mut world, written, same));
        assert_ne!(effects(&world, 3), before, "{kind} as it should be");
    }
    assert!(tried > 300, "{tried}");
}
