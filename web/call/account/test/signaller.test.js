import assert from "node:assert/strict";
import { test } from "node:test";
import { Homeserver } from "../client.js";
import { CALL, CALL_MEMBER } from "../membership.js";
import { MatrixSignaller } from "../signaller.js";
import { Vault } from "../vault.js";
import { World } from "./testdata/world.js";

const LIBRARY = "../../../../internal/npm/node_modules/matrix-js-sdk-43/node_modules/@matrix-org/matrix-sdk-crypto-wasm/node.mjs";
const lib = await import(LIBRARY);
await lib.initAsync();

const ANN = { user_id: "@ann:s", device_id: "ANN" };
const BOB = { user_id: "@bob:s", device_id: "BOB" };

/** A signaller that writes down what it says. @param {World} world @param {{user_id: string, device_id: string}} self @param {any} [ear] */
async function start(world, self, ear) {
  world.state.set(`m.room.member|${self.user_id}`, { membership: "join", displayname: self.device_id });
  const homeserver = new Homeserver("https://h", { token: "t", fetch: world.fetch(self.user_id, self.device_id) });
  const vault = await Vault.open({ lib, homeserver, self });
  const signaller = new MatrixSignaller({ homeserver, vault, self, ear, roomId: "!r", timing: { delayMs: 1_000, restartMs: 100, validMs: 3_600_000, bareMs: 600_000 } });
  /** @type {any} */
  const said = { welcomes: [], signals: [], states: [], reports: [], troubles: [], ways: [], distrusts: [] };
  signaller.start({
    welcome: (welcome) => said.welcomes.push(welcome), state: (state) => said.states.push(state), signal: (message) => said.signals.push(message),
    reports: (reports) => said.reports.push(...reports), iceServers: () => {}, trouble: (trouble) => said.troubles.push(trouble),
    distrust: (party, words) => said.distrusts.push({ party, words }),
    hangUp: () => said.hangUp?.(), down: () => said.ways.push("down"), up: () => said.ways.push("up"),
  });
  return { signaller, said, vault };
}

/** @param {() => any} is @param {string} what */
async function until(is, what) {
  for (const end = Date.now() + 60_000; !is(); await new Promise((done) => setTimeout(done, 5))) assert.ok(Date.now() < end, what);
}

test("two devices enter, speak, report and leave", async () => {
  const world = new World();
  const [ann, bob] = [await start(world, ANN), await start(world, BOB)];
  await Promise.all([ann.signaller.enter(["m.usermedia"]), bob.signaller.enter(["m.usermedia"])]);
  assert.deepEqual(world.state.get(`${CALL}|meshfocus`), { "m.intent": "m.room", "m.type": "m.video" }, "the conference is made");
  assert.equal(ann.said.welcomes[0].self.name, "ANN");
  await ann.signaller.send(BOB, "m.call.invite", { device_id: "ANN", "org.matrix.msgid": "meshfocus-1" });
  await until(() => bob.said.signals.length === 1, "bob hears");
  assert.deepEqual({ ...bob.said.signals[0], content: 0 }, { from: ANN, encrypted: true, authenticated: true, verified: false, event: "m.call.invite", content: 0 });
  bob.signaller.report({ links: [] });
  await until(() => ann.said.reports.length === 1, "ann is told what bob sees");
  assert.deepEqual(ann.said.reports[0].party, BOB);
  await ann.signaller.enter(["m.usermedia", "m.screenshare"]);
  await until(() => world.state.get(`${CALL_MEMBER}|@ann:s`)["m.calls"][0]["m.devices"][0].feeds.length === 2, "the feeds are written");
  for (const { signaller } of [ann, bob]) {
    await signaller.leave();
    signaller.close();
  }
  assert.deepEqual(world.state.get(`${CALL_MEMBER}|_@ann:s_ANN_m.call`), {});
  assert.deepEqual(world.state.get(`${CALL_MEMBER}|@ann:s`), { "m.calls": [] });
  assert.equal(world.delayed.size, 0);
});

test("hang-ups go when the membership has gone, or when that takes too long", async () => {
  const world = new World();
  const { signaller, said } = await start(world, ANN);
  await signaller.enter(["m.usermedia"]);
  /** @type {any} */
  let left;
  said.hangUp = () => { left = world.state.get(`${CALL_MEMBER}|_@ann:s_ANN_m.call`); };
  await signaller.leave();
  assert.deepEqual(left, {});
  signaller.close();
});

