/**
 * Syncs while no call is on, so that the ear hears who calls. What it learns of keys goes to the vault; call messages find
 * nobody here and are let go, since we are in no call. It goes on where the last sync of the device ended.
 */
import { MatrixError, REQUEST_MS, pauseAfter, sleep } from "./client.js";
import { earFilter } from "./ear.js";
import { outsideRooms } from "./room.js";
import { StoreTrouble } from "./store.js";

const POLL_MS = 30_000;

export class Listener {
  #closed = new AbortController();
  /** @type {Promise<void>|undefined} */
  #running;

  /** @param {{homeserver: import("./client.js").Homeserver, vault: import("./vault.js").Vault, ear: import("./ear.js").Ear, say: (words: string) => void}} options */
  constructor({ homeserver, vault, ear, say }) {
    this.say = say;
    this.homeserver = homeserver;
    this.vault = vault;
    this.ear = ear;
  }

  start() {
    this.#running ??= this.#run();
  }

  /** Settles when nothing of it runs. */
  async stop() {
    this.#closed.abort();
    await this.#running?.catch(() => {});
  }

  async #run() {
    const { signal } = this.#closed;
    const filter = earFilter();
    for (let failures = 0; !signal.aborted;) {
      try {
        const { since } = this.ear, timeout = since === undefined ? 0 : POLL_MS;
        const response = await this.homeserver.request("GET", ["v3", "sync"], { query: { since, filter, timeout }, timeoutMs: timeout + REQUEST_MS, signal });
        await this.#take(response);
        failures = 0;
      } catch (err) {
        const store = err instanceof StoreTrouble;
        if (store) this.say(err.words);
        if (signal.aborted || (!store && !(err instanceof MatrixError && err.passing))) return; // whoever calls will say why
        failures++;
        await sleep(Math.max(store ? 0 : err.retryAfterMs, pauseAfter(failures, Math.random())), signal).catch(() => {});
      }
    }
  }

  /** Keys before what they open. @param {any} response */
  async #take(response) {
    await this.vault.follow(Object.values(response?.rooms?.join ?? {}).flatMap(company));
    await this.vault.receive(outsideRooms(response), () => "require");
    await this.ear.hear(response);
  }
}

/** Whose keys to know before they call: those a direct room is named after. @param {any} room @returns {string[]} */
function company(room) {
  const heroes = room?.summary?.["m.heroes"];
  return Array.isArray(heroes) ? heroes.filter((user) => typeof user === "string").slice(0, 5) : [];
}
