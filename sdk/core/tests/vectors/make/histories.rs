//! Vectors of histories: an alliance that changes in every way, and every reason for which an entry or a head counts for nothing.

use std::sync::Arc;

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::charter::{Alliance, CharterFile, Member, Role};
use suyuan_core::history::{Foundation, History, HistoryEntry};
use suyuan_core::id::{CircleId, MemberId, StatementId};
use suyuan_core::membership::{Agreement, Amendment, Chair, Change, Removal, RoleChange, Rule};
use suyuan_core::order::{ENTRY, Entry, EpochEntry, FREEZE, Freeze, Order};
use suyuan_core::recovery::{Compromise, Recovery};
use suyuan_core::resolution::{APPROVE, Disclosed, Effect, OBJECT, PROPOSAL, Proposal, Signed, to_fields};
use suyuan_core::section::Field;

use super::{Cases, flip};
use crate::deciding::{LATE, Public, admit, approval, blank, effect, founded, founding, head, id, proposal, recover, remove, rotate};
use crate::fixture::{TIME, bytes32, field, secret};

const ROLES: [Role; 4] = [Role::Leader, Role::Upstream, Role::Downstream, Role::Regulator];

/// An order log as it grows.
#[derive(Clone)]
pub struct Story {
    pub file: CharterFile,
    pub order: Order,
    pub entries: Vec<HistoryEntry>,
    heads: Vec<(u64, String)>,
}

impl Story {
    pub fn new() -> Self {
        let order = Order::founding(founded(&ROLES)).unwrap();
        Self { file: founding(&ROLES), order, entries: Vec::new(), heads: Vec::new() }
    }

    pub fn alliance(&self) -> &Arc<Alliance> {
        &self.order.alliance
    }

    /// The number of the member that keeps the term.
    fn keeper(&self) -> usize {
        (0..10).find(|member| self.knows(*member) && id(self.alliance(), *member) == self.order.keeper).unwrap()
    }

    fn knows(&self, member: usize) -> bool {
        let log = secret(member, "log").public();
        let first = |known: &Member| known.closed.first().map_or(&known.logs, |closed| &closed.keys)[0].key;
        self.alliance().members().iter().chain(self.alliance().former()).any(|known| first(known) == log)
    }

    /// The statement of an entry by the keeper.
    fn write(&self, entry: &Entry) -> Public {
        Public::new(self.alliance(), self.keeper(), ENTRY, Vec::new(), to_fields(entry).unwrap())
    }

    /// One more entry, which holds.
    fn push(mut self, entry: &Entry) -> Self {
        let written = self.write(entry);
        self.order = self.order.append(&self.order.keeper, written.signed.id, TIME, entry).unwrap();
        self.entries.push(written.entry());
        self
    }

    /// The first entry of a later term, by whoever follows.
    fn begin(mut self, keeper: usize, term: u64, votes: &[Disclosed]) -> Self {
        let begun = self.order.begin(term).unwrap();
        let entry = Entry { takeover: Some(votes.to_vec()), ..blank(&begun) };
        let written = Public::new(&begun.alliance, keeper, ENTRY, Vec::new(), to_fields(&entry).unwrap());
        self.order = self.order.take_over(&id(&begun.alliance, keeper), written.signed.id, TIME, &entry).unwrap();
        self.entries.push(written.entry());
        self
    }

    fn effect(&self, change: Change, approvers: &[usize]) -> Effect {
        effect(self.alliance(), self.keeper(), &proposal(&self.order, change), approvers)
    }

    fn decides(&self, change: Change, approvers: &[usize]) -> Entry {
        Entry { effect: Some(Box::new(self.effect(change, approvers))), ..blank(&self.order) }
    }

    pub fn decide(self, change: Change, approvers: &[usize]) -> Self {
        let entry = self.decides(change, approvers);
        self.push(&entry)
    }

    /// An entry that brings a certificate of all before it, which settles them.
    fn certify(self, witnesses: &[usize]) -> Self {
        let entry = Entry { certificate: Some(head(&self.order, self.keeper(), witnesses)), ..blank(&self.order) };
        self.push(&entry)
    }

    /// The same, and where that settles a change, the next one that makes it final.
    pub fn settle(self, witnesses: &[usize]) -> Self {
        let settled = self.certify(witnesses);
        let final_already = Arc::ptr_eq(settled.order.counting(settled.order.head().size), &settled.order.alliance);
        if final_already { settled } else { settled.certify(witnesses) }
    }

    fn epoch(self, number: u64) -> Self {
        let entry = Entry { epoch: Some(EpochEntry { epoch: number, statement: StatementId(bytes32("epoch")) }), ..blank(&self.order) };
        self.push(&entry)
    }

    /// The file with a certified head of all.
    pub fn in_force(mut self, witnesses: &[usize]) -> Self {
        self.heads.push((self.order.term, head(&self.order, self.keeper(), witnesses)));
        self
    }

    /// What a file of this alliance begins with.
    pub fn foundation(&self) -> Foundation {
        Foundation { charter: self.file.to_bytes(), history: Some(self.bytes()) }
    }

    pub fn bytes(&self) -> Vec<u8> {
        History { entries: self.entries.clone(), heads: self.heads.clone() }.to_bytes()
    }

    fn case(&self) -> Value {
        self.with(self.entries.clone(), self.heads.clone())
    }

    fn with(&self, entries: Vec<HistoryEntry>, heads: Vec<(u64, String)>) -> Value {
        json!({ "file": encode(self.file.to_bytes()), "history": encode(History { entries, heads }.to_bytes()) })
    }

