//! The different alliances of a search, each held once, with what holds of every one of them and of every step between two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use suyuan_core::charter::{Alliance, Member, Role};
use suyuan_core::id::Hash;
use suyuan_core::membership::{Change, ChangeFault};

/// Alliances by number.
#[derive(Default)]
pub struct Alliances {
    all: Vec<Arc<Alliance>>,
    numbers: BTreeMap<Vec<u8>, u32>,
}

impl Alliances {
    /// The number of an alliance, and whether it is new.
    pub fn number(&mut self, alliance: Alliance) -> u32 {
        let key = describe(&alliance);
        if let Some(number) = self.numbers.get(&key) {
            assert_eq!(*self.all[*number as usize], alliance, "a description leaves something out");
            return *number;
        }
        check(&alliance);
        let number = u32::try_from(self.all.len()).unwrap();
        self.all.push(Arc::new(alliance));
        self.numbers.insert(key, number);
        number
    }

    pub fn get(&self, number: u32) -> &Arc<Alliance> {
        &self.all[number as usize]
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The alliance after a change.
    pub fn changed(&mut self, number: u32, change: &Change) -> Result<u32, ChangeFault> {
        let before = self.get(number).clone();
        let after = before.changed(change)?;
        check_step(&before, &after, change);
        Ok(self.number(after))
    }
}

/// Everything in which two alliances of a search can differ.
fn describe(alliance: &Alliance) -> Vec<u8> {
    let mut text = Vec::new();
    for (member, gone) in alliance.members().iter().map(|member| (member, 0)).chain(alliance.former().iter().map(|member| (member, 1))) {
        text.extend([gone, member.entry.role as u8, u8::try_from(member.entry.scope.len()).unwrap()]);
        text.extend(&member.id.0[..8]);
        for keys in member.retired.iter().chain([&member.entry.keys]) {
            keys.signing().iter().for_each(|key| text.extend(&key[..4]));
        }
        text.extend([member.incarnation() as u8, member.compromises.len() as u8]);
    }
    text.push(2);
    alliance.deputies().iter().for_each(|deputy| text.extend(&deputy.0[..8]));
    text.extend(alliance.version().to_be_bytes());
    text.extend(alliance.rotation().to_be_bytes());
    text.extend(alliance.rules().iter().flat_map(|(kind, rule)| [kind.as_bytes()[0], *rule as u8]));
    text
}

/// What holds of every alliance.
fn check(alliance: &Alliance) {
    let leaders = alliance.members().iter().filter(|member| member.entry.role == Role::Leader).count();
    assert_eq!(leaders, 1, "exactly one leads");
    assert!(alliance.voters().next().is_some(), "somebody votes");
    let fit = |role| !matches!(role, Role::Leader | Role::Regulator);
    assert!(alliance.deputies().iter().all(|deputy| alliance.active(deputy).is_some_and(|member| fit(member.entry.role))), "deputies may lead");
    assert_eq!(alliance.deputies().iter().collect::<BTreeSet<_>>().len(), alliance.deputies().len(), "a deputy stands there once");
    let everybody = || alliance.members().iter().chain(alliance.former());
    assert_eq!(
        everybody().map(|member| member.id).collect::<BTreeSet<_>>().len(),
        everybody().count(),
        "nobody is there twice, or member and former"
    );
    assert!(alliance.members().iter().all(|member| member.left.is_none()) && alliance.former().iter().all(|member| member.left.is_some()));
    check_keys(everybody());
}

/// No key is anybody's twice: neither two members', nor one member's for two purposes, nor one that it had and has again.
fn check_keys<'a>(everybody: impl Iterator<Item = &'a Member>) {
    let mut owners: BTreeMap<Hash, (usize, usize)> = BTreeMap::new();
    for (number, member) in everybody.enumerate() {
        for purpose in 0..5 {
            let of = |keys: &suyuan_core::charter::MemberKeys| [keys.root, keys.log, keys.witness, keys.transport, keys.encryption][purpose];
            let mut had: Vec<Hash> = member.retired.iter().chain([&member.entry.keys]).map(of).collect();
            had.dedup();
            for key in had {
                assert_eq!(owners.insert(key, (number, purpose)), None, "a key is somebody's twice");
            }
        }
        assert_eq!(member.log.to_bytes(), member.entry.keys.log);
        assert_eq!(member.witness.to_bytes(), member.entry.keys.witness);
        assert_eq!(member.logs.last().map(|key| key.key), Some(member.log), "the newest log key is the one in force");
    }
}

/// What holds of every change.
fn check_step(before: &Alliance, after: &Alliance, change: &Change) {
    assert_eq!(after.version(), before.version() + u64::from(change.alters()), "the version counts the changes");
    assert!(change.alters() || before == after, "an agreement alters nothing");
    assert_eq!((after.id(), after.founder()), (before.id(), before.founder()));
    let marks = matches!(change, Change::Compromised(_));
    let who = |alliance: &Alliance| alliance.former().iter().map(|member| (member.id, member.left)).collect::<Vec<_>>();
    assert!(after.former().starts_with(before.former()) || (marks && who(after) == who(before)), "who left stays away, as it left");
    if let Change::Recover(recovery) = change {
        let [then, now] = [before, after].map(|alliance| alliance.active(&recovery.member).unwrap());
        assert_eq!(
            (now.incarnation(), now.id, now.entry.role),
            (then.incarnation() + 1, then.id, then.entry.role),
            "the same member, in its next log"
        );
        assert!(then.logs.iter().all(|key| now.log_key(&key.key.id()).is_none()), "by its former keys it says nothing more");
    }
    let known = |alliance: &Alliance| alliance.members().len() + alliance.former().len();
    assert_eq!(known(after), known(before) + usize::from(matches!(change, Change::Admit(_))), "nobody is forgotten");
    let leads = |alliance: &Alliance| alliance.leader().map(|leader| leader.id);
    assert!(leads(after) == leads(before) || matches!(change, Change::Chair(_)), "the chair alone changes who leads");
}
