//! What a relay keeps: packages by tag and member, each member's within its own share (`specs/relay.md`, What a relay keeps).

use std::collections::BTreeSet;

use suyuan_core::MemberId;
use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::relay::Tag;

use crate::ledger::Ledger;
use crate::limits;
use crate::schema::{Table, package_key, shelf_key};
use crate::view::{Changes, StoreError, View};
use crate::wire::{Collected, Fetched, Package};

/// What is kept for one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Number of the next package.
    pub next: u64,
    /// Packages.
    pub packages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Where collecting goes on.
    pub cursor: Option<Vec<u8>>,
}

impl Account {
    /// Reads it; an empty one where nothing is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(member: &MemberId, view: &impl View) -> Result<Self, StoreError> {
        let row = view.row(Table::Relay, &member.0)?;
        row.map_or(Ok(Self::default()), |row| Self::decode(&row).ok_or_else(|| damaged("the account of", member)))
    }

    /// All of them, by member.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn all(view: &impl View) -> Result<Vec<(MemberId, Self)>, StoreError> {
        let rows = view.rows(Table::Relay, &[], &[0xff; 33], usize::MAX)?;
        let account = |(key, row): &(Vec<u8>, Vec<u8>)| Some((MemberId(key.as_slice().try_into().ok()?), Self::decode(row)?));
        rows.iter().map(|row| account(row).ok_or_else(|| StoreError("an account of what is kept for others".into()))).collect()
    }

    fn decode(row: &[u8]) -> Option<Self> {
        let mut reader = Reader::open(row).ok()?;
        reader.array(4).ok()?;
        let mut number = || reader.uint().ok();
        let (next, packages, bytes) = (number()?, number()?, number()?);
        let cursor = if reader.null() { None } else { Some(reader.bytes(limits::CURSOR).ok()?.to_vec()) };
        Some(Self { next, packages, bytes, cursor })
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.array(4).uint(self.next).uint(self.packages).uint(self.bytes);
        match &self.cursor {
            None => writer.null(),
            Some(cursor) => writer.bytes(cursor),
        };
        writer.finish()
    }

    fn add(&mut self, bytes: u64) {
        self.packages = self.packages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn take(&mut self, bytes: u64) {
        self.packages = self.packages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// The place of a package among those of its member, oldest first.
struct Place {
    tag: Tag,
    bytes: u64,
    time: u64,
}

impl Place {
    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.array(3).bytes(&self.tag).uint(self.bytes).uint(self.time);
        writer.finish()
    }

    fn decode(row: &[u8]) -> Option<Self> {
        let mut reader = Reader::open(row).ok()?;
        reader.array(3).ok()?;
        Some(Self { tag: reader.fixed().ok()?, bytes: reader.uint().ok()?, time: reader.uint().ok()? })
    }
}

/// How much of one member is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Bytes.
    pub bytes: u64,
    /// Packages.
    pub packages: u64,
}

impl Share {
    /// That of each member of this alliance.
    pub fn of(ledger: &Ledger) -> Self {
        let members = ledger.alliance.members().len() as u64;
        let bytes = limits::RELAYED_TOTAL.checked_div(members).unwrap_or(0).min(limits::RELAYED_BYTES);
        Self { bytes, packages: limits::RELAYED_PACKAGES }
    }
}

