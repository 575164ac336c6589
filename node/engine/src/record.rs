//! A record in the store: which rows it has, and how they are read back and opened.

use std::collections::BTreeSet;

use rand_core::CryptoRng;
use suyuan_core::bundle::Content;
use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::circle::{self, PUBLIC, Wrap};
use suyuan_core::id::StatementId;
use suyuan_core::key::Signature;
use suyuan_core::sealing::{self, SectionKey};
use suyuan_core::section::{self, ABOUT, AudienceHeader, Body, SectionHeader};
use suyuan_core::statement::{RESERVED_TYPES, SectionCommitment, Statement, UnverifiedStatement, VerifiedStatement};
use suyuan_core::{CircleId, Fault};

use crate::local::LocalKeys;
use crate::schema::{Row, Table, index_key, public_key};
use crate::secrets::EpochSecrets;
use crate::view::{Changes, StoreError, View};

/// Type of a record that recalls what it is about.
pub const RECALL: &str = "recall";

/// An audience header as this node holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldAudience {
    /// Index among the section's audiences.
    pub index: u8,
    /// The header's bytes.
    pub bytes: Vec<u8>,
    /// The same, decoded after it was held against its commitment.
    pub header: AudienceHeader,
    /// The wrapped section key; none for the public.
    pub wrap: Option<Wrap>,
}

/// A section as this node holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSection {
    /// Index in the statement.
    pub index: u8,
    /// The header's bytes.
    pub bytes: Vec<u8>,
    /// The same, decoded after it was held against its commitment; or why the section is void.
    pub header: Result<SectionHeader, Fault>,
    /// The audience headers that this node is entitled to.
    pub audiences: Vec<HeldAudience>,
    /// The public body, or the ciphertext; nothing where the header is void.
    pub content: Vec<u8>,
}

/// A statement with the sections that this node holds.
#[derive(Clone, Debug)]
pub struct HeldRecord {
    /// Where.
    pub row: Row,
    /// The statement's bytes.
    pub bytes: Vec<u8>,
    /// The signature beside it.
    pub signature: Signature,
    /// The statement.
    pub statement: VerifiedStatement,
    /// Its sections, ascending by index.
    pub sections: Vec<HeldSection>,
}

impl HeldRecord {
    /// Its audience headers of one circle.
    pub fn addressed_to(&self, circle: &CircleId) -> impl Iterator<Item = &AudienceHeader> {
        self.complete().filter(move |header| header.circle == *circle)
    }

    /// Writes all rows but the log's own. `subjects` are what its opened sections are about.
    ///
    /// # Errors
    /// [`StoreError`] from sealing.
    pub fn save(&self, subjects: &[String], local: &LocalKeys, rng: &mut impl CryptoRng, changes: &mut Changes) -> Result<(), StoreError> {
        changes.put(Table::Statement, self.row.key(), [&self.signature[..], &self.bytes].concat());
        changes.put(Table::ById, self.statement.id().0, self.row.key());
        for section in &self.sections {
            let key = self.row.section(section.index);
            changes.put(Table::Header, key.clone(), local.seal_header(&key, section.encode_headers(), rng)?);
            changes.put(Table::Content, key, section.content.clone());
            for audience in &section.audiences {
                if let Some(wrap) = &audience.wrap {
                    let key = self.row.audience(section.index, audience.index);
                    changes.put(Table::Wrap, key.clone(), local.seal_wrap(self.row, &key, wrap, rng)?);
                }
                let name = local.name(Table::ByCircle, &audience.header.circle.0);
                changes.put(Table::ByCircle, index_key(&name, self.row), Vec::new());
            }
        }
        self.index(subjects, local, changes);
        for subject in self.public_subjects() {
            changes.put(Table::Public, self.public_key(&subject, local), Vec::new());
        }
        if self.statement.kind.starts_with(RESERVED_TYPES) {
            changes.put(Table::System, self.row.key(), Vec::new());
        }
        Ok(())
    }

