// Merkle proofs, exhaustively for small trees, against the recursive definitions of RFC 6962, and at sizes beyond 32 bits.

import assert from "node:assert/strict";
import { test } from "node:test";

import { equal, hex } from "../src/bytes.js";
import { sha256 } from "../src/crypto.js";
import { emptyRoot, leafHash, treeRoot, verifyConsistency, verifyInclusion } from "../src/tree.js";
import { flip, refused } from "./support.js";

const MOST = 64;
const ENTRIES = Array.from({ length: MOST }, (_, i) => sha256(Uint8Array.of(i)));

/** The largest power of two below `n`. */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

const memo = new Map<string, Uint8Array>();

/** MTH of section 2.1 over `ENTRIES[from..to]`. */
function root(from: number, to: number): Uint8Array {
  const known = memo.get(`${from} ${to}`);
  if (known) return known;
  const n = to - from;
  const k = split(n);
  const value =
    n === 0 ? sha256(new Uint8Array(0)) : n === 1 ? leafHash(ENTRIES[from]!) : sha256(Uint8Array.of(1), root(from, from + k), root(from + k, to));
  memo.set(`${from} ${to}`, value);
  return value;
}

/** PATH of section 2.1.1. */
function path(m: number, from: number, to: number): Uint8Array[] {
  if (to - from <= 1) return [];
  const k = split(to - from);
  return m < k ? [...path(m, from, from + k), root(from + k, to)] : [...path(m - k, from + k, to), root(from, from + k)];
}

/** SUBPROOF of section 2.1.2. */
function subproof(m: number, from: number, to: number, whole: boolean): Uint8Array[] {
  if (m === to - from) return whole ? [] : [root(from, to)];
  const k = split(to - from);
  return m <= k
    ? [...subproof(m, from, from + k, whole), root(from + k, to)]
    : [...subproof(m - k, from + k, to, false), root(from, from + k)];
}

/** The path with one bit of one hash changed. */
function altered(nodes: Uint8Array[], at: number, bit: number): Uint8Array[] {
  return nodes.map((node, i) => (i === at ? flip(node, bit) : node));
}

test("roots are those of the recursive definition", () => {
  for (let n = 0; n <= MOST; n++) assert.ok(equal(treeRoot(ENTRIES.slice(0, n)), root(0, n)), `${n} entries`);
  assert.equal(hex(emptyRoot()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("every inclusion proof up to 64 leaves holds, and no change of it does", async () => {
  let turn = 0;
  for (let n = 1; n <= MOST; n++) {
    for (let i = 0; i < n; i++) {
      const proof = path(i, 0, n);
      const entry = ENTRIES[i]!;
      const whole = root(0, n);
      verifyInclusion(entry, i, n, proof, whole);
      const no = (run: () => void): Promise<void> => refused("inclusion", run, `leaf ${i} of ${n}`);
      const bits = n <= 6 ? Array.from({ length: 256 }, (_, bit) => bit) : [(turn = (turn + 37) % 256)];
      for (const bit of bits) {
        for (let at = 0; at < proof.length; at++) await no(() => verifyInclusion(entry, i, n, altered(proof, at, bit), whole));
        await no(() => verifyInclusion(flip(entry, bit), i, n, proof, whole));
        await no(() => verifyInclusion(entry, i, n, proof, flip(whole, bit)));
      }
      await no(() => verifyInclusion(entry, i, n, [...proof, whole], whole));
      if (proof.length > 0) await no(() => verifyInclusion(entry, i, n, proof.slice(1), whole));
      if (proof.length > 0) await no(() => verifyInclusion(entry, i, n, proof.slice(0, -1), whole));
      await no(() => verifyInclusion(entry, n, n, proof, whole));
      for (let other = 0; other < n; other++) if (other !== i) await no(() => verifyInclusion(entry, other, n, proof, whole));
    }
  }
});

test("every consistency proof up to 64 leaves holds, and no change of it does", async () => {
  let turn = 0;
  for (let n = 1; n <= MOST; n++) {
    for (let m = 1; m <= n; m++) {
      const proof = subproof(m, 0, n, true);
      const [before, after] = [root(0, m), root(0, n)];
      verifyConsistency(m, n, before, after, proof);
      const no = (run: () => void): Promise<void> => refused("consistency", run, `${m} to ${n}`);
      const bits = n <= 6 ? Array.from({ length: 256 }, (_, bit) => bit) : [(turn = (turn + 37) % 256)];
      for (const bit of bits) {
        for (let at = 0; at < proof.length; at++) await no(() => verifyConsistency(m, n, before, after, altered(proof, at, bit)));
        await no(() => verifyConsistency(m, n, flip(before, bit), after, proof));
        await no(() => verifyConsistency(m, n, before, flip(after, bit), proof));
      }
      await no(() => verifyConsistency(m, n, before, after, [...proof, after]));
      if (proof.length > 0) await no(() => verifyConsistency(m, n, before, after, proof.slice(0, -1)));
      if (proof.length > 0) await no(() => verifyConsistency(m, n, before, after, []));
      if (m < n) await no(() => verifyConsistency(n, m, after, before, proof));
    }
  }
});

test("from the empty tree nothing is needed, and nothing else is accepted", async () => {
  verifyConsistency(0, 5, emptyRoot(), root(0, 5), []);
  verifyConsistency(0, 0, emptyRoot(), emptyRoot(), []);
  await refused("consistency", () => verifyConsistency(0, 5, emptyRoot(), root(0, 5), [root(0, 5)]));
  await refused("consistency", () => verifyConsistency(0, 5, root(0, 1), root(0, 5), []));
  await refused("consistency", () => verifyConsistency(5, 0, root(0, 5), emptyRoot(), []));
  await refused("inclusion", () => verifyInclusion(ENTRIES[0]!, 0, 0, [], emptyRoot()));
});

test("sizes beyond 32 bits are halved rightly", async () => {
  // The last leaf of a tree of 2^52 + 1: one step, whose sibling is the root of all the others.
  const [others, entry] = [sha256(Uint8Array.of(99)), ENTRIES[0]!];
  const size = 2 ** 52 + 1;
  const whole = sha256(Uint8Array.of(1), others, leafHash(entry));
  verifyInclusion(entry, size - 1, size, [others], whole);
  verifyConsistency(size - 1, size, others, whole, [leafHash(entry)]);
  await refused("inclusion", () => verifyInclusion(entry, 0, size, [others], whole));
  await refused("inclusion", () => verifyInclusion(entry, (size - 1) % 2 ** 32, size, [others], whole));
  await refused("consistency", () => verifyConsistency(1, size, others, whole, [leafHash(entry)]));
  await refused("inclusion", () => verifyInclusion(entry, 0, Number.MAX_SAFE_INTEGER, new Array(64).fill(others), whole));
});
