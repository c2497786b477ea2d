import assert from "node:assert/strict";
import { test } from "node:test";
import { check, Held } from "../envelope.js";
import { Order } from "../order.js";
import { readSignal, writeSignal } from "../signals.js";

const envelope = { call_id: "c", conf_id: "conf", dest_session_id: "s", device_id: "D" };
const read = (kind, more = {}) => readSignal("m.call." + kind, { ...envelope, ...more });
const offer = { type: "offer", sdp: "v=0" };

test("what is written can be read, by others too", () => {
  const signal = {
    kind: "invite", callId: "c", confId: "conf", slotId: "", roomId: "!r", deviceId: "D", partyId: "D", senderSession: "s0",
    destSession: "s", seq: 0, messageId: "meshfocus-1", description: offer, metadata: { x: { purpose: "m.usermedia", audio_muted: false, video_muted: true } },
    invitee: { user: "@b:x", device: "B" },
  };
  const { event, content } = writeSignal(signal);
  assert.equal(event, "m.call.invite");
  assert.deepEqual(JSON.parse(JSON.stringify(readSignal(event, content))), JSON.parse(JSON.stringify(signal)));
  for (const key of ["version", "party_id", "device_id", "sender_session_id", "lifetime", "capabilities", "sdp_stream_metadata", "org.matrix.msc3077.sdp_stream_metadata"]) {
    assert.ok(key in content, key);
  }
});

test("what peers write is read as it is meant", () => {
  assert.deepEqual(read("candidates", { candidates: [{ candidate: "" }, { candidate: "candidate:1" }, { candidate: "candidate:2", sdpMid: "0" }, null, 1,
    { candidate: "candidate:3", sdpMLineIndex: 0 }] }).candidates.map(({ candidate }) => candidate), ["candidate:2", "candidate:3"]);
  assert.equal(readSignal("org.matrix.call.sdp_stream_metadata_changed", { ...envelope, "org.matrix.msc3077.sdp_stream_metadata": { x: { purpose: "p" } } }).metadata.x.purpose, "p");
  assert.equal(read("negotiate", { description: offer }).metadata, null);
  assert.equal(read("hangup").reason, "user_hangup");
  assert.equal(read("hangup", { reason: 5 }).reason, "unknown_error");
  assert.equal(read("answer", { answer: { sdp: "v=0" } }).description.type, "answer");
  assert.equal(read("answer", { answer: { sdp: "v=0" }, version: 1 }).partyId, "D");
  assert.equal(read("invite", { offer, seq: -1 }).seq, null);
  assert.equal(readSignal("com.famedly.call.member.hangup", { ...envelope, conf_id: "" }).kind, "hangup");
});

test("what lacks something essential is refused", () => {
  for (const [kind, more] of [["invite", {}], ["invite", { offer: { type: "answer", sdp: "v=0" } }], ["invite", { offer, device_id: 1 }],
    ["answer", { answer: { sdp: "" } }], ["negotiate", { description: { sdp: "v=0" } }], ["candidates", {}], ["sdp_stream_metadata_changed", {}],
    ["hangup", { call_id: "" }], ["hangup", { dest_session_id: undefined }], ["hangup", { conf_id: {} }], ["asserted_identity", {}]]) {
    assert.equal(read(kind, more), null, kind + JSON.stringify(more));
  }
  assert.equal(readSignal("m.call.hangup", null), null);
});

