import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { declinedBy, declineOf, expiryOf, readNotification } from "../notification.js";
import { Desk, TABLE } from "../ring.js";

const TYPE = "org.matrix.msc4075.rtc.notification", DECLINE = "org.matrix.msc4310.rtc.decline";
const NOON = 1_800_000_000_000, ROOM = "!r:hs";
const ALICE = "@alice:hs", BOB = { user_id: "@bob:hs", device_id: "BOB" };
const party = (user_id, device_id = "D") => ({ user_id, device_id });

/** @param {any} [more] */
const notified = (event_id, more = {}, sender = ALICE) => ({
  event_id, type: TYPE, sender, origin_server_ts: NOON,
  content: { slot_id: "m.call#ROOM", notification_type: "ring", sender_ts: NOON, lifetime: 90_000, msc4354_sticky_key: "m.call#ROOM", "m.mentions": { user_ids: [BOB.user_id] }, ...more },
});
const declined = (sender, id) => ({ event_id: "$d", type: DECLINE, sender, origin_server_ts: NOON, content: declineOf(id) });
const redaction = (id) => ({ event_id: "$x", type: "m.room.redaction", sender: ALICE, origin_server_ts: NOON, content: {}, redacts: id });

/** @param {any} [more] */
const room = (members = [party(ALICE)], more = {}) => ({ slotStatus: () => "missing", members: () => members, leftAt: 0, mayCallRoom: () => false, ...more });
function ringing() {
  const desk = new Desk(BOB);
  desk.hear(ROOM, [notified("$n")], room(), NOON);
  assert.deepEqual(desk.ringing.map(({ id }) => id), ["$n"]);
  return desk;
}

