// The recall notice: what the server leaves out is put in, what it changes is corrected, what it invents is not called verified.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { VerifiedRecord } from "../src/browser.js";
import { showRecalls } from "../src/page/recall.js";

import { Element, install, make } from "./dom.js";

const ID = "ab".repeat(32);
const FIELDS = [
  ["reason", '"部分包装冷藏中断"'], ["store", '"东城店"'], ["advice", '"请勿食用"'], ["contact", '"400-000-0000"'],
] as const;

function record(type: string, id = ID): VerifiedRecord {
  const author = { id: "0".repeat(64), name: "邻里超市", role: "downstream" };
  const fields = FIELDS.map(([name, value]) => ({ name, value }));
  return { id, type, time: 1_795_176_000_000, author, sections: [{ fields }], withheld: 0 } as unknown as VerifiedRecord;
}

/** A page whose server shows these notices. */
function page(...notices: Element[]): { box: Element; list: Element } {
  const list = make("ul", "recalls", "", ...notices);
  const box = make("section", "recall", "recall-box", list);
  box.hidden = notices.length === 0;
  const article = make("article", `r-${ID.slice(0, 16)}`, "record", make("div", "", "mark", make("span", "", "words", "尚无证明")));
  article.querySelector(".mark")!.dataset["state"] = "failed";
  install(make("body", "", "", box, article));
  return { box, list };
}

function displayed(text: string, id = ID): Element {
  const mark = make("div", "", "mark", make("span", "", "words", "尚未验证"));
  mark.dataset["state"] = "unchecked";
  return make("li", `recall-r-${id.slice(0, 16)}`, "", make("div", "", "notice", text), mark);
}

const TOLD = "2026-11-20 20:00 邻里超市 下游原因部分包装冷藏中断建议请勿食用联系方式400-000-0000";
const states = (list: Element) => list.children.map((item) => item.querySelector(".mark")!.dataset["state"]);

test("a recall that the server left out is put on top, marked, and the page was not true", () => {
  const { box, list } = page();
  assert.equal(showRecalls("zh", [record("recall")]), true);
  assert.equal(box.hidden, false);
  assert.deepEqual(states(list), ["verified"]);
  assert.equal(list.children[0]!.querySelector(".notice")!.textContent, TOLD);
  assert.doesNotMatch(list.textContent, /东城店/, "only why, what to do and whom to ask");
});

test("a recall as the server showed it is the same, and marked", () => {
  const { list } = page(displayed(TOLD));
  assert.equal(showRecalls("zh", [record("recall"), record("note", "cd".repeat(32))]), false);
  assert.deepEqual(states(list), ["verified"]);
});

test("a recall that was softened is corrected", () => {
  const { list } = page(displayed(TOLD.replace("请勿食用", "可以食用")));
  assert.equal(showRecalls("zh", [record("recall")]), true);
  assert.match(list.textContent, /请勿食用/);
  assert.doesNotMatch(list.textContent, /可以食用/);
});

test("a hidden box is opened", () => {
  const { box } = page(displayed(TOLD));
  box.hidden = true;
  assert.equal(showRecalls("zh", [record("recall")]), true);
  assert.equal(box.hidden, false);
});

test("a record that is no recall is no notice", () => {
  const { box, list } = page(displayed(TOLD));
  assert.equal(showRecalls("zh", [record("note")]), true);
  assert.equal(list.children.length, 0);
  assert.equal(box.hidden, true);
});

test("a notice whose record is displayed and not verified stays, with the mark of that record", () => {
  const { box, list } = page(displayed(TOLD));
  assert.equal(showRecalls("zh", []), false);
  assert.equal(box.hidden, false);
  assert.deepEqual(states(list), ["failed"]);
  assert.match(list.textContent, /尚无证明/);
});

test("a notice without any record is taken out, and the page was not true", () => {
  const { list } = page(displayed(TOLD), displayed("发明的公告", "ef".repeat(32)));
  assert.equal(showRecalls("zh", [record("recall")]), true);
  assert.deepEqual(states(list), ["verified"]);
  assert.doesNotMatch(list.textContent, /发明/);
});
