//! One signed entry of a member's log, kept as its COSE Sig_structure (`specs/statement.md`, RFC 9052 section 4.4).

use sha2::{Digest, Sha256};

use crate::cbor::{Reader, Writer};
use crate::domain;
use crate::fault::Fault;
use crate::id::{AllianceId, Hash, KeyId, MemberId, StatementId};
use crate::key::{PublicKey, SecretKey, Signature};
use crate::limits;

/// Where a statement stands: no two statements of an honest member share a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The alliance.
    pub alliance: AllianceId,
    /// The member whose log it is.
    pub author: MemberId,
    /// Incarnation of that log, from 0.
    pub incarnation: u64,
    /// Index in that log, from 0.
    pub sequence: u64,
}

/// What a statement says of one of its sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionCommitment {
    /// How many fields the section holds, 1 to 256.
    pub fields: u64,
    /// Commitment to the section header.
    pub header: Hash,
    /// Commitments to the audience headers, 1 to 16.
    pub audiences: Vec<Hash>,
}

/// The decoded payload of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Alliance, author, incarnation and sequence.
    pub place: Place,
    /// Chain value before this entry.
    pub previous: Hash,
    /// The author's claim, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Type of the record, `[a-z0-9][a-z0-9.-]{0,62}`.
    pub kind: String,
    /// Other statements, publicly referred to.
    pub references: Vec<StatementId>,
    /// Random; hides the statement behind its id.
    pub blind: [u8; 32],
    /// Its sections.
    pub sections: Vec<SectionCommitment>,
}

/// Whether `kind` may be a statement's type.
pub fn is_type(kind: &str) -> bool {
    let mut bytes = kind.bytes();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    kind.len() <= limits::TYPE && bytes.next().is_some_and(plain) && bytes.all(|byte| plain(byte) || byte == b'.' || byte == b'-')
}

/// The prefix of types that belong to the protocol.
pub const RESERVED_TYPES: &str = "suyuan.";

impl Statement {
    /// Encodes the payload and frames it for the key with this id. What comes out is what is signed, hashed and kept.
    pub fn to_bytes(&self, key: KeyId) -> Vec<u8> {
        let mut payload = Writer::structure(11);
        payload.bytes(&self.place.alliance.0).bytes(&self.place.author.0);
        payload.uint(self.place.incarnation).uint(self.place.sequence);
        payload.bytes(&self.previous).uint(self.time).text(&self.kind);
        payload.array(self.references.len());
        for reference in &self.references {
            payload.bytes(&reference.0);
        }
        payload.bytes(&self.blind).array(self.sections.len());
        for section in &self.sections {
            payload.array(3).uint(section.fields).bytes(&section.header).array(section.audiences.len());
            for audience in &section.audiences {
                payload.bytes(audience);
            }
        }
        sig_structure(domain::TYP_STATEMENT, key, &payload.finish())
    }

    fn from_payload(payload: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::open(payload)?;
        reader.suite(11)?;
        let alliance = AllianceId(reader.fixed()?);
        let author = MemberId(reader.fixed()?);
        let place = Place { alliance, author, incarnation: reader.uint()?, sequence: reader.uint()? };
        let previous = reader.fixed()?;
        let time = reader.uint()?;
        let kind = reader.text(1..=limits::TYPE)?;
        if !is_type(kind) {
            return Err(Fault::Form);
        }
        let references = (0..reader.array_in(0..=limits::REFERENCES)?).map(|_| reader.fixed().map(StatementId)).collect::<Result<_, _>>()?;
        let blind = reader.fixed()?;
        let sections = (0..reader.array_in(0..=limits::SECTIONS)?).map(|_| SectionCommitment::read(&mut reader)).collect::<Result<_, _>>()?;
        Ok(Self { place, previous, time, kind: kind.to_owned(), references, blind, sections })
    }
}

impl SectionCommitment {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array(3)?;
        let fields = reader.uint()?;
        if !(1..=limits::FIELDS as u64).contains(&fields) {
            return Err(Fault::Form);
        }
        let header = reader.fixed()?;
        let audiences = (0..reader.array_in(1..=limits::AUDIENCES)?).map(|_| reader.fixed()).collect::<Result<_, _>>()?;
        Ok(Self { fields, header, audiences })
    }
}

/// The id of a statement's bytes: their SHA-256, also where they are none.
pub fn id_of(bytes: &[u8]) -> StatementId {
    StatementId(Sha256::digest(bytes).into())
}

/// A statement of the right form whose origin is still open: neither its signature nor its place in a log was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedStatement<'a> {
    bytes: &'a [u8],
    key: KeyId,
    id: StatementId,
    statement: Statement,
}

