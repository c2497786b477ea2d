/**
 * The way into a call with a Matrix account of one's own: a Signaller (see
 * ../lib/types.js) that speaks to the homeserver itself and locks its messages
 * in this browser. Whoever served the page carries nothing of it.
 *
 * It runs one sync loop from start to close. Responses are taken one after the
 * other; the token moves on only when one was taken, so nothing is lost.
 */

import { MatrixError, REQUEST_MS, pauseAfter, sleep, stubbornly } from "./client.js";
import { TIMING } from "./beat.js";
import { conferenceForm, slotForm } from "./forms.js";
import { CALL, CALL_MEMBER, CALL_TYPES, SLOT, liveConference, powerFor } from "./membership.js";
import { Outbox } from "./outbox.js";
import { modeFor } from "./policy.js";
import { Post } from "./post.js";
import { advance, begin, callState, contentOf, emptyRoom, filterFor, filterWith, isEncrypted, isPublic, nameOf, outsideRooms, replace } from "./room.js";
import { stuck, unlocked } from "./stickies.js";
import { StoreTrouble } from "./store.js";
import { REPORT } from "./vault.js";

/** @typedef {import("../lib/types.js").Signaller} Signaller */
/** @typedef {import("../lib/types.js").Handler} Handler */
/** @typedef {import("../lib/types.js").Party} Party */

const POLL_MS = 30_000;
/** The conference that is made where there is none: one name, so that two who come at once make the same. */
const CONFERENCE = "meshfocus";
/** Reports are looked at by people, and each costs the homeserver a message per peer. */
const REPORT_EVERY_MS = 10_000;
const MAX_READERS = 64;
/** Begins the `org.matrix.msgid` of every meshfocus device: these read reports. */
const OURS = "meshfocus-";
const MAX_MEMBERS = 8;
/** How long hang-ups wait for the leave, and how long a leave waits for hang-ups that are on their way. */
const LEAVE_FIRST_MS = 5_000, HANGUP_MS = 2_000;

/**
 * @typedef {object} Options
 * @property {import("./client.js").Homeserver} homeserver with a token
 * @property {import("./vault.js").Vault} vault open; it stays open after close
 * @property {Party} self
 * @property {string} roomId a room we have joined
 * @property {import("./ear.js").Ear} [ear] hears in our sync who else calls
 * @property {string} [name] ours, if the room has none for us
 * @property {"auto"|"prefer"|"require"} [encrypt] decision D23
 * @property {boolean} [frames] encrypt sound and picture once more, from end to end
 * @property {import("./beat.js").Timing} [timing]
 * @property {() => number} [now]
 * @property {() => number} [random]
 */

/** @implements {Signaller} */
export class MatrixSignaller {
  #closed = new AbortController();
  #poll = new AbortController();
  #room = emptyRoom();
  /** @type {Handler|undefined} */
  #handler;
  /** @type {Post[]} */
  #posts = [];
  /** @type {import("./membership.js").Feed[]} */
  #feeds = [];
  /** @type {Party|null} the member that forwards to whom we send */
  #via = null;
  /** @type {Set<string>} */
  #ignored = new Set();
  /** @type {Map<string, Party>} devices that understand reports */
  #readers = new Map();
  #reportedAt = -Infinity;
  /** @type {RTCIceServer[]} */
  #servers = [];
  #renewal = new AbortController();
  /** @type {import("./stickies.js").Stickies} */
  #sticky = new Map();
  #isDown = false;
  #isAiling = false;
  /** Settles after the first response. */
  #ready = resolvers();

  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.homeserver = options.homeserver;
    this.vault = options.vault;
    this.self = options.self;
    this.roomId = options.roomId;
    this.sessionId = randomId();
    this.now = options.now ?? (() => Date.now());
    this.random = options.random ?? Math.random;
    this.confId = CONFERENCE;
    this.outbox = new Outbox({
      homeserver: this.homeserver, random: this.random,
      seal: (to, event, content) => this.vault.seal(to, event, content, this.#mode()),
    });
    this.#ready.promise.catch(() => {});
    const refused = this.vault.refused; // of the page, which outlives us
    this.vault.refused = (words, about) => {
      refused(words, about);
      if (about) this.#handler?.distrust?.(about.party, refusalWords(about.why));
    };
    this.#closed.signal.addEventListener("abort", () => { this.vault.refused = refused; });
  }

