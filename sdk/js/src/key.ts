// Signature keys and how signatures are judged: key.md. The checks here come before any backend, so that the verdict is the same everywhere.

import { Point } from "@noble/ed25519";

import { equal, fromHex } from "./bytes.js";
import { ed25519, labelled } from "./crypto.js";
import type { Ed25519Backend, Ed25519Key } from "./crypto.js";
import { Fault, ensure } from "./fault.js";

/** A usable Ed25519 public key: canonical, torsion-free, not the identity. Making one is the expensive part; keep it. */
export class PublicKey implements Ed25519Key {
  readonly bytes: Uint8Array;
  readonly point: Point;
  /** The key id, 16 bytes. */
  readonly id: Uint8Array;

  private constructor(bytes: Uint8Array, point: Point) {
    this.bytes = bytes;
    this.point = point;
    this.id = keyId(bytes);
  }

  /** Refuses with `key` what is not usable. */
  static from(bytes: Uint8Array): PublicKey {
    ensure(bytes.length === 32, "key", "a public key has 32 bytes");
    const copy = Uint8Array.from(bytes);
    const point = decodePoint(copy);
    ensure(!point.is0() && point.isTorsionFree(), "key", "a point outside the group of prime order");
    return new PublicKey(copy, point);
  }
}

/** The key id of 32 bytes of public key, `key` for another length. It finds a key; it proves nothing. */
export function keyId(key: Uint8Array): Uint8Array {
  ensure(key.length === 32, "key", "a public key has 32 bytes");
  return labelled("suyuan/1 key", key).subarray(0, 16);
}

/** Refuses with `signature` unless `signature` is `key`'s over `message` by the strict rules. */
export async function verify(
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
  backend?: Ed25519Backend,
): Promise<void> {
  ensure(signature.length === 64, "signature", "a signature has 64 bytes");
  ensure(below(signature.subarray(32), ORDER), "signature", "S is not reduced");
  const y = Uint8Array.from(signature.subarray(0, 32));
  y[31]! &= 0x7f;
  ensure(below(y, PRIME), "signature", "R is not canonical");
  ensure(!SMALL_ORDER.some((small) => equal(small, y)), "signature", "R is of small order");
  const valid = await (backend ?? (await ed25519())).verify(key, message, signature);
  ensure(valid, "signature", "the equation does not hold");
}

/** Whether an X25519 key, read as RFC 7748 reads it (top bit ignored, reduced), is one of the low-order points. */
export function isLowOrderX25519(key: Uint8Array): boolean {
  const u = Uint8Array.from(key);
  u[31]! &= 0x7f;
  if (!below(u, PRIME)) {
    // 2^255 - 19 <= u < 2^255, so u - p is its low byte minus 0xed, 0..18.
    const rest = u[0]! - 0xed;
    u.fill(0);
    u[0] = rest;
  }
  return LOW_ORDER_X25519.some((low) => equal(low, u));
}

function decodePoint(bytes: Uint8Array): Point {
  try {
    return Point.fromBytes(bytes);
  } catch {
    throw new Fault("key", "not the canonical encoding of a point");
  }
}

/** Whether little-endian `a` is less than little-endian `b`, both 32 bytes and public. */
function below(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) if (a[i] !== b[i]) return a[i]! < b[i]!;
  return false;
}

const bytesOf = (digits: string): Uint8Array => fromHex(digits)!;

/** p = 2^255 - 19, little-endian. */
const PRIME = bytesOf("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
/** L, the order of the group, little-endian. */
const ORDER = bytesOf("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

/** The y coordinates of the eight points of small order. Each encoding of such a point, sign bit aside, is one of these. */
const SMALL_ORDER = [
  bytesOf("0100000000000000000000000000000000000000000000000000000000000000"), // the identity
  bytesOf("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), // order 2
  bytesOf("0000000000000000000000000000000000000000000000000000000000000000"), // order 4, both signs
  bytesOf("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), // order 8, both signs
  bytesOf("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), // order 8, both signs
];

/** The five reduced u coordinates of low order on Curve25519 and its twist. With p and p + 1 they make seven encodings. */
const LOW_ORDER_X25519 = [
  bytesOf("0000000000000000000000000000000000000000000000000000000000000000"),
  bytesOf("0100000000000000000000000000000000000000000000000000000000000000"),
  bytesOf("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
  bytesOf("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
  bytesOf("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
];
