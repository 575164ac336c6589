//! `suyuan-testnet sim`: alliances in memory whose nodes run the engine itself, with crashing, lying and parted members, every one of them from a seed.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Args;
use serde_json::json;

use self::assembly::Motion;
use self::network::Due;
use self::played::Played;
use self::world::{Breach, World};

mod assembly;
mod chance;
mod clients;
mod disk;
mod fact;
mod fire;
mod founding;
mod invariant;
mod machine;
mod messages;
mod nature;
mod network;
mod newcomer;
mod plan;
mod played;
mod rounds;
mod running;
mod trace;
mod trouble;
mod turncoat;
mod workload;
mod world;

/// How long a world is left in peace at most, milliseconds of its time, until it has to agree; to this comes what members wait for a silent keeper.
const PEACE: u64 = 300_000;
/// Between two looks whether it does.
const LOOK: u64 = 4_000;
/// Steps of one run at most.
const STEPS: u64 = 2_000_000;
/// How many seeds are over between two words of progress.
const PROGRESS: u64 = 1000;

/// `suyuan-testnet sim`.
#[derive(Debug, Args)]
pub struct Flags {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// Every so many seeds one is played twice, and has to leave the same trace; 0 for none.
    #[arg(long, default_value_t = 0)]
    again: u64,
    /// No seed is begun after so many minutes; 0 for no end.
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// The last lines of the first seed that fails that are shown.
    #[arg(long, default_value_t = 60)]
    lines: usize,
}

/// What became of one seed.
#[derive(Debug)]
struct Run {
    digest: String,
    steps: u64,
    /// Until it agreed, milliseconds of its time after the last fault.
    peace: u64,
    breach: Option<Breach>,
    last: Vec<String>,
    /// How often what happened in it.
    played: Played,
}

impl Run {
    /// Compares it with the same seed played once more.
    fn compare(&mut self, again: &Self) {
        self.played.add("replayed", 1);
        if self.digest != again.digest && self.breach.is_none() {
            let what = format!("the trace is {}, and {} when it is played again", self.digest, again.digest);
            self.breach = Some(Breach { invariant: "bit by bit", what });
        }
    }
}

/// Runs the seeds. Says whether everything held in all of them.
///
/// # Errors
/// What could not be set up, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    let begun = Instant::now();
    let end = flags.first.saturating_add(flags.seeds);
    let (next, runs) = (AtomicU64::new(flags.first), Mutex::new(Vec::new()));
    let (over, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..flags.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || (flags.minutes > 0 && begun.elapsed().as_secs() >= 60 * flags.minutes) {
                        break;
                    }
                    let twice = seed.checked_rem(flags.again) == Some(0);
                    let run = play(seed, 0).and_then(|mut run| {
                        if twice {
                            run.compare(&play(seed, 0)?);
                        }
                        Ok(run)
                    });
                    if let Ok(Run { breach: Some(breach), .. }) = &run {
                        eprintln!("seed {seed}: {}: {}", breach.invariant, breach.what);
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    let played = over.fetch_add(1, Ordering::Relaxed) + 1;
                    if played.is_multiple_of(PROGRESS) {
                        let (failed, minutes) = (failed.load(Ordering::Relaxed), begun.elapsed().as_secs() / 60);
                        eprintln!("{played} of {} seeds, {failed} failed, {minutes} min", flags.seeds);
                    }
                    runs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((seed, run));
                }
            });
        }
    });
    let mut runs = runs.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    runs.sort_by_key(|(seed, _)| *seed);
    let runs: Vec<(u64, Run)> = runs.into_iter().map(|(seed, run)| Ok((seed, run?))).collect::<Result<_, String>>()?;
    report(&runs, begun.elapsed().as_secs_f64(), flags, as_json)
}

