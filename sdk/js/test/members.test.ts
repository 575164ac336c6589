// Records and proofs of equivocation by members who came, changed their keys, or left: they hold with the history, by the keys of their time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { verifyBundle } from "../src/bundle.js";
import { hex } from "../src/bytes.js";
import { encodeArray, encodeBytes, encodeText, encodeUint } from "../src/cbor.js";
import { isEquivocation, verifyEquivocation } from "../src/equivocation.js";
import { treeRoot } from "../src/tree.js";
import { Person, World } from "./alliance.js";
import type { Said } from "./alliance.js";
import { keyPair, refused } from "./support.js";

const THREE = ["leader", "upstream", "midstream"] as const;

/** Four members, the last of whom came later, and counts by now. */
function joined(): { world: World; newcomer: Person; voters: Person[] } {
  const world = new World(THREE);
  const newcomer = new Person("newcomer", "downstream", 60);
  world.decide(`member/${newcomer.id}`, world.admission(newcomer), world.people);
  world.certify(world.people.slice(1));
  world.certify(world.people.slice(1));
  return { world, newcomer, voters: [...world.people, newcomer] };
}

/** The history with everything that is in it in force. */
const history = (world: World, cosigners: readonly Person[]): Uint8Array => world.history([1, world.head(cosigners)]);

const ids = (log: readonly Said[]): Uint8Array[] => log.map(({ id }) => id);

test("whoever came later signs as well as a founder, and cosigns", async () => {
  const { world, newcomer, voters } = joined();
  const log = world.notes(newcomer, 3);
  const past = history(world, voters.slice(1));
  const record = world.record(log[1]!, log, world.checkpoint(newcomer, ids(log), voters.slice(0, 2)));
  const { name, members, records } = await verifyBundle(world.bundle([record], past), hex(world.id));
  assert.deepEqual([name, members.length], ["Alliance", 4]);
  const [{ author, left, size, needed, witnessed }] = records as [(typeof records)[0]];
  assert.deepEqual([author.id, left, size, needed], [newcomer.id, false, 3, 2]);
  assert.ok(witnessed !== null);
  await refused("author", () => verifyBundle(world.bundle([record])), "without the history");
  await refused("author", () => verifyBundle(world.bundle([record], world.history())), "with a history in which nothing is final");
  const own = world.notes(world.people[0]!, 1);
  const founder = world.record(own[0]!, own, world.checkpoint(world.people[0]!, ids(own), [newcomer]));
  const [seen] = (await verifyBundle(world.bundle([founder], past))).records;
  assert.deepEqual(seen!.witnesses.map(({ id }) => id), [newcomer.id]);
  assert.deepEqual((await verifyBundle(world.bundle([founder]))).records[0]!.witnesses, []);
});

test("a key signs what it held for, and nothing else", async () => {
  const world = new World(THREE);
  const [leader, second, third] = world.people as [Person, Person, Person];
  const [before, after] = [second.log, keyPair(90)];
  world.decide(`member/${second.id}`, world.rotation(second, after, 2), [second]);
  world.certify([second, third]);
  const past = history(world, [second, third]);
  const log = world.notes(second, 4, (sequence) => (sequence < 2 ? before : after));
  const signedBy = (key: typeof before, size: number): string => {
    second.log = key;
    return world.checkpoint(second, ids(log.slice(0, size)), [leader]);
  };
  const bundle = (said: Said, size: number, key: typeof before, over: readonly Said[] = log): Uint8Array =>
    world.bundle([world.record(said, over.slice(0, size), signedBy(key, size))], past);
  for (const [sequence, size, key] of [[0, 2, before], [1, 2, before], [0, 3, after], [2, 4, after], [3, 4, after]] as const) {
    assert.equal((await verifyBundle(bundle(log[sequence]!, size, key))).records[0]!.sequence, sequence);
  }
  await refused("checkpoint-signature", () => verifyBundle(bundle(log[0]!, 2, after)), "the new key over the old log");
  await refused("checkpoint-signature", () => verifyBundle(bundle(log[0]!, 3, before)), "the old key over the new log");
  const early = world.notes(second, 2, () => after);
  await refused("key-id", () => verifyBundle(bundle(early[1]!, 2, before, early)), "the new key in the old log");
  const late = world.notes(second, 4, () => before);
  await refused("key-id", () => verifyBundle(bundle(late[2]!, 4, after, late)), "the old key in the new log");
  // Two histories, one signed by each key.
  const others = world.notes(second, 3, () => after);
  const forked = (a: typeof before, b: typeof before): Uint8Array => {
    second.log = a;
    const one = world.checkpoint(second, ids(log.slice(0, 3)), [second]);
    second.log = b;
    return world.conviction(second, [one, world.checkpoint(second, ids(others), [second])], past);
  };
  assert.equal((await verifyEquivocation(forked(after, after))).member.id, second.id);
  await refused("checkpoint-signature", () => verifyEquivocation(forked(after, before)), "a key that held no more");
});

