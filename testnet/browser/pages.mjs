// Looks at the pages of a node as a phone and a desk see them, and keeps screenshots:
//
//   node pages.mjs FOLDER JSON
//
// JSON is what the example `site` of the crate suyuan-api prints. Ends with `N passed, N failed`.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Chromium } from "./chromium.mjs";

const [folder, told] = process.argv.slice(2);
if (!folder || !told) throw new Error("usage: node pages.mjs FOLDER JSON");
const site = JSON.parse(told);
mkdirSync(folder, { recursive: true });

let passed = 0;
const failures = [];

function check(name, holds, found = "") {
  if (holds) passed++;
  else failures.push(`${name}${found === "" ? "" : `: ${JSON.stringify(found)}`}`);
}

async function keep(page, name, options) {
  writeFileSync(join(folder, `${name}.png`), await page.screenshot(options));
}

const phone = { width: 390, height: 844, mobile: true, scale: 2 };
const desk = { width: 1280, height: 800 };
const VERDICT = "document.body.dataset.verdict && document.body.dataset.verdict !== 'checking' && document.body.dataset.verdict";
const OTHER = "ab".repeat(32);

const browser = new Chromium({ flags: ["--host-resolver-rules=MAP trace.test 127.0.0.1"] });
try {
  await consumer();
  await lies();
  await console_();
} finally {
  await browser.close();
}
for (const failure of failures) console.log(`not so: ${failure}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function consumer() {
  const scans = [
    ["lot-zh", site.lot, `?a=${site.alliance}`, "zh-CN", "verified"],
    ["lot-en", site.lot, `?a=${site.alliance}`, "en", "verified"],
    ["recall-zh", site.recalled, `?a=${site.alliance}`, "zh-CN", "verified"],
    ["unbound-en", site.lot, "", "en", "warning"],
    ["other-alliance-zh", site.lot, `?a=${OTHER}`, "zh-CN", "failed"],
    ["damaged-zh", site.lot, "?a=xyz", "zh-CN", "failed"],
  ];
  for (const [name, path, query, language, verdict] of scans) {
    const page = await browser.page({ ...phone, language });
    await page.open(site.public + path + query);
    const found = await page.until(VERDICT).catch((error) => error.message);
    check(`${name}: verdict`, found === verdict, [found, await page.evaluate("document.getElementById('verdict').innerText")]);
    check(`${name}: nothing to complain of`, page.complaints.length === 0, page.complaints);
    const marks = await page.evaluate("[...document.querySelectorAll('.mark')].map((mark) => mark.dataset.state).join()");
    check(`${name}: marks`, marks.split(",").every((mark) => mark === (verdict === "failed" ? "failed" : "verified")), marks);
    check(`${name}: language`, (await page.evaluate("document.documentElement.lang")) === language);
    check(`${name}: no sideways scrolling`, await page.evaluate("document.documentElement.scrollWidth <= innerWidth"));
    check(`${name}: transfer`, page.bytes < 80 * 1024, page.bytes);
    console.log(`${name}: ${page.bytes} bytes`);
    await keep(page, name);
    await keep(page, `${name}-whole`, { whole: true });
  }
  for (const [name, path] of [["empty-zh", "/01/06901234567892/10/NONE"], ["invalid-zh", "/01/06901234567893/10/L1"], ["root-zh", "/"]]) {
    const page = await browser.page(phone);
    await page.open(site.public + path);
    await keep(page, name);
  }
  // A name that is not loopback's: no secure context, so no WebCrypto.
  const plain = await browser.page(phone);
  await plain.open(`${site.public.replace("127.0.0.1", "trace.test")}${site.lot}?a=${site.alliance}`);
  const found = await plain.until(VERDICT).catch((error) => error.message);
  check("plain http: verified without WebCrypto", found === "verified" && (await plain.evaluate("!isSecureContext && crypto.subtle === undefined")), found);
  const narrow = await browser.page({ ...phone, width: 360, height: 740 });
  await narrow.send("Emulation.setScriptExecutionDisabled", { value: true });
  await narrow.open(`${site.public}${site.lot}?a=${site.alliance}`);
  await keep(narrow, "no-script-zh");
}

/** What a page finds when the server lies: a changed proof, or a changed page over a true proof. */
async function lies() {
  const address = `${site.public}${site.lot}?a=${site.alliance}`;
  const bundle = Buffer.from(await (await fetch(`${site.public}${site.lot}/bundle`)).arrayBuffer());
  const reasons = new Set();
  const record = bundle.indexOf("Signature1"); // the first record's frame; the charter is before it
  for (let i = 0; i < 24; i++) {
    const changed = Buffer.from(bundle);
    const from = i < 6 ? 40 : record;
    changed[significant(bundle, from + Math.floor(((bundle.length - from) * (i + 0.5)) / 24))] ^= 1 << i % 8;
    const page = await lied(address, "/bundle", () => ({ type: "application/cbor", body: changed }));
    const [found, text] = await page.evaluate("[document.body.dataset.verdict, document.body.innerText]");
    check(`byte ${i} changed`, found === "failed", found);
    for (const reason of text.match(/(?<=（)[^）\n]+(?=）$)/gm) ?? []) reasons.add(reason);
    if (i === 20) await keep(page, "lie-proof-zh");
  }
  check("changed bytes are told apart", reasons.size >= 3, [...reasons]);
  const text = await (await fetch(address, { headers: { "Accept-Language": "zh" } })).text();
  const swaps = [["合格（pass）", "优秀"], ["青禾检测中心", "国家检测中心"], ["链主", "监管"], ["另有 4 项", "另有 1 项"], ["2026-11-20 09:00", "2026-11-20 09:01"], ["从田园到餐桌协作联盟", "另一个联盟"]];
  for (const [said, lie] of swaps) {
    const page = await lied(address, site.lot, () => ({ type: "text/html; charset=utf-8", body: Buffer.from(text.replace(said, lie)) }));
    const [found, now] = await page.evaluate("[document.body.dataset.verdict, document.body.innerText]");
    check(`${lie} for ${said}`, found === "warning" && now.includes("已更正为签名数据") && !now.includes(lie) && now.includes(said.slice(0, 4)), [found, now.slice(0, 200)]);
  }
  const whole = /<article[^]*?<\/article>/;
  const left = await lied(address, site.lot, () => ({ type: "text/html; charset=utf-8", body: Buffer.from(text.replace(whole, "")) }));
  check("a record left out is put in", (await left.evaluate("document.querySelectorAll('.mark[data-state=verified]').length")) === 6);
  const invented = text.match(whole)[0].replace(/id="r-[0-9a-f]+"/, 'id="r-0000000000000000"').replace("种植", "获奖");
  const more = await lied(address, site.lot, () => ({ type: "text/html; charset=utf-8", body: Buffer.from(text.replace(whole, (found) => found + invented)) }));
  const [found, marks] = await more.evaluate("[document.body.dataset.verdict, [...document.querySelectorAll('.mark')].map((mark) => mark.dataset.state).join()]");
  check("an invented record is not proven", found === "warning" && marks.includes("unchecked"), [found, marks]);
  const other = await lied(`${site.public}${site.recalled}?a=${site.alliance}`, "/bundle", () => ({ type: "application/cbor", body: bundle }));
  check("true records of another product", (await other.evaluate("document.body.innerText")).includes("这条记录不是关于本产品的"));
  const none = await lied(address, "/bundle", () => ({ status: 503, type: "text/plain", body: Buffer.from("") }));
  check("no proof", (await none.evaluate("document.body.dataset.verdict")) === "warning");
}

/** This place of a bundle, or the next one outside a cosignature's line: a line that names an unknown key says nothing, so there a change may take nothing but the time. */
function significant(bundle, at) {
  const text = bundle.toString("latin1");
  const line = text.lastIndexOf("\n", at);
  const end = text.indexOf("\n", at);
  return end > 0 && text.slice(line, end).includes("/witness ") ? end : at;
}

/** A page, of which one answer is replaced on its way. */
async function lied(address, ending, answer) {
  const page = await browser.page(phone);
  await page.send("Fetch.enable", { patterns: [{ urlPattern: "*" }] });
  page.answer = ({ requestId, request }) => {
    const path = new URL(request.url).pathname;
    if (!path.endsWith(ending)) return void page.send("Fetch.continueRequest", { requestId });
    const { status = 200, type, body } = answer();
    const responseHeaders = [{ name: "Content-Type", value: type }];
    void page.send("Fetch.fulfillRequest", { requestId, responseCode: status, responseHeaders, body: body.toString("base64") });
  };
  await page.open(address);
  await page.until(VERDICT);
  return page;
}

async function console_() {
  for (const language of ["zh-CN", "en"]) {
    const page = await browser.page({ ...desk, language });
    const short = language.slice(0, 2);
    await page.open(`${site.admin}/records`);
    check(`${short}: a stranger is led to the login`, (await page.evaluate("location.pathname")) === "/login");
    await keep(page, `console-login-${short}`);
    await page.evaluate(`document.getElementById("password").value = ${JSON.stringify(site.password)}; document.querySelector(".login form").submit()`);
    await page.until("location.pathname === '/records' && document.readyState === 'complete'").catch(() => {});
    check(`${short}: logged in`, (await page.evaluate("location.pathname")) === "/records", await page.evaluate("document.body.innerText"));
    await keep(page, `console-records-${short}`);
    const record = await page.evaluate("[...document.querySelectorAll('tbody tr')].find((row) => row.querySelectorAll('.chip').length > 2)?.querySelector('a').getAttribute('href')");
    const circle = `${site.admin}/circles`;
    for (const [name, address] of [
      ["overview", `${site.admin}/`], ["charter", `${site.admin}/charter`], ["members", `${site.admin}/members`], ["invitations", `${site.admin}/invitations`],
      ["logs", `${site.admin}/logs`], ["record", site.admin + record], ["circles", circle], ["new-circle", `${circle}/new`],
      ["code", `${site.admin}/code?gtin=6901234567892&lot=L20261120`],
    ]) {
      await page.open(address);
      await keep(page, `console-${name}-${short}`, { whole: true });
      check(`${short}: ${name} fits`, await page.evaluate("document.documentElement.scrollWidth <= innerWidth"));
    }
    await page.open(circle);
    await page.open(site.admin + (await page.evaluate("[...document.querySelectorAll('tbody a')].at(-1).getAttribute('href')")));
    await keep(page, `console-circle-${short}`, { whole: true });
    check(`${short}: nothing to complain of`, page.complaints.length === 0, page.complaints);
  }
}
