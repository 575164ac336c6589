//! The members as libp2p knows them: the one table between member ids and peer ids.

use std::collections::{BTreeMap, HashMap};

use libp2p::identity::{PublicKey, ed25519};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use suyuan_core::MemberId;
use suyuan_engine::ledger::Ledger;
use suyuan_runtime::node::now as wall_clock;
use tracing::warn;

use crate::config::NetError;
use crate::limits;

/// Another member's node.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub peer: PeerId,
    pub name: String,
    /// Where the operator says that it is reached, without its peer id.
    given: Vec<Multiaddr>,
    /// Where the charter says so.
    charter: Vec<Multiaddr>,
}

/// Every member but this one.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    by_member: BTreeMap<MemberId, Known>,
    /// With the time up to which it is so, milliseconds since 1970-01-01 UTC.
    by_peer: HashMap<PeerId, (MemberId, u64)>,
}

impl Members {
    /// The members as they are known at a time, with further addresses.
    ///
    /// # Errors
    /// [`NetError::MemberKey`], [`NetError::Stranger`], [`NetError::OtherPeer`].
    pub fn new(ledger: &Ledger, further: &[(MemberId, Multiaddr)], now: u64) -> Result<Self, NetError> {
        let (alliance, me) = (&ledger.alliance, &ledger.me);
        let mut members = Self { by_member: BTreeMap::new(), by_peer: HashMap::new() };
        for member in alliance.members().iter().filter(|member| member.id != *me) {
            let transports = ledger.decisions.transports(member, now);
            let peer = peer_id(&transports.used).ok_or(NetError::MemberKey(member.id))?;
            members.by_member.insert(member.id, Known { peer, name: member.entry.name.clone(), given: Vec::new(), charter: Vec::new() });
            members.by_peer.insert(peer, (member.id, u64::MAX));
            let others = transports.others.iter().filter_map(|(key, until)| Some((peer_id(key)?, (member.id, *until))));
            members.by_peer.extend(others);
        }
        for (member, address) in further {
            let known = members.by_member.get_mut(member).ok_or(NetError::Stranger(*member))?;
            let address = known.bare(address).ok_or_else(|| NetError::OtherPeer(Box::new(address.clone()), known.peer))?;
            known.given.push(address);
        }
        for member in alliance.members() {
            if let Some(known) = members.by_member.get_mut(&member.id) {
                known.charter = known.usable(&member.entry.addresses);
            }
        }
        Ok(members)
    }

    pub fn member(&self, peer: &PeerId) -> Option<MemberId> {
        self.by_peer.get(peer).filter(|(_, until)| *until == u64::MAX || wall_clock() < *until).map(|(member, _)| *member)
    }

    pub fn known(&self, member: &MemberId) -> Option<&Known> {
        self.by_member.get(member)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&MemberId, &Known)> {
        self.by_member.iter()
    }

    /// How many there are; a charter bounds it.
    pub fn count(&self) -> u32 {
        u32::try_from(self.by_member.len()).unwrap_or(u32::MAX)
    }
}

impl Known {
    /// An address without the peer id at its end, which must be this peer's.
    fn bare(&self, address: &Multiaddr) -> Option<Multiaddr> {
        let mut bare = address.clone();
        match bare.pop() {
            Some(Protocol::P2p(peer)) => (peer == self.peer).then_some(bare),
            _ => Some(address.clone()),
        }
    }

    /// Where it may be reached: what it stated last, or else the charter's, behind what the operator gave.
    pub fn addresses(&self, stated: Option<&[String]>) -> Vec<Multiaddr> {
        let theirs = stated.map_or_else(|| self.charter.clone(), |stated| self.usable(stated));
        let mut addresses: Vec<Multiaddr> = Vec::new();
        for address in self.given.iter().chain(&theirs) {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
        addresses.truncate(limits::ADDRESSES);
        addresses
    }

    /// One member's bad address is its own loss and nobody else's.
    fn usable(&self, addresses: &[String]) -> Vec<Multiaddr> {
        let parse = |text: &String| {
            let address = text.parse().ok().and_then(|address| self.bare(&address));
            if address.is_none() {
                warn!(member = %self.name, address = %text, "an address of this member cannot be used");
            }
            address
        };
        addresses.iter().filter_map(parse).collect()
    }
}

/// The peer id of an Ed25519 transport key.
pub(crate) fn peer_id(key: &[u8; 32]) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(key).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}
