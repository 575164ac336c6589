// Whose cosignatures suffice: the quorum that an alliance derives from its members, and policies as text: witness.md.

import { fromBase64, hex, utf8 } from "./bytes.js";
import type { Charter, Member } from "./charter.js";
import { sha256 } from "./crypto.js";
import { Fault, ensure } from "./fault.js";
import { PublicKey } from "./key.js";
import { MAX_POLICY } from "./limits.js";
import { logOrigin, witnessName } from "./log.js";
import { COSIGNATURE, LOG_SIGNATURE, decimal, isKeyName, parseCheckpoint, verifyCheckpoint } from "./note.js";
import type { NamedKey } from "./note.js";

/** How many of those who count may lie, and how many besides the author must have cosigned. */
export interface Quorum {
  readonly faulty: number;
  readonly others: number;
}

/** The quorum among so many members who count, the author of the log included. */
export function quorum(members: number): Quorum {
  const faulty = Math.floor((members - 1) / 3);
  return { faulty, others: Math.ceil((members + faulty + 1) / 2) - 1 };
}

/** Those who watch each other's logs: an alliance at its founding, or as it is now. */
export type Partners = Pick<Charter, "id" | "members">;

/** Whether a member's cosignature of this author's log counts. */
export function counts(member: Member, author: Uint8Array): boolean {
  return member.role !== "regulator" && hex(member.id) !== hex(author);
}

/** How far a checkpoint is witnessed. */
export interface Standing {
  /** Cosignatures that count. */
  readonly count: number;
  /** How many of them are needed; 0 in an alliance of one. */
  readonly needed: number;
  /** Where they are as many, and any are needed: by when an honest witness had seen it, seconds since 1970-01-01 UTC. Else null. */
  readonly time: number | null;
}

/** What cosignatures come to, given by member id in hex with their times in seconds. */
export function judge(partners: Partners, author: Uint8Array, cosigned: ReadonlyMap<string, number>): Standing {
  const counted = partners.members.filter((member) => counts(member, author));
  const { faulty, others: needed } = quorum(counted.length + 1);
  const times = counted.flatMap(({ id }) => cosigned.get(hex(id)) ?? []).sort((a, b) => a - b);
  const reached = needed > 0 && times.length >= needed;
  return { count: times.length, needed, time: reached ? times[faulty]! : null };
}

/** Every member's witness key under its name. */
export function witnessKeys(partners: Partners): NamedKey[] {
  return partners.members.map(({ id, witness }) => ({ name: witnessName(partners.id, id), key: witness }));
}

/** The policy of a member's log as a C2SP tlog-policy. */
export function policyOf(partners: Partners, author: Member, incarnation: number): Uint8Array {
  const others = partners.members.filter(({ id }) => hex(id) !== hex(author.id));
  const counted = others.filter((member) => counts(member, author.id)).map(({ id }) => hex(id));
  const needed = quorum(counted.length + 1).others;
  return utf8([
    `log ${vkey({ name: logOrigin(partners.id, author.id, incarnation), key: author.log }, LOG_SIGNATURE)}\n`,
    ...others.map(({ id, witness }) => `witness ${hex(id)} ${vkey({ name: witnessName(partners.id, id), key: witness }, COSIGNATURE)}\n`),
    needed > 0 ? `group partners ${needed} ${counted.join(" ")}\nquorum partners\n` : "quorum none\n",
  ].join(""));
}

/** A policy that was read. Names stand for octets, one character each. */
export interface Policy {
  readonly logs: readonly NamedKey[];
  readonly witnesses: readonly { readonly name: string; readonly key: NamedKey }[];
  readonly groups: readonly { readonly name: string; readonly threshold: number; readonly members: readonly string[] }[];
  /** Name of a witness or group; null where none is needed. */
  readonly quorum: string | null;
}

/** What a policy finds in a note. */
export interface Finding {
  readonly size: number;
  readonly accepted: boolean;
  /** Key names of its witnesses that cosigned. */
  readonly cosigners: readonly string[];
}

/** Decodes a policy: `policy`. */
export function parsePolicy(octets: Uint8Array): Policy {
  ensure(octets.length <= MAX_POLICY, "policy", "more than 256 KiB");
  const text = Array.from(octets, (octet) => String.fromCharCode(octet)).join("");
  ensure(text.endsWith("\n") && !/[^\t\n\x20-\x7e\x80-\xff]/.test(text), "policy", "a control character, or no newline at the end");
  const reader = new PolicyReader();
  for (const line of text.slice(0, -1).split("\n")) reader.line(line.split(/[ \t]+/).filter((word) => word !== ""));
  return reader.finish();
}

