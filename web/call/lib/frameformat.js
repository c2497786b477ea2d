/**
 * Encoded frames, encrypted from end to end: the format of LiveKit's clients, as focus/cryptor has it. The vectors there are
 * the tests of both. Nothing here knows a call, a page or a worker; WebCrypto does the arithmetic.
 *
 *     frame = header(clear, authenticated) ‖ AES-128-GCM ciphertext ‖ tag(16) ‖ IV(12) ‖ 0x0C ‖ key index(1)
 *
 * @typedef {'opus'|'vp8'|'vp9'|'h264'|'h265'} Codec
 * @typedef {{raw: Uint8Array<ArrayBuffer>, aes: CryptoKey}} Key
 */
const IV_SIZE = 12;
const TAG_SIZE = 16;
const COUNTS = 0xffff;
const ESCAPE = 3;
const SALT = new TextEncoder().encode("LKFrameEncryptionKey");
export const MIN_KEY = 16;
export const MAX_KEY = 64;
/** So many frames in a row that do not open, and the key of their index counts as wrong. */
const TOLERANCE = 10;

/** The first bytes of a frame that stay readable; -1 when it is none of its codec. @param {Codec|string} codec @param {Uint8Array} data */
export function clearBytes(codec, data) {
  const size = clearSize(codec, data);
  return size > data.length ? -1 : size;
}

/** @param {Codec|string} codec @param {Uint8Array} data */
function clearSize(codec, data) {
  switch (codec) {
    case "opus": return 1;
    case "vp8": return data.length > 0 && (data[0] & 1) === 0 ? 10 : 3;
    case "vp9": return 0;
    case "h264": return sliceAt(data, isSliceH264);
    case "h265": return sliceAt(data, isSliceH265);
    default: return -1;
  }
}

/** @param {number} first */
const isSliceH264 = (first) => (first & 0x1f) === 1 || (first & 0x1f) === 5;

/** @param {number} first */
const isSliceH265 = (first) => {
  const kind = (first >> 1) & 0x3f;
  return kind <= 9 || (kind >= 16 && kind <= 21);
};

/** The end of the clear bytes of a frame with start codes. @param {Uint8Array} data @param {(first: number) => boolean} isSlice */
function sliceAt(data, isSlice) {
  let begun = false;
  for (let at = 0; at + 3 < data.length; at++) {
    if (data[at] !== 0 || data[at + 1] !== 0 || data[at + 2] !== 1) {
      if (!begun && data[at] !== 0) return -1;
      continue;
    }
    begun = true;
    at += 3;
    if (isSlice(data[at])) return at + 2;
  }
  return -1;
}

/** @param {string} codec */
const escapes = (codec) => codec === "h264" || codec === "h265";

/** An escape before each byte that would look like the beginning of a unit. @param {Uint8Array<ArrayBuffer>} data */
export function escaped(data) {
  const at = [];
  let zeros = 0;
  for (let i = 0; i < data.length; i++) {
    if (data[i] <= ESCAPE && zeros >= 2) {
      at.push(i);
      zeros = 0;
    }
    zeros = data[i] === 0 ? zeros + 1 : 0;
  }
  if (at.length === 0) return data;
  const out = new Uint8Array(data.length + at.length);
  let from = 0;
  at.forEach((i, n) => {
    out.set(data.subarray(from, i), from + n);
    out[i + n] = ESCAPE;
    from = i;
  });
  out.set(data.subarray(from), from + at.length);
  return out;
}

