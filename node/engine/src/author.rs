//! Writing: from records that may be written to statements, sealed sections and the rows that hold them.
//!
//! Three steps, so that the two expensive ones can run for many records at once: [`Plan::prepare`] hashes and seals, [`Draft::assemble`] gives each statement its
//! place and id in order, and [`Assembled::finish`] signs and wraps.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use suyuan_core::charter::LogKey;
use suyuan_core::circle::{self, PUBLIC};
use suyuan_core::fault::Fault;
use suyuan_core::id::{CircleId, KeyId, StatementId};
use suyuan_core::key::{PublicKey, SecretKey};
use suyuan_core::limits;
use suyuan_core::log::LogId;
use suyuan_core::sealing::{self, SectionKey};
use suyuan_core::section::{self, AudienceHeader, Body, Field, SectionHeader};
use suyuan_core::statement::{self, Place, SectionCommitment, Statement, UnverifiedStatement};
use zeroize::Zeroizing;

use crate::counters::Counters;
use crate::ledger::Ledger;
use crate::logs::LogHead;
use crate::record::{self, HeldAudience, HeldRecord, HeldSection};
use crate::schema::Row;
use crate::secrets::EpochSecrets;
use crate::submission::Submission;
use crate::view::{Changes, StoreError, View};

/// Why a record that may be written could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorError {
    /// This node has no key for the circle's newest epoch yet: the steward's slip has not arrived. Trying again later helps.
    NoKey(CircleId),
    /// The circle's newest epoch is for somebody who is no member any more, or has lost its keys since: nothing is sealed before its steward has opened the next. Trying again later helps.
    Left(CircleId),
    /// No quorum of voters has confirmed within T who the members are: nothing is sealed until one has. Trying again later helps.
    NotFresh,
    /// A change of this member's log key is being decided, and from this sequence on it is not known which one signs. Trying again later helps.
    KeyChange(u64),
    /// This node has no private key for the one that the alliance knows for this member.
    KeyMissing(KeyId),
    /// The parts exceed a bound of the formats.
    Form(Fault),
    /// The store failed.
    Store(StoreError),
}

impl std::fmt::Display for AuthorError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoKey(circle) => write!(f, "the key of circle {circle} has not arrived from its steward yet; try again when its node is reachable"),
            Self::Left(circle) => write!(
                f,
                "somebody in circle {circle} is no member of the alliance any more or has lost its keys, and its steward has not opened its next epoch yet; try again when its node is reachable"
            ),
            Self::NotFresh => f.write_str(
                "too few members have confirmed lately who is in the alliance, so nothing is sealed: it might be for somebody who has left; \
                 try again when other members' nodes are reachable",
            ),
            Self::KeyChange(sequence) => write!(
                f,
                "a change of this member's log key, to hold from entry {sequence} on, is being decided; try again when it is final: `suyuan resolution list` says who is waited for"
            ),
            Self::KeyMissing(key) => write!(
                f,
                "the keyring does not hold the key {key}, by which the alliance knows this member; put back the newest backup of the keyring with `suyuan keyring restore`"
            ),
            Self::Form(fault) => write!(f, "the record cannot be written: {fault}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AuthorError {}

impl From<StoreError> for AuthorError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for AuthorError {
    fn from(fault: Fault) -> Self {
        Self::Form(fault)
    }
}

/// A record with the epochs under which it will be sealed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Type of the record.
    pub kind: String,
    /// Public references.
    pub references: Vec<StatementId>,
    /// The author's time, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Audiences with their epochs, and fields.
    pub sections: Vec<(Vec<(CircleId, u64)>, Vec<Field>)>,
}

impl Plan {
    /// Settles the epochs of a submission.
    ///
    /// # Errors
    /// [`AuthorError::NoKey`], [`AuthorError::Left`], [`AuthorError::NotFresh`].
    pub fn new(submission: Submission, ledger: &Ledger, secrets: &EpochSecrets, now: u64) -> Result<Self, AuthorError> {
        let epoch = |circle: &CircleId| epoch(circle, ledger, secrets, now);
        let sections = submission
            .sections
            .into_iter()
            .map(|section| Ok((section.audiences.iter().map(epoch).collect::<Result<_, _>>()?, section.fields)))
            .collect::<Result<_, AuthorError>>()?;
        Ok(Self { kind: submission.kind, references: submission.references, time: submission.time.unwrap_or(now), sections })
    }

