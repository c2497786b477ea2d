import assert from "node:assert/strict";
import { test } from "node:test";
import { check, Held } from "../envelope.js";
import { Flood } from "../flood.js";
import { Mesh } from "../mesh.js";
import { mutual, Proofs } from "../proof.js";

// What a hostile device in the room may try, as in mesh/hostile_test.go.

const SELF = { user_id: "@me:x", device_id: "ME" }, BOB = { user_id: "@bob:x", device_id: "BOB" }, MALLORY = { user_id: "@mallory:x", device_id: "M" };
const member = (party, session_id) => ({ ...party, session_id, createdAt: 0, expiresAt: 9, focus: "full_mesh", mesh: true, feeds: [], eventId: "$" });
const outlook = (more = {}) => ({
  self: SELF, sessionId: "mine", roomId: "!r", encrypted: false, joined: new Set([SELF.user_id, BOB.user_id, MALLORY.user_id]),
  sessions: [{ confId: "m.call#ROOM", form: "session", focus: "full_mesh", current: true, members: [member(BOB, "bobs")] }],
  entered: () => true, lingers: () => false, ...more,
});
const invite = (from, signal = {}) => ({
  from, encrypted: true, authenticated: true, verified: false,
  signal: { kind: "invite", callId: "c", confId: "m.call#ROOM", roomId: "!r", deviceId: from.device_id, partyId: from.device_id, senderSession: "bobs",
    destSession: "mine", description: { type: "offer", sdp: "v=0" }, candidates: [], metadata: null, seq: 0, ...signal },
});

test("a forged device in the envelope gets nowhere", () => {
  assert.deepEqual(check(outlook(), invite(BOB)), { confId: "m.call#ROOM" });
  assert.deepEqual(check(outlook(), invite(MALLORY, { deviceId: "BOB" })), { refusal: "other_device" });
  assert.deepEqual(check(outlook(), invite(MALLORY)), { hold: true }, "bob's session in mallory's name waits for a membership that never comes");
  assert.deepEqual(check(outlook(), invite({ ...BOB, device_id: "OTHER" })), { hold: true });
});

test("messages before membership fill no memory", () => {
  const held = new Held();
  for (let i = 0; i < 1000; i++) held.hold(invite(MALLORY, { callId: String(i) }), 0);
  assert.equal(held.list.length, 64);
  for (let i = 0; i < 1000; i++) held.hold(invite({ ...MALLORY, device_id: "D" + i }, { description: { type: "offer", sdp: "x".repeat(15_000) } }), 0);
  assert.ok(held.list.reduce((sum, { size }) => sum + size, 0) <= 1 << 20);
  held.expire(30_000);
  assert.equal(held.list.length, 0);
  assert.deepEqual(check(outlook(), invite(BOB, { description: { type: "offer", sdp: "x".repeat(70_000) } })), { refusal: "too_large" });
});

test("a device calls ten times a minute at most, and others meanwhile", () => {
  const flood = new Flood();
  const taken = Array.from({ length: 100 }, (_, i) => flood.allow("mallory", i * 100)).filter(Boolean);
  assert.equal(taken.length, 10);
  assert.ok(flood.allow("bob", 10_000));
  assert.ok(!flood.allow("mallory", 59_000) && flood.allow("mallory", 60_000));
  for (let i = 0; i < 5000; i++) flood.allow("claimed" + i, 61_000);
  assert.ok(flood.calls.size <= 1024);
  assert.ok(flood.allow("later", 200_000), "what is old is forgotten");
});

test("a call is as well proven as the worst of its messages", () => {
  const proof = (encrypted, authenticated, verified) => ({ encrypted, authenticated, verified });
  const proofs = new Proofs();
  assert.equal(proofs.trust, "unknown");
  for (const [call, message, want] of [
    ["a", proof(true, true, true), "verified"], ["a", proof(true, true, false), "encrypted"], ["a", proof(true, true, true), "encrypted"],
    ["a", proof(true, false, false), "server"], ["a", proof(false, false, false), "clear"], ["a", proof(true, true, true), "clear"],
    ["b", proof(true, true, true), "verified"], ["c", proof(true, false, true), "server"], ["d", proof(false, true, true), "clear"],
  ]) {
    proofs.take(call, message);
    assert.equal(proofs.trust, want, call + JSON.stringify(message));
  }
});