    /// One more entry that need not hold.
    fn then(&self, written: &Public) -> Value {
        self.with([self.entries.clone(), vec![written.entry()]].concat(), Vec::new())
    }
}

pub fn agreement(title: &str) -> Change {
    Change::Agree(Agreement { title: title.into(), text: "每日 06:00 前\t\"送达\"\n\u{1}\u{7f} / \\ 🥬".into() })
}

fn vote(story: &Story, voter: usize, term: u64, head: Option<String>) -> Disclosed {
    let freeze = Freeze { circle: story.order.circle, term, head };
    Public::new(story.alliance(), voter, FREEZE, Vec::new(), to_fields(&freeze).unwrap()).disclosed()
}

fn amended() -> Change {
    Change::Charter(Box::new(Amendment {
        name: Some("新绿链".into()),
        purpose: Some("第二阶段".into()),
        chain: Some("健康生活".into()),
        terms: Some("第三条".into()),
        deputies: Some(Vec::new()),
        seal: Some(3_600_000),
        rotation: Some(86_400_000),
        rules: Some([("admit".to_owned(), Rule::All), ("agree".to_owned(), Rule::TwoThirds)].into()),
        retention: Some("十年".into()),
    }))
}

pub fn history() -> Value {
    let mut cases = Cases::new("history", "history.md#checking");
    let story = Story::new();
    let mut ok = |name: &str, story: &Story| cases.ok(name, "verify", story.case());
    ok("nothing was decided", &story);
    let agreed = story.clone().decide(agreement("配送"), &[0, 1]);
    ok("an agreement, not final", &agreed);
    ok("an agreement that is certified, and not settled", &agreed.clone().in_force(&[1]));
    ok("an agreement that is settled", &agreed.clone().settle(&[2]).in_force(&[1, 2]));
    ok("twice about one subject", &agreed.settle(&[1]).decide(agreement("配送"), &[0, 2]).in_force(&[1]));
    let admitted = story.clone().decide(admit(story.alliance(), 9, Role::Support), &[0, 1]).settle(&[1]);
    ok("a newcomer", &admitted.clone().in_force(&[1, 2]));
    ok("a newcomer who votes", &admitted.clone().decide(agreement("a"), &[1, 2, 9]).settle(&[2, 9]).in_force(&[2, 9]));
    ok("the head alone settles nothing", &story.clone().decide(admit(story.alliance(), 9, Role::Support), &[0, 1]).in_force(&[1, 2]));
    let removed = story.clone().decide(remove(story.alliance(), 2), &[0, 1]).settle(&[1]);
    ok("a member has left", &removed.clone().in_force(&[1]));
    ok("an approver that has left since", &removed.epoch(2).settle(&[1]).in_force(&[1]));
    let roles = RoleChange { member: id(story.alliance(), 3), role: Role::Regulator, scope: vec!["inspection".into(), "packing".into()] };
    ok("a regulator's scope", &story.clone().decide(Change::Role(roles), &[0, 1]).settle(&[1]).in_force(&[1]));
    let voter = RoleChange { member: id(story.alliance(), 3), role: Role::Midstream, scope: Vec::new() };
    ok(
        "a regulator becomes a voter",
        &story.clone().decide(Change::Role(voter), &[0, 2]).settle(&[1]).decide(agreement("a"), &[0, 1, 3]).in_force(&[1, 3]),
    );
    ok("new keys", &rotated(&story).in_force(&[1]));
    ok("a regulator's new keys", &regulated(&story).in_force(&[1]));
    let recovered = recovered(&story, 5, [5; 32]);
    ok("a member recovers", &recovered.clone().in_force(&[1]));
    ok("whoever has recovered votes", &voted_anew(&recovered).in_force(&[1]));
    let twice = recovered.clone().decide(Change::Recover(recover(recovered.alliance(), 2, "newer")), &[0, 1]).settle(&[1]);
    ok("a member recovers twice, and leaves", &twice.clone().decide(remove(twice.alliance(), 2), &[0, 1]).settle(&[1]).in_force(&[1]));
    let deputy = story.clone().begin(1, 2, &[vote(&story, 1, 2, None), vote(&story, 2, 2, None)]);
    ok("the leader recovers", &deputy.decide(Change::Recover(recover(story.alliance(), 0, "new")), &[1, 2]).settle(&[2]).in_force(&[2]));
    ok("entries are marked", &marked(&story, 2, 0, (3, 5)).in_force(&[1]));
    ok("an amendment", &story.clone().decide(amended(), &[0, 1]).settle(&[1]).in_force(&[1]));
    ok("a new leader", &story.clone().decide(Change::Chair(Chair { member: id(story.alliance(), 2) }), &[0, 2]).settle(&[1]).in_force(&[1]));
    ok("an epoch as far ahead as it may be", &story.clone().epoch(1 + 1024).settle(&[1]).in_force(&[1]));
    ok("an epoch", &story.clone().epoch(2).settle(&[1]).epoch(7).settle(&[2]).in_force(&[1]));
    let admitted = admitted_of_two(&story);
    ok("three voters make final that there is a fourth", &admitted.clone().in_force(&[1]));
    ok("the four go on from there", &admitted.clone().certify(&[2]).in_force(&[1, 9]));
    ok(
        "a fourth voter, and an agreement with the head that makes it one",
        &confirmed_with(&admitted, agreement("b")).settle(&[2, 9]).in_force(&[1, 9]),
    );
    ok("a removal is made final by who is removed", &story.clone().decide(remove(story.alliance(), 2), &[0, 1]).certify(&[1]).in_force(&[2]));
    takeovers(&mut ok, &story);
    cases.finish()
}

