// Runs the cases under specs/vectors: each names an operation, its input, and the output or the fault that every implementation must give.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { verifyBundle } from "./bundle.js";
import { compare, fromHex, hex, utf8 } from "./bytes.js";
import { check } from "./cbor.js";
import { verifyCharter } from "./charter.js";
import type { Charter, Member } from "./charter.js";
import { circleId, epochCommitment, unwrapKey } from "./circle.js";
import { verifyEquivocation } from "./equivocation.js";
import { Fault } from "./fault.js";
import { verifyHistory } from "./history.js";
import type { VerifiedHistory } from "./history.js";
import { PublicKey, keyId, verify } from "./key.js";
import { chainNext, chainStart, logOrigin, parseProof, witnessName } from "./log.js";
import type { ClosedLog, LogKey, Mark } from "./membership.js";
import { parseCheckpoint, verifyCheckpoint } from "./note.js";
import { checkPolicy, judge, parsePolicy, policyOf, quorum, witnessKeys } from "./policy.js";
import { epochRelayKey, openPackage, pairRelayKey, relayTag } from "./relay.js";
import { bucket, openSection } from "./sealing.js";
import { bodyLeaves, bodyRoot, checkBody, checkField, decodeBody, openAudience, openHeader } from "./section.js";
import { coseSign1, decodeStatement, verifyStatement } from "./statement.js";
import { treeRoot, verifyConsistency, verifyInclusion } from "./tree.js";
import { values } from "./trie.js";

/** What came of a run. */
export interface Tally {
  readonly passed: number;
  /** One line for each failing case. */
  readonly failures: readonly string[];
}

/** Folders that other programs' vectors stand in. */
const FOREIGN = ["trace"];

/** Runs every case below a directory. */
export async function runVectors(directory: string): Promise<Tally> {
  const failures: string[] = [];
  let passed = 0;
  for (const file of vectorFiles(directory)) {
    const part = file.split("/")[0]!;
    const { cases } = JSON.parse(readFileSync(join(directory, file), "utf8")) as { cases: Case[] };
    for (const one of cases) {
      const failure = await runCase(part, one);
      if (failure === null) passed += 1;
      else failures.push(`${file}: ${one.op}: ${one.name}: ${failure}`);
    }
  }
  return { passed, failures };
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

interface Case {
  readonly name: string;
  readonly op: string;
  readonly in: { [name: string]: Json };
  readonly expect: "ok" | "fault";
  readonly out?: { [name: string]: Json };
  readonly fault?: string;
  /** Of the fault `entry`. */
  readonly why?: string;
}

function vectorFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !FOREIGN.includes(entry.name))
    .flatMap(({ name }) => readdirSync(join(directory, name)).map((file) => `${name}/${file}`))
    .filter((file) => file.endsWith(".json"))
    .sort();
}

/** Null if the case passes, else what is wrong. */
async function runCase(part: string, { op, in: input, expect, out = {}, fault, why }: Case): Promise<string | null> {
  const operation = OPERATIONS[`${part} ${op}`];
  if (!operation) return "an operation that is not known here";
  try {
    const result = await operation(new Input(input));
    if (expect === "fault") return `accepted instead of ${[fault, why].join(" ")}`;
    const wrong = Object.keys(out).filter((name) => stable(result[name]) !== stable(out[name]));
    return wrong.length === 0 ? null : wrong.map((name) => `${name} is ${stable(result[name])}`).join(", ");
  } catch (error) {
    if (error instanceof Fault) {
      const told = why !== undefined || part === "history"; // of a history within another file, the fault alone is told
      const same = expect === "fault" && error.code === fault && (!told || error.why === (why ?? null));
      return same ? null : `${error.message}, expected ${fault ?? "ok"} ${why ?? ""}`;
    }
    return `broke: ${error instanceof Error ? error.stack : String(error)}`;
  }
}

