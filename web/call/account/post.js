/**
 * One member event of ours in one room: written, kept alive, taken back.
 *
 * `Beat` decides, this does one request at a time. A refused join ends it;
 * trouble that may pass is waited for.
 */

import { MatrixError, sleep } from "./client.js";
import { Beat } from "./beat.js";
import { CALL_MEMBER } from "./membership.js";

const DELAYED = ["unstable", "org.matrix.msc4140", "delayed_events"];
/** A stuck request must not hold up the next restart. */
const PACE_MS = 5_000;

/**
 * What an event says; see slotForm and conferenceForm in forms.js.
 * @typedef {object} Form
 * @property {string} stateKey
 * @property {boolean} shared other devices write the event too
 * @property {(present: any, times: {validMs: number, joinedAt?: number, now: number}) => any} join
 * @property {(present: any, now: number) => any} leave
 * @property {(present: any) => boolean} holds
 */

export class Post {
  #closed = new AbortController();
  #kick = new AbortController();
  /** Synapse before 2025 takes the action in the body. */
  #inBody = false;
  /** What the delayed leave says, to see when others outdate it. */
  #armedText = "";
  /** @type {Promise<void>|undefined} */
  #loop;

  /**
   * @param {{homeserver: import("./client.js").Homeserver, roomId: string, form: Form, timing: import("./beat.js").Timing,
   *   now?: () => number, random?: () => number}} options
   */
  constructor(options) {
    this.homeserver = options.homeserver;
    this.roomId = options.roomId;
    this.form = options.form;
    this.beat = new Beat(options.timing);
    this.now = options.now ?? (() => Date.now());
    this.random = options.random ?? Math.random;
    /** @type {any} the event as sync or our own reading last showed it */
    this.present = undefined;
  }

  /**
   * Settles when we are a member; rejects with a MatrixError when refused.
   * Afterwards the membership is kept alive until leave or close.
   * @param {(err: unknown) => void} lost the membership can no longer be written
   */
  async join(lost) {
    await this.#until(() => this.beat.present);
    this.#loop = this.#until(() => false).catch((err) => { if (!this.#closed.signal.aborted) lost(err); });
  }

  /** Writes the event again, because what it shall say has changed. */
  rewrite() {
    this.beat.rewrite();
    this.#wake();
  }