/** Judges a note by a policy alone. Faults: `note`, `origin`, `checkpoint-signature`, `cosignature`. */
export async function checkPolicy(policy: Policy, note: string): Promise<Finding> {
  const checkpoint = parseCheckpoint(note);
  const known = policy.witnesses.map(({ key }) => key);
  let found: ReadonlyMap<string, number> | Fault = new Fault("origin", "a checkpoint of none of the logs");
  for (const log of policy.logs.filter(({ name }) => name === checkpoint.origin)) {
    try {
      found = await verifyCheckpoint(checkpoint, log, known);
      break;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      found = error;
    }
  }
  if (found instanceof Fault) throw found;
  const cosigned = found;
  const holds = new Map(policy.witnesses.map(({ name, key }) => [name, cosigned.has(key.name)]));
  // A group names only what stands before it, so one pass settles all.
  for (const { name, threshold, members } of policy.groups) {
    holds.set(name, members.filter((member) => holds.get(member)).length >= threshold);
  }
  return { size: checkpoint.size, accepted: policy.quorum === null || holds.get(policy.quorum) === true, cosigners: [...cosigned.keys()] };
}

class PolicyReader {
  private readonly logs: NamedKey[] = [];
  private readonly witnesses: { name: string; key: NamedKey }[] = [];
  private readonly groups: { name: string; threshold: number; members: string[] }[] = [];
  private readonly names = new Set<string>();
  private readonly listed = new Set<string>();
  private quorum: string | null | undefined;

  line([keyword, ...words]: string[]): void {
    if (keyword === undefined || keyword.startsWith("#")) return;
    if (keyword === "log" && (words.length === 1 || words.length === 2)) {
      const key = readVkey(words[0]!, LOG_SIGNATURE);
      ensure(!this.logs.some((log) => sameKey(log, key)), "policy", "a log twice");
      this.logs.push(key);
    } else if (keyword === "witness" && (words.length === 2 || words.length === 3)) {
      const key = readVkey(words[1]!, COSIGNATURE);
      this.define(words[0]!);
      ensure(!this.witnesses.some((witness) => sameKey(witness.key, key)), "policy", "a witness twice");
      this.witnesses.push({ name: words[0]!, key });
    } else if (keyword === "group" && words.length >= 3) {
      this.group(words[0]!, words[1]!, words.slice(2));
    } else {
      ensure(keyword === "quorum" && words.length === 1 && this.quorum === undefined, "policy", "a line");
      ensure(words[0] === "none" || this.names.has(words[0]!), "policy", "a quorum that is not defined");
      this.quorum = words[0] === "none" ? null : words[0]!;
    }
  }

  finish(): Policy {
    const { logs, witnesses, groups, quorum: found } = this;
    ensure(found !== undefined, "policy", "no quorum");
    return { logs, witnesses, groups, quorum: found };
  }

  private group(name: string, number: string, members: string[]): void {
    for (const member of members) {
      ensure(this.names.has(member) && !this.listed.has(member), "policy", "a member that is not defined, or listed twice");
      this.listed.add(member);
    }
    const threshold = number === "any" ? 1 : number === "all" ? members.length : decimal(number);
    ensure(threshold !== null && threshold >= 1 && threshold <= members.length, "policy", "a threshold");
    this.define(name);
    this.groups.push({ name, threshold, members });
  }

  private define(name: string): void {
    ensure(name !== "none" && !this.names.has(name), "policy", "a name that is taken");
    this.names.add(name);
  }
}

function sameKey(one: NamedKey, other: NamedKey): boolean {
  return hex(one.key.bytes) === hex(other.key.bytes);
}

function vkey({ name, key }: NamedKey, type: number): string {
  const material = Uint8Array.of(type, ...key.bytes);
  return `${name}+${hex(sha256(utf8(`${name}\n`), material).subarray(0, 4))}+${btoa(String.fromCharCode(...material))}`;
}

/** A vkey of this type, given as octets. */
function readVkey(octets: string, type: number): NamedKey {
  const [octetName = "", , base64 = ""] = /^([^+]*)\+([^+]*)\+(.*)$/.exec(octets)?.slice(1) ?? [];
  const material = fromBase64(base64);
  ensure(material?.length === 33 && material[0] === type, "policy", "a key of another kind");
  try {
    const name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(octetName, (octet) => octet.charCodeAt(0)));
    const key = { name, key: PublicKey.from(material.subarray(1)) };
    const spelled = Array.from(utf8(vkey(key, type)), (octet) => String.fromCharCode(octet)).join("");
    ensure(isKeyName(name) && spelled === octets, "policy", "a vkey");
    return key;
  } catch {
    throw new Fault("policy", "a vkey");
  }
}
