import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair } from "./pair.js";

/** A pair that is connected and has forgotten how. */
function connected(seed) {
  const pair = new Pair(seed);
  pair.join();
  pair.run(20_000);
  assert.deepEqual(pair.states(), ["connected", "connected"]);
  pair.log = [];
  return pair;
}

/** A pair of which only the first side is there; the test speaks for the second. */
function alone(side = 0) {
  const pair = new Pair();
  pair.carry = () => {};
  const self = pair.sides[side];
  pair.handle(self, { type: "member", session: "s" + (1 - side) });
  return { pair, self };
}

const signal = (kind, callId, seq, more = {}) => ({ kind, callId, seq, messageId: "", partyId: "P", confId: "conf", ...more });
const sdp = (type) => ({ description: { type, sdp: type } });

test("the lesser calls, with three messages", () => {
  const pair = new Pair();
  pair.join();
  pair.run(1000);
  assert.deepEqual(pair.states(), ["connected", "connected"]);
  assert.deepEqual(pair.log.filter(([, , action]) => action.do === "send").map(([, side, { draft }]) => [side, draft.kind, draft.seq]),
    [[0, "invite", 0], [1, "answer", 0], [0, "select_answer", null]]);
});

test("an invite nobody answers is tried again on the ladder, with fresh call IDs", () => {
  const { pair, self } = alone();
  pair.carry = (side, { call, draft }) => pair.handle(side, { type: "sent", call, draft });
  pair.run(600_000);
  const invites = pair.sent("invite");
  const waits = invites.slice(1).map(([at], i) => Math.round((at - invites[i][0]) / 1000) - 60);
  const about = [5, 10, 20, 40, 60];
  waits.slice(0, 5).forEach((wait, i) => assert.ok(Math.abs(wait - about[i]) <= about[i] * 0.2 + 1, `waits ${waits}`));
  assert.equal(new Set(invites.map(([, , { call }]) => call)).size, invites.length);
  assert.equal(self.machine.reason, "invite_timeout");
});

test("a hang-up acts at once, also before its invite", () => {
  const { pair, self } = alone(1);
  pair.handle(self, { type: "signals", signals: [signal("hangup", "c1", 3, { reason: "user_hangup" })] });
  pair.handle(self, { type: "signals", signals: [signal("invite", "c1", 0, sdp("offer"))] });
  assert.equal(self.machine.state, "waiting");
  pair.handle(self, { type: "signals", signals: [signal("invite", "c2", 0, sdp("offer"))] });
  assert.equal(self.machine.state, "calling");
  pair.handle(self, { type: "signals", signals: [signal("hangup", "c2", 9)] });
  assert.equal(self.machine.state, "waiting");
});

test("an own offer gives way to the caller's, and is made again", () => {
  const pair = connected(3);
  pair.troubles.delay = [100, 100]; // both offers are on their way
  for (const side of pair.sides) pair.handle(side, { type: "wanted", call: side.connection.call });
  pair.run(5000);
  assert.deepEqual(pair.states(), ["connected", "connected"]);
  assert.equal(pair.sent("invite").length, 0);
  const offers = pair.sent("negotiate").filter(([, , { draft }]) => draft.description.type === "offer").map(([, side]) => side);
  assert.deepEqual([...new Set(offers)].sort(), [0, 1]);
  const insists = pair.log.filter(([, side, action]) => side === 0 && ["offer", "apply", "answer"].includes(action.do));
  assert.deepEqual(insists.slice(0, 2).map(([, , action]) => action.do), ["offer", "apply"]);
  assert.ok(pair.sides.every(({ machine }) => machine.call.exchange === "stable"));
});

test("ICE that is gone for three seconds is restarted by the caller, at most three times a minute", () => {
  const pair = connected(4);
  pair.troubles.ice = false;
  pair.cut();
  const restarts = () => pair.log.filter(([, , action]) => action.do === "offer" && action.restart).map(([, side]) => side);
  pair.run(2900);
  assert.deepEqual(restarts(), []);
  pair.run(200);
  assert.deepEqual(restarts(), [0]);
  pair.troubles.ice = true;
  pair.run(1000);
  assert.deepEqual(pair.states(), ["connected", "connected"]);
  for (let i = 0; i < 3; i++) {
    pair.cut();
    pair.run(5000);
  }
  assert.deepEqual(restarts(), [0, 0, 0]);
  assert.equal(pair.sent("hangup")[0][2].draft.reason, "ice_failed");
  pair.run(20_000);
  assert.deepEqual(pair.states(), ["connected", "connected"]);
});

