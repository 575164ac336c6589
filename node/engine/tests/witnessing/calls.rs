//! Calls in any order, in groups, with crashes in between: of each log the sizes signed never fall, and all that was signed is one history.
//!
//! `SUYUAN_WITNESS_CALLS=1000000 cargo test --release -p suyuan-engine --test witnessing calls` makes a million.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use suyuan_core::charter::Role::Leader;
use suyuan_core::note::TreeHead;
use suyuan_core::witness::{AddCheckpoint, Refusal};
use suyuan_engine::view::Changes;
use suyuan_engine::witnessing::Desk;

use crate::desk::Log;
use crate::world::{World, key};

const SIZE: usize = 48;
const LOGS: u8 = 6;

/// A log with three histories, which part at different places.
struct Liar {
    histories: Vec<Log>,
    /// The notes of every history and size.
    notes: Vec<Vec<String>>,
    signed: Vec<TreeHead>,
}

impl Liar {
    fn new(seed: u8) -> Self {
        let histories: Vec<Log> = [None, Some(3), Some(17)].into_iter().map(|fork| Log::new(seed, fork, SIZE)).collect();
        let notes = histories.iter().map(|log| (0..=SIZE).map(|size| log.note(size)).collect()).collect();
        Self { histories, notes, signed: Vec::new() }
    }

    /// A request that is right more often than not, by whoever knows what was signed last.
    fn request(&self, rng: &mut StdRng) -> AddCheckpoint {
        let last = self.signed.last().map_or(0, |head| head.size as usize);
        let history = rng.random_range(0..self.histories.len());
        let old = if rng.random_bool(0.7) { last } else { rng.random_range(0..=SIZE) };
        let new = if rng.random_bool(0.8) { (old + rng.random_range(0..4)).min(SIZE) } else { rng.random_range(0..=SIZE) };
        let from = if rng.random_bool(0.9) { history } else { rng.random_range(0..self.histories.len()) };
        let proof = self.histories[from].proof(old.min(new), new);
        AddCheckpoint { old: old as u64, proof, checkpoint: self.notes[history][new].clone() }
    }

    /// A cosignature left the witness.
    fn sign(&mut self, head: TreeHead) {
        assert!(self.signed.last().is_none_or(|last| last.size <= head.size), "the size fell");
        self.signed.push(head);
        let whole = |log: &&Log| self.signed.iter().all(|head| log.head(head.size as usize) == *head);
        assert!(self.histories.iter().any(|log| whole(&log)), "two histories were signed");
    }
}

#[test]
fn sizes_signed_never_fall_and_are_always_consistent() {
    let calls: u64 = std::env::var("SUYUAN_WITNESS_CALLS").ok().map_or(20_000, |calls| calls.parse().unwrap());
    let (mut made, mut accepted, mut crashes, mut seed) = (0u64, 0u64, 0u64, 0u64);
    while made < calls {
        let mut rng = StdRng::seed_from_u64(seed);
        let world = World::new(&[Leader]);
        let mut rows = world.nodes[0].writer.disk().rows.clone();
        let ledger = world.nodes[0].writer.state().ledger.clone();
        let mut liars: Vec<Liar> = (0..LOGS).map(Liar::new).collect();
        // As long as there is something left to grow, and some calls after it.
        for _ in 0..600 {
            let mut desk = Desk::default();
            let mut decided = Vec::new();
            for _ in 0..rng.random_range(1..9) {
                let at = rng.random_range(0..liars.len());
                let request = liars[at].request(&mut rng);
                made += 1;
                match desk.add(&request, Some(&liars[at].histories[0].key), &ledger, &rows, made).unwrap() {
                    Ok(cosigned) => decided.push((at, cosigned)),
                    Err(refused) => assert!(!matches!(refused.refusal, Refusal::UnknownLog | Refusal::NotSigned), "{refused:?}"),
                }
            }
            // The machine may stop before the write, or after it and before anything is signed.
            let stops = rng.random_range(0..20);
            if stops == 0 {
                crashes += 1;
                continue;
            }
            let mut changes = Changes::default();
            desk.save(&mut changes);
            rows.apply(&changes);
            if stops == 1 {
                crashes += 1;
                continue;
            }
            for (at, cosigned) in decided {
                cosigned.sign(&key(0, 3));
                liars[at].sign(cosigned.head);
                accepted += 1;
            }
        }
        seed += 1;
    }
    println!("{made} calls, {accepted} cosigned, {crashes} crashes, {seed} seeds");
    assert!(accepted * 50 > made && crashes * 200 > made / 10, "too little happened: {accepted} cosigned, {crashes} crashes");
}
