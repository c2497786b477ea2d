import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLink, makeMatrix, verdict } from "../report.js";
import { Meter, summarise } from "../stats.js";

const sample = (at, more = {}) => [
  { id: "T", type: "transport", selectedCandidatePairId: "P", timestamp: at },
  { id: "P", type: "candidate-pair", localCandidateId: "L", remoteCandidateId: "R", currentRoundTripTime: 0.042, timestamp: at },
  { id: "L", type: "local-candidate", candidateType: "relay", protocol: "udp" }, { id: "R", type: "remote-candidate", candidateType: "host" },
  { id: "C", type: "codec", mimeType: "video/VP8" }, { id: "O", type: "codec", mimeType: "audio/opus" },
  { id: "a", type: "inbound-rtp", kind: "audio", codecId: "O", bytesReceived: 1000, packetsReceived: 90, packetsLost: 10, timestamp: at },
  { id: "v", type: "inbound-rtp", kind: "video", codecId: "C", bytesReceived: 9000, packetsReceived: 900, packetsLost: 0, framesDecoded: 5,
    frameWidth: 640, frameHeight: 360, framesPerSecond: 24, timestamp: at, ...more },
  { id: "o1", type: "outbound-rtp", kind: "video", mid: "1", rid: "q", bytesSent: 100, packetsSent: 1 },
  { id: "o2", type: "outbound-rtp", kind: "video", mid: "1", rid: "h", bytesSent: 100, packetsSent: 1 },
  { id: "o3", type: "outbound-rtp", kind: "video", mid: "1", rid: "f", bytesSent: 100, packetsSent: 1, active: false },
  { id: "r", type: "remote-inbound-rtp", kind: "video", fractionLost: 0.25 },
];

test("statistics of a browser become a few numbers", () => {
  const first = summarise(sample(1000), null);
  assert.equal(first.stats.bitrateIn, 0);
  const { stats } = summarise(sample(2000, { bytesReceived: 19_000, packetsReceived: 990, packetsLost: 10 }), first);
  assert.deepEqual(stats, {
    rttMs: 42, lossIn: 0.1, lossOut: 0.25, bitrateIn: 80_000, bitrateOut: 0, width: 640, height: 360, fps: 24, codecVideo: "VP8",
    codecAudio: "opus", path: "relay", protocol: "udp", framesDecoded: 5, bytesIn: 20_000, bytesOut: 300, layersOut: 2,
  });
  assert.equal(summarise([], null).stats.rttMs, null);
});

test("what does not rise for three seconds has stalled", () => {
  const meter = new Meter();
  assert.equal(meter.verdict("videoIn", 0), "connecting");
  meter.take(sample(0, { framesDecoded: 0 }), 0);
  assert.equal(meter.verdict("videoIn", 1000), "connecting");
  meter.take(sample(2000), 2000);
  assert.equal(meter.verdict("videoIn", 5000), "flows");
  meter.take(sample(5001), 5001);
  assert.equal(meter.verdict("videoIn", 5001), "stalled");
});

test("somebody speaks until it has been quiet for a while", () => {
  const meter = new Meter();
  const heard = [[0.005, 0], [0.015, 100], [0.03, 200], [0.012, 700], [0, 1400], [0, 1600]].map(([level, now]) => (meter.hear(level, now), meter.speaking));
  assert.deepEqual(heard, [false, false, true, true, true, false]);
});

const stream = (kinds) => ({ getTracks: () => kinds.map((kind) => ({ kind })) });
const facts = (peer = {}, muted = {}) => ({
  peer: { user_id: "@b:x", device_id: "B", state: "connected", words: "", stats: null,
    streams: [{ purpose: "m.usermedia", audioMuted: false, videoMuted: true, stream: stream(["audio", "video"]) }], ...peer },
  out: { audio: "flows", video: "none" }, in: { audio: "flows", video: "stalled" }, muted: { audio: false, video: false, ...muted },
});

test("a link is reported as both ends mean it", () => {
  const { out, in: got } = makeLink(facts({}, { audio: true }));
  assert.deepEqual([out.audio, out.video, got.audio, got.video], ["muted", "none", "flows", "muted"]);
  const apart = makeLink(facts({ state: "reconnecting", words: "w".repeat(500) }));
  assert.deepEqual([apart.out.audio, apart.in.video, apart.words.length], ["none", "none", 120]);
  assert.equal(makeLink(facts({ streams: [] })).in.audio, "none");
});

test("of two ends the receiver knows best, unless the sender explains it", () => {
  for (const [sent, got, is] of [["flows", "flows", "flows"], ["flows", "stalled", "stalled"], ["muted", "stalled", "muted"], ["muted", "flows", "muted"], ["none", "none", "none"],
    [undefined, "flows", "flows"], ["flows", undefined, "unknown"], [undefined, undefined, "unknown"], ["stalled", undefined, "stalled"]]) {
    assert.equal(verdict(sent, got), is, sent + " " + got);
  }
});

test("why nothing flows is told to all, in whole sentences", () => {
  const words = `The relay turn.example.org refuses us (403). ${"It is long. ".repeat(20)}`;
  const link = makeLink(facts({ state: "failed", words }));
  assert.match(link.words, /^The relay .* It is long\.$/);
  assert.ok(link.words.length <= 120);
  const parties = ["@a:x/A", "@b:x/B"].map((key) => ({ key, name: key }));
  const of = (link) => makeMatrix(parties, new Map([["@a:x/A", { at: 1, report: { links: [link] } }]])).cells;
  assert.deepEqual([...of(link).values()].map(({ words }) => words), [link.words, link.words], "both ways");
  for (const other of [{ ...link, state: "connected" }, { ...link, words: 5 }, { ...link, words: undefined }]) assert.ok([...of(other).values()].every((cell) => !("words" in cell)));
});

test("reports of any shape make a table", () => {
  const parties = ["@a:x/A", "@b:x/B"].map((key) => ({ key, name: key }));
  const link = { user_id: "@a:x", device_id: "A", state: "connected", trust: "encrypted", out: { audio: "flows", video: "flows" }, in: { audio: "flows", video: "stalled" } };
  const reports = new Map([["@b:x/B", { at: 100, report: { links: [null, 5, link] } }], ["@a:x/A", { at: 100, report: {} }]]);
  const { cells } = makeMatrix(parties, reports);
  assert.deepEqual([...cells.keys()], ["@a:x/A>@b:x/B", "@b:x/B>@a:x/A"]);
  assert.deepEqual({ ...cells.get("@a:x/A>@b:x/B") }, { trust: { trust: "encrypted", ends: 1 }, audio: "flows", video: "stalled", to: link.in });
  assert.equal(makeMatrix(parties, reports, 20_000).cells.get("@a:x/A>@b:x/B").audio, "unknown");
});
