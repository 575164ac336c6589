//! What may be decided: every kind of change, about every member that there is or may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use suyuan_core::charter::{Alliance, Entry, Role};
use suyuan_core::id::{MemberId, StatementId};
use suyuan_core::key::SecretKey;
use suyuan_core::membership::{Agreement, Amendment, Chair, Change, Removal, RoleChange, Rule};
use suyuan_core::recovery::Compromise;

use crate::fixture::{bytes32, entry, secret};
use crate::world::{admission, founded, recover, rotate};

/// Number of the voter that may be admitted, and of the regulator.
const NEWCOMERS: [(usize, Role); 2] = [(4, Role::Support), (5, Role::Regulator)];
/// The number under which a founder comes back: under its name, with new keys.
const BACK: usize = 6;

pub struct Operation {
    pub change: Change,
    /// Index of its subject among those of the catalogue.
    pub subject: usize,
}

/// An alliance, and all that may be decided in it.
pub struct Catalogue {
    pub founding: Arc<Alliance>,
    pub operations: Vec<Operation>,
    pub subjects: Vec<String>,
    /// Everybody who is, was or may be a member: the number of its keys, and its id.
    pub people: Vec<(usize, MemberId)>,
    /// Every signing key that anybody has or may have, by its public half.
    pub keys: BTreeMap<[u8; 32], SecretKey>,
}

impl Catalogue {
    pub fn new(roles: &[Role]) -> Self {
        let founding = founded(roles);
        let newcomers: Vec<(usize, Entry)> = newcomers(roles.len());
        let mut people: Vec<(usize, MemberId)> = founding.members().iter().enumerate().map(|(number, member)| (number, member.id)).collect();
        people.extend(newcomers.iter().map(|(number, entry)| (*number, entry.member())));
        let mut catalogue = Self { founding, operations: Vec::new(), subjects: Vec::new(), people, keys: BTreeMap::new() };
        for (number, name) in
            (0..=BACK).flat_map(|number| ["log", "witness", "root", "log 2", "witness 2", "log new", "witness new"].map(|name| (number, name)))
        {
            let key = secret(number, name);
            catalogue.keys.insert(key.public().to_bytes(), key);
        }
        catalogue.members(&newcomers);
        catalogue.offices();
        catalogue.rules();
        catalogue
    }

    /// Who comes, comes back and goes.
    fn members(&mut self, newcomers: &[(usize, Entry)]) {
        for (number, entry) in newcomers {
            self.add(Change::Admit(admission(&self.founding.clone(), entry, *number)));
        }
        // Who was there does not come again as it was, nor with the keys that it had.
        let last = self.founding.members().len() - 1;
        let same = entry(last, &format!("member {last}"), self.founding.members()[last].entry.role);
        let renamed = entry(last, "another name", Role::Support);
        for entry in [same, renamed] {
            self.add(Change::Admit(admission(&self.founding.clone(), &entry, last)));
        }
        for (_, member) in self.people.clone().into_iter().filter(|(number, _)| *number != 5) {
            let root = StatementId(bytes32("root"));
            self.add(Change::Remove(Removal { member, size: 7, root }));
        }
    }

    /// Roles, chair, deputies and keys.
    fn offices(&mut self) {
        let people = self.people.clone();
        let of = |wanted: usize| people.iter().find(|(number, _)| *number == wanted).map(|(_, id)| *id);
        for (number, role) in [(0, Role::Regulator), (1, Role::Regulator), (2, Role::Regulator), (3, Role::Support), (4, Role::Regulator)] {
            if let Some(member) = of(number) {
                self.add(Change::Role(RoleChange { member, role, scope: Vec::new() }));
            }
        }
        for (_, member) in people.iter().copied().filter(|(number, _)| [0, 1, 2, 4].contains(number)) {
            self.add(Change::Chair(Chair { member }));
        }
        let deputies: Vec<MemberId> = [4, 1].into_iter().filter_map(of).collect();
        self.amend(Amendment { deputies: Some(deputies), ..Amendment::default() });
        self.add(Change::Keys(rotate(&self.founding.clone(), 0, Some("log 2"), None, 100)));
        if of(1).is_some() {
            self.add(Change::Keys(rotate(&self.founding.clone(), 1, None, Some("witness 2"), 0)));
        }
        for member in of(0).and(Some(0)).into_iter().chain(of(1).and(Some(1))) {
            self.add(Change::Recover(recover(&self.founding.clone(), member, "new")));
        }
        if let Some(member) = of(1) {
            self.add(Change::Compromised(Compromise { member, incarnation: 1, from: 0, size: 7 }));
        }
    }

    fn rules(&mut self) {
        let rules = [("remove", Rule::All), ("chair", Rule::All)].map(|(kind, rule)| (kind.to_owned(), rule));
        self.amend(Amendment { rules: Some(rules.into()), ..Amendment::default() });
        self.amend(Amendment { rotation: Some(1000), ..Amendment::default() });
        self.add(Change::Agree(Agreement { title: "price".into(), text: "one".into() }));
    }

    fn amend(&mut self, amendment: Amendment) {
        self.add(Change::Charter(Box::new(amendment)));
    }

    fn add(&mut self, change: Change) {
        let subject = change.subject();
        let index = self.subjects.iter().position(|known| *known == subject).unwrap_or_else(|| {
            self.subjects.push(subject);
            self.subjects.len() - 1
        });
        self.operations.push(Operation { change, subject: index });
    }
}

/// Two that were never there, and a founder under its name with new keys, if there is more than one.
fn newcomers(founders: usize) -> Vec<(usize, Entry)> {
    let mut newcomers: Vec<(usize, Entry)> =
        NEWCOMERS.iter().map(|(number, role)| (*number, entry(*number, &format!("member {number}"), *role))).collect();
    if founders > 2 {
        newcomers.push((BACK, entry(BACK, "member 2", Role::Downstream)));
    }
    newcomers
}
