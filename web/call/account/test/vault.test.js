import assert from "node:assert/strict";
import { test } from "node:test";
import { Homeserver } from "../client.js";
import { Outbox } from "../outbox.js";
import { Refusal, Vault } from "../vault.js";
import { World } from "./testdata/world.js";

const LIBRARY = "../../../../internal/npm/node_modules/matrix-js-sdk-43/node_modules/@matrix-org/matrix-sdk-crypto-wasm/node.mjs";
const lib = await import(LIBRARY);
await lib.initAsync();

const ANN = { user_id: "@ann:s", device_id: "ANN" };
const BOB = { user_id: "@bob:s", device_id: "BOB" };
const prefer = () => /** @type {const} */ ("prefer");

/** A device with keys in memory. @param {World} world @param {{user_id: string, device_id: string}} self @param {any} [more] */
async function open(world, self, more = {}) {
  const homeserver = new Homeserver("https://h", { token: "t", fetch: world.fetch(self.user_id, self.device_id) });
  /** @type {string[]} */
  const refused = [];
  const vault = await Vault.open({ lib, homeserver, self, refused: (words) => refused.push(words), ...more });
  const outbox = new Outbox({ homeserver, seal: (to, event, content) => vault.seal(to, event, content, more.mode ?? "prefer") });
  const receive = (/** @type {any} */ mode = prefer) => vault.receive(world.collect(self.user_id, self.device_id), mode);
  return { vault, outbox, refused, receive, self };
}

test("messages arrive in order, locked, from the device that sent them", async () => {
  const world = new World();
  const [ann, bob] = [await open(world, ANN), await open(world, BOB)];
  const numbers = [0, 1, 2, 3, 4, 5, 6, 7];
  await Promise.all(numbers.map((seq) => ann.outbox.send(BOB, "m.call.candidates", { device_id: "ANN", seq })));
  for (const { type, content } of world.mail.get("@bob:s/BOB") ?? []) {
    assert.equal(type, "m.room.encrypted");
    assert.ok(!JSON.stringify(content).includes("seq"));
  }
  const got = await bob.receive(() => "require");
  assert.deepEqual(got.map(({ content }) => content.seq), numbers);
  assert.deepEqual(got[0].from, ANN);
  assert.ok(got.every(({ encrypted }) => encrypted));
  await bob.outbox.send(ANN, "m.call.answer", { device_id: "BOB" });
  assert.equal((await ann.receive(() => "require")).length, 1);
  assert.deepEqual(bob.vault.stats, { sealed: 1, clearSent: 0, opened: 8, clearTaken: 0, refused: 0, unreadable: 0 });
});

test("events of an encrypted room are locked for its devices, and opened when their key has come", async () => {
  const world = new World();
  const [ann, bob] = [await open(world, ANN), await open(world, BOB)];
  await bob.vault.follow([ANN.user_id]);
  const content = await ann.vault.sealForRoom("!r:s", [ANN.user_id, BOB.user_id], "org.matrix.msc4310.rtc.decline", { "m.relates_to": { rel_type: "m.reference", event_id: "$n" } });
  assert.equal(content.algorithm, "m.megolm.v1.aes-sha2");
  const event = { type: "m.room.encrypted", event_id: "$e", sender: ANN.user_id, origin_server_ts: 1, room_id: "!r:s", content };
  assert.equal(await bob.vault.openInRoom("!r:s", event), undefined, "before its key has come");
  await bob.receive();
  const opened = await bob.vault.openInRoom("!r:s", event);
  assert.deepEqual([opened.type, opened.event_id, opened.content["m.relates_to"].event_id, opened.device], ["org.matrix.msc4310.rtc.decline", "$e", "$n", "ANN"]);
  assert.equal(await bob.vault.openInRoom("!r:s", { ...event, event_id: "$f", sender: BOB.user_id }), undefined, "in somebody else's name");
});

test("the key of somebody's frames travels locked or not at all", async () => {
  const world = new World();
  const [ann, bob] = [await open(world, ANN), await open(world, BOB)];
  const key = { room_id: "!r", member_id: "stay", media_key: { index: 1, key: "AAECAwQFBgcICQoLDA0ODw" } };
  await ann.outbox.send(BOB, "org.matrix.msc4143.rtc.encryption_key", key);
  const [got] = await bob.receive();
  assert.deepEqual([got.from, got.encrypted, got.event, got.content], [ANN, true, "org.matrix.msc4143.rtc.encryption_key", key]);
  for (const type of ["org.matrix.msc4143.rtc.encryption_key", "m.rtc.encryption_key", "io.element.call.encryption_keys"]) {
    world.post("@bob:s", "BOB", { type, sender: "@ann:s", content: { ...key, device_id: "ANN" } });
  }
  assert.deepEqual(await bob.receive(), []);
  assert.equal(bob.vault.stats.refused, 3);
  await assert.rejects(ann.outbox.send({ user_id: "@bob:s", device_id: "KEYLESS" }, "m.rtc.encryption_key", key), (/** @type {any} */ err) => err.code === "no_keys");
  assert.equal(ann.vault.stats.clearSent, 0);
});

test("what an object says of itself as JSON is what is sent", async () => {
  const world = new World();
  const [ann, bob] = [await open(world, ANN), await open(world, BOB)];
  await ann.outbox.send(BOB, "m.call.invite", { offer: { toJSON: () => ({ type: "offer", sdp: "v=0" }) } });
  assert.deepEqual((await bob.receive())[0].content.offer, { type: "offer", sdp: "v=0" });
});

