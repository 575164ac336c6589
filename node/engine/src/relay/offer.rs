//! What an author gives to a relay: packages of its own statements for members of circles that are away.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::CryptoRng;
use suyuan_core::CircleId;
use suyuan_core::MemberId;
use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::circle::{TYPE as CIRCLE_TYPE, Tier};
use suyuan_core::relay::{RelayKey, Tag};

use super::Holder;
use crate::access::{self, Action};
use crate::circles::Epoch;
use crate::epoch;
use crate::limits;
use crate::record::Outline;
use crate::schema::{Row, Table};
use crate::serve;
use crate::view::{StoreError, View};
use crate::wire::{Collected, Item, Package};

/// What is known of the others at the moment.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Members that are not connected, or were not for long enough to have everything.
    pub away: BTreeSet<MemberId>,
    /// Entries of the own log that are published.
    pub published: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub now: u64,
}

/// How far a relay has got. Only its author can read it: a relay does not learn which entries its packages are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    /// Version of the alliance: when keys have changed, epoch statements are given anew.
    version: u64,
    /// The epoch statement to go on with, by its sequence, and the member in it.
    epoch: (u64, u64),
    /// The entry to go on with.
    entry: u64,
}

impl Cursor {
    fn open(sealed: &[u8], asker: &MemberId, holder: &Holder<'_, impl View>) -> Option<Self> {
        let opened = holder.local.open_header(&cursor_row(asker), sealed).ok()?;
        let mut reader = Reader::open(&opened).ok()?;
        reader.array(4).ok()?;
        let mut number = || reader.uint().ok();
        Some(Self { version: number()?, epoch: (number()?, number()?), entry: number()? })
    }

    fn seal(self, asker: &MemberId, holder: &Holder<'_, impl View>, rng: &mut impl CryptoRng) -> Result<Vec<u8>, StoreError> {
        let mut writer = Writer::default();
        writer.array(4).uint(self.version).uint(self.epoch.0).uint(self.epoch.1).uint(self.entry);
        holder.local.seal_header(&cursor_row(asker), writer.finish(), rng)
    }
}

/// What a cursor is bound to: no row has a key like that.
fn cursor_row(asker: &MemberId) -> Vec<u8> {
    [b"relay".as_slice(), &asker.0].concat()
}

/// Packages for a relay, from where its cursor ends. One that is not of this node's making is taken for none.
///
/// # Errors
/// [`StoreError`].
pub fn offer(
    cursor: Option<&[u8]>,
    asker: &MemberId,
    holder: &Holder<'_, impl View>,
    around: &Surroundings,
    rng: &mut impl CryptoRng,
) -> Result<Collected, StoreError> {
    let version = holder.ledger.alliance.version();
    let before = cursor.and_then(|sealed| Cursor::open(sealed, asker, holder));
    let mut at = before.unwrap_or_default();
    if at.version != version {
        at = Cursor { version, epoch: (0, 0), ..at };
    }
    let mut giving = Giving { holder, around, asker, rng, packages: BTreeMap::new(), weight: 0 };
    giving.epochs(&mut at)?;
    giving.entries(&mut at)?;
    let Giving { packages, rng, .. } = giving;
    let cursor = match cursor {
        Some(same) if before == Some(at) => same.to_vec(),
        _ => at.seal(asker, holder, rng)?,
    };
    Ok(Collected { cursor, packages: packages.into_iter().map(|(tag, sealed)| Package { tag, sealed }).collect() })
}

struct Giving<'a, V, R> {
    holder: &'a Holder<'a, V>,
    around: &'a Surroundings,
    asker: &'a MemberId,
    rng: &'a mut R,
    packages: BTreeMap<Tag, Vec<u8>>,
    weight: usize,
}

