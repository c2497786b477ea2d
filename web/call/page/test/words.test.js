import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, place } from "../layout.js";
import { Story } from "../story.js";
import { tilesOf } from "../tiles.js";
import { bitrate, deviceTrouble, facts, initials, isolated, pairTrust, refusal, shown, sinceWhen, summary, trust, trustSummary } from "../words.js";

const plain = (/** @type {string} */ words) => words.replace(/[\u2068\u2069]/g, "");

test("a name is cut at 64 graphemes, not inside one", () => {
  const family = "👩‍👩‍👧";
  const cut = shown(family.repeat(80));
  assert.equal([...new Intl.Segmenter().segment(cut)].length <= 64, true);
  assert.equal(shown("e\u0301".repeat(70)).startsWith("e\u0301e\u0301"), true);
  assert.ok(shown("e" + "\u0301".repeat(5000)).length <= 512, "marks without end are cut");
});

test("a name cannot turn what stands around it", () => {
  assert.equal(shown("\u202eevil\u2066\u2069"), "evil");
  assert.equal(isolated("\u2069\u202eAnn"), "\u2068Ann\u2069");
  assert.equal(shown("\n\u0000\u200b"), "Somebody");
  assert.equal(shown(undefined), "Somebody");
});

test("initials are letters, of any script", () => {
  assert.equal(initials("Ann Lindqvist"), "AL");
  assert.equal(initials("<b> 李"), "B李");
  assert.equal(initials("!!"), "·");
});

test("every refusal has a title, words and a way on", () => {
  for (const code of ["no_such_call", "room_full", "server_full", "not_allowed", "homeserver_unreachable", "replaced", "gone", "version", "too_fast", "left", "constructor", "new_code"]) {
    const { title, words, label } = refusal(code, "The server's words.");
    assert.ok(typeof title === "string" && title && words && label, code);
    if (code.includes("_")) assert.ok(!`${title} ${words}`.includes(code), `${code} is shown as a code`);
  }
  assert.equal(refusal("new_code", "The server's words.").words, "The server's words.");
});

test("device troubles name the device and say that one can join all the same", () => {
  for (const code of ["denied", "missing", "busy", "insecure", "failed"]) assert.match(deviceTrouble(code, "video"), /join without/);
  assert.match(deviceTrouble("insecure", "both"), /https/);
  assert.match(deviceTrouble("busy", "video"), /camera/);
});

test("figures are for people", () => {
  assert.equal(bitrate(1_260_000), "1.3 Mbit/s");
  assert.equal(bitrate(64_200), "64 kbit/s");
  assert.equal(bitrate(NaN), "–");
  const rows = new Map(facts({ rttMs: null, lossIn: null, lossOut: 0.015, bitrateIn: 0, bitrateOut: 0, width: 0, height: 0, fps: 0, codecVideo: "", codecAudio: "opus", path: "relay", protocol: "tcp", framesDecoded: 0, bytesIn: 0, bytesOut: 0, layersOut: 1 }));
  assert.equal(rows.get("Loss"), "– in, 1.5 % out");
  assert.equal(rows.get("Path"), "by a relay, tcp");
  assert.equal(rows.get("Picture"), "none");
});

test("who is at the other end is said in four ways that cannot be confused", () => {
  const said = /** @type {const} */ (["verified", "encrypted", "server", "clear"]).map((proved) => trust({ trust: proved, name: "Ann" }));
  assert.equal(new Set(said.map(({ label }) => label)).size, 4);
  const marks = /** @type {const} */ (["verified", "encrypted", "server", "clear", "unknown"]).map((proved) => pairTrust({ trust: proved, ends: 2 }));
  assert.equal(new Set(marks.map(({ short }) => short)).size, 5);
  assert.deepEqual(said.map(({ mood }) => mood), ["good", "good", "fair", "bad"]);
  for (const { words } of said) assert.ok(plain(words).includes("Ann"), words);
  assert.match(said[3].words, /listen in/);
  assert.equal(trust({ trust: "unknown", name: "Ann" }).mood, "fair");
});

test("the details say what the other end knows too, and the worse word counts", () => {
  const said = (/** @type {any} */ more) => trust({ trust: "encrypted", name: "Ann", ...more });
  assert.match(plain(said({ theirs: "encrypted" }).words), /Ann’s device says of ours that it does the same/);
  assert.match(plain(said({}).words), /What Ann’s device knows of ours it has not said/);
  assert.deepEqual([said({ theirs: "server" }).mood, said({ theirs: "server" }).label], ["fair", "Not authenticated end to end"]);
  assert.equal(said({ theirs: "clear" }).mood, "bad");
  assert.equal(said({ trust: "clear", theirs: "verified" }).mood, "bad");
  assert.match(said({ trust: "server", theirs: "encrypted" }).words, /vouches for/, "what is not ours to change is not hidden");
});

