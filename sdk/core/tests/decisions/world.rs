//! An alliance whose members propose, approve and keep an order log, with all their keys at hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use suyuan_core::charter::{Alliance, Charter, CharterFile, Member, Pin, Role};
use suyuan_core::circle::{PUBLIC, PrekeySecret, alliance_circle};
use suyuan_core::history::HistoryEntry;
use suyuan_core::id::{MemberId, StatementId};
use suyuan_core::key::SecretKey;
use suyuan_core::log::{LogId, witness_name};
use suyuan_core::membership::{Admission, Change, KeyChange, Removal};
use suyuan_core::note::{add_cosignature, sign_head};
use suyuan_core::order::{Entry, Order, origin};
use suyuan_core::recovery::Recovery;
use suyuan_core::resolution::{APPROVE, Disclosed, Effect, PROPOSAL, Proposal, Refused, Resolved, Signed, Slot};
use suyuan_core::section::{AudienceHeader, Body, Field, SectionHeader, audience_commitment, section_commitment};
use suyuan_core::statement::{Place, SectionCommitment, SignedStatement, Statement, sign};

use crate::fixture::{TIME, bytes32, charter, entry, field, secret, sign_charter};

/// When proposals end.
pub const LATE: u64 = TIME + 1_000_000;

/// An alliance of members with these roles; the first leads. Member 1 is the deputy where it may be.
pub fn founded(roles: &[Role]) -> Arc<Alliance> {
    Arc::new(founding(roles).verify(None).unwrap())
}

/// Its charter file.
pub fn founding(roles: &[Role]) -> CharterFile {
    let members = roles.iter().enumerate().map(|(member, role)| entry(member, &format!("member {member}"), *role)).collect();
    let deputies = if roles.get(1).is_some_and(|role| *role != Role::Regulator) { vec![1] } else { Vec::new() };
    sign_charter(&Charter { members, deputies, ..charter() })
}

/// Three voters and a regulator.
pub fn four() -> Arc<Alliance> {
    founded(&[Role::Leader, Role::Upstream, Role::Downstream, Role::Regulator])
}

/// The id of the member whose keys have this number.
pub fn id(alliance: &Alliance, member: usize) -> MemberId {
    let log = secret(member, "log").public();
    let first = |known: &Member| known.closed.first().map_or(&known.logs, |closed| &closed.keys)[0].key;
    alliance.members().iter().chain(alliance.former()).find(|known| first(known) == log).unwrap().id
}

pub fn admission(alliance: &Alliance, newcomer: &suyuan_core::charter::Entry, member: usize) -> Admission {
    let [root, log, witness, transport] = ["root", "log", "witness", "transport"].map(|name| secret(member, name));
    Admission::sign(&alliance.id(), newcomer, [&root, &log, &witness, &transport])
}

pub fn admit(alliance: &Alliance, member: usize, role: Role) -> Change {
    Change::Admit(admission(alliance, &entry(member, &format!("member {member}"), role), member))
}

pub fn remove(alliance: &Alliance, member: usize) -> Change {
    Change::Remove(Removal { member: id(alliance, member), size: 7, root: StatementId(bytes32("root")) })
}

/// A change of keys to those with these names, signed with the root key of a member and the new ones.
pub fn rotate(alliance: &Alliance, member: usize, log: Option<&str>, witness: Option<&str>, size: u64) -> KeyChange {
    let new = |name: Option<&str>| name.map(|name| secret(member, name));
    let (log, witness) = (new(log), new(witness));
    let public = |key: &Option<SecretKey>| key.as_ref().map(|key| StatementId(key.public().to_bytes()));
    let change = KeyChange {
        member: id(alliance, member),
        log: public(&log),
        witness: public(&witness),
        transport: None,
        encryption: None,
        size,
        signatures: Vec::new(),
    };
    let root = secret(member, "root");
    let keys: Vec<&SecretKey> = std::iter::once(&root).chain(&log).chain(&witness).collect();
    change.signed(&alliance.id(), &keys)
}

