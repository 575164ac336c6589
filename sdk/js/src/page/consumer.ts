// The consumer page's module: fetches the proof, verifies it record by record, holds what the page displays against what was verified, and only
// then sets a mark: consumer-page.md#the-check. Works without WebCrypto, so also on plain http pages and in old in-app browsers.

import { Fault, openBundle } from "../browser.js";
import type { OpenBundle, VerifiedRecord } from "../browser.js";

import { clean, stamp } from "./display.js";
import { RECALL, showRecalls } from "./recall.js";
import { bare, element, isAbout, productName, shown } from "./record.js";
import { productSubject } from "./subject.js";
import { howMany, witnessed } from "./witness.js";
import { known, t } from "./words.js";
import type { Lang } from "./words.js";

const lang: Lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
const path = location.pathname.replace(/\/$/, "");

type State = "checking" | "verified" | "failed" | "warning" | "unchecked";

interface Outcome {
  /** Records that hold, in the bundle's order. */
  readonly verified: VerifiedRecord[];
  /** Why each of the others does not. */
  readonly reasons: string[];
}

void main();

async function main(): Promise<void> {
  if (!document.getElementById("records")) return;
  const alliance = new URLSearchParams(location.search).get("a") ?? undefined;
  if (alliance !== undefined && !/^[0-9a-f]{64}$/.test(alliance)) return refuse("fault.address");
  const bytes = await proof();
  if (typeof bytes === "string") return verdict("warning", t(lang, "verdict.noproof"), bytes);
  try {
    const bundle = await openBundle(bytes, alliance);
    const outcome = await check(bundle);
    const changed = redraw(bundle, outcome);
    conclude(outcome, alliance !== undefined, changed);
  } catch (error) {
    const why = reason(error);
    refuse(why === "fault.alliance" && !(await isWhole(bytes)) ? "fault.charter-changed" : why);
  }
}

/** Whether the charter holds by itself: another alliance's does, one that was tampered with does not. */
async function isWhole(bytes: Uint8Array): Promise<boolean> {
  return openBundle(bytes).then(
    () => true,
    () => false,
  );
}

/** The proof file, or why there is none. */
async function proof(): Promise<Uint8Array | string> {
  try {
    const answer = await fetch(`${path}/bundle`, { credentials: "omit", cache: "no-store" });
    if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
    return answer.status === 404 ? t(lang, "verdict.unpublished.how") : t(lang, "verdict.noproof.how", answer.status);
  } catch {
    return t(lang, "verdict.noproof.how", "fetch");
  }
}

/** Verifies each record by itself, and lets the page breathe in between. */
async function check(bundle: OpenBundle): Promise<Outcome> {
  const outcome: Outcome = { verified: [], reasons: [] };
  const subject = productSubject(path);
  let last = Date.now();
  for (let i = 0; i < bundle.records.length; i++) {
    if (i === 0 || Date.now() - last > 100) {
      verdict("checking", t(lang, "verdict.checking", i + 1, bundle.records.length), "");
      await new Promise((resolve) => setTimeout(resolve));
      last = Date.now();
    }
    try {
      const record = await bundle.records.verify(i);
      if (subject !== null && isAbout(record, subject)) outcome.verified.push(record);
      else outcome.reasons.push("fault.subject");
    } catch (error) {
      outcome.reasons.push(reason(error));
    }
  }
  return outcome;
}

function reason(error: unknown): string {
  return error instanceof Fault ? `fault.${error.code}` : "fault.program";
}

/** What was found to differ from what the server displayed. */
interface Changes {
  /** Whether text was replaced. */
  text: boolean;
  /** How many records were put in. */
  added: number;
  /** How many are displayed without a proof. */
  unproven: number;
}

/** Puts the verified content in the place of the displayed, and sets the marks. */
function redraw(bundle: OpenBundle, { verified, reasons }: Outcome): Changes {
  const changes: Changes = { text: false, added: 0, unproven: 0 };
  const list = document.getElementById("records")!;
  const articles = new Map([...list.querySelectorAll<HTMLElement>("article")].map((article) => [article.id, article]));
  const open = new Set(articles.values());
  for (const record of verified) {
    let article = articles.get(anchor(record));
    if (!article) {
      article = insert(list, record);
      changes.added++;
    } else open.delete(article);
    changes.text = fill(article, record) || changes.text;
    mark(article, record.compromised ? "warning" : "verified", t(lang, "mark.verified"), witnessed(lang, record), details(record));
  }
  // A record that does not hold has no id to be found by: what remains displayed is matched in order, as server and proof file have it.
  const remaining = [...open];
  const offered = remaining.filter((article) => !article.hasAttribute("data-unpublished"));
  for (const why of reasons) {
    const article = offered.shift() ?? insert(list, null);
    open.delete(article);
    mark(article, "failed", `${t(lang, "mark.failed")}${t(lang, "json.original", t(lang, why))}`);
  }
  for (const article of open) {
    changes.unproven++;
    mark(article, "unchecked", t(lang, article.hasAttribute("data-unpublished") ? "mark.unpublished" : "mark.missing"));
  }
  changes.text = header(bundle, verified) || changes.text;
  return changes;
}

