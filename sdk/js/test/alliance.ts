// An alliance with known keys and its order log, to be told well or badly.

import { concat, hex, u64, utf8 } from "../src/bytes.js";
import { ENCODED_NULL, encodeArray, encodeBytes, encodeText, encodeUint } from "../src/cbor.js";
import { labelled, sha256 } from "../src/crypto.js";
import { keyId } from "../src/key.js";
import { logOrigin, witnessName } from "../src/log.js";
import { bodyRoot } from "../src/section.js";
import { CHARTER_TYPE, JOIN_TYPE, KEYS_TYPE, STATEMENT_TYPE, sigStructure } from "../src/statement.js";
import { leafHash, rootOfHashes, treeRoot } from "../src/tree.js";
import { keyPair } from "./support.js";

type Key = ReturnType<typeof keyPair>;
/** What JSON holds. */
export type Value = null | number | string | readonly Value[] | { readonly [name: string]: Value };

/** When the charter was drawn up. */
export const TIME = 1_795_219_200_000;
const SECONDS = 1_795_219_300;

/** A member with its keys. */
export class Person {
  readonly entry: Uint8Array;
  readonly id: string;
  readonly root: Key;
  log: Key;
  witness: Key;
  readonly transport: Key;
  sequence = 0;

  constructor(readonly name: string, readonly role: string, seed: number) {
    [this.root, this.log, this.witness, this.transport] = [seed, seed + 1, seed + 2, seed + 3].map(keyPair) as [Key, Key, Key, Key];
    const keys = [this.root, this.log, this.witness, this.transport].map(({ key }) => encodeBytes(key));
    const encryption = encodeBytes(new Uint8Array(32).fill(seed + 100));
    this.entry = encodeArray(encodeText(name), encodeText(role), ...keys, encryption, encodeArray(), encodeArray());
    this.id = hex(labelled("suyuan/1 member", this.entry));
  }

  get bytes(): Uint8Array {
    return labelled("suyuan/1 member", this.entry);
  }
}

