/**
 * The message that gives a device the key of our frames (MSC4143, m.rtc.encryption_key, and what Element Call sends), and which
 * of those that come count: signalling/message's MediaKey and mesh/keying's Keychain in JavaScript.
 *
 * @typedef {import("./types.js").Party} Party
 * @typedef {{roomId: string, memberId: string, deviceId: string, index: number, raw: Uint8Array<ArrayBuffer>, sentAt: number}} ReceivedKey
 */
import { MAX_KEY, MIN_KEY } from "./frameformat.js";
import { keyOf } from "./members.js";

export const MEDIA_KEY = "org.matrix.msc4143.rtc.encryption_key";
const STABLE = "m.rtc.encryption_key";
const ELEMENT = "io.element.call.encryption_keys";
const HOLD_FOR = 5 * 60_000;
const HOLD_EACH = 8;
const HOLD_ALL = 256;

/** @param {string} event */
export const isMediaKey = (event) => event === MEDIA_KEY || event === STABLE || event === ELEMENT;

/** @param {{roomId: string, memberId: string, index: number, raw: Uint8Array}} key */
export function writeMediaKey({ roomId, memberId, index, raw }) {
  const key = btoa(String.fromCharCode(...raw)).replace(/=+$/, "");
  return { room_id: roomId, member_id: memberId, media_key: { index, key } };
}

/** @param {string} event @param {any} content @returns {ReceivedKey|null} null when it is of no use */
export function readMediaKey(event, content) {
  const isElement = event === ELEMENT;
  const { index, key } = (isElement ? content?.keys : content?.media_key) ?? {};
  const roomId = content?.room_id ?? (isElement ? content?.roomId : undefined);
  const memberId = isElement ? content?.member?.id ?? "" : content?.member_id;
  const deviceId = isElement ? content?.member?.claimed_device_id : "";
  const version = content?.version ?? content?.format ?? 0;
  const raw = bytesOf(key);
  const fits = isName(roomId) && typeof memberId === "string" && (isElement ? isName(deviceId) : isName(memberId)) &&
    Number.isInteger(index) && index >= 0 && index <= 255 && raw && (isElement || String(version) === "0");
  return fits ? { roomId, memberId, deviceId, index, raw, sentAt: Number(content.sent_ts) || 0 } : null;
}

/** @param {any} text */
const isName = (text) => typeof text === "string" && text.length > 0 && text.length <= 255;

/** @param {any} text base64, padded or not @returns {Uint8Array<ArrayBuffer>|null} */
function bytesOf(text) {
  if (typeof text !== "string") return null;
  try {
    const raw = Uint8Array.from(atob(text.replace(/=+$/, "")), (char) => char.charCodeAt(0));
    return raw.length >= MIN_KEY && raw.length <= MAX_KEY ? raw : null;
  } catch {
    return null;
  }
}

/** Which keys of others count. */
export class Keychain {
  constructor() {
    /** @type {Map<string, string>} session IDs by party */
    this.members = new Map();
    /** @type {Map<string, {session: string, until: number}>} stays of those who may come back */
    this.past = new Map();
    /** @type {{from: Party, key: ReceivedKey, until: number}[]} oldest first */
    this.held = [];
    /** @type {Map<string, Map<number, number>>} when a party sent the latest key of an index */
    this.newest = new Map();
  }

  /**
   * @param {Iterable<import("./rotation.js").KeyMember>} members @param {number} now
   * @returns {{accepted: {from: Party, key: ReceivedKey}[], gone: string[]}} keys that waited, and parties whose keys are to be forgotten
   */
  setMembers(members, now) {
    const are = new Map([...members].map((member) => [keyOf(member), member.session_id]));
    for (const [party, session] of this.members) if (are.get(party) !== session) this.past.set(party, { session, until: now + HOLD_FOR });
    const gone = [...this.past].filter(([party, { session, until }]) => (are.has(party) ? are.get(party) !== session : now >= until)).map(([party]) => party);
    for (const [party, { until }] of this.past) if (are.has(party) || now >= until) this.past.delete(party);
    for (const party of gone) this.newest.delete(party);
    this.members = are;
    this.expire(now);
    const fitting = this.held.filter((entry) => this.fits(entry));
    this.held = this.held.filter((entry) => !fitting.includes(entry));
    return { accepted: fitting.filter((entry) => this.isNew(entry)).map(({ from, key }) => ({ from, key })), gone };
  }

  /** @param {Party} from who encrypted the message @param {ReceivedKey} key @param {number} now @returns {'accepted'|'held'|'stale'} */
  take(from, key, now) {
    this.expire(now);
    if (!this.fits({ from, key })) {
      this.hold(from, key, now);
      return "held";
    }
    return this.isNew({ from, key }) ? "accepted" : "stale";
  }

  /** @param {{from: Party, key: ReceivedKey}} entry */
  fits({ from, key }) {
    const session = this.members.get(keyOf(from));
    if (session === undefined || (key.deviceId && key.deviceId !== from.device_id)) return false;
    return key.memberId === session || key.memberId === `${from.user_id}:${from.device_id}` || (!key.memberId && !!key.deviceId);
  }

  /** @param {{from: Party, key: ReceivedKey}} entry */
  isNew({ from, key }) {
    const times = this.newest.get(keyOf(from)) ?? new Map();
    if (key.sentAt < (times.get(key.index) ?? 0)) return false;
    this.newest.set(keyOf(from), times.set(key.index, key.sentAt));
    return true;
  }

  /** @param {Party} from @param {ReceivedKey} key @param {number} now */
  hold(from, key, now) {
    this.held.push({ from, key, until: now + HOLD_FOR });
    const own = this.held.filter((entry) => keyOf(entry.from) === keyOf(from));
    if (own.length > HOLD_EACH) this.held.splice(this.held.indexOf(own[0]), 1);
    else if (this.held.length > HOLD_ALL) this.held.shift();
  }

  /** @param {number} now */
  expire(now) {
    this.held = this.held.filter(({ until }) => now < until);
  }
}
