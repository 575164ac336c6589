//! Left in peace, honest members come to agree: the same logs, circles, epochs and void entries, and everything that is for somebody is held and opened.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::circle::{PUBLIC, Tier, alliance_circle};
use suyuan_core::log::LogId;
use suyuan_core::section::Body;
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::fsck;
use suyuan_engine::logs;
use suyuan_engine::record::{HeldRecord, Opened};
use suyuan_engine::schema::{Row, Table};
use suyuan_engine::view::View;
use suyuan_engine::writer::State;

use super::{Invariant, Scene};
use crate::sim::fact::Fact;
use crate::sim::machine::Machine;
use crate::sim::nature::Nature;

pub struct Converged;

impl Invariant for Converged {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn observe(&mut self, _: &Scene<'_>, _: usize, _: &Fact) -> Result<(), String> {
        Ok(())
    }

    fn settled(&self, scene: &Scene<'_>) -> Result<(), String> {
        scene.present().try_for_each(|machine| same_logs(scene, machine))?;
        scene.present().try_for_each(|machine| same_circles(scene, machine))?;
        scene.present().try_for_each(|machine| same_void(scene, machine))?;
        scene.present().try_for_each(|machine| same_addresses(scene, machine))?;
        scene.present().try_for_each(|author| everything_reaches_its_readers(scene, author))
    }

    fn ended(&self, scene: &Scene<'_>) -> Result<(), String> {
        let count = scene.present().count();
        let chosen = usize::try_from(scene.now).unwrap_or(0).checked_rem(count).unwrap_or(0);
        scene.present().nth(chosen).map_or(Ok(()), is_whole)
    }
}

fn running(machine: &Machine) -> Result<&State, String> {
    let free = machine.running.as_ref().is_some_and(|running| running.free);
    machine.state().filter(|_| free).ok_or_else(|| format!("node {} does not author", machine.index))
}

/// Of honest members' logs everybody has all; of the others' nobody has what another contradicts, unless the author itself has two histories.
fn same_logs(scene: &Scene<'_>, machine: &Machine) -> Result<(), String> {
    let state = running(machine)?;
    for author in scene.machines.iter().filter(|author| author.nature != Nature::Forker) {
        let log = author.log();
        if author.nature == Nature::Honest && scene.present().any(|present| present.index == author.index) {
            let theirs = running(author)?;
            let head = |state: &State| state.ledger.logs.head(&log).tree_head();
            if head(state) != head(theirs) {
                return Err(format!(
                    "node {} has {} of {} entries of node {}'s log",
                    machine.index,
                    head(state).size,
                    head(theirs).size,
                    author.index
                ));
            }
            let published = theirs.published.as_ref().map_or(0, |published| published.size);
            if published != head(theirs).size {
                return Err(format!("node {} has published {published} of {} entries", author.index, head(theirs).size));
            }
        } else if let Some(other) = scene.present().next() {
            let shared = machine.size(&log).min(other.size(&log));
            let entries = |of: &Machine| -> Option<_> {
                let head = of.state()?.ledger.logs.known(&log)?;
                logs::entries(&of.rows(), head.number, 0..shared).ok()
            };
            if shared > 0 && entries(machine) != entries(other) {
                return Err(format!("nodes {} and {} have other entries of node {}'s log", machine.index, other.index, author.index));
            }
        }
    }
    Ok(())
}

/// Everybody who is in a circle whose steward is honest knows all epochs that it is or was in, and has their keys. Who is no longer in it is not told how much
/// there is, and what did not reach it while it was may never do.
fn same_circles(scene: &Scene<'_>, machine: &Machine) -> Result<(), String> {
    let state = running(machine)?;
    for steward in scene.present().filter(|steward| !steward.restored) {
        let theirs = running(steward)?;
        for circle in theirs.ledger.circles.iter().filter(|circle| circle.steward == steward.id) {
            let mut known = state.ledger.circles.circle(&circle.id).map(|known| known.epochs().clone()).unwrap_or_default();
            let mut mine = circle.epochs().clone();
            mine.retain(|_, epoch| epoch.members.contains_key(&machine.id));
            if circle.tier() == Tier::General {
                // Several have kept it, some of them liars: what matters is the epoch of today.
                mine.retain(|number, _| *number == circle.epoch());
                known.retain(|number, _| *number == circle.epoch());
            }
            let left = !mine.contains_key(&circle.epoch());
            if left && known.iter().all(|(number, epoch)| mine.get(number) == Some(epoch)) {
                continue;
            }
            if known != mine {
                let numbers = |epochs: BTreeMap<u64, _>| epochs.into_keys().collect::<Vec<_>>();
                let (index, by) = (machine.index, steward.index);
                return Err(format!(
                    "node {index} knows epochs {:?} of a circle of node {by}, {:?}, and is in {:?}",
                    numbers(known),
                    circle.tier(),
                    numbers(mine)
                ));
            }
            if let Some(number) = mine.keys().find(|number| state.secrets.of(&circle.id, **number).is_none()) {
                return Err(format!("node {} has no key of epoch {number} of a circle of node {}", machine.index, steward.index));
            }
        }
    }
    Ok(())
}

/// Nobody finds void what another does not. What a relay has left out nobody can tell from what is masked.
fn same_void(scene: &Scene<'_>, machine: &Machine) -> Result<(), String> {
    let relays = scene.machines.iter().any(|other| matches!(other.nature, Nature::Withholder | Nature::Changer | Nature::Replayer));
    for author in scene.machines.iter().filter(|author| author.nature != Nature::Forker) {
        let log = author.log();
        let Some(other) = scene.present().next() else { continue };
        let shared = machine.size(&log).min(other.size(&log));
        let found = |of: &Machine| void(of, &log, shared);
        let (mine, theirs) = (found(machine)?, found(other)?);
        let contradiction = mine.iter().any(|(sequence, bytes)| theirs.get(sequence).is_some_and(|other| other != bytes));
        if contradiction || (!relays && mine != theirs) {
            return Err(format!("nodes {} and {} do not find the same entries of node {}'s log void", machine.index, other.index, author.index));
        }
        if author.nature == Nature::Honest && !mine.is_empty() {
            return Err(format!("node {} finds an entry of honest node {} void", machine.index, author.index));
        }
    }
    Ok(())
}

