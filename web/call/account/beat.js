/**
 * When to do what for one member event that has to stay alive. Pure but for
 * its own fields: instants in, one action at a time out, outcomes back in.
 *
 *          arm ── join ── restart … restart ── refresh (join again) …
 *                           │ the delayed leave is gone
 *                           └─ arm again; past its time also join again
 *
 * A delayed leave is armed before the join (MSC4140), so that the homeserver
 * writes it when this browser dies. A server without delayed events gets a
 * membership that expires soon and is renewed (decision D10).
 */

/** @typedef {"arm"|"join"|"restart"|"verify"|"disarm"} Action */
/** @typedef {{ok: true, delayId?: string, absent?: boolean} | {ok: false, passing: boolean, gone?: boolean, unrecognised?: boolean, retryAfterMs?: number, maxDelayMs?: number}} Outcome */
/** @typedef {{delayMs: number, restartMs: number, validMs: number, bareMs: number}} Timing */

/** Interactive clients are gone 18 s after their last sign of life. */
export const TIMING = Object.freeze({ delayMs: 18_000, restartMs: 5_000, validMs: 4 * 3_600_000, bareMs: 600_000 });

/** After so many failures in a row we join without a delayed leave. */
const ARM_PATIENCE = 3;

export class Beat {
  present = false;
  /** ID of the delayed leave, "" without. */
  armed = "";
  /** One that was replaced and is to be cancelled. */
  stale = "";
  /** The homeserver has no delayed events, or not for us. */
  bare = false;
  /** The delayed leave no longer says what it should. */
  outdated = false;
  /** @type {number|undefined} when we joined */
  joinedAt = undefined;
  failures = 0;
  #armMisses = 0;
  #restartAt = 0;
  #refreshAt = 0;
  #verifyAt = Infinity;
  #retryAt = 0;
  #due = 0; // when the delayed leave is written if nothing is heard of us

  /** @param {Timing} timing */
  constructor(timing) {
    this.timing = { ...timing };
  }

  /** How long the next membership is valid. */
  get validMs() {
    return this.armed ? this.timing.validMs : Math.min(this.timing.validMs, this.timing.bareMs);
  }

  /**
   * What is due, or when something will be.
   * @param {number} now
   * @returns {{action?: Action, at: number}}
   */
  next(now) {
    if (now < this.#retryAt) return { at: this.#retryAt };
    if (this.stale && this.armed) return { action: "disarm", at: now };
    const arming = !this.bare && (!this.armed || this.outdated);
    if (arming && (this.present || this.#armMisses < ARM_PATIENCE)) return { action: "arm", at: now };
    if (!this.present) return { action: "join", at: now };
    /** @type {[Action, number][]} */
    const dates = [["verify", this.#verifyAt], ["restart", this.armed ? this.#restartAt : Infinity], ["join", this.#refreshAt]];
    const [action, at] = dates.reduce((first, date) => (date[1] < first[1] ? date : first));
    return at <= now ? { action, at: now } : { at };
  }

  /**
   * @param {Action} action
   * @param {Outcome} outcome
   * @param {number} now when the action began, for times that the homeserver counts
   * @param {number} random in [0, 1)
   */
  did(action, outcome, now, random) {
    if (!outcome.ok) return this.#failed(action, outcome, now, random);
    this.failures = 0;
    const soon = (/** @type {number} */ ms) => now + ms * (0.9 + random / 5);
    switch (action) {
      case "arm":
        [this.stale, this.armed] = [this.armed, outcome.delayId ?? ""];
        this.outdated = false;
        this.#armMisses = 0;
        this.#due = now + this.timing.delayMs;
        this.#restartAt = soon(this.timing.restartMs);
        break;
      case "disarm": this.stale = ""; break;
      case "restart":
        this.#due = now + this.timing.delayMs;
        this.#restartAt = soon(this.timing.restartMs);
        break;
      case "verify":
        this.#verifyAt = Infinity;
        if (outcome.absent) this.#out();
        break;
      case "join":
        // Some servers cancel the delayed leave when a join lands: see at once.
        if (!this.present) this.#restartAt = now;
        this.joinedAt ??= now;
        this.present = true;
        this.#refreshAt = soon(this.validMs * (this.armed ? 0.7 : 0.5));
    }
  }

  /**
   * Sync showed the event without us. It may be older than what we wrote, so
   * it is a doubt only; several devices that doubt do not ask together.
   * @param {number} now @param {number} random
   */
  doubt(now, random) {
    if (this.present && this.#verifyAt === Infinity) this.#verifyAt = now + 500 + random * 1500;
  }

  /** Others changed the event that the delayed leave would restore. */
  outdate() {
    if (this.armed) this.outdated = true;
  }

  /** Write again now, because the content has changed. */
  rewrite() {
    this.#refreshAt = 0;
  }

  #out() {
    this.present = false;
    this.joinedAt = undefined;
  }

  /**
   * @param {Action} action
   * @param {Extract<Outcome, {ok: false}>} outcome
   * @param {number} now @param {number} random
   */
  #failed(action, outcome, now, random) {
    this.failures++;
    const wait = Math.max(outcome.retryAfterMs ?? 0, Math.min(10_000, 500 * 2 ** Math.min(this.failures - 1, 5)) * (0.5 + random / 2));
    if (action === "arm" && outcome.maxDelayMs && outcome.maxDelayMs < this.timing.delayMs) {
      this.timing.delayMs = outcome.maxDelayMs;
      this.timing.restartMs = Math.min(this.timing.restartMs, outcome.maxDelayMs / 3);
    } else if (action === "arm" && !outcome.passing) {
      this.bare = !this.armed;
      this.outdated = false;
    } else if (action === "disarm" && !outcome.passing) {
      this.stale = ""; // gone already
    } else if (action === "restart" && !outcome.passing) {
      this.armed = "";
      this.bare = Boolean(outcome.unrecognised);
      if (now >= this.#due) this.#out(); // it was written
      else this.#verifyAt = now;
    } else {
      if (action === "arm") this.#armMisses++;
      this.#retryAt = now + wait;
    }
  }
}