    /// The audiences of which nothing is lacking here. One without its wrap is not counted, so that it is missed and asked for.
    pub fn complete(&self) -> impl Iterator<Item = &AudienceHeader> {
        let whole =
            |section: &&HeldSection, audience: &&HeldAudience| section.header.is_err() || audience.header.circle == PUBLIC || audience.wrap.is_some();
        let audiences = self.sections.iter().flat_map(|section| section.audiences.iter().map(move |audience| (section, audience)));
        audiences.filter(move |(section, audience)| whole(section, audience)).map(|(_, audience)| &audience.header)
    }

    /// Writes the rows by which the record is found under what it is about.
    pub fn index(&self, subjects: &[String], local: &LocalKeys, changes: &mut Changes) {
        for subject in subjects {
            changes.put(Table::BySubject, index_key(&local.name(Table::BySubject, subject.as_bytes()), self.row), Vec::new());
        }
    }

    /// What its public sections are about, each once.
    fn public_subjects(&self) -> BTreeSet<String> {
        let none = EpochSecrets::default();
        let public = self.sections.iter().filter(|section| section.is_public());
        let bodies = public.filter_map(|section| open_section(&self.statement, section, &none).ok().flatten());
        bodies.flat_map(|body| subjects(&body)).collect()
    }

    /// Key of its row in [`Table::Public`] under one of the subjects of its public sections.
    pub fn public_key(&self, subject: &str, local: &LocalKeys) -> Vec<u8> {
        let name = local.name(Table::Public, subject.as_bytes());
        public_key(&name, self.statement.kind == RECALL, self.statement.time, self.row)
    }

    /// Reads a record back. Nothing where the row is masked or not there.
    ///
    /// # Errors
    /// [`StoreError`] when what is there is not what was written.
    pub fn load(row: Row, view: &impl View, local: &LocalKeys) -> Result<Option<Self>, StoreError> {
        Outline::load(row, view, local)?.map(|outline| outline.read(|_, _| true, view, local)).transpose()
    }

    /// Opens one held section with whatever epoch secret fits.
    ///
    /// # Errors
    /// [`StoreError`] when the ciphertext is not the one that was taken in.
    pub fn open(&self, section: &HeldSection, secrets: &EpochSecrets) -> Result<Opened, StoreError> {
        let changed = section.header.as_ref().is_ok_and(|header| header.sealed.is_some() && sealing::check_digest(&section.content, header).is_err());
        if changed {
            let Row { log, sequence } = self.row;
            return Err(StoreError(format!("section {} of entry {sequence} in log number {log} has changed on disk", section.index)));
        }
        Ok(match open_section(&self.statement, section, secrets) {
            Ok(Some(body)) => Opened::Body(body),
            // Wraps are not signed: that none opens says nothing of the author, only that the key is lacking.
            Ok(None) | Err(Fault::Wrap) => Opened::Sealed,
            Err(fault) => Opened::Void(fault),
        })
    }
}

/// A statement and the headers of its sections: enough to decide who may have what of it, before anything large is read.
#[derive(Clone, Debug)]
pub struct Outline(HeldRecord);

impl Outline {
    /// Reads statement and headers. Nothing where the row is masked or not there.
    ///
    /// # Errors
    /// [`StoreError`] when what is there is not what was written.
    pub fn load(row: Row, view: &impl View, local: &LocalKeys) -> Result<Option<Self>, StoreError> {
        let Some(entry) = view.row(Table::Entry, &row.key())? else { return Ok(None) };
        let id = entry.try_into().map_err(|_| StoreError(format!("id of entry {} in log number {}", row.sequence, row.log)))?;
        Self::of_entry(row, &StatementId(id), view, local)
    }

    /// The same where the entry was read already.
    pub(crate) fn of_entry(row: Row, entry: &StatementId, view: &impl View, local: &LocalKeys) -> Result<Option<Self>, StoreError> {
        let Some(stored) = view.row(Table::Statement, &row.key())? else { return Ok(None) };
        let damaged = |what: &str| StoreError(format!("{what} of entry {} in log number {}", row.sequence, row.log));
        let (signature, bytes) = stored.split_at_checked(64).ok_or_else(|| damaged("statement"))?;
        let statement = UnverifiedStatement::decode(bytes).and_then(|statement| statement.reread(entry)).map_err(|_| damaged("statement"))?;
        let mut sections = Vec::new();
        for (index, commitment) in statement.sections.iter().enumerate() {
            let index = u8::try_from(index).map_err(|_| damaged("section"))?;
            sections.extend(HeldSection::load(row, index, commitment, view, local)?);
        }
        let signature = signature.try_into().map_err(|_| damaged("signature"))?;
        Ok(Some(Self(HeldRecord { row, bytes: bytes.to_vec(), signature, statement, sections })))
    }

