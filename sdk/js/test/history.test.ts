// Histories: what members decided is in force, and nothing that does not hold is believed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, hex } from "../src/bytes.js";
import { encodeArray, encodeBytes, encodeText, encodeUint } from "../src/cbor.js";
import { verifyCharter } from "../src/charter.js";
import { Fault } from "../src/fault.js";
import type { EntryFault } from "../src/fault.js";
import { verifyHistory } from "../src/history.js";
import type { VerifiedHistory } from "../src/history.js";
import { Person, World, base64, canonical, disclosed, signed } from "./alliance.js";
import type { Said, Twist, Value } from "./alliance.js";
import { bytes, keyPair, refused } from "./support.js";

const FOUR = ["leader", "upstream", "midstream", "downstream"] as const;
const agreement = (title: string): Value => ({ agree: { title, text: "" } });
const removal = ({ id }: Person, size = 3): Value => ({ remove: { member: id, size, root: "ab".repeat(32) } });
const charter = (change: { readonly [name: string]: Value }): Value => ({
  charter: {
    name: null, purpose: null, chain: null, terms: null, deputies: null, seal: null, rotation: null, rules: null, retention: null, ...change,
  },
});

async function verify(world: World, ...heads: readonly (readonly [number, string])[]): Promise<VerifiedHistory> {
  return verifyHistory(world.history(...heads), await verifyCharter(world.file));
}

/** Asserts that the newest entry is refused, and why. */
async function entryRefused(why: EntryFault, world: World, what = ""): Promise<void> {
  try {
    await verify(world);
  } catch (error) {
    assert.ok(error instanceof Fault, `${what}: broke: ${error instanceof Error ? error.stack : String(error)}`);
    assert.deepEqual([error.code, error.why], ["entry", why], `${what}: ${error.message}`);
    return;
  }
  assert.fail(`${what}: accepted instead of ${why}`);
}

test("what was decided is in force from the largest certified head on, and not before", async () => {
  const world = new World(FOUR, [1]);
  const [leader, second, third] = world.people as [Person, Person, Person, Person];
  const newcomer = new Person("newcomer", "support", 60);
  const before = await verify(world);
  assert.deepEqual([before.entries, before.settled.term, before.settled.size, before.settled.alliance.members.length], [0, 1, 0, 4]);
  world.decide(`member/${newcomer.id}`, world.admission(newcomer), world.people);
  world.certify([second, third]);
  const pending = await verify(world, [1, world.head([second, third], 1)]);
  assert.deepEqual([pending.entries, pending.settled.size, pending.settled.alliance.members.length], [2, 1, 4]);
  // Those who voted until then make final that the newcomer does.
  await refused("head", () => verify(world, [1, world.head([second, newcomer])]));
  const { settled } = await verify(world, [1, world.head([second, third])]);
  assert.deepEqual([settled.size, settled.alliance.version], [2, 1]);
  assert.deepEqual(settled.alliance.members.map(({ hex: id }) => id), [...world.people, newcomer].map(({ id }) => id));
  world.certify([second, third]);
  // From then on four have to agree, of five.
  await refused("head", () => verify(world, [1, world.head([second, third])]));
  await verify(world, [1, world.head([second, third, newcomer])]);
  world.decide(`member/${third.id}`, removal(third), [leader, second, world.people[3]!, newcomer], { epoch: { epoch: 2, statement: "cd".repeat(32) } });
  world.certify([second, world.people[3]!, newcomer]);
  world.certify([second, world.people[3]!, newcomer]);
  world.decide("charter", charter({ name: "Another", deputies: [newcomer.id], rules: { role: "all" } }), [leader, second, newcomer]);
  world.certify([second, newcomer]);
  const after = (await verify(world, [1, world.head([second, newcomer])])).settled;
  assert.deepEqual([after.alliance.name, after.alliance.deputies, after.alliance.version], ["Another", [newcomer.id], 3]);
  assert.equal(after.alliance.former?.member.hex, third.id);
  assert.deepEqual([after.alliance.former?.member.left?.size, hex(after.alliance.former!.member.left!.root)], [3, "ab".repeat(32)]);
  assert.deepEqual(after.epochs, { epoch: { epoch: 2, statement: "cd".repeat(32) }, before: null });
});

