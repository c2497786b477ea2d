import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FocusClient, PING_EVERY, SIZE_EVERY, sizeKey } from "../focusclient.js";
import { readFocus, writeSubscriptions } from "../focuswords.js";
import { framesToEncrypt } from "../call.js";
import { Passage } from "../passage.js";
import { Peer } from "../peer.js";
import { between, forwarderIn, PATIENCE, STARVED, Via } from "../via.js";
import { arrived } from "../stats.js";
import { FakeClock } from "./clock.js";

const ANNA = "@anna:x/ANNA", BERT = "@bert:x/BERT";
const stream = (name, rest = {}) => ({
  purpose: "m.usermedia", audio_muted: false, video_muted: false, user_id: `@${name}:x`, device_id: name.toUpperCase(),
  tracks: { [name + "-a"]: { kind: "audio" }, [name + "-v"]: { kind: "video", width: 640, height: 360 } }, ...rest,
});
const told = (streams) => ({ type: "said", text: JSON.stringify({ type: "m.call.sdp_stream_metadata_changed", content: { sdp_stream_metadata: streams } }) });
const want = (owners, sizes = {}) => ({ type: "want", owners: new Set(owners), sizes: new Map(Object.entries(sizes)) });
const camera = (owner) => sizeKey(owner, "m.usermedia");

/** What is said, short: subscriptions as "+track", or "+track 320x180"; their ends as "-track"; all else by its type. */
const said = (actions) => actions.flatMap((action) => {
  if (action.do !== "say") return action.do;
  const { type, content } = JSON.parse(action.text);
  if (type !== "m.call.track_subscription") return type;
  const name = (sign) => ({ track_id, width, height }) => sign + track_id + (width ? ` ${width}x${height}` : "");
  return [...(content.subscribe ?? []).map(name("+")), ...(content.unsubscribe ?? []).map(name("-"))];
});

/** One with an open channel, who was told of Anna and Bert and of the silence. */
function opened() {
  const client = new FocusClient();
  client.handle({ type: "own", metadata: { mine: { purpose: "m.usermedia", audio_muted: true, video_muted: false } } }, 0);
  assert.deepEqual(said(client.handle({ type: "open" }, 0)), ["m.call.sdp_stream_metadata_changed"]);
  client.handle(told({ silence: { purpose: "m.usermedia", audio_muted: true, video_muted: true }, sa: stream("anna"), sb: stream("bert") }), 0);
  return client;
}

test("nothing is subscribed to but what is wanted, and that at once", () => {
  const client = opened();
  assert.equal(client.asked.size, 0);
  assert.deepEqual(said(client.handle(want([ANNA], { [camera(ANNA)]: { width: 300, height: 170 } }), 1)), ["+anna-a", "+anna-v 304x176"]);
  assert.deepEqual(said(client.handle(want([ANNA, BERT], { [camera(ANNA)]: { width: 300, height: 170 } }), 2)), ["+bert-a", "+bert-v"]);
  assert.deepEqual(said(client.handle(want([BERT]), 3)), ["-anna-a", "-anna-v"]);
});

test("layers that nobody wants rest, as the other end names them", () => {
  const client = opened();
  const resting = (content) => client.handle({ type: "said", text: JSON.stringify({ type: "org.meshfocus.call.resting", content }) }, 1)
    .map(({ do: what, rids }) => [what, [...rids].join("")]);
  assert.deepEqual(resting({ resting: [{ stream_id: "mine", track_id: "v", rids: ["f", "h"] }] }), [["rest", "fh"]]);
  assert.deepEqual(resting({ resting: [{ stream_id: "mine", track_id: "v", rids: [] }] }), [["rest", ""]]);
  assert.deepEqual(resting({ resting: [{ rids: ["f", 7, "", null] }, "x", { rids: "q" }, null] }), [["rest", "f"]]);
  for (const content of [{}, null, { resting: "f" }, "f"]) assert.deepEqual(resting(content), [["rest", ""]]);
});

test("sizes follow the screen every two seconds, and what is hidden is let go", () => {
  const client = opened();
  client.handle(want([ANNA], { [camera(ANNA)]: { width: 320, height: 176 } }), 1000);
  assert.deepEqual(said(client.handle(want([ANNA], { [camera(ANNA)]: { width: 640, height: 352 } }), 1500)), []);
  assert.equal(client.deadline(), 1000 + SIZE_EVERY);
  assert.deepEqual(said(client.handle({ type: "tick" }, 1000 + SIZE_EVERY)), ["+anna-v 640x352"]);
  assert.deepEqual(said(client.handle(want([ANNA], { [camera(ANNA)]: { width: 638, height: 350 } }), 9000)), []);
  assert.deepEqual(said(client.handle(want([ANNA], { [camera(ANNA)]: { width: 0, height: 0 } }), 10_000)), ["-anna-v"]);
  assert.deepEqual(said(client.handle(want([ANNA], { [camera(ANNA)]: { width: 160, height: 96 } }), 10_100)), ["+anna-v 160x96"]);
});

