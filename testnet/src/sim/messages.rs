//! What machines ask and answer each other, and what becomes of it on the way.

use suyuan_core::MemberId;
use suyuan_engine::epoch;
use suyuan_engine::equivocation;
use suyuan_engine::mend;
use suyuan_engine::sync::Event;
use suyuan_engine::wire::{LogSize, Request, Response};
use suyuan_engine::writer::Command;

use super::fact::Ticket;
use super::nature::{Nature, twist};
use super::network::Due;
use super::trace::{short, whose};
use super::world::World;

/// Until a request that is not answered has failed.
const PATIENCE: u64 = 12_000;

impl World {
    pub fn ask(&mut self, at: usize, member: &MemberId, request: Request) {
        let Some(to) = self.machines.iter().position(|machine| machine.id == *member) else { return };
        let Some(session) = self.links.session(at, to) else { return };
        self.trace.note(self.now, format_args!("{at} asks {to}: {}", asked(&request)));
        let time = self.now + self.delay();
        let lost = self.active && self.chance.permille(self.plan.loss);
        self.agenda.add(
            if lost { self.now + PATIENCE } else { time },
            match lost {
                false => Due::Request { from: at, to, session, request },
                true => Due::Answer { from: to, to: at, session, request, bytes: None },
            },
        );
    }

    fn delay(&mut self) -> u64 {
        if self.active { self.chance.between(1, self.plan.delay + 1) } else { self.chance.between(1, 30) }
    }

    pub fn requested(&mut self, from: usize, to: usize, session: u64, request: Request) {
        if self.links.session(from, to) != Some(session) {
            return;
        }
        let member = self.machines[from].id;
        let bytes = self.serve(to, from, &request);
        match &request {
            Request::Convict(evidence) => {
                let news = self.machines[to].state().is_some_and(|state| equivocation::is_news(evidence, &state.ledger));
                if news {
                    self.command(to, Ticket::Evidence(Some(member)), Command::Convict(evidence.clone()));
                }
            }
            Request::Grown(log) => self.event(to, Event::Holds { member, log: *log }),
            Request::OrderHeads(heads) => self.learn_heads(to, member, heads),
            Request::Cosigned(cosignatures) => self.cosigned(to, member, cosignatures),
            Request::Pull { log, from } => self.event(to, Event::Holds { member, log: LogSize { log: *log, size: *from } }),
            _ => {}
        }
        let lost = bytes.is_none() || (self.active && self.chance.permille(self.plan.loss));
        let time = self.now + if lost { PATIENCE } else { self.delay() };
        let repeat = self.active && !lost && self.chance.permille(self.plan.repeat);
        if repeat {
            let later = time + self.delay();
            self.agenda.add(later, Due::Answer { from: to, to: from, session, request: request.clone(), bytes: bytes.clone() });
        }
        self.agenda.add(time, Due::Answer { from: to, to: from, session, request, bytes: bytes.filter(|_| !lost) });
    }

    /// What leaves a machine as its answer.
    fn serve(&mut self, at: usize, asker: usize, request: &Request) -> Option<Vec<u8>> {
        let (machine, member) = (&self.machines[at], self.machines[asker].id);
        let twin = machine.twin.as_deref().filter(|_| asker % 2 == 1).unwrap_or(machine);
        // A row that cannot be read is found by whoever looks at everything in the end.
        let mut answer = twin.answer(&member, request).ok().flatten()?;
        if let (Response::Items(items), Some(state)) = (&mut answer, twin.state()) {
            epoch::add_slips(items, &member, &state.ledger, &state.secrets, &mut self.chance.fork());
        }
        let (nature, own) = (machine.nature, machine.log());
        if nature == Nature::Honest {
            return Some(answer.to_bytes());
        }
        twist(nature, &own, request, answer, &mut self.memories[at], &mut self.chance).map(|answer| answer.to_bytes())
    }

    pub fn answered(&mut self, from: usize, to: usize, session: u64, request: Request, bytes: Option<Vec<u8>>) {
        if self.links.session(from, to) != Some(session) {
            return;
        }
        let member = self.machines[from].id;
        let alliance = self.machines[to].foundation.alliance.id();
        if matches!(request, Request::Cosigned(_)) {
            return self.told(to, member, bytes.and_then(|bytes| Response::decode(&bytes, &alliance).ok()).as_ref());
        }
        let Some(bytes) = bytes else { return self.event(to, Event::Failed { member, request }) };
        let response = Response::decode(&bytes, &alliance);
        if let Ok(Response::OrderHeads(heads)) = &response {
            self.learn_heads(to, member, heads);
        }
        let study = response.as_ref().ok().and_then(|response| self.study(to, member, &request, response));
        self.event(to, Event::Answer { member, request, response });
        study.into_iter().for_each(|found| self.event(to, found));
    }

    /// What an answer about circles says, held against the machine's own ledger.
    fn study(&self, at: usize, member: MemberId, request: &Request, response: &Response) -> Option<Event> {
        let machine = &self.machines[at];
        let state = machine.state()?;
        let published = state.published.as_ref().map(|published| published.checkpoint.as_str());
        match (request, response) {
            (Request::Heads, Response::Heads(heads)) => {
                let logs = equivocation::differing(heads, &state.ledger, &machine.rows()).ok()?;
                (!logs.is_empty()).then_some(Event::Differing { member, logs })
            }
            (Request::Show { log, index }, Response::Shown(Some(shown))) => {
                let found = equivocation::compare(log, *index, shown, &state.ledger, published, &machine.rows());
                Some(Event::Compared { member, log: *log, index: *index, found })
            }
            (Request::Counters(_), Response::Counters(counts, _)) => Some(Event::Gaps { member, counts: mend::gaps(counts, &state.ledger) }),
            (Request::Listing { gap, .. }, Response::Listing(listed, next)) => {
                let lacking = mend::lacking(gap, listed, &state.ledger, &machine.rows(), machine.local());
                lacking.ok().map(|sequences| Event::Lacking { member, gap: *gap, sequences, next: *next })
            }
            _ => None,
        }
    }
}

fn asked(request: &Request) -> String {
    match request {
        Request::Pull { log, from } => format!("{} from {from}", whose(log)),
        Request::Grown(LogSize { log, size }) => format!("nothing, {} has grown to {size}", whose(log)),
        Request::Listing { gap, from } => format!("where {} wrote to {} from {from}", whose(&gap.log), short(&gap.circle.0)),
        Request::Items { log, sequences } => format!("{} at {sequences:?}", whose(log)),
        Request::Heads => "heads".to_owned(),
        Request::Cosigned(cosignatures) => format!("nothing, tells of {} cosignatures", cosignatures.len()),
        Request::OrderHeads(heads) => format!("{} heads of the order log", heads.len()),
        Request::Counters(from) => format!("counters from {}", short(&from.0)),
        other => format!("{other:?}"),
    }
}
