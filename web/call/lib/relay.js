/**
 * What relays (TURN servers) say while a browser looks for candidates, and what it means in words. Pure.
 *
 * The codes are those of STUN and TURN (RFC 8489 section 14.8, RFC 8656 section 18), and 701, by which browsers say that
 * nothing came (W3C WebRTC, RTCPeerConnectionIceErrorEvent). Names and passwords do not get here.
 */

const UNREACHED = 701;
/** Those by which a relay says that it does not know us. */
const STRANGERS = new Set([401, 438, 441]);
/** How many relays are named. */
const MAX_NAMED = 2;

/** @type {{[code: number]: string}} what follows the relay's name */
const SAYS = {
  300: "sends elsewhere",
  400: "does not understand what it is asked",
  401: "refuses the name and password it was given",
  403: "forbids its use",
  420: "is none: it only tells addresses",
  437: "mixes this connection up with an earlier one",
  438: "calls the password out of date",
  440: "has no address of the kind asked for",
  441: "refuses the name and password it was given",
  442: "does not carry what is asked for",
  486: "has given this user as much as one may have",
  500: "has failed",
  508: "has no room left",
};

/** The host of a relay's address, "" of anything else. @param {unknown} url turn: or turns: (RFC 7065) */
export const hostOf = (url) => /^turns?:(?:\/\/)?(\[[^\]]*\]|[^:?/]*)/i.exec(String(url))?.[1] ?? "";

/** What an error of a relay means, as it follows the relay's name. @param {number} code @param {string} [text] */
export function relaySays(code, text = "") {
  if (code === UNREACHED) return /lookup|resol/i.test(text) ? "has a name that cannot be looked up" : "does not answer";
  return `${Object.hasOwn(SAYS, code) ? SAYS[code] : "refuses its service"} (${code})`;
}

/** Those of one connection. */
export class Relays {
  /** @type {RTCIceServer[]} */
  servers = [];
  /** @type {Set<string>} of the relays among them */
  hosts = new Set();
  /** No other way is allowed. */
  only = false;
  /** @type {Map<string, {code: number, text: string}>} what each host said last that counts */
  errors = new Map();
  /** What is told of the present search; waits: it is not the one with these servers. */
  works = false;
  late = false;
  complete = false;
  waits = false;

  /** @param {RTCConfiguration} configuration */
  constructor(configuration) {
    this.use(configuration);
    this.begin();
  }

  /** From the next search on; what belongs to the present one is of no interest any more. @param {RTCConfiguration} configuration */
  use({ iceServers = [], iceTransportPolicy }) {
    this.servers = iceServers;
    this.hosts = new Set(iceServers.flatMap(({ urls }) => [urls].flat()).map(hostOf).filter(Boolean));
    this.only = iceTransportPolicy === "relay";
    this.begin();
    this.waits = true;
  }

  /** The search begins, perhaps anew. */
  begin() {
    this.errors.clear();
    this.works = this.late = this.complete = this.waits = false;
  }

  /** @param {{url?: string, errorCode: number, errorText?: string}} error */
  error({ url = "", errorCode: code, errorText: text = "" }) {
    const host = hostOf(url);
    // What cannot be reached by one of our addresses may answer at another, and then that counts.
    if (host && !this.waits && (code !== UNREACHED || !this.errors.has(host))) this.errors.set(host, { code, text });
  }

  /** A relay that is of use to us was found, or there is none and that is all, or it takes long. @param {'works'|'complete'|'late'} what */
  told(what) {
    if (!this.waits) this[what] = true;
  }

  /** Whether a relay does not know our name and password: fresh ones may do. */
  get outdated() {
    return !this.works && [...this.errors.values()].some(({ code }) => STRANGERS.has(code));
  }

  /** Whether there is no way at all. */
  get stranded() {
    if (!this.only || this.works || this.hosts.size === 0) return false;
    return this.complete || [...this.hosts].every((host) => (this.errors.get(host)?.code ?? UNREACHED) !== UNREACHED);
  }

  /** For people; "" when nothing is wrong, as far as is known. */
  get words() {
    if (this.works) return "";
    const isOver = this.complete || this.late;
    const said = [...this.errors].filter(([, { code }]) => isOver || code !== UNREACHED)
      .map(([host, { code, text }]) => `The relay ${host} ${relaySays(code, text)}.`);
    if (isOver && this.only) {
      const rest = [...this.hosts].filter((host) => !this.errors.has(host));
      // Browsers that tell no errors leave it open.
      said.push(...rest.map((host) => `The relay ${host} ${this.complete ? "does not answer, or refuses" : "does not answer"}.`));
    }
    if (said.length === 0) return "";
    return said.slice(0, MAX_NAMED).join(" ") + (this.only ? " In this call media goes by a relay only." : "");
  }
}