test("messages for another room are not handed on", async () => {
  const world = new World();
  const [ann, bob] = [await start(world, ANN), await start(world, BOB)];
  await ann.signaller.enter([]);
  await bob.signaller.enter([]);
  await ann.signaller.send(BOB, "m.call.invite", { room_id: "!other" });
  await ann.signaller.send(BOB, "m.call.invite", { room_id: "!r" });
  await until(() => bob.said.signals.length === 1, "the second is");
  assert.equal(bob.said.signals[0].content.room_id, "!r");
  ann.signaller.close();
  bob.signaller.close();
});

test("only relays are used in a public room that has one, so that members do not learn our address", async () => {
  for (const [rule, uris, want] of /** @type {const} */ ([["public", ["turn:t"], true], ["public", ["stun:s"], false], ["public", [], false], ["invite", ["turn:t"], false]])) {
    const world = new World();
    world.state.set("m.room.join_rules|", { join_rule: rule });
    world.meddle = (line) => (line === "GET v3/voip/turnServer" ? [200, { uris, username: "u", password: "p", ttl: 0 }] : undefined);
    const { signaller, said } = await start(world, ANN);
    await until(() => said.welcomes.length === 1, "it begins");
    assert.equal(said.welcomes[0].relay_only, want, `${rule} ${uris}`);
    signaller.close();
  }
});

test("relays that are refused are asked for anew, and are then renewed in their own time", async () => {
  const world = new World();
  let given = 0;
  world.meddle = (line) => (line === "GET v3/voip/turnServer" ? [200, { uris: ["turn:t"], username: `u${++given}`, password: "p", ttl: given > 1 ? 86_400 : 0.5 }] : undefined);
  const { signaller, said } = await start(world, ANN);
  await until(() => said.welcomes.length === 1, "it begins");
  const before = given, [{ username }] = await signaller.freshServers();
  assert.deepEqual([username, given], [`u${before + 1}`, before + 1]);
  await new Promise((done) => setTimeout(done, 600)); // the first would be renewed now
  assert.equal(given, before + 1);
  signaller.close();
});

test("a user whom ours ignores is not heard", async () => {
  const world = new World();
  world.ignored = [ANN.user_id];
  const CEM = { user_id: "@cem:s", device_id: "CEM" };
  const [ann, bob, cem] = [await start(world, ANN), await start(world, BOB), await start(world, CEM)];
  for (const { signaller } of [ann, cem]) await signaller.enter(["m.usermedia"]);
  await ann.signaller.send(BOB, "m.call.invite", { room_id: "!r" });
  await cem.signaller.send(BOB, "m.call.invite", { room_id: "!r" });
  await until(() => bob.said.signals.length > 0, "what came later is there");
  assert.deepEqual(bob.said.signals.map(({ from }) => from), [CEM]);
  for (const { signaller } of [ann, bob, cem]) signaller.close();
});

test("a device that is not trusted is neither spoken to nor heard, and that is said in words", async () => {
  const world = new World();
  const [ann, bob] = [await start(world, ANN), await start(world, BOB)];
  ann.vault.trust = "verified";
  await ann.signaller.enter(["m.usermedia"]);
  await bob.signaller.enter(["m.usermedia"]);
  await assert.rejects(ann.signaller.send(BOB, "m.call.invite", {}), (/** @type {any} */ err) => err.code === "untrusted" && /verified this device/.test(err.words));
  await bob.signaller.send(ANN, "m.call.invite", { room_id: "!r" });
  await until(() => ann.said.distrusts.length === 1, "it is told");
  assert.deepEqual(ann.said.distrusts[0].party, BOB);
  assert.match(ann.said.distrusts[0].words, /verified this device/);
  assert.equal(ann.said.signals.length, 0);
  assert.equal(ann.vault.stats.clearSent, 0);
  ann.signaller.close();
  bob.signaller.close();
});

test("a sticky member whose event is locked is seen once its key has come, as the device that locked it", async () => {
  const world = new World();
  const [ann, bob] = [await start(world, ANN), await start(world, BOB)];
  await until(() => ann.said.welcomes.length + bob.said.welcomes.length === 2, "both begin");
  await ann.vault.follow([ANN.user_id, BOB.user_id]);
  const content = await ann.vault.sealForRoom("!r", [ANN.user_id, BOB.user_id], "org.matrix.msc4143.rtc.member", { msc4354_sticky_key: "k", slot_id: "m.call#ROOM" });
  world.sticky.push({ type: "m.room.encrypted", sender: ANN.user_id, event_id: "$locked", origin_server_ts: Date.now(), content, msc4354_sticky: { duration_ms: 60_000 } });
  await until(() => bob.said.states.some(({ sticky }) => sticky.some((/** @type {any} */ event) => event.device === "ANN")), "bob sees it");
  const { type, sender, content: said } = bob.said.states.at(-1).sticky[0];
  assert.deepEqual([type, sender, said.slot_id], ["org.matrix.msc4143.rtc.member", ANN.user_id, "m.call#ROOM"]);
  ann.signaller.close();
  bob.signaller.close();
});

