// Statements, the signed entries of a member's log: statement.md. Also the Sig_structure that charters are signed in.

import { concat, equal, utf8 } from "./bytes.js";
import { encodeBytes, openSuite, readHead } from "./cbor.js";
import type { Reader } from "./cbor.js";
import { sha256 } from "./crypto.js";
import { ensure } from "./fault.js";
import { verify } from "./key.js";
import type { PublicKey } from "./key.js";
import { MAX_AUDIENCES, MAX_FIELDS, MAX_REFERENCES, MAX_SECTIONS, MAX_STATEMENT } from "./limits.js";

/** The content type of a statement. */
export const STATEMENT_TYPE = "application/suyuan-statement+cbor";
/** The content type of a charter. */
export const CHARTER_TYPE = "application/suyuan-charter+cbor";
/** The content type of what the keys of an admission sign. */
export const JOIN_TYPE = "application/suyuan-join+cbor";
/** The content type of what the keys of a change of keys sign. */
export const KEYS_TYPE = "application/suyuan-keys+cbor";
export const RECOVERY_TYPE = "application/suyuan-recovery+cbor";

/** What a statement says about one of its sections. */
export interface SectionCommitment {
  /** How many fields the section holds, 1..256. */
  readonly fields: number;
  /** Commitment to the section header. */
  readonly header: Uint8Array;
  /** Commitments to the audience headers, 1..16. */
  readonly audiences: readonly Uint8Array[];
}

/** A decoded statement. Byte strings are views of the bytes it was decoded from. */
export interface Statement {
  /** The Sig_structure: what is signed, hashed and kept. */
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, the entry in the log. */
  readonly id: Uint8Array;
  /** Key id of the author's log key. */
  readonly kid: Uint8Array;
  readonly alliance: Uint8Array;
  readonly author: Uint8Array;
  readonly incarnation: number;
  readonly sequence: number;
  /** Chain value before this entry. */
  readonly previous: Uint8Array;
  /** Milliseconds since 1970-01-01 UTC, as the author claims. */
  readonly time: number;
  readonly type: string;
  readonly references: readonly Uint8Array[];
  readonly sections: readonly SectionCommitment[];
}

/** Decodes a statement. Faults: `form` where it is too large, then `frame`, then `cbor`, `suite`, `form` of the payload. */
export function decodeStatement(bytes: Uint8Array): Statement {
  ensure(bytes.length <= MAX_STATEMENT, "form", "a statement of more than 16 KiB");
  const { kid, payload } = openFrame(bytes, STATEMENT_TYPE);
  const reader = openSuite(payload, 11);
  const alliance = reader.hash();
  const author = reader.hash();
  const incarnation = reader.uint();
  const sequence = reader.uint();
  const previous = reader.hash();
  const time = reader.uint();
  const type = reader.text(1, 63);
  ensure(isRecordType(type), "form", "a record type");
  const references = reader.list(() => reader.hash(), 0, MAX_REFERENCES);
  reader.hash(); // the blind
  const sections = reader.list(() => readSection(reader), 0, MAX_SECTIONS);
  return { bytes, id: sha256(bytes), kid, alliance, author, incarnation, sequence, previous, time, type, references, sections };
}

function readSection(reader: Reader): SectionCommitment {
  reader.array(3, 3);
  return {
    fields: reader.uint(1, MAX_FIELDS),
    header: reader.hash(),
    audiences: reader.list(() => reader.hash(), 1, MAX_AUDIENCES),
  };
}

/** Whether `type` can be the type of a record. */
export function isRecordType(type: string): boolean {
  return /^[a-z0-9][a-z0-9.-]{0,62}$/.test(type);
}

/** Checks that a statement is authentic alone, under a usable key: `key-id`, then `signature`. */
export async function verifyStatement(statement: Statement, signature: Uint8Array, key: PublicKey): Promise<void> {
  ensure(equal(statement.kid, key.id), "key-id", "signed with another key");
  await verify(key, statement.bytes, signature);
}

/** The COSE_Sign1 of the same statement and signature, for other COSE libraries. */
export function coseSign1(statement: Uint8Array, signature: Uint8Array): Uint8Array {
  const { kid, payload } = openFrame(decodeStatement(statement).bytes, STATEMENT_TYPE);
  ensure(signature.length === 64, "signature", "a signature has 64 bytes");
  const protectedHeader = encodeBytes(header(STATEMENT_TYPE, kid));
  return concat(Uint8Array.of(0xd2, 0x84), protectedHeader, Uint8Array.of(0xa0), encodeBytes(payload), encodeBytes(signature));
}

/** The Sig_structure over `payload` for a signer's key id. */
export function sigStructure(type: string, kid: Uint8Array, payload: Uint8Array): Uint8Array {
  return concat(SIGNATURE1, encodeBytes(header(type, kid)), Uint8Array.of(0x40), encodeBytes(payload));
}

/** Takes a Sig_structure of this type apart; `frame` if anything before the payload differs, or its length does not fit. */
function openFrame(bytes: Uint8Array, type: string): { kid: Uint8Array; payload: Uint8Array } {
  const kid = bytes.subarray(KID_AT, KID_AT + 16);
  ensure(kid.length === 16, "frame", "too short");
  const before = concat(SIGNATURE1, encodeBytes(header(type, kid)), Uint8Array.of(0x40));
  ensure(equal(before, bytes.subarray(0, before.length)), "frame", "not a Sig_structure of this type");
  const length = readHead(bytes, before.length, "frame");
  ensure(length.major === 2 && length.end + length.value === bytes.length, "frame", "the payload's length does not fit");
  return { kid, payload: bytes.subarray(length.end) };
}

/** The protected header: alg EdDSA, kid, typ. */
function header(type: string, kid: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0xa3, 0x01, 0x27, 0x04, 0x50), kid, typeField(type));
}

/** Label 16 (typ) and the content type, 24 to 255 bytes long. */
function typeField(type: string): Uint8Array {
  return concat(Uint8Array.of(0x10, 0x78, type.length), utf8(type));
}

/** An array of 4 whose first element is "Signature1". */
const SIGNATURE1 = concat(Uint8Array.of(0x84, 0x6a), utf8("Signature1"));
/** Where the kid stands: after the two-byte head of the protected header and that header's first five bytes. */
const KID_AT = SIGNATURE1.length + 2 + 5;
