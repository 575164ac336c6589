//! A section: its fields, the tree over them, and the headers that a statement commits to (`specs/section.md`).

use std::collections::BTreeSet;

use hkdf::hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cbor::{Reader, Writer};
use crate::circle::PUBLIC;
use crate::domain;
use crate::fault::Fault;
use crate::id::{CircleId, Hash, StatementId};
use crate::limits;
use crate::tree;

/// Name of the field that lists what a section is about.
pub const ABOUT: &str = "@about";

/// One top-level JSON member: its name, and its value as the JSON text that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// 1 to 128 bytes without control characters.
    pub name: String,
    /// JSON text, 1 to 262,144 bytes, byte for byte.
    pub value: String,
}

impl Field {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let name = reader.text(1..=limits::FIELD_NAME)?;
        let value = reader.text(1..=limits::FIELD_VALUE)?;
        let field = Self { name: name.to_owned(), value: value.to_owned() };
        if field.is_bounded() { Ok(field) } else { Err(Fault::Form) }
    }

    /// Whether name and value are within their bounds.
    pub fn is_bounded(&self) -> bool {
        is_field_name(&self.name) && (1..=limits::FIELD_VALUE).contains(&self.value.len())
    }
}

/// Whether a field may have this name.
pub fn is_field_name(name: &str) -> bool {
    (1..=limits::FIELD_NAME).contains(&name.len()) && !name.bytes().any(|byte| byte < 0x20 || byte == 0x7f)
}

/// A section's fields with the seed that salts them. Names are unique and bounds hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    seed: [u8; 32],
    fields: Vec<Field>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} fields)", self.fields.len())
    }
}

impl Body {
    /// A body of these fields under a fresh random seed.
    ///
    /// # Errors
    /// [`Fault::Form`] for a bound, [`Fault::FieldDuplicate`].
    pub fn new(seed: [u8; 32], fields: Vec<Field>) -> Result<Self, Fault> {
        if !(1..=limits::FIELDS).contains(&fields.len()) || !fields.iter().all(Field::is_bounded) {
            return Err(Fault::Form);
        }
        let mut names = BTreeSet::new();
        if !fields.iter().all(|field| names.insert(field.name.as_str())) {
            return Err(Fault::FieldDuplicate);
        }
        Ok(Self { seed, fields })
    }

    /// Decodes a body as received.
    ///
    /// # Errors
    /// [`Fault::Form`] above [`limits::BODY`] bytes, then [`Fault::Cbor`], [`Fault::Form`], [`Fault::FieldDuplicate`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() > limits::BODY {
            return Err(Fault::Form);
        }
        Self::read(Reader::open(bytes)?, bytes.len())
    }

    pub(crate) fn read(mut reader: Reader<'_>, len: usize) -> Result<Self, Fault> {
        if len > limits::BODY {
            return Err(Fault::Form);
        }
        reader.array(2)?;
        let seed = reader.fixed()?;
        let mut fields = Vec::new();
        for _ in 0..reader.array_in(1..=limits::FIELDS)? {
            reader.array(2)?;
            fields.push(Field::read(&mut reader)?);
        }
        Self::new(seed, fields)
    }

    /// Encodes the body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = self.fields.iter().map(|field| field.name.len().saturating_add(field.value.len()).saturating_add(10));
        let mut writer = Writer::with_capacity(text.sum::<usize>().saturating_add(40));
        writer.array(2).bytes(&self.seed).array(self.fields.len());
        for field in &self.fields {
            writer.array(2).text(&field.name).text(&field.value);
        }
        writer.finish()
    }

    /// The fields in the order in which they were submitted.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The value of one field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// The leaf hashes in tree order.
    pub fn leaves(&self) -> Vec<Hash> {
        let salts = Salts::new(&self.seed);
        let mut leaves: Vec<Hash> = self.fields.iter().map(|field| field_leaf(&salts.of(&field.name), &field.name, &field.value)).collect();
        leaves.sort_unstable();
        leaves
    }

    /// Root of the field tree.
    pub fn root(&self) -> Hash {
        tree::root(&self.leaves())
    }

    /// Opens one field alone: its salt, and the path of its leaf. Nothing where there is no such field.
    pub fn disclose(&self, name: &str) -> Option<DisclosedField> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        let salt = Salts::new(&self.seed).of(name);
        let leaf = field_leaf(&salt, &field.name, &field.value);
        let leaves = self.leaves();
        let index = leaves.binary_search(&leaf).ok()?;
        Some(DisclosedField { salt, field: field.clone(), index: index as u64, path: tree::inclusion_path(&leaves, index) })
    }

    /// Checks that this is the body of the section that the statement counted and the header names.
    ///
    /// # Errors
    /// [`Fault::FieldCount`], [`Fault::FieldRoot`].
    pub fn check(&self, count: u64, header: &SectionHeader) -> Result<(), Fault> {
        if self.fields.len() as u64 != count {
            return Err(Fault::FieldCount);
        }
        if self.root() == header.root { Ok(()) } else { Err(Fault::FieldRoot) }
    }
}

/// Derives salts from one seed; the keyed state is made once.
struct Salts(Hmac<Sha256>);

impl Salts {
    fn new(seed: &[u8; 32]) -> Self {
        // HMAC takes a key of any length, so this cannot fail; the seed's own block length makes it exact.
        let mut key = [0; 64];
        for (to, from) in key.iter_mut().zip(seed) {
            *to = *from;
        }
        Self(Hmac::new(&key.into()))
    }

    fn of(&self, name: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(&domain::FIELD_SALT.context(&[name.as_bytes()]));
        mac.finalize().into_bytes().into()
    }
}

