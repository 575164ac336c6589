//! No honest member is named for something.

use suyuan_engine::sync::Why;
use suyuan_engine::writer::Done;

use super::{Invariant, Scene};
use crate::sim::fact::{Fact, Ticket};
use crate::sim::nature::Nature;

pub struct Honour;

impl Invariant for Honour {
    fn name(&self) -> &'static str {
        "honest members are not accused"
    }

    fn observe(&mut self, scene: &Scene<'_>, at: usize, fact: &Fact) -> Result<(), String> {
        if let Fact::Told(Ticket::Evidence(_), Ok(Done::Convicted(Some(conviction)))) = fact {
            let innocent = scene.author(&conviction.log()).is_some_and(|author| scene.is_honest(author.index));
            return if innocent { Err("an honest member was convicted".to_owned()) } else { Ok(()) };
        }
        let Fact::Accused { member, why } = fact else { return Ok(()) };
        let Some(accused) = scene.machines.iter().find(|machine| machine.id == *member) else { return Ok(()) };
        // Whoever hands on one history of a member that has two is taken for the liar.
        let two = |log| scene.author(log).is_some_and(|author| author.nature == Nature::Forker);
        let forked = matches!(why, Why::Batch { log, .. } | Why::Short(log) if two(log));
        if scene.is_honest(at) && scene.is_honest(accused.index) && !forked {
            return Err(format!("it accuses node {}: {why}", accused.index));
        }
        Ok(())
    }
}