/// Two entries, and a third that settles the first alone, which admits a fourth voter.
fn admitted_of_two(story: &Story) -> Story {
    let first = story.clone().decide(admit(story.alliance(), 9, Role::Support), &[0, 1]);
    let second = first.clone().decide(agreement("a"), &[0, 1]);
    let certificate = Some(head(&first.order, 0, &[1]));
    second.clone().push(&Entry { certificate, ..blank(&second.order) })
}

/// An effect in the entry that brings the head by which a change is final.
fn confirmed_with(story: &Story, change: Change) -> Story {
    let certificate = Some(head(&story.order, story.keeper(), &[1]));
    let entry = Entry { certificate, ..story.decides(change, &[0, 1, 2]) };
    story.clone().push(&entry)
}

/// Member 2 has another log key from entry 12 on, and another witness key.
pub fn rotated(story: &Story) -> Story {
    let change = rotate(story.alliance(), 2, Some("log 2"), Some("witness 2"), 12);
    let effect = effect(story.alliance(), 2, &proposal(&story.order, Change::Keys(change)), &[2]);
    let entry = Entry { effect: Some(Box::new(effect)), ..blank(&story.order) };
    story.clone().push(&entry).settle(&[1])
}

/// Member 2 goes on with other keys and its second log, the first accepted up to here.
pub fn recovered(story: &Story, size: u64, root: [u8; 32]) -> Story {
    let change = Recovery { size, root: StatementId(root), ..recover(story.alliance(), 2, "new") };
    story.clone().decide(Change::Recover(change), &[0, 1]).settle(&[1])
}

/// An agreement that member 2 has approved with the key of its second log.
fn voted_anew(story: &Story) -> Story {
    story.clone().push(&agreed_with(story, "log new"))
}

/// An agreement that the leader and member 2 have approved, the latter with this key.
fn agreed_with(story: &Story, key: &str) -> Entry {
    let proposed = Public::new(story.alliance(), 0, PROPOSAL, Vec::new(), to_fields(&proposal(&story.order, agreement("a"))).unwrap());
    let mut approvals: Vec<(MemberId, Public)> = [(0, "log"), (2, key)]
        .map(|(member, key)| {
            let field = vec![field("comment", "\"\"")];
            let vote = Public::signed_with(&secret(member, key), story.alliance(), member, APPROVE, vec![proposed.signed.id], field);
            (id(story.alliance(), member), vote)
        })
        .into();
    approvals.sort_by_key(|(member, _)| *member);
    let approvals = approvals.into_iter().map(|(_, vote)| Signed::new(&vote.signed.bytes, &vote.signed.signature)).collect();
    Entry { effect: Some(Box::new(Effect { proposal: proposed.disclosed(), approvals })), ..blank(&story.order) }
}

/// Some entries of a member are marked.
pub fn marked(story: &Story, member: usize, incarnation: u64, (from, size): (u64, u64)) -> Story {
    let mark = Compromise { member: id(story.alliance(), member), incarnation, from, size };
    story.clone().decide(Change::Compromised(mark), &[0, 1]).settle(&[1])
}

/// Member 3, a regulator, has another log key.
fn regulated(story: &Story) -> Story {
    let change = rotate(story.alliance(), 3, Some("log 2"), None, 12);
    let effect = effect(story.alliance(), 3, &proposal(&story.order, Change::Keys(change)), &[3]);
    let entry = Entry { effect: Some(Box::new(effect)), ..blank(&story.order) };
    story.clone().push(&entry).settle(&[1])
}

fn takeovers(ok: &mut impl FnMut(&str, &Story), story: &Story) {
    let from_nothing = story.clone().begin(1, 2, &[vote(story, 1, 2, None), vote(story, 2, 2, None)]);
    ok("a deputy takes over from the beginning", &from_nothing.clone().decide(agreement("a"), &[1, 2]).in_force(&[2]));
    ok("the fourth term right after the first", &story.clone().begin(0, 4, &[vote(story, 1, 4, None), vote(story, 2, 4, None)]).in_force(&[2]));
    let later = story.clone().decide(admit(story.alliance(), 9, Role::Support), &[0, 1]);
    let noted = head(&later.order, 0, &[1, 2]);
    let votes = [vote(story, 1, 2, Some(noted)), vote(story, 2, 2, None)];
    let fenced = later.clone().begin(1, 2, &votes);
    ok("a newcomer whose admission waits at the fence", &fenced.clone().in_force(&[2]));
    let fenced = fenced.certify(&[2]);
    ok("a newcomer from a fence on counts when that is final", &fenced.clone().in_force(&[2, 9]));
    let votes = [1, 2].map(|voter| vote(story, voter, 4, Some(head(&later.order, 0, &[1]))));
    ok("a newcomer whom the fence admits keeps the term", &later.clone().begin(9, 4, &votes).in_force(&[1, 2]));
    // What the first keeper wrote behind the fence stands in the file no more; the next keeper says it again.
    ok("after the fence", &fenced.decide(agreement("b"), &[0, 1, 2]).settle(&[0, 2]).in_force(&[0, 9]));
    let rotating = story.clone().decide(amended(), &[0, 1]).settle(&[1]);
    let noted = head(&rotating.order, 0, &[1]);
    let votes = [vote(&rotating, 1, 2, Some(noted.clone())), vote(&rotating, 0, 2, Some(noted))];
    ok("a rotating chair", &rotating.clone().begin(1, 2, &votes).in_force(&[0]));
    let mut two = from_nothing.in_force(&[2]);
    two.heads.insert(0, (1, head(&story.order, 0, &[1])));
    ok("heads of two terms", &two);
}