const parties = [{ key: "a", name: "Ann" }, { key: "b", name: "Bob" }, { key: "c", name: "Cem" }];
/** @param {any} [changed] */
const matrix = (changed = {}) => ({ parties, cells: new Map(parties.flatMap((from) => parties.filter((to) => to !== from).map((to) => [`${from.key}>${to.key}`, { audio: "flows", video: "flows", ...changed[`${from.key}>${to.key}`] }]))) });

test("the matrix is summed up: all flow, or who has had no picture for how long", () => {
  assert.equal(summary(matrix(), new Map(), 0), "All 6 directions flow.");
  const bad = matrix({ "a>b": { video: "stalled" } });
  const since = sinceWhen(sinceWhen(new Map(), bad, 1000), bad, 4000);
  assert.equal(plain(summary(bad, since, 5000)), "From Ann to Bob: no picture for 4 s.");
  assert.equal(sinceWhen(since, matrix(), 6000).size, 0);
  assert.equal(summary(matrix({ "a>b": { video: "muted" } }), new Map(), 0), "All 6 directions flow.");
  assert.equal(summary(matrix({ "a>b": { video: "connecting" } }), new Map(), 0), "5 of 6 directions flow; of 1 there is no word yet.");
  assert.equal(summary(matrix({ "a>b": { audio: "muted", video: "muted" } }), new Map(), 0), "5 of 6 directions flow, 1 is muted.");
  assert.equal(summary({ parties: [parties[0]], cells: new Map() }, new Map(), 0), "Nobody else is in the call yet.");
});

test("each pair has a mark, and a sentence says how many are authenticated", () => {
  const arrows = (/** @type {any} */ all) => { const is = matrix(); for (const [pair, trust, ends = 2] of all) for (const key of [pair, `${pair[2]}>${pair[0]}`]) is.cells.set(key, { ...is.cells.get(key), trust: { trust, ends } }); return is; };
  assert.equal(trustSummary(arrows([["a>b", "encrypted"], ["a>c", "verified"], ["b>c", "encrypted"]])), "All 3 pairs are authenticated end to end.");
  assert.equal(plain(trustSummary(arrows([["a>b", "encrypted"], ["a>c", "server"], ["b>c", "clear"]]))),
    "1 of 3 pairs are authenticated end to end. Bob and Cem: in clear text, servers could listen in. For 1 a server vouches, and could put itself between them.");
  assert.equal(trustSummary(arrows([["a>b", "encrypted", 1], ["a>c", "unknown", 0], ["b>c", "encrypted"]])),
    "1 of 3 pairs are authenticated end to end. Of 2 not both ends have said what they know.");
  assert.equal(trustSummary(arrows([["a>b", "server"], ["a>c", "server", 1], ["b>c", "server"]])),
    "None of the 3 pairs is authenticated end to end: a server vouches, and could put itself between.");
  assert.equal(trustSummary(arrows([["a>b", "focus"], ["a>c", "encrypted"], ["b>c", "focus"]])),
    "1 of 3 pairs are authenticated end to end. What 2 send each other, the member that passes it on could see and hear.");
  assert.equal(trustSummary({ parties: [parties[0]], cells: new Map() }), "");
  assert.deepEqual([pairTrust({ trust: "verified", ends: 2 }), pairTrust({ trust: "verified", ends: 1 }), pairTrust({ trust: "clear", ends: 1 })].map(({ mood }) => mood), ["good", "fair", "bad"]);
});

test("tiles lie apart and inside, whatever the window", () => {
  for (const [width, height] of [[1280, 640], [344, 560], [700, 160], [1920, 1000], [200, 2000]]) {
    for (let count = 0; count <= 12; count++) {
      const boxes = arrange(count, { x: 0, y: 0, width, height }, 8);
      assert.equal(boxes.length, count);
      apart(boxes, width, height);
      if (count > 0) {
        const { screens, cameras } = place(1, count, { width, height }, 8);
        apart([...screens, ...cameras], width, height);
      }
    }
  }
});

/** @param {import("../layout.js").Box[]} boxes @param {number} width @param {number} height */
function apart(boxes, width, height) {
  boxes.forEach((a, i) => {
    assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= width + 1 && a.y + a.height <= height + 1, `inside ${width} by ${height}: ${JSON.stringify(a)}`);
    boxes.slice(i + 1).forEach((b) => assert.ok(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y, "apart"));
  });
}

test("four are two by two, on a wide window and on a phone", () => {
  for (const [width, height] of [[1280, 640], [344, 560]]) {
    const boxes = arrange(4, { x: 0, y: 0, width, height }, 8);
    assert.equal(new Set(boxes.map((box) => box.x)).size, 2);
  }
});

