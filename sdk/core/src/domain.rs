//! The one table of labels that keep a value computed for one purpose from serving another (`specs/cbor.md`, Labels).

use sha2::{Digest, Sha256};

use crate::id::Hash;

/// A label of the table; no label contains a newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(&'static str);

/// Alliance id over the founding charter.
pub const ALLIANCE: Label = Label("suyuan/1 alliance");
/// Member id over the founding entry.
pub const MEMBER: Label = Label("suyuan/1 member");
/// Key id over a public key.
pub const KEY: Label = Label("suyuan/1 key");
/// Commitment to a section header.
pub const SECTION_HEADER: Label = Label("suyuan/1 section-header");
/// Commitment to an audience header.
pub const AUDIENCE_HEADER: Label = Label("suyuan/1 audience-header");
/// Salt of a field.
pub const FIELD_SALT: Label = Label("suyuan/1 field-salt");
/// Context of a sealed section.
pub const SECTION: Label = Label("suyuan/1 section");
/// Circle id.
pub const CIRCLE: Label = Label("suyuan/1 circle");
/// Commitment to an epoch secret.
pub const EPOCH: Label = Label("suyuan/1 epoch");
/// Key-encryption key of a wrap.
pub const WRAP: Label = Label("suyuan/1 wrap");
/// HPKE info of a slip.
pub const SLIP: Label = Label("suyuan/1 slip");
/// Key of what relays keep for an epoch of a circle.
pub const RELAY: Label = Label("suyuan/1 relay");
/// Key of what relays keep for a member that a steward hands epoch secrets to.
pub const RELAY_PAIR: Label = Label("suyuan/1 relay-pair");
/// Tag of what a relay keeps.
pub const RELAY_TAG: Label = Label("suyuan/1 relay-tag");
/// Key and context of what a relay keeps under a tag.
pub const RELAY_PACKAGE: Label = Label("suyuan/1 relay-package");
/// BLAKE3 context of the hash chain.
pub const CHAIN: Label = Label("suyuan/1 chain");

/// COSE `typ` of a statement (RFC 9596).
pub const TYP_STATEMENT: &str = "application/suyuan-statement+cbor";
/// COSE `typ` of a charter signature.
pub const TYP_CHARTER: &str = "application/suyuan-charter+cbor";
/// COSE `typ` of what the keys of a member to be admitted sign.
pub const TYP_JOIN: &str = "application/suyuan-join+cbor";
/// COSE `typ` of what the keys of a change of keys sign.
pub const TYP_KEYS: &str = "application/suyuan-keys+cbor";
/// COSE `typ` of what the new keys of a member sign that goes on after a loss.
pub const TYP_RECOVERY: &str = "application/suyuan-recovery+cbor";

impl Label {
    /// The label as text, for functions that take a context string.
    pub const fn text(self) -> &'static str {
        self.0
    }

    /// `label || 0x0a || parts`, for functions that take context bytes.
    pub fn context(self, parts: &[&[u8]]) -> Vec<u8> {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(self.0.len().saturating_add(1).saturating_add(len));
        bytes.extend_from_slice(self.0.as_bytes());
        bytes.push(b'\n');
        for part in parts {
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// `H(label, parts)`: SHA-256 over `label || 0x0a || parts`.
    pub fn hash(self, parts: &[&[u8]]) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(self.0.as_bytes());
        hasher.update(b"\n");
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}
