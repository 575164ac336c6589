//! What the alliance decides together, as this node knows it: proposals and votes, the order log with its terms, and what of it is settled
//! (`specs/resolution.md`, `specs/order-log.md`).
//!
//! All of it is rebuilt from statements and notes, in whatever order they come: the same statements and notes give the same state everywhere.

mod act;
mod draw;
mod fold;
mod invitation;
mod rotation;
mod standing;
mod telling;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::charter::Alliance;
use suyuan_core::history::VerifiedHistory;
use suyuan_core::order::{self, Entry, Freeze, Order, Position};
use suyuan_core::resolution::{self, Disclosed, Proposal, Signed, from_fields};
use suyuan_core::section::Body;
use suyuan_core::{CircleId, MemberId, StatementId};

pub use act::{Act, Duty, EpochState, Silence};
pub use draw::{ProposalRequest, VoteRequest, propose, vote};
pub use fold::{Head, Heads};
pub use invitation::{
    HeldInvitation, INVITATION, Invitation, InvitationRequest, InvitationSecret, InvitationState, admit, digest, invite, take_back,
};
pub use rotation::Transports;
pub use standing::{Outcome, Standing};
pub use telling::{HeadsToTell, Telling};

use crate::limits;
use crate::record::{HeldRecord, HeldSection};
use crate::schema::{PROMISE_ROW, Table};
use crate::view::{Changes, StoreError, View};

/// The types of the statements that this module gives effect to.
pub const KINDS: [&str; 8] = [
    resolution::PROPOSAL,
    resolution::APPROVE,
    resolution::OBJECT,
    resolution::WITHDRAW,
    resolution::COMMENT,
    order::ENTRY,
    order::FREEZE,
    INVITATION,
];

/// A proposal with its votes.
#[derive(Clone, Debug)]
pub struct HeldProposal {
    /// Who proposed it.
    pub author: MemberId,
    /// In which of its logs.
    pub incarnation: u64,
    /// The author's time, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// What is proposed.
    pub proposal: Arc<Proposal>,
    /// As it goes into an effect.
    pub disclosed: Arc<Disclosed>,
    /// The invitation that an admission follows.
    pub invitation: Option<StatementId>,
}

/// What a member says to a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    /// 赞成
    Approve,
    /// 反对
    Object,
    /// An approval is taken back.
    Withdraw,
    /// Neither.
    Comment,
}

impl Choice {
    /// Every choice.
    pub const ALL: [Self; 4] = [Self::Approve, Self::Object, Self::Withdraw, Self::Comment];

    /// The type of its statements.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Approve => resolution::APPROVE,
            Self::Object => resolution::OBJECT,
            Self::Withdraw => resolution::WITHDRAW,
            Self::Comment => resolution::COMMENT,
        }
    }

    /// Its name in requests and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Object => "object",
            Self::Withdraw => "withdraw",
            Self::Comment => "comment",
        }
    }
}

/// A vote or comment.
#[derive(Clone, Debug)]
pub struct HeldVote {
    /// Its statement.
    pub id: StatementId,
    /// Where it stands: incarnation of its author's log, and sequence.
    pub at: (u64, u64),
    /// The author's time, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// What it says.
    pub choice: Choice,
    /// In words.
    pub comment: String,
    /// As it goes into an effect.
    pub signed: Arc<Signed>,
}

/// An entry of an order log as its keeper signed it, valid or not.
#[derive(Clone, Debug)]
pub(crate) struct HeldEntry {
    pub author: MemberId,
    /// Incarnation of its author's log, and sequence.
    pub at: (u64, u64),
    pub id: StatementId,
    pub time: u64,
    pub entry: Arc<Entry>,
}

/// A vote to freeze a term.
#[derive(Clone, Debug)]
pub struct HeldFreeze {
    /// In which of its author's logs.
    pub incarnation: u64,
    /// When, by its author.
    pub time: u64,
    /// What it says.
    pub freeze: Freeze,
    /// As it goes into a takeover.
    pub disclosed: Arc<Disclosed>,
}

/// What this node has bound itself to as a voter. It stands in the store before a cosignature or a vote leaves the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promise {
    /// The largest head cosigned.
    pub cosigned: Position,
    /// Root of that head.
    pub root: [u8; 32],
    /// The earliest term in which it may still cosign.
    pub term: u64,
}

