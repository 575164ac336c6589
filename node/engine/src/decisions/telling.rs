//! When members are told which heads of the order log this node knows: as soon as these change, and every few seconds anyway, since a message may be lost.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::MemberId;

use crate::limits;

/// Heads by term, as notes.
pub type HeadsToTell = Vec<(u64, String)>;

/// Who was told what, and when.
#[derive(Clone, Debug, Default)]
pub struct Telling(BTreeMap<MemberId, (HeadsToTell, u64)>);

impl Telling {
    /// Who has to be told these heads now, of the members that are reached; counts as told. `now` is in milliseconds and never goes back. Whoever is no longer
    /// reached is told anew when it is again.
    pub fn due(&mut self, heads: &HeadsToTell, reached: &BTreeSet<MemberId>, now: u64) -> Vec<MemberId> {
        self.0.retain(|member, _| reached.contains(member));
        let knows = |(told, at): &(HeadsToTell, u64)| told == heads && now.saturating_sub(*at) < limits::HEADS_EVERY;
        let due: Vec<MemberId> = reached.iter().filter(|member| !self.0.get(member).is_some_and(knows)).copied().collect();
        self.0.extend(due.iter().map(|member| (*member, (heads.clone(), now))));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_told_when_they_change_and_after_a_while_and_to_whoever_is_back() {
        let [one, other] = [1, 2].map(|byte| MemberId([byte; 32]));
        let (both, alone) = (BTreeSet::from([one, other]), BTreeSet::from([one]));
        let (none, some) = (Vec::new(), vec![(1, "head".to_owned())]);
        let mut telling = Telling::default();
        assert_eq!(telling.due(&none, &both, 0), [one, other]);
        assert_eq!(telling.due(&none, &both, limits::HEADS_EVERY - 1), []);
        assert_eq!(telling.due(&some, &alone, 100), [one], "they have changed, and the other is gone");
        assert_eq!(telling.due(&some, &both, 200), [other], "it is back");
        assert_eq!(telling.due(&some, &both, 100 + limits::HEADS_EVERY), [one]);
    }
}
