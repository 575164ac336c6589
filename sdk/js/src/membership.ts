// How an alliance changes: the settled effects of its order log, applied to the founding charter in their order: membership.md.

import { fromBase64, fromHex, hex, utf8 } from "./bytes.js";
import { ENCODED_NULL, encodeArray, encodeBytes, encodeUint } from "./cbor.js";
import { ROLES, checkTexts, decodeEntry, withKeys } from "./charter.js";
import type { Charter, Entry, Member } from "./charter.js";
import { Fault, asEntry, ensure, ensureEntry } from "./fault.js";
import { dictionary, id, list, nullable, oneOf, record, string, uint, word } from "./fields.js";
import type { Read } from "./fields.js";
import { PublicKey, isLowOrderX25519, keyId, verify } from "./key.js";
import { MAX_COMPROMISES, MAX_INCARNATIONS, MAX_MEMBERS, MAX_TITLE, MAX_VOTERS } from "./limits.js";
import { JOIN_TYPE, KEYS_TYPE, RECOVERY_TYPE, isRecordType, sigStructure } from "./statement.js";
import { find, put } from "./trie.js";
import type { Trie } from "./trie.js";

/** A log key, from which size of the log on it signs, and the one before it. */
export interface LogKey {
  readonly key: PublicKey;
  readonly from: number;
  readonly before: LogKey | null;
}

/** Up to where a log is accepted that was closed. */
export interface Pin {
  readonly size: number;
  readonly root: Uint8Array;
}

/** A log that its member does not write any more, and the one before it. */
export interface ClosedLog extends Pin {
  readonly incarnation: number;
  readonly logs: LogKey;
  readonly before: ClosedLog | null;
}

/** Entries that somebody else may have signed, and those that were marked before. */
export interface Mark extends Content<"compromised"> {
  readonly before: Mark | null;
}

/** A member as it is now, or was when it left. */
export interface Fellow extends Member {
  /** Its id, hex. */
  readonly hex: string;
  /** Which of its logs it writes: so many were closed before. */
  readonly incarnation: number;
  /** The keys of that one. */
  readonly logs: LogKey;
  readonly closed: ClosedLog | null;
  readonly marks: Mark | null;
  /** Up to where its log is accepted, once it is no member any more. */
  readonly left: Pin | null;
}

/** Those who left, the last first. */
export interface Former {
  readonly member: Fellow;
  readonly before: Former | null;
}

/** An alliance after some changes. */
export interface Alliance extends Omit<Charter, "members" | "deputies"> {
  /** How many changes there were. */
  readonly version: number;
  /** Founders in charter order, then others as they came. */
  readonly members: readonly Fellow[];
  readonly former: Former | null;
  /** Ids in order of succession, hex. */
  readonly deputies: readonly string[];
  /** How long a chair lasts, milliseconds; 0 for no rotation. */
  readonly rotation: number;
  readonly rules: ReadonlyMap<string, Rule>;
  readonly retention: string;
  /** Everybody who is or was a member, by id. */
  readonly known: Trie<Fellow>;
  /** Every log key by which a member speaks, by its key id; nobody's are those of closed logs. */
  readonly logKeys: Trie<{ readonly member: string; readonly key: PublicKey }>;
  /** Every key that is or was somebody's. */
  readonly used: Trie<true>;
}

const RULES = ["majority", "two-thirds", "all"] as const;

/** How much of the voters' weight has to approve, the least first. */
export type Rule = (typeof RULES)[number];

const KEYS = { log: nullable(id), witness: nullable(id), transport: nullable(id), encryption: nullable(id) };
const TEXTS = { name: nullable(string), purpose: nullable(string), chain: nullable(string), terms: nullable(string), retention: nullable(string) };
const TIMES = { seal: nullable(uint), rotation: nullable(uint) };
const OFFICES = { deputies: nullable(list(id)), rules: nullable(dictionary(word(...RULES))) };