function anchor(record: VerifiedRecord): string {
  return `r-${record.id.slice(0, 16)}`;
}

/** A new article for a record that the server did not display, where its time puts it. */
function insert(list: HTMLElement, record: VerifiedRecord | null): HTMLElement {
  const article = element("article", "record", element("div", "shown"), element("div", "mark"));
  const when = record ? stamp(record.time) : "";
  if (record) article.id = anchor(record);
  const next = record && [...list.children].find((other) => (other.querySelector(".when")?.textContent ?? "") > when);
  list.insertBefore(article, next ?? null);
  return article;
}

/** Draws a record anew from what was verified. Says whether the page had displayed something else. */
function fill(article: HTMLElement, record: VerifiedRecord): boolean {
  const before = article.querySelector(".shown");
  const after = shown(lang, record);
  const lied = before !== null && before.childNodes.length > 0 && bare(before) !== bare(after);
  article.className = record.type === RECALL ? "record recall" : "record";
  article.textContent = "";
  article.append(after, element("div", "mark"));
  return lied;
}

function mark(article: HTMLElement, state: State, text: string, ...more: HTMLElement[]): void {
  const box = article.querySelector<HTMLElement>(".mark")!;
  box.textContent = "";
  box.dataset["state"] = state;
  box.append(element("span", "words", text));
  box.append(...more);
}

function details(record: VerifiedRecord): HTMLElement {
  const [author, entry] = [clean(record.author.name), record.sequence + 1];
  const place = record.closed ? t(lang, "mark.place.left", author, entry) : t(lang, "mark.place", author, entry, record.size);
  const box = element("details", "", element("summary", "", t(lang, "mark.details")), element("p", "", place));
  if (record.checkpointTime !== null) box.append(element("p", "", t(lang, "mark.asof", stamp(record.checkpointTime * 1000))));
  box.append(element("p", "id", t(lang, "mark.id", record.id)));
  return box;
}

/** What stands above the records: the alliance, the product's name, and the recall. */
function header(bundle: OpenBundle, verified: readonly VerifiedRecord[]): boolean {
  const name = productName(lang, verified);
  const replaced = [
    replace("alliance-name", clean(bundle.name)),
    replace("alliance-members", String(bundle.members.length)),
    name !== null && replace("product-name", name),
    showRecalls(lang, verified),
  ];
  return replaced.includes(true);
}

function replace(id: string, text: string): boolean {
  const found = document.getElementById(id);
  if (!found || bare(found) === text.replace(/\s+/g, "")) return false;
  found.textContent = text;
  return true;
}

/** The overall line. */
function conclude({ verified, reasons }: Outcome, bound: boolean, changes: Changes): void {
  const total = verified.length + reasons.length + changes.unproven;
  const more = [verified.length > 0 ? howMany(lang, verified) : "", asOf(verified)];
  if (changes.text) more.push(t(lang, "verdict.changed"));
  if (changes.added > 0) more.push(t(lang, "verdict.added", changes.added));
  if (verified.length === 0) {
    const why = reasons[0];
    return verdict("failed", t(lang, "verdict.failed"), why ? t(lang, "verdict.failed.how", t(lang, why)) : "");
  }
  if (verified.length < total) {
    const state = reasons.length > 0 ? "failed" : "warning";
    return verdict(state, t(lang, "verdict.partial", verified.length, total), t(lang, "verdict.partial.how"), ...more);
  }
  if (!bound) return verdict("warning", t(lang, "verdict.unbound"), t(lang, "verdict.unbound.how"), ...more);
  const said = total === 1 ? t(lang, "verdict.verified.one") : t(lang, "verdict.verified", total);
  verdict(changes.text ? "warning" : "verified", said, t(lang, "verdict.verified.how"), ...more);
}

/** As of when the proof is: from the oldest to the newest of the checkpoints. */
function asOf(verified: readonly VerifiedRecord[]): string {
  const newest = new Map<string, number>();
  for (const { author, checkpointTime } of verified) {
    if (checkpointTime !== null) newest.set(author.id, Math.max(checkpointTime, newest.get(author.id) ?? 0));
  }
  if (verified.every(({ left }) => left)) return "";
  if (newest.size === 0) return t(lang, "verdict.asof.none");
  const [from, to] = [Math.min(...newest.values()), Math.max(...newest.values())].map((time) => stamp(time * 1000));
  return from === to ? t(lang, "verdict.asof", from!) : t(lang, "verdict.asof.range", from!, to!);
}

/** Nothing on the page holds. */
function refuse(why: string): void {
  const said = known(lang, why) ?? why;
  for (const article of document.querySelectorAll<HTMLElement>("#records article, #recalls li")) {
    mark(article, "failed", `${t(lang, "mark.failed")}${t(lang, "json.original", said)}`);
  }
  verdict("failed", t(lang, "verdict.failed"), t(lang, "verdict.failed.how", said));
}

function verdict(state: State, title: string, ...texts: string[]): void {
  const box = document.getElementById("verdict");
  if (!box) return;
  document.body.dataset["verdict"] = state;
  box.dataset["state"] = state;
  box.textContent = "";
  box.append(element("p", "title", title), ...texts.filter((text) => text !== "").map((text) => element("p", "", text)));
}
