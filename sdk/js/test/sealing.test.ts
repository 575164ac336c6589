// Sealed sections: the published Cobblestone-256 answers, every way a ciphertext can be damaged, padding, and both AES-GCM backends.

import assert from "node:assert/strict";
import { test } from "node:test";

import { gcm } from "@noble/ciphers/aes.js";

import { concat, hex, u64, utf8 } from "../src/bytes.js";
import { encodeArray, encodeBytes, encodeText } from "../src/cbor.js";
import { blake3Hash, expandSha256, expandSha512, nobleAesGcm, subtleAesGcm } from "../src/crypto.js";
import { unwrapKey } from "../src/circle.js";
import { bucket, checkDigest, openChunked, openSection } from "../src/sealing.js";
import type { Place } from "../src/sealing.js";
import { bodyRoot, decodeBody } from "../src/section.js";
import { bytes, flip, refused } from "./support.js";

const BACKENDS = [nobleAesGcm, subtleAesGcm(crypto.subtle)];

const KEY = bytes("59454c4c4f57205355424d4152494e452059454c4c4f57205355424d4152494e");
/** SHA-512 of the message of both published cases. */
const MESSAGE =
  "e85f32a85f1d4f7c9b2d36d20eca8435d81253e7075e9dea069eb1b6da48daf92ef1797367b520d8a46c4f72cecb85b1daff8887fcb41721d39943d1952fc180";
/** Project Wycheproof, c2sp_chunked_encryption_aes_256_gcm_test, cases 2 and 10, under `KEY`: context, ciphertext. */
const PUBLISHED: [string, string][] = [
  [
    "",
    "a1a1b56f6db58cd1ede0c5c9db62aef20d3f96a6c594bb9252bb38122de91236502b42a1d7fcab820ffa292940d2f86add212cfa42c38df19d3cc9139ee61a5990d3db57433514229beea49a8a72bd",
  ],
  [
    "7465737400636f6e74657874",
    "12ede102c3ef730da4f3d4dbfaf11003683238315befe73b21ebb2246ac19f3a7d50abd2a5a365f7652bda670814dbc883ce618256d2d513bd238c2c0dded7614d52bef77bc04273656df97a294323",
  ],
];

/** An encryptor, written for the tests only. */
function seal(key: Uint8Array, context: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const salt = new Uint8Array(24).fill(0x5a);
  const derived = expandSha512(key, concat(utf8("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"), salt, context), 76);
  const chunks: Uint8Array[] = [];
  for (let i = 0; i <= Math.floor(plaintext.length / 16_384); i++) {
    const nonce = Uint8Array.from(derived.subarray(32, 44));
    nonce[11]! ^= i;
    chunks.push(gcm(derived.subarray(0, 32), nonce).encrypt(plaintext.subarray(i * 16_384, (i + 1) * 16_384)));
  }
  return concat(salt, derived.subarray(44), ...chunks);
}

function pad(body: Uint8Array, length = bucket(body.length)): Uint8Array {
  return concat(body, new Uint8Array(length - body.length));
}

function bodyOf(...fields: [string, string][]): Uint8Array {
  const encoded = fields.map(([name, value]) => encodeArray(encodeText(name), encodeText(value)));
  return encodeArray(encodeBytes(new Uint8Array(32).fill(3)), encodeArray(...encoded));
}

function placeOf(root: Uint8Array): Place {
  return { alliance: new Uint8Array(32).fill(1), author: new Uint8Array(32).fill(2), incarnation: 3, sequence: 4, section: 5, root };
}

function contextOf({ alliance, author, incarnation, sequence, section, root }: Place): Uint8Array {
  return concat(utf8("suyuan/1 section\n"), alliance, author, u64(incarnation), u64(sequence), Uint8Array.of(section), root);
}

test("the published messages open, and no bit of them may change", async () => {
  for (const open of BACKENDS) {
    for (const [context, ciphertext] of PUBLISHED) {
      const message = await openChunked(KEY, bytes(context), bytes(ciphertext), open);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", Uint8Array.from(message)));
      assert.equal(hex(digest), MESSAGE);
      for (let bit = 0; bit < ciphertext.length * 4; bit += 5) {
        await refused("sealed", () => openChunked(KEY, bytes(context), flip(bytes(ciphertext), bit), open), `bit ${bit}`);
      }
      await refused("sealed", () => openChunked(flip(KEY, 3), bytes(context), bytes(ciphertext), open));
      await refused("sealed", () => openChunked(KEY, utf8("another"), bytes(ciphertext), open));
      for (const length of [0, 31, 33]) await refused("sealed", () => openChunked(new Uint8Array(length), bytes(context), bytes(ciphertext), open));
    }
  }
});

test("messages of every chunk count open, and truncation, exchange and additions are refused", async () => {
  const context = utf8("chunks");
  for (const open of BACKENDS) {
    for (const length of [0, 1, 16_383, 16_384, 16_385, 32_768, 40_000]) {
      const plaintext = Uint8Array.from({ length }, (_, i) => i * 7);
      const sealed = seal(KEY, context, plaintext);
      assert.deepEqual(await openChunked(KEY, context, sealed, open), plaintext);
      const cuts = [0, 23, 24, 55, 56, 71, sealed.length - 1, 56 + 16_400, 56 + 2 * 16_400].filter((cut) => cut < sealed.length);
      for (const cut of cuts) await refused("sealed", () => openChunked(KEY, context, sealed.subarray(0, cut), open), `${length} to ${cut}`);
      for (const more of [1, 16, 17, 16_400]) {
        await refused("sealed", () => openChunked(KEY, context, concat(sealed, new Uint8Array(more)), open), `${length} and ${more}`);
      }
    }
    const three = seal(KEY, context, new Uint8Array(40_000).map((_, i) => i));
    const [head, first, second, last] = [three.slice(0, 56), three.slice(56, 16_456), three.slice(16_456, 32_856), three.slice(32_856)];
    await refused("sealed", () => openChunked(KEY, context, concat(head, second, first, last), open), "exchanged");
    await refused("sealed", () => openChunked(KEY, context, concat(head, first, first, last), open), "doubled");
    await refused("sealed", () => openChunked(KEY, context, concat(head, first, last), open), "left out");
  }
});

