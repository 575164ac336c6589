//! When members are told which heads of the order log this node knows: as soon as these change, and every few seconds anyway, since a message may be lost.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::MemberId;

use crate::limits;

/// Heads by term, as notes.
pub type HeadsToTell = Vec<(u64, String)>;

/// Heads, and when somebody said them.
type Said = Option<(HeadsToTell, u64)>;

/// Who was told what, who said what itself, and when.
#[derive(Clone, Debug, Default)]
pub struct Telling(BTreeMap<MemberId, [Said; 2]>);

impl Telling {
    /// Who has to be told these heads now, of the members that are reached; counts as told. `now` is in milliseconds and never goes back. Whoever is no longer
    /// reached is told anew when it is again; whoever has just said the same itself need not be told.
    pub fn due(&mut self, heads: &HeadsToTell, reached: &BTreeSet<MemberId>, now: u64) -> Vec<MemberId> {
        self.0.retain(|member, _| reached.contains(member));
        let same = |(said, at): &(HeadsToTell, u64)| said == heads && now.saturating_sub(*at) < limits::HEADS_EVERY;
        let knows = |said: &[Said; 2]| said.iter().flatten().any(same);
        let due: Vec<MemberId> = reached.iter().filter(|member| !self.0.get(member).is_some_and(knows)).copied().collect();
        for member in &due {
            let [told, _] = self.0.entry(*member).or_default();
            *told = Some((heads.clone(), now));
        }
        due
    }

    /// A member has said which heads it knows, `now` in milliseconds.
    pub fn heard(&mut self, member: MemberId, heads: &HeadsToTell, now: u64) {
        let [_, heard] = self.0.entry(member).or_default();
        *heard = Some((heads.clone(), now));
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

    #[test]
    fn who_has_said_the_same_is_not_told_and_who_has_said_something_else_is() {
        let [one, other] = [1, 2].map(|byte| MemberId([byte; 32]));
        let both = BTreeSet::from([one, other]);
        let [some, newer] = ["head", "newer"].map(|note| vec![(1, note.to_owned())]);
        let mut telling = Telling::default();
        telling.heard(one, &some, 100);
        assert_eq!(telling.due(&some, &both, 200), [other]);
        // It answers with what it knew before it was told.
        telling.heard(other, &Vec::new(), 300);
        assert_eq!(telling.due(&some, &both, 400), []);
        assert_eq!(telling.due(&some, &both, 100 + limits::HEADS_EVERY), [one], "what it said is long ago");
        assert_eq!(telling.due(&newer, &both, 200 + limits::HEADS_EVERY), [one, other]);
    }
}
