/**
 * Which call messages we take, and what waits for the membership of its sender. Pure.
 *
 * @typedef {import("./types.js").Party} Party
 * @typedef {import("./signals.js").Signal} Signal
 * @typedef {import("./members.js").Session} Session
 * @typedef {{from: Party, encrypted: boolean, authenticated: boolean, verified: boolean, signal: Signal}} Received
 * @typedef {'nobody'|'too_large'|'other_session'|'other_invitee'|'other_device'|'cleartext'} Refusal
 *
 * @typedef {object} Outlook What the checks need to know.
 * @property {Party} self
 * @property {string} sessionId ours
 * @property {string} roomId
 * @property {boolean} encrypted the room is, so that clear text is refused (D23)
 * @property {Set<string>} joined user IDs
 * @property {Session[]} sessions
 * @property {(confId: string) => boolean} entered
 * @property {(received: Received, confId: string) => boolean} lingers whether a device without membership still has a
 *   connection of that session to us
 */
import { keyOf, sameSlot } from "./members.js";
import { MAX_SIZE, sizeOf } from "./signals.js";

/**
 * Decides about a message in the order of docs/protocol.md, "What is refused".
 * @param {Outlook} outlook
 * @param {Received} received
 * @returns {{confId: string} | {refusal: Refusal} | {hold: true}} the session it is for; or hold, if more facts may help
 */
export function check(outlook, received) {
  const { from, signal, encrypted } = received;
  if (!from.user_id || !from.device_id || keyOf(from) === keyOf(outlook.self)) return { refusal: "nobody" };
  if (sizeOf(signal) > MAX_SIZE) return { refusal: "too_large" };
  if (signal.destSession !== outlook.sessionId) return { refusal: "other_session" };
  if (signal.kind === "invite" && !isInvited(outlook.self, signal)) return { refusal: "other_invitee" };
  if (signal.deviceId !== "" && signal.deviceId !== from.device_id) return { refusal: "other_device" };
  if (!encrypted && outlook.encrypted) return { refusal: "cleartext" };
  const session = outlook.sessions.find((session) => sameSlot(session.confId, signal.confId));
  const isHere = session && (signal.roomId === "" || signal.roomId === outlook.roomId) &&
    outlook.joined.has(from.user_id) && outlook.entered(session.confId) && isMember(outlook, session, received);
  return isHere ? { confId: session.confId } : { hold: true };
}

/** An invite names us or nobody. @param {Party} self @param {Signal} signal */
function isInvited(self, { invitee }) {
  return (!invitee?.user || invitee.user === self.user_id) && (!invitee?.device || invitee.device === self.device_id);
}

/**
 * Whether the sender is in the session as the client it names. One that was in it and still has media may at least end
 * the call.
 * @param {Outlook} outlook @param {Session} session @param {Received} received
 */
function isMember(outlook, session, received) {
  const { from, signal } = received;
  const member = session.members.find((member) => keyOf(member) === keyOf(from));
  if (member) return signal.senderSession === "" || signal.senderSession === member.session_id;
  return signal.kind !== "invite" && outlook.lingers(received, session.confId);
}

const HOLD_FOR = 30_000;
const MAX_PER_DEVICE = 64;
const MAX_BYTES = 1 << 20;

/** Messages whose sender is no member yet, in order of arrival: to-device messages overtake member events. */
export class Held {
  constructor() {
    /** @type {{received: Received, until: number, size: number}[]} */
    this.list = [];
  }

  /** Keeps a message, if there is room; the oldest of the same device goes first. @param {Received} received @param {number} now */
  hold(received, now) {
    const size = sizeOf(received.signal);
    const same = this.list.filter((held) => keyOf(held.received.from) === keyOf(received.from));
    if (same.length >= MAX_PER_DEVICE) this.list.splice(this.list.indexOf(same[0]), 1);
    const bytes = this.list.reduce((sum, held) => sum + held.size, 0);
    if (bytes + size <= MAX_BYTES) this.list.push({ received, until: now + HOLD_FOR, size });
  }

  /** Takes out all that wait no longer. @param {(received: Received) => boolean} waits */
  release(waits) {
    const free = this.list.filter((held) => !waits(held.received));
    this.list = this.list.filter((held) => !free.includes(held));
    return free.map((held) => held.received);
  }

  /** Takes out what has waited for too long. @param {number} now */
  expire(now) {
    const late = this.list.filter((held) => held.until <= now);
    this.list = this.list.filter((held) => held.until > now);
    return late.map((held) => held.received);
  }

  /** Infinity for never. */
  deadline() {
    return Math.min(Infinity, ...this.list.map((held) => held.until));
  }
}
