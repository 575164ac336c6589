//! Who may do what: one table of standing, tier and action, and one function that reads it (`specs/access.md`).

use suyuan_core::charter::{Alliance, Role};
use suyuan_core::circle::{PUBLIC, Rights, Tier};
use suyuan_core::{CircleId, MemberId};

use crate::circles::{Circle, Circles};

/// What somebody is with respect to one circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nobody that the charter names.
    Stranger,
    /// A member of the alliance that is not in the circle.
    Outsider,
    /// A regulator in the circle, for a record outside its scope.
    RegulatorOutOfScope,
    /// A regulator in the circle, for a record within its scope.
    Regulator,
    /// May read.
    Reader,
    /// May read and write.
    Writer,
    /// Its steward.
    Steward,
}

/// Tier of a circle as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharing {
    /// The public section.
    Public,
    /// 通用共享
    General,
    /// 授权共享
    Authorized,
    /// 协同开发
    Codevelopment,
    /// One member alone.
    Own,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// See that an entry exists: its id in a log.
    SeeEntry,
    /// Hold the statement, and the section's headers, ciphertext and wraps.
    Hold,
    /// Read the section's fields.
    Read,
    /// Address a section to the circle.
    Write,
    /// Open a new epoch.
    Steer,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 7] =
        [Self::Stranger, Self::Outsider, Self::RegulatorOutOfScope, Self::Regulator, Self::Reader, Self::Writer, Self::Steward];
}

impl Sharing {
    /// Every tier.
    pub const ALL: [Self; 5] = [Self::Public, Self::General, Self::Authorized, Self::Codevelopment, Self::Own];
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 5] = [Self::SeeEntry, Self::Hold, Self::Read, Self::Write, Self::Steer];
}

/// The table. What it does not grant is refused.
pub const fn allowed(standing: Standing, sharing: Sharing, action: Action) -> bool {
    use Action::{Hold, Read, SeeEntry, Steer, Write};
    use Sharing::{Own, Public};
    use Standing::{Outsider, Reader, Regulator, RegulatorOutOfScope, Steward, Stranger, Writer};
    match (action, sharing, standing) {
        // Logs are public, and so is the public section.
        (SeeEntry, _, _) => true,
        (Hold | Read, Public, _) => true,
        // Regulators read; the statements of enterprises, public ones included, are the enterprises' own.
        (Write, Public, Regulator | RegulatorOutOfScope) => false,
        (Write, Public, Outsider | Reader | Writer | Steward) => true,
        (Steer | Write, Public, _) => false,
        (_, _, Stranger | Outsider) => false,
        (Hold, _, _) => true,
        (Read, _, RegulatorOutOfScope) => false,
        (Read, _, _) => true,
        (Write | Steer, Own, Steward) => true,
        (Write | Steer, Own, _) => false,
        (Write, _, Writer | Steward) => true,
        (Steer, _, Steward) => true,
        (Write | Steer, _, _) => false,
    }
}

/// Standing of a member in a circle for records of one type, in the epoch given or else the newest.
pub fn standing(alliance: &Alliance, circles: &Circles, who: &MemberId, circle: &CircleId, epoch: Option<u64>, kind: &str) -> Standing {
    let Some(member) = alliance.active(who) else {
        return Standing::Stranger;
    };
    let regulates = member.entry.role == Role::Regulator;
    let regulator = || if in_scope(&member.entry.scope, kind) { Standing::Regulator } else { Standing::RegulatorOutOfScope };
    if circle.0 == who.0 {
        return Standing::Steward;
    }
    if *circle == PUBLIC && regulates {
        return regulator();
    }
    let Some(found) = circles.circle(circle) else {
        return Standing::Outsider;
    };
    // An epoch of the alliance circle that waits for its place in the order is for every member of today.
    let waits = found.tier() == Tier::General && epoch.is_some_and(|epoch| epoch > found.epoch());
    let Some(rights) = found.rights(who, epoch).or(waits.then_some(Rights::Read)) else {
        return Standing::Outsider;
    };
    match rights {
        _ if found.steward == *who => Standing::Steward,
        _ if regulates => regulator(),
        Rights::Write => Standing::Writer,
        Rights::Read => Standing::Reader,
    }
}

/// The protocol's own records are readable to every regulator that is in the circle: without them it could not tell who may read what.
fn in_scope(scope: &[String], kind: &str) -> bool {
    kind.starts_with(suyuan_core::statement::RESERVED_TYPES) || scope.iter().any(|allowed| allowed == kind)
}

/// Tier of a circle.
pub fn sharing(circles: &Circles, circle: &CircleId) -> Sharing {
    if *circle == PUBLIC {
        return Sharing::Public;
    }
    match circles.circle(circle).map(Circle::tier) {
        None => Sharing::Own,
        Some(Tier::General) => Sharing::General,
        Some(Tier::Authorized) => Sharing::Authorized,
        Some(Tier::Codevelopment) => Sharing::Codevelopment,
    }
}

/// Whether `who` may do this with records of type `kind` in a circle, in the epoch given or else the newest.
pub fn may(alliance: &Alliance, circles: &Circles, who: &MemberId, action: Action, circle: &CircleId, epoch: Option<u64>, kind: &str) -> bool {
    allowed(standing(alliance, circles, who, circle, epoch, kind), sharing(circles, circle), action)
}
