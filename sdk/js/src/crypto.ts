// The primitives, each from one of two places: WebCrypto where it exists and answers as key.md demands, else noble's JavaScript (plain-http
// pages and old in-app browsers have no `crypto.subtle`). Hashes are always noble's: the inputs are tiny and many, and a WebCrypto digest
// costs several times more per call than it saves.

import { gcm } from "@noble/ciphers/aes.js";
import { Point } from "@noble/ed25519";
import { blake3 } from "@noble/hashes/blake3.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256, sha512 } from "@noble/hashes/sha2.js";

import { concat, equal, fromHex, utf8 } from "./bytes.js";
import type { Bytes } from "./bytes.js";

/** SHA-256. */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  return nobleSha256(parts.length === 1 ? parts[0]! : concat(...parts));
}

/** `H(label, x)` of cbor.md: SHA-256 of the label, a newline and the concatenated parts. */
export function labelled(label: string, ...parts: Uint8Array[]): Uint8Array {
  return nobleSha256(concat(utf8(`${label}\n`), ...parts));
}

/** HMAC-SHA-256. */
export function hmacSha256(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  return hmac(nobleSha256, key, concat(...parts));
}

/** HKDF-Expand with SHA-256 (RFC 5869 section 2.3). */
export function expandSha256(secret: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return expand((key, message) => hmac(nobleSha256, key, message), secret, info, length);
}

/** HKDF-Expand with SHA-512. */
export function expandSha512(secret: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return expand((key, message) => hmac(sha512, key, message), secret, info, length);
}

type Mac = (key: Uint8Array, message: Uint8Array) => Uint8Array;

/** Written out, because noble's form of it refuses a key shorter than the hash, as chunked-encryption has it. */
function expand(mac: Mac, secret: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  let block: Uint8Array = new Uint8Array(0);
  let out = block;
  for (let i = 1; out.length < length; i++) {
    block = mac(secret, concat(block, info, Uint8Array.of(i)));
    out = concat(out, block);
  }
  return out.subarray(0, length);
}

/** BLAKE3, 32 bytes. */
export function blake3Hash(content: Uint8Array): Uint8Array {
  return blake3(content);
}

/** BLAKE3 in its `derive_key` mode, 32 bytes. */
export function blake3Derive(context: string, ...parts: Uint8Array[]): Uint8Array {
  return blake3(concat(...parts), { context: utf8(context) });
}

/** Opens AES-256-GCM with a 96-bit nonce and no additional data; null if the tag does not fit. */
export type AeadOpen = (key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array) => Promise<Uint8Array | null>;

/** AES-256-GCM by noble. */
export const nobleAesGcm: AeadOpen = async (key, nonce, sealed) => {
  try {
    return gcm(key, nonce).decrypt(sealed);
  } catch {
    return null;
  }
};

/** AES-256-GCM by WebCrypto. */
export function subtleAesGcm(subtle: SubtleCrypto): AeadOpen {
  return async (key, nonce, sealed) => {
    try {
      const imported = await subtle.importKey("raw", key as Bytes, "AES-GCM", false, ["decrypt"]);
      return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv: nonce as Bytes }, imported, sealed as Bytes));
    } catch {
      return null;
    }
  };
}

/** AES-256-GCM by whichever this place has. */
export const openAesGcm: AeadOpen = (key, nonce, sealed) => {
  const subtle = webCrypto();
  return (subtle ? subtleAesGcm(subtle) : nobleAesGcm)(key, nonce, sealed);
};

/** A decoded Ed25519 key: its point and its 32 bytes. */
export interface Ed25519Key {
  readonly bytes: Uint8Array;
  readonly point: Point;
}

/**
 * Decides `R = [S]B - [k]A`. The caller has checked that `A` is canonical and torsion-free, that `S < L`, and that `R` is canonical and not
 * of small order; under these, a backend that compares points and one that compares bytes agree.
 */
export interface Ed25519Backend {
  readonly name: "noble" | "subtle";
  verify(key: Ed25519Key, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

const ORDER = Point.CURVE().n;

/** Ed25519 over noble's points, by the equation of key.md as it stands there. */
export const nobleEd25519: Ed25519Backend = {
  name: "noble",
  async verify(key, message, signature) {
    const r = signature.subarray(0, 32);
    const s = littleEndian(signature.subarray(32));
    const k = littleEndian(sha512(concat(r, key.bytes, message))) % ORDER;
    const found = Point.BASE.multiplyUnsafe(s).subtract(key.point.multiplyUnsafe(k));
    return equal(found.toBytes(), r);
  },
};

/** Ed25519 by WebCrypto. A key is imported once. Where WebCrypto itself fails, noble answers. */
export function subtleEd25519(subtle: SubtleCrypto): Ed25519Backend {
  const imported = new WeakMap<Ed25519Key, CryptoKey>();
  return {
    name: "subtle",
    async verify(key, message, signature) {
      try {
        let ready = imported.get(key);
        if (!ready) {
          ready = await subtle.importKey("raw", key.bytes as Bytes, "Ed25519", false, ["verify"]);
          imported.set(key, ready);
        }
        return await subtle.verify("Ed25519", ready, signature as Bytes, message as Bytes);
      } catch {
        return nobleEd25519.verify(key, message, signature);
      }
    },
  };
}

let chosen: Promise<Ed25519Backend> | undefined;

/** The backend for this place, chosen once. */
export function ed25519(): Promise<Ed25519Backend> {
  chosen ??= chooseEd25519(webCrypto());
  return chosen;
}

/**
 * WebCrypto's Ed25519 if it answers the three known cases rightly, else noble's. The third case satisfies only the equation with the
 * cofactor; an implementation that accepts it decides other signatures than key.md does.
 */
export async function chooseEd25519(subtle: SubtleCrypto | undefined): Promise<Ed25519Backend> {
  if (!subtle) return nobleEd25519;
  try {
    for (const [a, message, signature, expected] of KNOWN_ANSWERS) {
      const key = await subtle.importKey("raw", fromHex(a)!, "Ed25519", false, ["verify"]);
      const answer = await subtle.verify("Ed25519", key, fromHex(signature)!, fromHex(message)!);
      if (answer !== expected) return nobleEd25519;
    }
    return subtleEd25519(subtle);
  } catch {
    return nobleEd25519;
  }
}

const TEST_KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const TEST_SIGNATURE =
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

const MIXED_SIGNATURE =
  "db0420716c0de4173a8587ad5da3e94e8e7c82aefd9f99a5d5208e823f703009980a9d529a74eea97b62458794c6eb422d31e3bc9d7b2e35873aa36d8040da0c";

/** Key, message, signature, verdict. The first is RFC 8032 section 7.1 test 2; the last has an `R` with a component of order 8. */
export const KNOWN_ANSWERS: readonly (readonly [string, string, string, boolean])[] = [
  [TEST_KEY, "72", TEST_SIGNATURE, true],
  [TEST_KEY, "73", TEST_SIGNATURE, false],
  ["de6fbfa9095c79e9d7c36712e2cf5aca1c3f4b4165815c0f11936373438691c3", "72", MIXED_SIGNATURE, false],
];

function webCrypto(): SubtleCrypto | undefined {
  return typeof crypto === "undefined" ? undefined : crypto.subtle;
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}
