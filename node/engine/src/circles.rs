//! The circles that a node knows, as epoch statements made them (`specs/circle.md`).

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::charter::Alliance;
use suyuan_core::circle::{self, CircleContent, EpochSecret, Rights, Terms, Tier};
use suyuan_core::resolution::from_fields;
use suyuan_core::section::Body;
use suyuan_core::{CircleId, MemberId, StatementId};

use crate::limits;

/// Why an epoch statement has no effect. It stands in its author's log all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// The fields are not those of an epoch statement, or exceed a bound.
    Content,
    /// The circle id is not the author's to use.
    Steward,
    /// The epoch is not a later one.
    Epoch,
    /// The secret is not the one committed to.
    Commitment,
    /// A member that the charter does not know, a member twice, or rights that the tier does not allow.
    Members,
    /// Another statement took this circle's place first.
    Tier,
}

impl Void {
    /// The reason, for a person.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Content => "its fields are not those of a circle",
            Self::Steward => "its author is not the circle's steward",
            Self::Epoch => "it does not open a later epoch of the circle",
            Self::Commitment => "the epoch's secret is not the one that was committed to",
            Self::Members => "its list of members is not allowed",
            Self::Tier => "it changes the circle's tier",
        }
    }
}

/// One epoch of a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The statement that opened it.
    pub statement: StatementId,
    /// Its members.
    pub members: BTreeMap<MemberId, Rights>,
    /// Which of its logs a member wrote then, where that is not its first.
    pub incarnations: BTreeMap<MemberId, u64>,
}

impl Epoch {
    /// Its members, each with the incarnation of the log that it wrote then.
    pub fn incarnations(&self) -> impl Iterator<Item = (MemberId, u64)> {
        self.members.keys().map(|member| (*member, self.incarnations.get(member).copied().unwrap_or(0)))
    }

    /// Whether nothing may be sealed under it any more: somebody in it has left the alliance, or has lost its keys since, and others may have its secret.
    pub fn is_outdated(&self, alliance: &Alliance) -> bool {
        self.incarnations().any(|(member, incarnation)| alliance.active(&member).is_none_or(|known| known.incarnation() != incarnation))
    }
}

/// A circle with all its epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// Its id.
    pub id: CircleId,
    /// Its steward.
    pub steward: MemberId,
    /// Nonce behind the id.
    pub nonce: Option<StatementId>,
    /// Name as of the newest epoch.
    pub name: String,
    /// Purpose as of the newest epoch.
    pub purpose: String,
    /// Terms as of the newest epoch.
    pub terms: Terms,
    /// End of a grant, milliseconds since 1970-01-01 UTC.
    pub until: Option<u64>,
    tier: Tier,
    epochs: BTreeMap<u64, Epoch>,
}

impl Circle {
    /// Kind of sharing.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Number of the newest epoch.
    pub fn epoch(&self) -> u64 {
        self.epochs.keys().next_back().copied().unwrap_or(0)
    }

    /// The epochs known, by number.
    pub fn epochs(&self) -> &BTreeMap<u64, Epoch> {
        &self.epochs
    }

    /// Members of the newest epoch.
    pub fn members(&self) -> impl Iterator<Item = (&MemberId, &Rights)> {
        self.newest().into_iter().flat_map(|epoch| &epoch.members)
    }

    /// The newest epoch.
    pub fn newest(&self) -> Option<&Epoch> {
        self.epochs.values().next_back()
    }

    /// Rights of a member in the epoch given, or else the newest.
    pub fn rights(&self, member: &MemberId, epoch: Option<u64>) -> Option<Rights> {
        let epoch = epoch.unwrap_or_else(|| self.epoch());
        self.epochs.get(&epoch)?.members.get(member).copied()
    }
}

/// Every circle that a node is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circles {
    circles: BTreeMap<CircleId, Circle>,
}

