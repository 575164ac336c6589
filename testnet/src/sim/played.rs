//! How often what happened, so that a campaign says what it was made of.

use std::collections::BTreeMap;

/// Everything that is counted. What is not in a run is counted as none.
const COUNTED: [&str; 16] = [
    "decisions",
    "takeovers",
    "removals",
    "keyChanges",
    "admissions",
    // Entries of members that had left, which a node refused to propose again.
    "readmissionsRefused",
    // Older disks that were put back, with their anchors; and stores beside a newer anchor, with which no node starts.
    "restored",
    "mixedUp",
    "crashes",
    // Disks and keys that were lost, and members that began anew after that.
    "fires",
    "recoveries",
    // Submissions that were kept, since they could not be sealed at the moment.
    "waited",
    // Checkpoints of logs outside the alliance.
    "cosigned",
    // Cosignatures that members gave each other's logs.
    "witnessed",
    // Runs that ended because the alliance had more liars than it bears.
    "beyond",
    // Seeds that were played twice.
    "replayed",
];

/// Counts by name.
#[derive(Clone, Debug, Default)]
pub struct Played(BTreeMap<&'static str, u64>);

impl Played {
    pub fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    pub fn add_all(&mut self, other: &Self) {
        other.0.iter().for_each(|(what, times)| self.add(what, *times));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        COUNTED.into_iter().map(|what| (what, self.0.get(what).copied().unwrap_or(0)))
    }
}
