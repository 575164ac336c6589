// Charters: who the members of an alliance are: charter.md.

import { equal, hex, utf8 } from "./bytes.js";
import { Reader, check, openSuite } from "./cbor.js";
import { labelled } from "./crypto.js";
import { Fault, ensure } from "./fault.js";
import { PublicKey, isLowOrderX25519, verify } from "./key.js";
import { MAX_CHARTER, MAX_CHARTER_FILE, MAX_MEMBERS } from "./limits.js";
import { CHARTER_TYPE, isRecordType, sigStructure } from "./statement.js";

/** What a member is in the chain. */
export type Role = "leader" | "upstream" | "midstream" | "downstream" | "support" | "regulator";

/** A founding entry, with its Ed25519 keys checked. */
export interface Member {
  /** `H("suyuan/1 member", entry bytes)`. */
  readonly id: Uint8Array;
  readonly name: string;
  readonly role: Role;
  readonly root: PublicKey;
  readonly log: PublicKey;
  readonly witness: PublicKey;
  readonly transport: PublicKey;
  readonly encryption: Uint8Array;
  readonly addresses: readonly string[];
  readonly scope: readonly string[];
}

/** A complete, verified charter. */
export interface Charter {
  /** The alliance id. */
  readonly id: Uint8Array;
  readonly name: string;
  readonly purpose: string;
  readonly chain: string;
  /** When it was drawn up, milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  readonly members: readonly Member[];
  /** Indexes into `members`, in order of succession. */
  readonly deputies: readonly number[];
  /** T of the promises, milliseconds. */
  readonly seal: number;
  readonly terms: string;
}

/** Verifies a charter file, and that it is the alliance that was expected if one is given. Faults in the order of charter.md. */
export async function verifyCharter(file: Uint8Array, expected?: Uint8Array): Promise<Charter> {
  const { bytes, signatures } = readFile(file);
  const { entries, ...about } = readCharter(bytes);
  const members = checkKeys(entries);
  const id = labelled("suyuan/1 alliance", bytes);
  ensure(!expected || equal(id, expected), "alliance", "another alliance than the expected one");
  await checkSignatures(bytes, members, signatures);
  return { id, members, ...about };
}

interface Signature {
  readonly kid: Uint8Array;
  readonly signature: Uint8Array;
}

function readFile(file: Uint8Array): { bytes: Uint8Array; signatures: Signature[] } {
  ensure(file.length <= MAX_CHARTER_FILE, "form", "a charter file of more than 4 MiB and its signatures");
  check(file);
  const reader = new Reader(file);
  reader.array(2, 2);
  const bytes = reader.bytes(0, MAX_CHARTER);
  const signatures = reader.list(() => {
    reader.array(2, 2);
    return { kid: reader.bytes(16, 16), signature: reader.bytes(64, 64) };
  });
  return { bytes, signatures };
}

/** An entry before its keys are judged. */
export interface Entry extends Omit<Member, "root" | "log" | "witness" | "transport"> {
  /** Root, log, witness, transport. */
  readonly keys: readonly Uint8Array[];
}

/** The texts of a charter and T, which can be amended, within their bounds: `form`. */
export function checkTexts({ name, purpose, chain, terms, seal }: Pick<Charter, "name" | "purpose" | "chain" | "terms" | "seal">): void {
  ensureText(name, 1, 128);
  ensureText(purpose, 0, 1024);
  ensureText(chain, 1, 64);
  ensureText(terms, 0, 65_536, true);
  ensure(seal >= 1 && seal <= 2 ** 40, "form", "T out of its bounds");
}

function ensureText(text: string, least: number, most: number, newlines = false): void {
  const { length } = utf8(plain(text, newlines));
  ensure(length >= least && length <= most, "form", "a text of another length");
}

