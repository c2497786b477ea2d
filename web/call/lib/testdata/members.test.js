import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { compute, isMesh, sameSlot, succeeds } from "../members.js";
import { calls, plan } from "../pairing.js";
import { holdSlots, readSlots, SLOT_GRACE } from "../slots.js";

const vectors = JSON.parse(readFileSync(new URL("../../../../signalling/membership/vector/vectors.json", import.meta.url), "utf8"));

/** Of an expected value the fields that the other has too. */
const like = (want, is) => Object.fromEntries(Object.keys(is).map((key) => [key, want?.[key]]));

const heldOf = (room) => (room.held ?? []).map(({ slot_id, call_id, ...rest }) => ({ ...rest, slotId: slot_id, callId: call_id }));

for (const { name, room, sessions, next } of vectors) {
  test("compute answers as the daemon: " + name, () => {
    const answer = compute({ events: room.state, joined: new Set(room.joined), sticky: room.sticky, held: heldOf(room) }, room.now);
    const is = answer.sessions.map(({ confId, slotCallId, form, members, ...rest }) => ({
      ...rest, conf_id: confId, slot_call_id: slotCallId, form: form === "calls" ? "m.calls" : form, members: members.map(
        ({ createdAt, expiresAt, eventId, ...rest }) => ({ ...rest, created_at: createdAt, expires_at: expiresAt, event_id: eventId })),
    }));
    assert.deepEqual(is, sessions.map((session, at) => ({
      ...like(session, is[at] ?? session),
      members: session.members.map((member, place) => like(member, is[at]?.members[place] ?? member)),
    })));
    assert.equal(answer.next, next);
  });
}

test("the order of the state does not matter", () => {
  for (const { room } of vectors) {
    const facts = (events, sticky) => ({ events, joined: new Set(room.joined), sticky, held: heldOf(room) });
    const { state = [], sticky = [] } = room;
    assert.deepEqual(compute(facts([...state].reverse(), [...sticky].reverse()), room.now), compute(facts(state, sticky), room.now));
  }
});

test("state of any shape is read without a fault", () => {
  const odd = [null, 0, "", [], {}, { "m.calls": [null, {}, { "m.call_id": "c", "m.devices": [null, {}, { feeds: [] }] }] },
    { application: "m.call", call_id: "", device_id: "D", focus_active: null }, { application: 1 },
    { application: "m.call", call_id: "", device_id: "D", focus_active: { type: "full_mesh" }, expires: "soon" },
    { memberships: [null, {}, { call_id: 1 }, { call_id: "", device_id: "D" }, { call_id: "", device_id: "D", expires: {} }] },
    { sticky_key: "k", member: null, application: {} }, { sticky_key: "k", member: { id: "i" }, application: { type: "m.call" }, slot_id: "m.call#" },
    { sticky_key: "k", member: { id: "i" }, application: { type: "m.call" }, slot_id: "m.call#x", transports: [] }];
  const types = ["org.matrix.msc3401.call", "org.matrix.msc3401.call.member", "org.matrix.msc4143.rtc.slot", "com.famedly.call.member", "m.rtc.member"];
  const events = odd.flatMap((content, i) => types.map((type) => ({ type, state_key: "@a:x", sender: "@a:x", event_id: "$" + i, origin_server_ts: 1, content })));
  const sticky = events.map((event) => ({ ...event, until: 9, device: "D" }));
  assert.deepEqual(compute({ events, joined: new Set(["@a:x"]), sticky }, 2).sessions, []);
});

test("names of slots and transports", () => {
  assert.ok(sameSlot("m.call#ROOM", "m.call#room") && sameSlot("m.call#", "") && !sameSlot("conf", "m.call#ROOM"));
  assert.ok(!sameSlot("m.call#other", "m.call#OTHER"));
  assert.ok(["full_mesh", "mesh", "m.full_mesh", "msc1.full_mesh"].every(isMesh) && !isMesh("livekit"));
});

test("the lesser calls, by user, then device, in UTF-16 code units", () => {
  const party = (user_id, device_id) => ({ user_id, device_id });
  assert.ok(calls(party("@a:hs", "Z"), party("@a:hs.org", "A")));
  assert.ok(calls(party("@a:hs", "A"), party("@a:hs", "B")));
  assert.ok(calls(party("@\u{1F600}:hs", "A"), party("@\uFF5E:hs", "A")), "a surrogate sorts before U+FF5E");
});

const member = (user_id, more = {}) => ({ user_id, device_id: "D", session_id: "s", createdAt: 0, expiresAt: 1, focus: "full_mesh",
  mesh: true, feeds: [], eventId: "$", ...more });