  /** What sync shows of the event. @param {any} content */
  saw(content) {
    this.present = content;
    if (!this.beat.present) return;
    if (!this.form.holds(content)) this.beat.doubt(this.now(), this.random());
    if (this.form.shared && this.beat.armed && normal(this.form.leave(content, this.now())) !== this.#armedText) this.beat.outdate();
    this.#wake();
  }

  /** Takes the membership back; an error means that others see us until the delayed leave or expiry. */
  async leave() {
    this.close();
    await this.#loop;
    if (!this.beat.present && !this.beat.armed) return;
    if (!this.form.shared && this.beat.armed && await this.#fired()) return;
    await this.#write(this.form.leave(await this.#base(), this.now()));
    this.beat.present = false;
    if (this.beat.armed) await this.#manage(this.beat.armed, "cancel").catch(() => {});
  }

  /** Takes the membership back while the page goes away: nothing can be waited for. */
  partingShot() {
    const { armed, present } = this.beat;
    this.close();
    if (!present) return;
    if (!this.form.shared && armed) {
      const [path, body] = this.#managing(armed, "send");
      this.homeserver.partingShot("POST", path, body);
      return;
    }
    // The delayed leave stays armed: should this not arrive, it does.
    this.homeserver.partingShot("PUT", this.#path(), this.form.leave(this.present, this.now()));
  }

  /** Stops keeping alive; the homeserver is left to write the leave. */
  close() {
    this.#closed.abort();
    this.#wake();
  }

  #wake() {
    this.#kick.abort();
    this.#kick = new AbortController();
  }

  /** @param {() => boolean} reached */
  async #until(reached) {
    while (!reached()) {
      if (this.#closed.signal.aborted) throw new DOMException("stopped", "AbortError");
      const kick = this.#kick.signal;
      const now = this.now();
      const { action, at } = this.beat.next(now);
      if (action) this.beat.did(action, await this.#perform(action), now, this.random());
      else await sleep(Math.min(at - now, 2 ** 30), kick).catch(() => {});
    }
  }

  /** @param {import("./beat.js").Action} action @returns {Promise<import("./beat.js").Outcome>} */
  async #perform(action) {
    try {
      switch (action) {
        case "arm": return { ok: true, delayId: await this.#arm() };
        case "restart": await this.#manage(this.beat.armed, "restart"); break;
        case "disarm": await this.#manage(this.beat.stale, "cancel"); break;
        case "verify": return { ok: true, absent: !this.form.holds(await this.#read()) };
        case "join": await this.#join();
      }
      return { ok: true };
    } catch (err) {
      if (!(err instanceof MatrixError)) throw err;
      if (!err.passing && (err.signedOut || action === "join")) throw err;
      return { ok: false, passing: err.passing, unrecognised: err.unrecognised, retryAfterMs: err.retryAfterMs, maxDelayMs: action === "arm" ? maxDelay(err) : undefined };
    }
  }

  async #arm() {
    const content = this.form.leave(await this.#base(), this.now());
    const answer = await this.#write(content, this.beat.timing.delayMs);
    // A server that does not know the parameter has written the event now.
    if (typeof answer.delay_id !== "string") throw new MatrixError(400, "M_UNRECOGNIZED", "the homeserver has no delayed events");
    this.#armedText = normal(content);
    return answer.delay_id;
  }

  async #join() {
    const base = await this.#base();
    const content = this.form.join(base, { validMs: this.beat.validMs, joinedAt: this.beat.joinedAt, now: this.now() });
    await this.#write(content);
    this.present = content;
  }

  /**
   * What a shared event holds before we change it. One that sync has never
   * shown is not asked for: browsers log every 404 as an error.
   */
  async #base() {
    return this.form.shared && this.present !== undefined ? this.#read() : undefined;
  }

  async #read() {
    try {
      this.present = await this.homeserver.request("GET", this.#path(), { timeoutMs: PACE_MS });
    } catch (err) {
      if (!(err instanceof MatrixError) || err.code !== "M_NOT_FOUND") throw err;
      this.present = undefined;
    }
    return this.present;
  }

  /** @param {any} body @param {number} [delay] */
  #write(body, delay) {
    return this.homeserver.request("PUT", this.#path(), { body, query: { "org.matrix.msc4140.delay": delay }, timeoutMs: PACE_MS });
  }

  #path() {
    return ["v3", "rooms", this.roomId, "state", CALL_MEMBER, this.form.stateKey];
  }

  /** Lets the homeserver write the leave at once. */
  async #fired() {
    try {
      await this.#manage(this.beat.armed, "send");
      this.beat.present = false;
      return true;
    } catch {
      return false;
    }
  }

  /** @param {string} delayId @param {string} verb */
  async #manage(delayId, verb) {
    const send = () => {
      const [path, body] = this.#managing(delayId, verb);
      return this.homeserver.request("POST", path, { body, timeoutMs: PACE_MS });
    };
    try {
      return await send();
    } catch (err) {
      if (this.#inBody || !(err instanceof MatrixError) || !err.unrecognised) throw err;
      this.#inBody = true;
      return send();
    }
  }

  /** @param {string} delayId @param {string} verb @returns {[string[], any]} */
  #managing(delayId, verb) {
    return this.#inBody ? [[...DELAYED, delayId], { action: verb }] : [[...DELAYED, delayId, verb], {}];
  }
}

/** The longest delay that the homeserver takes, as it says in a refusal. @param {MatrixError} err */
function maxDelay(err) {
  const limit = Number(err.body["org.matrix.msc4140.max_delay"] ?? err.body.max_delay);
  return limit > 0 ? limit : undefined;
}

/** JSON in one spelling, to compare what a server may have written anew. @param {any} value @returns {string} */
function normal(value) {
  return JSON.stringify(value, (_key, part) => (part && typeof part === "object" && !Array.isArray(part)
    ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part));
}