function readCharter(bytes: Uint8Array): Omit<Charter, "id" | "members"> & { entries: Entry[] } {
  const reader = openSuite(bytes, 10);
  reader.hash(); // the nonce
  const [name, purpose, chain] = [reader.text(), reader.text(), reader.text()];
  const time = reader.uint();
  const entries = reader.list(() => readEntry(reader), 1, MAX_MEMBERS);
  const deputies = reader.list(() => reader.uint(0, entries.length - 1), 0, 8);
  const [seal, terms] = [reader.uint(), reader.text()];
  checkTexts({ name, purpose, chain, terms, seal });
  ensure(entries.filter(({ role }) => role === "leader").length === 1, "form", "there is exactly one leader");
  ensure(new Set(deputies).size === deputies.length, "form", "a deputy named twice");
  const roles = deputies.map((index) => entries[index]!.role);
  ensure(!roles.includes("leader") && !roles.includes("regulator"), "form", "a leader or regulator as deputy");
  return { name, purpose, chain, time, entries, deputies, seal, terms };
}

/** Decodes an entry that stands alone: `cbor`, `form`. */
export function decodeEntry(bytes: Uint8Array): Entry {
  check(bytes);
  return readEntry(new Reader(bytes));
}

function readEntry(reader: Reader): Entry {
  const start = reader.position;
  reader.array(9, 9);
  const name = plain(reader.text(1, 128));
  const role = reader.text();
  ensure(isRole(role), "form", "a role");
  const keys = [reader.hash(), reader.hash(), reader.hash(), reader.hash()];
  const encryption = reader.hash();
  const addresses = reader.list(() => plain(reader.text(1, 256)), 0, 8);
  const scope = reader.list(() => reader.text(1, 63), 0, 32);
  ensure(scope.every(isRecordType), "form", "a record type in a scope");
  ensure(scope.length === 0 || role === "regulator", "form", "a scope of another role than regulator");
  return { id: labelled("suyuan/1 member", reader.since(start)), name, role, keys, encryption, addresses, scope };
}

/** Rule 2. Duplicates are found first, since that costs nothing. */
function checkKeys(entries: readonly Entry[]): Member[] {
  const all = entries.flatMap(({ keys, encryption }) => [...keys, encryption]);
  ensure(new Set(all.map(hex)).size === all.length, "key", "one key in two places");
  ensure(!entries.some(({ encryption }) => isLowOrderX25519(encryption)), "key", "an X25519 key of small order");
  return entries.map(withKeys);
}

/** The member of an entry whose Ed25519 keys are usable: `key`. */
export function withKeys({ keys, ...entry }: Entry): Member {
  const [root, log, witness, transport] = keys.map((key) => PublicKey.from(key)) as [PublicKey, PublicKey, PublicKey, PublicKey];
  return { ...entry, root, log, witness, transport };
}

/** Every Ed25519 key has signed, members in order, and nobody else. */
async function checkSignatures(bytes: Uint8Array, members: readonly Member[], signatures: readonly Signature[]): Promise<void> {
  const signers = members.flatMap(({ root, log, witness, transport }) => [root, log, witness, transport]);
  ensure(signatures.length === signers.length, "charter-signature", "missing or surplus");
  for (const [i, signer] of signers.entries()) {
    const { kid, signature } = signatures[i]!;
    ensure(equal(kid, signer.id), "charter-signature", "out of order");
    try {
      await verify(signer, sigStructure(CHARTER_TYPE, signer.id, bytes), signature);
    } catch (error) {
      throw error instanceof Fault ? new Fault("charter-signature", "wrong") : error;
    }
  }
}

/** Every role. */
export const ROLES: readonly Role[] = ["leader", "upstream", "midstream", "downstream", "support", "regulator"];

function isRole(role: string): role is Role {
  return (ROLES as readonly string[]).includes(role);
}

/** Rule 3: no control characters (newline only in the terms), no separators of lines, nothing that changes the reading direction. */
function plain(content: string, newlines = false): string {
  const checked = newlines ? content.replace(/\n/g, "") : content;
  const bad = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
  ensure(!bad.test(checked), "form", "characters that a text may not hold");
  return content;
}

