/**
 * Which calls there were in a room: sessions computed from the join and leave intervals in its timeline, newest event first.
 * The same rules as signalling/history (docs/ringing.md, History), held to the same examples; best effort, as MSC4143 leaves it.
 * Pure, and holds no more than what a day of the room holds.
 *
 *   add, add, … ── every so often, calls to which nothing older can belong
 *   finish      ── the rest
 *
 * @typedef {import("./historyclaims.js").PastEvent} PastEvent
 * @typedef {import("./historyclaims.js").Claim} Claim
 * @typedef {{device_id: string, start: number, end: number, running: boolean}} Part one device's stay
 * @typedef {object} PastCall
 * @property {string} slot or conference
 * @property {number} start
 * @property {number} end now, while it runs
 * @property {boolean} running
 * @property {{user_id: string, parts: Part[]}[]} participants in the order in which they came
 * @property {string} initiator who came first, or rang when nobody came
 * @property {''|'audio'|'video'} intent what all say who say something
 * @property {boolean} rung somebody was called by a notification
 * @property {string[]} missed called, and neither came nor declined
 * @property {string[]} declined
 * @property {string} topology transports, with + between them; "" when nobody came
 * @property {boolean} anchor nothing but a notification is known
 *
 * @typedef {Claim & {user: string, start: number, end: number, running: boolean, kept: boolean}} Stay kept: the event that is being read continues it
 * @typedef {{successor: number, open: Stay[], last?: PastEvent}} Place one state or sticky key; successor: when it is next
 *   overwritten, 0 for never; open: stays whose beginning has not been read; last: the event read last, which may tell of one that is missing
 * @typedef {{places: Map<string, Place>, gone: number}} User gone: when they next left the room, 0 for never
 * @typedef {{id: string, start: number, end: number, stays: Stay[]}} Cluster
 * @typedef {import("../lib/notification.js").Notification & {id: string, sender: string, at: number, ends: number, no: string[], done: boolean}} Rung
 */
import { isMesh } from "/call/lib/memberwords.js";
import { declinedBy, DECLINES, expiryOf, NOTIFICATIONS, readNotification } from "/call/lib/notification.js";
import { claimsOf, HORIZON, MEMBERS, placeOf } from "./historyclaims.js";

/** How far before its event a membership may claim to begin. */
const CREATED_SLACK = 3600_000;
/** How far before a point of the timeline something may begin that still matters at it. */
const REACH = HORIZON + CREATED_SLACK;
/** How many times are looked at to tell where the timeline is, so that one false clock does not. */
const RECENT = 32;
/** How long before the session a notification may have been sent, by clocks that differ. */
const RING_SLACK = 60_000;

/** What a filter has to let through; encrypted events are counted. */
export const HISTORY_TYPES = Object.freeze([...MEMBERS, ...NOTIFICATIONS, ...DECLINES, "m.room.member", "m.room.encrypted"]);

export class Reader {
  /** Encrypted events: what they say is in no call. */
  unreadable = 0;
  events = 0;
  /** @type {Map<string, User>} */
  #users = new Map();
  /** @type {Map<string, Cluster[]>} by slot or conference */
  #clusters = new Map();
  /** @type {Rung[]} */
  #rings = [];
  /** @type {Map<string, {users: string[], at: number}>} by the notification's event ID */
  #declines = new Map();
  /** @type {number[]} */
  #recent = [];

  /** @param {{now: number, self?: string, every?: number}} options now: what has not ended by then is running; self: who is called when the whole room is */
  constructor({ now, self = "", every = 512 }) {
    this.now = now;
    this.self = self;
    this.every = every;
  }

  /** @param {PastEvent} event the next older one @returns {PastCall[]} that are complete */
  add(event) {
    this.#recent[this.events++ % RECENT] = event.origin_server_ts;
    const { type, state_key, content } = event;
    if (type === "m.room.encrypted") this.unreadable++;
    else if (type === "m.room.member" && state_key !== undefined) this.#roomMember(state_key, event);
    else if (MEMBERS.includes(type)) this.#member(event);
    else if (state_key === undefined && NOTIFICATIONS.includes(type)) this.#notification(event);
    else if (state_key === undefined && DECLINES.includes(type)) this.#decline(event.sender, event.origin_server_ts, declinedBy(content));
    return this.events % this.every === 0 ? this.#sweep(Math.max(...this.#recent) + REACH) : [];
  }