fn report(runs: &[(u64, Run)], seconds: f64, flags: &Flags, as_json: bool) -> Result<bool, String> {
    let mut all = blake3::Hasher::new();
    for (_, run) in runs {
        all.update(run.digest.as_bytes());
    }
    let digest: String = all.finalize().to_hex().chars().take(16).collect();
    let steps: u64 = runs.iter().map(|(_, run)| run.steps).sum();
    let peace = runs.iter().map(|(_, run)| run.peace).max().unwrap_or(0);
    let mut played = Played::default();
    runs.iter().for_each(|(_, run)| played.add_all(&run.played));
    let failed: Vec<_> = runs.iter().filter_map(|(seed, run)| Some((*seed, run.breach.as_ref()?))).collect();
    if as_json {
        let failures: Vec<_> =
            failed.iter().map(|(seed, breach)| json!({ "seed": seed, "invariant": breach.invariant, "what": breach.what })).collect();
        let mut told = json!({
            "seeds": runs.len(), "steps": steps, "seconds": seconds, "slowestAgreementSeconds": peace / 1000, "digest": digest,
            "failures": failures, "ok": failed.is_empty()
        });
        if let Some(told) = told.as_object_mut() {
            told.extend(played.iter().map(|(what, times)| (what.to_owned(), json!(times))));
        }
        println!("{told}");
    } else {
        for (seed, breach) in &failed {
            println!("seed {seed}: {}: {}", breach.invariant, breach.what);
        }
        let happened: Vec<String> = played.iter().map(|(what, times)| format!("{what}: {times}")).collect();
        println!(
            "{} seeds, {steps} steps, {}, {seconds:.1} s, slowest agreement after {} s, digest {digest}, {} failed",
            runs.len(),
            happened.join(", "),
            peace / 1000,
            failed.len()
        );
    }
    if let Some((seed, _)) = failed.first() {
        let again = play(*seed, flags.lines)?;
        again.last.iter().for_each(|line| eprintln!("{line}"));
        eprintln!("digest {}; once more: suyuan-testnet sim --seeds 1 --first {seed}", again.digest);
    }
    Ok(failed.is_empty())
}

/// Plays one seed to its end, or to the first breach.
///
/// # Errors
/// What could not be set up, in words.
fn play(seed: u64, lines: usize) -> Result<Run, String> {
    let mut world = World::new(seed, lines)?;
    let active = world.plan.active;
    let breach = world.run_until(active).and_then(|()| world.make_peace()).err();
    let peace = world.now.saturating_sub(active);
    let played = world.played();
    Ok(Run { digest: world.trace.digest(), steps: world.steps, peace, breach, last: world.trace.last(), played })
}

impl World {
    fn run_until(&mut self, time: u64) -> Result<(), Breach> {
        while self.now < time && self.steps < STEPS && !self.beyond {
            self.step()?;
        }
        Ok(())
    }

    /// All faults stop, but for those who lie. Everybody has to agree within bounds, and be able to write.
    fn make_peace(&mut self) -> Result<(), Breach> {
        self.active = false;
        let end = self.now + PEACE + 3 * self.plan.seal;
        self.agenda.keep(|due| !matches!(due, Due::Wish | Due::Trouble));
        for at in 0..self.machines.len() {
            self.machines[at].power.on();
            self.machines[at].clock.frozen = None;
            if !self.plan.skewed {
                self.machines[at].clock.start = trouble::start(false, &self.plan, &mut self.chance);
            }
            self.agenda.add(self.now + 10, Due::Boot { at });
            for other in at + 1..self.machines.len() {
                self.agenda.add(self.now + 100, Due::Link { pair: (at, other), up: true });
            }
        }
        let mut last: BTreeSet<usize> = self.present().collect();
        let mut motion = Motion::default();
        loop {
            self.run_until(self.now + LOOK)?;
            if self.beyond {
                return Ok(());
            }
            let present: BTreeSet<usize> = self.present().collect();
            last.retain(|at| present.contains(at) && !self.wish_at(*at));
            let mut settled = self.settled();
            if settled.is_ok() && last.is_empty() {
                if self.plan.skewed || self.is_carried(&mut motion) {
                    return self.ended();
                }
                settled = Err(Breach { invariant: "one order", what: self.stuck(&motion) });
            }
            if self.now >= end || self.steps >= STEPS {
                let some = last.first().map(|at| Breach { invariant: "convergence", what: format!("node {at} was never free to write") });
                return settled.and(some.map_or(Ok(()), Err));
            }
        }
    }
}
