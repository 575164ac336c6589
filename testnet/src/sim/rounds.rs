//! Rounds of witnessing among the members: what a node's shell does for them each tick, and with what members tell of their cosignatures.

use suyuan_core::MemberId;
use suyuan_engine::sync::{self, Why};
use suyuan_engine::wire::{Request, Response};
use suyuan_engine::witnessing::{self, Action, Cosignature, Event, Local, VerifiedCosignature};
use suyuan_engine::writer::{Command, State};

use super::fact::{Fact, Ticket};
use super::world::World;

/// What the rounds have to know of a node.
pub fn local(state: &State) -> Local {
    Local::of(&state.ledger, state.published.as_ref().map(|published| published.checkpoint.as_str()))
}

impl World {
    pub fn turn_rounds(&mut self, at: usize) {
        let now = self.now;
        let Some(running) = self.machines[at].running.as_mut().filter(|_| self.plan.rounds) else { return };
        for action in running.rounds.tick(&local(running.writer.state()), now) {
            match action {
                Action::Tell { member, cosignatures } => self.ask(at, &member, Request::Cosigned(cosignatures)),
                Action::Judge { found, cosign } => self.command(at, Ticket::Round, Command::Witness { found, cosign }),
            }
        }
    }

    pub fn round(&mut self, at: usize, event: Event) {
        if let Some(running) = &mut self.machines[at].running {
            running.rounds.handle(event, self.now);
        }
    }

    /// What was told has arrived, or not.
    pub fn told(&mut self, at: usize, member: MemberId, response: Option<&Response>) {
        self.round(at, if matches!(response, Some(Response::Noted)) { Event::Told(member) } else { Event::NotTold(member) });
    }

    /// A member tells of its cosignatures.
    pub fn cosigned(&mut self, at: usize, member: MemberId, cosignatures: &[Cosignature]) {
        let Some(alliance) = self.machines[at].state().map(|state| state.ledger.alliance.clone()) else { return };
        match VerifiedCosignature::check_told(cosignatures.to_vec(), &member, &alliance) {
            Ok(found) => self.round(at, Event::Heard(found)),
            Err(fault) if witnessing::is_doubtful(fault) => {
                self.event(at, sync::Event::Doubted { member, version: alliance.version(), why: Why::Cosignature(fault) });
            }
            Err(fault) => self.machines[at].facts.borrow_mut().push(Fact::Accused { member, why: Why::Cosignature(fault) }),
        }
    }
}
