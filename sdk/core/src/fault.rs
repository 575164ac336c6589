//! Why something offered as proof was refused: the codes that every verifier of these formats shares.

use std::fmt;

/// A refusal of bytes that came from somebody else. The fault is always on the side of whoever made or altered them.
///
/// [`Fault::code`] is the code of the spec page named at each variant; independent verifiers name the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Not one item of the CBOR profile (`cbor.md`).
    Cbor,
    /// Well-formed, but not the structure expected (`cbor.md`).
    Form,
    /// A suite or version that this build does not know (`cbor.md`). A newer program may read it.
    Suite,
    /// A public key that is not a canonical, torsion-free point (`key.md`).
    Key,
    /// A signature that does not verify strictly (`key.md`).
    Signature,
    /// The bytes are not framed as a Sig_structure of the expected type (`statement.md`).
    Frame,
    /// The key id is not that of the key that had to sign (`statement.md`).
    KeyId,
    /// The charter is another alliance's (`charter.md`).
    Alliance,
    /// A charter signature is missing, surplus or wrong (`charter.md`).
    CharterSignature,
    /// The statement belongs to another alliance (`bundle.md`).
    StatementAlliance,
    /// The author is not a member of the alliance, and was none (`bundle.md`).
    Author,
    /// The log was closed, and is not accepted as far as this entry (`bundle.md`).
    Left,
    /// A section header is not the one committed to (`section.md`).
    Header,
    /// An audience header is not the one committed to, or does not fit the section header (`section.md`).
    Audience,
    /// Two fields of one section have the same name (`section.md`).
    FieldDuplicate,
    /// A section has another number of fields than its statement says (`section.md`).
    FieldCount,
    /// The fields do not hash to the root that was signed (`section.md`).
    FieldRoot,
    /// A single field's path does not lead to the root that was signed (`section.md`).
    FieldPath,
    /// A ciphertext is not the one of its header (`sealing.md`).
    Digest,
    /// A ciphertext does not open under this key and context (`sealing.md`).
    Sealed,
    /// A sealed body is not padded as it must be (`sealing.md`).
    Padding,
    /// A wrapped key does not open under this epoch (`circle.md`).
    Wrap,
    /// A slip does not bring the epoch secret that was committed to (`circle.md`).
    Slip,
    /// Not a witness policy, or one with keys of a kind that this build does not know (`witness.md`).
    Policy,
    /// Not a signed note, or not a checkpoint (`log.md`).
    Note,
    /// A checkpoint of another log (`log.md`).
    Origin,
    /// A checkpoint without a valid signature of its log (`log.md`).
    CheckpointSignature,
    /// A cosignature of a known witness that does not verify (`log.md`).
    Cosignature,
    /// Not the lines of a log proof (`log.md`).
    Proof,
    /// The proof is for another index than the statement's sequence (`bundle.md`).
    Index,
    /// The checkpoint does not cover the entry (`bundle.md`).
    CheckpointSize,
    /// An inclusion path that does not lead to the root (`log.md`).
    Inclusion,
    /// A consistency path that does not join the two roots (`log.md`).
    Consistency,
    /// A disclosure of a section that the statement does not have, or out of order (`bundle.md`).
    SectionIndex,
    /// An entry of the order log that does not hold where it stands (`history.md`).
    Entry,
    /// A head of the order log that is not certified (`history.md`).
    Head,
    /// Two checkpoints that do not contradict each other (`equivocation.md`).
    Agreement,
}

impl Fault {
    /// The code of this fault in `specs/` and in the vectors.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cbor => "cbor",
            Self::Form => "form",
            Self::Suite => "suite",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Frame => "frame",
            Self::KeyId => "key-id",
            Self::Alliance => "alliance",
            Self::CharterSignature => "charter-signature",
            Self::StatementAlliance => "statement-alliance",
            Self::Author => "author",
            Self::Left => "left",
            Self::Header => "header",
            Self::Audience => "audience",
            Self::FieldDuplicate => "field-duplicate",
            Self::FieldCount => "field-count",
            Self::FieldRoot => "field-root",
            Self::FieldPath => "field-path",
            Self::Digest => "digest",
            Self::Sealed => "sealed",
            Self::Padding => "padding",
            Self::Wrap => "wrap",
            Self::Slip => "slip",
            Self::Policy => "policy",
            Self::Note => "note",
            Self::Origin => "origin",
            Self::CheckpointSignature => "checkpoint-signature",
            Self::Cosignature => "cosignature",
            Self::Proof => "proof",
            Self::Index => "index",
            Self::CheckpointSize => "checkpoint-size",
            Self::Inclusion => "inclusion",
            Self::Consistency => "consistency",
            Self::SectionIndex => "section-index",
            Self::Entry => "entry",
            Self::Head => "head",
            Self::Agreement => "agreement",
        }
    }

    /// What was found, for a person.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Cbor => "the bytes are not in the canonical encoding",
            Self::Form => "the parts do not have the expected form",
            Self::Suite => "it was made by a newer program; update this one to read it",
            Self::Key => "a public key is unsafe or malformed",
            Self::Signature => "the signature does not fit the content",
            Self::Frame => "it is not a signed object of the expected kind",
            Self::KeyId => "it was signed with another key than the author's",
            Self::Alliance => "the charter is not that of the alliance you expected",
            Self::CharterSignature => "the charter is not signed by all its founders",
            Self::StatementAlliance => "the record belongs to another alliance",
            Self::Author => "the author is not a member of the alliance",
            Self::Left => "it lies behind what the alliance accepted of this closed log",
            Self::Header => "a section was exchanged",
            Self::Audience => "a list of readers was exchanged",
            Self::FieldDuplicate => "a field stands there twice",
            Self::FieldCount => "fields were added or left out",
            Self::FieldRoot => "a field was changed",
            Self::FieldPath => "a disclosed field does not belong to the record",
            Self::Digest => "the sealed content was changed",
            Self::Sealed => "the sealed content does not open with this key at this place",
            Self::Padding => "the sealed content carries hidden bytes",
            Self::Wrap => "the key of this section does not open in this circle",
            Self::Slip => "the key handed out is not the one that the circle agreed on",
            Self::Policy => "the witness policy is malformed, or names keys of an unknown kind",
            Self::Note => "the checkpoint is malformed",
            Self::Origin => "the checkpoint is of another log",
            Self::CheckpointSignature => "the checkpoint is not signed by the log's owner",
            Self::Cosignature => "a witness's signature does not fit the checkpoint",
            Self::Proof => "the proof is malformed",
            Self::Index => "the proof is for another entry",
            Self::CheckpointSize => "the checkpoint does not cover this entry",
            Self::Inclusion => "the entry is not in the log that was signed",
            Self::Consistency => "the two states of the log contradict each other",
            Self::SectionIndex => "it shows a section that the record does not have",
            Self::Entry => "a decision of the alliance does not hold where it stands",
            Self::Head => "the head of the decisions is not signed by enough members",
            Self::Agreement => "the two states of the log can both be true: nobody is convicted by them",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.explain(), self.code())
    }
}

impl std::error::Error for Fault {}
