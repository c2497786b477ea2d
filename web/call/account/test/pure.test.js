import assert from "node:assert/strict";
import { test } from "node:test";
import { Beat, TIMING } from "../beat.js";
import { discover, Homeserver, MatrixError, pauseAfter } from "../client.js";
import { CALL, CALL_MEMBER, inConference, inSlot, liveConference, powerFor, slotContent, slotKey, withDevice, withoutDevice } from "../membership.js";
import { distrust, modeFor, receiving, sendingTo, trustOf, TRUSTS } from "../policy.js";
import { stuck, unlocked } from "../stickies.js";
import { advance, begin, callState, emptyRoom, filterFor, isEncrypted, isPublic, nameOf, outsideRooms, replace } from "../room.js";

const self = { user_id: "@a:s", device_id: "DEV" };
const now = 1_000_000;
const device = { known: true, ownerCrossSigns: false, crossSigned: false, verified: false };

test("encryption is required in encrypted rooms, and where only verified devices count", () => {
  assert.equal(modeFor({}, true), "require");
  assert.equal(modeFor({}, false), "prefer");
  assert.equal(modeFor({ wanted: "prefer" }, true), "prefer");
  assert.equal(modeFor({ wanted: "require" }, false), "require");
  assert.equal(modeFor({ trust: "verified" }, false), "require");
});

test("cleartext goes only to a device without keys, and never where encryption is required", () => {
  const none = { ...device, known: false };
  assert.deepEqual(sendingTo("prefer", none, "cross_signed"), { how: "clear" });
  assert.equal(sendingTo("require", none, "cross_signed").how, "refuse");
  assert.equal(sendingTo("prefer", device, "cross_signed").how, "olm");
  const unsigned = { ...device, ownerCrossSigns: true };
  assert.equal(sendingTo("prefer", unsigned, "cross_signed").how, "refuse", "an unsigned device is no reason for cleartext");
  assert.equal(sendingTo("prefer", unsigned, "any").how, "olm");
});

test("who has cross-signing must have signed the device", () => {
  assert.equal(distrust(device, "cross_signed"), "");
  assert.notEqual(distrust({ ...device, ownerCrossSigns: true }, "cross_signed"), "");
  assert.equal(distrust({ ...device, ownerCrossSigns: true, crossSigned: true }, "cross_signed"), "");
  assert.notEqual(distrust({ ...device, ownerCrossSigns: true, crossSigned: true }, "verified"), "");
  assert.equal(distrust({ ...device, verified: true }, "verified"), "");
});

test("each rule of trust takes what it says, the same to and fro, and never falls back to cleartext", () => {
  const facts = { stranger: device, unsigned: { ...device, ownerCrossSigns: true }, signed: { ...device, ownerCrossSigns: true, crossSigned: true }, verified: { ...device, verified: true } };
  const takes = { any: "stranger unsigned signed verified", known: "stranger unsigned signed verified", cross_signed: "stranger signed verified", verified: "verified" };
  for (const trust of TRUSTS) {
    for (const mode of /** @type {const} */ (["prefer", "require"])) {
      const sent = Object.entries(facts).filter(([, is]) => sendingTo(mode, is, trust).how === "olm").map(([name]) => name).join(" ");
      const heard = Object.entries(facts).filter(([, is]) => "from" in receiving(mode, { encrypted: true, sender: "@b:s", device: "B" }, is, trust)).map(([name]) => name).join(" ");
      assert.deepEqual([sent, heard], [takes[trust], takes[trust]], `${trust}, ${mode}`);
      assert.ok(Object.values(facts).every((is) => sendingTo(mode, is, trust).how !== "clear"));
    }
  }
  assert.deepEqual([trustOf("known"), trustOf("nonsense"), trustOf(null)], ["known", "cross_signed", "cross_signed"]);
});

