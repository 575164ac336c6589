//! An alliance in memory whose members write and replicate through the engine alone.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use suyuan_core::charter::{Alliance, Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::{PrekeySecret, self_circle};
use suyuan_core::key::SecretKey;
use suyuan_core::log::{LogId, witness_name};
use suyuan_core::note::sign_checkpoint;
use suyuan_core::{CircleId, MemberId};
use suyuan_engine::author::{Draft, Plan};
use suyuan_engine::epoch::{self, CircleRequest};
use suyuan_engine::ledger::Ledger;
use suyuan_engine::local::LocalKeys;
use suyuan_engine::mend;
use suyuan_engine::replica::{self, BatchError, Opening};
use suyuan_engine::schema::{Table, slip_key};
use suyuan_engine::secrets::EpochSecrets;
use suyuan_engine::serve;
use suyuan_engine::submission;
use suyuan_engine::view::{Changes, MemoryView};
use suyuan_engine::wire::{Batch, Request, Response};
use zeroize::Zeroizing;

pub const ROLES: [(&str, Role); 3] = [("G", Role::Leader), ("Z", Role::Downstream), ("R", Role::Regulator)];

pub fn key(member: usize, purpose: u8) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(member).unwrap() * 16 + purpose; 32])
}

pub fn encryption(member: usize) -> PrekeySecret {
    PrekeySecret::from_bytes([u8::try_from(member).unwrap() * 16 + 9; 32])
}

pub fn alliance() -> Arc<Alliance> {
    Arc::new(charter_file().verify(None).unwrap())
}

pub fn charter_file() -> CharterFile {
    charter_file_of([1; 32])
}

/// The charter of another alliance of the same members with the same keys, for each nonce.
pub fn charter_file_of(nonce: [u8; 32]) -> CharterFile {
    charter_of(&ROLES, nonce)
}

/// The charter of these members.
pub fn charter_of(roles: &[(&str, Role)], nonce: [u8; 32]) -> CharterFile {
    let members = roles.iter().enumerate().map(|(index, (name, role))| {
        let public = |purpose| key(index, purpose).public().to_bytes();
        let keys = MemberKeys { root: public(1), log: public(2), witness: public(3), transport: public(4), encryption: encryption(index).public() };
        let scope = if *role == Role::Regulator { vec!["inspection".into()] } else { Vec::new() };
        Entry { name: (*name).into(), role: *role, keys, addresses: Vec::new(), scope }
    });
    let charter = Charter {
        nonce,
        name: "链".into(),
        purpose: String::new(),
        chain: "绿色农业".into(),
        time: 0,
        members: members.collect(),
        deputies: Vec::new(),
        seal: 1 << 40,
        terms: String::new(),
    };
    let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    for member in 0..roles.len() {
        (1..=4).for_each(|purpose| file.sign(&key(member, purpose)).unwrap());
    }
    file
}

/// One member: ledger, rows and keys, without disk, clock or network.
pub struct Member {
    pub index: usize,
    pub ledger: Ledger,
    pub view: MemoryView,
    pub local: LocalKeys,
    pub secrets: EpochSecrets,
    pub published: Option<String>,
    pub rng: StdRng,
}

impl Member {
    pub fn new(index: usize, alliance: &Arc<Alliance>) -> Self {
        let me = alliance.members()[index].id;
        let local = LocalKeys::new(&[u8::try_from(index).unwrap(); 32]);
        let mut secrets = EpochSecrets::default();
        secrets.insert(self_circle(&me), 1, Zeroizing::new([7; 32]));
        let view = MemoryView::default();
        let ledger = Ledger::load(alliance.clone(), me, &view, &local, &secrets).unwrap();
        let mut member = Self { index, ledger, view, local, secrets, published: None, rng: StdRng::seed_from_u64(index as u64) };
        if epoch::alliance_is_unopened(&member.ledger.circles, &member.ledger) {
            member.open_circle(epoch::alliance_request(&member.ledger));
        }
        member
    }

    pub fn id(&self) -> MemberId {
        self.ledger.me
    }

    pub fn own_log(&self) -> LogId {
        self.ledger.own_log()
    }

    pub fn put(&mut self, body: &str) {
        let submissions = submission::parse(body.as_bytes(), &self.ledger.alliance, &self.ledger.me).unwrap();
        submission::check(&submissions, &self.ledger.alliance, &self.ledger.circles, &self.ledger.me, 0).unwrap();
        let plans = submissions.into_iter().map(|one| Plan::new(one, &self.ledger, &self.secrets, 1000).unwrap()).collect();
        self.write(plans, None);
    }

