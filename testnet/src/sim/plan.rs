//! What a seed is about: how many members, which of them lie, and how hard it goes.

use suyuan_core::quorum::Quorum;

use super::chance::Chance;
use super::nature::{LIARS, Nature};

/// The plan of one run. Times are in milliseconds, chances in thousandths.
#[derive(Debug)]
pub struct Plan {
    pub natures: Vec<Nature>,
    /// How many may be admitted beside the founders.
    pub candidates: usize,
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
    /// Whether clocks are wrong by years: nothing is decided then but what many clocks agree on by chance.
    pub skewed: bool,
    /// Otherwise, so many clocks are.
    pub astray: usize,
    /// T of the charter.
    pub seal: u64,
    /// Whether members cosign each other's checkpoints.
    pub rounds: bool,
    /// Whether members exchange their keys.
    pub rekeys: bool,
    /// Which machine burns down, and when.
    pub fire: Option<(usize, u64)>,
}

impl Plan {
    /// Whether a machine's clock is wrong by years.
    pub fn is_astray(&self, at: usize) -> bool {
        self.skewed || at < self.astray
    }

    /// How far a clock is wrong that is not astray, milliseconds: little beside T.
    pub fn clocks(&self) -> u64 {
        self.seal / 16
    }

    pub fn draw(chance: &mut Chance) -> Self {
        // What members tell each other of the order log grows with the cube of their number.
        let count = match chance.between(0, 200) {
            0..180 => chance.between(4, 8),
            180..199 => chance.between(8, 12),
            _ => chance.between(12, 21),
        };
        let count = usize::try_from(count).unwrap_or(4);
        let mut natures = vec![Nature::Honest; count];
        // No more than an alliance bears, its regulator aside.
        let most = Quorum::of(if count < 5 { count } else { count - 1 }).liars();
        let lying = chance.index(most + 1);
        for _ in 0..lying {
            let (at, nature) = (chance.index(count), chance.pick(&LIARS).copied().unwrap_or(Nature::Mute));
            // An alliance whose founder hands out no key never begins.
            natures[at] = if at == 0 && nature == Nature::Mute { Nature::Honest } else { nature };
        }
        let calm = chance.permille(100);
        Self {
            natures,
            candidates: [0, 0, 1, 2][chance.index(4)],
            active: chance.between(20_000, 70_000),
            wish_every: chance.between(600, 2500),
            trouble_every: if calm { u64::MAX / 4 } else { chance.between(1500, 8000) },
            delay: [20, 100, 400, 3000][chance.index(4)],
            loss: [0, 0, 5, 30, 100][chance.index(5)],
            repeat: [0, 10, 100][chance.index(3)],
            skewed: chance.permille(150),
            astray: if chance.permille(300) { most - lying } else { 0 },
            seal: if count > 8 { 240_000 } else { [40_000, 100_000, 240_000][chance.index(3)] },
            rounds: chance.permille(400),
            rekeys: chance.permille(400),
            fire: None,
        }
    }

    /// Lets a machine burn down now and then, by a chance of its own, so that nothing else of the seed is another.
    pub fn draw_fire(&mut self, chance: &mut Chance) {
        let (at, time) = (chance.index(self.natures.len()), chance.between(self.active / 4, self.active));
        self.fire = (chance.permille(250) && !self.skewed).then_some((at, time));
    }
}