/** JSON with the names of objects in order. */
function stable(value: Json | undefined): string {
  return JSON.stringify(value, (_, part: Json) =>
    part !== null && typeof part === "object" && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort()) : part,
  );
}

/** The members of a case's `in`, by type. */
class Input {
  private readonly members: { readonly [name: string]: Json };

  constructor(members: { readonly [name: string]: Json }) {
    this.members = members;
  }

  has(name: string): boolean {
    return this.members[name] !== undefined && this.members[name] !== null;
  }

  bytes(name: string): Uint8Array {
    return bytesOf(this.members[name], name);
  }

  list(name: string): Uint8Array[] {
    const value = this.members[name];
    if (!Array.isArray(value)) throw new TypeError(`${name} is not an array`);
    return value.map((element) => bytesOf(element, name));
  }

  number(name: string): number {
    const value = this.members[name];
    if (typeof value !== "number") throw new TypeError(`${name} is not a number`);
    return value;
  }

  text(name: string): string {
    const value = this.members[name];
    if (typeof value !== "string") throw new TypeError(`${name} is not text`);
    return value;
  }

  namedKey(name: string): { name: string; key: PublicKey } {
    const value = this.members[name];
    if (!Array.isArray(value) || typeof value[0] !== "string") throw new TypeError(`${name} is not a named key`);
    return { name: value[0], key: PublicKey.from(bytesOf(value[1], name)) };
  }
}

function bytesOf(value: Json | undefined, name: string): Uint8Array {
  const bytes = typeof value === "string" ? fromHex(value) : null;
  if (!bytes) throw new TypeError(`${name} is not hex`);
  return bytes;
}

async function memberOf(input: Input): Promise<{ charter: Charter; author: Member }> {
  const charter = await verifyCharter(input.bytes("file"));
  const author = charter.members.find(({ id }) => hex(id) === input.text("author"));
  if (!author) throw new TypeError("author is no member");
  return { charter, author };
}

/** What a history comes to. */
function stateOf({ entries, settled }: VerifiedHistory): { [name: string]: Json } {
  const { term, size, keeper, alliance } = settled;
  const former = listed(alliance.former, ({ member }) => member);
  const everybody = [...alliance.members, ...former];
  const slots = values(settled.slots).map(({ subject, version }): [string, number] => [subject, version]);
  return {
    entries,
    term,
    size,
    version: alliance.version,
    keeper,
    leader: alliance.members.find(({ role }) => role === "leader")!.hex,
    name: alliance.name,
    members: alliance.members.map(({ hex: id, role }) => [id, role]),
    former: former.map(({ hex: id, left }) => [id, left!.size, hex(left!.root)]),
    deputies: [...alliance.deputies],
    closed: everybody.flatMap(({ hex: id, closed }) => listed<ClosedLog, Json>(closed, ({ size: held, root }) => [id, held, hex(root)])),
    compromised: everybody.flatMap(({ hex: id, marks }) => listed<Mark, Json>(marks, ({ incarnation, from, size: end }) => [id, incarnation, from, end])),
    keys: everybody.map(({ hex: id, logs }) => [id, listed<LogKey, Json>(logs, ({ key, from }) => [hex(key.bytes), from])]),
    epochs: listed(settled.epochs, ({ epoch }): Json => [epoch.epoch, epoch.statement]),
    slots: slots.sort(([one], [other]) => compare(utf8(one), utf8(other))),
  };
}

/** A list that is held from its last element on, from its first on. */
function listed<L extends { readonly before: L | null }, T>(last: L | null, take: (element: L) => T): T[] {
  const all: T[] = [];
  for (let at = last; at; at = at.before) all.push(take(at));
  return all.reverse();
}

type Operation = (input: Input) => { [name: string]: Json } | Promise<{ [name: string]: Json }>;

