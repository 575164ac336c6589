// Which lot or item an identifier names, so that a page notices a true record about another product: trace.md#digital-link, and of the EPC
// URNs the two that name lots and items. What it cannot read names nothing.

/** The canonical Digital Link of a lot or item that `identifier` names, or null. Takes Digital Links of any domain, URNs, and paths. */
export function productSubject(identifier: string): string | null {
  try {
    return /^urn:/i.test(identifier) ? ofUrn(identifier) : ofPath(identifier.replace(/^https?:\/\/[^/?#]*/i, ""));
  } catch {
    return null; // a broken percent-escape
  }
}

function ofPath(path: string): string | null {
  const parts = /(?:^|\/)01\/([0-9]{8}|[0-9]{12,14})\/(10|21)\/([^/?#]+)\/?(?:[?#].*)?$/.exec(path);
  return parts && canonical(parts[1]!, parts[2]!, decodeURIComponent(parts[3]!));
}

function ofUrn(urn: string): string | null {
  const parts = /^[Uu][Rr][Nn]:[Ee][Pp][Cc]:(class:lgtin|id:sgtin):([0-9]{6,12})\.([0-9])([0-9]*)\.([^/?#&"<>]+)$/.exec(urn);
  if (!parts) return null;
  const [, scheme, company, indicator, item, last] = parts;
  const digits = indicator! + company! + item!;
  if (digits.length !== 13) return null;
  return canonical(digits + checkDigit(digits), scheme === "class:lgtin" ? "10" : "21", decodeURIComponent(last!));
}

function canonical(gtin: string, qualifier: string, value: string): string | null {
  if (!/^[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}$/.test(value) || /^\.\.?$/.test(value)) return null;
  const escaped = encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `https://id.gs1.org/01/${gtin.padStart(14, "0")}/${qualifier}/${escaped}`;
}

/** From the right, the digits before the check digit weigh 3, 1, 3, 1 and so on. */
function checkDigit(digits: string): string {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) sum += Number(digits[digits.length - 1 - i]) * (i % 2 === 0 ? 3 : 1);
  return String((10 - (sum % 10)) % 10);
}
