//! One run: machines, what is on its way between them, and the time. Everything that is random comes from the seed.

use std::collections::BTreeSet;

use suyuan_core::MemberId;
use suyuan_engine::epoch;
use suyuan_engine::equivocation;
use suyuan_engine::mend;
use suyuan_engine::replica::BatchError;
use suyuan_engine::sync::{Action, Event};
use suyuan_engine::wire::{LogSize, Request, Response};
use suyuan_engine::writer::{Command, Done, Outcome, RecoverError, SubmitError};

use super::chance::Chance;
use super::fact::{Fact, Ticket};
use super::founding::Foundation;
use super::invariant::{self, Invariant, Scene};
use super::machine::{Clock, Machine, NotStarted};
use super::nature::{Memory, Nature, twist};
use super::network::{Agenda, Due, Links, pair};
use super::plan::Plan;
use super::played::Played;
use super::trace::{Trace, short, whose};
use super::trouble;
use super::workload::{self, Wish, Workload};

/// Between two looks of a machine's sessions at the time, at most.
const TICK: u64 = 1000;
/// Until a request that is not answered has failed.
const PATIENCE: u64 = 12_000;

/// What is not as it has to be.
#[derive(Debug)]
pub struct Breach {
    /// Name of the invariant.
    pub invariant: &'static str,
    pub what: String,
}

pub struct World {
    pub plan: Plan,
    pub chance: Chance,
    pub machines: Vec<Machine>,
    pub links: Links,
    pub agenda: Agenda,
    pub now: u64,
    /// Whether things still break.
    pub active: bool,
    /// Whether the alliance has come to more liars than it bears: the run ends.
    pub beyond: bool,
    pub played: Played,
    pub trace: Trace,
    pub steps: u64,
    memories: Vec<Memory>,
    pub workloads: Vec<Box<dyn Workload>>,
    invariants: Vec<Box<dyn Invariant>>,
    pub wishes: u64,
    /// Those of them that want somebody back who has left.
    returning: BTreeSet<u64>,
    /// Heads of the order log that rivals of others' stand behind, by term.
    pub rumours: Vec<(u64, String)>,
}

impl World {
    /// The world of a seed, before anything has happened; so many of the last lines of its trace are kept to be shown.
    ///
    /// # Errors
    /// Why the alliance could not be founded.
    pub fn new(seed: u64, lines: usize) -> Result<Self, String> {
        let mut chance = Chance::new(seed);
        let plan = Plan::draw(&mut chance);
        let foundation = Foundation::of(plan.natures.len(), plan.seal)?;
        let natures = plan.natures.iter().copied().chain(std::iter::repeat_n(Nature::Honest, plan.candidates));
        let mut machines: Vec<Machine> = natures.enumerate().map(|(index, nature)| Machine::new(index, nature, &foundation)).collect();
        let mut trace = Trace::new(lines);
        trace.note(0, format_args!("seed {seed}: {plan:?}"));
        for machine in &mut machines {
            machine.clock = Clock { start: trouble::start(plan.is_astray(machine.index), &plan, &mut chance), frozen: None };
        }
        let mut agenda = Agenda::default();
        for at in 0..machines.len() {
            agenda.add(chance.between(0, 2000), Due::Boot { at });
        }
        agenda.add(chance.between(1000, 4000), Due::Wish);
        agenda.add(chance.between(2000, 6000), Due::Trouble);
        Ok(Self {
            memories: machines.iter().map(|_| Memory::default()).collect(),
            invariants: invariant::all(&foundation, &plan, machines.len()),
            workloads: workload::all(&plan),
            plan,
            chance,
            machines,
            links: Links::default(),
            agenda,
            now: 0,
            active: true,
            beyond: false,
            played: Played::default(),
            trace,
            steps: 0,
            wishes: 0,
            returning: BTreeSet::new(),
            rumours: Vec::new(),
        })
    }

