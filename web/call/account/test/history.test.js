import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import "./testdata/pages.js";

const { Reader } = await import("../history.js");
const vectors = JSON.parse(await readFile(new URL("../../../../signalling/history/testdata/vectors.json", import.meta.url), "utf8"));

/** @param {any} reader @param {any[]} events */
const read = (reader, events) => [...events.flatMap((event) => reader.add(event)), ...reader.finish()];

test("the daemon and the page read the same calls out of the same timelines", () => {
  assert.ok(vectors.length > 30);
  for (const { name, now, self, events, calls } of vectors) assert.deepEqual(read(new Reader({ now, self }), events), calls, name);
});

test("what is told early is what would be told at the end", () => {
  const sorted = (/** @type {any[]} */ calls) => calls.map((call) => JSON.stringify(Object.entries(call).sort())).sort();
  for (const { name, now, self, events, calls } of vectors) assert.deepEqual(sorted(read(new Reader({ now, self, every: 1 }), events)), sorted(calls), name);
});

test("no more is held than a day of the room", () => {
  const now = 1e12, reader = new Reader({ now, every: 100 });
  let at = now, calls = 0, most = 0;
  for (let i = 0; i < 8_000; i++) {
    const user = `@user${i % 7}:hs`, device = `D${Math.floor(i / 14)}`, joins = i % 14 >= 7;
    at -= 40_000;
    calls += reader.add({
      type: "org.matrix.msc3401.call.member", sender: user, event_id: `$${i}`, origin_server_ts: at, state_key: `_${user}_${device}_m.call`,
      content: joins ? { application: "m.call", call_id: "", device_id: device, expires: 14_400_000, focus_active: { type: "full_mesh" }, foci_preferred: [] } : {},
    }).length;
    if (i % 500 === 0) most = Math.max(most, reader.held);
  }
  calls += reader.finish().length;
  assert.ok(most < 3_000 && reader.held === 0, `${most} things`);
  assert.ok(Math.abs(calls - 8_000 / 14) <= 1, `${calls} calls`);
});

test("nothing that a room may hold stops it", () => {
  const reader = new Reader({ now: 5 });
  for (const content of [null, [], 7, "x", {}, { memberships: [null, { call_id: 5 }] }, { "m.calls": [null] }, { application: {}, member: 3 }]) {
    for (const type of ["org.matrix.msc3401.call.member", "m.rtc.member", "com.famedly.call.member", "m.room.member", "m.rtc.notification", "m.rtc.decline", "m.room.encrypted"]) {
      for (const state_key of [undefined, "", "@a:s"]) reader.add({ type, state_key, content, sender: "@a:s", event_id: `$${Math.random()}`, origin_server_ts: 1, unsigned: { prev_content: content, replaces_state: "$x" } });
    }
  }
  assert.deepEqual(reader.finish(), []);
  assert.equal(reader.unreadable, 24);
});
