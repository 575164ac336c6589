//! An alliance with all its keys, and what a place is.

use std::sync::Arc;

use suyuan_core::charter::{Alliance, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::{PUBLIC, alliance_circle};
use suyuan_core::id::{CircleId, Hash, MemberId, StatementId};
use suyuan_core::key::{SecretKey, Signature};
use suyuan_core::log::LogId;
use suyuan_core::membership::KeyChange;
use suyuan_core::note::TreeHead;
use suyuan_core::order::Order;
use suyuan_core::section::{AudienceHeader, Body, Field, SectionHeader, audience_commitment, section_commitment};
use suyuan_core::statement::{SectionCommitment, Statement, id_of};
use suyuan_core::tree;

use crate::kinds::Kind;
use crate::support::{charter_file_of, encryption, key};

/// When everything was cosigned.
pub const SECONDS: u64 = 1_795_219_500;

/// Where a signature is asked for.
#[derive(Clone)]
pub struct Place {
    pub name: &'static str,
    /// What belongs there.
    pub own: fn(&Kind) -> bool,
    /// Offers a kind of some alliance to this one: why it is refused.
    pub offer: fn(&Side, &Kind, &Side) -> Result<(), String>,
    pub wants_statements: bool,
    /// Why what has another form is refused.
    pub foreign: &'static str,
    /// Why a statement of another type is.
    pub other: &'static str,
    /// Why one of another alliance is.
    pub elsewhere: &'static str,
}

/// One alliance; another one has the same members with the same keys.
pub struct Side {
    pub file: CharterFile,
    pub alliance: Arc<Alliance>,
}

impl Side {
    pub fn new(nonce: [u8; 32]) -> Self {
        let file = charter_file_of(nonce);
        Self { alliance: Arc::new(file.verify(None).unwrap()), file }
    }

    /// Who signs: the leader, the founder with the most offices.
    pub fn me(&self) -> MemberId {
        self.alliance.members()[0].id
    }

    pub fn circle(&self) -> CircleId {
        alliance_circle(&self.alliance.id())
    }

    pub fn log(&self, incarnation: u64) -> LogId {
        LogId { alliance: self.alliance.id(), member: self.me(), incarnation }
    }

    pub fn order(&self) -> Order {
        Order::founding(self.alliance.clone()).unwrap()
    }

    /// The head of the empty order log.
    pub fn order_head(&self) -> TreeHead {
        self.order().head()
    }

    /// The head of a log of one entry.
    pub fn head() -> TreeHead {
        TreeHead { size: 1, root: tree::leaf_hash(&[3; 32]) }
    }

    /// A statement at the beginning of the leader's log with one public section.
    pub fn statement(&self, kind: &str, references: Vec<StatementId>, fields: Vec<Field>, signer: usize) -> Offer {
        let body = Body::new([5; 32], fields).unwrap();
        let header = SectionHeader { root: body.root(), sealed: None }.to_bytes();
        let audience = AudienceHeader { salt: [0; 16], circle: PUBLIC, epoch: 0, counter: 0, link: StatementId([0; 32]), order: None }.to_bytes();
        let section = SectionCommitment {
            fields: body.fields().len() as u64,
            header: section_commitment(&header),
            audiences: vec![audience_commitment(&audience)],
        };
        let log = LogId { member: self.alliance.members()[signer].id, ..self.log(0) };
        let statement = Statement {
            place: log.place(0),
            previous: log.chain_start(),
            time: 1000,
            kind: kind.into(),
            references,
            blind: [6; 32],
            sections: vec![section],
        };
        let key = key(signer, 2);
        let bytes = statement.to_bytes(key.public().id());
        Offer { signature: key.sign(&bytes), bytes, header, body }
    }

    /// A kind as a place for statements is given it: dressed in what the place wants where it is a statement, else its message with a body that may be anything.
    pub fn offer(&self, kind: &Kind, references: Vec<StatementId>, fields: Vec<Field>) -> Offer {
        let Kind::Statement(name) = kind else {
            let dress = self.statement("inspection", references, fields, 0);
            let key = key(0, 2);
            let bytes = kind.message(self, &key.public());
            return Offer { signature: key.sign(&bytes), bytes, ..dress };
        };
        self.statement(name, references, fields, 0)
    }

    /// The message of a kind and its signature by a key; of a statement, one of a record.
    pub fn signed(&self, kind: &Kind, key: &SecretKey) -> (Vec<u8>, Signature) {
        let message = match kind {
            Kind::Statement(name) => self.statement(name, Vec::new(), vec![field("a", "1")], 0).bytes,
            other => other.message(self, &key.public()),
        };
        let signature = key.sign(&message);
        (message, signature)
    }
}

/// What is offered where a statement is wanted.
pub struct Offer {
    pub bytes: Vec<u8>,
    pub signature: Signature,
    pub header: Vec<u8>,
    pub body: Body,
}

impl Offer {
    pub fn id(&self) -> StatementId {
        id_of(&self.bytes)
    }

    pub fn leaf(&self) -> Hash {
        tree::leaf_hash(&self.id().0)
    }
}

pub fn field(name: &str, value: &str) -> Field {
    Field { name: name.into(), value: value.into() }
}

/// Somebody who may be admitted.
pub fn newcomer() -> Entry {
    let public = |purpose| key(7, purpose).public().to_bytes();
    let keys = MemberKeys { root: public(1), log: public(2), witness: public(3), transport: public(4), encryption: encryption(7).public() };
    Entry { name: "N".into(), role: Role::Support, keys, addresses: Vec::new(), scope: Vec::new() }
}

/// A change of the leader's log key, not signed.
pub fn rotation(side: &Side) -> KeyChange {
    let new = StatementId(key(8, 2).public().to_bytes());
    KeyChange { member: side.me(), log: Some(new), witness: None, transport: None, encryption: None, size: 9, signatures: Vec::new() }
}
