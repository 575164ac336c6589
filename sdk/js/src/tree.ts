// The RFC 6962 Merkle tree over SHA-256, for logs and for the fields of a section: log.md#tree. Sizes go up to 2^53 - 1, so halving is
// arithmetic, never a 32-bit shift.

import { equal } from "./bytes.js";
import { sha256 } from "./crypto.js";
import { ensure } from "./fault.js";
import type { FaultCode } from "./fault.js";
import { MAX_PATH } from "./limits.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The hash of a leaf over an entry. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(LEAF, entry);
}

/** The root of a tree over entries. */
export function treeRoot(entries: readonly Uint8Array[]): Uint8Array {
  return rootOfHashes(entries.map(leafHash));
}

/** The root of a tree over values that are leaf hashes already. */
export function rootOfHashes(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRoot();
  // Pairing level by level, an odd last node moving up unchanged, is the tree of RFC 6962 section 2.1.
  let level = [...leaves];
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i]!, level[i + 1]!));
    if (level.length % 2 === 1) above.push(level[level.length - 1]!);
    level = above;
  }
  return level[0]!;
}

/** Checks that `entry` is the leaf `index` of the tree of `size` leaves with this root: `inclusion`. */
export function verifyInclusion(
  entry: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): void {
  verifyInclusionOfHash(leafHash(entry), index, size, path, root, "inclusion");
}

/** The same for a value that is a leaf hash already. RFC 9162 section 2.1.3.2. */
export function verifyInclusionOfHash(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
  code: FaultCode,
): void {
  ensure(index < size, code, "an index beyond the tree");
  ensure(path.length <= MAX_PATH, code, "a path of more than 63 hashes");
  let place = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    ensure(last > 0, code, "a path that is too long");
    if (isOdd(place) || place === last) {
      hash = nodeHash(sibling, hash);
      // Where there is no right sibling, this node has moved up until it is a right child.
      while (!isOdd(place) && place > 0) {
        place = half(place);
        last = half(last);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    place = half(place);
    last = half(last);
  }
  ensure(last === 0 && equal(hash, root), code, "the path does not lead to the root");
}

/** The siblings on the left of an inclusion path that fits: the roots of the complete subtrees over the leaves before `index`. */
export function leftSiblings(index: number, size: number, path: readonly Uint8Array[]): Uint8Array[] {
  const left: Uint8Array[] = [];
  let place = index;
  let last = size - 1;
  for (const sibling of path) {
    if (isOdd(place) || place === last) {
      left.push(sibling);
      while (!isOdd(place) && place > 0) {
        place = half(place);
        last = half(last);
      }
    }
    place = half(place);
    last = half(last);
  }
  return left;
}

/** Checks that the tree of `newSize` leaves continues the one of `oldSize`: `consistency`. RFC 9162 section 2.1.4.2. */
export function verifyConsistency(
  oldSize: number,
  newSize: number,
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
  path: readonly Uint8Array[],
): void {
  const refuse = (condition: boolean, what: string): void => ensure(condition, "consistency", what);
  refuse(oldSize <= newSize && path.length <= MAX_PATH, "sizes or length do not fit");
  if (oldSize === 0 || oldSize === newSize) {
    refuse(path.length === 0, "no path is needed here");
    refuse(oldSize !== newSize || equal(oldRoot, newRoot), "one size, two roots");
    refuse(oldSize !== 0 || equal(oldRoot, emptyRoot()), "not the root of the empty tree");
    return;
  }
  refuse(path.length > 0, "the path is missing");
  let place = oldSize - 1;
  let last = newSize - 1;
  while (isOdd(place)) {
    place = half(place);
    last = half(last);
  }
  // A complete old tree is the first node of the path itself.
  const nodes = place === 0 ? [oldRoot, ...path] : path;
  let before = nodes[0]!;
  let after = nodes[0]!;
  for (const node of nodes.slice(1)) {
    refuse(last > 0, "a path that is too long");
    if (isOdd(place) || place === last) {
      before = nodeHash(node, before);
      after = nodeHash(node, after);
      while (!isOdd(place) && place > 0) {
        place = half(place);
        last = half(last);
      }
    } else {
      after = nodeHash(after, node);
    }
    place = half(place);
    last = half(last);
  }
  refuse(last === 0 && equal(before, oldRoot) && equal(after, newRoot), "the path does not lead to the roots");
}

/** The root of the tree without leaves. */
export function emptyRoot(): Uint8Array {
  return sha256(new Uint8Array(0));
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right);
}

function isOdd(n: number): boolean {
  return n % 2 === 1;
}

function half(n: number): number {
  return Math.floor(n / 2);
}

/** The roots of the complete subtrees of a tree after one more entry, the largest first; `peaks` are those of the tree of `size` leaves. */
export function grown(peaks: readonly Uint8Array[], size: number, entry: Uint8Array): Uint8Array[] {
  const after = [...peaks];
  let node = leafHash(entry);
  for (let rest = size; isOdd(rest); rest = half(rest)) node = nodeHash(after.pop()!, node);
  after.push(node);
  return after;
}

/** The root of a tree from its complete subtrees. */
export function peaksRoot(peaks: readonly Uint8Array[]): Uint8Array {
  const [last, ...larger] = [...peaks].reverse();
  return last === undefined ? emptyRoot() : larger.reduce((right, left) => nodeHash(left, right), last);
}
