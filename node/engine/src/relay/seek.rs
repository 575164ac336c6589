//! What a reader asks relays for, and what it does with what it gets: which tags may be of something that it lacks, and the items in the packages.

use std::collections::{BTreeMap, BTreeSet};

use suyuan_core::circle::{Rights, Tier};
use suyuan_core::log::LogId;
use suyuan_core::relay::{RelayKey, Tag};
use suyuan_core::statement::id_of;
use suyuan_core::{CircleId, MemberId, StatementId};

use super::{Holder, Source};
use crate::limits;
use crate::record::Outline;
use crate::schema::{Row, Table, index_key};
use crate::view::{StoreError, View};
use crate::wire::{Item, Package};

/// Tags that are asked for, and what each stands for. It goes to nobody.
pub type Sought = BTreeMap<Tag, Source>;

/// What is asked for together: one author's statements to a circle in an epoch, or a steward's epoch statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Epoch statements come first: without them the tags of the rest are not known.
    Epochs(LogId),
    /// Statements.
    Statements(CircleId, u64, LogId),
}

/// What a round of asking is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeking {
    /// What was asked for last in this round.
    pub after: Option<Unit>,
    /// Members that can be asked themselves.
    pub near: BTreeSet<MemberId>,
    /// Tags that are not asked for now.
    pub resting: BTreeSet<Tag>,
}

/// The next tags to ask for, at most [`limits::TAGS`], and the unit that is then done; nothing where the round is.
///
/// # Errors
/// [`StoreError`].
pub fn seek(seeking: &Seeking, holder: &Holder<'_, impl View>) -> Result<(Sought, Option<Unit>), StoreError> {
    let mut sought = Sought::new();
    let mut units = units(holder, &seeking.near).into_iter().filter(|unit| Some(unit) > seeking.after.as_ref()).peekable();
    let mut last = None;
    for unit in units.by_ref() {
        sought.extend(tags(&unit, holder)?.into_iter().filter(|(tag, _)| !seeking.resting.contains(tag)));
        last = Some(unit);
        // A unit has at most twice as many as lie ahead.
        if sought.len().saturating_add(2 * limits::AHEAD as usize) > limits::TAGS {
            break;
        }
    }
    Ok((sought, last.filter(|_| units.peek().is_some())))
}

/// Everything that members which cannot be asked may have written for this one.
fn units(holder: &Holder<'_, impl View>, near: &BTreeSet<MemberId>) -> BTreeSet<Unit> {
    let ledger = holder.ledger;
    let alliance = &ledger.alliance;
    let far = |member: &MemberId| *member != ledger.me && !near.contains(member) && alliance.active(member).is_some();
    let mut units: BTreeSet<Unit> =
        alliance.members().iter().filter(|member| far(&member.id)).map(|member| Unit::Epochs(alliance.log_of(&member.id))).collect();
    for circle in ledger.circles.iter().filter(|circle| circle.tier() != Tier::General) {
        for (number, epoch) in circle.epochs().iter().filter(|(number, _)| holder.secrets.of(&circle.id, **number).is_some()) {
            let writers = epoch.members.iter().filter(|(member, rights)| **rights == Rights::Write && far(member));
            units.extend(writers.map(|(member, _)| Unit::Statements(circle.id, *number, alliance.log_of(member))));
        }
    }
    units
}

fn tags(unit: &Unit, holder: &Holder<'_, impl View>) -> Result<Vec<(Tag, Source)>, StoreError> {
    let tag = |key: &RelayKey, log: &LogId, number| key.tag(&log.member, log.incarnation, number).ok();
    match *unit {
        Unit::Epochs(log) => {
            let Some(key) = holder.pair_key(&log.member, &holder.ledger.me) else { return Ok(Vec::new()) };
            let known = holder.ledger.circles.iter().filter(|circle| circle.steward == log.member && circle.tier() != Tier::General);
            let known =
                known.flat_map(|circle| circle.epochs().values()).filter(|epoch| epoch.members.contains_key(&holder.ledger.me)).count() as u64;
            let numbers = known.saturating_sub(limits::EPOCHS_AROUND)..known.saturating_add(limits::EPOCHS_AROUND);
            Ok(numbers.filter_map(|number| Some((tag(&key, &log, number)?, Source::Epoch { log, number }))).collect())
        }
        Unit::Statements(circle, epoch, log) => {
            let Some(key) = holder.epoch_key(&circle, epoch) else { return Ok(Vec::new()) };
            let counters = lacking(&circle, &log, holder)?.into_iter();
            Ok(counters.filter_map(|counter| Some((tag(&key, &log, counter)?, Source::Statement { circle, epoch, log, counter }))).collect())
        }
    }
}

