// The CBOR profile of cbor.md. `check` decides `cbor` over a whole input without allocating; a `Reader` then walks the checked bytes and
// decides `form`. Nothing is ever decoded into a generic tree, so hostile input cannot grow in memory.

import { concat, text, u64, utf8 } from "./bytes.js";
import { Fault, ensure } from "./fault.js";
import type { FaultCode } from "./fault.js";
import { MAX_DEPTH, MAX_ELEMENTS, MAX_UINT } from "./limits.js";

const UINT = 0;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const NULL = 0xf6;
/** The only suite there is: Ed25519, SHA-256, BLAKE3, AES-256-GCM, X25519-HKDF. */
const SUITE = 1;

/** Refuses with `cbor` unless `bytes` are exactly one item of the profile. */
export function check(bytes: Uint8Array): void {
  ensure(itemEnd(bytes) === bytes.length, "cbor", "bytes after the item");
}

/** Where the item that begins at the start of `bytes` ends. Refuses with `cbor` unless it is one of the profile. */
export function itemEnd(bytes: Uint8Array): number {
  const open: number[] = []; // elements still to come of each array around the cursor
  let at = 0;
  do {
    if (bytes[at] === NULL) {
      at += 1;
    } else {
      const head = readHead(bytes, at, "cbor");
      at = head.end;
      if (head.major === ARRAY) {
        ensure(open.length < MAX_DEPTH, "cbor", "nested too deep");
        ensure(head.value <= MAX_ELEMENTS && head.value <= bytes.length - at, "cbor", "an array of too many elements");
        open.push(head.value + 1);
      } else if (head.major !== UINT) {
        ensure(head.value <= bytes.length - at, "cbor", "a string that is cut off");
        at += head.value;
        if (head.major === TEXT) ensure(isUtf8(bytes, at - head.value, at), "cbor", "text that is not UTF-8");
      }
    }
    // One item, or the head of an array, is behind the cursor: close what it completes.
    while (open.length > 0 && (open[open.length - 1]! -= 1) === 0) open.pop();
  } while (open.length > 0);
  return at;
}

/** One head of major type 0, 2, 3 or 4, in its shortest form. */
export function readHead(bytes: Uint8Array, at: number, code: FaultCode): { major: number; value: number; end: number } {
  ensure(at < bytes.length, code, "the input is cut off");
  const first = bytes[at]!;
  const major = first >> 5;
  ensure(major === UINT || (major >= BYTES && major <= ARRAY), code, "an item that the profile does not have");
  const info = first & 0x1f;
  if (info < 24) return { major, value: info, end: at + 1 };
  ensure(info <= 27, code, "an indefinite or reserved length");
  const width = 1 << (info - 24);
  const end = at + 1 + width;
  ensure(end <= bytes.length, code, "the input is cut off");
  let value = 0;
  for (let i = at + 1; i < end; i++) value = value * 256 + bytes[i]!;
  // Inexact above 2^53, where it is refused; monotonic rounding keeps the comparison right.
  ensure(value <= MAX_UINT, code, "a number above 2^53 - 1");
  ensure(value >= (width === 1 ? 24 : 2 ** (4 * width)), code, "a head that is not in its shortest form");
  return { major, value, end };
}

/** Whether `bytes[at..end]` is valid UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. */
function isUtf8(bytes: Uint8Array, at: number, end: number): boolean {
  while (at < end) {
    const first = bytes[at]!;
    if (first < 0x80) {
      at += 1;
      continue;
    }
    const more = first >= 0xc2 && first <= 0xdf ? 1 : (first & 0xf0) === 0xe0 ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0;
    if (more === 0 || end - at <= more) return false;
    const second = bytes[at + 1]!;
    const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let i = at + 2; i <= at + more; i++) if ((bytes[i]! & 0xc0) !== 0x80) return false;
    at += more + 1;
  }
  return true;
}

/** A cursor over an item that `check` has accepted. Every method takes the next item, or refuses with `form`. */
export class Reader {
  private readonly input: Uint8Array;
  private at: number;

  /** `input` has passed `check`, and an item begins at `at`. */
  constructor(input: Uint8Array, at = 0) {
    this.input = input;
    this.at = at;
  }

  /** Where the next item begins. */
  get position(): number {
    return this.at;
  }

