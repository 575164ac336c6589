// Circles: ids, epoch commitments and the wraps of section keys: circle.md.

import { concat, u64, utf8 } from "./bytes.js";
import { expandSha256, labelled, openAesGcm } from "./crypto.js";
import { ensure } from "./fault.js";

/** The id of a circle that a steward founds with a random nonce. */
export function circleId(alliance: Uint8Array, steward: Uint8Array, nonce: Uint8Array): Uint8Array {
  return labelled("suyuan/1 circle", alliance, steward, nonce);
}

/** The commitment to an epoch's secret. */
export function epochCommitment(circle: Uint8Array, epoch: number, secret: Uint8Array): Uint8Array {
  return labelled("suyuan/1 epoch", circle, u64(epoch), secret);
}

/** Opens the section key that is wrapped for an audience, named by its commitment: `wrap`. */
export async function unwrapKey(
  secret: Uint8Array,
  circle: Uint8Array,
  epoch: number,
  audience: Uint8Array,
  wrap: Uint8Array,
): Promise<Uint8Array> {
  ensure(wrap.length === 48, "wrap", "a wrap has 48 bytes");
  const key = expandSha256(secret, concat(utf8("suyuan/1 wrap\n"), circle, u64(epoch), audience), 32);
  const opened = await openAesGcm(key, new Uint8Array(12), wrap);
  ensure(opened !== null, "wrap", "another secret, circle, epoch or audience");
  return opened;
}
