//! Vectors of equivocation: two histories that part after three entries, and every way in which a file does not convict.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::cbor::Writer;
use suyuan_core::equivocation::{Contradiction, EquivocationFile, Evidence, Shown};
use suyuan_core::history::Foundation;
use suyuan_core::id::{Hash, MemberId, StatementId};
use suyuan_core::log::witness_name;
use suyuan_core::note::{TreeHead, checkpoint_body, sign_checkpoint};
use suyuan_core::tree;

use super::{Cases, swap};
use crate::fixture::{World, bytes32, secret};

/// One history: the true log's first entries, and then entries of its own.
struct History<'a> {
    world: &'a World,
    entries: Vec<StatementId>,
}

impl<'a> History<'a> {
    fn new(world: &'a World, common: usize, name: &str, own: usize) -> Self {
        let common = world.statements.iter().take(common).map(|statement| statement.id);
        let own = (0..own).map(|number| StatementId(bytes32(&format!("{name} {number}"))));
        Self { world, entries: common.chain(own).collect() }
    }

    fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|id| tree::leaf_hash(&id.0)).collect()
    }

    fn head(&self, size: usize) -> TreeHead {
        TreeHead { size: size as u64, root: tree::root(&self.leaves()[..size]) }
    }

    fn checkpoint(&self, size: usize) -> String {
        signed(self.world, &self.head(size), 1_795_219_500 + size as u64)
    }

    fn shown(&self, index: usize, size: usize) -> Shown {
        Shown { entry: self.entries[index], path: tree::inclusion_path(&self.leaves()[..size], index) }
    }

    /// Root at a size, and its consistency path to a larger one.
    fn prefix(&self, old: usize, new: usize) -> Contradiction {
        Contradiction::Prefix { root: self.head(old).root, path: consistency(&self.leaves()[..new], old, true) }
    }
}

/// RFC 6962 section 2.1.2, as it is written there.
fn consistency(leaves: &[Hash], old: usize, whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![tree::root(leaves)] };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    if old <= left.len() {
        [consistency(left, old, whole), vec![tree::root(right)]].concat()
    } else {
        [consistency(right, old - left.len(), false), vec![tree::root(left)]].concat()
    }
}

fn signed(world: &World, head: &TreeHead, seconds: u64) -> String {
    let name = witness_name(&world.log.alliance, &world.log.member);
    sign_checkpoint(&world.log.origin(), head, &secret(0, "log"), (&name, &secret(0, "witness")), seconds)
}

fn evidence(world: &World, first: String, second: String, proof: Contradiction) -> Evidence {
    Evidence { member: world.log.member, incarnation: 0, first, second, proof }
}

fn fork(index: u64, first: Shown, second: Shown) -> Contradiction {
    Contradiction::Fork { index, first, second }
}

pub fn equivocation(world: &World) -> Value {
    let mut cases = Cases::new("equivocation", "equivocation.md#verification");
    let (one, other) = (History::new(world, 5, "", 0), History::new(world, 3, "other", 9));
    let same_size = evidence(world, one.checkpoint(5), other.checkpoint(5), Contradiction::SameSize);
    let prefix = evidence(world, one.checkpoint(5), other.checkpoint(11), other.prefix(5, 11));
    let forked = evidence(world, one.checkpoint(5), other.checkpoint(11), fork(3, one.shown(3, 5), other.shown(3, 11)));
    accepted(&mut cases, world, (&one, &other), [&same_size, &prefix, &forked]);
    envelope(&mut cases, world, &forked);
    let mut lie = |name: &str, fault: &str, evidence: Evidence| cases.fault(name, "verify", case(world, &evidence), fault);
    checkpoints(&mut lie, world, &forked);
    innocent(&mut lie, world, &one);
    proofs(&mut lie, world, (&one, &other), [&same_size, &prefix, &forked]);
    cases.finish()
}

fn file(world: &World, evidence: &Evidence) -> Vec<u8> {
    EquivocationFile { foundation: world.foundation(), evidence: evidence.clone() }.to_bytes()
}

fn case(world: &World, evidence: &Evidence) -> Value {
    json!({ "file": encode(file(world, evidence)), "alliance": world.alliance.id().to_string() })
}

