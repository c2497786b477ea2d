/**
 * Brings the messages of one device into the order of their numbers, a run of numbers for each call ID, and drops what
 * came twice or belongs to a call that is over (D20). Peers differ: js-sdk numbers each call from 0, Hydrogen goes on
 * counting over calls, others send no numbers. A gap is waited for and then passed over; what comes after all is delivered
 * late. Pure: the time is handed in.
 *
 * @typedef {import("./signals.js").Signal} Signal
 * @typedef {{next: number, seen: Set<number>, opening: string}} Run opening: the kind that may begin it at any number
 */

/** How long a message waits for one with a lower number. */
export const HOLE_WAIT = 2000;
/** How long messages wait for the invite of their call. */
export const INVITE_WAIT = 30_000;
/** How long a dead call ID stays dead: longer than a peer may retry sending an invite. */
export const TOMBSTONE = 300_000;
const MAX_HELD = 64;
const MAX_REMEMBERED = 256;

export class Order {
  constructor() {
    /** @type {Map<string, Run>} */
    this.runs = new Map();
    /** @type {Map<string, number>} until when, by call ID */
    this.dead = new Map();
    /** @type {Set<string>} the last message IDs */
    this.messageIds = new Set();
    /** @type {{signal: Signal, at: number}[]} in order of arrival */
    this.held = [];
  }

  /** Tells of a call of ours, whose run begins with the peer's answer. @param {string} callId */
  expect(callId) {
    this.runs.set(callId, { next: 0, seen: new Set(), opening: "answer" });
  }

  /** Makes a call ID dead: whatever comes for it is dropped. @param {string} callId @param {number} now */
  bury(callId, now) {
    this.runs.delete(callId);
    this.held = this.held.filter((held) => held.signal.callId !== callId);
    this.dead.delete(callId);
    this.dead.set(callId, now + TOMBSTONE);
    forget(this.dead);
  }

  /** @param {string} callId @param {number} now */
  isBuried(callId, now) {
    return (this.dead.get(callId) ?? -Infinity) > now;
  }

  /**
   * Takes the messages of one delivery and gives those whose turn it is. An invite that is answered or hung up within the
   * same delivery is dead.
   * @param {Signal[]} batch @param {number} now
   * @returns {Signal[]}
   */
  accept(batch, now) {
    const settled = new Set(batch.filter(({ kind }) => kind === "answer" || kind === "hangup").map(({ callId }) => callId));
    for (const { kind, callId } of batch) {
      if (kind === "invite" && settled.has(callId) && !this.runs.has(callId)) this.bury(callId, now);
    }
    return batch.flatMap((signal) =>
      this.isTwice(signal.messageId) || this.isBuried(signal.callId, now) ? [] : this.place(signal, now));
  }

  /** @param {string} id */
  isTwice(id) {
    if (id === "") return false;
    if (this.messageIds.has(id)) return true;
    this.messageIds.add(id);
    forget(this.messageIds);
    return false;
  }

  /** Delivers one message, or holds it until its turn. @param {Signal} signal @param {number} now @returns {Signal[]} */
  place(signal, now) {
    const run = this.runs.get(signal.callId);
    if (signal.kind === "hangup" || signal.kind === "reject") return [signal]; // the end overtakes everything
    if (signal.kind === "invite") return run ? [] : this.begin(this.open(signal), signal);
    if (!run) return this.hold(signal, now);
    if (signal.seq === null) return [signal];
    if (run.opening === signal.kind) return this.begin(run, signal);
    if (run.seen.has(signal.seq)) return [];
    if (signal.seq > run.next) return this.hold(signal, now);
    pass(run, signal.seq);
    return [signal, ...this.release(signal.callId, run)];
  }

  /** @param {Signal} invite @returns {Run} */
  open(invite) {
    const run = { next: 0, seen: new Set(), opening: "invite" };
    this.runs.set(invite.callId, run);
    return run;
  }

  /** @param {Run} run @param {Signal} first @returns {Signal[]} */
  begin(run, first) {
    run.opening = "";
    if (first.seq !== null) pass(run, first.seq);
    return [first, ...this.release(first.callId, run)];
  }

  /** Takes from the held messages those whose turn has come. @param {string} callId @param {Run} run @returns {Signal[]} */
  release(callId, run) {
    /** @type {Signal[]} */
    const ready = [];
    for (;;) {
      const at = this.held.findIndex(({ signal }) =>
        signal.callId === callId && (signal.seq === null || signal.seq <= run.next));
      if (at < 0) return ready;
      const [{ signal }] = this.held.splice(at, 1);
      if (signal.seq !== null && run.seen.has(signal.seq)) continue;
      if (signal.seq !== null) pass(run, signal.seq);
      ready.push(signal);
    }
  }

  /** @param {Signal} signal @param {number} at @returns {Signal[]} */
  hold(signal, at) {
    if (this.held.length >= MAX_HELD) this.held.shift();
    this.held.push({ signal, at });
    return [];
  }

  /** @param {{signal: Signal, at: number}} held */
  dueAt({ signal, at }) {
    return at + (this.runs.has(signal.callId) ? HOLE_WAIT : INVITE_WAIT);
  }

  /** When a held message has waited long enough; Infinity for never. */
  deadline() {
    return this.held.reduce((least, held) => Math.min(least, this.dueAt(held)), Infinity);
  }

  /** Passes over gaps that were waited for, and forgets messages whose invite never came. @param {number} now */
  due(now) {
    /** @type {Signal[]} */
    const ready = [];
    for (;;) {
      const late = this.held.find((held) => this.dueAt(held) <= now);
      if (!late) return ready;
      const { callId } = late.signal;
      const run = this.runs.get(callId);
      if (!run) {
        this.held.splice(this.held.indexOf(late), 1);
        continue;
      }
      run.next = this.lowestHeld(callId);
      ready.push(...this.release(callId, run));
    }
  }

  /** @param {string} callId */
  lowestHeld(callId) {
    const numbers = this.held.filter(({ signal }) => signal.callId === callId).map(({ signal }) => signal.seq ?? 0);
    return Math.min(...numbers);
  }
}

/** Marks a number as delivered. @param {Run} run @param {number} seq */
function pass(run, seq) {
  run.seen.add(seq);
  run.next = Math.max(run.next, seq + 1);
  forget(run.seen);
}

/** Drops what was put in first. @param {Map<any, any>|Set<any>} memory */
function forget(memory) {
  for (const key of memory.keys()) {
    if (memory.size <= MAX_REMEMBERED) return;
    memory.delete(key);
  }
}