impl Promise {
    /// As it stands in the store.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut writer = Writer::structure(5);
        writer.uint(self.term).uint(self.cosigned.term).uint(self.cosigned.size).bytes(&self.root);
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::open(bytes).ok()?;
        reader.suite(5).ok()?;
        let (term, cosigned) = (reader.uint().ok()?, Position { term: reader.uint().ok()?, size: reader.uint().ok()? });
        Some(Self { term, cosigned, root: reader.fixed().ok()? })
    }

    /// The promise after the head of a note is cosigned in this state.
    #[must_use]
    pub fn cosigned(self, state: &Order, note: &str) -> Self {
        let size = suyuan_core::note::UnverifiedCheckpoint::parse(note).map_or(0, |note| note.claimed_size());
        let at = Position { term: state.term, size };
        state.root_at(size).map_or(self, |root| Self { cosigned: at, root, term: self.term.max(state.term) })
    }
}

/// Everything that is known of the decisions of the alliance circle.
#[derive(Clone, Debug)]
pub struct Decisions {
    /// The circle that decides.
    pub circle: CircleId,
    proposals: BTreeMap<StatementId, HeldProposal>,
    votes: BTreeMap<StatementId, BTreeMap<MemberId, Vec<HeldVote>>>,
    /// Entries by term and index, in the order of their author's log.
    entries: BTreeMap<(u64, u64), Vec<HeldEntry>>,
    freezes: BTreeMap<u64, BTreeMap<MemberId, HeldFreeze>>,
    heads: Heads,
    invitations: BTreeMap<StatementId, HeldInvitation>,
    founding: Arc<Order>,
    /// With every valid entry that is here.
    tip: Arc<Order>,
    /// Up to the newest certified head that is here.
    settled: Arc<Order>,
    /// Of proposals that stand in the newest state, whether what they ask for can be made of this alliance, which is that state's: signatures are judged once.
    makeable: (Arc<Alliance>, BTreeMap<StatementId, bool>),
    /// The states between a head that is known to be certified and the tip, oldest first.
    states: Vec<Arc<Order>>,
    /// What this node is bound to.
    pub promise: Promise,
}

impl Decisions {
    /// Of an alliance that has decided nothing yet.
    pub fn founding(alliance: &Arc<Alliance>) -> Option<Self> {
        let founding = Arc::new(Order::founding(alliance.clone())?);
        Some(Self {
            circle: founding.circle,
            proposals: BTreeMap::new(),
            votes: BTreeMap::new(),
            entries: BTreeMap::new(),
            freezes: BTreeMap::new(),
            heads: Heads::default(),
            invitations: BTreeMap::new(),
            tip: founding.clone(),
            settled: founding.clone(),
            states: vec![founding.clone()],
            makeable: (founding.alliance.clone(), BTreeMap::new()),
            founding,
            promise: Promise::default(),
        })
    }

