//! Four members: a hub that everybody reaches, and three that reach nobody else.

use std::collections::BTreeSet;
use std::sync::Arc;

use suyuan_core::charter::Role;
use suyuan_core::circle::{CircleMember, Rights, Terms, Tier};
use suyuan_core::log::LogId;
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::epoch::CircleRequest;
use suyuan_engine::mend;
use suyuan_engine::query::{Reader, SectionContent};
use suyuan_engine::relay::shelf::{self, Account, Share};
use suyuan_engine::relay::{self, Holder, Seeking, Surroundings};
use suyuan_engine::replica::{BatchError, Opening};
use suyuan_engine::schema::Row;
use suyuan_engine::wire::{Collected, Fetched, Item, Request, Response};

use crate::support::{Member, charter_of, encryption};

pub const ROLES: [(&str, Role); 4] = [("H", Role::Leader), ("A", Role::Upstream), ("B", Role::Downstream), ("R", Role::Regulator)];
pub const HUB: usize = 0;
pub const A: usize = 1;
pub const B: usize = 2;
pub const R: usize = 3;
/// Long after everything in these worlds was written.
pub const LATER: u64 = 3_600_000;

pub struct World {
    pub members: Vec<Member>,
    /// What an outsider sees who reads every message to and from the hub, and its disk.
    pub seen: Vec<Vec<u8>>,
    pub now: u64,
}

impl World {
    pub fn new() -> Self {
        let alliance = Arc::new(charter_of(&ROLES, [1; 32]).verify(None).unwrap());
        Self { members: (0..ROLES.len()).map(|index| Member::new(index, &alliance)).collect(), seen: Vec::new(), now: LATER }
    }

    pub fn id(&self, at: usize) -> MemberId {
        self.members[at].id()
    }

    /// Opens a circle of these, of which the first writes and steers.
    pub fn circle(&mut self, tier: Tier, of: &[usize]) -> CircleId {
        let request = self.request(None, tier, of);
        self.members[of[0]].open_circle(request)
    }

    /// The next epoch of a circle.
    pub fn next_epoch(&mut self, circle: CircleId, tier: Tier, of: &[usize]) {
        let request = self.request(Some(circle), tier, of);
        self.members[of[0]].open_circle(request);
    }

    fn request(&self, circle: Option<CircleId>, tier: Tier, of: &[usize]) -> CircleRequest {
        let rights = |at: usize| if at == of[0] || tier == Tier::Codevelopment && at != R { Rights::Write } else { Rights::Read };
        let members = of.iter().map(|at| CircleMember { member: self.id(*at), rights: rights(*at) }).collect();
        CircleRequest { circle, name: "SECRET-NAME".into(), purpose: "SECRET-PURPOSE".into(), tier, members, terms: Terms::default(), until: None }
    }

    pub fn put(&mut self, author: usize, circle: &CircleId, value: &str) {
        let body = format!(
            r#"{{"records":[{{"type":"inspection","about":["https://id.gs1.org/01/06901234567892/10/LOT"],"sections":[{{"for":"{circle}","fields":{{"result":"{value}"}}}}]}}]}}"#
        );
        self.members[author].put(&body);
    }

    /// One node pulls another's copy of a log.
    pub fn pull(&mut self, at: usize, from: usize, author: usize) {
        let log = self.members[author].own_log();
        let alliance = self.members[from].ledger.founded.alliance.clone();
        let mut puller = std::mem::replace(&mut self.members[at], Member::new(at, &alliance));
        puller.pull(&self.members[from], log);
        self.members[at] = puller;
    }

    /// What a node gives to a relay while the others are away.
    pub fn offered(&mut self, author: usize, cursor: Option<&[u8]>, away: &[usize]) -> Collected {
        let (hub, now) = (self.id(HUB), self.now);
        let away: BTreeSet<MemberId> = away.iter().map(|at| self.id(*at)).collect();
        let member = &mut self.members[author];
        let around = Surroundings { away, published: member.ledger.logs.head(&member.own_log()).size(), now };
        let keys = [encryption(member.index)];
        let holder = Holder { ledger: &member.ledger, secrets: &member.secrets, encryption: &keys, view: &member.view, local: &member.local };
        relay::offer(cursor, &hub, &holder, &around, &mut member.rng).unwrap()
    }

    /// The hub collects of a member until there is no more. Says how many packages came.
    pub fn collect(&mut self, author: usize, away: &[usize]) -> usize {
        let (of, alliance, mut count) = (self.id(author), self.members[HUB].own_log().alliance, 0);
        loop {
            let before = Account::load(&of, &self.members[HUB].view).unwrap().cursor;
            let request = Request::Collect(before.clone()).to_bytes();
            let response = Response::Collected(Some(self.offered(author, before.as_deref(), away))).to_bytes();
            let Ok(Response::Collected(Some(collected))) = Response::decode(&response, &alliance) else { panic!("not decoded") };
            self.seen.extend([request, response]);
            count += collected.packages.len();
            let done = before.as_ref() == Some(&collected.cursor);
            self.keep(author, collected);
            if done {
                return count;
            }
        }
    }