    /// Builds and seals the sections for a place that is already settled.
    ///
    /// # Errors
    /// [`AuthorError::Form`].
    pub fn prepare(self, place: Place, rng: &mut impl CryptoRng) -> Result<Prepared, AuthorError> {
        let Self { kind, references, time, sections: planned } = self;
        let mut sections = Vec::with_capacity(planned.len());
        for (index, (audiences, fields)) in planned.into_iter().enumerate() {
            let index = u8::try_from(index).map_err(|_| Fault::Form)?;
            let body = Body::new(random(rng), fields)?;
            let count = body.fields().len() as u64;
            let root = body.root();
            let subjects = record::subjects(&body);
            let public = audiences.iter().all(|(circle, _)| *circle == PUBLIC);
            let (content, key) = if public {
                (body.to_bytes(), None)
            } else {
                let key: SectionKey = Zeroizing::new(random(rng));
                (sealing::seal(&body, &key, random(rng), &sealing::context(&place, index, &root))?, Some(key))
            };
            let header = SectionHeader { root, sealed: key.as_ref().map(|_| sealing::describe(&content)) };
            let bytes = header.to_bytes();
            let salts = audiences.iter().map(|_| random(rng)).collect();
            sections.push(PreparedSection { index, audiences, salts, count, header, bytes, content, key, subjects });
        }
        Ok(Prepared { place, kind, references, time, blind: random(rng), sections })
    }
}

/// The epoch under which something is sealed for a circle now.
///
/// # Errors
/// [`AuthorError::NoKey`], [`AuthorError::Left`], [`AuthorError::NotFresh`].
pub(crate) fn epoch(circle: &CircleId, ledger: &Ledger, secrets: &EpochSecrets, now: u64) -> Result<(CircleId, u64), AuthorError> {
    if *circle == PUBLIC {
        return Ok((PUBLIC, 0));
    }
    // What only this member reads is nobody else's.
    if circle.0 != ledger.me.0 && now > ledger.decisions.fresh_until() {
        return Err(AuthorError::NotFresh);
    }
    // A circle without epoch statements is `self`, whose one epoch is the first. Of another one those that were here have lost their effect: their author was
    // convicted, and what is sealed under their secrets would reach nobody.
    let known = ledger.circles.circle(circle);
    if known.is_none() && circle.0 != ledger.me.0 {
        return Err(AuthorError::NoKey(*circle));
    }
    let epoch = known.map_or(1, crate::circles::Circle::epoch);
    if known.and_then(crate::circles::Circle::newest).is_some_and(|epoch| epoch.is_outdated(&ledger.alliance)) {
        return Err(AuthorError::Left(*circle));
    }
    let held = secrets.of(circle, epoch).is_some();
    if held { Ok((*circle, epoch)) } else { Err(AuthorError::NoKey(*circle)) }
}

fn random<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// A record whose sections are sealed, still without its place in the chain.
#[derive(Debug)]
pub struct Prepared {
    place: Place,
    kind: String,
    references: Vec<StatementId>,
    time: u64,
    blind: [u8; 32],
    sections: Vec<PreparedSection>,
}

#[derive(Debug)]
struct PreparedSection {
    index: u8,
    audiences: Vec<(CircleId, u64)>,
    salts: Vec<[u8; 16]>,
    count: u64,
    header: SectionHeader,
    bytes: Vec<u8>,
    content: Vec<u8>,
    key: Option<SectionKey>,
    subjects: Vec<String>,
}

/// The author's log as it will be when what is assembled is written.
#[derive(Debug)]
pub struct Draft {
    /// Head of the log.
    pub head: LogHead,
    /// The author's counters.
    pub counters: Counters,
    /// Rows of the log itself.
    pub changes: Changes,
    /// The log keys of its author, with the sequences from which they sign.
    keys: Vec<LogKey>,
}

impl Draft {
    /// A draft on top of the ledger.
    pub fn new(ledger: &Ledger) -> Self {
        let head = ledger.logs.head(&ledger.own_log());
        let counters = ledger.counters.scratch(head.number);
        let keys = ledger.alliance.member(&ledger.me).map_or_else(Vec::new, |me| me.logs.clone());
        Self { head, counters, changes: Changes::default(), keys }
    }

    /// The place that the record after `ahead` others will have.
    pub fn place(&self, ahead: u64) -> Place {
        let log: LogId = self.head.id;
        log.place(self.head.size().saturating_add(ahead))
    }

