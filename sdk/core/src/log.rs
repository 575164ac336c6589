//! A member's log: its name, and the hash chain over its entries (`specs/log.md`).

use crate::domain;
use crate::id::{AllianceId, Hash, MemberId, StatementId};
use crate::statement::Place;

/// Which log: one per alliance, member and incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The alliance.
    pub alliance: AllianceId,
    /// The member whose log it is.
    pub member: MemberId,
    /// Incarnation, from 0.
    pub incarnation: u64,
}

impl LogId {
    /// The log's origin line and the name of its key.
    pub fn origin(&self) -> String {
        format!("suyuan/{}/{}/{}", self.alliance, self.member, self.incarnation)
    }

    /// The place of one of its entries.
    pub fn place(&self, sequence: u64) -> Place {
        Place { alliance: self.alliance, author: self.member, incarnation: self.incarnation, sequence }
    }

    /// Chain value of the empty log.
    pub fn chain_start(&self) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key(domain::CHAIN.text());
        hasher.update(&self.alliance.0).update(&self.member.0).update(&self.incarnation.to_be_bytes());
        hasher.finalize().into()
    }
}

impl Place {
    /// The log that this place is in.
    pub fn log(&self) -> LogId {
        LogId { alliance: self.alliance, member: self.author, incarnation: self.incarnation }
    }
}

/// Name of a member's witness key.
pub fn witness_name(alliance: &AllianceId, member: &MemberId) -> String {
    format!("suyuan/{alliance}/{member}/witness")
}

/// Chain value after one more entry.
pub fn chain_next(chain: &Hash, entry: &StatementId) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(domain::CHAIN.text());
    hasher.update(chain).update(&entry.0);
    hasher.finalize().into()
}
