// Checkpoints and proofs: who signed, and the many texts that are not quite one.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, fromBase64, u64, utf8 } from "../src/bytes.js";
import { sha256 } from "../src/crypto.js";
import { PublicKey } from "../src/key.js";
import { parseProof } from "../src/log.js";
import { parseCheckpoint, verifyCheckpoint } from "../src/note.js";
import { keyPair, refused } from "./support.js";

const ORIGIN = "suyuan/aa/bb/0";
const WITNESS = "suyuan/aa/bb/witness";
const LOG = keyPair(1);
const COSIGNER = keyPair(2);
const ROOT = base64(new Uint8Array(32).fill(9));
const BODY = `${ORIGIN}\n3\n${ROOT}\n`;
const TIME = 1_795_219_200;

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function line(name: string, type: number, key: Uint8Array, signature: Uint8Array): string {
  const id = sha256(utf8(`${name}\n`), Uint8Array.of(type), key).subarray(0, 4);
  return `\u2014 ${name} ${base64(concat(id, signature))}\n`;
}

function logLine(body = BODY): string {
  return line(ORIGIN, 1, LOG.key, LOG.sign(utf8(body)));
}

function cosignature(time: Uint8Array | number = TIME, claimed: string | number = TIME, body = BODY): string {
  const stamp = typeof time === "number" ? u64(time) : time;
  return line(WITNESS, 4, COSIGNER.key, concat(stamp, COSIGNER.sign(utf8(`cosignature/v1\ntime ${claimed}\n${body}`))));
}

async function judge(note: string, origin = ORIGIN): Promise<number | null> {
  const witness = { name: WITNESS, key: PublicKey.from(COSIGNER.key) };
  const times = await verifyCheckpoint(parseCheckpoint(note), { name: origin, key: PublicKey.from(LOG.key) }, [witness]);
  return times.get(WITNESS) ?? null;
}

test("a checkpoint holds with and without its cosignature, and strangers' lines are passed over", async () => {
  assert.equal(await judge(`${BODY}\n${logLine()}`), null);
  assert.equal(await judge(`${BODY}\n${logLine()}${cosignature()}`), TIME);
  const strangers = line("other.example/w", 4, keyPair(3).key, new Uint8Array(72)) + line(WITNESS, 4, keyPair(4).key, new Uint8Array(72));
  assert.equal(await judge(`${BODY}\n${strangers}${logLine()}${cosignature()}`), TIME);
  const { size, root, origin } = parseCheckpoint(`${BODY}\n${logLine()}`);
  assert.deepEqual([size, base64(root), origin], [3, ROOT, ORIGIN]);
});

test("who did not sign this text is refused", async () => {
  await refused("origin", () => judge(`${BODY}\n${logLine()}`, "suyuan/aa/bb/1"));
  await refused("checkpoint-signature", () => judge(`${BODY}\n${cosignature()}`), "the log is missing");
  await refused("checkpoint-signature", () => judge(`${BODY}\n${logLine(BODY.replace("3", "4"))}`));
  await refused("checkpoint-signature", () => judge(`${BODY}\n${line(ORIGIN, 4, LOG.key, LOG.sign(utf8(BODY)))}`), "a line of another type");
  await refused("checkpoint-signature", () => judge(`${BODY}\n${line(ORIGIN, 1, LOG.key, new Uint8Array(63))}`));
  await refused("checkpoint-signature", () => judge(`${BODY}\n${logLine()}${line(ORIGIN, 1, LOG.key, new Uint8Array(64))}`), "one good, one bad");
  await refused("cosignature", () => judge(`${BODY}\n${logLine()}${cosignature(TIME + 1)}`));
  await refused("cosignature", () => judge(`${BODY}\n${logLine()}${cosignature(TIME, TIME, BODY.replace("3", "4"))}`));
  await refused("cosignature", () => judge(`${BODY}\n${logLine()}${line(WITNESS, 4, COSIGNER.key, COSIGNER.sign(utf8(BODY)))}`), "no time");
  const far = Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0);
  await refused("cosignature", () => judge(`${BODY}\n${logLine()}${cosignature(far, "9007199254740992")}`), "2^53");
});

