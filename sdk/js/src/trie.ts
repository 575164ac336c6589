// A map that keeps its earlier states: setting a name yields a new map that shares all but one path with the old one. An order log has as many
// states as entries, and each may be gone back to.

/** A map from texts of hex digits, all of one length, to values. Null is the empty one. */
export type Trie<V> = Leaf<V> | Branch<V> | null;

interface Leaf<V> {
  readonly name: string;
  readonly value: V;
}

interface Branch<V> {
  /** By the next digit. */
  readonly children: { readonly [digit: string]: Leaf<V> | Branch<V> };
}

/** The value of `name`. */
export function find<V>(trie: Trie<V>, name: string): V | undefined {
  let node: Trie<V> | undefined = trie;
  for (let depth = 0; node && "children" in node; depth++) node = node.children[name.charAt(depth)];
  return node?.name === name ? node.value : undefined;
}

/** The map with a value for `name`. */
export function put<V>(trie: Trie<V>, name: string, value: V): Trie<V> {
  return insert(trie, { name, value }, 0);
}

/** Every value, in no order that means anything. */
export function values<V>(trie: Trie<V>): V[] {
  if (trie === null) return [];
  return "children" in trie ? Object.values(trie.children).flatMap(values) : [trie.value];
}

function insert<V>(node: Trie<V>, leaf: Leaf<V>, depth: number): Leaf<V> | Branch<V> {
  if (node === null || (!("children" in node) && node.name === leaf.name)) return leaf;
  const children = "children" in node ? node.children : { [node.name.charAt(depth)]: node };
  const digit = leaf.name.charAt(depth);
  return { children: { ...children, [digit]: insert(children[digit] ?? null, leaf, depth + 1) } };
}
