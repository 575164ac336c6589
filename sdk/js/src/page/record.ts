// A verified record as it stands on the page. The server draws the same before anything is verified (node/api/templates/record.html); the two
// are compared by their text. Text goes in as text nodes only.

import type { MemberInfo, VerifiedRecord } from "../browser.js";

import { ABOUT, clean, display, stamp } from "./display.js";
import { productSubject } from "./subject.js";
import { known, t } from "./words.js";
import type { Lang } from "./words.js";

/** Fields of an EPCIS 2.0 event that programs read; on the page they are folded up. */
const EVENT = [
  "type", "eventType", "eventID", "eventTimeZoneOffset", "recordTime", "action", "errorDeclaration", "persistentDisposition", "epcList", "quantityList",
  "parentID", "childEPCs", "childQuantityList", "inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList", "transformationID",
  "readPoint", "bizLocation", "bizTransactionList", "sourceList", "destinationList", "certificationInfo",
];

/** An element with a class and children; strings become text nodes. */
export function element(tag: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** The fields that a record discloses, over all sections. */
export function fieldsOf(record: VerifiedRecord): { name: string; value: string }[] {
  return record.sections.flatMap(({ fields }) => fields.map(({ name, value }) => ({ name, value })));
}

/** Whether one of the sections that a record discloses says that it is about `subject`. */
export function isAbout(record: VerifiedRecord, subject: string): boolean {
  return fieldsOf(record).some(({ name, value }) => name === ABOUT && listed(value).some((given) => productSubject(given) === subject));
}

function listed(value: string): string[] {
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) ? list.filter((entry) => typeof entry === "string") : [];
  } catch {
    return [];
  }
}

/** What is said of a record: when, what, who, its public fields, and how much is withheld. */
export function shown(lang: Lang, record: VerifiedRecord): HTMLElement {
  const box = element("div", "shown", element("p", "when", stamp(record.time)));
  box.append(element("h3", "", known(lang, `type.${record.type}`) ?? clean(record.type)));
  box.append(element("p", "who", element("b", "", clean(record.author.name)), " ", element("span", "role", role(lang, record.author))));
  const fields = fieldsOf(record);
  const event = fields.some(({ name }) => name === "eventTimeZoneOffset");
  const lines = display(lang, fields.filter(({ name }) => !(event && EVENT.includes(name))));
  if (lines.length > 0) box.append(fieldList(lines));
  else box.append(element("p", "none", t(lang, "record.none")));
  const folded = display(lang, fields.filter(({ name }) => event && EVENT.includes(name)));
  if (folded.length > 0) box.append(element("details", "event", element("summary", "", t(lang, "record.event")), fieldList(folded)));
  if (record.withheld > 0) {
    const { author, withheld } = record;
    box.append(element("p", "withheld", t(lang, withheld === 1 ? "record.withheld.one" : "record.withheld", withheld, clean(author.name), role(lang, author))));
  }
  return box;
}

/** Fields as a list of terms. */
export function fieldList(lines: ReturnType<typeof display>): HTMLElement {
  const list = element("dl", "fields");
  for (const { depth, label, text } of lines) {
    list.append(element("div", `d${depth}`, element("dt", "", label), element("dd", "", text)));
  }
  return list;
}

/** A member's role in the reader's language. */
export function role(lang: Lang, { role: name }: MemberInfo): string {
  return t(lang, `role.${name}`);
}

/** What the product is called, by the oldest of `records` that says so. */
export function productName(lang: Lang, records: readonly VerifiedRecord[]): string | null {
  for (const name of ["productName", "product"]) {
    for (const record of records) {
      const [line, ...more] = display(lang, fieldsOf(record).filter((field) => field.name === name));
      if (line && more.length === 0 && line.text !== "" && [...line.text].length <= 40) return line.text;
    }
  }
  return null;
}

/** Text without any white space, by which what was displayed is compared with what was verified. */
export function bare(node: Node | null): string {
  return (node?.textContent ?? "").replace(/\s+/g, "");
}
