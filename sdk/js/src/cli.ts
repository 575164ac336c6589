#!/usr/bin/env node
// The command line: verify a bundle or a proof of equivocation, or run the shared vectors.

import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { openBundle } from "./bundle.js";
import type { OpenBundle, VerifiedRecord } from "./bundle.js";
import { verifyEquivocation } from "./equivocation.js";
import { Fault } from "./fault.js";
import { MAX_BUNDLE, MAX_EQUIVOCATION } from "./limits.js";
import { runVectors } from "./vectors.js";

const USAGE = `suyuan-verify: checks Suyuan bundles offline

  cli.js bundle FILE [--alliance HEX] [--json]   verify a bundle, record by record
  cli.js equivocation FILE [--alliance HEX] [--json]
                                                 verify a file that convicts a member of two histories
  cli.js vectors [DIR]                           run the shared test vectors (default: specs/vectors of this checkout)

Exit status: 0 everything holds, 1 something does not, 2 wrong usage.`;

const VECTORS = fileURLToPath(new URL("../../../../specs/vectors", import.meta.url));

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  try {
    const { positionals, values } = parseArgs({
      args,
      allowPositionals: true,
      options: { alliance: { type: "string" }, json: { type: "boolean", default: false } },
    });
    const [command, path, ...more] = positionals;
    if (command === "bundle" && path !== undefined && more.length === 0) return await bundle(path, values.alliance, values.json);
    if (command === "equivocation" && path !== undefined && more.length === 0) return await equivocation(path, values.alliance, values.json);
    if (command === "vectors" && more.length === 0) return await vectors(path ?? VECTORS);
    console.error(USAGE);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
  }
  return 2;
}

async function bundle(path: string, alliance: string | undefined, json: boolean): Promise<number> {
  let open: OpenBundle;
  try {
    if (statSync(path).size > MAX_BUNDLE) throw new Fault("form", "a bundle of more than 64 MiB");
    open = await openBundle(readFileSync(path), alliance);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    console.log(json ? JSON.stringify({ fault: error.code, message: error.message }) : `REFUSED ${error.message}`);
    return 1;
  }
  const { records, ...about } = open;
  const results: (VerifiedRecord | { fault: string; message: string })[] = [];
  for (let i = 0; i < records.length; i++) results.push(await attempt(() => records.verify(i)));
  console.log(json ? JSON.stringify({ ...about, records: results }, null, 2) : [heading(about), ...results.map(line)].join("\n"));
  return results.some((result) => "fault" in result) ? 1 : 0;
}

async function equivocation(path: string, alliance: string | undefined, json: boolean): Promise<number> {
  try {
    if (statSync(path).size > MAX_EQUIVOCATION) throw new Fault("form", "more than 64 MiB");
    const conviction = await verifyEquivocation(readFileSync(path), alliance);
    const { member, incarnation, sizes, times, common } = conviction;
    const signed = sizes.map((size, at) => `${size} entries${times[at] === null ? "" : `, ${when(times[at]! * 1000)}`}`);
    const point = common === null ? "where they part is not proven" : `the first ${common} entries are the same`;
    const words = `CONVICTED ${printable(member.name)} ${member.id}\n    two histories of its log ${incarnation}: ${signed.join("; ")}\n    ${point}`;
    console.log(json ? JSON.stringify(conviction, null, 2) : `alliance ${conviction.alliance}\n${words}`);
    return 0;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    console.log(json ? JSON.stringify({ fault: error.code, message: error.message }) : `REFUSED ${error.message}`);
    return 1;
  }
}

async function attempt(verify: () => Promise<VerifiedRecord>): Promise<VerifiedRecord | { fault: string; message: string }> {
  try {
    return await verify();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { fault: error.code, message: error.message };
  }
}

function heading({ alliance, name, members }: Omit<OpenBundle, "records">): string {
  return `alliance ${alliance}\n  ${name}, ${members.length} members`;
}

function line(result: VerifiedRecord | { fault: string; message: string }, index: number): string {
  if ("fault" in result) return `${index} REFUSED ${result.message}`;
  const { id, author, type, time, sequence, size, sections, withheld } = result;
  const fields = sections.flatMap((section) => section.fields.map(({ name, value }) => `\n    ${printable(name)} = ${printable(value)}`));
  const seen = result.witnesses.map((witness) => `${printable(witness.name)} ${when(witness.time * 1000)}`).join(", ");
  const counted = result.witnesses.filter(({ role }) => role !== "regulator").length;
  const why = result.left ? `which ${printable(author.name)} has left` : `when ${printable(author.name)} went on with another log`;
  const accepted = `accepted by the alliance, ${why}: the first ${size} entries of its log`;
  const caution = result.compromised ? "\n    CAUTION: others may have had the key that signed it" : "";
  const proven = result.closed ? accepted : result.witnessed === null ? `not witnessed: ${counted} of ${result.needed}` : `witnessed by ${when(result.witnessed * 1000)}`;
  const head = `${index} ok ${id}\n    ${type} by ${author.name} (${author.role}), ${when(time)}`;
  return `${head}\n    entry ${sequence}${result.closed ? "" : ` of a log of ${size}`}; ${withheld} fields withheld\n    ${proven}${seen && ` (${seen})`}${caution}${fields.join("")}`;
}

/** A time as text; a claimed one may lie beyond what a Date can hold. */
function when(time: number): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? `${time} ms` : date.toISOString();
}

/** Values are others' text: control characters must not reach the terminal. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "\ufffd");
}

async function vectors(directory: string): Promise<number> {
  const { passed, failures } = await runVectors(directory);
  for (const failure of failures) console.log(failure);
  console.log(`${passed} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
}