fn accepted(cases: &mut Cases, world: &World, (one, other): (&History<'_>, &History<'_>), [same_size, prefix, forked]: [&Evidence; 3]) {
    cases.ok("two roots of one size", "verify", case(world, same_size));
    cases.ok("a root of the longer history that the shorter one never had", "verify", case(world, prefix));
    cases.ok("two entries at one index: the first three are common", "verify", case(world, forked));
    cases.ok("no alliance expected", "verify", json!({ "file": encode(file(world, forked)) }));
    let power = evidence(world, one.checkpoint(4), other.checkpoint(11), other.prefix(4, 11));
    cases.ok("a size that is a power of two", "verify", case(world, &power));
    let equal = evidence(world, one.checkpoint(5), other.checkpoint(5), fork(3, one.shown(3, 5), other.shown(3, 5)));
    cases.ok("two entries under checkpoints of one size", "verify", case(world, &equal));
    let later = evidence(world, one.checkpoint(5), other.checkpoint(11), fork(4, one.shown(4, 5), other.shown(4, 11)));
    cases.ok("two entries after the histories have parted: the common point is not proven", "verify", case(world, &later));
    let stranger = History::new(world, 0, "from the start", 2);
    let start = evidence(world, stranger.checkpoint(2), one.checkpoint(5), fork(0, stranger.shown(0, 2), one.shown(0, 5)));
    cases.ok("nothing in common", "verify", case(world, &start));
    let bare = |note: &str| format!("{}\n", note.trim_end().rsplit_once('\n').unwrap().0);
    let untimed = Evidence { first: bare(&forked.first), ..(*forked).clone() };
    cases.ok("one checkpoint without a time", "verify", case(world, &untimed));
}

fn envelope(cases: &mut Cases, world: &World, good: &Evidence) {
    let bytes = file(world, good);
    let mut raw = |name: &str, bytes: Vec<u8>, fault: &str| cases.fault(name, "verify", json!({ "file": encode(bytes) }), fault);
    raw("empty", Vec::new(), "cbor");
    raw("one byte short", bytes[..bytes.len() - 1].to_vec(), "cbor");
    raw("a byte more", [&bytes[..], &[0]].concat(), "cbor");
    raw("a bundle's name", swap(&bytes, b"suyuan-equivocation", b"suyuan-equivocatiom"), "form");
    raw("version 2", swap(&bytes, b"equivocation\x01", b"equivocation\x02"), "suite");
    let written = |write: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::default();
        writer.array(4).text("suyuan-equivocation").uint(1).bytes(&world.file.to_bytes());
        write(&mut writer);
        writer.finish()
    };
    let notes = |writer: &mut Writer, first: &str| {
        writer.array(5).bytes(&world.log.member.0).uint(0).text(first).text(&good.second);
    };
    raw(
        "no evidence",
        written(&|writer| {
            writer.null();
        }),
        "form",
    );
    raw(
        "an empty checkpoint",
        written(&|writer| {
            notes(writer, "");
            writer.null();
        }),
        "form",
    );
    raw(
        "a checkpoint of 1,025 bytes",
        written(&|writer| {
            notes(writer, &"x".repeat(1025));
            writer.null();
        }),
        "form",
    );
    raw(
        "a proof of three parts",
        written(&|writer| {
            notes(writer, &good.first);
            writer.array(3).null().null().null();
        }),
        "form",
    );
    raw(
        "a proof that is a number",
        written(&|writer| {
            notes(writer, &good.first);
            writer.uint(0);
        }),
        "form",
    );
    raw(
        "a root of 31 bytes",
        written(&|writer| {
            notes(writer, &good.first);
            writer.array(2).bytes(&[0; 31]).array(0);
        }),
        "form",
    );
    let long = Contradiction::Prefix { root: [0; 32], path: vec![[0; 32]; 64] };
    raw("a path of 64 hashes", file(world, &Evidence { proof: long, ..good.clone() }), "form");
    cases.fault("another alliance expected", "verify", json!({ "file": encode(&bytes), "alliance": encode([1; 32]) }), "alliance");
    raw_charter(cases, world, &bytes);
}

fn raw_charter(cases: &mut Cases, world: &World, bytes: &[u8]) {
    let changed = swap(bytes, b"Vectors", b"vectors");
    cases.fault("a letter of the charter changed", "verify", json!({ "file": encode(changed) }), "charter-signature");
    let mut unsigned = world.file.clone();
    unsigned.signatures.pop();
    let evidence = EquivocationFile::decode(bytes).unwrap().evidence;
    let file = EquivocationFile { foundation: Foundation { charter: unsigned.to_bytes(), history: None }, evidence };
    cases.fault("a charter that not all have signed", "verify", json!({ "file": encode(file.to_bytes()) }), "charter-signature");
}

type Lie<'a> = dyn FnMut(&str, &str, Evidence) + 'a;