impl<V: View, R: CryptoRng> Giving<'_, V, R> {
    fn is_full(&self) -> bool {
        self.weight >= limits::BATCH_BYTES
            || self.packages.len().saturating_add(suyuan_core::limits::SECTIONS * suyuan_core::limits::AUDIENCES) > limits::PACKAGES
    }

    /// Whether those who are there may not have got it yet, and one of them may be gone without anybody having noticed.
    fn is_fresh(&self, time: u64) -> bool {
        time <= self.around.now && self.around.now - time < super::courier::NOTICED
    }

    fn is_away(&self, member: &MemberId) -> bool {
        self.around.away.contains(member) && self.holder.ledger.alliance.active(member).is_some()
    }

    /// Epoch statements of circles that this member steers, each with its slip, for every member that is away.
    fn epochs(&mut self, at: &mut Cursor) -> Result<(), StoreError> {
        let mut numbers: BTreeMap<MemberId, u64> = BTreeMap::new();
        for (row, epoch) in own_epochs(self.holder)? {
            let members: Vec<MemberId> = epoch.members.keys().filter(|member| **member != self.holder.ledger.me).copied().collect();
            let due = row.sequence >= at.epoch.0 && row.sequence < self.around.published;
            if due && !self.epoch(row, &members, &numbers, at)? {
                return Ok(());
            }
            for member in members {
                let number = numbers.entry(member).or_default();
                *number = number.saturating_add(1);
            }
        }
        Ok(())
    }

    /// One of them. Says whether it is done with.
    fn epoch(&mut self, row: Row, members: &[MemberId], numbers: &BTreeMap<MemberId, u64>, at: &mut Cursor) -> Result<bool, StoreError> {
        if row.sequence > at.epoch.0 {
            at.epoch = (row.sequence, 0);
        }
        let outline = Outline::load(row, self.holder.view, self.holder.local)?;
        let fresh = outline.is_some_and(|outline| self.is_fresh(outline.statement().time));
        for member in members.iter().skip(usize::try_from(at.epoch.1).unwrap_or(usize::MAX)) {
            let away = self.is_away(member);
            if self.is_full() || (fresh && !away) {
                return Ok(false);
            }
            if away {
                self.epoch_package(row, member, numbers.get(member).copied().unwrap_or(0))?;
            }
            at.epoch.1 = at.epoch.1.saturating_add(1);
        }
        at.epoch = (row.sequence.saturating_add(1), 0);
        Ok(true)
    }

    fn epoch_package(&mut self, row: Row, member: &MemberId, number: u64) -> Result<(), StoreError> {
        let Holder { ledger, secrets, view, local, .. } = self.holder;
        let Some(key) = self.holder.pair_key(&ledger.me, member) else { return Ok(()) };
        let item = serve::item(row, member, ledger, *view, local)?;
        let Some(mut item) = item else { return Ok(()) };
        epoch::add_slips(std::slice::from_mut(&mut item), member, ledger, secrets, self.rng);
        self.pack(&key, number, &item);
        Ok(())
    }

    /// What this member addressed to circles of which somebody is away.
    fn entries(&mut self, at: &mut Cursor) -> Result<(), StoreError> {
        let ledger = self.holder.ledger;
        let log = ledger.own_log();
        let Some(head) = ledger.logs.known(&log) else { return Ok(()) };
        let end = ledger.convictions.common(&log).map_or(self.around.published, |common| common.min(self.around.published)).min(head.size());
        let end = end.min(at.entry.saturating_add(limits::COLLECTED));
        while at.entry < end && !self.is_full() {
            let row = Row { log: head.number, sequence: at.entry };
            if let Some(outline) = Outline::load(row, self.holder.view, self.holder.local)?
                && self.is_to_wait(outline)?
            {
                return Ok(());
            }
            at.entry = at.entry.saturating_add(1);
        }
        Ok(())
    }

    /// Packs a statement for each circle that it is addressed to, where somebody needs that. Says whether it is too early to tell.
    fn is_to_wait(&mut self, outline: Outline) -> Result<bool, StoreError> {
        let time = outline.statement().time;
        if outline.statement().kind == CIRCLE_TYPE {
            return Ok(false);
        }
        let audiences: BTreeMap<(CircleId, u64), u64> =
            outline.audiences().map(|audience| ((audience.circle, audience.epoch), audience.counter)).collect();
        let mut relayed: Vec<((CircleId, u64), u64)> = Vec::new();
        let mut needed = false;
        for ((circle, number), counter) in audiences {
            let Some(epoch) = self.relayed(&circle, number, &outline.statement().kind) else { continue };
            needed |= epoch.members.keys().any(|member| self.is_away(member));
            relayed.push(((circle, number), counter));
        }
        if !needed {
            return Ok(!relayed.is_empty() && self.is_fresh(time));
        }
        for ((circle, number), counter) in relayed {
            let Some(key) = self.holder.epoch_key(&circle, number) else { continue };
            if let Some(item) = serve::item_of_circle(outline.clone(), &circle, number, self.holder.view, self.holder.local)? {
                self.pack(&key, counter, &item);
            }
        }
        Ok(false)
    }

    /// The epoch, where what is addressed to the circle in it may go by way of this relay: the relay is not in it, and would give it away itself, and everybody
    /// who is may hold records of this type.
    fn relayed(&self, circle: &CircleId, number: u64, kind: &str) -> Option<&Epoch> {
        let ledger = self.holder.ledger;
        let known = ledger.circles.circle(circle).filter(|known| known.tier() != Tier::General)?;
        let epoch = known.epochs().get(&number)?;
        let may_hold = |member: &MemberId| access::may(&ledger.alliance, &ledger.circles, member, Action::Hold, circle, Some(number), kind);
        let all = epoch.members.keys().filter(|member| ledger.alliance.active(member).is_some()).all(may_hold);
        (all && !epoch.members.contains_key(self.asker)).then_some(epoch)
    }

    /// An item that is too large is given directly only.
    fn pack(&mut self, key: &RelayKey, number: u64, item: &Item) {
        let log = self.holder.ledger.own_log();
        let mut salt = [0; 24];
        self.rng.fill_bytes(&mut salt);
        if let Ok(tag) = key.tag(&log.member, log.incarnation, number)
            && let Ok(sealed) = key.seal(&tag, &item.to_bytes(), salt)
        {
            self.weight = self.weight.saturating_add(sealed.len());
            self.packages.insert(tag, sealed);
        }
    }
}

/// The epochs of circles that this member steers, in the order of its log. Those of the alliance circle are everybody's to give.
fn own_epochs<'a>(holder: &Holder<'a, impl View>) -> Result<BTreeMap<Row, &'a Epoch>, StoreError> {
    let ledger = holder.ledger;
    let own = ledger.logs.known(&ledger.own_log()).map(|head| head.number);
    let mut epochs = BTreeMap::new();
    for circle in ledger.circles.iter().filter(|circle| circle.steward == ledger.me && circle.tier() != Tier::General) {
        for epoch in circle.epochs().values() {
            let row = holder.view.row(Table::ById, &epoch.statement.0)?.and_then(|key| Row::from_key(&key));
            if let Some(row) = row.filter(|row| Some(row.log) == own) {
                epochs.insert(row, epoch);
            }
        }
    }
    Ok(epochs)
}
