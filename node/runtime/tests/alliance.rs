//! Three members with real stores: what the writer acknowledges, what another node takes in, and what each can open.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::path::Path;

use suyuan_core::charter::{Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier, alliance_circle};
use suyuan_core::key::SecretKey;
use suyuan_core::{Fault, MemberId};
use suyuan_engine::epoch::{self, CircleRequest};
use suyuan_engine::record::{HeldRecord, Opened};
use suyuan_engine::replica::BatchError;
use suyuan_engine::schema::Row;
use suyuan_engine::submission;
use suyuan_engine::wire::{Batch, Request, Response};
use suyuan_engine::writer::Idempotent;
use suyuan_engine::writer::RecoverError;
use suyuan_runtime::keyring::{Keyring, Passphrase};
use suyuan_runtime::{Handle, Node, NodeConfig, Receipt, StartError, SubmitError, Submitted};

struct Founder {
    folder: tempfile::TempDir,
    entry: Entry,
    root: SecretKey,
}

impl Founder {
    fn new(name: &str, role: Role, seed: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(folder.path(), &Passphrase::none()).unwrap();
        let root = SecretKey::from_seed(&[seed; 32]);
        let keys = MemberKeys {
            root: root.public().to_bytes(),
            log: keyring.log().public().to_bytes(),
            witness: keyring.witness().public().to_bytes(),
            transport: keyring.transport().public().to_bytes(),
            encryption: keyring.encryption().public(),
        };
        let scope = if role == Role::Regulator { vec!["inspection".to_owned()] } else { Vec::new() };
        Self { folder, entry: Entry { name: name.into(), role, keys, addresses: Vec::new(), scope }, root }
    }

    fn keyring(&self) -> Keyring {
        Keyring::open(self.folder.path(), &Passphrase::none()).unwrap()
    }
}

fn found(founders: &[Founder]) -> CharterFile {
    let charter = Charter {
        nonce: [1; 32],
        name: "链".into(),
        purpose: String::new(),
        chain: "绿色农业".into(),
        time: suyuan_runtime::node::now(),
        members: founders.iter().map(|founder| founder.entry.clone()).collect(),
        deputies: Vec::new(),
        seal: 86_400_000,
        terms: String::new(),
    };
    let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    for founder in founders {
        let keyring = founder.keyring();
        for key in [&founder.root, keyring.log(), keyring.witness(), keyring.transport()] {
            file.sign(key).unwrap();
        }
    }
    file
}

fn start(folder: &Path, charter: &CharterFile) -> Result<Node, StartError> {
    let keyring = Keyring::open(folder, &Passphrase::none()).unwrap();
    Node::start(NodeConfig { data: folder.to_owned(), charter: charter.clone(), keyring })
}

fn three() -> (Vec<Founder>, CharterFile) {
    let founders = vec![Founder::new("G", Role::Leader, 1), Founder::new("Z", Role::Downstream, 2), Founder::new("R", Role::Regulator, 3)];
    let alliance = found(&founders);
    (founders, alliance)
}

async fn put(handle: &Handle, body: &str) -> Result<Receipt, SubmitError> {
    let state = handle.state();
    let submissions = submission::parse(body.as_bytes(), &state.ledger.alliance, &state.ledger.me)?;
    handle.submit(submissions, None).await.map(written)
}

fn written(submitted: Submitted) -> Receipt {
    submitted.written().unwrap()
}

