//! How a later term of an order log begins: the votes to freeze that its first entry carries, and the fence that they set
//! (`specs/order-log.md`, Freeze and takeover).

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::charter::{Alliance, Member};
use crate::id::{CircleId, MemberId, StatementId};
use crate::limits;
use crate::note::{Checkpoint, UnverifiedCheckpoint};
use crate::order::{Entry, EntryFault, Order, Position, origin};
use crate::resolution::{Disclosed, from_fields};
use crate::section::Body;
use crate::tree::{self, Frontier};

/// Type of a vote to freeze a term.
pub const FREEZE: &str = "suyuan.freeze";

/// The fields of a vote to freeze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// The circle.
    pub circle: CircleId,
    /// The term that is to begin.
    pub term: u64,
    /// The largest certified head that the voter knows, as its note.
    pub head: Option<String>,
}

impl Freeze {
    /// Reads a vote's fields.
    pub fn read(body: &Body) -> Option<Self> {
        from_fields(body)
    }
}

/// The heads that votes name; of whom the votes are is not judged.
fn heads(votes: &[Disclosed]) -> BTreeSet<String> {
    let head = |vote: &Disclosed| Freeze::read(&Body::decode(&BASE64.decode(&vote.body).ok()?).ok()?)?.head;
    votes.iter().take(limits::SIGNERS).filter_map(head).collect()
}

/// Who voted to freeze, each once, for this circle and term.
fn voters(votes: &[Disclosed], circle: &CircleId, term: u64, alliance: &Alliance) -> Option<BTreeSet<MemberId>> {
    let mut voters = BTreeSet::new();
    let listed: BTreeSet<MemberId> = alliance.voters().map(|voter| voter.id).collect();
    if votes.len() > listed.len() {
        return None;
    }
    for vote in votes {
        let (statement, body) = vote.open(alliance, FREEZE)?;
        Freeze::read(&body).filter(|freeze| freeze.circle == *circle && freeze.term == term)?;
        let author = statement.place.author;
        if !listed.contains(&author) || !voters.insert(author) {
            return None;
        }
    }
    Some(voters)
}

impl Order {
    /// Which head of which term of this order log a note claims to be.
    pub fn claims(&self, note: &str) -> Option<Position> {
        let claimed = UnverifiedCheckpoint::parse(note).ok()?;
        let term = claimed.origin().rsplit('/').next()?.parse().ok().filter(|term| *term <= limits::INTEGER)?;
        (claimed.origin() == origin(&self.alliance.id(), &self.circle, term)).then(|| Position { term, size: claimed.claimed_size() })
    }

    /// A note read as the head of this very state, if a quorum has cosigned it.
    pub fn certified_head(&self, note: &str) -> Option<Checkpoint> {
        self.read_head(note).filter(|read| read.head == self.head() && self.is_certified(read))
    }

    /// The largest head that the votes of an entry name, with the notes that claim to be it. Nothing where none names any: then the founding state is the fence.
    pub fn fence_of(&self, entry: &Entry) -> Option<(Position, Vec<String>)> {
        let heads = heads(entry.takeover.as_deref().unwrap_or_default());
        let largest = heads.iter().filter_map(|note| self.claims(note)).max()?;
        Some((largest, heads.into_iter().filter(|note| self.claims(note) == Some(largest)).collect()))
    }

    /// The state after the first entry of a later term whose fence is this state.
    ///
    /// # Errors
    /// [`EntryFault::Keeper`] where it is of an earlier term or not by the keeper that follows, [`EntryFault::Takeover`] where its votes do not begin it here,
    /// then those of [`Order::append`].
    pub fn take_over(&self, author: &MemberId, id: StatementId, time: u64, entry: &Entry) -> Result<Self, EntryFault> {
        let votes = entry.takeover.as_deref().ok_or(EntryFault::Takeover)?;
        let (fits, seen) = match self.fence_of(entry) {
            None => (self.position() == Position { term: 1, size: 0 }, None),
            Some((largest, notes)) => {
                let heads: Vec<Checkpoint> = notes.iter().filter_map(|note| self.certified_head(note)).collect();
                (largest == self.position() && !heads.is_empty(), heads.iter().filter_map(|head| self.own_panel()?.seen(head)).min())
            }
        };
        let begun = self.begun(entry.term, seen).filter(|_| fits).ok_or(EntryFault::Takeover)?;
        // What waits at the fence is settled by these votes, so they are counted without it.
        let voters = voters(votes, &self.circle, entry.term, &self.alliance).ok_or(EntryFault::Takeover)?;
        if voters.len() < self.quorum().size() {
            return Err(EntryFault::Takeover);
        }
        begun.append(author, id, time, entry)
    }

    /// Who keeps a later term, this being the state at the fence with all of it settled.
    fn next_keeper(&self, term: u64) -> Option<MemberId> {
        let voters: Vec<&Member> = self.alliance.voters().collect();
        let mut candidates: Vec<MemberId> = Vec::with_capacity(voters.len());
        if self.alliance.rotation() > 0 {
            let after = voters.iter().position(|voter| voter.id == self.keeper).map_or(0, |at| at.saturating_add(1));
            candidates.extend(voters.iter().cycle().skip(after).take(voters.len()).map(|voter| voter.id));
        } else {
            let leader = self.alliance.leader().map(|leader| leader.id);
            let order = leader.into_iter().chain(self.alliance.deputies().iter().copied()).chain(voters.iter().map(|voter| voter.id));
            for candidate in order.filter(|candidate| *candidate != self.keeper) {
                if !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
            candidates.extend(voters.iter().map(|voter| voter.id).filter(|voter| *voter == self.keeper));
        }
        let ahead = term.checked_sub(self.term)?.checked_sub(1)?;
        let at = ahead.checked_rem(candidates.len() as u64)?;
        candidates.get(usize::try_from(at).ok()?).copied()
    }

    /// The state with which a later term begins, from that at its fence: what was certified there is settled.
    pub fn begin(&self, term: u64) -> Option<Self> {
        self.begun(term, None)
    }

    /// The same, where it is known by when honest voters had seen the fence.
    fn begun(&self, term: u64, seen: Option<u64>) -> Option<Self> {
        // The fence is certified: what its own entry settled is final. What waits there is made final by those who vote now, in the head over the first entry.
        let mut next = Self { before: None, ..self.clone() };
        next.settle(self.tree.size(), seen);
        let keeper = next.next_keeper(term)?;
        next.fence = self.position();
        (next.term, next.keeper, next.certified) = (term, keeper, 0);
        (next.last, next.tree, next.roots, next.times) = (StatementId([0; 32]), Frontier::default(), vec![tree::root(&[])], Vec::new());
        Some(next)
    }
}