test("a later term begins at its fence, and what lay beyond counts for nothing", async () => {
  const world = new World(FOUR, [2]);
  const [, second, third, fourth] = world.people as [Person, Person, Person, Person];
  world.decide("agree/one", agreement("one"), world.people);
  const fence = world.head([second, third]);
  world.decide("agree/lost", agreement("lost"), world.people);
  const votes = (term: number, ...people: Person[]): Said[] => people.map((voter, index) => world.freeze(voter, term, index === 0 ? fence : null));
  const kept = world.entries.length;
  const refuse = async (what: string, term: number, keeper: Person, freeze: Said[], why: EntryFault = "takeover"): Promise<void> => {
    const log = world.log;
    world.takeOver(term, keeper, freeze);
    await entryRefused(why, world, what);
    world.entries.length = kept;
    world.log = log;
  };
  await refuse("too few", 2, third, votes(2, second, third));
  await refuse("one voter twice", 2, third, [...votes(2, second, third), world.freeze(second, 2, null)]);
  await refuse("votes for another term", 2, third, votes(3, second, third, fourth));
  await refuse("nobody votes", 2, third, []);
  const unsure = world.freeze(fourth, 2, world.head([second]));
  await refuse("not the next keeper", 2, fourth, votes(2, second, third, fourth), "keeper");
  await refuse("a term before", 0, third, votes(0, second, third, fourth), "keeper");
  await refuse("the largest head is not certified", 2, third, [...votes(2, second, third), unsure]);
  const stranger = new World([...FOUR, "support"]).people[4]!;
  await refuse("a stranger votes", 2, third, [...votes(2, second, third), world.freeze(stranger, 2, null)]);
  world.takeOver(2, third, votes(2, second, third, fourth));
  world.certify([second, fourth]);
  const { settled } = await verify(world, [2, world.head([second, fourth])]);
  assert.deepEqual([settled.term, settled.size, settled.keeper, settled.count], [2, 2, third.id, 3]);
  // What was lost takes effect again, where it stands in its slot.
  world.slots.delete("agree/lost");
  world.decide("agree/lost", agreement("lost"), world.people);
  await verify(world);
  world.slots.delete("agree/one");
  world.decide("agree/one", agreement("one"), world.people);
  await entryRefused("superseded", world, "decided before the fence");
});

test("who votes from then on is made final by those who voted until then, before anything follows", async () => {
  const world = new World(FOUR);
  const [, second, third, fourth] = world.people as [Person, Person, Person, Person];
  const newcomer = new Person("newcomer", "support", 60);
  world.decide(`member/${newcomer.id}`, world.admission(newcomer), world.people);
  world.decide("agree/one", agreement("one"), world.people);
  world.write({ certificate: world.head([second, third], 1) });
  const [kept, log] = [world.entries.length, [...world.log.ids]];
  const certify = (size: number, ...cosigners: Person[]): void => {
    world.entries.length = kept;
    world.log.ids.splice(0, Infinity, ...log);
    world.write({ certificate: world.head(cosigners, size) });
  };
  certify(2, second, third);
  await entryRefused("certificate", world, "not the head over the entry that has settled it");
  certify(3, second, newcomer);
  await entryRefused("certificate", world, "the newcomer had no voice then");
  certify(3, second, fourth);
  await verify(world);
  world.write({ certificate: world.head([second, third]) });
  await entryRefused("certificate", world, "now there are five");
  certify(3, second, third);
  world.write({ certificate: world.head([second, third, newcomer]) });
  await verify(world);
  world.entries.length = kept;
  world.log.ids.splice(0, Infinity, ...log);
  world.write({ epoch: { epoch: 2, statement: "cd".repeat(32) } });
  await entryRefused("certificate", world, "something else follows");
});

test("a later term may be kept by whom its fence alone makes a member", async () => {
  const world = new World(FOUR);
  const [leader, second, third, fourth] = world.people as [Person, Person, Person, Person];
  const newcomer = new Person("newcomer", "support", 60);
  world.decide(`member/${newcomer.id}`, world.admission(newcomer), world.people);
  const fence = world.head([second, third]);
  const begin = (head: string | null, ...people: Person[]): void => {
    world.entries.length = 1;
    world.takeOver(5, newcomer, people.map((voter) => world.freeze(voter, 5, head)));
  };
  begin(fence, leader, second, third);
  const { settled } = await verify(world, [5, world.head([second, third, fourth])]);
  assert.deepEqual([settled.keeper, settled.alliance.members.length], [newcomer.id, 5]);
  begin(fence, second, third);
  await entryRefused("takeover", world, "four voters ask for three votes");
  begin(fence, leader, second, third, newcomer);
  await entryRefused("takeover", world, "what waits at the fence has no voice there");
  begin(null, leader, second, third, fourth);
  await entryRefused("statement", world, "at the founding nobody knows it");
});