  /** Where the timeline begins in the midst of things, prev_content tells what was before. @returns {PastCall[]} */
  finish() {
    for (const [name, { places }] of this.#users) {
      for (const place of places.values()) {
        this.#missing(name, place);
        place.open.forEach((stay) => this.#close(stay));
      }
    }
    this.#users.clear();
    return this.#sweep(-Infinity);
  }

  /** How many things it keeps in mind. */
  get held() {
    const places = [...this.#users.values()].flatMap(({ places }) => [...places.values()]);
    const stays = [...this.#clusters.values()].flat().reduce((sum, { stays }) => sum + stays.length, 0);
    return places.reduce((sum, { open }) => sum + 1 + open.length, 0) + stays + this.#rings.length + this.#declines.size;
  }

  // ── events ──────────────────────────────────────────────────────────────

  /** @param {string} name */
  #user(name) {
    /** @type {User} */
    const known = this.#users.get(name) ?? { places: new Map(), gone: 0 };
    this.#users.set(name, known);
    return known;
  }

  /** Who leaves the room ends all that they said. @param {string} name @param {PastEvent} event */
  #roomMember(name, { content, origin_server_ts: at }) {
    if (content?.membership !== "leave" && content?.membership !== "ban") return;
    const user = this.#user(name);
    user.gone = at;
    for (const place of user.places.values()) {
      place.open.forEach((stay) => this.#close(stay));
      Object.assign(place, { open: [], successor: at, last: undefined });
    }
  }

  /** @param {PastEvent} event */
  #member(event) {
    const user = this.#user(event.sender), key = placeOf(event);
    /** @type {Place} */
    const place = user.places.get(key) ?? { successor: user.gone, open: [] };
    user.places.set(key, place);
    if (event.event_id && place.last?.event_id === event.event_id) return; // told twice
    const replaces = place.last?.unsigned?.replaces_state;
    if (replaces && replaces !== event.event_id) this.#missing(event.sender, place);
    this.#read(event.sender, place, event);
    place.last = { ...event, content: undefined };
  }

  /**
   * Reads, in the place of an event that the timeline lacks, what the event after it says about it. When that was sent nobody
   * knows; a writer who gives created_ts tells when the stay began.
   * @param {string} name @param {Place} place
   */
  #missing(name, place) {
    const { last } = place, previous = last?.unsigned?.prev_content;
    if (!last || previous === undefined) return;
    const missing = { ...last, content: previous, unsigned: undefined, event_id: last.unsigned.replaces_state };
    place.last = undefined;
    for (const { created } of claimsOf(missing)) {
      const at = missing.origin_server_ts;
      if (!created || created >= at || at - created > HORIZON) return;
      missing.origin_server_ts = created;
    }
    this.#read(name, place, missing);
  }

  /** Stays that an event continues go on towards their beginning, all others began after it. @param {string} user @param {Place} place @param {PastEvent} event */
  #read(user, place, event) {
    const at = event.origin_server_ts;
    for (const claim of claimsOf(event)) {
      // What had run out before it was renewed began anew.
      const known = place.open.find((stay) => !stay.kept && stay.device === claim.device && stay.id === claim.id && claim.ends >= place.successor);
      if (known) Object.assign(known, { kept: true, start: begins(claim, at), intent: known.intent || claim.intent });
      else place.open.push({ ...claim, ...endOf(place, claim.ends, this.now), user, start: begins(claim, at), kept: true });
    }
    place.open.filter(({ kept }) => !kept).forEach((stay) => this.#close(stay));
    place.open = place.open.filter(({ kept }) => kept).map((stay) => Object.assign(stay, { kept: false }));
    place.successor = at;
  }

  /** @param {PastEvent} event */
  #notification({ type, content, event_id, sender, origin_server_ts: at }) {
    const read = readNotification(type, content);
    if (!read || read.withdrawn) return;
    const no = this.#declines.get(event_id)?.users ?? [];
    this.#declines.delete(event_id);
    if (!this.#rings.some(({ id }) => id === event_id)) this.#rings.push({ ...read, id: event_id, sender, at, ends: expiryOf(read, at, at), no, done: false });
  }