/// Waits until the node has published everything that it wrote.
async fn settled(handle: &Handle) {
    for _ in 0..500 {
        let state = handle.state();
        let size = state.ledger.logs.head(&state.ledger.own_log()).size();
        if state.published.is_some_and(|published| published.size == size) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("not published in time");
}

/// What `from` answers when `to` asks for `from`'s own log.
fn offered(from: &Handle, to: &Handle) -> Option<Batch> {
    let state = from.state();
    let log = state.ledger.own_log();
    let size = to.state().ledger.logs.head(&log).size();
    let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
    let request = Request::Pull { log, from: size };
    let alliance = state.ledger.alliance.id();
    let request = Request::decode(&request.to_bytes(), &alliance).unwrap();
    let answer =
        suyuan_engine::serve::answer(&request, &to.state().ledger.me, &state.ledger, published, from.store().as_ref(), from.local()).unwrap();
    match Response::decode(&answer.to_bytes(), &alliance).unwrap() {
        Response::Batch(batch) => batch.map(|batch| *batch),
        other => panic!("{other:?}"),
    }
}

async fn sync(from: &Handle, to: &Handle) {
    settled(from).await;
    while let Some(batch) = offered(from, to) {
        to.take_in(batch).await.unwrap();
    }
}

/// The sections of one of `author`'s records as this node sees them: field values, or why not.
fn seen(handle: &Handle, author: MemberId, sequence: u64) -> Option<Vec<(u8, Result<Vec<String>, &'static str>)>> {
    let state = handle.state();
    let mut log = state.ledger.own_log();
    log.member = author;
    let row = Row { log: state.ledger.logs.known(&log)?.number, sequence };
    let record = HeldRecord::load(row, handle.store().as_ref(), handle.local()).unwrap()?;
    let open = |section| match record.open(section, &state.secrets).unwrap() {
        Opened::Body(body) => Ok(body.fields().iter().map(|field| field.value.clone()).collect()),
        Opened::Sealed => Err("sealed"),
        Opened::Void(fault) => Err(fault.code()),
    };
    Some(record.sections.iter().map(|section| (section.index, open(section))).collect())
}

fn circle(name: &str, tier: Tier, members: &[(MemberId, Rights)]) -> CircleRequest {
    let members = members.iter().map(|(member, rights)| CircleMember { member: *member, rights: *rights }).collect();
    CircleRequest { circle: None, name: name.into(), purpose: String::new(), tier, members, terms: Terms::default(), until: None }
}

#[tokio::test]
async fn a_record_reaches_exactly_those_it_is_for() {
    let (founders, alliance) = three();
    let ids: Vec<MemberId> = alliance.verify(None).unwrap().members().iter().map(|member| member.id).collect();
    let nodes: Vec<Node> = founders.iter().map(|founder| start(founder.folder.path(), &alliance).unwrap()).collect();
    let [g, z, r] = [&nodes[0].handle, &nodes[1].handle, &nodes[2].handle];
    settled(g).await;
    let residue = g.open_circle(circle("residues", Tier::Authorized, &[(ids[2], Rights::Read)])).await.unwrap();
    let body = format!(
        r#"{{"records":[{{"type":"inspection","about":["https://id.gs1.org/01/06901234567892/10/L1"],"sections":[
        {{"for":"public","fields":{{"result":"pass"}}}},
        {{"for":"{}","fields":{{"residue":{{"value":0.010,"unit":"mg/kg"}}}}}},
        {{"for":"self","fields":{{"labCost":"380.00"}}}},
        {{"for":"alliance","fields":{{"forecast": 1.50}}}}]}}]}}"#,
        residue.id
    );
    let receipt = put(g, &body).await.unwrap();
    assert_eq!(receipt.first, 2, "after the alliance circle and the grant circle");
    sync(g, z).await;
    sync(g, r).await;
    let about = r#"["https://id.gs1.org/01/06901234567892/10/L1"]"#.to_owned();
    let public = (0, Ok(vec!["\"pass\"".to_owned(), about.clone()]));
    let secret = (1, Ok(vec![r#"{"value":0.010,"unit":"mg/kg"}"#.to_owned(), about.clone()]));
    let own = (2, Ok(vec!["\"380.00\"".to_owned(), about.clone()]));
    let general = (3, Ok(vec!["1.50".to_owned(), about]));
    assert_eq!(seen(g, ids[0], 2).unwrap(), [public.clone(), secret.clone(), own, general.clone()]);
    assert_eq!(seen(z, ids[0], 2).unwrap(), [public.clone(), general.clone()]);
    assert_eq!(seen(r, ids[0], 2).unwrap(), [public, secret, general]);
    assert_eq!(seen(z, ids[0], 1), None, "Z holds only the id of the grant circle's statement");
    let z_log = z.state().ledger.logs.head(&g.state().ledger.own_log());
    assert_eq!(z_log.tree_head(), g.state().ledger.logs.head(&g.state().ledger.own_log()).tree_head());
    // What Z may not write, and what a stranger's circle looks like.
    let refused = put(z, &body).await.unwrap_err();
    assert!(matches!(&refused, SubmitError::Refused(refusal) if refusal.fault.code() == "unknown-circle"), "{refused}");
    let refused = put(r, &body).await.unwrap_err();
    assert!(matches!(&refused, SubmitError::Refused(refusal) if refusal.fault.code() == "not-a-writer"), "{refused}");
}

/// What is changed of a good batch.
type Lie = Box<dyn Fn(&mut Batch)>;

#[tokio::test]
async fn tampered_batches_are_refused_whole() {
    let (founders, alliance) = three();
    let nodes: Vec<Node> = founders.iter().map(|founder| start(founder.folder.path(), &alliance).unwrap()).collect();
    let (g, z) = (&nodes[0].handle, &nodes[1].handle);
    for number in 0..3 {
        put(g, &format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"public","fields":{{"n":{number}}}}},{{"for":"alliance","fields":{{"m":{number}}}}}]}}]}}"#)).await.unwrap();
    }
    settled(g).await;
    let good = offered(g, z).unwrap();
    assert_eq!((good.entries.len(), good.items.len()), (4, 4));
    let lies: Vec<(&str, Fault, Lie)> = vec![
        ("an id", Fault::Consistency, Box::new(|batch| batch.entries[1].0[0] ^= 1)),
        (
            "an entry left out",
            Fault::Consistency,
            Box::new(|batch| {
                batch.entries.pop();
                batch.items.pop();
            }),
        ),
        ("a statement's byte", Fault::Inclusion, Box::new(|batch| batch.items[1].statement[0] ^= 1)),
        (
            "a statement's blind",
            Fault::Inclusion,
            Box::new(|batch| {
                let at = batch.items[1].statement.len() - 1;
                batch.items[1].statement[at] ^= 1;
            }),
        ),
        ("another statement", Fault::Inclusion, Box::new(|batch| batch.items[2].statement = batch.items[1].statement.clone())),
        ("a sequence", Fault::Index, Box::new(|batch| batch.items[1].sequence = 9)),
        ("a header", Fault::Header, Box::new(|batch| batch.items[1].sections[0].header[5] ^= 1)),
        ("an audience", Fault::Audience, Box::new(|batch| batch.items[1].sections[1].audiences[0].1[5] ^= 1)),
        ("a ciphertext", Fault::Digest, Box::new(|batch| batch.items[1].sections[1].content[80] ^= 1)),
        ("a public field", Fault::FieldRoot, Box::new(|batch| batch.items[1].sections[0].content[5] ^= 1)),
        ("the checkpoint", Fault::CheckpointSignature, Box::new(|batch| batch.checkpoint = batch.checkpoint.replacen("\n4\n", "\n5\n", 1))),
        (
            "nothing at all",
            Fault::Form,
            Box::new(|batch| {
                batch.entries.clear();
                batch.items.clear();
            }),
        ),
    ];
    for (name, fault, lie) in lies {
        let mut batch = good.clone();
        lie(&mut batch);
        let refused = z.take_in(batch).await.unwrap_err();
        assert!(matches!(refused, SubmitError::Batch(BatchError::Sender { fault: found, .. }) if found == fault), "{name}: {refused:?}");
        assert!(z.state().ledger.logs.known(&good.log).is_none(), "{name}: nothing was written");
    }
    // A wrap is not signed: a bad one costs this reader the section, not the log.
    let mut batch = good.clone();
    batch.items[1].sections[1].audiences[0].2 = Some([0; 48]);
    z.take_in(batch).await.unwrap();
    assert_eq!(z.state().ledger.logs.known(&good.log).unwrap().size(), 4);
    let again = z.take_in(good).await.unwrap_err();
    assert_eq!(again, SubmitError::Batch(BatchError::Elsewhere));
}

