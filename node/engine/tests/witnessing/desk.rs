//! The desk: each case of C2SP `tlog-witness`, what contradicts what is held, and the order of writing and signing.

use suyuan_core::charter::Role::{Downstream, Leader};
use suyuan_core::note::{NamedKey, TreeHead, UnverifiedCheckpoint, sign_head};
use suyuan_core::tree;
use suyuan_core::witness::{AddCheckpoint, Refusal, empty_head, judge};
use suyuan_engine::view::Changes;
use suyuan_engine::witnessing::{Cosignature, Desk, VerifiedCosignature};
use suyuan_engine::writer::{Command, Done};

use crate::world::{World, key};

/// A log that nobody holds: its leaves are numbers.
pub struct Log {
    pub key: NamedKey,
    pub leaves: Vec<[u8; 32]>,
    seed: u8,
}

impl Log {
    pub fn new(seed: u8, fork: Option<usize>, size: usize) -> Self {
        let secret = key(usize::from(seed % 8), 5);
        let leaf = |index: usize| tree::leaf_hash(&[&index.to_be_bytes()[..], &[seed, u8::from(fork.is_some_and(|fork| index >= fork))]].concat());
        Self { key: NamedKey::new(format!("example.com/log{seed}"), secret.public()), leaves: (0..size).map(leaf).collect(), seed }
    }

    pub fn head(&self, size: usize) -> TreeHead {
        TreeHead { size: size as u64, root: tree::root(&self.leaves[..size]) }
    }

    pub fn note(&self, size: usize) -> String {
        sign_head(&self.key.name, &self.head(size), &key(usize::from(self.seed % 8), 5))
    }

    pub fn proof(&self, old: usize, new: usize) -> Vec<[u8; 32]> {
        consistency(&self.leaves[..new], old, true)
    }

    pub fn request(&self, old: usize, new: usize) -> AddCheckpoint {
        AddCheckpoint { old: old as u64, proof: self.proof(old.min(new), new), checkpoint: self.note(new) }
    }
}

