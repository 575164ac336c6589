// C2SP signed notes as they serve here, and the checkpoints they carry: log.md#checkpoint.

import { compare, concat, equal, fromBase64, utf8 } from "./bytes.js";
import { sha256 } from "./crypto.js";
import { Fault, ensure } from "./fault.js";
import type { FaultCode } from "./fault.js";
import { verify } from "./key.js";
import type { PublicKey } from "./key.js";
import { MAX_NOTE, MAX_SIGNATURES, MAX_UINT } from "./limits.js";

/** Type of a log's signature in a note. */
export const LOG_SIGNATURE = 0x01;
/** Type of a witness's timestamped signature in a note. */
export const COSIGNATURE = 0x04;

/** One signature line. */
interface Line {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly signature: Uint8Array;
}

/** A checkpoint whose shape is right. Nothing about it is proven until `verifyCheckpoint`. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** What is signed: the lines above, with their newlines. */
  readonly text: string;
  readonly lines: readonly Line[];
}

/** A key that may have signed, and the name it signs under. */
export interface NamedKey {
  readonly name: string;
  readonly key: PublicKey;
}

/** Decodes a checkpoint: `note`. */
export function parseCheckpoint(note: string): Checkpoint {
  // Counting characters first keeps the byte count cheap; no UTF-8 is shorter than its count of characters.
  ensure(note.length <= MAX_NOTE && utf8(note).length <= MAX_NOTE, "note", "a note of more than 256 KiB");
  ensure(!/[\u0000-\u0009\u000b-\u001f]/.test(note), "note", "control characters");
  const blank = note.lastIndexOf("\n\n");
  ensure(blank >= 0 && note.endsWith("\n"), "note", "no blank line, or no newline at the end");
  const text = note.slice(0, blank + 1);
  const lines = note.slice(blank + 2).split("\n").slice(0, -1);
  ensure(lines.length >= 1 && lines.length <= MAX_SIGNATURES, "note", "no signature line, or more than 1024");
  return { ...parseBody(text), text, lines: lines.map(parseLine) };
}

/**
 * Checks who signed: `origin` unless the checkpoint is of this log, then `checkpoint-signature`, then `cosignature` where a witness that is
 * known has a line. Yields those witnesses by name, with the time of their first line in seconds since 1970-01-01 UTC. Other keys' lines are
 * ignored.
 */
export async function verifyCheckpoint(checkpoint: Checkpoint, log: NamedKey, witnesses: readonly NamedKey[]): Promise<ReadonlyMap<string, number>> {
  ensure(checkpoint.origin === log.name, "origin", "a checkpoint of another log");
  const signatures = linesOf(checkpoint, log, LOG_SIGNATURE);
  ensure(signatures.length > 0, "checkpoint-signature", "the log has not signed");
  for (const signature of signatures) await verifyAs("checkpoint-signature", log.key, utf8(checkpoint.text), signature);
  const cosigned = new Map<string, number>();
  for (const witness of witnesses) {
    for (const cosignature of linesOf(checkpoint, witness, COSIGNATURE)) {
      const claimed = cosignatureTime(cosignature);
      const message = utf8(`cosignature/v1\ntime ${claimed}\n${checkpoint.text}`);
      await verifyAs("cosignature", witness.key, message, cosignature.subarray(8));
      if (!cosigned.has(witness.name)) cosigned.set(witness.name, claimed);
    }
  }
  return cosigned;
}

/** An unsigned decimal up to 2^53 - 1 without leading zeros, or null. */
export function decimal(digits: string): number | null {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(digits)) return null;
  const value = Number(digits);
  return value <= MAX_UINT ? value : null;
}

/** A hash in canonical base64, or null. */
export function base64Hash(digits: string): Uint8Array | null {
  const bytes = digits.length === 44 ? fromBase64(digits) : null;
  return bytes?.length === 32 ? bytes : null;
}

function parseBody(text: string): { origin: string; size: number; root: Uint8Array } {
  const [origin, sizeLine, rootLine, end, ...more] = text.split("\n");
  ensure(end === "" && more.length === 0, "note", "not the three lines of a checkpoint");
  ensure(!!origin, "note", "no origin");
  const size = decimal(sizeLine!);
  ensure(size !== null, "note", "a size");
  const root = base64Hash(rootLine!);
  ensure(root !== null, "note", "a root");
  return { origin, size, root };
}

function parseLine(line: string): Line {
  const parts = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line);
  const bytes = parts && fromBase64(parts[2]!);
  ensure(!!parts && isKeyName(parts[1]!) && !!bytes && bytes.length > 4, "note", "a signature line");
  return { name: parts[1]!, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) };
}

/** Whether a key may have this name: neither spaces nor plus signs. */
export function isKeyName(name: string): boolean {
  return /^[^+\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/.test(name);
}

/** The signatures of one key, found by its name and key id. */
function linesOf({ lines }: Checkpoint, { name, key }: NamedKey, type: number): Uint8Array[] {
  if (!lines.some((line) => line.name === name)) return [];
  const keyId = sha256(utf8(`${name}\n`), Uint8Array.of(type), key.bytes).subarray(0, 4);
  return lines.filter((line) => line.name === name && equal(line.keyId, keyId)).map(({ signature }) => signature);
}

/** The time of a timestamped signature: 8 bytes of seconds, big-endian, before the 64 bytes of signature. */
function cosignatureTime(cosignature: Uint8Array): number {
  ensure(cosignature.length === 72, "cosignature", "a timestamped signature has 72 bytes");
  ensure(compare(cosignature.subarray(0, 8), LATEST) <= 0, "cosignature", "a time above 2^53 - 1");
  return cosignature.subarray(0, 8).reduce((value, byte) => value * 256 + byte, 0);
}

async function verifyAs(code: FaultCode, key: PublicKey, message: Uint8Array, signature: Uint8Array): Promise<void> {
  try {
    await verify(key, message, signature);
  } catch (error) {
    throw error instanceof Fault ? new Fault(code, "it does not verify") : error;
  }
}

/** 2^53 - 1 as 8 bytes. */
const LATEST = concat(Uint8Array.of(0, 0x1f), new Uint8Array(6).fill(0xff));