impl<'a> UnverifiedStatement<'a> {
    /// Decodes the bytes as received.
    ///
    /// # Errors
    /// [`Fault::Form`] above [`limits::STATEMENT`] bytes, then [`Fault::Frame`], [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Fault> {
        if bytes.len() > limits::STATEMENT {
            return Err(Fault::Form);
        }
        let (_, key, payload) = unframe(domain::TYP_STATEMENT, bytes)?;
        let statement = Statement::from_payload(payload)?;
        Ok(Self { bytes, key, id: id_of(bytes), statement })
    }

    /// The id, which names exactly these bytes.
    pub fn id(&self) -> StatementId {
        self.id
    }

    /// The place it claims.
    pub fn place(&self) -> Place {
        self.statement.place
    }

    /// The id of the key that it says signed it.
    pub fn key_id(&self) -> KeyId {
        self.key
    }

    /// Accepts it on its own signature.
    ///
    /// # Errors
    /// [`Fault::KeyId`] when it names another key, [`Fault::Signature`].
    pub fn verify(self, key: &PublicKey, signature: &Signature) -> Result<VerifiedStatement, Fault> {
        if key.id() != self.key {
            return Err(Fault::KeyId);
        }
        key.verify(self.bytes, signature)?;
        Ok(self.verified())
    }

    /// Accepts it because its id stands at its place in a log whose checkpoint was verified: the caller gives the place, the id found there and the chain value
    /// before it.
    ///
    /// # Errors
    /// [`Fault::Inclusion`] when id, place or previous chain value differ.
    pub fn verify_in_log(self, place: &Place, entry: &StatementId, previous: &Hash) -> Result<VerifiedStatement, Fault> {
        if self.id == *entry && self.statement.place == *place && self.statement.previous == *previous {
            Ok(self.verified())
        } else {
            Err(Fault::Inclusion)
        }
    }

    /// Accepts what this node verified before and kept: the bytes still hash to the entry.
    ///
    /// # Errors
    /// [`Fault::Inclusion`] when the bytes are others.
    pub fn reread(self, entry: &StatementId) -> Result<VerifiedStatement, Fault> {
        if self.id == *entry { Ok(self.verified()) } else { Err(Fault::Inclusion) }
    }

    fn verified(self) -> VerifiedStatement {
        VerifiedStatement { id: self.id, key: self.key, statement: self.statement }
    }
}

/// A statement that its author is bound to, by signature or by its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedStatement {
    id: StatementId,
    key: KeyId,
    statement: Statement,
}

impl VerifiedStatement {
    /// The statement's id.
    pub fn id(&self) -> StatementId {
        self.id
    }

    /// Id of the author's log key at that time.
    pub fn key_id(&self) -> KeyId {
        self.key
    }
}

impl std::ops::Deref for VerifiedStatement {
    type Target = Statement;

    fn deref(&self) -> &Statement {
        &self.statement
    }
}

/// A statement just written by this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedStatement {
    /// Its id.
    pub id: StatementId,
    /// Its Sig_structure.
    pub bytes: Vec<u8>,
    /// The signature beside it.
    pub signature: Signature,
}

/// Encodes, hashes and signs.
pub fn sign(statement: &Statement, key: &SecretKey) -> SignedStatement {
    let bytes = statement.to_bytes(key.public().id());
    SignedStatement { id: id_of(&bytes), signature: key.sign(&bytes), bytes }
}

/// Frames a payload as the Sig_structure of a COSE_Sign1 with the protected header {alg: EdDSA, kid, typ}.
pub fn sig_structure(typ: &str, key: KeyId, payload: &[u8]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(payload.len().saturating_add(96));
    writer.array(4).text("Signature1").bytes(&protected(typ, key)).bytes(&[]).bytes(payload);
    writer.finish()
}

fn protected(typ: &str, KeyId(key): KeyId) -> Vec<u8> {
    let mut writer = Writer::with_capacity(64);
    // {1: -8, 4: kid, 16: typ}; the profile has no maps and no negative integers, so these heads are written as bytes.
    writer.raw(&[0xa3, 0x01, 0x27, 0x04]).bytes(&key).raw(&[0x10]).text(typ);
    writer.finish()
}

/// Takes a Sig_structure of this `typ` apart: protected header, key id, payload.
fn unframe<'a>(typ: &str, bytes: &'a [u8]) -> Result<(&'a [u8], KeyId, &'a [u8]), Fault> {
    let mut reader = Reader::open(bytes).map_err(|_| Fault::Frame)?;
    let mut parts = || -> Result<_, Fault> {
        reader.array(4)?;
        let context = reader.text(0..=16)?;
        Ok((context, reader.bytes(128)?, reader.bytes(0)?, reader.bytes(limits::CHARTER)?))
    };
    let (context, header, _, payload) = parts().map_err(|_| Fault::Frame)?;
    let key = header.get(5..21).and_then(|kid| kid.try_into().ok()).map(KeyId).ok_or(Fault::Frame)?;
    if context == "Signature1" && header == protected(typ, key) { Ok((header, key, payload)) } else { Err(Fault::Frame) }
}

/// The same statement as a tagged COSE_Sign1 (RFC 9052 section 4.2), for any COSE library.
///
/// # Errors
/// Those of [`UnverifiedStatement::decode`].
pub fn cose_sign1(bytes: &[u8], signature: &Signature) -> Result<Vec<u8>, Fault> {
    UnverifiedStatement::decode(bytes)?;
    let (header, _, payload) = unframe(domain::TYP_STATEMENT, bytes)?;
    let mut writer = Writer::with_capacity(bytes.len().saturating_add(80));
    writer.raw(&[0xd2]).array(4).bytes(header).raw(&[0xa0]).bytes(payload).bytes(signature);
    Ok(writer.finish())
}