  /** The bytes from an earlier position to here. */
  since(start: number): Uint8Array {
    return this.input.subarray(start, this.at);
  }

  /** An unsigned integer from `min` to `max`. */
  uint(min = 0, max = MAX_UINT): number {
    const value = this.head(UINT, "an integer");
    ensure(value >= min && value <= max, "form", "an integer out of its bounds");
    return value;
  }

  /** A byte string of `min` to `max` bytes, as a view of the input. */
  bytes(min = 0, max = Infinity): Uint8Array {
    return this.string(BYTES, min, max);
  }

  /** A byte string of exactly 32 bytes. */
  hash(): Uint8Array {
    return this.bytes(32, 32);
  }

  /** A text string whose UTF-8 has `min` to `max` bytes. */
  text(min = 0, max = Infinity): string {
    const content = text(this.string(TEXT, min, max));
    ensure(content !== null, "form", "text");
    return content;
  }

  /** The head of an array of `min` to `max` elements; yields how many follow. */
  array(min = 0, max = MAX_ELEMENTS): number {
    const count = this.head(ARRAY, "an array");
    ensure(count >= min && count <= max, "form", "an array of another length");
    return count;
  }

  /** An array of `min` to `max` elements, each taken by `read`. Only the first `keep` are returned, all are read. */
  list<T>(read: () => T, min = 0, max = MAX_ELEMENTS, keep = max): T[] {
    const count = this.array(min, max);
    const kept: T[] = [];
    for (let i = 0; i < count; i++) {
      const element = read();
      if (i < keep) kept.push(element);
    }
    return kept;
  }

  /** Takes a null if one is next. */
  null(): boolean {
    if (this.input[this.at] !== NULL) return false;
    this.at += 1;
    return true;
  }

  private string(major: number, min: number, max: number): Uint8Array {
    const length = this.head(major, "a string");
    ensure(length >= min && length <= max, "form", "a string of another length");
    this.at += length;
    return this.input.subarray(this.at - length, this.at);
  }

  private head(major: number, what: string): number {
    ensure(this.input[this.at] !== NULL, "form", `null instead of ${what}`);
    const head = readHead(this.input, this.at, "form");
    ensure(head.major === major, "form", `not ${what}`);
    this.at = head.end;
    return head.value;
  }
}

/**
 * Opens a structure: an array of `length` elements, or up to `most`, whose element `position` is the suite. Decides `cbor`, then `suite`, then
 * the length. The reader stands after the suite where that is the first element, else at the first element.
 */
export function openSuite(bytes: Uint8Array, length: number, position: 0 | 1 = 0, most = length): Reader {
  check(bytes);
  const reader = new Reader(bytes);
  const count = reader.array(position + 1);
  const first = reader.position;
  const scout = new Reader(bytes, position === 0 ? first : first + itemEnd(bytes.subarray(first)));
  if (scout.uint() !== SUITE) throw new Fault("suite", "a suite or version that is not known here");
  ensure(count >= length && count <= most, "form", "an array of another length");
  return position === 0 ? scout : reader;
}

/** The encoding of an unsigned integer up to 2^53 - 1. */
export function encodeUint(value: number): Uint8Array {
  return value < 2 ** 32 ? head(UINT, value) : concat(Uint8Array.of(27), u64(value));
}

/** The encoding of null. */
export const ENCODED_NULL = Uint8Array.of(NULL);

/** The encoding of a byte string. */
export function encodeBytes(content: Uint8Array): Uint8Array {
  return concat(head(BYTES, content.length), content);
}

/** The encoding of a text string. */
export function encodeText(content: string): Uint8Array {
  const bytes = utf8(content);
  return concat(head(TEXT, bytes.length), bytes);
}

/** The encoding of an array of encoded `items`. */
export function encodeArray(...items: Uint8Array[]): Uint8Array {
  return concat(head(ARRAY, items.length), ...items);
}

/** The shortest head for a number below 2^32. */
function head(major: number, value: number): Uint8Array {
  const first = major << 5;
  if (value < 24) return Uint8Array.of(first | value);
  if (value < 0x100) return Uint8Array.of(first | 24, value);
  if (value < 0x10000) return Uint8Array.of(first | 25, value >> 8, value);
  return Uint8Array.of(first | 26, value >>> 24, value >> 16, value >> 8, value);
}
