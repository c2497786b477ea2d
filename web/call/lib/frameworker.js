/**
 * The worker in which frames are encrypted and opened, one for all connections of a call. framecryptor.js talks to it; it
 * talks to nobody else. Keys come in and never go out.
 *
 * What cannot be encrypted is not sent: a missing key or an unknown codec never lets a frame through in the clear.
 */
import { makeIV, makeKey, Ring, seal } from "./frameformat.js";

/** @typedef {import("./frameformat.js").Outcome} Outcome */
/** @typedef {{side: 'send'|'receive', connection: number, party: string, end?: number}} Options end: names a receiver */

const RATCHETS = 10;
/** The least time between two requests for a key frame, in milliseconds. */
const ASK_EVERY = 500;
/** How often it is said that all is well, or still is not. */
const SAY_EVERY = 1000;

/** @type {any} */
const scope = self;
/** @type {{index: number, key: import("./frameformat.js").Key}|null} */
let own = null;
/** @type {Map<string, Ring>} */
const rings = new Map();
/** @type {Map<number, Record<number, string>>} codecs by payload type, of each connection */
const formats = new Map();
/** @type {Map<number, string>} whose frames a receiver gets, where they are not the other end's own */
const owners = new Map();
/** @type {Map<number, number>} frames sent, by SSRC */
const counts = new Map();
/** What is done with keys, in the order in which it was asked for. */
let work = Promise.resolve();

/** @param {string} party */
function ringOf(party) {
  const ring = rings.get(party) ?? new Ring({ ratchets: RATCHETS });
  rings.set(party, ring);
  return ring;
}

scope.onmessage = (/** @type {MessageEvent} */ { data }) => {
  work = work.then(() => obey(data)).catch((error) => scope.postMessage({ say: "trouble", words: String(error) }));
};

/** @param {any} order */
async function obey(order) {
  switch (order.do) {
    case "use":
      own = { index: order.index, key: await makeKey(order.raw) };
      return;
    case "take":
      ringOf(order.party).set(order.index, await makeKey(order.raw));
      return;
    case "forget":
      rings.delete(order.party);
      return;
    case "formats":
      formats.set(order.connection, order.formats);
      return;
    case "owner":
      owners.set(order.end, order.party);
      return;
    case "end":
      formats.delete(order.connection);
  }
}

scope.onrtctransform = (/** @type {any} */ { transformer }) => {
  const options = /** @type {Options} */ (transformer.options);
  const transform = options.side === "send" ? sending(options) : receiving(options, transformer);
  transformer.readable.pipeThrough(new TransformStream({ transform })).pipeTo(transformer.writable).catch(() => {}); // the connection is closed
};

/** @param {any} frame @param {number} connection */
function codecOf(frame, connection) {
  const { mimeType, payloadType } = frame.getMetadata();
  const name = mimeType?.split("/")[1] ?? formats.get(connection)?.[payloadType] ?? "";
  return name.toLowerCase();
}

/** @param {Options} options */
function sending({ connection }) {
  return async (/** @type {any} */ frame, /** @type {TransformStreamDefaultController} */ controller) => {
    const data = new Uint8Array(frame.data);
    if (data.length === 0) return controller.enqueue(frame);
    const present = own, codec = codecOf(frame, connection);
    if (!present) return;
    const { synchronizationSource: ssrc = 0, rtpTimestamp = frame.timestamp } = frame.getMetadata();
    const count = counts.get(ssrc) ?? crypto.getRandomValues(new Uint32Array(1))[0] % 0xffff;
    counts.set(ssrc, count + 1);
    const sealed = await seal(data, codec, present.key, present.index, makeIV(ssrc, rtpTimestamp, count));
    if (!sealed) return scope.postMessage({ say: "unsent", codec });
    frame.data = sealed.buffer;
    controller.enqueue(frame);
  };
}

/** @param {Options} options @param {any} transformer */
function receiving({ connection, party: other, end = 0 }, transformer) {
  let waits = true, askedAt = -Infinity, saidAt = -Infinity, said = "";
  const say = (/** @type {Outcome} */ outcome, /** @type {string} */ party) => {
    if (outcome === said && performance.now() - saidAt < SAY_EVERY) return;
    said = outcome;
    saidAt = performance.now();
    scope.postMessage({ say: "outcome", party, outcome });
  };
  return async (/** @type {any} */ frame, /** @type {TransformStreamDefaultController} */ controller) => {
    const isVideo = "type" in frame;
    const party = owners.get(end) ?? other;
    const opening = await ringOf(party).open(new Uint8Array(frame.data), codecOf(frame, connection));
    if (opening.outcome !== "silent") say(opening.outcome, party);
    if (!opening.frame) {
      waits = true;
      return;
    }
    // After frames that were not opened a decoder needs a picture to begin with.
    if (isVideo && frame.type === "key") waits = false;
    if (isVideo && waits && performance.now() - askedAt >= ASK_EVERY) {
      askedAt = performance.now();
      transformer.sendKeyFrameRequest?.().catch(() => {}); // the sender is gone, or has just been asked
    }
    if (opening.outcome === "opened") {
      const { buffer, byteOffset, byteLength } = opening.frame;
      frame.data = buffer.slice(byteOffset, byteOffset + byteLength);
    }
    controller.enqueue(frame);
  };
}
