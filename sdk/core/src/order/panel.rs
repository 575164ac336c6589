//! Who signs a head of an order log, and how many have to cosign it (`specs/order-log.md`, Quorum).

use std::sync::Arc;

use crate::charter::Alliance;
use crate::log::witness_name;
use crate::note::{Checkpoint, NamedKey, UnverifiedCheckpoint};
use crate::order::{Order, origin};
use crate::quorum::Quorum;

/// Those by whose signatures a head is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    /// The key under which the keeper signs.
    pub keeper: NamedKey,
    /// The keys of the voters that may cosign: all but the keeper's.
    pub witnesses: Vec<NamedKey>,
    /// The quorum of the voters.
    pub quorum: Quorum,
}

impl Panel {
    /// So many have to cosign what the keeper signs: a quorum, the keeper among it as long as it votes itself.
    pub fn cosigners(&self) -> usize {
        if self.witnesses.len() < self.quorum.members { self.quorum.cosigners() } else { self.quorum.size() }
    }

    /// Whether a head that was read has a quorum.
    pub fn is_enough(&self, head: &Checkpoint) -> bool {
        head.cosignatures.len() >= self.cosigners()
    }

    /// By when an honest voter had seen a certified head, milliseconds since 1970-01-01 UTC: of `f + 1` voters at least one is honest. Nothing where nobody else
    /// votes.
    pub(super) fn seen(&self, head: &Checkpoint) -> Option<u64> {
        let mut times: Vec<u64> = head.cosignatures.iter().map(|(_, seconds)| seconds.saturating_mul(1000)).collect();
        times.sort_unstable();
        times.get(self.quorum.liars()).copied()
    }
}

impl Order {
    /// The members among whom a head of this term is counted, of this size or one that may still be certified: those of the settled state of the entries
    /// before its last. So whoever decided until then also has to make final that others decide from then on.
    pub fn counting(&self, size: u64) -> &Arc<Alliance> {
        self.before.as_ref().filter(|_| size <= self.tree.size()).unwrap_or(&self.alliance)
    }

    /// Who signs and cosigns a head of this size. Nothing where the keeper never was a member.
    pub fn panel(&self, size: u64) -> Option<Panel> {
        let alliance = self.counting(size);
        // A term may be kept by whom its fence admits.
        let (id, keeper) = (alliance.id(), alliance.member(&self.keeper).or_else(|| self.alliance.member(&self.keeper))?);
        let others = alliance.voters().filter(|voter| voter.id != self.keeper);
        Some(Panel {
            keeper: NamedKey::new(origin(&id, &self.circle, self.term), keeper.log),
            witnesses: others.map(|voter| NamedKey::new(witness_name(&id, &voter.id), voter.witness)).collect(),
            quorum: Quorum::of(alliance.voters().count()),
        })
    }

    /// Who signs and cosigns the head of this very state.
    pub fn own_panel(&self) -> Option<Panel> {
        self.panel(self.tree.size())
    }

    /// Reads a note as a head of this term, with the cosignatures that count. A cosignature that does not verify makes the note worthless.
    pub fn read_head(&self, note: &str) -> Option<Checkpoint> {
        let claimed = UnverifiedCheckpoint::parse(note).ok()?;
        let panel = self.panel(claimed.claimed_size())?;
        claimed.verify(&panel.keeper, &panel.witnesses).ok()
    }

    /// Whether a head that was read has a quorum.
    pub fn is_certified(&self, head: &Checkpoint) -> bool {
        self.panel(head.head.size).is_some_and(|panel| panel.is_enough(head))
    }
}
