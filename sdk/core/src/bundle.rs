//! A file that carries everything to check records offline, from the charter on (`specs/bundle.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cbor::{Reader, Writer};
use crate::charter::{Alliance, Member, Role};
use crate::fault::Fault;
use crate::history::Foundation;
use crate::id::{AllianceId, Hash, MemberId, StatementId};
use crate::key::Signature;
use crate::limits;
use crate::log::LogId;
use crate::note::{Checkpoint, TreeHead, UnverifiedCheckpoint};
use crate::policy::{LogPolicy, Standing, Witnesses, checkpoint_key};
use crate::proof::LogProof;
use crate::section::{AudienceHeader, Body, DisclosedField, Field, SectionHeader, check_audiences};
use crate::statement::{SectionCommitment, UnverifiedStatement, VerifiedStatement};
use crate::tree;

const MAGIC: &str = "suyuan-bundle";
const VERSION: u64 = 1;

/// A bundle as it stands in a file, nothing of it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Charter and history.
    pub foundation: Foundation,
    /// The records, 1 to 1024.
    pub records: Vec<BundleRecord>,
}

/// One record of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRecord {
    /// The statement's Sig_structure.
    pub statement: Vec<u8>,
    /// Its signature.
    pub signature: Signature,
    /// The log proof.
    pub proof: String,
    /// What is shown of its sections.
    pub disclosures: Vec<Disclosure>,
}

/// What is shown of one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosure {
    /// Index of the section.
    pub section: u64,
    /// Its header.
    pub header: Vec<u8>,
    /// Audience headers by index.
    pub audiences: Vec<(u64, Vec<u8>)>,
    /// The fields.
    pub content: Content,
}

/// The fields of a disclosure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The whole section's body.
    Whole(Vec<u8>),
    /// Single fields, ascending by leaf index.
    Fields(Vec<DisclosedField>),
}

impl Bundle {
    /// Encodes the bundle.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Foundation { charter, history } = &self.foundation;
        let mut writer = Writer::with_capacity(charter.len().saturating_add(self.records.len().saturating_mul(2048)));
        writer.array(if history.is_some() { 5 } else { 4 }).text(MAGIC).uint(VERSION).bytes(charter).array(self.records.len());
        for record in &self.records {
            record.write(&mut writer);
        }
        if let Some(history) = history {
            writer.bytes(history);
        }
        writer.finish()
    }

    /// Decodes a bundle.
    ///
    /// # Errors
    /// [`Fault::Form`] above [`limits::BUNDLE`] bytes, then [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let (mut reader, len) = Reader::open_file(bytes, limits::BUNDLE, MAGIC, VERSION, 4..=5)?;
        let charter = reader.bytes(limits::BUNDLE)?.to_vec();
        let records = (0..reader.array_in(1..=limits::BUNDLE_RECORDS)?).map(|_| BundleRecord::read(&mut reader)).collect::<Result<_, _>>()?;
        let history = if len == 5 { Some(reader.bytes(limits::BUNDLE)?.to_vec()) } else { None };
        Ok(Self { foundation: Foundation { charter, history }, records })
    }

    /// Checks everything, in the order of the specification, and stops at the first fault.
    ///
    /// # Errors
    /// The faults of `specs/bundle.md`, Verification.
    pub fn verify(bytes: &[u8], expected: Option<&AllianceId>) -> Result<VerifiedBundle, Fault> {
        let bundle = Self::decode(bytes)?;
        let alliance = bundle.foundation.verify(expected)?;
        let mut checkpoints = Checkpoints::new(&alliance);
        let records = bundle.records.iter().map(|record| record.verify_with(&alliance, &mut checkpoints)).collect::<Result<_, _>>()?;
        Ok(VerifiedBundle { alliance, records })
    }
}

/// The checkpoints of a bundle: many records stand under the same one, which is judged once.
#[derive(Debug)]
struct Checkpoints {
    witnesses: Witnesses,
    /// The last one that was accepted of each log, with its note.
    accepted: BTreeMap<LogId, (String, Checkpoint)>,
}

impl Checkpoints {
    fn new(alliance: &Alliance) -> Self {
        Self { witnesses: Witnesses::of(alliance), accepted: BTreeMap::new() }
    }

    fn verify(&mut self, log: &LogId, author: &Member, note: &str) -> Result<Checkpoint, Fault> {
        if let Some((_, checkpoint)) = self.accepted.get(log).filter(|(known, _)| known == note) {
            return Ok(checkpoint.clone());
        }
        let parsed = UnverifiedCheckpoint::parse(note)?;
        let checkpoint = parsed.verify(&checkpoint_key(log, author, parsed.claimed_size())?, self.witnesses.keys())?;
        self.accepted.insert(*log, (note.to_owned(), checkpoint.clone()));
        Ok(checkpoint)
    }
}