/// The same with everything settled, so that a newcomer can be named.
fn later_settled(story: &Story) -> Story {
    Story { order: story.order.begin(2).unwrap(), ..story.clone() }
}

pub fn refused() -> Value {
    let mut cases = Cases::new("history", "history.md#checking");
    files(&mut cases);
    let mut no = |name: &str, why: &str, input: Value| cases.because(name, "verify", input, "entry", why);
    statements(&mut no);
    fields(&mut no);
    places(&mut no);
    certificates(&mut no);
    first_entries(&mut no);
    forms(&mut no);
    effects(&mut no);
    changes(&mut no);
    no_epochs(&mut no);
    heads(&mut cases);
    cases.finish()
}

fn files(cases: &mut Cases) {
    let story = Story::new().decide(agreement("a"), &[0, 1]).in_force(&[1]);
    let good = story.bytes();
    let mut raw = |name: &str, history: Vec<u8>, fault: &str| {
        cases.fault(name, "verify", json!({ "file": encode(story.file.to_bytes()), "history": encode(history) }), fault);
    };
    raw("nothing at all", Vec::new(), "cbor");
    raw("a byte more", [&good[..], &[0]].concat(), "cbor");
    raw("another name", super::swap(&good, b"suyuan-history", b"suyuan-History"), "form");
    raw("a later version", super::swap(&good, b"history\x01", b"history\x02"), "suite");
    raw("an array of five", [&[0x85], &good[1..], &[0x80]].concat(), "form");
    raw("four heads", History { heads: vec![story.heads[0].clone(); 4], entries: Vec::new() }.to_bytes(), "form");
    raw("an empty head", History { heads: vec![(1, String::new())], entries: Vec::new() }.to_bytes(), "form");
    let input = json!({ "file": encode(story.file.to_bytes()), "history": encode(&good), "alliance": encode([1; 32]) });
    cases.fault("another alliance expected", "verify", input, "alliance");
}

fn statements(no: &mut impl FnMut(&str, &str, Value)) {
    let story = Story::new();
    let entry = story.decides(agreement("a"), &[0, 1]);
    let good = story.write(&entry);
    let edited = |edit: fn(&mut HistoryEntry)| {
        let mut entry = good.entry();
        edit(&mut entry);
        story.with(vec![entry], Vec::new())
    };
    let of = |key: &str, member: usize, author: usize, kind: &str| {
        story.then(&Public::signed_with(&secret(member, key), story.alliance(), author, kind, Vec::new(), to_fields(&entry).unwrap()))
    };
    no("a signature with one bit changed", "statement", edited(|entry| entry.signature[5] ^= 1));
    no("another header", "statement", edited(|entry| entry.header = flip(&entry.header, 10)));
    no("another body", "statement", edited(|entry| entry.body = flip(&entry.body, 10)));
    no("an empty statement", "statement", edited(|entry| entry.statement.clear()));
    no("a statement with one bit changed", "statement", edited(|entry| entry.statement = flip(&entry.statement, 200)));
    no("another type", "statement", of("log", 0, 0, FREEZE));
    no("the keeper's witness key", "statement", of("witness", 0, 0, ENTRY));
    no("another member's key", "statement", of("log", 1, 0, ENTRY));
    no("another voter", "keeper", of("log", 1, 1, ENTRY));
    let other = Story { order: Order::founding(founded(&ROLES[..2])).unwrap(), ..story.clone() };
    let foreign = Public::new(other.alliance(), 0, ENTRY, Vec::new(), to_fields(&entry).unwrap());
    no("another alliance", "statement", story.then(&foreign));
    let (gone, key) = (story.clone().decide(remove(story.alliance(), 1), &[0, 2]).settle(&[2]), secret(1, "log"));
    let former = Public::signed_with(&key, gone.alliance(), 1, ENTRY, Vec::new(), to_fields(&blank_epoch(&gone)).unwrap());
    no("a former member", "keeper", gone.then(&former));
}

fn blank_epoch(story: &Story) -> Entry {
    Entry { epoch: Some(EpochEntry { epoch: story.order.newest_epoch() + 1, statement: StatementId([4; 32]) }), ..blank(&story.order) }
}

/// JSON that some programs take for the same, and that is not.
fn fields(no: &mut impl FnMut(&str, &str, Value)) {
    let story = Story::new();
    let good = to_fields(&Entry { certificate: Some("é\n".into()), ..blank_epoch(&story) }).unwrap();
    let mut of = |name: &str, field: &str, edit: &dyn Fn(&str) -> String| {
        let mut fields = good.clone();
        let found = fields.iter_mut().find(|found| found.name == field).unwrap();
        let before = std::mem::take(&mut found.value);
        found.value = edit(&before);
        assert_ne!(found.value, before, "{name}");
        no(name, "malformed", story.then(&Public::new(story.alliance(), 0, ENTRY, Vec::new(), fields)));
    };
    of("a space", "epoch", &|value| value.replacen(',', ", ", 1));
    of("members in another order", "epoch", &|_| format!("{{\"statement\":\"{}\",\"epoch\":2}}", encode([4; 32])));
    of("a member twice", "epoch", &|value| value.replacen('{', "{\"epoch\":2,", 1));
    of("a member too many", "epoch", &|value| value.replacen('{', "{\"a\":0,", 1));
    of("a member too few", "epoch", &|_| "{\"epoch\":2}".into());
    of("an array instead of an object", "epoch", &|_| format!("[2,\"{}\"]", encode([4; 32])));
    of("a fraction", "index", &|_| "0.0".into());
    of("an exponent", "index", &|_| "0e0".into());
    of("minus nothing", "index", &|_| "-0".into());
    of("a leading zero", "term", &|_| "01".into());
    of("a number as text", "term", &|_| "\"1\"".into());
    of("a number that is no number elsewhere", "index", &|_| "9007199254740993".into());
    of("beyond 64 bits", "index", &|_| "18446744073709551616".into());
    of("a letter that need not be escaped", "certificate", &|_| "\"\\u00e9\\n\"".into());
    of("an escape with capitals", "certificate", &|_| "\"é\\u000A\"".into());
    of("hex in capitals", "circle", &|value| value.to_uppercase());
    of("hex that is cut", "circle", &|value| value.replace(&value[60..], "\""));
    of("nothing where something has to be", "previous", &|_| "null".into());
    let mut of = |name: &str, fields: Vec<Field>| {
        no(name, "malformed", story.then(&Public::new(story.alliance(), 0, ENTRY, Vec::new(), fields)));
    };
    of("a field too many", [good.clone(), vec![field("more", "null")]].concat());
    of("a field that may be null left out", good.iter().filter(|field| field.name != "takeover").cloned().collect());
    of("nothing in it", to_fields(&blank(&story.order)).unwrap());
}