test("the ear catches up when the call begins, and hears every response from then on", async () => {
  const world = new World();
  /** @type {any[]} */
  const heard = [], filters = [];
  const ear = { ringing: ["rings"], catchUp: () => heard.push("catch up"), hear: (/** @type {any} */ response) => heard.push(response.next_batch) };
  const homeserver = world.fetch(ANN.user_id, ANN.device_id);
  world.fetch = () => /** @type {any} */ ((/** @type {string} */ address, /** @type {any} */ init) => {
    const filter = new URL(address).searchParams.get("filter");
    if (filter) filters.push(JSON.parse(filter).room);
    return homeserver(address, init);
  });
  const { signaller } = await start(world, ANN, ear);
  await until(() => heard.length >= 3, "it hears");
  assert.equal(heard[0], "catch up");
  assert.match(heard[1], /^s\d+$/);
  assert.deepEqual(filters[0].rooms, ["!r"], "the room of the call first");
  assert.ok(filters[1].rooms === undefined && filters[1].timeline.types.includes("rings"), "then all");
  signaller.close();
});

test("a homeserver that is away is said once, and that it is back", async () => {
  const world = new World();
  const { signaller, said } = await start(world, ANN);
  await until(() => said.welcomes.length === 1, "it begins");
  world.meddle = (line) => (line === "GET v3/sync" ? [502, {}] : undefined);
  await until(() => said.ways.length === 1, "it is down");
  world.meddle = () => undefined;
  await until(() => said.ways.length === 2, "it is up");
  assert.deepEqual(said.ways, ["down", "up"]);
  assert.equal(said.welcomes.length, 1);
  signaller.close();
});

test("a token that is no longer good ends the call with words", async () => {
  const world = new World();
  const { signaller, said } = await start(world, ANN);
  await until(() => said.welcomes.length === 1, "it begins");
  world.meddle = (line) => (line === "GET v3/sync" ? [401, { errcode: "M_UNKNOWN_TOKEN" }] : undefined);
  await until(() => said.troubles.length === 1, "it is told");
  assert.deepEqual([said.troubles[0].code, said.troubles[0].fatal], ["signed_out", true]);
  signaller.close();
});

test("without power for members the words name the levels", async () => {
  const world = new World();
  world.state.set("m.room.power_levels|", { users_default: 0 });
  world.meddle = (line) => (line.startsWith("PUT") && line.includes(encodeURIComponent(CALL_MEMBER)) ? [403, { errcode: "M_FORBIDDEN", error: "no" }] : undefined);
  const { signaller, said } = await start(world, ANN);
  await assert.rejects(signaller.enter(["m.usermedia"]), /level 50, and you have 0/);
  assert.deepEqual([said.troubles[0].code, said.troubles[0].fatal], ["not_allowed", true]);
  signaller.close();
});

test("without power for a call object the slot is entered, and that is said", async () => {
  const world = new World();
  world.meddle = (line) => (line.startsWith("PUT") && line.includes(`${CALL}/`) ? [403, { errcode: "M_FORBIDDEN", error: "no" }] : undefined);
  const { signaller, said } = await start(world, ANN);
  await signaller.enter(["m.usermedia"]);
  assert.ok(world.state.get(`${CALL_MEMBER}|_@ann:s_ANN_m.call`).application);
  assert.equal(world.state.has(`${CALL_MEMBER}|@ann:s`), false);
  assert.deepEqual([said.troubles[0].code, said.troubles[0].fatal], ["no_conference", false]);
  await signaller.leave();
  signaller.close();
});

test("in an encrypted room a device without keys is told nothing", async () => {
  const world = new World();
  world.state.set("m.room.encryption|", { algorithm: "m.megolm.v1.aes-sha2" });
  const { signaller, said } = await start(world, ANN);
  await until(() => said.welcomes.length === 1, "it begins");
  assert.ok(said.welcomes[0].room.encrypted);
  await assert.rejects(signaller.send(BOB, "m.call.invite", {}), /no encryption keys/);
  world.post("@ann:s", "ANN", { type: "m.call.invite", sender: "@bob:s", content: { device_id: "BOB" } });
  await until(() => signaller.vault.stats.refused === 1, "cleartext is refused");
  assert.equal(said.signals.length, 0);
  signaller.close();
});
