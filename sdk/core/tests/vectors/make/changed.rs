//! Vectors of bundles and of files that convict, of an alliance that has changed since its founding: members that came, left, and have other keys.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::bundle::{Bundle, BundleRecord, Content, Disclosure};
use suyuan_core::charter::{Alliance, Role};
use suyuan_core::equivocation::{Contradiction, EquivocationFile, Evidence};
use suyuan_core::history::Foundation;
use suyuan_core::id::{Hash, StatementId};
use suyuan_core::log::{LogId, witness_name};
use suyuan_core::membership::{Change, Removal};
use suyuan_core::note::{TreeHead, cosign, sign_checkpoint};
use suyuan_core::proof::LogProof;
use suyuan_core::tree;

use super::histories::{Story, marked, recovered, rotated};
use super::{Cases, flip};
use crate::deciding::{Public, admit, id};
use crate::fixture::{TIME, bytes32, field, secret};

const SECONDS: u64 = 1_795_219_500;

/// A log of which one entry is a statement.
struct Log<'a> {
    alliance: &'a Alliance,
    author: usize,
    incarnation: u64,
    statement: Public,
    index: u64,
    leaves: Vec<Hash>,
}

impl<'a> Log<'a> {
    /// Of so many entries, one of them signed with a key of this name.
    fn new(alliance: &'a Alliance, author: usize, key: &str, index: u64, size: usize) -> Self {
        Self::of(alliance, author, 0, key, index, size)
    }

    /// The same of a later incarnation.
    fn of(alliance: &'a Alliance, author: usize, incarnation: u64, key: &str, index: u64, size: usize) -> Self {
        let place = LogId { incarnation, ..log(alliance, author) }.place(index);
        let statement = Public::placed(place, TIME, &secret(author, key), "inspection", Vec::new(), vec![field("result", "\"pass\"")]);
        let leaf = |number: u64| if number == index { statement.signed.id } else { StatementId(bytes32(&format!("entry {number}"))) };
        let leaves = (0..size as u64).map(|number| tree::leaf_hash(&leaf(number).0)).collect();
        Self { alliance, author, incarnation, statement, index, leaves }
    }

    fn head(&self) -> TreeHead {
        TreeHead { size: self.leaves.len() as u64, root: tree::root(&self.leaves) }
    }

    /// Signed with log and witness key of these names, and cosigned by other members.
    fn checkpoint(&self, (key, witness): (&str, &str), others: &[usize]) -> String {
        let log = LogId { incarnation: self.incarnation, ..log(self.alliance, self.author) };
        let id_of = |member| id(self.alliance, member);
        let name = |member| witness_name(&self.alliance.id(), &id_of(member));
        let own = (name(self.author), secret(self.author, witness));
        let note = sign_checkpoint(&log.origin(), &self.head(), &secret(self.author, key), (&own.0, &own.1), SECONDS);
        let body = note.split_once("\n\n").unwrap().0.to_owned() + "\n";
        let lines = others.iter().map(|other| cosign(&body, &name(*other), &secret(*other, "witness"), SECONDS + 1));
        lines.fold(note, |note, line| note + &line)
    }

    fn record(&self, checkpoint: String) -> BundleRecord {
        let path = tree::inclusion_path(&self.leaves, self.index as usize);
        BundleRecord {
            statement: self.statement.signed.bytes.clone(),
            signature: self.statement.signed.signature,
            proof: LogProof { index: self.index, path, checkpoint }.to_string(),
            disclosures: vec![Disclosure {
                section: 0,
                header: self.statement.header.clone(),
                audiences: Vec::new(),
                content: Content::Whole(self.statement.body.to_bytes()),
            }],
        }
    }
}

fn log(alliance: &Alliance, author: usize) -> LogId {
    LogId { alliance: alliance.id(), member: id(alliance, author), incarnation: 0 }
}

/// A newcomer, admitted and in force.
fn grown() -> Story {
    let story = Story::new();
    let change = admit(story.alliance(), 9, Role::Support);
    story.decide(change, &[0, 1]).settle(&[1]).in_force(&[1, 2])
}

/// Member 2 has left, its log accepted as far as this.
fn left(accepted: &TreeHead) -> Story {
    let story = Story::new();
    let change = Change::Remove(Removal { member: id(story.alliance(), 2), size: accepted.size, root: StatementId(accepted.root) });
    story.decide(change, &[0, 1]).settle(&[1]).in_force(&[1])
}

fn case(story: &Story, record: BundleRecord) -> Value {
    case_of(story.foundation(), story.alliance(), record)
}

fn case_of(foundation: Foundation, alliance: &Alliance, record: BundleRecord) -> Value {
    json!({ "bundle": encode(Bundle { foundation, records: vec![record] }.to_bytes()), "alliance": alliance.id().to_string() })
}

pub fn bundle() -> Value {
    let mut cases = Cases::new("bundle", "bundle.md#verification");
    members(&mut cases);
    keys(&mut cases);
    who_left(&mut cases);
    who_recovered(&mut cases);
    cases.finish()
}