fn places(no: &mut impl FnMut(&str, &str, Value)) {
    let story = Story::new().epoch(2).settle(&[1]);
    let good = story.decides(agreement("a"), &[0, 1]);
    let mut of = |name: &str, why: &str, edit: fn(&mut Entry)| {
        let mut entry = good.clone();
        edit(&mut entry);
        no(name, why, story.then(&story.write(&entry)));
    };
    of("another circle", "keeper", |entry| entry.circle = CircleId([9; 32]));
    of("term nought", "keeper", |entry| entry.term = 0);
    of("an index too far", "index", |entry| entry.index += 1);
    of("an index that was", "index", |entry| entry.index -= 1);
    of("another entry before it", "index", |entry| entry.previous = StatementId([9; 32]));
    let before = Public::signed_at(TIME - 1, &secret(0, "log"), story.alliance(), 0, ENTRY, Vec::new(), to_fields(&good).unwrap());
    no("before the entry before it", "time", story.then(&before));
    let second = Story::new();
    let second = second.clone().begin(1, 2, &[vote(&second, 1, 2, None), vote(&second, 2, 2, None)]);
    let first = Story::new();
    let late = first.write(&blank_epoch(&first));
    no("the first keeper goes on after the second has begun", "keeper", second.then(&late));
    no("the same entry twice", "index", story.with([story.entries.clone(), story.entries[1..].to_vec()].concat(), Vec::new()));
}

fn certificates(no: &mut impl FnMut(&str, &str, Value)) {
    let begun = Story::new();
    let one = begun.clone().epoch(2);
    let settled = one.clone().settle(&[1]);
    let mut other = begun.clone().decide(agreement("b"), &[0, 1]);
    other.file = begun.file.clone();
    let mut of = |name: &str, story: &Story, note: String| {
        let entry = Entry { certificate: Some(note), ..blank(&story.order) };
        no(name, "certificate", story.then(&story.write(&entry)));
    };
    of("no note", &one, "nothing".into());
    of("no cosignature", &one, head(&one.order, 0, &[]));
    of("the keeper's own cosignature", &one, head(&one.order, 0, &[0]));
    of("a regulator's cosignature", &one, head(&one.order, 0, &[3]));
    of("a stranger's cosignature", &one, head(&one.order, 0, &[1]).replace('\u{2014}', "-"));
    of("a head signed by another", &one, head(&one.order, 1, &[1, 2]));
    of("the head of another history", &one, head(&other.order, 0, &[1, 2]));
    of("the head of the empty log", &one, head(&begun.order, 0, &[1, 2]));
    of("a head that is certified already", &settled, head(&one.order, 0, &[1, 2]));
    of("a head that is still to come", &one, head(&settled.order, 0, &[1, 2]));
    let admitted = admitted_of_two(&begun);
    of("the newcomer's cosignature of what makes it one", &admitted, head(&admitted.order, 0, &[9]));
    let second = begun.clone().decide(admit(begun.alliance(), 9, Role::Support), &[0, 1]).decide(agreement("a"), &[0, 1]);
    of("a head before the one that makes a change final", &admitted, head(&second.order, 0, &[1, 2]));
    let confirmed = admitted.clone().settle(&[1]);
    of("one of three, where the fourth voter is final", &confirmed, head(&confirmed.order, 0, &[1]));
    let lied = head(&one.order, 0, &[1, 2]);
    let at = lied.len() - 20;
    of("enough cosignatures, and one that is wrong", &one, flip_text(&lied, at));
    let without = admitted.write(&admitted.decides(agreement("b"), &[0, 1, 2]));
    no("an entry without the head that makes a change final", "certificate", admitted.then(&without));
}

/// Another letter of base64 in a place.
fn flip_text(text: &str, at: usize) -> String {
    let letter = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{letter}{}", &text[..at], &text[at + 1..])
}