fn void(machine: &Machine, log: &LogId, shared: u64) -> Result<BTreeMap<u64, Vec<u8>>, String> {
    let Some(number) = machine.state().and_then(|state| state.ledger.logs.known(log)).map(|head| head.number) else { return Ok(BTreeMap::new()) };
    let (from, to) = (Row { log: number, sequence: 0 }, Row { log: number, sequence: shared });
    let rows = machine.rows().rows(Table::Void, &from.key(), &to.key(), usize::MAX).map_err(|error| error.to_string())?;
    Ok(rows.into_iter().filter_map(|(key, value)| Some((Row::from_key(&key)?.sequence, value))).collect())
}

fn same_addresses(scene: &Scene<'_>, machine: &Machine) -> Result<(), String> {
    let state = running(machine)?;
    let circle = alliance_circle(&machine.foundation.alliance.id());
    if state.secrets.of(&circle, 1).is_none() {
        return Ok(());
    }
    for author in scene.present() {
        if state.ledger.addresses.of(&author.id) != running(author)?.ledger.addresses.of(&author.id) {
            return Err(format!("node {} does not know where node {} says that it is reached", machine.index, author.index));
        }
    }
    Ok(())
}

/// What an author's record has for one audience, by its place.
type Sections = BTreeMap<(u8, u8), (CircleId, u64, Body)>;

/// Every record is opened by those whom it is for, and by nobody else.
fn everything_reaches_its_readers(scene: &Scene<'_>, author: &Machine) -> Result<(), String> {
    let log = author.log();
    let readers = readers(scene)?;
    for sequence in 0..author.size(&log) {
        let mut told = Sections::new();
        let mut seen: Vec<(&Machine, Sections)> = Vec::new();
        for machine in scene.present() {
            let sections = opened(machine, &log, sequence)?;
            told.extend(sections.clone());
            seen.push((machine, sections));
        }
        for (machine, sections) in seen {
            for (place, (circle, epoch, body)) in &told {
                let known = readers.get(&(*circle, *epoch));
                let own = machine.id == author.id;
                let may = *circle == PUBLIC || own || known.is_none_or(|readers| readers.may.contains(&machine.id));
                let must = *circle == PUBLIC || (own && !machine.restored) || known.is_some_and(|readers| readers.must.contains(&machine.id));
                let (index, by) = (machine.index, author.index);
                match sections.get(place) {
                    Some((_, _, other)) if other != body => return Err(format!("node {index} reads something else at {sequence} of node {by}")),
                    Some(_) if !may => return Err(format!("node {index} reads entry {sequence} of node {by}, which is not for it")),
                    None if must => return Err(format!("node {index} cannot open entry {sequence} of node {by}, part {place:?}")),
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// Honest members of one epoch.
#[derive(Default)]
struct Readers {
    /// Those that are in it.
    may: BTreeSet<MemberId>,
    /// Of them, those that hold its key, and are told what there is: they are in the newest epoch.
    must: BTreeSet<MemberId>,
}

/// The readers of every epoch of which its steward tells.
fn readers(scene: &Scene<'_>) -> Result<BTreeMap<(CircleId, u64), Readers>, String> {
    let mut readers: BTreeMap<_, Readers> = BTreeMap::new();
    for steward in scene.machines {
        let circles = steward.state().into_iter().flat_map(|state| state.ledger.circles.iter()).filter(|circle| circle.steward == steward.id);
        for (circle, number, epoch) in circles.flat_map(|circle| circle.epochs().iter().map(move |(number, epoch)| (circle, *number, epoch))) {
            let of = readers.entry((circle.id, number)).or_default();
            for machine in scene.present().filter(|machine| epoch.members.contains_key(&machine.id)) {
                of.may.insert(machine.id);
                if circle.rights(&machine.id, None).is_some() && running(machine)?.secrets.of(&circle.id, number).is_some() {
                    of.must.insert(machine.id);
                }
            }
        }
    }
    Ok(readers)
}

/// The audiences of a record that a machine holds and whose section it opens.
pub(super) fn opened(machine: &Machine, log: &LogId, sequence: u64) -> Result<Sections, String> {
    let state = running(machine)?;
    let mut sections = Sections::new();
    let Some(row) = machine.row(log, sequence) else { return Ok(sections) };
    let Some(record) = HeldRecord::load(row, &machine.rows(), machine.local()).map_err(|error| error.to_string())? else { return Ok(sections) };
    for section in &record.sections {
        let Opened::Body(body) = record.open(section, &state.secrets).map_err(|error| error.to_string())? else { continue };
        for audience in section.audiences.iter().filter(|audience| audience.wrap.is_some() || audience.header.circle == PUBLIC) {
            let (circle, epoch) = (audience.header.circle, audience.header.epoch);
            sections.insert((section.index, audience.index), (circle, epoch, body.clone()));
        }
    }
    Ok(sections)
}

/// Everything in its store that can be recomputed is what it ought to be.
fn is_whole(machine: &Machine) -> Result<(), String> {
    let state = running(machine)?;
    let checked = fsck::check(&state.ledger, &machine.rows(), machine.local(), &state.secrets, |_| {});
    checked.map(|_| ()).map_err(|finding| format!("the store of node {} is damaged: {finding}", machine.index))
}
