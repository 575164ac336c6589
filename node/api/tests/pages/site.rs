//! Five real nodes with the story of one lettuce lot, and their routers.

use std::sync::Arc;

use axum::Router;
use suyuan_api::auth::Auth;
use suyuan_api::{AppState, Backup, Disk, Hosts, PeerStatus, Settings, admin_router, public_router};
use suyuan_core::charter::{Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_core::key::SecretKey;
use suyuan_core::{AllianceId, CircleId, MemberId};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::submission;
use suyuan_engine::wire::{LogSize, Request, Response};
use suyuan_runtime::keyring::{Keyring, Passphrase};
use suyuan_runtime::node::now;
use suyuan_runtime::{Handle, Node, NodeConfig};
use tokio::sync::watch;

pub const PASSWORD: &str = "a password for tests";
pub const LOT: &str = "/01/06901234567892/10/L20261120";
pub const RECALLED: &str = "/01/06901234567892/10/L20261118";

pub struct Member {
    pub id: MemberId,
    pub handle: Handle,
    pub public: Router,
    pub admin: Router,
    pub state: AppState,
    pub peers: watch::Sender<Vec<PeerStatus>>,
    _node: Node,
    /// Dropped last: the store is in it.
    pub folder: tempfile::TempDir,
}

/// G 链主, S 上游, Z 下游, L 支持, R 监管.
pub struct Site {
    pub members: Vec<Member>,
    pub alliance: AllianceId,
    pub residues: CircleId,
}

const FOUNDERS: [(&str, Role); 5] = [
    ("青禾田园", Role::Leader),
    ("沃土植保", Role::Upstream),
    ("邻里超市", Role::Downstream),
    ("快冷物流", Role::Support),
    ("市场监管局", Role::Regulator),
];

struct Founder {
    folder: tempfile::TempDir,
    entry: Entry,
    root: SecretKey,
}

fn founder(name: &str, role: Role, seed: u8) -> Founder {
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
    let scope = if role == Role::Regulator { vec!["inspection".to_owned(), "cold-chain".to_owned()] } else { Vec::new() };
    let entry = Entry { name: name.into(), role, keys, addresses: vec!["/ip4/192.0.2.7/tcp/7401".into()], scope };
    Founder { folder, entry, root }
}

fn found(name: &str, founders: &[Founder]) -> CharterFile {
    let charter = Charter {
        nonce: [1; 32],
        name: name.into(),
        purpose: "从田园到餐桌".into(),
        chain: "绿色农业".into(),
        time: now(),
        members: founders.iter().map(|founder| founder.entry.clone()).collect(),
        deputies: Vec::new(),
        seal: 86_400_000,
        terms: "《绿色食品公约》".into(),
    };
    let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    for founder in founders {
        let keyring = Keyring::open(founder.folder.path(), &Passphrase::none()).unwrap();
        for key in [&founder.root, keyring.log(), keyring.witness(), keyring.transport()] {
            file.sign(key).unwrap();
        }
    }
    file
}

fn start(founder: Founder, charter: &CharterFile, public_url: &str) -> Member {
    let Founder { folder, entry, .. } = founder;
    let keyring = Keyring::open(folder.path(), &Passphrase::none()).unwrap();
    let node = Node::start(NodeConfig { data: folder.path().to_owned(), charter: charter.clone(), keyring }).unwrap();
    let auth = Auth::open(&folder.path().join("auth.json")).unwrap();
    auth.set_operator(PASSWORD).unwrap();
    let (peers, watched) = watch::channel(Vec::new());
    let handle = node.handle.clone();
    let hosts = Hosts::new(Vec::new());
    let (held, disk) = (watch::channel(false).1, Disk { folder: folder.path().to_owned(), reserve: 0 });
    let public_url = public_url.into();
    let (alarms, witnessed_logs, backup) = (watch::channel(Vec::new()).1, Vec::new(), Backup::Current);
    let auth = Arc::new(auth);
    let settings = Settings { handle: handle.clone(), auth, peers: watched, public_url, hosts, held, disk, backup, alarms, witnessed_logs };
    let state = AppState::new(settings);
    let (public, admin) = (public_router(state.clone()), admin_router(state.clone()));
    Member { folder, id: entry.member(), handle, public, admin, state, peers, _node: node }
}

impl Site {
    /// An alliance of this name, whose first member's public side is at `public_url`, without records.
    pub async fn empty(alliance: &str, names: [&str; 5], public_url: &str) -> Self {
        let founders: Vec<_> = names.iter().zip(FOUNDERS).zip(1..).map(|((name, (_, role)), seed)| founder(name, role, seed)).collect();
        let charter = found(alliance, &founders);
        let members: Vec<_> = founders.into_iter().map(|founder| start(founder, &charter, public_url)).collect();
        settled(&members[0].handle).await;
        let readers =
            vec![CircleMember { member: members[4].id, rights: Rights::Read }, CircleMember { member: members[2].id, rights: Rights::Read }];
        let circle = members[0].handle.open_circle(request("农残检测值", "仅供质量判断", readers)).await.unwrap();
        let alliance = members[0].handle.state().ledger.alliance.id();
        let site = Self { members, alliance, residues: circle.id };
        site.sync().await;
        site
    }

    /// The names of the story.
    pub fn names() -> [&'static str; 5] {
        FOUNDERS.map(|(name, _)| name)
    }

    /// Writes one record as one of the members.
    pub async fn put(&self, member: usize, record: &str) {
        let handle = &self.members[member].handle;
        let state = handle.state();
        let body = format!(r#"{{"records":[{record}]}}"#);
        let submissions = submission::parse(body.as_bytes(), &state.ledger.alliance, &state.ledger.me).unwrap();
        handle.submit(submissions, None).await.unwrap().written().unwrap();
    }

    /// Brings every log to every member.
    pub async fn sync(&self) {
        for from in &self.members {
            settled(&from.handle).await;
            for to in self.members.iter().filter(|to| to.id != from.id) {
                bring(from, to).await;
            }
        }
        for member in &self.members {
            member.peers.send_replace(self.status(member));
        }
    }

    fn status(&self, of: &Member) -> Vec<PeerStatus> {
        let others = self.members.iter().enumerate().filter(|(_, other)| other.id != of.id);
        let status = others.map(|(index, other)| PeerStatus {
            member: other.id,
            connected: index != 3,
            address: Some("/ip4/192.0.2.7/tcp/7401".into()),
            heard: Some(now()),
            trouble: (index == 3).then(|| "connection refused".into()),
            logs: other.handle.state().ledger.logs.iter().map(|head| LogSize { log: head.id, size: head.size() }).collect(),
        });
        status.collect()
    }

    /// The life of a lettuce lot, as its members tell it.
    pub async fn story(public_url: &str) -> Self {
        let site = Self::empty("从田园到餐桌协作联盟", Self::names(), public_url).await;
        for (member, record) in story(&site.residues) {
            site.put(member, &record).await;
        }
        site.sync().await;
        site
    }
}

pub fn request(name: &str, purpose: &str, members: Vec<CircleMember>) -> CircleRequest {
    CircleRequest { circle: None, name: name.into(), purpose: purpose.into(), tier: Tier::Authorized, members, terms: Terms::default(), until: None }
}

fn story(residues: &CircleId) -> Vec<(usize, String)> {
    let record = |kind: &str, lot: &str, time: &str, sections: &str| {
        let time = MIDNIGHT.wrapping_add(hours(time));
        format!(r#"{{"type":"{kind}","about":["https://id.gs1.org{lot}"],"time":{time},"sections":[{sections}]}}"#)
    };
    let public = |fields: &str| format!(r#"{{"for":"public","fields":{{{fields}}}}}"#);
    let planted = public(
        r#""variety":"奶油生菜 翠玉2号","plantingDate":"2026-10-02","plot":"青禾田园 东区7号棚","fertiliser":"有机肥（配方保密）","certification":["绿色食品","GAP"]"#,
    );
    let harvested =
        public(r#""productName":"青禾 奶油生菜 250 克","harvestDate":"2026-11-20","quantity":{"value":486,"unit":"kg"},"operator":"采收三组""#);
    let tested = format!(
        r#"{},{{"for":"{residues}","fields":{{"residue":{{"value":0.010,"unit":"mg/kg"}}}}}},{{"for":"self","fields":{{"labCost":"380.00"}}}}"#,
        public(r#""result":"pass","standard":"GB 2763-2021","method":"GB 23200.113-2018","laboratory":"青禾检测中心""#)
    );
    let packed = public(
        r#""packDate":"2026-11-20","netWeight":{"value":250,"unit":"g"},"bestBefore":"2026-11-27","packaging":"可降解托盘","storage":"0–4 ℃ 冷藏""#,
    );
    let carried = format!(
        r#"{},{{"for":"alliance","fields":{{"routeCost":"1280.00"}}}}"#,
        public(
            r#""departure":"2026-11-20T16:40:00+08:00","arrival":"2026-11-20T21:15:00+08:00","temperature":{"min":{"value":1.8,"unit":"℃"},"max":{"value":3.9,"unit":"℃"},"mean":{"value":2.7,"unit":"℃"}},"vehicle":"冷藏车 07""#
        )
    );
    let event = public(
        r#""type":"ObjectEvent","eventTime":"2026-11-21T06:30:00+08:00","bizStep":"https://ref.gs1.org/cbv/BizStep-stocking","disposition":"https://ref.gs1.org/cbv/Disp-sellable_accessible","bizLocation":{"id":"https://id.gs1.org/414/6901234000016"},"store":"邻里超市 人民路店""#,
    );
    let old = public(r#""productName":"青禾 奶油生菜 250 克","harvestDate":"2026-11-18""#);
    let recall = public(r#""reason":"部分包装冷藏中断，叶片可能变质","advice":"请勿食用，凭包装到任一门店退款","contact":"400-000-0000""#);
    vec![
        (1, record("planting", LOT, "-1170", &planted)),
        (0, record("harvest", LOT, "6", &harvested)),
        (0, record("inspection", LOT, "9", &tested)),
        (0, record("packing", LOT, "13", &packed)),
        (3, record("cold-chain", LOT, "21", &carried)),
        (2, record("retail", LOT, "30", &event)),
        (0, record("harvest", RECALLED, "-42", &old)),
        (2, record("recall", RECALLED, "20", &recall)),
    ]
}

/// 2026-11-20 00:00 in Beijing.
const MIDNIGHT: u64 = 1_795_104_000_000;

fn hours(text: &str) -> u64 {
    let hours: i64 = text.parse().unwrap();
    (hours * 3_600_000).cast_unsigned()
}

/// Waits until the node has published everything that it wrote.
pub async fn settled(handle: &Handle) {
    for _ in 0..2000 {
        let state = handle.state();
        let size = state.ledger.logs.head(&state.ledger.own_log()).size();
        let founded = state.ledger.alliance.leader().is_none_or(|leader| leader.id != state.ledger.me) || size > 0;
        if founded && state.published.map_or(0, |published| published.size) == size {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("not published in time");
}

async fn bring(from: &Member, to: &Member) {
    loop {
        let (state, other) = (from.handle.state(), to.handle.state());
        let log = state.ledger.own_log();
        let pull = Request::Pull { log, from: other.ledger.logs.head(&log).size() };
        let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
        let answer =
            suyuan_engine::serve::answer(&pull, &to.id, &state.ledger, published, from.handle.store().as_ref(), from.handle.local()).unwrap();
        match answer {
            Response::Batch(Some(batch)) => to.handle.take_in(*batch).await.unwrap(),
            _ => return,
        };
    }
}
