/**
 * One device whose sound and picture come through a member that forwards: what of that member's connection is its.
 *
 * @typedef {import("./members.js").Member} Member
 * @typedef {import("./peer.js").Peer} Peer
 */
import { keyOf, partyOf } from "./members.js";
import { PURPOSES } from "./peer.js";
import { levelOf, Meter, STALL, statsOf } from "./stats.js";
import { forwardedWords } from "./viawords.js";
import { frameWords } from "./words.js";

/** How long a picture may take until it is said that one waits for it. */
export const SOON = 3000;

export class Forwarded {
  /** @param {import("./peer.js").Host} host @param {Member} member @param {string} by the member that forwards @param {boolean} wasMet it was connected directly */
  constructor(host, member, by, wasMet) {
    this.host = host;
    this.member = member;
    this.by = by;
    this.wasMet = wasMet;
    this.key = keyOf(member);
    this.since = host.clock.now();
    this.meter = new Meter();
    this.askedAt = -Infinity;
  }

  /** @returns {Peer|undefined} */
  get focus() {
    return this.host.peerOf(this.by);
  }

  /** What is said of its streams. @returns {[string, import("./focuswords.js").FocusStream][]} */
  told() {
    return [...this.focus?.line?.client.streams ?? []].filter(([, { owner, purpose }]) => owner === this.key && PURPOSES.includes(purpose));
  }

  /** @returns {import("./types.js").PeerStream[]} camera before screen */
  streams() {
    return this.told().flatMap(([id, { purpose, audioMuted, videoMuted }]) => {
      const stream = this.focus?.connection?.remote.get(id);
      return stream ? [{ id, purpose, stream, audioMuted, videoMuted }] : [];
    }).sort((a, b) => PURPOSES.indexOf(a.purpose) - PURPOSES.indexOf(b.purpose));
  }

  /** Whether something of it comes, or nothing is to come. */
  comes() {
    if (!this.focus?.line?.isUp) return false;
    const told = this.told();
    return told.length === 0 || this.streams().some(({ stream }) => stream.getTracks().some((track) => !track.muted)) ||
      told.every(([, { audioMuted, videoMuted }]) => audioMuted && videoMuted);
  }

  /** Whether something is to come and nothing did, when it was last asked. */
  isStarved() {
    const { rose, last } = this.meter;
    const lately = Math.max(this.since, last ? this.meter.startedAt : 0, rose.audioIn ?? 0, rose.videoIn ?? 0);
    return this.askedAt - lately > STALL && this.told().some(([, { audioMuted, videoMuted }]) => !audioMuted || !videoMuted);
  }

  /** @returns {Set<string>} the IDs of its tracks */
  tracks() {
    return new Set(this.streams().flatMap(({ stream }) => stream.getTracks().map(({ id }) => id)));
  }

  /** @param {any[]} entries of that connection @param {number} now */
  take(entries, now) {
    const tracks = this.tracks();
    this.meter.take(statsOf(entries, (id) => tracks.has(id)), now);
    this.askedAt = now;
  }

  /** @param {number} now @returns {boolean} whether speaking changed */
  hear(now) {
    const tracks = this.tracks();
    return this.meter.hear(levelOf(this.focus?.connection?.pc.getReceivers().filter(({ track }) => tracks.has(track.id)) ?? []), now);
  }

  /** The size of the largest picture of its camera that there is. */
  largest() {
    const tracks = this.told().filter(([, { purpose }]) => purpose === PURPOSES[0]).flatMap(([, is]) => [...is.tracks.values()]);
    return { width: Math.max(0, ...tracks.map(({ width }) => width)), height: Math.max(0, ...tracks.map(({ height }) => height)) };
  }

  /** @returns {import("./types.js").PeerState} */
  state() {
    const young = this.host.clock.now() - this.since < SOON;
    return this.comes() || (young && this.wasMet) ? "connected" : "connecting";
  }

  /** @returns {import("./types.js").Peer} */
  snapshot() {
    const { user_id, device_id } = this.member;
    const name = this.host.nameOf(this.member), focus = this.host.nameOf(partyOf(this.by)), state = this.state();
    const { stats } = this.meter;
    return {
      key: this.key, user_id, device_id, name, state, since: this.since,
      words: state === "connected" ? frameWords(this.host.frames?.trouble(this.key), name) : forwardedWords(name, focus),
      caller: false, encrypted: false, authenticated: false, trust: this.host.frames ? this.host.frames.trust(this.key) : "focus", streams: this.streams(),
      speaking: this.meter.speaking, level: this.meter.level, stats: stats && { ...stats, bitrateOut: 0 },
      via: { key: this.by, name: focus, sealed: this.host.frames !== null, ...this.largest() },
    };
  }
}