/// RFC 6962 section 2.1.2, as it is written there.
fn consistency(leaves: &[[u8; 32]], old: usize, whole: bool) -> Vec<[u8; 32]> {
    if old == leaves.len() || old == 0 {
        return if whole { Vec::new() } else { vec![tree::root(leaves)] };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let mut path = if old <= left.len() { consistency(left, old, whole) } else { consistency(right, old - left.len(), false) };
    path.push(tree::root(if old <= left.len() { right } else { left }));
    path
}

#[test]
fn every_case_of_the_specification() {
    let log = Log::new(1, None, 20);
    let fork = Log::new(1, Some(3), 20);
    let known = Some(&log.key);
    let ask = |request: AddCheckpoint, latest: &TreeHead| judge(&request, known, latest);
    assert_eq!(ask(log.request(0, 5), &empty_head()), Ok(log.head(5)));
    assert_eq!(ask(log.request(5, 9), &log.head(5)), Ok(log.head(9)));
    assert_eq!(ask(log.request(5, 5), &log.head(5)), Ok(log.head(5)), "the same again");
    assert_eq!(ask(log.request(0, 0), &empty_head()), Ok(log.head(0)), "nothing yet");

    assert_eq!(judge(&log.request(0, 5), None, &empty_head()), Err(Refusal::UnknownLog));
    assert_eq!(judge(&log.request(0, 5), Some(&Log::new(2, None, 1).key), &empty_head()), Err(Refusal::UnknownLog), "another origin");
    let strange = NamedKey::new(&log.key.name, key(3, 1).public());
    assert_eq!(judge(&log.request(0, 5), Some(&strange), &empty_head()), Err(Refusal::NotSigned));
    let changed = AddCheckpoint { checkpoint: log.note(5).replacen("\n5\n", "\n6\n", 1), ..log.request(0, 5) };
    assert_eq!(ask(changed, &empty_head()), Err(Refusal::NotSigned), "a known key's line that does not verify");

    let above = AddCheckpoint { old: 6, ..log.request(0, 5) };
    assert_eq!(ask(above.clone(), &log.head(6)), Err(Refusal::Malformed), "before the size is compared");
    assert_eq!(ask(above, &log.head(4)), Err(Refusal::Malformed));
    assert_eq!(ask(log.request(0, 9), &log.head(5)), Err(Refusal::Conflict(5)));
    assert_eq!(ask(log.request(4, 9), &log.head(5)), Err(Refusal::Conflict(5)));
    assert_eq!(ask(log.request(4, 9), &empty_head()), Err(Refusal::Conflict(0)));

    let surplus = AddCheckpoint { proof: vec![[0; 32]], ..log.request(0, 5) };
    assert_eq!(ask(surplus, &empty_head()), Err(Refusal::Inconsistent), "a proof from nothing");
    let surplus = AddCheckpoint { proof: vec![[0; 32]], ..log.request(5, 5) };
    assert_eq!(ask(surplus, &log.head(5)), Err(Refusal::Inconsistent), "a proof between equal sizes");
    assert_eq!(ask(fork.request(5, 5), &log.head(5)), Err(Refusal::Inconsistent), "another root of the same size");
    assert_eq!(ask(fork.request(5, 9), &log.head(5)), Err(Refusal::Inconsistent), "another history");
    for at in 0..log.proof(5, 9).len() {
        let mut wrong = log.request(5, 9);
        wrong.proof[at][0] ^= 1;
        assert_eq!(ask(wrong, &log.head(5)), Err(Refusal::Inconsistent));
    }
    let short = AddCheckpoint { proof: log.proof(5, 9)[1..].to_vec(), ..log.request(5, 9) };
    assert_eq!(ask(short, &log.head(5)), Err(Refusal::Inconsistent));
    let empty = TreeHead { size: 0, root: [0; 32] };
    let note = sign_head(&log.key.name, &empty, &key(1, 5));
    assert_eq!(ask(AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: note }, &empty_head()), Err(Refusal::Inconsistent), "another empty tree");
}

#[test]
fn a_request_has_one_form() {
    let request = Log::new(1, None, 20).request(5, 9);
    let text = request.to_string();
    assert_eq!(AddCheckpoint::parse(text.as_bytes()), Ok(request.clone()));
    let hash = text.lines().nth(1).unwrap().to_owned();
    let most = AddCheckpoint { proof: vec![[1; 32]; 63], ..request.clone() };
    assert_eq!(AddCheckpoint::parse(most.to_string().as_bytes()), Ok(most));
    for (what, wrong) in [
        ("nothing", String::new()),
        ("no old line", text.replacen("old 5\n", "", 1)),
        ("old without a size", text.replacen("old 5", "old ", 1)),
        ("a leading zero", text.replacen("old 5", "old 05", 1)),
        ("a sign", text.replacen("old 5", "old +5", 1)),
        ("two spaces", text.replacen("old 5", "old  5", 1)),
        ("a size above 2^53 - 1", text.replacen("old 5", "old 9007199254740992", 1)),
        ("capitals", text.replacen("old 5", "Old 5", 1)),
        ("64 hashes", AddCheckpoint { proof: vec![[1; 32]; 64], ..request.clone() }.to_string()),
        ("a hash of 31 bytes", text.replacen(&hash, &hash[..hash.len() - 4], 1)),
        ("no base64", text.replacen(&hash, "hash", 1)),
        ("no empty line", text.replacen("\n\n", "\n", 1)),
        ("carriage returns", text.replace('\n', "\r\n")),
    ] {
        let parsed = AddCheckpoint::parse(wrong.as_bytes()).and_then(|request| request.origin().map(str::to_owned));
        assert_eq!(parsed, Err(Refusal::Malformed), "{what}");
    }
    assert_eq!(AddCheckpoint::parse(b"old 0\n\n\xff"), Err(Refusal::Malformed));
    assert_eq!(AddCheckpoint::parse(&vec![b'a'; suyuan_core::limits::ADD_CHECKPOINT + 1]), Err(Refusal::Malformed));
}

