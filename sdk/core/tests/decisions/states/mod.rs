//! All states that an alliance of up to four founders can come to by the decisions of the catalogue: every order in which they reach the keeper, every set of
//! approvals, every certificate and takeover between them (`specs/membership.md`, `specs/order-log.md`).
//!
//! The search runs over the rules themselves: [`Alliance::changed`], [`Proposal::check`] and [`Proposal::tally`], [`Order::is_certified`], [`Order::begin`].
//! Only the bookkeeping between them - what waits, what a takeover drops - is a model, and the `signed` walks hold that model against the order log with real
//! signatures, certificates and votes.
//!
//! `SUYUAN_DEPTH` is how many decisions deep the search goes, `SUYUAN_WALKS` how many walks there are of each founding; see `specs/benchmarks.md`.

mod alliances;
mod catalogue;
mod quorums;
mod search;
mod signed;

use std::time::Instant;

use suyuan_core::charter::Role;

use search::Search;

/// Every founding of up to four members, by role: who leads, and voters and regulators beside it.
fn foundings() -> Vec<Vec<Role>> {
    let of = |voters: usize, regulators: usize| {
        let roles = [vec![Role::Leader], vec![Role::Upstream; voters], vec![Role::Regulator; regulators]];
        roles.concat()
    };
    (0..4).flat_map(|others| (0..=others).map(move |regulators| of(others - regulators, regulators))).collect()
}

fn depth(usual: usize) -> usize {
    std::env::var("SUYUAN_DEPTH").ok().map_or(usual, |depth| depth.parse().unwrap())
}

#[test]
fn every_state_that_decisions_lead_to_is_sound() {
    let (begun, mut all) = (Instant::now(), search::Counts::default());
    for roles in foundings() {
        let mut search = Search::new(&roles);
        let counts = search.run(depth(3));
        println!("{} voters, {} regulators: {counts}", search.voters(), roles.len() - search.voters());
        all += counts;
    }
    println!("all foundings, {} decisions deep: {all}; {:.0} s", depth(3), begun.elapsed().as_secs_f64());
    let refused: Vec<&str> = all.refused.keys().copied().collect();
    assert_eq!(refused, ["change", "malformed", "pending", "superseded", "threshold"], "what can refuse an honest proposal");
    assert!(all.states > 60_000 && all.alliances > 4000, "the search has become a stump: {all}");
}
