/**
 * Troubles of the store that holds the device's keys, the browser's IndexedDB: which of them pass, what is said of the others,
 * and how often it is tried. The library reports them as text.
 */
import { MatrixError, sleep } from "./client.js";

/** Pauses before it is tried again: less than a person waits for a page. */
const PAUSES_MS = [200, 600, 1800];
/** Errors of IndexedDB (Indexed Database API 3.0, 3.14). Those that pass: its server in the browser was ended, or began anew. */
const PASSING = /\b(AbortError|InvalidStateError|UnknownError)\b/;
/** The last is how the library calls it when storage is blocked, so that nothing can be asked to open. */
const KNOWN = /\b(AbortError|InvalidStateError|UnknownError|QuotaExceededError|SecurityError|NotAllowedError|TransactionInactiveError|TimeoutError|VersionError)\b|Version cannot be zero/;
const WORDS = "This browser cannot store keys now: its disk is full, it is a private window, or storage is blocked for this page. Free some space, or allow this page to store data, and load it again.";

/** The keys cannot be had, or cannot be kept. */
export class StoreTrouble extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super(WORDS, { cause });
    this.name = "StoreTrouble";
    this.code = "no_store";
    this.words = WORDS;
  }
}

/** @param {unknown} err */
const textOf = (err) => err instanceof Error || err instanceof DOMException ? `${err.name}: ${err.message}` : String(err);

/** Whether an error of the library is the store's. @param {unknown} err */
export const isOfStore = (err) => !(err instanceof MatrixError) && KNOWN.test(textOf(err));

/**
 * Opens the store, again after a while when it failed in a way that passes. Throws a StoreTrouble when it does not open.
 * @template T
 * @param {() => Promise<T>} open
 * @param {(ms: number) => Promise<void>} [pause]
 * @returns {Promise<T>}
 */
export async function persistently(open, pause = (ms) => sleep(ms)) {
  for (let failures = 0; ; failures++) {
    try {
      return await open();
    } catch (err) {
      if (!isOfStore(err)) throw err;
      if (!PASSING.test(textOf(err)) || failures === PAUSES_MS.length) throw new StoreTrouble(err);
    }
    await pause(PAUSES_MS[failures]);
  }
}