  /** @param {string} user @param {number} at @param {string} notification */
  #decline(user, at, notification) {
    if (!notification) return;
    const known = this.#declines.get(notification) ?? { users: [], at };
    known.at = at;
    if (!known.users.includes(user)) known.users.push(user);
    this.#declines.set(notification, known);
  }

  // ── sessions ────────────────────────────────────────────────────────────

  /** Adds a stay whose beginning is known to the session that it overlaps with, which may join two. @param {Stay} stay */
  #close(stay) {
    if (stay.end <= stay.start) return;
    const joined = { id: stay.id, start: stay.start, end: stay.end, stays: [stay] };
    const rest = (this.#clusters.get(stay.id) ?? []).filter((known) => {
      if (stay.start >= known.end || known.start >= stay.end) return true;
      joined.stays.push(...known.stays);
      joined.start = Math.min(joined.start, known.start);
      joined.end = Math.max(joined.end, known.end);
      return false;
    });
    this.#clusters.set(stay.id, [...rest, joined]);
  }

  /** Gives the sessions to which nothing older than the border can belong, and forgets what cannot matter to it. @param {number} border @returns {PastCall[]} */
  #sweep(border) {
    this.#settle(border);
    /** @type {PastCall[]} */
    const done = [];
    for (const [id, all] of this.#clusters) {
      const rest = all.filter((cluster) => cluster.start < border || this.#reaches(id, cluster.start));
      done.push(...all.filter((cluster) => !rest.includes(cluster)).map((cluster) => this.#session(cluster)));
      if (rest.length > 0) this.#clusters.set(id, rest);
      else this.#clusters.delete(id);
    }
    done.push(...this.#unanswered(border));
    for (const [id, { at }] of this.#declines) if (at > border) this.#declines.delete(id);
    this.#rings = this.#rings.filter((ring) => !ring.done);
    return done.sort((a, b) => b.start - a.start || order(a.slot, b.slot));
  }

  /** Forgets places that were written so late that nothing older reaches them: a stay that is open there has begun with its last event. @param {number} border */
  #settle(border) {
    for (const [name, user] of this.#users) {
      for (const [key, { successor, open }] of user.places) {
        if (successor <= border) continue;
        open.forEach((stay) => this.#close(stay));
        user.places.delete(key);
      }
      if (user.gone > border) user.gone = 0;
      if (user.places.size === 0 && user.gone === 0) this.#users.delete(name);
    }
  }

  /** Whether a stay whose beginning is not known yet lasts beyond an instant. @param {string} id @param {number} at */
  #reaches(id, at) {
    return [...this.#users.values()].some(({ places }) => [...places.values()].some(({ open }) => open.some((stay) => stay.id === id && stay.end > at)));
  }

  /** @param {Cluster} cluster @returns {PastCall} */
  #session({ id, start, end, stays }) {
    stays.sort((a, b) => a.start - b.start || order(a.user, b.user) || order(a.device, b.device) || a.end - b.end);
    /** @type {Map<string, Part[]>} */
    const parts = new Map();
    for (const { user, device, start, end, running } of stays) parts.set(user, [...(parts.get(user) ?? []), { device_id: device, start, end, running }]);
    const call = {
      slot: id, start, end, running: stays.some(({ running }) => running), participants: [...parts].map(([user_id, parts]) => ({ user_id, parts })),
      initiator: stays[0].user, intent: agreed(stays), topology: topologyOf(stays), rung: false, missed: [], declined: [], anchor: false,
    };
    for (const ring of this.#rings) {
      const here = !ring.done && ring.slot === id && ring.at >= start - RING_SLACK && ring.at <= end && parts.has(ring.sender);
      if (here) this.#tell(call, ring);
    }
    return settled(call);
  }

  /** Writes into a session what came of a notification. @param {PastCall} call @param {Rung} ring */
  #tell(call, ring) {
    ring.done = call.rung = true;
    call.intent ||= ring.intent;
    const { users, room } = ring.mentions;
    call.declined.push(...ring.no.filter((name) => name !== ring.sender && (room || users.includes(name))));
    const pending = ring.ends > this.now && (call.running || call.anchor);
    const called = room && this.self ? [...users, this.self] : users;
    if (!pending) call.missed.push(...called.filter((name) => name !== ring.sender && !call.participants.some(({ user_id }) => user_id === name)));
  }

  /** The notifications that belong to no session that is known. @param {number} border @returns {PastCall[]} */
  #unanswered(border) {
    const alone = this.#rings.filter((ring) => !ring.done && ring.at >= border && !this.#reaches(ring.slot, ring.at) &&
      !(this.#clusters.get(ring.slot) ?? []).some(({ start, end }) => ring.at >= start - RING_SLACK && ring.at <= end));
    return alone.map((ring) => {
      const call = { slot: ring.slot, start: ring.at, end: ring.at, running: false, participants: [], initiator: ring.sender, intent: ring.intent, topology: "", rung: true, missed: [], declined: [], anchor: true };
      this.#tell(call, ring);
      return settled(call);
    });
  }
}

/** Who declined one notification has not missed another. @param {PastCall} call @returns {PastCall} */
function settled(call) {
  const declined = [...new Set(call.declined)].sort(order);
  return { ...call, declined, missed: [...new Set(call.missed)].filter((name) => !declined.includes(name)).sort(order) };
}

/** When the stay began whose first event was sent at an instant. @param {Claim} claim @param {number} at */
const begins = ({ created }, at) => (!created || created > at || at - created > CREATED_SLACK ? at : created);

/** When a stay ended whose last event would have it end at an instant. @param {Place} place @param {number} ends @param {number} now */
function endOf({ successor }, ends, now) {
  if (successor && successor < ends) return { end: successor, running: false };
  return ends > now ? { end: now, running: !successor } : { end: ends, running: false };
}

/** The intent of all who state one (MSC4196). @param {Stay[]} stays @returns {''|'audio'|'video'} */
function agreed(stays) {
  const said = new Set(stays.map(({ intent }) => intent).filter(Boolean));
  return said.size === 1 ? /** @type {'audio'|'video'} */ ([...said][0]) : "";
}

/** @param {Stay[]} stays */
const topologyOf = (stays) => [...new Set(stays.map(({ focus }) => (isMesh(focus) ? "full_mesh" : focus)).filter(Boolean))].sort(order).join("+");

/** @param {string} a @param {string} b */
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
