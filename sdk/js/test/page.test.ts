// The pages' modules: fields read as the server has them, identifiers name what they name, and no text can become markup.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { clean, display, stamp } from "../src/page/display.js";
import { productSubject } from "../src/page/subject.js";
import { howMany, witnessed } from "../src/page/witness.js";
import { t } from "../src/page/words.js";
import type { Lang } from "../src/page/words.js";
import type { VerifiedRecord } from "../src/browser.js";
import { install, make } from "./dom.js";

interface Case {
  readonly name: string;
  readonly op: string;
  readonly in: { lang: Lang; fields: [string, string][]; text: string; time: number; identifier: string };
  readonly out: unknown;
}

const OPERATIONS: Record<string, (input: Case["in"]) => unknown> = {
  display: ({ lang, fields }) => display(lang, fields.map(([name, value]) => ({ name, value }))).map(({ depth, label, text }) => [depth, label, text]),
  clean: ({ text }) => clean(text),
  stamp: ({ time }) => stamp(time),
  subject: ({ identifier }) => productSubject(identifier),
};

test("fields, times and identifiers read as the server has them", () => {
  const { cases } = JSON.parse(readFileSync("test/display.json", "utf8")) as { cases: Case[] };
  assert.ok(cases.length > 100);
  for (const { name, op, in: input, out } of cases) assert.deepEqual(OPERATIONS[op]!(input), out, name);
});

test("every subject vector of a lot or item names the same here", () => {
  const { cases } = JSON.parse(readFileSync("../../specs/vectors/trace/subject.json", "utf8")) as {
    cases: { name: string; input: string; expect: string; output?: string }[];
  };
  for (const { name, input, expect, output } of cases) {
    const wanted = expect === "ok" && /\/01\/[0-9]{14}\/(10|21)\//.test(output!) ? output : null;
    assert.equal(productSubject(input), wanted, name);
  }
});

test("words are filled once, and names of JavaScript's own are no words", () => {
  assert.equal(t("en", "mark.place", "{1}", 2, 3), "Entry 2 in the log of {1}, which then had 3");
  assert.equal(t("zh", "toString"), "toString");
  assert.equal(t("zh", "__proto__"), "__proto__");
});

test("of a record in a closed log, the page says who accepted it, and nothing of witnesses; and of a marked one, that others may have signed it", () => {
  install(make("body", "", ""));
  const of = (more: Partial<VerifiedRecord>): VerifiedRecord =>
    ({ author: { id: "", name: "旧桥贸易", role: "support" }, left: false, size: 7, needed: 2, witnessed: 1_795_176_000, witnesses: [], ...more }) as unknown as VerifiedRecord;
  const gone = of({ left: true, closed: true, needed: 0, witnessed: null });
  assert.equal(witnessed("zh", gone).textContent, "旧桥贸易 已退出联盟；联盟认可其日志的前 7 条，本条在其中");
  assert.equal(witnessed("en", gone).textContent, "旧桥贸易 has left the alliance, which accepted the first 7 entries of its log; this is one of them");
  const before = of({ closed: true, needed: 0, witnessed: null });
  assert.match(witnessed("zh", before).textContent!, /^旧桥贸易 已改用新的日志；联盟认可其原日志的前 7 条/);
  assert.match(witnessed("en", of({ compromised: true })).textContent!, /^Caution: when this was signed, others may have had the key of 旧桥贸易.*witnessed/i);
  assert.match(witnessed("en", of({ needed: 0, witnessed: null })).textContent!, /no other member/);
  assert.equal(howMany("en", [of({})]), "It also checked the signatures of other members: all records are witnessed.");
  assert.equal(howMany("en", [of({}), of({ witnessed: null })]), "Witnessed by other members: 1 of 2 records.");
  assert.match(howMany("en", [of({}), gone]), /^Witnessed by other members: 1 of 2 records\. Of 1, the log is closed/);
  assert.match(howMany("zh", [gone]), /其中 1 条所在的日志已关闭/);
});

test("every fault has words in both languages", () => {
  const source = readFileSync("src/fault.ts", "utf8");
  const codes = [...source.slice(0, source.indexOf("export class")).matchAll(/"([a-z0-9-]+)"/g)].map(([, code]) => code!);
  assert.ok(codes.length > 25);
  for (const code of codes) for (const lang of ["zh", "en"] as const) assert.notEqual(t(lang, `fault.${code}`), `fault.${code}`, code);
});

test("no text can become markup, script or style", () => {
  const sinks = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|srcdoc|\beval\b|new Function|javascript:|\.style\b|cssText|setAttribute\((?!"href", `#r-)/;
  const files = readdirSync("src/page").filter((name) => name.endsWith(".ts"));
  assert.ok(files.length >= 6);
  for (const name of files) assert.doesNotMatch(readFileSync(`src/page/${name}`, "utf8"), sinks, name);
  for (const name of ["consumer", "console"]) assert.doesNotMatch(readFileSync(`dist/${name}.js`, "utf8"), /innerHTML|document\.write|\beval\(|new Function/, name);
});
