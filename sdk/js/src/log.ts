// Logs: their names, the hash chain over their entries, and the text form of an inclusion proof: log.md.

import { hex, u64 } from "./bytes.js";
import { blake3Derive } from "./crypto.js";
import { ensure } from "./fault.js";
import { MAX_PATH } from "./limits.js";
import { base64Hash, decimal } from "./note.js";

/** The origin of a member's log, which is also the name of its log signature. */
export function logOrigin(alliance: Uint8Array, member: Uint8Array, incarnation: number): string {
  return `suyuan/${hex(alliance)}/${hex(member)}/${incarnation}`;
}

/** The name of a member's witness key. */
export function witnessName(alliance: Uint8Array, member: Uint8Array): string {
  return `suyuan/${hex(alliance)}/${hex(member)}/witness`;
}

/** The chain value before the first entry. */
export function chainStart(alliance: Uint8Array, author: Uint8Array, incarnation: number): Uint8Array {
  return blake3Derive("suyuan/1 chain", alliance, author, u64(incarnation));
}

/** The chain value after an entry. */
export function chainNext(chain: Uint8Array, entry: Uint8Array): Uint8Array {
  return blake3Derive("suyuan/1 chain", chain, entry);
}

/** An inclusion proof as text, taken apart. The checkpoint is not looked into. */
export interface LogProof {
  readonly index: number;
  readonly path: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: string;
}

/** Decodes a C2SP tlog-proof without the `extra` line: `proof`. */
export function parseProof(proof: string): LogProof {
  const blank = proof.indexOf("\n\n");
  ensure(blank >= 0 && blank <= LONGEST_HEAD, "proof", "no blank line where it is due");
  const [version, indexLine, ...pathLines] = proof.slice(0, blank).split("\n");
  ensure(version === "c2sp.org/tlog-proof@v1", "proof", "another version");
  const index = indexLine?.startsWith("index ") ? decimal(indexLine.slice(6)) : null;
  ensure(index !== null, "proof", "no index");
  ensure(pathLines.length <= MAX_PATH, "proof", "a path of more than 63 hashes");
  const path = pathLines.map((line) => {
    const hash = base64Hash(line);
    ensure(hash !== null, "proof", "a hash of the path");
    return hash;
  });
  return { index, path, checkpoint: proof.slice(blank + 2) };
}

/** Characters before the blank line, at most: the version, an index of 16 digits, and 63 hashes. */
const LONGEST_HEAD = 22 + 1 + 6 + 16 + MAX_PATH * 45;