const session = (confId, members, more = {}) =>
  ({ confId, form: confId.includes("#") ? "session" : "calls", focus: "full_mesh", current: true, members, ...more });
const facts = (more = {}) => ({ self: { user_id: "@me:x", device_id: "D" }, maxMembers: 8, entered: () => true, met: new Map(),
  invited: new Map(), ...more });

test("a pair that shares slot and conference meets in the slot, unless it has met or was called elsewhere", () => {
  const sessions = [session("conf", [member("@me:x"), member("@b:x")]), session("m.call#ROOM", [member("@me:x"), member("@b:x")])];
  const where = (more) => plan(facts(more), sessions).meetings.get("@b:x/D").confId;
  assert.equal(where({}), "m.call#ROOM");
  assert.equal(where({ invited: new Map([["@b:x/D", "conf"]]) }), "conf");
  assert.equal(where({ met: new Map([["@b:x/D", "conf"]]) }), "conf");
  assert.equal(where({ entered: (id) => id === "conf" }), "conf");
});

test("who does not fit, or uses another transport, is not met", () => {
  const crowd = session("conf", [member("@me:x"), member("@b:x"), member("@c:x")]);
  assert.equal(plan(facts({ maxMembers: 2 }), [crowd]).strangers.get("@c:x/D").why, "full");
  assert.equal(plan(facts({ maxMembers: 2, met: new Map([["@c:x/D", "conf"]]) }), [crowd]).strangers.size, 0);
  const others = session("m.call#ROOM", [member("@b:x"), member("@c:x", { mesh: false })]);
  assert.equal(plan(facts(), [others]).strangers.get("@c:x/D").why, "member_focus");
  const server = session("m.call#ROOM", [member("@b:x", { mesh: false }), member("@c:x")], { focus: "livekit" });
  assert.deepEqual([...plan(facts(), [server]).strangers].map(([key, stranger]) => [key, stranger.why]), [["@b:x/D", "focus"]]);
  assert.ok(plan(facts(), [server]).meetings.has("@c:x/D"), "who chose the mesh is met in it");
});

test("a slot that says for less than five seconds that its session is over counts as before", () => {
  const now = 1_700_000_000_000;
  const slot = (status, id) => [{
    type: "m.rtc.slot", state_key: "m.call#room", sender: "@a:x", event_id: "$" + status + id, origin_server_ts: now,
    content: { status, application: { type: "m.call", "m.call.id": id } },
  }];
  const counts = (events, held, at) => ["status", "callId"].map((name) => readSlots(events, held, at).get("m.call#ROOM")?.[name]).join(" ");
  const a = slot("open", "a"), b = slot("open", "b"), closed = slot("closed");
  for (const over of [b, closed, []]) {
    const held = holdSlots({ events: a, held: [] }, over, now);
    assert.equal(counts(over, held, now + SLOT_GRACE - 1), "open a");
    assert.equal(counts(over, held, now + SLOT_GRACE), counts(over, [], 0));
    assert.deepEqual(holdSlots({ events: over, held }, over, now + 1), held, "heard again");
    assert.deepEqual(holdSlots({ events: over, held }, closed, now + 4000)[0].since, now, "another word that it is over");
    assert.deepEqual(holdSlots({ events: over, held }, a, now + 4000), [], "taken back");
  }
  assert.deepEqual(holdSlots({ events: closed, held: [] }, a, now), []);
  assert.deepEqual(holdSlots({ events: [], held: [] }, a, now), []);
  assert.equal(holdSlots({ events: [], held: [] }, closed, now)[0].status, "missing");
});

test("another session in the slot succeeds the one before", () => {
  const session = (slot, slotCallId, confId = "m.call#ROOM") => ({ confId, slot, slotCallId, form: "session", focus: "full_mesh", current: true, members: [] });
  const a = session("open", "a");
  assert.ok(succeeds(session("open", "b"), a) && succeeds(session("open", ""), a) && succeeds(session("missing", ""), a));
  assert.ok(!succeeds(a, a) && !succeeds(a, session("open", "")) && !succeeds(session("closed", ""), a) && !succeeds(session("open", "b", "x"), a));
  const self = { user_id: "@a:x", device_id: "A" }, other = { user_id: "@b:x", device_id: "B", mesh: true };
  const facts = { self, maxMembers: 8, entered: () => true, met: new Map([["@b:x/B", "m.call#ROOM"]]), invited: new Map() };
  const { meetings, strangers } = plan(facts, [{ ...session("closed", ""), members: [other] }]);
  assert.ok(meetings.size === 0 && strangers.get("@b:x/B")?.why === "closed", "nobody is met in a closed slot");
});
