/**
 * Whether a notification rings us and what becomes of it: the side that is rung, as signalling/ring decides it, held to the
 * same table. Pure: events and instants in, rings out. One desk for all rooms of an account.
 *
 *   ringing ──answer──> answered here        dismissed: this device is silent, others still ring;
 *      │ └──dismiss──> dismissed             from it the same ways lead on
 *      ├──decline, or our user's from elsewhere──> declined
 *      ├──a device of ours is in the call──> answered elsewhere (here: by us)
 *      ├──withdrawn, redacted, replaced, or nobody left──> cancelled
 *      └──time is over──> expired
 *
 * @typedef {import("./notification.js").Notification} Notification
 * @typedef {import("./types.js").Party} Party
 * @typedef {'ringing'|'dismissed'|'answered here'|'answered elsewhere'|'declined'|'cancelled'|'expired'} State
 * @typedef {{id: string, room: string, sender: string, slot: string, intent: string, loud: boolean, expires: number, stickyKey: string, state: State, peopled: boolean}} Ring
 * @typedef {{event_id: string, type: string, sender: string, origin_server_ts: number, content: any, redacts?: string}} TimelineEvent
 *
 * @typedef {object} Situation What the room says.
 * @property {(slot: string) => 'open'|'closed'|'missing'} slotStatus a missing slot counts as open (D36)
 * @property {(slot: string) => Party[]} members of the session
 * @property {number} leftAt when a device of ours last took a membership back; 0 for never
 * @property {(user: string) => boolean} mayCallRoom by power levels
 */
import { declinedBy, DECLINES, expiryOf, NOTIFICATIONS, readNotification } from "./notification.js";

/** What ends a ring, or silences it: event → state. The same in ringing and dismissed, but that the latter cannot be dismissed again. @type {Readonly<Record<string, State>>} */
export const TABLE = Object.freeze({
  answer: "answered here", decline: "declined", dismiss: "dismissed", "joined here": "answered here", "joined elsewhere": "answered elsewhere",
  "declined elsewhere": "declined", withdrawn: "cancelled", deserted: "cancelled", timeout: "expired",
});
const REMEMBERED = 256;

export class Desk {
  /** @type {Map<string, Ring>} that are not over, by the event ID of the notification */
  rings = new Map();
  /** @type {Set<string>} notifications that our user has declined */
  #declined = new Set();
  /** @type {Map<string, string>} the latest sticky notification by room, sender and key */
  #latest = new Map();

  /** @param {Party} self */
  constructor(self) {
    this.self = self;
  }

  /**
   * Takes events of a room in the order of its timeline, with the room as it is after them. After a pause a ring and its
   * end come together, so what ends one is looked at first.
   * @param {string} room @param {TimelineEvent[]} batch @param {Situation} situation @param {number} now
   */
  hear(room, batch, situation, now) {
    const gone = new Set(batch.map(({ redacts }) => redacts).filter(Boolean));
    for (const { type, sender, content } of batch) {
      if (DECLINES.includes(type) && sender === this.self.user_id) remember(this.#declined, declinedBy(content));
    }
    const calls = batch.filter(({ type, event_id }) => NOTIFICATIONS.includes(type) && !gone.has(event_id))
      .flatMap((event) => {
        const notification = readNotification(event.type, event.content);
        if (notification?.stickyKey) this.#note([room, event.sender, notification.stickyKey], event.event_id);
        return notification ? [{ event, notification }] : [];
      });
    for (const { event, notification } of calls) this.#call(room, event, notification, situation, now);
    for (const id of gone) this.handle(String(id), "withdrawn");
    for (const id of this.#declined) this.handle(id, "declined elsewhere");
    this.observe(room, situation);
  }

  /** @param {string} room @param {TimelineEvent} event @param {Notification} n @param {Situation} situation @param {number} now */
  #call(room, event, n, situation, now) {
    for (const ring of this.rings.values()) {
      const replaced = n.stickyKey && ring.room === room && ring.sender === event.sender && ring.stickyKey === n.stickyKey && ring.id !== event.event_id;
      if (replaced) this.handle(ring.id, "withdrawn");
    }
    if (this.rings.has(event.event_id) || this.refuse(room, event, n, situation, now)) return;
    this.rings.set(event.event_id, {
      id: event.event_id, room, sender: event.sender, slot: n.slot, intent: n.intent, loud: n.loud, expires: expiryOf(n, event.origin_server_ts, now),
      stickyKey: n.stickyKey, state: "ringing", peopled: false,
    });
  }

  /**
   * By which condition of MSC4075 (as js-sdk 43 has them) a notification does not ring; "" when it does.
   * @param {string} room @param {TimelineEvent} event @param {Notification} n @param {Situation} situation @param {number} now
   */
  refuse(room, event, n, situation, now) {
    const me = this.self.user_id, named = n.mentions.users.includes(me);
    if (event.sender === me) return "self";
    if (n.stickyKey && this.#latest.get(JSON.stringify([room, event.sender, n.stickyKey])) !== event.event_id) return "replaced";
    if (n.withdrawn) return "withdrawn";
    if (situation.slotStatus(n.slot) === "closed") return "slot";
    if (expiryOf(n, event.origin_server_ts, now) <= now) return "expired";
    if (!n.mentions.room && !named) return "not mentioned";
    if (!named && !situation.mayCallRoom(event.sender)) return "power";
    if (situation.members(n.slot).some(({ user_id }) => user_id === me)) return "joined";
    if (situation.leftAt && situation.leftAt >= event.origin_server_ts) return "left";
    return this.#declined.has(event.event_id) ? "declined" : "";
  }

  /** Looks at who is in the sessions of a room. @param {string} room @param {Situation} situation */
  observe(room, situation) {
    for (const ring of [...this.rings.values()].filter((ring) => ring.room === room)) {
      const members = situation.members(ring.slot), ours = members.filter(({ user_id }) => user_id === this.self.user_id);
      const others = members.length > ours.length;
      // The membership may come after the notification, and some cannot be read.
      const deserted = ring.peopled && !others;
      ring.peopled ||= others;
      if (ours.length > 0) this.handle(ring.id, ours.some(({ device_id }) => device_id === this.self.device_id) ? "joined here" : "joined elsewhere");
      else if (deserted) this.handle(ring.id, "deserted");
    }
  }

  /** @param {string} id @param {keyof typeof TABLE} what */
  handle(id, what) {
    const ring = this.rings.get(id);
    if (!ring) return;
    ring.state = TABLE[what] ?? ring.state;
    if (ring.state !== "ringing" && ring.state !== "dismissed") this.rings.delete(id);
    if (what === "decline") remember(this.#declined, id);
  }

  /** @param {number} now */
  tick(now) {
    for (const { id, expires } of [...this.rings.values()]) if (expires <= now) this.handle(id, "timeout");
  }

  /** When it wants a tick; Infinity for never. */
  get next() {
    return Math.min(Infinity, ...[...this.rings.values()].map(({ expires }) => expires));
  }

  /** What is to be shown, the one that ends first before others. @returns {Ring[]} */
  get ringing() {
    return [...this.rings.values()].filter(({ state }) => state === "ringing").sort((a, b) => a.expires - b.expires);
  }

  /** @param {string[]} place @param {string} id */
  #note(place, id) {
    if (this.#latest.size >= REMEMBERED) this.#latest.clear();
    this.#latest.set(JSON.stringify(place), id);
  }
}

/** @param {Set<string>} known @param {string} id */
function remember(known, id) {
  if (known.size >= REMEMBERED) known.clear();
  if (id) known.add(id);
}