fn first_entries(no: &mut impl FnMut(&str, &str, Value)) {
    let story = Story::new();
    let votes = [vote(&story, 1, 2, None), vote(&story, 2, 2, None)];
    let first = |fence: &Story, author: usize, votes: Option<Vec<Disclosed>>, term: u64| {
        let entry = Entry { takeover: votes, term, ..blank_epoch(&Story { order: fence.order.begin(2).unwrap(), ..fence.clone() }) };
        fence.then(&Public::new(fence.alliance(), author, ENTRY, Vec::new(), to_fields(&entry).unwrap()))
    };
    let mut of = |name: &str, votes: &[Disclosed]| no(name, "takeover", first(&story, 1, Some(votes.to_vec()), 2));
    let one = story.clone().epoch(2);
    of("no votes", &[]);
    of("too few votes", &votes[..1]);
    of("a voter twice", &[votes[0].clone(), votes[0].clone()]);
    of("votes for another term", &[votes[0].clone(), vote(&story, 2, 3, None)]);
    of("a regulator's vote", &[votes[0].clone(), vote(&story, 3, 2, None)]);
    of("a regulator's vote beside enough others", &[votes[0].clone(), votes[1].clone(), vote(&story, 3, 2, None)]);
    of("a vote for a head that is not here", &[votes[0].clone(), vote(&story, 2, 2, Some(head(&one.order, 0, &[1, 2])))]);
    let other = Freeze { circle: CircleId([9; 32]), term: 2, head: None };
    let other = Public::new(story.alliance(), 2, FREEZE, Vec::new(), to_fields(&other).unwrap()).disclosed();
    of("a vote for another circle", &[votes[0].clone(), other]);
    let mut cut = votes[1].clone();
    cut.signature.truncate(80);
    of("a vote with half a signature", &[votes[0].clone(), cut]);
    no("no votes at all", "takeover", first(&story, 1, None, 2));
    no("not the keeper that follows", "keeper", first(&story, 2, Some(votes.to_vec()), 2));
    no("the keeper before", "keeper", first(&story, 0, Some(votes.to_vec()), 2));
    let uncertified = vec![vote(&one, 1, 2, Some(head(&one.order, 0, &[]))), votes[1].clone()];
    no("a fence that is not certified", "takeover", first(&one, 1, Some(uncertified), 2));
    let later = story.clone().decide(admit(story.alliance(), 9, Role::Support), &[0, 1]);
    let fence = Some(head(&later.order, 0, &[1]));
    let with_newcomer = vec![vote(&story, 1, 2, fence.clone()), vote(&later_settled(&later), 9, 2, fence.clone())];
    no("the vote of a newcomer that waits at the fence", "takeover", first(&later, 1, Some(with_newcomer), 2));
    let begun = later.clone().begin(1, 2, &[vote(&story, 1, 2, fence.clone()), vote(&story, 2, 2, fence)]);
    no("what follows before the head that settles the fence", "certificate", begun.then(&begun.write(&blank_epoch(&begun))));
    let of_newcomer = Entry { certificate: Some(head(&begun.order, 1, &[9])), ..blank(&begun.order) };
    no("the newcomer's cosignature of the head that settles the fence", "certificate", begun.then(&begun.write(&of_newcomer)));
    let entry = Entry { takeover: Some(votes.to_vec()), ..blank_epoch(&story) };
    no("votes where no term begins", "takeover", story.then(&story.write(&entry)));
}

/// An entry with an effect of a proposal that somebody made out.
fn proposed(story: &Story, proposer: usize, proposal: &Proposal, approvers: &[usize]) -> Value {
    let effect = effect(story.alliance(), proposer, proposal, approvers);
    story.then(&story.write(&Entry { effect: Some(Box::new(effect)), ..blank(&story.order) }))
}

fn forms(no: &mut impl FnMut(&str, &str, Value)) {
    let story = Story::new();
    let good = proposal(&story.order, admit(story.alliance(), 9, Role::Support));
    let mut with = |name: &str, why: &str, edit: &dyn Fn(&mut Proposal)| {
        let mut proposal = good.clone();
        edit(&mut proposal);
        no(name, why, proposed(&story, 0, &proposal, &[0, 1, 2]));
    };
    with("no signers", "malformed", &|proposal| proposal.signers.clear());
    with("signers that do not ascend", "malformed", &|proposal| proposal.signers.reverse());
    with("a weight of nothing", "malformed", &|proposal| proposal.signers[0].1 = 0);
    with("a threshold beyond all weights", "malformed", &|proposal| proposal.threshold = 4);
    with("no threshold", "malformed", &|proposal| proposal.threshold = 0);
    with("no subject", "malformed", &|proposal| proposal.slot.subject.clear());
    with("a reason that is too long", "malformed", &|proposal| proposal.reason = "a".repeat(4097));
    with("another circle", "circle", &|proposal| proposal.circle = CircleId([9; 32]));
    with("another subject", "subject", &|proposal| proposal.slot.subject = "charter".into());
    with("a version that is not yet", "superseded", &|proposal| proposal.slot.version = 1);
    with("after its end", "expired", &|proposal| proposal.expires = TIME - 1);
    with("rules that are not yet", "rule", &|proposal| proposal.rule = 1);
    with("a weight of two", "signers", &|proposal| proposal.signers[0].1 = 2);
    no("a regulator proposes", "proposer", proposed(&story, 3, &good, &[0, 1, 2]));
    let others = proposal(&story.order, Change::Keys(rotate(story.alliance(), 1, Some("log 2"), None, 1)));
    no("a regulator proposes another's keys", "proposer", proposed(&story, 3, &others, &[1]));
    no("a regulator approves another's keys", "threshold", proposed(&story, 1, &others, &[3]));
    let own = proposal(&story.order, Change::Keys(rotate(story.alliance(), 3, Some("log 2"), None, 1)));
    no("others approve a regulator's keys", "threshold", proposed(&story, 3, &own, &[0, 1, 2]));
    no("one of three, where two thirds are asked for", "threshold", proposed(&story, 0, &good, &[0]));
    no("a regulator approves", "threshold", proposed(&story, 0, &good, &[0, 3]));
    let mut few = good.clone();
    few.signers.retain(|(member, _)| *member == id(story.alliance(), 0));
    no("those who are not asked", "threshold", proposed(&story, 0, &few, &[0, 1, 2]));
    let mut against = proposal(&story.order, remove(story.alliance(), 2));
    against.signers.push((id(story.alliance(), 2), 1));
    against.signers.sort_unstable();
    no("whom the removal is about is asked", "signers", proposed(&story, 0, &against, &[0, 1]));
}