/** A statement with its one section. */
export interface Said {
  readonly id: Uint8Array;
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** How a statement differs from what it should be. */
export interface Twist {
  readonly references?: readonly Uint8Array[];
  readonly time?: number;
  readonly key?: Key;
  readonly alliance?: Uint8Array;
  readonly sequence?: number;
}

/** JSON as it is written: members by name. */
export function canonical(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

/** Base64. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** A log of entries in one term. */
interface Log {
  readonly term: number;
  readonly keeper: Person;
  readonly ids: Uint8Array[];
}

/** An alliance of so many, the first of them leading. */
export class World {
  readonly people: readonly Person[];
  readonly file: Uint8Array;
  readonly id: Uint8Array;
  readonly circle: string;
  readonly entries: Uint8Array[] = [];
  log: Log;
  time = TIME;
  version = 0;
  private waiting = 0;
  readonly slots = new Map<string, number>();

  constructor(roles: readonly string[], deputies: readonly number[] = []) {
    this.people = roles.map((role, index) => new Person(`member ${index}`, role, 1 + 4 * index));
    const texts = ["Alliance", "Tests", "chain"].map(encodeText);
    const members = encodeArray(...this.people.map(({ entry }) => entry));
    const named = encodeArray(...deputies.map(encodeUint));
    const charter = encodeArray(encodeUint(1), encodeBytes(new Uint8Array(32)), ...texts, encodeUint(TIME), members, named, encodeUint(86_400_000), encodeText(""));
    this.id = labelled("suyuan/1 alliance", charter);
    this.circle = hex(this.id);
    const signatures = this.people.flatMap(({ root, log, witness, transport }) =>
      [root, log, witness, transport].map(({ key, sign }) => {
        const kid = keyId(key);
        return encodeArray(encodeBytes(kid), encodeBytes(sign(sigStructure(CHARTER_TYPE, kid, charter))));
      }),
    );
    this.file = encodeArray(encodeBytes(charter), encodeArray(...signatures));
    this.log = { term: 1, keeper: this.people[0]!, ids: [] };
  }

  /** Something that a member states. Values are JSON texts. */
  say(author: Person, type: string, fields: { readonly [name: string]: string }, twist: Twist = {}): Said {
    const { references = [], time = this.time, key = author.log, alliance = this.id, sequence = author.sequence++ } = twist;
    const list = Object.entries(fields).map(([name, value]) => ({ name, value }));
    const seed = sha256(utf8(`${author.name} ${sequence} ${type}`));
    const body = encodeArray(encodeBytes(seed), encodeArray(...list.map(({ name, value }) => encodeArray(encodeText(name), encodeText(value)))));
    const header = encodeArray(encodeUint(1), encodeBytes(bodyRoot({ seed, fields: list })), ENCODED_NULL);
    const section = encodeArray(
      encodeUint(list.length),
      encodeBytes(labelled("suyuan/1 section-header", header)),
      encodeArray(encodeBytes(new Uint8Array(32))),
    );
    const place = [encodeUint(1), encodeBytes(alliance), encodeBytes(author.bytes), encodeUint(0), encodeUint(sequence)];
    const about = [encodeBytes(new Uint8Array(32)), encodeUint(time), encodeText(type), encodeArray(...references.map(encodeBytes))];
    const statement = sigStructure(STATEMENT_TYPE, keyId(key.key), encodeArray(...place, ...about, encodeBytes(seed), encodeArray(section)));
    return { id: sha256(statement), statement, signature: key.sign(statement), header, body };
  }

  /** The fields of an entry, the next one where nothing else is said. */
  fields(content: { readonly [name: string]: Value }): { [name: string]: string } {
    const { term, ids } = this.log;
    const previous = ids.length === 0 ? "0".repeat(64) : hex(ids[ids.length - 1]!);
    const none = { certificate: null, takeover: null, effect: null, epoch: null };
    const all: { [name: string]: Value } = { circle: this.circle, term, index: ids.length, previous, ...none, ...content };
    return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, canonical(value)]));
  }

  /** Puts a statement into the file as the next entry. */
  put(said: Said): void {
    this.entries.push(encodeArray(...[said.statement, said.signature, said.header, said.body].map(encodeBytes)));
    this.log.ids.push(said.id);
  }

  /** The keeper writes the next entry. */
  write(content: { readonly [name: string]: Value }, twist: Twist = {}): void {
    this.put(this.say(this.log.keeper, "suyuan.order", this.fields(content), twist));
  }

  /** A proposal, and what of it differs. */
  propose(author: Person, subject: string, change: Value, signers: readonly Person[], differs: { readonly [name: string]: Value } = {}): Said {
    const asked = signers.map(({ id }): Value => [id, 1]).sort((one, other) => ((one as Value[])[0]! < (other as Value[])[0]! ? -1 : 1));
    const fields: { [name: string]: Value } = {
      circle: this.circle,
      slot: { subject, version: this.slots.get(subject) ?? 0, ballot: 0 },
      change,
      signers: asked,
      threshold: 1,
      rule: this.version,
      expires: this.time + 1_000_000,
      reason: "",
      ...differs,
    };
    return this.say(author, "suyuan.proposal", Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, canonical(value)])));
  }

  approve(author: Person, proposal: Said, twist: Twist = {}): Said {
    return this.say(author, "suyuan.approve", { comment: '""' }, { references: [proposal.id], ...twist });
  }

  /** An effect of a proposal with approvals by these. */
  effect(proposal: Said, approvers: readonly Person[]): Value {
    const ascending = [...approvers].sort((one, other) => (one.id < other.id ? -1 : 1));
    return { proposal: disclosed(proposal), approvals: ascending.map((approver) => signed(this.approve(approver, proposal))) };
  }

  /** A change that everybody who is named wants, decided in the next entry. */
  decide(subject: string, change: Value, voters: readonly Person[], content: { readonly [name: string]: Value } = {}): void {
    this.write({ effect: this.effect(this.propose(voters[0]!, subject, change, voters), voters), ...content });
    this.slots.set(subject, (this.slots.get(subject) ?? 0) + 1);
    if (!("agree" in (change as object))) this.waiting = 1;
  }

  /** A head of the log as it is, or was, cosigned by these. */
  head(cosigners: readonly Person[], size = this.log.ids.length, { term, keeper, ids } = this.log): string {
    const origin = `suyuan/${this.circle}/${this.circle}/order/${term}`;
    return note(origin, treeRoot(ids.slice(0, size)), size, keeper, this.id, cosigners);
  }

  /** A checkpoint of a member's own log over these entries. */
  checkpoint(author: Person, ids: readonly Uint8Array[], cosigners: readonly Person[] = []): string {
    return note(logOrigin(this.id, author.bytes, 0), treeRoot(ids), ids.length, author, this.id, cosigners);
  }

  /** What a member has said, as its log has it: statements of the type `note`, each with one field. */
  notes(author: Person, count: number, keyOf: (sequence: number) => Key = () => author.log): Said[] {
    return Array.from({ length: count }, (_, sequence) => this.say(author, "note", { text: `"${sequence}"` }, { sequence, key: keyOf(sequence) }));
  }

  /** A record of a bundle: an entry of a log, its path in the tree of these entries, and whatever checkpoint. */
  record(said: Said, log: readonly Said[], checkpoint: string, index = log.indexOf(said)): Uint8Array {
    const path = pathOf(log.map(({ id }) => leafHash(id)), index).map((hash) => `${base64(hash)}\n`);
    const proof = `c2sp.org/tlog-proof@v1\nindex ${index}\n${path.join("")}\n${checkpoint}`;
    const content = encodeArray(encodeUint(0), encodeBytes(said.body));
    const disclosure = encodeArray(encodeUint(0), encodeBytes(said.header), encodeArray(), content);
    return encodeArray(encodeBytes(said.statement), encodeBytes(said.signature), encodeText(proof), encodeArray(disclosure));
  }

  /** A bundle, with a history or without. */
  bundle(records: readonly Uint8Array[], history?: Uint8Array): Uint8Array {
    const more = history ? [encodeBytes(history)] : [];
    return encodeArray(encodeText("suyuan-bundle"), encodeUint(1), encodeBytes(this.file), encodeArray(...records), ...more);
  }

  /** A file that convicts: two checkpoints of one size. */
  conviction(member: Person, notes: readonly [string, string], history?: Uint8Array): Uint8Array {
    const evidence = encodeArray(encodeBytes(member.bytes), encodeUint(0), ...notes.map(encodeText), ENCODED_NULL);
    const more = history ? [encodeBytes(history)] : [];
    return encodeArray(encodeText("suyuan-equivocation"), encodeUint(1), encodeBytes(this.file), evidence, ...more);
  }

  /** The next entry carries a certificate over everything so far. */
  certify(cosigners: readonly Person[]): void {
    this.write({ certificate: this.head(cosigners) });
    this.version += this.waiting;
    this.waiting = 0;
  }

  /** A vote for a later term. */
  freeze(author: Person, term: number, head: string | null): Said {
    return this.say(author, "suyuan.freeze", { circle: canonical(this.circle), term: String(term), head: canonical(head) });
  }

  /** A later term begins under another keeper. */
  takeOver(term: number, keeper: Person, votes: readonly Said[]): void {
    this.log = { term, keeper, ids: [] };
    this.write({ takeover: votes.map(disclosed) });
  }

  /** The file. */
  history(...heads: readonly (readonly [number, string])[]): Uint8Array {
    const notes = heads.map(([term, text]) => encodeArray(encodeUint(term), encodeText(text)));
    return encodeArray(encodeText("suyuan-history"), encodeUint(1), encodeArray(...this.entries), encodeArray(...notes));
  }

  /** An admission with the signatures of all keys. */
  admission({ entry, root, log, witness, transport }: Person): Value {
    const payload = encodeArray(encodeUint(1), encodeBytes(this.id), encodeBytes(entry));
    const signatures = [root, log, witness, transport].map(({ key, sign }) => base64(sign(sigStructure(JOIN_TYPE, keyId(key), payload))));
    return { admit: { entry: base64(entry), signatures } };
  }

  /** A change of a member's log key from a size on. */
  rotation(member: Person, log: Key, size: number): Value {
    const payload = encodeArray(
      encodeUint(1), encodeBytes(this.id), encodeBytes(member.bytes), encodeBytes(log.key), ENCODED_NULL, ENCODED_NULL, ENCODED_NULL, encodeUint(size),
    );
    const signatures = [member.root, log].map(({ key, sign }) => base64(sign(sigStructure(KEYS_TYPE, keyId(key), payload))));
    return { keys: { member: member.id, log: hex(log.key), witness: null, transport: null, encryption: null, size, signatures } };
  }
}

