/**
 * Who is met through a member that forwards, and when we say that we are: the fields `org.meshfocus.forwards` and
 * `org.meshfocus.via` of memberships (docs/protocol.md). Pure.
 *
 * @typedef {import("./types.js").Party} Party
 * @typedef {import("./members.js").Member} Member
 * @typedef {import("./members.js").Session} Session
 * @typedef {'nobody'|'connecting'|'through'|'lost'|'unable'} ViaState nobody: nobody forwards; lost: it does not do for now;
 *   unable: this browser cannot
 */
import { keyOf } from "./members.js";

/** So long the connection may be gone before direct ones are made. */
export const PATIENCE = 5000;
/** Nothing of all that was subscribed to came for so long. */
export const STARVED = 10_000;
/** The first wait before another attempt; each failure doubles it, up to the last. */
const AGAIN = 10_000;
const AGAIN_MOST = 160_000;
/** What lasted so long was no failure. */
const LASTING = 60_000;

/**
 * The member through whom two of a session meet; null: they meet directly.
 * @param {Session} session @param {Party} a @param {Party} b
 */
export function between({ members }, a, b) {
  const find = (/** @type {Party} */ party) => members.find((member) => keyOf(member) === keyOf(party));
  const via = find(a)?.via, other = find(b)?.via;
  if (!via || !other || keyOf(via) !== keyOf(other) || keyOf(a) === keyOf(b)) return null;
  const forwarder = find(via);
  return forwarder?.forwards && forwarder.mesh && keyOf(via) !== keyOf(a) && keyOf(via) !== keyOf(b) ? forwarder : null;
}

/**
 * Of those who forward, who has been in the call longest.
 * @param {Session[]} sessions those we are in @param {Party} self @returns {Member|null}
 */
export function forwarderIn(sessions, self) {
  const all = sessions.flatMap(({ members }) => members).filter((member) => member.forwards && member.mesh && keyOf(member) !== keyOf(self));
  return all.reduce((best, member) => !best || isOlder(member, best) ? member : best, /** @type {Member|null} */ (null));
}

/** @param {Member} a @param {Member} b */
const isOlder = (a, b) => a.createdAt !== b.createdAt ? a.createdAt < b.createdAt : keyOf(a) < keyOf(b);

/** Whether our membership names a member that forwards. */
export class Via {
  constructor() {
    /** @type {Party|null} what our membership is to say */
    this.party = null;
    /** @type {ViaState} */
    this.state = "nobody";
    this.since = 0;
    /** Since when the connection is gone, or brings nothing. */
    this.downAt = Infinity;
    this.starvedAt = Infinity;
    this.againAt = -Infinity;
    this.wait = AGAIN;
  }

  /**
   * @param {object} facts
   * @param {Party|null} facts.forwarder whom we may name
   * @param {boolean} facts.up we are connected with it, and it has said on the channel what there is
   * @param {boolean} facts.starved of all that we subscribed to nothing comes
   * @param {number} now
   */
  look({ forwarder, up, starved }, now) {
    if (!forwarder || (this.party && keyOf(forwarder) !== keyOf(this.party))) this.take(null, now);
    if (!forwarder) {
      this.state = "nobody";
      return;
    }
    if (this.party) this.watch(up, starved, now);
    else if (up && now >= this.againAt) this.take(forwarder, now);
    this.state = this.party ? "through" : now < this.againAt ? "lost" : "connecting";
  }

  /** @param {boolean} up @param {boolean} starved @param {number} now */
  watch(up, starved, now) {
    this.downAt = up ? Infinity : Math.min(this.downAt, now);
    this.starvedAt = starved ? Math.min(this.starvedAt, now) : Infinity;
    if (now - this.downAt < PATIENCE && now - this.starvedAt < STARVED) return;
    if (now - this.since >= LASTING) this.wait = AGAIN;
    this.againAt = now + this.wait;
    this.wait = Math.min(this.wait * 2, AGAIN_MOST);
    this.take(null, now);
  }

  /** @param {Party|null} party @param {number} now */
  take(party, now) {
    this.party = party && { user_id: party.user_id, device_id: party.device_id };
    this.since = now;
    this.downAt = this.starvedAt = Infinity;
  }

  /** When to look again though nothing happened; Infinity for never. @param {number} now */
  deadline(now) {
    return Math.min(this.downAt + PATIENCE, this.starvedAt + STARVED, this.againAt > now ? this.againAt : Infinity);
  }
}