test("of whoever has left counts what the alliance accepted, and no checkpoint", async () => {
  const { world, newcomer, voters } = joined();
  const log = world.notes(newcomer, 3);
  const accepted = log.slice(0, 2);
  const [leader, second, third] = world.people as [Person, Person, Person];
  const removal = { remove: { member: newcomer.id, size: 2, root: hex(treeRoot(ids(accepted))) } };
  world.slots.set(`member/${newcomer.id}`, 1);
  world.decide(`member/${newcomer.id}`, removal, [leader, second, third]);
  world.certify(voters.slice(1));
  const past = history(world, [second, third]);
  const record = (said: Said, over: readonly Said[] = accepted, checkpoint = ""): Uint8Array => world.bundle([world.record(said, over, checkpoint)], past);
  const { members, records } = await verifyBundle(record(log[1]!));
  assert.equal(members.length, 3);
  const { author, left, size, needed, witnessed, witnesses, checkpointTime, sections } = records[0]!;
  assert.deepEqual([author.name, left, size, needed, witnessed, witnesses, checkpointTime], ["newcomer", true, 2, 0, null, [], null]);
  assert.deepEqual(sections[0]!.fields, [{ name: "text", value: '"1"' }]);
  await refused("left", () => verifyBundle(record(log[2]!, log)), "beyond what was accepted");
  await refused("proof", () => verifyBundle(record(log[0]!, accepted, world.checkpoint(newcomer, ids(accepted)))), "a checkpoint");
  await refused("proof", () => verifyBundle(record(log[0]!, accepted, "\n")), "something behind the path");
  await refused("inclusion", () => verifyBundle(record(log[0]!, [log[0]!, log[2]!])), "another tree");
  await refused("inclusion", () => verifyBundle(record(log[0]!, log)), "the tree of another size");
  await refused("index", () => verifyBundle(world.bundle([world.record(log[0]!, accepted, "", 1)], past)), "another index");
  const own = world.notes(leader, 1);
  await refused("note", () => verifyBundle(world.bundle([world.record(own[0]!, own, "")], past)), "a member of today without a checkpoint");
  // What it signed it signed.
  const notes: [string, string] = [world.checkpoint(newcomer, ids(log)), world.checkpoint(newcomer, ids([log[2]!, log[1]!, log[0]!]))];
  const file = world.conviction(newcomer, notes, past);
  assert.ok(isEquivocation(file) && isEquivocation(world.conviction(newcomer, notes)));
  assert.equal((await verifyEquivocation(file)).member.name, "newcomer");
  await refused("author", () => verifyEquivocation(world.conviction(newcomer, notes)), "without the history");
});

test("the history is judged right after the charter, and its form with that of the file", async () => {
  const world = new World(THREE);
  const log = world.notes(world.people[0]!, 1);
  const record = world.record(log[0]!, log, "");
  const none = encodeArray(encodeText("suyuan-history"), encodeUint(2), encodeArray(), encodeArray());
  await refused("suite", () => verifyBundle(world.bundle([record], none)), "another version");
  await refused("cbor", () => verifyBundle(world.bundle([record], new Uint8Array(0))));
  await refused("alliance", () => verifyBundle(world.bundle([record], none), "00".repeat(32)), "another alliance first");
  await refused("head", () => verifyBundle(world.bundle([record], world.history([1, "x"]))));
  world.write({});
  await refused("entry", () => verifyBundle(world.bundle([record], world.history())));
  await refused("entry", () => verifyEquivocation(world.conviction(world.people[0]!, ["x", "x"], world.history())));
  const parts = [encodeText("suyuan-bundle"), encodeUint(1), encodeBytes(world.file), encodeArray(record)];
  const six = [...parts, encodeBytes(none), encodeBytes(none)];
  for (const wrong of [parts.slice(0, 3), six, [...parts, encodeArray()], [...parts, encodeText("")]]) {
    await refused("form", () => verifyBundle(encodeArray(...wrong)), `${wrong.length} parts`);
  }
});