test("a callee whose caller does nothing hangs up after 30 seconds", () => {
  const pair = connected(5);
  const callee = pair.sides[1];
  pair.handle(callee, { type: "ice", call: callee.connection.call, state: "disconnected" });
  pair.run(30_100);
  assert.equal(pair.sent("hangup")[0][2].draft.reason, "ice_failed");
});

test("the network of the callee changes: it asks for a restart itself", () => {
  const pair = connected(6);
  pair.handle(pair.sides[1], { type: "network", certain: true });
  pair.run(3000);
  assert.deepEqual(pair.log.filter(([, , action]) => action.do === "offer").map(([, side, { restart }]) => [side, restart]), [[1, true]]);
  assert.deepEqual(pair.states(), ["connected", "connected"]);
});

test("a network that changes during an exchange is restarted after it", () => {
  const pair = connected(6);
  const [caller] = pair.sides;
  pair.handle(caller, { type: "wanted", call: caller.connection.call });
  pair.handle(caller, { type: "network", certain: true });
  pair.run(3000);
  assert.deepEqual(pair.log.filter(([, , action]) => action.do === "offer").map(([, , { restart }]) => restart), [false, true]);
});

test("a membership that is gone without a word gets ten seconds, if media flows", () => {
  const pair = connected(7);
  const [a] = pair.sides;
  pair.handle(a, { type: "gone" });
  pair.run(9000);
  assert.equal(a.machine.state, "lingering");
  pair.handle(a, { type: "member", session: "s1" });
  assert.equal(a.machine.state, "connected");
  pair.handle(a, { type: "gone" });
  pair.run(10_001);
  assert.equal(a.machine.state, "absent");
});

test("a new session, a hang-up and leaving the room end at once", () => {
  for (const end of [{ type: "ended" }, { type: "member", session: "new" }, { type: "leave" }]) {
    const pair = connected(8);
    const call = pair.sides[0].machine.call.id;
    pair.handle(pair.sides[0], end);
    assert.notEqual(pair.sides[0].machine.call?.id, call, end.type);
  }
});

test("while the server is away a broken call is not given up", () => {
  const pair = connected(9);
  const callee = pair.sides[1];
  pair.handle(callee, { type: "link", up: false });
  pair.handle(callee, { type: "ice", call: callee.connection.call, state: "disconnected" });
  pair.run(200_000);
  assert.equal(callee.machine.state, "broken");
  pair.handle(callee, { type: "link", up: true });
  pair.run(31_000);
  assert.notEqual(callee.machine.state, "broken");
});

test("glare: the lesser call ID wins against others, the legitimate caller against our kind", () => {
  for (const [messageId, callId, taken] of [["", "0", true], ["", "zzz", false], ["meshfocus-1", "0", false]]) {
    const { pair, self } = alone();
    pair.run(100);
    const own = self.machine.call.id;
    pair.handle(self, { type: "signals", signals: [signal("invite", callId, 0, { ...sdp("offer"), messageId })] });
    assert.equal(self.machine.call.id, taken ? callId : own);
    assert.deepEqual(pair.sent("hangup").map(([, , { draft }]) => [draft.callId, draft.reason]), [[taken ? own : callId, "replaced"]]);
  }
});

test("a device may not make us build more than ten connections a minute", () => {
  const { pair, self } = alone(1);
  for (let i = 0; i < 20; i++) {
    pair.handle(self, { type: "signals", signals: [signal("invite", "c" + i, 0, sdp("offer")), signal("hangup", "x", 1)] });
  }
  assert.equal(pair.log.filter(([, , action]) => action.do === "open").length, 10);
});