test("an entry that does not hold is refused, and why", async () => {
  type Entry = { readonly why: EntryFault; readonly what: string; readonly content?: (world: World) => { readonly [name: string]: Value }; readonly twist?: Twist };
  const epoch = { epoch: { epoch: 2, statement: "cd".repeat(32) } };
  const cases: readonly Entry[] = [
    { why: "malformed", what: "nothing in it", content: () => ({}) },
    { why: "malformed", what: "an effect without approvals", content: (w) => ({ effect: w.effect(w.propose(w.people[0]!, "agree/a", agreement("a"), w.people), []) }) },
    { why: "keeper", what: "another circle", content: () => ({ ...epoch, circle: "00".repeat(32) }) },
    { why: "takeover", what: "another term", content: () => ({ ...epoch, term: 2 }) },
    { why: "takeover", what: "votes in the first term", content: () => ({ ...epoch, takeover: [] }) },
    { why: "index", what: "the index", content: () => ({ ...epoch, index: 1 }) },
    { why: "index", what: "the previous", content: () => ({ ...epoch, previous: "01".repeat(32) }) },
    { why: "time", what: "before the charter", content: () => epoch, twist: { time: 1 } },
    { why: "certificate", what: "no note", content: () => ({ ...epoch, certificate: "x" }) },
    { why: "certificate", what: "a head that is not here", content: (w) => ({ ...epoch, certificate: w.head(w.people.slice(1), 0) }) },
    { why: "epoch", what: "the first epoch again", content: () => ({ epoch: { epoch: 1, statement: "cd".repeat(32) } }) },
    { why: "statement", what: "another key", content: () => epoch, twist: { key: keyPair(200) } },
    { why: "statement", what: "another alliance", content: () => epoch, twist: { alliance: new Uint8Array(32) } },
  ];
  for (const { why, what, content, twist } of cases) {
    const world = new World(FOUR);
    world.write(content!(world), twist);
    await entryRefused(why, world, what);
  }
  const other = new World(FOUR);
  other.put(other.say(other.people[1]!, "suyuan.order", other.fields(epoch)));
  await entryRefused("keeper", other, "another author");
  const typed = new World(FOUR);
  typed.put(typed.say(typed.people[0]!, "suyuan.proposal", typed.fields(epoch)));
  await entryRefused("statement", typed, "another type");
});