fn members(cases: &mut Cases) {
    let story = grown();
    let newcomers = Log::new(story.alliance(), 9, "log", 1, 3);
    let record = newcomers.record(newcomers.checkpoint(("log", "witness"), &[0, 1]));
    cases.ok("a newcomer's record", "verify", case(&story, record.clone()));
    let founder = Log::new(story.alliance(), 1, "log", 0, 1);
    let witnessed = founder.record(founder.checkpoint(("log", "witness"), &[0, 9]));
    cases.ok("a newcomer witnesses", "verify", case(&story, witnessed));
    let one = founder.record(founder.checkpoint(("log", "witness"), &[0]));
    cases.ok("four voters ask for more witnesses than three", "verify", case(&story, one));
    let founding = Foundation { history: None, ..story.foundation() };
    cases.fault("a newcomer's record without the history", "verify", case_of(founding, story.alliance(), record.clone()), "author");
    let pending = Story::new().decide(admit(story.alliance(), 9, Role::Support), &[0, 1]).in_force(&[1]);
    cases.fault("a newcomer that waits", "verify", case(&pending, record.clone()), "author");
    let with = |edit: fn(&mut Vec<u8>)| {
        let mut foundation = story.foundation();
        edit(foundation.history.as_mut().unwrap());
        case_of(foundation, story.alliance(), record.clone())
    };
    cases.fault("a history that is none", "verify", with(Vec::clear), "cbor");
    cases.fault("a history of another name", "verify", with(|bytes| *bytes = flip(bytes, 4)), "form");
    cases.fault("a history of a later version", "verify", with(|bytes| bytes[16] = 2), "suite");
    cases.fault("a history with one bit changed", "verify", with(|bytes| *bytes = flip(bytes, 300)), "entry");
    let mut lied = story.clone();
    lied.entries.swap(0, 1);
    cases.fault("decisions in another order", "verify", case(&lied, record.clone()), "entry");
    let unsigned = story.clone().in_force(&[]);
    cases.fault("a head that nobody cosigned", "verify", case(&unsigned, record.clone()), "head");
    let mut longer = case(&story, record)["bundle"].as_str().unwrap().to_owned();
    longer.replace_range(..2, "86");
    cases.fault("six elements", "verify", json!({ "bundle": longer + "40" }), "form");
}

fn keys(cases: &mut Cases) {
    let story = rotated(&Story::new()).in_force(&[1]);
    let of = |key, index, size| Log::new(story.alliance(), 2, key, index, size);
    let (before, after, late) = (of("log", 11, 12), of("log 2", 12, 13), of("log", 11, 13));
    let (old, new) = (("log", "witness 2"), ("log 2", "witness 2"));
    let record = |log: &Log<'_>, keys| log.record(log.checkpoint(keys, &[0]));
    cases.ok("the last entry of the former key", "verify", case(&story, record(&before, old)));
    cases.ok("the first entry of the new key", "verify", case(&story, record(&after, new)));
    cases.ok("an entry of the former key under the new one's checkpoint", "verify", case(&story, record(&late, new)));
    let mut refused = |name: &str, log: &Log<'_>, keys, fault: &str| cases.fault(name, "verify", case(&story, record(log, keys)), fault);
    refused("the former key signs on", &of("log", 12, 13), new, "key-id");
    refused("the new key signs what was before", &of("log 2", 11, 12), old, "key-id");
    refused("a checkpoint by the former key", &after, old, "checkpoint-signature");
    refused("a checkpoint by the new key over what was before", &before, new, "checkpoint-signature");
}

fn who_left(cases: &mut Cases) {
    let founding = Story::new();
    let log = Log::new(founding.alliance(), 2, "log", 3, 6);
    let story = left(&log.head());
    cases.ok("a record of a member that has left", "verify", case(&story, log.record(String::new())));
    let last = Log::new(founding.alliance(), 2, "log", 5, 6);
    cases.ok("the last one that was accepted", "verify", case(&left(&last.head()), last.record(String::new())));
    let mut refused = |name: &str, record: BundleRecord, fault: &str| cases.fault(name, "verify", case(&story, record), fault);
    let behind = Log::new(founding.alliance(), 2, "log", 6, 7);
    refused("the first one that was not", behind.record(String::new()), "left");
    refused("another tree than was accepted", last.record(String::new()), "inclusion");
    refused("a checkpoint of its own", log.record(log.checkpoint(("log", "witness"), &[0, 1])), "proof");
    let mut moved = log.record(String::new());
    moved.proof = moved.proof.replace("index 3", "index 2");
    refused("a proof for another place", moved, "index");
    refused("another key of its own", Log::new(founding.alliance(), 2, "witness", 3, 6).record(String::new()), "key-id");
    let partner = Log::new(founding.alliance(), 1, "log", 0, 1);
    refused("a member's proof without a checkpoint", partner.record(String::new()), "note");
    let good = partner.record(partner.checkpoint(("log", "witness"), &[0]));
    cases.ok("a partner's record after it", "verify", case(&story, good));
    let witnessed = partner.record(partner.checkpoint(("log", "witness"), &[2]));
    cases.ok("a cosignature of a member that has left is nobody's", "verify", case(&story, witnessed));
}

