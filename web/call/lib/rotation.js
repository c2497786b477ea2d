/**
 * When the key of our frames is made anew, who gets it and from when on it is used: mesh/keying's Rotation in JavaScript, with
 * the same scenarios for a test. Pure: events and instants in, actions out. The reasons stand there.
 *
 * @typedef {{user_id: string, device_id: string, session_id: string}} KeyMember A device during one stay in the call.
 * @typedef {{index: number, raw: Uint8Array<ArrayBuffer>}} MediaKey
 * @typedef {{do: 'share', key: MediaKey, to: KeyMember} | {do: 'use', key: MediaKey}} KeyAction
 */
export const GRACE = 10_000;
export const SETTLE = 1000;
export const LONGEST = 5000;
export const MAX_AGE = 6 * 3600_000;
export const AGAIN = 30_000;

/** @param {KeyMember} member */
export const stayOf = ({ user_id, device_id, session_id }) => JSON.stringify([user_id, device_id, session_id]);

export class Rotation {
  /** @param {() => Uint8Array<ArrayBuffer>} make a fresh key, at random */
  constructor(make) {
    this.make = make;
    /** @type {Map<string, KeyMember>} */
    this.members = new Map();
    /** @type {MediaKey|null} in use */
    this.present = null;
    /** @type {MediaKey|null} in use, or the one that a round gives out */
    this.latest = null;
    this.madeAt = 0;
    this.inRound = false;
    /** Since when nothing is under way; Infinity while something is. */
    this.quietAt = 0;
    this.needsMore = false;
    /** @type {Map<string, {state: 'under way'|'taken'|'failed', at: number}>} who was given the latest key */
    this.holders = new Map();
  }

  /** Who is to hear us from now on. @param {Iterable<KeyMember>} members @param {number} now @returns {KeyAction[]} */
  setMembers(members, now) {
    const sorted = [...members].sort((a, b) => (stayOf(a) < stayOf(b) ? -1 : 1));
    const are = new Map(sorted.map((member) => [stayOf(member), member]));
    const left = [...this.members.keys()].some((stay) => !are.has(stay));
    const joined = [...are.keys()].some((stay) => !this.members.has(stay));
    this.members = are;
    for (const stay of this.holders.keys()) if (!are.has(stay)) this.holders.delete(stay);
    if (!this.latest) return this.first(now);
    if (left || (joined && !this.inRound && now - this.madeAt >= GRACE)) this.needsMore = true;
    return this.tick(now);
  }

  /** What became of a share. @param {KeyMember} to @param {number} index @param {boolean} ok @param {number} now @returns {KeyAction[]} */
  sent(to, index, ok, now) {
    const holder = this.holders.get(stayOf(to));
    if (holder?.state !== "under way" || index !== this.latest?.index) return [];
    this.holders.set(stayOf(to), { state: ok ? "taken" : "failed", at: now });
    return this.tick(now);
  }

  /** @param {number} now @returns {KeyAction[]} */
  tick(now) {
    if (!this.latest) return [];
    if (now - this.madeAt >= MAX_AGE) this.needsMore = true;
    this.listen(now);
    /** @type {KeyAction[]} */
    const actions = [];
    if (this.inRound && now >= this.usedAt()) {
      this.inRound = false;
      this.present = this.latest;
      actions.push({ do: "use", key: this.present });
    }
    if (this.needsMore && !this.inRound) actions.push(...this.begin(now));
    return [...actions, ...this.share(now)];
  }

  /** When tick is due. */
  deadline() {
    if (!this.latest) return Infinity;
    const again = [...this.holders.values()].filter(({ state }) => state === "failed").map(({ at }) => at + AGAIN);
    return Math.min(this.inRound ? this.usedAt() : this.madeAt + MAX_AGE, ...again);
  }

  /** @param {number} now @returns {KeyAction[]} */
  first(now) {
    this.madeAt = now;
    this.latest = this.present = { index: 0, raw: this.make() };
    return [{ do: "use", key: this.present }, ...this.share(now)];
  }

  /** @param {number} now @returns {KeyAction[]} */
  begin(now) {
    this.needsMore = false;
    this.madeAt = now;
    this.latest = { index: ((this.latest?.index ?? -1) + 1) % 256, raw: this.make() };
    const isAlone = this.holders.size === 0;
    this.holders.clear();
    if (isAlone) {
      this.present = this.latest;
      return [{ do: "use", key: this.present }];
    }
    this.inRound = true;
    this.quietAt = Infinity;
    return [];
  }

  /** @param {number} now @returns {KeyAction[]} */
  share(now) {
    /** @type {KeyAction[]} */
    const actions = [];
    for (const [stay, to] of this.members) {
      const holder = this.holders.get(stay);
      if (holder && (holder.state !== "failed" || now - holder.at < AGAIN)) continue;
      this.holders.set(stay, { state: "under way", at: now });
      this.quietAt = Infinity;
      actions.push({ do: "share", key: /** @type {MediaKey} */ (this.latest), to });
    }
    return actions;
  }

  /** @param {number} now */
  listen(now) {
    const isBusy = [...this.holders.values()].some(({ state }) => state === "under way");
    if (isBusy) this.quietAt = Infinity;
    else if (this.quietAt === Infinity) this.quietAt = now;
  }

  usedAt() {
    return Math.min(this.madeAt + LONGEST, this.quietAt + SETTLE);
  }
}
