// How members decide together: proposals, approvals, and whether the two make an effect: resolution.md.

import { equal, fromBase64, hex, utf8 } from "./bytes.js";
import { asEntry, ensure, ensureEntry } from "./fault.js";
import { id, list, pair, readFields, record, string, uint } from "./fields.js";
import type { Read } from "./fields.js";
import { MAX_REASON, MAX_SIGNERS, MAX_SUBJECT, MAX_WEIGHT } from "./limits.js";
import { CHANGE, alters, changed, electorate, neededOf, subjectOf, voters } from "./membership.js";
import type { Alliance } from "./membership.js";
import { checkBody, decodeBody, openHeader } from "./section.js";
import type { Body } from "./section.js";
import { decodeStatement, verifyStatement } from "./statement.js";
import type { Statement } from "./statement.js";
import { find } from "./trie.js";

/** The form of a statement that stands alone in an effect. */
const SIGNED = record({ statement: string, signature: string });
/** The form of a statement with its one section. */
export const DISCLOSED = record({ statement: string, signature: string, header: string, body: string });
/** The form of an effect. */
export const EFFECT = record({ proposal: DISCLOSED, approvals: list(SIGNED) });

/** A proposal with its approvals. */
export type Effect = Read<typeof EFFECT>;

const PROPOSAL = {
  circle: id,
  slot: record({ subject: string, version: uint, ballot: uint }),
  change: CHANGE,
  signers: list(pair(id, uint)),
  threshold: uint,
  rule: uint,
  expires: uint,
  reason: string,
};

type Proposal = { readonly [name in keyof typeof PROPOSAL]: Read<(typeof PROPOSAL)[name]> };

/** The state in which something is decided. */
export interface Situation {
  /** The circle, hex. */
  readonly circle: string;
  readonly alliance: Alliance;
  /** How many effects a subject has had. */
  readonly version: (subject: string) => number;
  /** When, milliseconds since 1970-01-01 UTC. */
  readonly time: number;
}

/** An effect that holds. */
export interface Resolved {
  readonly subject: string;
  /** Whether the alliance is another afterwards. */
  readonly alters: boolean;
  /** The alliance afterwards. */
  readonly alliance: Alliance;
}

/** A statement and its signature. */
export interface SignedBytes {
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
}