impl BundleRecord {
    fn write(&self, writer: &mut Writer) {
        writer.array(4).bytes(&self.statement).bytes(&self.signature).text(&self.proof).array(self.disclosures.len());
        for disclosure in &self.disclosures {
            disclosure.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array(4)?;
        Ok(Self {
            statement: reader.bytes(limits::BUNDLE)?.to_vec(),
            signature: reader.fixed()?,
            proof: reader.text(0..=limits::BUNDLE)?.to_owned(),
            disclosures: read_list(reader, limits::SECTIONS, Disclosure::read)?,
        })
    }

    /// Checks one record under a verified charter.
    ///
    /// # Errors
    /// The faults of steps 3 to 15 of `specs/bundle.md`.
    pub fn verify(&self, alliance: &Alliance) -> Result<VerifiedRecord, Fault> {
        self.verify_with(alliance, &mut Checkpoints::new(alliance))
    }

    fn verify_with(&self, alliance: &Alliance, checkpoints: &mut Checkpoints) -> Result<VerifiedRecord, Fault> {
        let statement = UnverifiedStatement::decode(&self.statement)?;
        let place = statement.place();
        if place.alliance != alliance.id() {
            return Err(Fault::StatementAlliance);
        }
        let author = alliance.member(&place.author).ok_or(Fault::Author)?;
        let (incarnation, sequence) = (place.incarnation, place.sequence);
        let key = author.log_at(incarnation, sequence).ok_or(Fault::Author)?;
        let pin = author.pin(incarnation);
        if pin.is_some_and(|pin| sequence >= pin.size) {
            return Err(Fault::Left);
        }
        let statement = statement.verify(key, &self.signature)?;
        let (head, cosigners) = self.verify_place(&statement, author, checkpoints)?;
        let sections = self.verify_disclosures(&statement)?;
        let standing = match pin {
            Some(_) => Standing { count: 0, needed: 0, time: None },
            None => LogPolicy::of(alliance, &author.id).judge(&cosigners),
        };
        Ok(VerifiedRecord {
            author: author.id,
            author_name: author.entry.name.clone(),
            role: author.entry.role,
            left: author.left.is_some(),
            closed: pin.is_some(),
            compromised: author.is_compromised(incarnation, sequence),
            size: head.size,
            seconds: cosigners.iter().find(|(member, _)| *member == author.id).map(|(_, seconds)| *seconds),
            standing,
            witnesses: cosigners.into_iter().filter(|(member, _)| *member != author.id).collect(),
            statement,
            sections,
        })
    }

    /// Steps 7 to 11: the tree that the entry is in, and who cosigned it. Of a closed log, it is the one that the members accepted.
    fn verify_place(
        &self,
        statement: &VerifiedStatement,
        author: &Member,
        checkpoints: &mut Checkpoints,
    ) -> Result<(TreeHead, Vec<(MemberId, u64)>), Fault> {
        let (proof, place) = (LogProof::parse(&self.proof)?, &statement.place);
        let (head, cosigners) = match author.pin(place.incarnation) {
            Some(_) if !proof.checkpoint.is_empty() => return Err(Fault::Proof),
            Some(pin) => (TreeHead { size: pin.size, root: pin.root }, Vec::new()),
            None => {
                let checkpoint = checkpoints.verify(&place.log(), author, &proof.checkpoint)?;
                let cosigners = checkpoints.witnesses.cosigners(&checkpoint);
                (checkpoint.head, cosigners)
            }
        };
        if proof.index != place.sequence {
            return Err(Fault::Index);
        }
        if place.sequence >= head.size {
            return Err(Fault::CheckpointSize);
        }
        tree::verify_inclusion(&tree::leaf_hash(&statement.id().0), proof.index, head.size, &proof.path, &head.root)?;
        Ok((head, cosigners))
    }

    fn verify_disclosures(&self, statement: &VerifiedStatement) -> Result<Vec<VerifiedSection>, Fault> {
        let mut next = 0;
        let mut sections = Vec::with_capacity(self.disclosures.len());
        for disclosure in &self.disclosures {
            let index = usize::try_from(disclosure.section).map_err(|_| Fault::SectionIndex)?;
            let commitment = statement.sections.get(index).filter(|_| index >= next).ok_or(Fault::SectionIndex)?;
            next = index.saturating_add(1);
            sections.push(disclosure.verify(commitment)?);
        }
        Ok(sections)
    }
}

impl Disclosure {
    fn write(&self, writer: &mut Writer) {
        writer.array(4).uint(self.section).bytes(&self.header).array(self.audiences.len());
        for (index, audience) in &self.audiences {
            writer.array(2).uint(*index).bytes(audience);
        }
        writer.array(2);
        match &self.content {
            Content::Whole(body) => {
                writer.uint(0).bytes(body);
            }
            Content::Fields(fields) => {
                writer.uint(1).array(fields.len());
                for single in fields {
                    writer.array(5).bytes(&single.salt).text(&single.field.name).text(&single.field.value);
                    writer.uint(single.index).array(single.path.len());
                    for hash in &single.path {
                        writer.bytes(hash);
                    }
                }
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array(4)?;
        let section = reader.uint()?;
        let header = reader.bytes(limits::BUNDLE)?.to_vec();
        let audiences = read_list(reader, limits::AUDIENCES, |reader| {
            reader.array(2)?;
            Ok((reader.uint()?, reader.bytes(limits::BUNDLE)?.to_vec()))
        })?;
        reader.array(2)?;
        let content = match reader.uint()? {
            0 => Content::Whole(reader.bytes(limits::BUNDLE)?.to_vec()),
            1 => Content::Fields((0..reader.array_in(1..=limits::FIELDS)?).map(|_| read_field(reader)).collect::<Result<_, _>>()?),
            _ => return Err(Fault::Form),
        };
        Ok(Self { section, header, audiences, content })
    }

    fn verify(&self, commitment: &SectionCommitment) -> Result<VerifiedSection, Fault> {
        let header = SectionHeader::open(&self.header, &commitment.header)?;
        let mut next = 0;
        let mut audiences = Vec::with_capacity(self.audiences.len());
        for (index, bytes) in &self.audiences {
            let index = usize::try_from(*index).map_err(|_| Fault::Audience)?;
            let committed = commitment.audiences.get(index).filter(|_| index >= next).ok_or(Fault::Audience)?;
            next = index.saturating_add(1);
            audiences.push(AudienceHeader::open(bytes, committed)?);
        }
        check_audiences(&header, commitment.audiences.len(), &audiences)?;
        let fields = match &self.content {
            Content::Whole(body) => {
                let body = Body::decode(body)?;
                body.check(commitment.fields, &header)?;
                body.fields().to_vec()
            }
            Content::Fields(fields) => verify_fields(fields, commitment.fields, &header.root)?,
        };
        Ok(VerifiedSection { index: self.section, audiences, fields })
    }
}

/// A list that the format does not bound. Of more than `most` elements, which no check accepts, one too many is kept: the check names the fault.
fn read_list<'a, T>(reader: &mut Reader<'a>, most: usize, read: impl Fn(&mut Reader<'a>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    let mut kept = Vec::new();
    for _ in 0..reader.array_in(0..=limits::CBOR_ARRAY as usize)? {
        let element = read(reader)?;
        if kept.len() <= most {
            kept.push(element);
        }
    }
    Ok(kept)
}

fn read_field(reader: &mut Reader<'_>) -> Result<DisclosedField, Fault> {
    reader.array(5)?;
    Ok(DisclosedField {
        salt: reader.fixed()?,
        field: Field::read(reader)?,
        index: reader.uint()?,
        path: read_list(reader, limits::PATH, Reader::fixed)?,
    })
}

fn verify_fields(fields: &[DisclosedField], count: u64, root: &Hash) -> Result<Vec<Field>, Fault> {
    let mut next = 0;
    for single in fields {
        if single.index < next {
            return Err(Fault::FieldPath);
        }
        next = single.index.saturating_add(1);
        single.check(count, root)?;
    }
    let mut names = BTreeSet::new();
    if !fields.iter().all(|single| names.insert(single.field.name.as_str())) {
        return Err(Fault::FieldDuplicate);
    }
    Ok(fields.iter().map(|single| single.field.clone()).collect())
}

/// What a bundle proves.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    /// The alliance in force.
    pub alliance: Arc<Alliance>,
    /// The records in the bundle's order.
    pub records: Vec<VerifiedRecord>,
}

/// One record that was proven.
#[derive(Clone, Debug)]
pub struct VerifiedRecord {
    /// Its author.
    pub author: MemberId,
    /// The author's name.
    pub author_name: String,
    /// The author's role, the last one that it had.
    pub role: Role,
    /// Whether it has left the alliance.
    pub left: bool,
    /// Whether the log was closed, because its author has left or goes on with another one: the members' decision proves it.
    pub closed: bool,
    /// Whether the members have decided that somebody else may have signed it.
    pub compromised: bool,
    /// Size of the log under the checkpoint; of a closed one, as far as the alliance accepted it.
    pub size: u64,
    /// When the author says that this was its newest checkpoint, seconds since 1970.
    pub seconds: Option<u64>,
    /// How far the checkpoint is witnessed.
    pub standing: Standing,
    /// The other members that cosigned it, in charter order, each with its time in seconds since 1970. Regulators stand here too, and do not count.
    pub witnesses: Vec<(MemberId, u64)>,
    /// The statement.
    pub statement: VerifiedStatement,
    /// What is shown of its sections.
    pub sections: Vec<VerifiedSection>,
}

impl VerifiedRecord {
    /// The statement's id.
    pub fn id(&self) -> StatementId {
        self.statement.id()
    }

    /// How many fields of the record are not shown.
    pub fn withheld(&self) -> u64 {
        let all: u64 = self.statement.sections.iter().map(|section| section.fields).sum();
        let shown: usize = self.sections.iter().map(|section| section.fields.len()).sum();
        all.saturating_sub(shown as u64)
    }
}

/// What was proven of one section.
#[derive(Clone, Debug)]
pub struct VerifiedSection {
    /// Index of the section.
    pub index: u64,
    /// The audience headers shown.
    pub audiences: Vec<AudienceHeader>,
    /// The fields shown.
    pub fields: Vec<Field>,
}