/** The form of a change. */
export const CHANGE = oneOf({
  admit: record({ entry: string, signatures: list(string) }),
  remove: record({ member: id, size: uint, root: id }),
  role: record({ member: id, role: word(...ROLES), scope: list(string) }),
  keys: record({ member: id, ...KEYS, size: uint, signatures: list(string) }),
  recover: record({ member: id, keys: record({ root: id, log: id, witness: id, transport: id, encryption: id }), size: uint, root: id, signatures: list(string) }),
  compromised: record({ member: id, incarnation: uint, from: uint, size: uint }),
  charter: record({ ...TEXTS, ...TIMES, ...OFFICES }),
  chair: record({ member: id }),
  agree: record({ title: string, text: string }),
});

/** What a resolution decides. */
export type Change = Read<typeof CHANGE>;
type Content<K extends Change["kind"]> = Extract<Change, { kind: K }>["content"];

/** The alliance before anything was changed. */
export function founding({ members, deputies, ...charter }: Charter): Alliance {
  const nobody = { members: [], former: null, deputies: [], known: null, logKeys: null, used: null };
  const nothing = { version: 0, rotation: 0, rules: new Map(), retention: "" };
  const alliance = members.reduce<Alliance>(joined, { ...charter, ...nobody, ...nothing });
  return { ...alliance, deputies: deputies.map((index) => hex(members[index]!.id)) };
}

/** Members that decide: all but regulators. */
export function voters({ members }: Alliance): Fellow[] {
  return members.filter(({ role }) => role !== "regulator");
}

/** The log key that signs the entry with this sequence in a member's log of this incarnation; null where that has not begun. */
export function logKeyAt(member: Fellow, incarnation: number, sequence: number): PublicKey | null {
  const logs = incarnation === member.incarnation ? member.logs : closedLog(member, incarnation)?.logs;
  if (!logs) return null;
  let held = logs;
  while (held.before && held.from > sequence) held = held.before;
  return held.key;
}

/** The log key that signs the checkpoint of such a log at a size: that of the last entry. */
export function checkpointKey(member: Fellow, incarnation: number, size: number): PublicKey | null {
  return logKeyAt(member, incarnation, Math.max(size - 1, 0));
}

/** Up to where a member's log of this incarnation is accepted; null where it is not closed. */
export function pinOf(member: Fellow, incarnation: number): Pin | null {
  return closedLog(member, incarnation) ?? member.left;
}

/** Whether the members have decided that somebody else may have signed an entry. */
export function isCompromised({ marks }: Fellow, incarnation: number, sequence: number): boolean {
  for (let mark = marks; mark; mark = mark.before) {
    if (mark.incarnation === incarnation && mark.from <= sequence && sequence < mark.size) return true;
  }
  return false;
}

function closedLog({ closed }: Fellow, incarnation: number): ClosedLog | null {
  let log = closed;
  while (log && log.incarnation !== incarnation) log = log.before;
  return log;
}

/** What a change is about: the subject of its slot. */
export function subjectOf({ kind, content }: Change): string {
  if (kind === "charter" || kind === "chair") return kind;
  if (kind === "agree") return `agree/${content.title}`;
  if (kind !== "admit") return `member/${content.member}`;
  try {
    return `member/${hex(openEntry(content).id)}`;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return `member/${"0".repeat(64)}`; // an entry that is none names nobody, and cannot be admitted
  }
}

/** Whether the state of the alliance is another afterwards. */
export function alters({ kind }: Change): boolean {
  return kind !== "agree";
}

/** Who may be asked: ids. */
export function electorate({ kind, content }: Change, alliance: Alliance): Set<string> {
  const all = voters(alliance).map((voter) => voter.hex);
  if (kind === "remove" || kind === "recover") return new Set(all.filter((voter) => voter !== content.member));
  // Its keys are a regulator's own as well.
  if (kind === "keys") return new Set(alliance.members.map((member) => member.hex).filter((member) => member === content.member));
  return new Set(all);
}

const LEAST: { readonly [kind in Change["kind"]]: Rule } = {
  admit: "two-thirds", remove: "two-thirds", role: "majority", keys: "all", recover: "two-thirds", compromised: "majority", charter: "two-thirds",
  chair: "majority", agree: "majority",
};

