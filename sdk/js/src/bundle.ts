// Bundles: a file with everything to check records offline: bundle.md. `openBundle` does steps 1 and 2, `verify(i)` steps 3 to 15 of one
// record, so that a page can say of each record whether it holds.

import { equal, fromHex, hex } from "./bytes.js";
import { Reader, openSuite } from "./cbor.js";
import type { Member, Role } from "./charter.js";
import { Fault, ensure } from "./fault.js";
import { inForce } from "./history.js";
import { MAX_AUDIENCES, MAX_BUNDLE, MAX_FIELDS, MAX_PATH, MAX_RECORDS, MAX_SECTIONS } from "./limits.js";
import { logOrigin, parseProof } from "./log.js";
import { checkpointKey, isCompromised, logKeyAt, pinOf } from "./membership.js";
import type { Alliance, Fellow } from "./membership.js";
import type { PublicKey } from "./key.js";
import { parseCheckpoint, verifyCheckpoint } from "./note.js";
import { judge, witnessKeys } from "./policy.js";
import { checkAudiences, checkBody, checkField, decodeBody, ensureNamesOnce, openAudience, openHeader, readField } from "./section.js";
import type { Audience, Field } from "./section.js";
import { decodeStatement, verifyStatement } from "./statement.js";
import type { SectionCommitment, Statement } from "./statement.js";
import { verifyInclusion } from "./tree.js";
import { find } from "./trie.js";

/** A member, as far as a reader of records needs it. */
export interface MemberInfo {
  /** Member id, hex. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/** One section of a verified record: what it discloses, and how much it withholds. */
export interface VerifiedSection {
  /** Index in the statement. */
  readonly index: number;
  /** How many fields the author signed. */
  readonly count: number;
  /** The disclosed fields; values are JSON texts as received, not checked to be JSON. */
  readonly fields: readonly Field[];
  /** Fields not disclosed: `count - fields.length`. */
  readonly withheld: number;
  /** How many audiences the section has. */
  readonly audiences: number;
  /** The audience headers that are shown. */
  readonly shown: readonly ShownAudience[];
}

/** An audience header that a bundle shows. Ids are hex. */
export interface ShownAudience {
  readonly index: number;
  readonly circle: string;
  readonly epoch: number;
  readonly counter: number;
  readonly link: string;
  readonly order: { readonly size: number; readonly root: string } | null;
}

/** A record that holds. Ids are hex. */
export interface VerifiedRecord {
  readonly id: string;
  readonly author: MemberInfo;
  readonly type: string;
  /** Milliseconds since 1970-01-01 UTC, as the author claims. */
  readonly time: number;
  readonly incarnation: number;
  readonly sequence: number;
  /** Size of the author's log when it signed the checkpoint; of a closed log, up to where the alliance accepts it. */
  readonly size: number;
  /** Whether the author has left the alliance. */
  readonly left: boolean;
  /** Whether the log was closed, because its author has left or goes on with another. Then there is no checkpoint, and nobody who cosigned one: the alliance itself
   * accepts the entry. */
  readonly closed: boolean;
  /** Whether the members have decided that somebody else may have signed it. */
  readonly compromised: boolean;
  /** When the author cosigned that checkpoint, seconds since 1970-01-01 UTC; null where there is no such line, or no checkpoint. */
  readonly checkpointTime: number | null;
  /** The other members that cosigned that checkpoint, in charter order. Regulators stand here too, and do not count. */
  readonly witnesses: readonly Cosigner[];
  /** How many cosignatures that count the alliance asks for; 0 in an alliance of one, and where the log was closed. */
  readonly needed: number;
  /** Where there are as many: by when an honest witness had seen it, seconds since 1970-01-01 UTC. Else null: it is not witnessed. */
  readonly witnessed: number | null;
  /** Ids of the statements that this one names in public. */
  readonly references: readonly string[];
  /** All sections, those without any disclosure too. */
  readonly sections: readonly VerifiedSection[];
  /** Fields not disclosed, over all sections. */
  readonly withheld: number;
}

/** A member whose cosignature of a checkpoint was checked. */
export interface Cosigner extends MemberInfo {
  /** When it cosigned, seconds since 1970-01-01 UTC. */
  readonly time: number;
}

/** What the charter of a bundle says with all changes that the bundle carries, and the way to its records. */
export interface OpenBundle {
  /** The alliance id, hex. Where no id was expected, the reader compares this with one it trusts. */
  readonly alliance: string;
  readonly name: string;
  readonly purpose: string;
  readonly chain: string;
  /** When the charter was drawn up, milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  readonly members: readonly MemberInfo[];
  readonly records: {
    readonly length: number;
    /** Verifies record `index`, whatever the others are. Rejects with a `Fault` if it does not hold. */
    verify(index: number): Promise<VerifiedRecord>;
  };
}

