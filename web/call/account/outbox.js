/**
 * To-device messages on their way: one queue per device, so that order is kept
 * from sealing to delivery. A message is sealed once; each repetition carries
 * the same transaction ID, so that the homeserver delivers it once.
 */

import { MatrixError, stubbornly } from "./client.js";
import { StoreTrouble } from "./store.js";
import { Refusal } from "./vault.js";

/** As long as an invite lives in the wild. */
const GIVE_UP_MS = 60_000;

export class Outbox {
  /** @type {Map<string, Promise<unknown>>} the end of each device's queue */
  #ends = new Map();
  #closed = new AbortController();
  #count = 0;

  /**
   * @param {{homeserver: import("./client.js").Homeserver, giveUpMs?: number, random?: () => number,
   *   seal: (to: import("./membership.js").Party, event: string, content: any) => Promise<{type: string, content: any}>}} options
   */
  constructor(options) {
    this.options = options;
    this.prefix = `mfa${Math.floor((options.random ?? Math.random)() * 2 ** 40).toString(36)}.${Date.now().toString(36)}`;
  }

  /**
   * Settles when the homeserver has taken the message. Rejects with a Refusal.
   * @param {import("./membership.js").Party} to
   * @param {string} event
   * @param {any} content
   * @returns {Promise<void>}
   */
  send(to, event, content) {
    const key = `${to.user_id}/${to.device_id}`;
    const words = JSON.parse(JSON.stringify(content)); // as it is now, and as JSON has it: the library reads no toJSON
    const txn = `${this.prefix}.${this.#count++}`;
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.options.giveUpMs ?? GIVE_UP_MS)]);
    const mine = (this.#ends.get(key) ?? Promise.resolve()).then(() => this.#deliver(to, event, words, txn, signal));
    const end = mine.catch(() => {}).then(() => { if (this.#ends.get(key) === end) this.#ends.delete(key); });
    this.#ends.set(key, end);
    return mine;
  }

  /** Settles when all that was asked for so far is sent or given up. */
  async idle() {
    await Promise.all(this.#ends.values());
  }

  /** Gives up what is left. */
  close() {
    this.#closed.abort();
  }

  /**
   * @param {import("./membership.js").Party} to @param {string} event @param {any} content
   * @param {string} txn @param {AbortSignal} signal
   */
  async #deliver(to, event, content, txn, signal) {
    const { homeserver, seal, random } = this.options;
    try {
      signal.throwIfAborted();
      const sealed = await stubbornly(() => seal(to, event, content), { signal, random });
      const body = { messages: { [to.user_id]: { [to.device_id]: sealed.content } } };
      await stubbornly(() => homeserver.request("PUT", ["v3", "sendToDevice", sealed.type, txn], { body, signal }), { signal, random });
    } catch (err) {
      throw refusalOf(err, this.#closed.signal.aborted);
    }
  }
}

/** @param {unknown} err @param {boolean} closed */
function refusalOf(err, closed) {
  if (err instanceof Refusal) return err;
  if (closed) return new Refusal("gone", "The call is over.");
  if (err instanceof StoreTrouble) return new Refusal(err.code, err.words);
  if (err instanceof MatrixError && !err.passing) return new Refusal("not_allowed", `The homeserver refused a message: ${err.message}.`);
  return new Refusal("homeserver_unreachable", "The homeserver does not answer.");
}
