// Opening a sealed section: sealing.md. The container is C2SP chunked-encryption with SHA-512 and AES-256-GCM (Cobblestone-256).

import { concat, equal, u64, utf8 } from "./bytes.js";
import { itemEnd } from "./cbor.js";
import { blake3Hash, expandSha512, openAesGcm } from "./crypto.js";
import type { AeadOpen } from "./crypto.js";
import { ensure } from "./fault.js";
import { MAX_CIPHERTEXT } from "./limits.js";
import { checkBody, decodeBody } from "./section.js";
import type { Body, SectionHeader } from "./section.js";

const SALT = 24;
const COMMITMENT = 32;
const CHUNK = 16 * 1024;
const TAG = 16;
const SMALLEST_BUCKET = 256;

/** Where a sealed section stands; the ciphertext opens nowhere else. */
export interface Place {
  readonly alliance: Uint8Array;
  readonly author: Uint8Array;
  readonly incarnation: number;
  readonly sequence: number;
  /** Index of the section in its statement, 0..7. */
  readonly section: number;
  /** Root of the section's field tree. */
  readonly root: Uint8Array;
}

/** Checks that a ciphertext is the one of a header: `digest`. */
export function checkDigest(ciphertext: Uint8Array, sealed: NonNullable<SectionHeader["sealed"]>): void {
  ensure(ciphertext.length === sealed.length, "digest", "a ciphertext of another length");
  ensure(equal(blake3Hash(ciphertext), sealed.digest), "digest", "another ciphertext");
}

/**
 * Opens a section and checks its fields against the root of its place. Faults: `sealed`, `cbor` and `padding` of the plaintext, then those of
 * a body.
 */
export async function openSection(key: Uint8Array, place: Place, ciphertext: Uint8Array): Promise<{ bytes: Uint8Array; body: Body }> {
  ensure(ciphertext.length <= MAX_CIPHERTEXT, "sealed", "a ciphertext of more than 2 MiB");
  const bytes = unpad(await openChunked(key, context(place), ciphertext));
  const body = decodeBody(bytes);
  checkBody(body, undefined, place.root);
  return { bytes, body };
}

/** The padded length of a body of `length` bytes. */
export function bucket(length: number): number {
  if (length <= SMALLEST_BUCKET) return SMALLEST_BUCKET;
  const exponent = floorLog2(length);
  const step = 2 ** (exponent - floorLog2(exponent) - 1);
  return Math.ceil(length / step) * step;
}

/** Opens a Cobblestone-256 message: `sealed`. */
export async function openChunked(
  key: Uint8Array,
  messageContext: Uint8Array,
  ciphertext: Uint8Array,
  open: AeadOpen = openAesGcm,
): Promise<Uint8Array> {
  ensure(key.length === 32, "sealed", "a section key has 32 bytes");
  ensure(ciphertext.length >= SALT + COMMITMENT + TAG, "sealed", "a ciphertext that is cut off");
  const info = concat(utf8("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"), ciphertext.subarray(0, SALT), messageContext);
  const derived = expandSha512(key, info, 32 + 12 + COMMITMENT);
  const committed = ciphertext.subarray(SALT, SALT + COMMITMENT);
  ensure(equal(derived.subarray(44), committed), "sealed", "the commitment is to another key or context");
  const chunks = ciphertext.subarray(SALT + COMMITMENT);
  const last = Math.floor(chunks.length / (CHUNK + TAG));
  ensure(chunks.length - last * (CHUNK + TAG) >= TAG, "sealed", "the last chunk is missing or cut off");
  const opened: Uint8Array[] = [];
  for (let i = 0; i <= last; i++) {
    const chunk = chunks.subarray(i * (CHUNK + TAG), (i + 1) * (CHUNK + TAG));
    const plain = await open(derived.subarray(0, 32), chunkNonce(derived.subarray(32, 44), i), chunk);
    ensure(plain !== null, "sealed", "a tag does not fit");
    opened.push(plain);
  }
  return concat(...opened);
}

/** The base nonce with the chunk's number XORed into its end. */
function chunkNonce(base: Uint8Array, chunk: number): Uint8Array {
  const nonce = Uint8Array.from(base);
  u64(chunk).forEach((byte, i) => (nonce[4 + i]! ^= byte));
  return nonce;
}

function context({ alliance, author, incarnation, sequence, section, root }: Place): Uint8Array {
  return concat(utf8("suyuan/1 section\n"), alliance, author, u64(incarnation), u64(sequence), Uint8Array.of(section), root);
}

/** The first item of a plaintext that is followed by zeros up to its bucket. */
export function unpad(plaintext: Uint8Array): Uint8Array {
  const end = itemEnd(plaintext);
  ensure(plaintext.subarray(end).every((byte) => byte === 0), "padding", "something other than zeros after the body");
  ensure(plaintext.length === bucket(end), "padding", "not the length of its bucket");
  return plaintext.subarray(0, end);
}

function floorLog2(n: number): number {
  let log = 0;
  for (let rest = n; rest >= 2; rest = Math.floor(rest / 2)) log += 1;
  return log;
}
