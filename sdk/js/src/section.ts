// Sections: fields for one audience under the common signature: section.md.

import { compare, equal, hex, utf8 } from "./bytes.js";
import { Reader, check, encodeArray, encodeBytes, encodeText, openSuite } from "./cbor.js";
import { hmacSha256, labelled, sha256 } from "./crypto.js";
import { ensure } from "./fault.js";
import type { FaultCode } from "./fault.js";
import { MAX_BODY, MAX_CIPHERTEXT, MAX_FIELDS, MAX_NAME, MAX_VALUE } from "./limits.js";
import { rootOfHashes, verifyInclusionOfHash } from "./tree.js";

/** One field: a name, and its value as the JSON text that was received. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** A whole section in clear. */
export interface Body {
  readonly seed: Uint8Array;
  readonly fields: readonly Field[];
}

/** What a section header commits to. */
export interface SectionHeader {
  /** Root of the field tree. */
  readonly root: Uint8Array;
  /** BLAKE3 and length of the ciphertext; null for the public section. */
  readonly sealed: { readonly digest: Uint8Array; readonly length: number } | null;
}

/** What an audience header says. */
export interface Audience {
  /** 32 zero bytes for the public. */
  readonly circle: Uint8Array;
  readonly epoch: number;
  /** The author's statements to this circle before this one. */
  readonly counter: number;
  /** The author's previous statement to this circle, or 32 zero bytes. */
  readonly link: Uint8Array;
  /** The circle's order log as the author saw it. */
  readonly order: { readonly size: number; readonly root: Uint8Array } | null;
}

/** Decodes a body: `cbor`, `form`, `field-duplicate`. */
export function decodeBody(bytes: Uint8Array): Body {
  ensure(bytes.length <= MAX_BODY, "form", "a body of more than 1 MiB");
  check(bytes);
  const reader = new Reader(bytes);
  reader.array(2, 2);
  const seed = reader.hash();
  const fields = reader.list(() => {
    reader.array(2, 2);
    return readField(reader);
  }, 1, MAX_FIELDS);
  ensureNamesOnce(fields);
  return { seed, fields };
}

/** A field's name and value, within their bounds. */
export function readField(reader: Reader): Field {
  const name = reader.text(1, MAX_NAME);
  ensureName(name);
  return { name, value: reader.text(1, MAX_VALUE) };
}

function ensureName(name: string): void {
  ensure(!/[\u0000-\u001f\u007f]/.test(name), "form", "control characters in a field's name");
}

/** Refuses with `field-duplicate` if a name stands twice. */
export function ensureNamesOnce(fields: readonly Field[]): void {
  ensure(new Set(fields.map(({ name }) => name)).size === fields.length, "field-duplicate", "two fields of one name");
}

/** Checks a body against what is committed: `field-count`, then `field-root`. */
export function checkBody(body: Body, count?: number, root?: Uint8Array): void {
  ensure(count === undefined || body.fields.length === count, "field-count", "another number of fields than the statement says");
  ensure(root === undefined || equal(bodyRoot(body), root), "field-root", "the fields do not lead to the header's root");
}

/** The root over a body. */
export function bodyRoot(body: Body): Uint8Array {
  return rootOfHashes(bodyLeaves(body));
}

/** The leaves of a body in the order of the tree: ascending. */
export function bodyLeaves({ seed, fields }: Body): Uint8Array[] {
  return fields.map(({ name, value }) => fieldLeaf(fieldSalt(seed, name), name, value)).sort(compare);
}

/** The salt of one field. */
export function fieldSalt(seed: Uint8Array, name: string): Uint8Array {
  return hmacSha256(seed, utf8("suyuan/1 field-salt\n"), utf8(name));
}

/** The leaf of one field. */
export function fieldLeaf(salt: Uint8Array, name: string, value: string): Uint8Array {
  return sha256(Uint8Array.of(0), encodeArray(encodeBytes(salt), encodeText(name), encodeText(value)));
}

/** Checks one disclosed field against the root of its section, of `count` fields: `form` for a bound of name or value, `field-path`. */
export function checkField(
  salt: Uint8Array,
  field: Field,
  index: number,
  count: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): void {
  ensureLength(field.name, MAX_NAME);
  ensureName(field.name);
  ensureLength(field.value, MAX_VALUE);
  ensure(count >= 1 && count <= MAX_FIELDS, "field-path", "a section has 1 to 256 fields");
  verifyInclusionOfHash(fieldLeaf(salt, field.name, field.value), index, count, path, root, "field-path");
}

function ensureLength(content: string, most: number): void {
  const length = utf8(content).length;
  ensure(length >= 1 && length <= most, "form", "a name or value of another length");
}

/** Opens a section header: `header` unless it is the one committed to, then `cbor`, `suite`, `form`. */
export function openHeader(bytes: Uint8Array, commitment: Uint8Array): SectionHeader {
  ensureCommitted("suyuan/1 section-header", bytes, commitment, "header");
  const reader = openSuite(bytes, 3);
  const root = reader.hash();
  if (reader.null()) return { root, sealed: null };
  reader.array(2, 2);
  return { root, sealed: { digest: reader.hash(), length: reader.uint(0, MAX_CIPHERTEXT) } };
}

/** Opens an audience header: `audience` unless it is the one committed to, then `cbor`, `suite`, `form`. */
export function openAudience(bytes: Uint8Array, commitment: Uint8Array): Audience {
  ensureCommitted("suyuan/1 audience-header", bytes, commitment, "audience");
  const reader = openSuite(bytes, 7);
  reader.bytes(16, 16); // the salt
  const circle = reader.hash();
  const epoch = reader.uint();
  const counter = reader.uint();
  const link = reader.hash();
  if (reader.null()) return { circle, epoch, counter, link, order: null };
  reader.array(2, 2);
  return { circle, epoch, counter, link, order: { size: reader.uint(), root: reader.hash() } };
}

/**
 * Checks the audiences of a section against its header: the public reads what is not sealed, alone and in epoch 0, and nothing else:
 * `audience`. `committed` is how many audiences the statement commits to, `shown` are those whose headers are at hand.
 */
export function checkAudiences(header: SectionHeader, committed: number, shown: readonly Audience[]): void {
  const isPublic = header.sealed === null;
  ensure(!isPublic || committed === 1, "audience", "a public section with another audience");
  for (const { circle, epoch } of shown) {
    ensure(circle.every((byte) => byte === 0) === isPublic, "audience", "sealed and public do not go together");
    ensure((epoch === 0) === isPublic, "audience", "an epoch that does not fit");
  }
}

function ensureCommitted(label: string, bytes: Uint8Array, commitment: Uint8Array, code: FaultCode): void {
  ensure(equal(labelled(label, bytes), commitment), code, `not the one committed to: ${hex(commitment)}`);
}
