import assert from "node:assert/strict";
import { test } from "node:test";
import "./testdata/pages.js";

const { Ear } = await import("../ear.js");

const ZOE = { user_id: "@zoe:s", device_id: "ZOE" };
const NOTIFICATION = "org.matrix.msc4075.rtc.notification", MEMBER = "org.matrix.msc3401.call.member";
let now = 1_000_000, count = 0;

/** An ear, and what it said. @param {(path: string, query: any) => any} [answer] */
function listening(answer = () => ({})) {
  /** @type {any[]} */
  const told = [], asked = [];
  const homeserver = /** @type {any} */ ({ request: async (/** @type {string} */ method, /** @type {string[]} */ path, /** @type {any} */ options = {}) => {
    asked.push({ method, path: path.join("/"), ...options });
    return answer(path.join("/"), options.query);
  } });
  const vault = /** @type {any} */ ({ openInRoom: async (/** @type {string} */ _room, /** @type {any} */ event) => event.content.inner && { ...event, ...event.content.inner } });
  const ear = new Ear({ homeserver, vault, self: ZOE, changed: (rings) => told.push(rings), now: () => now });
  return { ear, asked, rings: () => told.at(-1) ?? [] };
}

/** @param {string} type @param {string} sender @param {any} content @param {any} [more] */
const event = (type, sender, content, more = {}) => ({ type, sender, content, event_id: `$${count++}`, origin_server_ts: now, ...more });
/** @param {string} sender @param {number} [lifetime] */
const ring = (sender, lifetime = 60_000) => event(NOTIFICATION, sender, { slot_id: "m.call#ROOM", notification_type: "ring", sender_ts: now, lifetime, "m.mentions": { user_ids: [ZOE.user_id] } });
/** @param {Record<string, any>} join @param {string} [next] */
const response = (join, next = "n") => ({ next_batch: next, rooms: { join } });

test("a call in any room is told with the names of caller and room, until it is taken back", async () => {
  const { ear, rings } = listening();
  const call = ring("@bob:s");
  await ear.hear(response({
    "!a:s": { state: { events: [event("m.room.name", "@bob:s", { name: "Tea" }, { state_key: "" }), event("m.room.member", "@bob:s", { membership: "join", displayname: "Bob" }, { state_key: "@bob:s" })] }, timeline: { events: [call] } },
    "!b:s": { timeline: { events: [event("m.room.message", "@cem:s", {})] } },
  }, "n1"));
  assert.deepEqual(rings().map(({ caller, place, room }) => [caller, place, room]), [["Bob", "Tea", "!a:s"]]);
  assert.equal(ear.since, "n1");
  await ear.hear(response({ "!a:s": { timeline: { events: [event("m.room.redaction", "@bob:s", {}, { redacts: call.event_id })] } } }, "n2"));
  assert.deepEqual(rings(), []);
  ear.close();
});

test("an answer of another device of ours ends it, by a sticky member that came locked too", async () => {
  const { ear, rings } = listening();
  await ear.hear(response({ "!a:s": { timeline: { events: [ring("@bob:s")] } } }));
  assert.equal(rings().length, 1);
  const member = {
    msc4354_sticky_key: "p", slot_id: "m.call#ROOM", application: { type: "m.call" }, rtc_transports: [{ type: "full_mesh" }], versions: [],
    member: { id: "p", claimed_user_id: ZOE.user_id, claimed_device_id: "PHONE" },
  };
  const locked = event("m.room.encrypted", ZOE.user_id, { inner: { type: "org.matrix.msc4143.rtc.member", content: member, device: "PHONE" } }, { msc4354_sticky: { duration_ms: 60_000 } });
  await ear.hear(response({ "!a:s": { msc4354_sticky: { events: [locked] } } }));
  assert.deepEqual(rings(), []);
  ear.close();
});

test("catching up goes back to where the last response ended, and no step forward", async () => {
  const { ear, asked, rings } = listening((path) => (path === "v3/sync" ? response({ "!a:s": { timeline: { events: [ring("@bob:s")] } } }, "n9") : {}));
  await ear.hear(response({}, "n1"));
  const caught = ear.catchUp();
  await ear.hear(response({}, "n2"));
  await caught;
  assert.deepEqual(asked.map(({ query }) => [query.since, query.timeout]), [["n1", 0]]);
  assert.equal(ear.since, "n2");
  assert.equal(rings().length, 1);
  ear.close();
});

test("who declines says so in the room, and hears no more of it", async () => {
  const { ear, asked, rings } = listening();
  const call = ring("@bob:s");
  await ear.hear(response({ "!a:s": { timeline: { events: [call] } } }));
  await ear.decline(call.event_id);
  assert.deepEqual(rings(), []);
  assert.equal(asked[0].body["m.relates_to"].event_id, call.event_id);
  await ear.hear(response({ "!a:s": { timeline: { events: [call] } } }));
  assert.deepEqual(rings(), [], "told twice");
  ear.close();
});

test("a call whose time is over stops by itself", async () => {
  const { ear, rings } = listening();
  await ear.hear(response({ "!a:s": { timeline: { events: [ring("@bob:s", 20)] } } }));
  assert.equal(rings().length, 1);
  now += 20;
  for (const end = Date.now() + 60_000; rings().length > 0; await new Promise((done) => setTimeout(done, 5))) assert.ok(Date.now() < end, "it rings on");
  ear.close();
});

test("a homeserver that does not answer costs a ring and no more", async () => {
  const { ear, rings } = listening(() => { throw new Error("away"); });
  await ear.catchUp();
  await ear.hear(response({ "!a:s": { timeline: { events: [ring("@bob:s")] } } }));
  assert.equal(rings().length, 1);
  ear.close();
  now += 1;
});