    /// The statement.
    pub fn statement(&self) -> &Statement {
        &self.0.statement
    }

    /// The audience headers that are held.
    pub fn audiences(&self) -> impl Iterator<Item = &AudienceHeader> {
        self.0.sections.iter().flat_map(|section| &section.audiences).map(|audience| &audience.header)
    }

    /// Reads the content of all sections, and no wraps: for whoever opens nothing.
    ///
    /// # Errors
    /// As [`Outline::load`].
    pub(crate) fn read_sealed(self, view: &impl View) -> Result<HeldRecord, StoreError> {
        let Self(mut record) = self;
        for mut section in std::mem::take(&mut record.sections) {
            if section.fill_content(record.row, view)? {
                record.sections.push(section);
            }
        }
        Ok(record)
    }

    /// Reads content and wraps of the sections that are wanted, which are told by their headers; the record is without the others.
    ///
    /// # Errors
    /// As [`Outline::load`].
    pub fn read(self, wanted: impl Fn(&Statement, &HeldSection) -> bool, view: &impl View, local: &LocalKeys) -> Result<HeldRecord, StoreError> {
        let Self(mut record) = self;
        let outlined = std::mem::take(&mut record.sections);
        for mut section in outlined.into_iter().filter(|section| wanted(&record.statement, section)) {
            if section.fill(record.row, view, local)? {
                record.sections.push(section);
            }
        }
        Ok(record)
    }
}

/// What a held section turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Its fields.
    Body(Body),
    /// This node has no key for it.
    Sealed,
    /// Its author signed what does not hold together; it stands in the log and means nothing.
    Void(Fault),
}

/// Opens a section and holds its fields against the statement's count and the header's root. Nothing where no secret fits.
///
/// # Errors
/// The faults of `specs/circle.md`, `sealing.md` and `section.md`: its author's.
pub fn open_section(statement: &Statement, section: &HeldSection, secrets: &EpochSecrets) -> Result<Option<Body>, Fault> {
    let Some(commitment) = statement.sections.get(usize::from(section.index)) else {
        return Err(Fault::SectionIndex);
    };
    let header = section.header.as_ref().map_err(|fault| *fault)?;
    let body = if header.sealed.is_none() {
        Body::decode(&section.content)?
    } else {
        let Some(key) = section_key(commitment, section, secrets)? else { return Ok(None) };
        sealing::open(&section.content, &key, &sealing::context(&statement.place, section.index, &header.root))?
    };
    body.check(commitment.fields, header)?;
    Ok(Some(body))
}

/// The section's key, from the first wrap that opens; nothing where there is no wrap under a secret that is held.
fn section_key(commitment: &SectionCommitment, section: &HeldSection, secrets: &EpochSecrets) -> Result<Option<SectionKey>, Fault> {
    let mut tried = false;
    for audience in &section.audiences {
        let (circle, epoch) = (&audience.header.circle, audience.header.epoch);
        let (Some(secret), Some(wrap)) = (secrets.of(circle, epoch), &audience.wrap) else { continue };
        let committed = commitment.audiences.get(usize::from(audience.index)).ok_or(Fault::Audience)?;
        match circle::unwrap(secret, circle, epoch, committed, wrap) {
            Err(Fault::Wrap) => tried = true,
            other => return other.map(Some),
        }
    }
    if tried { Err(Fault::Wrap) } else { Ok(None) }
}

/// Reads the section header that the statement commits to. Inside: why it makes the section void, for everybody who holds it.
///
/// # Errors
/// [`Fault::Header`] when it is another; [`Fault::Suite`] when a later program must judge it.
pub(crate) fn read_header(bytes: &[u8], commitment: &SectionCommitment) -> Result<Result<SectionHeader, Fault>, Fault> {
    match SectionHeader::open(bytes, &commitment.header) {
        Err(fault @ (Fault::Header | Fault::Suite)) => Err(fault),
        Err(fault) => Ok(Err(fault)),
        Ok(header) => Ok(section::check_audiences(&header, commitment.audiences.len(), []).map(|()| header)),
    }
}