test("a ring ends as the daemon's table says", () => {
  const lines = readFileSync(new URL("../../../../signalling/ring/testdata/table.json", import.meta.url), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const ours = lines.filter(({ role, state }) => role === "callee" && (state === "ringing" || state === "dismissed"));
  assert.ok(ours.length > 0);
  for (const { state, event, next } of ours) {
    const desk = ringing();
    const ring = desk.rings.get("$n");
    if (state === "dismissed") desk.handle("$n", "dismiss");
    desk.handle("$n", event);
    assert.equal(ring.state, next, `${state}, ${event}`);
    assert.equal(desk.rings.has("$n"), next === "ringing" || next === "dismissed");
    assert.equal(desk.ringing.length, Number(next === "ringing"));
  }
  assert.ok(Object.keys(TABLE).every((event) => ours.some((line) => line.event === event)));
});

test("a ring stops by what happens in the room", () => {
  for (const [name, then, left] of /** @type {any[]} */ ([
    ["our other device declines", (desk) => desk.hear(ROOM, [declined(BOB.user_id, "$n")], room(), NOON), []],
    ["somebody else declines", (desk) => desk.hear(ROOM, [declined("@carol:hs", "$n")], room(), NOON), ["$n"]],
    ["our other device joins", (desk) => desk.observe(ROOM, room([party(ALICE), party(BOB.user_id, "PHONE")])), []],
    ["the caller leaves", (desk) => desk.observe(ROOM, room([])), []],
    ["the caller withdraws", (desk) => desk.hear(ROOM, [{ ...notified("$w"), content: { msc4354_sticky_key: "m.call#ROOM" } }], room(), NOON), []],
    ["the notification is redacted", (desk) => desk.hear(ROOM, [redaction("$n")], room(), NOON), []],
    ["the caller rings again", (desk) => desk.hear(ROOM, [notified("$o")], room(), NOON), ["$o"]],
    ["the same comes twice", (desk) => desk.hear(ROOM, [notified("$n")], room(), NOON), ["$n"]],
    ["it is another room", (desk) => desk.observe("!other:hs", room([])), ["$n"]],
    ["its time is over", (desk) => desk.tick(desk.next), []],
    ["its time is not over", (desk) => desk.tick(desk.next - 1), ["$n"]],
  ])) {
    const desk = ringing();
    then(desk);
    assert.deepEqual(desk.ringing.map(({ id }) => id), left, name);
  }
});

test("only what MSC4075 lets ring rings", () => {
  const refused = (/** @type {any[]} */ batch, situation = room(), now = NOON) => {
    const desk = new Desk(BOB);
    desk.hear(ROOM, batch, situation, now);
    return desk.ringing.length === 0;
  };
  assert.ok(!refused([notified("$n")]));
  assert.ok(refused([notified("$n", {}, BOB.user_id)]), "our own");
  assert.ok(refused([notified("$n"), declined(BOB.user_id, "$n")]), "declined in the same batch");
  assert.ok(refused([notified("$n"), redaction("$n")]), "redacted in the same batch");
  assert.ok(refused([notified("$n")], room(), NOON + 3_600_000), "of an hour ago");
  assert.ok(refused([notified("$n")], room([party(ALICE), BOB])), "for a call that we are in");
  assert.ok(refused([notified("$n")], room([party(ALICE)], { leftAt: NOON })), "for a call that we left since");
  assert.ok(refused([notified("$n")], room([], { slotStatus: () => "closed" })), "in a closed slot");
  assert.ok(refused([notified("$n", { "m.mentions": { user_ids: ["@carol:hs"] } })]), "for somebody else");
  assert.ok(refused([notified("$n", { "m.mentions": { room: true } })]), "to the room by one who may not");
  assert.ok(!refused([notified("$n", { "m.mentions": { room: true } })], room([], { mayCallRoom: () => true })), "to the room by one who may");
});

test("notifications of every revision are read, and what is none is not", () => {
  const mentions = { "m.mentions": { room: true } };
  assert.deepEqual(readNotification("org.matrix.msc4075.call.notify", { application: "m.call", call_id: "", notify_type: "ring", ...mentions })?.slot, "m.call#ROOM");
  assert.equal(readNotification(TYPE, { notification_type: "notification", sender_ts: 1, lifetime: 999_999, ...mentions })?.loud, false);
  assert.equal(readNotification(TYPE, { sender_ts: 1, lifetime: 999_999, ...mentions })?.lifetime, 120_000);
  assert.equal(readNotification(TYPE, { application: { type: "m.call", sender_ts: 5, "m.call.intent": "video" }, ...mentions })?.intent, "video");
  assert.equal(readNotification("m.rtc.invite", { slot_id: "m.call#room", sender_ts: 1, intent: "hologram", ...mentions })?.intent, "audio");
  for (const content of [null, [], {}, { sender_ts: 1 }, { sender_ts: -1, ...mentions }, { sender_ts: "1", ...mentions }, { sender_ts: 1, "m.mentions": { user_ids: [7] } }]) {
    assert.equal(readNotification(TYPE, content), null, JSON.stringify(content));
  }
  assert.equal(readNotification("m.room.message", { sender_ts: 1, ...mentions }), null);
  assert.equal(declinedBy({ "m.relates_to": { rel_type: "m.thread", event_id: "$n" } }), "");
});

test("it rings as long as the sender asked, by clocks that are believed only so far", () => {
  const n = /** @type {any} */ ({ sentAt: NOON, lifetime: 90_000 });
  assert.equal(expiryOf(n, NOON, NOON), NOON + 90_000);
  assert.equal(expiryOf({ ...n, sentAt: NOON + 60_000 }, NOON, NOON), NOON + 90_000, "a clock that is ahead");
  assert.equal(expiryOf({ ...n, sentAt: NOON - 60_000 }, NOON, NOON), NOON + 30_000, "waited in an outbox");
  assert.equal(expiryOf({ ...n, lifetime: 120_000 }, NOON + 15_000, NOON - 3_600_000), NOON - 3_600_000 + 120_000, "never longer than two minutes from now");
});