test("what is not a checkpoint is refused", async () => {
  const good = logLine();
  const notes: [string, string][] = [
    ["", "nothing"],
    [BODY, "no blank line"],
    [`${BODY}\n`, "no signature"],
    [`${BODY}\n${good}`.slice(0, -1), "no newline at the end"],
    [`${BODY}\n${good}\n`, "a blank line at the end"],
    [`${BODY}\r\n${good}`, "a carriage return"],
    [`${BODY}\n${good}`.replace("suyuan", "suy\tuan"), "a tab"],
    [`${BODY}\n${good}`.replace("suyuan", "suy\0uan"), "a NUL"],
    [`${BODY}extension\n\n${good}`, "an extension line"],
    [`${BODY}\n\n${good}`, "two blank lines"],
    [`\n3\n${ROOT}\n\n${good}`, "no origin"],
    [`${ORIGIN}\n3\n\n${good}`, "no root"],
    [`${ORIGIN}\n03\n${ROOT}\n\n${good}`, "a leading zero"],
    [`${ORIGIN}\n+3\n${ROOT}\n\n${good}`, "a sign"],
    [`${ORIGIN}\n-3\n${ROOT}\n\n${good}`, "a negative size"],
    [`${ORIGIN}\n3 \n${ROOT}\n\n${good}`, "a space"],
    [`${ORIGIN}\n3e1\n${ROOT}\n\n${good}`, "an exponent"],
    [`${ORIGIN}\n0x3\n${ROOT}\n\n${good}`, "hex"],
    [`${ORIGIN}\n9007199254740992\n${ROOT}\n\n${good}`, "2^53"],
    [`${ORIGIN}\n99999999999999999\n${ROOT}\n\n${good}`, "17 digits"],
    [`${ORIGIN}\n3\n${ROOT.slice(0, -1)}\n\n${good}`, "no base64 padding"],
    [`${ORIGIN}\n3\n${ROOT.slice(0, -2)}l=\n\n${good}`, "unused base64 bits"],
    [`${ORIGIN}\n3\n${base64(new Uint8Array(31))}\n\n${good}`, "31 bytes of root"],
    [`${ORIGIN}\n3\n${base64(new Uint8Array(33))}\n\n${good}`, "33 bytes of root"],
    [`${BODY}\n${good.replace("\u2014", "-")}`, "a hyphen"],
    [`${BODY}\n${good.replace("\u2014 ", "\u2014")}`, "no space after the dash"],
    [`${BODY}\n${good.replace(ORIGIN, "")}`, "no name"],
    [`${BODY}\n${good.replace(ORIGIN, "a+b")}`, "a plus in the name"],
    [`${BODY}\n${good.replace(ORIGIN, "a\u3000b")}`, "a wide space in the name"],
    [`${BODY}\n${good.replace(ORIGIN, "a\u0085b")}`, "a next-line character in the name"],
    [`${BODY}\n${good.replace(ORIGIN, `${ORIGIN} `)}`, "two spaces"],
    [`${BODY}\n${good.slice(0, -2)}\n`, "base64 that is cut"],
    [`${BODY}\n\u2014 x AAAA\n`, "three bytes"],
    [`${BODY}\n\u2014 x AAAAAA==\n`, "a key id and no signature"],
    [`${BODY}\n${good.repeat(1025)}`, "1025 lines"],
    [`${BODY}\n\u2014 x ${"A".repeat(262_144)}\n`, "more than 256 KiB"],
    [`${"溯".repeat(100_000)}\n3\n${ROOT}\n\n${good}`, "more than 256 KiB of bytes, though not of characters"],
  ];
  for (const [note, what] of notes) await refused("note", () => judge(note), what);
});

test("a proof is taken apart, and what is not one is refused", async () => {
  const [hash, other] = [ROOT, base64(new Uint8Array(32).fill(8))];
  const { index, path, checkpoint } = parseProof(`c2sp.org/tlog-proof@v1\nindex 7\n${hash}\n${other}\n\n${BODY}\nx`);
  assert.deepEqual([index, path.map(base64), checkpoint], [7, [hash, other], `${BODY}\nx`]);
  assert.deepEqual(parseProof("c2sp.org/tlog-proof@v1\nindex 0\n\n").path, []);
  assert.equal(parseProof(`c2sp.org/tlog-proof@v1\nindex 9007199254740991\n${`${hash}\n`.repeat(63)}\n`).path.length, 63);
  const proofs: [string, string][] = [
    ["", "nothing"],
    [`c2sp.org/tlog-proof@v1\nindex 7\n${hash}\n`, "no blank line"],
    ["c2sp.org/tlog-proof@v2\nindex 7\n\n", "another version"],
    ["c2sp.org/tlog-proof@v1\n\nindex 7\n\n", "no index"],
    ["c2sp.org/tlog-proof@v1\nextra AAAA\nindex 7\n\n", "an extra line"],
    ["c2sp.org/tlog-proof@v1\nindex 07\n\n", "a leading zero"],
    ["c2sp.org/tlog-proof@v1\nindex -7\n\n", "a negative index"],
    ["c2sp.org/tlog-proof@v1\nindex  7\n\n", "two spaces"],
    ["c2sp.org/tlog-proof@v1\nindex\n\n", "no number"],
    ["c2sp.org/tlog-proof@v1\nindex 9007199254740992\n\n", "2^53"],
    ["c2sp.org/tlog-proof@v1\r\nindex 7\r\n\r\n", "carriage returns"],
    [`c2sp.org/tlog-proof@v1\nindex 7\n${hash.slice(0, -1)}\n\n`, "no base64 padding"],
    [`c2sp.org/tlog-proof@v1\nindex 7\n${hash} \n\n`, "a space"],
    [`c2sp.org/tlog-proof@v1\nindex 7\n${base64(new Uint8Array(31))}\n\n`, "31 bytes"],
    [`c2sp.org/tlog-proof@v1\nindex 7\n${`${hash}\n`.repeat(64)}\n`, "64 hashes"],
    [`c2sp.org/tlog-proof@v1\nindex 7\n${"A".repeat(10_000_000)}\n\n`, "ten megabytes of a line"],
  ];
  for (const [proof, what] of proofs) await refused("proof", () => parseProof(proof), what);
});

test("base64 is canonical", () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 41 + length);
    assert.deepEqual(fromBase64(base64(bytes)), bytes);
  }
  for (const bad of ["A", "AA", "AAA", "AB==", "AAB=", "A===", "AA=A", "AA-_", "AAAA=", "AAAA\n", " AAAA", "AA==AAAA"]) {
    assert.equal(fromBase64(bad), null, bad);
  }
});
