// Signatures: the published answers, and everything at the edge of the curve that must be refused by both backends alike.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Point, verify as nobleVerify } from "@noble/ed25519";

import { concat, equal, hex, utf8 } from "../src/bytes.js";
import { KNOWN_ANSWERS, chooseEd25519, ed25519, nobleEd25519, subtleEd25519 } from "../src/crypto.js";
import { PublicKey, isLowOrderX25519, keyId, verify } from "../src/key.js";
import { L, bytes, challenge, flip, keyPair, littleEndian, refused, scalarBytes } from "./support.js";

const BACKENDS = [nobleEd25519, subtleEd25519(crypto.subtle)];

/** RFC 8032 section 7.1: public key, message, signature. */
const RFC_8032: [string, string, string][] = [
  [
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
  [
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
  ],
];

/** A generator of the eight points of small order. */
const ORDER_8 = Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
const TORSION = Array.from({ length: 8 }, (_, i) => ORDER_8.multiplyUnsafe(BigInt(i)));

/** Every encoding of a small-order point: the canonical ones, and those with y + p or with a sign on x = 0. */
function smallOrderEncodings(): Uint8Array[] {
  const p = Point.CURVE().p;
  const sign = 1n << 255n;
  const all = TORSION.flatMap((point) => {
    const { x, y } = point.toAffine();
    const ys = y + p < sign ? [y, y + p] : [y];
    const signs = x === 0n ? [0n, sign] : [(x & 1n) * sign];
    return ys.flatMap((value) => signs.map((bit) => scalarBytes(value | bit)));
  });
  return all;
}

test("the published signatures verify, and none of their bits may change", async () => {
  for (const backend of BACKENDS) {
    for (const [key, message, signature] of RFC_8032) {
      const usable = PublicKey.from(bytes(key));
      await verify(usable, bytes(message), bytes(signature), backend);
      for (let bit = 0; bit < 512; bit += 7) {
        await refused("signature", () => verify(usable, bytes(message), flip(bytes(signature), bit), backend), `bit ${bit}`);
      }
      await refused("signature", () => verify(usable, concat(bytes(message), Uint8Array.of(0)), bytes(signature), backend));
    }
  }
});

test("a signature of another length is refused", async () => {
  const usable = PublicKey.from(bytes(RFC_8032[0]![0]));
  for (const length of [0, 32, 63, 65, 128]) await refused("signature", () => verify(usable, utf8(""), new Uint8Array(length)));
});

test("the eight small-order points have fourteen encodings, and none is a usable key", async () => {
  const encodings = smallOrderEncodings();
  assert.equal(new Set(encodings.map(hex)).size, 14);
  for (const encoding of encodings) await refused("key", () => PublicKey.from(encoding), hex(encoding));
});

test("a small-order R is refused although the equation holds", async () => {
  const message = utf8("small order");
  const secret = 12345n;
  const key = Point.BASE.multiply(secret).toBytes();
  for (const r of smallOrderEncodings()) {
    // With r = 0 the equation holds for the identity; for the others it holds once it is multiplied by the cofactor.
    const s = (challenge(r, key, message) * secret) % L;
    const signature = concat(r, scalarBytes(s));
    for (const backend of BACKENDS) {
      await refused("signature", () => verify(PublicKey.from(key), message, signature, backend), hex(r));
    }
  }
});

test("a key with a component of small order is refused", async () => {
  const point = Point.BASE.multiply(777n);
  for (const small of TORSION.slice(1)) await refused("key", () => PublicKey.from(point.add(small).toBytes()));
  PublicKey.from(point.toBytes());
});

test("an R with a component of small order is refused although the cofactor would hide it", async () => {
  const message = utf8("mixed order");
  const secret = 777n;
  const key = Point.BASE.multiply(secret).toBytes();
  for (const small of TORSION.slice(1)) {
    const r = Point.BASE.multiply(4242n).add(small).toBytes();
    const s = (4242n + challenge(r, key, message) * secret) % L;
    const signature = concat(r, scalarBytes(s));
    assert.ok(nobleVerify(signature, message, key), "the equation with the cofactor holds");
    for (const backend of BACKENDS) await refused("signature", () => verify(PublicKey.from(key), message, signature, backend));
  }
});

test("S + L is refused", async () => {
  for (const [key, message, signature] of RFC_8032) {
    const s = littleEndian(bytes(signature).subarray(32));
    for (let multiple = 1n; s + multiple * L < 1n << 256n; multiple += 3n) {
      const malleable = concat(bytes(signature).subarray(0, 32), scalarBytes(s + multiple * L));
      for (const backend of BACKENDS) {
        await refused("signature", () => verify(PublicKey.from(bytes(key)), bytes(message), malleable, backend));
      }
    }
  }
});

test("keys that are no canonical point are refused", async () => {
  const p = Point.CURVE().p;
  const sign = 1n << 255n;
  for (let y = p; y < sign; y += 1n) {
    await refused("key", () => PublicKey.from(scalarBytes(y)), `y = p + ${y - p}`);
    await refused("key", () => PublicKey.from(scalarBytes(y | sign)));
  }
  await refused("key", () => PublicKey.from(scalarBytes(2n)), "2 is not the y of a point");
  for (const length of [0, 31, 33]) await refused("key", () => PublicKey.from(new Uint8Array(length).fill(1)));
});

test("both backends agree on changed signatures", async () => {
  const { key, sign } = keyPair(9);
  const message = utf8("agreement");
  const signature = sign(message);
  const usable = PublicKey.from(key);
  for (const backend of BACKENDS) {
    assert.equal(await backend.verify(usable, message, signature), true);
    assert.equal(await backend.verify(usable, message, sign(utf8("other"))), false);
    for (let bit = 0; bit < 256; bit += 17) assert.equal(await backend.verify(usable, message, flip(signature, bit)), false);
  }
});

test("the backend is chosen by what it answers", async () => {
  const real = crypto.subtle;
  const lookalike = (check: (key: Uint8Array, signature: Uint8Array, message: Uint8Array) => boolean): SubtleCrypto =>
    ({
      importKey: async (_: string, raw: Uint8Array) => raw,
      verify: async (_: string, key: Uint8Array, signature: Uint8Array, message: Uint8Array) => check(key, signature, message),
    }) as unknown as SubtleCrypto;
  assert.equal((await chooseEd25519(real)).name, "subtle");
  assert.equal((await chooseEd25519(undefined)).name, "noble");
  assert.equal((await chooseEd25519({} as SubtleCrypto)).name, "noble");
  assert.equal((await chooseEd25519(lookalike(() => true))).name, "noble");
  assert.equal((await chooseEd25519(lookalike(() => false))).name, "noble");
  const cofactored = lookalike((key, signature, message) => nobleVerify(signature, message, key));
  assert.equal((await chooseEd25519(cofactored)).name, "noble");
  assert.equal(await ed25519(), await ed25519());
});

test("the third known answer holds only with the cofactor", () => {
  const [key, message, signature, verdict] = KNOWN_ANSWERS[2]!;
  assert.equal(verdict, false);
  assert.ok(nobleVerify(bytes(signature), bytes(message), bytes(key)));
  PublicKey.from(bytes(key));
});

test("where WebCrypto fails in the middle, noble answers", async () => {
  const broken = subtleEd25519({ importKey: () => Promise.reject(new Error("no")) } as unknown as SubtleCrypto);
  const [key, message, signature] = RFC_8032[1]!;
  await verify(PublicKey.from(bytes(key)), bytes(message), bytes(signature), broken);
});

test("X25519 keys of small order are found in every form", () => {
  const p = Point.CURVE().p;
  const e0 = littleEndian(bytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"));
  const f9 = littleEndian(bytes("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"));
  const low = [0n, 1n, e0, f9, p - 1n, p, p + 1n];
  for (const u of low) {
    assert.ok(isLowOrderX25519(scalarBytes(u)), hex(scalarBytes(u)));
    assert.ok(isLowOrderX25519(scalarBytes(u | (1n << 255n))), "with the top bit, which X25519 ignores");
  }
  for (const u of [2n, 9n, p - 2n, p + 2n, p + 18n, e0 + 1n, f9 - 1n]) assert.ok(!isLowOrderX25519(scalarBytes(u)));
});

test("a key id is 16 bytes of the labelled hash", () => {
  assert.equal(keyId(bytes(RFC_8032[0]![0])).length, 16);
  assert.ok(!equal(keyId(bytes(RFC_8032[0]![0])), keyId(bytes(RFC_8032[1]![0]))));
});
