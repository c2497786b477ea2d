import assert from "node:assert/strict";
import { test } from "node:test";
import "./testdata/pages.js";

const { Past } = await import("../past.js");
const { certainty, lasted, notes, row, title, when } = await import("../pastwords.js");

const now = Date.UTC(2026, 10, 21, 18), ANN = "@ann:s", BEN = "@ben:s", ZOE = "@zoe:s";
const call = (/** @type {any} */ more = {}) => ({
  slot: "m.call#ROOM", start: now - 3 * 3600_000, end: now - 2 * 3600_000, running: false, initiator: ANN, intent: /** @type {const} */ ("video"), rung: false, missed: [], declined: [],
  topology: "full_mesh", anchor: false, participants: [ANN, BEN].map((user_id) => ({ user_id, parts: [{ device_id: "D", start: now - 3 * 3600_000, end: now - 2 * 3600_000, running: false }] })), ...more,
});
const reader = { name: (/** @type {string} */ user) => user.slice(1, 4), self: ZOE, locale: "en-GB", timeZone: "UTC" };
/** @param {string|string[]} words */
const plain = (words) => [words].flat().join(" · ").replace(/[\u2068\u2069]/g, "");

test("a call is told in words: who, when, how long, and what came of it", () => {
  assert.equal(plain(title(call(), reader)), "Video call: ann and ben");
  assert.equal(plain(title(call({ anchor: true, participants: [], intent: "" }), reader)), "Call: ann rang");
  assert.match(when(call(), reader), /^Sat,? 21 Nov 2026, 15:00 to 16:00 \(1 h 0 min\)$/);
  assert.match(when(call({ running: true, end: now }), reader), /since 15:00, still on \(3 h 0 min so far\)$/);
  assert.equal(plain(notes(call({ rung: true, missed: [ZOE, "@cem:s"], declined: ["@dee:s", BEN] }), reader)), "you missed it · cem missed it · dee declined it · straight between the devices");
  assert.equal(plain(notes(call({ rung: true, topology: "livekit" }), reader)), "all who were called came · over a media server (LiveKit)");
  assert.equal(plain(notes(call({ slot: "tea#1", topology: "" }), reader)), "in tea#1");
  assert.equal(row(["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
  assert.deepEqual([lasted(0), lasted(59_000), lasted(61_000), lasted(5_400_000)], ["1 s", "59 s", "1 min", "1 h 30 min"]);
  assert.match(certainty({ back: now, unreadable: 1, more: false }, reader), /Best effort.*Read back to 21 Nov 2026, the beginning\. 1 encrypted event was not/);
});

/** A room of so many calls of a minute, one each two days, as a homeserver pages it. @param {number} calls @param {string[]} asked */
function room(calls, asked) {
  const events = Array.from({ length: 2 * calls }, (_, i) => ({
    type: "org.matrix.msc3401.call.member", state_key: `_${ANN}_D_m.call`, sender: ANN, event_id: `$${i}`, origin_server_ts: now - Math.floor(i / 2) * 48 * 3600_000 - (i % 2 ? 60_000 : 0),
    content: i % 2 ? { application: "m.call", call_id: "", device_id: "D", expires: 3_600_000, focus_active: { type: "full_mesh" }, foci_preferred: [] } : {},
  }));
  return /** @type {any} */ ({ request: async (/** @type {string} */ _method, /** @type {string[]} */ path, /** @type {any} */ options = {}) => {
    asked.push(path.slice(3).join("/"));
    if (path[3] === "state") return { displayname: "Ann" };
    const from = Number(options.query.from ?? 0), end = from + options.query.limit;
    return { chunk: events.slice(from, end), end: end < events.length ? String(end) : undefined };
  } });
}

test("pages follow each other without holes, and ask for no more than they need", async () => {
  /** @type {string[]} */
  const asked = [], past = new Past({ homeserver: room(234, asked), roomId: "!r", self: ZOE, now: () => now });
  const starts = [];
  for (let page; (page = await past.older()).calls.length > 0;) {
    if (starts.length === 0) assert.equal(asked.length, 1);
    assert.ok(page.calls.length <= 10);
    starts.push(...page.calls.map(({ start }) => start));
  }
  assert.equal(starts.length, 234);
  assert.deepEqual(starts, [...starts].sort((a, b) => b - a));
  assert.equal(asked.length, 5);
  assert.equal((await past.older()).more, false);
});

test("who is in the slot and in the conference at once is in one call", async () => {
  const member = (/** @type {string} */ type, /** @type {number} */ at, /** @type {string} */ key, /** @type {any} */ content) => ({ type, state_key: key, sender: ANN, event_id: `$${at}${key}`, origin_server_ts: now - at, content });
  const CALL_MEMBER = "org.matrix.msc3401.call.member", session = { application: "m.call", call_id: "", device_id: "D", expires: 3_600_000, focus_active: { type: "full_mesh" }, foci_preferred: [] };
  const conference = (/** @type {number} */ until) => ({ "m.calls": [{ "m.call_id": "tea", "m.devices": [{ device_id: "D", session_id: "s", expires_ts: now + until, feeds: [] }] }] });
  const chunk = [
    member(CALL_MEMBER, 1_000, ANN, { "m.calls": [] }), member(CALL_MEMBER, 2_000, "_k", {}), member(CALL_MEMBER, 50_000, ANN, conference(9e6)), member(CALL_MEMBER, 51_000, "_k", session),
    member(CALL_MEMBER, 800_000, ANN, { "m.calls": [] }), member(CALL_MEMBER, 900_000, ANN, conference(9e6)),
  ];
  const past = new Past({ homeserver: /** @type {any} */ ({ request: async () => ({ chunk }) }), roomId: "!r", self: ZOE, now: () => now });
  assert.deepEqual((await past.older()).calls.map(({ slot, start }) => [slot, now - start]), [["m.call#ROOM", 51_000], ["tea", 900_000]]);
});

test("names are those of the room, asked for once", async () => {
  /** @type {string[]} */
  const asked = [], past = new Past({ homeserver: room(1, asked), roomId: "!r", self: ZOE, now: () => now });
  const { calls } = await past.older();
  await past.names(calls);
  assert.equal((await past.names(calls))(ANN), "Ann");
  assert.deepEqual(asked, ["messages", "state/m.room.member/@ann:s"]);
});