fn field_leaf(salt: &[u8; 32], name: &str, value: &str) -> Hash {
    let mut writer = Writer::with_capacity(name.len().saturating_add(value.len()).saturating_add(48));
    writer.array(3).bytes(salt).text(name).text(value);
    tree::leaf_hash(&writer.finish())
}

/// One field with what proves it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisclosedField {
    /// Salt of this field.
    pub salt: [u8; 32],
    /// The field.
    pub field: Field,
    /// Index of its leaf.
    pub index: u64,
    /// Inclusion path of its leaf.
    pub path: Vec<Hash>,
}

impl DisclosedField {
    /// Checks the field against the section's root and count.
    ///
    /// # Errors
    /// [`Fault::Form`] for a bound of name or value, [`Fault::FieldPath`].
    pub fn check(&self, count: u64, root: &Hash) -> Result<(), Fault> {
        if !self.field.is_bounded() {
            return Err(Fault::Form);
        }
        if count > limits::FIELDS as u64 {
            return Err(Fault::FieldPath);
        }
        let leaf = field_leaf(&self.salt, &self.field.name, &self.field.value);
        tree::verify_inclusion(&leaf, self.index, count, &self.path, root).map_err(|_| Fault::FieldPath)
    }
}

/// What a section's readers get beside its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionHeader {
    /// Root of the field tree.
    pub root: Hash,
    /// The ciphertext; none for the public section.
    pub sealed: Option<Ciphertext>,
}

/// Which ciphertext a section header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ciphertext {
    /// BLAKE3 of the ciphertext.
    pub digest: Hash,
    /// Its length in bytes.
    pub len: u64,
}

impl SectionHeader {
    /// Encodes the header.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::structure(3);
        writer.bytes(&self.root);
        match &self.sealed {
            None => writer.null(),
            Some(sealed) => writer.array(2).bytes(&sealed.digest).uint(sealed.len),
        };
        writer.finish()
    }

    /// Accepts a header that is the one committed to.
    ///
    /// # Errors
    /// [`Fault::Header`], then [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn open(bytes: &[u8], commitment: &Hash) -> Result<Self, Fault> {
        if section_commitment(bytes) != *commitment {
            return Err(Fault::Header);
        }
        let mut reader = Reader::open(bytes)?;
        reader.suite(3)?;
        let root = reader.fixed()?;
        if reader.null() {
            return Ok(Self { root, sealed: None });
        }
        reader.array(2)?;
        let sealed = Ciphertext { digest: reader.fixed()?, len: reader.uint()? };
        if sealed.len > limits::CIPHERTEXT {
            return Err(Fault::Form);
        }
        Ok(Self { root, sealed: Some(sealed) })
    }
}

/// Checks the audiences of a section against its header: the public reads what is not sealed, alone and in epoch 0, and nothing else. `committed` is how many
/// audiences the statement commits to, `shown` are those whose headers are at hand.
///
/// # Errors
/// [`Fault::Audience`].
pub fn check_audiences<'a>(header: &SectionHeader, committed: usize, shown: impl IntoIterator<Item = &'a AudienceHeader>) -> Result<(), Fault> {
    let public = header.sealed.is_none();
    let fits = |audience: &AudienceHeader| (audience.circle == PUBLIC) == public && (audience.epoch == 0) == public;
    let alone = !public || committed == 1;
    if alone && shown.into_iter().all(fits) { Ok(()) } else { Err(Fault::Audience) }
}

/// Commitment to a section header.
pub fn section_commitment(header: &[u8]) -> Hash {
    domain::SECTION_HEADER.hash(&[header])
}

/// Size and root of a circle's order log as a writer saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderHead {
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

/// Which circle may read a section, and where this statement stands among the author's in that circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudienceHeader {
    /// Random; hides the circle behind the commitment.
    pub salt: [u8; 16],
    /// The circle.
    pub circle: CircleId,
    /// Its key epoch; 0 for the public.
    pub epoch: u64,
    /// How many statements the author addressed to this circle before.
    pub counter: u64,
    /// The author's previous statement to this circle, or zeros.
    pub link: StatementId,
    /// The circle's order log as the author saw it.
    pub order: Option<OrderHead>,
}

impl AudienceHeader {
    /// Encodes the header.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::structure(7);
        writer.bytes(&self.salt).bytes(&self.circle.0).uint(self.epoch).uint(self.counter).bytes(&self.link.0);
        match &self.order {
            None => writer.null(),
            Some(order) => writer.array(2).uint(order.size).bytes(&order.root),
        };
        writer.finish()
    }

    /// Accepts a header that is the one committed to.
    ///
    /// # Errors
    /// [`Fault::Audience`], then [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn open(bytes: &[u8], commitment: &Hash) -> Result<Self, Fault> {
        if audience_commitment(bytes) != *commitment {
            return Err(Fault::Audience);
        }
        let mut reader = Reader::open(bytes)?;
        reader.suite(7)?;
        let salt = reader.fixed()?;
        let circle = CircleId(reader.fixed()?);
        let (epoch, counter) = (reader.uint()?, reader.uint()?);
        let link = StatementId(reader.fixed()?);
        let order = if reader.null() {
            None
        } else {
            reader.array(2)?;
            Some(OrderHead { size: reader.uint()?, root: reader.fixed()? })
        };
        Ok(Self { salt, circle, epoch, counter, link, order })
    }
}

/// Commitment to an audience header.
pub fn audience_commitment(header: &[u8]) -> Hash {
    domain::AUDIENCE_HEADER.hash(&[header])
}