const peer = (/** @type {any} */ more) => ({ key: "@a:x/D", name: "Ann", state: "connected", words: "", streams: [], ...more });
const snapshot = (/** @type {any[]} */ peers, state = "joined") => /** @type {any} */ ({ state, peers, self: { name: "Me" } });

test("screens come first, our own camera last, and keys are the same each time", () => {
  const streams = [{ id: "1", purpose: "m.usermedia", stream: null, audioMuted: true, videoMuted: false }, { id: "2", purpose: "m.screenshare", stream: null, audioMuted: false, videoMuted: false }];
  const own = { camera: null, screen: null, audioMuted: false, videoMuted: false, speaking: false };
  const tiles = tilesOf(snapshot([peer({ streams })]), own);
  assert.deepEqual(tiles.map((tile) => tile.kind), ["screen", "camera", "camera"]);
  assert.equal(tiles[1].audioMuted, true);
  assert.deepEqual(tilesOf(snapshot([peer({ streams, state: "reconnecting" })]), own).map((tile) => tile.key), tiles.map((tile) => tile.key));
  assert.equal(tilesOf(snapshot([peer({ state: "failed", words: "Ann cannot be reached." })]), own)[0].mood, "bad");
});

test("the story warns of clear text, once", () => {
  const story = new Story();
  story.tell(snapshot([]));
  assert.match(story.tell(snapshot([peer({ trust: "clear" })])).join(" "), /clear text/);
  assert.deepEqual(story.tell(snapshot([peer({ trust: "clear" })])), []);
  assert.deepEqual(story.tell(snapshot([peer({ trust: "encrypted" })])), []);
});

test("the story tells who came, who shares and where the server is", () => {
  const story = new Story();
  assert.deepEqual(story.tell(snapshot([])), ["You are in the call."]);
  assert.deepEqual(story.tell(snapshot([peer({ state: "connecting" })])).map(plain), ["Ann joined."]);
  assert.deepEqual(story.tell(snapshot([peer({})], "reconnecting")), ["The server is gone; the call goes on."]);
  assert.deepEqual(story.tell(snapshot([peer({})])), ["The server is back."]);
  assert.deepEqual(story.tell(snapshot([peer({ streams: [{ purpose: "m.screenshare" }] })])).map(plain), ["Ann shares the screen."]);
});

test("who comes through another is said to, and what that one could see", () => {
  const via = { key: "@focus:x/F", name: "Focus", sealed: false, width: 1280, height: 720 };
  const rows = new Map(facts({ rttMs: 12, lossIn: 0, lossOut: 0, bitrateIn: 1e5, bitrateOut: 0, width: 320, height: 180, fps: 15, codecVideo: "VP8", codecAudio: "opus", path: "direct", protocol: "udp", framesDecoded: 1, bytesIn: 1, bytesOut: 1, layersOut: 3 }, via));
  assert.equal(plain(rows.get("Way")), "through Focus");
  assert.equal(rows.get("Picture"), "320 × 180 of 1280 × 720, 15 per second");
  assert.equal(rows.get("Bit rate"), "100 kbit/s in");
  assert.ok([...rows.keys()].map(plain).includes("Round trip to Focus"));
  const peer = { trust: /** @type {const} */ ("focus"), name: "Ann", via };
  assert.equal(plain(trust(peer).label), "Through Focus, which could listen in");
  assert.match(trust(peer).words, /could see and hear/);
  const through = (/** @type {any} */ more) => trust({ ...peer, via: { ...via, sealed: true }, ...more });
  assert.deepEqual(["verified", "encrypted", "server", "unknown"].map((trust) => through({ trust }).mood), ["good", "good", "fair", "fair"]);
  for (const proved of ["verified", "encrypted", "server", "unknown"]) assert.match(through({ trust: proved }).words, /has no key/);
  assert.match(through({ trust: "server" }).words, /whoever runs it could see and hear/, "a guest's keys are the server's too");
  assert.match(through({ trust: "verified", theirs: "server" }).words, /leaves that to the server/, "at the other end as well");
  assert.equal(through({ trust: "verified", theirs: "focus" }).mood, "fair", "what the other end gets is not sealed");
});

test("it is said once how we go through a member that forwards", () => {
  const story = new Story(), snapshot = (state, words) => ({ state: "joined", peers: [], through: state && { state, words } });
  story.tell(snapshot(null));
  assert.deepEqual(story.tell(snapshot("nobody", "Nobody forwards.")), ["Nobody forwards."]);
  assert.deepEqual(story.tell(snapshot("connecting", "Connecting.")), []);
  assert.deepEqual(story.tell(snapshot("through", "Through Focus.")), ["Through Focus."]);
  assert.deepEqual(story.tell(snapshot("through", "Through Focus.")), []);
});