test("a device that names another as its own is refused", async () => {
  const world = new World();
  const [ann, bob] = [await open(world, ANN), await open(world, BOB)];
  await ann.outbox.send(BOB, "m.call.invite", { device_id: "CAROL" });
  assert.deepEqual(await bob.receive(), []);
  assert.match(bob.refused[0], /CAROL/);
});

test("a homeserver that puts another sender on a locked message is found out", async () => {
  const world = new World();
  const [ann, bob] = [await open(world, ANN), await open(world, BOB)];
  await open(world, { user_id: "@eve:s", device_id: "EVE" });
  await ann.outbox.send(BOB, "m.call.invite", { device_id: "ANN" });
  for (const event of world.mail.get("@bob:s/BOB") ?? []) event.sender = "@eve:s";
  assert.deepEqual(await bob.receive(), []);
  assert.equal(bob.refused.length, 1);
});

test("cleartext is taken only where encryption is not required", async () => {
  const world = new World();
  const bob = await open(world, BOB);
  const clear = { type: "m.call.invite", sender: "@ann:s", content: { device_id: "ANN" } };
  world.post("@bob:s", "BOB", clear);
  assert.deepEqual(await bob.receive(() => "require"), []);
  world.post("@bob:s", "BOB", clear);
  const [got] = await bob.receive();
  assert.deepEqual([got.encrypted, got.from], [false, ANN]);
});

test("a message for a device without keys is not sent where encryption is required", async () => {
  const world = new World();
  const strict = await open(world, ANN, { mode: "require" });
  await assert.rejects(strict.outbox.send(BOB, "m.call.invite", {}), (err) => err instanceof Refusal && err.code === "no_keys");
  const lax = await open(new World(), ANN);
  await lax.outbox.send(BOB, "m.call.invite", {});
  assert.equal(lax.vault.stats.clearSent, 1);
});

test("a homeserver that does not tell the keys now is no reason for cleartext", async () => {
  const world = new World();
  const ann = await open(world, ANN);
  let failures = 2;
  world.meddle = (line) => (line === "POST v3/keys/query" && failures-- > 0 ? [502, {}] : undefined);
  await open(world, BOB).catch(() => {});
  await ann.outbox.send(BOB, "m.call.invite", { seq: 0 });
  assert.equal(world.mail.get("@bob:s/BOB")?.[0].type, "m.room.encrypted");
});

test("a device whose one-time keys have run out gets no cleartext", async () => {
  const world = new World();
  const ann = await open(world, ANN);
  await open(world, BOB);
  world.oneTime.clear();
  await assert.rejects(ann.outbox.send(BOB, "m.call.invite", {}), (err) => err instanceof Refusal && err.code === "no_session");
});

test("a message whose sender's keys are not to be had waits, and those behind it too", async () => {
  const world = new World();
  const [ann, bob] = [await open(world, ANN), await open(world, BOB)];
  await ann.outbox.send(BOB, "m.call.invite", { seq: 0 });
  await ann.outbox.send(BOB, "m.call.candidates", { seq: 1 });
  world.meddle = (line) => (line === "POST v3/keys/query" ? [502, {}] : undefined);
  assert.deepEqual(await bob.receive(), []);
  assert.ok(bob.vault.waiting);
  world.meddle = () => undefined;
  assert.deepEqual((await bob.receive()).map(({ content }) => content.seq), [0, 1]);
  assert.ok(!bob.vault.waiting);
});

test("a request that got no answer is repeated under its transaction ID", async () => {
  const world = new World();
  const [ann, bob] = [await open(world, ANN), await open(world, BOB)];
  const lines = [];
  let first = true;
  const answer = world.fetch("@ann:s", "ANN");
  ann.outbox.options.homeserver.fetch = /** @type {any} */ (async (/** @type {string} */ address, /** @type {any} */ init) => {
    const got = await answer(address, init); // delivered
    if (!address.includes("sendToDevice")) return got;
    lines.push(address);
    if (first) { first = false; throw new TypeError("the answer is lost"); }
    return got;
  });
  await ann.outbox.send(BOB, "m.call.invite", { seq: 0 });
  assert.equal(lines.length, 2);
  assert.equal(lines[0], lines[1]);
  assert.equal((await bob.receive()).length, 1);
});

test("what cannot be read is counted and hurts nobody", async () => {
  const world = new World();
  const [ann, bob] = [await open(world, ANN), await open(world, BOB)];
  world.post("@bob:s", "BOB", { type: "m.room.encrypted", sender: "@ann:s", content: { algorithm: "m.olm.v1.curve25519-aes-sha2", sender_key: "x", ciphertext: {} } });
  world.post("@bob:s", "BOB", { type: "m.room.encrypted", sender: "not a user", content: 5 });
  await ann.outbox.send(BOB, "m.call.invite", { seq: 0 });
  assert.equal((await bob.receive()).length, 1);
  assert.equal(bob.vault.stats.unreadable, 2);
});

test("after close nothing is sent", async () => {
  const world = new World();
  const ann = await open(world, ANN);
  ann.outbox.close();
  await assert.rejects(ann.outbox.send(BOB, "m.call.invite", {}), (err) => err instanceof Refusal && err.code === "gone");
});