/// Keeps what was collected of a member, drops what is too much or too old of it, and looks after the member that follows it. Nothing changes where nothing is new.
/// `now` is in milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// [`StoreError`].
pub fn keep(member: &MemberId, collected: Collected, share: Share, ledger: &Ledger, view: &impl View, now: u64) -> Result<Changes, StoreError> {
    let Collected { cursor, packages } = collected;
    let mut changes = Changes::default();
    tidy_next(member, ledger, view, now, &mut changes)?;
    let before = Account::load(member, view)?;
    let mut account = Account { cursor: Some(cursor), ..before.clone() };
    let active = ledger.alliance.active(member).is_some();
    // What is new counts first, so that it stays, and what is older goes.
    let mut fresh = Vec::new();
    for Package { tag, sealed } in packages.into_iter().filter(|_| active) {
        let key = package_key(&tag, member);
        if let Some(row) = view.row(Table::Package, &key)? {
            let (number, _, old) = split(&row).ok_or_else(|| damaged("a package of", member))?;
            changes.delete(Table::Shelf, shelf_key(member, number));
            account.take(old.len() as u64);
        }
        account.add(sealed.len() as u64);
        let number = account.next.saturating_add(fresh.len() as u64);
        fresh.push((number, key, Place { tag, bytes: sealed.len() as u64, time: now }, sealed));
    }
    account.next = account.next.saturating_add(fresh.len() as u64);
    let gone: BTreeSet<Vec<u8>> = changes.rows.iter().filter(|(table, ..)| *table == Table::Shelf).map(|(_, key, _)| key.clone()).collect();
    drop_oldest(member, &mut account, (share, active), view, now, &mut changes, |key| gone.contains(key))?;
    for (number, key, place, sealed) in fresh {
        changes.put(Table::Shelf, shelf_key(member, number), place.encode());
        changes.put(Table::Package, key, [&number.to_be_bytes()[..], &now.to_be_bytes(), &sealed].concat());
    }
    save(member, &before, &account, active, &mut changes);
    Ok(changes)
}

/// Drops what is too old of the next member that something is kept of, or everything where it has left: so all have their turn, whoever is still there.
fn tidy_next(member: &MemberId, ledger: &Ledger, view: &impl View, now: u64, changes: &mut Changes) -> Result<(), StoreError> {
    let after = [&member.0[..], &[0]].concat();
    let mut next = view.rows(Table::Relay, &after, &[0xff; 33], 1)?;
    if next.is_empty() {
        next = view.rows(Table::Relay, &[], &member.0, 1)?;
    }
    let Some(other) = next.first().and_then(|(key, _)| Some(MemberId(key.as_slice().try_into().ok()?))) else { return Ok(()) };
    let before = Account::load(&other, view)?;
    let mut account = before.clone();
    let active = ledger.alliance.active(&other).is_some();
    drop_oldest(&other, &mut account, (Share::of(ledger), active), view, now, changes, |_| false)?;
    save(&other, &before, &account, active, changes);
    Ok(())
}

fn save(member: &MemberId, before: &Account, account: &Account, active: bool, changes: &mut Changes) {
    if !active && account.packages == 0 {
        if before != &Account::default() {
            changes.delete(Table::Relay, member.0);
        }
    } else if account != before {
        changes.put(Table::Relay, member.0, account.encode());
    }
}

/// Drops the oldest packages of a member until the rest is within its share and not too old; all, where it has left. At most [`limits::DROPPED`] at once.
fn drop_oldest(
    member: &MemberId,
    account: &mut Account,
    (share, active): (Share, bool),
    view: &impl View,
    now: u64,
    changes: &mut Changes,
    gone: impl Fn(&Vec<u8>) -> bool,
) -> Result<(), StoreError> {
    let mut from = shelf_key(member, 0);
    let mut dropped = 0usize;
    while dropped < limits::DROPPED {
        let rows = view.rows(Table::Shelf, &from, &shelf_key(member, u64::MAX), 64)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        from = [&last[..], &[0]].concat();
        for (key, row) in rows {
            let place = Place::decode(&row).ok_or_else(|| damaged("a package of", member))?;
            if gone(&key) {
                continue;
            }
            let fits = account.bytes <= share.bytes && account.packages <= share.packages;
            if active && fits && !is_old(place.time, now) {
                return Ok(());
            }
            account.take(place.bytes);
            changes.delete(Table::Package, package_key(&place.tag, member));
            changes.delete(Table::Shelf, key);
            dropped = dropped.saturating_add(1);
        }
    }
    Ok(())
}

fn is_old(time: u64, now: u64) -> bool {
    now.saturating_sub(time) >= limits::RELAYED_FOR
}