test("a message is from the device whose keys opened it, whatever it says", () => {
  const sealed = { encrypted: true, sender: "@b:s", device: "B", claimed: "B" };
  assert.deepEqual(receiving("require", sealed, device, "cross_signed"), { from: { user_id: "@b:s", device_id: "B" } });
  for (const [name, mode, arrived, facts] of /** @type {any[]} */ ([
    ["another device is claimed", "prefer", { ...sealed, claimed: "C" }, device],
    ["the keys are not published", "prefer", sealed, { ...device, known: false }],
    ["nobody knows the keys", "prefer", { ...sealed, device: undefined }, device],
    ["the device is not signed", "prefer", sealed, { ...device, ownerCrossSigns: true }],
    ["cleartext where encryption is required", "require", { encrypted: false, sender: "@b:s", claimed: "B" }, device],
    ["cleartext in the name of a device that encrypts", "prefer", { encrypted: false, sender: "@b:s", claimed: "B", encrypts: true }, device],
    ["cleartext without a device", "prefer", { encrypted: false, sender: "@b:s" }, device],
  ])) assert.ok("refuse" in receiving(mode, arrived, facts, "cross_signed"), name);
  assert.ok("from" in receiving("prefer", { encrypted: false, sender: "@b:s", claimed: "B" }, device, "cross_signed"));
});

test("sticky events are kept until they run out or are taken back", () => {
  const event = (/** @type {string} */ event_id, /** @type {any} */ more = {}) => ({ type: "m.rtc.member", sender: "@b:s", event_id, origin_server_ts: now - 10_000, content: { sticky_key: "k" }, msc4354_sticky: { duration_ms: 60_000 }, ...more });
  const first = stuck(new Map(), { msc4354_sticky: { events: [event("$1")] }, timeline: { events: [event("$2", { unsigned: { msc4354_sticky_duration_ttl_ms: 5_000 } })] } }, now);
  assert.deepEqual([...first.values()].map(({ event_id, until, duration }) => [event_id, until - now, duration]), [["$1", 50_000, 60_000], ["$2", 5_000, 60_000]]);
  assert.equal(stuck(first, { timeline: { events: [event("$1")] } }, now + 1_000), first, "nothing new");
  assert.deepEqual([...stuck(first, undefined, now + 5_000).keys()], ["$1"]);
  assert.equal(stuck(first, { timeline: { events: [{ type: "m.room.redaction", redacts: "$1" }] } }, now).size, 1);
  const odd = [null, {}, event("$3", { state_key: "" }), event("$4", { msc4354_sticky: null }), event("$5", { msc4354_sticky: { duration_ms: "long" } }), event("$6", { type: "m.room.message" }), event("$7", { origin_server_ts: now - 61_000 })];
  assert.equal(stuck(new Map(), { timeline: { events: odd } }, now).size, 0);
  assert.equal([...stuck(new Map(), { timeline: { events: [event("$8", { sticky: { duration_ms: 1e12 }, origin_server_ts: now + 1e9 })] } }, now).values()][0].until, now + 3_600_000, "no more than an hour");
});

test("locked sticky events are opened once their key has come", async () => {
  const event = (/** @type {number} */ n, type = "m.room.encrypted") => ({ type, sender: "@b:s", event_id: `$${n}`, origin_server_ts: now, content: { n }, msc4354_sticky: { duration_ms: 60_000 } });
  const first = stuck(new Map(), { msc4354_sticky: { events: [event(1), event(2, "m.rtc.member")] } }, now);
  assert.equal(await unlocked(first, async () => undefined), first, "without its key");
  const opened = await unlocked(first, async (event) => ({ ...event, type: "m.rtc.member", content: { open: event.content.n }, device: "B" }));
  assert.deepEqual([...opened.values()].map(({ type, content, device, until }) => [type, content, device, until - now]),
    [["m.rtc.member", { open: 1 }, "B", 60_000], ["m.rtc.member", { n: 2 }, undefined, 60_000]]);
  assert.equal(stuck(opened, { timeline: { events: [event(1)] } }, now), opened, "and stay open");
  const flood = stuck(new Map(), { timeline: { events: Array.from({ length: 2000 }, (_, n) => event(n)) } }, now);
  assert.equal(flood.size, 256);
});

