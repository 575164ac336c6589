//! What a seed is about: how many members, which of them lie, and how hard it goes.

use super::chance::Chance;
use super::nature::{LIARS, Nature};

/// The plan of one run. Times are in milliseconds, chances in thousandths.
#[derive(Debug)]
pub struct Plan {
    pub natures: Vec<Nature>,
    /// How long faults go on.
    pub active: u64,
    /// Between two wishes of clients, on the average.
    pub wish_every: u64,
    /// Between two troubles, on the average.
    pub trouble_every: u64,
    /// Longest usual delay of a message.
    pub delay: u64,
    /// Messages that are lost.
    pub loss: u64,
    /// Answers that come twice.
    pub repeat: u64,
    /// Whether clocks are wrong by years.
    pub skewed: bool,
}

impl Plan {
    pub fn draw(chance: &mut Chance) -> Self {
        let count = match chance.between(0, 100) {
            0..86 => chance.between(4, 9),
            86..97 => chance.between(9, 17),
            _ => chance.between(17, 33),
        };
        let count = usize::try_from(count).unwrap_or(4);
        let mut natures = vec![Nature::Honest; count];
        for _ in 0..chance.index(count / 3 + 1) {
            natures[chance.index(count)] = chance.pick(&LIARS).copied().unwrap_or(Nature::Mute);
        }
        let calm = chance.permille(100);
        Self {
            natures,
            active: chance.between(20_000, 70_000),
            wish_every: chance.between(600, 2500),
            trouble_every: if calm { u64::MAX / 4 } else { chance.between(1500, 8000) },
            delay: [20, 100, 400, 3000][chance.index(4)],
            loss: [0, 0, 5, 30, 100][chance.index(5)],
            repeat: [0, 10, 100][chance.index(3)],
            skewed: chance.permille(500),
        }
    }
}