/** The weight that has to approve, of this much; never less than what is the least for this change. */
export function neededOf({ kind }: Change, { rules }: Alliance, total: number): number {
  const rule = Math.max(RULES.indexOf(LEAST[kind]), RULES.indexOf(rules.get(kind) ?? "majority"));
  return [Math.floor(total / 2) + 1, Math.ceil((2 * total) / 3), total][rule]!;
}

/** The alliance after a change. Refuses with the entry fault `change`. */
export async function changed(alliance: Alliance, change: Change): Promise<Alliance> {
  const next = await apply(alliance, change);
  return alters(change) ? { ...next, version: next.version + 1 } : next;
}

function apply(alliance: Alliance, { kind, content }: Change): Alliance | Promise<Alliance> {
  switch (kind) {
    case "admit":
      return admit(alliance, content);
    case "remove":
      return remove(alliance, content);
    case "role":
      return setRole(alliance, content);
    case "keys":
      return rotate(alliance, content);
    case "recover":
      return recover(alliance, content);
    case "compromised":
      return mark(alliance, content);
    case "charter":
      return amend(alliance, content);
    case "chair":
      return lead(alliance, content);
    case "agree":
      allow(inBytes(content.title, 1, MAX_TITLE) && inBytes(content.text, 0, 65_536), "an agreement out of its bounds");
      return alliance;
  }
}

function allow(condition: boolean, what: string): asserts condition {
  ensureEntry(condition, "change", what);
}

function inBytes(text: string, least: number, most: number): boolean {
  const { length } = utf8(text);
  return length >= least && length <= most;
}

async function admit(alliance: Alliance, admission: Content<"admit">): Promise<Alliance> {
  const { bytes, ...entry } = await asEntry("change", () => openEntry(admission));
  allow(find(alliance.known, hex(entry.id)) === undefined, "a member that is or was there");
  const votes = entry.role !== "regulator";
  allow(alliance.members.length < MAX_MEMBERS && !(votes && voters(alliance).length >= MAX_VOTERS), "the alliance is full");
  allow(entry.role !== "leader", "a second leader");
  ensureFresh(alliance, [...entry.keys, entry.encryption], entry.encryption);
  const member = await asEntry("change", () => withKeys(entry));
  const payload = encodeArray(encodeUint(1), encodeBytes(alliance.id), encodeBytes(bytes));
  await ensurePossession(entry.keys, admission.signatures, (kid) => sigStructure(JOIN_TYPE, kid, payload));
  return joined(alliance, member);
}

function openEntry({ entry }: Content<"admit">): Entry & { bytes: Uint8Array } {
  const bytes = fromBase64(entry);
  ensure(bytes !== null, "form", "an entry that is not base64");
  return { ...decodeEntry(bytes), bytes };
}

function joined(alliance: Alliance, member: Member): Alliance {
  const fellow: Fellow = { ...member, hex: hex(member.id), incarnation: 0, logs: { key: member.log, from: 0, before: null }, closed: null, marks: null, left: null };
  const { root, log, witness, transport, encryption } = member;
  const next = use(alliance, [root.bytes, log.bytes, witness.bytes, transport.bytes, encryption]);
  return knowing({ ...next, members: [...next.members, fellow] }, fellow);
}

/** The alliance that knows this of a member. */
function knowing(alliance: Alliance, fellow: Fellow): Alliance {
  const { logs } = fellow;
  const logKeys = put(alliance.logKeys, hex(logs.key.id), { member: fellow.hex, key: logs.key });
  return { ...alliance, known: put(alliance.known, fellow.hex, fellow), logKeys };
}

function use(alliance: Alliance, keys: readonly Uint8Array[]): Alliance {
  return { ...alliance, used: keys.reduce<Trie<true>>((used, key) => put(used, hex(key), true), alliance.used) };
}

/** Keys that nobody has or had, no two the same, and of no small order. */
function ensureFresh({ used }: Alliance, keys: readonly Uint8Array[], encryption: Uint8Array | null): void {
  const names = keys.map(hex);
  allow(names.length > 0 && new Set(names).size === names.length, "no key, or one key twice");
  allow(names.every((name) => find(used, name) === undefined), "a key that is in use");
  allow(encryption === null || !isLowOrderX25519(encryption), "an X25519 key of small order");
}

