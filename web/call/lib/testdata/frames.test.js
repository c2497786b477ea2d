/**
 * Frames that Go's cryptor is tested by too, and the rounds that Go's rotation is tested by too.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { clearBytes, escaped, makeIV, makeKey, ratchet, Ring, seal, unescaped } from "../frameformat.js";
import { formatsOf } from "../framecryptor.js";
import { isMediaKey, Keychain, MEDIA_KEY, readMediaKey, writeMediaKey } from "../mediakey.js";
import { Rotation } from "../rotation.js";
import { seeded } from "./pair.js";

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");

const { vectors } = read("../../../../focus/cryptor/testdata/vectors.json");

for (const vector of vectors.filter(({ kdf }) => kdf === "HKDF")) {
  test(`frames: ${vector.name}`, async () => {
    const codec = vector.codec.toLowerCase(), frame = bytes(vector.frame);
    const first = await makeKey(bytes(vector.raw));
    let key = first;
    for (let i = 0; i < vector.ratchets; i++) key = await ratchet(key);
    const iv = makeIV(vector.ssrc, vector.timestamp, vector.count);
    assert.equal(hex(iv), vector.iv);
    assert.equal(clearBytes(codec, frame), vector.clear);
    assert.equal(hex(await seal(frame, codec, key, vector.index, iv)), vector.sealed);
    const ring = new Ring({ ratchets: 10 });
    ring.set(vector.index, first);
    const opening = await ring.open(bytes(vector.sealed), codec);
    assert.equal(opening.outcome, "opened");
    assert.equal(hex(opening.frame), vector.frame);
    assert.equal(ring.slots.get(vector.index).keys.length, 1);
  });
}

test("a frame that was changed, or of another key, does not open, and the rest goes on", async () => {
  const vector = vectors.find(({ codec }) => codec === "VP8"), whole = bytes(vector.sealed);
  const key = await makeKey(bytes(vector.raw)), other = await makeKey(new Uint8Array(16));
  for (let at = 0; at < whole.length; at += 7) {
    const ring = new Ring();
    ring.set(vector.index, key);
    const changed = whole.slice();
    changed[at] ^= 4;
    assert.notEqual((await ring.open(changed, "vp8")).outcome, "opened", `changed at ${at}`);
    assert.equal((await ring.open(whole, "vp8")).outcome, "opened");
  }
  const ring = new Ring();
  assert.deepEqual(await ring.open(whole, "vp8"), { outcome: "no_key", index: vector.index });
  ring.set(vector.index, other);
  for (let i = 0; i < 12; i++) assert.equal((await ring.open(whole, "vp8")).outcome, "wrong_key");
  assert.equal(ring.slots.get(vector.index).failures, 10);
  ring.set(vector.index, key);
  assert.equal((await ring.open(whole, "vp8")).outcome, "opened");
});

test("what is no encrypted frame is told apart, and silence is passed", async () => {
  const ring = new Ring();
  assert.equal((await ring.open(bytes("f8fffe"), "opus")).outcome, "silent");
  assert.equal((await ring.open(new Uint8Array(), "vp8")).outcome, "silent");
  assert.equal((await ring.open(bytes("1002009d012ac0036804aabb"), "vp8")).outcome, "clear");
  assert.equal((await ring.open(bytes("110c"), "vp8")).outcome, "broken");
  assert.equal((await ring.open(bytes("1200aabbcc"), "av1")).outcome, "broken");
  assert.equal((await ring.open(bytes("1100000c05"), "vp8")).outcome, "broken");
  const key = await makeKey(new Uint8Array(16));
  assert.equal(await seal(bytes("1200aabbcc"), "av1", key, 0, makeIV(1, 2, 3)), null);
  assert.equal((await seal(new Uint8Array(), "av1", key, 0, makeIV(1, 2, 3))).length, 0);
});

test("escapes are taken out again", () => {
  const random = seeded(7);
  for (let i = 0; i < 5000; i++) {
    const data = Uint8Array.from({ length: random() * 24 }, () => random() * 4);
    const out = escaped(data);
    assert.doesNotMatch(hex(out).replace(/../g, "$& "), /00 00 0[012]/);
    assert.equal(hex(unescaped(out)), hex(data));
  }
});

test("codecs by payload type are read from the descriptions", () => {
  assert.deepEqual(formatsOf("m=video\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:111 opus/48000/2\r\n", undefined, "a=rtpmap:97 rtx/90000\r\n"),
    { 96: "vp8", 111: "opus", 97: "rtx" });
});

const member = (text) => {
  const [name, session_id] = text.split(":");
  return { user_id: `@${name}:hs`, device_id: name.toUpperCase(), session_id };
};
const told = (actions) => actions.map((action) => (action.do === "use" ? `use ${action.key.index}` :
  `share ${action.key.index} ${action.to.device_id.toLowerCase()}:${action.to.session_id}`));

for (const { name, steps } of read("../../../../mesh/keying/testdata/rounds.json")) {
  test(`rounds: ${name}`, () => {
    let count = 0;
    const rotation = new Rotation(() => Uint8Array.of(++count));
    for (const step of steps) {
      const now = 1_800_000_000_000 + step.at * 1000;
      const actions = step.members ? rotation.setMembers(step.members.map(member), now) :
        step.sent ? rotation.sent(member(step.sent), step.index, step.ok, now) : rotation.tick(now);
      assert.deepEqual(told(actions), step.want, `at ${step.at} s`);
      if (step.due !== undefined) assert.ok(Math.abs(rotation.deadline() - 1_800_000_000_000 - step.due * 1000) < 1, `at ${step.at} s the next is due at ${(rotation.deadline() - 1_800_000_000_000) / 1000} s`);
    }
  });
}

const KEY = "AAECAwQFBgcICQoLDA0ODw";

test("keys are read in all forms, and written in one", () => {
  const key = readMediaKey(MEDIA_KEY, { room_id: "!r", member_id: "stay", media_key: { index: 3, key: KEY + "==" } });
  assert.deepEqual({ ...key, raw: hex(key.raw) }, { roomId: "!r", memberId: "stay", deviceId: "", index: 3, raw: "000102030405060708090a0b0c0d0e0f", sentAt: 0 });
  const element = readMediaKey("io.element.call.encryption_keys", { keys: { index: 255, key: KEY }, room_id: "!r", member: { claimed_device_id: "D", id: "@a:hs:D" }, sent_ts: 5 });
  assert.deepEqual([element.memberId, element.deviceId, element.index, element.sentAt], ["@a:hs:D", "D", 255, 5]);
  assert.deepEqual(writeMediaKey({ roomId: "!r", memberId: "stay", index: 3, raw: key.raw }), { room_id: "!r", member_id: "stay", media_key: { index: 3, key: KEY } });
  for (const content of [null, {}, { room_id: "!r", member_id: "s", media_key: { index: 256, key: KEY } }, { room_id: "!r", member_id: "s", media_key: { index: 1, key: "c2hvcnQ" } },
    { room_id: "!r", member_id: "s", media_key: { index: 1, key: "%%%" } }, { room_id: "!r", member_id: "s", format: 1, media_key: { index: 1, key: KEY } },
    { room_id: "!r", media_key: { index: 1, key: KEY } }, { room_id: "!r", member_id: "s", media_key: [] }]) {
    assert.equal(readMediaKey(MEDIA_KEY, content), null, JSON.stringify(content));
  }
  assert.ok(isMediaKey("m.rtc.encryption_key") && !isMediaKey("m.call.invite"));
});

test("keys count for one stay of one device, and wait for its membership", () => {
  const chain = new Keychain(), now = 1e12;
  const of = (memberId, index = 0, sentAt = 0) => ({ roomId: "!r", memberId, deviceId: "", index, raw: new Uint8Array(16), sentAt });
  const a = { user_id: "@a:hs", device_id: "A" };
  assert.equal(chain.take(a, of("1"), now), "held");
  assert.equal(chain.setMembers([member("a:1")], now).accepted.length, 1);
  assert.equal(chain.take(a, of("1", 0, 5), now), "accepted");
  assert.equal(chain.take(a, of("1", 0, 4), now), "stale");
  assert.equal(chain.take({ ...a, device_id: "B" }, of("1"), now), "held");
  assert.equal(chain.take(a, { ...of("1"), deviceId: "B" }, now), "held");
  assert.equal(chain.take(a, of("2"), now), "held");
  const { accepted, gone } = chain.setMembers([member("a:2")], now);
  assert.deepEqual([accepted.length, gone], [1, ["@a:hs/A"]]);
  assert.deepEqual(chain.setMembers([], now + 1000).gone, []);
  assert.deepEqual(chain.setMembers([member("a:2")], now + 2000).gone, [], "one who was missed and comes back");
  chain.setMembers([], now + 3000);
  assert.deepEqual(chain.setMembers([], now + 303_000).gone, ["@a:hs/A"]);
  for (let i = 0; i < 400; i++) chain.take({ user_id: `@x${i}:hs`, device_id: "X" }, of("1"), now);
  for (let i = 0; i < 40; i++) chain.take(a, of("3", i), now);
  assert.ok(chain.held.length <= 256 && chain.held.filter(({ from }) => from === a).length <= 8);
  chain.expire(now + 300_000);
  assert.equal(chain.held.length, 0);
});
