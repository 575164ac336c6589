//! One run: machines, what is on its way between them, and the time. Everything that is random comes from the seed.

use std::collections::BTreeSet;

use suyuan_core::MemberId;
use suyuan_engine::replica::BatchError;
use suyuan_engine::sync::Event;
use suyuan_engine::wire::LogSize;
use suyuan_engine::witnessing::Event as Round;
use suyuan_engine::writer::{Done, Outcome, SubmitError, Witnessed};

use super::chance::Chance;
use super::fact::{Fact, Ticket};
use super::founding::Foundation;
use super::invariant::{self, Invariant, Scene};
use super::machine::{Clock, Machine};
use super::nature::{Memory, Nature};
use super::network::{Agenda, Due, Links};
use super::plan::Plan;
use super::played::Played;
use super::trace::{Trace, short, whose};
use super::trouble;
use super::workload::{self, Workload};

/// Between two looks of a machine's sessions at the time, at most.
const TICK: u64 = 1000;

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
    pub memories: Vec<Memory>,
    pub workloads: Vec<Box<dyn Workload>>,
    pub invariants: Vec<Box<dyn Invariant>>,
    pub wishes: u64,
    /// Those of them that want somebody back who has left.
    pub returning: BTreeSet<u64>,
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
        let mut plan = Plan::draw(&mut chance);
        plan.draw_fire(&mut Chance::new(!seed));
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
        plan.fire.into_iter().for_each(|(at, time)| agenda.add(time, Due::Fire { at }));
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
                self.turn_rounds(at);
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
            Due::Fire { at } => self.burn(at),
            Due::Rescue { at } => self.rescue(at),
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
            Fact::Refused { .. } | Fact::Broken(_) | Fact::Crashed | Fact::Restored | Fact::Burned | Fact::Rekeyed => {
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
            Fact::Told(Ticket::Wish(_), Ok(Done::Waiting(_))) => self.played.add("waited", 1),
            Fact::Told(Ticket::Wish(_), Ok(Done::Keys(change))) => self.propose_keys(at, &change),
            Fact::Told(Ticket::Round, Ok(Done::Witnessed(Witnessed { cosigned, waiting }))) => {
                self.played.add("witnessed", cosigned.len() as u64);
                self.round(at, Round::Judged { cosigned, waiting });
            }
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
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Ok(Done::Written(receipt)) => format!("written {} at {} ({})", receipt.ids.len(), receipt.first, receipt.replayed),
        Ok(Done::Opened(circle)) => format!("opened {}/{}", short(&circle.id.0), circle.epoch()),
        Ok(Done::Keys(_)) => "new keys".to_owned(),
        Ok(Done::Witnessed(judged)) => {
            let cosigned: Vec<String> = judged.cosigned.iter().map(|one| format!("{} of {}", one.head.size, short(&one.log.member.0))).collect();
            format!("cosigned {}, {} wait", cosigned.join(" and "), judged.waiting.len())
        }
        Ok(Done::TakenIn(taken)) => format!("taken in {} of {}", taken.log.size, whose(&taken.log.log)),
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}
