/**
 * The keys of one call: makes ours and gives them to those whom we meet, and lets the cryptor have those of others. Signals
 * carry them; who may read those may read the call (docs/trust.md).
 *
 * @typedef {import("./types.js").Party} Party
 * @typedef {import("./frameformat.js").Outcome} Outcome
 */
import { FrameCryptor } from "./framecryptor.js";
import { Keychain, MEDIA_KEY, readMediaKey, writeMediaKey } from "./mediakey.js";
import { keyOf } from "./members.js";
import { Proofs } from "./proof.js";
import { Rotation } from "./rotation.js";

const KEY_SIZE = 16;
const STAYS = 2000;
const MAX_PROOFS = 1024;

export class FrameKeys {
  /**
   * @param {object} options
   * @param {import("./types.js").Signaller} options.signaller
   * @param {import("./peer.js").Clock} options.clock
   * @param {() => {roomId: string, sessionId: string}} options.self
   * @param {() => void} options.changed what can be read changed
   * @param {FrameCryptor} [options.cryptor]
   */
  constructor({ signaller, clock, self, changed, cryptor }) {
    this.signaller = signaller;
    this.clock = clock;
    this.self = self;
    this.changed = changed;
    this.cryptor = cryptor ?? new FrameCryptor({
      outcome: (party, outcome) => this.heard(party, outcome),
      trouble: (words) => console.warn("frames:", words),
    });
    this.rotation = new Rotation(() => crypto.getRandomValues(new Uint8Array(KEY_SIZE)));
    this.keychain = new Keychain();
    /** @type {Map<string, {bad: Outcome|null, badAt: number, goodAt: number}>} */
    this.outcomes = new Map();
    /** @type {Map<string, Proofs>} of the messages that brought the keys of a party */
    this.proofs = new Map();
    this.cancelTimer = () => {};
  }

  /** Whom we meet. @param {import("./rotation.js").KeyMember[]} members */
  members(members) {
    const now = this.clock.now();
    const { accepted, gone } = this.keychain.setMembers(members, now);
    for (const party of gone) {
      this.cryptor.forget(party);
      this.outcomes.delete(party);
      this.proofs.delete(party);
    }
    for (const { from, key } of accepted) this.cryptor.take(keyOf(from), key.index, key.raw);
    this.act(this.rotation.setMembers(members, now));
  }

  /** A message with a key. @param {import("./types.js").Incoming} message @returns {boolean} whether it may count */
  receive({ from, encrypted, authenticated = false, verified = false, event, content }) {
    const key = encrypted ? readMediaKey(event, content) : null;
    if (!key || key.roomId !== this.self().roomId) return false;
    const took = this.keychain.take(from, key, this.clock.now()), party = keyOf(from);
    if (took === "accepted") this.cryptor.take(party, key.index, key.raw);
    if (took !== "stale") {
      if (!this.proofs.has(party) && this.proofs.size < MAX_PROOFS) this.proofs.set(party, new Proofs());
      this.proofs.get(party)?.take("", { encrypted, authenticated, verified });
    }
    return true;
  }

  /** What the messages proved that brought the keys of a party. @param {string} party @returns {import("./proof.js").Trust} */
  trust(party) {
    return this.proofs.get(party)?.trust ?? "unknown";
  }

  /** @param {import("./rotation.js").KeyAction[]} actions */
  act(actions) {
    for (const action of actions) {
      const { index, raw } = action.key;
      if (action.do === "use") this.cryptor.use(index, raw);
      else this.share(action.to, index, raw);
    }
    this.cancelTimer();
    const at = this.rotation.deadline();
    if (at !== Infinity) this.cancelTimer = this.clock.after(Math.min(Math.max(0, at - this.clock.now()), 2 ** 31 - 1), () => this.act(this.rotation.tick(this.clock.now())));
  }

  /** @param {import("./rotation.js").KeyMember} to @param {number} index @param {Uint8Array} raw */
  share(to, index, raw) {
    const { roomId, sessionId } = this.self();
    const content = writeMediaKey({ roomId, memberId: sessionId, index, raw });
    this.signaller.send({ user_id: to.user_id, device_id: to.device_id }, MEDIA_KEY, content).then(
      () => this.act(this.rotation.sent(to, index, true, this.clock.now())),
      () => this.act(this.rotation.sent(to, index, false, this.clock.now())),
    );
  }

  /** @param {string} party @param {Outcome} outcome */
  heard(party, outcome) {
    const now = this.clock.now();
    const known = this.outcomes.get(party) ?? { bad: null, badAt: -Infinity, goodAt: -Infinity };
    this.outcomes.set(party, outcome === "opened" ? { ...known, goodAt: now } : { ...known, bad: outcome, badAt: now });
    this.changed();
  }

  /** Why the frames of a party cannot be read; null while they can, or none come. @param {string} party @returns {Outcome|null} */
  trouble(party) {
    const { bad = null, badAt = 0, goodAt = 0 } = this.outcomes.get(party) ?? {};
    return bad && badAt > goodAt && this.clock.now() - badAt < STAYS ? bad : null;
  }

  close() {
    this.cancelTimer();
    this.cryptor.close();
  }
}