test("what the other end does not name any more is forgotten, and asked for when it is back", () => {
  const client = opened();
  client.handle(want([ANNA]), 0);
  assert.deepEqual(said(client.handle(told({}), 1)), ["changed"]);
  assert.deepEqual(said(client.handle(told({ sa: stream("anna") }), 2)), ["changed", "+anna-a", "+anna-v"]);
});

test("before the channel is open nothing is said", () => {
  const client = new FocusClient();
  assert.deepEqual(client.handle(want([ANNA]), 0), []);
  assert.equal(client.deadline(), Infinity);
});

test("offers are answered, pings too, and silence ends it", () => {
  const client = opened();
  const offer = { type: "offer", sdp: "v=0" };
  const actions = client.handle({ type: "said", text: JSON.stringify({ type: "m.call.negotiate", content: { description: offer, sdp_stream_metadata: { sa: stream("anna") } } }) }, 1);
  assert.deepEqual(actions, [{ do: "changed" }, { do: "answer", description: offer }]);
  assert.deepEqual(said(client.handle({ type: "answered", description: { type: "answer", sdp: "v=0" } }, 2)), ["m.call.negotiate"]);
  assert.deepEqual(said(client.handle({ type: "said", text: '{"type":"m.call.ping","content":{}}' }, 3)), ["m.call.pong"]);
  for (let i = 1; i <= 3; i++) assert.deepEqual(said(client.handle({ type: "tick" }, 3 + i * PING_EVERY)), ["m.call.ping"]);
  assert.deepEqual(said(client.handle({ type: "tick" }, 3 + 4 * PING_EVERY)), ["fail"]);
});

test("whatever comes on the channel is read without a fault", () => {
  const odd = [null, 0, "", "null", "[]", "{}", '{"type":"m.call.negotiate"}', '{"type":"m.call.negotiate","content":{"description":{"type":"answer","sdp":"x"}}}',
    '{"type":"m.call.sdp_stream_metadata_changed","content":[]}', new ArrayBuffer(3), "x".repeat(70_000), '{"type":"toString","content":{}}'];
  for (const text of odd) assert.equal(readFocus(text), null);
  const { streams } = readFocus('{"type":"m.call.sdp_stream_metadata_changed","content":{"sdp_stream_metadata":{"a":null,"b":{"tracks":[],"user_id":7,"device_id":"D"},"c":{"tracks":{"t":{"kind":"video","width":-1}}}}}}');
  assert.deepEqual([...streams.keys()], ["b", "c"]);
  assert.equal(streams.get("b").owner, "");
  assert.deepEqual(streams.get("c").tracks.get("t"), { kind: "video", width: 0, height: 0 });
});

test("one message names 300 tracks at most", () => {
  const many = Array.from({ length: 301 }, (_, i) => ({ stream: "s", track: String(i), width: 0, height: 0 }));
  assert.deepEqual(writeSubscriptions(many, many.slice(0, 1)).map((text) => {
    const { subscribe = [], unsubscribe = [] } = JSON.parse(text).content;
    return [subscribe.length, unsubscribe.length];
  }), [[300, 0], [1, 1]]);
});

const examples = JSON.parse(readFileSync(new URL("../../../../mesh/testdata/between.json", import.meta.url), "utf8"));
const partyOf = (id) => ({ user_id: `@${id}:example.org`, device_id: id.toUpperCase() });
const idOf = (member) => member?.user_id.slice(1, -":example.org".length) ?? "";

for (const { name, members, forwarder, between: pairs } of examples) {
  test("who is behind whom, as the daemon says: " + name, () => {
    const session = { members: members.map(({ id, forwards, via, focus = "full_mesh", joined = 0 }, place) => ({
      ...partyOf(id), mesh: focus === "full_mesh", createdAt: joined * 1000 + place, ...(forwards && { forwards }), ...(via && { via: partyOf(via) }),
    })) };
    for (const { id: a } of members) {
      for (const { id: b } of members) {
        const want = pairs.find(([one, other]) => (one === a && other === b) || (one === b && other === a));
        assert.equal(idOf(between(session, partyOf(a), partyOf(b))), want?.[2] ?? "", `${a} and ${b}`);
      }
    }
    for (const [id, is] of Object.entries(forwarder)) assert.equal(idOf(forwarderIn([session], partyOf(id))), is, id);
  });
}