test("a pair is as well proven as the worse of what its two ends say, and nothing that they make up counts", () => {
  for (const [one, other, trust, ends] of [
    ["verified", "encrypted", "encrypted", 2], ["verified", "verified", "verified", 2], ["encrypted", "server", "server", 2], ["clear", "verified", "clear", 2],
    ["focus", "encrypted", "focus", 2], ["server", "focus", "focus", 2],
    ["encrypted", undefined, "encrypted", 1], ["unknown", "encrypted", "encrypted", 1], [undefined, undefined, "unknown", 0], ["trusted!", { toString: () => "verified" }, "unknown", 0],
  ]) {
    assert.deepEqual(mutual(one, other), { trust, ends });
    assert.deepEqual(mutual(other, one), { trust, ends });
  }
});

test("where only relays are allowed, the browser is told so", () => {
  const mesh = (relay_only) => new Mesh({
    signaller: /** @type {any} */ ({}), clock: { now: () => 0, after: () => () => {} }, source: /** @type {any} */ ({}), metadata: {}, changed: () => {},
    welcome: { self: { ...SELF, session_id: "mine", name: "me" }, room: { id: "!r" }, ice_servers: [{ urls: ["turn:t"] }], relay_only },
  });
  assert.equal(mesh(true).configuration().iceTransportPolicy, "relay");
  assert.equal(mesh(false).configuration().iceTransportPolicy, "all");
});

test("relays that do not know us are asked for once, and then there are others or not", async () => {
  const refused = [{ urls: ["turn:t"], username: "old" }];
  let asked = 0, fresh = refused;
  const mesh = new Mesh({
    signaller: /** @type {any} */ ({ freshServers: async () => (asked++, structuredClone(fresh)) }), clock: { now: () => 0, after: () => () => {} }, source: /** @type {any} */ ({}), metadata: {}, changed: () => {},
    welcome: { self: { ...SELF, session_id: "mine", name: "me" }, room: { id: "!r" }, ice_servers: refused },
  });
  assert.deepEqual(await Promise.all([mesh.renewRelays(refused), mesh.renewRelays(refused)]), [false, false], "the same are no others");
  fresh = [{ urls: ["turn:t"], username: "new" }];
  assert.equal(await mesh.renewRelays(refused), false);
  assert.equal(asked, 1);
  mesh.iceServers(refused);
  assert.equal(await mesh.renewRelays(refused), true);
  assert.equal(await mesh.renewRelays(refused), true, "another pair that had the same");
  assert.equal(await mesh.renewRelays(mesh.welcome.ice_servers), false, "the others are refused, too");
  assert.equal(asked, 2);
  assert.equal(mesh.configuration().iceServers?.[0].username, "new");
});

test("a device that is refused before it is met is shown with the words for it", () => {
  const mesh = new Mesh({
    signaller: /** @type {any} */ ({ send: async () => {} }), clock: { now: () => 0, after: () => () => {} }, source: /** @type {any} */ ({}), metadata: {}, changed: () => {},
    welcome: { self: { ...SELF, session_id: "mine", name: "me" }, room: { id: "!r" }, ice_servers: [] },
  });
  mesh.distrust(BOB, "It is not signed.");
  mesh.meet("@bob:x/BOB", { member: member(BOB, "bobs"), confId: "m.call#ROOM", form: "session" });
  assert.equal(mesh.snapshot()[0].words, "It is not signed.");
  mesh.deliver(/** @type {any} */ (invite(BOB)), "m.call#ROOM");
  assert.ok(!mesh.distrusted.size && mesh.snapshot()[0].words !== "It is not signed.", "until one of its messages is taken");
  for (let i = 0; i < 1000; i++) mesh.distrust({ ...MALLORY, device_id: "D" + i }, "x");
  assert.ok(mesh.distrusted.size <= 64);
});