/** A statement with its one section. */
export interface DisclosedBytes extends SignedBytes {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** Checks an effect on the state before it. Refuses with the entry faults of resolution.md, in their order. */
export async function checkEffect({ proposal: disclosed, approvals }: Effect, now: Situation): Promise<Resolved> {
  ensureEntry(approvals.length >= 1 && approvals.length <= MAX_SIGNERS, "malformed", "no approval, or too many");
  const { statement, body } = await asEntry("proposal", () => openDisclosed(decoded(disclosed), now.alliance, "suyuan.proposal"));
  const proposal = await asEntry("malformed", () => readProposal(body));
  checkProposal(proposal, hex(statement.author), now);
  const approvers = await checkApprovals(approvals, statement.id, now.alliance);
  ensureEntry(isEnough(proposal, approvers, now.alliance), "threshold", "not enough approve");
  const { change, slot } = proposal;
  return { subject: slot.subject, alters: alters(change), alliance: await changed(now.alliance, change) };
}

/** The parts of a disclosed statement: `form` where one is not base64. */
export function decoded({ header, body, ...signed }: Read<typeof DISCLOSED>): DisclosedBytes {
  return { ...signedBytes(signed), header: base64(header), body: base64(body) };
}

function signedBytes({ statement, signature }: Read<typeof SIGNED>): SignedBytes {
  return { statement: base64(statement), signature: base64(signature) };
}

function base64(digits: string): Uint8Array {
  const bytes = fromBase64(digits);
  ensure(bytes !== null, "form", "not base64");
  return bytes;
}

/** Opens a statement of this type with its one section: whoever signed it is or was a member, and all of it belongs together. */
export async function openDisclosed(disclosed: DisclosedBytes, alliance: Alliance, type: string): Promise<{ statement: Statement; body: Body }> {
  const statement = await openSigned(disclosed, alliance, type);
  const [section, ...more] = statement.sections;
  ensure(section !== undefined && more.length === 0, "form", "a statement without its one section");
  const { root } = openHeader(disclosed.header, section.header);
  const body = decodeBody(disclosed.body);
  checkBody(body, section.fields, root);
  return { statement, body };
}

/** Opens a statement of this type that is signed with a log key that its author has or had. */
async function openSigned({ statement: bytes, signature }: SignedBytes, alliance: Alliance, type: string): Promise<Statement> {
  const statement = decodeStatement(bytes);
  ensure(equal(statement.alliance, alliance.id), "statement-alliance", "a statement of another alliance");
  ensure(statement.type === type, "form", "a statement of another type");
  const signer = find(alliance.logKeys, hex(statement.kid));
  ensure(signer?.member === hex(statement.author), "key-id", "no key that its author has or had");
  await verifyStatement(statement, signature, signer.key);
  return statement;
}

function readProposal(body: Body): Proposal {
  const proposal = readFields(body, PROPOSAL);
  const { slot, signers, threshold, reason } = proposal;
  const { length } = utf8(slot.subject);
  ensure(length >= 1 && length <= MAX_SUBJECT && utf8(reason).length <= MAX_REASON, "form", "a text of another length");
  ensure(signers.length >= 1 && signers.length <= MAX_SIGNERS, "form", "no signer, or too many");
  ensure(signers.every(([member], index) => index === 0 || signers[index - 1]![0] < member), "form", "signers that do not ascend");
  ensure(signers.every(([, weight]) => weight >= 1 && weight <= MAX_WEIGHT), "form", "a weight out of its bounds");
  ensure(threshold >= 1 && threshold <= weightOf(proposal), "form", "a threshold that nobody can reach");
  return proposal;
}

function weightOf({ signers }: Proposal): number {
  return signers.reduce((sum, [, weight]) => sum + weight, 0);
}

function checkProposal({ circle, slot, change, signers, rule, expires }: Proposal, author: string, now: Situation): void {
  const deciding = voters(now.alliance).map((voter) => voter.hex);
  ensureEntry(circle === now.circle, "circle", "a proposal for another circle");
  const asked = electorate(change, now.alliance);
  ensureEntry(deciding.includes(author) || asked.has(author), "proposer", "whoever proposed it is no voter");
  ensureEntry(slot.subject === subjectOf(change), "subject", "the slot names another subject than the change has");
  ensureEntry(slot.version === now.version(slot.subject), "superseded", "something else about this subject was decided");
  ensureEntry(now.time <= expires, "expired", "its time was over");
  ensureEntry(rule <= now.alliance.version, "rule", "drawn up after more changes than there were");
  ensureEntry(!alters(change) || signers.every(([, weight]) => weight === 1), "signers", "a weight that is not 1");
  // Whoever was a voter when it was drawn up may be named; whether it still is decides when its approval is counted.
  const barred = new Set(deciding.filter((voter) => !asked.has(voter)));
  ensureEntry(!signers.some(([signer]) => barred.has(signer)), "signers", "a voter who may not decide this");
}

/** The ids of those who approve. */
async function checkApprovals(approvals: Effect["approvals"], proposal: Uint8Array, alliance: Alliance): Promise<string[]> {
  const approvers: string[] = [];
  for (const signed of approvals) {
    const opened = (): Promise<Statement> => openSigned(signedBytes(signed), alliance, "suyuan.approve");
    const approval = await asEntry("approval", opened);
    const [first] = approval.references;
    ensureEntry(first !== undefined && equal(first, proposal), "approval", "of something else");
    const [voter, last] = [hex(approval.author), approvers[approvers.length - 1]];
    ensureEntry(last === undefined || last < voter, "approval", "twice, or out of order");
    approvers.push(voter);
  }
  return approvers;
}

/** Whether those who approve and may decide bring the weight that is needed. Nothing is decided by nobody. */
function isEnough(proposal: Proposal, approvers: readonly string[], alliance: Alliance): boolean {
  const { change, signers, threshold } = proposal;
  const deciding = electorate(change, alliance);
  const counted = new Set(approvers.filter((approver) => deciding.has(approver)));
  const reached = signers.reduce((sum, [signer, weight]) => sum + (counted.has(signer) ? weight : 0), 0);
  // An agreement is among its signers; everything else among all who may decide it today.
  const total = alters(change) ? deciding.size : weightOf(proposal);
  return reached > 0 && reached >= Math.max(threshold, neededOf(change, alliance, total));
}
