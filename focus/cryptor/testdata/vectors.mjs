// Writes vectors.json: frames encrypted by WebCrypto alone, after the description of the format and with none of our code.
//
//	node vectors.mjs > vectors.json
//
// Everything in it follows from the numbers below, so that it comes out the same every time.
import { createHash, webcrypto } from "node:crypto";

const { subtle } = webcrypto;
const salt = new TextEncoder().encode("LKFrameEncryptionKey");
const hex = (bytes) => Buffer.from(bytes).toString("hex");
/** Bytes that look random and are not. */
const bytes = (name, size) => Buffer.concat(Array.from({ length: Math.ceil(size / 32) }, (_, i) =>
  createHash("sha256").update(`${name} ${i}`).digest())).subarray(0, size);

const parameters = (name) => name === "HKDF" ? { name, salt, hash: "SHA-256", info: new ArrayBuffer(128) } :
  { name, salt, hash: "SHA-256", iterations: 100000 };
const material = (name, raw) => subtle.importKey("raw", raw, name, false, ["deriveBits", "deriveKey"]);
const derive = async (name, raw) => subtle.deriveKey(parameters(name), await material(name, raw), { name: "AES-GCM", length: 128 }, true, ["encrypt"]);
const ratchet = async (name, raw) => Buffer.from(await subtle.deriveBits(parameters(name), await material(name, raw), 256));

function iv({ ssrc, timestamp, count }) {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint32(0, ssrc);
  view.setUint32(4, timestamp);
  view.setUint32(8, timestamp - (count % 0xffff));
  return Buffer.from(view.buffer);
}

function escaped(data) {
  const out = [];
  let zeros = 0;
  for (const byte of data) {
    if (byte <= 3 && zeros >= 2) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Buffer.from(out);
}

async function seal({ kdf = "HKDF", raw, ratchets = 0, index, codec, clear, frame, stream }) {
  let now = raw;
  for (let i = 0; i < ratchets; i++) now = await ratchet(kdf, now);
  const key = await derive(kdf, now);
  const nonce = iv(stream), head = frame.subarray(0, clear);
  const cipher = await subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: head }, key, frame.subarray(clear));
  let body = Buffer.concat([Buffer.from(cipher), nonce, Buffer.from([12, index])]);
  const plainSize = body.length;
  if (codec === "H264" || codec === "H265") body = escaped(body);
  return {
    codec, kdf, raw: hex(raw), ratchets, aes: hex(await subtle.exportKey("raw", key)), index, ...stream, iv: hex(nonce), clear,
    frame: hex(frame), sealed: hex(Buffer.concat([head, body])), escapes: body.length - plainSize,
  };
}

const key16 = bytes("key", 16), key32 = bytes("longer key", 32);
const stream = { ssrc: 0xdecafbad, timestamp: 90000, count: 65534 };
const vp8Key = Buffer.concat([Buffer.from("1002009d012ac0036804", "hex"), bytes("vp8 key frame", 300)]);
const vp8 = Buffer.concat([Buffer.from("1102009d", "hex"), bytes("vp8", 150)]);
const h264 = Buffer.concat([
  Buffer.from("000000016742c00bd902847e5c0440000003004000000c83c50a92", "hex"), Buffer.from("0000000168cb83cb20", "hex"),
  Buffer.from("0000010605ff", "hex"), Buffer.from("0000000165b8", "hex"), bytes("h264", 4000),
]);
const h264Other = Buffer.concat([Buffer.from("00000001419a", "hex"), bytes("another h264", 40), Buffer.from("000001419a", "hex"), bytes("second slice", 40)]);
const h265 = Buffer.concat([
  Buffer.from("0000000140010c01ffff", "hex"), Buffer.from("000000014201010160", "hex"), Buffer.from("000000012601af", "hex"), bytes("h265", 90),
]);

/** Looks for a count with which the body has to be escaped. */
async function withEscape(vector) {
  for (let count = 0; count < 65535; count++) {
    const made = await seal({ ...vector, stream: { ...vector.stream, count } });
    if (made.escapes > 0) return { ...made, count };
  }
  throw new Error("no such count");
}

const vectors = [];
const add = async (name, vector) => vectors.push({ name, ...await seal(vector) });
await add("sound", { raw: key16, index: 0, codec: "Opus", clear: 1, frame: Buffer.concat([Buffer.from([0x78]), bytes("opus", 79)]), stream: { ...stream, ssrc: 1, timestamp: 0, count: 0 } });
await add("one byte of sound", { raw: key16, index: 0, codec: "Opus", clear: 1, frame: Buffer.from([0x78]), stream: { ...stream, ssrc: 1, timestamp: 960, count: 1 } });
await add("a key frame of VP8", { raw: key16, index: 3, codec: "VP8", clear: 10, frame: vp8Key, stream });
await add("another frame of VP8, where the count wraps", { raw: key16, index: 255, codec: "VP8", clear: 3, frame: vp8, stream: { ...stream, count: 65535 } });
await add("a frame of VP9, where the timestamp wraps", { raw: key32, index: 12, codec: "VP9", clear: 0, frame: Buffer.concat([Buffer.from("824983420027f01df0", "hex"), bytes("vp9", 60)]), stream: { ssrc: 0xffffffff, timestamp: 5, count: 9 } });
await add("an access unit of H.264 with parameter sets", { raw: key16, index: 1, codec: "H264", clear: 48, frame: h264, stream });
await add("two slices of H.264", { raw: key16, index: 0, codec: "H264", clear: 6, frame: h264Other, stream });
vectors.push({ name: "H.264 that has to be escaped", ...await withEscape({ raw: key16, index: 0, codec: "H264", clear: 48, frame: h264, stream }) });
await add("an access unit of H.265", { raw: key16, index: 1, codec: "H265", clear: 25, frame: h265, stream });
await add("a key that was ratcheted once", { raw: key16, ratchets: 1, index: 7, codec: "VP8", clear: 3, frame: vp8, stream });
await add("a key that was ratcheted ten times", { raw: key32, ratchets: 10, index: 7, codec: "VP8", clear: 3, frame: vp8, stream });
await add("a passphrase", { kdf: "PBKDF2", raw: Buffer.from("correct horse battery staple"), index: 0, codec: "Opus", clear: 1, frame: Buffer.concat([Buffer.from([0x78]), bytes("opus", 20)]), stream });
await add("a passphrase that was ratcheted", { kdf: "PBKDF2", raw: Buffer.from("correct horse battery staple"), ratchets: 1, index: 0, codec: "Opus", clear: 1, frame: Buffer.concat([Buffer.from([0x78]), bytes("opus", 20)]), stream });
console.log(JSON.stringify({ how: "node vectors.mjs > vectors.json; WebCrypto of Node 20", vectors }, null, 1));
