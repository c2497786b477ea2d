/**
 * How well a pair knows who is at the other end: what its call messages proved. The keys of the media travel in them, so
 * media is as authentic as they are (decision D23). Pure.
 *
 * @typedef {{encrypted: boolean, authenticated: boolean, verified: boolean}} Proof of one message
 * @typedef {'verified'|'encrypted'|'server'|'focus'|'clear'|'unknown'} Trust
 *   verified: a person has verified the device; encrypted: this browser itself opened every message of the call;
 *   server: somebody on the way opened them for us; focus: media comes by a member that could see and hear it;
 *   clear: one came in clear text; unknown: none has come. Where a member that forwards has no key, the messages are
 *   those that brought the keys of frames
 * @typedef {{trust: Trust, ends: number}} Mutual what a pair knows of itself; ends: how many of the two have said so
 */

/** @type {Readonly<Proof>} */
const ALL = Object.freeze({ encrypted: true, authenticated: true, verified: true });

/** From the worst. @type {readonly Trust[]} */
const RANKS = Object.freeze(/** @type {Trust[]} */ (["clear", "focus", "server", "encrypted", "verified"]));

/**
 * What both ends of a pair say of each other. The worse word counts: who opens the messages of one end can change those of
 * both.
 * @param {unknown} one @param {unknown} other @returns {Mutual}
 */
export function mutual(one, other) {
  const said = RANKS.filter((trust) => trust === one || trust === other);
  const ends = [one, other].filter((word) => RANKS.includes(/** @type {any} */ (word))).length;
  return { trust: said[0] ?? "unknown", ends };
}

export class Proofs {
  constructor() {
    /** @type {string|undefined} */
    this.call = undefined;
    this.heard = false;
    /** @type {Proof} */
    this.all = ALL;
  }

  /** Takes a message of a call: a call is as good as the worst of its messages. @param {string|undefined} call @param {Proof} proof */
  take(call, { encrypted, authenticated, verified }) {
    const before = call === this.call ? this.all : ALL;
    this.call = call;
    this.heard = true;
    this.all = {
      encrypted: before.encrypted && encrypted, authenticated: before.authenticated && encrypted && authenticated,
      verified: before.verified && encrypted && authenticated && verified,
    };
  }

  /** @returns {Trust} */
  get trust() {
    if (!this.heard) return "unknown";
    const { encrypted, authenticated, verified } = this.all;
    if (!encrypted) return "clear";
    if (!authenticated) return "server";
    return verified ? "verified" : "encrypted";
  }
}