test("the slot event is written as others read it", () => {
  assert.equal(slotKey(self, "11"), "_@a:s_DEV_m.call");
  assert.equal(slotKey(self, "org.matrix.msc3757.11"), "@a:s_DEV_m.call");
  const first = slotContent(self, "s1", { validMs: 100, now });
  assert.deepEqual(first, {
    application: "m.call", call_id: "", scope: "m.room", device_id: "DEV", membershipID: "s1", expires: 100,
    focus_active: { type: "full_mesh" }, foci_preferred: [{ type: "full_mesh" }],
  });
  const renewed = slotContent(self, "s1", { validMs: 100, joinedAt: now - 50, now });
  assert.equal(renewed.created_ts, now - 50);
  assert.equal(renewed.expires, 150, "expires counts from created_ts");
  const long = slotContent(self, "s1", { validMs: 4 * 3_600_000, joinedAt: now - 50, now });
  assert.equal(long.created_ts, now + 3 * 3_600_000, "behind all others");
  assert.equal(long.created_ts + long.expires, now + 4 * 3_600_000);
  assert.equal(long["meshfocus.joined_ts"], now - 50);
  assert.ok(!("meshfocus.joined_ts" in slotContent(self, "s1", { validMs: 4 * 3_600_000, now })), "a join is dated by its event");
  assert.ok(inSlot(first, self, "s1") && !inSlot(first, self, "s2") && !inSlot({}, self, "s1") && !inSlot(undefined, self, "s1"));
});

test("a conference is changed for our device only", () => {
  const ours = { device_id: "DEV", session_id: "s1", expires_ts: now + 9, feeds: [{ purpose: "m.usermedia" }] };
  const other = { device_id: "OTHER", session_id: "x", expires_ts: now + 9, feeds: [], extra: 1 };
  const gone = { ...other, device_id: "GONE", expires_ts: now - 60_000 };
  const strange = { "m.call_id": 7, what: "ever" };
  const before = { top: true, "m.calls": [{ "m.call_id": "c", "m.devices": [other, gone], more: 2 }, strange, { "m.call_id": "d", "m.devices": [{ ...ours, session_id: "elsewhere" }] }] };
  const joined = withDevice(before, "c", ours, now);
  assert.deepEqual(joined, {
    top: true, "m.calls": [{ "m.call_id": "c", "m.devices": [other, ours], more: 2 }, strange, { "m.call_id": "d", "m.devices": [{ ...ours, session_id: "elsewhere" }] }],
  });
  assert.ok(inConference(joined, "c", "DEV", "s1"));
  assert.ok(!inConference(joined, "c", "DEV", "s2"));
  const left = withoutDevice(joined, "c", "DEV", now);
  assert.deepEqual(left["m.calls"][0]["m.devices"], [other]);
  assert.equal(left["m.calls"].length, 3, "the device stays in the other conference");
  assert.deepEqual(withoutDevice(withDevice(undefined, "c", ours, now), "c", "DEV", now), { "m.calls": [] });
  assert.deepEqual(withDevice(["no", "object"], "c", ours, now), { "m.calls": [{ "m.call_id": "c", "m.devices": [ours] }] });
});

test("the live call that was edited last is the conference of the room", () => {
  const call = (/** @type {string} */ state_key, /** @type {number} */ at, more = {}) => ({
    type: CALL, state_key, event_id: `$${state_key}${at}`, origin_server_ts: at, content: { "m.intent": "m.room", "m.type": "m.video", ...more },
  });
  assert.equal(liveConference([]), undefined);
  assert.equal(liveConference([call("a", 1), call("b", 2)]), "b");
  assert.equal(liveConference([call("a", 1), call("b", 2, { "m.terminated": "call_ended" })]), "a");
  assert.equal(liveConference([call("a", 1), call("b", 2, { "m.intent": "m.what" })]), "a");
  assert.equal(liveConference([call("m.call#ROOM", 3)]), undefined, "a slot is no conference");
  assert.equal(liveConference([call("a", 1), { ...call("a", 2, { "m.terminated": true }), type: "m.call" }]), undefined);
});

test("power levels are read with the defaults of the specification", () => {
  assert.deepEqual(powerFor(undefined, "@a:s", CALL), { own: 0, needed: 0 });
  assert.deepEqual(powerFor({}, "@a:s", CALL), { own: 0, needed: 50 });
  assert.deepEqual(powerFor({ users_default: 5, state_default: 10, users: { "@a:s": 7 }, events: { [CALL]: 3 } }, "@a:s", CALL), { own: 7, needed: 3 });
});