/** A bundle of which every record holds. */
export interface VerifiedBundle extends Omit<OpenBundle, "records"> {
  readonly records: readonly VerifiedRecord[];
}

/** Verifies a whole bundle. Rejects with the first `Fault` in the order of bundle.md. `alliance` is the expected id, hex. */
export async function verifyBundle(bytes: Uint8Array, alliance?: string): Promise<VerifiedBundle> {
  const { records: open, ...about } = await openBundle(bytes, alliance);
  const records: VerifiedRecord[] = [];
  for (let i = 0; i < open.length; i++) records.push(await open.verify(i));
  return { ...about, records };
}

/** Steps 1 and 2: the shape of the whole file, the charter and the history. Rejects with a `Fault`; with a `TypeError` if `alliance` is not an id. */
export async function openBundle(bytes: Uint8Array, alliance?: string): Promise<OpenBundle> {
  const expected = alliance === undefined ? undefined : fromHex(alliance);
  if (expected !== undefined && expected?.length !== 32) throw new TypeError("an alliance id is 64 hex digits");
  ensure(bytes.length <= MAX_BUNDLE, "form", "a bundle of more than 64 MiB");
  const copy = new Uint8Array(bytes); // what is verified later is what was opened now
  const { file, starts, history } = readBundle(copy);
  const state = await inForce(file, history, expected);
  const { id, name, purpose, chain, time, members } = state;
  const checkpoints: Checkpoints = new Map();
  const verify = async (index: number): Promise<VerifiedRecord> => {
    const start = starts[index];
    if (start === undefined) throw new RangeError("no such record");
    return verifyRecord(readRecord(new Reader(copy, start)), state, checkpoints);
  };
  return { alliance: hex(id), name, purpose, chain, time, members: members.map(info), records: { length: starts.length, verify } };
}

// Step 1: the shape.

interface RawRecord {
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
  readonly proof: string;
  readonly disclosures: readonly Disclosure[];
}

interface Disclosure {
  readonly section: number;
  readonly header: Uint8Array;
  readonly audiences: readonly { readonly index: number; readonly header: Uint8Array }[];
  readonly content: Uint8Array | readonly SingleField[];
}