/// Member 2 writes its second log; of the first, five entries were accepted.
fn who_recovered(cases: &mut Cases) {
    let founding = Story::new();
    let lost = |index| Log::new(founding.alliance(), 2, "log", index, 5);
    let story_of = |log: &Log<'_>| {
        let TreeHead { size, root } = log.head();
        recovered(&founding, size, root).in_force(&[1])
    };
    cases.ok("a record of a closed log", "verify", case(&story_of(&lost(3)), lost(3).record(String::new())));
    let (accepted, anew) = (lost(4), Log::of(founding.alliance(), 2, 1, "log new", 0, 2));
    let (story, keys) = (story_of(&accepted), ("log new", "witness new"));
    cases.ok("the last one that was accepted of it", "verify", case(&story, accepted.record(String::new())));
    cases.ok("a record of the log after it", "verify", case(&story, anew.record(anew.checkpoint(keys, &[0, 1]))));
    let partner = Log::new(founding.alliance(), 1, "log", 0, 1);
    let witnessed = partner.record(partner.checkpoint(("log", "witness"), &[2]));
    cases.ok("a cosignature by a lost key is nobody's", "verify", case(&story, witnessed));
    let mut refused = |name: &str, record: BundleRecord, fault: &str| cases.fault(name, "verify", case(&story, record), fault);
    refused("an entry behind what was accepted", Log::new(founding.alliance(), 2, "log", 5, 6).record(String::new()), "left");
    refused("a closed log with a checkpoint", accepted.record(accepted.checkpoint(("log", "witness"), &[0, 1])), "proof");
    refused("a closed log with another tree", lost(3).record(String::new()), "inclusion");
    refused("the lost key signs the new log", Log::of(founding.alliance(), 2, 1, "log", 0, 1).record(String::new()), "key-id");
    refused("the new key signs the closed log", Log::of(founding.alliance(), 2, 0, "log new", 3, 5).record(String::new()), "key-id");
    refused("a checkpoint of the new log by the lost key", anew.record(anew.checkpoint(("log", "witness new"), &[])), "checkpoint-signature");
    let third = Log::of(founding.alliance(), 2, 2, "log new", 0, 1);
    refused("a log that has not begun", third.record(third.checkpoint(keys, &[0, 1])), "author");
    let second = Log::of(founding.alliance(), 1, 1, "log", 0, 1);
    refused("a second log of a member with one", second.record(second.checkpoint(("log", "witness"), &[0, 2])), "author");
    let log = |index| Log::new(founding.alliance(), 2, "log", index, 6);
    let story = marked(&founding, 2, 0, (3, 5)).in_force(&[1]);
    for (name, index) in [("the entry before a mark", 2), ("the first entry that is marked", 3), ("the last", 4), ("the entry after a mark", 5)] {
        let log = log(index);
        cases.ok(name, "verify", case(&story, log.record(log.checkpoint(("log", "witness"), &[0, 1]))));
    }
}

pub fn equivocation() -> Value {
    let mut cases = Cases::new("equivocation", "equivocation.md#verification");
    let file = |story: &Story, foundation: Foundation, author: usize, notes: [String; 2]| {
        let [first, second] = notes;
        let evidence = Evidence { member: id(story.alliance(), author), incarnation: 0, first, second, proof: Contradiction::SameSize };
        json!({ "file": encode(EquivocationFile { foundation, evidence }.to_bytes()), "alliance": story.alliance().id().to_string() })
    };
    let two = |story: &Story, author: usize, size: usize, one: (&str, &str), other: (&str, &str)| {
        let log = |index| Log::new(story.alliance(), author, "log", index, size);
        [log(0).checkpoint(one, &[]), log(1).checkpoint(other, &[])]
    };
    let plain = ("log", "witness");
    let story = grown();
    let notes = two(&story, 9, 3, plain, plain);
    cases.ok("a newcomer lies", "verify", file(&story, story.foundation(), 9, notes.clone()));
    let founding = Foundation { history: None, ..story.foundation() };
    cases.fault("a newcomer, without the history", "verify", file(&story, founding, 9, notes.clone()), "author");
    let mut broken = story.foundation();
    broken.history = broken.history.map(|bytes| flip(&bytes, 300));
    cases.fault("a history with one bit changed", "verify", file(&story, broken, 9, notes), "entry");
    let rotated = rotated(&Story::new()).in_force(&[1]);
    let (old, new) = (("log", "witness 2"), ("log 2", "witness 2"));
    let of = |size, one, other| file(&rotated, rotated.foundation(), 2, two(&rotated, 2, size, one, other));
    cases.ok("by a former key, up to where it held", "verify", of(12, old, old));
    cases.ok("by the new key", "verify", of(13, new, new));
    cases.fault("one by a former key behind where it held", "verify", of(13, new, old), "checkpoint-signature");
    let gone = left(&TreeHead { size: 4, root: bytes32("root") });
    cases.ok("a member that has left", "verify", file(&gone, gone.foundation(), 2, two(&Story::new(), 2, 3, plain, plain)));
    cases.finish()
}