const OPERATIONS: { readonly [name: string]: Operation } = {
  "cbor check": (input) => {
    check(input.bytes("bytes"));
    return {};
  },
  "key id": (input) => ({ id: hex(keyId(input.bytes("key"))) }),
  "key verify": async (input) => {
    await verify(PublicKey.from(input.bytes("key")), input.bytes("message"), input.bytes("signature"));
    return {};
  },
  "charter verify": async (input) => {
    const charter = await verifyCharter(input.bytes("file"), input.has("alliance") ? input.bytes("alliance") : undefined);
    return { alliance: hex(charter.id), members: charter.members.map(({ id }) => hex(id)) };
  },
  "statement decode": (input) => {
    const { id, alliance, author, kid, incarnation, sequence, time, type } = decodeStatement(input.bytes("statement"));
    return { id: hex(id), alliance: hex(alliance), author: hex(author), kid: hex(kid), incarnation, sequence, time, type };
  },
  "statement verify": async (input) => {
    const statement = decodeStatement(input.bytes("statement"));
    await verifyStatement(statement, input.bytes("signature"), PublicKey.from(input.bytes("key")));
    return { id: hex(statement.id) };
  },
  "statement cose": (input) => ({ cose: hex(coseSign1(input.bytes("statement"), input.bytes("signature"))) }),
  "section body": (input) => {
    const body = decodeBody(input.bytes("body"));
    checkBody(body, input.has("count") ? input.number("count") : undefined, input.has("root") ? input.bytes("root") : undefined);
    return { root: hex(bodyRoot(body)), count: body.fields.length, leaves: bodyLeaves(body).map(hex) };
  },
  "section field": (input) => {
    const field = { name: input.text("name"), value: input.text("value") };
    checkField(input.bytes("salt"), field, input.number("index"), input.number("count"), input.list("path"), input.bytes("root"));
    return {};
  },
  "section header": (input) => ({ root: hex(openHeader(input.bytes("header"), input.bytes("commitment")).root) }),
  "section audience": (input) => {
    const { circle, epoch, counter } = openAudience(input.bytes("audience"), input.bytes("commitment"));
    return { circle: hex(circle), epoch, counter };
  },
  "sealing bucket": (input) => ({ bucket: bucket(input.number("length")) }),
  "sealing open": async (input) => {
    const place = {
      alliance: input.bytes("alliance"),
      author: input.bytes("author"),
      incarnation: input.number("incarnation"),
      sequence: input.number("sequence"),
      section: input.number("section"),
      root: input.bytes("root"),
    };
    return { body: hex((await openSection(input.bytes("key"), place, input.bytes("ciphertext"))).bytes) };
  },
  "circle id": (input) => ({ id: hex(circleId(input.bytes("alliance"), input.bytes("steward"), input.bytes("nonce"))) }),
  "circle commitment": (input) => ({
    commitment: hex(epochCommitment(input.bytes("circle"), input.number("epoch"), input.bytes("secret"))),
  }),
  "circle unwrap": async (input) => {
    const [secret, circle, audience] = [input.bytes("secret"), input.bytes("circle"), input.bytes("audience")];
    return { key: hex(await unwrapKey(secret, circle, input.number("epoch"), audience, input.bytes("wrap"))) };
  },
  "relay tag": (input) => {
    const key = epochRelayKey(input.bytes("secret"), input.bytes("circle"), input.number("epoch"));
    return { tag: hex(relayTag(key, input.bytes("author"), input.number("incarnation"), input.number("counter"))) };
  },
  "relay pair": (input) => {
    const [steward, member] = [input.bytes("steward"), input.bytes("member")];
    const keys = { stewardKey: input.bytes("steward_key"), memberKey: input.bytes("member_key") };
    const key = pairRelayKey(input.bytes("shared"), { alliance: input.bytes("alliance"), steward, member, ...keys });
    return { tag: hex(relayTag(key, steward, input.number("incarnation"), input.number("number"))) };
  },
  "relay open": async (input) => {
    const key = epochRelayKey(input.bytes("secret"), input.bytes("circle"), input.number("epoch"));
    return { item: hex(await openPackage(key, input.bytes("tag"), input.bytes("package"))) };
  },
  "log chain": (input) => {
    const start = chainStart(input.bytes("alliance"), input.bytes("author"), input.number("incarnation"));
    return { chain: hex(input.list("entries").reduce(chainNext, start)) };
  },
  "log root": (input) => ({ root: hex(treeRoot(input.list("entries"))) }),
  "log inclusion": (input) => {
    verifyInclusion(input.bytes("entry"), input.number("index"), input.number("size"), input.list("path"), input.bytes("root"));
    return {};
  },
  "log consistency": (input) => {
    const [oldRoot, newRoot] = [input.bytes("old_root"), input.bytes("new_root")];
    verifyConsistency(input.number("old"), input.number("new"), oldRoot, newRoot, input.list("path"));
    return {};
  },
  "log checkpoint": async (input) => {
    const checkpoint = parseCheckpoint(input.text("note"));
    const log = { name: input.text("origin"), key: PublicKey.from(input.bytes("log")) };
    const [time] = (await verifyCheckpoint(checkpoint, log, input.has("witness") ? [input.namedKey("witness")] : [])).values();
    return { size: checkpoint.size, root: hex(checkpoint.root), time: time ?? null };
  },
  "log proof": (input) => {
    const { index, path } = parseProof(input.text("proof"));
    return { index, path: path.map(hex) };
  },
  "witness quorum": (input) => ({ ...quorum(input.number("members")) }),
  "witness policy": async (input) => {
    const { size, accepted, cosigners } = await checkPolicy(parsePolicy(input.bytes("policy")), input.text("note"));
    return { size, accepted, cosigners: [...cosigners] };
  },
  "witness derive": async (input) => {
    const { charter, author } = await memberOf(input);
    return { policy: hex(policyOf(charter, author, input.number("incarnation"))) };
  },
  "witness standing": async (input) => {
    const { charter, author } = await memberOf(input);
    const log = { name: logOrigin(charter.id, author.id, input.number("incarnation")), key: author.log };
    const checkpoint = parseCheckpoint(input.text("note"));
    const times = await verifyCheckpoint(checkpoint, log, witnessKeys(charter));
    const cosigned = charter.members.flatMap(({ id }): [string, number][] => {
      const time = times.get(witnessName(charter.id, id));
      return time === undefined ? [] : [[hex(id), time]];
    });
    const { count, needed, time } = judge(charter, author.id, new Map(cosigned));
    return { size: checkpoint.size, count, needed, time, witnesses: cosigned.filter(([id]) => id !== hex(author.id)) };
  },
  "history verify": async (input) => {
    const charter = await verifyCharter(input.bytes("file"), input.has("alliance") ? input.bytes("alliance") : undefined);
    return stateOf(await verifyHistory(input.bytes("history"), charter));
  },
  "equivocation verify": async (input) => {
    const expected = input.has("alliance") ? input.text("alliance") : undefined;
    const { alliance, member, incarnation, sizes, times, common } = await verifyEquivocation(input.bytes("file"), expected);
    return { alliance, member: member.id, incarnation, sizes: [...sizes], times: [...times], common };
  },
  "bundle verify": async (input) => {
    const { alliance, records } = await verifyBundle(input.bytes("bundle"), input.has("alliance") ? input.text("alliance") : undefined);
    return {
      alliance,
      records: records.map(({ id, author, type, sequence, size, left, closed, compromised, sections, withheld, needed, witnessed, witnesses }) => ({
        id,
        author: author.id,
        type,
        sequence,
        size,
        left,
        closed,
        compromised,
        fields: sections.flatMap(({ index, fields }) => fields.map(({ name, value }) => [index, name, value])),
        withheld,
        needed,
        witnessed,
        witnesses: witnesses.map((witness) => [witness.id, witness.time]),
      })),
    };
  },
};