test("checks are made in their order", () => {
  const outlook = {
    self: { user_id: "@me:x", device_id: "M" }, sessionId: "s", roomId: "!r", encrypted: false, joined: new Set(["@b:x"]),
    sessions: [{ confId: "conf", members: [{ user_id: "@b:x", device_id: "B", session_id: "sb" }] }], entered: () => true, lingers: () => false,
  };
  const verdict = (more = {}, facts = {}) => check({ ...outlook, ...facts }, {
    from: { user_id: "@b:x", device_id: "B" }, encrypted: true, authenticated: false, ...more,
    signal: { ...read("invite", { offer, device_id: "B", sender_session_id: "sb" }), ...more.signal },
  });
  assert.deepEqual(verdict(), { confId: "conf" });
  assert.deepEqual(verdict({ from: { user_id: "@b:x", device_id: "" } }), { refusal: "nobody" });
  assert.deepEqual(verdict({ signal: { destSession: "other" } }), { refusal: "other_session" });
  assert.deepEqual(verdict({ signal: { invitee: { user: "@c:x", device: "" } } }), { refusal: "other_invitee" });
  assert.deepEqual(verdict({ signal: { deviceId: "C" } }), { refusal: "other_device" });
  assert.deepEqual(verdict({ encrypted: false }, { encrypted: true }), { refusal: "cleartext" });
  assert.deepEqual(verdict({ encrypted: false }), { confId: "conf" });
  for (const held of [verdict({ signal: { roomId: "!other" } }), verdict({ signal: { confId: "unknown" } }), verdict({ signal: { senderSession: "new" } }),
    verdict({}, { joined: new Set() }), verdict({}, { entered: () => false })]) assert.deepEqual(held, { hold: true });
  const gone = { sessions: [{ confId: "conf", members: [] }], lingers: () => true };
  assert.deepEqual(verdict({}, gone), { hold: true });
  assert.deepEqual(verdict({ signal: { kind: "hangup" } }, gone), { confId: "conf" });
});

test("messages wait for a membership within bounds", () => {
  const held = new Held();
  const from = (i) => ({ from: { user_id: "@b:x", device_id: "B" + i }, signal: { ...read("hangup"), seq: 0 } });
  for (let i = 0; i < 70; i++) held.hold({ ...from(0), i }, i);
  assert.equal(held.list.length, 64);
  assert.equal(held.list[0].received.i, 6, "the oldest goes first");
  for (let i = 1; i < 40; i++) held.hold({ ...from(i), signal: { ...from(i).signal, description: { type: "offer", sdp: "x".repeat(60_000) } } }, 100);
  assert.ok(held.list.reduce((sum, { size }) => sum + size, 0) <= 1 << 20);
  assert.equal(held.expire(30_050).length, 45);
  assert.equal(held.release(() => false).length > 0, true);
  assert.equal(held.deadline(), Infinity);
});

const numbered = (seq, more = {}) => ({ kind: "candidates", callId: "c", seq, messageId: "", ...more });
const invite = (seq = 0, callId = "c") => ({ kind: "invite", callId, seq, messageId: "" });
const seqs = (signals) => signals.map(({ seq }) => seq);

test("messages are taken in the order of their numbers, from the invite on", () => {
  const order = new Order();
  assert.deepEqual(seqs(order.accept([numbered(2), numbered(1)], 0)), []);
  assert.deepEqual(seqs(order.accept([invite()], 1)), [0, 1, 2]);
  assert.deepEqual(seqs(order.accept([numbered(2), numbered(4)], 2)), []);
  assert.deepEqual(seqs(order.accept([numbered(3)], 3)), [3, 4]);
});

test("a hole is waited for two seconds; what comes after all is delivered late", () => {
  const order = new Order();
  order.accept([invite(7)], 0);
  order.accept([numbered(9)], 100);
  assert.equal(order.deadline(), 2100);
  assert.deepEqual(seqs(order.due(2099)), []);
  assert.deepEqual(seqs(order.due(2100)), [9]);
  assert.deepEqual(seqs(order.accept([numbered(8)], 2200)), [8]);
  assert.deepEqual(seqs(order.accept([numbered(8)], 2300)), []);
});

test("messages without number, and hang-ups, wait for nothing", () => {
  const order = new Order();
  order.accept([invite()], 0);
  assert.equal(order.accept([numbered(null), numbered(5, { kind: "hangup" })], 1).length, 2);
});

test("what comes twice, or belongs to a call that is over, is dropped", () => {
  const order = new Order();
  const twice = numbered(null, { messageId: "m1" });
  order.accept([invite()], 0);
  assert.equal(order.accept([twice, twice], 1).length, 1);
  order.bury("c", 2);
  assert.deepEqual(order.accept([invite(), numbered(1)], 3), []);
  assert.equal(order.accept([invite(0, "d"), { ...invite(1, "d"), kind: "hangup" }], 4).length, 0, "an invite that is hung up in the same batch");
  assert.equal(order.accept([invite(), numbered(1)], 3 + 300_001).length, 2);
});

test("the run of a call of ours begins at whatever number the answer has", () => {
  const order = new Order();
  order.expect("c");
  assert.deepEqual(seqs(order.accept([numbered(7, { kind: "answer" }), numbered(8)], 0)), [7, 8]);
});