  /** @param {Handler} handler */
  start(handler) {
    this.#handler = handler;
    this.#run().catch((err) => this.#fail(err));
    globalThis.addEventListener?.("pagehide", this.#goodbye);
    globalThis.addEventListener?.("online", this.#online);
  }

  /**
   * Becomes a member of the slot and of the conference, or changes what they say.
   * A refusal is told to the handler too.
   * @param {string[]} feeds
   * @param {Party|null} [via] the member that forwards to whom we send
   */
  async enter(feeds, via = null) {
    await this.#ready.promise;
    try {
      await this.#enter(feeds, via);
    } catch (err) {
      this.#fail(err);
      throw err;
    }
  }

  /** @param {string[]} feeds @param {Party|null} via */
  async #enter(feeds, via) {
    const isOther = JSON.stringify(via) !== JSON.stringify(this.#via);
    this.#feeds = feeds.map((purpose) => ({ purpose }));
    this.#via = via;
    if (this.#posts.length > 0) {
      this.#posts.forEach((post) => { if (post.form.shared || isOther) post.rewrite(); });
      return;
    }
    const version = contentOf(this.#room, "m.room.create")?.room_version;
    await this.#join(slotForm({ self: this.self, sessionId: this.sessionId, roomVersion: version, via: () => this.#via }));
    if (await this.#conference()) {
      await this.#join(conferenceForm({ self: this.self, sessionId: this.sessionId, confId: this.confId, feeds: () => this.#feeds, via: () => this.#via }));
    }
  }

  /** @param {Party} to @param {string} event @param {any} content @returns {Promise<void>} */
  send(to, event, content) {
    return this.outbox.send(to, event, content);
  }

  /**
   * Goes to other meshfocus devices in the call, locked like everything else.
   * @param {any} report
   */
  report(report) {
    const now = this.now();
    if (now - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = now;
    const company = this.#company();
    for (const [key, party] of this.#readers) {
      if (!company.includes(party.user_id)) this.#readers.delete(key);
      else this.outbox.send(party, REPORT, { device_id: this.self.device_id, room_id: this.roomId, report }).catch(() => {});
    }
  }

  /** Takes the membership back, hangs up, and lets what is on its way arrive. */
  async leave() {
    const gone = this.#leave();
    await Promise.race([gone, sleep(LEAVE_FIRST_MS)]);
    this.#handler?.hangUp?.();
    await Promise.race([this.outbox.idle(), sleep(HANGUP_MS)]);
    const failures = await gone;
    if (failures.length > 0) throw this.#explain(failures[0], CALL_MEMBER);
  }

  /** One after the other: of two state events written at once Synapse shows some clients only one. */
  async #leave() {
    const posts = this.#posts;
    this.#posts = [];
    /** @type {unknown[]} */
    const failures = [];
    for (const post of posts) await stubbornly(() => post.leave(), { attempts: 3, random: this.random }).catch((err) => failures.push(err));
    return failures;
  }

  close() {
    globalThis.removeEventListener?.("pagehide", this.#goodbye);
    globalThis.removeEventListener?.("online", this.#online);
    this.#closed.abort();
    this.#poll.abort();
    this.outbox.close();
    this.#posts.forEach((post) => post.close());
  }

  /** Asks the homeserver at once instead of waiting for the long poll. */
  check() {
    this.#poll.abort();
  }

  #online = () => this.check();
  #goodbye = () => {
    this.#posts.forEach((post) => post.partingShot());
    this.#posts = [];
    this.#handler?.hangUp?.();
  };

  // ── being a member ──────────────────────────────────────────────────────

  /** @param {import("./post.js").Form} form */
  async #join(form) {
    const post = new Post({ homeserver: this.homeserver, roomId: this.roomId, form, timing: this.options.timing ?? TIMING, now: this.now, random: this.random });
    post.present = contentOf(this.#room, CALL_MEMBER, form.stateKey);
    this.#posts.push(post);
    try {
      await post.join((err) => this.#fail(err, CALL_MEMBER));
    } catch (err) {
      post.close();
      this.#posts = this.#posts.filter((other) => other !== post);
      throw this.#explain(err, CALL_MEMBER);
    }
  }

  /** Sees to it that there is a conference; false when we may not make one. */
  async #conference() {
    const live = liveConference(this.#room.events.values());
    if (live === this.confId) return true;
    const content = { "m.intent": "m.room", "m.type": "m.video" };
    try {
      await stubbornly(() => this.homeserver.request("PUT", ["v3", "rooms", this.roomId, "state", CALL, this.confId], { body: content }),
        { signal: this.#closed.signal, random: this.random });
      return true;
    } catch (err) {
      if (!(err instanceof MatrixError)) throw err;
      const { words } = this.#explain(err, CALL);
      this.#handler?.trouble({ code: "no_conference", words: `Clients that need a call event in the room will not see you. ${words}`, fatal: false });
      return false;
    }
  }

  // ── the sync loop ───────────────────────────────────────────────────────

  async #run() {
    const signal = this.#closed.signal;
    const { ear } = this.options;
    const narrow = JSON.stringify(filterFor(this.roomId)), wide = ear ? JSON.stringify(filterWith(ear.ringing)) : narrow;
    const turn = this.#turn();
    /** @type {string|undefined} */
    let since;
    for (let failures = 0; !signal.aborted;) {
      try {
        const response = await this.#ask(since, since === undefined ? narrow : wide, failures > 0);
        await turn;
        await this.#take(response, since === undefined);
        if (since === undefined) ear?.catchUp();
        ear?.hear(response);
        since = outsideRooms(response).next;
        failures = 0;
        this.#up();
      } catch (err) {
        if (signal.aborted) return;
        if (err instanceof StoreTrouble && since !== undefined) {
          this.#ail(err);
          await sleep(pauseAfter(++failures, this.random(), { most: 5_000 }), signal).catch(() => {});
          continue; // the same response comes again
        }
        if (!(err instanceof MatrixError)) {
          if (!this.#poll.signal.aborted) throw err;
          continue; // check() wants to know now
        }
        if (!err.passing) throw err;
        failures++;
        if (err.status !== 429) this.#down();
        await sleep(Math.max(err.retryAfterMs, pauseAfter(failures, this.random(), { most: 5_000 })), signal).catch(() => {});
      }
    }
  }

  /** @param {string|undefined} since @param {string} filter @param {boolean} atOnce */
  #ask(since, filter, atOnce) {
    this.#poll = new AbortController();
    const timeout = since === undefined || atOnce ? 0 : this.vault.waiting ? 1_000 : POLL_MS;
    return this.homeserver.request("GET", ["v3", "sync"], {
      query: { since, filter, timeout }, timeoutMs: timeout + REQUEST_MS,
      signal: AbortSignal.any([this.#closed.signal, this.#poll.signal]),
    });
  }

  /**
   * Device lists and state before messages: both say how to take those.
   * @param {any} response @param {boolean} first
   */
  async #take(response, first) {
    const joined = response?.rooms?.join?.[this.roomId];
    if (first && !joined) throw new MatrixError(403, "M_FORBIDDEN", "you are not in this room");
    const room = first ? begin(this.#room, joined) : await this.#advanced(joined);
    const before = { room: this.#room, sticky: this.#sticky };
    this.#sticky = stuck(before.sticky, joined, this.now());
    const told = outsideRooms(response);
    this.#room = room;
    if (told.ignored) this.#ignored = new Set(told.ignored);
    await this.vault.follow(this.#company());
    const opened = await this.vault.receive({ ...told, toDevice: told.toDevice.filter(({ sender }) => !this.#ignored.has(sender)) }, () => this.#mode());
    if (this.#sticky !== before.sticky || told.toDevice.length > 0) { // with keys, perhaps
      this.#sticky = await unlocked(this.#sticky, (event) => this.vault.openInRoom(this.roomId, event));
    }
    if (this.#closed.signal.aborted) return;
    if (first) this.#welcome();
    if (room !== before.room || this.#sticky !== before.sticky) this.#changed();
    opened.forEach((message) => this.#hand(message));
  }

  /** @param {any} joined */
  async #advanced(joined) {
    const { room, doubtful } = advance(this.#room, joined);
    if (!doubtful) return room;
    return replace(room, await this.homeserver.request("GET", ["v3", "rooms", this.roomId, "state"], { signal: this.#closed.signal }));
  }

  #welcome() {
    const handler = /** @type {Handler} */ (this.#handler);
    this.confId = liveConference(this.#room.events.values()) ?? CONFERENCE;
    const member = contentOf(this.#room, "m.room.member", this.self.user_id);
    handler.welcome({
      self: { ...this.self, session_id: this.sessionId, name: member?.displayname || this.options.name || this.self.user_id },
      room: { id: this.roomId, name: nameOf(this.#room, this.roomId), conf_id: this.confId, slot_id: SLOT, encrypted: isEncrypted(this.#room) },
      ice_servers: this.#servers, relay_only: isPublic(this.#room) && relays(this.#servers), // decision D29
      encrypt_frames: this.options.frames ?? false, max_members: MAX_MEMBERS, seat: "", resumed: false, server: new URL(this.homeserver.base).host,
    });
    this.#ready.resolve(undefined);
  }

  #changed() {
    this.#posts.forEach((post) => post.saw(contentOf(this.#room, CALL_MEMBER, post.form.stateKey)));
    this.#handler?.state({ ...callState(this.#room), sticky: [...this.#sticky.values()] });
  }

  /** Who may send us messages: everybody with a member event. */
  #company() {
    const members = [...this.#room.events.values()].filter(({ type }) => CALL_TYPES.includes(type) && type !== CALL && type !== "m.call");
    return [...new Set([...members, ...this.#sticky.values()].map(({ sender }) => sender))];
  }

  /** @param {import("./vault.js").Opened} message */
  #hand({ from, encrypted, verified, event, content }) {
    if (from.user_id === this.self.user_id && from.device_id === this.self.device_id) return;
    if (content.room_id !== undefined && content.room_id !== this.roomId) return;
    if (event === REPORT || String(content["org.matrix.msgid"]).startsWith(OURS)) this.#reads(from);
    if (event !== REPORT) this.#handler?.signal({ from, encrypted, authenticated: encrypted, verified, event, content });
    else if (content.report && typeof content.report === "object") this.#handler?.reports([{ party: from, at: this.now(), report: content.report }]);
  }

  /** @param {Party} party */
  #reads(party) {
    if (this.#readers.size < MAX_READERS) this.#readers.set(`${party.user_id}/${party.device_id}`, party);
  }

  /** Fetches relay credentials, and fresh ones before they run out. */
  async #turn() {
    try {
      const answer = await stubbornly(() => this.homeserver.request("GET", ["v3", "voip", "turnServer"]), { attempts: 3, signal: this.#closed.signal });
      const uris = Array.isArray(answer.uris) ? answer.uris : [];
      this.#servers = uris.length ? [{ urls: uris, username: answer.username, credential: answer.password }] : [];
      if (uris.length && answer.ttl > 0) this.#renewTurn(answer.ttl * 800);
    } catch (err) {
      if (!(err instanceof MatrixError)) throw err; // else without relay
    }
  }

  /** Ours are refused: asks the homeserver for others. */
  async freshServers() {
    await this.#turn();
    return this.#servers;
  }

  /** @param {number} ms */
  #renewTurn(ms) {
    this.#renewal.abort();
    this.#renewal = new AbortController();
    sleep(Math.min(ms, 2 ** 30), AbortSignal.any([this.#closed.signal, this.#renewal.signal])).then(() => this.#turn()).then(() => this.#handler?.iceServers(this.#servers)).catch(() => {});
  }

  #mode() {
    return modeFor({ wanted: this.options.encrypt, trust: this.vault.trust }, isEncrypted(this.#room));
  }

  /** The keys cannot be had: media goes on, and so do we once they can. @param {StoreTrouble} trouble */
  #ail({ code, words }) {
    if (!this.#isAiling) this.#handler?.trouble({ code, words, fatal: false });
    this.#isAiling = true;
  }

  #down() {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#handler?.down();
  }

  #up() {
    if (!this.#isDown && !this.#isAiling) return;
    this.#isDown = this.#isAiling = false;
    this.#handler?.up();
  }

  /** @param {unknown} err @param {string} [type] */
  #fail(err, type = "") {
    if (this.#closed.signal.aborted) return;
    const trouble = err instanceof Error && "words" in err ? /** @type {any} */ (err) : this.#explain(err, type);
    this.#ready.reject(trouble);
    this.#handler?.trouble({ code: trouble.code, words: trouble.words, fatal: true });
  }

  /**
   * An error as the page shows it.
   * @param {unknown} err @param {string} type of the event that could not be written
   * @returns {Error & {code: string, words: string}}
   */
  #explain(err, type) {
    const [code, words] = this.#words(err, type);
    return Object.assign(new Error(words), { code, words });
  }

  /** @param {unknown} err @param {string} type @returns {[string, string]} */
  #words(err, type) {
    if (!(err instanceof MatrixError)) return ["gone", err instanceof Error ? err.message : String(err)];
    if (err.signedOut) return ["signed_out", "The homeserver has signed this browser out. Sign in again."];
    if (err.passing) return ["homeserver_unreachable", "The homeserver does not answer."];
    const { own, needed } = powerFor(contentOf(this.#room, "m.room.power_levels"), this.self.user_id, type);
    if (type && own < needed) {
      return ["not_allowed", `Writing ${type} in this room needs power level ${needed}, and you have ${own}. An admin of the room can lower it.`];
    }
    return ["not_allowed", `The homeserver refused: ${err.message}.`];
  }
}

/** A reason as a sentence: some are about the message, some about the device. @param {string} why */
const refusalWords = (why) => (/^[A-Z]/.test(why) ? why : `A message of this device was not taken: ${why}.`);

/** @param {RTCIceServer[]} servers */
const relays = (servers) => servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));

const randomId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @returns {{promise: Promise<any>, resolve: (value: any) => void, reject: (why: any) => void}} */
function resolvers() {
  let resolve = /** @type {(value: any) => void} */ (() => {}), reject = resolve;
  const promise = new Promise((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
}
