//! Walks through the same states with everything signed: proposals, approvals, entries, heads, votes. The order log has to follow the model step by step, refuse
//! what it refuses by the same code, and come to the same state again from its exported history.

use std::collections::BTreeMap;
use std::sync::Arc;

use suyuan_core::charter::{Alliance, Role};
use suyuan_core::history::{History, HistoryEntry};
use suyuan_core::id::{MemberId, StatementId};
use suyuan_core::note::{add_cosignature, sign_head};
use suyuan_core::order::{ENTRY, Entry, EntryFault, EpochEntry, FREEZE, Freeze, Order};
use suyuan_core::resolution::{Disclosed, Effect, to_fields};

use super::foundings;
use super::search::{Drawn, Search, State};
use crate::fixture::{TIME, bytes32};
use crate::world::{Public, blank, effect};

/// Steps of a walk.
const STEPS: usize = 24;

struct Walk {
    search: Search,
    state: State,
    order: Order,
    /// The states after each of what waits.
    tail: Vec<Order>,
    /// The state at the newest head that is certified.
    fence: Order,
    entries: Vec<(StatementId, HistoryEntry)>,
    /// A certificate that waits for an entry to carry it.
    note: Option<String>,
    random: (u64, u64),
}

#[test]
fn the_signed_order_log_goes_where_the_search_goes() {
    let walks: u64 = std::env::var("SUYUAN_WALKS").ok().map_or(12, |walks| walks.parse().unwrap());
    let mut refused: BTreeMap<&'static str, usize> = BTreeMap::new();
    let (mut entries, mut terms) = (0, 0);
    for roles in foundings() {
        for seed in 0..walks {
            let mut walk = Walk::new(&roles, seed);
            for _ in 0..STEPS {
                if let Some(code) = walk.step() {
                    *refused.entry(code).or_default() += 1;
                }
            }
            walk.export();
            entries += walk.entries.len();
            terms += walk.order.term - 1;
        }
    }
    println!("{} walks, {entries} signed entries, {terms} takeovers, refused {refused:?}", walks * foundings().len() as u64);
    assert!(refused.len() >= 4 && terms > 0, "the walks meet refusals and takeovers: {refused:?}");
}

impl Walk {
    fn new(roles: &[Role], seed: u64) -> Self {
        let search = Search::new(roles);
        let order = Order::founding(search.catalogue.founding.clone()).unwrap();
        let random = (seed, 0);
        Self { search, state: Search::founding(), fence: order.clone(), order, tail: Vec::new(), entries: Vec::new(), note: None, random }
    }

    fn random(&mut self, below: usize) -> usize {
        self.random.1 += 1;
        let hash = bytes32(&format!("{:?}", self.random));
        usize::from_be_bytes(hash[..8].try_into().unwrap()) % below
    }

