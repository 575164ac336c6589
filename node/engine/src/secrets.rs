//! The epoch secrets that a node holds, as the rules see them.

use std::collections::BTreeMap;

use suyuan_core::CircleId;
use suyuan_core::circle::EpochSecret;

/// Secrets by circle and epoch. Wiped when dropped, never printed.
#[derive(Clone, Default)]
pub struct EpochSecrets(BTreeMap<(CircleId, u64), EpochSecret>);

impl std::fmt::Debug for EpochSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EpochSecrets({})", self.0.len())
    }
}

impl EpochSecrets {
    /// The secret of one epoch.
    pub fn of(&self, circle: &CircleId, epoch: u64) -> Option<&EpochSecret> {
        self.0.get(&(*circle, epoch))
    }

    /// Adds a secret.
    pub fn insert(&mut self, circle: CircleId, epoch: u64, secret: EpochSecret) {
        self.0.insert((circle, epoch), secret);
    }
}

impl FromIterator<((CircleId, u64), EpochSecret)> for EpochSecrets {
    fn from_iter<I: IntoIterator<Item = ((CircleId, u64), EpochSecret)>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}