/// A recovery of a member with keys of these names, its log accepted as `remove` does.
pub fn recover(alliance: &Alliance, member: usize, name: &str) -> Recovery {
    let [root, log, witness, transport] = ["root", "log", "witness", "transport"].map(|kind| secret(member, &format!("{kind} {name}")));
    let encryption = PrekeySecret::from_bytes(bytes32(&format!("encryption {member} {name}"))).public();
    let at = Pin { size: 7, root: bytes32("root") };
    Recovery::sign(&alliance.id(), &id(alliance, member), encryption, [&root, &log, &witness, &transport], at)
}

/// A statement with one public section, and what opens it.
#[derive(Clone)]
pub struct Public {
    pub signed: SignedStatement,
    pub header: Vec<u8>,
    pub body: Body,
}

impl Public {
    pub fn new(alliance: &Alliance, author: usize, kind: &str, references: Vec<StatementId>, fields: Vec<Field>) -> Self {
        // Whoever has recovered speaks by its new key alone; by a former one that was exchanged it is heard as well.
        let recovered =
            Some(secret(author, "log new")).filter(|key| alliance.member(&id(alliance, author)).is_some_and(|known| known.log == key.public()));
        Self::signed_with(&recovered.unwrap_or_else(|| secret(author, "log")), alliance, author, kind, references, fields)
    }

    pub fn signed_with(key: &SecretKey, alliance: &Alliance, author: usize, kind: &str, references: Vec<StatementId>, fields: Vec<Field>) -> Self {
        Self::signed_at(TIME, key, alliance, author, kind, references, fields)
    }

    /// The same at another time than that of the founding.
    pub fn signed_at(
        time: u64,
        key: &SecretKey,
        alliance: &Alliance,
        author: usize,
        kind: &str,
        references: Vec<StatementId>,
        fields: Vec<Field>,
    ) -> Self {
        let log = LogId { alliance: alliance.id(), member: id(alliance, author), incarnation: 0 };
        Self::placed(log.place(0), time, key, kind, references, fields)
    }

    /// The same at any place.
    pub fn placed(place: Place, time: u64, key: &SecretKey, kind: &str, references: Vec<StatementId>, fields: Vec<Field>) -> Self {
        let body = Body::new(bytes32(&format!("{}/{kind}", place.author)), fields).unwrap();
        let header = SectionHeader { root: body.root(), sealed: None }.to_bytes();
        let audience = AudienceHeader { salt: [0; 16], circle: PUBLIC, epoch: 0, counter: 0, link: StatementId([0; 32]), order: None }.to_bytes();
        let section = SectionCommitment {
            fields: body.fields().len() as u64,
            header: section_commitment(&header),
            audiences: vec![audience_commitment(&audience)],
        };
        let statement = Statement { place, previous: [0; 32], time, kind: kind.into(), references, blind: bytes32("blind"), sections: vec![section] };
        Self { signed: sign(&statement, key), header, body }
    }

    /// As an entry of a history.
    pub fn entry(&self) -> HistoryEntry {
        let SignedStatement { bytes, signature, .. } = &self.signed;
        HistoryEntry { statement: bytes.clone(), signature: *signature, header: self.header.clone(), body: self.body.to_bytes() }
    }

    pub fn disclosed(&self) -> Disclosed {
        Disclosed::new(&self.signed.bytes, &self.signed.signature, &self.header, &self.body)
    }

    pub fn wrapped(&self) -> Signed {
        Signed::new(&self.signed.bytes, &self.signed.signature)
    }
}

/// What a member would propose honestly in a state, all who may asked and as few as possible needed.
pub fn proposal(order: &Order, change: Change) -> Proposal {
    let subject = change.subject();
    let alliance = &order.alliance;
    Proposal {
        circle: order.circle,
        slot: Slot { version: order.slots.get(&subject).copied().unwrap_or(0), subject, ballot: 0 },
        signers: {
            let mut signers: Vec<_> = change.electorate(alliance).into_iter().map(|member| (member, 1)).collect();
            signers.sort_unstable();
            signers
        },
        change,
        threshold: 1,
        rule: alliance.version(),
        expires: LATE,
        reason: "because".into(),
    }
}

