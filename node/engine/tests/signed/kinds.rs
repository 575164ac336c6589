//! The kinds of things that keys sign, and their messages.

use std::collections::BTreeMap;
use std::path::Path;

use suyuan_core::charter::Charter;
use suyuan_core::key::PublicKey;
use suyuan_core::membership::{join_message, keys_message};
use suyuan_core::note::{TreeHead, checkpoint_body};
use suyuan_core::order::origin;
use suyuan_core::recovery::recovery_message;

use crate::world::{Place, SECONDS, Side, newcomer, rotation};

/// Types of statements: those of the protocol, and two of records.
pub const TYPES: [&str; 13] = [
    "inspection",
    "recall",
    "suyuan.address",
    "suyuan.approve",
    "suyuan.circle",
    "suyuan.comment",
    "suyuan.freeze",
    "suyuan.invitation",
    "suyuan.object",
    "suyuan.order",
    "suyuan.proposal",
    "suyuan.read",
    "suyuan.withdraw",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Statement(&'static str),
    Charter,
    Join,
    Keys,
    Recovery,
    /// The head of a member's log.
    Checkpoint,
    /// Of the same log after it was begun anew.
    LaterIncarnation,
    /// Of another member's log.
    OthersCheckpoint,
    Cosignature,
    /// The head of the order log in its first term.
    OrderHead,
    /// In its second.
    LaterOrderHead,
    OrderCosignature,
    /// What the transport's handshake signs (libp2p's noise).
    Noise,
}

impl Kind {
    pub fn all() -> Vec<Self> {
        let others = [
            Self::Charter,
            Self::Join,
            Self::Keys,
            Self::Recovery,
            Self::Checkpoint,
            Self::LaterIncarnation,
            Self::OthersCheckpoint,
            Self::Cosignature,
            Self::OrderHead,
            Self::LaterOrderHead,
            Self::OrderCosignature,
            Self::Noise,
        ];
        TYPES.into_iter().map(Self::Statement).chain(others).collect()
    }

    pub fn name(&self) -> String {
        match self {
            Self::Statement(kind) => (*kind).to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    pub fn is_statement(&self) -> bool {
        matches!(self, Self::Statement(_))
    }

    /// Whether it has the form that a place wants, so that only its content can be refused.
    pub fn fits(&self, place: &Place) -> bool {
        place.wants_statements && self.is_statement()
    }

    /// What a key signs for it; a statement's bytes depend on the place and are made there.
    pub fn message(&self, side: &Side, key: &PublicKey) -> Vec<u8> {
        let (alliance, me) = (&side.alliance, side.me());
        let body = |origin: &str, head: &TreeHead| checkpoint_body(origin, head).into_bytes();
        let cosigned = |body: Vec<u8>| [format!("cosignature/v1\ntime {SECONDS}\n").into_bytes(), body].concat();
        let order = |term| body(&origin(&alliance.id(), &side.circle(), term), &side.order_head());
        match self {
            Self::Statement(_) => panic!("made by its place"),
            Self::Charter => Charter::message(&side.file.charter, key.id()),
            Self::Join => join_message(&alliance.id(), &newcomer().to_bytes(), key.id()),
            Self::Keys => keys_message(&alliance.id(), &rotation(side), key.id()),
            Self::Recovery => recovery_message(&alliance.id(), &me, &newcomer().keys, key.id()),
            Self::Checkpoint => body(&side.log(0).origin(), &Side::head()),
            Self::LaterIncarnation => body(&side.log(1).origin(), &Side::head()),
            Self::OthersCheckpoint => {
                let log = suyuan_core::log::LogId { member: alliance.members()[1].id, ..side.log(0) };
                body(&log.origin(), &Side::head())
            }
            Self::Cosignature => cosigned(body(&side.log(0).origin(), &Side::head())),
            Self::OrderHead => order(1),
            Self::LaterOrderHead => order(2),
            Self::OrderCosignature => cosigned(order(1)),
            Self::Noise => [&b"noise-libp2p-static-key:"[..], &me.0].concat(),
        }
    }
}

/// The sources of what ships, by path: without tests.
pub fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let crates = ["sdk/core", "sdk/trace", "sdk/client", "node/engine", "node/store", "node/runtime", "node/net", "node/api", "node/daemon"];
    let mut open: Vec<_> = crates.iter().map(|path| root.join(path).join("src")).collect();
    let mut sources = BTreeMap::new();
    while let Some(path) = open.pop() {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        if path.is_dir() && !name.ends_with("/tests") {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if name.ends_with(".rs") && !name.ends_with("/tests.rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
            sources.insert(name, code);
        }
    }
    assert!(sources.len() > 100, "the sources are where they were");
    sources
}

/// The string literals that begin so, without their quotes, those that are a mere prefix aside.
pub fn quoted<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let at = text.match_indices(start).map(|(at, _)| &text[at + 1..]);
    at.filter_map(|rest| rest.split('"').next()).filter(|literal| !literal.ends_with('.')).collect()
}

/// Whether a key signs in this source: the method of a secret key, by its calls.
pub fn signs(text: &str) -> bool {
    text.lines().any(|line| line.contains(".sign(") && !line.trim_start().starts_with("//"))
}
