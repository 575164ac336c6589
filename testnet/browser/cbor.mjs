// As much CBOR as a bundle has, taken apart and put together again, for lies that are well-formed.

/** Takes one item apart: unsigned numbers, Buffers, strings and arrays. */
export function decode(bytes) {
  let at = 0;
  const item = () => {
    const head = bytes[at++];
    let length = head & 31;
    if (length > 23) {
      const size = 1 << (length - 24);
      length = Number(BigInt(`0x${bytes.subarray(at, at + size).toString("hex")}`));
      at += size;
    }
    if (head >> 5 === 0) return length;
    if (head >> 5 === 4) return Array.from({ length }, item);
    const content = bytes.subarray(at, (at += length));
    if (head >> 5 === 2) return Buffer.from(content);
    if (head >> 5 === 3) return content.toString();
    throw new Error(`major type ${head >> 5}`);
  };
  return item();
}

/** Puts an item together. */
export function encode(item) {
  if (typeof item === "number") return head(0, item);
  if (Array.isArray(item)) return Buffer.concat([head(4, item.length), ...item.map(encode)]);
  const content = Buffer.from(item);
  return Buffer.concat([head(typeof item === "string" ? 3 : 2, content.length), content]);
}

function head(major, value) {
  if (value < 24) return Buffer.from([(major << 5) | value]);
  const size = [1, 2, 4, 8].find((size) => value < 2 ** (8 * size));
  const number = value.toString(16).padStart(2 * size, "0");
  return Buffer.concat([Buffer.from([(major << 5) | (24 + Math.log2(size))]), Buffer.from(number, "hex")]);
}
