// The words that the page and the server share, in both languages: words.json.

import words from "./words.json" with { type: "json" };

/** A language of the pages. */
export type Lang = "zh" | "en";

const WORDS: Readonly<Record<string, readonly string[]>> = words;

/** The words of `key`, or null where there are none. */
export function known(lang: Lang, key: string): string | null {
  return (Object.prototype.hasOwnProperty.call(WORDS, key) ? WORDS[key]?.[lang === "zh" ? 0 : 1] : undefined) ?? null;
}

/** The words of `key`, with `{0}`, `{1}` … replaced; the key itself where there are none. */
export function t(lang: Lang, key: string, ...values: (string | number)[]): string {
  const text = known(lang, key) ?? key;
  return text.replace(/\{(\d)\}/g, (_, digit: string) => String(values[Number(digit)] ?? ""));
}
