// Scans a code with a browser on a host of its own, from an honest node and from lying ones:
//
//   node hosts.mjs FOLDER DEMO STRANGER
//
// DEMO is what `suyuan-testnet demo --apart --json` prints, STRANGER what `suyuan-testnet up --nodes 1 --json` does. Runs in the demo's own network
// (testnet/browser/run). Keeps screenshots in FOLDER; ends with `N passed, N failed`.

import { createServer } from "node:http";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { decode, encode } from "./cbor.mjs";
import { Chromium } from "./chromium.mjs";

const [folder, demo, stranger] = [process.argv[2], ...process.argv.slice(3, 5).map((text) => JSON.parse(text))];
mkdirSync(folder, { recursive: true });

/** This program's own address in the demo's network, where the lies are told. */
const OWN = "10.77.0.254";
const phone = { width: 390, height: 844, mobile: true, scale: 2 };
const VERDICT = "document.body.dataset.verdict && document.body.dataset.verdict !== 'checking' && document.body.dataset.verdict";

const words = JSON.parse(readFileSync(new URL("../../sdk/js/src/page/words.json", import.meta.url)));

let passed = 0;
const failures = [];

function check(name, holds, found = "") {
  if (holds) passed++;
  else failures.push(`${name}: ${JSON.stringify(found)}`);
}

const scanned = new URL(demo.codes[0].address);
const about = `https://id.gs1.org${scanned.pathname}`;
const browser = new Chromium({ prefix: demo.visitor.enter });
try {
  await honest();
  await lying();
} finally {
  await browser.close();
}
for (const failure of failures) console.log(`not so: ${failure}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 ? 0 : 1);

/** The page of the code as it was printed, on plain http from an address that is not this machine's. */
async function honest() {
  for (const language of ["zh-CN", "en"]) {
    const page = await browser.page({ ...phone, language });
    await page.open(scanned.href);
    const verdict = await page.until(VERDICT).catch((error) => error.message);
    const marks = await page.evaluate("[...document.querySelectorAll('.mark')].map((mark) => mark.dataset.state)");
    check(`${language}: verified`, verdict === "verified" && marks.length >= 7 && marks.every((mark) => mark === "verified"), [verdict, marks]);
    check(`${language}: plain http, no WebCrypto`, await page.evaluate("location.protocol === 'http:' && !isSecureContext && crypto.subtle === undefined"));
    check(`${language}: not loopback`, !/^(127|\[::1|localhost)/.test(await page.evaluate("location.host")));
    check(`${language}: nothing to complain of`, page.complaints.length === 0, page.complaints);
    check(`${language}: no secret on the page`, await page.evaluate(`!${JSON.stringify(demo.secrets.map((secret) => secret.text))}.some((text) => document.documentElement.outerHTML.includes(text))`));
    await keep(page, `host-${language.slice(0, 2)}`);
  }
}

/** Each lie is told by a server that otherwise passes on what the honest node says. */
async function lying() {
  const earlier = decode(await bundle(scanned.origin));
  await put(demo.nodes.find((node) => node.key === "G"), "display", { place: "东城店 2 号冷柜" });
  const truth = await later(earlier[3].length);
  await put(stranger.nodes[0], "award", { title: "金奖" });
  const invented = await later(0, stranger.nodes[0].public);
  const told = new Map();
  for (const [name, fault, lie] of lies(earlier, truth, invented)) {
    const liar = await serve(typeof lie === "function" ? change(truth, lie) : lie);
    const reasons = [];
    for (const language of ["zh-CN", "en"]) {
      const page = await browser.page({ ...phone, language });
      await page.open(`http://${OWN}:${liar.address().port}${scanned.pathname}${scanned.search}`);
      const verdict = await page.until(VERDICT).catch((error) => error.message);
      const [text, verified] = await page.evaluate("[document.body.innerText, document.querySelectorAll('.mark[data-state=verified]').length]");
      check(`${name}, ${language}: not verified`, verdict === "failed" && verified < truth[3].length, [verdict, verified]);
      const why = words[`fault.${fault}`][language === "en" ? 1 : 0];
      check(`${name}, ${language}: the reason`, text.includes(why), [why, text.slice(0, 400)]);
      reasons.push(why);
      await keep(page, `lie-${name.replaceAll(" ", "-")}-${language.slice(0, 2)}`);
    }
    told.set(name, reasons.join());
    liar.close();
  }
  check("each lie has its own reason", new Set(told.values()).size === told.size, [...told]);
  const honest = await serve(encode(truth));
  const page = await browser.page(phone);
  await page.open(`http://${OWN}:${honest.address().port}${scanned.pathname}${scanned.search}`);
  check("the same server without a lie: verified", (await page.until(VERDICT)) === "verified");
  honest.close();
}

