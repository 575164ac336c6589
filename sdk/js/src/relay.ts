// What a relay keeps for others and cannot read: relay.md.

import { concat, u64, utf8 } from "./bytes.js";
import { expandSha256, hmacSha256 } from "./crypto.js";
import { ensure } from "./fault.js";
import { MAX_PACKAGE } from "./limits.js";
import { openChunked, unpad } from "./sealing.js";

/** A steward and a member to whom it hands epoch secrets, each with its encryption key. */
export interface Pair {
  readonly alliance: Uint8Array;
  readonly steward: Uint8Array;
  readonly stewardKey: Uint8Array;
  readonly member: Uint8Array;
  readonly memberKey: Uint8Array;
}

/** The key of tags and packages for what is addressed to a circle in an epoch. */
export function epochRelayKey(secret: Uint8Array, circle: Uint8Array, epoch: number): Uint8Array {
  return expandSha256(secret, concat(utf8("suyuan/1 relay\n"), circle, u64(epoch)), 32);
}

/** The key for epoch statements on their way from a steward to a member, from what X25519 gave: `slip`. */
export function pairRelayKey(shared: Uint8Array, { alliance, steward, stewardKey, member, memberKey }: Pair): Uint8Array {
  ensure(
    shared.some((byte) => byte !== 0),
    "slip",
    "a key of low order",
  );
  const info = concat(utf8("suyuan/1 relay-pair\n"), alliance, steward, stewardKey, member, memberKey);
  return expandSha256(hmacSha256(new Uint8Array(32), shared), info, 32);
}

/** The tag of an author's statement, by its counter or, of epoch statements, its number. */
export function relayTag(key: Uint8Array, author: Uint8Array, incarnation: number, counter: number): Uint8Array {
  return expandSha256(key, concat(utf8("suyuan/1 relay-tag\n"), author, u64(incarnation), u64(counter)), 32);
}

/** Opens a package to the item of sync.md that it holds: `sealed`, `cbor`, `padding`. */
export async function openPackage(key: Uint8Array, tag: Uint8Array, sealed: Uint8Array): Promise<Uint8Array> {
  ensure(sealed.length <= MAX_PACKAGE, "sealed", "a package of more than 4.5 MiB");
  const context = concat(utf8("suyuan/1 relay-package\n"), tag);
  return unpad(await openChunked(expandSha256(key, context, 32), context, sealed));
}
