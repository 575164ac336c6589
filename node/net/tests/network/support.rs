//! An alliance whose nodes run in this process, each in a folder of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::{Duration, Instant};

use suyuan_core::charter::{Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_core::key::SecretKey;
use suyuan_core::log::LogId;
use suyuan_core::note::TreeHead;
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::record::{HeldRecord, Opened};
use suyuan_engine::schema::Row;
use suyuan_engine::{query, submission, sync};
use suyuan_net::status::PeerStatus;
use suyuan_net::{Multiaddr, NetConfig, Network};
use suyuan_runtime::keyring::{Keyring, Passphrase};
use suyuan_runtime::{Handle, Node, NodeConfig, Receipt, StartError, SubmitError, Submitted};

use super::ports::free_port;

pub struct Founder {
    pub folder: tempfile::TempDir,
    pub id: MemberId,
    pub transport: SecretKey,
    pub log: SecretKey,
    pub witness: SecretKey,
    /// Where its node listens.
    pub port: u16,
    /// Where the charter says that it does.
    pub public: u16,
    entry: Entry,
    root: SecretKey,
}

pub struct Alliance {
    pub founders: Vec<Founder>,
    pub charter: CharterFile,
}

/// A running node with its network.
pub struct Running {
    pub node: Node,
    pub net: Network,
}

pub fn multiaddr(port: u16) -> Multiaddr {
    format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
}

impl Founder {
    fn new(number: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(folder.path(), &Passphrase::none()).unwrap();
        let root = SecretKey::from_seed(&[number + 1; 32]);
        let keys = MemberKeys {
            root: root.public().to_bytes(),
            log: keyring.log().public().to_bytes(),
            witness: keyring.witness().public().to_bytes(),
            transport: keyring.transport().public().to_bytes(),
            encryption: keyring.encryption().public(),
        };
        let role = match number {
            0 => Role::Leader,
            2 => Role::Regulator,
            _ => Role::Downstream,
        };
        let scope = if role == Role::Regulator { vec!["inspection".to_owned()] } else { Vec::new() };
        let port = free_port();
        let entry = Entry { name: format!("M{number}"), role, keys, addresses: vec![multiaddr(port).to_string()], scope };
        let (transport, log, witness) = (keyring.transport().clone(), keyring.log().clone(), keyring.witness().clone());
        Self { folder, id: entry.member(), transport, log, witness, port, public: port, entry, root }
    }
}

impl Alliance {
    /// `count` members; the first leads, the third is a regulator.
    pub fn new(count: u8) -> Self {
        Self::with(count, |_| {})
    }

    /// The same, with the members' entries changed before they are signed.
    pub fn with(count: u8, change: impl Fn(&mut Vec<Founder>)) -> Self {
        Self::found(count, 86_400_000, change)
    }

    /// The same with T in milliseconds: a quarter of it is the patience with a keeper.
    pub fn impatient(count: u8, seal: u64) -> Self {
        Self::found(count, seal, |_| {})
    }

    fn found(count: u8, seal: u64, change: impl Fn(&mut Vec<Founder>)) -> Self {
        let mut founders: Vec<Founder> = (0..count).map(Founder::new).collect();
        change(&mut founders);
        for founder in &mut founders {
            founder.entry.addresses = vec![multiaddr(founder.public).to_string()];
            founder.id = founder.entry.member();
        }
        let charter = Charter {
            nonce: [1; 32],
            name: "链".into(),
            purpose: String::new(),
            chain: "绿色农业".into(),
            time: suyuan_runtime::node::now(),
            members: founders.iter().map(|founder| founder.entry.clone()).collect(),
            deputies: Vec::new(),
            seal,
            terms: String::new(),
        };
        let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
        for founder in &founders {
            for key in [&founder.root, &founder.log, &founder.witness, &founder.transport] {
                file.sign(key).unwrap();
            }
        }
        Self { founders, charter: file }
    }

    pub fn id(&self, number: usize) -> MemberId {
        self.founders[number].id
    }

    pub fn root(&self, number: usize) -> &SecretKey {
        &self.founders[number].root
    }

    pub fn log(&self, number: usize) -> LogId {
        LogId { alliance: self.charter.verify(None).unwrap().id(), member: self.id(number), incarnation: 0 }
    }

    fn node_config(&self, number: usize) -> NodeConfig {
        self.node_config_at(self.founders[number].folder.path())
    }

    /// The same member in another folder.
    pub fn node_config_at(&self, folder: &Path) -> NodeConfig {
        let keyring = Keyring::open(folder, &Passphrase::none()).unwrap();
        NodeConfig { data: folder.to_owned(), charter: self.charter.clone(), keyring }
    }

    pub fn config(&self, number: usize) -> NetConfig {
        let founder = &self.founders[number];
        let pace = sync::Limits { heads_every: 1000, relay_after: 1500, fault_rest: 3000, ..sync::Limits::default() };
        let sync = sync::Limits { counters_after: 500, counters_every: 2000, own_gaps: 3000, ..pace };
        NetConfig { listen: vec![multiaddr(founder.port)], peers: Vec::new(), sync, relay: None }
    }

    pub fn run(&self, number: usize) -> Running {
        self.with_network(self.start(number, Node::start), number)
    }

    /// Starts a node that authors nothing yet, and its network.
    pub fn run_held(&self, number: usize) -> Running {
        self.with_network(self.start(number, Node::start_held), number)
    }

    /// In one process a store stays open, after its node has stopped, while the last answer is being made from it.
    fn start(&self, number: usize, start: impl Fn(NodeConfig) -> Result<Node, StartError>) -> Node {
        let begun = Instant::now();
        loop {
            match start(self.node_config(number)) {
                Err(StartError::Store(_)) if begun.elapsed() < Duration::from_secs(60) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                started => return started.unwrap(),
            }
        }
    }

    fn with_network(&self, node: Node, number: usize) -> Running {
        let net = suyuan_net::start(node.handle.clone(), self.config(number)).unwrap();
        Running { node, net }
    }
}

impl Running {
    pub fn handle(&self) -> &Handle {
        &self.node.handle
    }

    pub async fn stop(self) {
        self.net.stop().await;
        drop(self.net);
        self.node.stop().await.unwrap();
    }

    pub fn size(&self, log: &LogId) -> u64 {
        self.handle().state().ledger.logs.known(log).map_or(0, suyuan_engine::logs::LogHead::size)
    }

    pub async fn peer(&self, member: MemberId) -> PeerStatus {
        self.net.status().await.peers.into_iter().find(|peer| peer.member == member).unwrap()
    }

    /// Writes records that nothing keeps from being sealed.
    pub async fn put(&self, records: &str) -> Result<Receipt, SubmitError> {
        self.submit(records).await.map(|submitted| submitted.written().unwrap())
    }

    pub async fn submit(&self, records: &str) -> Result<Submitted, SubmitError> {
        let state = self.handle().state();
        let body = format!(r#"{{"records":[{records}]}}"#);
        let submissions = submission::parse(body.as_bytes(), &state.ledger.alliance, &state.ledger.me)?;
        self.handle().submit(submissions, None).await
    }

    /// Puts so many small public records.
    pub async fn put_notes(&self, count: usize) {
        let note = r#"{"type":"note","sections":[{"for":"public","fields":{"a":1}}]}"#;
        for chunk in vec![note; count].chunks(500) {
            self.put(&chunk.join(",")).await.unwrap();
        }
    }

    /// The sections of a record as this node sees them: index, and field values or why not.
    pub fn seen(&self, log: &LogId, sequence: u64) -> Option<Vec<(u8, Result<Vec<String>, &'static str>)>> {
        let state = self.handle().state();
        let row = Row { log: state.ledger.logs.known(log)?.number, sequence };
        let record = HeldRecord::load(row, self.handle().store().as_ref(), self.handle().local()).unwrap()?;
        let open = |section| match record.open(section, &state.secrets).unwrap() {
            Opened::Body(body) => Ok(body.fields().iter().map(|field| field.value.clone()).collect()),
            Opened::Sealed => Err("sealed"),
            Opened::Void(fault) => Err(fault.code()),
        };
        Some(record.sections.iter().map(|section| (section.index, open(section))).collect())
    }

    /// How many records this node finds about something.
    pub fn about(&self, subject: &str) -> usize {
        let state = self.handle().state();
        let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
        let (view, local) = (self.handle().store().as_ref(), self.handle().local());
        let reader = query::Reader { ledger: &state.ledger, secrets: &state.secrets, published, view, local };
        reader.page(&query::Filter::Subject(subject.to_owned()), None, 10).unwrap().records.len()
    }

    fn heads(&self) -> BTreeMap<LogId, TreeHead> {
        self.handle().state().ledger.logs.iter().map(|head| (head.id, head.tree_head())).collect()
    }
}

/// Waits until all nodes hold the same logs.
pub async fn converged(nodes: &[&Running]) {
    let same = || nodes.windows(2).all(|pair| pair[0].heads() == pair[1].heads());
    wait("all logs are the same", Duration::from_secs(30), async || same()).await;
}

pub async fn wait(what: &str, most: Duration, done: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !done().await {
        assert!(start.elapsed() < most, "not in {most:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the network says that authoring is safe.
pub async fn own_head_known(node: &Running) {
    let mut known = node.net.own_head_known();
    tokio::time::timeout(Duration::from_secs(20), known.wait_for(|known| *known)).await.unwrap().unwrap();
}

pub fn grant(name: &str, readers: &[MemberId]) -> CircleRequest {
    let members = readers.iter().map(|member| CircleMember { member: *member, rights: Rights::Read }).collect();
    CircleRequest { circle: None, name: name.into(), purpose: String::new(), tier: Tier::Authorized, members, terms: Terms::default(), until: None }
}

/// A record with a public section, one for a circle and one for its author alone.
pub fn residue(circle: &CircleId) -> String {
    format!(
        r#"{{"type":"inspection","sections":[
        {{"for":"public","fields":{{"result":"pass"}}}},
        {{"for":"{circle}","fields":{{"residue":0.010}}}},
        {{"for":"self","fields":{{"labCost":"380.00"}}}}]}}"#
    )
}

pub fn local(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}