/** Each of these keys has signed, in their order, and nothing besides. */
async function ensurePossession(keys: readonly Uint8Array[], signatures: readonly string[], message: (kid: Uint8Array) => Uint8Array): Promise<void> {
  allow(keys.length === signatures.length, "a signature that is missing, or surplus");
  for (const [index, key] of keys.entries()) {
    const signature = fromBase64(signatures[index]!);
    allow(signature !== null, "a signature that is not base64");
    await asEntry("change", () => verify(PublicKey.from(key), message(keyId(key)), signature));
  }
}

function remove(alliance: Alliance, { member: who, size, root }: Content<"remove">): Alliance {
  const leaving = memberOf(alliance, who);
  const members = alliance.members.filter((member) => member !== leaving);
  const left: Fellow = { ...leaving, left: { size, root: fromHex(root)! } };
  allow(leaving.role !== "leader" && voters({ ...alliance, members }).length > 0, "the leader, or the last voter");
  return knowing({ ...alliance, members, former: { member: left, before: alliance.former }, deputies: without(alliance.deputies, who) }, left);
}

function setRole(alliance: Alliance, { member: who, role, scope }: Content<"role">): Alliance {
  const member = memberOf(alliance, who);
  allow(role !== "leader" && member.role !== "leader", "who leads is changed by chair alone");
  allow((scope.length === 0 || role === "regulator") && scope.length <= 32 && scope.every(isRecordType), "a scope");
  const deputies = role === "regulator" ? without(alliance.deputies, who) : alliance.deputies;
  const next = replaced({ ...alliance, deputies }, { ...member, role, scope });
  allow(voters(next).length > 0, "no voter would be left");
  return next;
}

async function rotate(alliance: Alliance, change: Content<"keys">): Promise<Alliance> {
  const member = memberOf(alliance, change.member);
  const [log, witness, transport, encryption] = [change.log, change.witness, change.transport, change.encryption].map((key) => key && fromHex(key)!);
  const signing = [log, witness, transport].filter((key) => !!key);
  const payload = keysPayload(alliance, member, change);
  await ensurePossession([member.root.bytes, ...signing], change.signatures, (kid) => sigStructure(KEYS_TYPE, kid, payload));
  const fresh = encryption ? [...signing, encryption] : signing;
  ensureFresh(alliance, fresh, encryption || null);
  allow(!log || change.size >= member.logs.from, "a log key from before the last change");
  const keyOf = (bytes: Uint8Array): PublicKey => PublicKey.from(bytes); // each has proven to be usable
  const next: Fellow = {
    ...member,
    log: log ? keyOf(log) : member.log,
    witness: witness ? keyOf(witness) : member.witness,
    transport: transport ? keyOf(transport) : member.transport,
    encryption: encryption || member.encryption,
    logs: log ? { key: keyOf(log), from: change.size, before: member.logs } : member.logs,
  };
  return replaced(use(alliance, fresh), next);
}

function keysPayload({ id: alliance }: Alliance, member: Fellow, { log, witness, transport, encryption, size }: Content<"keys">): Uint8Array {
  const keys = [log, witness, transport, encryption].map((key) => (key === null ? ENCODED_NULL : encodeBytes(fromHex(key)!)));
  return encodeArray(encodeUint(1), encodeBytes(alliance), encodeBytes(member.id), ...keys, encodeUint(size));
}

