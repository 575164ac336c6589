// How signed fields read on a page: consumer-page.md#display. The server does the same in Rust; sdk/js/test/display.json holds both to it.

import { known, t } from "./words.js";
import type { Lang } from "./words.js";

/** A line of a record: how far it is indented, its label, and its text, either of which may be empty. */
export interface Line {
  readonly depth: number;
  readonly label: string;
  readonly text: string;
}

/** Name of the field that lists what a section is about. */
export const ABOUT = "@about";
/** Bytes of the longest value that is shown. */
export const LONGEST = 4096;
/** Lines that are shown of one record. */
export const LINES = 200;
const DEEPEST = 5;

/** Fields whose values are words of a code list. */
const CODED = ["result", "conclusion", "status", "action", "type", "eventType", "bizStep", "disposition"];
/** Fields whose values are codes of units (UN/ECE Recommendation 20). */
const UNITS = ["unit", "uom"];
const PREFIXES = [
  "https://ref.gs1.org/cbv/BizStep-", "https://ref.gs1.org/cbv/Disp-",
  "urn:epcglobal:cbv:bizstep:", "urn:epcglobal:cbv:disp:", "cbv:BizStep-", "cbv:Disp-",
];

/** The lines of a record's fields. */
export function display(lang: Lang, fields: readonly { readonly name: string; readonly value: string }[]): Line[] {
  const lines: Line[] = [];
  for (const { name, value } of fields) {
    if (name !== ABOUT) member(lang, name, value, 0, lines);
  }
  return lines.length <= LINES ? lines : [...lines.slice(0, LINES), { depth: 0, label: "…", text: t(lang, "json.more") }];
}

function member(lang: Lang, name: string, value: string, depth: number, lines: Line[]): void {
  if (lines.length <= LINES) labelled(lang, known(lang, `field.${name}`) ?? clean(name), name, value, depth, lines);
}

function labelled(lang: Lang, label: string, name: string, value: string, depth: number, lines: Line[]): void {
  const bytes = new TextEncoder().encode(value).length;
  if (depth === 0 && bytes > LONGEST) {
    lines.push({ depth, label, text: t(lang, "json.long", bytes) });
    return;
  }
  if (depth === 0 && !isJson(value)) {
    lines.push({ depth, label, text: clean(value) });
    return;
  }
  const inline = inlined(lang, name, value, depth);
  if (inline !== null) {
    lines.push({ depth, label, text: inline });
    return;
  }
  lines.push({ depth, label, text: "" });
  const parts = split(value);
  for (let i = 0; i < parts.length && lines.length <= LINES; i++) {
    const part = parts[i]!;
    if (part.name === null) labelled(lang, `${i + 1}.`, name, part.value, depth + 1, lines);
    else member(lang, part.name, part.value, depth + 1, lines);
  }
}

/** The text of a value that needs one line only, or null. */
function inlined(lang: Lang, name: string, value: string, depth: number): string | null {
  if (!isComposite(value)) return scalar(lang, name, value);
  const parts = split(value);
  if (parts.length === 0) return t(lang, "json.none");
  if (depth >= DEEPEST) return clean(value);
  if (parts.some((part) => isComposite(part.value))) return null;
  if (parts[0]!.name === null) return parts.map((part) => scalar(lang, name, part.value)).join(t(lang, "json.join"));
  const [first, second] = parts;
  if (parts.length !== 2 || first!.name !== "value" || second!.name !== "unit") return null;
  return `${scalar(lang, "value", first!.value)} ${scalar(lang, "unit", second!.value)}`;
}

function scalar(lang: Lang, name: string, value: string): string {
  if (value === "true" || value === "false") return t(lang, `json.${value}`);
  if (value === "null") return t(lang, "json.none");
  if (!value.startsWith('"')) return clean(value);
  const text = decoded(value);
  return clean(text === null ? value : moment(text) ?? coded(lang, name, text) ?? text);
}

/** The text that a JSON string spells, or null where half a surrogate pair stands in it. */
function decoded(value: string): string | null {
  const text = JSON.parse(value) as string;
  return /[\ud800-\udfff]/.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, "")) ? null : text;
}

/** `2026-11-20T08:30:00+08:00` reads better as `2026-11-20 08:30 UTC+08:00`. */
function moment(text: string): string | null {
  const parts = /^([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2})(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|([+-][0-9]{2}:[0-9]{2}))$/.exec(text);
  return parts && `${parts[1]} ${parts[2]} UTC${parts[3] ?? ""}`;
}

function coded(lang: Lang, name: string, text: string): string | null {
  if (UNITS.includes(name)) return known(lang, `unit.${text}`);
  if (!CODED.includes(name)) return null;
  const prefix = PREFIXES.find((known) => text.startsWith(known)) ?? "";
  const word = known(lang, `value.${text.slice(prefix.length)}`);
  if (word === null) return null;
  return lang === "zh" ? word + t(lang, "json.original", text.slice(prefix.length)) : word;
}

/** Makes visible what would be invisible, or would reorder the text around it. */
export function clean(text: string): string {
  return text.replace(/[\t\n\r]/g, " ").replace(HIDDEN, (found) => `⟦U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟧`);
}

const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** A time in milliseconds since 1970-01-01 UTC, as it reads in Beijing. */
export function stamp(time: number): string {
  if (time > 253_402_000_000_000) return `${time} ms`;
  return new Date(time + 8 * 3_600_000).toISOString().slice(0, 16).replace("T", " ");
}

function isComposite(value: string): boolean {
  return value.startsWith("{") || value.startsWith("[");
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return !/^[ \t\n\r]|[ \t\n\r]$/.test(value);
  } catch {
    return false;
  }
}

/** The elements of a JSON object or array, each as the text that stands there. The text is JSON. */
function split(value: string): { name: string | null; value: string }[] {
  const parts: { name: string | null; value: string }[] = [];
  let at = 1;
  const skip = () => {
    while (" \t\n\r,:".includes(value[at]!)) at++;
  };
  for (skip(); at < value.length - 1; skip()) {
    let name: string | null = null;
    if (value[0] === "{") {
      const text = value.slice(at, (at = end(value, at)));
      name = decoded(text) ?? text;
      skip();
    }
    const text = value.slice(at, (at = end(value, at)));
    if (text === "") break; // only the closing bracket is left
    parts.push({ name, value: text });
  }
  return parts;
}

/** Where the value that begins at `at` ends. */
function end(value: string, at: number): number {
  let depth = 0;
  let quoted = false;
  for (let i = at; i < value.length; i++) {
    const c = value[i]!;
    if (quoted) {
      if (c === "\\") i++;
      else if (c === '"') quoted = false;
      else continue;
      if (!quoted && depth === 0) return i + 1;
    } else if (c === '"') quoted = true;
    else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") {
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (depth === 0 && " \t\n\r,:".includes(c)) return i;
  }
  return value.length;
}
