// How the alliance came to be what it is: the entries of its order log and the head that makes them final, in one file: history.md.

import { equal, hex } from "./bytes.js";
import { Reader, openSuite } from "./cbor.js";
import { verifyCharter } from "./charter.js";
import type { Charter } from "./charter.js";
import { Fault, asEntry, ensure, ensureEntry } from "./fault.js";
import { MAX_BODY, MAX_HEADER, MAX_HEADS, MAX_HISTORY, MAX_NOTE, MAX_STATEMENT } from "./limits.js";
import { founding } from "./membership.js";
import type { Alliance } from "./membership.js";
import { append, begin, claim, first, isCertified, largestHeads, quietly, readEntry, rootOf, takeOver } from "./order.js";
import type { Entry, Head, Order } from "./order.js";
import { openDisclosed } from "./resolution.js";
import type { DisclosedBytes } from "./resolution.js";
import { decodeBody } from "./section.js";

/** A history that holds. */
export interface VerifiedHistory {
  /** How many entries the file has, also such that are not final. */
  readonly entries: number;
  /** The state in force. */
  readonly settled: Order;
}

/** Verifies a charter, and the history that goes with it where there is one: the alliance as it is in force. */
export async function inForce(file: Uint8Array, history: Uint8Array | null, expected?: Uint8Array): Promise<Alliance> {
  const charter = await verifyCharter(file, expected);
  return history === null ? founding(charter) : (await verifyHistory(history, charter)).settled.alliance;
}

/**
 * Verifies a history from a founding charter on. Rejects with the first `Fault` in the order of history.md; that of an entry says in `why` what
 * does not hold.
 */
export async function verifyHistory(file: Uint8Array, charter: Charter): Promise<VerifiedHistory> {
  const states = new States(first(founding(charter)));
  const { bytes, starts, heads } = readFile(file);
  for (const [index, start] of starts.entries()) {
    try {
      states.add(await follow(states, readDisclosed(new Reader(bytes, start))));
    } catch (error) {
      throw error instanceof Fault ? new Fault("entry", `${error.what} (entry ${index})`, error.why) : error;
    }
  }
  let settled = states.founding;
  for (const { term, note } of heads) {
    const head = claim(settled, note);
    const state = head && head.term === term ? await states.certified(head) : null;
    ensure(state !== null, "head", "not a certified head of one of the states");
    if (state.term > settled.term || (state.term === settled.term && state.size > settled.size)) settled = state;
  }
  return { entries: starts.length, settled };
}

/** The states after each entry, and how they are found again: terms ascend, so there is one of each term and size. */
class States {
  readonly founding: Order;
  /** The state after the newest entry. */
  tip: Order;
  private readonly byPlace = new Map<string, Order>();

  constructor(founding: Order) {
    this.founding = founding;
    this.tip = founding;
    this.add(founding);
  }

  add(order: Order): void {
    this.tip = order;
    this.byPlace.set(`${order.term}/${order.size}`, order);
  }

  /** The state whose head this is, if it is certified there. */
  async certified({ term, checkpoint }: Head): Promise<Order | null> {
    const state = this.byPlace.get(`${term}/${checkpoint.size}`);
    return state && equal(rootOf(state), checkpoint.root) && (await isCertified(state, checkpoint)) ? state : null;
  }
}

/** The shape of everything, and where each entry begins: a history is never in memory as objects as a whole. */
function readFile(file: Uint8Array): { bytes: Uint8Array; starts: number[]; heads: { term: number; note: string }[] } {
  ensure(file.length <= MAX_HISTORY, "form", "a history of more than 64 MiB");
  const bytes = new Uint8Array(file); // what is verified later is what was read now
  const reader = openSuite(bytes, 4, 1);
  ensure(reader.text() === "suyuan-history", "form", "not a history");
  reader.uint(); // the version, which is known by now
  const starts = reader.list(() => {
    const start = reader.position;
    readDisclosed(reader);
    return start;
  });
  const heads = reader.list(() => {
    reader.array(2, 2);
    return { term: reader.uint(), note: reader.text(1, MAX_NOTE) };
  }, 0, MAX_HEADS);
  return { bytes, starts, heads };
}

function readDisclosed(reader: Reader): DisclosedBytes {
  reader.array(4, 4);
  const statement = reader.bytes(0, MAX_STATEMENT);
  return { statement, signature: reader.bytes(64, 64), header: reader.bytes(0, MAX_HEADER), body: reader.bytes(0, MAX_BODY) };
}

/** The state after one more entry: of the newest term, or of a later one that begins at an earlier state. */
async function follow(states: States, disclosed: DisclosedBytes): Promise<Order> {
  const { tip } = states;
  const read = quietly(() => readEntry(decodeBody(disclosed.body)));
  const later = read !== null && read.term > tip.term;
  const fence = later ? await fenceOf(states, read) : null;
  // Whoever keeps a later term may be a member, or have a key, only by what its fence settles.
  const { alliance } = fence && later ? begin(fence, read.term) : tip;
  const { statement, body } = await asEntry("statement", () => openDisclosed(disclosed, alliance, "suyuan.order"));
  const entry = read ?? (await asEntry("malformed", () => readEntry(body)));
  const written = { author: hex(statement.author), id: statement.id, time: statement.time, entry };
  if (!later) return append(tip, written);
  ensureEntry(fence !== null, "takeover", "the largest head is none that is certified");
  return takeOver(fence, written);
}

/** The state at which a later term begins by the votes of its first entry, if it is one of these. */
async function fenceOf(states: States, { takeover }: Entry): Promise<Order | null> {
  const heads = largestHeads(states.founding, takeover ?? []);
  let fence = heads.length === 0 ? states.founding : null;
  for (const head of heads) fence ??= await states.certified(head);
  return fence;
}
