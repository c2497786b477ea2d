/**
 * One homeserver, spoken to by the client-server API from the browser itself:
 * what is said here never passes through whoever served this page.
 *
 * Nothing is repeated here; when to try again is decided where the meaning of
 * a request is known. See `lasting` for which errors may pass by themselves.
 */

/** How long an ordinary request may take before it counts as unanswered, ms. */
export const REQUEST_MS = 20_000;

/** Why a request failed, in the homeserver's words where it gave some. */
export class MatrixError extends Error {
  /**
   * @param {number} status HTTP status; 0 when nobody answered
   * @param {string} code such as M_FORBIDDEN; "" when nobody answered
   * @param {string} words
   * @param {any} [body] the whole answer
   */
  constructor(status, code, words, body) {
    super(words);
    this.name = "MatrixError";
    this.status = status;
    this.code = code;
    this.body = body ?? {};
    /** How long the homeserver asks us to wait, ms; 0 when it does not. */
    this.retryAfterMs = Math.max(0, Number(this.body.retry_after_ms) || 0);
  }

  /** No answer, a stumbling server or a rate limit: the same request may work later. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** The token is no longer good. */
  get signedOut() {
    return this.status === 401 && (this.code === "M_UNKNOWN_TOKEN" || this.code === "M_MISSING_TOKEN");
  }

  /** A path or method that this homeserver does not have. */
  get unrecognised() {
    return this.code === "M_UNRECOGNIZED" || this.status === 405 || (this.status === 404 && this.code !== "M_NOT_FOUND");
  }
}

/**
 * A pause that grows with each failure, scattered so that clients do not come
 * back together.
 * @param {number} failures in a row, from 1
 * @param {number} random in [0, 1)
 * @param {{first?: number, most?: number}} [bounds] ms
 */
export function pauseAfter(failures, random, { first = 500, most = 30_000 } = {}) {
  const whole = Math.min(most, first * 2 ** Math.max(0, failures - 1));
  return whole * (0.5 + random / 2);
}

/**
 * Waits, unless the signal ends it: then it throws.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => { clearTimeout(timer); reject(new DOMException("stopped", "AbortError")); };
    const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

/** @typedef {{body?: any, query?: Record<string, string|number|undefined>, signal?: AbortSignal, keepalive?: boolean, timeoutMs?: number}} Options */

export class Homeserver {
  /**
   * @param {string} base such as https://matrix.example.org
   * @param {{token?: string, fetch?: typeof fetch}} [how]
   */
  constructor(base, how = {}) {
    this.base = base.replace(/\/+$/, "");
    this.token = how.token ?? "";
    this.fetch = how.fetch ?? ((input, init) => fetch(input, init));
  }

  /**
   * One request, answered by JSON.
   * @param {string} method
   * @param {(string|number)[]} path below /_matrix/client, escaped here part by part
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  async request(method, path, options = {}) {
    const limit = AbortSignal.timeout(options.timeoutMs ?? REQUEST_MS);
    const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
    let answer, text;
    try {
      answer = await this.fetch(this.address(path, options.query), this.#init(method, options, signal));
      text = await answer.text();
    } catch (err) {
      if (options.signal?.aborted) throw err;
      throw new MatrixError(0, "", `${new URL(this.base).host} does not answer`);
    }
    const body = parse(text);
    if (!answer.ok) throw new MatrixError(answer.status, String(body?.errcode ?? ""), String(body?.error ?? `status ${answer.status}`), body);
    return body ?? {};
  }

  /**
   * Sends something off while the page goes away: no answer is waited for.
   * @param {string} method
   * @param {(string|number)[]} path
   * @param {any} body
   */
  partingShot(method, path, body) {
    this.fetch(this.address(path), this.#init(method, { body, keepalive: true })).catch(() => {});
  }

  /**
   * @param {(string|number)[]} path
   * @param {Record<string, string|number|undefined>} [query]
   */
  address(path, query = {}) {
    const fields = Object.entries(query).filter(([, value]) => value !== undefined);
    const search = new URLSearchParams(fields.map(([key, value]) => [key, String(value)])).toString();
    return `${this.base}/_matrix/client/${path.map((part) => encodeURIComponent(part)).join("/")}${search && `?${search}`}`;
  }

  /**
   * @param {string} method
   * @param {Options} options
   * @param {AbortSignal} [signal]
   * @returns {RequestInit}
   */
  #init(method, { body, keepalive }, signal) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return {
      method, headers, signal, keepalive, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store",
    };
  }
}

/** @param {string} text */
function parse(text) {
  try {
    const body = JSON.parse(text);
    return body && typeof body === "object" ? body : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Repeats an operation while nobody answers, the server stumbles or limits our
 * rate, until it succeeds, is refused, or the signal ends it.
 * @template T
 * @param {() => Promise<T>} operation
 * @param {{signal?: AbortSignal, attempts?: number, random?: () => number}} [how]
 * @returns {Promise<T>}
 */
export async function stubbornly(operation, { signal, attempts = Infinity, random = Math.random } = {}) {
  for (let failures = 1; ; failures++) {
    try {
      return await operation();
    } catch (err) {
      if (!(err instanceof MatrixError) || !err.passing || failures >= attempts) throw err;
      await sleep(Math.max(err.retryAfterMs, pauseAfter(failures, random())), signal);
    }
  }
}

/**
 * Turns what a person typed into the base URL of a homeserver: a URL is taken
 * as it is, a name (or the name in a user ID) is looked up by .well-known and
 * falls back to itself (client-server API, server discovery; decision D17).
 * @param {string} text
 * @param {typeof fetch} [ask]
 */
export async function discover(text, ask = (input, init) => fetch(input, init)) {
  const given = text.trim().replace(/\/+$/, "");
  if (/^https?:\/\//i.test(given)) return checked(given);
  const name = given.startsWith("@") ? given.slice(given.indexOf(":") + 1) : given;
  if (!name || /[\s/@]/.test(name)) throw new Error("This is no homeserver: write a name like example.org or an address like https://matrix.example.org.");
  const base = checked(`https://${name}`);
  let found;
  try {
    const answer = await ask(`${base}/.well-known/matrix/client`, { credentials: "omit", signal: AbortSignal.timeout(REQUEST_MS) });
    if (!answer.ok) return base;
    found = (await answer.json())?.["m.homeserver"]?.base_url;
  } catch {
    return base; // no file, or one that browsers may not read
  }
  if (typeof found !== "string") throw new Error(`${name} delegates to no homeserver: its .well-known file names no base_url.`);
  return checked(found.replace(/\/+$/, ""));
}

/** @param {string} address */
function checked(address) {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    throw new Error("This is no homeserver: write a name like example.org or an address like https://matrix.example.org.");
  }
  return address;
}