    /// Does the next thing that is due.
    ///
    /// # Errors
    /// [`Breach`].
    pub fn step(&mut self) -> Result<(), Breach> {
        let Some((time, due)) = self.agenda.next() else { return Ok(()) };
        self.now = time;
        self.steps += 1;
        match due {
            Due::Request { from, to, session, request } => self.requested(from, to, session, request),
            Due::Answer { from, to, session, request, bytes } => self.answered(from, to, session, request, bytes),
            Due::Link { pair, up } => self.link(pair, up),
            Due::Work { at, life } => self.work(at, life),
            Due::Tick { at, life } if self.machines[at].life == life => {
                self.welcome(at);
                self.event(at, Event::Tick);
                self.decide(at);
                if self.machines[at].nature == Nature::Turncoat && self.chance.permille(80) {
                    self.betray(at);
                }
                let next = self.now + self.chance.between(TICK / 2, TICK);
                self.agenda.add(next, Due::Tick { at, life });
            }
            Due::Tick { .. } => {}
            Due::Boot { at } => self.boot(at),
            Due::Wish => self.wish(),
            Due::Vote { at, proposal, choice, tries } => self.vote(at, proposal, choice, tries),
            Due::Trouble => self.trouble(),
        }
        self.look()
    }

    /// What holds when everything has come to rest.
    ///
    /// # Errors
    /// [`Breach`].
    pub fn settled(&self) -> Result<(), Breach> {
        let scene = Scene { machines: &self.machines, now: self.now };
        self.invariants.iter().try_for_each(|invariant| invariant.settled(&scene).map_err(|what| Breach { invariant: invariant.name(), what }))
    }

    /// What holds at the end.
    ///
    /// # Errors
    /// [`Breach`].
    pub fn ended(&self) -> Result<(), Breach> {
        let scene = Scene { machines: &self.machines, now: self.now };
        self.invariants.iter().try_for_each(|invariant| invariant.ended(&scene).map_err(|what| Breach { invariant: invariant.name(), what }))
    }

    /// Shows every fact since the last look to the invariants, and passes results on to whom they concern.
    fn look(&mut self) -> Result<(), Breach> {
        loop {
            let Some(at) = self.machines.iter().position(|machine| !machine.facts.borrow().is_empty()) else { return Ok(()) };
            let facts = self.machines[at].facts.take();
            for fact in facts {
                self.note(at, &fact);
                let scene = Scene { machines: &self.machines, now: self.now };
                for invariant in &mut self.invariants {
                    invariant
                        .observe(&scene, at, &fact)
                        .map_err(|what| Breach { invariant: invariant.name(), what: format!("node {at}: {what}") })?;
                }
                self.pass_on(at, fact);
            }
        }
    }

    fn note(&mut self, at: usize, fact: &Fact) {
        let now = self.now;
        match fact {
            Fact::Booted(state) => {
                self.trace.note(now, format_args!("{at} boots, own log {}", state.ledger.logs.head(&state.ledger.own_log()).size()))
            }
            Fact::Wrote { entries, system } => self.trace.note(now, format_args!("{at} wrote {entries:?} {}", system.len())),
            Fact::Kept { circle, epoch } => self.trace.note(now, format_args!("{at} kept {}/{epoch}", short(&circle.0))),
            Fact::Anchored(published) => self.trace.note(now, format_args!("{at} anchored {} {}", published.size, short(&published.root))),
            Fact::Shown(_) | Fact::Announced(_) => {}
            Fact::Told(ticket, outcome) => self.trace.note(now, format_args!("{at} told {ticket:?} {}", describe(outcome))),
            Fact::Accused { member, why } => self.trace.note(now, format_args!("{at} accuses {}: {why}", short(&member.0))),
            Fact::Noticed(notice) => self.trace.note(now, format_args!("{at} notices {notice:?}")),
            Fact::Refused { .. } | Fact::Broken(_) | Fact::Crashed | Fact::Restored | Fact::Rekeyed => {
                self.trace.note(now, format_args!("{at} {fact:?}"))
            }
        }
    }