/// What a body says it is about; an `@about` that is no list of texts is about nothing.
pub fn subjects(body: &Body) -> Vec<String> {
    let listed: Option<Vec<String>> = body.field(ABOUT).and_then(|value| serde_json::from_str(value).ok());
    listed.unwrap_or_default().into_iter().take(crate::limits::ABOUT).filter_map(|given| canonical(&given)).collect()
}

fn canonical(given: &str) -> Option<String> {
    suyuan_trace::subject(given).ok().map(|subject| subject.to_string())
}

impl HeldSection {
    /// Whether anybody may read it.
    pub fn is_public(&self) -> bool {
        self.header.as_ref().is_ok_and(|header| header.sealed.is_none()) && self.audiences.iter().any(|audience| audience.header.circle == PUBLIC)
    }

    /// Whether a fault in it cannot be its author's: what was checked when it was taken in, or was written here, was whole.
    pub(crate) fn was_checked(&self, fault: Fault, own: bool) -> bool {
        let public = self.header.as_ref().is_ok_and(|header| header.sealed.is_none());
        own || (public && fault != Fault::FieldCount)
    }

    /// The content of a bundle's disclosure of the whole section.
    pub fn whole(body: &Body) -> Content {
        Content::Whole(body.to_bytes())
    }

    fn encode_headers(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(256);
        writer.array(2).bytes(&self.bytes).array(self.audiences.len());
        for audience in &self.audiences {
            writer.array(2).uint(u64::from(audience.index)).bytes(&audience.bytes);
        }
        writer.finish()
    }

    /// A section with its headers alone.
    fn load(row: Row, index: u8, commitment: &SectionCommitment, view: &impl View, local: &LocalKeys) -> Result<Option<Self>, StoreError> {
        let key = row.section(index);
        let Some(headers) = view.row(Table::Header, &key)? else { return Ok(None) };
        let headers = local.open_header(&key, &headers)?;
        let section = Self::decode_headers(&headers, index, commitment);
        section.map(Some).map_err(|fault| StoreError(format!("headers of entry {} in log number {}: {fault}", row.sequence, row.log)))
    }

    /// Reads content and wraps; false where there is no content.
    fn fill(&mut self, row: Row, view: &impl View, local: &LocalKeys) -> Result<bool, StoreError> {
        if !self.fill_content(row, view)? {
            return Ok(false);
        }
        for audience in &mut self.audiences {
            let key = row.audience(self.index, audience.index);
            if let Some(sealed) = view.row(Table::Wrap, &key)? {
                let wrap = local.open_wrap(row, &key, &sealed)?;
                audience.wrap = Some(wrap.try_into().map_err(|_| StoreError(format!("wrap {}", hex::encode(&key))))?);
            }
        }
        Ok(true)
    }

    /// Reads content; false where there is none.
    fn fill_content(&mut self, row: Row, view: &impl View) -> Result<bool, StoreError> {
        let Some(content) = view.row(Table::Content, &row.section(self.index))? else { return Ok(false) };
        self.content = content;
        Ok(true)
    }

    fn decode_headers(headers: &[u8], index: u8, commitment: &SectionCommitment) -> Result<Self, Fault> {
        let mut reader = Reader::open(headers)?;
        reader.array(2)?;
        let bytes = reader.bytes(1024)?.to_vec();
        let header = read_header(&bytes, commitment)?;
        let mut audiences = Vec::new();
        for _ in 0..reader.array_in(0..=suyuan_core::limits::AUDIENCES)? {
            reader.array(2)?;
            let index = u8::try_from(reader.uint()?).map_err(|_| Fault::Form)?;
            let bytes = reader.bytes(1024)?.to_vec();
            let committed = commitment.audiences.get(usize::from(index)).ok_or(Fault::Audience)?;
            audiences.push(HeldAudience { index, header: AudienceHeader::open(&bytes, committed)?, bytes, wrap: None });
        }
        Ok(Self { index, bytes, header, audiences, content: Vec::new() })
    }
}
