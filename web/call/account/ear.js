/**
 * Hears in all rooms of the account who calls: takes sync responses, keeps of each room what decides about a ring, and tells
 * which calls ring. It syncs nothing itself. While no call is on a Listener brings it responses, in a call its signaller does:
 * two loops at once would take the device's messages from each other.
 *
 *   Listener ──┐ responses, one after the other
 *              ├──> Ear ──> rings, each time they change
 *   signaller ─┘
 */
import { compute } from "/call/lib/members.js";
import { sameSlot } from "/call/lib/memberwords.js";
import { DECLINE, DECLINES, declineOf, NOTIFICATIONS } from "/call/lib/notification.js";
import { Desk } from "/call/lib/ring.js";
import { CALL_TYPES, MEMBER_TYPES } from "./membership.js";
import { contentOf, emptyRoom, isEncrypted, nameOf, outsideRooms, take } from "./room.js";
import { stuck, unlocked } from "./stickies.js";

const ENCRYPTED = "m.room.encrypted";
const SLOTS = ["org.matrix.msc4143.rtc.slot", "m.rtc.slot"];
const STATE = [...CALL_TYPES, "m.room.name", "m.room.canonical_alias", "m.room.encryption", "m.room.power_levels", "m.room.member"];
/** Events of a timeline that say something of rings, beside state. */
const RINGING = Object.freeze([...NOTIFICATIONS, ...DECLINES, "m.room.redaction", ENCRYPTED]);
/** An account may have many rooms. */
const CATCH_UP_MS = 60_000;

/** @typedef {import("../lib/ring.js").Ring & {caller: string, place: string}} Shown a ring with the names of caller and room */
/** @typedef {{room: import("./room.js").Room, sticky: import("./stickies.js").Stickies}} Heard what is known of a room */

/** The filter of a sync that is for the ear alone. */
export function earFilter() {
  const nothing = { types: [] };
  return JSON.stringify({
    presence: nothing, account_data: { types: ["m.ignored_user_list"] },
    room: {
      account_data: nothing, ephemeral: nothing, state: { types: STATE, lazy_load_members: true },
      timeline: { types: [...STATE, ...RINGING], limit: 30, lazy_load_members: true },
    },
  });
}

export class Ear {
  /** What a sync has to bring of timelines, beside state. */
  ringing = RINGING;
  /** Where in the device's stream of events the last response ended. @type {string|undefined} */
  since = undefined;
  /** @type {Map<string, Heard>} */
  #rooms = new Map();
  /** @type {Set<string>} */
  #ignored = new Set();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #closed = new AbortController();
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /** @param {{homeserver: import("./client.js").Homeserver, vault: import("./vault.js").Vault, self: import("../lib/types.js").Party, changed: (rings: Shown[]) => void, now?: () => number}} options */
  constructor(options) {
    this.options = options;
    this.homeserver = options.homeserver;
    this.now = options.now ?? (() => Date.now());
    this.desk = new Desk(options.self);
  }

  /** Takes a response, after those before it. Whoever synced has given the vault its part. @param {any} response @returns {Promise<void>} */
  hear(response) {
    this.since = outsideRooms(response).next || this.since;
    return this.#inTurn(() => this.#take(response));
  }

