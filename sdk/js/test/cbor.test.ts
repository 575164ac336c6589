// The CBOR profile: what is in it, and the many things that are not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, equal, hex, utf8 } from "../src/bytes.js";
import { Reader, check, encodeArray, encodeBytes, encodeText, itemEnd, openSuite } from "../src/cbor.js";
import { bytes, refused } from "./support.js";

test("items of the profile are accepted", () => {
  const good = [
    "00", "17", "1818", "18ff", "190100", "19ffff", "1a00010000", "1affffffff", "1b0000000100000000", "1b001fffffffffffff",
    "40", "42beef", `5818${"00".repeat(24)}`, `590100${"00".repeat(256)}`, "60", "63e6baaf", "64f0908080", "64f48fbfbf", "63ed9fbf",
    "63ee8080", "80", "840142beef63e6baaff6", "f6", "8180", `98 18 ${"f6".repeat(24)}`, `${"81".repeat(15)}80`, `82${"81".repeat(15)}0000`,
  ];
  for (const item of good) check(bytes(item));
});

test("anything else is refused", async () => {
  const bad: [string, string][] = [
    ["", "nothing"],
    ["0000", "two items"],
    ["1817", "23 in two bytes"],
    ["1900ff", "255 in three bytes"],
    ["1a0000ffff", "65535 in five bytes"],
    ["1b00000000ffffffff", "2^32 - 1 in nine bytes"],
    ["1b0020000000000000", "2^53"],
    ["1b0020000000000001", "2^53 + 1"],
    ["1bffffffffffffffff", "2^64 - 1"],
    ["5800", "a length that is not shortest"],
    ["7817" + "61".repeat(23), "a text length that is not shortest"],
    ["9800", "an array length that is not shortest"],
    ["18", "a head that is cut off"],
    ["1b00000001", "a long head that is cut off"],
    ["41", "a byte string that is cut off"],
    ["62e6", "a text that is cut off"],
    ["5affffffff", "four gigabytes promised"],
    ["5b001fffffffffffff", "eight petabytes promised"],
    ["9affffffff", "four billion elements promised"],
    ["9a00010001" + "00".repeat(65_537), "65,537 elements"],
    ["8200", "an element that is missing"],
    ["81", "an array that is cut off"],
    ["1c", "reserved"],
    ["1f", "reserved"],
    ["5f4100ff", "an indefinite byte string"],
    ["7f6100ff", "an indefinite text"],
    ["9f00ff", "an indefinite array"],
    ["20", "a negative number"],
    ["a0", "a map"],
    ["a10000", "a map"],
    ["c000", "a tag"],
    ["f4", "false"],
    ["f5", "true"],
    ["f7", "undefined"],
    ["e0", "a simple value"],
    ["f8f6", "null in two bytes"],
    ["f816", "null in two bytes"],
    ["f93c00", "a half float"],
    ["fa3f800000", "a float"],
    ["fb3ff0000000000000", "a double"],
    ["ff", "a break"],
    ["61ff", "no UTF-8"],
    ["6180", "a stray continuation"],
    ["62c080", "an overlong NUL"],
    ["62c1bf", "an overlong DEL"],
    ["63e09fbf", "an overlong form of three bytes"],
    ["64f08fbfbf", "an overlong form of four bytes"],
    ["63eda080", "a surrogate"],
    ["63edbfbf", "a surrogate"],
    ["64f4908080", "above U+10FFFF"],
    ["64f5808080", "above U+10FFFF"],
    ["61c3", "half a character"],
    ["62e6ba", "two thirds of a character"],
    ["62c328", "a broken continuation"],
    ["64f09f9828", "a broken last continuation"],
    [`${"81".repeat(16)}80`, "seventeen arrays deep"],
  ];
  for (const [item, what] of bad) await refused("cbor", () => check(bytes(item)), what);
});

test("a lot of nesting and a lot of elements end soon", async () => {
  await refused("cbor", () => check(new Uint8Array(8 << 20).fill(0x81)));
  const many = new Uint8Array(65_536 * 64 + 16).fill(0);
  // 64 arrays of 65,536 zeros in one: well formed, and walked without an object for each.
  many.set([0x98, 64]);
  let at = 2;
  for (let i = 0; i < 64; i++) {
    if (at + 5 + 65_536 > many.length) break;
    many.set([0x9a, 0, 1, 0, 0], at);
    at += 5 + 65_536;
  }
  await refused("cbor", () => check(many.subarray(0, at)));
});

test("an item's end is found with other bytes after it", async () => {
  assert.equal(itemEnd(bytes("82004100ffff")), 4);
  await refused("cbor", () => itemEnd(bytes("8200")));
});

test("a reader takes what is expected and refuses the rest with form", async () => {
  const item = bytes("8507 42beef 63e6baaf f6 820102".replace(/ /g, ""));
  const reader = new Reader(item);
  assert.equal(reader.array(5, 5), 5);
  assert.equal(reader.uint(7, 7), 7);
  assert.equal(hex(reader.bytes(2, 2)), "beef");
  assert.equal(reader.text(3, 3), "溯");
  assert.ok(reader.null());
  assert.deepEqual(reader.list(() => reader.uint(), 0, 2, 1), [1]);
  assert.equal(reader.position, item.length);
  for (const [digits, take] of [
    ["07", (r: Reader) => r.uint(8)],
    ["07", (r: Reader) => r.uint(0, 6)],
    ["07", (r: Reader) => r.bytes()],
    ["42beef", (r: Reader) => r.text()],
    ["42beef", (r: Reader) => r.bytes(3)],
    ["42beef", (r: Reader) => r.bytes(0, 1)],
    ["42beef", (r: Reader) => r.hash()],
    ["f6", (r: Reader) => r.uint()],
    ["f6", (r: Reader) => r.array()],
    ["80", (r: Reader) => r.array(1)],
    ["8100", (r: Reader) => r.array(0, 0)],
    ["8100", (r: Reader) => r.list(() => r.text())],
  ] as [string, (r: Reader) => unknown][]) {
    await refused("form", () => take(new Reader(bytes(digits))), digits);
  }
});

test("the suite is decided after cbor and before the length", async () => {
  assert.equal(openSuite(bytes("820102"), 2).uint(), 2);
  await refused("cbor", () => openSuite(bytes("820202ff"), 2));
  await refused("suite", () => openSuite(bytes("820202"), 2));
  await refused("suite", () => openSuite(bytes("8100"), 2), "the length comes after");
  await refused("form", () => openSuite(bytes("8101"), 2));
  for (const digits of ["80", "01", "f6", "8160", "81f6", "8181"]) await refused(digits === "8181" ? "cbor" : "form", () => openSuite(bytes(digits), 1));
  await refused("suite", () => openSuite(bytes("826002"), 2, 1));
  await refused("form", () => openSuite(bytes("8160"), 2, 1));
  await refused("form", () => openSuite(bytes("826060"), 2, 1));
});

test("text keeps a byte order mark", () => {
  assert.equal(new Reader(bytes("64efbbbf61")).text(), "\ufeffa");
});

test("what is encoded is in the profile", () => {
  for (const length of [0, 23, 24, 255, 256, 65_535, 65_536, 262_144]) {
    const item = encodeArray(encodeBytes(new Uint8Array(length)), encodeText("a".repeat(length)));
    check(item);
    const reader = new Reader(item);
    reader.array(2, 2);
    assert.ok(equal(reader.bytes(length, length), new Uint8Array(length)));
    assert.equal(reader.text().length, length);
  }
  assert.equal(hex(encodeText("溯")), "63e6baaf");
  assert.equal(hex(concat(utf8("溯"))), "e6baaf");
});