/** A member that has lost its keys or its log goes on with others, by the other members' word. */
async function recover(alliance: Alliance, recovery: Content<"recover">): Promise<Alliance> {
  const member = memberOf(alliance, recovery.member);
  const [root, log, witness, transport, encryption] = (["root", "log", "witness", "transport", "encryption"] as const).map((name) => fromHex(recovery.keys[name])!);
  const signing = [root!, log!, witness!, transport!];
  const keys = [...signing, encryption!];
  const payload = encodeArray(encodeUint(1), encodeBytes(alliance.id), encodeBytes(member.id), ...keys.map(encodeBytes));
  await ensurePossession(signing, recovery.signatures, (kid) => sigStructure(RECOVERY_TYPE, kid, payload));
  ensureFresh(alliance, keys, encryption!);
  allow(member.incarnation < MAX_INCARNATIONS, "recovered too often");
  const [rootKey, logKey, witnessKey, transportKey] = signing.map((bytes) => PublicKey.from(bytes));
  const { incarnation, logs, closed } = member;
  const next: Fellow = {
    ...member,
    root: rootKey!,
    log: logKey!,
    witness: witnessKey!,
    transport: transportKey!,
    encryption: encryption!,
    incarnation: incarnation + 1,
    logs: { key: logKey!, from: 0, before: null },
    closed: { incarnation, logs, size: recovery.size, root: fromHex(recovery.root)!, before: closed },
  };
  return replaced(silenced(use(alliance, keys), logs), next);
}

/** The alliance to which these keys say nothing more. */
function silenced(alliance: Alliance, keys: LogKey): Alliance {
  let { logKeys } = alliance;
  for (let held: LogKey | null = keys; held; held = held.before) logKeys = put(logKeys, hex(held.key.id), { member: "", key: held.key });
  return { ...alliance, logKeys };
}

function mark(alliance: Alliance, content: Content<"compromised">): Alliance {
  const member = find(alliance.known, content.member);
  allow(member !== undefined, "nobody who is or was in the alliance");
  allow(content.from < content.size && content.incarnation <= member.incarnation, "no entries");
  let count = 0;
  for (let held = member.marks; held; held = held.before) count++;
  allow(count < MAX_COMPROMISES, "too many marks");
  const next: Fellow = { ...member, marks: { ...content, before: member.marks } };
  if (!member.left) return replaced(alliance, next);
  return { ...alliance, known: put(alliance.known, next.hex, next), former: withMember(alliance.former, next) };
}

function withMember(former: Former | null, member: Fellow): Former | null {
  if (!former) return null;
  return former.member.hex === member.hex ? { ...former, member } : { ...former, before: withMember(former.before, member) };
}

async function amend(alliance: Alliance, { deputies, ...amendment }: Content<"charter">): Promise<Alliance> {
  const said = Object.fromEntries(Object.entries(amendment).filter(([, value]) => value !== null));
  const next: Alliance = { ...alliance, ...said, deputies: deputies ?? alliance.deputies };
  if (deputies) {
    const fit = deputies.map((deputy) => alliance.members.find((member) => member.hex === deputy)?.role ?? "leader");
    allow(deputies.length <= 8 && new Set(deputies).size === deputies.length, "a deputy twice, or too many");
    allow(!fit.includes("leader") && !fit.includes("regulator"), "a deputy who may not be one");
  }
  await asEntry("change", () => checkTexts(next));
  allow(next.rotation <= 2 ** 40 && inBytes(next.retention, 0, 1024), "a rotation or retention out of its bounds");
  allow([...next.rules.keys()].every((kind) => kind !== "keys" && Object.keys(LEAST).includes(kind)), "a rule for nothing");
  return next;
}

function lead(alliance: Alliance, { member: who }: Content<"chair">): Alliance {
  const next = memberOf(alliance, who);
  allow(next.role !== "leader" && next.role !== "regulator", "who leads already, or a regulator");
  const before = alliance.members.find(({ role }) => role === "leader")!;
  const handed = replaced(alliance, { ...before, role: "support" });
  return replaced({ ...handed, deputies: without(handed.deputies, who) }, { ...next, role: "leader" });
}

function memberOf({ members }: Alliance, who: string): Fellow {
  const member = members.find((fellow) => fellow.hex === who);
  allow(member !== undefined, "nobody in the alliance");
  return member;
}

function replaced(alliance: Alliance, member: Fellow): Alliance {
  return knowing({ ...alliance, members: alliance.members.map((old) => (old.hex === member.hex ? member : old)) }, member);
}

function without(ids: readonly string[], who: string): string[] {
  return ids.filter((id) => id !== who);
}