impl Circles {
    /// One circle.
    pub fn circle(&self, id: &CircleId) -> Option<&Circle> {
        self.circles.get(id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Circle> {
        self.circles.values()
    }

    /// Judges an epoch statement whose section was opened with `secret`, and gives it effect.
    ///
    /// A node does not see the epochs that its member is not in: the next one that it sees may have any higher number.
    ///
    /// # Errors
    /// [`Void`]: no effect.
    pub fn open_epoch(
        &mut self,
        alliance: &Alliance,
        author: &MemberId,
        statement: StatementId,
        body: &Body,
        secret: &EpochSecret,
    ) -> Result<CircleId, Void> {
        let content = content(body).ok_or(Void::Content)?;
        check_steward(alliance, author, &content)?;
        if circle::commitment(&content.circle, content.epoch, secret) != content.commitment.0 {
            return Err(Void::Commitment);
        }
        check_members(alliance, author, &content)?;
        if let Some(known) = self.circles.get(&content.circle) {
            // Numbers may be left out: epochs that this member was not in, and those of keepers of the alliance circle that did not come to the order log.
            if content.epoch <= known.epoch() {
                return Err(Void::Epoch);
            }
            if known.tier != content.tier {
                return Err(Void::Tier);
            }
        } else if content.epoch == 0 || self.circles.len() >= limits::CIRCLES {
            return Err(Void::Epoch);
        }
        let id = content.circle;
        self.insert(*author, statement, content);
        Ok(id)
    }

    /// Forgets all epochs of a circle after its first, so that they can be opened again in their order.
    pub fn forget_later_epochs(&mut self, id: &CircleId) {
        if let Some(circle) = self.circles.get_mut(id) {
            circle.epochs.retain(|number, _| *number <= 1);
        }
    }

    fn insert(&mut self, steward: MemberId, statement: StatementId, content: CircleContent) {
        let members = content.members.iter().map(|member| (member.member, member.rights)).collect();
        let mut epochs = self.circles.remove(&content.circle).map(|circle| circle.epochs).unwrap_or_default();
        epochs.insert(content.epoch, Epoch { statement, members, incarnations: content.incarnations });
        let CircleContent { circle: id, nonce, name, purpose, terms, until, tier, .. } = content;
        self.circles.insert(id, Circle { id, steward, nonce, name, purpose, terms, until, tier, epochs });
    }
}

/// The fields of an epoch statement as its content type.
pub fn content(body: &Body) -> Option<CircleContent> {
    let content: CircleContent = from_fields(body)?;
    let texts =
        [&content.name, &content.purpose, &content.terms.confidentiality, &content.terms.retention, &content.terms.onward, &content.terms.exit];
    let bounded = texts.into_iter().all(|text| text.len() <= limits::CIRCLE_TEXT) && !content.name.is_empty();
    bounded.then_some(content)
}

/// Whether an epoch statement of this author is its circle's steward's, with members as they may be.
pub fn is_by_steward(alliance: &Alliance, author: &MemberId, content: &CircleContent) -> bool {
    check_steward(alliance, author, content).and_then(|()| check_members(alliance, author, content)).is_ok()
}

fn check_steward(alliance: &Alliance, author: &MemberId, content: &CircleContent) -> Result<(), Void> {
    let own = match (content.tier, &content.nonce) {
        (Tier::General, None) => {
            // The first is the founder's. Later ones have effect where the order log names them, which only its keeper can.
            let steers = if content.epoch == 1 { alliance.founder() == *author } else { alliance.voters().any(|voter| voter.id == *author) };
            content.circle == circle::alliance_circle(&alliance.id()) && steers
        }
        (Tier::Authorized | Tier::Codevelopment, Some(nonce)) => content.circle == circle::circle_id(&alliance.id(), author, &nonce.0),
        _ => false,
    };
    if own { Ok(()) } else { Err(Void::Steward) }
}

/// Everybody is in the charter, once; the steward writes; a grant has one writer; a later log is a member's. Who is a regulator only reads whatever stands here ([`crate::access`]): roles
/// change, and an epoch is judged at any later time.
fn check_members(alliance: &Alliance, author: &MemberId, content: &CircleContent) -> Result<(), Void> {
    let mut seen = BTreeSet::new();
    let mut writers = 0usize;
    for member in &content.members {
        let writes = member.rights == Rights::Write;
        if !seen.insert(member.member) || alliance.member(&member.member).is_none() {
            return Err(Void::Members);
        }
        writers = writers.saturating_add(usize::from(writes));
    }
    let steward = content.members.iter().any(|member| member.member == *author && member.rights == Rights::Write);
    let one_writer = content.tier != Tier::Authorized || writers == 1;
    let everybody = content.tier != Tier::General || alliance.members().iter().all(|member| seen.contains(&member.id));
    let later = content.incarnations.iter().all(|(member, incarnation)| *incarnation > 0 && seen.contains(member));
    if steward && one_writer && everybody && later && seen.len() <= limits::CIRCLE_MEMBERS { Ok(()) } else { Err(Void::Members) }
}
