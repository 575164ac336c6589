//! Relays: members that keep for others what they cannot read, so that two who never reach each other still share (`specs/relay.md`).
//!
//! Four parts: what an author gives to a relay, how a relay keeps it, what a reader asks for and does with what it gets, and when all that happens.

use suyuan_core::circle::PrekeySecret;
use suyuan_core::log::LogId;
use suyuan_core::relay::{Pair, RelayKey};
use suyuan_core::{CircleId, MemberId};

use crate::ledger::Ledger;
use crate::local::LocalKeys;
use crate::secrets::EpochSecrets;

pub mod courier;
mod offer;
mod seek;
pub mod shelf;

pub use offer::{Surroundings, offer};
pub use seek::{Opened, Seeking, Sought, Unit, open, seek};

/// The keys of a member of which tags and packages are made, and its rows.
#[derive(Debug)]
pub struct Holder<'a, V> {
    /// What the member knows.
    pub ledger: &'a Ledger,
    /// Its epoch secrets.
    pub secrets: &'a EpochSecrets,
    /// Its private keys for slips, oldest first.
    pub encryption: &'a [PrekeySecret],
    /// Its rows.
    pub view: &'a V,
    /// Names and seals them.
    pub local: &'a LocalKeys,
}

impl<V> Holder<'_, V> {
    /// The key for what is addressed to a circle in an epoch, where this member is in it.
    fn epoch_key(&self, circle: &CircleId, epoch: u64) -> Option<RelayKey> {
        RelayKey::of_epoch(self.secrets.of(circle, epoch)?, circle, epoch).ok()
    }

    /// The key for epoch statements from a steward to a member, by the keys that both have today; one of the two is this member.
    fn pair_key(&self, steward: &MemberId, member: &MemberId) -> Option<RelayKey> {
        let alliance = &self.ledger.alliance;
        let public = |member| alliance.active(member).map(|known| known.entry.keys.encryption);
        let (of_steward, of_member, own) = (public(steward)?, public(member)?, public(&self.ledger.me)?);
        let private = self.encryption.iter().find(|key| key.public() == own)?;
        RelayKey::of_pair(private, &Pair { alliance: &alliance.id(), steward: (steward, &of_steward), member: (member, &of_member) }).ok()
    }
}

/// What a tag that a reader asks for stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The epoch statement of this number that a steward wrote to its log for this member.
    Epoch {
        /// The steward's log.
        log: LogId,
        /// How many there were before it.
        number: u64,
    },
    /// What an author addressed to a circle.
    Statement {
        /// The circle.
        circle: CircleId,
        /// The epoch.
        epoch: u64,
        /// The author's log.
        log: LogId,
        /// How many of its statements to the circle there were before it.
        counter: u64,
    },
}

impl Source {
    /// The log in which it stands.
    pub fn log(&self) -> LogId {
        let (Self::Epoch { log, .. } | Self::Statement { log, .. }) = self;
        *log
    }
}