    /// Reads back what no statement says: heads with their cosignatures, and what this member has bound itself to.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&mut self, view: &impl View) -> Result<(), StoreError> {
        for (_, value) in view.rows(Table::OrderHead, &[], &[0xff; 10], usize::MAX)? {
            let damaged = || StoreError("a head of the order log".into());
            let (term, note) = value.split_first_chunk::<8>().ok_or_else(damaged)?;
            self.learn_head(u64::from_be_bytes(*term), std::str::from_utf8(note).map_err(|_| damaged())?);
        }
        if let Some(promise) = view.row(Table::Meta, PROMISE_ROW)? {
            let before = self.promise.term;
            self.promise = Promise::decode(&promise).ok_or_else(|| StoreError("the promise of this voter".into()))?;
            self.promise.term = self.promise.term.max(before);
        }
        Ok(())
    }

    /// Takes in a history that was checked: what a newcomer begins with.
    pub fn learn_history(&mut self, history: &VerifiedHistory, heads: &[(u64, String)]) {
        for (statement, entry) in &history.entries {
            let (author, at) = (statement.place.author, (statement.place.incarnation, statement.place.sequence));
            self.keep_entry(HeldEntry { author, at, id: statement.id(), time: statement.time, entry: Arc::new(entry.clone()) });
        }
        self.advance();
        for (term, note) in heads {
            self.learn_head(*term, note);
        }
    }

    /// The rows of the heads of a term.
    pub fn save_heads(&self, changes: &mut Changes) {
        for (certified, (term, head)) in self.heads.rows() {
            let value = [&term.to_be_bytes()[..], head.note.as_bytes()].concat();
            changes.put(Table::OrderHead, [&[u8::from(certified)][..], &term.to_be_bytes()].concat(), value);
        }
    }

    /// The state in force.
    pub fn settled(&self) -> &Order {
        &self.settled
    }

    /// The state with everything that the keeper wrote, settled or not.
    pub fn tip(&self) -> &Order {
        &self.tip
    }

    /// The alliance in whose state an epoch statement of the circle is judged: that of the entry that names it. Nothing where none does.
    pub fn judged_by(&self, statement: &StatementId) -> Option<&Arc<Alliance>> {
        let named = self.settled.named_epochs().chain(self.tip.named_epochs());
        named.filter(|named| named.entry.statement == *statement).map(|named| &named.alliance).next()
    }

    /// The newest notes of heads, by term.
    pub fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Votes to freeze, by the term that they are to begin.
    pub fn freezes(&self) -> &BTreeMap<u64, BTreeMap<MemberId, HeldFreeze>> {
        &self.freezes
    }

    /// Until when it is known who the members are, milliseconds since 1970-01-01 UTC: T after the q-th newest time at which a voter has cosigned the head in
    /// force, and T after the founding, which all members have signed.
    pub fn fresh_until(&self) -> u64 {
        let settled = &self.settled;
        let seal = settled.alliance.charter().seal;
        let founded = self.founding.alliance.charter().time;
        let cosigners = settled.own_panel().map_or(usize::MAX, |panel| panel.cosigners());
        let newest = self.heads.certified(settled.term).filter(|head| head.read.head == settled.head());
        let mut times: Vec<u64> =
            newest.into_iter().flat_map(|head| &head.read.cosignatures).map(|(_, seconds)| seconds.saturating_mul(1000)).collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        let confirmed = match cosigners.checked_sub(1) {
            // Nobody else decides.
            None => return u64::MAX,
            Some(last) => times.get(last).copied(),
        };
        confirmed.unwrap_or(founded).max(founded).saturating_add(seal)
    }

    /// Every proposal, by statement.
    pub fn proposals(&self) -> &BTreeMap<StatementId, HeldProposal> {
        &self.proposals
    }

    /// What was said to a proposal, in the order of each author's log.
    pub fn votes(&self, proposal: &StatementId) -> impl Iterator<Item = (&MemberId, &HeldVote)> {
        self.votes.get(proposal).into_iter().flatten().flat_map(|(author, votes)| votes.iter().map(move |vote| (author, vote)))
    }

    /// Who approves a proposal as things stand: nobody who objected or withdrew later.
    pub fn approvals(&self, proposal: &StatementId) -> BTreeMap<MemberId, &HeldVote> {
        let standing = |votes: &'_ Vec<HeldVote>| votes.iter().rposition(|vote| vote.choice != Choice::Comment);
        let votes = self.votes.get(proposal).into_iter().flatten();
        votes.filter_map(|(author, votes)| Some((*author, votes.get(standing(votes)?)?))).filter(|(_, vote)| vote.choice == Choice::Approve).collect()
    }

    /// Gives effect to a statement of one of the types of this module. Says whether the order may have changed.
    pub(crate) fn learn(&mut self, record: &HeldRecord, section: &HeldSection, body: &Body) -> bool {
        let [committed] = record.statement.sections.as_slice() else { return false };
        if committed.audiences.len() != 1 || !section.audiences.iter().any(|audience| self.is_for(&audience.header.circle, &record.statement.kind)) {
            return false;
        }
        let disclosed = || Arc::new(Disclosed::new(&record.bytes, &record.signature, &section.bytes, body));
        let (author, incarnation, time) = (record.statement.place.author, record.statement.place.incarnation, record.statement.time);
        match record.statement.kind.as_str() {
            resolution::PROPOSAL => self.learn_proposal(record, body, disclosed),
            INVITATION => self.learn_invitation(record, body, disclosed),
            order::ENTRY => return self.learn_entry(author, record, body),
            order::FREEZE => {
                if let Some(freeze) = Freeze::read(body).filter(|freeze| freeze.circle == self.circle) {
                    let votes = self.freezes.entry(freeze.term).or_default();
                    // The first vote of a member for a term is the one that binds it.
                    votes.entry(author).or_insert_with(|| HeldFreeze { incarnation, time, freeze, disclosed: disclosed() });
                }
            }
            kind => {
                if let Some(choice) = Choice::ALL.into_iter().find(|choice| choice.kind() == kind) {
                    self.learn_vote(record, choice, body);
                }
            }
        }
        false
    }

    /// This member has voted to freeze: that binds it also where its store is older than its vote, which has come back from others.
    pub(crate) fn bind(&mut self, body: &Body) {
        let term = Freeze::read(body).filter(|freeze| freeze.circle == self.circle).map_or(0, |freeze| freeze.term);
        self.promise.term = self.promise.term.max(term);
    }

    /// What concerns the whole alliance is public where anybody has to be able to check it, and sealed for the circle otherwise.
    fn is_for(&self, audience: &CircleId, kind: &str) -> bool {
        let public = kind == order::ENTRY || kind == order::FREEZE;
        *audience == if public { suyuan_core::circle::PUBLIC } else { self.circle }
    }

    fn learn_proposal(&mut self, record: &HeldRecord, body: &Body, disclosed: impl FnOnce() -> Arc<Disclosed>) {
        let Ok(proposal) = Proposal::read(body) else { return };
        let (author, time, id) = (record.statement.place.author, record.statement.time, record.statement.id());
        let invitation = record.statement.references.first().copied();
        let own = self.proposals.values().filter(|held| held.author == author).count();
        if proposal.circle == self.circle && own < limits::PROPOSALS {
            self.proposals.entry(id).or_insert_with(|| HeldProposal {
                author,
                incarnation: record.statement.place.incarnation,
                time,
                proposal: Arc::new(proposal),
                disclosed: disclosed(),
                invitation,
            });
            self.judge_change(&id);
        }
    }

    fn learn_vote(&mut self, record: &HeldRecord, choice: Choice, body: &Body) {
        let Some(proposal) = record.statement.references.first() else { return };
        let Some(Comment { comment }) = from_fields::<Comment>(body).filter(|vote| vote.comment.len() <= suyuan_core::limits::COMMENT) else {
            return;
        };
        let votes = self.votes.entry(*proposal).or_default().entry(record.statement.place.author).or_default();
        let place = (record.statement.place.incarnation, record.statement.place.sequence);
        let Err(at) = votes.binary_search_by_key(&place, |vote| vote.at) else { return };
        // Votes beyond the bound are many changes of one mind: the newest is what counts.
        let signed = Arc::new(Signed::new(&record.bytes, &record.signature));
        votes.insert(at, HeldVote { id: record.statement.id(), at: place, time: record.statement.time, choice, comment, signed });
        if votes.len() > limits::VOTES {
            votes.remove(0);
        }
    }

    fn learn_entry(&mut self, author: MemberId, record: &HeldRecord, body: &Body) -> bool {
        let Some(entry) = Entry::read(body).filter(|entry| entry.circle == self.circle) else { return false };
        let (id, time) = (record.statement.id(), record.statement.time);
        let at = (record.statement.place.incarnation, record.statement.place.sequence);
        self.keep_entry(HeldEntry { author, at, id, time, entry: Arc::new(entry) })
    }

    /// Says whether it is new.
    fn keep_entry(&mut self, new: HeldEntry) -> bool {
        let held = self.entries.entry((new.entry.term, new.entry.index)).or_default();
        if held.len() >= limits::RIVALS || held.iter().any(|known| known.id == new.id) {
            return false;
        }
        let at = held.partition_point(|known| (known.author, known.at) < (new.author, new.at));
        held.insert(at, new);
        true
    }
}

/// The fields of a vote.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Comment {
    pub comment: String,
}
