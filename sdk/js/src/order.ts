// The order log of the alliance circle: what was decided, in which order, and when that is final: order-log.md. A state is a fold over entries;
// states share what they have in common, since there are as many as entries.

import { equal, hex, utf8 } from "./bytes.js";
import { Fault, asEntry, ensure, ensureEntry } from "./fault.js";
import { id, list, nullable, readFields, record, string, uint } from "./fields.js";
import type { Read } from "./fields.js";
import { sha256 } from "./crypto.js";
import { MAX_EPOCH_LEAP } from "./limits.js";
import { witnessName } from "./log.js";
import { voters } from "./membership.js";
import type { Alliance } from "./membership.js";
import { parseCheckpoint, verifyCheckpoint } from "./note.js";
import type { Checkpoint } from "./note.js";
import { quorum } from "./policy.js";
import { DISCLOSED, EFFECT, checkEffect, decoded, openDisclosed } from "./resolution.js";
import type { Effect } from "./resolution.js";
import { decodeBody } from "./section.js";
import type { Body } from "./section.js";
import { emptyRoot, grown, peaksRoot } from "./tree.js";
import { find, put } from "./trie.js";
import type { Trie } from "./trie.js";

const EPOCH = record({ epoch: uint, statement: id });
const ENTRY = {
  circle: id,
  term: uint,
  index: uint,
  previous: id,
  certificate: nullable(string),
  takeover: nullable(list(DISCLOSED)),
  effect: nullable(EFFECT),
  epoch: nullable(EPOCH),
};
const FREEZE = { circle: id, term: uint, head: nullable(string) };

/** The fields of an entry. */
export type Entry = { readonly [name in keyof typeof ENTRY]: Read<(typeof ENTRY)[name]> };
/** The circle's next epoch, in its place among the decisions. */
export type Epoch = Read<typeof EPOCH>;
type Votes = NonNullable<Entry["takeover"]>;

/** Epochs that are settled, the last first. */
export interface Epochs {
  readonly epoch: Epoch;
  readonly before: Epochs | null;
}

/** How many effects a subject has had. */
export interface Slot {
  readonly subject: string;
  readonly version: number;
}

/** The state of an order log after some entries. */
export interface Order {
  /** The circle, hex. */
  readonly circle: string;
  /** From 1. */
  readonly term: number;
  /** Entries of this term. */
  readonly size: number;
  /** Who keeps it, hex. */
  readonly keeper: string;
  /** The settled state: members, keys and rules as they are in force. */
  readonly alliance: Alliance;
  /** By the SHA-256 of the subject. */
  readonly slots: Trie<Slot>;
  readonly epochs: Epochs | null;
  /** Entries of every term that lead here. */
  readonly count: number;
  /** Time of the newest entry, milliseconds since 1970-01-01 UTC. */
  readonly time: number;
  /** Id of the newest entry of this term, hex. */
  readonly last: string;
  /** Roots of the complete subtrees of this term's log. */
  readonly peaks: readonly Uint8Array[];
  /** Root of each head of this term, by size. Later states of the term share it, and have more in it. */
  readonly roots: Uint8Array[];
  /** Entries of this term that are covered by the largest certificate in it. */
  readonly certified: number;
  /** A change of the alliance that waits to be settled, and the index of its entry. */
  readonly pending: { readonly index: number; readonly alliance: Alliance } | null;
  /** An epoch that waits to be settled, and the index of its entry. */
  readonly opening: { readonly index: number; readonly epoch: Epoch } | null;
  /** Where the newest entry has settled a change of the alliance, or the fence of the term and no entry yet but the first: what was in force before. */
  readonly before: Alliance | null;
}

/** A signed entry: who, what and when. */
export interface Written {
  /** Hex. */
  readonly author: string;
  readonly id: Uint8Array;
  readonly time: number;
  readonly entry: Entry;
}

const ZEROS = "0".repeat(64);

/** The state before anything was decided. */
export function first(alliance: Alliance): Order {
  const { hex: keeper } = alliance.members.find(({ role }) => role === "leader")!; // a charter has one
  const none = { slots: null, epochs: null, count: 0, pending: null, opening: null, before: null };
  return { circle: hex(alliance.id), term: 1, keeper, alliance, ...none, time: alliance.time, ...emptyLog() };
}

function emptyLog(): Pick<Order, "size" | "last" | "peaks" | "roots" | "certified"> {
  return { size: 0, last: ZEROS, peaks: [], roots: [emptyRoot()], certified: 0 };
}