    /// One step; the code of what was refused.
    fn step(&mut self) -> Option<&'static str> {
        let refused = match self.random(10) {
            0 => self.take_over(),
            1..=3 => self.certify(),
            _ => self.decide(),
        };
        if self.note.is_none() {
            self.compare();
        }
        refused
    }

    /// The model and the log say the same.
    fn compare(&self) {
        let Self { search, state, order, .. } = self;
        assert_eq!(*order.alliance, **search.alliances.get(state.alliance));
        assert_eq!(order.keeper, search.catalogue.people[state.keeper as usize].1);
        assert_eq!(order.is_pending(), state.pending().is_some());
        for (subject, version) in search.catalogue.subjects.iter().zip(state.tip()) {
            assert_eq!(order.slots.get(subject).copied().unwrap_or(0), u64::from(version), "{subject}");
        }
    }

    /// Some of those who are or were members approve what somebody proposes.
    fn decide(&mut self) -> Option<&'static str> {
        let operation = self.random(self.search.catalogue.operations.len());
        let drawn = if self.random(3) == 0 { Drawn::Early } else { Drawn::Now };
        let alliance = self.search.alliances.get(self.state.alliance).clone();
        let proposal = self.search.proposal(&self.state, operation, drawn);
        let known: Vec<usize> = (0..self.search.catalogue.people.len()).filter(|at| alliance.member(&self.person(*at)).is_some()).collect();
        let lazy = self.random(6) == 0;
        let approvers: Vec<usize> = known.into_iter().filter(|_| !lazy || self.random(2) == 0).collect();
        let author = self.search.catalogue.people.iter().position(|(_, id)| alliance.voters().next().is_some_and(|voter| voter.id == *id)).unwrap();
        let expected = self.search.expect(&self.state, operation, &proposal, &approvers);
        let effect = effect(&alliance, self.number(author), &proposal, &approvers.iter().map(|at| self.number(*at)).collect::<Vec<_>>());
        self.enter(expected, effect)
    }

    fn enter(&mut self, expected: Result<State, &'static str>, effect: Effect) -> Option<&'static str> {
        let entry = Entry { certificate: self.note.clone(), effect: Some(Box::new(effect)), ..blank(&self.order) };
        match (expected, self.append(&entry)) {
            (Ok(state), Ok(())) => {
                (self.state, self.note) = (state, None);
                self.tail.push(self.order.clone());
                self.confirm();
                None
            }
            (Err(code), Err(fault)) if fault == code => {
                self.carry();
                Some(code)
            }
            (expected, found) => panic!("the model says {expected:?}, the log {found:?}"),
        }
    }

    /// Writes down a certificate that waits, in an entry of its own.
    fn carry(&mut self) {
        if let Some(note) = self.note.take() {
            let entry = Entry { certificate: Some(note), ..blank(&self.order) };
            self.append(&entry).unwrap();
            self.confirm();
        }
    }

    /// Where the newest entry has settled a change, its head comes next, which settles all before it.
    fn confirm(&mut self) {
        while !Arc::ptr_eq(self.order.counting(self.order.head().size), &self.order.alliance) {
            (self.fence, self.state) = (self.order.clone(), self.state.settled(self.tail.len()));
            self.tail.clear();
            let without = Entry { epoch: Some(EpochEntry { epoch: 2, statement: StatementId([7; 32]) }), ..blank(&self.order) };
            assert_eq!(self.append(&without), Err("certificate"));
            let entry = Entry { certificate: Some(self.head(&self.order)), ..blank(&self.order) };
            self.append(&entry).unwrap();
        }
    }

    /// Settles the first of what waits; the certificate stands alone or comes with the next effect.
    fn certify(&mut self) -> Option<&'static str> {
        if self.tail.is_empty() || self.note.is_some() {
            return None;
        }
        let first = 1 + self.random(self.tail.len());
        self.fence = self.tail[first - 1].clone();
        self.note = Some(self.head(&self.fence));
        self.state = self.state.settled(first);
        self.tail.drain(..first);
        if self.random(2) == 0 {
            self.carry();
        }
        None
    }

    /// The keeper is silent: the voters go on from any head that they may have cosigned.
    fn take_over(&mut self) -> Option<&'static str> {
        self.carry();
        let first = self.random(self.tail.len() + 1);
        if first > 0 {
            self.fence = self.tail[first - 1].clone();
        }
        let fence = State { tail: Vec::new(), ..self.state.settled(first) };
        let keepers = self.search.keepers(&fence);
        let term = self.order.term + 1 + self.random(keepers.len()) as u64;
        let begun = self.fence.begin(term).unwrap();
        let keeper = u8::try_from(self.search.catalogue.people.iter().position(|(_, id)| *id == begun.keeper).unwrap()).unwrap();
        assert!(keepers.contains(&keeper), "the next keeper is one of the model's");
        let head = (self.fence.head().size > 0).then(|| self.head(&self.fence));
        let votes = self.votes(&begun, head.as_ref());
        let entry = Entry { takeover: Some(votes), ..blank(&begun) };
        let fence_state = self.fence.clone();
        self.write(&begun, &entry, |id| fence_state.take_over(&begun.keeper, id, TIME, &entry)).unwrap();
        (self.state, self.tail) = (State { keeper, ..fence }, Vec::new());
        self.confirm();
        None
    }

    /// The votes of a quorum for a term.
    fn votes(&self, begun: &Order, head: Option<&String>) -> Vec<Disclosed> {
        let freeze = Freeze { circle: begun.circle, term: begun.term, head: head.cloned() };
        let voters = self.fence.alliance.voters().take(self.fence.quorum().size());
        voters
            .map(|voter| Public::new(&self.fence.alliance, self.number_of(&voter.id), FREEZE, Vec::new(), to_fields(&freeze).unwrap()).disclosed())
            .collect()
    }

    fn append(&mut self, entry: &Entry) -> Result<(), &'static str> {
        let order = self.order.clone();
        self.write(&order, entry, |id| order.append(&order.keeper, id, TIME, entry))
    }

    /// Signs an entry as the keeper of a state, and keeps it if the state after it is one.
    fn write(&mut self, state: &Order, entry: &Entry, next: impl Fn(StatementId) -> Result<Order, EntryFault>) -> Result<(), &'static str> {
        let keeper = state.alliance.member(&state.keeper).unwrap();
        let key = &self.search.catalogue.keys[&keeper.log.to_bytes()];
        let public = Public::signed_with(key, &state.alliance, self.number_of(&keeper.id), ENTRY, Vec::new(), to_fields(entry).unwrap());
        self.order = next(public.signed.id).map_err(EntryFault::code)?;
        let Public { signed, header, body } = public;
        let kept = HistoryEntry { statement: signed.bytes, signature: signed.signature, header, body: body.to_bytes() };
        self.entries.push((signed.id, kept));
        Ok(())
    }

    /// The head of a state, signed by its keeper and cosigned by as few as are enough.
    fn head(&self, state: &Order) -> String {
        let (panel, keys) = (state.own_panel().unwrap(), &self.search.catalogue.keys);
        let note = sign_head(&panel.keeper.name, &state.head(), &keys[&panel.keeper.key.to_bytes()]);
        let enough = panel.witnesses.iter().take(panel.cosigners());
        enough.fold(note, |note, witness| add_cosignature(&note, &witness.name, &keys[&witness.key.to_bytes()], 1_795_219_500).unwrap())
    }

    /// What is exported brings everybody to the same state: with what was dropped, and without it.
    fn export(&mut self) {
        self.carry();
        if self.order.head().size == 0 {
            return;
        }
        let counted: Vec<HistoryEntry> =
            self.order.entries().map(|id| self.entries.iter().find(|(known, _)| known == id).unwrap().1.clone()).collect();
        let all: Vec<HistoryEntry> = self.entries.iter().map(|(_, entry)| entry.clone()).collect();
        let heads = vec![(self.order.term, self.head(&self.order))];
        let founding: &Arc<Alliance> = &self.search.catalogue.founding;
        for entries in [counted, all] {
            let history = History { entries, heads: heads.clone() };
            let read = History::decode(&history.to_bytes()).unwrap();
            assert_eq!(read, history);
            let settled = read.verify(founding).unwrap().settled;
            assert_eq!((settled.position(), settled.head()), (self.order.position(), self.order.head()));
            assert_eq!((&settled.alliance, &settled.slots, settled.keeper), (&self.order.alliance, &self.order.slots, self.order.keeper));
            let ids = |order: &Order| order.decided.iter().map(|decided| decided.resolved.id).collect::<Vec<_>>();
            assert_eq!(ids(&settled), ids(&self.order));
        }
    }

    fn person(&self, at: usize) -> MemberId {
        self.search.catalogue.people[at].1
    }

    fn number(&self, at: usize) -> usize {
        self.search.catalogue.people[at].0
    }

    fn number_of(&self, id: &MemberId) -> usize {
        self.search.catalogue.people.iter().find(|(_, known)| known == id).unwrap().0
    }
}