/// A proposal with the approvals of some members, ascending.
pub fn effect(alliance: &Alliance, proposer: usize, proposal: &Proposal, approvers: &[usize]) -> Effect {
    let proposal = Public::new(alliance, proposer, PROPOSAL, Vec::new(), unchecked_fields(proposal));
    let mut approvers: Vec<usize> = approvers.to_vec();
    approvers.sort_by_key(|approver| id(alliance, *approver));
    let approvals = approvers.into_iter().map(|approver| approval(alliance, approver, &proposal.signed.id)).collect();
    Effect { proposal: proposal.disclosed(), approvals }
}

/// The fields of a content whose numbers may be too large for a program to write.
fn unchecked_fields(content: &impl serde::Serialize) -> Vec<Field> {
    let value = serde_json::to_value(content).unwrap();
    value.as_object().unwrap().iter().map(|(name, value)| field(name, &value.to_string())).collect()
}

pub fn approval(alliance: &Alliance, approver: usize, proposal: &StatementId) -> Signed {
    Public::new(alliance, approver, APPROVE, vec![*proposal], vec![field("comment", "\"\"")]).wrapped()
}

/// The verdict on an effect in the founding state of an alliance.
pub fn judge(alliance: &Alliance, effect: &Effect) -> Result<Resolved, Refused> {
    effect.check(&alliance_circle(&alliance.id()), alliance, &BTreeMap::new(), TIME)
}

/// The next entry of an order log, with nothing in it.
pub fn blank(order: &Order) -> Entry {
    let head = order.head();
    Entry {
        circle: order.circle,
        term: order.term,
        index: head.size,
        previous: order.last(),
        certificate: None,
        takeover: None,
        effect: None,
        epoch: None,
    }
}

/// The state after an entry of the keeper.
pub fn follow(order: &Order, entry: &Entry) -> Result<Order, suyuan_core::order::EntryFault> {
    let id = StatementId(bytes32(&format!("{} {}", order.term, order.head().size)));
    order.append(&order.keeper, id, order.time, entry)
}

/// The head of a state, signed by its keeper and cosigned by some members.
pub fn head(order: &Order, keeper: usize, witnesses: &[usize]) -> String {
    let alliance = &order.alliance;
    let note = sign_head(&origin(&alliance.id(), &order.circle, order.term), &order.head(), &secret(keeper, "log"));
    witnesses.iter().fold(note, |note, witness| {
        let name = witness_name(&alliance.id(), &id(alliance, *witness));
        add_cosignature(&note, &name, &secret(*witness, "witness"), 1_795_219_500).unwrap()
    })
}

/// The codes that a page names between backquotes, from one line on to another, those of links and fields aside.
pub fn codes_of(page: &str, from: &str, to: &str, pick: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let text = std::fs::read_to_string(format!("{}/../../specs/{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with(from)).skip(1).take_while(|line| !line.starts_with(to));
    lines.flat_map(pick).collect()
}

/// What stands between backquotes.
pub fn quoted(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names of all variants of a type, checked by the compiler: a variant that is not listed leaves a match that is not exhaustive.
macro_rules! variants {
    ($type:ident: $($variant:ident),+) => {
        const NAMES: &[&str] = &[$(stringify!($variant)),+];

        fn name(fault: $type) -> &'static str {
            match fault {
                $($type::$variant { .. } => stringify!($variant)),+
            }
        }

        /// Every case yields its fault, and together they yield them all.
        fn check(cases: Vec<(&str, $type, Result<(), $type>)>) {
            let mut found = std::collections::BTreeSet::new();
            for (case, expected, verdict) in cases {
                assert_eq!(verdict, Err(expected), "{case}");
                found.insert(name(expected));
            }
            let missing: Vec<_> = NAMES.iter().filter(|name| !found.contains(*name)).collect();
            assert!(missing.is_empty(), "no case for {missing:?}");
        }
    };
}
pub(crate) use variants;
