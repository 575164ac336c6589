// The fields of a section as one object, in the one form in which they are written: resolution.md#fields. They are read along the form that is
// expected, never into a generic tree: nothing nests deeper than the form does, and no name comes from outside.

import { compare, utf8 } from "./bytes.js";
import { Fault, ensure } from "./fault.js";
import { MAX_UINT } from "./limits.js";
import type { Body } from "./section.js";

/** Reads one value at the cursor, or refuses with `form`. */
export type Form<T> = (cursor: Cursor) => T;

/** What a form reads. */
export type Read<F> = F extends Form<infer T> ? T : never;

/** The forms of an object's members. */
interface Forms {
  readonly [name: string]: Form<unknown>;
}

type ReadAll<F extends Forms> = { readonly [name in keyof F]: Read<F[name]> };

/** A place in the text of a value. */
export class Cursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Takes `token` if it is next. */
  takes(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  /** Takes `token`, which is next. */
  take(token: string): void {
    ensure(this.takes(token), "form", `not ${token} at character ${this.at} of a field`);
  }
}

/** Reads the fields of a section, in any order, whose members are these: none missing, none besides. Refuses with `form`. */
export function readFields<F extends Forms>({ fields }: Body, forms: F): ReadAll<F> {
  const values = new Map(fields.map(({ name, value }) => [name, value]));
  const names = Object.keys(forms);
  ensure(values.size === names.length, "form", "fields that are missing, or not known");
  return Object.fromEntries(names.map((name) => {
    const value = values.get(name);
    ensure(value !== undefined, "form", `no field ${name}`);
    return [name, whole(value, forms[name]!)];
  })) as ReadAll<F>;
}

function whole<T>(value: string, form: Form<T>): T {
  const cursor = new Cursor(value);
  const read = form(cursor);
  ensure(cursor.at === value.length, "form", "text after the value of a field");
  return read;
}

/** An integer from 0 to 2^53 - 1. */
export const uint: Form<number> = (cursor) => {
  const digits = /(?:0|[1-9][0-9]{0,15})/y;
  digits.lastIndex = cursor.at;
  const found = digits.exec(cursor.text)?.[0];
  ensure(found !== undefined && Number(found) <= MAX_UINT, "form", "not an integer up to 2^53 - 1");
  cursor.at += found.length;
  return Number(found);
};

/** A text, in its shortest escapes. */
export const string: Form<string> = (cursor) => {
  cursor.take('"');
  const start = cursor.at;
  let escaped = false;
  for (let code = cursor.text.charCodeAt(start); code !== 0x22; code = cursor.text.charCodeAt(cursor.at)) {
    ensure(code >= 0x20, "form", "a text that does not end, or a control character in it"); // beyond the end it is NaN
    escaped ||= code === 0x5c;
    cursor.at += code === 0x5c ? 2 : 1;
  }
  cursor.at += 1;
  const content = cursor.text.slice(start, cursor.at - 1);
  return escaped ? unescape(`"${content}"`) : content;
};

function unescape(quoted: string): string {
  let content: string;
  try {
    content = JSON.parse(quoted) as string;
  } catch {
    throw new Fault("form", "an escape that is none");
  }
  ensure(JSON.stringify(content) === quoted && !/[\ud800-\udfff]/u.test(content), "form", "an escape where none is needed, or half a character");
  return content;
}

/** The lowercase hex of 32 bytes. */
export const id: Form<string> = (cursor) => {
  const digits = string(cursor);
  ensure(/^[0-9a-f]{64}$/.test(digits), "form", "not 64 hex digits");
  return digits;
};

/** One of these words. */
export function word<W extends string>(...words: readonly W[]): Form<W> {
  return (cursor) => {
    const read = string(cursor);
    const found = words.find((known) => known === read);
    ensure(found !== undefined, "form", "a word that is not known");
    return found;
  };
}

/** The value, or null. */
export function nullable<T>(form: Form<T>): Form<T | null> {
  return (cursor) => (cursor.takes("null") ? null : form(cursor));
}

/** An array. */
export function list<T>(form: Form<T>): Form<T[]> {
  return (cursor) => {
    cursor.take("[");
    const elements: T[] = [];
    while (!cursor.takes("]")) {
      if (elements.length > 0) cursor.take(",");
      elements.push(form(cursor));
    }
    return elements;
  };
}

/** An array of two. */
export function pair<A, B>(first: Form<A>, second: Form<B>): Form<readonly [A, B]> {
  return (cursor) => {
    cursor.take("[");
    const one = first(cursor);
    cursor.take(",");
    const other = second(cursor);
    cursor.take("]");
    return [one, other];
  };
}

/** An object of exactly these members. */
export function record<F extends Forms>(forms: F): Form<ReadAll<F>> {
  const names = Object.keys(forms).sort(); // all ASCII
  return (cursor) => {
    const members = names.map((name, index) => {
      cursor.take(`${index === 0 ? "{" : ","}"${name}":`);
      return [name, forms[name]!(cursor)];
    });
    cursor.take("}");
    return Object.fromEntries(members) as ReadAll<F>;
  };
}

/** An object of exactly one of these members. */
export function oneOf<F extends Forms>(forms: F): Form<{ [K in keyof F]: { readonly kind: K; readonly content: Read<F[K]> } }[keyof F]> {
  return (cursor) => {
    cursor.take("{");
    const kind = word(...Object.keys(forms))(cursor);
    cursor.take(":");
    const content = forms[kind]!(cursor);
    cursor.take("}");
    return { kind, content } as never;
  };
}

/** An object of any members of one form. */
export function dictionary<T>(form: Form<T>): Form<ReadonlyMap<string, T>> {
  return (cursor) => {
    cursor.take("{");
    const members = new Map<string, T>();
    let last: string | null = null;
    while (!cursor.takes("}")) {
      if (last !== null) cursor.take(",");
      const name = string(cursor);
      ensure(last === null || compare(utf8(last), utf8(name)) < 0, "form", "members that do not ascend");
      cursor.take(":");
      members.set(name, form(cursor));
      last = name;
    }
    return members;
  };
}
