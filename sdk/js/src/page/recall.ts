// The recall notice on top of the page (consumer-page.md#recall). The server draws it before anything is verified (node/api/templates/consumer.html);
// here each notice is drawn again from its verified record, whether or not the server had shown it, and gets a mark of its own.

import type { VerifiedRecord } from "../browser.js";

import { clean, display, stamp } from "./display.js";
import { bare, element, fieldList, fieldsOf, role } from "./record.js";
import { t } from "./words.js";
import type { Lang } from "./words.js";

/** Type of a recall's record. */
export const RECALL = "recall";
/** Fields of a recall that stand in the notice: why, what to do, and whom to ask. */
const SAID = ["reason", "action", "advice", "contact"];

/** Draws the verified recalls. Says whether the page had displayed something else. Called after the records have their marks. */
export function showRecalls(lang: Lang, verified: readonly VerifiedRecord[]): boolean {
  const [box, list] = [document.getElementById("recall"), document.getElementById("recalls")];
  if (!box || !list) return false;
  let changed = false;
  const left = new Set([...list.children] as HTMLElement[]);
  for (const record of verified) {
    const before = [...left].find((item) => item.id === `recall-${anchor(record)}`);
    if (before) left.delete(before);
    if (record.type !== RECALL) {
      // The record is true, and no recall.
      if (before) before.remove();
      changed = before !== undefined || changed;
      continue;
    }
    const after = item(lang, record);
    changed = !before || bare(before.querySelector(".notice")) !== bare(after.querySelector(".notice")) || changed;
    if (before) list.replaceChild(after, before);
    else list.append(after);
  }
  for (const unproven of left) changed = !follow(lang, unproven) || changed;
  const none = list.children.length === 0;
  changed = box.hidden !== none || changed;
  box.hidden = none;
  return changed;
}

function anchor({ id }: VerifiedRecord): string {
  return `r-${id.slice(0, 16)}`;
}

function item(lang: Lang, record: VerifiedRecord): HTMLElement {
  const link = element("a", "", stamp(record.time));
  link.setAttribute("href", `#r-${record.id.slice(0, 16)}`);
  const { author } = record;
  const notice = element("div", "notice", element("p", "who", link, " ", element("b", "", clean(author.name)), " ", element("span", "role", role(lang, author))));
  const lines = display(lang, fieldsOf(record).filter(({ name }) => SAID.includes(name)));
  if (lines.length > 0) notice.append(fieldList(lines));
  const mark = element("div", "mark", element("span", "words", t(lang, "mark.verified")));
  mark.dataset["state"] = "verified";
  const made = element("li", "", notice, mark);
  made.id = `recall-${anchor(record)}`;
  return made;
}

/** A notice whose record is displayed and not verified stays, since whoever reads it had better be careful, with the mark of that record. Any other is taken out. */
function follow(lang: Lang, unproven: HTMLElement): boolean {
  const of = document.getElementById(unproven.id.replace(/^recall-/, ""))?.querySelector<HTMLElement>(".mark");
  const mark = unproven.querySelector<HTMLElement>(".mark");
  if (!of || !mark || of.dataset["state"] === "verified") {
    unproven.remove();
    return false;
  }
  mark.dataset["state"] = of.dataset["state"] ?? "unchecked";
  mark.textContent = "";
  mark.append(element("span", "words", of.querySelector(".words")?.textContent ?? t(lang, "mark.missing")));
  return true;
}