fn effects(no: &mut impl FnMut(&str, &str, Value)) {
    let story = Story::new();
    let good = story.effect(admit(story.alliance(), 9, Role::Support), &[0, 1]);
    let mut of = |name: &str, why: &str, edit: &dyn Fn(&mut Effect)| {
        let mut effect = good.clone();
        edit(&mut effect);
        no(name, why, story.then(&story.write(&Entry { effect: Some(Box::new(effect)), ..blank(&story.order) })));
    };
    let drafted = proposal(&story.order, admit(story.alliance(), 9, Role::Support));
    let drafted = Public::new(story.alliance(), 0, PROPOSAL, Vec::new(), to_fields(&drafted).unwrap()).signed.id;
    let objection = Public::new(story.alliance(), 1, OBJECT, vec![drafted], vec![field("comment", "\"\"")]).wrapped();
    let stranger = Public::signed_with(&secret(9, "log"), story.alliance(), 1, APPROVE, vec![drafted], vec![field("comment", "\"\"")]).wrapped();
    of("no approvals", "malformed", &|effect| effect.approvals.clear());
    of("an approval twice", "approval", &|effect| effect.approvals[1] = effect.approvals[0].clone());
    of("approvals that do not ascend", "approval", &|effect| effect.approvals.reverse());
    of("an objection", "approval", &|effect| effect.approvals = vec![objection.clone()]);
    of("an approval of another proposal", "approval", &|effect| effect.approvals = vec![approval(story.alliance(), 0, &StatementId([9; 32]))]);
    of("a stranger's key", "approval", &|effect| effect.approvals = vec![stranger.clone()]);
    of("a proposal's signature that is cut", "proposal", &|effect| effect.proposal.signature.truncate(80));
    of("base64 without its padding", "proposal", &|effect| effect.proposal.signature = effect.proposal.signature.trim_end_matches('=').into());
    of("base64 with a line break", "proposal", &|effect| effect.proposal.body.insert(4, '\n'));
    of("base64 with bits left over", "proposal", &|effect| {
        let cut = effect.proposal.signature.trim_end_matches("==").len() - 1;
        let letter = if effect.proposal.signature.as_bytes()[cut] == b'B' { "C" } else { "B" };
        effect.proposal.signature = format!("{}{letter}==", &effect.proposal.signature[..cut]);
    });
    of("a body of another", "proposal", &|effect| effect.proposal.body = effect.proposal.header.clone());
    let decided = story.clone().push(&Entry { effect: Some(Box::new(good.clone())), ..blank(&story.order) });
    let again = Entry { effect: Some(Box::new(good)), ..blank(&decided.order) };
    no("the same once more", "superseded", decided.then(&decided.write(&again)));
    let second = decided.decides(Change::Chair(Chair { member: id(story.alliance(), 1) }), &[0, 1]);
    no("a change while another waits", "pending", decided.then(&decided.write(&second)));
}

