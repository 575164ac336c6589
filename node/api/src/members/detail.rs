//! One member: since when it is one, its keys, how far its log has come, and where that was closed if it has left.

use serde::Serialize;
use suyuan_core::MemberId;
use suyuan_core::charter::{Alliance, Member, Role};
use suyuan_core::key::key_id;
use suyuan_core::policy::LogPolicy;
use suyuan_core::version::Version;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::logs::LogHead;
use suyuan_engine::serve;
use suyuan_runtime::node::now;
use utoipa::ToSchema;

use super::Peer;
use crate::logs::{self, Closed};
use crate::problem::Problem;
use crate::state::{PeerStatus, Reading};

/// How long a checkpoint may wait for its witnesses before it is said to be stale, milliseconds.
const STALE: u64 = 120_000;

/// A member with everything that this node knows of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct MemberDetail {
    /// Its id, hex.
    #[schema(value_type = String)]
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// Its role, now or when it left.
    #[schema(value_type = String)]
    pub role: Role,
    /// Whether it is this node's.
    pub me: bool,
    /// Types that a regulator may read.
    pub scope: Vec<String>,
    /// Where its node is reached, in the order in which it is tried.
    pub addresses: Vec<String>,
    /// Since when it is a member.
    pub since: Since,
    /// Where its log was closed, if it has left.
    pub left: Option<Left>,
    /// Its keys: root, every log key that it had, witness, transport, encryption.
    pub keys: Vec<MemberKey>,
    /// Its log as it is here; null where nothing of it came.
    pub log: Option<MemberLog>,
    /// Its node, as the network sees it; null for this one, for who has left, and before anything was heard.
    pub node: Option<Peer>,
}

/// A version of the charter, and its time.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Since {
    /// The version.
    pub version: u64,
    /// Since when it is in force, milliseconds since 1970-01-01 UTC.
    pub time: u64,
}

/// That a member has left.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Left {
    /// The first version without it.
    pub version: u64,
    /// Since when that is in force, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Its log is accepted up to so many entries.
    pub size: u64,
    /// Root over them, hex.
    pub root: String,
}

/// A key of a member.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemberKey {
    /// `root`, `log`, `witness`, `transport` or `encryption`.
    pub purpose: &'static str,
    /// Its id, 16 bytes in hex.
    pub id: String,
    /// The public key, hex.
    pub key: String,
    /// The first entry that it signs, of a log key.
    pub from: Option<u64>,
    /// Whether it is the one in use.
    pub in_use: bool,
    /// The version of the charter that brought it.
    pub since: Since,
}

/// How far a member's log has come here.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct MemberLog {
    /// Entries held.
    pub size: u64,
    /// Entries under the newest checkpoint that its author signed.
    pub published: u64,
    /// The newest checkpoint that is witnessed; null where there is none.
    pub witnessed: Option<WitnessedHead>,
    /// Whether a checkpoint has waited for more than two minutes for enough witnesses.
    pub stale: bool,
    /// Where it was closed, once its member has left.
    pub closed: Option<Closed>,
    /// Entries held behind that: they count for nothing.
    pub quarantined: u64,
}

/// A witnessed checkpoint.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct WitnessedHead {
    /// Entries under it.
    pub size: u64,
    /// By when an honest witness had seen it, milliseconds since 1970-01-01 UTC.
    pub time: u64,
}

impl MemberDetail {
    /// What is known of a member; nothing of somebody who never was one.
    ///
    /// # Errors
    /// [`Problem`] where the store failed.
    pub fn of(id: &MemberId, reading: &Reading, peers: &[PeerStatus]) -> Result<Option<Self>, Problem> {
        let ledger = &reading.state.ledger;
        let Some(member) = ledger.alliance.member(id) else { return Ok(None) };
        let versions = ledger.decisions.settled().versions();
        let stated = ledger.addresses.of(id).map(|stated| &stated.addresses);
        let active = member.left.is_none();
        Ok(Some(Self {
            id: *id,
            name: member.entry.name.clone(),
            role: member.entry.role,
            me: *id == ledger.me,
            scope: member.entry.scope.clone(),
            addresses: stated.unwrap_or(&member.entry.addresses).clone(),
            since: first(&versions, |alliance| alliance.active(id).is_some()),
            left: Left::of(member, &versions),
            keys: keys(member, &versions),
            log: logs::newest(ledger, id).map(|head| MemberLog::new(head, reading)).transpose()?,
            node: peers.iter().find(|peer| peer.member == *id && active).map(Peer::new),
        }))
    }
}

/// The first version of which something holds.
fn first(versions: &[Version<'_>], holds: impl Fn(&Alliance) -> bool) -> Since {
    let found = versions.iter().find(|version| holds(version.alliance)).or(versions.last());
    found.map_or(Since { version: 0, time: 0 }, |version| Since { version: version.alliance.version(), time: version.time })
}

impl Left {
    fn of(member: &Member, versions: &[Version<'_>]) -> Option<Self> {
        let closed = Closed::of(Some(member))?;
        let Since { version, time } = first(versions, |alliance| alliance.member(&member.id).is_some_and(|known| known.left.is_some()));
        Some(Self { version, time, size: closed.size, root: closed.root })
    }
}

fn keys(member: &Member, versions: &[Version<'_>]) -> Vec<MemberKey> {
    let key = |purpose, key: [u8; 32], from: Option<u64>, in_use| {
        let has = |member: &Member| {
            let keys = member.retired.iter().chain([&member.entry.keys]);
            keys.into_iter().any(|keys| keys.signing().contains(&&key) || keys.encryption == key)
        };
        let since = first(versions, |alliance| alliance.member(&member.id).is_some_and(has));
        MemberKey { purpose, id: key_id(&key).to_string(), key: hex::encode(key), from, in_use, since }
    };
    let [root, _, witness, transport] = member.entry.keys.signing().map(|key| *key);
    let logs = member.logs.iter().map(|known| key("log", known.key.to_bytes(), Some(known.from), known.key == member.log));
    let others = [("witness", witness), ("transport", transport), ("encryption", member.entry.keys.encryption)];
    std::iter::once(key("root", root, None, true)).chain(logs).chain(others.map(|(purpose, of)| key(purpose, of, None, true))).collect()
}

impl MemberLog {
    fn new(head: &LogHead, reading: &Reading) -> Result<Self, Problem> {
        let reader = reading.reader();
        let ledger: &Ledger = reader.ledger;
        let published = serve::checkpoint(&head.id, ledger, reader.published, reader.view)?.map_or(0, |(_, size)| size);
        let gathered = ledger.gathered.of(&head.id);
        let witnessed = gathered.and_then(|gathered| gathered.witnessed.as_ref());
        let asked = LogPolicy::of(&ledger.alliance, &head.id.member).quorum.cosigners() > 0;
        let oldest = gathered.and_then(|gathered| gathered.newer.first());
        let waits = oldest.is_some_and(|oldest| oldest.signed(&head.id.member).saturating_mul(1000).saturating_add(STALE) < now());
        let closed = Closed::of(ledger.alliance.member(&head.id.member));
        Ok(Self {
            size: head.size(),
            published,
            witnessed: witnessed.and_then(|found| Some(WitnessedHead { size: found.head.size, time: found.standing.time?.saturating_mul(1000) })),
            stale: asked && waits && closed.is_none(),
            closed,
            quarantined: logs::quarantined(head, ledger),
        })
    }
}