    pub fn keep(&mut self, author: usize, collected: Collected) {
        let share = Share::of(&self.members[HUB].ledger);
        self.keep_within(author, collected, share);
    }

    pub fn keep_within(&mut self, author: usize, collected: Collected, share: Share) {
        let (of, now) = (self.id(author), self.now);
        let hub = &mut self.members[HUB];
        let changes = shelf::keep(&of, collected, share, &hub.ledger, &hub.view, now).unwrap();
        self.seen.extend(changes.rows.iter().flat_map(|(_, key, value)| [key.clone(), value.clone().unwrap_or_default()]));
        hub.view.apply(&changes);
        shelf::check(&hub.view).unwrap();
    }

    /// A reader asks the hub for everything that it may lack, round after round, until a round brings nothing. Says how many items were taken in.
    pub fn fetch(&mut self, reader: usize) -> usize {
        self.fetch_by(reader, |_, fetched| fetched)
    }

    /// The same of a relay that changes its answers.
    pub fn fetch_by(&mut self, reader: usize, mut lie: impl FnMut(&Self, Fetched) -> Fetched) -> usize {
        let mut taken = 0;
        let near = BTreeSet::from([self.id(HUB)]);
        let mut resting = BTreeSet::new();
        loop {
            let (mut after, mut brought) = (None, 0);
            loop {
                let seeking = Seeking { after, near: near.clone(), resting: resting.clone() };
                let (sought, next) = relay::seek(&seeking, &self.holder(reader, &[encryption(reader)])).unwrap();
                let tags: Vec<_> = sought.keys().copied().collect();
                let hub = &self.members[HUB];
                let request = Request::Fetch(tags.clone()).to_bytes();
                assert!(request.len() <= 64 * 1024, "it fits into a request");
                let Ok(Request::Fetch(asked)) = Request::decode(&request, &hub.own_log().alliance) else { panic!("not decoded") };
                let fetched = lie(self, shelf::fetch(&asked, &hub.ledger, &hub.view, self.now).unwrap());
                let response = Response::Fetched(Some(fetched.clone())).to_bytes();
                self.seen.extend([request, response]);
                let opened = relay::open(&fetched.packages, &sought, &self.holder(reader, &[encryption(reader)]));
                resting.extend(fetched.packages.iter().map(|package| package.tag).filter(|tag| !opened.early.contains(tag)));
                for (log, item) in opened.items {
                    brought += usize::from(self.fill(reader, log, item).is_ok());
                }
                after = next;
                if after.is_none() {
                    break;
                }
            }
            taken += brought;
            if brought == 0 {
                return taken;
            }
        }
    }

    pub fn holder<'a>(&'a self, at: usize, keys: &'a [suyuan_core::circle::PrekeySecret]) -> Holder<'a, suyuan_engine::view::MemoryView> {
        let Member { ledger, secrets, view, local, .. } = &self.members[at];
        Holder { ledger, secrets, encryption: keys, view, local }
    }

    /// Takes an item in, as a node does.
    pub fn fill(&mut self, at: usize, log: LogId, item: Item) -> Result<(), BatchError> {
        let member = &mut self.members[at];
        let before = member.ledger.clone();
        let key = encryption(at);
        let opening = Opening { local: &member.local, secrets: &member.secrets, encryption: &[&key] };
        let mut filled = mend::fill(&log, vec![item], &member.ledger, &member.view, opening, &mut None, &mut member.rng)?;
        let mut opened = Vec::new();
        for given in std::mem::take(&mut filled.given) {
            let Ok(content) = given.content else { continue };
            opened.push(content.circle);
            member.secrets.insert(content.circle, content.epoch, content.secret);
        }
        member.ledger.counters.merge(filled.counters);
        for record in &filled.records {
            member.ledger.learn(record, &member.secrets).unwrap();
        }
        member.ledger.count_new_circles(&before, &filled.records, &member.view, &member.local, &mut filled.changes).unwrap();
        member.view.apply(&filled.changes);
        opened.iter().for_each(|circle| member.index(circle));
        Ok(())
    }

    /// The values of the fields `result` that a member can read in another's log.
    pub fn read(&self, at: usize, author: usize) -> Vec<String> {
        let member = &self.members[at];
        let reader = Reader { ledger: &member.ledger, secrets: &member.secrets, local: &member.local, view: &member.view, published: None };
        let Some(head) = member.ledger.logs.known(&self.members[author].own_log()) else { return Vec::new() };
        let held = (0..head.size()).filter_map(|sequence| reader.held(Row { log: head.number, sequence }).unwrap());
        let sections = held.flat_map(|held| reader.show(&held).unwrap().sections);
        let fields = sections.flat_map(|section| match section.content {
            SectionContent::Open(fields) => fields,
            _ => Vec::new(),
        });
        fields.filter(|field| field.name == "result").map(|field| field.value).collect()
    }
}