#[tokio::test]
async fn acknowledged_records_are_there_after_a_restart_and_an_old_copy_does_not_start() {
    let (founders, alliance) = three();
    let folder = founders[1].folder.path();
    let old = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    for round in 0..3 {
        let node = start(folder, &alliance).unwrap();
        let record = r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#;
        for _ in 0..100 {
            put(&node.handle, record).await.unwrap();
        }
        sizes.push(node.handle.state().ledger.logs.head(&node.handle.state().ledger.own_log()).size());
        node.stop().await.unwrap();
        if round == 0 {
            copy(&folder.join("store"), &old.path().join("store"));
        }
    }
    assert_eq!(sizes, [100, 200, 300]);
    std::fs::remove_dir_all(folder.join("store")).unwrap();
    copy(&old.path().join("store"), &folder.join("store"));
    let refused = start(folder, &alliance).unwrap_err();
    assert!(matches!(refused, StartError::Disk(RecoverError::Behind { published: 300, stored: 100 })), "{refused}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap).filter(|file| file.file_type().unwrap().is_file()) {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn a_request_that_comes_twice_is_written_once() {
    let (founders, alliance) = three();
    let node = start(founders[1].folder.path(), &alliance).unwrap();
    let state = node.handle.state();
    let body = br#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#;
    let submissions = submission::parse(body, &state.ledger.alliance, &state.ledger.me).unwrap();
    let once = |digest| Some(Idempotent { key: b"k1".to_vec(), digest });
    let first = node.handle.submit(submissions.clone(), once([1; 32])).await.map(written).unwrap();
    let again = node.handle.submit(submissions.clone(), once([1; 32])).await.map(written).unwrap();
    assert_eq!((first.ids.clone(), again.replayed), (again.ids, true));
    assert_eq!(node.handle.submit(submissions, once([2; 32])).await.unwrap_err(), SubmitError::Conflict);
    assert_eq!(node.handle.state().ledger.logs.head(&first.log).size(), 1);
}

/// Lets two nodes do what is due for the alliance's decisions and exchange what they have, until something holds at both.
async fn decided(one: &Handle, other: &Handle, holds: impl AsyncFn(&Handle) -> bool) {
    for _ in 0..300 {
        for (node, from) in [(one, other), (other, one)] {
            node.decide([from.state().ledger.me].into());
            sync(from, node).await;
            node.learn_heads(from.state().ledger.decisions.heads().to_send());
        }
        if holds(one).await && holds(other).await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let state = |node: &Handle| {
        let ledger = node.state().ledger;
        let decisions = &ledger.decisions;
        let circle = ledger.circles.circle(&decisions.circle).map(|circle| circle.epoch());
        format!(
            "{:?} {:?} {:?} {circle:?} {:?}",
            decisions.tip().position(),
            decisions.settled().position(),
            decisions.promise.cosigned,
            decisions.settled().epochs
        )
    };
    panic!("it was not decided: {} / {}", state(one), state(other));
}

#[tokio::test]
async fn a_second_secret_of_one_epoch_is_not_kept_and_the_writer_goes_on() {
    let (founders, alliance) = three();
    let verified = alliance.verify(None).unwrap();
    let (id, ids) = (alliance_circle(&verified.id()), verified.members().iter().map(|member| member.id).collect::<Vec<_>>());
    // Another secret of the alliance circle's first epoch came first: its steward hands out two.
    founders[1].keyring().add_epoch_secret(id, 1, [9; 32].into()).unwrap();
    let nodes: Vec<Node> = founders[..2].iter().map(|founder| start(founder.folder.path(), &alliance).unwrap()).collect();
    let (g, z) = (&nodes[0].handle, &nodes[1].handle);
    let note = r#"{"records":[{"type":"note","sections":[{"for":"public","fields":{"p":1}},{"for":"alliance","fields":{"m":1}}]}]}"#;
    put(g, note).await.unwrap();
    sync(g, z).await;
    assert!(z.state().ledger.circles.circle(&id).is_none(), "a circle whose statement does not open has no effect");
    assert_eq!(seen(z, ids[0], 1).unwrap(), [(0, Ok(vec!["1".to_owned()])), (1, Err("sealed"))]);
    // It writes, and comes back in with the next epoch.
    put(z, r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#).await.unwrap();
    g.open_circle(epoch::same_again(&id, &g.state().ledger).unwrap()).await.unwrap();
    decided(g, z, async |node| node.state().ledger.circles.circle(&id).is_some_and(|circle| circle.epoch() == 2)).await;
    let written = put(g, note).await.unwrap();
    sync(g, z).await;
    assert_eq!(seen(z, ids[0], written.first).unwrap(), [(0, Ok(vec!["1".to_owned()])), (1, Ok(vec!["1".to_owned()]))]);
    put(z, note).await.unwrap();
    for node in nodes {
        node.stop().await.unwrap();
    }
    // The first secret is still there, and a restart finds the same.
    let keyring = founders[1].keyring();
    assert_eq!(keyring.epoch_secret(&id, 1).map(|secret| **secret), Some([9; 32]));
    drop(keyring);
    let z = start(founders[1].folder.path(), &alliance).unwrap();
    assert_eq!(z.handle.state().ledger.circles.circle(&id).unwrap().epoch(), 2);
}