test("a proposal, its approvals and its change are judged in their order", async () => {
  type Build = (world: World) => Value;
  const admitted = new Person("newcomer", "support", 60);
  const plain = (w: World, differs: { readonly [name: string]: Value } = {}): Said => w.propose(w.people[0]!, "agree/a", agreement("a"), w.people, differs);
  const altered = (w: World, part: { readonly [name: string]: Value }): Value => {
    const proposal = plain(w);
    return { proposal: { ...(disclosed(proposal) as object), ...part }, approvals: [signed(w.approve(w.people[0]!, proposal))] };
  };
  const nobody = new Array<string>(4).fill(base64(new Uint8Array(64)));
  const change = (subject: (w: World) => string, of: (w: World) => Value) => (w: World): Value => w.effect(w.propose(w.people[0]!, subject(w), of(w), w.people), w.people);
  const named = (member: number) => (w: World): string => `member/${w.people[member]!.id}`;
  const cases: readonly (readonly [EntryFault, string, Build])[] = [
    ["proposal", "not base64", (w) => altered(w, { statement: "AA" })],
    ["proposal", "padded wrongly", (w) => altered(w, { header: "AB==" })],
    ["proposal", "another body", (w) => altered(w, { body: base64(plain(w).body) })],
    ["malformed", "no such rule", (w) => w.effect(plain(w, { change: charter({ rules: { role: "most" } }) }), w.people)],
    ["malformed", "a threshold beyond all weight", (w) => w.effect(plain(w, { threshold: 6 }), w.people)],
    ["malformed", "signers that do not ascend", (w) => w.effect(plain(w, { signers: [["ff".repeat(32), 1], ["00".repeat(32), 1]] }), w.people)],
    ["malformed", "no weight", (w) => w.effect(plain(w, { signers: [["ff".repeat(32), 0]] }), w.people)],
    ["malformed", "a longer reason", (w) => w.effect(plain(w, { reason: "x".repeat(4097) }), w.people)],
    ["circle", "another circle", (w) => w.effect(plain(w, { circle: "00".repeat(32) }), w.people)],
    ["proposer", "a regulator proposes", (w) => w.effect(w.propose(w.people[4]!, "agree/a", agreement("a"), w.people), w.people)],
    ["subject", "another subject", (w) => w.effect(w.propose(w.people[0]!, "agree/b", agreement("a"), w.people), w.people)],
    ["superseded", "another version", (w) => w.effect(plain(w, { slot: { subject: "agree/a", version: 1, ballot: 0 } }), w.people)],
    ["expired", "too late", (w) => w.effect(plain(w, { expires: 1 }), w.people)],
    ["rule", "rules to come", (w) => w.effect(plain(w, { rule: 1 }), w.people)],
    ["signers", "whoever is to be removed is asked", change(named(3), (w) => removal(w.people[3]!))],
    ["signers", "more weight", (w) => w.effect(w.propose(w.people[0]!, "charter", charter({}), [], { signers: [[w.people[1]!.id, 2]] }), w.people)],
    ["approval", "of another proposal", (w) => ({ proposal: disclosed(plain(w)), approvals: [signed(w.approve(w.people[0]!, plain(w)))] })],
    ["approval", "twice", (w) => w.effect(plain(w), [w.people[0]!, w.people[0]!])],
    ["threshold", "half", (w) => w.effect(plain(w), w.people.slice(0, 2))],
    ["threshold", "a regulator's approval", (w) => w.effect(plain(w, { signers: [[w.people[4]!.id, 1]] }), [w.people[4]!])],
    ["change", "an entry that is none", change(() => `member/${"00".repeat(32)}`, () => ({ admit: { entry: "AA==", signatures: [] } }))],
    ["change", "a member joins again", change(named(1), (w) => w.admission(w.people[1]!))],
    ["change", "no proof of possession", change(() => `member/${admitted.id}`, () => ({ admit: { entry: base64(admitted.entry), signatures: nobody } }))],
    ["change", "keys for another alliance", change(() => `member/${admitted.id}`, () => new World(FOUR.slice(0, 1)).admission(admitted))],
    ["change", "a second leader", change(() => `member/${new Person("x", "leader", 70).id}`, (w) => w.admission(new Person("x", "leader", 70)))],
    ["change", "keys in use", change(() => `member/${new Person("x", "support", 1).id}`, (w) => w.admission(new Person("x", "support", 1)))],
    ["change", "a regulator leads", change(() => "chair", (w) => ({ chair: { member: w.people[4]!.id } }))],
    ["change", "the leader's role", change(named(0), (w) => ({ role: { member: w.people[0]!.id, role: "support", scope: [] } }))],
    ["change", "a scope of no regulator", change(named(1), (w) => ({ role: { member: w.people[1]!.id, role: "support", scope: ["note"] } }))],
    ["change", "a stranger's role", change(() => `member/${"ab".repeat(32)}`, () => ({ role: { member: "ab".repeat(32), role: "support", scope: [] } }))],
    ["change", "the leader as deputy", change(() => "charter", (w) => charter({ deputies: [w.people[0]!.id] }))],
    ["change", "a name of two lines", change(() => "charter", () => charter({ name: "a\nb" }))],
    ["change", "no name", change(() => "charter", () => charter({ name: "" }))],
    ["change", "no T", change(() => "charter", () => charter({ seal: 0 }))],
    ["change", "a rule for a change that there is not", change(() => "charter", () => charter({ rules: { toString: "all" } }))],
    ["change", "a rule for keys", change(() => "charter", () => charter({ rules: { keys: "all" } }))],
    ["change", "an agreement without a title", change(() => "agree/", () => agreement(""))],
  ];
  for (const [why, what, build] of cases) {
    const world = new World([...FOUR, "regulator"]);
    world.write({ effect: build(world) });
    await entryRefused(why, world, what);
  }
});