  /**
   * Asks for what happened since the last response, without a step forward: the device's messages stay for whoever syncs.
   * @returns {Promise<void>}
   */
  catchUp() {
    const { since } = this;
    return this.#inTurn(async () => {
      const query = { since, filter: earFilter(), timeout: 0 };
      await this.#take(await this.homeserver.request("GET", ["v3", "sync"], { query, timeoutMs: CATCH_UP_MS, signal: this.#closed.signal }));
    });
  }

  close() {
    this.#closed.abort();
    clearTimeout(this.#timer);
    this.options.changed([]);
  }

  /** A person answers: the caller of this joins. @param {string} id */
  answer(id) {
    this.desk.handle(id, "answer");
    this.tell();
  }

  /** This device falls silent, others still ring. @param {string} id */
  dismiss(id) {
    this.desk.handle(id, "dismiss");
    this.tell();
  }

  /** Says no, for all devices of the user (MSC4310). @param {string} id */
  async decline(id) {
    const ring = this.desk.rings.get(id);
    if (!ring) return;
    this.desk.handle(id, "decline");
    this.tell();
    const room = this.#rooms.get(ring.room)?.room, path = (/** @type {string} */ type) => ["v3", "rooms", ring.room, "send", type, `decline${this.now()}`];
    const content = declineOf(id);
    if (!room || !isEncrypted(room)) {
      await this.homeserver.request("PUT", path(DECLINE), { body: content });
      return;
    }
    const { joined } = await this.homeserver.request("GET", ["v3", "rooms", ring.room, "joined_members"]);
    const sealed = await this.options.vault.sealForRoom(ring.room, Object.keys(joined ?? {}), DECLINE, content);
    await this.homeserver.request("PUT", path(ENCRYPTED), { body: { ...sealed, "m.relates_to": content["m.relates_to"] } });
  }

  /** A response that cannot be taken is one ring less, no more. @param {() => Promise<void>} work */
  #inTurn(work) {
    this.#last = this.#last.then(work).catch(() => {});
    return this.#last;
  }

  /** @param {any} response */
  async #take(response) {
    const told = outsideRooms(response);
    if (told.ignored) this.#ignored = new Set(told.ignored);
    for (const [id, room] of Object.entries(response?.rooms?.join ?? {})) await this.#hear(id, /** @type {any} */ (room));
    this.tell();
  }

  /** @param {string} id @param {any} joined */
  async #hear(id, joined) {
    const { vault } = this.options, known = this.#rooms.get(id) ?? { room: emptyRoom(), sticky: new Map() };
    const open = (/** @type {any} */ event) => vault.openInRoom(id, event);
    const timeline = listOf(joined.timeline?.events);
    const told = [...listOf(joined.state?.events), ...timeline].filter((event) => typeof event?.state_key === "string" && event.content && typeof event.content === "object");
    const heard = { room: take(known.room, told), sticky: await unlocked(stuck(known.sticky, joined, this.now()), open) };
    this.#rooms.set(id, heard);
    const batch = timeline.filter((event) => typeof event?.event_id === "string" && event.state_key === undefined && !this.#ignored.has(event.sender));
    const opened = await Promise.all(batch.map((event) => (event.type === ENCRYPTED ? open(event) : event)));
    this.desk.hear(id, opened.filter(Boolean).map(redacting), this.#situation(heard), this.now());
  }

  /** @param {Heard} heard @returns {import("../lib/ring.js").Situation} */
  #situation({ room, sticky }) {
    const events = [...room.events.values()], stickies = [...sticky.values()];
    // Who is in the room is not asked for; that somebody wrote an event is taken for it.
    const joined = new Set([...events, ...stickies].map(({ sender }) => sender));
    const { sessions } = compute({ events, joined, sticky: stickies }, this.now());
    const levels = contentOf(room, "m.room.power_levels");
    const own = events.filter(({ type, sender, content }) => MEMBER_TYPES.includes(type) && sender === this.options.self.user_id && Object.keys(content).length === 0);
    return {
      members: (slot) => sessions.find(({ confId }) => sameSlot(confId, slot))?.members ?? [],
      slotStatus: (slot) => slotStatus(events.find(({ type, state_key }) => SLOTS.includes(type) && sameSlot(state_key, slot))?.content),
      leftAt: Math.max(0, ...own.map(({ origin_server_ts }) => origin_server_ts)),
      mayCallRoom: (user) => (levels?.users?.[user] ?? levels?.users_default ?? 0) >= (levels?.notifications?.room ?? 50),
    };
  }

  /** Tells what rings, and sees to it that it ends in time. */
  tell() {
    if (this.#closed.signal.aborted) return;
    this.desk.tick(this.now());
    clearTimeout(this.#timer);
    if (this.desk.next !== Infinity) this.#timer = setTimeout(() => this.tell(), Math.max(0, this.desk.next - this.now()) + 1);
    this.options.changed(this.desk.ringing.map((ring) => {
      const room = this.#rooms.get(ring.room)?.room ?? emptyRoom();
      return { ...ring, caller: contentOf(room, "m.room.member", ring.sender)?.displayname || ring.sender, place: nameOf(room, ring.room) };
    }));
  }
}

/** @param {any} content of a slot; undefined without @returns {'open'|'closed'|'missing'} */
function slotStatus(content) {
  if (!content) return "missing";
  const open = content.status === undefined ? Boolean(content.application?.type) : content.status === "open";
  return open ? "open" : "closed";
}

/** Where a redaction says what it takes back (room version 11 put it into the content). @param {any} event */
const redacting = (event) => (event.type === "m.room.redaction" ? { ...event, redacts: event.redacts ?? event.content?.redacts } : event);
/** @param {any} list @returns {any[]} */
const listOf = (list) => (Array.isArray(list) ? list : []);