    /// Gives a prepared record its previous chain value, its links and thereby its id, and appends it to the log.
    ///
    /// # Errors
    /// [`AuthorError::Store`]; [`Fault::Form`] when it was prepared for another place or its statement is too long.
    pub fn assemble(&mut self, prepared: Prepared, view: &impl View) -> Result<Assembled, AuthorError> {
        if prepared.place != self.place(0) {
            return Err(AuthorError::Form(Fault::Form));
        }
        let row = self.head.next_row();
        let key = *LogKey::at(&self.keys, row.sequence).ok_or(Fault::Author)?;
        let sections: Vec<AssembledSection> = prepared.sections.into_iter().map(|section| self.address(section)).collect();
        let statement = Statement {
            place: prepared.place,
            previous: self.head.chain,
            time: prepared.time,
            kind: prepared.kind,
            references: prepared.references,
            blind: prepared.blind,
            sections: sections.iter().map(|section| section.commitment.clone()).collect(),
        };
        let bytes = statement.to_bytes(key.id());
        if bytes.len() > limits::STATEMENT {
            return Err(AuthorError::Form(Fault::Form));
        }
        let id = statement::id_of(&bytes);
        self.head.append(&id, view, &mut self.changes)?;
        let audiences = sections.iter().flat_map(|section| &section.held.audiences).map(|audience| &audience.header);
        self.counters.count(audiences, &BTreeSet::new(), self.head.number, id);
        Ok(Assembled { row, id, key, bytes, sections })
    }

    fn address(&self, section: PreparedSection) -> AssembledSection {
        let mut audiences = Vec::with_capacity(section.audiences.len());
        let mut committed = Vec::with_capacity(section.audiences.len());
        for (index, ((circle, epoch), salt)) in section.audiences.into_iter().zip(section.salts).enumerate() {
            let counter = self.counters.of(&circle, self.head.number);
            let header = AudienceHeader { salt, circle, epoch, counter: counter.next, link: counter.last, order: None };
            let bytes = header.to_bytes();
            committed.push(section::audience_commitment(&bytes));
            audiences.push(HeldAudience { index: u8::try_from(index).unwrap_or(u8::MAX), bytes, header, wrap: None });
        }
        let commitment = SectionCommitment { fields: section.count, header: section::section_commitment(&section.bytes), audiences: committed };
        let held = HeldSection { index: section.index, bytes: section.bytes, header: Ok(section.header), audiences, content: section.content };
        AssembledSection { commitment, held, key: section.key, subjects: section.subjects }
    }
}

/// A statement with its id, not yet signed.
#[derive(Debug)]
pub struct Assembled {
    /// Where it stands.
    pub row: Row,
    /// Its id.
    pub id: StatementId,
    /// Whose private half signs it.
    pub key: PublicKey,
    bytes: Vec<u8>,
    sections: Vec<AssembledSection>,
}

#[derive(Debug)]
struct AssembledSection {
    commitment: SectionCommitment,
    held: HeldSection,
    key: Option<SectionKey>,
    subjects: Vec<String>,
}

impl Assembled {
    /// Signs the statement and wraps the section keys for every audience. Also returns what the sections are about.
    ///
    /// # Errors
    /// [`AuthorError::NoKey`], [`AuthorError::Form`].
    pub fn finish(self, log: &SecretKey, secrets: &EpochSecrets) -> Result<(HeldRecord, Vec<String>), AuthorError> {
        let signature = log.sign(&self.bytes);
        let statement = UnverifiedStatement::decode(&self.bytes)?.reread(&self.id)?;
        let mut sections = Vec::with_capacity(self.sections.len());
        let mut subjects = Vec::new();
        for mut section in self.sections {
            if let Some(key) = &section.key {
                for (audience, committed) in section.held.audiences.iter_mut().zip(&section.commitment.audiences) {
                    let (circle, epoch) = (audience.header.circle, audience.header.epoch);
                    let secret = secrets.of(&circle, epoch).ok_or(AuthorError::NoKey(circle))?;
                    audience.wrap = Some(circle::wrap(secret, &circle, epoch, committed, key)?);
                }
            }
            subjects.append(&mut section.subjects);
            sections.push(section.held);
        }
        subjects.sort_unstable();
        subjects.dedup();
        Ok((HeldRecord { row: self.row, bytes: self.bytes, signature, statement, sections }, subjects))
    }
}
