// What several tests need: a signer, encoders for crafted CBOR, a small seeded generator, and the check for a fault.

import assert from "node:assert/strict";

import { Point, getPublicKey, hashes, sign } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";

import { concat, fromHex } from "../src/bytes.js";
import { Fault } from "../src/fault.js";
import type { FaultCode } from "../src/fault.js";

hashes.sha512 = sha512;

/** Order of the prime-order group. */
export const L = Point.CURVE().n;

/** An ordinary key pair from one byte of seed. */
export function keyPair(seed: number): { key: Uint8Array; sign: (message: Uint8Array) => Uint8Array } {
  const secret = new Uint8Array(32).fill(seed);
  return { key: getPublicKey(secret), sign: (message) => sign(message, secret) };
}

/** The scalar `k` of a verification, and of crafted signatures. */
export function challenge(r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  return littleEndian(sha512(concat(r, key, message))) % L;
}

export function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

export function scalarBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

export function bytes(digits: string): Uint8Array {
  const decoded = fromHex(digits.replace(/\s/g, ""));
  assert.ok(decoded, "hex in a test");
  return decoded;
}

/** A generator of bytes that are the same in every run (xorshift32). */
export function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A copy with one bit changed. */
export function flip(original: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(original);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

/** Asserts that `run` is refused with exactly this fault. */
export async function refused(code: FaultCode, run: () => unknown, what?: string): Promise<void> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof Fault, `${what ?? ""}: broke: ${error instanceof Error ? error.stack : String(error)}`);
    assert.equal(error.code, code, `${what ?? ""}: ${error.message}`);
    return;
  }
  assert.fail(`${what ?? ""}: accepted instead of ${code}`);
}
