//! Two heads of an order log that contradict each other, both certified: how many voters have to lie for it, in one state and across a change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use suyuan_core::charter::Alliance;
use suyuan_core::id::MemberId;
use suyuan_core::note::{Checkpoint, TreeHead};
use suyuan_core::order::Order;
use suyuan_core::quorum::Quorum;

type Voters = BTreeSet<MemberId>;

/// What was found out about voters and keepers, so that each pair is gone through once.
#[derive(Default)]
pub struct Quorums {
    judged: BTreeSet<(Voters, Voters, MemberId)>,
    certifying: BTreeMap<(Voters, MemberId), Vec<Voters>>,
}

impl Quorums {
    /// Goes through all pairs of heads of one term: one counted in this state, the other in this one or the next.
    pub fn check(&mut self, alliance: &Arc<Alliance>, next: &Arc<Alliance>, keeper: MemberId) {
        let (here, there) = (voters(alliance), voters(next));
        if !self.judged.insert((here.clone(), there.clone(), keeper)) {
            return;
        }
        let f = Quorum::of(here.len()).liars().min(Quorum::of(there.len()).liars());
        let (ones, others) = (self.certifying(alliance, keeper), self.certifying(next, keeper));
        assert!(!ones.is_empty(), "the voters of a state can certify");
        for (one, other) in ones.iter().flat_map(|one| others.iter().map(move |other| (one, other))) {
            let liars = one.intersection(other).count();
            assert!(liars > f, "{} of {} and {} voters certify two histories, kept by {keeper}", liars, here.len(), there.len());
        }
        // What makes final and what takes over share an honest voter, whichever of the two is counted without the change.
        for voters in [&here, &there] {
            let quorum = Quorum::of(voters.len()).size();
            let freezing: Vec<Voters> = subsets(voters).into_iter().filter(|votes| votes.len() >= quorum).collect();
            for (one, votes) in ones.iter().chain(&others).flat_map(|one| freezing.iter().map(move |votes| (one, votes))) {
                assert!(one.intersection(votes).count() > f, "a takeover may lose what is final");
            }
        }
    }

    /// The smallest sets of voters, the keeper among them if it is one, whose signatures make a certified head.
    fn certifying(&mut self, alliance: &Arc<Alliance>, keeper: MemberId) -> Vec<Voters> {
        let voters = voters(alliance);
        if let Some(known) = self.certifying.get(&(voters.clone(), keeper)) {
            return known.clone();
        }
        let order = kept_by(alliance, keeper);
        let names: BTreeMap<MemberId, String> = voters.iter().map(|voter| (*voter, suyuan_core::log::witness_name(&alliance.id(), voter))).collect();
        let known: BTreeSet<String> = order.panel(1).unwrap().witnesses.into_iter().map(|witness| witness.name).collect();
        let others: Voters = voters.iter().copied().filter(|voter| *voter != keeper).collect();
        assert_eq!(known, others.iter().map(|voter| names[voter].clone()).collect(), "all voters but the keeper may cosign");
        let certified = |signed: &Voters| {
            let cosignatures = signed.iter().map(|voter| (names[voter].clone(), 1)).collect();
            order.is_certified(&Checkpoint { head: TreeHead { size: 1, root: [0; 32] }, cosignatures })
        };
        let mut enough: Vec<Voters> = subsets(&others).into_iter().filter(certified).collect();
        // What fewer can do, more can; the smallest are the ones to look at.
        let fewest = enough.iter().map(Voters::len).min().unwrap_or(0);
        enough.retain(|signed| signed.len() == fewest);
        enough.iter_mut().for_each(|signed| signed.extend(voters.get(&keeper)));
        self.certifying.insert((voters, keeper), enough.clone());
        enough
    }
}

/// The order log of an alliance under this keeper.
pub fn kept_by(alliance: &Arc<Alliance>, keeper: MemberId) -> Order {
    let mut order = Order::founding(alliance.clone()).unwrap();
    order.keeper = keeper;
    order
}

pub fn voters(alliance: &Alliance) -> Voters {
    alliance.voters().map(|voter| voter.id).collect()
}

pub fn subsets(all: &Voters) -> Vec<Voters> {
    let all: Vec<MemberId> = all.iter().copied().collect();
    let of = |bits: usize| all.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, voter)| *voter).collect();
    (0..1 << all.len()).map(of).collect()
}