fn changes(no: &mut impl FnMut(&str, &str, Value)) {
    let story = Story::new();
    let mut of = |name: &str, change: Change, approvers: &[usize]| {
        let proposer = approvers[0];
        no(name, "change", proposed(&story, proposer, &proposal(&story.order, change), approvers));
    };
    let alliance = story.alliance();
    let role = |member, role, scope: &[&str]| {
        let scope = scope.iter().map(|kind| (*kind).to_owned()).collect();
        Change::Role(RoleChange { member: id(alliance, member), role, scope })
    };
    let amend = |amendment| Change::Charter(Box::new(amendment));
    let Change::Admit(good) = admit(alliance, 9, Role::Support) else { panic!("an admission") };
    let unsigned = suyuan_core::membership::Admission { signatures: good.signatures.iter().rev().cloned().collect(), ..good };
    of("a member is admitted", admit(alliance, 1, Role::Upstream), &[0, 1]);
    of("a second leader", admit(alliance, 9, Role::Leader), &[0, 1]);
    of("signatures in another order", Change::Admit(unsigned), &[0, 1]);
    of("the leader leaves", remove(alliance, 0), &[1, 2]);
    of("a stranger leaves", Change::Remove(Removal { member: MemberId([1; 32]), size: 0, root: StatementId([0; 32]) }), &[0, 1]);
    of("a leader by role", role(1, Role::Leader, &[]), &[0, 1]);
    of("the leader's role", role(0, Role::Support, &[]), &[0, 1]);
    of("a scope without the role", role(1, Role::Support, &["inspection"]), &[0, 1]);
    of("a type that is none", role(3, Role::Regulator, &["In Spection"]), &[0, 1]);
    of("no new key", Change::Keys(rotate(alliance, 1, None, None, 1)), &[1]);
    of("a key that is in use", Change::Keys(rotate(alliance, 1, Some("witness"), None, 1)), &[1]);
    let mut stolen = rotate(alliance, 1, Some("log 2"), None, 1);
    stolen.size = 2;
    of("signatures over another size", Change::Keys(stolen), &[1]);
    of("a regulator leads", Change::Chair(Chair { member: id(alliance, 3) }), &[0, 1]);
    of("the leader leads", Change::Chair(Chair { member: id(alliance, 0) }), &[0, 1]);
    of("an agreement without a title", agreement(""), &[0, 1]);
    of("no name", amend(Amendment { name: Some(String::new()), ..Amendment::default() }), &[0, 1]);
    of("a name in two lines", amend(Amendment { name: Some("a\nb".into()), ..Amendment::default() }), &[0, 1]);
    of("a name that turns the line", amend(Amendment { name: Some("a\u{202e}b".into()), ..Amendment::default() }), &[0, 1]);
    of("no T", amend(Amendment { seal: Some(0), ..Amendment::default() }), &[0, 1]);
    of("a rule for nothing", amend(Amendment { rules: Some([("keys".to_owned(), Rule::All)].into()), ..Amendment::default() }), &[0, 1]);
    of("the leader as deputy", amend(Amendment { deputies: Some(vec![id(alliance, 0)]), ..Amendment::default() }), &[0, 1]);
    of("a deputy twice", amend(Amendment { deputies: Some(vec![id(alliance, 1); 2]), ..Amendment::default() }), &[0, 1]);
    let good = recover(alliance, 1, "new");
    let recovery = |edit: fn(&mut Recovery)| {
        let mut recovery = good.clone();
        edit(&mut recovery);
        Change::Recover(recovery)
    };
    of("a stranger recovers", recovery(|recovery| recovery.member = MemberId([1; 32])), &[0, 1]);
    of("a recovery that three keys signed", recovery(|recovery| recovery.signatures.truncate(3)), &[0, 2]);
    of("a recovery that another member's keys signed", Change::Recover(Recovery { member: id(alliance, 2), ..good.clone() }), &[0, 1]);
    of("a recovery with another key than was signed", recovery(|recovery| recovery.keys.encryption = StatementId([9; 32])), &[0, 2]);
    of("a recovery with a key of small order", recovery(|recovery| recovery.keys.encryption = StatementId([0; 32])), &[0, 2]);
    let mark = |member, incarnation, from, size| Change::Compromised(Compromise { member, incarnation, from, size });
    of("entries of a stranger are marked", mark(MemberId([1; 32]), 0, 0, 1), &[0, 1]);
    of("nothing is marked", mark(id(alliance, 1), 0, 5, 5), &[0, 1]);
    of("a log is marked that has not begun", mark(id(alliance, 1), 1, 0, 1), &[0, 1]);
    let new = story.clone().decide(Change::Recover(good.clone()), &[0, 2]).settle(&[2]);
    let again = proposal(&new.order, Change::Recover(good));
    no("a recovery with the keys that it has", "change", proposed(&new, 0, &again, &[0, 2]));
    let itself = proposal(&story.order, Change::Recover(recover(alliance, 1, "new")));
    no("nobody recovers by its own vote", "signers", proposed(&story, 0, &Proposal { signers: everybody(&story), ..itself }, &[0, 1]));
    let late = recovered(&story, 5, [5; 32]);
    no("an approval with a key of a closed log", "approval", late.then(&late.write(&agreed_with(&late, "log"))));
    let gone = story.clone().decide(remove(alliance, 1), &[0, 2]).settle(&[2]);
    let mut again = proposal(&gone.order, admit(alliance, 1, Role::Upstream));
    again.expires = LATE;
    no("who has left comes again as the same", "change", proposed(&gone, 0, &again, &[0, 2]));
}

fn everybody(story: &Story) -> Vec<(MemberId, u64)> {
    let mut all: Vec<_> = story.alliance().voters().map(|voter| (voter.id, 1)).collect();
    all.sort_unstable();
    all
}

fn no_epochs(no: &mut impl FnMut(&str, &str, Value)) {
    let story = Story::new();
    let opening = story.clone().epoch(3);
    let settled = opening.clone().settle(&[1]);
    let mut of = |name: &str, story: &Story, number| {
        let entry = Entry { epoch: Some(EpochEntry { epoch: number, statement: StatementId([4; 32]) }), ..blank(&story.order) };
        no(name, "epoch", story.then(&story.write(&entry)));
    };
    of("the first epoch", &story, 1);
    of("an epoch while another waits", &opening, 4);
    of("an epoch that was", &settled, 3);
    of("an epoch before it", &settled, 2);
    of("an epoch that leaves too many out", &settled, 3 + 1025);
    of("an epoch after which none could follow", &settled, (1 << 53) - 1);
}

fn heads(cases: &mut Cases) {
    let story = Story::new();
    let one = story.clone().epoch(2);
    let other = story.clone().decide(agreement("a"), &[0, 1]);
    let note = |story: &Story, witnesses: &[usize]| head(&story.order, 0, witnesses);
    let mut of = |name: &str, heads: Vec<(u64, String)>| cases.fault(name, "verify", one.with(one.entries.clone(), heads), "head");
    of("a head without cosignatures", vec![(1, note(&one, &[]))]);
    of("a head with the keeper's own", vec![(1, note(&one, &[0]))]);
    of("a head with a regulator's", vec![(1, note(&one, &[3]))]);
    of("a head of another term than it says", vec![(2, note(&one, &[1]))]);
    of("a head of what is not here", vec![(1, note(&other, &[1]))]);
    of("a head that is no note", vec![(1, "nothing".into())]);
    of("a good head and one that is none", vec![(1, note(&one, &[1])), (1, note(&other, &[1]))]);
    let lied = note(&one, &[1, 2]);
    of("a cosignature that is wrong beside enough", vec![(1, flip_text(&lied, lied.len() - 20))]);
}
