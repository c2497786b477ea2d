/**
 * The past calls of one room, newest first and a page at a time. It reads the room's timeline backwards, as far as a page
 * needs, by the account's own homeserver; a page that was given is forgotten.
 */
import { stubbornly } from "./client.js";
import { HISTORY_TYPES, Reader } from "./history.js";

/** Calls on a page. */
const PAGE = 10;
/** Events asked for at once, of the types that count. */
const EVENTS = 100;
/** Requests for one page; a room may be silent for years. */
const REQUESTS = 20;
const MOST_NAMES = 200;

/** @typedef {{calls: import("./history.js").PastCall[], more: boolean, back: number, unreadable: number}} Page more: there may be older ones; back: how far the timeline is read; unreadable: encrypted events so far */

export class Past {
  /** @type {string|undefined} */
  #from = undefined;
  /** @type {import("./history.js").PastCall[]} complete, and not given yet */
  #waiting = [];
  #done = false;
  #back = Infinity;
  /** @type {Map<string, string>} */
  #names = new Map();

  /** @param {{homeserver: import("./client.js").Homeserver, roomId: string, self: string, now?: () => number}} options self: our user */
  constructor({ homeserver, roomId, self, now = () => Date.now() }) {
    this.homeserver = homeserver;
    this.roomId = roomId;
    this.reader = new Reader({ now: now(), self, every: EVENTS });
  }

  /** The next page. @returns {Promise<Page>} */
  async older() {
    for (let asked = 0; this.#waiting.length < PAGE && !this.#done && asked < REQUESTS; asked++) await this.#read();
    const calls = this.#waiting.splice(0, PAGE);
    return { calls: calls.filter((call) => !calls.some((other) => isTwin(call, other))), more: this.#waiting.length > 0 || !this.#done, back: this.#back, unreadable: this.reader.unreadable };
  }

  async #read() {
    const query = { dir: "b", limit: EVENTS, from: this.#from, filter: JSON.stringify({ types: HISTORY_TYPES, lazy_load_members: false }) };
    const answer = await stubbornly(() => this.homeserver.request("GET", ["v3", "rooms", this.roomId, "messages"], { query }), { attempts: 5 });
    for (const event of Array.isArray(answer.chunk) ? answer.chunk.filter(isEvent) : []) {
      this.#back = Math.min(this.#back, event.origin_server_ts);
      this.#waiting.push(...this.reader.add(event));
    }
    // A page may be empty, if all of it was filtered away.
    this.#done = !answer.end || answer.end === this.#from;
    this.#from = answer.end;
    if (this.#done) this.#waiting.push(...this.reader.finish());
  }

  /**
   * How those of some calls are called in the room; who cannot be found, by their ID.
   * @param {import("./history.js").PastCall[]} calls @returns {Promise<(user: string) => string>}
   */
  async names(calls) {
    const users = new Set(calls.flatMap(({ participants, initiator, missed, declined }) => [initiator, ...participants.map(({ user_id }) => user_id), ...missed, ...declined]));
    if (this.#names.size > MOST_NAMES) this.#names.clear();
    await Promise.all([...users].slice(0, MOST_NAMES).filter((user) => !this.#names.has(user)).map(async (user) => {
      const member = await this.homeserver.request("GET", ["v3", "rooms", this.roomId, "state", "m.room.member", user]).catch(() => undefined);
      if (typeof member?.displayname === "string") this.#names.set(user, member.displayname);
    }));
    const names = new Map(this.#names);
    return (user) => names.get(user) || user;
  }
}

/** Clocks and requests that follow each other. */
const SLACK = 60_000;

/**
 * A device that is in the slot and in the conference of a room is in one call: its conference is not told beside the slot's.
 * @param {import("./history.js").PastCall} call @param {import("./history.js").PastCall} other
 */
function isTwin(call, other) {
  const users = new Set(other.participants.map(({ user_id }) => user_id));
  return !call.anchor && !call.slot.includes("#") && other.slot.includes("#") && call.start >= other.start - SLACK && call.end <= other.end + SLACK &&
    call.participants.every(({ user_id }) => users.has(user_id));
}

/** @param {any} event */
const isEvent = (event) => typeof event?.sender === "string" && typeof event.event_id === "string" && typeof event.type === "string" && Number.isFinite(event.origin_server_ts);