/// What is kept under these tags, of members of today: as many tags, from the first on, as a message has room for.
///
/// # Errors
/// [`StoreError`].
pub fn fetch(tags: &[Tag], ledger: &Ledger, view: &impl View, now: u64) -> Result<Fetched, StoreError> {
    let (mut answered, mut packages, mut weight) = (0u64, Vec::new(), 0usize);
    for tag in tags {
        if weight >= limits::BATCH_BYTES {
            break;
        }
        // The smallest first: whoever puts large ones beside those of another does not keep these back.
        let mut found = under(tag, ledger, view, now)?;
        found.sort_by_key(Vec::len);
        for sealed in found {
            let heavier = weight.saturating_add(sealed.len());
            if heavier > 3 * limits::BATCH_BYTES || packages.len() >= limits::PACKAGES {
                break;
            }
            weight = heavier;
            packages.push(Package { tag: *tag, sealed });
        }
        answered = answered.saturating_add(1);
    }
    Ok(Fetched { answered, packages })
}

fn under(tag: &Tag, ledger: &Ledger, view: &impl View, now: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let end = [&package_key(tag, &MemberId([0xff; 32]))[..], &[0]].concat();
    let rows = view.rows(Table::Package, tag, &end, suyuan_core::limits::MEMBERS)?;
    let mut found = Vec::new();
    for (key, row) in rows {
        let member = key.get(32..).and_then(|member| Some(MemberId(member.try_into().ok()?)));
        let (Some(member), Some((_, time, sealed))) = (member, split(&row)) else {
            return Err(StoreError("a package that is kept for others".into()));
        };
        if ledger.alliance.active(&member).is_some() && !is_old(time, now) {
            found.push(sealed.to_vec());
        }
    }
    Ok(found)
}

/// Number, time and package of a row.
fn split(row: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (number, rest) = row.split_at_checked(8)?;
    let (time, sealed) = rest.split_at_checked(8)?;
    Some((u64::from_be_bytes(number.try_into().ok()?), u64::from_be_bytes(time.try_into().ok()?), sealed))
}

/// Holds all three tables against each other.
///
/// # Errors
/// [`StoreError`] names the first member for which they do not agree.
pub fn check(view: &impl View) -> Result<(), StoreError> {
    let (mut shelved, mut kept) = (0u64, 0u64);
    for (member, account) in Account::all(view)? {
        let mut found = Account { packages: 0, bytes: 0, ..account.clone() };
        let mut from = shelf_key(&member, 0);
        loop {
            let rows = view.rows(Table::Shelf, &from, &[&member.0[..], &[0xff; 9]].concat(), 1024)?;
            let Some((last, _)) = rows.last() else { break };
            from = [&last[..], &[0]].concat();
            for (key, row) in rows {
                let number = key.get(32..).and_then(|number| Some(u64::from_be_bytes(number.try_into().ok()?)));
                let place = Place::decode(&row).filter(|_| number < Some(account.next)).ok_or_else(|| damaged("a package of", &member))?;
                let package = view.row(Table::Package, &package_key(&place.tag, &member))?;
                let same = package
                    .as_deref()
                    .and_then(split)
                    .is_some_and(|(of, time, sealed)| Some(of) == number && time == place.time && sealed.len() as u64 == place.bytes);
                if !same {
                    return Err(damaged("a package of", &member));
                }
                found.add(place.bytes);
            }
        }
        if found != account {
            return Err(damaged("the account of", &member));
        }
        shelved = shelved.saturating_add(account.packages);
    }
    for table in [Table::Shelf, Table::Package] {
        kept = kept.saturating_add(count(view, table)?);
    }
    if kept == shelved.saturating_mul(2) { Ok(()) } else { Err(StoreError("packages that are kept for nobody".into())) }
}

fn count(view: &impl View, table: Table) -> Result<u64, StoreError> {
    let (mut count, mut from) = (0u64, Vec::new());
    loop {
        let rows = view.rows(table, &from, &[0xff; 65], 256)?;
        let Some((last, _)) = rows.last() else { return Ok(count) };
        count = count.saturating_add(rows.len() as u64);
        from = [&last[..], &[0]].concat();
    }
}

fn damaged(what: &str, member: &MemberId) -> StoreError {
    StoreError(format!("{what} member {member} that is kept for others"))
}