test("candidates are collected, left out when described, and sent again under their number when lost", () => {
  const { pair, self } = alone();
  const candidate = (port) => ({ candidate: `candidate:1 1 udp 1 192.0.2.1 ${port} typ host generation 0 ufrag x`, sdpMid: "0" });
  const call = self.machine.call.id;
  pair.handle(self, { type: "candidates", call, candidates: [candidate(1)] });
  pair.handle(self, { type: "described", call, step: 1, description: { type: "offer", sdp: "a=candidate:1 1 udp 1 192.0.2.1 1 typ host generation 0\r\n" } });
  pair.run(1000);
  assert.equal(pair.sent("candidates").length, 0);
  pair.handle(self, { type: "candidates", call, candidates: [candidate(2), candidate(3)] });
  pair.run(1000);
  const [[, , { draft }]] = pair.sent("candidates");
  assert.equal(draft.candidates.length, 2);
  pair.handle(self, { type: "unsent", call, draft });
  pair.run(1000);
  assert.deepEqual(pair.sent("candidates").map(([, , action]) => action.draft.seq), [1, 1]);
});

test("whatever the network does, both sides end up in one call", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const pair = new Pair(seed);
    pair.troubles = { loss: 0.1, twice: 0.2, delay: [1, 4000], ice: true };
    pair.join();
    for (let i = 0; i < 12; i++) disturb(pair);
    pair.troubles = { loss: 0, twice: 0.2, delay: [1, 300], ice: true };
    pair.run(400_000);
    const calls = pair.sides.map(({ machine }) => machine.call?.id);
    assert.deepEqual(pair.states(), ["connected", "connected"], "seed " + seed);
    assert.equal(calls[0], calls[1], "seed " + seed);
    assert.ok(pair.sides.every(({ machine }) => machine.call.exchange === "stable"), "seed " + seed);
  }
});

function disturb(pair) {
  const side = pair.sides[pair.random() < 0.5 ? 0 : 1];
  const call = side.connection?.call;
  switch (Math.floor(pair.random() * 6)) {
    case 0: if (call) pair.handle(side, { type: "wanted", call }); break;
    case 1: pair.handle(side, { type: "network", certain: true }); break;
    case 2: pair.cut(); break;
    case 3:
      pair.handle(side, { type: "gone" });
      pair.run(pair.random() * 15_000);
      pair.handle(side, { type: "member", session: pair.other(side).session });
      break;
    case 4:
      side.session += "+";
      pair.handle(side, { type: "ended" });
      pair.handle(side, { type: "member", session: pair.other(side).session });
      pair.after(pair.random() * 1000, () => pair.handle(pair.other(side), { type: "member", session: side.session }));
      break;
    case 5: pair.handle(side, { type: "streams", metadata: {}, tell: true }); break;
  }
  pair.run(pair.random() * 20_000);
}

test("without any way a call has failed, and is tried again on the ladder", () => {
  const { pair, self } = alone();
  const relays = (fresh, stranded) => pair.handle(self, { type: "relays", call: self.machine.call.id, fresh, stranded });
  relays(false, false);
  assert.equal(self.machine.state, "calling", "a relay refuses, another may do");
  relays(false, true);
  assert.deepEqual([self.machine.state, self.machine.reason, pair.sent("invite").length], ["resting", "ice_failed", 0], "nobody is called in vain");
  pair.run(6500);
  assert.equal(self.machine.state, "calling");
  pair.handle(self, { type: "link", up: false });
  relays(false, true);
  assert.equal(self.machine.state, "calling", "while the homeserver is away nothing better can be had");
});

test("fresh relays are asked as soon as both descriptions are exchanged", () => {
  const pair = new Pair();
  pair.troubles.ice = false;
  pair.join();
  const { machine } = pair.sides[0];
  pair.handle(pair.sides[0], { type: "relays", call: machine.call.id, fresh: true, stranded: true });
  assert.equal(machine.state, "calling");
  pair.run(1000);
  const offers = pair.log.filter(([, side, action]) => side === 0 && action.do === "offer");
  assert.deepEqual(offers.map(([, , { restart }]) => restart), [false, true]);
  assert.equal(pair.sent("negotiate").length, 2);
  pair.handle(pair.sides[1], { type: "relays", call: machine.call.id, fresh: true, stranded: true });
  pair.run(1000);
  assert.equal(pair.log.filter(([, side, action]) => side === 1 && action.do === "offer" && action.restart).length, 1, "who was called may ask, too");
});
