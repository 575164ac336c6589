//! Every bound of the formats, in one place. Sizes are bytes unless the name says otherwise.

/// Largest integer of the CBOR profile: 2^53 - 1.
pub const INTEGER: u64 = (1 << 53) - 1;
/// Nesting of arrays in the CBOR profile.
pub const CBOR_DEPTH: usize = 16;
/// Elements of one CBOR array.
pub const CBOR_ARRAY: u64 = 65_536;

/// A statement (its Sig_structure).
pub const STATEMENT: usize = 16 * 1024;
/// A statement's type.
pub const TYPE: usize = 63;
/// Public references of a statement.
pub const REFERENCES: usize = 16;
/// Sections of a statement.
pub const SECTIONS: usize = 8;
/// Audiences of a section.
pub const AUDIENCES: usize = 16;

/// Fields of a section.
pub const FIELDS: usize = 256;
/// A field's name.
pub const FIELD_NAME: usize = 128;
/// A field's value.
pub const FIELD_VALUE: usize = 256 * 1024;
/// A section's body.
pub const BODY: usize = 1024 * 1024;
/// A section's ciphertext.
pub const CIPHERTEXT: u64 = 2 * 1024 * 1024;
/// An item that goes by way of a relay; larger ones go directly only.
pub const RELAYED: usize = 4 * 1024 * 1024;
/// A package: the largest such item, padded and sealed.
pub const PACKAGE: usize = 9 * 512 * 1024;
/// Smallest bucket of a padded body.
pub const BUCKET: usize = 256;

/// Members of a charter.
pub const MEMBERS: usize = 512;
/// Logs of one member that were closed before the one that it writes.
pub const INCARNATIONS: usize = 64;
/// Marks on entries of one member that somebody else may have signed.
pub const COMPROMISES: usize = 256;
/// How much higher than the one before it the number of a circle's next epoch may be: whoever named the highest number of all would leave none to follow.
pub const EPOCH_LEAP: u64 = 1024;
/// Deputies of a charter.
pub const DEPUTIES: usize = 8;
/// A name of a member or an alliance.
pub const NAME: usize = 128;
/// The purpose of an alliance.
pub const PURPOSE: usize = 1024;
/// The name of an industrial chain.
pub const CHAIN_NAME: usize = 64;
/// The text of the agreement.
pub const TERMS: usize = 64 * 1024;
/// Initial addresses of a member.
pub const ADDRESSES: usize = 8;
/// An address.
pub const ADDRESS: usize = 256;
/// Types in a regulator's scope.
pub const SCOPE: usize = 32;
/// T of the promises, milliseconds.
pub const SEAL_TIME: u64 = 1 << 40;
/// A charter, without signatures.
pub const CHARTER: usize = 4 * 1024 * 1024;
/// A charter file: a charter, and room for the signatures of [`MEMBERS`] members.
pub const CHARTER_FILE: usize = CHARTER + 256 * 1024;

/// Voters, so that a quorum of cosignatures fits into a note.
pub const VOTERS: usize = 96;
/// Title of an agreement.
pub const AGREEMENT_TITLE: usize = 100;
/// Subject of a slot.
pub const SUBJECT: usize = 128;
/// Signers of a proposal, and approvals of an effect.
pub const SIGNERS: usize = 384;
/// Weight of one signer.
pub const WEIGHT: u64 = 1_000_000;
/// Reason of a proposal, and the comment of a vote.
pub const COMMENT: usize = 4096;

/// A signed note.
pub const NOTE: usize = 256 * 1024;
/// Signature lines of a note: room for cosignatures of all [`MEMBERS`].
pub const NOTE_SIGNATURES: usize = 1024;
/// A witness policy as text.
pub const POLICY: usize = 256 * 1024;
/// The body of an add-checkpoint request: a note, and the most hashes.
pub const ADD_CHECKPOINT: usize = NOTE + 4096;
/// Hashes of a Merkle proof.
pub const PATH: usize = 63;

/// The name in a file's first bytes.
pub const FILE_NAME: usize = 32;
/// Heads of a history.
pub const HISTORY_HEADS: usize = 3;

/// A bundle.
pub const BUNDLE: usize = 64 * 1024 * 1024;
/// Records of a bundle.
pub const BUNDLE_RECORDS: usize = 1024;

/// A checkpoint in evidence of equivocation, with its author's own signature lines alone.
pub const EVIDENCE_NOTE: usize = 1024;
/// Evidence of equivocation: two checkpoints and two paths.
pub const EVIDENCE: usize = 8 * 1024;
/// A file that convicts a member.
pub const EQUIVOCATION: usize = BUNDLE;