fn checkpoints(lie: &mut Lie<'_>, world: &World, good: &Evidence) {
    let change = |change: &dyn Fn(&mut Evidence)| {
        let mut evidence = good.clone();
        change(&mut evidence);
        evidence
    };
    lie("a stranger", "author", change(&|evidence| evidence.member = MemberId([1; 32])));
    lie("another member", "origin", change(&|evidence| evidence.member = world.alliance.members()[1].id));
    lie("another incarnation", "author", change(&|evidence| evidence.incarnation = 1));
    lie("the first is no note", "note", change(&|evidence| evidence.first = evidence.first.replace('—', "-")));
    lie("the second is no note", "note", change(&|evidence| evidence.second.truncate(100)));
    lie("the second's size changed", "checkpoint-signature", change(&|evidence| evidence.second = evidence.second.replacen("\n11\n", "\n12\n", 1)));
    lie(
        "the second is not signed by the log key",
        "checkpoint-signature",
        change(&|evidence| {
            let (body, lines) = evidence.second.split_once("\n\n").unwrap();
            evidence.second = format!("{body}\n\n{}", lines.split_once('\n').unwrap().1);
        }),
    );
    let name = witness_name(&world.log.alliance, &world.log.member);
    let head = TreeHead { size: 11, root: [1; 32] };
    let forged = sign_checkpoint(&world.log.origin(), &head, &secret(1, "log"), (&name, &secret(1, "witness")), 1);
    lie("the second is signed by another member", "checkpoint-signature", change(&|evidence| evidence.second = forged.clone()));
    let unsigned = checkpoint_body(&world.log.origin(), &head);
    lie("the second is not signed at all", "note", change(&|evidence| evidence.second = unsigned.clone()));
    let cosigned = good.first.lines().last().unwrap();
    let broken = format!("{}AAAA=", &cosigned[..cosigned.len() - 5]);
    lie("the first's time changed", "cosignature", change(&|evidence| evidence.first = evidence.first.replacen(cosigned, &broken, 1)));
    lie("the larger one first", "checkpoint-size", change(&|evidence| std::mem::swap(&mut evidence.first, &mut evidence.second)));
}

/// What an honest member signs never convicts it.
fn innocent(lie: &mut Lie<'_>, world: &World, one: &History<'_>) {
    let of = |first: usize, second: usize, proof| evidence(world, one.checkpoint(first), one.checkpoint(second), proof);
    lie("one checkpoint twice", "agreement", of(5, 5, Contradiction::SameSize));
    let again = signed(world, &one.head(5), 1_795_219_999);
    lie("one root, signed at two times", "agreement", evidence(world, one.checkpoint(5), again, Contradiction::SameSize));
    lie("a log that has grown", "agreement", of(3, 5, one.prefix(3, 5)));
    lie("a log that has grown from a power of two", "agreement", of(4, 5, one.prefix(4, 5)));
    lie("one entry twice", "agreement", of(4, 5, fork(2, one.shown(2, 4), one.shown(2, 5))));
    lie(
        "another entry under the path of the true one",
        "inclusion",
        of(4, 5, fork(2, one.shown(2, 4), Shown { entry: StatementId([1; 32]), ..one.shown(2, 5) })),
    );
    lie("entries of two indexes", "inclusion", of(4, 5, fork(2, one.shown(2, 4), one.shown(3, 5))));
    let Contradiction::Prefix { path, .. } = one.prefix(3, 5) else { panic!("a prefix") };
    let wrong = Contradiction::Prefix { root: [1; 32], path };
    lie("another root under the path of the true one", "consistency", of(3, 5, wrong));
    lie("the path of another size", "consistency", of(3, 5, one.prefix(2, 5)));
    lie("sizes that differ, and no proof", "proof", of(3, 5, Contradiction::SameSize));
}

fn proofs(lie: &mut Lie<'_>, world: &World, (one, other): (&History<'_>, &History<'_>), [same_size, prefix, forked]: [&Evidence; 3]) {
    let with = |evidence: &Evidence, proof| Evidence { proof, ..evidence.clone() };
    lie("sizes that differ, and no proof of two histories", "proof", with(forked, Contradiction::SameSize));
    lie("a consistency path between equal sizes", "proof", with(same_size, Contradiction::Prefix { root: one.head(5).root, path: Vec::new() }));
    let Contradiction::Prefix { root, path } = prefix.proof.clone() else { panic!("a prefix") };
    lie(
        "the signed root with the other history's path",
        "consistency",
        with(prefix, Contradiction::Prefix { root: one.head(5).root, path: path.clone() }),
    );
    lie("a path one hash short", "consistency", with(prefix, Contradiction::Prefix { root, path: path[1..].to_vec() }));
    lie("a path one hash long", "consistency", with(prefix, Contradiction::Prefix { root, path: [path, vec![[0; 32]]].concat() }));
    lie("the two entries exchanged", "inclusion", with(forked, fork(3, other.shown(3, 11), one.shown(3, 5))));
    lie("an index beyond the first", "inclusion", with(forked, fork(5, one.shown(4, 5), other.shown(5, 11))));
    lie("an inclusion path cut", "inclusion", with(forked, fork(3, one.shown(3, 5), Shown { path: Vec::new(), ..other.shown(3, 11) })));
    let common = evidence(world, one.checkpoint(5), other.checkpoint(11), fork(2, one.shown(2, 5), other.shown(2, 11)));
    lie("an entry that both have in common", "agreement", common);
}