    fn pass_on(&mut self, at: usize, fact: Fact) {
        match fact {
            Fact::Told(Ticket::Batch(log), outcome) => {
                let here = LogSize { log, size: self.machines[at].size(&log) };
                self.event(
                    at,
                    match outcome {
                        Ok(Done::TakenIn(taken)) => Event::TakenIn(taken.log),
                        Err(SubmitError::Batch(error)) => Event::Refused { log: here, error },
                        _ => Event::Refused { log: here, error: BatchError::Elsewhere },
                    },
                );
            }
            Fact::Told(Ticket::Gap, outcome) => self.event(
                at,
                match outcome {
                    Ok(_) => Event::Filled,
                    Err(SubmitError::Batch(error)) => Event::NotFilled(error),
                    Err(_) => Event::NotFilled(BatchError::Elsewhere),
                },
            ),
            Fact::Told(Ticket::Evidence(by), outcome) => self.convicted(at, by, outcome),
            Fact::Told(Ticket::History(member), Ok(Done::Learned(result))) => self.event(at, Event::Learned { member, result }),
            Fact::Announced(sizes) => self.event(at, Event::Local(sizes)),
            Fact::Told(Ticket::Wish(number), Ok(Done::Written(receipt))) => self.written(at, number, &receipt),
            Fact::Told(Ticket::Wish(_), Ok(Done::Cosigned(Ok(_)))) => self.played.add("cosigned", 1),
            Fact::Told(Ticket::Wish(number), Err(_)) if self.returning.contains(&number) => self.played.add("readmissionsRefused", 1),
            Fact::Shown(_) => self.regroup(at),
            _ => {}
        }
    }

    fn convicted(&mut self, at: usize, by: Option<MemberId>, outcome: Outcome) {
        match (outcome, by) {
            (Ok(Done::Convicted(Some(conviction))), _) => {
                if let Some(running) = &mut self.machines[at].running {
                    running.sync.convict(&conviction);
                }
                self.event(at, Event::Tick);
            }
            (Err(SubmitError::Evidence(fault)), Some(member)) => self.event(at, Event::Slander { member, fault }),
            _ => {}
        }
    }

    fn boot(&mut self, at: usize) {
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

    fn work(&mut self, at: usize, life: u32) {
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

    fn requested(&mut self, from: usize, to: usize, session: u64, request: Request) {
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

    fn answered(&mut self, from: usize, to: usize, session: u64, request: Request, bytes: Option<Vec<u8>>) {
        if self.links.session(from, to) != Some(session) {
            return;
        }
        let member = self.machines[from].id;
        let Some(bytes) = bytes else { return self.event(to, Event::Failed { member, request }) };
        let response = Response::decode(&bytes, &self.machines[to].foundation.alliance.id());
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

    /// A client of one machine wants something.
    fn wish(&mut self) {
        let at = self.chance.index(self.machines.len());
        self.wish_at(at);
        let next = self.now + self.chance.between(1, 2 * self.plan.wish_every);
        self.agenda.add(next, Due::Wish);
    }

    /// Asks a machine for something. Says whether it may author.
    pub fn wish_at(&mut self, at: usize) -> bool {
        let which = workload::weighted(&self.workloads, &mut self.chance);
        let machine = &self.machines[at];
        if !machine.running.as_ref().is_some_and(|running| running.free) {
            return false;
        }
        let number = self.wishes;
        let time = machine.clock.read(self.now);
        let Some(Wish { command, what }) = self.workloads[which].wish(machine, number, time, &mut self.chance) else { return true };
        self.wishes += 1;
        self.trace.note(self.now, format_args!("{at} is asked for {number}: {what}"));
        if matches!(&command, Command::Propose(request) if request.change.kind() == "admit") {
            self.returning.insert(number);
        }
        for invariant in &mut self.invariants {
            invariant.wished(at, number, &command);
        }
        self.command(at, Ticket::Wish(number), command);
        true
    }
}

fn asked(request: &Request) -> String {
    match request {
        Request::Pull { log, from } => format!("{} from {from}", whose(log)),
        Request::Grown(LogSize { log, size }) => format!("nothing, {} has grown to {size}", whose(log)),
        Request::Listing { gap, from } => format!("where {} wrote to {} from {from}", whose(&gap.log), short(&gap.circle.0)),
        Request::Items { log, sequences } => format!("{} at {sequences:?}", whose(log)),
        Request::Heads => "heads".to_owned(),
        Request::OrderHeads(heads) => format!("{} heads of the order log", heads.len()),
        Request::Counters(from) => format!("counters from {}", short(&from.0)),
        other => format!("{other:?}"),
    }
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Ok(Done::Written(receipt)) => format!("written {} at {} ({})", receipt.ids.len(), receipt.first, receipt.replayed),
        Ok(Done::Opened(circle)) => format!("opened {}/{}", short(&circle.id.0), circle.epoch()),
        Ok(Done::TakenIn(taken)) => format!("taken in {} of {}", taken.log.size, whose(&taken.log.log)),
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}