#[test]
fn what_was_not_written_is_not_remembered_and_what_was_is() {
    let world = World::new(&[Leader, Downstream]);
    let (node, log) = (&world.nodes[0], Log::new(1, None, 9));
    let mut rows = node.writer.disk().rows.clone();
    let ledger = node.writer.state().ledger.clone();
    let mut desk = Desk::default();
    desk.add(&log.request(0, 5), Some(&log.key), &ledger, &rows, 7).unwrap().unwrap();
    assert_eq!(
        desk.add(&log.request(0, 5), Some(&log.key), &ledger, &rows, 7).unwrap().unwrap_err().refusal,
        Refusal::Conflict(5),
        "within one write"
    );
    // A crash here: nothing was signed, nothing is known.
    assert!(Desk::default().add(&log.request(0, 6), Some(&log.key), &ledger, &rows, 8).unwrap().is_ok());
    let mut changes = Changes::default();
    desk.save(&mut changes);
    rows.apply(&changes);
    assert_eq!(Desk::default().add(&log.request(0, 6), Some(&log.key), &ledger, &rows, 8).unwrap().unwrap_err().refusal, Refusal::Conflict(5));
    assert!(Desk::default().add(&log.request(5, 6), Some(&log.key), &ledger, &rows, 8).unwrap().is_ok());
}

#[test]
fn the_two_ways_to_a_cosignature_share_one_state() {
    let mut world = World::new(&[Leader, Downstream]);
    world.nodes[0].put(3, 1_000_000);
    let (first, log) = (world.nodes[0].writer.state().published.clone().unwrap(), world.nodes[0].own_log());
    // By the call, before anything of the log is here.
    let request = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: first.checkpoint.clone() };
    let Done::Cosigned(Ok(line)) = world.nodes[1].ask(Command::AddCheckpoint { request, named: None }, 1_001_000).unwrap() else { panic!("refused") };
    assert!(line.starts_with("— suyuan/") && line.contains("/witness "));
    world.nodes[0].put(1, 1_000_000);
    world.run(2_000);
    assert_eq!(world.nodes[1].witnessed(&log), 4);
    let request = AddCheckpoint { old: 3, proof: Vec::new(), checkpoint: first.checkpoint.clone() };
    let answer = world.nodes[1].ask(Command::AddCheckpoint { request, named: None }, 1_005_000).unwrap();
    assert!(matches!(answer, Done::Cosigned(Err(Refusal::Conflict(4)))), "{answer:?}");
    // The own log is nobody's that this node witnesses.
    let request = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint: first.checkpoint.clone() };
    let answer = world.nodes[0].ask(Command::AddCheckpoint { request, named: None }, 1_005_000).unwrap();
    assert!(matches!(answer, Done::Cosigned(Err(Refusal::UnknownLog))), "{answer:?}");
    // What was cosigned last can be given again, the same bytes.
    let origin = suyuan_core::witness::origin_hash(&log.origin());
    let Done::LastCosigned(Some(note)) = world.nodes[1].ask(Command::LastCosigned(origin), 9_999_000).unwrap() else { panic!("none") };
    let author = &world.alliance.members()[0];
    let witness = suyuan_core::policy::witness_key(&world.alliance, &world.alliance.members()[1]);
    let checkpoint = UnverifiedCheckpoint::parse(&note).unwrap().verify(&NamedKey::new(log.origin(), author.log), &[witness]).unwrap();
    assert_eq!((checkpoint.head.size, checkpoint.cosignatures.len()), (4, 1));
    let again = world.nodes[1].ask(Command::LastCosigned(origin), 9_999_999).unwrap();
    assert!(matches!(again, Done::LastCosigned(Some(same)) if same == note));
}