/** Reads an entry's fields: `form`. */
export function readEntry(body: Body): Entry {
  return readFields(body, ENTRY);
}

/** Root of this term's log. */
export function rootOf({ roots, size }: Order): Uint8Array {
  return roots[size]!;
}

/** Origin of the order log of a term, and the name under which its keeper signs it. */
function originOf({ alliance, circle }: Order, term: number | string): string {
  return `suyuan/${hex(alliance.id)}/${circle}/order/${term}`;
}

/** The state after one more entry. Refuses with the entry faults of order-log.md, in their order. */
export async function append(order: Order, { author, id: statement, time, entry }: Written): Promise<Order> {
  const { certificate, takeover, effect, epoch } = entry;
  ensureEntry(certificate !== null || takeover !== null || effect !== null || epoch !== null, "malformed", "an entry with nothing in it");
  ensureEntry(author === order.keeper && entry.term === order.term && entry.circle === order.circle, "keeper", "another author, term or circle");
  ensureEntry(entry.index === order.size && entry.previous === order.last, "index", "not the next entry");
  ensureEntry(time >= order.time, "time", "older than the entry before it");
  let next = order;
  ensureEntry(certificate !== null || order.before === null || order.size === 0, "certificate", "the entry before has settled a change, and its head has to come first");
  if (certificate !== null) next = await certify(next, certificate);
  ensureEntry((takeover !== null) === (order.term > 1 && order.size === 0), "takeover", "votes where none belong, or none where they do");
  if (effect !== null) next = await take(next, effect, time);
  if (epoch !== null) next = open(next, epoch);
  return grow(next, statement, time);
}

function grow(order: Order, statement: Uint8Array, time: number): Order {
  const peaks = grown(order.peaks, order.size, statement);
  const roots = order.roots.length === order.size + 1 ? order.roots : order.roots.slice(0, order.size + 1);
  roots.push(peaksRoot(peaks));
  return { ...order, size: order.size + 1, count: order.count + 1, last: hex(statement), time, peaks, roots };
}

/** Takes a certificate into the log, and settles what it covers. */
async function certify(order: Order, note: string): Promise<Order> {
  const checkpoint = await asEntry("certificate", () => parseCheckpoint(note));
  const { size, root } = checkpoint;
  // What was settled by the newest entry is in force once those before have certified that very entry.
  const least = order.before ? Math.max(order.size, 1) : order.certified + 1;
  const fits = size >= least && size <= order.size && equal(root, order.roots[size]!);
  ensureEntry(fits && (await isCertified(order, checkpoint)), "certificate", "not a certified head of this log");
  return settle({ ...order, before: null }, size);
}

/**
 * Whether a head of this term, no larger than the log, is signed by its keeper and by as many voters as it takes, and nothing in it is false. It is
 * counted among those whom the entries before its last have settled.
 */
