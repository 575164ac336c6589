// Bundles from the shared vectors: the whole suite, records judged one by one, and damage of any kind.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { openBundle, verifyBundle } from "../src/bundle.js";
import { concat, equal, fromHex, utf8 } from "../src/bytes.js";
import { encodeBytes } from "../src/cbor.js";
import { verifyCharter } from "../src/charter.js";
import { Fault } from "../src/fault.js";
import { checkField, decodeBody } from "../src/section.js";
import { runVectors } from "../src/vectors.js";
import { bytes, flip, generator, refused } from "./support.js";

// Tests run from dist/test.
const VECTORS = fileURLToPath(new URL("../../../../specs/vectors", import.meta.url));
const skip = existsSync(`${VECTORS}/bundle/bundle.json`) ? false : "the shared vectors are not here";

/** A good bundle of at least two records, and the id it belongs to. */
function example(): { bundle: Uint8Array; alliance: string } {
  const { cases } = JSON.parse(readFileSync(`${VECTORS}/bundle/bundle.json`, "utf8"));
  const good = cases.find((one: { expect: string; out: { records: unknown[] } }) => one.expect === "ok" && one.out.records.length >= 2);
  return { bundle: fromHex(good.in.bundle)!, alliance: good.out.alliance };
}

function find(whole: Uint8Array, part: Uint8Array): number {
  for (let at = 0; at + part.length <= whole.length; at++) if (equal(whole.subarray(at, at + part.length), part)) return at;
  return -1;
}

test("every shared vector passes", { skip }, async () => {
  const { passed, failures } = await runVectors(VECTORS);
  assert.deepEqual(failures, []);
  assert.ok(passed > 300);
});

test("a bad record does not hide which one is bad", { skip }, async () => {
  const { bundle, alliance } = example();
  const whole = await verifyBundle(bundle, alliance.toUpperCase());
  assert.ok(whole.records.length >= 2);
  const marker = utf8("c2sp.org/tlog-proof@v1");
  const first = find(bundle, marker);
  const second = first + 1 + find(bundle.subarray(first + 1), marker);
  const open = await openBundle(flip(bundle, 8 * second), alliance);
  assert.deepEqual(await open.records.verify(0), whole.records[0]);
  await refused("proof", () => open.records.verify(1));
  await refused("proof", () => verifyBundle(flip(bundle, 8 * second), alliance));
  await assert.rejects(() => open.records.verify(open.records.length), RangeError);
  await assert.rejects(() => open.records.verify(-1), RangeError);
});

test("what was opened is what is verified", { skip }, async () => {
  const { bundle, alliance } = example();
  const before = await verifyBundle(bundle, alliance);
  const lent = Uint8Array.from(bundle);
  const open = await openBundle(lent, alliance);
  lent.fill(0);
  assert.deepEqual(await open.records.verify(0), before.records[0]);
});

test("an expected alliance that is no id is the caller's mistake, not a missing expectation", { skip }, async () => {
  const { bundle, alliance } = example();
  for (const bad of ["", "00", alliance.slice(1), `${alliance}00`, "z".repeat(64)]) await assert.rejects(() => openBundle(bundle, bad), TypeError);
  await refused("alliance", () => openBundle(bundle, "0".repeat(64)));
});

test("any damage is refused with a fault, or costs no more than the time of a checkpoint", { skip }, async () => {
  const { bundle, alliance } = example();
  const whole = await verifyBundle(bundle, alliance);
  const below = generator(20_261_121);
  const judge = async (damaged: Uint8Array, what: string): Promise<void> => {
    try {
      // A cosignature whose name or key id is damaged is a stranger's line, and passed over: its time is lost, nothing else.
      const { records, ...about } = await verifyBundle(damaged, alliance);
      const timed = records.map((record, i) => ({ ...record, checkpointTime: record.checkpointTime ?? whole.records[i]!.checkpointTime }));
      assert.deepEqual({ ...about, records: timed }, whole, what);
    } catch (error) {
      assert.ok(error instanceof Fault, `${what}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  };
  for (let i = 0; i < 120; i++) {
    const bit = below(bundle.length * 8);
    await judge(flip(bundle, bit), `bit ${bit}`);
    const [from, length] = [below(bundle.length), 1 + below(40)];
    await refused("cbor", () => openBundle(bundle.slice(0, from)), `cut at ${from}`);
    await judge(concat(bundle.slice(0, from), bundle.slice(from + length)), `without ${length} at ${from}`);
    await judge(concat(bundle.slice(0, from), new Uint8Array(length), bundle.slice(from)), `with ${length} zeros at ${from}`);
  }
});

test("sizes are judged before the encoding", async () => {
  const garbage = new Uint8Array(4 * 1024 * 1024 + 256 * 1024 + 1).fill(0xff);
  await refused("form", () => verifyCharter(garbage));
  await refused("cbor", () => verifyCharter(garbage.subarray(1)));
  const file = (length: number): Uint8Array => concat(bytes("82"), encodeBytes(garbage.subarray(0, length)), bytes("80"));
  await refused("form", () => verifyCharter(file(4 * 1024 * 1024 + 1)), "the charter in it");
  await refused("cbor", () => verifyCharter(file(4 * 1024 * 1024)));
  await refused("form", () => decodeBody(garbage.subarray(0, 1024 * 1024 + 1)));
  await refused("cbor", () => decodeBody(garbage.subarray(0, 1024 * 1024)));
  const field = (length: number) => (): void => checkField(new Uint8Array(32), { name: "a", value: "1".repeat(length) }, 0, 1, [], new Uint8Array(32));
  await refused("form", field(262_145));
  await refused("field-path", field(262_144));
});

test("large hostile bundles are walked without being built up, and refused", async () => {
  await refused("form", () => openBundle(new Uint8Array(64 * 1024 * 1024 + 1)));
  // One record of many disclosures, each with 65,535 audience headers of no bytes; the shape is right, so the charter's fault comes next.
  const audiences = concat(Uint8Array.of(0x99, 0xff, 0xff), new Uint8Array(65_535 * 3).map((_, i) => [0x82, 0x00, 0x40][i % 3]!));
  const disclosure = concat(bytes("840040"), audiences, bytes("820040"));
  const record = concat(bytes(`84 40 5840${"00".repeat(64)} 60 98 28`), ...new Array<Uint8Array>(40).fill(disclosure));
  const charter = bytes("45 82 42 8102 80"); // a file with a charter of suite 2 and no signatures
  const bundle = concat(bytes("84 6d"), utf8("suyuan-bundle"), bytes("01"), charter, bytes("81"), record);
  const heap = process.memoryUsage().heapUsed;
  await refused("suite", () => openBundle(bundle));
  assert.ok(process.memoryUsage().heapUsed - heap < 200e6);
  await refused("cbor", () => openBundle(bundle.subarray(0, -1)));
  await refused("form", () => openBundle(concat(bundle.subarray(0, -1), Uint8Array.of(0))), "the last content is no body");
});
