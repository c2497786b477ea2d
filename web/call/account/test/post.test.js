import assert from "node:assert/strict";
import { test } from "node:test";
import { Homeserver, MatrixError } from "../client.js";
import { conferenceForm, slotForm } from "../forms.js";
import { CALL_MEMBER, inConference, inSlot } from "../membership.js";
import { Post } from "../post.js";
import { World } from "./testdata/world.js";

const self = { user_id: "@a:s", device_id: "DEV" };
const timing = { delayMs: 300, restartMs: 20, validMs: 3_600_000, bareMs: 600_000 };
const SLOT_EVENT = `${CALL_MEMBER}|_@a:s_DEV_m.call`;
const CONF_EVENT = `${CALL_MEMBER}|@a:s`;

/** @param {World} world @param {any} form @param {any} [more] */
function post(world, form, more = {}) {
  const homeserver = new Homeserver("https://h", { fetch: world.fetch("@a:s", "DEV") });
  return new Post({ homeserver, roomId: "!r", form, timing: { ...timing, ...more } });
}
const slot = () => slotForm({ self, sessionId: "s" });
const conference = () => conferenceForm({ self, sessionId: "s", confId: "c", feeds: () => [{ purpose: "m.usermedia" }] });
const lost = () => assert.fail("the membership was lost");

/** @param {() => boolean} is @param {string} what */
async function until(is, what) {
  for (const end = Date.now() + 60_000; !is(); await new Promise((done) => setTimeout(done, 5))) assert.ok(Date.now() < end, what);
}

test("the slot is joined behind a delayed leave, which is restarted, and fired to leave", async () => {
  const world = new World();
  const member = post(world, slot());
  await member.join(lost);
  assert.ok(inSlot(world.state.get(SLOT_EVENT), self, "s"));
  assert.deepEqual([...world.delayed.values()], [{ name: SLOT_EVENT, body: {} }]);
  await until(() => world.log.filter((line) => line.endsWith("/restart")).length >= 3, "it is restarted");
  await member.leave();
  assert.deepEqual(world.state.get(SLOT_EVENT), {});
  assert.equal(world.delayed.size, 0);
});

test("a conference is joined and left without touching the user's other devices", async () => {
  const world = new World();
  const other = { device_id: "OTHER", session_id: "o", expires_ts: Date.now() + 1e6, feeds: [] };
  world.state.set(CONF_EVENT, { "m.calls": [{ "m.call_id": "c", "m.devices": [other] }] });
  const member = post(world, conference());
  member.present = world.state.get(CONF_EVENT);
  await member.join(lost);
  assert.ok(inConference(world.state.get(CONF_EVENT), "c", "DEV", "s") && inConference(world.state.get(CONF_EVENT), "c", "OTHER", "o"));
  await member.leave();
  assert.deepEqual(world.state.get(CONF_EVENT), { "m.calls": [{ "m.call_id": "c", "m.devices": [other] }] });
  assert.equal(world.delayed.size, 0, "the delayed leave is cancelled");
});

test("what another device wrote is not undone by our delayed leave", async () => {
  const world = new World();
  const member = post(world, conference());
  await member.join(lost);
  const other = { device_id: "OTHER", session_id: "o", expires_ts: Date.now() + 1e6, feeds: [] };
  const content = structuredClone(world.state.get(CONF_EVENT));
  content["m.calls"][0]["m.devices"].push(other);
  world.state.set(CONF_EVENT, content);
  member.saw(content);
  await until(() => world.delayed.size === 1 && inConference([...world.delayed.values()][0].body, "c", "OTHER", "o"), "the delayed leave keeps the other device");
  await member.leave();
});

test("who was overwritten looks, and comes back", async () => {
  const world = new World();
  const member = post(world, conference());
  await member.join(lost);
  world.state.set(CONF_EVENT, { "m.calls": [] });
  member.saw({ "m.calls": [] });
  await until(() => inConference(world.state.get(CONF_EVENT), "c", "DEV", "s"), "it is back");
  await member.leave();
});

test("a homeserver without delayed events, and one that ignores them, is joined all the same", async () => {
  const refusing = new World();
  refusing.fetch = ((plain) => function (/** @type {string} */ user, /** @type {string} */ device) {
    const answer = plain.call(refusing, user, device);
    return /** @type {any} */ (async (/** @type {string} */ address, /** @type {any} */ init) => (address.includes("msc4140.delay")
      ? new Response('{"errcode":"M_UNRECOGNIZED"}', { status: 400 }) : answer(address, init)));
  })(refusing.fetch);
  const member = post(refusing, slot());
  await member.join(lost);
  assert.equal(refusing.state.get(SLOT_EVENT).expires, timing.bareMs);
  await member.leave();
  assert.deepEqual(refusing.state.get(SLOT_EVENT), {});
});

test("an older homeserver is told the action in the body", async () => {
  const world = new World();
  world.meddle = (line, body) => {
    if (!line.includes("delayed_events")) return undefined;
    return /delayed_events\/[^/]+$/.test(line) ? [200, {}] : [404, { errcode: "M_UNRECOGNIZED" }];
  };
  const member = post(world, slot());
  await member.join(lost);
  await until(() => world.log.filter((line) => /delayed_events\/d0$/.test(line)).length >= 2, "it restarts by the body");
  await member.leave();
});

test("a refused join ends it, with the homeserver's word", async () => {
  const world = new World();
  world.meddle = (line) => (line.startsWith("PUT") ? [403, { errcode: "M_FORBIDDEN", error: "no power" }] : undefined);
  await assert.rejects(post(world, slot()).join(lost), (err) => err instanceof MatrixError && err.message === "no power");
});

test("a page that goes away leaves without waiting", async () => {
  const world = new World();
  const [one, two] = [post(world, slot()), post(world, conference())];
  await one.join(lost);
  await two.join(lost);
  one.partingShot();
  two.partingShot();
  await until(() => !inSlot(world.state.get(SLOT_EVENT), self, "s") && !inConference(world.state.get(CONF_EVENT), "c", "DEV", "s"), "both are left");
});