/** The same without its escapes. @param {Uint8Array<ArrayBuffer>} data */
export function unescaped(data) {
  const out = new Uint8Array(data.length);
  let size = 0, zeros = 0;
  for (const byte of data) {
    if (byte === ESCAPE && zeros >= 2) {
      zeros = 0;
      continue;
    }
    out[size++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out.subarray(0, size);
}

/**
 * What no two frames under one key share, as long as the timestamps of a stream do not wrap.
 * @param {number} ssrc @param {number} timestamp @param {number} count of the frames of the SSRC before
 */
export function makeIV(ssrc, timestamp, count) {
  const view = new DataView(new ArrayBuffer(IV_SIZE));
  view.setUint32(0, ssrc);
  view.setUint32(4, timestamp);
  view.setUint32(8, timestamp - (count % COUNTS));
  return new Uint8Array(view.buffer);
}

const HKDF = { name: "HKDF", salt: SALT, hash: "SHA-256", info: new ArrayBuffer(128) };

/** @param {Uint8Array<ArrayBuffer>} raw @returns {Promise<Key>} */
export async function makeKey(raw) {
  const material = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveKey"]);
  return { raw, aes: await crypto.subtle.deriveKey(HKDF, material, { name: "AES-GCM", length: 128 }, false, ["encrypt", "decrypt"]) };
}

/** The key that follows. @param {Key} key @returns {Promise<Key>} */
export async function ratchet({ raw }) {
  const material = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveBits"]);
  return makeKey(new Uint8Array(await crypto.subtle.deriveBits(HKDF, material, 256)));
}

/**
 * Encrypts a frame. Empty ones, which stand for silence, stay empty.
 * @param {Uint8Array<ArrayBuffer>} frame @param {Codec|string} codec @param {Key} key @param {number} index @param {Uint8Array<ArrayBuffer>} iv
 * @returns {Promise<Uint8Array<ArrayBuffer>|null>} null when it is no frame of its codec, or of one that cannot be encrypted
 */
export async function seal(frame, codec, key, index, iv) {
  if (frame.length === 0) return frame;
  const clear = clearBytes(codec, frame);
  if (clear < 0) return null;
  const head = frame.subarray(0, clear);
  const cipher = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: head }, key.aes, frame.subarray(clear));
  const body = join(new Uint8Array(cipher), iv, Uint8Array.of(IV_SIZE, index));
  return join(head, escapes(codec) ? escaped(body) : body);
}

/** @param {Uint8Array[]} parts */
function join(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** 20 ms of Opus that code nothing: muted senders put it in behind whoever encrypts. @param {Uint8Array} data */
const isSilence = (data) => data.length === 3 && data[0] === 0xf8 && data[1] === 0xff && data[2] === 0xfe;

/**
 * @typedef {'opened'|'silent'|'no_key'|'wrong_key'|'clear'|'broken'} Outcome `clear`: it does not end as an encrypted frame does
 * @typedef {{outcome: Outcome, frame?: Uint8Array<ArrayBuffer>, index?: number}} Opening
 */

/** The keys of one sender. */
export class Ring {
  /** @param {{ratchets?: number}} [options] how many ratchets of a key are tried */
  constructor({ ratchets = 0 } = {}) {
    this.ratchets = ratchets;
    /** @type {Map<number, {keys: Key[], failures: number}>} */
    this.slots = new Map();
  }

  /** @param {number} index @param {Key} key */
  set(index, key) {
    this.slots.set(index, { keys: [key], failures: 0 });
  }

  clear() {
    this.slots.clear();
  }

  /** @param {Uint8Array<ArrayBuffer>} sealed @param {Codec|string} codec @returns {Promise<Opening>} */
  async open(sealed, codec) {
    if (sealed.length === 0 || (codec === "opus" && isSilence(sealed))) return { outcome: "silent", frame: sealed };
    const clear = clearBytes(codec, sealed);
    if (clear < 0) return { outcome: "broken" };
    const head = sealed.subarray(0, clear);
    const body = escapes(codec) ? unescaped(sealed.subarray(clear)) : sealed.subarray(clear);
    const end = body.length - 2 - IV_SIZE;
    if (body.length < 2 || body[body.length - 2] !== IV_SIZE) return { outcome: "clear" };
    if (end < TAG_SIZE) return { outcome: "broken" };
    const index = body[body.length - 1];
    const slot = this.slots.get(index);
    if (!slot) return { outcome: "no_key", index };
    if (slot.failures >= TOLERANCE) return { outcome: "wrong_key", index };
    const plain = await this.try(slot, head, body.subarray(0, end), body.slice(end, end + IV_SIZE));
    return plain ? { outcome: "opened", frame: join(head, plain), index } : { outcome: "wrong_key", index };
  }

  /**
   * @param {{keys: Key[], failures: number}} slot
   * @param {Uint8Array<ArrayBuffer>} head @param {Uint8Array<ArrayBuffer>} cipher @param {Uint8Array<ArrayBuffer>} iv
   */
  async try(slot, head, cipher, iv) {
    for (let step = 0; step <= this.ratchets; step++) {
      const key = slot.keys[step] ??= await ratchet(slot.keys[step - 1]);
      try {
        const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: head }, key.aes, cipher);
        slot.keys.splice(0, step);
        slot.failures = 0;
        return new Uint8Array(plain);
      } catch {
        // another key, or the frame was changed
      }
    }
    slot.failures++;
    return null;
  }
}