    pub fn open_circle(&mut self, request: CircleRequest) -> suyuan_core::CircleId {
        let (new, _) = epoch::draw_up(request, &self.ledger, &self.secrets, 1000, &mut self.rng).unwrap();
        self.secrets.insert(new.content.circle, new.content.epoch, new.secret.clone());
        self.write(vec![new.plan.clone()], Some(&new));
        new.content.circle
    }

    pub fn write(&mut self, plans: Vec<Plan>, new: Option<&epoch::NewEpoch>) {
        self.write_and(plans, new, true);
    }

    /// Writes without giving any effect to it.
    pub fn write_silently(&mut self, plan: Plan) {
        self.write_and(vec![plan], None, false);
    }

    /// Writes what this member itself would give no effect.
    pub fn write_unlearnt(&mut self, plan: Plan, new: &epoch::NewEpoch) {
        self.write_and(vec![plan], Some(new), false);
    }

    fn write_and(&mut self, plans: Vec<Plan>, new: Option<&epoch::NewEpoch>, learn: bool) {
        let log = key(self.index, 2);
        let mut draft = Draft::new(&self.ledger);
        let mut changes = Changes::default();
        for plan in plans {
            let prepared = plan.prepare(draft.place(0), &mut self.rng).unwrap();
            let (record, subjects) = draft.assemble(prepared, &self.view).unwrap().finish(&log, &self.secrets).unwrap();
            record.save(&subjects, &self.local, &mut self.rng, &mut changes).unwrap();
            if let Some(new) = new {
                for slip in epoch::slips(new, record.statement.id(), &self.ledger, &mut self.rng).unwrap() {
                    changes.put(Table::Slip, slip_key(&slip.recipient, &slip.statement), slip.to_bytes());
                }
            }
            if learn {
                assert_eq!(self.ledger.learn(&record, &self.secrets).unwrap(), None);
            }
        }
        changes.rows.append(&mut draft.changes.rows);
        draft.head.save(&mut changes);
        draft.counters.save(&self.ledger.counters, &self.local, &mut changes);
        self.view.apply(&changes);
        self.ledger.logs.set(draft.head);
        self.ledger.counters.merge(draft.counters);
        self.publish();
    }

    pub fn publish(&mut self) {
        let head = self.ledger.logs.head(&self.own_log());
        let (log, witness) = (key(self.index, 2), key(self.index, 3));
        let name = witness_name(&self.own_log().alliance, &self.id());
        self.published = Some(sign_checkpoint(&head.id.origin(), &head.tree_head(), &log, (&name, &witness), 1));
    }

    /// Pulls one log from another member until nothing is new.
    pub fn pull(&mut self, from: &Self, log: LogId) {
        loop {
            let request = Request::Pull { log, from: self.ledger.logs.head(&log).size() };
            let answer = serve::answer(&request, &self.id(), &from.ledger, from.published.as_deref(), &from.view, &from.local).unwrap();
            let Response::Batch(Some(batch)) = Response::decode(&answer.to_bytes(), &log.alliance).unwrap() else { return };
            self.take_in(*batch).unwrap();
        }
    }

    /// Indexes what was there before a circle's key, as a node does.
    pub fn index(&mut self, circle: &CircleId) {
        let mut changes = Changes::default();
        let ledger = &mut self.ledger;
        mend::index_circle(circle, None, &self.secrets, &self.view, &self.local, (&mut ledger.counters, &mut changes)).unwrap();
        self.view.apply(&changes);
    }

    /// Takes a batch in, as a node does.
    pub fn take_in(&mut self, batch: Batch) -> Result<(), BatchError> {
        let before = self.ledger.clone();
        let opening = Opening { local: &self.local, secrets: &self.secrets, encryption: &[&encryption(self.index)] };
        let mut verified = replica::verify(batch, &self.ledger, &self.view, opening, &mut self.rng)?;
        for given in std::mem::take(&mut verified.given) {
            let content = given.content.unwrap();
            self.secrets.insert(content.circle, content.epoch, content.secret);
        }
        self.ledger.logs.set(verified.head);
        self.ledger.counters.merge(verified.counters);
        for record in &verified.records {
            self.ledger.learn(record, &self.secrets).unwrap();
        }
        self.ledger.count_new_circles(&before, &verified.records, &self.view, &self.local, &mut verified.changes).unwrap();
        self.view.apply(&verified.changes);
        Ok(())
    }
}
