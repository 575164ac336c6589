// A file that convicts a member of having signed two histories of one log: equivocation.md.

import { equal, fromHex, hex, utf8 } from "./bytes.js";
import { openSuite } from "./cbor.js";
import type { Reader } from "./cbor.js";
import { Fault, ensure } from "./fault.js";
import { inForce } from "./history.js";
import { MAX_CHARTER_FILE, MAX_EQUIVOCATION, MAX_EVIDENCE_NOTE, MAX_PATH } from "./limits.js";
import { logOrigin, witnessName } from "./log.js";
import { checkpointKey } from "./membership.js";
import type { Fellow } from "./membership.js";
import { parseCheckpoint, verifyCheckpoint } from "./note.js";
import type { Checkpoint } from "./note.js";
import { leftSiblings, verifyConsistency, verifyInclusion } from "./tree.js";
import { find } from "./trie.js";

/** Who is convicted, and of what. Ids are hex. */
export interface Conviction {
  /** The alliance id. Where no id was expected, the reader compares this with one it trusts. */
  readonly alliance: string;
  /** The alliance's name. */
  readonly name: string;
  readonly member: { readonly id: string; readonly name: string };
  readonly incarnation: number;
  /** Entries under each of the two checkpoints, ascending. */
  readonly sizes: readonly [number, number];
  /** When the member says that each was its newest checkpoint, seconds since 1970-01-01 UTC; null where it does not say. */
  readonly times: readonly [number | null, number | null];
  /** How many entries both histories have in common; null where that is not proven. */
  readonly common: number | null;
}

type Path = readonly Uint8Array[];

type Contradiction =
  | null
  | { readonly root: Uint8Array; readonly path: Path }
  | { readonly index: number; readonly entries: readonly [Uint8Array, Uint8Array]; readonly paths: readonly [Path, Path] };

interface Evidence {
  readonly member: Uint8Array;
  readonly incarnation: number;
  readonly notes: readonly [string, string];
  readonly proof: Contradiction;
}

/** Verifies a file. Rejects with the first `Fault` in the order of equivocation.md. `alliance` is the expected id, hex. */
export async function verifyEquivocation(bytes: Uint8Array, alliance?: string): Promise<Conviction> {
  const expected = alliance === undefined ? undefined : fromHex(alliance);
  if (expected !== undefined && expected?.length !== 32) throw new TypeError("an alliance id is 64 hex digits");
  ensure(bytes.length <= MAX_EQUIVOCATION, "form", "more than 64 MiB");
  const { file, evidence, history } = readFile(new Uint8Array(bytes));
  const { id, name, known } = await inForce(file, history, expected);
  const member = find(known, hex(evidence.member));
  if (!member) throw new Fault("author", "no member, and never was");
  const first = await checkpoint(evidence.notes[0], id, member, evidence.incarnation);
  const second = await checkpoint(evidence.notes[1], id, member, evidence.incarnation);
  ensure(first.size <= second.size, "checkpoint-size", "the larger checkpoint stands first");
  const common = contradict(first, second, evidence.proof);
  return {
    alliance: hex(id),
    name,
    member: { id: member.hex, name: member.name },
    incarnation: evidence.incarnation,
    sizes: [first.size, second.size],
    times: [first.time, second.time],
    common,
  };
}

/** Whether these bytes say of themselves that they are such a file; whether they are one is another matter. */
export function isEquivocation(bytes: Uint8Array): boolean {
  return (bytes[0] === 0x84 || bytes[0] === 0x85) && START.every((byte, index) => bytes[index + 1] === byte);
}

const MAGIC = "suyuan-equivocation";
/** A text of 19 bytes, behind the head of an array of four or five. */
const START = [0x73, ...utf8(MAGIC)];

// Step 1: the shape.

function readFile(bytes: Uint8Array): { file: Uint8Array; evidence: Evidence; history: Uint8Array | null } {
  const reader = openSuite(bytes, 4, 1, 5);
  ensure(reader.text() === MAGIC, "form", "another kind of file");
  reader.uint(); // the version, which is known by now
  const [file, evidence] = [reader.bytes(0, MAX_CHARTER_FILE), readEvidence(reader)];
  return { file, evidence, history: reader.position < bytes.length ? reader.bytes() : null };
}

function readEvidence(reader: Reader): Evidence {
  reader.array(5, 5);
  const member = reader.hash();
  const incarnation = reader.uint();
  const notes: [string, string] = [reader.text(1, MAX_EVIDENCE_NOTE), reader.text(1, MAX_EVIDENCE_NOTE)];
  return { member, incarnation, notes, proof: readContradiction(reader) };
}

function readContradiction(reader: Reader): Contradiction {
  if (reader.null()) return null;
  const length = reader.array(2, 5);
  if (length === 2) return { root: reader.hash(), path: readPath(reader) };
  ensure(length === 5, "form", "a proof of neither two nor five parts");
  const index = reader.uint();
  const [entry, path] = [reader.hash(), readPath(reader)];
  const [other, along] = [reader.hash(), readPath(reader)];
  return { index, entries: [entry, other], paths: [path, along] };
}

function readPath(reader: Reader): Path {
  return reader.list(() => reader.hash(), 0, MAX_PATH);
}

// Steps 4 to 8.

async function checkpoint(note: string, alliance: Uint8Array, member: Fellow, incarnation: number): Promise<Checkpoint & { time: number | null }> {
  const parsed = parseCheckpoint(note);
  const key = checkpointKey(member, incarnation, parsed.size);
  if (!key) throw new Fault("author", "a log that its member has not begun");
  const log = { name: logOrigin(alliance, member.id, incarnation), key };
  const name = witnessName(alliance, member.id);
  const times = await verifyCheckpoint(parsed, log, [{ name, key: member.witness }]);
  return { ...parsed, time: times.get(name) ?? null };
}

/** The last common point, where it is proven. */
function contradict(first: Checkpoint, second: Checkpoint, proof: Contradiction): number | null {
  if (proof === null) {
    ensure(first.size === second.size, "proof", "sizes differ, and nothing shows a contradiction");
    ensure(!equal(first.root, second.root), "agreement", "one root twice");
    return null;
  }
  if ("root" in proof) {
    ensure(first.size !== second.size, "proof", "between equal sizes there is no path");
    verifyConsistency(first.size, second.size, proof.root, second.root, proof.path);
    ensure(!equal(proof.root, first.root), "agreement", "the second continues the first");
    return null;
  }
  const { index, entries, paths } = proof;
  verifyInclusion(entries[0], index, first.size, paths[0], first.root);
  verifyInclusion(entries[1], index, second.size, paths[1], second.root);
  ensure(!equal(entries[0], entries[1]), "agreement", "one entry twice");
  const [before, also] = [leftSiblings(index, first.size, paths[0]), leftSiblings(index, second.size, paths[1])];
  return before.length === also.length && before.every((hash, at) => equal(hash, also[at]!)) ? index : null;
}