test("who forwards is named once it does, and not any more when it is gone", () => {
  const via = new Via(), forwarder = { ...partyOf("focus"), createdAt: 0 };
  const look = (facts, now) => {
    via.look({ forwarder, up: true, starved: false, ...facts }, now);
    return [via.state, idOf(via.party ?? undefined)];
  };
  assert.deepEqual(look({ forwarder: null }, 0), ["nobody", ""]);
  assert.deepEqual(look({ up: false }, 1), ["connecting", ""]);
  assert.deepEqual(look({}, 2), ["through", "focus"]);
  assert.deepEqual(look({ up: false }, 1000), ["through", "focus"]);
  assert.equal(via.deadline(1000), 1000 + PATIENCE);
  assert.deepEqual(look({}, 1000 + PATIENCE), ["through", "focus"], "it is back in time");
  assert.deepEqual(look({ up: false }, 10_000), ["through", "focus"]);
  assert.deepEqual(look({ up: false }, 10_000 + PATIENCE), ["lost", ""]);
  assert.deepEqual(look({}, 20_000), ["lost", ""], "not at once again");
  const again = via.deadline(20_000);
  assert.deepEqual(look({}, again), ["through", "focus"]);
  assert.deepEqual(look({ starved: true }, again + 1), ["through", "focus"]);
  assert.deepEqual(look({ starved: true }, again + 1 + STARVED), ["lost", ""]);
  assert.ok(via.deadline(again + 1 + STARVED) - (again + 1 + STARVED) > again - 15_000, "each failure waits longer");
  assert.deepEqual(look({ forwarder: null }, 1e6), ["nobody", ""]);
  assert.deepEqual(look({}, 1e6 + 1), ["through", "focus"]);
  assert.deepEqual(look({ forwarder: { ...partyOf("other"), createdAt: 0 }, up: false }, 1e6 + 2), ["connecting", ""], "another forwards");
});

/** A call page's mesh with one other, who forwards, and nothing else of it. */
function passing() {
  const clock = new FakeClock(), self = { user_id: "@me:x", device_id: "ME" };
  const member = { user_id: "@focus:x", device_id: "FOCUS", session_id: "s", mesh: true, forwards: true, createdAt: 1 };
  const host = { clock, self, changed: () => {}, openLine: () => null };
  const peer = new Peer(host, { member, confId: "conf", form: "session" });
  peer.negotiation.state = "connected";
  peer.line = { isUp: true, handle: () => {}, client: { streams: new Map() } };
  const pc = { bytes: 1, getStats: async () => new Map([["t", { type: "transport", bytesReceived: pc.bytes }]]) };
  peer.connection = { pc, remote: new Map() };
  const mesh = {
    clock, self, isEntered: true, isIn: () => true, sessions: [{ confId: "conf", members: [member] }],
    peers: new Map([[peer.key, peer]]), invited: new Map(), nameOf: () => "Focus",
  };
  const passage = new Passage(mesh, true, () => {});
  const look = async (ms, bytes) => {
    clock.run(ms);
    pc.bytes += bytes;
    await peer.measure();
    passage.look();
    return passage.via.state;
  };
  return { look, passage, clock };
}

test("a busy machine that does not ask its connection is not taken for one that is gone", async () => {
  const { look, passage, clock } = passing();
  assert.equal(await look(1000, 100), "through");
  for (let second = 0; second < 10; second++) { // what else happens
    clock.run(1000);
    passage.look();
    assert.equal(passage.via.state, "through");
  }
  assert.equal(await look(60_000, 100), "through");
});

test("a connection that is asked and brings nothing is gone", async () => {
  const { look } = passing();
  await look(1000, 100);
  const states = [];
  for (let second = 0; second < 9; second++) states.push(await look(1000, 0));
  assert.equal(states[2 + PATIENCE / 1000 - 1], "through");
  assert.equal(states.at(-1), "lost");
});

test("what goes through a member that forwards is encrypted in encrypted rooms, or as the gateway says", () => {
  const frames = (encrypted, said = {}, options = {}) => framesToEncrypt({ via: "focus", ...options }, { room: { encrypted }, ...said });
  assert.equal(frames(true), "forwarded");
  assert.equal(frames(undefined), "none");
  assert.equal(frames(true, {}, { via: "" }), "none");
  assert.equal(frames(true, { encrypt_forwarded: false }), "none");
  assert.equal(frames(false, { encrypt_forwarded: true }), "forwarded");
  assert.equal(frames(false, { encrypt_frames: true, encrypt_forwarded: true }), "all");
  assert.equal(frames(true, { encrypt_frames: true }, { encryptFrames: false }), "none");
});

test("what a connection has brought is known in Firefox as well, which has no statistics of transports", () => {
  const pair = { type: "candidate-pair", bytesReceived: 7 }, track = { type: "inbound-rtp", bytesReceived: 5 };
  assert.equal(arrived([pair, track, { type: "transport", bytesReceived: 9 }]), 9);
  assert.equal(arrived([pair, track, { type: "transport" }]), 7);
  assert.equal(arrived([track]), 0);
});
