//! Machines start and stop and reach each other; what their sessions want is done, and what is asked of their writers.

use suyuan_engine::sync::{Action, Event};
use suyuan_engine::witnessing::Event as Round;
use suyuan_engine::writer::{Command, RecoverError};

use super::fact::{Fact, Ticket};
use super::machine::NotStarted;
use super::network::{Due, pair};
use super::world::World;

impl World {
    pub fn boot(&mut self, at: usize) {
        if self.machines[at].running.is_some() || self.machines[at].founded.is_none() {
            return;
        }
        let (rng, spread, now) = (self.chance.fork(), self.chance.seed(), self.now);
        let machine = &mut self.machines[at];
        match machine.boot(now, rng, spread) {
            Ok(()) if !machine.power.is_off() => {
                let life = machine.life;
                self.agenda.add(now + 1, Due::Tick { at, life });
                for other in (0..self.machines.len()).filter(|other| *other != at) {
                    let time = now + self.chance.between(1, 2000);
                    self.agenda.add(time, Due::Link { pair: pair(at, other), up: true });
                }
            }
            Err(NotStarted::Disk(RecoverError::Behind { .. })) if !machine.power.is_off() => {
                let newest = machine.aside.take();
                self.played.add("mixedUp", u64::from(newest.is_some()));
                machine.facts.borrow_mut().push(Fact::Refused { expected: newest.is_some() });
                // Whoever looks after it puts the newest copy back.
                newest.into_iter().for_each(|newest| *machine.platter.borrow_mut() = newest);
                self.crash(at);
            }
            Err(why) if !machine.power.is_off() => {
                machine.facts.borrow_mut().push(Fact::Broken(why.to_string()));
                self.crash(at);
            }
            _ => self.crash(at),
        }
    }

    /// The power goes at one machine; somebody switches it on again later.
    pub fn crash(&mut self, at: usize) {
        self.machines[at].stop();
        self.played.add("crashes", 1);
        self.machines[at].facts.borrow_mut().push(Fact::Crashed);
        for other in 0..self.machines.len() {
            self.link(pair(at, other), false);
        }
        let time = self.now + self.chance.between(200, 12_000);
        self.agenda.add(time, Due::Boot { at });
    }

    pub fn link(&mut self, pair: (usize, usize), up: bool) {
        let (one, other) = pair;
        let run = |at: usize| self.machines[at].running.is_some();
        let connected = self.links.session(one, other).is_some();
        let knows = |at: usize, other: usize| self.machines[at].knows(&self.machines[other].id);
        if one == other || connected == up || (up && !(run(one) && run(other) && knows(one, other) && knows(other, one))) {
            return;
        }
        if up {
            self.links.connect(pair);
        } else {
            self.links.cut(pair);
        }
        for (at, peer) in [(one, other), (other, one)] {
            let member = self.machines[peer].id;
            self.event(at, if up { Event::Connected(member) } else { Event::Disconnected(member) });
            self.round(at, if up { Round::Connected(member) } else { Round::Disconnected(member) });
        }
    }

    pub fn event(&mut self, at: usize, event: Event) {
        let now = self.now;
        let Some(running) = &mut self.machines[at].running else { return };
        for action in running.sync.handle(event, now) {
            self.act(at, action);
        }
    }

    fn act(&mut self, at: usize, action: Action) {
        match action {
            Action::Ask { member, request } => self.ask(at, &member, request),
            Action::TakeIn { batch, .. } => self.command(at, Ticket::Batch(batch.log), Command::TakeIn(batch)),
            Action::Fill { log, items, .. } => self.command(at, Ticket::Gap, Command::Fill { log, items }),
            Action::Convict { evidence, .. } => self.command(at, Ticket::Evidence(None), Command::Convict(evidence)),
            Action::Learn { member, history } => self.command(at, Ticket::History(member), Command::Learn(history)),
            Action::OwnHeadDisputed => {
                if let Some(running) = &mut self.machines[at].running {
                    running.free = false;
                }
                self.trace.note(self.now, format_args!("{at} may not author"));
            }
            Action::Penalise { member, why, .. } => self.machines[at].facts.borrow_mut().push(Fact::Accused { member, why }),
            Action::OwnHeadKnown => {
                if let Some(running) = &mut self.machines[at].running {
                    running.free = true;
                }
                self.trace.note(self.now, format_args!("{at} may author"));
                self.command(at, Ticket::Nobody, Command::Found);
                // Whoever waited for it is let in at once.
                if self.active && self.chance.permille(500) {
                    self.wish_at(at);
                }
            }
        }
    }

    pub fn command(&mut self, at: usize, ticket: Ticket, command: Command) {
        let delay = self.chance.between(1, 40);
        let machine = &mut self.machines[at];
        let life = machine.life;
        if let Some(running) = &mut machine.running {
            running.queue.push((ticket, command));
            if !running.due {
                running.due = true;
                self.agenda.add(self.now + delay, Due::Work { at, life });
            }
        }
    }

    pub fn work(&mut self, at: usize, life: u32) {
        let now = self.now;
        let machine = &mut self.machines[at];
        let time = machine.clock.read(now);
        let Some(running) = machine.running.as_mut().filter(|_| machine.life == life) else { return };
        running.due = false;
        let group = std::mem::take(&mut running.queue);
        let done = running.writer.work(group, time);
        match done {
            Err(why) if !machine.power.is_off() => machine.facts.borrow_mut().push(Fact::Broken(why.to_string())),
            Ok(()) if !machine.power.is_off() => return,
            _ => {}
        }
        self.crash(at);
    }
}
