// The bounds of the formats in one place. Each is from the spec page named beside it; nothing larger is ever allocated or walked.

/** Largest unsigned integer of the CBOR profile: 2^53 - 1 (cbor.md). */
export const MAX_UINT = Number.MAX_SAFE_INTEGER;
/** Deepest nesting of arrays, the outermost being depth 1 (cbor.md). */
export const MAX_DEPTH = 16;
/** Most elements of one array (cbor.md). */
export const MAX_ELEMENTS = 65_536;

/** Bytes of a whole statement, its Sig_structure (statement.md). */
export const MAX_STATEMENT = 16 * 1024;
/** Public references of a statement (statement.md). */
export const MAX_REFERENCES = 16;
/** Sections of a statement (statement.md). */
export const MAX_SECTIONS = 8;
/** Audiences of a section (statement.md). */
export const MAX_AUDIENCES = 16;

/** Fields of a section (section.md). */
export const MAX_FIELDS = 256;
/** Bytes of a field's name (section.md). */
export const MAX_NAME = 128;
/** Bytes of a field's value (section.md). */
export const MAX_VALUE = 262_144;
/** Bytes of a section's body (section.md). */
export const MAX_BODY = 1024 * 1024;
/** Bytes of a section's ciphertext (section.md). */
export const MAX_CIPHERTEXT = 2 ** 21;
/** Bytes of a package that a relay keeps. */
export const MAX_PACKAGE = 9 * 512 * 1024;

/** How much higher than the one before it the number of a circle's next epoch may be (order-log.md). */
export const MAX_EPOCH_LEAP = 1024;
/** Logs of one member that were closed before the one that it writes (membership.md). */
export const MAX_INCARNATIONS = 64;
/** Marks on entries of one member that somebody else may have signed (membership.md). */
export const MAX_COMPROMISES = 256;
/** Bytes of a charter without its signatures (charter.md). */
export const MAX_CHARTER = 4 * 1024 * 1024;
/** Bytes of a charter file (charter.md). */
export const MAX_CHARTER_FILE = MAX_CHARTER + 256 * 1024;
/** Members of a charter (charter.md). */
export const MAX_MEMBERS = 512;

/** Bytes of a signed note (log.md). */
export const MAX_NOTE = 256 * 1024;
/** Signature lines of a signed note (log.md). */
export const MAX_SIGNATURES = 1024;
/** Bytes of a witness policy (witness.md). */
export const MAX_POLICY = 256 * 1024;
/** Hashes of an inclusion or consistency proof (log.md). */
export const MAX_PATH = 63;

/** Records of a bundle (bundle.md). */
export const MAX_RECORDS = 1024;
/** Bytes of a bundle (bundle.md). */
export const MAX_BUNDLE = 64 * 1024 * 1024;

/** Bytes of a checkpoint in evidence (equivocation.md). */
export const MAX_EVIDENCE_NOTE = 1024;
/** Bytes of a file that convicts (equivocation.md). */
export const MAX_EQUIVOCATION = MAX_BUNDLE;

/** Bytes of a history (history.md). */
export const MAX_HISTORY = MAX_BUNDLE;
/** Bytes of a section header in a history (history.md). */
export const MAX_HEADER = 1024;
/** Heads in a history (history.md). */
export const MAX_HEADS = 3;
/** Bytes of a slot's subject (resolution.md). */
export const MAX_SUBJECT = 128;
/** Signers of a proposal, and approvals of an effect (resolution.md). */
export const MAX_SIGNERS = 384;
/** Weight of one signer (resolution.md). */
export const MAX_WEIGHT = 1_000_000;
/** Bytes of a proposal's reason (resolution.md). */
export const MAX_REASON = 4096;
/** Voters of an alliance that another may join (membership.md). */
export const MAX_VOTERS = 96;
/** Bytes of an agreement's title (membership.md). */
export const MAX_TITLE = 100;
