//! The versions of an alliance's charter: what each says, since when, by which decision, and what it changed (`specs/membership.md`, Versions).

use std::collections::BTreeSet;

use crate::charter::{Alliance, Member};
use crate::id::MemberId;
use crate::membership::Rule;
use crate::order::{Decided, Order};

/// The kinds of changes whose rule the members may raise, in the order of `specs/membership.md`.
pub const RULED: [&str; 8] = ["admit", "remove", "role", "recover", "compromised", "charter", "chair", "agree"];

/// The charter as it was in force from some time on.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// Members, keys and rules in this version. Its number is [`Alliance::version`].
    pub alliance: &'a Alliance,
    /// Since when it is in force, milliseconds since 1970-01-01 UTC: never before the version before it.
    pub time: u64,
    /// The decision that made it; none for the founding charter.
    pub decided: Option<&'a Decided>,
}

/// One thing that a version says otherwise than the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Name of the alliance.
    Name,
    /// What it is for.
    Purpose,
    /// Its industrial chain.
    Chain,
    /// The agreement's text.
    Terms,
    /// Deputies and their order.
    Deputies,
    /// T.
    Seal,
    /// How long a chair lasts.
    Rotation,
    /// How long records are kept.
    Retention,
    /// The rule for a kind of change.
    Rule(&'static str),
    /// A member came.
    Joined(MemberId),
    /// A member left.
    Left(MemberId),
    /// A member's role.
    Role(MemberId),
    /// What a regulator may read.
    Scope(MemberId),
    /// A member's keys.
    Keys(MemberId),
    /// A member's log was closed, and it writes the next one.
    Log(MemberId),
    /// Entries of a member's log that somebody else may have signed.
    Compromised(MemberId),
}

impl Difference {
    /// Its name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Purpose => "purpose",
            Self::Chain => "chain",
            Self::Terms => "terms",
            Self::Deputies => "deputies",
            Self::Seal => "seal",
            Self::Rotation => "rotation",
            Self::Retention => "retention",
            Self::Rule(_) => "rule",
            Self::Joined(_) => "joined",
            Self::Left(_) => "left",
            Self::Role(_) => "role",
            Self::Scope(_) => "scope",
            Self::Keys(_) => "keys",
            Self::Log(_) => "log",
            Self::Compromised(_) => "compromised",
        }
    }

    /// The member that it is about, if it is one.
    pub const fn member(self) -> Option<MemberId> {
        match self {
            Self::Joined(member) | Self::Left(member) | Self::Role(member) | Self::Scope(member) => Some(member),
            Self::Keys(member) | Self::Log(member) | Self::Compromised(member) => Some(member),
            _ => None,
        }
    }
}

impl Order {
    /// Every version that is in force or was, from the founding charter on.
    pub fn versions(&self) -> Vec<Version<'_>> {
        let founding = Version { alliance: self.founding_alliance(), time: self.founding_alliance().charter().time, decided: None };
        let changes = self.decided.iter().filter(|decided| decided.resolved.proposal.change.alters() && self.is_settled(decided));
        let later = changes.zip(self.confirmed()).map(|(decided, time)| Version {
            alliance: &decided.resolved.alliance,
            time: *time,
            decided: Some(decided),
        });
        std::iter::once(founding).chain(later).collect()
    }

    /// The version with this number, from 0.
    pub fn version(&self, number: u64) -> Option<Version<'_>> {
        self.versions().into_iter().find(|version| version.alliance.version() == number)
    }

    /// The version that was in force at a time, milliseconds since 1970-01-01 UTC; none before the founding. Of the newest it is not known until when.
    pub fn version_at(&self, time: u64) -> Option<Version<'_>> {
        self.versions().into_iter().rev().find(|version| version.time <= time)
    }
}

impl Alliance {
    /// What this version says otherwise than another before it: texts and rules, then members.
    pub fn differences(&self, before: &Self) -> Vec<Difference> {
        let (old, new) = (before.charter(), self.charter());
        let mut found: Vec<Difference> = [
            (old.name != new.name, Difference::Name),
            (old.purpose != new.purpose, Difference::Purpose),
            (old.chain != new.chain, Difference::Chain),
            (old.terms != new.terms, Difference::Terms),
            (before.deputies() != self.deputies(), Difference::Deputies),
            (old.seal != new.seal, Difference::Seal),
            (before.rotation() != self.rotation(), Difference::Rotation),
            (before.retention() != self.retention(), Difference::Retention),
        ]
        .into_iter()
        .filter_map(|(differs, difference)| differs.then_some(difference))
        .collect();
        found.extend(RULED.into_iter().filter(|kind| self.rule(kind) != before.rule(kind)).map(Difference::Rule));
        let ids = |members: &[Member]| members.iter().map(|member| member.id).collect::<BTreeSet<_>>();
        let (then, now) = (ids(before.members()), ids(self.members()));
        found.extend(now.difference(&then).map(|member| Difference::Joined(*member)));
        found.extend(then.difference(&now).map(|member| Difference::Left(*member)));
        found.extend(self.members().iter().flat_map(|member| before.active(&member.id).map(|old| member.differences(old)).unwrap_or_default()));
        found.extend(self.former().iter().filter_map(|member| member.marks(before.member(&member.id)?)));
        found
    }

    /// How many have to agree to a kind of change: what the page asks for, or more where the members agreed on more.
    pub fn rule(&self, kind: &str) -> Rule {
        let least = Rule::least(kind);
        self.rules().get(kind).copied().map_or(least, |agreed| agreed.max(least))
    }
}

impl Member {
    fn marks(&self, before: &Self) -> Option<Difference> {
        (self.compromises != before.compromises).then_some(Difference::Compromised(self.id))
    }

    fn differences(&self, before: &Self) -> Vec<Difference> {
        let role = (self.entry.role != before.entry.role).then_some(Difference::Role(self.id));
        let scope = (self.entry.scope != before.entry.scope).then_some(Difference::Scope(self.id));
        let keys = (self.entry.keys != before.entry.keys).then_some(Difference::Keys(self.id));
        let log = (self.incarnation() != before.incarnation()).then_some(Difference::Log(self.id));
        role.into_iter().chain(scope).chain(keys).chain(log).chain(self.marks(before)).collect()
    }
}