/** Name, fault, and what is changed in a bundle, or another bundle. */
function lies(earlier, truth, invented) {
  const last = truth[3].length - 1;
  return [
    ["field", "field-root", ([, , , records]) => flip(records[0][3][0][3][1], records[0][3][0][3][1].indexOf("active"))],
    ["header", "header", ([, , , records]) => flip(records[0][3][0][1], records[0][3][0][1].length - 1)],
    ["signature", "signature", ([, , , records]) => flip(records[0][1], 3)],
    ["proof", "inclusion", ([, , , records]) => (records[0][2] = inLine(records[0][2], 2))],
    ["checkpoint", "checkpoint-signature", ([, , , records]) => (records[0][2] = inCheckpoint(records[0][2], 2))],
    ["charter", "charter-changed", (bundle) => flip(bundle[2], bundle[2].indexOf("绿色农业") + 2)],
    ["checkpoint that does not cover", "checkpoint-size", ([, , , records]) => (records[last][2] = withCheckpoint(records[last][2], older(earlier, records[last][2])))],
    ["invented charter", "alliance", encode(invented)],
  ];
}

function flip(bytes, at) {
  if (at < 0) throw new Error("there is nothing to change");
  bytes[at] ^= 1;
}

/** A proof is a few lines (header, index, hashes), an empty line, and the checkpoint. */
function inLine(proof, number) {
  const lines = proof.split("\n");
  if (lines[number].length !== 44) throw new Error(`no hash: ${lines[number]}`);
  lines[number] = (lines[number][0] === "A" ? "B" : "A") + lines[number].slice(1);
  return lines.join("\n");
}

function inCheckpoint(proof, number) {
  const [head, ...rest] = proof.split("\n\n");
  return [head, inLine(rest.join("\n\n"), number)].join("\n\n");
}

function withCheckpoint(proof, checkpoint) {
  return [proof.split("\n\n")[0], checkpoint].join("\n\n");
}

/** A true checkpoint of the same log, from before this record. */
function older(earlier, proof) {
  const of = (proof) => proof.split("\n\n").slice(1).join("\n\n");
  const [origin] = of(proof).split("\n");
  const found = earlier[3].map((record) => of(record[2])).find((checkpoint) => checkpoint.startsWith(`${origin}\n`));
  if (!found) throw new Error("no older checkpoint of this log");
  return found;
}

/** A bundle of which something was changed. */
function change(truth, lie) {
  const changed = decode(encode(truth));
  lie(changed);
  return encode(changed);
}

async function bundle(origin) {
  const answer = await fetch(`${origin}${scanned.pathname}/bundle`);
  return answer.ok ? Buffer.from(await answer.arrayBuffer()) : encode(["", 1, "", []]);
}

/** The bundle as soon as it has more records than that. */
async function later(than, origin = scanned.origin) {
  for (let i = 0; i < 200; i++) {
    const found = decode(await bundle(origin));
    if (found[3].length > than) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the new record was not published");
}

async function put(node, type, fields) {
  const body = JSON.stringify({ records: [{ type, about: [about], sections: [{ for: "public", fields }] }] });
  const headers = { authorization: `Bearer ${node.token}`, "content-type": "application/json" };
  const answer = await fetch(`${node.admin}/api/v1/records`, { method: "POST", headers, body });
  if (!answer.ok) throw new Error(await answer.text());
}

/** A node that passes on what the honest one says, but for the proof. */
function serve(proof) {
  const server = createServer(async (request, response) => {
    if (request.url.split("?")[0].endsWith("/bundle")) return response.setHeader("content-type", "application/cbor").end(proof);
    const answer = await fetch(scanned.origin + request.url, { headers: { "accept-language": request.headers["accept-language"] ?? "" } });
    const headers = ["content-type", "content-security-policy"].map((name) => [name, answer.headers.get(name)]).filter(([, value]) => value);
    response.writeHead(answer.status, Object.fromEntries(headers)).end(Buffer.from(await answer.arrayBuffer()));
  });
  return new Promise((resolve) => server.listen(0, OWN, () => resolve(server)));
}

async function keep(page, name) {
  writeFileSync(join(folder, `${name}.png`), await page.screenshot({ whole: true }));
}
