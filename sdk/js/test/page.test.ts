// The pages' modules: fields read as the server has them, identifiers name what they name, and no text can become markup.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { clean, display, stamp } from "../src/page/display.js";
import { productSubject } from "../src/page/subject.js";
import { t } from "../src/page/words.js";
import type { Lang } from "../src/page/words.js";

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
