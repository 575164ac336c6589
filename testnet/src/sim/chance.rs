//! Everything that is left to chance in a run, from its seed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A seeded generator.
#[derive(Debug)]
pub struct Chance(StdRng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number in the range.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        if from < to { self.0.random_range(from..to) } else { from }
    }

    /// An index into something of this length; zero where it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        if len == 0 { 0 } else { self.0.random_range(0..len) }
    }

    /// Whether something happens that happens so many times in a thousand.
    pub fn permille(&mut self, times: u64) -> bool {
        self.between(0, 1000) < times
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }

    /// Another generator, for what must not disturb this one.
    pub fn fork(&mut self) -> StdRng {
        StdRng::seed_from_u64(self.between(0, u64::MAX))
    }

    /// A seed for something that spreads its timing.
    pub fn seed(&mut self) -> u64 {
        self.between(0, u64::MAX)
    }
}