test("one change waits for the other, and so does one epoch", async () => {
  const world = new World(FOUR);
  world.decide("chair", { chair: { member: world.people[1]!.id } }, world.people, { epoch: { epoch: 2, statement: "cd".repeat(32) } });
  const [kept, log] = [world.entries.length, [...world.log.ids]];
  world.write({ epoch: { epoch: 3, statement: "cd".repeat(32) } });
  await entryRefused("epoch", world);
  world.entries.length = kept;
  world.log.ids.splice(0, Infinity, ...log);
  world.decide("charter", charter({ name: "Another" }), world.people);
  await entryRefused("pending", world);
});

test("a member signs with the keys that it has or had, and rotates them itself", async () => {
  const world = new World(FOUR);
  const [leader, second, third] = world.people as [Person, Person, Person, Person];
  const [before, after] = [second.log, keyPair(90)];
  world.decide(`member/${second.id}`, world.rotation(second, after, 7), [second]);
  world.certify([second, third]);
  const { alliance } = (await verify(world, [1, world.head([second, third])])).settled;
  const { logs } = alliance.members[1]!;
  assert.deepEqual([hex(logs.key.bytes), logs.from, hex(logs.before!.key.bytes)], [hex(after.key), 7, hex(before.key)]);
  world.certify([second, third]);
  // The second key's owner proposes with it, and with the first one.
  second.log = after;
  world.decide("agree/new", agreement("new"), [second, third, leader]);
  second.log = before;
  world.decide("agree/old", agreement("old"), [second, third, leader]);
  await verify(world);
  second.log = keyPair(91);
  world.decide("agree/none", agreement("none"), [second, third, leader]);
  await entryRefused("proposal", world, "a key that it never had");
  const forced = new World(FOUR);
  forced.decide(`member/${forced.people[1]!.id}`, forced.rotation(forced.people[1]!, after, 0), [forced.people[0]!, forced.people[2]!, forced.people[3]!]);
  await entryRefused("signers", forced, "the others rotate its keys");
});

test("a head counts only where it is certified", async () => {
  const world = new World(FOUR);
  const [leader, second, third, fourth] = world.people as [Person, Person, Person, Person];
  world.decide("agree/one", agreement("one"), world.people);
  await refused("head", () => verify(world, [1, world.head([second])]), "too few");
  await refused("head", () => verify(world, [1, world.head([leader, second])]), "the keeper counts once");
  await refused("head", () => verify(world, [1, world.head([second, second])]), "one voter twice");
  await refused("head", () => verify(world, [2, world.head([second, third])]), "another term");
  await refused("head", () => verify(world, [1, "x"]), "no note");
  await refused("head", () => verify(world, [1, world.head([second, third, fourth]).replace(/.{12}\n$/, "AAAAAAAAAAA=\n")]), "a cosignature that is false");
  await refused("form", () => verify(world, ...new Array<[number, string]>(4).fill([1, world.head([second, third])])), "four heads");
  await refused("form", () => verify(world, [1, ""]), "an empty note");
  const { settled } = await verify(world, [1, world.head([second, third])], [1, world.head([second, third], 0)]);
  assert.equal(settled.size, 1);
});