/// The leader shows one history to its partner and signs another.
#[test]
fn a_second_history_is_refused_and_both_checkpoints_come_out() {
    let mut world = World::new(&[Leader, Downstream]);
    let log = world.nodes[0].own_log();
    world.nodes[0].put(3, 1_000_000);
    world.run(2_000);
    let forked = TreeHead { size: 2, root: [9; 32] };
    let note = sign_head(&log.origin(), &forked, &key(0, 2));
    let author = NamedKey::new(log.origin(), world.alliance.members()[0].log);
    let signed = UnverifiedCheckpoint::parse(&note).unwrap().claimed_log_signature(&author).unwrap();
    let body = suyuan_core::note::checkpoint_body(&log.origin(), &forked);
    let signature = suyuan_core::note::sign_cosignature(&body, &key(0, 3), 5);
    let found = Cosignature { witness: world.nodes[0].me(), log, head: forked, signed, seconds: 5, signature };
    let found = VerifiedCosignature::check(found, &world.alliance).unwrap();
    let asked = Command::Witness { found: vec![found.clone()], cosign: vec![found] };
    let Done::Witnessed(done) = world.nodes[1].ask(asked, 1_003_000).unwrap() else { panic!("another answer") };
    assert_eq!((done.cosigned.len(), done.waiting.len()), (0, 0));
    let request = AddCheckpoint { old: 3, proof: Vec::new(), checkpoint: sign_head(&log.origin(), &TreeHead { size: 3, root: [9; 32] }, &key(0, 2)) };
    let answer = world.nodes[1].ask(Command::AddCheckpoint { request, named: None }, 1_003_000).unwrap();
    assert!(matches!(answer, Done::Cosigned(Err(Refusal::Inconsistent))));
    let evidence = world.nodes[1].evidence.borrow();
    assert_eq!(evidence.len(), 3, "kept, followed, and by the call");
    for found in evidence.iter() {
        // Whoever has the log's key sees it from these alone.
        let [shown, held] = [&found.shown, &found.held].map(|note| UnverifiedCheckpoint::parse(note).unwrap().verify(&author, &[]).unwrap().head);
        assert_ne!(found.root, shown.root);
        tree::verify_consistency(shown.size, held.size, &found.root, &held.root, &found.path).unwrap();
    }
}

#[test]
fn who_lies_about_a_signature_is_told_by_the_check() {
    let world = World::new(&[Leader, Downstream]);
    let log = world.nodes[0].own_log();
    let head = TreeHead { size: 1, root: [1; 32] };
    let body = suyuan_core::note::checkpoint_body(&log.origin(), &head);
    let good = Cosignature {
        witness: world.nodes[1].me(),
        log,
        head,
        signed: key(0, 2).sign(body.as_bytes()),
        seconds: 5,
        signature: suyuan_core::note::sign_cosignature(&body, &key(1, 3), 5),
    };
    let check = |change: &dyn Fn(&mut Cosignature)| {
        let mut changed = good.clone();
        change(&mut changed);
        VerifiedCosignature::check(changed, &world.alliance).map(|_| ()).map_err(suyuan_core::Fault::code)
    };
    assert_eq!(check(&|_| {}), Ok(()));
    assert_eq!(check(&|c| c.witness = world.nodes[0].me()), Err("cosignature"));
    assert_eq!(check(&|c| c.witness = suyuan_core::MemberId([0; 32])), Err("author"));
    assert_eq!(check(&|c| c.log.member = suyuan_core::MemberId([0; 32])), Err("author"));
    assert_eq!(check(&|c| c.log.incarnation = 1), Err("origin"));
    assert_eq!(check(&|c| c.log.member = world.nodes[1].me()), Err("checkpoint-signature"));
    assert_eq!(check(&|c| c.head.size = 2), Err("checkpoint-signature"));
    assert_eq!(check(&|c| c.head.root[0] ^= 1), Err("checkpoint-signature"));
    assert_eq!(check(&|c| c.signed[0] ^= 1), Err("checkpoint-signature"));
    assert_eq!(check(&|c| c.seconds = 6), Err("cosignature"));
    assert_eq!(check(&|c| c.seconds = 1 << 53), Err("cosignature"));
    assert_eq!(check(&|c| c.signature[63] ^= 1), Err("cosignature"));
}
