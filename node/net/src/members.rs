//! The members as libp2p knows them: the one table between member ids and peer ids.

use std::collections::{BTreeMap, HashMap};

use libp2p::identity::{PublicKey, ed25519};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use suyuan_core::MemberId;
use suyuan_core::charter::Alliance;
use tracing::warn;

use crate::config::NetError;
use crate::limits;

/// Another member's node.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub peer: PeerId,
    pub name: String,
    /// Where it may be reached, without its peer id.
    pub addresses: Vec<Multiaddr>,
}

/// Every member but this one.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    by_member: BTreeMap<MemberId, Known>,
    by_peer: HashMap<PeerId, MemberId>,
}

impl Members {
    /// Reads them from the charter, and adds further addresses.
    ///
    /// # Errors
    /// [`NetError::MemberKey`], [`NetError::Stranger`], [`NetError::OtherPeer`].
    pub fn new(alliance: &Alliance, me: &MemberId, further: &[(MemberId, Multiaddr)]) -> Result<Self, NetError> {
        let mut members = Self { by_member: BTreeMap::new(), by_peer: HashMap::new() };
        for member in alliance.members().iter().filter(|member| member.id != *me) {
            let peer = peer_id(&member.entry.keys.transport).ok_or(NetError::MemberKey(member.id))?;
            members.by_member.insert(member.id, Known { peer, name: member.entry.name.clone(), addresses: Vec::new() });
            members.by_peer.insert(peer, member.id);
        }
        for (member, address) in further {
            let known = members.by_member.get_mut(member).ok_or(NetError::Stranger(*member))?;
            let address = known.bare(address).ok_or_else(|| NetError::OtherPeer(Box::new(address.clone()), known.peer))?;
            known.addresses.push(address);
        }
        for member in alliance.members() {
            if let Some(known) = members.by_member.get_mut(&member.id) {
                known.take_charter(&member.entry.addresses);
            }
        }
        Ok(members)
    }

    pub fn member(&self, peer: &PeerId) -> Option<MemberId> {
        self.by_peer.get(peer).copied()
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

    /// One member's bad address is its own loss and nobody else's.
    fn take_charter(&mut self, addresses: &[String]) {
        for text in addresses {
            match text.parse().ok().and_then(|address| self.bare(&address)) {
                Some(address) if !self.addresses.contains(&address) => self.addresses.push(address),
                Some(_) => {}
                None => warn!(member = %self.name, address = %text, "the charter's address of this member cannot be used"),
            }
        }
        self.addresses.truncate(limits::ADDRESSES);
    }
}

/// The peer id of an Ed25519 transport key.
pub(crate) fn peer_id(key: &[u8; 32]) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(key).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}