/** A statement as an effect has it, with its section. */
export function disclosed({ statement, signature, header, body }: Said): Value {
  return { statement: base64(statement), signature: base64(signature), header: base64(header), body: base64(body) };
}

/** A statement as an effect has it, alone. */
export function signed({ statement, signature }: Said): Value {
  return { statement: base64(statement), signature: base64(signature) };
}

/** RFC 6962 section 2.1.1, as it is written there. */
function pathOf(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length < 2) return [];
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split ? [...pathOf(left, index), rootOfHashes(right)] : [...pathOf(right, index - split), rootOfHashes(left)];
}

function note(origin: string, root: Uint8Array, size: number, author: Person, alliance: Uint8Array, cosigners: readonly Person[]): string {
  const body = `${origin}\n${size}\n${base64(root)}\n`;
  const line = (name: string, type: number, { key }: Key, signature: Uint8Array): string =>
    `— ${name} ${base64(concat(sha256(utf8(`${name}\n`), Uint8Array.of(type), key).subarray(0, 4), signature))}\n`;
  const cosigned = cosigners.map(({ bytes, witness }) => {
    const signature = witness.sign(utf8(`cosignature/v1\ntime ${SECONDS}\n${body}`));
    return line(witnessName(alliance, bytes), 4, witness, concat(u64(SECONDS), signature));
  });
  return `${body}\n${line(origin, 1, author.log, author.log.sign(utf8(body)))}${cosigned.join("")}`;
}
