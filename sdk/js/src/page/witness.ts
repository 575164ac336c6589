// Who else has seen a record's log, as it stands on the page: what was checked, and no more.

import type { VerifiedRecord } from "../browser.js";

import { clean, stamp } from "./display.js";
import { element } from "./record.js";
import { t } from "./words.js";
import type { Lang } from "./words.js";

/** Names that are written out. */
const NAMED = 4;

/** What is said of a record's witnesses, whose cosignatures were verified along with it. */
export function witnessed(lang: Lang, { author, left, closed, compromised, size, witnesses, needed, witnessed: time }: VerifiedRecord): HTMLElement {
  const partners = witnesses.filter(({ role }) => role !== "regulator").map(({ name }) => name);
  const regulators = witnesses.filter(({ role }) => role === "regulator").map(({ name }) => name);
  const box = element("div", "witness");
  if (compromised) box.append(element("p", "caution", t(lang, "mark.compromised", clean(author.name))));
  if (closed) box.append(element("p", "left", t(lang, left ? "mark.left" : "mark.closed", clean(author.name), size)));
  else if (needed === 0) box.append(element("p", "", t(lang, "mark.alone")));
  else if (time === null) box.append(element("p", "", t(lang, "mark.unwitnessed", partners.length, needed)));
  else box.append(element("p", "witnessed", t(lang, "mark.witnessed", names(lang, partners), stamp(time * 1000))));
  if (regulators.length > 0) box.append(element("p", "", t(lang, "mark.regulators", names(lang, regulators))));
  return box;
}

/** How many of the records are witnessed, in a sentence, and how many are of closed logs, in another. */
export function howMany(lang: Lang, verified: readonly VerifiedRecord[]): string {
  const count = verified.filter((record) => record.witnessed !== null).length;
  if (count === verified.length) return t(lang, "verdict.witnessed");
  const some = t(lang, "verdict.witnessed.some", count, verified.length);
  const gone = verified.filter(({ closed }) => closed).length;
  return gone === 0 ? some : `${some}${lang === "zh" ? "" : " "}${t(lang, "verdict.left", gone)}`;
}

function names(lang: Lang, all: readonly string[]): string {
  const first = all.slice(0, NAMED).map(clean).join(t(lang, "mark.witnesses.and"));
  if (all.length <= NAMED) return first;
  return t(lang, "mark.witnesses.more", first, lang === "zh" ? all.length : all.length - NAMED);
}
