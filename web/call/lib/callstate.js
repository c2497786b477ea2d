/**
 * What negotiate.js remembers of one call and of one device's calls. Pure.
 *
 * @typedef {import("./signals.js").Signal} Signal
 * @typedef {import("./signals.js").Draft} Draft
 * @typedef {import("./signals.js").Candidate} Candidate
 *
 * @typedef {object} CallState
 * @property {string} id
 * @property {boolean} outgoing we placed it: we restart ICE, and our offers win collisions
 * @property {'stable'|'making'|'offered'|'applying'|'answering'} exchange
 * @property {number} step of the last description that was asked for; results of others are stale
 * @property {boolean} established the first exchange is complete
 * @property {boolean} spoken the peer knows of the call
 * @property {number} nextSeq
 * @property {number} connectedAt 0 before
 * @property {Signal|null} queued a peer's offer that came during another exchange
 * @property {boolean} wanted an own offer waits for a quiet moment
 * @property {boolean} restartWanted so does a restart of ICE
 * @property {boolean} restarting the present exchange is one
 * @property {string} described the SDP we sent last, whose candidates need not be repeated
 * @property {Candidate[]} pending gathered, not sent
 * @property {number} batches sent
 * @property {Draft|null} unsent a candidates message to be sent again
 * @property {number} resends
 */

/** @param {string} id @param {boolean} outgoing @returns {CallState} */
export function openCall(id, outgoing) {
  return {
    id, outgoing, exchange: "stable", step: 0, established: false, spoken: !outgoing, nextSeq: 0, connectedAt: 0,
    queued: null, wanted: false, restartWanted: false, restarting: false, described: "", pending: [], batches: 0,
    unsent: null, resends: 0,
  };
}

/** How often a minute one device can make us build a connection (D29). */
export const INVITE_LIMIT = 10;

/** Counts a device's invites. */
export class Invites {
  /** @param {number} most a minute */
  constructor(most) {
    this.most = most;
    /** @type {number[]} */
    this.times = [];
  }

  /** Counts one, unless there were too many. @param {number} now */
  may(now) {
    this.times = within(this.times, now, 60_000);
    return this.times.length < this.most && this.times.push(now) > 0;
  }
}

/** Those of the times that are younger than the window. @param {number[]} times @param {number} now @param {number} window */
export const within = (times, now, window) => times.filter((at) => now - at < window);