export async function isCertified(order: Order, checkpoint: Checkpoint): Promise<boolean> {
  const { keeper } = order;
  const alliance = order.before ?? order.alliance;
  // A keeper is or was a member; a term may be kept by whom its fence admits.
  const { key } = (find(alliance.known, keeper) ?? find(order.alliance.known, keeper)!).logs;
  const all = voters(alliance);
  const others = all.filter((voter) => voter.hex !== keeper);
  try {
    const witnesses = others.map(({ id, witness }) => ({ name: witnessName(alliance.id, id), key: witness }));
    const cosigned = await verifyCheckpoint(checkpoint, { name: originOf(order, order.term), key }, witnesses);
    // A quorum, the keeper among it as long as it votes itself.
    return cosigned.size + all.length - others.length >= quorum(all.length).others + 1;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

function settle(order: Order, size: number): Order {
  const { pending, opening, epochs, alliance } = order;
  const change = pending && pending.index < size ? { alliance: pending.alliance, pending: null, before: alliance } : {};
  const epoch = opening && opening.index < size ? { epochs: { epoch: opening.epoch, before: epochs }, opening: null } : {};
  return { ...order, certified: size, ...change, ...epoch };
}

async function take(order: Order, effect: Effect, time: number): Promise<Order> {
  const { circle, alliance, slots, size } = order;
  const place = (subject: string): string => hex(sha256(utf8(subject)));
  const version = (subject: string): number => find(slots, place(subject))?.version ?? 0;
  const { subject, alters, alliance: changed } = await checkEffect(effect, { circle, alliance, version, time });
  ensureEntry(!alters || order.pending === null, "pending", "another change waits to be settled");
  const counted = put(slots, place(subject), { subject, version: version(subject) + 1 });
  return { ...order, slots: counted, pending: alters ? { index: size, alliance: changed } : order.pending };
}

function open(order: Order, epoch: Epoch): Order {
  const newest = order.epochs?.epoch.epoch ?? 1;
  const next = epoch.epoch > newest && epoch.epoch <= newest + MAX_EPOCH_LEAP;
  ensureEntry(order.opening === null && next, "epoch", "not a later one, one too far ahead, or another waits to be settled");
  return { ...order, opening: { index: order.size, epoch } };
}

/**
 * The state after the first entry of a later term, from that at its fence. Refuses with `takeover` where its votes do not begin it there, then as
 * `append`.
 */
export async function takeOver(fence: Order, written: Written): Promise<Order> {
  const { term, takeover } = written.entry;
  ensureEntry(takeover !== null && term > fence.term, "takeover", "no votes, or not a later term");
  const begun = begin(fence, term);
  // What waits at the fence is settled by these votes, so they are counted without it.
  const all = new Set(voters(fence.alliance).map((voter) => voter.hex));
  ensureEntry(takeover.length <= all.size, "takeover", "more votes than voters");
  const voted = new Set<string>();
  for (const vote of takeover) {
    const { author, circle, term: next } = await asEntry("takeover", () => openVote(vote, fence.alliance));
    ensureEntry(circle === begun.circle && next === term, "takeover", "a vote for something else");
    ensureEntry(all.has(author) && !voted.has(author), "takeover", "a vote of no voter, or a second one");
    voted.add(author);
  }
  ensureEntry(voted.size >= quorum(all.size).others + 1, "takeover", "too few votes");
  return append(begun, written);
}

/** The state with which a later term begins: what was certified at its fence is settled. */
export function begin(fence: Order, term: number): Order {
  // The fence is certified: what its own entry settled is final. What waits there is made final by those who vote, in the head over the first entry.
  const settled = settle({ ...fence, before: null }, fence.size);
  const candidates = keepersAfter(settled);
  const keeper = candidates[(term - fence.term - 1) % candidates.length]!; // a voter stays, always
  return { ...settled, term, keeper, ...emptyLog() };
}

/** Who keeps the terms after one, in their turn. */
function keepersAfter({ alliance, keeper }: Order): string[] {
  const all = voters(alliance).map((voter) => voter.hex);
  if (alliance.rotation > 0) {
    const next = all.indexOf(keeper) + 1;
    return [...all.slice(next), ...all.slice(0, next)];
  }
  const leaders = alliance.members.filter(({ role }) => role === "leader").map((leader) => leader.hex);
  const others = new Set([...leaders, ...alliance.deputies, ...all]);
  others.delete(keeper);
  return all.includes(keeper) ? [...others, keeper] : [...others];
}

async function openVote(vote: Votes[number], alliance: Alliance): Promise<{ author: string; circle: string; term: number }> {
  const { statement, body } = await openDisclosed(decoded(vote), alliance, "suyuan.freeze");
  return { author: hex(statement.author), ...readFields(body, FREEZE) };
}

/** A head of some term, not yet to be believed. */
export interface Head {
  readonly term: number;
  readonly checkpoint: Checkpoint;
}

/** The heads that votes name, of which each claims to be the largest. Who voted is not judged. */
export function largestHeads(order: Order, votes: Votes): Head[] {
  const notes = new Set(votes.flatMap((vote) => quietly(() => readFields(decodeBody(decoded(vote).body), FREEZE).head) ?? []));
  const heads = [...notes].flatMap((note) => claim(order, note) ?? []);
  const before = (one: Head, other: Head): number => one.term - other.term || one.checkpoint.size - other.checkpoint.size;
  const largest = heads.reduce<Head | null>((most, head) => (most && before(most, head) >= 0 ? most : head), null);
  return heads.filter((head) => largest && before(head, largest) === 0);
}

/** What a note says that it is a head of; null where it is none of this circle. */
export function claim(order: Order, note: string): Head | null {
  return quietly(() => {
    const checkpoint = parseCheckpoint(note);
    const [digits = ""] = /[^/]*$/.exec(checkpoint.origin)!;
    const isTerm = /^(?:0|[1-9][0-9]{0,15})$/.test(digits) && Number.isSafeInteger(Number(digits));
    ensure(isTerm && checkpoint.origin === originOf(order, digits), "origin", "of another log");
    return { term: Number(digits), checkpoint };
  });
}

/** What `run` yields, or null where it is refused. */
export function quietly<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}