test("sync moves the room on, and only when something changed", () => {
  const event = (/** @type {string} */ type, /** @type {any} */ content, state_key = "", event_id = `$${type}${state_key}`) => ({ type, state_key, sender: "@a:s", event_id, origin_server_ts: 1, content });
  const member = event("m.room.member", { membership: "join", displayname: "Ann" }, "@a:s");
  let room = begin(emptyRoom(), { state: { events: [member, event("m.room.encryption", {}), event("m.room.name", { name: "Tea" })] } });
  assert.ok(isEncrypted(room) && !isPublic(room));
  assert.equal(nameOf(room, "!r"), "Tea");
  assert.equal(advance(room, undefined).room, room);
  assert.equal(advance(room, { timeline: { events: [member, { type: "m.room.message" }] } }).room, room, "nothing new");
  const call = event(CALL_MEMBER, { x: 1 }, "@a:s");
  room = advance(room, { timeline: { events: [call, { ...member, event_id: "$left", content: { membership: "leave" } }] } }).room;
  assert.deepEqual(callState(room), { events: [call], members: [] });
  assert.ok(filterFor("!r").room.timeline.types.includes(CALL_MEMBER));
});

test("a state section that comes later is a doubt, not a fact", () => {
  const event = (/** @type {string} */ event_id) => ({ type: CALL_MEMBER, state_key: "@a:s", sender: "@a:s", event_id, origin_server_ts: 1, content: {} });
  const room = begin(emptyRoom(), { state: { events: [event("$new")] } });
  assert.deepEqual(advance(room, { state: { events: [event("$old")] } }), { room, doubtful: true });
  assert.ok(advance(room, { timeline: { events: [], limited: true } }).doubtful);
  assert.ok(!advance(room, { timeline: { events: [event("$next")] }, state: { events: [] } }).doubtful);
  assert.equal(replace(room, [event("$new"), { ...event("$x"), type: "m.room.topic" }]), room, "as we knew");
  assert.deepEqual([...replace(room, []).events], []);
});

test("what stands beside rooms is read with care", () => {
  const told = outsideRooms({
    next_batch: "n", to_device: { events: [{ type: "t", sender: "@b:s" }, { type: 5 }, null] }, device_lists: { changed: ["@b:s", 4] },
    device_one_time_keys_count: { signed_curve25519: 50 }, device_unused_fallback_key_types: [], account_data: { events: [{ type: "m.ignored_user_list", content: { ignored_users: { "@c:s": {} } } }] },
  });
  assert.deepEqual([told.next, told.toDevice.length, told.changed, told.keyCounts.get("signed_curve25519"), told.fallback?.size, told.ignored], ["n", 1, ["@b:s"], 50, 0, ["@c:s"]]);
  assert.deepEqual(outsideRooms(null).toDevice, []);
});

/** Carries out what is due, and says what was done. @param {Beat} beat @param {number} at @param {(action: string) => any} [answer] */
function play(beat, at, answer = () => ({ ok: true, delayId: `d${at}` })) {
  const done = [];
  for (let due; (due = beat.next(at).action) && done.length < 9;) {
    done.push(due);
    beat.did(due, answer(due), at, 0.5);
  }
  return done;
}

test("the delayed leave is armed before the join, and restarted", () => {
  const beat = new Beat(TIMING);
  assert.deepEqual(play(beat, 0), ["arm", "join", "restart"]);
  assert.deepEqual(play(beat, 4_000), []);
  assert.deepEqual(play(beat, 5_000), ["restart"]);
  const beats = [];
  for (let at = 5_000; at < TIMING.validMs; at = Math.max(at + 1, beat.next(at).at)) beats.push(...play(beat, at));
  assert.ok(beats.includes("join"), "it is renewed in time");
});

test("a server without delayed events gets a short membership, renewed at half of it", () => {
  const beat = new Beat(TIMING);
  const answer = (/** @type {string} */ action) => (action === "arm" ? { ok: false, passing: false, unrecognised: true } : { ok: true });
  assert.deepEqual(play(beat, 0, answer), ["arm", "join"]);
  assert.equal(beat.validMs, TIMING.bareMs);
  assert.deepEqual(play(beat, TIMING.bareMs / 2, answer), ["join"]);
});

test("trouble with the delayed leave does not keep us out for ever", () => {
  const beat = new Beat(TIMING);
  const answer = (/** @type {string} */ action) => (action === "arm" ? { ok: false, passing: true } : { ok: true });
  const done = [];
  for (let at = 0; at < 20_000 && !beat.present; at = Math.max(at + 1, beat.next(at).at)) done.push(...play(beat, at, answer));
  assert.deepEqual(done, ["arm", "arm", "arm", "join", "arm"]);
});

test("a rate limit is waited out", () => {
  const beat = new Beat(TIMING);
  beat.did("arm", { ok: false, passing: true, retryAfterMs: 7_000 }, 0, 0.5);
  assert.deepEqual(beat.next(6_999), { at: 7_000 });
});