interface SingleField extends Field {
  readonly salt: Uint8Array;
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

/** Checks the shape of everything, and keeps only where each record begins: a bundle is never in memory as objects as a whole. */
function readBundle(bytes: Uint8Array): { file: Uint8Array; starts: number[]; history: Uint8Array | null } {
  const reader = openSuite(bytes, 4, 1, 5);
  ensure(reader.text() === "suyuan-bundle", "form", "not a bundle");
  reader.uint(); // the version, which is known by now
  const file = reader.bytes();
  const starts = reader.list(() => {
    const start = reader.position;
    readRecord(reader);
    return start;
  }, 1, MAX_RECORDS);
  return { file, starts, history: reader.position < bytes.length ? reader.bytes() : null };
}

function readRecord(reader: Reader): RawRecord {
  reader.array(4, 4);
  return {
    statement: reader.bytes(),
    signature: reader.bytes(64, 64),
    proof: reader.text(),
    // Indexes ascend, so one beyond the most there can be is refused at the latest; no more need be kept. The same holds below.
    disclosures: reader.list(() => readDisclosure(reader), 0, undefined, MAX_SECTIONS + 1),
  };
}

function readDisclosure(reader: Reader): Disclosure {
  reader.array(4, 4);
  const section = reader.uint();
  const header = reader.bytes();
  const audiences = reader.list(() => {
    reader.array(2, 2);
    return { index: reader.uint(), header: reader.bytes() };
  }, 0, undefined, MAX_AUDIENCES + 1);
  return { section, header, audiences, content: readContent(reader) };
}

function readContent(reader: Reader): Disclosure["content"] {
  reader.array(2, 2);
  return reader.uint(0, 1) === 0 ? reader.bytes() : reader.list(() => readSingleField(reader), 1, MAX_FIELDS);
}

function readSingleField(reader: Reader): SingleField {
  reader.array(5, 5);
  const salt = reader.hash();
  const field = readField(reader);
  const index = reader.uint();
  return { ...field, salt, index, path: reader.list(() => reader.hash(), 0, undefined, MAX_PATH + 1) };
}

// Steps 3 to 15: one record.

async function verifyRecord(record: RawRecord, state: Alliance, checkpoints: Checkpoints): Promise<VerifiedRecord> {
  const statement = decodeStatement(record.statement);
  ensure(equal(statement.alliance, state.id), "statement-alliance", "a statement of another alliance");
  const author = find(state.known, hex(statement.author));
  if (!author) throw new Fault("author", "no member, and never was");
  const { incarnation, sequence } = statement;
  const key = logKeyAt(author, incarnation, sequence);
  if (!key) throw new Fault("author", "a log that its member has not begun");
  const pin = pinOf(author, incarnation);
  ensure(!pin || sequence < pin.size, "left", "beyond what was accepted of a closed log");
  await verifyStatement(statement, record.signature, key);
  const { size, cosigned } = await verifyProof(record.proof, statement, author, state, checkpoints);
  const { needed, time: witnessed } = pin ? { needed: 0, time: null } : judge(state, author.id, cosigned);
  const disclosed = verifyDisclosures(record.disclosures, statement.sections);
  const sections = statement.sections.map((section, index) => view(section, index, disclosed.get(index)));
  return {
    id: hex(statement.id),
    author: info(author),
    type: statement.type,
    time: statement.time,
    incarnation,
    sequence,
    size,
    left: author.left !== null,
    closed: pin !== null,
    compromised: isCompromised(author, incarnation, sequence),
    checkpointTime: cosigned.get(hex(author.id)) ?? null,
    witnesses: state.members.flatMap((member) => cosigner(member, author, cosigned)),
    needed,
    witnessed,
    references: statement.references.map(hex),
    sections,
    withheld: sections.reduce((sum, { withheld }) => sum + withheld, 0),
  };
}

/** What was accepted of the last checkpoint of each log: many records stand under the same one. */
type Checkpoints = Map<string, { readonly note: string; readonly proven: Proven }>;

/** What a checkpoint proves; who cosigned it, by member id in hex, and when. */
interface Proven {
  readonly size: number;
  readonly root: Uint8Array;
  readonly cosigned: ReadonlyMap<string, number>;
}

/** Steps 7 to 11. */
async function verifyProof(text: string, statement: Statement, author: Fellow, state: Alliance, checkpoints: Checkpoints): Promise<Proven> {
  const { index, path, checkpoint: note } = parseProof(text);
  const { incarnation, sequence } = statement;
  let proven: Proven;
  const pin = pinOf(author, incarnation);
  if (pin) {
    ensure(note === "", "proof", "a checkpoint of a closed log");
    proven = { ...pin, cosigned: new Map() };
  } else {
    const origin = logOrigin(state.id, author.id, incarnation);
    const known = checkpoints.get(origin);
    proven = known?.note === note ? known.proven : await verifyNote(note, origin, (at) => checkpointKey(author, incarnation, at), state);
    checkpoints.set(origin, { note, proven });
  }
  ensure(index === sequence, "index", "a proof for another entry");
  ensure(sequence < proven.size, "checkpoint-size", "a checkpoint before this entry");
  verifyInclusion(statement.id, index, proven.size, path, proven.root);
  return proven;
}

async function verifyNote(note: string, origin: string, keyAt: (size: number) => PublicKey | null, state: Alliance): Promise<Proven> {
  const checkpoint = parseCheckpoint(note);
  const witnesses = witnessKeys(state);
  const key = keyAt(checkpoint.size);
  if (!key) throw new Fault("author", "a log that its member has not begun");
  const times = await verifyCheckpoint(checkpoint, { name: origin, key }, witnesses);
  const cosigned = new Map(witnesses.flatMap(({ name }, i) => (times.has(name) ? [[state.members[i]!.hex, times.get(name)!] as const] : [])));
  return { size: checkpoint.size, root: checkpoint.root, cosigned };
}

interface Disclosed {
  readonly fields: readonly Field[];
  readonly shown: readonly ShownAudience[];
}

/** Steps 12 to 15, by index of the section. */
function verifyDisclosures(disclosures: readonly Disclosure[], sections: readonly SectionCommitment[]): Map<number, Disclosed> {
  const disclosed = new Map<number, Disclosed>();
  let previous = -1;
  for (const { section: index, header: headerBytes, audiences, content } of disclosures) {
    const section = sections[index];
    ensure(section !== undefined && index > previous, "section-index", "no such section, or out of order");
    previous = index;
    const header = openHeader(headerBytes, section.header);
    const opened = openAudiences(audiences, section);
    checkAudiences(header, section.audiences.length, opened.map(({ audience }) => audience));
    const shown = opened.map(({ index: at, audience }) => showAudience(at, audience));
    disclosed.set(index, { shown, fields: verifyContent(content, section.fields, header.root) });
  }
  return disclosed;
}

function openAudiences(audiences: Disclosure["audiences"], section: SectionCommitment): { index: number; audience: Audience }[] {
  let previous = -1;
  return audiences.map(({ index, header }) => {
    const commitment = section.audiences[index];
    ensure(commitment !== undefined && index > previous, "audience", "no such audience, or out of order");
    previous = index;
    return { index, audience: openAudience(header, commitment) };
  });
}

function verifyContent(content: Disclosure["content"], count: number, root: Uint8Array): readonly Field[] {
  if (content instanceof Uint8Array) {
    const body = decodeBody(content);
    checkBody(body, count, root);
    return body.fields;
  }
  let previous = -1;
  for (const { salt, name, value, index, path } of content) {
    ensure(index > previous, "field-path", "indexes that do not ascend");
    previous = index;
    checkField(salt, { name, value }, index, count, path, root);
  }
  ensureNamesOnce(content);
  return content.map(({ name, value }) => ({ name, value }));
}

// What is shown.

function view({ fields: count, audiences }: SectionCommitment, index: number, disclosed: Disclosed | undefined): VerifiedSection {
  const fields = disclosed?.fields ?? [];
  return { index, count, fields, withheld: count - fields.length, audiences: audiences.length, shown: disclosed?.shown ?? [] };
}

function showAudience(index: number, { circle, epoch, counter, link, order }: Audience): ShownAudience {
  return { index, circle: hex(circle), epoch, counter, link: hex(link), order: order && { size: order.size, root: hex(order.root) } };
}

function cosigner(member: Member, author: Member, cosigned: ReadonlyMap<string, number>): Cosigner[] {
  const time = cosigned.get(hex(member.id));
  return time === undefined || member === author ? [] : [{ ...info(member), time }];
}

function info({ id, name, role }: Member): MemberInfo {
  return { id: hex(id), name, role };
}
