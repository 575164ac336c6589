//! Real nodes with their routers, and requests to them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use suyuan_api::auth::{Auth, Rights};
use suyuan_api::{AppState, Backup, Disk, Hosts, PeerStatus, Settings, admin_router, public_router};
use suyuan_core::MemberId;
use suyuan_core::charter::{Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::key::SecretKey;
use suyuan_engine::wire::{Request as Ask, Response as Answer};
use suyuan_runtime::keyring::{Keyring, Passphrase};
use suyuan_runtime::node::now;
use suyuan_runtime::{Handle, Node, NodeConfig};
use tokio::sync::watch;
use tower::ServiceExt;

pub const PASSWORD: &str = "a password for tests";

pub struct TestNode {
    pub id: MemberId,
    pub node: Node,
    pub state: AppState,
    pub admin: Router,
    pub public: Router,
    pub peers: watch::Sender<Vec<PeerStatus>>,
    /// Tokens to read, write, administer, and one that has ended.
    pub tokens: [String; 4],
    /// Dropped last: the store is in it.
    pub folder: tempfile::TempDir,
}

/// See [`TestNode::snapshot`].
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    logs: Vec<(MemberId, u64, [u8; 32])>,
    circles: Vec<(suyuan_core::CircleId, u64)>,
    keyring: Vec<u8>,
    auth: Vec<u8>,
    files: Vec<String>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{} {error}: {}", self.status, self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of the problem, after everything that every problem has was checked.
    pub fn problem(&self) -> String {
        let document = self.json();
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(document["status"], self.status.as_u16());
        assert!(!document["title"].as_str().unwrap().is_empty() && !document["detail"].as_str().unwrap().is_empty(), "{document}");
        document["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }
}

fn founder(folder: &std::path::Path, name: &str, role: Role, seed: u8) -> (Entry, SecretKey) {
    let keyring = Keyring::create(folder, &Passphrase::none()).unwrap();
    let root = SecretKey::from_seed(&[seed; 32]);
    let keys = MemberKeys {
        root: root.public().to_bytes(),
        log: keyring.log().public().to_bytes(),
        witness: keyring.witness().public().to_bytes(),
        transport: keyring.transport().public().to_bytes(),
        encryption: keyring.encryption().public(),
    };
    let scope = if role == Role::Regulator { vec!["inspection".to_owned()] } else { Vec::new() };
    (Entry { name: name.into(), role, keys, addresses: Vec::new(), scope }, root)
}

fn charter(founders: &[(tempfile::TempDir, Entry, SecretKey)], seal: u64) -> CharterFile {
    let charter = Charter {
        nonce: [1; 32],
        name: "链".into(),
        purpose: String::new(),
        chain: "绿色农业".into(),
        time: now(),
        members: founders.iter().map(|founder| founder.1.clone()).collect(),
        deputies: Vec::new(),
        seal,
        terms: String::new(),
    };
    let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    for (folder, _, root) in founders {
        let keyring = Keyring::open(folder.path(), &Passphrase::none()).unwrap();
        for key in [root, keyring.log(), keyring.witness(), keyring.transport()] {
            file.sign(key).unwrap();
        }
    }
    file
}

/// G the leader, Z downstream, R the regulator of inspections.
pub async fn three() -> [TestNode; 3] {
    three_within(86_400_000).await
}

/// The same, where members have to be confirmed within so many milliseconds before anything is sealed.
pub async fn three_within(seal: u64) -> [TestNode; 3] {
    let founders: Vec<_> = [("G", Role::Leader), ("Z", Role::Downstream), ("R", Role::Regulator)]
        .into_iter()
        .zip(1..)
        .map(|((name, role), seed)| {
            let folder = tempfile::tempdir().unwrap();
            let (entry, root) = founder(folder.path(), name, role, seed);
            (folder, entry, root)
        })
        .collect();
    let charter = charter(&founders, seal);
    let nodes: Vec<TestNode> = founders.into_iter().map(|(folder, entry, _)| start(folder, entry.member(), &charter)).collect();
    let nodes: [TestNode; 3] = nodes.try_into().unwrap_or_else(|_| panic!("three"));
    settled(&nodes[0].node.handle).await;
    nodes
}

pub async fn one() -> TestNode {
    let [g, _, _] = three().await;
    g
}

fn start(folder: tempfile::TempDir, id: MemberId, charter: &CharterFile) -> TestNode {
    let keyring = Keyring::open(folder.path(), &Passphrase::none()).unwrap();
    let node = Node::start(NodeConfig { data: folder.path().to_owned(), charter: charter.clone(), keyring }).unwrap();
    let auth = Auth::open(&folder.path().join("auth.json")).unwrap();
    let token = |name, rights, expires| auth.add_token(name, rights, 1, expires).unwrap().1;
    let later = now() + 3_600_000;
    let tokens = [
        token("read", Rights::Read, later),
        token("write", Rights::Write, later),
        token("admin", Rights::Admin, later),
        token("expired", Rights::Admin, 2),
    ];
    let (peers, watched) = watch::channel(Vec::new());
    let settings = Settings {
        handle: node.handle.clone(),
        auth: Arc::new(auth),
        peers: watched,
        public_url: "http://127.0.0.1:9/".into(),
        hosts: Hosts::new(["node.example.cn".to_owned()]),
        held: watch::channel(false).1,
        disk: Disk { folder: folder.path().to_owned(), reserve: 0 },
        backup: Backup::Current,
        alarms: watch::channel(Vec::new()).1,
        witnessed_logs: Vec::new(),
    };
    let state = AppState::new(settings);
    TestNode { id, node, admin: admin_router(state.clone()), public: public_router(state.clone()), state, peers, tokens, folder }
}

/// A request with a host and whatever else is given.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:7001");
    }
    for (name, value) in headers {
        request = request.header(*name, axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.body(body.into()).unwrap()
}

pub async fn send(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Reply { status: parts.status, headers: parts.headers, body }
}

impl TestNode {
    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        send(&self.admin, request(method, path, headers, body)).await
    }

    pub fn bearer(&self, rights: Rights) -> String {
        format!("Bearer {}", self.tokens[rights as usize])
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[("authorization", &self.bearer(Rights::Read))], "").await
    }

    /// Sends JSON with a token that may do everything that a token may.
    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Reply {
        let headers = [("authorization", &*self.bearer(Rights::Admin)), ("content-type", "application/json")];
        self.call("POST", path, &headers, body).await
    }

    /// Writes one record and waits until it is published; returns its id.
    pub async fn put(&self, record: &str) -> String {
        let reply = self.post("/api/v1/records", format!(r#"{{"records":[{record}]}}"#)).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        settled(&self.node.handle).await;
        reply.json()["records"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Logs the operator in; returns the cookie.
    pub async fn session(&self) -> String {
        if !self.state.auth.has_operator() {
            self.state.auth.set_operator(PASSWORD).unwrap();
        }
        let headers = [("content-type", "application/json"), ("origin", "http://localhost:7001")];
        let reply = self.call("POST", "/api/v1/session", &headers, format!(r#"{{"password":"{PASSWORD}"}}"#)).await;
        assert_eq!(reply.status, 204, "{}", reply.text());
        let cookie = reply.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"));
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Everything that a request could have half-written.
    pub fn snapshot(&self) -> Snapshot {
        let ledger = self.node.handle.state().ledger;
        let mut files: Vec<_> =
            std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        Snapshot {
            logs: ledger.logs.iter().map(|head| (head.id.member, head.size(), head.chain)).collect(),
            circles: ledger.circles.iter().map(|circle| (circle.id, circle.epoch())).collect(),
            keyring: std::fs::read(self.folder.path().join("keyring")).unwrap(),
            auth: std::fs::read(self.folder.path().join("auth.json")).unwrap(),
            files,
        }
    }

    /// How many entries the log has.
    pub fn size(&self) -> u64 {
        let state = self.node.handle.state();
        state.ledger.logs.head(&state.ledger.own_log()).size()
    }
}

/// Waits until the node has published everything that it wrote.
pub async fn settled(handle: &Handle) {
    for _ in 0..1000 {
        let state = handle.state();
        let size = state.ledger.logs.head(&state.ledger.own_log()).size();
        // The leader founds the alliance circle by itself.
        let founded = state.ledger.alliance.leader().is_none_or(|leader| leader.id != state.ledger.me) || size > 0;
        if founded && state.published.map_or(0, |published| published.size) == size {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("not published in time");
}

/// Brings what is new in `from`'s own log to `to`.
pub async fn sync(from: &TestNode, to: &TestNode) {
    settled(&from.node.handle).await;
    loop {
        let (state, other) = (from.node.handle.state(), to.node.handle.state());
        let log = state.ledger.own_log();
        let pull = Ask::Pull { log, from: other.ledger.logs.head(&log).size() };
        let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
        let answer =
            suyuan_engine::serve::answer(&pull, &to.id, &state.ledger, published, from.node.handle.store().as_ref(), from.node.handle.local())
                .unwrap();
        match answer {
            Answer::Batch(Some(batch)) => to.node.handle.take_in(*batch).await.unwrap(),
            _ => return,
        };
    }
}