test("a delay that is too long is shortened to what the server takes", () => {
  const beat = new Beat(TIMING);
  beat.did("arm", { ok: false, passing: false, maxDelayMs: 9_000 }, 0, 0.5);
  assert.equal(beat.next(0).action, "arm");
  assert.deepEqual([beat.timing.delayMs, beat.timing.restartMs], [9_000, 3_000]);
});

test("after sleep the leave has been written: we join again", () => {
  const beat = new Beat(TIMING);
  play(beat, 0);
  const later = 60_000;
  const done = play(beat, later, (action) => (action === "restart" ? { ok: false, passing: false } : { ok: true, delayId: "new" }));
  assert.deepEqual(done.slice(0, 3), ["restart", "arm", "join"]);
});

test("a doubt is looked into before anything is written", () => {
  const beat = new Beat(TIMING);
  play(beat, 0);
  beat.doubt(1_000, 0);
  assert.deepEqual(play(beat, 1_500, () => ({ ok: true, absent: false })), ["verify"]);
  beat.doubt(2_000, 0);
  const done = play(beat, 2_500, (action) => (action === "verify" ? { ok: true, absent: true } : { ok: true, delayId: "x" }));
  assert.deepEqual(done.slice(0, 2), ["verify", "join"]);
});

test("an outdated leave is replaced, then the old one cancelled", () => {
  const beat = new Beat(TIMING);
  play(beat, 0);
  beat.outdate();
  assert.deepEqual(play(beat, 100, () => ({ ok: true, delayId: "second" })), ["arm", "disarm"]);
  assert.equal(beat.armed, "second");
});

test("a homeserver is found by URL, by name and by user ID", async () => {
  const answering = (/** @type {any} */ body, status = 200) => /** @type {any} */ (async () => new Response(JSON.stringify(body), { status }));
  assert.equal(await discover(" http://localhost:8008/ ", answering({})), "http://localhost:8008");
  assert.equal(await discover("example.org", answering({ "m.homeserver": { base_url: "https://matrix.example.org/" } })), "https://matrix.example.org");
  assert.equal(await discover("@ann:example.org", answering({}, 404)), "https://example.org");
  assert.equal(await discover("example.org", /** @type {any} */ (async () => { throw new TypeError("CORS"); })), "https://example.org");
  for (const wrong of ["", "not a name", "ftp://example.org", "javascript://x"]) await assert.rejects(discover(wrong, answering({})), Error, wrong);
  await assert.rejects(discover("example.org", answering({ "m.homeserver": { base_url: "javascript:alert(1)" } })));
});

test("a refusal carries the homeserver's words, and whether it may pass", async () => {
  const server = (/** @type {number} */ status, /** @type {string} */ body) => new Homeserver("https://h/", { token: "t", fetch: /** @type {any} */ (async () => new Response(body, { status })) });
  const caught = (/** @type {Homeserver} */ h) => h.request("GET", ["v3", "x y", "!r:s"]).then(() => assert.fail("not refused"), (err) => err);
  const limited = await caught(server(429, '{"errcode":"M_LIMIT_EXCEEDED","error":"slow","retry_after_ms":1234}'));
  assert.ok(limited instanceof MatrixError && limited.passing && limited.retryAfterMs === 1234);
  const forbidden = await caught(server(403, '{"errcode":"M_FORBIDDEN","error":"no"}'));
  assert.ok(!forbidden.passing && forbidden.message === "no" && !forbidden.signedOut);
  assert.ok((await caught(server(401, '{"errcode":"M_UNKNOWN_TOKEN"}'))).signedOut);
  assert.ok((await caught(server(502, "<html>"))).passing);
  assert.ok((await caught(server(404, '{"errcode":"M_UNRECOGNIZED"}'))).unrecognised);
  assert.ok(!(await caught(server(404, '{"errcode":"M_NOT_FOUND"}'))).unrecognised);
  assert.equal(server(200, "").address(["v3", "x y", "!r:s"], { a: 1, b: undefined }), "https://h/_matrix/client/v3/x%20y/!r%3As?a=1");
});

test("pauses grow and are bounded", () => {
  assert.ok(pauseAfter(1, 0) >= 250 && pauseAfter(2, 0.99) <= 1_000 && pauseAfter(50, 0.99) <= 30_000);
});