/// The counters of an author's statements to a circle that may be lacking here: the first ones that are, and those ahead.
fn lacking(circle: &CircleId, log: &LogId, holder: &Holder<'_, impl View>) -> Result<Vec<u64>, StoreError> {
    let head = holder.ledger.logs.known(log);
    let counter = head.map(|head| holder.ledger.counters.of(circle, head.number)).unwrap_or_default();
    let mut lacking = Vec::new();
    if let Some(head) = head.filter(|_| counter.held < counter.next) {
        let (held, end) = held(circle, head.number, holder)?;
        let holes = (0..end.unwrap_or(counter.next)).filter(|number| !held.contains(number));
        lacking.extend(holes.take(limits::AHEAD as usize));
    }
    lacking.extend(counter.next..counter.next.saturating_add(limits::AHEAD));
    Ok(lacking)
}

/// The counters of what is held of an author in a circle; and up to which counter that was looked at, if not to the end.
fn held(circle: &CircleId, log: u32, holder: &Holder<'_, impl View>) -> Result<(BTreeSet<u64>, Option<u64>), StoreError> {
    let name = holder.local.name(Table::ByCircle, &circle.0);
    let key = |sequence| index_key(&name, Row { log, sequence });
    let mut held = BTreeSet::new();
    let rows = holder.view.rows(Table::ByCircle, &key(0), &key(u64::MAX), limits::HOLES)?;
    let cut = rows.len() == limits::HOLES;
    for (key, _) in rows {
        let row = key.get(name.len()..).and_then(Row::from_key).ok_or_else(|| StoreError("a circle's row".into()))?;
        if let Some(outline) = Outline::load(row, holder.view, holder.local)? {
            held.extend(outline.audiences().filter(|audience| audience.circle == *circle).map(|audience| audience.counter));
        }
    }
    let end = held.last().copied().filter(|_| cut);
    Ok((held, end))
}

/// What packages held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Items of the logs that they were sought in, epoch statements first. What they say is still to be checked, like what any member gives.
    pub items: Vec<(LogId, Item)>,
    /// Tags of items whose entries are not here yet.
    pub early: BTreeSet<Tag>,
    /// Tags of epoch statements that are in effect here: their numbers overlap with those that are not.
    pub held: BTreeSet<Tag>,
}

/// Opens packages that were sought. What does not open, or was not sought, is nothing: nobody can tell whose fault it is.
pub fn open(packages: &[Package], sought: &Sought, holder: &Holder<'_, impl View>) -> Opened {
    let mut found: Vec<(Source, Item)> = Vec::new();
    let (mut early, mut held) = (BTreeSet::new(), BTreeSet::new());
    let epochs = holder.ledger.circles.iter().flat_map(|circle| circle.epochs().values()).map(|epoch| epoch.statement);
    let known: BTreeSet<StatementId> = epochs.collect();
    for Package { tag, sealed } in packages {
        let Some(source) = sought.get(tag) else { continue };
        let key = match source {
            Source::Epoch { log, .. } => holder.pair_key(&log.member, &holder.ledger.me),
            Source::Statement { circle, epoch, .. } => holder.epoch_key(circle, *epoch),
        };
        let item = key.and_then(|key| key.open(tag, sealed).ok()).and_then(|item| Item::decode(&item).ok());
        let Some(item) = item else { continue };
        if known.contains(&id_of(&item.statement)) {
            held.insert(*tag);
        } else if holder.ledger.logs.known(&source.log()).is_some_and(|head| item.sequence < head.size()) {
            found.push((*source, item));
        } else {
            early.insert(*tag);
        }
    }
    found.sort_by_key(|(source, _)| *source);
    Opened { items: found.into_iter().map(|(source, item)| (source.log(), item)).collect(), early, held }
}