test("fields have one form, and another is no entry", async () => {
  const good = (world: World): { [name: string]: string } => world.fields({ epoch: { epoch: 2, statement: "cd".repeat(32) } });
  const world = new World(FOUR);
  world.put(world.say(world.people[0]!, "suyuan.order", good(world)));
  assert.equal((await verify(world)).entries, 1);
  const statement = `"statement":"${"cd".repeat(32)}"`;
  const long = 20_000;
  const wrong: readonly (readonly [string, string | null])[] = [
    ["epoch", `{"epoch": 2,${statement}}`], ["epoch", `{${statement},"epoch":2}`], ["epoch", `{"epoch":2,"epoch":2,${statement}}`],
    ["epoch", `{"epoch":2,${statement},"x":1}`], ["epoch", '{"epoch":2}'], ["epoch", "[]"], ["epoch", "nul"], ["epoch", "null null"],
    ["epoch", `{"epoch":2,${statement.replace("cd", "CD")}}`], ["epoch", `{"epoch":2,${statement.replace("cd", "\\u0063d")}}`],
    ["term", "01"], ["term", "1.0"], ["term", "1e0"], ["term", "-1"], ["term", "+1"], ["term", "9007199254740992"], ["term", " 1"], ["term", '"1"'],
    ["term", `1,"effect":null`], ["certificate", null], ["certificate", "undefined"], ["certificate", '"\\ud800"'], ["certificate", '"\\/"'],
    ["certificate", '"'], ["certificate", '"\\"'], ["certificate", '"\t"'], ["certificate", '"\\u000a"'], ["certificate", '"\\u001F"'], ["certificate", "[".repeat(long)],
    ["takeover", "[".repeat(long)], ["takeover", "[,]"], ["takeover", "[[]]"], ["takeover", `[${"{}, ".repeat(long)}{}]`], ["effect", '{"a":'.repeat(long)],
    ["effect", `{"approvals":[${'{"signature":"","statement":""},'.repeat(long / 4)}],"proposal":null}`], ["unknown", "null"], ["__proto__", "null"],
  ];
  for (const [name, value] of wrong) {
    const other = new World(FOUR);
    const fields = Object.entries({ ...good(other), ...(value === null ? {} : { [name]: value }) }).filter(([known]) => value !== null || known !== name);
    other.put(other.say(other.people[0]!, "suyuan.order", Object.fromEntries(fields)));
    await entryRefused("malformed", other, `${name} ${value?.slice(0, 40)}`);
  }
  // Members whose order by UTF-16 is another than by code points.
  const ruled = new World(FOUR);
  const rules = canonical(charter({})).replace('"rules":null', `"rules":{"\u{1f600}":"all","\uffff":"all"}`);
  const named = ruled.propose(ruled.people[0]!, "charter", charter({}), ruled.people);
  assert.ok(named.body.length > 0);
  const proposal = ruled.say(ruled.people[0]!, "suyuan.proposal", {
    circle: canonical(ruled.circle), slot: canonical({ subject: "charter", version: 0, ballot: 0 }), change: rules, threshold: "1", rule: "0",
    signers: canonical([[ruled.people[0]!.id, 1]]), expires: "9000000000000", reason: '""',
  });
  ruled.write({ effect: ruled.effect(proposal, ruled.people) });
  await entryRefused("malformed", ruled, "members by UTF-16");
});

test("large hostile histories are refused at once", async () => {
  const world = new World(FOUR);
  const founders = await verifyCharter(world.file);
  await refused("form", () => verifyHistory(new Uint8Array(64 * 1024 * 1024 + 1), founders));
  await refused("cbor", () => verifyHistory(new Uint8Array(0), founders));
  const unsigned = (body: number): Uint8Array => encodeArray(...[0, 64, 0, body].map((length) => encodeBytes(new Uint8Array(length))));
  const entry = unsigned(900);
  const file = (entries: Uint8Array, count: number): Uint8Array =>
    concat(bytes("84"), encodeText("suyuan-history"), encodeUint(1), bytes(`9a${count.toString(16).padStart(8, "0")}`), entries, encodeArray());
  const many = new Uint8Array(entry.length * 65_536);
  for (let at = 0; at < many.length; at += entry.length) many.set(entry, at);
  const started = Date.now();
  await refused("entry", () => verifyHistory(file(many, 65_536), founders), "entries that nobody signed");
  await refused("cbor", () => verifyHistory(file(concat(many, entry), 65_537), founders), "more than an array holds");
  await refused("cbor", () => verifyHistory(concat(new Uint8Array(1_000_000).fill(0x81), Uint8Array.of(0)), founders), "nested");
  const named = (name: string, version: number, ...entries: Uint8Array[]): Uint8Array =>
    encodeArray(encodeText(name), encodeUint(version), encodeArray(...entries), encodeArray());
  await refused("form", () => verifyHistory(named("suyuan-history", 1, unsigned(1_048_577)), founders), "a body");
  await refused("suite", () => verifyHistory(named("suyuan-history", 2), founders));
  await refused("form", () => verifyHistory(named("suyuan-bundle", 1), founders));
  assert.ok(Date.now() - started < 10_000, `${Date.now() - started} ms`);
});