test("a section opens only at its place", async () => {
  const body = bodyOf(["result", '"pass"'], ["@about", "[]"]);
  const place = placeOf(bodyRoot(decodeBody(body)));
  const sealed = seal(KEY, contextOf(place), pad(body));
  assert.equal(hex((await openSection(KEY, place, sealed)).bytes), hex(body));
  const elsewhere: Partial<Place>[] = [
    { alliance: new Uint8Array(32) }, { author: new Uint8Array(32) }, { incarnation: 4 }, { sequence: 5 }, { section: 6 }, { root: new Uint8Array(32) },
  ];
  for (const other of elsewhere) await refused("sealed", () => openSection(KEY, { ...place, ...other }, sealed));
  await refused("sealed", () => openSection(KEY, place, new Uint8Array(2 ** 21 + 1)));
});

test("the padding is zeros up to the bucket, and the fields lead to the root of the place", async () => {
  const body = bodyOf(["a", "1"]);
  const place = placeOf(bodyRoot(decodeBody(body)));
  const open = (plaintext: Uint8Array, at = place): Promise<unknown> => openSection(KEY, at, seal(KEY, contextOf(at), plaintext));
  await open(pad(body));
  await refused("padding", () => open(body), "no padding");
  await refused("padding", () => open(pad(body, 255)));
  await refused("padding", () => open(pad(body, 257)));
  await refused("padding", () => open(pad(body, 272)), "the bucket after");
  const marked = pad(body);
  marked[255] = 1;
  await refused("padding", () => open(marked));
  await refused("cbor", () => open(new Uint8Array(0)));
  await refused("cbor", () => open(pad(Uint8Array.of(0xff))));
  await refused("form", () => open(new Uint8Array(256)), "the item 0");
  const twice = bodyOf(["a", "1"], ["a", "2"]);
  await refused("field-duplicate", () => open(pad(twice)));
  await refused("field-root", () => open(pad(body), placeOf(new Uint8Array(32))));
});

test("buckets are those of the page, and cost at most 12 percent above 256", () => {
  const known: [number, number][] = [[1, 256], [256, 256], [257, 272], [1000, 1024], [1050, 1088], [100_000, 100_352], [2 ** 20, 2 ** 20]];
  for (const [length, padded] of known) assert.equal(bucket(length), padded);
  let previous = 0;
  for (let n = 1; n <= 70_000; n++) {
    const padded = bucket(n);
    assert.ok(padded >= n && padded >= previous && bucket(padded) === padded && (n <= 256 || padded <= n * 1.12));
    previous = padded;
  }
});

test("a digest is of the whole ciphertext", async () => {
  const ciphertext = new Uint8Array(5000).fill(7);
  const sealed = { digest: blake3Hash(ciphertext), length: 5000 };
  checkDigest(ciphertext, sealed);
  await refused("digest", () => checkDigest(flip(ciphertext, 39_999), sealed));
  await refused("digest", () => checkDigest(ciphertext, { ...sealed, length: 4999 }));
  // The empty input's BLAKE3, as its authors publish it.
  assert.equal(hex(blake3Hash(new Uint8Array(0))), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
});

test("a wrap opens for one secret, circle, epoch and audience", async () => {
  const [secret, circle, audience] = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill)) as [Uint8Array, Uint8Array, Uint8Array];
  const kek = expandSha256(secret, concat(utf8("suyuan/1 wrap\n"), circle, u64(9), audience), 32);
  const wrap = gcm(kek, new Uint8Array(12)).encrypt(KEY);
  assert.equal(hex(await unwrapKey(secret, circle, 9, audience, wrap)), hex(KEY));
  await refused("wrap", () => unwrapKey(flip(secret, 0), circle, 9, audience, wrap));
  await refused("wrap", () => unwrapKey(secret, flip(circle, 0), 9, audience, wrap));
  await refused("wrap", () => unwrapKey(secret, circle, 10, audience, wrap));
  await refused("wrap", () => unwrapKey(secret, circle, 9, flip(audience, 0), wrap));
  for (let bit = 0; bit < 384; bit += 11) await refused("wrap", () => unwrapKey(secret, circle, 9, audience, flip(wrap, bit)));
  for (const length of [0, 16, 47]) await refused("wrap", () => unwrapKey(secret, circle, 9, audience, wrap.subarray(0, length)));
  await refused("wrap", () => unwrapKey(secret, circle, 9, audience, gcm(kek, new Uint8Array(12)).encrypt(new Uint8Array(31))));
});

test("HKDF-Expand gives the answer of RFC 5869", () => {
  // Appendix A.1.
  const prk = bytes("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
  const okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
  assert.equal(hex(expandSha256(prk, bytes("f0f1f2f3f4f5f6f7f8f9"), 42)), okm);
});
